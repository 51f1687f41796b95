#!/bin/bash
# SIGTERM while intake waits for room: what was counted as received is stored, or told by gap rows after the next start, once.
. tests/flow/lib.inc
port=$(free_port)
received=0
cat >"$tmp/conf" <<Y
bus: {max_bytes: 1048576}
store: {segment_age_s: 3600}
Y
start --config "$tmp/conf"
pad=$(printf '%0500d' 0)
(
	exec 3<>/dev/tcp/127.0.0.1/"$port" || exit 1
	for ((i = 0; i < 40000; i++)); do
		printf '<134>1 2026-01-01T00:00:00Z host1 app 1 - - pressure n=%06d. %s\n' "$i" "$pad"
	done >&3
) 2>/dev/null &
sender=$!
for _ in $(seq 40); do # until it waits, and goes on waiting: nothing is sealed for an hour
	before=$received
	sleep 0.5
	"$CRESSET" status --data "$data" --output ndjson >"$tmp/status"
	received=$(sed -n 's/.*"ingest":{"received":\([0-9]*\).*/\1/p' "$tmp/status")
	grep -q '"blocked":1' "$tmp/status" && [ "$received" = "$before" ] && break
done
grep -q '"blocked":1' "$tmp/status" || { kill "$sender"; skip "intake did not have to wait"; }
kill -TERM "$run_pid"
wait "$run_pid"
code=$?
run_pid=
kill "$sender" 2>/dev/null
start
until_count pressure 1 10
sleep 1
stored=$(count pressure)
gaps() { search '"stopped_while_full" and kind:gap'; }
dropped() { gaps | sed -n 's/.*\\"count\\":\([0-9]*\).*/\1/p' | awk '{n += $1} END {print n + 0}'; }
for _ in $(seq 50); do
	lost=$(dropped)
	[ $((stored + lost)) -ge "$received" ] && break
	sleep 0.1
done
echo "# received $received, stored $stored, told as lost $lost, exit code $code"
[ "$stored" -ge "$received" ] || [ "$code" = 74 ] || fail "received $received, stored $stored, and the owner ended with $code"
[ $((stored + lost)) -ge "$received" ] || fail "received $received, but stored $stored and told $lost as lost"
# What a connection had sent and nobody had counted yet is at most what was in the hand: 64 KiB of lines of 570 octets.
[ $((stored + lost)) -le $((received + 130)) ] || fail "received $received, but stored $stored and told $lost as lost"
[ "$lost" = 0 ] || gaps | grep -q '"source":"ip 127.0.0.1"' || fail "no source is named"
# Told once, whatever happens to those who tell.
for _ in 1 2 3; do
	kill -9 "$run_pid"
	wait "$run_pid" 2>/dev/null
	sleep 0.2
	start
done
[ "$(dropped)" = "$lost" ] || fail "told again: $(dropped) instead of $lost"
stop
exit 0
