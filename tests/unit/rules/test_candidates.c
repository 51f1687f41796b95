/* Candidates never miss: rules and rows made up of the same few pieces are judged by witnesses and the plain way, many rows
 * to a batch, of several formats and log sources, as they are and with the log sources listed. */
#include "tests/unit/rules/sigma_rig.h"

/* ---- made up ---- */

static uint32_t below(struct rig *rig, uint32_t n)
{
	uint32_t v = 0;
	rig->fake->env.random.fill(rig->fake->env.random.ctx, &v, sizeof v);
	return v % n;
}

static const char *pick(struct rig *rig, const char *const *list, size_t count)
{
	return list[below(rig, (uint32_t)count)];
}

/* What folds to ASCII (U+017F, U+212A), grows or shrinks when folded (U+023A, U+1E9E), has two cases, has none. */
static const char *const pieces[] = {
	"a",
	"b",
	"cmd",
	"CMD",
	".exe",
	"\\x",
	"/usr/",
	"abcd",
	"ABCDE",
	"shadow",
	"\xc5\xbf",
	"s",
	"S",
	"k",
	"K",
	" -",
	"\xe2\x80\x93",
	"=",
	"0",
	"4625",
	"\xc3\x84",
	"\xc3\xa4",
	"\xe6\x8f\x90",
	"\xc8\xba",
	"\xe1\xba\x9e",
	"\xe2\x84\xaa",
	"delete",
	"deletE",
	"powershell",
	":",
};
static const char *const fields[] = {"Image", "CommandLine", "EventID", "message", "src_ip", "flag"};
static const char *const row_fields[] = {"Image",  "CommandLine", "EventID",   "message",
										 "src_ip", "flag",        "source.ip", "other"};
static const char *const wholes[] = {"",   "true",     "FALSE",           "4625",     "4625.0",
									 "-0", "10.1.2.3", "::ffff:10.1.2.3", "abcdefgh", "C:\\Windows\\System32\\cmd.exe"};
static const char *const modifiers[] = {
	"",
	"",
	"",
	"|contains",
	"|contains",
	"|startswith",
	"|endswith",
	"|cased",
	"|contains|cased",
	"|startswith|cased",
	"|endswith|cased",
	"|contains|all",
	"|endswith|all",
	"|re",
	"|re|i",
	"|exists",
	"|cidr",
	"|lt",
	"|gte",
	"|neq",
	"|contains|neq",
	"|fieldref",
	"|fieldref|contains",
	"|windash|contains",
	"|wide|contains",
	"|utf16be",
	"|base64offset|contains",
	"|windash|contains|all",
};

static size_t put_pieces(struct rig *rig, uint32_t count, const char *between, char *to, size_t room)
{
	size_t n = 0;
	to[0] = 0;
	for (uint32_t i = 0; i < count; i++)
		n += (size_t)snprintf(to + n, room - n, "%s%s", i ? between : "", pick(rig, pieces, COUNT(pieces)));
	return n;
}

/* The text of a value: pieces, pieces with wildcards and escapes between them, or one of a few whole values. */
static void put_text(struct rig *rig, bool wildcards, char *to, size_t room)
{
	static const char *const between[] = {"*", "?", "**", "\\*", "\\\\", "?*"};
	uint32_t kind = below(rig, 8);
	if (kind == 0)
		snprintf(to, room, "%s", pick(rig, wholes, COUNT(wholes)));
	else if (kind <= 2 && wildcards)
		put_pieces(rig, 2 + below(rig, 3), pick(rig, between, COUNT(between)), to, room);
	else if (kind == 3 && wildcards)
		snprintf(to, room, "*%s*", pick(rig, pieces, COUNT(pieces)));
	else
		put_pieces(rig, 1 + below(rig, 4), "", to, room);
}

static bool has(const char *modifier, const char *part)
{
	return strstr(modifier, part) != NULL;
}

