#include "cli/demo_devices.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

void demo_devices_init(struct demo_devices *d, const struct env *env, uint16_t port)
{
	*d = (struct demo_devices){.env = env, .port = port};
	buffer_init(&d->frame, env);
	for (unsigned i = 0; i < DEMO_DEVICES; i++)
		d->devices[i].fd = -1;
}

/* 127.20.0.1 ... 127.20.2.12: all of 127.0.0.0/8 is this machine. */
static uint32_t device_address(unsigned index)
{
	return 127u << 24 | 20u << 16 | (index / 250) << 8 | (1 + index % 250);
}

void demo_devices_address(unsigned index, char *out, size_t size)
{
	uint32_t a = device_address(index);
	snprintf(out, size, "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
}

static int open_socket(const struct demo_devices *d, unsigned index, bool tcp)
{
	struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(device_address(index))},
					   to = {.sin_family = AF_INET,
							 .sin_port = htons(d->port),
							 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int on = 1, fd = socket(AF_INET, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (tcp) /* a log line is sent when it is made */
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&from, sizeof from) || connect(fd, (struct sockaddr *)&to, sizeof to)) {
		int keep = errno;
		close(fd);
		errno = keep;
		return -1;
	}
	return fd;
}

bool demo_devices_open(struct demo_devices *d, unsigned index, bool tcp)
{
	CHECK(index < DEMO_DEVICES);
	struct demo_device *v = &d->devices[index];
	if (v->fd >= 0)
		return true;
	v->tcp = tcp && d->connections < DEMO_CONNECTIONS;
	v->counted = index % 2;
	v->fd = open_socket(d, index, v->tcp);
	if (v->fd < 0)
		return false;
	d->connections += v->tcp;
	d->used++;
	return true;
}

static bool send_all(int fd, struct slice s)
{
	while (s.len) {
		ssize_t n = send(fd, s.ptr, s.len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		s = slice_from(s, (size_t)n);
	}
	return true;
}

static bool give_up(struct demo_devices *d)
{
	d->last_errno = errno;
	d->failed++;
	return false;
}

bool demo_devices_send(struct demo_devices *d, unsigned index, bool tcp, struct slice line)
{
	CHECK(index < DEMO_DEVICES);
	struct demo_device *v = &d->devices[index];
	if (!demo_devices_open(d, index, tcp))
		return give_up(d);
	buffer_reset(&d->frame);
	if (v->tcp && v->counted)
		buffer_add_format(&d->frame, "%zu ", line.len);
	buffer_add_slice(&d->frame, line);
	if (v->tcp && !v->counted)
		buffer_add_octet(&d->frame, '\n');
	if (d->frame.failed || !send_all(v->fd, buffer_slice(&d->frame)))
		return give_up(d);
	d->sent++;
	d->sent_tcp += v->tcp;
	d->octets += line.len;
	return true;
}

void demo_devices_close(struct demo_devices *d)
{
	for (unsigned i = 0; i < DEMO_DEVICES; i++)
		if (d->devices[i].fd >= 0)
			close(d->devices[i].fd);
	buffer_free(&d->frame);
}
