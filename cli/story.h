/* The story of the demo: an intrusion in six steps, and the incidents that must come of it. A table; nothing here sends or waits.
 * Static data, any thread.
 */
#ifndef CLI_STORY_H
#define CLI_STORY_H

#include "common/common.h"

struct story_step {
	const char *title;
	const char *host; /* the device that reports it */
	bool tcp;
	int64_t at_ms; /* first line, from the beginning of the traffic */
	int64_t every_ms; /* between lines */
	unsigned lines;
	const char *templates[6]; /* in turn, as for traffic_fill; null ends them */
	const char *last; /* null, or the line that ends the step */
};

extern const struct story_step story_steps[];
extern const unsigned story_step_count;

/* Length of the traffic around it that leaves room before and after. */
#define STORY_MS 15000

/* Lines of all steps before `elapsed_ms`; sent lines are counted by the caller. */
unsigned story_step_due(const struct story_step *step, int64_t elapsed_ms);
/* Template of line `index` of a step (from 0, at most `lines`: the last one is `last` if there is one). */
const char *story_template(const struct story_step *step, unsigned index);
unsigned story_step_lines(const struct story_step *step);

/* What must be found: each once, and nothing else. */
struct story_incident {
	const char *title, *level;
	const char *group, *value; /* a field of the group and what it must be */
	unsigned step; /* that completes it, from 0 */
};

extern const struct story_incident story_incidents[];
extern const unsigned story_incident_count;

/* Which of them it is, or -1. */
int story_find(const char *title, const char *group_json);

#endif
