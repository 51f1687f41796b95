/* The inside of a row group in the making: for group_write.c, group_rows.c, group_pieces.c, group_spans.c, group_shapes.c,
 * group_words.c and group_templates.c only.
 *
 * Rows come in few shapes: fields of the same names and types whose ends stand in the same order. What follows from
 * that (which pieces there are, whose they are, which make which field) is worked out once and kept as a struct shape.
 * A row is then a shape and one word for each piece; rows that are equal in all of that have the same template. The
 * shape keeps the words of its row before, and most rows change few of them or none.
 */
#ifndef STORE_GROUP_WRITER_H
#define STORE_GROUP_WRITER_H

#include "store/group.h"
#include "store/literals.h"

#define INLINE_VALUES 16u /* a name with more distinct values than this gets a column */
#define INLINE_BYTES 48u
#define LITERAL_BYTES 200u /* longer text between fields gets a column */
#define CONTEXTS_MAX 512u /* kinds of variables, told apart by the text before them */
#define CONTEXT_BYTES 8u
#define ROWS_PER_CONTEXT 256u /* a column costs a hundred octets: small groups have few */
#define SPLIT_BYTES 24u /* shorter values of fields are not looked into */
#define SPLIT_PIECES 48u /* of one piece */
#define SHAPE_TEMPLATES 8u /* with more of them in too few rows, a piece that often changes gets a column */
#define ROWS_PER_TEMPLATE 12u
#define TEMPLATES_FREE 1024u /* past it and half as many as rows, text between fields gets a column too */

#define SHAPE_BUCKETS 1024u
#define SHAPE_TRIES 16u /* a sender of ever new shapes makes no row look through all of them */
#define SHAPE_BYTES_MAX (8u << 20) /* of shapes and keys; past it all are forgotten, and made again as rows come */
#define SHAPE_CHUNK_BYTES (1u << 20)
#define ROW_FIELDS_MAX 512u /* LIMIT_row_fields: batches have no more in a row */
#define ENDS_MAX (5u + 2 * ROW_FIELDS_MAX)
#define CALM_ROWS 8u /* a piece that was so often what it was before may be part of a span */
#define SPAN_ROWS 16u /* rows of a shape after which spans are looked for anew */
#define HEADS_KNOWN 64u
#define OWNER_NONE UINT32_MAX

/* Where a text of the row begins or ends. First these, then two of each field. */
enum row_end {
	END_ZERO = 0,
	END_ORIGINAL,
	END_TEXT,
	END_TIME_FROM, /* with END_TIME_TO: the text that time_ns gives back; both 0 when there is none */
	END_TIME_TO,
	END_FIELDS,
};

/* A name's values stay in the templates as long as they are few and short. */
struct name_state {
	uint32_t column; /* + 1; 0 = none yet */
	uint8_t inline_count;
	bool inline_off;
	uint32_t inline_texts[INLINE_VALUES]; /* numbers of texts */
};

struct column {
	uint16_t number; /* of the name, or COLUMN_ANONYMOUS */
	struct values values;
};

/* What becomes of the text between one bound and the next. */
struct shape_piece {
	/* What it was last when all of it stayed in the template: the text (up to 16 octets as in shorts.h, else begin is its
	 * address) and the word. Good while no name has got a column since: epoch is that of the group then. */
	uint64_t begin, end;
	uint32_t len, epoch, word;
	uint32_t owner; /* name of the first field that is exactly this piece, or OWNER_NONE */
	uint32_t column, column_below; /* the owner's, to which every text goes that is shorter than so many octets */
	uint32_t changes; /* rows in which it was not what it was before */
	/* Pieces of which none has changed for long make a span, whose first one has this of all: */
	const uint8_t *span_text;
	uint16_t span; /* pieces; 0 = no span begins here */
	bool span_joins; /* there are bounds in it over which a word goes on */
	bool joins; /* such a bound, inside of a span */
	uint16_t span_first; /* + 1: the piece with which the span begins that this one is in */
	uint8_t calm; /* rows, up to CALM_ROWS, since it was something else */
	bool may_be_time; /* no field, or one of a time */
	bool crossed; /* a field goes over the place where the piece begins */
	bool is_end; /* a text ends where the piece begins and no field goes on, so that no word does */
};

struct shape_end {
	uint16_t end, bound;
};

struct shape {
	struct shape *next; /* in the bucket; those used last stand first */
	uint64_t hash;
	uint32_t number;
	uint32_t field_count, bound_count;
	const uint32_t *fields; /* as group_writer.fields */
	uint16_t *end_bounds; /* of each end the number of its bound */
	uint16_t *bound_ends; /* of each bound an end that is there */
	struct shape_end *others; /* those that are not among bound_ends */
	uint32_t other_count;
	struct shape_piece *pieces; /* bound_count of them; the last one is empty */
	uint32_t *span_ends; /* of each piece in a span: where it ends, from where the span begins */
	uint32_t *key; /* of its row before: number of the shape, a word for each piece (none for the time), small fields */
	uint32_t key_words, rows;
	uint32_t templates, templates_from; /* made since that row */
	uint32_t code; /* + 1: the template of that row; 0 = there was none */
	uint32_t time_piece; /* + 1; 0 = none */
	uint32_t time_end, time_offset, time_len; /* the time begins time_offset octets after that end */
	struct timetext time_form;
};

