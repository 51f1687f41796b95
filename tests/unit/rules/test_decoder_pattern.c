/* Captures: what each type takes, where it stops, and what it refuses. */
#include "tests/unit/rules/decoder_rig.h"

static struct decoder_rig *one_pattern(const char *pattern)
{
	char yaml[4096];
	snprintf(yaml, sizeof yaml,
			 "name: t\nrecognise:\n  - program: t\nsteps:\n  - pattern: '%s'\n    set: {held: yes}\n", pattern);
	struct decoder_rig *rig = rig_new(yaml);
	if (rig->told_count > 0)
		fail_msg("%s: %s", pattern, rig->told[0].text);
	return rig;
}

static void captures_take_what_their_type_says(void **state)
{
	static const struct {
		const char *pattern, *text, *value; /* null: must not hold */
	} cases[] = {
		{"a {x:word}", "a bc", "bc"},
		{"a {x:word}", "a b c", NULL},
		{"a {x:word}{..}", "a b c", "b"},
		{"{x:word}: c", "a:b: c", "a:b"},
		{"{x:text} from {..}", "a b from c from d", "a b"},
		{"{x:last} from {..}", "a b from c from d", "a b from c"},
		{"{x:text}", "", "<none>"},
		{"{x:rest}", "a  b ", "a  b"},
		{"{x:ip}", "192.0.2.1", "192.0.2.1"},
		{"{x:ip}", "192.0.2.256", NULL},
		{"{x:ip}", "192.0.2", NULL},
		{"{x:ip}:{:int}", "192.0.2.1:80", "192.0.2.1"},
		{"{x:ip}", "2001:db8::1", "2001:db8::1"},
		{"{x:ip}: y", "2001:db8::1: y", "2001:db8::1"},
		{"{x:ip}:{:int}", "2001:db8::1:50122", "2001:db8::1"},
		{"{x:ip}", "::ffff:192.0.2.1", "::ffff:192.0.2.1"},
		{"{x:ip}", "12:34", NULL},
		{"{x:ip}", "dead:beef", NULL},
		{"{x:address}", "host-1.example", "host-1.example"},
		{"{x:host}-login", "imap-login", "imap"},
		{"{x:int}", "-17", "-17"},
		{"{x:int}", "17a", NULL},
		{"{x:int}", "007", "007"},
		{"{x:number}s", "0.031s", "0.031"},
		{"{x:hex}", "0x1F", "0x1F"},
		{"{x:mac}", "00:11:22:33:44:55", "00:11:22:33:44:55"},
		{"{x:mac}", "0011.2233.4455", "0011.2233.4455"},
		{"{x:mac}", "00:11:22:33:44", NULL},
		{"{x:quoted} z", "\"a \\\" b\" z", "a \\\" b"},
		{"{x:quoted} z", "\"a b z", NULL},
		{"[{x:until(])}]", "[a b]", "a b"},
		{"{x:one(on|off)}", "off", "off"},
		{"{x:one(on|off)}", "of", NULL},
		{"{x:one(a|ab)}c", "abc", NULL}, /* the first that fits is taken: order them by length */
		{"a{? {x:int}?} b", "a 1 b", "1"},
		{"a{? {x:int}?} b", "a b", "<none>"},
		{"a{?{~}?} {x:word}", "a  b", NULL},
		{"a{~}{x:word}", "a \t b", "b"},
		{"{{{x:word}}}", "{b}", "b"},
		{"{x:text}, {?y {:int}, ?}z{..}", "q, y 1, z", "q"},
		{"{x:time(%Y-%m-%d)} z", "2025-02-03 z", "2025-02-03"},
		{"{x:time(%Y-%m-%d)} z", "2025-02-30 z", NULL},
		{"{x:word}", "-", "<none>"}, /* nothing said is nothing added */
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct decoder_rig *rig = one_pattern(cases[i].pattern);
		rig_decode(rig, "t", cases[i].text, FORMAT_RFC3164);
		bool held = strcmp(rig_field(rig, "held"), "<none>") != 0;
		if (held != (cases[i].value != NULL) || (held && strcmp(rig_field(rig, "x"), cases[i].value) != 0))
			fail_msg("%s on '%s': held %d, x '%s'", cases[i].pattern, cases[i].text, held, rig_field(rig, "x"));
		rig_free(rig);
	}
}