static size_t put_value(struct rig *rig, const char *modifier, char *to, size_t room)
{
	static const char *const regexes[] = {"cmd", "^(a|aa)+$", "s.*K", "\\d{4}", "[^a]b$"};
	static const char *const networks[] = {"10.0.0.0/8", "'::ffff:10.1.0.0/112'", "'2001:db8::/32'"};
	static const char *const numbers[] = {"0", "-0.0", "4625", "4625.0", "18446744073709551615", "1.5"};
	char text[512];
	if (has(modifier, "exists"))
		return (size_t)snprintf(to, room, "%s", below(rig, 2) ? "true" : "false");
	if (has(modifier, "cidr"))
		return (size_t)snprintf(to, room, "%s", pick(rig, networks, COUNT(networks)));
	if (has(modifier, "lt") || has(modifier, "gte"))
		return (size_t)snprintf(to, room, "%s", pick(rig, numbers, COUNT(numbers)));
	if (has(modifier, "fieldref"))
		return (size_t)snprintf(to, room, "%s", pick(rig, fields, COUNT(fields)));
	if (has(modifier, "re"))
		return (size_t)snprintf(to, room, "'%s'", pick(rig, regexes, COUNT(regexes)));
	bool bare = *modifier == 0 || strcmp(modifier, "|neq") == 0;
	uint32_t kind = bare ? below(rig, 8) : 7;
	if (kind == 0)
		return (size_t)snprintf(to, room, "null");
	if (kind == 1)
		return (size_t)snprintf(to, room, "%s", below(rig, 2) ? "true" : "false");
	if (kind == 2)
		return (size_t)snprintf(to, room, "%s", pick(rig, numbers, COUNT(numbers)));
	if (has(modifier, "base64offset"))
		return (size_t)snprintf(to, room, "'%s'", below(rig, 2) ? "shadow" : "cmd");
	put_text(rig, !has(modifier, "wide") && !has(modifier, "utf16"), text, sizeof text);
	return (size_t)snprintf(to, room, "'%s'", text);
}

/* One "field|modifier: values" or, with field "", one of keywords. */
static size_t put_item(struct rig *rig, const char *field, const char *modifier, char *to, size_t room)
{
	uint32_t count = has(modifier, "exists") || has(modifier, "lt") || has(modifier, "gte") ? 1 : 1 + below(rig, 4);
	size_t n = (size_t)snprintf(to, room, "'%s%s': [", field, modifier);
	if (count == 1 && has(modifier, "exists"))
		n--;
	for (uint32_t i = 0; i < count; i++) {
		n += (size_t)snprintf(to + n, room - n, i ? ", " : "");
		n += put_value(rig, modifier, to + n, room - n);
	}
	return n + (size_t)snprintf(to + n, room - n, count == 1 && has(modifier, "exists") ? "" : "]");
}

static bool keywords_inside; /* of this round: none says where a text begins or ends */

static size_t put_selection(struct rig *rig, char *to, size_t room)
{
	static const char *const keyword_modifiers[] = {"|all", "|cased", "|re", "|all|cased", "|startswith", "|endswith"};
	uint32_t kind = below(rig, 8);
	size_t n = 0;
	if (kind == 0) {
		for (uint32_t i = 1 + below(rig, 3); i > 0; i--) {
			n += (size_t)snprintf(to + n, room - n, "    - ");
			n += put_value(rig, "|contains", to + n, room - n);
			n += (size_t)snprintf(to + n, room - n, "\n");
		}
		return n;
	}
	for (uint32_t items = 1 + below(rig, 2); items > 0; items--) {
		bool keyword = below(rig, 8) == 0;
		n += (size_t)snprintf(to + n, room - n, kind == 1 ? "    - " : "    ");
		n += put_item(rig, keyword ? "" : pick(rig, fields, COUNT(fields)),
					  keyword ? pick(rig, keyword_modifiers, COUNT(keyword_modifiers) - (keywords_inside ? 2 : 0))
							  : pick(rig, modifiers, COUNT(modifiers)),
					  to + n, room - n);
		n += (size_t)snprintf(to + n, room - n, "\n");
	}
	return n;
}

static const char *const logsources[] = {
	"{product: linux}",
	"{product: linux, service: sshd}",
	"{product: windows, category: process_creation}",
	"{category: firewall}",
	"{definition: any}",
};

static size_t put_rule(struct rig *rig, uint32_t number, char *to, size_t room)
{
	static const char *const conditions[] = {
		"a",         "a and b",     "a or b",         "a and not b",        "not a",         "not (a or b)",
		"1 of them", "all of them", "(a or b) and c", "a and (b or not c)", "1 of a* and b", "a and b and not c",
	};
	size_t n = (size_t)snprintf(to, room, "title: T%u\nid: t%u\nlogsource: %s\ndetection:\n", number, number,
								pick(rig, logsources, COUNT(logsources)));
	for (char name = 'a'; name <= 'c'; name++) {
		n += (size_t)snprintf(to + n, room - n, "  %c:\n", name);
		n += put_selection(rig, to + n, room - n);
	}
	return n + (size_t)snprintf(to + n, room - n, "  condition: %s\n---\n", pick(rig, conditions, COUNT(conditions)));
}

