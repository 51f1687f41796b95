#!/bin/bash
# A file imported; random searches equal a naive scan of the raw file; the same file again stores nothing and says so. MB says how
# much (1024 for the whole look), SEARCHES how many.
. tests/flow/lib.inc
MB=${MB:-8} SEARCHES=${SEARCHES:-60} SEED=${SEED:-$RANDOM}
RANDOM=$SEED
[ -x "$O/bench/gen" ] || skip "the generator is not built"
"$O/bench/gen" "$SEED" "$MB" >"$tmp/raw.log"
lines=$(wc -l <"$tmp/raw.log")
echo "# seed $SEED: $lines lines"
out=$("$CRESSET" import --data "$data" "$tmp/raw.log" 2>"$tmp/import.err") || fail "import: $(cat "$tmp/import.err")"
echo "$out" | grep -q "\"stored\":$lines," || fail "not all were stored: $out"
out=$("$CRESSET" import --data "$data" "$tmp/raw.log" 2>"$tmp/again")
echo "$out" | grep -q '"stored":0,' || fail "the same file again stored something: $out"
grep -q 'there already' "$tmp/again" || fail "the second import does not say that all was there: $(cat "$tmp/again")"
# Words of random lines: a term is a run of letters, digits and _, found where it touches no such octet (any case).
port=1
bad=0
port=$(free_port)
start
for ((i = 0; i < SEARCHES; i++)); do
	line=$(sed -n "$((1 + (RANDOM * 32768 + RANDOM) % lines))p" "$tmp/raw.log")
	word=$(echo "$line" | grep -oE '[A-Za-z0-9_]{2,}' | grep -viE '^(and|or|not)$' | shuf -n1 --random-source=<(yes $i))
	want=$(grep -ciE "(^|[^A-Za-z0-9_])$word([^A-Za-z0-9_]|\$)" "$tmp/raw.log")
	got=$(count "\"$word\"")
	# A word may also stand in a field that was made of the line (decoded JSON, normalised values): never fewer than the raw scan.
	if [ "${got:-0}" != "$want" ]; then
		search "\"$word\" | limit 2000" | sed -n 's/.*"original":"\(\([^"\\]\|\\.\)*\)".*/\1/p' | grep -ciE "(^|[^A-Za-z0-9_])$word([^A-Za-z0-9_]|\$)" >"$tmp/n" || true
		echo "'$word': raw scan $want, search $got"
		bad=$((bad + 1))
	fi
done
stop
[ $bad = 0 ] || fail "$bad of $SEARCHES searches differ from a scan of the raw file"
echo "# $SEARCHES searches equal a scan of the raw file"
exit 0
