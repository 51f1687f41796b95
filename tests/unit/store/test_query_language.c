/* The grammar: what is taken, what is refused and at which column; and what terms about fields find. */
#include "tests/unit/store/test_query_rows.h"

static const char *const good[] = {
	"",
	"  ",
	"*",
	"a",
	"a b",
	"a and b",
	"a AND b or not c",
	"-a",
	"- a",
	"not not a",
	"(a)",
	"((a) (b or c))",
	"a:b",
	"a:\"b c\"",
	"a:(b c)",
	"a:(b, c)",
	"a:( b or c OR \"d e\" )",
	"a:*",
	"a:>=5",
	"a:[1 TO 5]",
	"a:{1 to 5}",
	"a:[1 TO *]",
	"a:[* TO *]",
	"a:10.0.0.0/8",
	"a:2001:db8::/32",
	"\"a b\":c",
	"a\\:b",
	"time:>=-1h",
	"time:[2026-01-01 TO now]",
	"kind:gap",
	"kind:*",
	"kind:(gap audit)",
	"flag:truncated",
	"format:JSON",
	"a | count",
	"| count",
	"a | limit 3",
	"a|limit 3",
	"* | top 10 a",
	"* | stats count()",
	"* | stats count() as n, dc(a), min(a), max(a), sum(a), avg(a) by b, c",
	"* | bin 5m",
	"* | bin 1h by a, b",
	"* | stats count() by bin(5m), a | sort count desc, a | limit 3 | fields count",
	"* | sort a desc, b | limit 5 | fields a, time, source",
	"* | where a:5 | where b:c",
	"a | where b or c | count",
	"* | stats count() as n by a | where n:>5 a:x*",
	"fe80::1",
	"http://x/y",
	"10:20",
	":80",
	"a:(-5 5)",
	"a:-5",
	"and:x",
	"x:\xe4\xb8\xad",
	"\xe5\xad\x97\xe6\xae\xb5:x",
	"a:\"\"",
	"a:[a TO b]",
	"a:[2026-01-01 TO 2026-01-02T00:00:00Z]",
	"a:[10.0.0.1 TO 10.0.0.9]",
	"count",
	"limit 5",
	"a:b\"c\"",
	"a-b",
	"-\"x y\"",
	"-(a b)",
	"source:10.1.2.3",
	"dc(a)",
};

