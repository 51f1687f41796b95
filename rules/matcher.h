/* Judging items over the current row. Three answers: where a limit was hit the answer is unknown, and `not` of unknown is
 * unknown too, so that a pattern that gives up never makes a rule true or false by itself. Only files of rules/ include it.
 */
#ifndef RULES_MATCHER_H
#define RULES_MATCHER_H

#include "rules/row_view.h"

enum verdict {
	VERDICT_FALSE,
	VERDICT_UNKNOWN,
	VERDICT_TRUE
}; /* in this order: and is min, or is max */

enum verdict item_judge(const struct item *item, struct row_view *v, struct regex_scratch *regex);
enum verdict node_judge(const struct node *n, struct row_view *v, struct regex_scratch *regex);
/* witness_absent.c: the same where none of its fields is in the row; UNKNOWN where that hangs on keywords or the row's time. */
enum verdict node_absent(const struct node *n);

#endif
