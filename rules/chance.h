/* How often a text is to be expected in log text: a guess from how common its octets are. Only files of rules/ include it.
 *
 * Witnesses are chosen by it. A wrong guess costs time, never a match. No state; any thread.
 */
#ifndef RULES_CHANCE_H
#define RULES_CHANCE_H

#include "common/slice.h"

#define CHANCE_BITS_MAX 40u

/* How rare a text is: it is expected in one of 2^bits. */
unsigned text_bits(struct slice text);
/* Where the rarest `width` octets of a text stand that has as many. */
uint32_t text_rarest(struct slice text, uint32_t width);
/* What a whole value of the field says at most: some fields hold one of a few words. */
unsigned field_bits(struct slice name);
double chance_of_bits(unsigned bits); /* more than CHANCE_BITS_MAX count as that */

#endif
