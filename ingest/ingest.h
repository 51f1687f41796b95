/* The door of ingest/: octets become batches of events.
 *
 * Transports cut frames (UDP, TCP with octet counting, LF, NUL and CRLF on one port, files); headers (RFC 5424, RFC 3164 as
 * devices send it), charset and time are read; the body is taken apart; rows join the open batch of their partition.
 * Nothing waits and nothing is allocated per event: the caller says that a descriptor is ready or that time has passed.
 * One struct ingest and all that belongs to it live on one thread.
 */
#ifndef INGEST_INGEST_H
#define INGEST_INGEST_H

#include "common/common.h"
#include "rules/decoders.h"

struct ingest;
struct ingest_udp;
struct ingest_listener;
struct ingest_connection;

enum framing {
	FRAMING_AUTO,
	FRAMING_LF,
	FRAMING_NUL,
	FRAMING_OCTET
};

/* How to read what one source sends. The first entry whose network and host (those it gives) hold wins; then the
 * defaults. */
struct source_settings {
	uint8_t network[16];
	unsigned network_bits; /* 0 = any address */
	struct slice host; /* header host in any case, empty = any */
	enum charset charset;
	bool charset_auto; /* decided per source from what it sends: UTF-8, else GB18030 */
	struct slice zone; /* "+08:00", "Asia/Urumqi", "local"; empty = default */
	bool relay; /* source lines carry the header's host */
	struct slice decoder; /* forced decoder, empty = by content; must be one of the config's */
	struct logsource logsource; /* forced log source */
};

struct ingest_config {
	uint8_t collector[16];
	uint64_t epoch;
	uint32_t partitions; /* of events */
	bool single_partition; /* replayable inputs: everything into `partition` */
	uint32_t partition;
	bool backfill; /* batches carry the flag */
	bool ticks; /* a tick row in every partition each second (live collectors) */
	uint32_t message_bytes; /* 0 = limits.h */
	struct source_settings defaults;
	const struct source_settings *sources;
	uint32_t source_count;
	const struct decoders *decoders; /* may be null */
	int64_t fixed_observed_ns; /* not 0: every row is observed then (imports, --now) */
	int64_t year_from_ns; /* not 0: years are inferred near it instead of near the time of receipt */
	/* A closed batch. 0, or negative to refuse (the same batch is offered again at the next step; intake stops). */
	int (*emit)(void *ctx, uint32_t partition, struct slice batch, uint32_t rows);
	void *ctx;
};

struct ingest_stats {
	uint64_t received, stored, truncated, dropped, quarantined, gaps, bytes, frames_empty;
	uint64_t connections, connections_refused, header_invalid, undecoded;
};

int ingest_new(const struct env *env, const struct ingest_config *config, struct ingest **out, struct error *error);
void ingest_free(struct ingest *ingest);
void ingest_stats(const struct ingest *ingest, struct ingest_stats *out);

/* True while a refused batch waits or memory is short: read no more sockets. */
bool ingest_blocked(const struct ingest *ingest);
/* Closes batches that are due (age, or all with `flush`), offers refused ones again, writes ticks and gap rows. Returns ms
 * until it wants to be called again, -1: nothing open. */
int ingest_step(struct ingest *ingest, bool flush, struct error *error);

/* A bound, non-blocking datagram socket. */
int ingest_udp_new(struct ingest *ingest, int fd, struct ingest_udp **out, struct error *error);
/* Reads until there is nothing, or `budget` datagrams. Returns the number read. */
int ingest_udp_step(struct ingest_udp *udp, unsigned budget, struct error *error);
void ingest_udp_free(struct ingest_udp *udp);

/* A listening, non-blocking stream socket. */
int ingest_listener_new(struct ingest *ingest, int fd, enum framing framing, struct ingest_listener **out,
						struct error *error);
