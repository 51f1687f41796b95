#!/bin/bash
# kill -9 at random moments under TCP load: of the whole, of ingest, of the engine. What the log had, or a search had
# returned, is there afterwards, once; nothing is doubled; incidents equal those of a run over the same lines without any kill;
# the owner answers again within 5 s of a start. KILLS says how often (200 for a long look).
. tests/flow/lib.inc
KILLS=${KILLS:-9}
SEED=${SEED:-$RANDOM}
RANDOM=$SEED
echo "# seed $SEED, $KILLS kills"
port=$(free_port)
next=1
slowest=0

feed() { # from, attacker: numbered lines until the connection breaks
	local n=$1 ip=$2 i
	exec 3<>/dev/tcp/127.0.0.1/"$port" || exit 0
	trap 'exit 0' TERM PIPE
	while :; do
		now=$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)
		for ((i = 0; i < 40; i++)); do
			printf '<134>1 %s load%d app - - - killtest n=%08d.\n' "$now" $((n % 7)) "$n"
			n=$((n + 1))
		done >&3 2>/dev/null || exit 0
		printf '<86>1 %s jump01 sshd 811 - - Failed password for u%d from %s port 40112 ssh2\n' "$now" $((n / 40 % 4)) "$ip" >&3 2>/dev/null || exit 0
		printf '<86>1 %s jump01 sshd 811 - - Accepted password for root from %s port 40112 ssh2\n' "$now" "$ip" >&3 2>/dev/null || exit 0
		echo "$n" >"$tmp/next"
		sleep 0.02
	done
}
originals() { sed -n 's/.*"original":"[^"]*\(n=[0-9]\{8\}\.\)".*/\1/p'; }
recent() { search --from -30s 'killtest' | originals; }
# One host at a time: an answer has at most a million rows.
numbers() { for h in 0 1 2 3 4 5 6; do search "host.hostname:load$h killtest"; done | originals | sort; }
logged() { cat "$data"/log/events*/*/*.log "$data"/log/events*/*.log 2>/dev/null | grep -ao 'n=[0-9]\{8\}\.' | sort -u; }
victim() { # its pid, as soon as it runs: who died often waits for up to 30 s
	for _ in $(seq 700); do pgrep -P "$run_pid" -x "cresset-$1" && return; sleep 0.05; done
	fail "no $1 process to kill"
}

cat >"$tmp/rules.yml" <<'Y'
title: Login failed
name: failed
logsource: {product: linux, service: sshd}
detection: {selection: {event.action: ssh_login, event.outcome: failure}, condition: selection}
---
title: Login
name: login
logsource: {product: linux, service: sshd}
detection: {selection: {event.action: ssh_login, event.outcome: success}, condition: selection}
---
title: Many failures
name: many
correlation: {type: event_count, rules: [failed], group-by: [source.ip], timespan: 3s, condition: {gte: 5}, generate: true}
---
title: Many failures, then a login
correlation: {type: temporal_ordered, rules: [many, login], group-by: [source.ip], timespan: 2s}
---
title: Several users from one address
correlation: {type: value_count, rules: [failed], group-by: [source.ip], timespan: 3s, condition: {field: user.name, gte: 3}}
Y
start --rules "$tmp/rules.yml"
: >"$tmp/must"
parts=0
for ((k = 1; k <= KILLS; k++)); do
	feed "$next" "203.0.113.$((k % 250 + 1))" &
	feeder=$!
	sleep "0.$((RANDOM % 9 + 1))"
	[ $((k % 3)) = 1 ] && recent >>"$tmp/must"
	pick=$((RANDOM % 3))
	[ "$parts" -ge 4 ] && pick=0 # a part that dies again and again waits longer and longer for its restart
	case $pick in
	0) kill -9 "$run_pid"; wait "$run_pid" 2>/dev/null; whole=1 ;;
	1) kill -9 "$(victim ingest)"; whole=0 ;;
	2) kill -9 "$(victim engine)"; whole=0 ;;
	esac
	[ $whole = 1 ] && parts=0 || parts=$((parts + 1))
	kill "$feeder" 2>/dev/null; wait "$feeder" 2>/dev/null
	next=$(($(cat "$tmp/next") + 1000))
	if [ $whole = 1 ]; then
		sleep 0.1 # the kernel ends the other processes
		logged >"$tmp/logged"
		: >"$tmp/run.err"
		start --rules "$tmp/rules.yml"
		grep -q 'recovery cut' "$tmp/run.err" || cat "$tmp/logged" >>"$tmp/must"
		slowest=$(printf '%s\n%s\n' "$slowest" "$waited" | sort -g | tail -1)
	else
		sleep 1.2
		await
	fi
done
sleep 1.5
stop
numbers >"$tmp/all"
[ -s "$tmp/all" ] || fail "nothing is there at all"
[ "$(count killtest)" = "$(wc -l <"$tmp/all")" ] || fail "an answer was cut: $(wc -l <"$tmp/all") of $(count killtest) rows"
[ -z "$(uniq -d "$tmp/all")" ] || fail "doubled: $(uniq -d "$tmp/all" | head -3)"
sort -u "$tmp/must" >"$tmp/must.sorted"
lost=$(comm -23 "$tmp/must.sorted" "$tmp/all")
[ -z "$lost" ] || fail "$(echo "$lost" | wc -l) lost that were in the log or had been found: $(echo "$lost" | head -3)"
awk -v s="$slowest" 'BEGIN{exit !(s < 5)}' || fail "recovery took $slowest s"

# The same lines without a kill: scan the originals and compare. With FINAL=1 the owner runs on until event time has passed the
# lateness and all incidents are final: then everything is compared; else what a provisional incident knows for certain.
if [ -n "${FINAL:-}" ]; then
	start --rules "$tmp/rules.yml"
	for _ in $(seq 80); do
		sleep 5
		"$CRESSET" incidents list --data "$data" --output ndjson >"$tmp/list"
		grep -q '"state":"provisional"' "$tmp/list" || break
	done
	grep -q '"state":"provisional"' "$tmp/list" && fail "still provisional: $(grep -c provisional "$tmp/list")"
	stop
	keep='\1 \2 \3 \4 \5'
else
	keep='\1 \2 \3'
fi
search sshd | sed -n 's/.*"original":"\([^"]*\)".*/\1/p' >"$tmp/lines"
fields() { sed -n 's/.*"title":"\([^"]*\)".*"group":\({[^}]*}\).*"first_seen":"\([^"]*\)","last_seen":"\([^"]*\)".*"count":\([0-9]*\).*/'"$keep"'/p' | sort; }
"$CRESSET" incidents list --data "$data" --output ndjson | fields >"$tmp/live"
"$CRESSET" scan --rules "$tmp/rules.yml" --output ndjson "$tmp/lines" 2>/dev/null | grep '"kind":"correlation"' | fields >"$tmp/scan"
[ -s "$tmp/scan" ] || fail "no incident at all"
cmp -s "$tmp/live" "$tmp/scan" || { diff "$tmp/live" "$tmp/scan" | head -20; fail "incidents differ from those of a run without kills"; }
"$CRESSET" fsck --data "$data" >/dev/null 2>"$tmp/fsck" || fail "fsck: $(cat "$tmp/fsck")"
echo "# $(wc -l <"$tmp/all") events kept, $(wc -l <"$tmp/must.sorted") of them owed, $(wc -l <"$tmp/live") incidents equal, slowest start $slowest s"
exit 0
