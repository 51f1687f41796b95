#!/bin/bash
# The fast way finds what the plain way finds: all public rules over all example events, both ways, compared octet for octet.
. tests/flow/lib.inc
set=../shared/examples
[ -d "$set" ] || skip "the example sets are not here"
command -v python3 >/dev/null && command -v zstd >/dev/null || skip "python3 or zstd is not here"
mkdir "$tmp/rules"
tar --zstd -xf "$set/sigma-rules.tar.zst" -C "$tmp/rules" || fail "cannot unpack the rule set"

# What is scanned: the event or the raw line of each case.
take() { # file, member...
	local file=$1
	shift
	case "$file" in *.zst) zstd -dcq "$set/$file" ;; *) cat "$set/$file" ;; esac | python3 -c '
import json, sys
for line in sys.stdin:
    case = json.loads(line)
    for member in sys.argv[1:]:
        found = case.get(member)
        for one in found if isinstance(found, list) else [found] if found is not None else []:
            print(json.dumps(one, ensure_ascii=False) if isinstance(one, dict) else str(one).replace("\n", " "))' "$@"
}
both() { # name, scan options...
	local name=$1
	shift
	"$CRESSET" scan "$@" --rules "$tmp/rules" --output ndjson "$tmp/$name" >"$tmp/fast" 2>"$tmp/fast.told" || fail "$name: scan failed"
	"$CRESSET" scan "$@" --rules "$tmp/rules" --output ndjson --oracle "$tmp/$name" >"$tmp/plain" 2>"$tmp/plain.told" || fail "$name: --oracle failed"
	cmp -s "$tmp/fast" "$tmp/plain" || { diff "$tmp/fast" "$tmp/plain" | head -4; fail "$name: the two ways differ"; }
	tail -1 "$tmp/fast.told" | cmp -s - <(tail -1 "$tmp/plain.told") || fail "$name: the summaries differ"
	echo "# $name: $(wc -l <"$tmp/$name") events, $(wc -l <"$tmp/fast") findings, both ways"
	[ -s "$tmp/$name" ] || fail "$name is empty"
}
take sigma-windows-events.jsonl.zst event >"$tmp/windows"
take sigma-regression.jsonl event >"$tmp/regression"
take device.jsonl raw >"$tmp/device"
take device-cn.jsonl.zst raw >"$tmp/device-cn"
take service-logs.jsonl.zst raw >"$tmp/service"
for name in windows regression; do both "$name" --format json --now 2026-11-01T00:00:00Z; done
for name in device device-cn service; do both "$name" --framing lf --now 2026-11-01T00:00:00Z; done
