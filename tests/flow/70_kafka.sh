#!/bin/bash
# The same pipeline over a real Kafka: collect, two detectors that share the events partitions, two correlators that share those
# of matches, and store: six processes with folders of their own. Every line is found, once, and the incidents are those of
# `scan` over the same lines; also when each of them is killed in the middle, and when the broker stands still.
# Then the demo. CRESSET_BOOTSTRAP names a broker that is there already; KILLS says how many are killed.
. tests/flow/lib.inc
finish_kafka() {
	for s in "${!pids[@]}"; do kill -9 "${pids[$s]}" 2>/dev/null; done
	[ -n "${KAFKA_RUN:-}" ] && tests/kafka/stop
	finish
}
declare -A pids
trap finish_kafka EXIT
fail() {
	echo "FAILED: $*"
	for s in collect detect-a detect-b correlate-a correlate-b store; do echo "-- $s"; tail -8 "$tmp/$s.err"; done 2>/dev/null
	exit 1
}

if [ -z "${CRESSET_BOOTSTRAP:-}" ]; then
	export KAFKA_RUN=$tmp/kafka
	CRESSET_BOOTSTRAP=$(tests/kafka/start 2>"$tmp/kafka.err")
	case $? in
	0) ;;
	77) cat "$tmp/kafka.err"; exit 77 ;;
	*) fail "the broker did not start: $(tail -3 "$tmp/kafka.err")" ;;
	esac
fi
KILLS=${KILLS:-5}
SEED=${SEED:-$RANDOM}
RANDOM=$SEED
echo "# seed $SEED, $KILLS kills"
export CRESSET_LIBRARY=${CRESSET_LIBRARY:-$PWD/rules/library}
port=$(free_port)
data=$tmp/store # what search() of lib.inc asks

prefix=flow-$$-$(date +%s). # topics of our own, also on a broker that others use
configure() { # stage folder, verb, owned partitions, more lines
	cat >"$tmp/$1.conf" <<-Y
		data: $tmp/$1
		defaults: {timezone: "+00:00", relay: true}
		rules: $PWD/rules/library/sigma
		store: {segment_age_s: 3}
		bus:
		  kind: kafka
		  bootstrap: $CRESSET_BOOTSTRAP
		  topic_prefix: $prefix
		  partitions: {events: 4, matches: 4, incidents: 4}
		  own: {$2}
	Y
}
configure collect ''
sed -i '/own: {}/d' "$tmp/collect.conf"
printf 'inputs:\n  - {syslog: "127.0.0.1:%s", receive_buffer: 4194304}\n' "$port" >>"$tmp/collect.conf"
configure detect-a 'events: 0-1'
configure detect-b 'events: 2-3'
configure correlate-a 'matches: 0-1'
configure correlate-b 'matches: 2-3'
configure store 'events: 0-3, incidents: 0-3'

status() { "$CRESSET" status --data "$tmp/$1" --output ndjson 2>/dev/null; }
launch() { # stage: until it answers
	"$CRESSET" "${1%-[ab]}" -c "$tmp/$1.conf" >>"$tmp/$1.out" 2>>"$tmp/$1.err" &
	pids[$1]=$!
}
answers() {
	for _ in $(seq 300); do
		[ -S "$tmp/$1/control.sock" ] && status "$1" >"$tmp/$1.status" && [ -s "$tmp/$1.status" ] && return 0
		kill -0 "${pids[$1]}" 2>/dev/null || fail "$1 ended by itself"
		sleep 0.1
	done
	fail "$1 did not answer within 30 s"
}
end() { # stage: SIGTERM, exit code 0
	kill -TERM "${pids[$1]}"
	wait "${pids[$1]}"
	local code=$?
	unset "pids[$1]"
	[ "$code" = 0 ] || fail "$1 ended with $code on SIGTERM"
}

