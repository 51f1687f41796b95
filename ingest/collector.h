/* The inside of a struct ingest: partitions with their open batches, sources, gaps, and what waits while the bus refuses.
 *
 * Only for the files of ingest/. All of it belongs to one thread.
 *
 * I1  A row has its place (partition, sequence) from the moment it is in a batch; the order in a batch is the order of
 *     adding, and a batch keeps its identity until it was taken.
 * I2  While a closed batch waits, nothing is read: at most one frame is parked, and the octets or datagrams that were read
 *     with it wait where they are (`held`) until ingest_step goes on with them. So a refused batch loses nothing.
 * I3  observed_ns of a row is not below the last tick (floor_ns).
 */
#ifndef INGEST_COLLECTOR_H
#define INGEST_COLLECTOR_H

#include "common/json_fields.h"
#include "ingest/charset.h"
#include "ingest/frame.h"
#include "ingest/header.h"
#include "ingest/ingest.h"

#define SOURCE_LINE_MAX 1024 /* "ip ...", " host ..." with every octet escaped */
#define READ_BYTES 65536

/* ---- sources ---- */

struct setting {
	const struct source_settings *given;
	struct zone *zone;
};

/* What is remembered of one source: a place in a bounded table, so that hostile addresses cannot grow it. */
struct source {
	uint64_t key[2]; /* two seeded hashes of address and relayed host */
	uint32_t used; /* the clock of the table when last used; 0 = free */
	uint16_t setting;
	uint32_t partition;
	struct charset_evidence evidence;
	/* Indexes in the open batch of `partition`, good while `serial` is that batch's. */
	uint64_t serial;
	uint16_t table_source, table_logsource;
};

/* Where a frame came from. */
struct origin {
	uint8_t address[16]; /* of the peer, when has_address */
	bool has_address;
	struct slice base; /* "ip 10.0.0.1", "file ..." */
	const uint64_t *key; /* source_key of base, when the sender of frames keeps it; null: not made yet */
	struct source *fixed; /* of a stream: its own, not in the table */
};

#define SOURCE_SETS 1024
#define SOURCE_WAYS 4

/* ---- partitions ---- */

struct partition {
	struct batch_builder *builder;
	uint32_t number;
	bool begun; /* batch_begin was called for the open batch */
	bool closed; /* finished, waiting to be taken */
	struct slice ready;
	uint64_t next_sequence;
	int64_t base_ns, opened_boot_ns;
	uint64_t serial; /* of the open batch; never 0 */
	uint32_t events, quarantined;
};

/* ---- gaps ---- */

#define GAPS_MAX 32

struct gap {
	char json[384];
	char source[64]; /* source line, may be empty */
};

/* ---- the whole ---- */

struct body_scratch;

struct ingest {
	const struct env *env;
	struct ingest_config config;
	struct ingest_stats stats;
	struct dictionary dictionary;
	struct decoder_scratch *decoders;
	struct body_scratch *body;
	struct json_fields own_fields; /* of own rows */
	struct charset_converter charset;
	uint64_t seed;
	uint32_t field_length, field_hash; /* event.original_length, event.original_hash */

	struct setting *settings; /* source_count of them, then the defaults */
	bool host_settings; /* some setting names a header host */
	struct source *table;
	uint32_t table_clock;
	char line[SOURCE_LINE_MAX]; /* the source line of the row being made */

	struct partition *partitions;
	uint32_t partition_count;
	uint64_t serial;

	int64_t floor_ns; /* of the last tick */
	int64_t next_tick_boot_ns;
	int64_t clock_difference; /* wall clock minus boot time, to notice steps */
	struct moment reference; /* for years */
	struct stamp_memo stamp_memo;

	struct gap gaps[GAPS_MAX];
	uint32_t gap_count;
	uint64_t gaps_unnamed; /* more than the table holds */

	uint8_t *read_buf; /* READ_BYTES; shared by all connections */
	uint8_t *unescape;
	size_t unescape_size;

	/* I2 */
	bool parked;
	struct frame parked_frame;
	struct origin parked_origin;
	struct source parked_source; /* of a stream that was freed meanwhile */
	int64_t parked_observed;
	uint8_t *parked_octets; /* message_bytes */
	char parked_base[SOURCE_LINE_MAX];
	bool memory_short;
	bool (*resume)(void *ctx); /* goes on with what was read; true when nothing is left */
	void *resume_ctx;

	struct ingest_udp *sockets; /* list, for gap rows that wait for their second */
};

/* collector.c */
int64_t ingest_now(const struct ingest *in);
/* Takes a frame: into a batch, into quarantine, or parked. Must not be called while ingest_blocked. */
void ingest_take(struct ingest *in, const struct origin *origin, const struct frame *frame, int64_t observed_ns);
/* Goes on with the parked frame and what was read with it. */
void ingest_unpark(struct ingest *in);
/* Registers what ingest_step goes on with. */
void ingest_hold(struct ingest *in, bool (*resume)(void *ctx), void *ctx);

/* source.c */
int sources_init(struct ingest *in, struct error *error);
void sources_free(struct ingest *in);
/* The source of a frame with this header; `line` has SOURCE_LINE_MAX octets and receives the source line. */
struct source *source_find(struct ingest *in, const struct origin *origin, struct slice host, char *line,
						   size_t *line_len);
/* Under which a source line stands in the table. */
void source_key(const struct ingest *in, struct slice line, uint64_t key[2]);
size_t source_address_line(const uint8_t address[16], char *out); /* "ip ..." into at least 64 octets */
uint32_t source_partition(const struct ingest *in, struct slice line);

/* partition.c */
int partitions_init(struct ingest *in, struct error *error);
void partitions_free(struct ingest *in);
/* Makes the partition ready for a row observed then and of about that size. -ERROR_FULL: a closed batch waits;
 * -ERROR_MEMORY. */
int partition_prepare(struct ingest *in, struct partition *p, int64_t observed_ns, size_t size);
/* After a row was added: closes the batch when a limit is reached. */
void partition_added(struct ingest *in, struct partition *p);
/* Closes the open batch, if it has rows, and offers it. 0: nothing waits; -ERROR_FULL; -ERROR_MEMORY. */
int partition_close(struct ingest *in, struct partition *p);
/* Names told by senders have nearly filled the dictionary: closes all batches and forgets those names. */
void partitions_watch_names(struct ingest *in);

/* row.c: 0, -ERROR_FULL, -ERROR_MEMORY (the row is not there, try again). */
int row_add(struct ingest *in, const struct origin *origin, const struct frame *frame, int64_t observed_ns);
int row_add_own(struct ingest *in, struct partition *p, enum row_kind kind, struct slice json, struct slice source,
				int64_t observed_ns);

/* gap.c: gap rows wait in a small table until their batch has room. */
void gap_add(struct ingest *in, struct slice source, const char *reason, uint64_t count, const char *unit);
/* Writes what waits; false when some still waits. */
bool gap_flush(struct ingest *in);

/* udp.c */
void udp_report_drops(struct ingest_udp *udp, bool now); /* once a second, or now */
struct ingest_udp *udp_next(struct ingest_udp *udp);

#endif
