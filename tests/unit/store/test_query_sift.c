/* Sealed groups are asked by templates and values; the answer must be that of testing row by row.
 *
 * Rows as devices write them (times, names, addresses, numbers), and rows that no device should write: fields that end in
 * the middle of words and of characters, octets that are no text, texts in GB 18030, values that the original does not
 * hold. The same rows are asked in a store, sealed, and in memory, where each row is tested alone (test_query_property.c
 * compares that with an obvious evaluator). Words are cut out of the rows themselves, so most are found somewhere, and
 * many over the border of a value.
 *
 * A difference prints the seed and the query. CRESSET_SEED chooses another seed, CRESSET_QUERIES another number.
 */
#include "tests/unit/store/test_query_source.h"

#define BATCHES 30
#define ROWS_A_BATCH 70
#define ROWS (BATCHES * ROWS_A_BATCH)

static struct fake *random_state;
static struct slice originals[ROWS];
static uint8_t *original_octets[ROWS];
static uint16_t borders[ROWS][8]; /* where values begin and end in it */

/* What a table of rows is like: how much of the text is chance, and how many of the values are no text. */
static unsigned noise_max, odd_one_in;

static unsigned below(unsigned n)
{
	return (unsigned)fake_random_below(random_state, n);
}

static const char *pick(const char *const *from, unsigned count)
{
	return from[below(count)];
}
#define PICK(list) pick(list, sizeof(list) / sizeof(list[0]))

/* ---- rows ---- */

static const char *const words[] = {"Failed",
									"failed",
									"ACCEPTED",
									"password",
									"log",
									"SUPPRESS_LOG",
									"_",
									"kelvin",
									"ssk",
									"stra\303\237e",
									"\xe7\x94\xa8\xe6\x88\xb7",
									"\xe7\x99\xbb\xe5\xbd\x95",
									"a",
									"10",
									"4711",
									"oct"};
static const char *const odd[] = {"\xe2\x84\xaa", /* the Kelvin sign */
								  "\xc5\xbf", /* folds to s */
								  "\xe7\x94",     "\xff", "\x84\xaa", "\xe2\x84", "\xc3\x89", "\xc3"};
static const char *const names[] = {"user.name", "x1", "n", "port"};

static size_t add(char *line, size_t at, const char *text)
{
	strcpy(line + at, text);
	return at + strlen(text);
}

static size_t add_noise(char *line, size_t at)
{
	static const char *const joints[] = {" ", " ", "", ":", "-", ".", "="};
	char number[16];
	for (unsigned i = below(noise_max); i > 0; i--) {
		snprintf(number, sizeof(number), "%u", below(below(2) == 0 ? 30 : 50000));
		unsigned what = below(7);
		at = add(line, at, below(odd_one_in) == 0 ? PICK(odd) : what < 4 ? PICK(words) : number);
		at = add(line, at, PICK(joints));
	}
	return at;
}

/* Text that a value gets a column for: many different ones. */
static void many(char out[64])
{
	switch (below(4)) {
	case 0:
		snprintf(out, 64, "%u", below(below(2) == 0 ? 100000 : 100));
		break;
	case 1:
		snprintf(out, 64, "10.%u.%u.4", below(256), below(256));
		break;
	case 2:
		snprintf(out, 64, "%s%u%s", PICK(words), below(900), PICK(words));
		break;
	default:
		snprintf(out, 64, "%s%u%s", below(odd_one_in) == 0 ? PICK(odd) : "u", below(900),
				 below(odd_one_in) == 0 ? PICK(odd) : "");
	}
	if (below(30) == 0)
		out[0] = 0;
}

static void field_at(struct rows *r, const char *name, enum value_type type, size_t offset, size_t len)
{
	uint32_t id = dictionary_intern(&r->dictionary, slice_str(name));
	assert_int_equal(batch_field(r->builder, id, type, (uint32_t)offset, (uint32_t)len), 0);
}

struct writing {
	struct rows *rows;
	char line[1024];
	size_t len;
	size_t at[3], lens[3]; /* of values written into the line */
};

static void put_value(struct writing *w, unsigned i, const char *before)
{
	char value[64];
	many(value);
	w->len = add(w->line, w->len, before);
	w->at[i] = w->len;
	w->len = add(w->line, w->len, value);
	w->lens[i] = strlen(value);
}

