#include "common/check.h"

#include <stdio.h>
#include <stdlib.h>

void check_failed(const char *file, int line, const char *condition)
{
	fprintf(stderr, "cresset: %s:%d: believed but false: %s\n", file, line, condition);
	fflush(stderr);
	abort();
}