static const struct {
	const char *text;
	uint32_t column;
	const char *says;
} bad[] = {
	{"field:(", 8, "field:( needs a closing parenthesis, column 8"},
	{"field:(a b", 11, "needs a closing parenthesis"},
	{"field:()", 8, "at least one value"},
	{"field:(a|b)", 9, "closing parenthesis"},
	{"field:(a (b))", 10, "closing parenthesis"},
	{"a (b", 5, "parenthesis of column 3"},
	{"a)", 2, "no open parenthesis"},
	{"()", 2, "a term is needed"},
	{"a or", 5, "a term is needed here instead of the end of the query"},
	{"or a", 1, "both sides"},
	{"a or or b", 6, "both sides"},
	{"a and", 6, "and needs a term"},
	{"a and or b", 7, "and needs a term"},
	{"not", 1, "not needs a term"},
	{"a not )", 3, "not needs a term"},
	{"\"abc", 1, "closing \""},
	{"a:\"abc", 3, "closing \""},
	{"\xe4\xb8\xad\xe6\x96\x87 \"abc", 4, "closing \""}, /* columns count characters */
	{"\"\"", 1, "empty phrase"},
	{"a:", 3, "needs a value right behind the colon"},
	{"a: b", 3, "needs a value"},
	{"a:)", 3, "needs a value"},
	{"a*:b", 1, "no wildcards"},
	{"a:[1 5]", 6, "[1 TO 5]"},
	{"a:[1 TO", 8, "closing ]"},
	{"a:[1 TO 5", 10, "closing ]"},
	{"a:[1 TO x]", 9, "one kind"},
	{"a:[1 TO 10.0.0.1]", 9, "one kind"},
	{"a:[ TO 5]", 8, "[1 TO 5]"},
	{"a:[1 TO ]", 9, "needs a value at this end"},
	{"a:[1* TO 5]", 4, "no wildcards"},
	{"a:>", 4, "needs a value"},
	{"a:>=", 5, "needs a value"},
	{"a:~x", 3, "regular expressions"},
	{"time:x", 6, "RFC 3339"},
	{"time:20*", 6, "RFC 3339"},
	{"time:>=x", 8, "RFC 3339"},
	{"kind:x", 6, "event, gap"},
	{"kind:>event", 6, "no order"},
	{"flag:(truncated x)", 17, "truncated, header_invalid"},
	{"format:xml", 8, "rfc5424"},
	{"offset:5", 7, "pipes only"},
	{"a | ", 5, "behind a bar"},
	{"a | x", 5, "behind a bar"},
	{"a | count x", 11, "a bar or the end"},
	{"a | limit", 10, "whole number"},
	{"a | limit 0", 11, "whole number"},
	{"a | limit -1", 11, "whole number"},
	{"a | limit 1.5", 11, "whole number"},
	{"a | limit 5 | limit 5", 15, "one limit"},
	{"a | limit 5 | sort b", 15, "before limit"},
	{"a | limit 5 | where b", 15, "before limit"},
	{"a | sort", 9, "field name is missing"},
	{"a | sort b | sort c", 14, "one sort"},
	{"a | sort b, c, d, e, f", 22, "at most 4"},
	{"a | fields", 11, "field name is missing"},
	{"a | fields b,", 14, "field name is missing"},
	{"a | fields b | fields c", 16, "one fields"},
	{"a | limit 3 | count", 15, "stand behind"},
	{"a | count | count", 13, "one table"},
	{"a | stats", 10, "stats knows"},
	{"a | stats foo(b)", 11, "stats knows"},
	{"a | stats count", 16, "count()"},
	{"a | stats sum()", 15, "field name is missing"},
	{"a | stats sum(b", 16, "closing one"},
	{"a | stats count() by", 21, "field name is missing"},
	{"a | stats count() by b, b", 25, "already"},
	{"a | stats count(), count()", 5, "two columns"},
	{"a | stats count() as b by b", 5, "two columns"},
	{"a | stats count() as", 21, "as needs a name"},
	{"a | stats count() by bin(x)", 26, "length of time"},
	{"a | stats count() by bin(5m", 28, "closing one"},
	{"a | bin", 8, "length of time"},
	{"a | bin 5x", 9, "length of time"},
	{"a | bin 0s", 9, "length of time"},
	{"a | top b", 9, "whole number"},
	{"a | top 5", 10, "field name is missing"},
	{"a | top 5 count", 5, "two columns"},
	{"a | count | sort x", 18, "it has count"},
	{"a | count | where x:5", 13, "no column x"},
	{"a | count | where x", 13, "needs a column"},
	{"a | where", 10, "a term is needed"},
	{"a \xff", 3, "UTF-8"},
	{"a | where (b", 13, "parenthesis of column 11"},
};

static int compile(struct fake *fake, const char *text, struct error *error)
{
	struct query_options options = {.now_ns = TEST_NOW, .from_ns = INT64_MIN, .to_ns = INT64_MAX};
	struct query *q;
	int rc = query_compile(&fake->env, slice_str(text), &options, &q, error);
	query_free(q);
	return rc;
}

static void test_good(void **state)
{
	(void)state;
	struct fake *fake = fake_new(1);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct error error = {0};
		if (compile(fake, good[i], &error) != 0)
			fail_msg("%s: %s", good[i], error.text);
	}
	assert_int_equal(fake->memory.outstanding, 0);
	fake_free(fake);
}

static void test_bad(void **state)
{
	(void)state;
	struct fake *fake = fake_new(1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct error error = {0};
		if (compile(fake, bad[i].text, &error) != -ERROR_SYNTAX)
			fail_msg("taken: %s", bad[i].text);
		if (error.column != bad[i].column || error.line != 1 || strstr(error.text, bad[i].says) == NULL)
			fail_msg("%s: column %u, \"%s\"; wanted column %u, \"%s\"", bad[i].text, error.column, error.text,
					 bad[i].column, bad[i].says);
	}
	assert_int_equal(fake->memory.outstanding, 0);
	fake_free(fake);
}

/* n times `part` between `head` and `tail`. */
static char *repeated(const char *head, const char *part, unsigned n, const char *tail)
{
	char *text = calloc(1, strlen(head) + n * strlen(part) + strlen(tail) + 1);
	assert_non_null(text);
	strcat(text, head);
	char *end = text + strlen(text);
	for (unsigned i = 0; i < n; i++, end += strlen(part))
		strcpy(end, part);
	strcat(end, tail);
	return text;
}

static void limit_case(const char *head, const char *part, unsigned n, const char *tail, int wanted)
{
	struct fake *fake = fake_new(1);
	struct error error = {0};
	char *text = repeated(head, part, n, tail);
	assert_int_equal(compile(fake, text, &error), wanted);
	free(text);
	fake_free(fake);
}

