/* Loading: what is refused and where, what goes on, and what happens when memory runs out. */
#include "tests/unit/rules/decoder_rig.h"

static const char good[] =
	"maps:\n  p: {\"6\": tcp}\nrenames:\n  r: {src: source.ip, proto: \"network.transport:p\"}\n---\n"
	"name: one\nversion: 3\nzone: \"+08:00\"\nrecognise:\n  - starts: [\"id=\"]\n"
	"logsource: {product: x}\nsteps:\n"
	"  - kv: {min: 2}\n    rename: [r, {dst: [destination.ip, d.second]}]\n"
	"    time: {field: time, format: \"%Y-%m-%d %H:%M:%S\"}\n"
	"    then:\n      - switch:\n          on: type\n          cases:\n"
	"            \"a, b\":\n              - logsource: {product: x, category: ab}\n"
	"tests:\n  - message: 'id=1 src=192.0.2.1'\n    expect: {source.ip: 192.0.2.1, nothing: null}\n"
	"---\nname: two\nrecognise:\n  - program: two\nsteps:\n  - pattern: 'x {a:word}'\n";

static void a_decoder_decodes(void **state)
{
	(void)state;
	struct decoder_rig *rig = rig_new(good);
	assert_int_equal(rig->told_count, 0);
	assert_true(rig_decode(rig, "", "id=t time=\"2025-02-03 12:05:06\" src=192.0.2.1 dst=192.0.2.2 proto=6 type=b",
						   FORMAT_PLAIN));
	assert_string_equal(rig_decoder(rig), "one");
	assert_string_equal(rig_field(rig, "src"), "192.0.2.1");
	assert_string_equal(rig_field(rig, "source.ip"), "192.0.2.1");
	assert_string_equal(rig_field(rig, "destination.ip"), "192.0.2.2");
	assert_string_equal(rig_field(rig, "d.second"), "192.0.2.2");
	assert_string_equal(rig_field(rig, "network.transport"), "tcp");
	assert_true(rig->result.has_time);
	assert_int_equal(rig->result.time_ns / NS_PER_S, 1738555506);
	assert_true((rig->result.time_quality & TIME_ZONE_INFERRED) != 0);
	struct logsource s = batch_get_logsource(&rig->batch, rig->result.logsource);
	assert_true(slice_equal(s.category, SLICE("ab")));
	rig_free(rig);
}

static void a_known_program_with_an_unknown_text_is_claimed(void **state)
{
	(void)state;
	struct decoder_rig *rig = rig_new(good);
	assert_true(rig_decode(rig, "TWO", "y", FORMAT_RFC3164));
	assert_string_equal(rig_decoder(rig), "two");
	assert_false(rig_decode(rig, "three", "y", FORMAT_RFC3164));
	rig_free(rig);
}

/* The tag stands in the row, or only in the caller's memory: the message is "%T-1: x" either way. */
static void a_percent_tag_belongs_to_the_message(void **state)
{
	(void)state;
	struct decoder_rig *rig =
		rig_new("name: t\nrecognise:\n  - starts: ['%T-']\nsteps:\n  - pattern: '%T-{n:int}: {a:word}'\n");
	assert_true(rig_decode(rig, "", "%T-1: x", FORMAT_RFC3164));
	assert_string_equal(rig_field(rig, "a"), "x");
	assert_true(rig_decode(rig, "%T-2", "y", FORMAT_RFC3164));
	assert_string_equal(rig_field(rig, "a"), "y");
	assert_string_equal(rig_field(rig, "n"), "2");
	rig_free(rig);
}

static void the_same_scratch_serves_many_rows(void **state)
{
	(void)state;
	struct decoder_rig *rig = rig_new(good);
	for (int i = 0; i < 3; i++) {
		assert_true(rig_decode(rig, "two", "x b", FORMAT_RFC3164));
		assert_string_equal(rig_field(rig, "a"), "b");
		assert_true(rig_decode(rig, "", "id=1 src=192.0.2.1", FORMAT_PLAIN));
		assert_string_equal(rig_field(rig, "a"), "<none>");
		assert_string_equal(rig_field(rig, "source.ip"), "192.0.2.1");
	}
	rig_free(rig);
}

