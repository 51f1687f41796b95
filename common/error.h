/* An error: what went wrong, for the caller (code, flags) and for the person (text, place).
 *
 * Doors take `struct error *` as the last argument and fill it when they fail; it owns its text, so it may
 * outlive everything else. Inner functions return 0 or a negative code. A null pointer is allowed and means
 * that the caller does not want to know. Any thread; not shared.
 */
#ifndef COMMON_ERROR_H
#define COMMON_ERROR_H

#include <stdbool.h>
#include <stdint.h>

enum error_code {
	ERROR_NONE = 0,
	ERROR_MEMORY, /* an allocation failed */
	ERROR_IO, /* a system call failed; the text names it and errno */
	ERROR_FULL, /* disk, budget or queue full: retriable once there is room */
	ERROR_FORMAT, /* octets we were told are not what their format says; text names the offset */
	ERROR_VERSION, /* a format version or a must-refuse flag we do not know */
	ERROR_LIMIT, /* a limit of common/limits.h was passed */
	ERROR_SYNTAX, /* rule, query, configuration: see line and column */
	ERROR_UNSUPPORTED,
	ERROR_NOT_FOUND,
	ERROR_EXISTS,
	ERROR_BUSY, /* owned by another, try again */
	ERROR_CONFLICT, /* compare-and-set failed; a stored setting differs */
	ERROR_DAMAGED, /* a checksum or a chain does not hold: never go on silently */
	ERROR_USAGE,
};

#define ERROR_RETRIABLE 1u
#define ERROR_FATAL 2u

struct error {
	enum error_code code;
	uint32_t flags; /* ERROR_RETRIABLE, ERROR_FATAL */
	uint32_t line, column; /* from 1; 0 = unknown */
	char file[256]; /* empty = none */
	char text[512]; /* one sentence without a full stop, says what would have been right */
};

/* Fills `error` (if any) and returns -(int)code, so that `return error_set(...)` reads well. */
int error_set(struct error *error, enum error_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The same for a failed system call: `result` is the negative errno that env returned. ENOSPC and EDQUOT become
 * ERROR_FULL (retriable), ENOMEM ERROR_MEMORY, ENOENT ERROR_NOT_FOUND, EEXIST ERROR_EXISTS, others ERROR_IO. */
int error_io(struct error *error, int result, const char *format, ...) __attribute__((format(printf, 3, 4)));
#ifdef __clang_analyzer__
/* Code of an error is never ERROR_NONE, so both results are negative: without this an analyzer, which sees one file at a
 * time, follows paths on which a failure counts as success. */
#define ERROR_NEGATIVE(call) \
	({ \
		int negative_ = call; \
		if (negative_ >= 0) \
			__builtin_unreachable(); \
		negative_; \
	})
#define error_set(...) ERROR_NEGATIVE((error_set)(__VA_ARGS__))
#define error_io(...) ERROR_NEGATIVE((error_io)(__VA_ARGS__))
#endif
/* Adds the place; keeps a place that is already there. */
void error_at(struct error *error, const char *file, uint32_t line, uint32_t column);
/* "file:line:column: text", "file: text" or "text", always terminated; returns buf. */
const char *error_print(const struct error *error, char *buf, unsigned long size);
const char *error_name(enum error_code code);

#endif