/* ---- rows ---- */

static const struct logsource sources[] = {
	{SLICE("linux"), {NULL, 0}, SLICE("sshd")},
	{SLICE("LINUX"), {NULL, 0}, {NULL, 0}},
	{SLICE("windows"), SLICE("process_creation"), {NULL, 0}},
	{{NULL, 0}, SLICE("firewall"), {NULL, 0}},
};

static void put_field(struct rig *rig, const char *name)
{
	static const char *const bad[] = {"\xff", "\xc5", "\xe2\x84"};
	struct batch_builder *b = rig->builder;
	uint32_t id = dictionary_intern(&rig->names, slice_str(name)), kind = below(rig, 16);
	char text[512];
	size_t n;
	if (kind == 0)
		assert_int_equal(batch_field_slice(b, id, VALUE_NULL, SLICE_NONE), 0);
	else if (kind == 1)
		assert_int_equal(batch_field_small(b, id, below(rig, 2) ? 4625 : 0), 0);
	else if (kind == 2)
		assert_int_equal(batch_field_slice(b, id, VALUE_BOOL, slice_str(below(rig, 2) ? "true" : "false")), 0);
	else if (kind == 3)
		assert_int_equal(batch_field_slice(b, id, VALUE_F64, slice_str(below(rig, 2) ? "4625.0" : "1.5")), 0);
	else if (kind == 4)
		assert_int_equal(batch_field_slice(b, id, VALUE_ADDRESS, slice_str("10.1.2.3")), 0);
	else {
		put_text(rig, false, text, sizeof text - 8);
		n = strlen(text);
		if (kind == 5) /* cut inside a code point */
			n += (size_t)snprintf(text + n, 8, "%s", pick(rig, bad, COUNT(bad)));
		assert_int_equal(batch_field_slice(b, id, VALUE_STRING, slice_of(text, n)), 0);
	}
}

/* A part of the original, wherever it is cut; mostly the message is all of it. */
static void put_part(struct rig *rig, const char *name, uint32_t len)
{
	uint32_t id = dictionary_intern(&rig->names, slice_str(name)), from = below(rig, len + 1);
	bool whole = strcmp(name, "message") == 0 && below(rig, 4) > 0;
	from = whole ? 0 : from;
	assert_int_equal(batch_field(rig->builder, id, VALUE_STRING, from, whole ? len : below(rig, len - from + 1)), 0);
}

static void put_row(struct rig *rig)
{
	static const enum format formats[] = {FORMAT_PLAIN, FORMAT_RFC3164, FORMAT_JSON, FORMAT_CEF};
	char original[600];
	uint16_t source = BATCH_NO_INDEX;
	uint32_t which = below(rig, COUNT(sources) + 1);
	put_pieces(rig, 1 + below(rig, 12), "", original, sizeof original);
	if (which < COUNT(sources))
		assert_int_equal(batch_logsource(rig->builder, &sources[which], &source), 0);
	assert_int_equal(batch_row(rig->builder, ROW_EVENT, 0, slice_str(original)), 0);
	batch_row_tables(rig->builder, BATCH_NO_INDEX, BATCH_NO_INDEX, source);
	batch_row_flags(rig->builder, 0, CHARSET_UTF8, formats[below(rig, COUNT(formats))]);
	for (size_t i = 0; i < COUNT(row_fields); i++)
		for (uint32_t times = below(rig, 8); times >= 3; times -= 3) /* absent, once or twice */
			if (below(rig, 3) == 0)
				put_part(rig, row_fields[i], (uint32_t)strlen(original));
			else
				put_field(rig, row_fields[i]);
	assert_int_equal(batch_row_end(rig->builder), 0);
}

static void put_batch(struct rig *rig, uint32_t rows)
{
	static const struct batch_identity identity;
	struct error error = {0};
	struct slice octets;
	batch_begin(rig->builder, &identity, 0, 0);
	for (uint32_t i = 0; i < rows; i++)
		put_row(rig);
	assert_int_equal(batch_finish(rig->builder, &octets, &error), 0);
	if (batch_open(&rig->batch, octets, &error))
		fail_msg("batch: %s", error.text);
}

/* ---- the property ---- */

