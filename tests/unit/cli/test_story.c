/* The story: every line comes, in order, and is what the rules' thresholds need. */
#include "cli/story.h"
#include "cli/traffic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void every_line_once(void **state)
{
	(void)state;
	for (unsigned i = 0; i < story_step_count; i++) {
		const struct story_step *s = &story_steps[i];
		unsigned before = 0;
		assert_int_equal(story_step_due(s, 0), 0);
		assert_int_equal(story_step_due(s, s->at_ms - 1), 0);
		for (int64_t ms = 0; ms <= STORY_MS; ms++) {
			unsigned due = story_step_due(s, ms);
			assert_in_range(due, before, before + (s->every_ms ? 1 : s->lines));
			before = due;
		}
		assert_int_equal(before, story_step_lines(s));
		for (unsigned line = 0; line < before; line++)
			assert_non_null(story_template(s, line));
	}
}

/* When line `index` of a step is due. */
static int64_t moment(const struct story_step *s, unsigned index)
{
	int64_t ms = 0;
	while (story_step_due(s, ms) <= index)
		ms++;
	return ms;
}

/* Clocks of whole seconds cannot turn the order round: between what must follow each other lies more than a second. */
static void certain_order(void **state)
{
	(void)state;
	for (unsigned i = 0; i < story_step_count; i++) {
		const struct story_step *s = &story_steps[i];
		if (i + 1 < story_step_count)
			assert_true(story_steps[i + 1].at_ms >= moment(s, story_step_lines(s) - 1) + 1000);
		if (s->last)
			assert_true(moment(s, s->lines) > moment(s, s->lines - 1) + 1000);
	}
}

/* Enough ports for a scan within a minute, enough failures for brute force, and too few names for a spray. */
static void thresholds(void **state)
{
	(void)state;
	const struct story_step *scan = &story_steps[0], *force = &story_steps[1];
	struct env env = env_system();
	struct traffic *t = traffic_new(&env, 1, 10);
	struct buffer line;
	static bool ports[65536];
	unsigned distinct = 0, names = 0;
	buffer_init(&line, &env);
	for (unsigned i = 0; i < scan->lines; i++) {
		buffer_reset(&line);
		traffic_fill(t, story_template(scan, i), scan->host, 10, INT64_C(1790000000) * NS_PER_S, &line);
		size_t at = slice_find(buffer_slice(&line), SLICE("10.20.0.15/"), 0);
		assert_true(at != SIZE_MAX);
		buffer_add_octet(&line, 0);
		unsigned long port = strtoul((const char *)line.ptr + at + 11, NULL, 10);
		assert_in_range(port, 1, 65535);
		distinct += !ports[port];
		ports[port] = true;
	}
	assert_true(distinct >= 25 && scan->lines * scan->every_ms < 60000);
	while (names < 6 && force->templates[names])
		names++;
	assert_in_range(names, 1, 7);
	assert_in_range(force->lines, 10, 100);
	assert_non_null(strstr(force->last, "Accepted"));
	buffer_free(&line);
	traffic_free(t);
}

static void finding(void **state)
{
	(void)state;
	for (unsigned i = 0; i < story_incident_count; i++) {
		const struct story_incident *s = &story_incidents[i];
		char group[256];
		snprintf(group, sizeof group, "{\"other\":\"x\",\"%s\":\"%s\"}", s->group, s->value);
		assert_int_equal(story_find(s->title, group), i);
		assert_int_equal(story_find(s->title, "{\"source.ip\":\"192.0.2.1\"}"), -1);
		assert_int_equal(story_find("another rule", group), -1);
		assert_in_range(s->step, 0, story_step_count - 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_line_once), cmocka_unit_test(certain_order),
									   cmocka_unit_test(thresholds), cmocka_unit_test(finding)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
