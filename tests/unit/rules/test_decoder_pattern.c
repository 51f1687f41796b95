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
		{"{x:rest}", " (null) ", "<none>"},
		{"{x:rest}", "None", "<none>"},
		{"{x:rest}", "Nonesuch", "Nonesuch"},
		{"{x:rest}", " n ", "n"},
		{"{x:rest}", "-x", "-x"},
		{"{x:ip}.", "192.0.2.1.", "192.0.2.1"},
		{"{x:ip}", "1192.0.2.1", NULL},
		{"{x:ip} and more of it", "255.255.255.255 and more of it", "255.255.255.255"},
		{"{x:ip} and more of it", "255.255.255.2555 and more of it", NULL},
		{"{x:ip} and more of it", "255.256.255.255 and more of it", NULL},
		/* What follows a text is looked for as a whole: literals in a row, and what choices begin with. */
		{"{?{..} ?}{x:one(%%01|%%10)}{..}", "a %b %%1 %%10 c", "%%10"},
		{"{?{..} ?}%{x:word}", "a b %c", "c"},
		{"{x:text} {:one(ab|cd|)}e", "x y e", "x y"},
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
		{"{n:int}", "0", "n", VALUE_I64},
		{"{n:int}", "-12", "n", VALUE_I64},
		{"{n:int}", "-012", "n", VALUE_STRING},
		{"{n:int}", "123456789012345678", "n", VALUE_I64},
		{"{n:int}", "1234567890123456789", "n", VALUE_STRING},
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

static uint32_t next_of(uint32_t *seed)
{
	return (*seed = *seed * 1103515245u + 12345u) >> 16;
}

/* Whatever was captured as x and y, in one text for comparing. */
static void captured(struct decoder_rig *rig, const char *text, char out[256])
{
	rig_decode(rig, "t", text, FORMAT_RFC3164);
	int n = snprintf(out, 256, "%s|%s", rig_field(rig, "held"), rig_field(rig, "x"));
	snprintf(out + n, 256 - (size_t)n, "|%s", rig_field(rig, "y"));
}

/* An optional part that never is there keeps what stands behind a text, or in an optional part, from being looked for at
 * once: the walk takes every part in turn. */
static void short_ways_match_as_the_walk(void **state)
{
	static const char *const pairs[][2] = {
		{"{x:text} {y:one(%%01|%%10)}{..}", "{x:text}{?~?} {?~?}{y:one(%%01|%%10)}{..}"},
		{"{?{x:text} ?}%{y:word}{..}", "{?{x:text} {?~?}?}{?~?}%{y:word}{..}"},
		{"a{? {x:int}?}{?%%{y:word}?}{..}", "a{?{?~?} {x:int}?}{?{?~?}%%{y:word}?}{..}"},
		{"{..}[{x:until(])}]{y:int}{..}", "{..}{?~?}[{x:until(]~)}]{y:int}{..}"},
	};
	static const char *const pieces[] = {"%%01", "%%10", "%%0", "%", " ", " ", "[", "]", "1", "0", "a", "b"};
	uint32_t seed = 11;
	(void)state;
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		struct decoder_rig *a = one_pattern(pairs[i][0]), *b = one_pattern(pairs[i][1]);
		unsigned held = 0;
		for (unsigned round = 0; round < 4000; round++) {
			char text[64] = "a", first[256], second[256];
			for (size_t k = next_of(&seed) % 12; k > 0; k--)
				strcat(text, pieces[next_of(&seed) % (sizeof pieces / sizeof *pieces)]);
			captured(a, text, first);
			captured(b, text, second);
			if (strcmp(first, second) != 0)
				fail_msg("%s on '%s': %s and %s", pairs[i][0], text, first, second);
			held += first[0] != '<'; /* "<none>" */
		}
		assert_true(held > 50);
		rig_free(a);
		rig_free(b);
	}
}

/* The time of access logs in its usual form, against the same format written out. */
static void clf_times_are_read_as_their_format(void **state)
{
	static const char octets[] = "0123 9:/+-.aSJx";
	struct decoder_rig *a = one_pattern("[{@timestamp:time(clf)}{..}");
	struct decoder_rig *b = one_pattern("[{@timestamp:time(%d/%b/%Y:%H:%M:%S%f %z)}{..}");
	uint32_t seed = 13;
	unsigned read = 0;
	(void)state;
	for (unsigned round = 0; round < 8000; round++) {
		char text[] = "[21/Sep/2026:14:13:24 +0730] x";
		for (unsigned n = round % 3; n > 0; n--)
			text[1 + next_of(&seed) % (sizeof text - 3)] = octets[next_of(&seed) % (sizeof octets - 1)];
		bool held = rig_decode(a, "t", text, FORMAT_RFC3164), expected = rig_decode(b, "t", text, FORMAT_RFC3164);
		if (held != expected || a->result.has_time != b->result.has_time || a->result.time_ns != b->result.time_ns ||
			a->result.time_quality != b->result.time_quality)
			fail_msg("%s", text);
		read += a->result.has_time;
	}
	assert_true(read > 3000);
	rig_free(a);
	rig_free(b);
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
		cmocka_unit_test(a_peer_cannot_forge_its_address),         cmocka_unit_test(short_ways_match_as_the_walk),
		cmocka_unit_test(clf_times_are_read_as_their_format),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
