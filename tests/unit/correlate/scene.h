/* A scene: rules a, b and c, what the test correlates them by, and events that happen second by second. Included once by each
 * test program, after rules_fake.h. */
#ifndef TEST_SCENE_H
#define TEST_SCENE_H

#include "tests/unit/correlate/pipeline.h"

static const char *const by_user[] __attribute__((unused)) = {"user", NULL};
static const char *const by_host[] __attribute__((unused)) = {"host", NULL};
static const char *const by_amount[] __attribute__((unused)) = {"amount", NULL};
static const char *const by_nothing[] __attribute__((unused)) = {NULL};

struct scene {
	struct pipeline p;
	struct ruleset *rules;
	uint32_t a, b, c;
	struct tellings t;
	bool restarts; /* save, throw away and restore after every event */
};

static inline void scene_begin(struct scene *s)
{
	bool restarts = s->restarts;
	*s = (struct scene){.restarts = restarts, .rules = rules_new()};
	s->a = rules_base(s->rules, "a", false, LEVEL_LOW);
	s->b = rules_base(s->rules, "b", false, LEVEL_LOW);
	s->c = rules_base(s->rules, "c", false, LEVEL_LOW);
}

static inline void scene_open(struct scene *s)
{
	pipeline_open(&s->p, s->rules, 1, 2, 2);
}

static inline void scene_restart(struct scene *s)
{
	struct buffer detect, temporal;
	struct error error = {0};
	buffer_init(&detect, &s->p.fake->env);
	buffer_init(&temporal, &s->p.fake->env);
	pipeline_run(&s->p);
	assert_int_equal(detect_flush(s->p.detect, NULL), 0);
	assert_int_equal(detect_save(s->p.detect, &detect), 0);
	assert_int_equal(temporal_save(s->p.temporal, &temporal), 0);
	detect_free(s->p.detect);
	temporal_free(s->p.temporal);
	s->p.detect = pipeline_detect_new(&s->p);
	s->p.temporal = pipeline_temporal_new(&s->p);
	if (detect_restore(s->p.detect, buffer_slice(&detect), &error) < 0 ||
		temporal_restore(s->p.temporal, buffer_slice(&temporal), &error) < 0)
		fail_msg("restore: %s", error.text);
	buffer_free(&detect);
	buffer_free(&temporal);
}

/* `second`: after T0, and the time of arrival too. */
static inline void happen(struct scene *s, int64_t second, const char *rule, const char *user, const char *host)
{
	const char *fields[] = {"hit", rule, "user", user, "host", host, NULL};
	if (user == NULL)
		memmove(fields + 2, fields + 4, 3 * sizeof(*fields));
	put_event(&s->p, 0, 0, "ip 10.0.0.1", T0 + second * NS_PER_S, T0 + second * NS_PER_S, fields);
	if (s->restarts)
		scene_restart(s);
}

/* An event of ann with an amount; null: none. */
static inline void amount(struct scene *s, int64_t second, const char *rule, const char *amount)
{
	const char *fields[] = {"hit", rule, "user", "ann", amount != NULL ? "amount" : NULL, amount, NULL};
	put_event(&s->p, 0, 0, "ip 10.0.0.1", T0 + second * NS_PER_S, T0 + second * NS_PER_S, fields);
	if (s->restarts)
		scene_restart(s);
}

/* The same, arriving `delay` seconds after it happened. */
static inline void late_amount(struct scene *s, int64_t second, int64_t delay, const char *rule, const char *amount)
{
	const char *fields[] = {"hit", rule, "user", "ann", "amount", amount, NULL};
	put_event(&s->p, 0, 0, "ip 10.0.0.1", T0 + second * NS_PER_S, T0 + (second + delay) * NS_PER_S, fields);
	if (s->restarts)
		scene_restart(s);
}

/* An event of a user that arrives `delay` seconds after it happened. */
static inline void happen_late(struct scene *s, int64_t second, int64_t delay, const char *rule, const char *user)
{
	const char *fields[] = {"hit", rule, "user", user, NULL};
	put_event(&s->p, 0, 0, "ip 10.0.0.1", T0 + second * NS_PER_S, T0 + (second + delay) * NS_PER_S, fields);
	if (s->restarts)
		scene_restart(s);
}

/* Final incidents told; their rows are in s->t. */
static inline uint32_t scene_end(struct scene *s)
{
	tick_all(&s->p, 1, T0 + 100 * NS_PER_DAY);
	pipeline_run(&s->p);
	tellings_read(&s->p, &s->t);
	return tellings_count(&s->t, ROW_INCIDENT, true);
}

static inline const char *final_row(const struct scene *s, uint32_t index)
{
	for (uint32_t i = 0; i < s->t.count; i++)
		if (s->t.rows[i].kind == ROW_INCIDENT && s->t.rows[i].final && index-- == 0)
			return s->t.rows[i].json;
	return "";
}

/* The final incident of a user; "" when there is none. */
static inline const char *final_of(const struct scene *s, const char *user)
{
	char group[64];
	snprintf(group, sizeof(group), "\"group\":{\"user\":\"%s\"}", user);
	for (uint32_t i = 0; i < s->t.count; i++)
		if (s->t.rows[i].kind == ROW_INCIDENT && s->t.rows[i].final && strstr(s->t.rows[i].json, group) != NULL)
			return s->t.rows[i].json;
	return "";
}

static inline void scene_close(struct scene *s)
{
	tellings_free(&s->t);
	pipeline_close(&s->p);
	rules_drop(s->rules);
}

static inline void says(const char *json, const char *name, const char *value)
{
	char text[512];
	if (!json_says(json, name, text, sizeof(text)))
		fail_msg("no %s in %s", name, json);
	assert_string_equal(text, value);
}

/* Every story is told twice: as it is, and with a restart after every event. */
static inline void twice(void (*story)(struct scene *s))
{
	for (int restarts = 0; restarts < 2; restarts++) {
		struct scene s = {.restarts = restarts == 1};
		scene_begin(&s);
		story(&s);
		scene_close(&s);
	}
}

static inline struct correlation *correlate(struct scene *s, enum correlation_type type, uint32_t rules,
											const char *const *group, int64_t seconds, enum compare compare,
											uint64_t threshold)
{
	uint32_t refers[] = {s->a, s->b, s->c};
	const char *const *values = type == CORRELATION_VALUE_COUNT ? by_host
								: type >= CORRELATION_VALUE_SUM ? by_amount
																: NULL;
	return rules_correlation(s->rules, "outer", type, refers, rules, group, values, seconds * NS_PER_S, compare,
							 threshold);
}

#endif
