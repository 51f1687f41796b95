/* What scan and hunt print of the rows that detect and temporal write (docs/output.md). Main thread. */
#ifndef CLI_FINDING_H
#define CLI_FINDING_H

#include "cli/json_tree.h"

struct finding_print {
	/* One element of "events", as the row names it. */
	void (*event)(void *ctx, struct json_writer *w, const struct json_node *event);
	void *ctx;
	bool incidents; /* final incidents of single rules too, as kind "incident" */
	struct arena arena; /* of one row */
	struct buffer *out;
	uint64_t printed;
};

/* One line for each finding and each final incident among the rows of a batch; others are passed over. */
void finding_print(struct finding_print *p, const struct batch *batch);

#endif
