#!/bin/bash
# kill -9 of the whole, or of the engine, around other rules: just after the SIGHUP that takes them, at a random moment behind it,
# or without one, so that only the next start finds them. Every login is judged once, under the old rules or the new: each has
# one incident, none is lost, none is doubled; nor by a correlation beside its old form. A rule that stayed keeps counting. What is kept of the rules loads. KILLS says
# how often.
# shellcheck source=tests/flow/lib.inc
. "$(dirname "$0")/lib.inc"
export CRESSET_LIBRARY=${CRESSET_LIBRARY:-$PWD/rules/library}
KILLS=${KILLS:-8}
SEED=${SEED:-$RANDOM}
RANDOM=$SEED
echo "# seed $SEED, $KILLS kills"
port=$(free_port)
next=1
mkdir "$tmp/rules"
cat >"$tmp/rules/stays.yml" <<'END'
title: Login failed
name: failed
logsource: {product: linux, service: sshd}
detection: {s: {event.action: ssh_login, event.outcome: failure}, condition: s}
---
title: Failed logins of eve
correlation: {type: event_count, rules: [failed], group-by: [user.name], timespan: 1h, condition: {gte: 3}}
END
changing() { # a or b: the rule under which a login is judged
	cat >"$tmp/rules/changing.yml" <<END
title: Login under $1
id: 11111111-2222-4333-8444-55555555550$((1 + k % 2))
logsource: {product: linux, service: sshd}
detection: {s: {event.action: ssh_login, event.outcome: success}, condition: s}
level: high
---
title: Login seen
name: seen_$1
logsource: {product: linux, service: sshd}
detection: {s: {event.action: ssh_login, event.outcome: success}, condition: s}
---
title: Correlated
id: 11111111-2222-4333-8444-555555555599
correlation: {type: event_count, rules: [seen_$1], group-by: [host.hostname], timespan: $([ "$1" = a ] && echo 5 || echo 6)s, condition: {gte: 1}}
END
}
login() { # host, outcome, user
	printf '<38>1 %s %s sshd 5 - - %s password for %s from 192.0.2.9 port 4022 ssh2\n' "$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)" "$@"
}
feed() { # from: logins on hosts that are seen once, until the connection breaks
	local n=$1
	trap 'exit 0' TERM PIPE
	until { exec 3<>/dev/tcp/127.0.0.1/"$port"; } 2>/dev/null; do sleep 0.05; done # one that was killed may answer for a moment
	while :; do
		login "u$n" Accepted root >&3 2>/dev/null || exit 0
		n=$((n + 1))
		echo "$n" >"$tmp/next"
		sleep 0.01
	done
}
stored() { search 'Accepted' | sed -n 's/.*"original":"[^"]*Z \(u[0-9]*\) sshd.*/\1/p' | sort; }
eve() { incidents | grep '"title":"Failed logins of eve"'; } # the word alone stands in "level"
incidents() { "$CRESSET" incidents list --data "$data" --output ndjson; }
fed() { # until the feeder has sent some, or 20 s have passed
	for _ in $(seq 400); do
		[ "$(cat "$tmp/next" 2>/dev/null || echo 0)" -ge $((next + 15)) ] && return
		sleep 0.05
	done
	fail "nothing was sent"
}
other_rules() { # and the moment of the kill
	[ $((k % 2)) = 1 ] && changing b || changing a
	[ $((k % 3)) = 2 ] && return
	kill -HUP "$run_pid"
	sleep "$(printf '0.%03d' $((RANDOM % (k % 3 == 1 ? 50 : 900))))"
}
judged() { # an incident that saw an event twice stands here twice
	incidents | sed -n '/"title":"Login under/s/.*"host.hostname":"\(u[0-9]*\)".*"count":\([0-9]*\).*/\1 \2/p' |
		awk '{for (i = 0; i < $2; i++) print $1}' | sort
}

k=0
changing a
start --rules "$tmp/rules"
exec 5<>"/dev/tcp/127.0.0.1/$port"
{ login jump01 Failed eve; login jump01 Failed eve; } >&5
exec 5>&-
until_count 'Failed' 2 20
[ -z "$(eve)" ] || fail "an incident of two failures"
for ((k = 1; k <= KILLS; k++)); do
	feed "$next" &
	feeder=$!
	fed
	other_rules
	if [ $((k % 4)) = 0 ]; then
		engine=$(pgrep -P "$run_pid" -x cresset-engine) && kill -9 "$engine"
		sleep 1
	else
		kill -9 "$run_pid"
		wait "$run_pid" 2>/dev/null
	fi
	kill "$feeder" 2>/dev/null
	wait "$feeder" 2>/dev/null
	next=$(($(cat "$tmp/next") + 100))
	kill -0 "$run_pid" 2>/dev/null || { sleep 0.1; start --rules "$tmp/rules"; }
	await
done
exec 5<>"/dev/tcp/127.0.0.1/$port"
login jump01 Failed eve >&5
until_count 'Failed' 3 20
stored >"$tmp/stored"
for _ in $(seq 100); do
	judged >"$tmp/judged"
	cmp -s "$tmp/stored" "$tmp/judged" && [ -n "$(eve)" ] && break
	sleep 0.1
done
[ "$(wc -l <"$tmp/stored")" -ge $((5 * KILLS)) ] || fail "only $(wc -l <"$tmp/stored") logins came in"
[ -z "$(uniq -d "$tmp/stored")" ] || fail "stored twice: $(uniq -d "$tmp/stored" | head -3)"
[ -z "$(uniq -d "$tmp/judged")" ] || fail "judged twice: $(uniq -d "$tmp/judged" | head -3)"
cmp -s "$tmp/stored" "$tmp/judged" ||
	fail "stored, without an incident: $(comm -23 "$tmp/stored" "$tmp/judged" | head -3); the other way round: $(comm -13 "$tmp/stored" "$tmp/judged" | head -3)"
[ "$(eve | grep -c '"count":3')" = 1 ] || fail "the rule that stayed forgot what it had seen: $(eve)"
# A correlation that changes goes on beside its new form: each of both has seen a login once at the most, and one of them has.
incidents | sed -n '/"title":"Correlated"/s/.*"digest":"\([0-9a-f]*\)".*"host.hostname":"\(u[0-9]*\)".*"count":\([0-9]*\).*/\2 \1 \3/p' | sort >"$tmp/correlated"
twice=$(awk '$3 != 1' "$tmp/correlated"; cut -d' ' -f1,2 "$tmp/correlated" | uniq -d)
[ -z "$twice" ] || fail "correlated twice: $(head -3 <<<"$twice")"
cut -d' ' -f1 "$tmp/correlated" | uniq | cmp -s "$tmp/stored" - || fail "a login was seen by neither form"
[ "$(wc -l <"$tmp/correlated")" -gt "$(wc -l <"$tmp/stored")" ] || fail "no login was seen by both forms"
under() { incidents | grep -c "\"title\":\"Login under $1\""; }
echo "# $(wc -l <"$tmp/stored") logins, each judged once: $(under a) under the one rule, $(under b) under the other"
for folder in "$data"/rules/*; do
	"$CRESSET" rules check "$folder" >/dev/null || fail "$folder does not load: $(ls -R "$folder")"
done
stop
"$CRESSET" fsck --data "$data" >/dev/null 2>&1 || fail "fsck"
