#!/bin/bash
# Rules that were changed while the owner lay dead: what the new rules find is found, although rows that the old rules made
# after the last commit bear numbers that the new ones would have had.
. tests/flow/lib.inc
port=$(free_port)
rule() { # name, word
	cat <<Y
title: $1
id: $3
level: low
logsource: {product: linux}
detection: {selection: {message|contains: $2}, condition: selection}
Y
}
rule Old alphaword 11111111-1111-4111-8111-111111111111 >"$tmp/old.yml"
rule New omegaword 22222222-2222-4222-8222-222222222222 >"$tmp/new.yml"
send() { # word, number
	local i
	exec 3<>/dev/tcp/127.0.0.1/"$port" || fail "no connection"
	for ((i = 0; i < $2; i++)); do
		printf '<134>1 %s host1 sshd 1 - - %s n=%04d.\n' "$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)" "$1" "$i"
	done >&3
	exec 3>&-
}
checkpoint() { ls "$data"/engine/ | grep checkpoint; }
cat >"$tmp/conf" <<Y
bus: {partitions: {events: 1, incidents: 1}}
Y
for try in 1 2 3 4 5; do
	rm -rf "$data"
	start --config "$tmp/conf" --rules "$tmp/old.yml"
	before=$(checkpoint)
	for _ in $(seq 60); do
		[ "$(checkpoint)" != "$before" ] && break
		sleep 0.1
	done
	before=$(checkpoint)
	send alphaword 60
	until_count 'kind:finding and Old' 60 5
	kill -9 "$run_pid"; wait "$run_pid" 2>/dev/null
	sleep 0.3
	[ "$(checkpoint)" = "$before" ] && break
done
[ "$(checkpoint)" = "$before" ] || skip "each time a commit came between"
start --config "$tmp/conf" --rules "$tmp/new.yml"
send omegaword 30
until_count 'omegaword and kind:event' 30 10
sleep 1
new=$(count 'kind:finding New')
old=$(count 'kind:finding Old')
stop
[ "${old:-0}" = 60 ] || fail "$old of 60 findings of the old rules are there"
[ "${new:-0}" = 30 ] || fail "$new of 30 findings of the new rules are there"
echo "# 60 findings of the old rules, 30 of the new"
exit 0
