/* The sieve before the batch scan: libyara's walk over the octets of a record costs more than all else that is done with it,
 * and most records have nothing that any rule asks for. Only files of rules/yara_* include it.
 *
 * Of each rule of the batch set some strings are chosen, such that its need cannot be met when none of them is there
 * (triggers), and of each of these a piece of two octets or more that it cannot match without: a literal as it is, else the
 * atoms that libyara itself looks for. ASCII letters count without case. A block without any such piece need not be
 * scanned. Immutable, shared by scanners.
 */
#ifndef RULES_YARA_SIEVE_H
#define RULES_YARA_SIEVE_H

#include "rules/yara_set.h"

struct yara_needle {
	const uint8_t *folded;
	const uint8_t *exact; /* null: any case will do */
	uint32_t len, at; /* the key stands at `at` of the needle */
	uint32_t key; /* four octets, or of shorter needles the first two */
	uint32_t entry;
};

struct yara_slot {
	uint32_t key, first, count; /* count 0: free */
};

/* Needles by key. */
struct yara_keys {
	struct yara_slot *slots;
	struct yara_needle *needles;
	uint8_t *filter; /* by hash of the key; 0: nobody has it */
	uint8_t firsts[256], seconds[256]; /* of pairs: bits that both have when a key may have these octets */
	uint32_t mask, shift, count; /* count of needles; 0: nothing is allocated */
};

struct yara_sieve {
	struct yara_keys quads, pairs;
	uint32_t *loose; /* entries that no piece speaks for */
	uint32_t loose_count;
};

/* yara_sieve_make.c: null: no memory. */
struct yara_sieve *yara_sieve_make(struct loader *l, const struct yara_rules *set);
/* Must the block be scanned? folded: room for its octets and 8 more. */
bool yara_sieve_keeps(const struct yara_sieve *sieve, const struct yara_rules *set, struct slice octets,
					  uint8_t *folded);

static inline uint32_t yara_key_place(uint32_t key, uint32_t shift)
{
	return key * UINT32_C(0x9e3779b1) >> shift;
}

static inline uint8_t yara_lower(uint8_t c)
{
	return (uint8_t)(c | (c - (unsigned)'A' < 26 ? 0x20 : 0));
}

#endif
