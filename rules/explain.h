/* A rule's tree with what each part saw (evaluator_explain). Only files of rules/ include it. */
#ifndef RULES_EXPLAIN_H
#define RULES_EXPLAIN_H

#include "rules/matcher.h"

/* The row is entered in the view. view->failed when memory ran out. */
void explain_rule(const struct detection *d, const struct logsource *row, struct row_view *v,
				  struct regex_scratch *regex, struct json_writer *w);

#endif