static void write_line(struct writing *w, int64_t time_ns)
{
	static const char *const after[] = {" ", ":", "", " port ", "x", "4", "_"};
	char stamp[40];
	size_t len = clock_print(time_ns, stamp);
	w->len = add(w->line, 0, below(3) == 0 ? "" : "<34>");
	if (below(2) == 0)
		w->len = add(w->line, w->len, (stamp[len] = 0, stamp));
	else
		w->len += (size_t)snprintf(w->line + w->len, 32, "Oct %2d 22:%02d:15",
								   1 + (int)(time_ns / (86400 * NS_PER_S)) % 28, (int)below(60));
	w->len = add(w->line, w->len, " host sshd: ");
	w->len = add_noise(w->line, w->len);
	for (unsigned i = 0; i < 3; i++)
		put_value(w, i, PICK(after));
	w->len = add(w->line, w->len, PICK(after));
	w->len = add_noise(w->line, w->len);
}

static enum value_type some_type(void)
{
	static const enum value_type types[] = {VALUE_STRING,  VALUE_STRING, VALUE_STRING,
											VALUE_ADDRESS, VALUE_I64,    VALUE_F64};
	return types[below(6)];
}

/* What is derived is text behind the original. */
static void add_fields(struct writing *w, unsigned shape)
{
	static const char *const codes[] = {"47", "4711", "10", "log", "fail 47 x"};
	struct rows *r = w->rows;
	char value[64];
	for (unsigned i = 0; i < 3; i++)
		if (shape >> i & 1)
			field_at(r, names[i], i == 2 ? some_type() : VALUE_STRING, w->at[i], w->lens[i]);
	many(value);
	if (shape & 8)
		rows_field(r, "derived", some_type(), slice_str(value));
	if (below(4) == 0)
		rows_field(r, "code", VALUE_I64, slice_str(PICK(codes)));
	if (shape & 16)
		batch_field_small(r->builder, dictionary_intern(&r->dictionary, SLICE("port")), below(3000));
	if (below(40) == 0)
		rows_field(r, "x1", VALUE_NULL, SLICE_NONE);
	if (below(4) == 0) { /* anywhere, over values and into words and characters */
		size_t offset = below((unsigned)w->len), len = below((unsigned)(w->len - offset + 1));
		field_at(r, "cut", VALUE_STRING, offset, len);
	}
}

static void add_row(struct rows *r, unsigned number)
{
	struct writing w = {.rows = r};
	int64_t time_ns = TEST_NOW - (int64_t)below(9000000) * NS_PER_S / 10;
	write_line(&w, time_ns);
	struct slice original = slice_of(w.line, w.len);
	rows_row(r, below(10) == 0 ? ROW_AUDIT : ROW_EVENT, original);
	original_octets[number] = malloc(w.len + 1);
	memcpy(original_octets[number], w.line, w.len);
	originals[number] = slice_of(original_octets[number], w.len);
	for (unsigned i = 0; i < 8; i++)
		borders[number][i] = (uint16_t)(i < 6 ? w.at[i / 2] + (i & 1) * w.lens[i / 2] : below((unsigned)w.len));
	if (below(4) != 0)
		batch_row_time(r->builder, time_ns, TIME_PRESENT);
	if (below(3) == 0)
		batch_row_tables(r->builder, BATCH_NO_INDEX, BATCH_NO_INDEX, BATCH_NO_INDEX);
	static const enum charset charsets[] = {CHARSET_UTF8,    CHARSET_UTF8, CHARSET_UTF8,    CHARSET_UTF8,
											CHARSET_GB18030, CHARSET_BIG5, CHARSET_UNKNOWN, CHARSET_LATIN1};
	batch_row_flags(r->builder, below(5) == 0 ? ROW_LATE : 0, charsets[below(8)], FORMAT_PLAIN);
	add_fields(&w, below(3) == 0 ? below(32) : 7);
	rows_end(r);
}

/* ---- queries ---- */

