#!/bin/bash
# Other rules while logs come in: SIGHUP takes all of the new ones or none, no event is lost, connections stay, and rules that did
# not change keep what they had seen.
# shellcheck source=tests/flow/lib.inc
. "$(dirname "$0")/lib.inc"
export CRESSET_LIBRARY=${CRESSET_LIBRARY:-$PWD/rules/library}
port=$(free_port)
mkdir "$tmp/rules"
cat >"$tmp/rules/a.yml" <<'END'
title: Login failed
name: failed
logsource: {product: linux, service: sshd}
detection: {s: {event.action: ssh_login, event.outcome: failure}, condition: s}
---
title: Three failed logins
id: 11111111-2222-4333-8444-555555555501
correlation: {type: event_count, rules: [failed], group-by: [user.name], timespan: 10m, condition: {gte: 3}}
level: high
END
printf 'data: %s\ninputs: [{syslog: 127.0.0.1:%s}]\nrules: [%s]\n' "$data" "$port" "$tmp/rules" >"$tmp/c.yml"
"$CRESSET" run -c "$tmp/c.yml" >>"$tmp/run.out" 2>>"$tmp/run.err" </dev/null &
run_pid=$!
await
said() { # text, seconds: until run says it
	for _ in $(seq $(($2 * 20))); do
		grep -q "$1" "$tmp/run.err" && return 0
		sleep 0.05
	done
	fail "run did not say '$1'"
}
login() { echo "<38>1 $(date -u +%Y-%m-%dT%H:%M:%SZ) host1 sshd 5 - - $1 password for $2 from 192.0.2.9 port 4022 ssh2"; }
titles() { "$CRESSET" incidents list --data "$data" --output ndjson | grep -o '"title":"[^"]*"' | sort; }
exec 5<>"/dev/tcp/127.0.0.1/$port" || fail "no connection"
{ login Failed eve; login Failed eve; login Accepted eve; } >&5
until_count 'sshd' 3 20
[ -z "$(titles)" ] || fail "an incident of two logins: $(titles)"

# A bad rule among the new ones: all stay as they are.
cp "$tmp/rules/a.yml" "$tmp/rules/b.yml"
printf 'title: Broken\nlogsource: {product: linux}\ndetection: {s: {a|nonsense: 1}, condition: s}\n' >"$tmp/rules/b.yml"
kill -HUP "$run_pid"
said 'not all of these are good; 2 rules, 0 refused stay in force' 20
grep -q 'b.yml:3:.*nonsense' "$tmp/run.err" || fail "it does not say which rule is broken"

# Good ones, while lines come in over the same connection.
cat >"$tmp/rules/b.yml" <<'END'
title: Login of eve
logsource: {product: linux, service: sshd}
detection: {s: {event.action: ssh_login, event.outcome: success, user.name: eve}, condition: s}
level: high
END
(for i in $(seq 400); do echo "<14>1 - host2 app - - - steady $i"; sleep 0.005; done >&5) &
other_pids=$!
kill -HUP "$run_pid"
said 'the new rules are in force: 3 rules, 0 refused' 30
wait "$other_pids"
await
{ login Failed eve; login Accepted eve; } >&5
until_count 'sshd' 5 20
for _ in $(seq 100); do
	[ "$(titles | wc -l)" -ge 2 ] && break
	sleep 0.1
done
[ "$(titles)" = '"title":"Login of eve"
"title":"Three failed logins"' ] || fail "after the reload: $(titles)"
"$CRESSET" incidents list --data "$data" --output ndjson | grep -q '"title":"Three failed logins".*"count":3' ||
	fail "the unchanged rule forgot what it had seen"
until_count 'steady' 400 20

# The same again changes nothing; a signal that comes twice neither.
kill -HUP "$run_pid"
said 'the rules are the same as before; 3 rules' 20
# What judged is kept, both times.
[ "$(find "$data/rules" -mindepth 1 -maxdepth 1 -type d | wc -l)" = 2 ] || fail "kept: $(ls "$data/rules")"
for folder in "$data"/rules/*; do
	"$CRESSET" rules check "$folder" >/dev/null || fail "$folder does not load"
done
stop
[ "$(count 'steady')" = 400 ] || fail "$(count 'steady') of 400 events"
"$CRESSET" fsck --data "$data" >/dev/null 2>&1 || fail "fsck"
