#!/bin/bash
# The book of incidents reads its topic again at each start; that must not count as being behind and stop what writes to it.
. tests/flow/lib.inc
port=$(free_port)
lines=9000
cat >"$tmp/rules.yml" <<Y
title: Each
level: low
logsource: {product: linux}
detection: {selection: {message|contains: alphaword}, condition: selection}
Y
cat >"$tmp/conf" <<Y
bus: {max_bytes: 1048576, partitions: {incidents: 1}}
store: {segment_age_s: 1}
Y
start --config "$tmp/conf" --rules "$tmp/rules.yml"
exec 3<>/dev/tcp/127.0.0.1/"$port"
for ((i = 0; i < lines; i++)); do
	printf '<134>1 %s host1 sshd 1 - - alphaword n=%06d.\n' 2026-01-01T00:00:00Z "$i"
	[ $((i % 1000)) = 999 ] && sleep 0.7
done >&3
exec 3>&-
until_count 'kind:finding Each' "$lines" 25
size=$(du -sb "$data/log/incidents" | cut -f1)
[ "$size" -gt 2000000 ] || fail "only $size octets of incidents: nothing was tested"
stop
echo "# $lines findings, $size octets of incidents under a limit of 1 MiB"
exit 0
