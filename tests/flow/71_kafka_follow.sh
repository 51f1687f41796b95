#!/bin/bash
# Followed files over a real Kafka: a collector that is killed again and again while files grow and are rotated, and a store. Every
# line is found, once. A second collector writes into the same partitions, so that places there are nobody's own.
# CRESSET_BOOTSTRAP names a broker that is there already; KILLS says how often.
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
	for s in collect other store; do echo "-- $s"; tail -8 "$tmp/$s.err"; done 2>/dev/null
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
KILLS=${KILLS:-6}
SEED=${SEED:-$RANDOM}
RANDOM=$SEED
echo "# seed $SEED, $KILLS kills"
export CRESSET_LIBRARY=${CRESSET_LIBRARY:-$PWD/rules/library}
data=$tmp/store # what search() of lib.inc asks
logs=$tmp/logs
mkdir "$logs"
prefix=follow-$$-$(date +%s).
configure() { # stage folder, more lines
	cat >"$tmp/$1.conf" <<-Y
		data: $tmp/$1
		store: {segment_age_s: 3}
		$2
		bus:
		  kind: kafka
		  bootstrap: $CRESSET_BOOTSTRAP
		  topic_prefix: $prefix
		  partitions: {events: 2, matches: 1, incidents: 1}
	Y
}
configure collect "inputs: [{file: '$logs/a*.log*'}]"
configure other "inputs: [{file: '$logs/b*.log'}]"
configure store "inputs: []"
start_stage() { # folder, verb
	"$CRESSET" "$2" -c "$tmp/$1.conf" >>"$tmp/$1.out" 2>>"$tmp/$1.err" &
	pids[$1]=$!
}
kill_stage() { kill -9 "${pids[$1]}"; wait "${pids[$1]}" 2>/dev/null; }
start_stage collect collect
start_stage other collect
start_stage store store
n=0 m=0
write() { # a little of everything
	local i
	for ((i = 0; i < 40; i++)); do printf '<134>1 - h app - - - followed n=%07d.\n' $((n + i)); done >>"$logs/a$((RANDOM % 3)).log"
	n=$((n + i))
	for ((i = 0; i < 30; i++)); do printf '<134>1 - h app - - - beside n=%07d.\n' $((m + i)); done >>"$logs/b$((RANDOM % 3)).log"
	m=$((m + i))
}
for ((k = 1; k <= KILLS; k++)); do
	for ((r = RANDOM % 40 + 20; r > 0; r--)); do
		write
		sleep 0.05
	done
	which=$((RANDOM % 3))
	[ -e "$logs/a$which.log" ] && mv "$logs/a$which.log" "$logs/a$which.log.$k"
	kill_stage collect
	write
	start_stage collect collect
done
write
until_count followed "$n" 60
until_count beside "$m" 60
kill -TERM "${pids[collect]}"
wait "${pids[collect]}" || fail "the collector ended with $?"
start_stage collect collect
write
until_count followed "$n" 60
sleep 2
numbers() { search "$1" | sed -n 's/.*"original":"[^"]*\(n=[0-9]\{7\}\.\)".*/\1/p' | sort; }
each_once() { # word, how many
	local i
	numbers "$1" >"$tmp/all"
	for ((i = 0; i < $2; i++)); do printf 'n=%07d.\n' "$i"; done >"$tmp/must"
	[ -z "$(uniq -d "$tmp/all")" ] || fail "$1: doubled: $(uniq -d "$tmp/all" | wc -l), the first $(uniq -d "$tmp/all" | head -3)"
	cmp -s "$tmp/must" "$tmp/all" || fail "$1: lost: $(comm -23 "$tmp/must" "$tmp/all" | wc -l)"
}
each_once followed "$n"
each_once beside "$m"
echo "# $n lines of a collector that was killed, $m of another, each once"
exit 0
