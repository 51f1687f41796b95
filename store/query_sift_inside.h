/* The inside of sifting: for query_sift*.c only.
 *
 * Verdicts are numbers in order: SIFT_NO < SIFT_MAYBE < SIFT_YES; "or" is the greater, "and" the lesser, "not" turns the
 * order round. Beside them SIFT_IN_TEXT: yes when the row's original is text (query_charset_is_text), else maybe.
 */
#ifndef STORE_QUERY_SIFT_INSIDE_H
#define STORE_QUERY_SIFT_INSIDE_H

#include "store/group_reader.h"
#include "store/query_sift.h"
#include "store/segment.h"

#define SIFT_IN_TEXT 3u
#define SIFT_NEEDLE_MAX 60u /* octets of a word that are looked at: places in it are bits of a number */

/* ---- what a group's templates and columns say, folded (query_sift_text.c) ---- */

/* Literals beside each other, and the piece behind them that is none. */
struct sift_span {
	uint32_t begin, end; /* in `folded` */
	const struct structure_piece *behind; /* null: the row ends */
};

struct sift_template {
	uint32_t begin, original_end,
		end; /* in `folded`; a piece that is no literal is one octet there: 0xff, as in no UTF-8 */
	uint32_t first, count; /* spans */
	bool torn; /* a piece ends inside a character: what is folded piece by piece is not the text folded */
};

struct sift_texts {
	struct sift_template *templates;
	struct sift_span *spans;
	uint8_t *folded;
	uint64_t *borders; /* bit i: a piece begins at folded[i] */
	uint32_t len, span_count;
};

/* The strings of a column, folded: of a dictionary the different ones. Columns of numbers and addresses have none. */
struct sift_column {
	bool ready, torn;
	uint32_t count;
	const uint8_t *text;
	const uint64_t *starts; /* count + 1 */
};

struct sift {
	const struct env *env;
	struct query *q;
	struct scan_sieve sieve;
	/* of the group at hand: */
	struct arena arena;
	struct group *g;
	struct sift_texts *texts; /* null: not asked for yet */
	struct sift_column *columns;
	uint8_t *encodings; /* of the columns, read or not */
	uint32_t *cursors;
};

int sift_texts(struct sift *s, const struct sift_texts **out, struct error *error);
int sift_column(struct sift *s, uint32_t number, const struct sift_column **out, struct error *error);

/* ---- verdicts of rows (query_sift.c) ---- */

/* By a value: the class that its text has, and what the class means where the value stands. */
struct sift_place {
	uint32_t column;
	const uint8_t *classes; /* of each value, of a dictionary of each different one; null: none has a class but 0 */
	uint8_t verdicts[4]; /* of each class */
};

struct sift_rules {
	uint8_t *templates; /* verdict of each template, whatever its values */
	bool *torn; /* of each template: what touches a value is not known by its octets, so SIFT_IN_TEXT is a maybe */
	struct sift_place *places; /* of each structure: */
	uint32_t *first, *count;
};

int sift_rules_init(struct sift *s, struct sift_rules *rules, struct error *error);
/* From templates and values to rows. */
void sift_rows(struct sift *s, const struct sift_rules *rules, uint8_t *verdicts);

/* query_sift_word.c, query_sift_field.c: the verdicts of a node. */
int sift_word(struct sift *s, const struct pattern *p, uint8_t *verdicts, struct error *error);
int sift_field(struct sift *s, const struct node *node, uint8_t *verdicts, struct error *error);

int sift_no_memory(struct error *error);

#endif
