/* What a rule costs that must be judged on every record: said when it is loaded. */
#include "rules/yara_scanner.h"

#define TURNS 32
#define ENOUGH_NS (20 * INT64_C(1000000)) /* a rule that takes long is not tried often */

static int nobody(YR_SCAN_CONTEXT *context, int message, void *data, void *ctx)
{
	(void)context, (void)message, (void)data, (void)ctx;
	return CALLBACK_CONTINUE;
}

/* Nanoseconds of one record of common length, by the shard and all it imports; -1: no memory. */
static int64_t shard_cost(const struct env *env, const struct yara_shard *shard)
{
	static const char text[] =
		"<86>Nov 27 18:08:06 gate sshd[4711]: Accepted publickey for otto from 192.0.2.7 port 50022 ssh2: ED25519 SHA256:0123";
	YR_SCANNER *scanner = yara_scanner_make(shard->rules, nobody, NULL);
	if (!scanner)
		return -1;
	int64_t before = env_boot(env), spent = 0;
	unsigned turns = 0;
	while (turns < TURNS && spent < ENOUGH_NS) {
		(void)yr_scanner_scan_mem(scanner, (const uint8_t *)text, sizeof text - 1);
		spent = env_boot(env) - before;
		turns++;
	}
	yr_scanner_destroy(scanner);
	return spent / turns;
}

int yara_tell_costs(struct loader *l, const struct yara_rules *set)
{
	uint32_t shard = NO_RULE;
	int64_t cost = 0;
	for (uint32_t i = 0; i < set->count; i++) {
		const struct yara_entry *e = &set->entries[i];
		if (e->path != PATH_ALWAYS || e->rule == NO_RULE)
			continue;
		const struct rule *rule = l->set->rules[e->rule];
		if (set->units[e->unit].shard != shard) {
			shard = set->units[e->unit].shard;
			cost = shard_cost(l->env, &set->shards[shard]);
			if (cost < 0)
				return NO_MEMORY;
		}
		struct tree_node at = {.line = rule->line};
		l->file = arena_string(&l->tree, rule->file);
		l->rule = arena_string(&l->tree, rule->title);
		if (!l->file || !l->rule)
			return NO_MEMORY;
		loader_warn(
			l, "yara-always", &at,
			"nothing in the condition can be looked for in advance: judged on every record, together with %u rules at "
			"%lld ns a record",
			set->shards[shard].count, (long long)cost);
	}
	l->rule = "";
	return 0;
}
