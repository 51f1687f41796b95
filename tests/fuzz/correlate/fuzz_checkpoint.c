/* The reader of checkpoints of temporal: refused, or what was restored can be ended, saved and dropped. */
#include "tests/unit/correlate/rules_fake.h"

#include "correlate/correlate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ruleset *some_rules(void)
{
	static const char *const by_user[] = {"user", NULL}, *const by_host[] = {"host", NULL};
	struct ruleset *r = rules_new();
	uint32_t base[] = {rules_base(r, "a", true, LEVEL_HIGH), rules_base(r, "b", false, LEVEL_LOW)};
	rules_correlation(r, "few", CORRELATION_EVENT_COUNT, base, 1, by_user, NULL, 10 * NS_PER_S, COMPARE_LTE, 5);
	rules_correlation(r, "many", CORRELATION_EVENT_COUNT, base, 2, by_user, NULL, 10 * NS_PER_S, COMPARE_GTE, 2);
	rules_correlation(r, "values", CORRELATION_VALUE_COUNT, base, 2, by_user, by_host, 10 * NS_PER_S, COMPARE_GTE, 2);
	rules_correlation(r, "both", CORRELATION_TEMPORAL, base, 2, by_user, NULL, 10 * NS_PER_S, COMPARE_GTE, 2);
	rules_correlation(r, "ordered", CORRELATION_TEMPORAL_ORDERED, base, 2, by_user, NULL, 10 * NS_PER_S, COMPARE_GTE,
					  2);
	static const char *const by_amount[] = {"amount", NULL};
	rules_correlation(r, "sum", CORRELATION_VALUE_SUM, base, 2, by_user, by_amount, 10 * NS_PER_S, COMPARE_GTE, 3)
		->suppress_ns = 20 * NS_PER_S;
	rules_correlation(r, "new", CORRELATION_VALUE_COUNT, base, 2, by_user, by_host, 10 * NS_PER_S, COMPARE_GTE, 1)
		->history_ns = 15 * NS_PER_S;
	struct correlation_list *lists = calloc(2, sizeof(*lists));
	CHECK(lists != NULL);
	lists[0] = (struct correlation_list){SLICE("on"), 2, 0, 20 * NS_PER_S, false};
	lists[1] = (struct correlation_list){SLICE("off"), 1, 2, 30 * NS_PER_S, true};
	struct correlation *listed =
		rules_correlation(r, "listed", CORRELATION_EVENT_COUNT, base, 2, by_user, NULL, 10 * NS_PER_S, COMPARE_GTE, 1);
	listed->lists = lists;
	listed->list_count = 2;
	listed->writer_count = 1;
	uint32_t inner[] = {3, 2};
	rules_correlation(r, "outer", CORRELATION_TEMPORAL, inner, 2, by_host, NULL, 60 * NS_PER_S, COMPARE_GTE, 1);
	return r;
}

static void restore(struct slice octets)
{
	static struct ruleset *rules;
	static struct env env;
	static const uint32_t owned[] = {0};
	if (rules == NULL) {
		rules = some_rules();
		env = env_system();
	}
	struct temporal_config config = {
		.ruleset = rules, .matches_partitions = 1, .incidents_partitions = 1, .owned = owned, .owned_count = 1};
	struct temporal *t;
	struct buffer again;
	if (temporal_new(&env, &config, &t, NULL) < 0)
		return;
	if (temporal_restore(t, octets, NULL) == 0) {
		buffer_init(&again, &env);
		CHECK(temporal_save(t, &again) == 0);
		buffer_free(&again);
		CHECK(temporal_end(t, NULL) == 0);
	}
	temporal_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	restore(slice_of(data, size));
	if (size < 8)
		return 0;
	uint8_t *copy = malloc(size);
	if (copy == NULL)
		return 0;
	memcpy(copy, data, size);
	put_u64(copy + size - 8, xxh3(slice_of(copy, size - 8)));
	restore(slice_of(copy, size));
	free(copy);
	return 0;
}
