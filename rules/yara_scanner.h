/* The inside of a scanner of YARA rules. Only files of rules/yara_* include it. One thread. */
#ifndef RULES_YARA_SCANNER_H
#define RULES_YARA_SCANNER_H

#include "rules/yara_decode.h"
#include "rules/yara_fields.h"
#include "rules/yara_rules.h"
#include "rules/yara_set.h"

/* What rules look at: the text of an event, or a part of it that was encoded. */
struct yara_block {
	struct slice octets;
	uint32_t row; /* counted from the first one looked at */
};

struct yara_row {
	uint32_t first; /* block of it */
	uint32_t variables; /* a bit for each that may be other than empty */
	bool cut; /* not all that is encoded in it was looked at */
};

/* Something speaks for a unit. */
struct yara_hint {
	uint32_t block, unit;
};

struct yara_scanner {
	const struct env *env;
	const struct yara_rules *set;
	YR_SCANNER *whole, *batch, **shards;
	/* the rows looked at */
	uint32_t first, row_count;
	struct buffer blocks; /* struct yara_block, by row */
	struct buffer rows; /* struct yara_row, and one for the end */
	struct yara_fields fields; /* of the batch */
	struct arena decoded; /* texts of blocks that were encoded */
	uint32_t adding; /* the row whose blocks are being made */
	bool given_up; /* the batch scan came to no end: every rule may hold */
	/* the batch scan */
	uint32_t at; /* block that is being scanned */
	YR_MEMORY_BLOCK block;
	struct buffer folded; /* the block, for the sieve */
	struct buffer found; /* uint64_t: block and string, of one rule */
	struct buffer hints; /* struct yara_hint, in no order */
	struct buffer hinted; /* uint32_t: units by block */
	struct buffer hinted_from; /* uint32_t: for each block where its units begin, and the end */
	uint64_t *known; /* strings of one rule in one block */
	bool failed; /* no memory */
	/* a row */
	struct buffer hits; /* uint32_t: rules */
	struct buffer units; /* uint32_t: those that something speaks for on this block */
	uint64_t *unit_stamps, *shard_stamps; /* equal to stamp: is one of them, has judged it */
	uint64_t stamp;
	uint32_t shard; /* that is being scanned; NO_RULE: the whole set */
	uint32_t variables; /* of the row */
	const struct batch *batch_now; /* during a call only */
	const struct batch_row *row_now;
	bool has_values;
	struct yara_values values; /* made when a condition may ask for them */
	struct buffer text; /* a value, ended by a NUL */
	uint64_t stray;
	struct yara_watch *watch; /* null: nobody wants to know what rules cost */
	bool trying; /* what holds is not told: units are judged by themselves, for their cost */
};

static inline uint32_t yara_block_count(const struct yara_scanner *s)
{
	return (uint32_t)(s->blocks.len / sizeof(struct yara_block));
}

static inline const struct yara_row *yara_row_at(const struct yara_scanner *s, uint32_t i)
{
	return (const struct yara_row *)s->rows.ptr + i;
}

static inline const struct yara_block *yara_block_at(const struct yara_scanner *s, uint32_t i)
{
	return (const struct yara_block *)s->blocks.ptr + i;
}

/* Scans by a shard, or NO_RULE: the whole set. Returns 1 when it was given up. */
uint64_t yara_scan(struct yara_scanner *s, uint32_t shard, struct slice octets);
int yara_message(YR_SCAN_CONTEXT *context, int message, void *data, void *ctx);
/* yara_batch.c: fills the hints of all blocks. */
int yara_batch_scan(struct yara_scanner *s);
YR_SCANNER *yara_scanner_make(YR_RULES *rules, YR_CALLBACK_FUNC callback, void *ctx);
int yara_batch_message(YR_SCAN_CONTEXT *context, int message, void *data, void *ctx);

#endif