sent=0
n=0
: >"$tmp/lines"
tcp() { printf '%s\n' "$1" | tee -a "$tmp/lines" >&3; sent=$((sent + 1)); }
udp() { printf '%s' "$1" >"/dev/udp/127.0.0.1/$port"; printf '%s\n' "$1" >>"$tmp/lines"; sent=$((sent + 1)); }
now() { date -u +%Y-%m-%dT%H:%M:%S.%3NZ; }
ordinary() { # how many lines, of 40 hosts, every fourth over UDP
	local i line t
	t=$(now)
	for ((i = 0; i < $1; i++)); do
		n=$((n + 1))
		line=$(printf '<134>1 %s host%02d app - - - ordinary n=%08d.' "$t" $((n % 40)) "$n")
		if [ $((n % 4)) = 0 ]; then udp "$line"; else tcp "$line"; fi
	done
}
scan_ports() { # address, firewall, first, count
	local i
	for ((i = $3; i < $3 + $4; i++)); do
		udp "$(printf '<164>%s %s : %%ASA-4-106023: Deny tcp src outside:%s/40%03d dst dmz:10.20.0.15/%d by access-group "outside_in" [0x1, 0x0]' \
			"$(date -u '+%b %e %H:%M:%S')" "$2" "$1" "$i" $((100 + i)))"
	done
}
guess() { # address, count: over three hosts, whose lines are in different partitions
	local i
	for ((i = 0; i < $2; i++)); do
		tcp "<86>1 $(now) jump01 sshd 811 - - Failed password for root from $1 port 40112 ssh2"
	done
}
login() { tcp "<86>1 $(now) $2 sshd 811 - - Accepted password for root from $1 port 40112 ssh2"; }

# What rests on a list is told behind the watermark, five minutes later than all of this: 47_hunt_lists.sh waits for such.
fields() { grep -v '"title":"Login from an address that scanned"' | sed -n 's/.*"title":"\([^"]*\)".*"group":\({[^}]*}\).*/\1 \2/p' | sort; }
same_incidents() { # seconds, what for
	"$CRESSET" scan --rules rules/library/sigma --output ndjson "$tmp/lines" 2>/dev/null | grep '"kind":"correlation"' | fields >"$tmp/scan"
	[ -s "$tmp/scan" ] || fail "scan finds no incident in these lines"
	for _ in $(seq $(($1 * 2))); do
		"$CRESSET" incidents list --data "$data" --output ndjson | fields >"$tmp/live"
		cmp -s "$tmp/scan" "$tmp/live" && return 0
		sleep 0.5
	done
	diff "$tmp/scan" "$tmp/live"
	fail "$2: the incidents are not those of scan"
}
all_once() { # seconds, what for
	until_count '*' "$sent" "$1"
	[ "$(count '*')" = "$sent" ] || fail "$2: $(count '*') found of $sent sent"
	search ordinary | sed -n 's/.*"original":"[^"]*\(n=[0-9]\{8\}\.\)".*/\1/p' | sort >"$tmp/numbers"
	[ "$(wc -l <"$tmp/numbers")" = "$n" ] || fail "$2: $(wc -l <"$tmp/numbers") of $n ordinary lines"
	[ -z "$(uniq -d "$tmp/numbers")" ] || fail "$2: doubled: $(uniq -d "$tmp/numbers" | head -3)"
}

# ---- they start in any order, and say what they do ----
for s in store correlate-a correlate-b detect-b collect detect-a; do launch "$s"; done
for s in collect detect-a detect-b correlate-a correlate-b store; do answers "$s"; done
grep -q '"ingest":{' "$tmp/collect.status" || fail "status of collect: $(cat "$tmp/collect.status")"
grep -q '"detect":{' "$tmp/detect-a.status" || fail "status of detect: $(cat "$tmp/detect-a.status")"
grep -q '"temporal":{' "$tmp/correlate-a.status" || fail "status of correlate: $(cat "$tmp/correlate-a.status")"
grep -q '"store":{' "$tmp/store.status" || fail "status of store: $(cat "$tmp/store.status")"
refused() { # stage, what it must say
	"$CRESSET" search --data "$tmp/$1" x >/dev/null 2>"$tmp/refused"
	[ $? = 3 ] && grep -q "$2" "$tmp/refused" || fail "search of $1: $(cat "$tmp/refused")"
}
refused detect-a 'keeps no store'
refused collect 'keeps no store'

