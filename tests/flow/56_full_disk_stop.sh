#!/bin/bash
# SIGTERM on a full disk: what was received is stored or told as lost after the next start, to the last event; and what followed files
# had is read again.
. tests/flow/lib.inc
mkdir "$tmp/disk"
mount -t tmpfs -o size=40m tmpfs "$tmp/disk" 2>/dev/null || skip "cannot mount a small file system here"
trap 'finish_disk' EXIT
finish_disk() {
	local p=$run_pid
	[ -n "$p" ] && kill -9 "$p" 2>/dev/null && wait "$p" 2>/dev/null
	run_pid=
	sleep 0.2
	umount -l "$tmp/disk" 2>/dev/null
	finish
}
data=$tmp/disk/data
port=$(free_port)
cat >"$tmp/conf" <<Y
inputs:
  - syslog: 127.0.0.1:$port
  - file: $tmp/app.log
Y
begin() {
	"$CRESSET" run --data "$data" --config "$tmp/conf" >>"$tmp/run.out" 2>>"$tmp/run.err" &
	run_pid=$!
	await
}
begin
lines() { for ((i = 1; i <= $2; i++)); do printf "<13>1 - h a - - - $1 n=%06d. $(head -c 600 /dev/urandom | base64 -w0)\n" "$i"; done; }
lines before 60 >/dev/tcp/127.0.0.1/"$port"
until_count before 60 10
lines during 300 >"$tmp/during"
lines infile 300 >"$tmp/infile"
(
	exec 3<>/dev/tcp/127.0.0.1/"$port" || exit 1
	for ((i = 1; i <= 300; i += 5)); do # a little of both until it is blocked
		sed -n "$i,$((i + 4))p" "$tmp/infile" >>"$tmp/app.log"
		sed -n "$i,$((i + 4))p" "$tmp/during" >&3
		sleep 0.02
	done
	sleep 100
) 2>/dev/null &
sender=$!
other_pids=$sender
received=0
sleep 0.4
head -c 60000000 /dev/zero >"$tmp/disk/filler" 2>/dev/null
sleep 2
for _ in $(seq 100); do
	before=$received
	"$CRESSET" status --data "$data" --output ndjson >"$tmp/status" 2>/dev/null
	received=$(sed -n 's/.*"ingest":{"received":\([0-9]*\).*/\1/p' "$tmp/status")
	grep -Eq '"blocked":1' "$tmp/status" && [ "$received" = "$before" ] && break
	sleep 0.2
done
grep -Eq '"blocked":1' "$tmp/status" || fail "a full disk is not told: $(head -c 600 "$tmp/status")"
kill -TERM "$run_pid"
wait "$run_pid"
code=$?
run_pid=
kill "$sender" 2>/dev/null
wait "$sender" 2>/dev/null
other_pids=
[ "$code" = 74 ] || fail "it ended with $code"
rm "$tmp/disk/filler"
begin
until_count infile 300 20
sleep 1.5
stored=$(($(count 'before or during')))
infile=$(count infile)
gaps=$(search '"stopped_while_full" and kind:gap' | sed -n 's/.*\\"count\\":\([0-9]*\).*/\1/p' | awk '{n += $1} END {print n + 0}')
stop
echo "# received $received from sockets and files, $stored of sockets stored, $gaps told as lost, $infile of the file stored"
[ "$infile" = 300 ] || fail "$infile lines of the file, of 300"
[ "$gaps" -gt 0 ] || fail "nothing is told as lost"
[ $((stored + gaps + 300)) -ge "$received" ] || fail "received $received, but stored $stored, told $gaps, and 300 of the file"
told=$(sed -n 's/.*takes nothing more: \([0-9]*\) events are lost.*/\1/p' "$tmp/run.err" | tail -1)
[ "$told" = "$gaps" ] || fail "standard error says ${told:-nothing}, the rows $gaps"
exit 0
