#!/bin/bash
# The rooms meet only as the Makefile says: a program of the store that calls the bus links with both rooms, and must not link
# with what the store may use; no room but cli includes another's headers against the arrows or reaches the system itself.
set -u
uses() { sed -n "s/^USES_$1 := *//p" Makefile; }
libs="-lcrypto -lxxhash -lzstd -lrdkafka -lm"
extra=
case "$BUILD" in asan) extra="-fsanitize=address,undefined" ;; tsan) extra="-fsanitize=thread" ;; esac
try() { # archives...
	local archives=
	for room in "$@"; do archives="$archives $O/$room.a"; done
	# shellcheck disable=SC2086
	$CC $extra tests/link/forbidden.c -o "$tmp/forbidden" $archives $archives $libs 2>"$tmp/errors"
}
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
# shellcheck disable=SC2046
if try store $(uses store); then echo "a store that calls the bus did link"; exit 1; fi
grep -q 'undefined reference to .bus_local_open' "$tmp/errors" || { echo "it failed for another reason:"; cat "$tmp/errors"; exit 1; }
# shellcheck disable=SC2046
try store bus $(uses store) || { echo "with the bus it must link:"; cat "$tmp/errors"; exit 1; }

bad=0
# The release allocates with jemalloc, and only it does. Linkers leave out what they think nobody needs.
if readelf -d "$CRESSET" | grep -q 'NEEDED.*libjemalloc'; then has=yes; else has=no; fi
[ "$BUILD" = release ] && wanted=yes || wanted=no
[ $has = $wanted ] || { echo "$BUILD: jemalloc is linked: $has"; bad=1; }
for room in common rules ingest bus correlate store; do
	allowed=" $room $(uses $room) "
	while IFS=: read -r file include; do
		other=$(printf %s "$include" | sed 's/.*"\([a-z]*\)\/.*/\1/')
		case "$allowed" in *" $other "*) ;; *) echo "$file includes $other/"; bad=1 ;; esac
	done < <(grep -Ho '#include "[a-z]*/' "$room"/*.[ch] 2>/dev/null)
	[ "$room" = common ] && continue
	if grep -nE '\b(clock_gettime|gettimeofday|pthread_create|fork|malloc|calloc|realloc|fopen|fsync|fdatasync|usleep|nanosleep|recvmsg|recvfrom)[ ]?\(' "$room"/*.c |
		grep -v '^[^:]*:[0-9]*:[ 	]*[/*]'; then echo "$room reaches past its environment"; bad=1; fi
done
grep -l 'rdkafka.h' ./*/*.[ch] | grep -v 'bus/bus_kafka' && { echo "only bus_kafka includes rdkafka.h"; bad=1; }
exit $bad
