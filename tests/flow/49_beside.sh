#!/bin/bash
# Changed correlations go on beside their new forms for their timespan: failed logins before a reload and behind it are one
# attack to the old form, which saw both, through another reload and a kill -9 of all processes, and whether the correlation
# changed or a detection that it refers to. The new form began empty. One that was taken away tells nothing more. When the time
# has passed, an old form takes nothing more either. One beside which the engine dies again and again is given up.
# shellcheck source=tests/flow/lib.inc
. "$(dirname "$0")/lib.inc"
export CRESSET_LIBRARY=${CRESSET_LIBRARY:-$PWD/rules/library}
port=$(free_port)
mkdir "$tmp/rules"
span=20
rules() { # number, its name, and the outcome that the second base rule looks for
	cat >"$tmp/rules/changed.yml" <<-END
	title: Login failed
	name: failed
	logsource: {product: linux, service: sshd}
	detection: {s: {event.action: ssh_login, event.outcome: failure}, condition: s}
	---
	title: $2 failed logins
	id: 11111111-2222-4333-8444-555555555501
	correlation: {type: event_count, rules: [failed], group-by: [user.name], timespan: ${span}s, condition: {gte: $1}}
	level: high
	END
	cat >"$tmp/rules/base.yml" <<-END
	title: Login of some outcome
	name: some
	logsource: {product: linux, service: sshd}
	detection: {s: {event.action: ssh_login, event.outcome: $3}, condition: s}
	---
	title: Five logins of an outcome
	id: 11111111-2222-4333-8444-555555555502
	correlation: {type: event_count, rules: [some], group-by: [user.name], timespan: ${span}s, condition: {gte: 5}}
	level: high
	END
}
said() { # text, how often: until run says it
	for _ in $(seq 600); do
		[ "$(grep -c "$1" "$tmp/run.err")" -ge "$2" ] && return 0
		sleep 0.05
	done
	fail "run did not say '$1' $2 times"
}
logins() { # number, user
	until { exec 5<>"/dev/tcp/127.0.0.1/$port"; } 2>/dev/null; do sleep 0.05; done
	for _ in $(seq "$1"); do
		printf '<38>1 %s host1 sshd 5 - - Failed password for %s from 192.0.2.9 port 4022 ssh2\n' "$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)" "$2" >&5
	done
	exec 5>&-
	sent=$((${sent:-0} + $1))
	until_count 'Failed' "$sent" 20
}
incidents() { "$CRESSET" incidents list --data "$data" --output ndjson | sed -n 's/.*"title":"\([^"]*\)".*"user.name":"\([^"]*\)".*"count":\([0-9]*\).*/\1, \2: \3/p' | sort; }
until_incidents() { # lines
	for _ in $(seq 200); do
		incidents >"$tmp/incidents"
		[ "$(cat "$tmp/incidents")" = "$1" ] && return
		sleep 0.05
	done
	fail "wanted: $1; there is: $(cat "$tmp/incidents")"
}
retiring() { "$CRESSET" status --data "$data" --output ndjson | grep -o '"retiring":\[[^]]*\]'; }
until_retiring() { # how many; a verb answers by itself as long as nobody owns the data, and then none do
	local n
	for _ in $(seq 400); do
		n=$(retiring | grep -o '"until"' | wc -l)
		[ "$n" = "$1" ] && return
		sleep 0.05
	done
	fail "$n correlations retire, not $1"
}

rules 5 Five failure
cat >"$tmp/rules/gone.yml" <<END
title: Five failed logins, until it is removed
id: 11111111-2222-4333-8444-555555555503
correlation: {type: event_count, rules: [failed], group-by: [user.name], timespan: ${span}s, condition: {gte: 5}}
level: high
END
start --rules "$tmp/rules"
logins 3 eve
[ "$(retiring)" = '"retiring":[]' ] || fail "before any reload: $(retiring)"

# The threshold, a base rule, and one that goes. Both changed ones go on.
rules 4 Four success
rm "$tmp/rules/gone.yml"
kill -HUP "$run_pid"
said 'the new rules are in force' 1
until_retiring 2
grep -q '2 correlations of before go on beside the rules in force' "$tmp/run.err" || fail "it does not say who goes on"
logins 1 eve

# Once more: the form of a moment goes on too, beside the first.
rules 6 Six success
kill -HUP "$run_pid"
said 'the new rules are in force' 2
until_retiring 3
until=$(retiring | grep -o '"until":"[^"]*"' | sort | tail -1 | cut -d'"' -f4)

kill -9 "$run_pid"
wait "$run_pid" 2>/dev/null
sleep 0.2
start --rules "$tmp/rules"
until_retiring 3
logins 1 eve
[ "$(date +%s)" -lt "$(date -d "$until" +%s)" ] || skip "this machine took longer than the timespan of the rules"
until_incidents 'Five failed logins, eve: 5
Five logins of an outcome, eve: 5'

# Behind it: only what is in force.
while [ "$(date +%s)" -le "$(date -d "$until" +%s)" ]; do sleep 0.2; done
sleep 1
logins 6 mallory
until_incidents 'Five failed logins, eve: 5
Five logins of an outcome, eve: 5
Six failed logins, mallory: 6'

# What kills the engine each time is given up.
rules 7 Seven success
kill -HUP "$run_pid"
said 'the new rules are in force' 3
until_retiring 4 # those of before are not final yet
for n in 1 2 3; do
	kill -9 "$(pgrep -P "$run_pid" -x cresset-engine)"
	said 'the engine process was ended by signal 9' "$n"
	[ "$n" = 3 ] || until_retiring 4
done
said 'does not go on beside those in force: the engine died beside them each time' 1
until_retiring 0
await
logins 1 trent
stop
"$CRESSET" fsck --data "$data" >/dev/null 2>&1 || fail "fsck"
echo "# an attack across two reloads and a kill has its incidents"