static void test_limits(void **state)
{
	(void)state;
	limit_case("", "(", QUERY_DEPTH_MAX, "a", -ERROR_SYNTAX); /* deep enough, but not closed */
	limit_case("", "not ", QUERY_DEPTH_MAX, "a", 0);
	limit_case("", "not ", QUERY_DEPTH_MAX + 1, "a", -ERROR_SYNTAX);
	limit_case("", "-", 60000, "a", -ERROR_SYNTAX);
	limit_case("", "(", 60000, "a", -ERROR_SYNTAX);
	limit_case("", "a ", QUERY_TERMS_MAX, "", 0);
	limit_case("", "a ", QUERY_TERMS_MAX + 1, "", -ERROR_SYNTAX);
	limit_case("x:(", "a ", QUERY_TERMS_MAX - 1, ")", 0);
	limit_case("x:(", "a ", QUERY_TERMS_MAX, ")", -ERROR_SYNTAX);
	limit_case("", "a", QUERY_BYTES_MAX, "", 0);
	limit_case("", "a", QUERY_BYTES_MAX + 1, "", -ERROR_LIMIT);
}

/* Every allocation of a compilation fails once: an error each time, nothing lost. */
static void test_memory(void **state)
{
	(void)state;
	bool reached = true;
	for (uint64_t n = 1; reached; n++) {
		struct fake *fake = fake_new(1);
		struct error error = {0};
		fake->memory.fail_at = n;
		int rc = compile(fake, "a \"b c\" d:(e 10.0.0.1 f*) | stats count() by x | sort x", &error);
		reached = fake->memory.failed > 0;
		assert_true(rc == 0 || (reached && rc == -ERROR_MEMORY)); /* 0: only the literals for passing over were lost */
		assert_int_equal(fake->memory.outstanding, 0);
		fake_free(fake);
	}
}

/* ---- fields ---- */

static void add_row(struct rows *r)
{
	rows_row(r, ROW_EVENT, SLICE("the original"));
	batch_row_time(r->builder, TEST_NOW - NS_PER_HOUR, TIME_PRESENT | TIME_ZONE_EXPLICIT);
	batch_row_flags(r->builder, ROW_TRUNCATED | ROW_LATE, CHARSET_UTF8, FORMAT_JSON);
	rows_field(r, "s", VALUE_STRING, SLICE("Hello World"));
	rows_field(r, "n", VALUE_I64, SLICE("5"));
	rows_field(r, "f", VALUE_F64, SLICE("5.50"));
	rows_field(r, "big", VALUE_U64, SLICE("18446744073709551615"));
	rows_field(r, "huge", VALUE_F64, SLICE("18446744073709551616"));
	rows_field(r, "neg", VALUE_I64, SLICE("-3"));
	rows_field(r, "sn", VALUE_STRING, SLICE("443"));
	rows_field(r, "zero", VALUE_STRING, SLICE("007"));
	rows_field(r, "b", VALUE_BOOL, SLICE("true"));
	rows_field(r, "nul", VALUE_NULL, SLICE_NONE);
	rows_field(r, "ip", VALUE_ADDRESS, SLICE("10.1.2.3"));
	rows_field(r, "ip6", VALUE_STRING, SLICE("2001:DB8:0:0::1"));
	rows_field(r, "net", VALUE_STRING, SLICE("10.0.0.0/8"));
	rows_field(r, "t", VALUE_TIME, SLICE("2026-01-01T12:00:00+08:00"));
	rows_field(r, "many", VALUE_STRING, SLICE("one"));
	rows_field(r, "many", VALUE_STRING, SLICE("two"));
	rows_field(r, "empty", VALUE_STRING, SLICE_NONE);
	rows_field(r, "source", VALUE_STRING, SLICE("mine"));
	rows_field(r, "user name", VALUE_STRING, SLICE("x:y"));
	rows_field(r, "path", VALUE_STRING, SLICE("C:\\Windows\\cmd.exe"));
	assert_int_equal(batch_field_small(r->builder, dictionary_intern(&r->dictionary, SLICE("small")), 42), 0);
	rows_end(r);
}