/* Some characters of a row, often from the end of a value or up to one; false when there are none that a query can hold. */
static bool cut_word(char out[256])
{
	unsigned row = below(ROWS);
	struct slice text = originals[row];
	size_t from = borders[row][below(8)], to = borders[row][below(8)], used = 0;
	if (from > to)
		to = from + 1 + below(8);
	if (below(3) == 0)
		from -= from > 5 ? 1 + below(5) : 0;
	if (below(3) == 0)
		to += 1 + below(5);
	while (from < text.len && (text.ptr[from] & 0xc0) == 0x80)
		from++;
	while (from < text.len && from < to && used < 150) {
		uint32_t code_point;
		unsigned n = utf8_decode(text.ptr + from, text.len - from, &code_point);
		if (n == 0)
			break;
		if (code_point < 0x80 && below(4) == 0)
			code_point ^= (code_point | 0x20) >= 'a' && (code_point | 0x20) <= 'z' ? 0x20 : 0;
		used += utf8_encode(code_point, (uint8_t *)out + used);
		from += n;
	}
	out[used] = 0;
	return used > 0 && strpbrk(out, "\"\\*?") == NULL;
}

static size_t print_term(char *out)
{
	char word[256], field[64];
	if (!cut_word(word))
		strcpy(word, PICK(words));
	if (below(4) == 0)
		strcpy(word, PICK(words));
	many(field);
	if (strpbrk(field, "\"\\*?") != NULL || !utf8_valid(slice_str(field)))
		strcpy(field, "10.1.2.4");
	static const char *const names_asked[] = {"user.name", "x1", "n", "port", "derived", "cut", "code", "nothing"};
	bool plain = strpbrk(word, " :()|<>[]{}~-\"") == NULL;
	switch (below(14)) {
	case 0:
	case 1:
		return (size_t)sprintf(out, plain ? "*%s*" : "\"%s\"", word);
	case 2:
		return (size_t)sprintf(out, plain ? "%s*" : "\"%s\"", word);
	case 3:
		return (size_t)sprintf(out, plain ? "*%s?%s*" : "\"%s\" \"%s\"", word, PICK(words));
	case 4:
		return (size_t)sprintf(out, "%s:\"%s\"", PICK(names_asked), below(2) == 0 ? word : field);
	case 5:
		return (size_t)sprintf(out, "%s:%u", PICK(names_asked), below(below(2) == 0 ? 3000 : 50000));
	case 6:
		return (size_t)sprintf(out, plain ? "%s:*%s*" : "%s:\"%s\"", PICK(names_asked), word);
	case 7:
		return (size_t)sprintf(out, "%s:%s", PICK(names_asked), below(2) == 0 ? "*" : ">=2000");
	case 8: {
		static const char *const specials[] = {"kind:audit",        "kind:*",         "source:10.1.2.3",
											   "decoder:openssh",   "flag:late",      "time:<2025-12-30",
											   "when:>=2025-12-30", "original:*log*", "format:plain"};
		return (size_t)sprintf(out, "%s", PICK(specials));
	}
	default:
		return (size_t)sprintf(out, "\"%s\"", word);
	}
}

static size_t print_tree(char *out, int depth)
{
	size_t len = 0;
	unsigned what = below(depth > 0 ? 6 : 3);
	if (what < 3)
		return print_term(out);
	if (what == 3) {
		len += (size_t)sprintf(out, "not (");
		len += print_tree(out + len, depth - 1);
	} else {
		len += (size_t)sprintf(out, "(");
		len += print_tree(out + len, depth - 1);
		len += (size_t)sprintf(out + len, what == 4 ? " or " : " ");
		len += print_tree(out + len, depth - 1);
	}
	return len + (size_t)sprintf(out + len, ")");
}

/* ---- comparing ---- */

struct scene {
	struct rows rows;
	struct list list;
	struct store *store;
};

static void scene_init(struct scene *s, uint64_t seed)
{
	struct store_config config = {.dir = "/data/store", .name = "s1"};
	struct error error = {0};
	*s = (struct scene){.list = {.from_zero = true}};
	rows_init(&s->rows);
	s->list.rows = &s->rows;
	random_state->random = seed;
	noise_max = 1 + below(5);
	odd_one_in = below(2) == 0 ? UINT32_MAX : 20;
	for (unsigned i = 0; i < ROWS; i++) {
		add_row(&s->rows, i);
		if (i % ROWS_A_BATCH == ROWS_A_BATCH - 1)
			list_take(&s->list, (struct store_partition){0, 0}, i / ROWS_A_BATCH);
	}
	assert_int_equal(store_open(&s->rows.fake->env, &config, &s->store, &error), 0);
	for (unsigned i = 0; i < s->list.count; i++)
		assert_int_equal(
			store_append(s->store, (struct store_partition){0, 0}, i, s->list.items[i].batch.octets, &error), 0);
	char told[800];
	if (store_step(s->store, true, &error) != 0)
		fail_msg("seed %llu: %s", (unsigned long long)seed, error_print(&error, told, sizeof(told)));
}