static void bad_decoders_are_refused_and_the_rest_loads(void **state)
{
	static const struct {
		const char *yaml, *id;
		uint32_t line;
	} cases[] = {
		{"name: t\nfoo: 1\nrecognise:\n  - program: a\n", "decoder-unknown-key", 2},
		{"name: t\n", "decoder-recognise", 1},
		{"name: t\nrecognise: []\n", "decoder-recognise", 2},
		{"name: t\nversion: 0\nrecognise:\n  - program: a\n", "decoder-version", 2},
		{"name: t\nrecognise:\n  - program: a\n    colour: red\n", "decoder-unknown-key", 4},
		{"name: t\nrecognise:\n  - program: a\nsteps:\n  - {pattern: a, kv: {}}\n", "decoder-step", 5},
		{"name: t\nrecognise:\n  - program: a\nsteps:\n  - kv: {min: -1}\n", "decoder-type", 5},
		{"name: t\nrecognise:\n  - program: a\nsteps:\n  - rename: nowhere\n", "decoder-rename", 5},
		{"name: t\nrecognise:\n  - program: a\nsteps:\n  - rename: {a: 'b:nomap'}\n", "decoder-map", 5},
		{"name: t\nmaps: {m: {a: b}}\nrecognise:\n  - program: a\nsteps:\n  - rename: {a: 'b:'}\n", "decoder-map", 6},
		{"name: t\nrecognise:\n  - program: a\nsteps:\n  - split: {by: ','}\n", "decoder-split", 5},
		{"name: t\nrecognise:\n  - program: a\nsteps:\n  - time: {format: iso}\n", "decoder-time", 5},
		{"name: t\nzone: Mars\nrecognise:\n  - program: a\n", "decoder-zone", 2},
		{"name: t\nrecognise:\n  - format: xml\n", "decoder-format", 3},
		{"name: t\nrecognise:\n  - program: a\nsteps:\n  - switch: {on: a, cases: {'1, 1': []}}\n", "decoder-switch",
		 5},
		{"name: t\nrecognise: [\n", "decoder-yaml", 3},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char yaml[4096];
		snprintf(yaml, sizeof yaml, "%s", cases[i].yaml);
		struct decoder_rig *rig = rig_new(yaml);
		if (rig->told_count != 1 || strcmp(rig->told[0].id, cases[i].id) != 0 || rig->told[0].line != cases[i].line)
			fail_msg("case %zu: told %u, %s at line %u: %s", i, rig->told_count, rig->told[0].id, rig->told[0].line,
					 rig->told[0].text);
		rig_free(rig);
		if (i + 1 == sizeof cases / sizeof *cases)
			break; /* text that is no YAML ends the file */
		snprintf(yaml, sizeof yaml, "%s---\nname: after\nrecognise:\n  - program: after\n", cases[i].yaml);
		rig = rig_new(yaml);
		assert_true(rig_decode(rig, "after", "x", FORMAT_RFC3164));
		rig_free(rig);
	}
}

static void failing_test_lines_are_told(void **state)
{
	uint32_t tests;
	(void)state;
	struct decoder_rig *rig = rig_new("name: t\nrecognise:\n  - program: t\nsteps:\n  - pattern: 'x {a:word}'\ntests:\n"
									  "  - {program: t, message: x b, expect: {a: b, c: null}}\n"
									  "  - {program: t, message: x b, expect: {a: c}}\n"
									  "  - {program: t, message: x b, expect: {a: null}}\n"
									  "  - {program: u, message: x b}\n"
									  "  - {program: u, message: x b, refused: true}\n");
	assert_int_equal(rig->told_count, 0);
	assert_int_equal(decoders_test(rig->decoders, &rig->fake->env, rig_tell, rig, &tests), 3);
	assert_int_equal(tests, 5);
	assert_int_equal(rig->told[0].line, 8);
	assert_int_equal(rig->told[2].line, 10);
	rig_free(rig);
}

/* Every allocation of loading, of the scratch and of the tests fails once: told as such, nothing leaks. */
static void memory_may_run_out_anywhere(void **state)
{
	static const char *const paths[] = {"/d"};
	(void)state;
	for (uint64_t n = 1;; n++) {
		struct fake *fake = fake_new(1);
		struct decoders *d = NULL;
		struct error error = {0};
		uint32_t tests;
		fake_file_put(fake, "/d/x.yml", good, sizeof good - 1);
		int64_t before = fake->memory.outstanding;
		fake->memory.calls = 0;
		fake->memory.fail_at = n;
		int result = decoders_load(&fake->env, paths, 1, NULL, NULL, &d, &error);
		if (result == 0) {
			result = decoders_test(d, &fake->env, NULL, NULL, &tests);
			decoders_free(d);
		} else {
			assert_null(d);
			assert_int_equal(error.code, ERROR_MEMORY);
		}
		bool reached = fake->memory.failed > 0;
		assert_int_equal(result, reached ? -ERROR_MEMORY : 0);
		assert_int_equal(fake->memory.outstanding, before);
		fake_free(fake);
		if (!reached)
			break;
	}
}

