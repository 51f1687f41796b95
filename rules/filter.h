/* Filters: documents that narrow rules of other authors. Only files of rules/ include it.
 *
 * A rule under filters holds where it holds and the condition of each of them does. A filter is compiled in the place of
 * each rule it narrows, so that log source and field names are those of the rule; forms are shared where these are equal.
 */
#ifndef RULES_FILTER_H
#define RULES_FILTER_H

#include "rules/load.h"

/* One document. Refused, it is remembered all the same: the rules it would have narrowed are refused with it, since
 * without it they would tell too much. */
int filter_read(struct loader *l, const struct tree_node *root);
/* Narrows the rules, when all files are read and before correlations look at them. */
int filters_apply(struct loader *l);

#endif
