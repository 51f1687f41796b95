#!/bin/bash
# A full disk: the owner stops taking, says so, and goes on by itself when there is room; what was durable stays, once.
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
start
feed() { for ((i = 1; i <= 60; i++)); do printf "<13>1 - h a - - - fulldisk n=%06d. $(head -c 600 /dev/urandom | base64 -w0)\n" $((i + $1)); done; }
feed 0 >/dev/tcp/127.0.0.1/"$port"
until_count 'fulldisk' 60 10
head -c 60000000 /dev/zero >"$tmp/disk/filler" 2>/dev/null
(feed 100; feed 200; feed 300) >/dev/tcp/127.0.0.1/"$port" &
feeder=$!
for _ in $(seq 100); do
	"$CRESSET" status --data "$data" --output ndjson >"$tmp/status" 2>/dev/null
	grep -Eq '"blocked":"|"blocked":1' "$tmp/status" && break
	sleep 0.1
done
grep -Eq '"blocked":"|"blocked":1' "$tmp/status" || fail "a full disk is not told: $(head -c 600 "$tmp/status")"
kill -0 "$run_pid" || fail "the owner ended"
rm "$tmp/disk/filler"
wait $feeder
until_count 'fulldisk' 240 15
[ "$(count 'fulldisk')" = 240 ] || fail "$(count 'fulldisk') of 240"
stop
exit 0
