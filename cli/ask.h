/* Asking the owner of a data directory: over its control socket when somebody holds the lock, else by taking the lock and
 * answering in this process. Main thread.
 */
#ifndef CLI_ASK_H
#define CLI_ASK_H

#include "cli/options.h"

struct ask {
	const char *data;
	struct slice request; /* JSON object */
	int fd; /* file to go with it, -1: none; stays the caller's */
	int (*line)(void *ctx, struct slice line);
	void *ctx;
	struct buffer end; /* out: the end line, JSON */
};

/* The exit code: of the end line, or of what kept it from coming (told on standard error). */
int ask_owner(const struct args *args, struct ask *ask);
/* --data, -c's data, or ./cresset-data; static memory. Null when the configuration is wrong (told). */
const char *ask_data(const struct args *args);

#endif