static uint64_t judge(struct rig *rig, uint32_t row, bool plain, const struct logsource *list, uint32_t count)
{
	struct error error = {0};
	uint64_t undecided = evaluator_undecided(rig->evaluator);
	rig->hit_count = 0;
	evaluator_set_plain(rig->evaluator, plain);
	if (evaluator_row(rig->evaluator, &rig->batch, row, list, count, rig_hit, rig, &error))
		fail_msg("row: %s", error.text);
	return evaluator_undecided(rig->evaluator) - undecided;
}

/* How many hold; told: how many were tried each way. */
static unsigned both_ways(struct rig *rig, uint32_t row, const struct logsource *list, uint32_t count, uint64_t told[2])
{
	uint32_t plain_hits[COUNT(rig->hits)];
	uint64_t start = evaluator_tried(rig->evaluator), undecided = judge(rig, row, true, list, count);
	uint64_t middle = evaluator_tried(rig->evaluator);
	unsigned plain_count = rig->hit_count;
	memcpy(plain_hits, rig->hits, sizeof plain_hits);
	if (judge(rig, row, false, list, count) != undecided || rig->hit_count != plain_count ||
		memcmp(plain_hits, rig->hits, plain_count * sizeof *plain_hits) != 0)
		fail_msg("row %u: %u hits by witnesses, %u the plain way", row, rig->hit_count, plain_count);
	told[0] += middle - start;
	told[1] += evaluator_tried(rig->evaluator) - middle;
	return plain_count;
}

/* Every other batch is looked at as a whole, from some row on: those before it are looked at by themselves. */
static void look_at_batch(struct rig *rig, unsigned number)
{
	evaluator_set_plain(rig->evaluator, false);
	assert_int_equal(evaluator_batch(rig->evaluator, number % 2 ? &rig->batch : NULL, below(rig, 8), NULL), 0);
}

static void load(struct rig *rig, const char *rules)
{
	const char *paths[] = {"/r/rules.yml"};
	const struct slice mappings[] = {SLICE("/m/map.yml")};
	rig_put(rig, "/m/map.yml", "mapping:\n  logsource: {category: firewall}\n  fields: {src_ip: source.ip}\n");
	rig_put(rig, paths[0], rules);
	rig_load_paths(rig, paths, 1, &(struct ruleset_options){.mappings = mappings, .mapping_count = 1});
}

struct seen {
	unsigned loaded, hits;
	uint64_t tried[2]; /* the plain way, by witnesses */
};

static void run_seed(uint64_t seed, struct seen *seen)
{
	static char rules[262144];
	struct rig rig;
	rig_open(&rig);
	rig.fake->random += seed * UINT64_C(0x9e3779b97f4a7c15);
	for (unsigned round = 0; round < 40; round++) {
		size_t n = 0;
		keywords_inside = round % 2 == 0;
		for (uint32_t i = 0; i < 60; i++)
			n += put_rule(&rig, i, rules + n, sizeof rules - n);
		assert_true(n < sizeof rules - 1);
		load(&rig, rules);
		seen->loaded += rig.counts.loaded;
		for (unsigned k = 0; k < 6; k++) {
			put_batch(&rig, 24);
			look_at_batch(&rig, k);
			for (uint32_t row = 0; row < rig.batch.row_count; row++) {
				seen->hits += both_ways(&rig, row, NULL, 0, seen->tried);
				seen->hits += both_ways(&rig, row, sources + below(&rig, 3), 1 + below(&rig, 2), seen->tried);
			}
		}
	}
	rig_close(&rig);
}

/* A seed is some 690,000 pairs of a rule and a row, of which the log source leaves some 450,000. SEEDS=n runs so many, SEED=first
 * begins elsewhere; the one that fails is printed. */
static void candidates_never_miss(void **state)
{
	const char *count = getenv("SEEDS"), *first = getenv("SEED");
	uint64_t from = first ? strtoull(first, NULL, 10) : 0, seeds = count ? strtoull(count, NULL, 10) : 1;
	struct seen seen = {0};
	(void)state;
	for (uint64_t seed = from; seed < from + seeds; seed++) {
		print_message("seed %llu\n", (unsigned long long)seed);
		run_seed(seed, &seen);
	}
	printf("%u rules, %u hits, %llu tried the plain way, %llu by witnesses\n", seen.loaded, seen.hits,
		   (unsigned long long)seen.tried[0], (unsigned long long)seen.tried[1]);
	assert_true(seen.loaded > 1500 * seeds);
	assert_true(seen.hits > 20000 * seeds);
	assert_true(seen.tried[1] * 3 < seen.tried[0] * 2);
}

