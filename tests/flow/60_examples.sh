#!/bin/bash
# The example sets, when they are there: run as they are measured, the scores printed, and floors held.
. tests/flow/lib.inc
set=../shared/examples
[ -d "$set" ] || skip "the example sets are not here"
command -v python3 >/dev/null && command -v zstd >/dev/null || skip "python3 or zstd is not here"
cases="python3 $set/tools/cases.py"
bad=0
floor() { # name, found, least
	echo "# $1: $2 (least $3)"
	awk -v a="$2" -v b="$3" 'BEGIN{exit !(a >= b)}' || { echo "below the floor: $1"; bad=1; }
}
parse() { # set, least share of core fields, key for a score by vendor
	local out
	out=$($cases parse "$CRESSET" "$set/$1" ${3:+--per $3})
	[ -n "${3:-}" ] && echo "$out" | awk '/whole cases/{print "#   " $0}'
	floor "$1 core fields over all lines" "$(echo "$out" | sed -n 's/^TOTAL fields .* = \([0-9.]*\);.*/\1/p')" "$2"
}
parse syslog-headers.jsonl 0.95
parse vendor-headers.jsonl 0.95
parse device.jsonl 0.97 vendor
parse device-cn.jsonl.zst 0.97 vendor
parse service-logs.jsonl.zst 0.98 source
out=$($cases counts "$CRESSET" "$set/sigma-correlation.jsonl" | tail -1)
floor "sigma-correlation cases right" "$(echo "$out" | sed 's/.*"right": \([0-9]*\).*/\1/')" 11
out=$($cases counts "$CRESSET" "$set/sigma-detection.jsonl" | tail -1)
floor "sigma-detection cases right" "$(echo "$out" | sed 's/.*"right": \([0-9]*\).*/\1/')" 12
out=$($cases thresholds "$CRESSET" "$set/correlation-thresholds.jsonl" | tail -1)
echo "# correlation-thresholds: $out"
[ "$(echo "$out" | grep -o '"[0-9]*/[0-9]*"' | awk -F'[/"]' '$2==$3' | wc -l)" = 3 ] || { echo "thresholds: $out"; bad=1; }
tar --zstd -xf "$set/sigma-rules.tar.zst" -C "$tmp" || fail "cannot unpack the rule set"
"$CRESSET" rules check --output ndjson "$tmp" >"$tmp/check" 2>/dev/null
summary=$(tail -1 "$tmp/check")
echo "# public rules: $summary"
floor "share of public rules that load" "$(echo "$summary" | sed 's/.*"rules":\([0-9]*\),"loaded":\([0-9]*\).*/\2 \1/' | awk '{printf "%.4f", $1/$2}')" 0.98
out=$($cases scan "$CRESSET" "$tmp" "$set/sigma-regression.jsonl" | tail -1)
echo "# sigma-regression: $out"
# must_fire of rules that load: what a refused rule would have fired is not owed
refused=$(grep -c '"level":"error"' "$tmp/check")
hit=$(echo "$out" | sed 's/.*"must_fire": \([0-9]*\), "must_fire_hit": \([0-9]*\).*/\2 \1/')
echo "# must_fire hit, of: $hit ($refused documents refused)"
floor "share of must_fire" "$(echo "$hit" | awk '{printf "%.4f", $1/$2}')" 1
exit $bad
