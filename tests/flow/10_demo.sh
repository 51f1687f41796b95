#!/bin/bash
# The demo finds what was planted and nothing else, and says so by its exit code; with a library that lacks a rule file it must
# fail and name what is missing; with a rule too many it must name that.
set -u
tmp=$(mktemp -d /tmp/demo-test.XXXXXX) || exit 1
trap 'rm -rf "$tmp"' EXIT
fail() { echo "$*"; cat "$tmp/out" "$tmp/err"; exit 1; }
demo() { timeout 150 "$CRESSET" demo "$@" >"$tmp/out" 2>"$tmp/err" </dev/null; }

export CRESSET_LIBRARY=$PWD/rules/library
demo --data "$tmp/data" --seed 7 || fail "the demo ended with code $?"
grep -q '^Incidents found: 6$' "$tmp/out" || fail "six incidents were planted"
grep -q 'undo info-center enable' "$tmp/out" || fail "an incident is shown with the text of its events"
grep -q '^All planted incidents were found, and nothing else' "$tmp/out" || fail "it must say that all is well"
[ -e "$tmp/data/control.sock" ] && fail "its cresset run is still there"
"$CRESSET" fsck --data "$tmp/data" >"$tmp/fsck" 2>&1 || { cat "$tmp/fsck"; fail "fsck of the demo's store"; }
# What is left answers without an owner, and holds each line of the story.
[ "$("$CRESSET" search --data "$tmp/data" --output ndjson '203.0.113.77 | count' 2>/dev/null)" = '{"count":60}' ] ||
	fail "60 lines of that address were sent: $("$CRESSET" search --data "$tmp/data" --output ndjson '203.0.113.77 | count' 2>&1)"
demo --data "$tmp/data" && fail "a folder with data in it must be refused"

cp -r rules/library "$tmp/library"
rm "$tmp"/library/sigma/control-network*.yml
cat >"$tmp/library/sigma/extra.yml" <<'RULE'
title: A controller was read
id: 0d7bd0a4-3a9e-4a44-a3a8-0e6a2a6f3b51
status: test
logsource:
    definition: any
detection:
    selection:
        unit: 3
        fc: 16
    condition: selection
level: high
RULE
CRESSET_LIBRARY=$tmp/library demo --rate 500
code=$?
[ $code = 1 ] || fail "without a rule the code is 1, not $code"
grep -q '^MISSING: "Controller written to' "$tmp/out" || fail "what is missing is named"
grep -q '^NOT PLANTED: "A controller was read"' "$tmp/out" || fail "what is too much is named"
exit 0
