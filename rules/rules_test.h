/* Examples beside rules: what stands in NAME.tests.yml next to NAME.yml (cresset-rules(7)).
 *
 * An example of a detection or YARA rule is one event on which it must hold or must not; it is judged here when it is
 * given as a map, and by the caller's whole pipeline when it is a raw line. A sequence of a correlation is events with
 * times; the caller plays it, since this room has no correlator. Everything a rule_test points to lives as long as the
 * rule_tests. One thread.
 */
#ifndef RULES_RULES_TEST_H
#define RULES_RULES_TEST_H

#include "rules/rules.h"

enum rule_test_kind {
	TEST_MATCH,
	TEST_SILENT,
	TEST_SEQUENCE
};

struct tree_node;

struct rule_test_event {
	int64_t after_ns; /* since the start of the sequence; 0 for the other kinds */
	bool is_line; /* text is a raw line, else a JSON object */
	struct slice text;
	const struct tree_node *map; /* the same event before it was made JSON; null for a line */
	uint32_t line, column;
};

struct rule_test {
	enum rule_test_kind kind;
	const char *file;
	uint32_t line, column;
	const struct rule *rule;
	const struct rule_test_event *events; /* MATCH and SILENT: each is an example of its own */
	uint32_t event_count;
	uint32_t fires; /* SEQUENCE: findings of the rule that are expected, one per incident */
};

struct rule_tests;

/* Reads every *.tests.yml and *.tests.yaml under the paths. Bad ones are told as errors and counted in *failed. */
int rule_tests_load(const struct env *env, const char *const *paths, size_t path_count, const struct ruleset *set,
					diagnostic_fn *tell, void *ctx, struct rule_tests **out, uint32_t *failed, struct error *error);
void rule_tests_free(struct rule_tests *t);
uint32_t rule_tests_count(const struct rule_tests *t);
const struct rule_test *rule_tests_get(const struct rule_tests *t, uint32_t index);
/* Judges the examples that are maps; *pending counts what needs the whole pipeline (lines and sequences). */
int rule_tests_run(const struct rule_tests *t, const struct env *env, struct ruleset *set, diagnostic_fn *tell,
				   void *ctx, uint32_t *passed, uint32_t *failed, uint32_t *pending, struct error *error);

#endif
