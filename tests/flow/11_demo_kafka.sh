#!/bin/bash
# The demo over a real broker, as five processes: the same incidents. CRESSET_BOOTSTRAP names a broker that is there; else
# one is started, or the test is skipped.
set -u
tmp=$(mktemp -d /tmp/demo-kafka.XXXXXX) || exit 1
export CRESSET_LIBRARY=$PWD/rules/library KAFKA_RUN=$tmp/broker
ours=
finish() { [ -n "$ours" ] && tests/kafka/stop; rm -rf "$tmp"; }
trap finish EXIT
bootstrap=${CRESSET_BOOTSTRAP:-}
if [ -z "$bootstrap" ]; then
	bootstrap=$(tests/kafka/start 2>"$tmp/start")
	code=$?
	[ $code = 77 ] && { cat "$tmp/start"; exit 77; }
	[ $code = 0 ] || { cat "$tmp/start"; echo "the broker did not start"; exit 1; }
	ours=1
fi
CRESSET_BOOTSTRAP=$bootstrap timeout 200 "$CRESSET" demo --bus kafka >"$tmp/out" 2>"$tmp/err" </dev/null
code=$?
if [ $code != 0 ] || ! grep -q '^Incidents found: 6$' "$tmp/out"; then
	echo "the demo over Kafka ended with code $code"
	cat "$tmp/out" "$tmp/err"
	exit 1
fi
# Without a broker it says so at once.
env -u CRESSET_BOOTSTRAP "$CRESSET" demo --bus kafka >"$tmp/out" 2>"$tmp/err" </dev/null
code=$?
[ $code = 3 ] && grep -q 'needs a broker' "$tmp/err" || { echo "without a broker: code $code"; cat "$tmp/err"; exit 1; }
exit 0
