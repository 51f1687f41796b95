#!/usr/bin/env python3
"""rules_corpus.py EVENTS RULES SEED OUT: what the section "rules" of bench/run works on.

EVENTS: cases with an "event" (JSON lines, .zst). RULES: a folder of Sigma rules. Written to OUT:
  events.ndjson          the events four times over, each time in another order, so that none comes twice close by
  routed.ndjson          the same with the log source as fields product, service and category, for who routes by them
  rules-100, rules-1000  rules drawn by the seed; rules-all: all; rules-10000: all, and copies with other letters
"""
import json
import os
import random
import re
import subprocess
import sys

SYSMON = {1: "process_creation", 2: "file_change", 3: "network_connection", 5: "process_termination", 6: "driver_load",
          7: "image_load", 8: "create_remote_thread", 9: "raw_access_thread", 10: "process_access", 11: "file_event",
          12: "registry_event", 13: "registry_set", 14: "registry_rename", 15: "create_stream_hash", 17: "pipe_created",
          18: "pipe_created", 19: "wmi_event", 20: "wmi_event", 21: "wmi_event", 22: "dns_query", 23: "file_delete",
          25: "process_tampering"}
SERVICES = {"Security": "security", "System": "system", "Application": "application",
            "Windows PowerShell": "powershell-classic"}


def routed(event):
    channel, number = str(event.get("Channel", "")), event.get("EventID")
    out = dict(event, product="windows")
    if "Sysmon" in channel:
        out["service"] = "sysmon"
        if number in SYSMON:
            out["category"] = SYSMON[number]
    elif channel in SERVICES:
        out["service"] = SERVICES[channel]
    return out


def write_events(path, out, rng):
    octets = subprocess.run(["zstd", "-dcq", path], check=True, stdout=subprocess.PIPE).stdout
    events = [json.loads(line)["event"] for line in octets.splitlines()]
    with open(out + "/events.ndjson", "w") as plain, open(out + "/routed.ndjson", "w") as with_source:
        for _ in range(4):
            rng.shuffle(events)
            for e in events:
                plain.write(json.dumps(e, separators=(",", ":"), ensure_ascii=False) + "\n")
                with_source.write(json.dumps(routed(e), separators=(",", ":"), ensure_ascii=False) + "\n")


def other_letters(text, rng):
    """One letter of six becomes another one. Escapes and placeholders stay what they are."""
    def one(m):
        c = m.group()
        if rng.random() > 1 / 6:
            return c
        return rng.choice("abcdefghijklmnopqrstuvwxyz" if c.islower() else "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    return re.sub(r"[a-zA-Z]", one, text)


def copy_of(text, number, rng):
    """The rule with other values; None where letters are more than letters."""
    if re.search(r"\|(re|base64|cidr|expand|fieldref|exists|lt|lte|gt|gte)|correlation:", text):
        return None
    lines, inside = [], False
    for line in text.splitlines():
        if re.match(r"\S", line):
            inside = line.startswith("detection:")
        value = re.match(r"(\s+(?:- )?(?:[^'\"]*: )?)(['\"]?)(.*?)(\2\s*)$", line)
        if line.startswith("id:"):
            continue
        if line.startswith("title:"):
            line += " %d" % number
        elif inside and value and not re.match(r"\s+condition:", line) and value.group(2) == "'":
            line = value.group(1) + "'" + other_letters(value.group(3), rng) + value.group(4)
        lines.append(line)
    return "\n".join(lines) + "\n"


def write_rules(folder, out, rng):
    files = sorted(os.path.join(d, f) for d, _, names in os.walk(folder) for f in names if f.endswith(".yml"))
    texts = [open(f, encoding="utf-8").read() for f in files]
    sets = {"rules-100": rng.sample(texts, 100), "rules-1000": rng.sample(texts, 1000), "rules-all": texts}
    more = list(texts)
    for number in range(1, 9):
        for text in rng.sample(texts, len(texts)):
            copy = copy_of(text, number, rng) if len(more) < 10000 else None
            if copy:
                more.append(copy)
    sets["rules-10000"] = more
    for name, rules in sets.items():
        os.makedirs(os.path.join(out, name))
        for i, text in enumerate(rules):
            with open(os.path.join(out, name, "%05d.yml" % i), "w", encoding="utf-8") as f:
                f.write(text)


def main():
    events, rules, seed, out = sys.argv[1:]
    rng = random.Random(int(seed))
    write_events(events, out, rng)
    write_rules(rules, out, rng)


main()
