#!/bin/bash
# What a rule author does: why is my rule silent, does it find in old logs what it should, what do all rules cover.
# shellcheck source=tests/flow/lib.inc
. "$(dirname "$0")/lib.inc"
export CRESSET_LIBRARY=${CRESSET_LIBRARY:-$PWD/rules/library}
mkdir "$tmp/logs"
cat >"$tmp/rules.yml" <<'END'
title: Login failed
id: 11111111-2222-4333-8444-555555555501
name: login_failed
logsource: {product: linux, service: sshd}
detection:
  selection: {event.action: ssh_login, event.outcome: failure}
  known: {user.name: [backup, monitor]}
  condition: selection and not known
tags: [attack.credential-access, attack.t1110.001, attack.t1110]
---
title: Login failed three times
name: three
correlation: {type: event_count, rules: [login_failed], group-by: [user.name], timespan: 1m, condition: {gte: 3}, generate: true}
tags: [attack.t1110, attack.ics.t0859]
---
title: Only a part
name: part
logsource: {product: linux}
detection: {s: {user.name: nobody}, condition: s}
---
title: Uses the part
correlation: {type: event_count, rules: [part], group-by: [user.name], timespan: 1m, condition: {gte: 2}}
END
line() { echo "<38>1 2026-11-0${2:-1}T10:00:0$1Z host1 sshd 5 - - Failed password for $3 from 192.0.2.$1 port 4022 ssh2"; }
{ line 1 1 eve; line 2 1 eve; line 3 1 eve; line 4 1 backup; line 5 1 ann; } >"$tmp/logs/auth.log"

# Why?
line 4 1 backup >"$tmp/one.log"
"$CRESSET" rules explain "$tmp/rules.yml" "$tmp/one.log" >"$tmp/out" || fail "explain"
grep -q '"title":"Login failed"},"file":.*"holds":false,.*"not":\[{"holds":true,"selection":"known","item":"user.name","line":7,"seen":\["backup"\]' "$tmp/out" ||
	fail "explain says: $(cat "$tmp/out")"
"$CRESSET" rules explain "$tmp/rules.yml" "$tmp/one.log" --output table >"$tmp/out" || fail "explain in words"
grep -q '^Login failed for .* line 1: no$' "$tmp/out" && grep -q '      saw backup' "$tmp/out" || fail "in words: $(cat "$tmp/out")"

# Expectations that hold, and that do not.
cat >"$tmp/good.yml" <<'END'
backtest:
  rules: [rules.yml]
  events: [logs/auth.log]
  expect:
    - {rule: login_failed, exactly: 4}
    - {rule: Login failed three times, at_least: 1, at_most: 1}
  others: {at_most: 0}
END
"$CRESSET" rules backtest "$tmp/good.yml" --junit "$tmp/junit.xml" >"$tmp/out" || fail "backtest: $(cat "$tmp/out")"
[ "$(tail -1 "$tmp/out")" = '{"passed":3,"failed":0}' ] || fail "three expectations: $(cat "$tmp/out")"
grep -q '<testsuite name="cresset rules backtest" tests="3" failures="0">' "$tmp/junit.xml" || fail "JUnit: $(cat "$tmp/junit.xml")"
sed 's/exactly: 4/exactly: 5/' "$tmp/good.yml" >"$tmp/bad.yml"
"$CRESSET" rules backtest "$tmp/good.yml" "$tmp/bad.yml" --junit "$tmp/junit.xml" >"$tmp/out"
[ $? = 1 ] || fail "an expectation failed, and the exit code does not say so"
grep -q '"file":".*bad.yml","line":5,"rule":"Login failed","passed":false,"found":4,"exactly":5' "$tmp/out" || fail "$(cat "$tmp/out")"
grep -q 'name="Login failed"><failure message="found 4, expected exactly 5"/>' "$tmp/junit.xml" || fail "JUnit: $(cat "$tmp/junit.xml")"

