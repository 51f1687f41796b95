/* What the demo asks its `cresset run` over the control socket, and how it tells it. Log text is escaped for the screen: it comes
 * from outside, also here. Main thread.
 */
#ifndef CLI_DEMO_SHOW_H
#define CLI_DEMO_SHOW_H

#include "cli/json_tree.h"

#define DEMO_INCIDENTS 64

struct demo_incident {
	char id[40], title[160], level[16], group[256], first_seen[40], last_seen[40];
	int64_t count;
	int story; /* index into story_incidents, -1: not planted */
};

struct demo_view {
	const struct env *env;
	const char *data; /* folder whose owner keeps the store */
	const char *others[4]; /* folders of other stages, null ends them: their status counts too */
	bool color;
	struct demo_incident incidents[DEMO_INCIDENTS];
	unsigned count;
};

struct demo_status {
	uint64_t received, dropped, connections, events, rows, rows_unsealed, segments, bytes_raw, bytes_stored;
	char ruleset[128];
};

/* Asks; each answer's line goes to `line`. False: `error` says why. */
bool demo_ask(const struct demo_view *v, const char *json, int (*line)(void *ctx, struct slice line), void *ctx,
			  struct error *error);
/* The sum over all folders. */
bool demo_get_status(const struct demo_view *v, struct demo_status *out, struct error *error);
/* Reads the incidents of now into the view. */
bool demo_get_incidents(struct demo_view *v, struct error *error);
/* True when each planted incident is there once and no other; otherwise what is missing or too much is printed when `tell`. */
bool demo_judge(const struct demo_view *v, bool tell);
/* One incident with some of its events' text, as a part of the story. */
void demo_show_incident(const struct demo_view *v, const struct demo_incident *i);
/* A search and its answer as a table. */
void demo_show_search(const struct demo_view *v, const char *query);
/* The head of one sealed segment. */
void demo_show_segment(const struct demo_view *v, unsigned lines);

#endif
