/* The match record: what detect tells temporal (docs/format-match.md).
 *
 * A writer gathers the entries of one `matches` partition; a view is checked once, as a whole, and then walked. A view
 * lives as long as its octets. One thread each.
 */
#ifndef CORRELATE_MATCH_H
#define CORRELATE_MATCH_H

#include "correlate/key.h"

#define MATCH_HEAD_BYTES 64u
#define MATCH_RECORD_BYTES_MAX (4u << 20)

enum match_kind {
	MATCH_ENTRY = 1,
	MATCH_CLOCK = 2,
	MATCH_LEVEL = 3
};
#define MATCH_FLAG_MAY_IGNORE 1u
#define MATCH_SEEN 64u

struct match_entry {
	enum match_kind kind;
	/* MATCH_ENTRY */
	int64_t when_ns, observed_ns;
	struct event_identity event;
	const uint8_t *correlation, *rule; /* digests, 32 octets */
	struct slice source, key, spelling, value, carried;
	/* MATCH_CLOCK, MATCH_LEVEL */
	uint32_t partition; /* of events or of matches */
	uint32_t level;
	uint64_t offset;
	int64_t clock_ns;
};

/* ---- writing ---- */

struct match_writer {
	struct buffer digests, origins, entries, record;
	uint32_t digest_count, origin_count, entry_count;
	uint32_t digests_seen[MATCH_SEEN], origins_seen[MATCH_SEEN]; /* by their first octet: where one was found last */
	size_t last_clock; /* place of the newest entry when it is a clock or a level; SIZE_MAX otherwise */
};

void match_writer_init(struct match_writer *w, const struct env *env);
void match_writer_free(struct match_writer *w);
/* Failed growth shows in match_writer_failed; nothing is taken in part. */
void match_writer_add(struct match_writer *w, const struct match_entry *entry);
bool match_writer_failed(const struct match_writer *w);
/* What the record will have, within 64 octets. */
size_t match_writer_bytes(const struct match_writer *w);
/* The record, valid until the next call; -ERROR_MEMORY. The entries stay until match_writer_reset. */
int match_writer_finish(struct match_writer *w, struct slice *record, struct error *error);
void match_writer_reset(struct match_writer *w);

/* ---- reading ---- */

struct match_record {
	const uint8_t *digests, *origins, *entries;
	uint32_t digest_count, origin_count, entry_count, entries_bytes;
};

int match_open(struct match_record *record, struct slice octets, struct error *error);
/* Walks from *place = 0; entries that may be ignored are passed over. False at the end. */
bool match_next(const struct match_record *record, uint32_t *place, struct match_entry *out);

#endif
