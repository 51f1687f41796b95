/* The inside of a row group in the making: for group_write.c, group_rows.c and group_templates.c only. */
#ifndef STORE_GROUP_WRITER_H
#define STORE_GROUP_WRITER_H

#include "store/group.h"

#define INLINE_VALUES 16u /* a name with more distinct values than this gets a column */
#define INLINE_BYTES 48u
#define LITERAL_BYTES 200u /* longer text between fields gets a column */
#define CONTEXTS_MAX 512u /* kinds of variables, told apart by the text before them */
#define CONTEXT_BYTES 8u
#define ROWS_PER_CONTEXT 256u /* a column costs a hundred octets: small groups have few */
#define SPLIT_BYTES 24u /* shorter values of fields are not looked into */
#define BOUND_AT 8192u /* texts up to here look their bounds up in a table */
#define SPLIT_PIECES 48u /* of one piece */
#define TEMPLATES_FREE 1024u /* past it and half as many as rows, text between fields gets a column too */

/* A name's values stay in the templates as long as they are few and short. */
struct name_state {
	uint32_t column; /* + 1; 0 = none yet */
	uint8_t inline_count;
	bool inline_off;
	uint64_t inline_hashes[INLINE_VALUES];
};

struct column {
	uint16_t number; /* of the name, or COLUMN_ANONYMOUS */
	struct values values;
};

/* A field of the row at hand. */
struct place {
	uint32_t name;
	uint8_t type;
	uint32_t from, to; /* octets of the row's text */
	uint32_t first, last; /* the same as indexes of bounds */
	uint32_t small;
};

struct group_writer {
	const struct env *env;
	struct arena arena;
	struct strings names, sources, decoders, logsources, collectors, heads, structures, templates, contexts;
	struct words words;
	struct buffer runs, maps, key, literals, out;
	const uint32_t *name_map, *source_map, *decoder_map, *logsource_map; /* of the batch at hand */
	uint64_t *time, *observed;
	uint32_t *template_codes, *head_codes;
	struct column *columns;
	uint32_t column_count, columns_made;
	uint32_t anonymous; /* column, + 1 */
	struct name_state *name_states, *context_states;
	uint32_t name_states_room;
	uint32_t row_count, run_count;
	size_t text_bytes, batch_bytes;
	bool literals_off; /* too many templates: no more text goes into them */
	struct zone zone;
	int64_t last_observed_base;
	bool has_last_head;
	struct row_head last_head;
	uint32_t last_head_code;
	/* the row at hand */
	struct slice text;
	uint32_t original_len, place_count, bound_count, literal_count;
	bool words_cut; /* a field ends inside a word, or goes from the original into the derived text */
	uint64_t bound_bits[BOUND_AT / 64]; /* of texts shorter than BOUND_AT: where fields begin and end */
	uint32_t time_piece; /* + 1; 0 = none */
	struct timetext time_form;
	struct timetext_cache times_printed;
	uint8_t last_time_text[64];
	uint32_t last_time_len;
	struct buffer places, bounds, owners, piece_at;
	bool has_room;
	uint32_t room_fields; /* the buffers of a row hold so many fields and so much text */
	size_t room_text;
	uint16_t *bound_at; /* of a place in the text, while it is short */
	uint32_t *key_next; /* structure of the row, being written */
	uint64_t key_hash, key_factor; /* of the structure; the factor is odd and drawn */
	uint8_t *literal_next;
	uint32_t piece_count, context_limit;
};

/* Cuts the row's text and finds its template. */
int group_add_text(struct group_writer *g, const struct batch *batch, const struct batch_row *row, uint32_t *code);
/* The column of templates (group_templates.c). */
void group_fill_templates(struct group_writer *g, struct buffer *out);

#endif
