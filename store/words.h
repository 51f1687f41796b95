/* The words of a row group and the filter made of them (docs/format-segment.md, "Filter").
 *
 * A filter has no false "no": when it says that a word is not in a group, no row of the group holds it. One owner, one
 * thread.
 */
#ifndef STORE_WORDS_H
#define STORE_WORDS_H

#include "common/common.h"

#define WORDS_RECENT 2048u /* stays in the cache */

struct words {
	const struct env *env;
	uint64_t *slots; /* hashes, open addressing; 0 = free (a word whose hash is 0 makes everything possible) */
	uint32_t count, slot_count;
	bool overflow; /* too many words or no memory: no promise */
	uint64_t recent[WORDS_RECENT]; /* hashes added lately, by their upper bits: most words come again soon */
};

void words_init(struct words *w, const struct env *env);
/* Every word of the text: folded too when it holds a character that folds into ASCII. */
void words_add(struct words *w, struct slice text);
/* An original in GB 18030 or Big5: characters of several octets separate words. */
void words_add_multibyte(struct words *w, struct slice text);
/* The words that go over the place `at` of the text, when it alone was cut there. */
void words_add_around(struct words *w, struct slice text, size_t at);
#define WORDS_OCTET 1u
#define WORDS_JOINS 2u
extern const uint8_t words_kinds[256];
static inline bool words_octet(uint8_t c) /* [A-Za-z0-9_] */
{
	return words_kinds[c] & WORDS_OCTET;
}
/* Could a word go on over the border between these two octets? */
static inline bool words_join(uint8_t left, uint8_t right)
{
	return words_kinds[left] & words_kinds[right] & WORDS_JOINS;
}
/* Appends the filter; nothing when there is no promise. */
void words_filter(struct words *w, struct buffer *out);
void words_reset(struct words *w);
void words_free(struct words *w);

/* Could a row of the group hold this folded text? whole_left, whole_right: its ends are ends of words. */
bool filter_may_hold(struct slice filter, struct slice folded, bool whole_left, bool whole_right);
bool filter_valid(struct slice filter);

#endif
