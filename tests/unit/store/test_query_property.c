/* Random queries over random rows, against an evaluator written only to be obviously right: plain recursion over code
 * points, its own folding, tables instead of parsers for addresses. It shares no code with store/.
 *
 * A difference prints the seed and the query. CRESSET_SEED chooses another seed, CRESSET_QUERIES another number.
 */
#include "tests/unit/store/test_query_source.h"

#define ROWS 40
#define VALUES 6

/* ---- what rows and queries are made of ---- */

static const char *const texts[] = {
	"fail",
	"failed",
	"Fail",
	"x_fail",
	"fail-over",
	"kelvin",
	"\xe2\x84\xaa"
	"elvin",
	"stra\xc3\x9f"
	"e",
	"STRASSE",
	"STRA\xe1\xba\x9e"
	"E",
	"\xe7\x94\xa8\xe6\x88\xb7\xe7\x99\xbb\xe5\xbd\x95",
	"\xe7\x99\xbb\xe5\xbd\x95"
	"a",
	"a\xe7\x99\xbb\xe5\xbd\x95",
	"\xc3\x89t\xc3\xa9",
	"\xc3\xa9T\xc3\x89",
	"a.b",
	"a-b",
	"(a)",
	"a:b",
	"C:\\Win\\a.exe",
	"\\\\srv\\a",
	"a*b",
	"a?b",
	"\"q\"",
	"5",
	"5.0",
	"-3",
	"007",
	"1e2",
	"100",
	"443",
	"10.5",
	"18446744073709551615",
	"18446744073709551616",
	"10.1.2.3",
	"10.9.9.9",
	"::ffff:10.1.2.3",
	"2001:db8::1",
	"2001:DB8:0:0:0:0:0:1",
	"192.168.0.1",
	"true",
	"null",
	"",
	"a b",
	"a  b",
	"_",
	"a|b",
};
#define TEXTS (sizeof(texts) / sizeof(texts[0]))

static const char *const names[] = {"x1", "kk", "user.name", "n", "\xe5\xad\x97"};
#define NAMES (sizeof(names) / sizeof(names[0]))

/* Addresses by value: equal numbers are equal addresses; nets lists whether 10.0.0.0/8 or 2001:db8::/32 hold it. */
static const struct {
	const char *text;
	int value, net;
} addresses[] = {
	{"10.1.2.3", 1, 1},
	{"10.9.9.9", 2, 1},
	{"::ffff:10.1.2.3", 1, 1},
	{"2001:db8::1", 3, 2},
	{"2001:DB8:0:0:0:0:0:1", 3, 2},
	{"192.168.0.1", 4, 0},
};

struct naive_value {
	int name; /* index into names */
	enum value_type type;
	const char *text;
};

struct naive_row {
	char original[256];
	struct naive_value values[VALUES];
	int value_count;
	bool event;
};

enum naive_kind {
	N_AND,
	N_OR,
	N_NOT,
	N_WORD,
	N_PHRASE,
	N_FIELD,
	N_FIELD_QUOTED,
	N_EXISTS,
	N_RANGE,
	N_NET
};

struct naive_node {
	enum naive_kind kind;
	struct naive_node *left, *right;
	int name;
	const char *text; /* term as meant; wild: * and ? are wildcards */
	bool wild, lo_inclusive, hi_inclusive;
	double lo, hi; /* RANGE */
	int net; /* NET */
};

static struct fake *random_state;

static unsigned below(unsigned n)
{
	return (unsigned)fake_random_below(random_state, n);
}

/* ---- the obvious evaluator ---- */

#define STAR 0x110000
#define ONE 0x110001

static int naive_decode(const char *text, bool wild, int out[512])
{
	int n = 0;
	for (const unsigned char *p = (const unsigned char *)text; *p != 0;) {
		int c = *p++, more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
		c = more == 3 ? c & 7 : more == 2 ? c & 15 : more == 1 ? c & 31 : c;
		while (more-- > 0)
			c = c << 6 | (*p++ & 63);
		if (c >= 'A' && c <= 'Z')
			c += 32;
		c = c == 0x212a ? 'k' : c == 0xc9 ? 0xe9 : c == 0x1e9e ? 0xdf : c; /* all that `texts` has */
		out[n++] = wild && c == '*' ? STAR : wild && c == '?' ? ONE : c;
	}
	return n;
}

