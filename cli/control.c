#include "cli/control.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define OUT_HIGH (1u << 20) /* a slow client's answer waits above it */

static int unix_address(const char *path, struct sockaddr_un *address, struct error *error)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof address->sun_path)
		return error_set(error, ERROR_USAGE, "the path %s is too long for a socket (at most %zu octets)", path,
						 sizeof address->sun_path - 1);
	memcpy(address->sun_path, path, strlen(path) + 1);
	return 0;
}

int control_open(struct control *c, const struct env *env, struct request_host *host, const char *path,
				 struct error *error)
{
	struct sockaddr_un address;
	*c = (struct control){.env = env, .host = host, .fd = -1};
	for (unsigned i = 0; i < CONTROL_CLIENTS; i++)
		c->clients[i].fd = c->clients[i].passed_fd = -1;
	int result = unix_address(path, &address, error);
	if (result)
		return result;
	(void)unlink(path); /* ours: the lock is held */
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t before = umask(0117);
	bool good = c->fd >= 0 && bind(c->fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(c->fd, 64) == 0;
	umask(before);
	if (good)
		return 0;
	result = error_io(error, -errno, "cannot listen on %s", path);
	control_close(c);
	return result;
}

unsigned control_poll(struct control *c, struct pollfd *fds)
{
	unsigned n = 0;
	for (unsigned i = 0; i < CONTROL_CLIENTS; i++) {
		struct control_client *k = &c->clients[i];
		if (k->fd >= 0)
			fds[n++] = (struct pollfd){.fd = k->fd, .events = (short)(k->out_at < k->out.len ? POLLOUT : POLLIN)};
	}
	/* With every place taken new ones wait in the kernel's queue, and looking at it would only wake us for nothing. */
	if (n < CONTROL_CLIENTS)
		fds[n++] = (struct pollfd){.fd = c->fd, .events = POLLIN};
	return n;
}

static void drop_client(struct control *c, struct control_client *k)
{
	request_free(k->request);
	if (k->passed_fd >= 0)
		close(k->passed_fd);
	close(k->fd);
	env_free(c->env, k->line);
	buffer_free(&k->out);
	*k = (struct control_client){.fd = -1, .passed_fd = -1};
}

static void accept_clients(struct control *c)
{
	for (unsigned i = 0; i < CONTROL_CLIENTS; i++) {
		struct control_client *k = &c->clients[i];
		struct ucred peer = {0};
		socklen_t len = sizeof peer;
		if (k->fd >= 0)
			continue;
		int fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0)
			return;
		*k = (struct control_client){.fd = fd, .passed_fd = -1, .since_ns = env_boot(c->env)};
		buffer_init(&k->out, c->env);
		k->line = env_alloc(c->env, CONTROL_REQUEST_MAX);
		(void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len);
		snprintf(k->who, sizeof k->who, "uid %u pid %d", peer.uid, peer.pid);
		if (!k->line)
			drop_client(c, k);
	}
}

static void take_fd(struct control_client *k, struct msghdr *message)
{
	for (struct cmsghdr *m = CMSG_FIRSTHDR(message); m; m = CMSG_NXTHDR(message, m)) {
		if (m->cmsg_level != SOL_SOCKET || m->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (m->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(m) + i * sizeof fd, sizeof fd);
			if (k->passed_fd >= 0)
				close(fd);
			else
				k->passed_fd = fd;
		}
	}
}

/* 1: read something, 0: nothing now, -1: gone. */
static int read_client(struct control_client *k)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int) * 4)];
	} control;
	struct iovec iov = {k->line + k->line_len, CONTROL_REQUEST_MAX - k->line_len};
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room};
	ssize_t n = recvmsg(k->fd, &message, MSG_CMSG_CLOEXEC);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	if (n == 0)
		return -1;
	take_fd(k, &message);
	k->line_len += (size_t)n;
	return 1;
}

static int start_request(struct control *c, struct control_client *k)
{
	size_t end = slice_find_octet(slice_of(k->line, k->line_len), '\n', 0);
	if (end == SIZE_MAX && k->line_len == CONTROL_REQUEST_MAX) {
		buffer_add_format(&k->out,
						  "{\"end\":{\"code\":3,\"error\":\"a request has at most %d octets\",\"summary\":null}}\n",
						  CONTROL_REQUEST_MAX);
		k->refused = true;
		return 1;
	}
	if (end == SIZE_MAX)
		return 0;
	k->request = request_new(c->host, slice_of(k->line, end), k->passed_fd, k->who);
	k->passed_fd = -1;
	return k->request ? 1 : -1;
}

static int send_client(struct control_client *k)
{
	while (k->out_at < k->out.len) {
		ssize_t n = send(k->fd, k->out.ptr + k->out_at, k->out.len - k->out_at, MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		k->out_at += (size_t)n;
	}
	buffer_reset(&k->out);
	k->out_at = 0;
	return 1;
}

/* -1: the client is done or gone; 0: nothing more now; 1: more at once. */
static int step_client(struct control *c, struct control_client *k)
{
	int result = 1;
	if (k->refused)
		return send_client(k) == 0 ? 0 : -1;
	if (!k->request) {
		result = read_client(k);
		if (result > 0)
			result = start_request(c, k);
		if (result == 0 && env_boot(c->env) - k->since_ns > CONTROL_SILENT_S * NS_PER_S)
			return -1;
		return result;
	}
	/* What comes behind the request is thrown away (descriptors too, by the kernel): left there it would wake us without end. */
	char more[4096];
	ssize_t n = recv(k->fd, more, sizeof more, MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		return -1; /* the client went away: a search is given up */
	if (k->out.len - k->out_at < OUT_HIGH) {
		result = request_step(k->request, &k->out);
		k->waiting = result == REQUEST_WAITING;
		if (result == REQUEST_DONE && send_client(k) != 0)
			return k->out_at < k->out.len ? 0 : -1;
	}
	if (send_client(k) < 0)
		return -1;
	if (result == REQUEST_DONE && k->out_at >= k->out.len)
		return -1;
	return result == REQUEST_MORE && k->out_at >= k->out.len;
}

bool control_step(struct control *c)
{
	bool more = false;
	accept_clients(c);
	for (unsigned i = 0; i < CONTROL_CLIENTS; i++) {
		struct control_client *k = &c->clients[i];
		if (k->fd < 0)
			continue;
		int result = step_client(c, k);
		if (result < 0)
			drop_client(c, k);
		more |= result > 0;
	}
	return more;
}

void control_close(struct control *c)
{
	for (unsigned i = 0; i < CONTROL_CLIENTS; i++)
		if (c->clients[i].fd >= 0)
			drop_client(c, &c->clients[i]);
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}
