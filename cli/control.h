/* The control socket: DATA/control.sock, 0660, peers known by SO_PEERCRED. A client sends one JSON object on one line
 * (a descriptor may come with it), the owner answers with NDJSON lines until the end line and closes. Owner's side:
 * polled together with the engine, nothing waits. Client's side: waits.
 */
#ifndef CLI_CONTROL_H
#define CLI_CONTROL_H

#include "cli/request.h"

#include <poll.h>

#define CONTROL_CLIENTS 64
#define CONTROL_REQUEST_MAX 65536 /* the line and its end */
#define CONTROL_SILENT_S 10 /* a client that has not asked by then is closed */

struct control_client {
	int fd;
	int passed_fd;
	char who[64];
	char *line; /* the request so far */
	size_t line_len;
	int64_t since_ns; /* boot time of its coming; one that asks nothing does not keep its place for ever */
	struct request *request;
	bool refused; /* what it sent was no request: closed when it has been told */
	struct buffer out; /* not sent yet */
	size_t out_at;
	bool waiting; /* the request has nothing to send now */
};

struct control {
	const struct env *env;
	struct request_host *host;
	int fd;
	struct control_client clients[CONTROL_CLIENTS];
};

int control_open(struct control *c, const struct env *env, struct request_host *host, const char *path,
				 struct error *error);
/* Adds descriptors to watch; returns how many (at most CONTROL_CLIENTS + 1). */
unsigned control_poll(struct control *c, struct pollfd *fds);
/* Accepts, reads, answers. True when there is more to do at once. */
bool control_step(struct control *c);
void control_close(struct control *c);

/* A client's connection: sends the request, gives the answer's lines to `line` (without the end line) and the end object's
 * text to `end`. ERROR_NOT_FOUND when nobody listens. */
int control_ask(const char *path, struct slice json, int fd, int (*line)(void *ctx, struct slice line), void *ctx,
				struct buffer *end, struct error *error);

#endif