static bool naive_word_char(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* pattern[p..] against text[t..]: to the end of the text, or (word) to any place with its boundary. */
static bool naive_match(const int *pattern, int pn, int p, const int *text, int tn, int t, bool word)
{
	if (p == pn) {
		if (!word)
			return t == tn;
		return pn == 0 || !naive_word_char(pattern[pn - 1]) || t == tn || !naive_word_char(text[t]);
	}
	if (pattern[p] == STAR) {
		for (int k = t; k <= tn; k++)
			if (naive_match(pattern, pn, p + 1, text, tn, k, word))
				return true;
		return false;
	}
	return t < tn && (pattern[p] == ONE || pattern[p] == text[t]) &&
		   naive_match(pattern, pn, p + 1, text, tn, t + 1, word);
}

static bool naive_occurs(const char *term, bool wild, const char *in)
{
	int pattern[512], text[512];
	int pn = naive_decode(term, wild, pattern), tn = naive_decode(in, false, text);
	for (int t = 0; t <= tn; t++) {
		if (pn > 0 && naive_word_char(pattern[0]) && t > 0 && naive_word_char(text[t - 1]))
			continue;
		if (naive_match(pattern, pn, 0, text, tn, t, true))
			return true;
	}
	return false;
}

static bool naive_equals(const char *term, bool wild, const char *in)
{
	int pattern[512], text[512];
	int pn = naive_decode(term, wild, pattern), tn = naive_decode(in, false, text);
	return naive_match(pattern, pn, 0, text, tn, 0, false);
}

static bool naive_number(const char *text, long double *out)
{
	static const char *const are[] = {
		"5", "5.0", "-3", "1e2", "100", "443", "10.5", "18446744073709551615", "18446744073709551616"};
	for (size_t i = 0; i < sizeof(are) / sizeof(are[0]); i++)
		if (strcmp(text, are[i]) == 0) {
			*out = strtold(text, NULL);
			return true;
		}
	return false;
}

static int naive_address(const char *text)
{
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
		if (strcmp(text, addresses[i].text) == 0)
			return (int)i;
	return -1;
}

static bool naive_value_number(const struct naive_value *v, long double *out)
{
	return v->type != VALUE_BOOL && v->type != VALUE_NULL && v->type != VALUE_ADDRESS && v->type != VALUE_TIME &&
		   naive_number(v->text, out);
}

static bool naive_equal(const struct naive_node *n, const struct naive_value *v)
{
	long double x, y;
	if (v->type == VALUE_NULL)
		return !n->wild && naive_equals(n->text, false, "null");
	if (naive_equals(n->text, n->wild, v->text))
		return true;
	if (n->wild)
		return false;
	if (n->kind == N_FIELD && naive_number(n->text, &x) && naive_value_number(v, &y) && x == y)
		return true;
	int a = naive_address(n->text), b = naive_address(v->text);
	return a >= 0 && b >= 0 && addresses[a].value == addresses[b].value;
}

static bool naive_holds(const struct naive_node *n, const struct naive_value *v)
{
	long double x;
	switch (n->kind) {
	case N_EXISTS:
		return true;
	case N_RANGE:
		return naive_value_number(v, &x) && (n->lo_inclusive ? x >= n->lo : x > n->lo) &&
			   (n->hi_inclusive ? x <= n->hi : x < n->hi);
	case N_NET:
		return naive_address(v->text) >= 0 && v->type != VALUE_NULL && addresses[naive_address(v->text)].net == n->net;
	default:
		return naive_equal(n, v);
	}
}

static bool naive_test(const struct naive_node *n, const struct naive_row *row)
{
	switch (n->kind) {
	case N_AND:
		return naive_test(n->left, row) && naive_test(n->right, row);
	case N_OR:
		return naive_test(n->left, row) || naive_test(n->right, row);
	case N_NOT:
		return !naive_test(n->left, row);
	case N_WORD:
	case N_PHRASE:
		if (naive_occurs(n->text, n->wild, row->original))
			return true;
		for (int i = 0; i < row->value_count; i++) {
			const struct naive_value *v = &row->values[i];
			if ((v->type == VALUE_STRING || v->type == VALUE_ADDRESS || v->type == VALUE_TIME) &&
				naive_occurs(n->text, n->wild, v->text))
				return true;
		}
		return false;
	default:
		for (int i = 0; i < row->value_count; i++)
			if (row->values[i].name == n->name && naive_holds(n, &row->values[i]))
				return true;
		return false;
	}
}

/* ---- random rows ---- */

static enum value_type random_type(const char *text)
{
	long double x;
	if (naive_number(text, &x) && below(2) == 0)
		return x == (long double)(long long)x && strpbrk(text, ".e") == NULL && x < 1e18L ? VALUE_I64 : VALUE_F64;
	if (naive_address(text) >= 0 && below(2) == 0)
		return VALUE_ADDRESS;
	if (strcmp(text, "true") == 0 && below(2) == 0)
		return VALUE_BOOL;
	return below(20) == 0 ? VALUE_NULL : VALUE_STRING;
}

static void random_row(struct naive_row *row)
{
	static const char *const joints[] = {" ", " ", ":", "", "-", "="};
	*row = (struct naive_row){.event = below(10) != 0, .value_count = (int)below(VALUES + 1)};
	for (unsigned i = below(5); i > 0; i--) {
		strcat(row->original, texts[below(TEXTS)]);
		strcat(row->original, joints[below(6)]);
	}
	for (int i = 0; i < row->value_count; i++) {
		struct naive_value *v = &row->values[i];
		v->name = (int)below(NAMES);
		v->text = texts[below(TEXTS)];
		v->type = random_type(v->text);
		if (v->type == VALUE_NULL)
			v->text = "";
	}
}

/* Half of the values that can lie in the original do. */
static void add_row(struct list *list, const struct naive_row *row)
{
	struct rows *r = list->rows;
	rows_row(r, row->event ? ROW_EVENT : ROW_AUDIT, slice_str(row->original));
	for (int i = 0; i < row->value_count; i++) {
		const struct naive_value *v = &row->values[i];
		struct slice value = slice_str(v->text), text = batch_row_text(r->builder);
		const char *inside = v->text[0] == 0 ? NULL : strstr(row->original, v->text);
		if (inside != NULL && below(2) == 0)
			value = slice_of(text.ptr + (inside - row->original), value.len);
		rows_field(r, names[v->name], v->type, value);
	}
	rows_end(r);
}

/* ---- random queries ---- */

static struct naive_node pool[256];
static unsigned pool_used;

static struct naive_node *random_node(int depth)
{
	struct naive_node *n = &pool[pool_used++];
	unsigned kind = below(depth > 0 && pool_used < 60 ? 14 : 9);
	*n = (struct naive_node){.name = (int)below(NAMES), .text = texts[below(TEXTS)]};
	if (kind >= 9) {
		n->kind = kind < 11 ? N_AND : kind < 13 ? N_OR : N_NOT;
		n->left = random_node(depth - 1);
		n->right = n->kind == N_NOT ? NULL : random_node(depth - 1);
		return n;
	}
	static const enum naive_kind leaves[] = {N_WORD,         N_WORD,   N_PHRASE, N_FIELD, N_FIELD,
											 N_FIELD_QUOTED, N_EXISTS, N_RANGE,  N_NET};
	n->kind = leaves[kind];
	if (n->text[0] == 0 && n->kind != N_FIELD_QUOTED)
		n->text = "fail";
	n->wild = (n->kind == N_WORD || n->kind == N_FIELD) && below(3) == 0;
	n->lo = (double[]){-3, 5, 100, 18446744073709551616.0}[below(4)];
	n->hi = (double[]){5, 10.5, 443, 18446744073709551616.0}[below(4)];
	n->lo_inclusive = below(2) == 0;
	n->hi_inclusive = below(2) == 0;
	n->net = 1 + (int)below(2);
	return n;
}

/* A text with some of its characters made wildcards, kept in `made`. */
static char made[256][64];
static unsigned made_used;

static void make_wild(struct naive_node *n)
{
	char *out = made[made_used++];
	size_t len = 0;
	for (const char *p = n->text; *p != 0 && len < 40;) {
		size_t octets = 1;
		while ((p[octets] & 0xc0) == 0x80)
			octets++;
		unsigned what = below(6);
		if (*p == '*' || *p == '?' || what == 0)
			out[len++] = '?';
		else if (what == 1)
			out[len++] = '*';
		else {
			memcpy(out + len, p, octets);
			len += octets;
		}
		p += octets;
	}
	if (below(2) == 0)
		out[len++] = '*';
	out[len] = 0;
	n->text = out;
	/* `*` alone as a word means everything and as a value existence: other rules, other tests */
	if (strspn(out, "*") == len)
		strcpy(out, "f*");
	n->wild = strpbrk(out, "*?") != NULL;
}

static void print_quoted(char *out, const char *text)
{
	strcat(out, "\"");
	for (const char *p = text; *p != 0; p++) {
		size_t len = strlen(out);
		if (*p == '"' || *p == '\\')
			out[len++] = '\\';
		out[len++] = *p;
		out[len] = 0;
	}
	strcat(out, "\"");
}

/* Everything that could mean something is escaped, except the wildcards of a wild term. */
static void print_plain(char *out, const char *text, bool wild)
{
	for (const char *p = text; *p != 0; p++) {
		size_t len = strlen(out);
		if ((unsigned char)*p < 0x80 && strchr(" \\\"():|*?<>[]{}~-", *p) != NULL &&
			!(wild && (*p == '*' || *p == '?')))
			out[len++] = '\\';
		out[len++] = *p;
		out[len] = 0;
	}
}

static void print_field(char *out, const struct naive_node *n)
{
	char range[128];
	if (below(3) == 0)
		print_quoted(out, names[n->name]);
	else
		strcat(out, names[n->name]);
	strcat(out, ":");
	if (n->kind == N_EXISTS) {
		strcat(out, "*");
	} else if (n->kind == N_NET) {
		strcat(out, n->net == 1 ? "10.0.0.0/8" : "2001:db8::/32");
	} else if (n->kind == N_RANGE) {
		snprintf(range, sizeof(range), "%c%.20g TO %.20g%c", n->lo_inclusive ? '[' : '{', n->lo, n->hi,
				 n->hi_inclusive ? ']' : '}');
		strcat(out, range);
	} else if (n->kind == N_FIELD_QUOTED) {
		print_quoted(out, n->text);
	} else if (naive_number(n->text, &(long double){0}) && !n->wild) {
		strcat(out, n->text); /* -3 as it is: escaped it would be the same, written so it is what people write */
	} else {
		print_plain(out, n->text, n->wild);
	}
}

static void print_node(char *out, const struct naive_node *n)
{
	switch (n->kind) {
	case N_AND:
	case N_OR:
		strcat(out, "(");
		print_node(out, n->left);
		strcat(out, n->kind == N_OR ? " or " : below(2) == 0 ? " " : " AND ");
		print_node(out, n->right);
		strcat(out, ")");
		return;
	case N_NOT:
		strcat(out, below(2) == 0 ? "-" : "not ");
		print_node(out, n->left);
		return;
	case N_WORD:
		print_plain(out, n->text, n->wild);
		return;
	case N_PHRASE:
		print_quoted(out, n->text);
		return;
	default:
		print_field(out, n);
	}
}

static void make_all_wild(struct naive_node *n)
{
	if (n->left != NULL)
		make_all_wild(n->left);
	if (n->right != NULL)
		make_all_wild(n->right);
	if (n->wild)
		make_wild(n);
}

/* ---- comparing ---- */

static void wanted_lines(const struct naive_row *rows, const struct naive_node *node, unsigned row_first,
						 char wanted[8192])
{
	size_t len = 0;
	wanted[0] = 0;
	for (unsigned i = 0; i < ROWS; i++)
		if (rows[i].event && naive_test(node, &rows[i]))
			len += (size_t)snprintf(wanted + len, 8192 - len, "{\"offset\":%u,\"row\":%u}\n", i / 8, row_first + i % 8);
}

/* Which rows the engine found, in order, from the lines of `fields offset, row`. */
static void compare(const struct env *env, const struct query_source *source, unsigned row_first,
					const struct naive_row *rows, const struct naive_node *node, const char *text, uint64_t seed)
{
	char query[9000], wanted[8192];
	struct query_options options = {.now_ns = TEST_NOW, .from_ns = INT64_MIN, .to_ns = INT64_MAX};
	wanted_lines(rows, node, row_first, wanted);
	snprintf(query, sizeof(query), "%s | fields offset, row", text);
	char *lines = source_answer(env, source, query, &options, below(4) == 0 ? 300 : 0, NULL);
	if (strcmp(lines, wanted) != 0)
		fail_msg("seed %llu%s\n%s\ngives\n%swanted\n%s", (unsigned long long)seed, row_first == 0 ? " (store)" : "",
				 text, lines, wanted);
	free(lines);
}

/* ---- the same rows in a store ---- */

static struct store *store_of(struct list *list)
{
	struct store *store = NULL;
	struct error error = {0};
	struct store_config config = {.dir = "/data/store", .name = "s1"};
	unsigned sealed = below(list->count + 1); /* batches up to this one are sealed, the rest is tail */
	assert_int_equal(store_open(&list->rows->fake->env, &config, &store, &error), 0);
	for (unsigned i = 0; i < list->count; i++) {
		const struct list_item *item = &list->items[i];
		assert_int_equal(store_append(store, item->partition, item->offset, item->batch.octets, &error), 0);
		if (i + 1 == sealed || below(4) == 0)
			assert_int_equal(store_step(store, i < sealed, &error), 0);
	}
	return store;
}

static void one_table_of_rows(uint64_t seed, unsigned queries)
{
	static struct naive_row rows[ROWS];
	static char text[8192];
	struct rows r;
	rows_init(&r);
	struct list list = {.rows = &r};
	random_state->random = seed;
	for (unsigned i = 0; i < ROWS; i++) {
		random_row(&rows[i]);
		add_row(&list, &rows[i]);
		if (i % 8 == 7)
			list_take(&list, (struct store_partition){0, 0}, i / 8);
	}
	struct store *store = store_of(&list);
	struct query_source of_list = list_source(&list), of_store = query_source_store(store);
	for (unsigned i = 0; i < queries; i++) {
		pool_used = made_used = 0;
		list.narrow = below(2) == 0;
		list.pass_over = below(2) == 0;
		struct naive_node *node = random_node(4);
		make_all_wild(node);
		text[0] = 0;
		print_node(text, node);
		compare(&r.fake->env, &of_list, 100, rows, node, text, seed);
		compare(&r.fake->env, &of_store, 0, rows, node, text, seed);
	}
	store_close(store);
	list_free(&list);
	rows_free(&r);
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
	const char *value = getenv(name);
	return value == NULL ? otherwise : strtoull(value, NULL, 10);
}

static void test_queries(void **state)
{
	(void)state;
	uint64_t seed = from_environment("CRESSET_SEED", 20261123), queries = from_environment("CRESSET_QUERIES", 10000);
	random_state = fake_new(seed);
	for (uint64_t done = 0; done < queries; done += 100)
		one_table_of_rows(seed + done, 100);
	fake_free(random_state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_queries)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
