#!/bin/bash
# kill -9, then a start with another rule and another pipeline: what was judged before is judged to its end by the rules of
# then, with the pipeline of then, both from where they were kept; so each login has one incident, under one of both. When
# what was kept is gone, the start says so and goes on.
# shellcheck source=tests/flow/lib.inc
. "$(dirname "$0")/lib.inc"
export CRESSET_LIBRARY=${CRESSET_LIBRARY:-$PWD/rules/library}
port=$(free_port)
mkdir "$tmp/rules"
n=0
rules() { # a word: the rule's title, and a field that only the pipeline of this moment knows
	cat >"$tmp/rules/login.yml" <<END
title: Login under $1
logsource: {product: linux, service: sshd}
detection: {s: {event.action: ssh_login, outcome_$1: success}, condition: s}
level: high
END
	printf 'name: P\npriority: 10\ntransformations:\n- {type: field_name_mapping, mapping: {outcome_%s: event.outcome}}\n' "$1" >"$tmp/p.yml"
}
logins() { # ten, each on a host of its own
	local end=$((n + 10))
	until { exec 5<>/dev/tcp/127.0.0.1/"$port"; } 2>/dev/null; do sleep 0.05; done
	while [ $n -lt $end ]; do
		n=$((n + 1))
		printf '<38>1 %s u%d sshd 5 - - Accepted password for root from 192.0.2.9 port 4022 ssh2\n' "$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)" $n >&5
	done
	exec 5>&-
}
judged() { "$CRESSET" incidents list --data "$data" --output ndjson | sed -n '/"title":"Login under/s/.*"host.hostname":"\(u[0-9]*\)".*/\1/p' | sort; }
until_judged() {
	for _ in $(seq 400); do
		[ "$(judged | sort -u | wc -l)" = $n ] && return
		sleep 0.05
	done
	fail "of $n logins $(judged | sort -u | wc -l) have an incident"
}
under() { # number of rules; a verb answers by itself as long as nobody owns the data: that one judges nothing
	for _ in $(seq 400); do
		"$CRESSET" status --data "$data" --output ndjson 2>/dev/null >"$tmp/status" && grep -q "\"ruleset\":\"$1 rules, 0 refused\"" "$tmp/status" && return
		sleep 0.05
	done
	fail "no engine under $1 rules: $(cat "$tmp/status")"
}
begin() { start --rules "$tmp/rules" --pipeline "$tmp/p.yml"; under 1; }
killed() { kill -9 "$run_pid"; wait "$run_pid" 2>/dev/null; }
said() { grep -c "$1" "$tmp/run.err"; }

rules w0
begin
for round in $(seq 6); do
	logins
	until_judged
	killed
	rules "w$round"
	begin
done
[ -z "$(judged | uniq -d)" ] || fail "judged twice: $(judged | uniq -d | head -3)"
finished=$(said 'is judged to its end under the rules of then')
[ "$finished" -ge 1 ] || fail "in six kills just behind a judgement nothing was left"
[ "$(said 'cannot be had again')" = 0 ] || fail "$(grep 'cannot be had' "$tmp/run.err")"
[ "$(said 'starts again in')" = 0 ] || fail "the end of the old rules was told as a death: $(grep 'starts again' "$tmp/run.err")"
grep -q '"engine_restarts":0' "$tmp/status" || fail "counted as a restart of the engine: $(cat "$tmp/status")"
logins
until_judged
[ -z "$(judged | uniq -d)" ] || fail "judged twice: $(judged | uniq -d | head -3)"

# A stop in the middle of it drains under the old rules, and nothing is left for the next start.
killed
rules stop
"$CRESSET" run --data "$data" --syslog "127.0.0.1:$port" --rules "$tmp/rules" --pipeline "$tmp/p.yml" >>"$tmp/run.out" 2>>"$tmp/run.err" &
run_pid=$!
for _ in $(seq 200); do # the old rules, or the new when a commit came just before the kill
	[ "$(said 'is judged to its end')" -gt "$finished" ] && break
	"$CRESSET" status --data "$data" --output ndjson 2>/dev/null | grep -q '"ingest":' && break
	sleep 0.02
done
stop
begin
until_judged
[ -z "$(judged | uniq -d)" ] || fail "judged twice around a stop: $(judged | uniq -d | head -3)"

# Rules of then under which no engine lives are given up. Many rules, and nothing compiled of them: they take time to load, and
# who kills as soon as there is something to kill comes first.
end_at_birth() {
	local pids p name end=$((SECONDS + 20))
	while [ $SECONDS -lt $end ]; do
		read -r -a pids <"/proc/$run_pid/task/$run_pid/children" || true
		for p in "${pids[@]}"; do
			read -r name <"/proc/$p/comm" || continue
			[ "$name" = cresset-engine ] && [ "$p" != "${dead:-}" ] || continue
			dead=$p
			kill -9 "$p"
			return
		done 2>/dev/null
	done
	fail "no engine was started"
}
killed
start --rules "$tmp/rules" --rules "$CRESSET_LIBRARY/sigma" --pipeline "$tmp/p.yml"
under '[0-9][0-9][0-9]*'
for round in $(seq 5); do # a commit may come just before the kill
	logins
	until_judged
	killed
	rm -rf "$data/cache"
	rules "y$round"
	"$CRESSET" run --data "$data" --syslog "127.0.0.1:$port" --rules "$tmp/rules" --pipeline "$tmp/p.yml" >>"$tmp/run.out" 2>>"$tmp/run.err" &
	run_pid=$!
	for _ in 1 2 3; do end_at_birth; done
	under 1
	[ "$(said 'died under them each time')" -ge 1 ] && break
	stop
	start --rules "$tmp/rules" --rules "$CRESSET_LIBRARY/sigma" --pipeline "$tmp/p.yml"
	under '[0-9][0-9][0-9]*'
done
[ "$(said 'died under them each time')" -ge 1 ] || fail "rules under which no engine lives were not given up"
until_judged

# Gone: told, and the start works.
for round in $(seq 6); do
	logins
	until_judged
	killed
	rm -rf "${data:?}"/rules/*
	rules "x$round"
	begin
	[ "$(said 'cannot be had again: .*No such file')" -ge 1 ] && break
done
[ "$(said 'cannot be had again: .*No such file')" -ge 1 ] || fail "nobody says that what was kept is gone"
logins
until_judged
echo "# $n logins, $finished of 6 kills left something to the rules of then"
stop
"$CRESSET" fsck --data "$data" >/dev/null 2>&1 || fail "fsck"
