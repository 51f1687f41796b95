#!/bin/bash
# Rules that somebody wrote to hurt: each is refused with a reason or bounded, within 10 s and 512 MiB, and the good rule beside it
# still loads and finds.
# shellcheck source=tests/flow/lib.inc
. "$(dirname "$0")/lib.inc"
export CRESSET_LIBRARY=${CRESSET_LIBRARY:-$PWD/rules/library}
mkdir "$tmp/r"
cat >"$tmp/r/good.yml" <<'END'
title: Good
logsource: {product: linux}
detection: {s: {message|contains: needle}, condition: s}
END
echo '{"message":"a needle"}' >"$tmp/event.json"
case "$BUILD" in asan | tsan) room=unlimited ;; *) room=524288 ;; esac
bounded() { (ulimit -v "$room"; exec timeout 10 "$CRESSET" "$@"); }
hostile=0
# file name, "refused" or "loads", what a refusal says; the file is written already
expect() {
	hostile=$((hostile + 1))
	bounded rules check "$tmp/r" >"$tmp/out" 2>"$tmp/err"
	local code=$?
	case "$2" in
	refused)
		[ $code = 2 ] || fail "$1: exit $code: $(tail -c 300 "$tmp/out") $(tail -c 300 "$tmp/err")"
		grep '"level":"error"' "$tmp/out" | grep -q "$3" || fail "$1: '$3' is not said: $(head -c 600 "$tmp/out")" ;;
	loads) [ $code = 0 ] || fail "$1: exit $code: $(tail -c 300 "$tmp/out") $(tail -c 300 "$tmp/err")" ;;
	esac
	bounded scan -q --rules "$tmp/r" "${4:-$tmp/event.json}" >"$tmp/out" 2>"$tmp/err" || fail "$1: scan ends with $?: $(tail -c 300 "$tmp/err")"
	[ -n "${4:-}" ] || grep -q '"title":"Good"' "$tmp/out" || fail "$1: the good rule does not find any more"
	rm -f "$tmp/r/$1"
}
rule() { printf 'title: H\nlogsource: {product: linux}\ndetection:\n%s\n' "$1"; }
repeat() { printf "%0.s$1" $(seq "$2"); }

# Deep: lists in lists, parentheses, nots.
rule "  s: $(repeat '[' 200){a: 1}$(repeat ']' 200)
  condition: s" >"$tmp/r/deep.yml"
expect deep.yml refused 'deep'
rule "  s: {a: 1}
  condition: $(repeat '(' 500)s$(repeat ')' 500)" >"$tmp/r/parens.yml"
expect parens.yml refused 'parentheses'
rule "  s: {a: 1}
  condition: $(repeat 'not ' 3000)s" >"$tmp/r/not.yml"
expect not.yml loads

# Wide: ten thousand alternatives, a condition of 1 MB, ten thousand selections under a pattern.
{ rule "  s:
    message|contains:"; for i in $(seq 10000); do echo "      - 'alternative number $i of many'"; done; echo '  condition: s'; } >"$tmp/r/wide.yml"
expect wide.yml loads
rule "  s: {a: 1}
  condition: $(head -c 1040000 /dev/zero | tr '\0' 's')" >"$tmp/r/megabyte.yml"
expect megabyte.yml refused .
rule "  s: {a: 1}
  condition: s$(repeat ' or s' 200000)" >"$tmp/r/long.yml"
expect long.yml refused 'too long'
{ rule '  x: {a: 1}'; for i in $(seq 10000); do echo "  s$i: {a: $i}"; done; echo '  condition: 1 of s*'; } >"$tmp/r/selections.yml"
expect selections.yml loads
head -c 3000000 /dev/zero | tr '\0' '#' >"$tmp/r/large.yml"
expect large.yml refused .

# YAML that grows, keys that stand twice, tags.
{ echo 'a: &a [x,x,x,x,x,x,x,x,x,x]'; p=a; for n in b c d e f g h i; do echo "$n: &$n [*$p,*$p,*$p,*$p,*$p,*$p,*$p,*$p,*$p,*$p]"; p=$n; done
	rule "  s: {a: *i}
  condition: s"; } >"$tmp/r/laughs.yml"
expect laughs.yml refused 'nodes\|title\|large'
rule "  s: {a: 1, a: 2}
  condition: s" >"$tmp/r/twice.yml"
expect twice.yml refused 'twice'
rule "  s: {a: !!python/object/apply:os.system ['true']}
  condition: s" >"$tmp/r/tag.yml"
expect tag.yml refused 'tag'

# Regular expressions that run away stop at their limit and say undecided; others are too large.
rule "  s: {message|re: '^(a+)+\$'}
  condition: s" >"$tmp/r/runaway.yml"
expect runaway.yml loads
rule "  s: {message|re: '^(a+)+\$'}
  condition: s" >"$tmp/r/runaway.yml"
for _ in $(seq 2000); do echo '{"message":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"}'; done >"$tmp/many.json"
expect runaway.yml loads . "$tmp/many.json"
rule "  s: {message|re: '$(repeat '(a{0,60000}' 50)$(repeat ')' 50)'}
  condition: s" >"$tmp/r/huge.yml"
expect huge.yml loads
rule "  s: {message|re: '$(repeat 'a?' 2500)'}
  condition: s" >"$tmp/r/longre.yml"
expect longre.yml refused .

# Correlations that go round, name thousands, or want the impossible.
for i in 1 2 3; do
	printf -- '---\ntitle: C%s\nname: c%s\ncorrelation: {type: event_count, rules: [c%s], group-by: [a], timespan: 1m, condition: {gte: 1}}\n' "$i" "$i" $((i % 3 + 1))
done >"$tmp/r/circle.yml"
expect circle.yml refused 'itself'
printf 'title: C\ncorrelation: {type: temporal, rules: [%s], group-by: [a], timespan: 1m}\n' "$(seq -s, 1 20000 | sed 's/\([0-9]*\)/r\1/g')" >"$tmp/r/names.yml"
expect names.yml refused .
printf 'title: C\ncorrelation: {type: event_count, rules: [Good], group-by: [a], timespan: 99999999999999w, condition: {gte: 18446744073709551615}}\n' >"$tmp/r/span.yml"
expect span.yml refused 'timespan'

# YARA: regular expressions that explode, jumps, a hundred thousand strings, a rule without end.
printf 'rule bomb { strings: $a = /%s/ condition: $a }\n' "$(repeat '(a{1,30}' 12)$(repeat '){1,30}' 12)" >"$tmp/r/bomb.yar"
expect bomb.yar refused .
printf 'rule dots { strings: $a = /.*.*.*.*.*.*.*.*x/ condition: $a }\n' >"$tmp/r/dots.yar"
expect dots.yar loads
{ echo 'rule many { strings:'; for i in $(seq 60000); do echo "\$s$i = \"string number $i\""; done; echo 'condition: any of them }'; } >"$tmp/r/many.yar"
expect many.yar refused .
printf 'rule open { strings: $a = "x" condition: %s$a' "$(repeat '(' 50000)" >"$tmp/r/open.yar"
expect open.yar refused .
printf 'include "/etc/passwd"\nrule inc { condition: true }\n' >"$tmp/r/include.yar"
expect include.yar refused 'include'
printf 'rule loop { condition: for all i in (1..9999999) : (for all k in (1..9999999) : (i + k > 0)) }\n' >"$tmp/r/loop.yar"
expect loop.yar loads
echo "# $hostile hostile files"
