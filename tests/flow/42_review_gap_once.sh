#!/bin/bash
# A gap that is found again at each start is one row: what was lost is counted once.
. tests/flow/lib.inc
port=$(free_port)
cat >"$tmp/conf" <<Y
store: {segment_age_s: 1}
Y
start --config "$tmp/conf"
exec 3<>/dev/tcp/127.0.0.1/"$port"
echo '<134>1 2026-01-01T00:00:00Z host1 app 1 - - losttoken' >&3
exec 3>&-
until_count losttoken 1 10
for _ in $(seq 50); do
	ls "$data"/store/segments/*.seg >/dev/null 2>&1 && break
	sleep 0.1
done
stop
segment=$(grep -l losttoken "$data"/store/segments/*.seg | head -1)
[ -n "$segment" ] || segment=$(ls "$data"/store/segments/*.seg | head -1)
rm "$segment"
for _ in 1 2 3; do
	start --config "$tmp/conf"
	sleep 0.3
	stop
done
start --config "$tmp/conf"
n=$(count '"segment missing" and kind:gap')
stop
[ "$n" = 1 ] || fail "the missing segment is told ${n:-0} times"
exit 0