# Files that are wrong say where.
refuse() { # what to say, the file
	printf '%b' "$2" >"$tmp/wrong.yml"
	"$CRESSET" rules backtest "$tmp/wrong.yml" >/dev/null 2>"$tmp/err"
	[ $? = 3 ] || fail "taken: $2"
	grep -q "$1" "$tmp/err" || fail "'$1' is not in: $(cat "$tmp/err")"
}
head='backtest:\n  rules: [rules.yml]\n  events: [logs/auth.log]\n'
refuse 'wrong.yml:1:1: the file is one map' 'a: b\n'
refuse 'wrong.yml:4:3: backtest knows' "${head}  expects: []\n"
refuse "wrong.yml:5:.*no rule has the id, name or title 'nobody'" "${head}  expect:\n    - {rule: nobody, exactly: 1}\n"
refuse 'only a part of correlations' "${head}  expect:\n    - {rule: part, exactly: 1}\n"
refuse 'wrong.yml:5:.*exactly is a whole number' "${head}  expect:\n    - {rule: login_failed, exactly: -1}\n"
refuse 'needs exactly, at_least or at_most' "${head}  expect:\n    - {rule: login_failed}\n"
refuse 'wrong.yml:2:.*: rules is a list' 'backtest:\n  rules: rules.yml\n  events: [a]\n  expect: []\n'
refuse 'cannot read .*/none.log' "$(printf %b "$head" | sed 's/logs.auth/none/')\n  expect: []\n"
"$CRESSET" rules backtest "$tmp/missing.yml" >/dev/null 2>"$tmp/err"
[ $? = 3 ] || fail "a file that is not there"

# Coverage, both matrices.
"$CRESSET" rules coverage "$tmp/rules.yml" >"$tmp/out" 2>"$tmp/err" || fail "coverage"
grep -q '"layer":"4.5"},"domain":"enterprise-attack"' "$tmp/out" || fail "layer: $(cat "$tmp/out")"
grep -q '{"techniqueID":"T1110","score":2,"comment":"Login failed; Login failed three times","enabled":true},{"techniqueID":"T1110.001","score":1' "$tmp/out" || fail "$(cat "$tmp/out")"
[ "$(tail -1 "$tmp/err")" = '{"rules":2,"techniques":2,"rules_without_technique":2}' ] || fail "$(cat "$tmp/err")"
"$CRESSET" rules coverage --domain ics "$tmp/rules.yml" 2>/dev/null | grep -q '"domain":"ics-attack".*"techniques":\[{"techniqueID":"T0859","score":1' || fail "ics"

# The layout of the public set's test events: an info.yml that names the rule, samples as JSON, or EVTX with its JSON beside it.
info=$tmp/set/regression_data/rules/linux/login_failed
mkdir -p "$info" "$tmp/set/rules"
cp "$tmp/rules.yml" "$tmp/set/rules/"
sample() { printf '{"event.action": "ssh_login",%s "event.outcome": "%s", "user.name": "%s"}\n' "$1" "$2" "$3"; }
sample $'\n ' failure eve >"$info/a.json"
{ sample '' failure eve; sample '' failure backup; sample '' failure ann; } >"$info/b.json"
cp "$info/a.json" "$info/c.json"
cat >"$info/info.yml" <<'END'
id: 242d26e0-1ce5-4a34-960d-144f34f60e37
rule_metadata:
    - {id: 11111111-2222-4333-8444-555555555501, title: Login failed}
regression_tests_info:
    - {name: one object over two lines, type: json, path: regression_data/rules/linux/login_failed/a.json}
    - {name: three lines, type: ndjson, match_count: 2, path: regression_data/rules/linux/login_failed/b.json}
    - {name: an export, type: evtx, match_count: 1, path: regression_data/rules/linux/login_failed/c.evtx}
    - {name: only evtx, type: evtx, match_count: 1, path: regression_data/rules/linux/login_failed/d.evtx}
END
"$CRESSET" rules test "$tmp/set" >"$tmp/out" || fail "regression data: $(cat "$tmp/out")"
[ "$(tail -1 "$tmp/out")" = '{"passed":3,"failed":0,"skipped":1}' ] || fail "regression data: $(cat "$tmp/out")"
sed -i 's/match_count: 2/match_count: 3/' "$info/info.yml"
"$CRESSET" rules test "$tmp/set" >"$tmp/out"
[ $? = 1 ] && grep -q '"line":6,.*must make 3 matches and makes 2' "$tmp/out" || fail "a sample that makes too few matches: $(cat "$tmp/out")"
rm "$info/b.json"
"$CRESSET" rules test "$tmp/set" | grep -q 'the sample is not there' || fail "a sample that is not there"

# The oracle says the same.
"$CRESSET" scan -q --rules "$tmp/rules.yml" "$tmp/logs/auth.log" >"$tmp/fast" 2>/dev/null
"$CRESSET" scan -q --oracle --rules "$tmp/rules.yml" "$tmp/logs/auth.log" >"$tmp/slow" 2>/dev/null
[ -s "$tmp/fast" ] && cmp "$tmp/fast" "$tmp/slow" || fail "the oracle finds something else"
