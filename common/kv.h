/* Key=value text: a tokenizer over what devices write as pairs. No allocation, no copy; pairs are slices of the text.
 *
 * Two shapes. With a separator ("; ", ", ", "$ ") a value goes on to the next separator; a piece without the assignment
 * mark belongs to the value before it. With white space between the pairs an unquoted value ends at white space, or,
 * when `spaced`, only where the next "key=" begins (as in the extension of CEF). One thread each.
 */
#ifndef COMMON_KV_H
#define COMMON_KV_H

#include "common/slice.h"

struct kv_rules {
	struct slice separator; /* empty or one space: white space */
	struct slice assign; /* "=" ; ": " ... */
	uint8_t quote; /* 0 = none; a value that begins with it goes on to the next one not behind a backslash */
	bool spaced; /* white space only: unquoted values may hold spaces */
	bool loose; /* separator: a piece without the mark is skipped instead of joined to the value before it */
	bool escapes; /* a backslash takes the next octet out of its meaning, as in CEF; see kv_pair.escaped */
};

struct kv_reader {
	const struct kv_rules *rules;
	struct slice text;
	size_t at;
	bool white; /* no separator but white space */
	uint32_t skipped; /* pieces that were no pair and belonged to none */
};

struct kv_pair {
	struct slice key, value; /* value without its quotes */
	bool escaped; /* value holds a backslash and rules->escapes is set */
	bool quoted;
};

void kv_reader_init(struct kv_reader *r, const struct kv_rules *rules, struct slice text);
/* False at the end. Always moves forward. */
bool kv_next(struct kv_reader *r, struct kv_pair *pair);

#endif
