#!/bin/bash
# Files that grow, are rotated by rename, by copy and truncation, and appear by pattern, while the owner and its ingest are
# killed at random moments: every line is found, once. KILLS says how often.
. tests/flow/lib.inc
KILLS=${KILLS:-8}
SEED=${SEED:-$RANDOM}
RANDOM=$SEED
echo "# seed $SEED, $KILLS kills"
logs=$tmp/logs
mkdir "$logs"
cat >"$tmp/conf" <<Y
inputs:
  - file: $logs/app.log
  - {file: "$logs/*/*.txt", timezone: "+08:00"}
Y
begin() {
	"$CRESSET" run --data "$data" --config "$tmp/conf" >>"$tmp/run.out" 2>>"$tmp/run.err" &
	run_pid=$!
	await
}
victim() { pgrep -P "$run_pid" -x "cresset-$1"; }

# Lines by their number: n goes on over all files. A file is rotated when it has been seen, which takes a moment after a kill.
writer() {
	local n=0 i round=0 first=0
	mkdir -p "$logs/d1"
	while [ ! -e "$tmp/enough" ]; do
		round=$((round + 1))
		for ((i = 0; i < 60; i++)); do
			printf '<134>1 - h app - - - followed n=%07d.\n' $((n + i))
		done >>"$logs/app.log"
		n=$((n + i))
		for ((i = 0; i < 5; i++)); do
			printf 'followed n=%07d.\n' $((n + i))
		done >>"$logs/d1/$((round / 20)).txt"
		n=$((n + i))
		if [ $((round % 25)) = 0 ]; then
			until [ "$(count "n=$(printf %07d $first)" 2>/dev/null)" = 1 ]; do sleep 0.2; done
			mv "$logs/app.log" "$logs/app.log.$((round / 25))"
			printf '<134>1 - h app - - - followed n=%07d.\n' "$n" >>"$logs/app.log.$((round / 25))"
			n=$((n + 1))
			first=$n
		fi
		echo "$n" >"$tmp/next"
		sleep 0.05
	done
}
begin
writer &
other_pids=$!
for ((k = 1; k <= KILLS; k++)); do
	sleep "$((RANDOM % 2)).$((RANDOM % 10))"
	case $((RANDOM % 3)) in
	0)
		kill -9 "$(victim ingest)"
		sleep 1.2
		await
		;;
	*)
		kill -9 "$run_pid"
		wait "$run_pid" 2>/dev/null
		sleep 0.1
		begin
		;;
	esac
done
: >"$tmp/enough"
wait "$other_pids"
other_pids=
n=$(cat "$tmp/next")
until_count followed "$n" 30
# Copied and truncated: what was read before, and what comes after.
cp "$logs/app.log" "$logs/app.copy"
: >"$logs/app.log"
for ((i = 0; i < 3000; i++)); do printf '<134>1 - h app - - - followed n=%07d.\n' $((n + i)); done >>"$logs/app.log"
n=$((n + 3000))
until_count followed "$n" 20
# A line that nothing ended is taken when its file has been let go.
printf '<134>1 - h app - - - followed n=%07d.' "$n" >>"$logs/app.log"
sleep 1
[ "$(count followed)" = "$n" ] || fail "a line was taken before its end"
mv "$logs/app.log" "$logs/app.log.last"
n=$((n + 1))
until_count followed "$n" 20
stop
begin
sleep 1.5
stop
search followed | sed -n 's/.*"original":"[^"]*\(n=[0-9]\{7\}\.\)".*/\1/p' | sort >"$tmp/all"
for ((i = 0; i < n; i++)); do printf 'n=%07d.\n' "$i"; done >"$tmp/must"
[ -z "$(uniq -d "$tmp/all")" ] || fail "doubled: $(uniq -d "$tmp/all" | wc -l), the first $(uniq -d "$tmp/all" | head -3)"
cmp -s "$tmp/must" "$tmp/all" || fail "lost: $(comm -23 "$tmp/must" "$tmp/all" | wc -l), the first $(comm -23 "$tmp/must" "$tmp/all" | head -3)"
[ "$(search 'kind:gap' | wc -l)" = 0 ] || fail "gaps are told: $(search 'kind:gap' | head -3)"
search 'kind:audit' | grep -q "file_followed.*$logs/app.log" || fail "which file a source is, is not said"
"$CRESSET" fsck --data "$data" >/dev/null 2>"$tmp/fsck" || fail "fsck: $(cat "$tmp/fsck")"
echo "# $n lines, each once"
exit 0
