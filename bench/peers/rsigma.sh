# rsigma, the Sigma engine in Rust, beside `cresset scan`: same rules, same events, whole programs. bench/run reads this file and
# gives it $cresset, $work, $PAIRS and the functions row, single, user_s, say and die.
#
#   RSIGMA=path      the program (default: the one on PATH)
RSIGMA_WANTED=0.23.0
rsigma=${RSIGMA:-$(command -v rsigma)}

scan_cresset() { "$cresset" scan -q --output ndjson --format json --rules "$both" --cache "$work/cache" "$1"; } # FILE
scan_rsigma() { # FILE, options...
	local events=$1
	shift
	"$rsigma" engine eval --no-stats --input-format json -r "$both" -e "@$events" "$@"
}

# The rules both load, as the folder $both: neither side is spared what only the other one refuses.
rules_of_both() { # folder with all
	both=$work/sigma/rules-both
	cp -r "$1" "$both"
	scan_told=$("$cresset" scan --output ndjson --rules "$1" --cache "$work/cache" "$work/none" 2>&1 >/dev/null)
	refused=$(sed -n 's/^\([^ ]*\):[0-9]*:[0-9]*: error: .*/\1/p' <<<"$scan_told" | sort -u)
	for f in $refused; do rm -f "$both/${f##*/}"; done
	rsigma_refused=$("$rsigma" rule validate "$1" | awk '/(Parse|Compile) errors:/ {n += $3} END {print n + 0}')
	"$rsigma" rule validate "$both" >"$work/validated" || die "rsigma refuses rules that Cresset takes: $(tail -3 "$work/validated")"
}
# user + system microseconds an event, less what it takes for no event: loading rules is not counted.
scan_us() { # function, FILE, options...
	local scan=$1 events=$2 full empty
	shift 2
	full=$(user_s "$scan" "$events" "$@")
	empty=$(user_s "$scan" "$work/none" "$@")
	awk -v f="$full" -v e="$empty" -v n="$(wc -l <"$events")" 'BEGIN {printf "%.2f", (f - e) * 1e6 / n}'
}
# What both found: "pairs of both, of Cresset alone, of rsigma alone", the rules that differ on standard error.
compare_pairs() { # FILE, rsigma's options...
	local events=$1
	scan_cresset "$events" >"$work/ours" 2>>"$work/errors" || die "scan failed"
	scan_rsigma "$@" --include-event >"$work/theirs" 2>>"$work/errors" || die "rsigma failed: $(tail -1 "$work/errors")"
	python3 bench/peers/pairs.py "$events" "$work/ours" "$work/theirs" || die "pairs cannot be compared"
}
against_rsigma() { # WHAT, FILE, rsigma's options...
	local what=$1 a= b= pairs
	shift
	pairs=$(compare_pairs "$@") || exit 1
	for _ in $(seq "$PAIRS"); do
		a="$a $(scan_us scan_cresset "$1")"
		b="$b $(scan_us scan_rsigma "$@")"
	done
	row "$what" "us/event" "$a" "$b" "\`rsigma engine eval${2:+ ${*:2}}\`; $(awk '{print "both found " $1 " (rule, event) pairs, Cresset alone " $2 ", rsigma alone " $3}' <<<"$pairs")"
}
bench_rsigma() { # folder with rules, events, the same with log source fields
	local how="cargo install rsigma --version $RSIGMA_WANTED --locked"
	if [ ! -x "$rsigma" ]; then
		say "rules: rsigma skipped, it is not installed ($how)"
		single "public rules, \`cresset scan\` against rsigma" "-" "skipped: rsigma is not installed (\`$how\`)" "-" ""
		return
	fi
	: >"$work/none"
	rules_of_both "$1"
	version=$("$rsigma" --version | sed -n '1s/^rsigma //p')
	say "rsigma $version: $(ls "$both" | wc -l) rules that both load; Cresset refuses $(wc -w <<<"$refused"), rsigma $rsigma_refused"
	against_rsigma "$(ls "$both" | wc -l) public rules, \`cresset scan\` against rsigma $version" "$2"
	against_rsigma "the same, rsigma with its log source routing" "$3" --logsource-routing
}