/* 1 and a connection (whose descriptor the caller then watches), 0 when there is none. */
int ingest_accept(struct ingest_listener *listener, struct ingest_connection **out, struct error *error);
int ingest_connection_fd(const struct ingest_connection *c);
/* Reads up to `budget` octets. 1: goes on; 0: ended (freed by the callee, the descriptor is closed). */
int ingest_connection_step(struct ingest_connection *c, size_t budget, struct error *error);
void ingest_connection_close(struct ingest_connection *c);
/* Nothing came for too long, and nothing keeps us from reading: the owner closes it. */
bool ingest_connection_idle(const struct ingest_connection *c);
void ingest_listener_free(struct ingest_listener *listener);

/* Files and pipes: pieces of octets in, records out. `source_line` as in docs/format-batch.md ("file <sha256>"). */
struct ingest_stream;
int ingest_stream_new(struct ingest *ingest, struct slice source_line, enum framing framing, struct ingest_stream **out,
					  struct error *error);
/* Takes all of it, or up to where the ingest became blocked: *taken. */
int ingest_stream_add(struct ingest_stream *s, struct slice octets, size_t *taken, struct error *error);
int ingest_stream_end(struct ingest_stream *s, struct error *error); /* a last record without its end */
void ingest_stream_free(struct ingest_stream *s);

/* Files that grow (docs/ingest.md, "Followed files"): every line once, also over rotation, truncation and the death of the
 * process. Where a file was read up to is written down in front of the batch that holds its lines, and holds when that batch
 * is on the bus (docs/format-positions.md). Nothing waits: names and sizes are looked at when ingest_follow_step is called. */
struct ingest_follow;

struct follow_input {
	const char *pattern; /* an absolute path; * ? [] within a name */
	enum framing framing; /* FRAMING_LF or FRAMING_NUL */
	bool from_end; /* files that are there at the first start are not read from their beginning */
	uint8_t address[16]; /* no sender's: settings of the ingest are found by it, as by a peer's address */
};

struct follow_config {
	const char *positions; /* path of the file of positions */
	const struct follow_input *inputs;
	uint32_t input_count;
	struct slice host; /* part of a source's identity */
	/* At start: whether the rows below `sequence` of (this collector, epoch, partition) are on the bus. `place` is what was
	 * given with the batch. 1, 0 or a negative error. */
	int (*arrived)(void *ctx, uint32_t partition, uint64_t epoch, uint64_t sequence, uint64_t place,
				   struct error *error);
	void (*tell)(void *ctx, const char *path, const char *text); /* a person should know; each matter once */
	void *ctx;
};

/* The settings' relay must not hold for the inputs' addresses: all lines of a file are of one source. */
int ingest_follow_new(struct ingest *ingest, const struct follow_config *config, struct ingest_follow **out,
					  struct error *error);
/* Looks and reads, `budget` octets at most. Returns ms until it wants to be called again (0: there is more to read now), or a
 * negative error. */
int ingest_follow_step(struct ingest_follow *follow, size_t budget, struct error *error);
/* From `emit`, before the bus is given a batch: the `ticket`-th of the partition in this process (from 1). An error refuses
 * the batch; a batch that the bus refuses is told again. */
int ingest_follow_batch(struct ingest_follow *follow, uint32_t partition, uint32_t rows, uint64_t ticket,
						uint64_t place, struct error *error);
/* Before anything that ingest_follow_batch was told of may become durable. */
int ingest_follow_sync(struct ingest_follow *follow, struct error *error);
/* So many batches of the partition are durable. */
void ingest_follow_durable(struct ingest_follow *follow, uint32_t partition, uint64_t tickets);
/* At the end, when all is durable: the next start has nothing to ask. */
int ingest_follow_settle(struct ingest_follow *follow, struct error *error);
uint32_t ingest_follow_count(const struct ingest_follow *follow); /* files that are open */
void ingest_follow_free(struct ingest_follow *follow);

/* An own row (gap, audit, ...): raw is its JSON text. */
int ingest_own_row(struct ingest *ingest, uint32_t partition, enum row_kind kind, struct slice json,
				   struct error *error);

#endif