static void scene_free(struct scene *s)
{
	store_close(s->store);
	list_free(&s->list);
	rows_free(&s->rows);
	for (unsigned i = 0; i < ROWS; i++)
		free(original_octets[i]);
}

static unsigned compare(struct scene *s, const char *query, const struct query_options *options, uint64_t seed)
{
	struct query_source of_list = list_source(&s->list), of_store = query_source_store(s->store);
	/* A table that does not fit is another one in another order of rows. */
	size_t bytes = strstr(query, "stats") == NULL && below(8) == 0 ? 20000 : 0;
	char *wanted = source_answer(&s->rows.fake->env, &of_list, query, options, bytes, NULL);
	char *given = source_answer(&s->rows.fake->env, &of_store, query, options, bytes, NULL);
	if (strcmp(wanted, given) != 0) {
		size_t same = 0;
		while (wanted[same] == given[same])
			same++;
		while (same > 0 && wanted[same - 1] != '\n')
			same--;
		fail_msg("seed %llu, from %lld to %lld%s\n%s\nfrom some line on gives\n%.500s\nwanted\n%.500s",
				 (unsigned long long)seed, (long long)options->from_ns, (long long)options->to_ns,
				 options->descending ? ", descending" : "", query, given + same, wanted + same);
	}
	unsigned found = wanted[0] != 0;
	free(wanted);
	free(given);
	return found;
}

static unsigned ask(struct scene *s, uint64_t seed)
{
	static const char *const pipes[] = {"",
										" | count",
										" | count",
										" | fields offset, row",
										" | fields offset, row, port, n",
										" | stats count() as c, dc(x1) as d, max(port) as m by user.name",
										" | bin 1d",
										" | sort n desc, offset | limit 40",
										" | where port:>100 | count"};
	struct query_options options = {.now_ns = TEST_NOW, .from_ns = INT64_MIN, .to_ns = INT64_MAX};
	char query[20000];
	options.descending = below(3) == 0;
	if (below(6) == 0)
		options.from_ns = TEST_NOW - (int64_t)below(900000) * NS_PER_S;
	if (below(6) == 0)
		options.to_ns = TEST_NOW - (int64_t)below(900000) * NS_PER_S;
	size_t len = print_tree(query, (int)below(4));
	/* With so many terms rows are tested one by one, out of blocks that hold no text. */
	for (unsigned i = below(20) == 0 ? SIFT_WORDS_MAX : 0; i > 0; i--)
		len += (size_t)sprintf(query + len, " when:*");
	strcpy(query + len, PICK(pipes));
	return compare(s, query, &options, seed);
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
	const char *value = getenv(name);
	return value == NULL ? otherwise : strtoull(value, NULL, 10);
}

static void test_as_row_by_row(void **state)
{
	(void)state;
	uint64_t seed = from_environment("CRESSET_SEED", 20261127), queries = from_environment("CRESSET_QUERIES", 750);
	unsigned found = 0;
	random_state = fake_new(seed);
	for (uint64_t done = 0; done < queries; done += 150) {
		struct scene s;
		scene_init(&s, seed + done);
		for (unsigned i = 0; i < 150; i++)
			found += ask(&s, seed + done);
		scene_free(&s);
	}
	assert_true(found > queries / 2);
	fake_free(random_state);
}

/* Blocks that were read without any value give whole rows when they are asked for. */
static void test_whole_rows_of_many_terms(void **state)
{
	(void)state;
	struct query_options options = {.now_ns = TEST_NOW, .from_ns = INT64_MIN, .to_ns = INT64_MAX};
	struct scene s;
	char query[2000];
	size_t len = 0;
	random_state = fake_new(3);
	for (unsigned i = 0; i <= SIFT_WORDS_MAX; i++)
		len += (size_t)sprintf(query + len, "kind:event ");
	scene_init(&s, 3);
	assert_true(compare(&s, query, &options, 3));
	scene_free(&s);
	fake_free(random_state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_whole_rows_of_many_terms),
									   cmocka_unit_test(test_as_row_by_row)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
