/* Legacy collections: `action: global`, `reset` and `repeat` between the rules of one file. Only files of rules/ include it.
 *
 * global is merged into the rules that follow it in the file, reset ends that, repeat is merged onto the rule before it.
 * What a document says itself counts. Filters and correlations inherit nothing.
 */
#ifndef RULES_ACTION_H
#define RULES_ACTION_H

#include "rules/load.h"

void action_begin_file(struct loader *l);
/* The document as it is meant: *out is root, or what it was merged to, or null when it is no rule by itself. */
int action_merge(struct loader *l, const struct tree_node *root, const struct tree_node **out);

#endif
