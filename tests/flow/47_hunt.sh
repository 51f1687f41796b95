#!/bin/bash
# Live equals past: the rules of a running pipeline, run over its store, give its incidents with the same ids; with the owner
# running and without, from sealed rows and from the tail. What an import brought in, live rules never saw: a hunt does.
# shellcheck source=tests/flow/lib.inc
. "$(dirname "$0")/lib.inc"
port=$(free_port)
cat >"$tmp/c.yml" <<EOF
data: $data
inputs: [{syslog: 127.0.0.1:$port}]
store: {segment_rows: 40}
EOF
"$CRESSET" run -c "$tmp/c.yml" >>"$tmp/run.out" 2>>"$tmp/run.err" &
run_pid=$!
await
now() { date -u +%Y-%m-%dT%H:%M:%SZ; }
attack() { # address, user
	local i
	for i in $(seq 12); do
		echo "<86>1 $(now) jump01 sshd 100 - - Failed password for $2 from $1 port 50$i ssh2"
	done
	echo "<86>1 $(now) jump01 sshd 100 - - Accepted password for $2 from $1 port 509 ssh2"
}
exec 5<>"/dev/tcp/127.0.0.1/$port" || fail "no connection"
for k in $(seq 20); do
	echo "<86>1 $(now) web0$((k % 3)) cron 7 - - (root) CMD (job $k)"
	[ $((k % 5)) = 0 ] && attack "198.51.100.$k" "user$k"
done >&5
until_count 'sshd' 52 20
for _ in $(seq 100); do
	"$CRESSET" incidents list --data "$data" --output ndjson >"$tmp/list"
	[ "$(grep -c . "$tmp/list")" -ge 4 ] && break
	sleep 0.1
done
ids() { grep -o '"id":"[0-9a-f]\{32\}"' | sort -u; }
ids <"$tmp/list" >"$tmp/live"
[ "$(wc -l <"$tmp/live")" = 4 ] || fail "$(wc -l <"$tmp/live") incidents instead of 4"

"$CRESSET" hunt --data "$data" --output ndjson -q >"$tmp/hunt" 2>"$tmp/summary" || fail "hunt: $(cat "$tmp/summary")"
grep '"kind":"correlation"\|"kind":"incident"' "$tmp/hunt" | ids >"$tmp/past"
diff "$tmp/live" "$tmp/past" || fail "a hunt over the running pipeline finds other incidents"
tail -1 "$tmp/hunt" | grep -q '"kind":"coverage".*"events":72,.*"sources_silent":null' || fail "coverage: $(tail -1 "$tmp/hunt")"
tail -1 "$tmp/hunt" | grep -q '"title":"Shadow copies deleted"' || fail "a rule about Windows cannot have found anything: $(tail -1 "$tmp/hunt")"

# Somebody does not want to hear of one of them for a while: it is marked, not gone, and comes back when that ends.
open_ones() { "$CRESSET" incidents list --open --data "$data" --output ndjson | grep -c .; }
"$CRESSET" incidents silence source.ip:198.51.100.5 --data "$data" --reason x >/dev/null 2>&1 && fail "a silence without an end"
"$CRESSET" incidents silence source.ip --until +1h --reason x --data "$data" >/dev/null 2>"$tmp/err" && fail "a term without a text"
grep -q "'source.ip' is no term" "$tmp/err" || fail "$(cat "$tmp/err")"
"$CRESSET" incidents silence 'rule:SSH brute*' source.ip:198.51.100.5 --until +1h --reason 'our own test' --who eve --data "$data" --output ndjson >"$tmp/silence" ||
	fail "silence"
grep -q '"reason":"our own test","who":"eve".*"incidents":1}' "$tmp/silence" || fail "$(cat "$tmp/silence")"
[ "$(open_ones)" = 3 ] || fail "$(open_ones) open incidents beside a silenced one"
[ "$("$CRESSET" incidents list --data "$data" --output ndjson | grep -c '"silenced_by"')" = 1 ] || fail "the silenced one is not marked"
id=$(grep -o '"id":"[0-9a-f]*"' "$tmp/silence" | head -1 | cut -d'"' -f4)
stop
"$CRESSET" run -c "$tmp/c.yml" >>"$tmp/run.out" 2>>"$tmp/run.err" &
run_pid=$!
await
[ "$(open_ones)" = 3 ] || fail "the silence did not live through a restart"
"$CRESSET" incidents silence --id "$id" source.ip:198.51.100.5 --until now --reason over --data "$data" --output ndjson | grep -q '"reason":"over".*"incidents":0}' ||
	fail "the silence did not end"
[ "$(open_ones)" = 4 ] || fail "$(open_ones) open incidents after the silence"

# A range in which nothing was: that is an answer, and so are the sources that were there before it.
"$CRESSET" hunt --data "$data" --output ndjson -q --from now >"$tmp/later" 2>/dev/null || fail "hunt of an empty range"
[ "$(wc -l <"$tmp/later")" = 1 ] || fail "found something in the future"
grep -q '"events":0,.*"sources_silent":\["ip 127' "$tmp/later" || fail "silent sources: $(cat "$tmp/later")"

# Unreadable rules and times are told.
"$CRESSET" hunt --data "$data" --rules /nonexistent >/dev/null 2>&1
[ $? = 3 ] || fail "rules that are not there"
"$CRESSET" hunt --data "$data" --from yesterdayish >/dev/null 2>&1
[ $? = 3 ] || fail "a time that is none"

# What was imported is of the past: nothing live, but a hunt finds it.
for i in $(seq 10 21); do echo "<86>1 2025-03-04T05:06:$i+00:00 old01 sshd 9 - - Failed password for old from 192.0.2.77 port 1$i ssh2"; done >"$tmp/old.log"
echo "<86>1 2025-03-04T05:06:39+00:00 old01 sshd 9 - - Accepted password for old from 192.0.2.77 port 19 ssh2" >>"$tmp/old.log"
"$CRESSET" import --data "$data" "$tmp/old.log" >/dev/null 2>&1 || fail "import"
"$CRESSET" hunt --data "$data" --output ndjson -q --from 2025-03-01 --to 2025-04-01 >"$tmp/imported" 2>/dev/null || fail "hunt over an import"
grep '"kind":"correlation"' "$tmp/imported" | grep -q 192.0.2.77 || fail "the import's incident was not found"
tail -1 "$tmp/imported" | grep -q '"events":13,"late":0' || fail "coverage of the import: $(tail -1 "$tmp/imported")"
"$CRESSET" incidents list --data "$data" --output ndjson | ids >"$tmp/after"
diff "$tmp/live" "$tmp/after" || fail "an import made live incidents"

# The same without an owner, where all is sealed or in the log.
exec 5>&-
stop
"$CRESSET" hunt --data "$data" --output ndjson -q --from 2025-06-01 >"$tmp/alone" 2>"$tmp/summary" || fail "hunt alone: $(cat "$tmp/summary")"
grep '"kind":"correlation"\|"kind":"incident"' "$tmp/alone" | ids >"$tmp/past"
diff "$tmp/live" "$tmp/past" || fail "a hunt without an owner finds other incidents"
grep -q '"access":.*"verb":"hunt"\|hunt' <(search 'kind:audit') || fail "no audit row tells of the hunt"
echo "# 4 incidents, the same live and past; 1 of an import"
