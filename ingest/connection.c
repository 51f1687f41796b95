/* TCP (RFC 6587): listeners and connections. */
#include "ingest/collector.h"

#include <errno.h>

struct ingest_connection {
	struct ingest_listener *listener;
	struct ingest_connection *previous, *next;
	int fd;
	struct env_address peer;
	char line[64]; /* its source line */
	size_t line_len;
	uint64_t key[2];
	struct framer framer;
	struct slice left; /* octets of the shared read buffer not yet framed (I2) */
	int64_t observed_ns; /* when they were read */
	int64_t active_boot_ns;
	uint64_t received;
	bool ended, broken; /* the peer closed; the connection was reset */
};

struct ingest_listener {
	struct ingest *in;
	int fd;
	enum framing framing;
	struct ingest_connection *first;
	uint32_t count;
};

int ingest_listener_new(struct ingest *in, int fd, enum framing framing, struct ingest_listener **out,
						struct error *error)
{
	struct ingest_listener *l = env_zalloc(in->env, sizeof(*l));
	if (l == NULL)
		return error_set(error, ERROR_MEMORY, "no memory for a listening socket");
	*l = (struct ingest_listener){.in = in, .fd = fd, .framing = framing};
	*out = l;
	return 0;
}

/* ---- accepting ---- */

static bool has_room(const struct ingest_listener *l, const struct env_address *peer)
{
	uint32_t same = 0;
	if (l->count >= (uint32_t)LIMIT_connections)
		return false;
	for (const struct ingest_connection *c = l->first; c != NULL; c = c->next)
		same += memcmp(c->peer.octets, peer->octets, sizeof(peer->octets)) == 0;
	return same < (uint32_t)LIMIT_connections_per_peer;
}

static struct ingest_connection *connection_new(struct ingest_listener *l, int fd, const struct env_address *peer)
{
	struct ingest *in = l->in;
	struct ingest_connection *c = env_zalloc(in->env, sizeof(*c));
	if (c == NULL)
		return NULL;
	c->listener = l;
	c->fd = fd;
	c->peer = *peer;
	c->line_len = source_address_line(peer->octets, c->line);
	source_key(in, slice_of(c->line, c->line_len), c->key);
	c->active_boot_ns = env_boot(in->env);
	framer_init(&c->framer, in->env, l->framing, false, in->config.message_bytes);
	c->next = l->first;
	if (l->first != NULL)
		l->first->previous = c;
	l->first = c;
	l->count++;
	in->stats.connections++;
	return c;
}

int ingest_accept(struct ingest_listener *l, struct ingest_connection **out, struct error *error)
{
	const struct env_sockets *sockets = &l->in->env->sockets;
	for (;;) {
		struct env_address peer;
		int fd = sockets->accept(sockets->ctx, l->fd, &peer);
		if (fd == -EAGAIN || fd == -EWOULDBLOCK || fd == -EINTR || fd == -ECONNABORTED)
			return 0;
		if (fd < 0)
			return error_io(error, fd, "cannot accept a connection");
		struct ingest_connection *c = has_room(l, &peer) ? connection_new(l, fd, &peer) : NULL;
		if (c != NULL) {
			*out = c;
			return 1;
		}
		sockets->close(sockets->ctx, fd);
		l->in->stats.connections_refused++;
	}
}

int ingest_connection_fd(const struct ingest_connection *c)
{
	return c->fd;
}

/* ---- ending ---- */

static struct slice connection_line(const struct ingest_connection *c)
{
	return slice_of(c->line, c->line_len);
}

static void connection_free(struct ingest_connection *c)
{
	struct ingest_listener *l = c->listener;
	const struct env_sockets *sockets = &l->in->env->sockets;
	if (c->previous != NULL)
		c->previous->next = c->next;
	else
		l->first = c->next;
	if (c->next != NULL)
		c->next->previous = c->previous;
	l->count--;
	framer_free(&c->framer);
	sockets->close(sockets->ctx, c->fd);
	env_free(l->in->env, c);
}

