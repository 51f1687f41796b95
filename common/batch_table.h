/* A table of texts of the batch being built: equal texts get the same index. Only for batch_builder.c.
 *
 * `slots` is open addressing; a slot counts only when its stamp is the table's, so that starting a new batch clears
 * nothing. Grown by doubling while at most half full, and kept from batch to batch: warm, it does not allocate.
 */
#ifndef COMMON_BATCH_TABLE_H
#define COMMON_BATCH_TABLE_H

#include "common/buffer.h"

struct table_entry {
	uint32_t offset; /* into octets */
	uint16_t lens[3];
	uint16_t version;
};

struct table_slot {
	uint32_t stamp, index;
	uint64_t hash;
};

struct batch_table {
	struct buffer entries; /* of struct table_entry */
	struct buffer octets;
	struct table_slot *slots;
	uint32_t slot_count, count, stamp;
	uint64_t seed;
};

void batch_table_init(struct batch_table *t, const struct env *env, uint64_t seed);
void batch_table_begin(struct batch_table *t);
/* Index of the entry with these three texts (two may be empty) and version; -ERROR_LIMIT, -ERROR_MEMORY. */
int batch_table_intern(struct batch_table *t, const struct slice parts[3], uint16_t version, uint16_t *index);
/* Appends without looking whether it is there. */
int batch_table_append(struct batch_table *t, struct slice text, uint16_t *index);
/* Forgets the entries from `count` on; only for tables that are appended to. */
void batch_table_cut(struct batch_table *t, uint32_t count);
void batch_table_free(struct batch_table *t);

static inline const struct table_entry *batch_table_entries(const struct batch_table *t)
{
	return (const struct table_entry *)(const void *)t->entries.ptr;
}

#endif
