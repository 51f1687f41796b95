/* What the tests of cli share. */
#ifndef TESTS_UNIT_CLI_RIG_H
#define TESTS_UNIT_CLI_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/common.h"
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* A buffer's text, NUL behind it; valid until the buffer changes. */
static inline const char *text_of(struct buffer *b)
{
	buffer_add_octet(b, '\0');
	assert_false(b->failed);
	b->len--;
	return (const char *)b->ptr;
}

#endif
