/* Correlations of rules that were in force before, which go on beside those that are (T17).
 *
 * A correlation that a reload changed begins empty in its new form: an attack that began before it would be seen by neither. So
 * the old form goes on for as long as the new one needs to know all that it asks about: until its timespan (of a chain: those of
 * all its levels) after the newest that was seen when the rules changed. All of it is event time. One that the operator took
 * away stops at once, and so does one that is in force again.
 *
 * The list is part of the engine's checkpoint: whoever starts after a kill goes on with the same ones.
 */
#ifndef CLI_RETIRING_H
#define CLI_RETIRING_H

#include "correlate/correlate.h"

#define RETIRING_RULESETS_MAX 4u /* of so many reloads one behind the other */
#define RETIRING_LABEL 128u

enum retiring_fate {
	RETIRING_ON,
	RETIRING_THROUGH, /* its time has passed, and what it told is final; it does nothing more where it still is */
	/* from here on: not beside the engine any more */
	RETIRING_ENDED, /* it was through */
	RETIRING_REMOVED, /* there is no correlation of its id, else title, any more */
	RETIRING_IN_FORCE, /* again */
	RETIRING_CUT, /* too many rulesets */
	RETIRING_LOST /* its rules are not kept any more */
};

struct retiring_rule {
	uint8_t ruleset[32], digest[32];
	int64_t until_ns; /* what is later is not its own any more */
	int64_t end_ns; /* when the watermark has passed it, all that it told is final */
	char label[RETIRING_LABEL]; /* its id, else title */
	enum retiring_fate fate;
	struct ruleset *loaded; /* held; null: not loaded */
};

struct retiring_list {
	const struct env *env;
	struct retiring_rule *list; /* in the order in which they began */
	uint32_t count;
};

void retiring_init(struct retiring_list *l, const struct env *env);
void retiring_free(struct retiring_list *l);
/* Those beside the engine, as they stand in a checkpoint (docs/format-checkpoint.md); and behind what is there. */
void retiring_save(const struct retiring_list *l, struct buffer *out);
int retiring_read(struct retiring_list *l, struct reader *r, struct error *error);
/* The told correlations of `before` that `now` has in another form, seen up to `observed_ns`. */
int retiring_add(struct retiring_list *l, const struct ruleset *before, const struct ruleset *now, int64_t observed_ns,
				 struct error *error);
/* Whom other rules stop. */
void retiring_review(struct retiring_list *l, const struct ruleset *now);
/* The next that is through at this watermark and not known to be; null: none. */
struct retiring_rule *retiring_next(struct retiring_list *l, int64_t passed_ns);
/* Who is through, or is at this watermark, has ended. */
void retiring_end(struct retiring_list *l, int64_t passed_ns);
/* How many have this fate; and how many are beside the engine. */
uint32_t retiring_count(const struct retiring_list *l, enum retiring_fate fate);
bool retiring_is_beside(const struct retiring_rule *r);
uint32_t retiring_beside(const struct retiring_list *l);
/* An object: "rule", "digest", "ruleset", "until", and "why" of one that stopped. */
void retiring_print(const struct retiring_rule *r, struct json_writer *w);
/* An array of those that go on, or of those that are not there any more. */
void retiring_print_all(const struct retiring_list *l, bool on, struct json_writer *w);

#endif