static void folders_are_read_in_order_and_missing_ones_refused(void **state)
{
	static const char *const paths[] = {"/d"}, *const missing[] = {"/nothing"};
	static const char b[] = "name: b\nrecognise:\n  - program: p\nsteps:\n  - {pattern: x, set: {who: b}}\n";
	static const char a[] = "name: a\nrecognise:\n  - program: p\nsteps:\n  - {pattern: x, set: {who: a}}\n";
	(void)state;
	struct decoder_rig *rig = rig_new(b);
	struct decoders *d;
	struct error error = {0};
	fake_file_put(rig->fake, "/d/a.yml", a, sizeof a - 1);
	fake_file_put(rig->fake, "/d/note.txt", "not yaml: [", 11);
	assert_int_equal(decoders_load(&rig->fake->env, missing, 1, rig_tell, rig, &d, &error), -ERROR_NOT_FOUND);
	decoder_scratch_free(rig->scratch);
	decoders_free(rig->decoders);
	assert_int_equal(decoders_load(&rig->fake->env, paths, 1, rig_tell, rig, &rig->decoders, &error), 0);
	rig->scratch = decoder_scratch_new(rig->decoders, &rig->fake->env, &rig->dictionary);
	assert_true(rig_decode(rig, "p", "x", FORMAT_RFC3164));
	assert_string_equal(rig_field(rig, "who"), "a");
	assert_int_equal(rig->told_count, 0);
	rig_free(rig);
}

/* A source whose decoder is settled: its signs do not count, no other is asked, and it holds whatever the text. */
static void a_forced_decoder_is_the_only_one_asked(void **state)
{
	(void)state;
	struct decoder_rig *rig =
		rig_new("name: pairs\nversion: 3\nrecognise:\n  - starts: ['pairs ']\nset: {observer.vendor: P}\n"
				"logsource: {product: p}\nsteps:\n  - kv: {min: 1}\n    rename: {src: source.ip}\n"
				"---\nname: words\nversion: 1\nrecognise:\n  - starts: ['a']\nsteps:\n"
				"  - pattern: '{event.action:word} {..}'\n");
	assert_int_equal(rig->told_count, 0);
	assert_true(rig_decode(rig, "", "allowed src=192.0.2.1", FORMAT_RFC3164));
	assert_string_equal(rig_decoder(rig), "words");
	rig->forced = SLICE("pairs");
	assert_true(rig_decode(rig, "", "allowed src=192.0.2.1", FORMAT_RFC3164));
	assert_string_equal(rig_decoder(rig), "pairs");
	assert_string_equal(rig_field(rig, "source.ip"), "192.0.2.1");
	assert_string_equal(rig_field(rig, "event.action"), "<none>");
	assert_string_equal(rig_field(rig, "observer.vendor"), "P");
	assert_true(slice_equal(batch_get_logsource(&rig->batch, rig->result.logsource).product, SLICE("p")));
	assert_true(rig_decode(rig, "", "nothing to see", FORMAT_RFC3164));
	assert_string_equal(rig_decoder(rig), "pairs");
	assert_string_equal(rig_field(rig, "source.ip"), "<none>");
	assert_true(decoders_know(rig->decoders, SLICE("words")));
	assert_false(decoders_know(rig->decoders, SLICE("word")));
	rig_free(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_decoder_decodes),
		cmocka_unit_test(a_known_program_with_an_unknown_text_is_claimed),
		cmocka_unit_test(a_percent_tag_belongs_to_the_message),
		cmocka_unit_test(a_forced_decoder_is_the_only_one_asked),
		cmocka_unit_test(the_same_scratch_serves_many_rows),
		cmocka_unit_test(bad_decoders_are_refused_and_the_rest_loads),
		cmocka_unit_test(failing_test_lines_are_told),
		cmocka_unit_test(memory_may_run_out_anywhere),
		cmocka_unit_test(folders_are_read_in_order_and_missing_ones_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
