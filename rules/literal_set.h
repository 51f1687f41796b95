/* Many literals looked for at once: a Hyperscan (or Vectorscan) database. Only files of rules/ include it.
 *
 * A set is immutable and shared between threads; a scratch belongs to one and fits every set it was fitted to. Each place
 * where a literal ends is told, so a literal may be told many times. Hyperscan allocates by itself: hs_set_allocator is one
 * for the whole process, and memory handed to it by one env could be released by another.
 */
#ifndef RULES_LITERAL_SET_H
#define RULES_LITERAL_SET_H

#include "common/buffer.h"
#include "common/error.h"

struct literal_set;
struct literal_scratch;

/* Literals of one octet or more; the place in the list is the number that is told. -ERROR_MEMORY; -ERROR_UNSUPPORTED when
 * this machine cannot run it. */
int literal_set_new(const struct env *env, const struct slice *literals, uint32_t count, struct literal_set **out);
/* From what literal_set_save gave: -ERROR_DAMAGED when it is damaged or was made for another machine or version. */
int literal_set_restore(struct slice octets, struct literal_set **out);
int literal_set_save(const struct literal_set *set, struct buffer *out); /* -ERROR_MEMORY */
void literal_set_free(struct literal_set *set);
/* The version of the library, and what of this machine its databases are made for. */
void literal_set_platform(struct buffer *out);

/* *scratch null: a new one. -ERROR_MEMORY. */
int literal_scratch_fit(struct literal_scratch **scratch, const struct literal_set *set);
void literal_scratch_free(struct literal_scratch *scratch);

/* `end`: the octet behind the literal. Not 0: the scan stops. */
typedef int literal_found(void *ctx, uint32_t literal, size_t end);
/* 0, or what `found` returned. */
int literal_set_scan(const struct literal_set *set, struct literal_scratch *scratch, struct slice text,
					 literal_found *found, void *ctx);

#endif
