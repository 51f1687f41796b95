#!/bin/bash
# SIGTERM while intake waits for room: what was counted as received is stored, or the owner says that it is not.
. tests/flow/lib.inc
port=$(free_port)
cat >"$tmp/conf" <<Y
bus: {max_bytes: 1048576}
store: {segment_age_s: 2}
Y
start --config "$tmp/conf"
engine=$(pgrep -P "$run_pid" -x cresset-engine)
pad=$(printf '%0500d' 0)
(
	exec 3<>/dev/tcp/127.0.0.1/"$port" || exit 1
	for ((i = 0; i < 40000; i++)); do
		printf '<134>1 2026-01-01T00:00:00Z host1 app 1 - - pressure n=%06d. %s\n' "$i" "$pad"
	done >&3
) 2>/dev/null &
sender=$!
sleep 0.3
kill -STOP "$engine"
sleep 5 # by now more than 1 MiB waits for the store
kill -CONT "$engine"; sleep 0.02
"$CRESSET" status --data "$data" --output ndjson >"$tmp/status"
kill -STOP "$engine"
received=$(sed -n 's/.*"ingest":{"received":\([0-9]*\).*/\1/p' "$tmp/status")
grep -q '"blocked":1' "$tmp/status" || { kill -CONT "$engine"; kill "$sender"; skip "intake did not have to wait: $(cat "$tmp/status")"; }
kill -TERM "$run_pid"
sleep 3
kill -CONT "$engine"
wait "$run_pid"
code=$?
run_pid=
kill "$sender" 2>/dev/null
stored=$(count pressure)
echo "# received $received, stored $stored, exit code $code"
[ "$stored" -ge "$received" ] || [ "$code" != 0 ] || fail "received $received, stored $stored, and the owner ended well"
exit 0
