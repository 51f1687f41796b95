#include "common/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 4, 0))) static void fill(struct error *error, enum error_code code, uint32_t flags,
													   const char *format, va_list args)
{
	error->code = code;
	error->flags = flags;
	error->line = 0;
	error->column = 0;
	error->file[0] = 0;
	vsnprintf(error->text, sizeof error->text, format, args);
}

int(error_set)(struct error *error, enum error_code code, const char *format, ...)
{
	if (error != NULL) {
		va_list args;
		va_start(args, format);
		fill(error, code, 0, format, args);
		va_end(args);
	}
	return -(int)code;
}

static enum error_code code_of_errno(int number)
{
	switch (number) {
	case ENOSPC:
	case EDQUOT:
		return ERROR_FULL;
	case ENOMEM:
		return ERROR_MEMORY;
	case ENOENT:
		return ERROR_NOT_FOUND;
	case EEXIST:
		return ERROR_EXISTS;
	default:
		return ERROR_IO;
	}
}

int(error_io)(struct error *error, int result, const char *format, ...)
{
	int number = result < 0 ? -result : result;
	enum error_code code = code_of_errno(number);
	if (error != NULL) {
		va_list args;
		va_start(args, format);
		fill(error, code, code == ERROR_FULL ? ERROR_RETRIABLE : 0, format, args);
		va_end(args);
		size_t used = strlen(error->text);
		char reason[96];
		snprintf(error->text + used, sizeof error->text - used, ": %s", strerror_r(number, reason, sizeof reason));
	}
	return -(int)code;
}

void error_at(struct error *error, const char *file, uint32_t line, uint32_t column)
{
	if (error == NULL)
		return;
	if (error->file[0] == 0 && file != NULL)
		snprintf(error->file, sizeof error->file, "%s", file);
	if (error->line == 0) {
		error->line = line;
		error->column = column;
	}
}

const char *error_print(const struct error *error, char *buf, unsigned long size)
{
	if (size == 0)
		return buf;
	if (error->file[0] == 0)
		snprintf(buf, size, "%s", error->text);
	else if (error->line == 0)
		snprintf(buf, size, "%s: %s", error->file, error->text);
	else
		snprintf(buf, size, "%s:%u:%u: %s", error->file, error->line, error->column, error->text);
	return buf;
}

const char *error_name(enum error_code code)
{
	static const char *const names[] = {
		[ERROR_NONE] = "none",           [ERROR_MEMORY] = "memory",   [ERROR_IO] = "io",
		[ERROR_FULL] = "full",           [ERROR_FORMAT] = "format",   [ERROR_VERSION] = "version",
		[ERROR_LIMIT] = "limit",         [ERROR_SYNTAX] = "syntax",   [ERROR_UNSUPPORTED] = "unsupported",
		[ERROR_NOT_FOUND] = "not found", [ERROR_EXISTS] = "exists",   [ERROR_BUSY] = "busy",
		[ERROR_CONFLICT] = "conflict",   [ERROR_DAMAGED] = "damaged", [ERROR_USAGE] = "usage",
	};
	return (unsigned)code < sizeof names / sizeof names[0] ? names[code] : "unknown";
}
