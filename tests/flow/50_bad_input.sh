#!/bin/bash
# Bad input of every kind: each gets a clear error or is kept as it came; nothing is lost and nobody stops.
. tests/flow/lib.inc
port=$(free_port)
start

# Random octets of every length as datagrams: sent = stored (loopback, slow enough for the buffer).
for ((len = 1; len <= 1200; len += 7)); do
	head -c "$len" /dev/urandom >"$tmp/dgram"
	cat "$tmp/dgram" >/dev/udp/127.0.0.1/"$port" 2>/dev/null
	sent=$((${sent:-0} + 1))
done
until_count '*' $sent 20
[ "$(count '*')" = "$sent" ] || fail "random datagrams: sent $sent, stored $(count '*')"
echo "# $sent random datagrams kept"

# A line of 10 MB, NUL octets, GBK text: over one connection, and the next line is whole again.
{ printf '<13>1 - h a - - - begin '; head -c 10000000 /dev/zero | tr '\0' x; printf '\n<13>1 - h a - - - after the long one\n'; } >/dev/tcp/127.0.0.1/"$port"
printf '52 <13>1 - h a - - - nul \0 inside a counted frame \0 end' >/dev/tcp/127.0.0.1/"$port"
printf '<13>Nov 23 10:00:00 gbkhost app: \xb5\xc7\xc2\xbc\xca\xa7\xb0\xdc user=op1 gbkword\n' >/dev/tcp/127.0.0.1/"$port"
until_count '"after the long one"' 1 10
search 'begin' >"$tmp/long"
grep -q '"event.original_length":10000024' "$tmp/long" || fail "the long line does not tell its length: $(head -c 300 "$tmp/long")"
until_count '"inside a counted frame"' 1 10
until_count 'gbkword' 1 10
search 'gbkword' | grep -q '登录失败' || fail "GBK text is not readable"
[ "$(count '登录失败')" = 1 ] || fail "GBK text is not found by its words"

# A port in use, a second owner.
"$CRESSET" run --data "$tmp/other" --syslog "127.0.0.1:$port" >/dev/null 2>"$tmp/err"; code=$?
[ $code = 3 ] && grep -q 'another program has it' "$tmp/err" || fail "port in use: exit $code, $(cat "$tmp/err")"
"$CRESSET" run --data "$data" --syslog "127.0.0.1:$(free_port)" >/dev/null 2>"$tmp/err"; code=$?
[ $code = 3 ] && grep -q 'is owned by process' "$tmp/err" || fail "second owner: exit $code, $(cat "$tmp/err")"
before=$(count '*')
stop

# Sealed, then damaged: an altered octet and a cut segment are found, the rest stays readable.
"$CRESSET" import --data "$data" README.md >/dev/null 2>&1 || fail "import of a text file"
seg=$(find "$data/store" -name '*.seg' | head -1)
if [ -n "$seg" ]; then
	cp "$seg" "$tmp/seg"
	truncate -s -10 "$seg"
	"$CRESSET" fsck --data "$data" >"$tmp/fsck" 2>/dev/null && fail "fsck does not see a cut segment"
	"$CRESSET" segment show "$seg" >/dev/null 2>&1 && fail "a cut segment is shown as if it were whole"
	cp "$tmp/seg" "$seg"
	"$CRESSET" fsck --data "$data" >/dev/null 2>&1 || fail "fsck still finds something"
	# An answer that lacks something says so, even when it was asked to be quiet.
	printf '\377\377\377\377' | dd of="$seg" bs=1 seek=$(($(stat -c %s "$seg") / 2)) conv=notrunc status=none
	"$CRESSET" search --data "$data" -q 'a*' >/dev/null 2>"$tmp/err"
	grep -q 'the answer is not whole (damaged)' "$tmp/err" || fail "a damaged answer, told quietly: $(cat "$tmp/err")"
	cp "$tmp/seg" "$seg"
fi

# A torn log is cut, a log damaged in the middle is refused with file and offset.
log=$(find "$data/log" -path '*events*' -name '*.log' -size +8k | head -1)
[ -n "$log" ] || fail "no log file"
cp -r "$data" "$tmp/damaged"
printf '\xff\xff\xff\xff garbage behind the last frame' >>"$log"
start
grep -q 'recovery cut' "$tmp/run.err" || fail "the torn tail was not told"
[ "$(count '*')" -ge "$before" ] || fail "after the torn tail $(count '*') of $before are there"
stop
log=$tmp/damaged/${log#"$data"/}
printf '\x5a\xa5\x5a\xa5' | dd of="$log" bs=1 seek=4000 conv=notrunc 2>/dev/null
"$CRESSET" run --data "$tmp/damaged" --syslog "127.0.0.1:$(free_port)" >/dev/null 2>"$tmp/err" &
run_pid=$!
for _ in $(seq 100); do kill -0 $run_pid 2>/dev/null || break; sleep 0.1; done
kill $run_pid 2>/dev/null && fail "a log damaged in the middle was accepted"
wait $run_pid; code=$?
run_pid=
[ $code = 74 ] && grep -q '\.log' "$tmp/err" || fail "damaged log: exit $code, $(cat "$tmp/err")"

# A wrong rule, an unknown key: file, line, column.
mkdir "$tmp/rules"
printf 'title: Bad\nlogsource: {product: x}\ndetection:\n    sel:\n        a|nosuch: 1\n    condition: sel\n' >"$tmp/rules/bad.yml"
printf 'title: Good\nlogsource: {product: x}\ndetection:\n    sel:\n        a: 1\n    condition: sel\n' >"$tmp/rules/good.yml"
"$CRESSET" rules check --output ndjson "$tmp/rules" >"$tmp/check"; code=$?
[ $code = 2 ] && grep -q '"line":5' "$tmp/check" && grep -q '"loaded":1,"refused":1' "$tmp/check" || fail "wrong rule: exit $code, $(cat "$tmp/check")"
printf 'data: x\nbus:\n  knd: local\n' >"$tmp/conf"
"$CRESSET" config check "$tmp/conf" >/dev/null 2>"$tmp/err"; code=$?
[ $code = 3 ] && grep -q ':3:3: .*unknown key .knd' "$tmp/err" || fail "unknown key: exit $code, $(cat "$tmp/err")"
"$CRESSET" search --data "$tmp/none" x >/dev/null 2>"$tmp/err"; code=$?
[ $code = 3 ] || fail "no data directory: exit $code"
"$CRESSET" search --data "$data" 'field:(a b' >/dev/null 2>"$tmp/err"; code=$?
[ $code = 3 ] && grep -qi 'column' "$tmp/err" || fail "wrong query: exit $code, $(cat "$tmp/err")"
exit 0
