/* Sockets as queues that the test fills. */
#include "tests/support/support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define FD_FIRST 5000

struct fake_datagram {
	struct env_address peer;
	uint8_t *octets;
	size_t len, full_len;
};

struct fake_socket {
	enum {
		SOCKET_DATAGRAM,
		SOCKET_LISTENER,
		SOCKET_STREAM
	} kind;
	struct fake_datagram *datagrams; /* DATAGRAM */
	size_t datagram_count, datagram_next;
	uint32_t dropped;
	int listener; /* STREAM */
	bool accepted, ended, closed;
	int broken;
	struct env_address peer;
	uint8_t *in, *out;
	size_t in_len, in_at, out_len, write_room;
};

struct fake_sockets {
	struct fake_socket *items;
	size_t count;
};

static struct fake_socket *at(struct fake *fake, int fd)
{
	size_t i = (size_t)fd - FD_FIRST;
	return fd >= FD_FIRST && i < fake->sockets->count ? &fake->sockets->items[i] : NULL;
}

static struct fake_socket *must_be(struct fake *fake, int fd)
{
	return fake_must(at(fake, fd));
}

static int add(struct fake *fake, struct fake_socket socket)
{
	struct fake_sockets *all = fake->sockets;
	all->items = fake_must(realloc(all->items, (all->count + 1) * sizeof(*all->items)));
	all->items[all->count] = socket;
	return (int)all->count++ + FD_FIRST;
}

int fake_datagram_socket(struct fake *fake)
{
	return add(fake, (struct fake_socket){.kind = SOCKET_DATAGRAM});
}

int fake_listener(struct fake *fake)
{
	return add(fake, (struct fake_socket){.kind = SOCKET_LISTENER});
}

int fake_connect(struct fake *fake, int listener, const struct env_address *peer)
{
	return add(
		fake, (struct fake_socket){.kind = SOCKET_STREAM, .listener = listener, .peer = *peer, .write_room = SIZE_MAX});
}

static uint8_t *append(uint8_t *octets, size_t *len, const void *more, size_t more_len)
{
	octets = fake_must(realloc(octets, *len + more_len + 1));
	if (more_len)
		memcpy(octets + *len, more, more_len);
	*len += more_len;
	return octets;
}

void fake_datagram_push(struct fake *fake, int fd, const struct env_address *peer, const void *octets, size_t len,
						size_t full_len)
{
	struct fake_socket *s = must_be(fake, fd);
	s->datagrams = fake_must(realloc(s->datagrams, (s->datagram_count + 1) * sizeof(*s->datagrams)));
	struct fake_datagram *d = &s->datagrams[s->datagram_count++];
	*d = (struct fake_datagram){.peer = *peer, .full_len = full_len ? full_len : len};
	d->octets = append(NULL, &d->len, octets, len);
}

void fake_datagram_drop(struct fake *fake, int fd, uint32_t n)
{
	must_be(fake, fd)->dropped += n;
}

void fake_stream_push(struct fake *fake, int fd, const void *octets, size_t len)
{
	struct fake_socket *s = must_be(fake, fd);
	s->in = append(s->in, &s->in_len, octets, len);
}

void fake_stream_end(struct fake *fake, int fd)
{
	must_be(fake, fd)->ended = true;
}

void fake_stream_break(struct fake *fake, int fd, int error_number)
{
	must_be(fake, fd)->broken = error_number;
}

struct slice fake_stream_output(struct fake *fake, int fd)
{
	struct fake_socket *s = must_be(fake, fd);
	return slice_of(s->out, s->out_len);
}

void fake_stream_write_room(struct fake *fake, int fd, size_t room)
{
	must_be(fake, fd)->write_room = room;
}

bool fake_socket_closed(struct fake *fake, int fd)
{
	return must_be(fake, fd)->closed;
}

