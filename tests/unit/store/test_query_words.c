/* The word rule: what a bare word or a phrase finds, and what it does not. */
#include "tests/unit/store/test_query_rows.h"

static bool finds(const char *query, struct slice text)
{
	struct rows r;
	rows_init(&r);
	rows_row(&r, ROW_EVENT, text);
	rows_end(&r);
	rows_finish(&r);
	struct query *q = query_of(&r, query);
	bool found = row_matches(q, &r.batch, 0);
	query_free(q);
	rows_free(&r);
	return found;
}

static const struct {
	const char *query, *text;
	bool found;
} table[] = {
	{"fail", "login fail", true},
	{"fail", "login failed", false},
	{"fail", "unfail", false},
	{"fail", "fail_count 3", false},
	{"fail", "_fail", false},
	{"fail", "fail2", false},
	{"fail", "fail-over", true},
	{"fail", "/fail/", true},
	{"fail", "fail", true},
	{"fail", "failed fail", true},
	{"FAIL", "Fail", true},
	{"fail*", "login failed", true},
	{"fail*", "unfailed", false},
	{"*fail", "unfail", true},
	{"*fail", "unfailed", false},
	{"*fail*", "unfailed", true},
	{"f?il", "a fail b", true},
	{"f?il", "a fil b", false},
	{"f?il", "f\xe4\xb8\xadil", true},
	{"f*l", "for all", true},
	{"f*l", "for alls", false},
	{"f*l", "xfor all", false},
	{"a*b*c", "a-b-c", true},
	{"a*b*c", "a-c-b", false},
	{"\xe7\x99\xbb\xe5\xbd\x95", "\xe7\x94\xa8\xe6\x88\xb7\xe7\x99\xbb\xe5\xbd\x95\xe5\xa4\xb1\xe8\xb4\xa5", true},
	{"\xe7\x99\xbb\xe5\xbd\x95", "abc\xe7\x99\xbb\xe5\xbd\x95x9", true},
	{"\xe7\x99\xbb"
	 "x",
	 "\xe7\x99\xbbxy", false},
	{"x\xe7\x99\xbb", "yx\xe7\x99\xbbz", false},
	{"x\xe7\x99\xbb", "-x\xe7\x99\xbbz", true},
	{"10.0.0.1", "from 10.0.0.1 port", true},
	{"10.0.0.1", "from 10.0.0.12 port", false},
	{"10.0.0.1", "from 110.0.0.1 port", false},
	{"10.0.0.1", "from 10.0.0.1.5", true},
	{"\"failed password\"", "Failed password for root", true},
	{"\"failed password\"", "Failed  password for root", false},
	{"\"failed password\"", "Failed passwords", false},
	{"failed password", "password for x failed", true},
	{"\"(error)\"", "an(error)here", true},
	{"\"-x\"", "a-x", true},
	{"\"-x\"", "a-xy", false},
	{"\"*\"", "a*b", true},
	{"\"*\"", "ab", false},
	{"a\\*b", "a*b", true},
	{"a\\*b", "axb", false},
	{"a\\ b", "a b", true},
	{"\"C:\\Windows\"", "run C:\\Windows\\x", true},
	{"\"and\"", "you and me", true},
	{"k", "300 \xe2\x84\xaa", true}, /* Kelvin sign */
	{"\xe2\x84\xaa", "300 k", true},
	{"30", "30\xe2\x84\xaa", false}, /* it touches as the k it is */
	{"stra\xc3\x9f"
	 "e",
	 "STRA\xe1\xba\x9e"
	 "E",
	 true}, /* capital sharp s folds to the small one */
	{"stra\xc3\x9f"
	 "e",
	 "STRASSE", false},
	{"strasse",
	 "stra\xc3\x9f"
	 "e",
	 false},
	{"\xc3\x84rger", "\xc3\xa4rger", true},
	{"\xcf\x83", "\xcf\x82", true}, /* both small sigmas fold alike */
	{"\xc4\xb0", "i", false}, /* dotted capital I has no simple folding */
	{"fe80::1", "at fe80::1 now", true},
	{"10:22:31", "at 10:22:31 now", true},
	{"https://a.example/x", "GET https://a.example/x HTTP", true},
	{"a_b", "a_b", true},
	{"a_b", "ca_b", false},
	{"x", "", false},
	{"*", "", true},
};

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (finds(table[i].query, slice_str(table[i].text)) != table[i].found)
			fail_msg("%s in \"%s\" should be %s", table[i].query, table[i].text,
					 table[i].found ? "found" : "not found");
}

static void test_octets(void **state)
{
	(void)state;
	assert_true(finds("end", SLICE("\x00\xff\xfe"
								   "end\x00")));
	assert_true(finds("\xe4\xb8\xad", SLICE("\x80\xe4\xb8\xad\xe4\xb8")));
	assert_false(finds("a?c", SLICE("a\xff\xff"
									"c")));
	assert_true(finds("a??c", SLICE("a\xff\xff"
									"c")));
}

/* In values: each text counts by itself, wherever it lies. */
static void test_values(void **state)
{
	(void)state;
	struct rows r;
	rows_init(&r);
	rows_row(&r, ROW_EVENT, SLICE("xabcx {\"m\":\"\\u0041dmin\"}"));
	struct slice text = batch_row_text(r.builder);
	rows_field(&r, "inner", VALUE_STRING, slice_of(text.ptr + 1, 3));
	rows_field(&r, "m", VALUE_STRING, SLICE("Admin"));
	rows_field(&r, "n", VALUE_I64, SLICE("77"));
	rows_field(&r, "a", VALUE_ADDRESS, SLICE("192.0.2.1"));
	rows_end(&r);
	rows_finish(&r);
	static const struct {
		const char *query;
		bool found;
	} cases[] = {{"abc", true}, {"admin", true}, {"77", false}, {"192.0.2.1", true}, {"bc", false}, {"xabcx", true}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct query *q = query_of(&r, cases[i].query);
		if (row_matches(q, &r.batch, 0) != cases[i].found)
			fail_msg("%s", cases[i].query);
		query_free(q);
	}
	rows_free(&r);
}

/* Octets of a multi-octet charset are halves of characters: only the decoded values are searched. */
static void test_charset(void **state)
{
	(void)state;
	struct rows r;
	rows_init(&r);
	rows_row(&r, ROW_EVENT, SLICE("\x81\x61 \xb5\xc7\xc2\xbc"));
	batch_row_flags(r.builder, 0, CHARSET_GB18030, FORMAT_PLAIN);
	rows_field(&r, "message", VALUE_STRING, SLICE("\xe4\xb8\x82 \xe7\x99\xbb\xe5\xbd\x95"));
	rows_end(&r);
	rows_finish(&r);
	struct query *half = query_of(&r, "a"), *whole = query_of(&r, "\xe7\x99\xbb\xe5\xbd\x95");
	assert_false(row_matches(half, &r.batch, 0));
	assert_true(row_matches(whole, &r.batch, 0));
	query_free(half);
	query_free(whole);
	rows_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_octets),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_charset),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
