/* The client's side of the control socket. */
#include "cli/control.h"
#include "cli/setup.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int send_request(int socket_fd, struct slice json, int fd)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {0};
	char newline = '\n';
	struct iovec iov[2] = {{(void *)(uintptr_t)json.ptr, json.len}, {&newline, 1}};
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = 2};
	if (fd >= 0) {
		message.msg_control = control.room;
		message.msg_controllen = sizeof control.room;
		struct cmsghdr *m = CMSG_FIRSTHDR(&message);
		m->cmsg_level = SOL_SOCKET;
		m->cmsg_type = SCM_RIGHTS;
		m->cmsg_len = CMSG_LEN(sizeof fd);
		memcpy(CMSG_DATA(m), &fd, sizeof fd);
	}
	ssize_t n = sendmsg(socket_fd, &message, MSG_NOSIGNAL);
	return n < 0 ? -errno : n == (ssize_t)(json.len + 1) ? 0 : -EINTR; /* cut short by a signal only */
}

static int connect_control(const char *path, struct error *error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof address.sun_path)
		return error_set(error, ERROR_USAGE, "the path %s is too long for a socket", path);
	memcpy(address.sun_path, path, strlen(path) + 1);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address)) {
		int result = errno == ENOENT || errno == ECONNREFUSED
						 ? error_set(error, ERROR_NOT_FOUND, "nobody listens on %s", path)
						 : error_set(error, ERROR_USAGE, "cannot connect to %s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return result;
	}
	return fd;
}

static bool is_end(struct slice line)
{
	return slice_starts(line, SLICE("{\"end\":"));
}

/* Whole lines of what came; the rest stays. 1: the end line was among them. */
static int take_lines(struct buffer *in, int (*line)(void *ctx, struct slice line), void *ctx, struct buffer *end)
{
	size_t at = 0, stop;
	int result = 0;
	while (!result && (stop = slice_find_octet(buffer_slice(in), '\n', at)) != SIZE_MAX) {
		struct slice one = slice_of(in->ptr + at, stop - at);
		at = stop + 1;
		if (is_end(one)) {
			buffer_add_slice(end, one);
			result = 1;
		} else {
			result = line(ctx, one);
		}
	}
	memmove(in->ptr, in->ptr + at, in->len - at);
	in->len -= at;
	return result;
}

int control_ask(const char *path, struct slice json, int fd, int (*line)(void *ctx, struct slice line), void *ctx,
				struct buffer *end, struct error *error)
{
	struct buffer in;
	int result = 0;
	if (json.len >= CONTROL_REQUEST_MAX)
		return error_set(error, ERROR_USAGE, "the request is too long: at most %d octets", CONTROL_REQUEST_MAX - 1);
	int socket_fd = connect_control(path, error);
	if (socket_fd < 0)
		return socket_fd;
	buffer_init(&in, setup_env());
	result = send_request(socket_fd, json, fd);
	if (result)
		result = setup_stop ? 1 : error_set(error, ERROR_BUSY, "cannot send the request: %s", strerror(-result));
	while (!result) {
		uint8_t *room = buffer_room(&in, 65536);
		ssize_t n = room ? recv(socket_fd, room, 65536, 0) : -1;
		if (n < 0 && errno == EINTR && !setup_stop)
			continue;
		if (n <= 0) {
			result = setup_stop
						 ? 1
						 : error_set(error, ERROR_BUSY, "the owner of the data directory ended before it had answered");
			break;
		}
		in.len += (size_t)n;
		result = take_lines(&in, line, ctx, end);
	}
	buffer_free(&in);
	close(socket_fd);
	return result > 0 ? 0 : result;
}