struct known_head {
	struct row_head head;
	uint32_t code; /* + 1; 0 = none */
};

struct template_slot {
	uint64_t hash;
	const uint32_t *key; /* null = free */
	uint32_t words, code;
};

/* What the rows of a shape of the batch have in common. */
struct shape_map {
	uint64_t hash; /* of the fields */
	uint32_t first; /* in shape_fields */
	bool is_short; /* all fields are short slices */
};

struct group_writer {
	const struct env *env;
	struct arena arena;
	struct strings names, sources, decoders, logsources, collectors, heads, structures, templates, contexts, several;
	struct literals texts; /* before a variable the owner is whose text it is, + 1; of others 0 */
	uint32_t *text_contexts; /* of each text: what a variable after it is, + 1; 0 = not asked yet */
	uint32_t text_contexts_room;
	struct words words;
	struct values_work work;
	struct buffer runs, maps, literals, structure, bits, out;
	const uint32_t *name_map, *source_map, *decoder_map, *logsource_map; /* of the batch at hand */
	struct buffer shape_maps, shape_fields; /* struct shape_map by the batch's shapes, and the fields of all of them */
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
	struct known_head known_heads[HEADS_KNOWN];
	uint32_t context_limit;
	uint32_t epoch; /* from 1 on, counts the names and variables that got a column */
	/* shapes, templates by shape and words, and what pieces were cut into; all in shape_arena */
	struct arena shape_arena;
	struct shape *shapes[SHAPE_BUCKETS];
	uint32_t shape_count;
	struct template_slot *slots; /* open addressing */
	uint32_t slot_count, slots_used;
	uint64_t key_factor; /* odd and drawn */
	/* the row at hand */
	struct slice text;
	uint32_t original_len, field_count, small_count, bound_count;
	int64_t time_ns;
	bool has_time;
	const uint32_t *fields; /* name | type << 16; of the row's shape in its batch */
	uint32_t smalls[ROW_FIELDS_MAX];
	uint16_t joined[ENDS_MAX]; /* bounds at which a word may go on */
	uint32_t joined_count;
	bool is_new; /* no row of its template came before */
	uint32_t ends[ENDS_MAX], bounds[ENDS_MAX]; /* bounds: the ends in order, each place once */
	struct timetext_cache times_printed;
	uint8_t last_time_text[TIMETEXT_MAX];
	uint32_t last_time_len;
	bool changed; /* its key is not that of the shape's row before */
	uint32_t made[SPLIT_PIECES + 2], *made_next; /* words of the piece at hand */
};

/* A word: what it is in the low two bits, the first of which tells whether it can be other text in the next row of the
 * template. What a piece was cut into is kept as one word, too. */
#define WORD_LITERAL 0u /* number of the text + 1 */
#define WORD_VALUE 1u /* column; the word of a time is WORD_VALUE alone */
#define WORD_SEVERAL 2u /* which words: a number of `several`; with WORD_VARIES when a value is among them */
#define WORD_VARIES 1u
#define WORD_NONE UINT32_MAX
#define KEY_PIECES 1u /* where in a key the pieces begin */

static inline void group_set_word(struct group_writer *g, struct shape *s, uint32_t piece, uint32_t word)
{
	uint32_t *known = &s->key[KEY_PIECES + piece];
	g->changed |= *known != word;
	*known = word;
}

static inline bool field_has_text(uint32_t field)
{
	uint32_t type = field >> 16;
	return type != VALUE_NULL && type != VALUE_SMALL;
}

/* Brings the names of the batch's shapes into those of the group, once for all its rows. False: no memory. */
bool group_map_shapes(struct group_writer *g, const struct batch *batch);
/* Cuts the row's text and finds its template. */
int group_add_text(struct group_writer *g, const struct batch *batch, const struct batch_row *row, uint32_t *code);

/* group_shapes.c: the shape of the row at hand, whose fields and ends are set; sets the bounds. Null: no memory. */
struct shape *group_find_shape(struct group_writer *g, uint64_t hash);
void group_forget_shapes(struct group_writer *g); /* and the templates found by them */

/* group_words.c: the words that a cut at this place divides; crossed: a field goes over it. */
void group_add_divided_words(struct group_writer *g, const struct shape *s, uint32_t at, bool crossed);
/* Adds the words over joined bounds that are the row's own; leaves the bounds of those that are the template's. */
void group_add_joined_words(struct group_writer *g, const struct shape *s);

/* group_spans.c: is the text from this bound on, all of the span's pieces, what it was when the span was made? Then the
 * span's joined bounds are added to the row's. */
bool group_is_span(struct group_writer *g, const struct shape *s, uint32_t k, const uint8_t *text);
void group_make_spans(struct group_writer *g, struct shape *s); /* anew, from the row at hand, which has been put */

/* group_pieces.c: puts the text of a piece that is not remembered; sets its word. */
int group_put_other(struct group_writer *g, struct shape *s, uint32_t k, struct slice text);
/* After a row with a new template: when the shape has got many of them, one of its pieces is from now on a value. */
void group_spare_templates(struct group_writer *g, struct shape *s);

/* group_templates.c: the template of the row at hand, whose key is whole; sets is_new. */
int group_find_template(struct group_writer *g, struct shape *s, uint32_t *code);
/* The column of templates. */
void group_fill_templates(struct group_writer *g, struct buffer *out);

#endif
