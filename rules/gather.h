/* Gathering: what the rows of a batch hold, looked at column by column (columns.h). Only files of rules/ include it.
 *
 * Rows are taken in one after the other; equal values of a column are one value. Then all are looked at together: keys by
 * value, literals in one pass over the folded values of a column. Afterwards each row tells the rules that hang on its
 * values. Never a rule that could hold is missed: all values count, of each field and of each name that it may have, and
 * that is at least what judging looks at.
 *
 * The batch must stay until the next gather_begin or gather_look. Nothing is allocated once it has grown. One thread.
 */
#ifndef RULES_GATHER_H
#define RULES_GATHER_H

#include "rules/candidates.h"
#include "rules/route.h"

#include "common/hash.h"

#define GATHER_END UINT32_MAX

struct gather_value {
	struct slice text;
	uint64_t hash;
	uint32_t small; /* the value, where is_small: it has no text */
	bool is_small;
	bool is_loose; /* not looked for among the others: the same octets may stand again */
};

/* A value in a column. */
struct gather_link {
	uint32_t value, next;
};

struct gather_hit {
	struct rule_list rules;
	uint32_t column; /* GATHER_TEXTS: one of texts */
	uint32_t next;
};

/* A value of a row. */
struct gather_entry {
	uint32_t value; /* GATHER_END: only that there is one */
	uint32_t column; /* or GATHER_TEXTS */
};
#define GATHER_TEXTS UINT32_MAX

/* One thing that is taken of each row of a shape (gather_row.c). */
struct gather_step {
	uint32_t at; /* field of the shape, or what gather_row.c says */
	uint32_t column; /* or COLUMN_NONE */
	uint8_t kind; /* how its value is read */
	bool texts; /* it goes into the columns of texts */
	bool is_loose;
};
enum {
	GATHER_SHORT, /* a slice of 16-bit place and length */
	GATHER_SMALL,
	GATHER_OTHER
};

/* The steps of a shape of the batch, for the route that its rows had last. */
struct gather_shape {
	uint64_t route; /* its number */
	uint32_t stamp, first, count;
	uint32_t message; /* the field that is looked at for the texts that stand in it, or GATHER_END: each for itself */
	bool is_structured;
};

struct gather_slot {
	uint32_t stamp, value;
};

/* A value by its length and ends, which are all there is to it up to 16 octets; good where the stamp is the present one. */
#define GATHER_MEMOS 2048u
struct gather_memo {
	uint64_t head, tail, len;
	uint32_t value, stamp;
};

/* Where a value ends in the text that is searched: at its edge. */
struct gather_end {
	uint32_t at, value;
};

struct gather {
	const struct env *env;
	const struct columns *columns;
	uint8_t secret[HASH_SECRET_BYTES]; /* values are told by who sends them */
	struct gather_value *values; /* each octets once, whatever columns they are in */
	uint32_t *value_hits; /* of each the first hit, or GATHER_END */
	uint64_t *value_columns; /* and bits of the columns that it is in: `words` for each */
	struct gather_link *links;
	struct gather_hit *hits;
	struct gather_entry *entries;
	uint32_t *rows; /* where the entries of each row begin, and where the last end */
	uint32_t value_count, value_room, link_count, link_room, hit_count, hit_room, entry_count, entry_room, row_count,
		row_room, words;
	struct gather_shape *shapes; /* by the batch's number */
	struct gather_step *steps;
	uint32_t shape_room, step_count, step_room;
	struct gather_slot *slots; /* open addressing, at most half full; free where the stamp is another */
	uint32_t slot_mask, stamp;
	struct gather_memo *memos;
	uint32_t *heads; /* the first link of each column, or GATHER_END */
	uint32_t *touched, touched_count; /* columns that have some */
	/* of the column being looked at */
	uint32_t column;
	struct literal_scratch *scratch;
	struct buffer text; /* edge, value, edge, value, edge */
	struct gather_end *ends;
	uint32_t end_count, end_room, end_at;
	uint32_t *last; /* for each literal of the set the value it was last found in, and the batch's serial */
	uint32_t serial; /* so that values of one batch are not taken for those of another; never 0 */
	uint32_t found; /* in that value */
	size_t base; /* where the search began */
	bool failed;
};

int gather_init(struct gather *g, const struct env *env, const struct columns *columns);
void gather_free(struct gather *g);
/* Makes room for more than `count` of `size` octets in *array; false: no memory. Between gather*.c only. */
bool gather_room_for(const struct env *env, void *array, uint32_t *room, uint32_t count, size_t size);
#define GATHER_ROOM(g, array, what) \
	gather_room_for((g)->env, &(g)->array, &(g)->what##_room, (g)->what##_count, sizeof *(g)->array)
/* The number of the value that has these octets, new when there is none. GATHER_END: no memory. */
uint32_t gather_find(struct gather *g, struct gather_value *v);
uint32_t gather_add(struct gather *g, const struct gather_value *v); /* new in any case */
void gather_begin(struct gather *g);
/* The next row; all rows between gather_begin and gather_look are of one batch. bound: the field of each name of the batch, or DICTIONARY_NONE; names: the same, where fields that nothing
 * hangs on may be left out. -ERROR_MEMORY. */
int gather_row(struct gather *g, const struct route *route, const uint32_t *names, const uint32_t *bound,
			   const struct batch *batch, const struct batch_row *row);
int gather_no_row(struct gather *g); /* one without values */
/* Looks at what was taken in. -ERROR_MEMORY. */
int gather_look(struct gather *g);
/* The rules of the route that row `index` is worth judging for. */
void gather_candidates(const struct gather *g, uint32_t index, const struct route *route, struct candidates *c);

#endif
