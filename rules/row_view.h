/* The row being evaluated: its values by the ruleset's field ids. Only files of rules/ include it.
 *
 * Names are bound once per batch, the table is filled once per row, and then a field is one look. A value, its folded text,
 * number and address are made when first asked for and kept for the row. Tables are stamped, never cleared. One thread.
 */
#ifndef RULES_ROW_VIEW_H
#define RULES_ROW_VIEW_H

#include "rules/ruleset.h"

#define NO_VALUE UINT32_MAX

/* Where a value of the row is; the value itself is made when asked for. */
struct view_link {
	uint32_t index; /* in the batch; NO_VALUE: its view_value is made */
	uint32_t next; /* the next value of the same field, or NO_VALUE */
};

/* A field of a shape that rules look at. */
struct view_field {
	uint32_t field, at; /* at: in the shape */
};

/* The fields of a shape of the bound batch. */
struct view_shape {
	uint32_t stamp, first, count;
};

struct view_value {
	bool has_folded, has_number, has_address, is_address;
	struct batch_value value;
	struct slice text; /* printed when the value is SMALL */
	struct slice folded;
	struct pattern_text hinted; /* of folded */
	uint32_t searches; /* in folded */
	struct number number;
	uint8_t address[16];
	char small[12];
};

struct view_slot {
	uint32_t stamp; /* of the row that filled it */
	uint32_t first, last;
};

struct row_view {
	const struct env *env;
	const struct dictionary *fields;
	struct arena scratch; /* of the row */
	bool failed; /* memory ran out: the row must not be judged */
	bool entered; /* `row` is a row of the bound batch and its values are here */

	uint32_t *bound; /* batch name -> field id or DICTIONARY_NONE */
	uint32_t bound_room;
	const uint8_t *batch_ptr; /* which batch is bound: place, length, checksum */
	size_t batch_len;
	uint64_t batch_sum;

	struct view_slot *slots; /* by field id */
	struct view_link *links;
	struct view_value *values; /* with the same index */
	uint32_t link_room, value_room;
	struct view_shape *shapes; /* by the batch's number; stamped by batch */
	struct view_field *shape_fields;
	uint32_t shape_room, shape_field_room, shape_field_count, batch_stamp;
	uint32_t stamp;
	bool plain; /* values are compared, not asked for hints before */
	uint64_t tests; /* values that were compared or searched, since the view was made */
	struct batch_row row;
	const struct batch *batch; /* during a call only */

	struct view_value *texts; /* for keywords; made when first asked for */
	uint32_t text_count, text_room;
	bool has_texts;
};

int row_view_init(struct row_view *v, const struct env *env, const struct dictionary *fields);
void row_view_free(struct row_view *v);
/* Binds the names of the batch; cheap when it is the one already. *rebound tells that it is a new one. -ERROR_MEMORY. */
int row_view_bind_new(struct row_view *v, const struct batch *batch, uint64_t sum);
/* Views of different batches may stand at the same place; the checksum at the end of the octets tells them apart. */
static inline int row_view_bind(struct row_view *v, const struct batch *batch, bool *rebound)
{
	uint64_t sum = batch->octets.len >= 8 ? get_u64(batch->octets.ptr + batch->octets.len - 8) : 0;
	*rebound =
		v->batch_ptr != batch->octets.ptr || v->batch_len != batch->octets.len || v->batch_sum != sum || !v->batch_ptr;
	return *rebound ? row_view_bind_new(v, batch, sum) : 0;
}
/* Makes `row` the current one; cheap when it is already. *rebound tells that the batch is a new one. -ERROR_MEMORY. */
int row_view_enter(struct row_view *v, const struct batch *batch, const struct batch_row *row, bool *rebound);

/* First value of the first of these names that is in the row; NO_VALUE: missing. */
static inline uint32_t row_view_first(const struct row_view *v, const struct field_names *names)
{
	for (uint32_t i = 0; i < names->count; i++)
		if (v->slots[names->ids[i]].stamp == v->stamp)
			return v->slots[names->ids[i]].first;
	return NO_VALUE;
}

void row_view_read(struct row_view *v, uint32_t at);
static inline struct view_value *row_view_value(struct row_view *v, uint32_t at)
{
	if (v->links[at].index != NO_VALUE)
		row_view_read(v, at);
	return &v->values[at];
}

struct slice view_folded(struct row_view *v, struct view_value *x);
/* Whether the folded value matches an uncased pattern. */
bool view_matches(struct row_view *v, struct view_value *x, const struct pattern *p);
const struct number *view_number(struct view_value *x);
bool view_address(struct view_value *x, const uint8_t **address);
/* The texts that a keyword is looked for in: all strings of a structured body, else the message. */
int row_view_texts(struct row_view *v);

#endif
