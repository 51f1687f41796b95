#!/bin/bash
# One line over UDP and one over TCP go all the way: found at once, kept after a restart, and an attack becomes an incident.
. tests/flow/lib.inc
port=$(free_port)
start
echo -n '<34>1 2026-11-23T10:00:00Z host1 app - - - over udp' >/dev/udp/127.0.0.1/"$port"
exec 3<>/dev/tcp/127.0.0.1/"$port"
printf '<34>1 2026-11-23T10:00:00Z host2 app - - - over tcp with lf\n' >&3
printf '56 <34>1 2026-11-23T10:00:00Z host3 app - - - octet counted' >&3
printf '<34>1 2026-11-23T10:00:00Z host4 app - - - ends with nul\0' >&3
now=$(date -u +%Y-%m-%dT%H:%M:%S)
for i in 1 2 3 4 5 6 7 8 9 10 11; do
	printf '<86>1 %s.%03dZ jump01 sshd 811 - - Failed password for root from 203.0.113.77 port 4%04d ssh2\n' "$now" "$i" "$i" >&3
done
printf '<86>1 %s.900Z jump01 sshd 811 - - Accepted password for root from 203.0.113.77 port 40112 ssh2\n' "$now" >&3
exec 3>&-
until_count '*' 16 10
for word in udp lf counted nul; do [ "$(count "$word")" = 1 ] || fail "'$word' was found $(count "$word") times"; done
for _ in $(seq 50); do
	"$CRESSET" incidents list --data "$data" --output ndjson >"$tmp/incidents"
	grep -q 'SSH brute force followed by a login' "$tmp/incidents" && break
	sleep 0.1
done
grep -q '"source.ip":"203.0.113.77"' "$tmp/incidents" || fail "no incident: $(cat "$tmp/incidents")"
id=$(sed -n 's/.*"id":"\([0-9a-f]\{32\}\)".*/\1/p' "$tmp/incidents" | head -1)
"$CRESSET" incidents set --data "$data" "$id" in_progress --note 'looking at it' --output ndjson >"$tmp/set" || fail "incidents set"
grep -q in_progress "$tmp/set" || fail "the status did not change"
"$CRESSET" incidents set --data "$data" "$id" closed --version-of 0 >/dev/null 2>&1 && fail "a change of an old version went through"
stop
[ "$(count '*')" = 16 ] || fail "after the stop $(count '*') of 16 are there"
start
[ "$(count '*')" = 16 ] || fail "after the restart $(count '*') of 16 are there"
"$CRESSET" incidents show --data "$data" "$id" --output ndjson | grep -q 'looking at it' || fail "the note is gone"
stop
"$CRESSET" fsck --data "$data" >/dev/null 2>&1 || fail "fsck finds something"
exit 0
