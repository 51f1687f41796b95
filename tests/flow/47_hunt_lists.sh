#!/bin/bash
# Lists with a time to live: live, across a stop, equals the past. Lines happened almost five minutes ago, so that the watermark
# passes them at once: what rests on a list is told behind it.
# shellcheck source=tests/flow/lib.inc
. "$(dirname "$0")/lib.inc"
export CRESSET_LIBRARY=${CRESSET_LIBRARY:-$PWD/rules/library}
port=$(free_port)
mkdir -p "$tmp/rules"
base() { # name, text
	printf -- '---\ntitle: %s\nname: %s\nlogsource: {product: linux}\ndetection: {s: {message|contains: %s}, condition: s}\n' "$1" "$1" "$2"
}
{
	base refused 'Failed password'
	base cleared 'Accepted publickey'
	base accepted 'Accepted password'
	cat <<-'END'
		---
		title: Tried
		name: tried
		correlation: {type: event_count, rules: [refused], group-by: [source.ip], timespan: 1m, condition: {gte: 3}}
		level: low
		---
		title: In from an address that tried
		name: in_after_tries
		correlation: {type: event_count, rules: [accepted], group-by: [source.ip], timespan: 1m, condition: {gte: 1}}
		cresset: {lists: {name: tried, add: tried, remove: cleared, ttl: 1h}}
		level: high
		---
		title: In from an address that nobody knows
		name: in_unknown
		correlation: {type: event_count, rules: [accepted], group-by: [source.ip], timespan: 1m, condition: {gte: 1}}
		cresset: {lists: [{name: tried, add: [tried], ttl: 1h, require: absent}, {name: known, add: [cleared], ttl: 1h, require: absent}]}
		level: medium
	END
} >"$tmp/rules/lists.yml"
cat >"$tmp/c.yml" <<END
data: $data
rules: [$tmp/rules]
inputs: [{syslog: 127.0.0.1:$port}]
store: {segment_rows: 10}
END
start() {
	"$CRESSET" run -c "$tmp/c.yml" >>"$tmp/run.out" 2>>"$tmp/run.err" &
	run_pid=$!
	await
}
said() { # seconds ago, address, text
	echo "<86>1 $(date -u -d "-$1 seconds" +%Y-%m-%dT%H:%M:%S.%3NZ) jump01 sshd 100 - - $3 for root from $2 port 509 ssh2"
}
start
exec 5<>"/dev/tcp/127.0.0.1/$port" || fail "no connection"
for a in 198.51.100.1 198.51.100.2; do
	for k in 3 2 1; do said $((283 + k)) $a 'Failed password'; done
done >&5
said 283 198.51.100.2 'Accepted publickey' >&5
until_count 'sshd' 7 20
exec 5>&-
stop
start
exec 5<>"/dev/tcp/127.0.0.1/$port" || fail "no connection"
for a in 1 2 3; do said 278 198.51.100.$a 'Accepted password'; done >&5
until_count 'sshd' 10 20
for _ in $(seq 450); do
	"$CRESSET" incidents list --data "$data" --output ndjson >"$tmp/list"
	[ "$(grep -c '"title":"In from' "$tmp/list")" -ge 2 ] && break
	sleep 0.1
done
ids() { grep '"title":"In from' | grep -o '"id":"[0-9a-f]\{32\}"' | sort -u; }
grep '"title":"In from an address that tried"' "$tmp/list" | grep -q '198.51.100.1' || fail "not told: $(cat "$tmp/list")"
grep '"title":"In from an address that nobody knows"' "$tmp/list" | grep -q '198.51.100.3' || fail "not told: $(cat "$tmp/list")"
grep '"title":"In from' "$tmp/list" | grep -q '198.51.100.2' && fail "taken off the list, and told: $(cat "$tmp/list")"
[ "$(grep -c '"title":"Tried"' "$tmp/list")" = 2 ] || fail "who writes a list is not told any more: $(cat "$tmp/list")"
ids <"$tmp/list" >"$tmp/live"
[ "$(wc -l <"$tmp/live")" = 2 ] || fail "$(wc -l <"$tmp/live") incidents instead of 2"
"$CRESSET" hunt --data "$data" --rules "$tmp/rules" --output ndjson -q >"$tmp/hunt" 2>"$tmp/summary" || fail "hunt: $(cat "$tmp/summary")"
grep '"kind":"correlation"\|"kind":"incident"' "$tmp/hunt" | ids >"$tmp/past"
diff "$tmp/live" "$tmp/past" || fail "a hunt finds other incidents"
stop
