/* The public rule set's layout of test events: folders `regression_data/...` with an info.yml that names a rule and sample
 * files with how often the rule must match (cresset-rules(7)). JSON samples are read; for an EVTX sample the JSON of the same
 * name beside it. Main thread.
 */
#ifndef CLI_RULES_REGRESSION_H
#define CLI_RULES_REGRESSION_H

#include "cli/options.h"
#include "cli/setup.h"

struct regression {
	const struct args *args;
	const struct decoders *decoders;
	struct ruleset *ruleset;
	struct setup_told *told;
	uint32_t passed, failed, skipped; /* skipped: only EVTX is there */
	struct error error;
	/* inside */
	struct evaluator *evaluator;
	struct arena arena; /* of the file at hand */
	const char *file;
	const struct rule *rule;
	uint64_t hits;
};

/* Every info.yml under the paths of the command line. */
int regression_run(struct regression *r);

#endif
