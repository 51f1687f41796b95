/* A pattern: text with wildcards, as a Sigma string value means it.
 *
 * Built from units: code points, raw octets (what the utf16 modifiers give), `*` (any octets, newlines too), `?` (one
 * code point; an invalid octet counts as one) and dash (any character that Windows programs take for the dash of an
 * option). Immutable; lives in the arena it was built in. Any thread.
 */
#ifndef RULES_PATTERN_H
#define RULES_PATTERN_H

#include "common/arena.h"

#define UNIT_OCTET 0x110000u /* + octet: not a code point but this very octet */
#define UNIT_STAR 0x200000u
#define UNIT_ONE 0x200001u
#define UNIT_DASH 0x200002u /* - / en dash, em dash, horizontal bar */

struct unit_text {
	uint32_t *units;
	uint32_t count;
};

/* What stands between two stars. */
struct segment_part {
	uint32_t special; /* UNIT_ONE, UNIT_DASH or 0: literal */
	struct slice literal;
};

struct segment {
	struct slice literal; /* the whole segment when it has no special part */
	uint32_t rare; /* where in the literal its least common octet stands: what a search looks for */
	const struct segment_part *parts;
	uint32_t part_count; /* 0: literal only */
};

struct pattern {
	const struct segment *segments;
	uint32_t count;
	bool open_start, open_end; /* a star there */
	bool cased; /* false: compare with folded values */
	size_t len_min; /* octets a value must have at least */
};

/* The escapes of Sigma: \* and \? are the characters, \\ is one backslash, before anything else the backslash is
 * itself. False: no memory. */
bool unit_text_parse(struct arena *arena, struct slice text, struct unit_text *out);
/* Literal text without wildcards. */
bool unit_text_plain(struct arena *arena, struct slice text, struct unit_text *out);
bool unit_text_has_wildcard(const struct unit_text *t);
/* The octets of a text without wildcards. */
bool unit_text_octets(struct arena *arena, const struct unit_text *t, struct slice *out);

/* Null: no memory. */
struct pattern *pattern_new(struct arena *arena, const struct unit_text *t, bool cased);
/* `value` must be folded unless the pattern is cased. */
bool pattern_match(const struct pattern *p, struct slice value);

#endif
