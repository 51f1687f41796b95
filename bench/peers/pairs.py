#!/usr/bin/env python3
"""pairs.py EVENTS OURS THEIRS: which (rule, event) pairs Cresset and rsigma found in the same file of events.

OURS: cresset scan --output ndjson. THEIRS: rsigma engine eval --include-event. rsigma gives back the event and no line, so an
event is known by its content, and a pair counts as often as it was found. Standard output: "both ours_only theirs_only";
standard error: the five rules that differ most, of each side.
"""
import collections
import json
import sys


def content(event):
    return json.dumps(event, sort_keys=True)


def ours(path, lines):
    pairs = collections.Counter()
    for row in map(json.loads, open(path, encoding="utf-8")):
        rule = row["rule"]
        for e in row["events"]:
            pairs[rule.get("id") or rule["title"], content(json.loads(lines[e["line"] - 1]))] += 1
    return pairs


def theirs(path):
    rows = map(json.loads, open(path, encoding="utf-8"))
    return collections.Counter((r["rule_id"] or r["rule_title"], content(r["event"])) for r in rows)


def tell(name, pairs):
    rules = collections.Counter()
    for (rule, _), n in pairs.items():
        rules[rule] += n
    for rule, n in rules.most_common(5):
        print("%s: %s %d" % (name, rule, n), file=sys.stderr)


def main():
    events, our_path, their_path = sys.argv[1:]
    with open(events, encoding="utf-8") as f:
        a, b = ours(our_path, f.read().split("\n")), theirs(their_path)
    tell("only Cresset", a - b)
    tell("only rsigma", b - a)
    print(*(sum(c.values()) for c in (a & b, a - b, b - a)))


main()