static const struct {
	const char *query;
	bool found;
} fields[] = {
	{"s:\"hello world\"", true},
	{"s:hello", false},
	{"s:hello*", true},
	{"s:*WORLD", true},
	{"s:*lo?wo*", true},
	{"s:h*o*d", true},
	{"s:h?llo\\ world", true},
	{"s:*", true},
	{"nothing:*", false},
	{"-nothing:x", true},
	{"S:*", false},
	{"s:\"hello*\"", false},
	{"n:5", true},
	{"n:5.0", true},
	{"n:\"5.0\"", false},
	{"n:\"5\"", true},
	{"n:0.5e1", true},
	{"n:50", false},
	{"n:05", false},
	{"f:5.5", true},
	{"f:5.50", true},
	{"f:\"5.5\"", false},
	{"n:>4", true},
	{"n:>=5", true},
	{"n:>5", false},
	{"n:<5.5", true},
	{"n:[1 TO 5]", true},
	{"n:{1 TO 5}", false},
	{"n:[1 TO 5}", false},
	{"n:{4.9 TO *]", true},
	{"n:[* TO 4]", false},
	{"big:18446744073709551615", true},
	{"big:18446744073709551614", false},
	{"big:18446744073709551616", false},
	{"huge:>18446744073709551615", true},
	{"huge:18446744073709551616", true},
	{"neg:-3", true},
	{"neg:<-2", true},
	{"neg:<=-3", true},
	{"sn:443.0", true},
	{"sn:>=400", true},
	{"zero:7", false},
	{"zero:007", true},
	{"s:>5", false},
	{"b:true", true},
	{"b:TRUE", true},
	{"b:1", false},
	{"nul:null", true},
	{"nul:*", true},
	{"nul:\"\"", false},
	{"nul:[a TO z]", false},
	{"ip:10.1.2.3", true},
	{"ip:\"10.1.2.3\"", true},
	{"ip:::ffff:10.1.2.3", true},
	{"ip:10.0.0.0/8", true},
	{"ip:10.2.0.0/16", false},
	{"ip:10.1.2.*", true},
	{"ip:[10.1.2.0 TO 10.1.2.255]", true},
	{"ip:>10.1.2.3", false},
	{"ip6:2001:db8::1", true},
	{"ip6:2001:db8::/32", true},
	{"ip6:2001:db9::/32", false},
	{"net:10.0.0.0/8", true},
	{"net:10.*", true},
	{"t:>=2026-01-01", true},
	{"t:[2026-01-01 TO 2026-01-01]", true},
	{"t:<2026-01-01T04:00:00Z", false},
	{"t:<=2026-01-01T04:00:00Z", true},
	{"many:one", true},
	{"many:two", true},
	{"many:(three two)", true},
	{"-many:one", false},
	{"many:(three, four)", false},
	{"many:one and many:two", true},
	{"empty:\"\"", true},
	{"empty:*", true},
	{"s:[h TO i]", true},
	{"s:[i TO j]", false},
	{"s:{a TO *]", true},
	{"source:mine", false},
	{"\"source\":mine", true},
	{"\"user name\":x\\:y", true},
	{"source:10.1.2.3", true},
	{"source:web1", true},
	{"source:ip", false},
	{"source:\"ip 10.1.2.3 host web1\"", true},
	{"source:10.0.0.0/8", true},
	{"source:10.2.0.0/16", false},
	{"source:web*", true},
	{"decoder:openssh", true},
	{"decoder:nginx", false},
	{"kind:event", true},
	{"kind:gap", false},
	{"-kind:gap", true},
	{"flag:truncated", true},
	{"flag:partial", false},
	{"flag:(partial late)", true},
	{"flag:*", true},
	{"format:json", true},
	{"format:cef", false},
	{"original:\"the original\"", true},
	{"original:*orig*", true},
	{"original:orig", false},
	{"small:42", true},
	{"small:42.0", true},
	{"small:\"42\"", true},
	{"small:4*", true},
	{"small:>41", true},
	{"time:-1h", true},
	{"time:>=-1h", true},
	{"time:>-1h", false},
	{"time:2025-12-31", true},
	{"time:2026-01-01", false},
	{"time:<2026-01-01", true},
	{"time:[2025-12-30 TO 2025-12-31]", true},
	{"time:*", true},
	{"observed:now", true},
	{"observed:2026-01-01", true},
	{"when:<now", true},
	{"when:>=2025-12-31T23:00:00Z", true},
	{"path:C:\\Windows\\cmd.exe", true},
	{"path:\"C:\\Windows\\cmd.exe\"", true},
	{"path:*\\\\cmd.exe", true},
	{"path:*\\CMD.exe", true},
	{"(n:5 or n:6) and not s:x", true},
	{"n:6 or n:5 and s:x", false},
	{"n:5 or n:6 and s:x", true},
	{"n:5 -s:hello*", false},
	{"not (n:6 or s:x)", true},
	{"* | where n:5", true},
	{"* | where n:6", false},
};

