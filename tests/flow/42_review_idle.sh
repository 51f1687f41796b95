#!/bin/bash
# A TCP connection that was closed for idleness is not closed once more when the owner ends. Time is moved on by a library that
# is loaded before the others.
. tests/flow/lib.inc
cat >"$tmp/later.c" <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t clock, struct timespec *ts)
{
	static int (*real)(clockid_t, struct timespec *);
	if (!real)
		real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
	int result = real(clock, ts);
	const char *file = getenv("LATER");
	if (result == 0 && clock == CLOCK_BOOTTIME && file && access(file, F_OK) == 0)
		ts->tv_sec += 700;
	return result;
}
C
cc -shared -fPIC -o "$tmp/later.so" "$tmp/later.c" -ldl || skip "no C compiler"
ldd "$CRESSET" | grep -q asan && skip "the sanitiser wants to be loaded first"
export LATER=$tmp/later
port=$(free_port)
LD_PRELOAD=$tmp/later.so MALLOC_PERTURB_=165 start
exec 3<>/dev/tcp/127.0.0.1/"$port"
echo '<134>1 2026-01-01T00:00:00Z host1 app 1 - - first' >&3
until_count first 1 10
: >"$tmp/later"
sleep 3
exec 4<>/dev/tcp/127.0.0.1/"$port"
echo '<134>1 2026-01-01T00:00:00Z host1 app 1 - - second' >&4
until_count second 1 10
stop
grep -Ei 'signal|abort|free' "$tmp/run.err" && fail "a process did not end well"
[ "$(count second)" = 1 ] || fail "the second line is gone"
exit 0
