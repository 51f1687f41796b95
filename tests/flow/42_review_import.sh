#!/bin/bash
# Imports under a log that is much smaller than the file: two of the same file at once and one of another; kill -9 of the engine
# in the middle, then again. Each record is there once.
. tests/flow/lib.inc
port=$(free_port)
lines=24000
cat >"$tmp/conf" <<Y
bus: {max_bytes: 1048576}
store: {segment_age_s: 1}
Y
pad=$(printf '%0200d' 0)
for name in one two; do
	awk -v n="$lines" -v w="$name" -v p="$pad" 'BEGIN{for (i = 0; i < n; i++) printf "<134>1 2026-01-01T00:00:00Z host app 1 - - file%s n=%06d. %s\n", w, i, p}' >"$tmp/$name.log"
done
start --config "$tmp/conf"
import() { "$CRESSET" import --data "$data" "$tmp/$1.log" >"$tmp/$1.$2" 2>&1; }
import one a & a=$!
import one b & b=$!
import two a & c=$!
sleep 2
kill -9 "$(pgrep -P "$run_pid" -x cresset-engine)"
for p in "$a" "$b" "$c"; do wait "$p"; done
sleep 1.5
await
import one c & a=$!
import one d & b=$!
import two c & c=$!
for p in "$a" "$b" "$c"; do wait "$p" || fail "an import failed: $(cat "$tmp"/*.[cd])"; done
for name in one two; do
	n=$(search "file$name" | sed -n 's/.*\(n=[0-9]\{6\}\.\).*/\1/p' | sort | uniq -c | awk '{c[$1]++} END{for (k in c) printf "%d times %d; ", k, c[k]}')
	[ "$n" = "1 times $lines; " ] || fail "records of file $name: $n"
done
import one e || fail "the same file again: $(cat "$tmp/one.e")"
grep -q '"stored":0,' "$tmp/one.e" || fail "the same file again stored something: $(cat "$tmp/one.e")"
stop
"$CRESSET" fsck --data "$data" >/dev/null 2>"$tmp/fsck" || fail "fsck: $(cat "$tmp/fsck")"
echo "# two files of $lines records, each once"
exit 0
