/* A word being asked of a group (query_sift_word.c, query_sift_cross.c, query_sift_value.c).
 *
 * The word, or the longest piece of it without wildcards, is the needle. A row holds it only where its text does, and
 * there it lies in literals beside each other, in one value, or over the borders of values. The first two are looked up;
 * of the third only whether it could be: what the values of a column begin and end with is gathered for the whole column.
 *
 * Folding piece by piece is folding the text, unless a piece ends inside a character (torn); and the needle is whole
 * characters. So nothing that is in the text is missed.
 */
#ifndef STORE_QUERY_SIFT_WORD_H
#define STORE_QUERY_SIFT_WORD_H

#include "store/query_sift_inside.h"

/* Bit j of a set: the first j octets of the needle have been seen, up to here. */
typedef uint64_t places;

/* What the texts of a column, or of a form of time, can do for a needle that goes over their borders. */
struct crossing {
	places ends; /* some end with the first j octets */
	places begins; /* some begin with all but the first j octets */
	places *through; /* some are the octets of the needle from j on to k: bit k of through[j] */
	bool has_empty;
};

struct needle {
	const struct pattern *pattern;
	struct slice text;
	bool exact; /* it is the pattern: where it lies with its boundaries, the pattern occurs */
	bool word_left, word_right;
	places by_first[256], by_last[256]; /* the octet at place j; the one before place j. Of 1 .. len - 1 */
};

/* What a value has, for its class. */
enum {
	VALUE_HAS_NOT = 0,
	VALUE_HAS_BORDER = 1, /* with its boundaries when nothing touches the value, */
	VALUE_HAS_INSIDE = 2, /* whatever touches it */
};

struct asking {
	struct sift *s;
	struct needle needle;
	const struct sift_texts *texts;
	const uint8_t **classes; /* of each column */
	struct crossing *columns;
	struct crossing *times[256]; /* by form */
	bool inside_time[256]; /* the text of a time may hold all of it: then it is printed */
	bool any_time;
};

static inline bool needle_word_octet(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* query_sift_cross.c */
void needle_make(struct needle *n, const struct pattern *p);
int crossing_room(struct asking *a, struct crossing *c);
void crossing_add(const struct needle *n, struct crossing *c, struct slice text);
/* Texts of which only the octets are known that they can have, and that they are not longer than `most`. */
void crossing_add_octets(const struct needle *n, struct crossing *c, const char *octets, size_t most);
int word_ask_times(struct asking *a);
/* Whether the needle could lie over the border of a value in a row of this template. */
bool word_may_cross(const struct asking *a, const struct sift_template *t);

/* query_sift_value.c */
/* The class of a value that has the needle at `at`, and maybe again behind it. */
uint8_t needle_class(const struct needle *n, struct slice value, size_t at);
int word_ask_column(struct asking *a, uint32_t number, struct error *error);

#endif
