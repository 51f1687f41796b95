#!/bin/bash
# SIGTERM while intake waits for room: what was counted as received is stored, or the owner says that it is not.
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
stop
echo "# received $received, stored $stored, exit code $code"
[ "$stored" -ge "$received" ] || [ "$code" != 0 ] || fail "received $received, stored $stored, and the owner ended well"
exit 0
