#!/bin/bash
# A YARA rule that eats the processor: it is put into quarantine, the operator is told, the others go on, a crash does not lift it,
# and a restart does.
# shellcheck source=tests/flow/lib.inc
. "$(dirname "$0")/lib.inc"
export CRESSET_LIBRARY=${CRESSET_LIBRARY:-$PWD/rules/library}
port=$(free_port)
mkdir "$tmp/rules"
# Looks at every pair of octets, and finds nothing, but in one kind of line.
cat >"$tmp/rules/slow.yar" <<'END'
rule slow_loop {
  meta: id = "11111111-2222-4333-8444-5555555555aa"
        level = "low"
  strings: $a = "marker"  $b = "shibboleth"
  condition: $b or ($a and for any i in (0..filesize) : (for any j in (0..filesize) : (uint8(i) + uint8(j) == 1000)))
}
END
# Stands with it, in the same lines, and costs nothing.
cat >"$tmp/rules/quick.yar" <<'END'
rule quick { meta: level = "low" strings: $a = "marker" condition: $a }
END
printf 'data: %s\ninputs: [{syslog: 127.0.0.1:%s}]\nrules: [%s]\n' "$data" "$port" "$tmp/rules" >"$tmp/c.yml"
begin() {
	"$CRESSET" run -c "$tmp/c.yml" >>"$tmp/run.out" 2>>"$tmp/run.err" </dev/null &
	run_pid=$!
	await
}
send() { # text, from, to
	for _ in $(seq 200); do
		exec 5<>"/dev/tcp/127.0.0.1/$port" && break
		sleep 0.05
	done 2>/dev/null
	for i in $(seq "$2" "$3"); do echo "<14>1 - host1 app - - - $1 $i $long"; done >&5
	exec 5>&-
}
told() { count "kind:finding \"$1\""; }
long=$(head -c 320 /dev/zero | tr '\0' 'x')
begin
send 'shibboleth' 1 3
until_count 'kind:finding "slow_loop"' 3 20

# It takes some ms for each of these, and nothing else is there to be judged: more than 5 ms an event, on and on.
for round in $(seq 30); do
	send 'marker' $((round * 100)) $((round * 100 + 99))
	sleep 1
	grep -q "the YARA rule 'slow_loop' (.*slow.yar:1) took [0-9]* ns an event, its budget is 5000000: it is judged no more" "$tmp/run.err" && break
done
grep -q "the YARA rule 'slow_loop'" "$tmp/run.err" || fail "not in quarantine after $round rounds: $("$CRESSET" rules cost --data "$data" --output ndjson 2>&1)"
grep -q "the YARA rule 'quick'" "$tmp/run.err" && fail "an innocent rule is in quarantine"
until_count 'kind:ledger quarantined slow_loop' 1 20
search 'kind:ledger quarantined slow_loop' >"$tmp/row"
for part in '"stage":"detect"' '"title":"slow_loop"' 'slow.yar"' '"line":1' '"budget_ns_per_event":5000000' '"not_judged_from":"20'; do
	sed 's/\\"/"/g' "$tmp/row" | grep -q "$part" || fail "the row does not say $part: $(cat "$tmp/row")"
done
"$CRESSET" status --data "$data" --output ndjson >"$tmp/status"
grep -q '"quarantined":\[{"rule":{"id":"11111111-2222-4333-8444-5555555555aa","title":"slow_loop"},' "$tmp/status" ||
	fail "status does not list it: $(cat "$tmp/status")"
"$CRESSET" rules cost --data "$data" --output ndjson >"$tmp/cost" 2>"$tmp/sum"
head -1 "$tmp/cost" | grep -q '"title":"slow_loop".*"quarantined":true' || fail "it does not cost most: $(cat "$tmp/cost")"
grep -q '"title":"quick".*"quarantined":false' "$tmp/cost" || fail "no cost of the other: $(cat "$tmp/cost")"
grep -q '"events":[0-9]*,"shared_ns":[0-9]*,"exact_ns":' "$tmp/sum" || fail "no sum: $(cat "$tmp/sum")"

# The other goes on, and it stays where it is, over a crash as well.
before=$(told quick)
send 'marker shibboleth' 9001 9003
until_count 'kind:finding "quick"' $((before + 3)) 30
[ "$(told slow_loop)" = 3 ] || fail "it is judged in quarantine"
sleep 2.5
kill -9 "$run_pid"
wait "$run_pid" 2>/dev/null
begin
send 'marker shibboleth' 9004 9006
until_count 'kind:finding "quick"' $((before + 6)) 30
[ "$(told slow_loop)" = 3 ] || fail "a crash has lifted the quarantine"
[ "$(count 'kind:ledger quarantined slow_loop')" = 1 ] || fail "told twice"

# A planned end lifts it, and says so.
stop
begin
[ "$(count 'kind:ledger lifted slow_loop')" = 1 ] || fail "nobody says that it is judged again"
send 'marker shibboleth' 9007 9009
until_count 'kind:finding "slow_loop"' 6 30
stop
echo "quarantine after $round rounds"