static void take(struct ingest_connection *c, const struct frame *frame)
{
	struct origin origin = {.has_address = true, .base = connection_line(c), .key = c->key};
	memcpy(origin.address, c->peer.octets, 16);
	ingest_take(c->listener->in, &origin, frame, c->observed_ns);
}

/* The half frame is kept, and a row says that something is missing. False when memory is short. */
static bool finish(struct ingest_connection *c, const char *reason)
{
	struct ingest *in = c->listener->in;
	struct frame frame;
	uint64_t held = c->framer.total + c->framer.head_len;
	bool inside = framer_inside(&c->framer);
	if (ingest_blocked(in))
		return false;
	int result = framer_end(&c->framer, &frame);
	if (result < 0)
		return false;
	if (result > 0)
		take(c, &frame);
	if (inside || c->broken)
		gap_add(in, connection_line(c), reason, held, "octets_kept");
	return true;
}

void ingest_connection_close(struct ingest_connection *c)
{
	struct ingest *in = c->listener->in;
	if (in->resume != NULL && in->resume_ctx == c) {
		in->resume = NULL;
		gap_add(in, connection_line(c), "connection_closed_by_us", c->left.len, "octets_lost");
	} else if (!finish(c, "connection_closed_by_us") && framer_inside(&c->framer)) {
		gap_add(in, connection_line(c), "connection_closed_by_us", c->framer.total, "octets_lost");
	}
	connection_free(c);
}

/* ---- reading ---- */

/* Frames from what was read; true when nothing is left. */
static bool take_frames(void *ctx)
{
	struct ingest_connection *c = ctx;
	struct ingest *in = c->listener->in;
	struct frame frame;
	while (c->left.len > 0) {
		if (ingest_blocked(in))
			return false;
		int result = framer_next(&c->framer, &c->left, &frame);
		in->stats.frames_empty += c->framer.empty;
		c->framer.empty = 0;
		if (result < 0)
			return false;
		if (result == 0)
			break;
		take(c, &frame);
	}
	return true;
}

static void read_some(struct ingest_connection *c, size_t budget, ssize_t *got)
{
	struct ingest *in = c->listener->in;
	const struct env_sockets *sockets = &in->env->sockets;
	*got = sockets->read(sockets->ctx, c->fd, in->read_buf, budget < READ_BYTES ? budget : READ_BYTES);
	if (*got <= 0) {
		bool again = *got == -EAGAIN || *got == -EWOULDBLOCK || *got == -EINTR;
		c->ended = !again;
		c->broken = *got < 0 && !again;
		return;
	}
	c->left = slice_of(in->read_buf, (size_t)*got);
	c->observed_ns = ingest_now(in);
	c->active_boot_ns = env_boot(in->env);
	c->received += (uint64_t)*got;
	if (!take_frames(c))
		ingest_hold(in, take_frames, c);
}

int ingest_connection_step(struct ingest_connection *c, size_t budget, struct error *error)
{
	struct ingest *in = c->listener->in;
	size_t total = 0;
	(void)error;
	while (!ingest_blocked(in)) {
		ssize_t got = 0;
		if (c->ended) {
			if (!finish(c, c->broken ? "connection_broken" : "connection_ended_inside_a_frame"))
				return 1;
			connection_free(c);
			return 0;
		}
		if (total >= budget)
			return 1;
		read_some(c, budget - total, &got);
		if (got <= 0 && !c->ended)
			return 1;
		total += got > 0 ? (size_t)got : 0;
	}
	return 1;
}

/* ---- the listener ---- */

bool ingest_connection_idle(const struct ingest_connection *c)
{
	const struct ingest *in = c->listener->in;
	/* While the bus refuses nothing is read, so nobody can be called idle. */
	return !ingest_blocked(in) && c->active_boot_ns < env_boot(in->env) - LIMIT_connection_idle_s * NS_PER_S;
}

void ingest_listener_free(struct ingest_listener *l)
{
	if (l == NULL)
		return;
	while (l->first != NULL)
		ingest_connection_close(l->first);
	env_free(l->in->env, l);
}
