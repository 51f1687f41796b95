# The section "rules" of bench/run, which reads this file: a public Sigma set over real Windows events, and its part of the page.
SIGMA_SET=${SIGMA_SET:-../shared/examples/sigma-rules.tar.zst}
SIGMA_EVENTS=${SIGMA_EVENTS:-../shared/examples/sigma-windows-events.jsonl.zst}
PUBLIC="## Public Sigma rules over Windows events"
events=$work/sigma/events.ndjson
rules_corpus() {
	[ -r "$SIGMA_SET" ] && [ -r "$SIGMA_EVENTS" ] || { say "rules: skipped, no $SIGMA_SET or $SIGMA_EVENTS"; return 1; }
	command -v python3 >/dev/null || { say "rules: skipped, no python3"; return 1; }
	mkdir -p "$work/public" "$work/sigma"
	zstd -dcq "$SIGMA_SET" | tar -xf - -C "$work/public" || die "cannot unpack $SIGMA_SET"
	python3 bench/rules_corpus.py "$SIGMA_EVENTS" "$work/public" "$SEED" "$work/sigma" || die "no corpus for rules"
}
detect_ns() { pass detect "$events" "$work/sigma/$1" | cut -d' ' -f3; } # folder with rules
more_rules() {
	local a= b= c= d= counts
	say "rules: $(wc -l <"$events") Windows events, each in twelve orders, $(ls "$work/sigma/rules-all" | wc -l) public rules"
	for _ in $(seq "$PAIRS"); do
		a="$a $(detect_ns rules-100)"
		b="$b $(detect_ns rules-1000)"
		counts=$(pass detect "$events" "$work/sigma/rules-all")
		c="$c $(cut -d' ' -f3 <<<"$counts")"
		d="$d $(detect_ns rules-10000)"
	done
	row "1,000 public rules, against 100" "ns/event" "$b" "$a" "\`bench_parse\` on Windows events as JSON, parsing counts on both sides"
	row "all public rules, against 100" "ns/event" "$c" "$a" "the same"
	row "10,000 rules (copies with other letters), against all" "ns/event" "$d" "$c" "the same"
	single "rules judged for an event, values compared for them" "$(cut -d' ' -f4 <<<"$counts"), $(cut -d' ' -f6 <<<"$counts")" "-" "-" "all public rules; $(cut -d' ' -f7 <<<"$counts") findings"
}
# The whole path on plain syslog with few, many and more rules.
path_rules() {
	local a= b= c= data=$work/data-rules
	say "rules: the whole path with 100, all and 10,000 public rules"
	for _ in $(seq "$PAIRS"); do
		RULES=$work/sigma/rules-100 whole_path "$data"; a="$a $took"
		RULES=$work/sigma/rules-all whole_path "$data"; b="$b $took"
		RULES=$work/sigma/rules-10000 whole_path "$data"; c="$c $took"
	done
	rm -rf "$data"
	row "whole path with all public rules, against 100" "us/event" "$b" "$a" "\`cresset run\` on plain syslog, until sealed"
	row "whole path with 10,000 rules, against all" "us/event" "$c" "$b" "the same"
}
# What was measured now, or else what the page says already.
part_rules() {
	if [ ! -s "$work/rows.rules" ]; then
		awk -v h="$PUBLIC" '/^## / {p = $0 == h} p && !/^$/ {print blank $0; blank = ""} p && /^$/ {blank = "\n"}' "$OUT" 2>/dev/null
		return
	fi
	cat <<PAGE
$PUBLIC

- Events: $(wc -l <"$events") JSON lines of $(($(stat -c %s "$events") / $(wc -l <"$events"))) octets, SHA-256 $(sha256sum "$events" | cut -c1-16)...; for the whole path $lines lines of \`bench/gen.c\`.
- Load at the start $load. Command: \`make bench SECTIONS=rules PAIRS=$PAIRS MB=$MB SEED=$SEED\`, version $("$cresset" --version | cut -d' ' -f2), $(date -u +%F).

PAGE
	table "$work/rows.rules"
	cat <<PAGE

The rules and the events are public sets, which this tree does not carry; 10,000 rules are the set and copies of it with one letter of
six changed. Against rsigma: whole programs over the same file with the rules that both load, findings written by both; user and system
time, less that of the same command with no event. Without its routing rsigma tries rules of other products, services and categories
too: what it finds alone are those (one rule for Zeek holds for every event). For its routing an event has its log source as fields
product, service and category; Cresset takes it from channel and event number in both rows. What one side finds alone then is the
process creation of the Security log (4688): to Cresset it is one, with the fields that such rules name, and no event of a database.
PAGE
}
# The page with this part anew: where it stood, or before the first other heading.
put_rules() {
	awk -v h="$PUBLIC" -v part="$work/part.rules" '
		function put(  l) {if (done++) return; while ((getline l <part) > 0) print l; if (l != "") print ""}
		/^## / {put(); skip = $0 == h}
		!skip
		END {put()}' "$OUT" >"$work/page" && cp "$work/page" "$OUT"
}
