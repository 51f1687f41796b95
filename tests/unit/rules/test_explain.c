/* rules explain: what each part wants, what it saw, and the answer that the evaluator gives. */
#include "tests/unit/rules/sigma_rig.h"

#include "common/json.h"

static char *explained(struct rig *rig, const char *event)
{
	struct buffer out;
	struct json_writer w;
	struct batch_row row;
	struct error error = {0};
	rig_event(rig, event);
	batch_get_row(&rig->batch, 0, &row);
	buffer_init(&out, &rig->fake->env);
	json_writer_init(&w, &out);
	json_object(&w);
	assert_int_equal(evaluator_explain(rig->evaluator, 0, &rig->batch, &row, &w, &error), 0);
	json_object_end(&w);
	buffer_add_octet(&out, 0);
	assert_false(out.failed);
	char *copy = strdup((const char *)out.ptr);
	buffer_free(&out);
	assert_non_null(copy);
	return copy;
}

static void expect(struct rig *rig, const char *event, const char *wanted)
{
	char *json = explained(rig, event);
	if (!strstr(json, wanted))
		fail_msg("%s: no %s in %s", event, wanted, json);
	free(json);
}

#define RULE \
	"title: T\nid: t\nlogsource: {product: windows}\ndetection:\n" \
	"  tool:\n    Image|endswith: ['\\\\cmd.exe', '\\\\sh.exe']\n    Line|contains|all: [a b, c]\n" \
	"  known:\n    User: SYSTEM\n  condition: tool and not known\n"

static void says_what_each_part_saw(void **state)
{
	struct rig rig;
	(void)state;
	rig_open(&rig);
	rig_load(&rig, RULE);
	const char *event = "{Image: 'C:\\cmd.exe', Line: 'x a b c', User: [eve, adam]}";
	expect(&rig, event,
		   "{\"holds\":true,\"logsource\":{\"rule\":{\"product\":\"windows\"},\"event\":{},\"agrees\":true}");
	expect(&rig, event, "\"selection\":\"tool\",\"and\":[");
	expect(
		&rig, event,
		"{\"holds\":true,\"item\":\"Image|endswith\",\"line\":6,\"seen\":[\"C:\\\\cmd.exe\"],"
		"\"any_of\":[{\"value\":\"\\\\\\\\cmd.exe\",\"holds\":true},{\"value\":\"\\\\\\\\sh.exe\",\"holds\":false}]}");
	expect(&rig, event, "\"all_of\":[{\"value\":\"a b\",\"holds\":true},{\"value\":\"c\",\"holds\":true}]");
	expect(&rig, event, "{\"holds\":true,\"not\":[{\"holds\":false,\"selection\":\"known\"");
	expect(&rig, event, "\"seen\":[\"eve\",\"adam\"]");
	expect(&rig, "{Image: x}", "\"item\":\"Line|contains|all\",\"line\":7,\"seen\":null");
	expect(&rig, "{Image: x, User: null}", "\"seen\":[null]");
	rig_close(&rig);
}

static void says_undecided_when_a_limit_was_hit(void **state)
{
	struct rig rig;
	(void)state;
	rig_open(&rig);
	rig_load_selection(&rig, "{f|re: '^(a+)+$'}");
	expect(&rig, "{f: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!}", "{\"holds\":\"undecided\",");
	rig_close(&rig);
}

static void says_where_keywords_were_looked_for(void **state)
{
	struct rig rig;
	(void)state;
	rig_open(&rig);
	rig_load_selection(&rig, "[one, two]");
	expect(&rig, "{a: 'number two', b: three}",
		   "\"item\":\"\",\"line\":5,\"seen\":[\"number two\",\"three\"],"
		   "\"any_of\":[{\"value\":\"one\",\"holds\":false},{\"value\":\"two\",\"holds\":true}]");
	rig_close(&rig);
}

/* The first word of the answer is the evaluator's, whatever the order in which it walks. */
static void agrees_with_the_evaluator(void **state)
{
	static const char *const events[] = {"{Image: '\\sh.exe', Line: a b c}",
										 "{Image: '\\sh.exe', Line: a b}",
										 "{Image: '\\sh.exe', Line: a b c, User: system}",
										 "{Line: c a b}",
										 "{User: SYSTEM}",
										 "{Image: '\\CMD.EXE', Line: 'A B C', User: ''}"};
	struct rig rig;
	(void)state;
	rig_open(&rig);
	rig_load(&rig, RULE);
	for (size_t i = 0; i < COUNT(events); i++) {
		struct error error = {0};
		rig_event(&rig, events[i]);
		rig.hit_count = 0;
		assert_int_equal(evaluator_row(rig.evaluator, &rig.batch, 0, NULL, 0, rig_hit, &rig, &error), 0);
		expect(&rig, events[i], rig.hit_count ? "{\"holds\":true,\"logsource\"" : "{\"holds\":false,\"logsource\"");
	}
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_what_each_part_saw),
		cmocka_unit_test(says_undecided_when_a_limit_was_hit),
		cmocka_unit_test(says_where_keywords_were_looked_for),
		cmocka_unit_test(agrees_with_the_evaluator),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
