#!/bin/bash
# Intake that waits for the store goes on by itself once the store has sealed, although nothing new comes in meanwhile.
. tests/flow/lib.inc
port=$(free_port)
cat >"$tmp/conf" <<Y
bus: {max_bytes: 1048576}
store: {segment_age_s: 4}
Y
start --config "$tmp/conf"
pad=$(printf '%0500d' 0)
lines=24000
(
	exec 3<>/dev/tcp/127.0.0.1/"$port" || exit 1
	for ((i = 0; i < lines; i++)); do
		printf '<134>1 2026-01-01T00:00:00Z host1 app 1 - - pressure n=%06d. %s\n' "$i" "$pad"
	done >&3
	echo sent >"$tmp/sent"
) &
sender=$!
# Nobody asks in the meantime: a question makes an audit row, and that would wake the owner.
for _ in $(seq 45); do
	sleep 1
	[ -f "$tmp/sent" ] && break
done
[ -f "$tmp/sent" ] || { kill "$sender"; fail "intake stands still for ever: not even what 45 s take was read"; }
until_count pressure "$lines" 20
grep -q 'waits until it has read on' "$tmp/run.err" || true
stop
echo "# $lines events under a log of 1 MiB"
exit 0
