#!/bin/bash
# Every verb once, without and with an owner: help, exit codes, the keys that docs/output.md promises, every form of output.
. tests/flow/lib.inc
export CRESSET_LIBRARY=${CRESSET_LIBRARY:-$PWD/rules/library}
code() { # wanted code, then the command line of cresset; what it said is in $tmp/out and $tmp/err
	local want=$1
	shift
	"$CRESSET" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	local got=$?
	[ $got = "$want" ] || fail "cresset $*: exit $got, not $want: $(head -c 300 "$tmp/out") $(tail -3 "$tmp/err")"
}
keys() { # names that the first object of $tmp/out must have
	for k in "$@"; do head -1 "$tmp/out" | grep -q "\"$k\":" || fail "no \"$k\" in $(head -c 600 "$tmp/out")"; done
}

# Help, manual, completion.
verbs="run collect detect correlate store parse scan hunt import search tail fields sources fsck status demo"
for v in $verbs; do code 0 "$v" --help; done
for v in 'rules check' 'rules test' 'rules explain' 'rules backtest' 'rules coverage' 'rules shadow' 'rules cost' 'incidents silence' 'incidents list' 'incidents show' 'incidents set' 'incidents note' 'segment show' 'config check' 'config show'; do
	# shellcheck disable=SC2086
	code 0 $v --help
	grep -q "^Usage: cresset $v" "$tmp/out" || fail "help of $v"
done
code 0 --completion bash
bash -n "$tmp/out" || fail "completion for bash"
code 0 --completion zsh
if command -v zsh >/dev/null; then zsh -n "$tmp/out" || fail "completion for zsh"; fi
code 0 --man
if command -v groff >/dev/null; then [ -z "$(groff -man -ww -z "$tmp/out" 2>&1)" ] || fail "groff complains about the manual"; fi

# Usage and unreadable input: 3.
code 3
code 3 nonsense
code 3 search --limit many x
code 3 search --now whenever x
code 3 parse "$tmp/none"
code 3 parse "$tmp"
grep -q "cannot read $tmp: Is a directory" "$tmp/err" || fail "a folder as input: $(cat "$tmp/err")"
code 3 parse - -
code 3 parse --tz Mars/X README.md
code 3 scan --rules "$tmp/none" README.md
code 3 import --data "$data" "$tmp"
code 3 search --data "$tmp/none" x
code 3 search --data README.md x
code 3 search -c "$tmp/none" x
code 3 segment show "$tmp/none"
code 3 config check "$tmp"
[ ! -e "$tmp/none" ] || fail "a question made a folder"

# parse and scan.
cat >"$tmp/a.log" <<'END'
<38>Nov 23 10:00:01 bastion sshd[411]: Failed password for root from 203.0.113.9 port 4022 ssh2
<38>Nov 23 10:00:02 bastion sshd[412]: Failed password for root from 203.0.113.9 port 4023 ssh2
=cmd|' /C calc'!A0
END
code 0 parse --year-from 2026-11-23 --tz +08:00 --now 2026-11-24T00:00:00Z "$tmp/a.log" "$tmp/a.log"
keys file line time time_quality observed original format decoder fields
[ "$(wc -l <"$tmp/out")" = 6 ] || fail "parse: a row for each record of each file"
head -1 "$tmp/out" | grep -q '"time":"2026-11-23T02:00:01Z".*"observed":"2026-11-24T00:00:00Z"' || fail "--tz, --now: $(head -1 "$tmp/out")"
for form in json table csv; do
	code 0 parse --output $form "$tmp/a.log"
	case $form in
	json) [ "$(head -c 1 "$tmp/out")" = '[' ] && [ "$(tail -1 "$tmp/out")" = ']' ] || fail "json is one array" ;;
	table) [ "$(wc -l <"$tmp/out")" = 4 ] || fail "table: $(cat "$tmp/out")" ;;
	csv) head -1 "$tmp/out" | grep -q '^file,line,time,' && grep -q "\"'=cmd|" "$tmp/out" || fail "csv: $(cat "$tmp/out")" ;;
	esac
