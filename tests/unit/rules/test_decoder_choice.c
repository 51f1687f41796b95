/* Which decoder is asked: signs, what is remembered of programs, and what a decoder leaves for the next. */
#include "tests/unit/rules/decoder_rig.h"

static const char signs[] =
	"name: exact\nrecognise:\n  - program: [alpha, beta-long-name-of-a-program]\n"
	"---\nname: open\nrecognise:\n  - program: ['alp*', 'gamma*']\n"
	"---\nname: longest\nrecognise:\n  - program: [a-program-whose-name-is-longer-than-forty-octets]\n"
	"---\nname: one-octet\nrecognise:\n  - starts: ['%']\n    contains: ['/1/', '/22', '/x', \"/\\0\"]\n"
	"---\nname: octets\nrecognise:\n  - starts: ['id=', '#']\n"
	"---\nname: msgid\nrecognise:\n  - msgid: ['']\n    contains: ['by msgid']\n"
	"---\nname: several\nrecognise:\n  - contains: ['Traffic@', 'Event@x', '@']\n";

static void signs_choose(void **state)
{
	static const struct {
		const char *program, *message, *decoder; /* null: none */
	} cases[] = {
		{"alpha", "x", "exact"},
		{"ALPHA", "x", "exact"},
		{"alphabet", "x", "open"},
		{"Gamma-7", "x", "open"},
		{"alp", "x", "open"},
		{"al", "x", NULL},
		{"beta-long-name-of-a-program", "x", "exact"},
		{"beta-long-name-of-a-progran", "x", NULL},
		{"beta-long-nane-of-a-program", "x", NULL},
		{"a-program-whose-name-is-longer-than-forty-octets", "x", "longest"},
		{"a-program-whose-name-is-longer-than-forty-octett", "x", NULL},
		{"", "% a/1/", "one-octet"},
		{"", "%/2/22", "one-octet"},
		{"", "%/2/2", NULL},
		{"", "%/1/", "one-octet"},
		{"", "%//x", "one-octet"},
		{"", "%", NULL},
		{"", "% a/", NULL}, /* the octet of value 0 is an octet, and stands behind no text */
		{"", "/1/", NULL},
		{"", "id=3", "octets"},
		{"", "#", "octets"},
		{"", "ie=3", NULL},
		{"", "i", NULL},
		{"", "by msgid", "msgid"},
		{"", "a @ b", "several"},
		{"", "a Traffic b", NULL},
	};
	(void)state;
	struct decoder_rig *rig = rig_new(signs);
	assert_int_equal(rig->told_count, 0);
	/* Twice: the second time the programs are remembered. */
	for (unsigned pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
			bool held = rig_decode(rig, cases[i].program, cases[i].message, FORMAT_RFC3164);
			if (held != (cases[i].decoder != NULL) || (held && strcmp(rig_decoder(rig), cases[i].decoder) != 0))
				fail_msg("%s: '%s' is held by %s", cases[i].program, cases[i].message,
						 held ? rig_decoder(rig) : "none");
		}
	rig_free(rig);
}

/* More programs than are remembered, in an order that replaces them all the time, with names that differ in one octet. */
static void remembered_programs_are_compared_in_full(void **state)
{
	(void)state;
	struct decoder_rig *rig = rig_new("name: t\nrecognise:\n  - program: ['p-aaaaaaaaaaaaaaaaaaaaaaa-7', 'q-1*']\n");
	uint32_t seed = 17;
	for (unsigned round = 0; round < 20000; round++) {
		char program[64];
		seed = seed * 1103515245u + 12345u;
		unsigned kind = seed >> 16 & 1, n = (seed >> 17) % 200;
		snprintf(program, sizeof program, kind ? "p-aaaaaaaaaaaaaaaaaaaaaaa-%u" : "q-%u", n);
		bool expected = kind ? n == 7 : n == 1 || (n >= 10 && n < 20) || n >= 100;
		if (kind && (seed >> 8 & 3) == 0) {
			program[2 + (seed >> 10) % 23] = 'b';
			expected = false;
		}
		if (rig_decode(rig, program, "x", FORMAT_RFC3164) != expected)
			fail_msg("%s", program);
	}
	rig_free(rig);
}

/* Steps behind `then` and `first` begin by what they read, not by the text of the step in front of them. */
static void steps_begin_by_their_own_text(void **state)
{
	(void)state;
	struct decoder_rig *rig =
		rig_new("name: t\nrecognise:\n  - program: t\nsteps:\n"
				"  - pattern: '{a:word} {b:rest}'\n    then:\n"
				"      - in: b\n        pattern: ['x={x:word}', 'xy={xy:word}']\n"
				"      - in: a\n        pattern: 'x={no:word}'\n"
				"      - in: b\n        kv: {separator: ';', assign: '=', min: 2, own: true}\n"
				"      - in: c\n        pattern: '{no:rest}'\n"
				"      - when: {a: ['b*', 'A']}\n        set: {first: one, empty: '', second: two}\n");
	assert_int_equal(rig->told_count, 0);
	assert_true(rig_decode(rig, "t", "A xy=1", FORMAT_RFC3164));
	assert_string_equal(rig_field(rig, "xy"), "1");
	assert_string_equal(rig_field(rig, "no"), "<none>");
	assert_string_equal(rig_field(rig, "first"), "one");
	assert_string_equal(rig_field(rig, "empty"), "");
	assert_string_equal(rig_field(rig, "second"), "two");
	assert_true(rig_decode(rig, "t", "x=2 p=1;q=2", FORMAT_RFC3164));
	assert_string_equal(rig_field(rig, "no"), "2");
	assert_string_equal(rig_field(rig, "q"), "2");
	assert_string_equal(rig_field(rig, "first"), "<none>");
	rig_free(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signs_choose),
		cmocka_unit_test(remembered_programs_are_compared_in_full),
		cmocka_unit_test(steps_begin_by_their_own_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