static void values_have_types(void **state)
{
	static const struct {
		const char *pattern, *text, *name;
		enum value_type type;
	} cases[] = {
		{"{source.ip:ip}", "192.0.2.1", "source.ip", VALUE_ADDRESS},
		{"{source.ip:word}", "192.0.2.1", "source.ip", VALUE_ADDRESS},
		{"{source.ip:word}", "printer-2", "source.address", VALUE_STRING},
		{"{source.ip:word}", "[2001:db8::1]:80", "source.ip", VALUE_ADDRESS},
		{"{source.port:word}", "80", "source.port", VALUE_I64},
		{"{source.port:word}", "ssh", "source.port", VALUE_STRING},
		{"{n:int}", "12", "n", VALUE_I64},
		{"{n:int}", "012", "n", VALUE_STRING},
		{"{n:int}", "1234567890123456789012", "n", VALUE_STRING},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct decoder_rig *rig = one_pattern(cases[i].pattern);
		struct batch_value v;
		assert_true(rig_decode(rig, "t", cases[i].text, FORMAT_RFC3164));
		if (!batch_find(&rig->batch, &rig->row, slice_str(cases[i].name), &v) || v.type != cases[i].type)
			fail_msg("%s on '%s': %s is missing or of another type", cases[i].pattern, cases[i].text, cases[i].name);
		rig_free(rig);
	}
}

static void bad_patterns_are_refused_with_the_octet(void **state)
{
	static const struct {
		const char *pattern, *text;
	} cases[] = {
		{"{x:nothing}", "no such type"},
		{"{x:until}", "needs an argument"},
		{"{x:word(3)}", "takes no argument"},
		{"{x", "without"},
		{"a}", "written twice"},
		{"{?a", "without '?}'"},
		{"a?}", "without '{?'"},
		{"{??}", "must hold something"},
		{"{x:word:nomap}", "no map"},
		{"{x:one(a}", "argument is empty"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char yaml[1024];
		snprintf(yaml, sizeof yaml, "name: t\nrecognise:\n  - program: t\nsteps:\n  - pattern: '%s'\n",
				 cases[i].pattern);
		struct decoder_rig *rig = rig_new(yaml);
		if (rig->told_count != 1 || strstr(rig->told[0].text, cases[i].text) == NULL || rig->told[0].line != 5)
			fail_msg("'%s': told %u, '%s' at line %u", cases[i].pattern, rig->told_count, rig->told[0].text,
					 rig->told[0].line);
		rig_free(rig);
	}
}

/* A text made to be hard costs a bounded number of tries. */
static void hard_texts_end(void **state)
{
	static char text[20001];
	(void)state;
	struct decoder_rig *rig = one_pattern("{a:text} {b:text} {c:text} {d:text} {e:text} {f:text} z");
	for (size_t i = 0; i < sizeof text - 1; i++)
		text[i] = i % 2 ? ' ' : 'a';
	rig_decode(rig, "t", text, FORMAT_RFC3164);
	assert_string_equal(rig_field(rig, "held"), "<none>");
	rig_free(rig);
}

static void a_peer_cannot_forge_its_address(void **state)
{
	(void)state;
	struct decoder_rig *rig = one_pattern("Failed for {user.name:last} from {source.ip:ip} port {source.port:int}");
	assert_true(rig_decode(rig, "t", "Failed for a from 192.0.2.1 port 1 from 192.0.2.2 port 2", FORMAT_RFC3164));
	assert_string_equal(rig_field(rig, "source.ip"), "192.0.2.2");
	assert_string_equal(rig_field(rig, "user.name"), "a from 192.0.2.1 port 1");
	rig_free(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(captures_take_what_their_type_says),      cmocka_unit_test(values_have_types),
		cmocka_unit_test(bad_patterns_are_refused_with_the_octet), cmocka_unit_test(hard_texts_end),
		cmocka_unit_test(a_peer_cannot_forge_its_address),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
