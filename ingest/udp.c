/* Datagrams (RFC 5426): one is one message.
 *
 * One exception: Topsec firewalls put several records into one datagram, joined by CRLF. A datagram is taken apart only when
 * every piece begins with "id=", as their records do and nothing else does in the middle of a message. Each piece keeps its
 * CRLF as the end of `original`, so the rows of a datagram, one behind the other, are the datagram octet for octet.
 */
#include "ingest/collector.h"

#include <errno.h>

#define DATAGRAMS 64
#define DATAGRAM_BYTES 65536
#define REPORT_NS NS_PER_S

struct ingest_udp {
	struct ingest *in;
	struct ingest_udp *next;
	int fd;
	struct framer framer;
	struct env_datagram datagrams[DATAGRAMS];
	uint8_t *octets; /* DATAGRAMS * DATAGRAM_BYTES */
	unsigned count, at; /* received, and the first not yet taken */
	size_t piece; /* octets already taken of datagram `at` */
	int64_t observed_ns;
	uint32_t kernel_dropped; /* the socket's running count */
	uint64_t unreported;
	int64_t reported_boot_ns;
};

int ingest_udp_new(struct ingest *in, int fd, struct ingest_udp **out, struct error *error)
{
	struct ingest_udp *udp = env_zalloc(in->env, sizeof(*udp));
	uint8_t *octets = env_alloc(in->env, (size_t)DATAGRAMS * DATAGRAM_BYTES);
	if (udp == NULL || octets == NULL) {
		env_free(in->env, udp);
		env_free(in->env, octets);
		return error_set(error, ERROR_MEMORY, "no memory for a datagram socket");
	}
	udp->in = in;
	udp->fd = fd;
	udp->octets = octets;
	udp->reported_boot_ns = INT64_MIN;
	framer_init(&udp->framer, in->env, FRAMING_LF, false, in->config.message_bytes);
	udp->next = in->sockets;
	in->sockets = udp;
	*out = udp;
	return 0;
}

struct ingest_udp *udp_next(struct ingest_udp *udp)
{
	return udp->next;
}

/* ---- pieces ---- */

/* Octets of the piece at p that ends with CRLF, or all. */
static size_t piece_len(struct slice s)
{
	size_t at = slice_find(s, SLICE("\r\n"), 0);
	return at == SIZE_MAX ? s.len : at + 2;
}

static bool is_joined(struct slice datagram)
{
	if (!slice_starts(datagram, SLICE("id=")))
		return false;
	size_t pieces = 0;
	for (struct slice rest = datagram; rest.len > 0; rest = slice_from(rest, piece_len(rest))) {
		if (!slice_starts(rest, SLICE("id=")))
			return false;
		pieces++;
	}
	return pieces > 1;
}

/* Takes the next piece of datagram `at`. */
static int take_piece(struct ingest_udp *udp)
{
	const struct env_datagram *g = &udp->datagrams[udp->at];
	struct slice whole = slice_of(g->buf, g->len), rest = slice_of(whole.ptr + udp->piece, whole.len - udp->piece);
	uint64_t full_len = g->full_len > g->len ? g->full_len : g->len;
	size_t len = udp->piece > 0 || (full_len == g->len && is_joined(whole)) ? piece_len(rest) : rest.len;
	struct origin origin = {.has_address = true};
	struct frame frame;
	char line[64];
	memcpy(origin.address, g->peer.octets, 16);
	origin.base = slice_of(line, source_address_line(g->peer.octets, line));
	if (len == 0) {
		udp->in->stats.frames_empty++;
		udp->at++;
		return 0;
	}
	int result = frame_of_datagram(&udp->framer, slice_of(rest.ptr, len), len == whole.len ? full_len : len, &frame);
	if (result < 0)
		return result;
	ingest_take(udp->in, &origin, &frame, udp->observed_ns);
	udp->piece += len;
	if (udp->piece == whole.len) {
		udp->piece = 0;
		udp->at++;
	}
	return 0;
}

/* Takes what was received; true when nothing is left. */
static bool take_all(void *ctx)
{
	struct ingest_udp *udp = ctx;
	while (udp->at < udp->count) {
		if (ingest_blocked(udp->in) || take_piece(udp) < 0)
			return false;
	}
	return true;
}

/* ---- drops ---- */

void udp_report_drops(struct ingest_udp *udp, bool now)
{
	struct ingest *in = udp->in;
	int64_t boot = env_boot(in->env);
	if (udp->unreported == 0 ||
		(!now && udp->reported_boot_ns != INT64_MIN && boot - udp->reported_boot_ns < REPORT_NS))
		return;
	gap_add(in, SLICE_NONE, "kernel_drop", udp->unreported, "count");
	udp->unreported = 0;
	udp->reported_boot_ns = boot;
}

static int receive(struct ingest_udp *udp, unsigned budget)
{
	struct ingest *in = udp->in;
	uint32_t dropped = udp->kernel_dropped;
	unsigned n = budget < DATAGRAMS ? budget : DATAGRAMS;
	for (unsigned i = 0; i < n; i++)
		udp->datagrams[i] =
			(struct env_datagram){.buf = udp->octets + (size_t)i * DATAGRAM_BYTES, .size = DATAGRAM_BYTES};
	int count = in->env->sockets.receive(in->env->sockets.ctx, udp->fd, udp->datagrams, n, &dropped);
	if (count <= 0)
		return count;
	/* The kernel's count wraps at 2^32; the difference does not care. */
	uint32_t more = dropped - udp->kernel_dropped;
	udp->kernel_dropped = dropped;
	udp->unreported += more;
	in->stats.dropped += more;
	udp->count = (unsigned)count;
	udp->at = 0;
	udp->piece = 0;
	udp->observed_ns = ingest_now(in);
	return count;
}

int ingest_udp_step(struct ingest_udp *udp, unsigned budget, struct error *error)
{
	struct ingest *in = udp->in;
	unsigned total = 0;
	while (total < budget && !ingest_blocked(in)) {
		int count = receive(udp, budget - total);
		if (count == -EAGAIN || count == -EWOULDBLOCK || count == -EINTR || count == 0)
			break;
		if (count < 0)
			return error_io(error, count, "cannot receive datagrams");
		total += (unsigned)count;
		udp_report_drops(udp, false);
		if (!take_all(udp))
			ingest_hold(in, take_all, udp);
	}
	return (int)total;
}

void ingest_udp_free(struct ingest_udp *udp)
{
	if (udp == NULL)
		return;
	struct ingest *in = udp->in;
	for (struct ingest_udp **at = &in->sockets; *at != NULL; at = &(*at)->next) {
		if (*at == udp) {
			*at = udp->next;
			break;
		}
	}
	if (in->resume_ctx == udp && in->resume != NULL) {
		in->resume = NULL;
		in->stats.dropped += udp->count - udp->at;
		gap_add(in, SLICE_NONE, "socket_closed", udp->count - udp->at, "count");
	}
	if (udp->unreported > 0)
		gap_add(in, SLICE_NONE, "kernel_drop", udp->unreported, "count");
	framer_free(&udp->framer);
	env_free(in->env, udp->octets);
	env_free(in->env, udp);
}