struct env_address fake_address(const char *dotted, uint16_t port)
{
	unsigned a = 0, b = 0, c = 0, d = 0;
	struct env_address out = {.octets = {[10] = 0xff, [11] = 0xff}, .port = port};
	if (sscanf(dotted, "%u.%u.%u.%u", &a, &b, &c, &d) != 4)
		abort();
	out.octets[12] = (uint8_t)a;
	out.octets[13] = (uint8_t)b;
	out.octets[14] = (uint8_t)c;
	out.octets[15] = (uint8_t)d;
	return out;
}

static int call_receive(void *ctx, int fd, struct env_datagram *datagrams, unsigned n, uint32_t *dropped)
{
	struct fake_socket *s = at(ctx, fd);
	if (!s || s->closed || s->kind != SOCKET_DATAGRAM)
		return -EBADF;
	unsigned got = 0;
	for (; got < n && s->datagram_next < s->datagram_count; got++) {
		const struct fake_datagram *from = &s->datagrams[s->datagram_next++];
		struct env_datagram *to = &datagrams[got];
		to->len = (uint32_t)(from->len < to->size ? from->len : to->size);
		to->full_len = (uint32_t)from->full_len;
		to->peer = from->peer;
		if (to->len)
			memcpy(to->buf, from->octets, to->len);
	}
	if (got && s->dropped)
		*dropped = s->dropped;
	return got ? (int)got : -EAGAIN;
}

static int call_accept(void *ctx, int fd, struct env_address *peer)
{
	struct fake *fake = ctx;
	struct fake_socket *listener = at(fake, fd);
	if (!listener || listener->closed || listener->kind != SOCKET_LISTENER)
		return -EBADF;
	for (size_t i = 0; i < fake->sockets->count; i++) {
		struct fake_socket *s = &fake->sockets->items[i];
		if (s->kind != SOCKET_STREAM || s->listener != fd || s->accepted)
			continue;
		s->accepted = true;
		*peer = s->peer;
		return (int)i + FD_FIRST;
	}
	return -EAGAIN;
}

static ssize_t call_read(void *ctx, int fd, void *buf, size_t len)
{
	struct fake *fake = ctx;
	struct fake_socket *s = at(fake, fd);
	if (!s || s->closed || s->kind != SOCKET_STREAM)
		return -EBADF;
	if (fake->read_max && len > fake->read_max)
		len = fake->read_max;
	if (len > s->in_len - s->in_at)
		len = s->in_len - s->in_at;
	if (len == 0)
		return s->broken ? -s->broken : s->ended ? 0 : -EAGAIN;
	memcpy(buf, s->in + s->in_at, len);
	s->in_at += len;
	return (ssize_t)len;
}

static ssize_t call_write(void *ctx, int fd, const void *buf, size_t len)
{
	struct fake_socket *s = at(ctx, fd);
	if (!s || s->closed || s->kind != SOCKET_STREAM)
		return -EBADF;
	if (s->broken)
		return -EPIPE;
	if (len > s->write_room)
		len = s->write_room;
	if (len == 0)
		return -EAGAIN;
	s->write_room -= s->write_room == SIZE_MAX ? 0 : len;
	s->out = append(s->out, &s->out_len, buf, len);
	return (ssize_t)len;
}

static int call_close(void *ctx, int fd)
{
	struct fake_socket *s = at(ctx, fd);
	if (!s || s->closed)
		return -EBADF;
	s->closed = true;
	return 0;
}

void fake_sockets_init(struct fake *fake)
{
	fake->sockets = fake_must(calloc(1, sizeof(*fake->sockets)));
	fake->env.sockets = (struct env_sockets){call_receive, call_accept, call_read, call_write, call_close, fake};
}

void fake_sockets_free(struct fake *fake)
{
	for (size_t i = 0; i < fake->sockets->count; i++) {
		struct fake_socket *s = &fake->sockets->items[i];
		for (size_t k = 0; k < s->datagram_count; k++)
			free(s->datagrams[k].octets);
		free(s->datagrams);
		free(s->in);
		free(s->out);
	}
	free(fake->sockets->items);
	free(fake->sockets);
}