static void test_fields(void **state)
{
	(void)state;
	struct rows r;
	rows_init(&r);
	add_row(&r);
	rows_finish(&r);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		struct query *q = query_of(&r, fields[i].query);
		if (row_matches(q, &r.batch, 0) != fields[i].found)
			fail_msg("%s should be %s", fields[i].query, fields[i].found ? "found" : "not found");
		query_free(q);
	}
	rows_free(&r);
}

/* Only events unless the query speaks of kinds. */
static void test_kinds(void **state)
{
	(void)state;
	struct rows r;
	rows_init(&r);
	rows_row(&r, ROW_GAP, SLICE("{}"));
	rows_end(&r);
	rows_row(&r, 77, SLICE("{}"));
	rows_end(&r);
	rows_finish(&r);
	static const struct {
		const char *query;
		bool gap, unknown;
	} cases[] = {{"*", false, false},
				 {"kind:gap", true, false},
				 {"kind:*", true, true},
				 {"-kind:event", true, true},
				 {"kind:(event audit)", false, false},
				 {"* | where kind:*", true, true}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct query *q = query_of(&r, cases[i].query);
		if (row_matches(q, &r.batch, 0) != cases[i].gap || row_matches(q, &r.batch, 1) != cases[i].unknown)
			fail_msg("%s", cases[i].query);
		query_free(q);
	}
	rows_free(&r);
}

/* ---- promises for the scan ---- */

static const struct {
	const char *query, *literals; /* "<" and ">" mark whole ends */
} promises[] = {
	{"abc", "<abc>"},
	{"abc*", "<abc"},
	{"*abc*", "abc"},
	{"a long*shorter", "shorter>"},
	{"ab?cde", "cde>"},
	{"*", ""},
	{"x or yy", "<x> <yy>"},
	{"x or not y", ""},
	{"-x", ""},
	{"x:5", ""},
	{"x:\"5\"", "<5>"},
	{"x:Root", "<root>"},
	{"x:null", ""},
	{"x:10.1.2.3", "<10.1.2.3> <ffff>"},
	{"x:2001:db8::1", "<2001>"},
	{"x:::1", ""},
	{"x:>5", ""},
	{"x:*", ""},
	{"x:10.0.0.0/8", ""},
	{"x:5 longer", "<longer>"},
	{"x:(a bb ccc)", "<a> <bb> <ccc>"},
	{"kind:gap", ""},
	{"source:web1", ""},
	{"x:\"\"", ""},
	{"\"Foo Bar\"", "<foo bar>"},
};

static void test_promises(void **state)
{
	(void)state;
	struct rows r;
	rows_init(&r);
	for (size_t i = 0; i < sizeof(promises) / sizeof(promises[0]); i++) {
		struct query *q = query_of(&r, promises[i].query);
		char text[256] = "";
		size_t len = 0;
		for (uint32_t k = 0; k < q->literal_count; k++)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s%.*s%s", k == 0 ? "" : " ",
									q->literals[k].whole_left ? "<" : "", SLICE_PRINT(q->literals[k].folded),
									q->literals[k].whole_right ? ">" : "");
		if (strcmp(text, promises[i].literals) != 0)
			fail_msg("%s promises %s, wanted %s", promises[i].query, text, promises[i].literals);
		query_free(q);
	}
	struct query *q =
		query_of(&r, "a:1 (b:2 or a:3) when:[2026-01-01 TO 2026-01-02] time:<2026-01-02 kind:(gap event) | count");
	assert_int_equal(q->predicate.column_count, 2);
	assert_false(q->predicate.all_columns);
	assert_int_equal(q->kinds, 1u << ROW_GAP | 1u << ROW_EVENT);
	assert_true(q->from_ns == TEST_NOW);
	assert_true(q->to_ns == TEST_NOW + NS_PER_DAY);
	query_free(q);
	q = query_of(&r, "when:>now or when:<2025-01-01");
	assert_true(q->from_ns == INT64_MIN && q->to_ns == INT64_MAX);
	query_free(q);
	q = query_of(&r, "time:>now a");
	assert_true(q->from_ns == INT64_MIN && q->to_ns == INT64_MAX && q->predicate.all_columns);
	query_free(q);
	rows_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),     cmocka_unit_test(test_bad),    cmocka_unit_test(test_limits),
		cmocka_unit_test(test_memory),   cmocka_unit_test(test_fields), cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_promises),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