/* A text made of one literal over and over: past a limit everything that hangs on literals is tried, and nothing is missed
 * behind it, in the same row or the next. */
static void a_flood_of_literals_ends_in_trying_everything(void **state)
{
	static char rules[8192], text[65536];
	static const struct batch_identity identity;
	struct rig rig;
	struct error error = {0};
	struct slice octets;
	size_t n = 0, len = 0;
	(void)state;
	rig_open(&rig);
	for (unsigned i = 0; i < 12; i++)
		n +=
			(size_t)snprintf(rules + n, sizeof rules - n,
							 "title: T%u\nlogsource: {product: any}\ndetection:\n  a: ['%s']\n  condition: a\n---\n", i,
							 i == 11  ? "the end"
							 : i == 0 ? "abcd"
									  : "nowhere");
	load(&rig, rules);
	assert_int_equal(rig.counts.loaded, 12);
	for (unsigned pairs = 100; pairs <= 12000; pairs += 11900) {
		uint64_t tried[2] = {0};
		for (len = 0; len < (size_t)pairs * 4;)
			len += (size_t)snprintf(text + len, sizeof text - len, "abcd");
		snprintf(text + len, sizeof text - len, "the end");
		batch_begin(rig.builder, &identity, 0, 0);
		assert_int_equal(batch_row(rig.builder, ROW_EVENT, 0, slice_str(text)), 0);
		batch_row_tables(rig.builder, BATCH_NO_INDEX, BATCH_NO_INDEX, BATCH_NO_INDEX);
		assert_int_equal(batch_row_end(rig.builder), 0);
		assert_int_equal(batch_finish(rig.builder, &octets, &error), 0);
		assert_int_equal(batch_open(&rig.batch, octets, &error), 0);
		assert_int_equal(both_ways(&rig, 0, NULL, 0, tried), 2);
		assert_int_equal(tried[0], 12);
		assert_int_equal(tried[1], pairs == 100 ? 2 : 12);
	}
	rig_close(&rig);
}

static void put_source_row(struct rig *rig, const char *product, const char *const *names, uint32_t count)
{
	struct logsource logsource = {.product = slice_str(product)};
	uint16_t source;
	assert_int_equal(batch_logsource(rig->builder, &logsource, &source), 0);
	assert_int_equal(batch_row(rig->builder, ROW_EVENT, 0, SLICE("x")), 0);
	batch_row_tables(rig->builder, BATCH_NO_INDEX, BATCH_NO_INDEX, source);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t id = dictionary_intern(&rig->names, slice_str(names[i]));
		assert_int_equal(batch_field_slice(rig->builder, id, VALUE_STRING, SLICE("yes")), 0);
	}
	assert_int_equal(batch_row_end(rig->builder), 0);
}

/* So many log sources in one batch that those kept are thrown away in the middle, and the next one's lie where others lay: rows
 * of a shape that was looked at before still have what their own rules ask for looked at. */
static void log_sources_without_end_in_a_batch(void **state)
{
	static const struct batch_identity identity;
	static const char *const both[] = {"a", "b"}, *const other[] = {"c"};
	struct rig rig;
	struct error error = {0};
	struct slice octets;
	uint64_t tried[2] = {0};
	unsigned hits = 0;
	(void)state;
	rig_open(&rig);
	load(&rig, "title: A\nlogsource: {product: first}\ndetection: {s: {a: yes*}, condition: s}\n---\n"
			   "title: B\nlogsource: {product: second}\ndetection: {s: {b: yes*}, condition: s}\n");
	assert_int_equal(rig.counts.loaded, 2);
	batch_begin(rig.builder, &identity, 0, 0);
	put_source_row(&rig, "first", both, 2);
	for (unsigned i = 0; i < 255; i++) {
		char product[16];
		snprintf(product, sizeof product, "p%u", i);
		put_source_row(&rig, product, other, 1);
	}
	put_source_row(&rig, "second", both, 2);
	assert_int_equal(batch_finish(rig.builder, &octets, &error), 0);
	assert_int_equal(batch_open(&rig.batch, octets, &error), 0);
	assert_int_equal(evaluator_batch(rig.evaluator, &rig.batch, 0, NULL), 0);
	for (uint32_t row = 0; row < rig.batch.row_count; row++)
		hits += both_ways(&rig, row, NULL, 0, tried);
	assert_int_equal(hits, 2);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flood_of_literals_ends_in_trying_everything),
		cmocka_unit_test(log_sources_without_end_in_a_batch),
		cmocka_unit_test(candidates_never_miss),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