# ---- the first story ----
exec 3<>"/dev/tcp/127.0.0.1/$port" || fail "collect does not listen"
ordinary 60
scan_ports 203.0.113.77 fw-edge 0 25
guess 203.0.113.77 12
sleep 1.2 # the firewall tells whole seconds
login 203.0.113.77 jump01
ordinary 60
all_once 30 "first story"
same_incidents 30 "first story"
grep -q 'SSH brute force followed by a login' "$tmp/live" && grep -q 'Port scan followed by a login' "$tmp/live" ||
	fail "two incidents were sent: $(cat "$tmp/live")"
spread=$(search '*' | sed -n 's/.*"partition":\([0-9]*\).*/\1/p' | sort -u | tr '\n' ' ')
[ "$spread" = '0 1 2 3 ' ] || fail "the lines lie in the partitions $spread only"

# ---- the second: in each round an attack, and somebody is killed in the middle of it ----
victims=$(shuf -e detect-a detect-b correlate-a correlate-b store)
for ((k = 0; k < KILLS; k++)); do
	victim=$(echo "$victims" | sed -n "$((k % 5 + 1))p")
	address=198.51.100.$((k + 1))
	scan_ports "$address" fw-east 0 15
	guess "$address" 6
	ordinary 40
	sleep "0.$((RANDOM % 10))"
	kill -9 "${pids[$victim]}"
	scan_ports "$address" fw-west 15 15
	guess "$address" 6
	wait "${pids[$victim]}" 2>/dev/null
	launch "$victim"
	ordinary 40
	sleep 1.2
	login "$address" jump02
	answers "$victim"
done
all_once 40 "second story"
same_incidents 40 "second story"

# ---- the third: the broker stands still for a while, and a detector is killed over it ----
if [ -n "${KAFKA_RUN:-}" ]; then
	ordinary 40
	guess 192.0.2.15 8
	kill -STOP "$(cat "$KAFKA_RUN/pid")"
	guess 192.0.2.15 8
	ordinary 40
	sleep 2.5
	kill -9 "${pids[detect-a]}"
	wait "${pids[detect-a]}" 2>/dev/null
	launch detect-a
	login 192.0.2.15 jump03
	status collect | grep -q '"received"' || fail "collect does not answer while the broker stands still"
	kill -CONT "$(cat "$KAFKA_RUN/pid")"
	answers detect-a
	all_once 60 "third story"
	same_incidents 40 "third story"
fi

# ---- what was sent is kept when the collector is told to stop at once ----
ordinary 120
end collect
exec 3>&-
all_once 30 "after the stop"
same_incidents 20 "after the stop"
refused collect 'does not run now'
for s in detect-a detect-b correlate-a correlate-b store; do end "$s"; done

# ---- and found again by all of them ----
for s in detect-a detect-b correlate-a correlate-b store; do launch "$s"; done
for s in detect-a detect-b correlate-a correlate-b store; do answers "$s"; done
sleep 2
all_once 30 "after a restart"
same_incidents 30 "after a restart"
for s in detect-a detect-b correlate-a correlate-b store; do end "$s"; done

# ---- and the demo over it ----
CRESSET_BOOTSTRAP=$CRESSET_BOOTSTRAP timeout 150 "$CRESSET" demo --bus kafka --seed 7 >"$tmp/demo.out" 2>"$tmp/demo.err" </dev/null ||
	fail "the demo over Kafka ended with $?: $(tail -5 "$tmp/demo.out" "$tmp/demo.err")"
grep -q '^Incidents found: 6$' "$tmp/demo.out" || fail "the demo over Kafka: $(grep '^Incidents' "$tmp/demo.out")"
echo "# $sent lines sent and found once, $(wc -l <"$tmp/live") incidents as by scan"
exit 0
