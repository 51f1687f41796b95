#!/bin/bash
# kill -9 while keys of a correlation lie on disk: more users than there is memory for, each seen again and again. What comes out
# equals a run over the same lines without any kill and with memory for all, and nothing is refused. KILLS says how often.
. tests/flow/lib.inc
KILLS=${KILLS:-4}
SEED=${SEED:-$RANDOM}
RANDOM=$SEED
USERS=$((KILLS * 3400)) # so that no cold one has five failures
HOT=100
echo "# seed $SEED, $KILLS kills"
port=$(free_port)
next=1
most=0

feed() { # from: one user after the other, every twentieth line one of the hot ones, until the connection breaks
	local n=$1 i user now
	exec 3<>/dev/tcp/127.0.0.1/"$port" || exit 0
	trap 'exit 0' TERM PIPE
	while :; do
		printf -v now '%(%Y-%m-%dT%H:%M:%S)TZ' -1
		for ((i = 0; i < 100; i++, n++)); do
			if ((n % 20 == 0)); then user=hot$((n / 20 % HOT)); else user=cold$((n % USERS)); fi
			printf '<86>1 %s jump01 sshd 811 - - Failed password for %s from 203.0.113.9 port 40112 ssh2\n' "$now" "$user"
		done >&3 2>/dev/null || exit 0
		echo "$n" >"$tmp/next"
		sleep 0.05
	done
}
member() { sed -n 's/.*"'"$1"'":\([0-9]*\).*/\1/p' "$tmp/status" | head -1; }
look() { # what status says of keys on disk
	"$CRESSET" status --data "$data" --output ndjson >"$tmp/status" 2>/dev/null || return
	local n
	n=$(member spilled_keys)
	[ "${n:-0}" -le "$most" ] || most=$n
}

cat >"$tmp/rules.yml" <<'Y'
title: Login failed
name: failed
logsource: {product: linux, service: sshd}
detection: {selection: {event.action: ssh_login, event.outcome: failure}, condition: selection}
---
title: Failures of one user
correlation: {type: event_count, rules: [failed], group-by: [user.name], timespan: 30m, condition: {gte: 5}}
Y
printf 'correlation: {window_bytes: 1048576}\n' >"$tmp/cresset.yml"
begin() { start --config "$tmp/cresset.yml" --rules "$tmp/rules.yml"; }
begin
for ((k = 1; k <= KILLS; k++)); do
	TZ=UTC feed "$next" &
	feeder=$!
	for _ in 1 2 3; do sleep "1.$((RANDOM % 9))"; look; done
	if [ $((RANDOM % 2)) = 0 ]; then
		kill -9 "$run_pid"; wait "$run_pid" 2>/dev/null
		kill "$feeder" 2>/dev/null; wait "$feeder" 2>/dev/null
		begin
	else
		kill -9 "$(pgrep -P "$run_pid" -x cresset-engine)"
		sleep 1.2
		kill "$feeder" 2>/dev/null; wait "$feeder" 2>/dev/null
		await
	fi
	next=$(cat "$tmp/next")
done
sleep 1.5
look
[ "$(member refused_keys)$(member refused_matches)" = 00 ] || fail "$(member refused_keys) keys and $(member refused_matches) matches were refused"
stop
[ "$most" -gt 1000 ] || fail "no more than $most keys were on disk"
for i in 0 1 2 3 4 5 6 7 8 9; do search "sshd user.name:*$i"; done | sed -n 's/.*"original":"\([^"]*\)".*/\1/p' >"$tmp/lines"
[ "$(count sshd)" = "$(wc -l <"$tmp/lines")" ] || fail "an answer was cut: $(wc -l <"$tmp/lines") of $(count sshd) rows"
fields() { sed -n 's/.*"title":"\([^"]*\)".*"group":\({[^}]*}\).*"first_seen":"\([^"]*\)".*/\1 \2 \3/p' | sort; }
"$CRESSET" incidents list --data "$data" --output ndjson | fields >"$tmp/live"
"$CRESSET" scan --rules "$tmp/rules.yml" --output ndjson "$tmp/lines" 2>/dev/null | grep '"kind":"correlation"' | fields >"$tmp/scan"
[ -s "$tmp/scan" ] || fail "no incident at all"
cmp -s "$tmp/live" "$tmp/scan" || { diff "$tmp/live" "$tmp/scan" | head -20; fail "incidents differ from those of a run without kills"; }
"$CRESSET" fsck --data "$data" >/dev/null 2>"$tmp/fsck" || fail "fsck: $(cat "$tmp/fsck")"
echo "# $(wc -l <"$tmp/lines") events, up to $most keys on disk, $(wc -l <"$tmp/live") incidents equal"
exit 0