done
cat >"$tmp/r.yml" <<'END'
title: Failed password
id: 00000000-0000-4000-8000-000000000001
logsource: {product: linux}
detection: {s: {message|contains: 'failed password'}, condition: s}
level: low
END
echo 'title: no detection' >"$tmp/bad.yml"
code 0 scan --rules "$tmp/r.yml" "$tmp/a.log"
keys kind rule id title level tags time events file line
[ "$(wc -l <"$tmp/out")" = 2 ] || fail "two detections: $(cat "$tmp/out")"
tail -1 "$tmp/err" | grep -q '^{"events":3,"findings":2,"rules_loaded":1,"rules_refused":0}$' || fail "summary of scan: $(cat "$tmp/err")"
code 0 scan --rules "$tmp/r.yml" --rules "$tmp/bad.yml" "$tmp/a.log"
code 2 scan --strict --rules "$tmp/r.yml" --rules "$tmp/bad.yml" "$tmp/a.log"
code 0 rules check "$tmp/r.yml"
keys rules loaded refused warnings
code 2 rules check "$tmp/bad.yml"
keys level id file line column rule text
code 0 rules check --pipeline windows-sysmon "$tmp/r.yml"
printf "transformations: [{type: nest}]\n" >"$tmp/pipeline.yml"
code 3 rules check --pipeline "$tmp/pipeline.yml" "$tmp/r.yml"
grep -q pipeline-unsupported "$tmp/out" || fail "a bad pipeline: $(cat "$tmp/out")"
code 3 scan --pipeline "$tmp/none.yml" --rules "$tmp/r.yml" "$tmp/a.log"
code 0 scan --pipeline network-devices --rules "$tmp/r.yml" "$tmp/a.log"
[ "$(wc -l <"$tmp/out")" = 2 ] || fail "two detections behind a pipeline: $(cat "$tmp/out")"

# A reader that goes away ends the work quietly; a full disk does not.
for _ in $(seq 3000); do cat "$tmp/a.log"; done >"$tmp/big.log"
"$CRESSET" parse "$tmp/big.log" 2>"$tmp/err" | head -1 >/dev/null
[ "${PIPESTATUS[0]}" = 0 ] && [ ! -s "$tmp/err" ] || fail "parse | head: ${PIPESTATUS[0]} $(cat "$tmp/err")"
"$CRESSET" parse "$tmp/big.log" >/dev/full 2>"$tmp/err"
[ $? = 74 ] || fail "a full disk below parse"

# The store, in the verb itself; two at once wait for each other.
code 0 import --data "$data" "$tmp/big.log"
keys records stored already octets sha256
code 0 import --data "$data" --output csv <(sed 's/bastion/bastion2/' "$tmp/a.log")
head -1 "$tmp/out" | grep -q '^records,stored,already,octets,sha256' || fail "import --output csv: $(cat "$tmp/out")"
pids=
for i in 1 2 3 4; do
	"$CRESSET" search --data "$data" --limit 3 failed >"$tmp/s$i" 2>"$tmp/e$i" &
	pids="$pids $!"
done
for p in $pids; do wait "$p" || fail "searches at the same time: $(cat "$tmp"/e?)"; done
for i in 1 2 3 4; do [ "$(wc -l <"$tmp/s$i")" = 3 ] || fail "--limit 3: $(cat "$tmp/s$i")"; done
"$CRESSET" search --data "$data" '*' 2>/dev/null | head -1 >/dev/null
[ "${PIPESTATUS[0]}" = 0 ] || fail "search | head"
code 3 search --data "$data" '(((' 
code 0 fsck --data "$data"

# The same questions to an owner, keys as documented.
port=$(free_port)
start
asked() {
	code 0 search --data "$data" --limit 1 failed
	keys time observed kind partition offset row source decoder original fields
	tail -1 "$tmp/err" | grep -q '"rows_found"' || fail "summary of search: $(cat "$tmp/err")"
	code 0 search --data "$data" --limit 1 -q failed
	[ ! -s "$tmp/err" ] || fail "-q is not quiet: $(cat "$tmp/err")"
	code 0 fields --data "$data" failed
	[ -s "$tmp/out" ] || fail "no fields"
	code 0 sources --data "$data"
	[ -s "$tmp/out" ] || fail "no sources"
	code 0 incidents list --data "$data"
	code 1 incidents show --data "$data" 00000000000000000000000000000000
	code 0 status --data "$data"
	keys version started data ruleset blocked store readers
	for form in ndjson json table csv; do code 0 search --data "$data" --output $form --limit 2 failed; done
}
asked
"$CRESSET" search --data "$data" '*' 2>/dev/null | head -1 >/dev/null
[ "${PIPESTATUS[0]}" = 0 ] || fail "search of an owner | head"
code 3 search --data "$data" "$(head -c 70000 /dev/zero | tr '\0' x)"
code 0 import --data "$data" "$tmp/a.log"
keys records stored already octets sha256
stop
asked
seg=$(find "$data/store" -name '*.seg' | head -1)
[ -z "$seg" ] || code 0 segment show "$seg"
code 0 config check
code 0 config show
"$CRESSET" config show >"$tmp/shown.yml" && code 0 config check "$tmp/shown.yml"
echo "# every verb answered as documented"
exit 0
