#!/usr/bin/env python3
"""rules_corpus.py EVENTS RULES SEED OUT: what the section "rules" of bench/run works on.

EVENTS: cases with an "event" and its "logsources" (JSON lines, .zst). RULES: a folder of Sigma rules. Written to OUT:
  events.ndjson          the events twelve times over, each time in another order, so that none comes twice close by
  routed.ndjson          the same with the log source as fields product, service and category, for who routes by them
  rules-100, rules-1000  rules drawn by the seed; rules-all: all; rules-10000: all, and copies with other letters
"""
import json
import os
import random
import re
import subprocess
import sys

ORDERS = 12


def routed(event, sources):
    """The event with its one log source as fields. Where several categories hold (registry_event and a kind of it), the narrower
    one: what routes by fields takes one value of each, and gets the one that leaves fewer rules to try."""
    out = dict(event)
    for name, place in (("product", 0), ("category", 1), ("service", 2)):
        values = sorted({s[place] for s in sources if s[place]} - {"registry_event"})
        kind = {"CreateKey": "registry_add", "DeleteKey": "registry_delete"}.get(event.get("EventType"))
        if values and name not in event:
            out[name] = kind if kind in values else values[0]
    return out


def write_events(path, out, rng):
    octets = subprocess.run(["zstd", "-dcq", path], check=True, stdout=subprocess.PIPE).stdout
    cases = [json.loads(line) for line in octets.splitlines()]
    with open(out + "/events.ndjson", "w") as plain, open(out + "/routed.ndjson", "w") as with_source:
        for _ in range(ORDERS):
            rng.shuffle(cases)
            for c in cases:
                e = c["event"]
                plain.write(json.dumps(e, separators=(",", ":"), ensure_ascii=False) + "\n")
                with_source.write(json.dumps(routed(e, c["logsources"]), separators=(",", ":"), ensure_ascii=False) + "\n")


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
