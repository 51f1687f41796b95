#!/bin/bash
# Rules in the shadow see the live events and tell nobody; what they would have changed is shown before they are promoted.
# shellcheck source=tests/flow/lib.inc
. "$(dirname "$0")/lib.inc"
export CRESSET_LIBRARY=${CRESSET_LIBRARY:-$PWD/rules/library}
port=$(free_port)
mkdir "$tmp/live" "$tmp/next"
rules() { # threshold
	cat <<END
title: Login failed
name: failed
logsource: {product: linux, service: sshd}
detection: {s: {event.action: ssh_login, event.outcome: failure}, condition: s}
---
title: Many failed logins
id: 11111111-2222-4333-8444-555555555501
correlation: {type: event_count, rules: [failed], group-by: [user.name], timespan: 10m, condition: {gte: $1}}
END
}
root() { printf -- '---\ntitle: Root\nid: 11111111-2222-4333-8444-555555555502\nlogsource: {service: sshd}\ndetection: {s: {event.outcome: success, user.name: root}, condition: s}\nlevel: high\n'; }
eve() { root | sed 's/Root/Eve/; s/502/503/; s/name: root/name: eve/'; }
{ rules 3; root; } >"$tmp/live/a.yml"
{ rules 2; eve; } >"$tmp/next/a.yml"
conf() { printf 'data: %s\ninputs: [{syslog: 127.0.0.1:%s}]\nrules: [%s]\n%s\n' "$data" "$port" "$1" "${2:-}"; }
conf "$tmp/live" "shadow: [$tmp/next]" >"$tmp/c.yml"
"$CRESSET" run -c "$tmp/c.yml" >>"$tmp/run.out" 2>>"$tmp/run.err" </dev/null &
run_pid=$!
await
grep -q '3 rules, 0 refused; 3 in the shadow' "$tmp/run.err" || fail "the banner does not name the shadow: $(cat "$tmp/run.err")"
login() { echo "<38>1 $(date -u +%Y-%m-%dT%H:%M:%S.%3NZ) host1 sshd 5 - - $1 password for $2 from 192.0.2.9 port 4022 ssh2"; }
exec 5<>"/dev/tcp/127.0.0.1/$port" || fail "no connection"
sleep 1.1 # incidents older than the shadow are none of its business
{ login Failed ann; login Failed ann; login Failed bob; login Failed bob; login Failed bob; login Accepted root; login Accepted eve; } >&5
until_count 'sshd' 7 20
shadow() { "$CRESSET" rules shadow --data "$data" --output ndjson; }
for _ in $(seq 100); do
	shadow >"$tmp/out" && tail -1 "$tmp/out" | grep -q '"new":2,"gone":1' && break
	sleep 0.1
done
tail -1 "$tmp/out" | grep -q '"same":1,"changed":0,"new":2,"gone":1,"events":7,"rules":3,' || fail "$(cat "$tmp/out") $("$CRESSET" incidents list --data "$data" --output ndjson)"
grep -q '"change":"new",.*"title":"Many failed logins".*"user.name":"ann"' "$tmp/out" || fail "ann: $(cat "$tmp/out")"
grep -q '"change":"new",.*"title":"Eve"' "$tmp/out" && grep -q '"change":"gone",.*"title":"Root"' "$tmp/out" || fail "$(cat "$tmp/out") $("$CRESSET" incidents list --data "$data" --output ndjson)"
[ "$("$CRESSET" incidents list --data "$data" --output ndjson | grep -c .)" = 2 ] || fail "the shadow told somebody"

# Promoted: the next rules are in force, nothing runs in the shadow any more.
conf "$tmp/next" >"$tmp/c.yml"
kill -HUP "$run_pid"
for _ in $(seq 200); do
	grep -q 'the new rules are in force: 3 rules, 0 refused$' "$tmp/run.err" && break
	sleep 0.1
done
await
shadow >"$tmp/out" 2>"$tmp/err"
[ $? = 3 ] && grep -q 'no rules run in the shadow' "$tmp/err" || fail "a shadow that is not there: $(cat "$tmp/err")"
login Accepted eve >&5
for _ in $(seq 100); do
	"$CRESSET" incidents list --data "$data" --output ndjson | grep -q '"title":"Eve"' && break
	sleep 0.1
done
"$CRESSET" incidents list --data "$data" --output ndjson | grep -q '"title":"Eve"' || fail "the promoted rule does not tell"
stop
