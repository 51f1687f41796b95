#include "store/query_groups_inside.h"

#define SLOTS_FIRST 256u

int groups_init(struct groups *g, const struct query *q, const struct env *env, size_t bytes_max)
{
	*g = (struct groups){.q = q, .spec = &q->table, .env = env, .bytes_max = bytes_max, .slot_count = SLOTS_FIRST};
	g->last = &g->first;
	arena_init(&g->arena, env, 0);
	if (env->random.fill(env->random.ctx, g->seed, sizeof(g->seed)) < 0)
		return -ERROR_IO;
	g->slots = env_zalloc(env, SLOTS_FIRST * sizeof(struct group *));
	return g->slots == NULL ? -ERROR_MEMORY : 0;
}

static size_t bytes_used(const struct groups *g)
{
	return g->arena.used_bytes + g->set_bytes + g->slot_count * sizeof(struct group *);
}

/* ---- keys ---- */

/* The value as keys know it: the type says only the class. */
static void key_of(const struct batch_value *value, struct batch_value *key, struct value_scratch *scratch)
{
	*key = (struct batch_value){.type = VALUE_STRING, .text = batch_value_text(value, scratch->text)};
	switch (value_class(value)) {
	case 'n':
		key->type = VALUE_F64;
		break;
	case 't':
		key->type = VALUE_BOOL;
		break;
	case '0':
		*key = (struct batch_value){.type = VALUE_NULL};
		break;
	default:
		break;
	}
}

static bool key_equal(const struct batch_value *a, const struct batch_value *b)
{
	return a->type == b->type && slice_equal(a->text, b->text);
}

static void bin_key(int64_t when_ns, int64_t bin_ns, struct batch_value *key, struct value_scratch *scratch)
{
	int64_t start = when_ns / bin_ns * bin_ns;
	if (start > when_ns && start >= INT64_MIN + bin_ns)
		start -= bin_ns;
	*key = (struct batch_value){.type = VALUE_TIME, .text = slice_of(scratch->text, clock_print(start, scratch->text))};
}

/* The distinct values of one grouping field of a row; null alone when there is none. */
struct choices {
	struct batch_value values[QUERY_GROUP_VALUES_MAX];
	struct value_scratch scratch[QUERY_GROUP_VALUES_MAX];
	uint32_t count;
};

static void choose(const struct groups *g, const struct query_row *row, uint32_t by, struct choices *c)
{
	struct batch_value found[QUERY_GROUP_VALUES_MAX];
	struct value_scratch scratch;
	c->count = 0;
	if (g->spec->bin_ns != 0 && by == g->spec->bin_index) {
		bin_key(row->when_ns, g->spec->bin_ns, &c->values[c->count++], &c->scratch[0]);
		return;
	}
	uint32_t count = row_values(row, &g->spec->by[by], found, QUERY_GROUP_VALUES_MAX, &scratch), kept = 0;
	for (uint32_t i = 0; i < count; i++) {
		struct batch_value *key = &c->values[kept];
		uint32_t same = 0;
		key_of(&found[i], key, &c->scratch[kept]);
		if (g->spec->by[by].special != SPECIAL_NONE && found[i].type == VALUE_TIME)
			key->type = VALUE_TIME;
		while (same < kept && !key_equal(&c->values[same], key))
			same++;
		kept += same == kept;
	}
	/* A text made in `scratch` belongs to this call: it moves to where it lives as long as the choice. */
	if (count == 1 && g->spec->by[by].special != SPECIAL_NONE &&
		c->values[0].text.ptr == (const uint8_t *)scratch.text) {
		c->scratch[0] = scratch;
		c->values[0].text.ptr = (const uint8_t *)c->scratch[0].text;
	}
	if (kept == 0)
		c->values[kept++] = (struct batch_value){.type = VALUE_NULL};
	c->count = kept;
}

static uint64_t hash_value(const struct batch_value *value, uint64_t seed)
{
	return xxh3_seeded(value->text, seed + value->type * UINT64_C(0x9e3779b97f4a7c15));
}

static uint64_t hash_keys(const struct groups *g, const struct batch_value *keys)
{
	uint64_t hash = g->seed[0];
	for (uint32_t i = 0; i < g->spec->by_count; i++)
		hash = hash_value(&keys[i], hash);
	return hash;
}

/* ---- finding and making groups ---- */

static struct group **slot_of(const struct groups *g, uint64_t hash, const struct batch_value *keys)
{
	for (uint64_t i = hash & (g->slot_count - 1);; i = (i + 1) & (g->slot_count - 1)) {
		const struct group *group = g->slots[i];
		uint32_t same = 0;
		if (group == NULL)
			return &g->slots[i];
		while (group->hash == hash && same < g->spec->by_count && key_equal(&group->keys[same], &keys[same]))
			same++;
		if (group->hash == hash && same == g->spec->by_count)
			return &g->slots[i];
	}
}

static int slots_grow(struct groups *g)
{
	uint64_t count = g->slot_count * 2;
	struct group **slots = env_zalloc(g->env, count * sizeof(struct group *));
	if (slots == NULL)
		return -ERROR_MEMORY;
	env_free(g->env, g->slots);
	g->slots = slots;
	g->slot_count = count;
	for (struct group *group = g->first; group != NULL; group = group->next)
		*slot_of(g, group->hash, group->keys) = group;
	return 0;
}

static struct group *group_new(struct groups *g, uint64_t hash, const struct batch_value *keys)
{
	struct group *group = arena_zalloc(&g->arena, sizeof(*group) + g->spec->function_count * sizeof(struct gathered));
	struct batch_value *own = arena_alloc(&g->arena, g->spec->by_count * sizeof(*own));
	if (group == NULL || own == NULL)
		return NULL;
	for (uint32_t i = 0; i < g->spec->by_count; i++) {
		own[i] = keys[i];
		own[i].text = arena_copy(&g->arena, keys[i].text);
		if (own[i].text.ptr == NULL && keys[i].text.len > 0)
			return NULL;
	}
	group->hash = hash;
	group->keys = own;
	return group;
}

int group_find(struct groups *g, const struct batch_value *keys, struct group **out)
{
	uint64_t hash = hash_keys(g, keys);
	struct group **slot = slot_of(g, hash, keys);
	*out = *slot;
	if (*slot != NULL)
		return 1;
	if (bytes_used(g) > g->bytes_max) {
		g->truncated = true;
		return 0;
	}
	*out = group_new(g, hash, keys);
	if (*out == NULL)
		return -ERROR_MEMORY;
	*slot = *g->last = *out;
	g->last = &(*out)->next;
	g->count++;
	return g->count > g->slot_count / 2 && slots_grow(g) < 0 ? -ERROR_MEMORY : 1;
}

/* ---- gathering ---- */

static int gather_distinct(struct groups *g, struct gathered *to, const struct batch_value *value)
{
	struct batch_value key;
	struct value_scratch scratch;
	size_t used = bytes_used(g), left = used > g->bytes_max ? 0 : g->bytes_max - used, before = left;
	key_of(value, &key, &scratch);
	if (key.type == VALUE_NULL)
		return 0;
	enum set_result added =
		value_set_add(&to->set, g->env, hash_value(&key, g->seed[0]), hash_value(&key, g->seed[1]), &left);
	g->set_bytes += before - left;
	if (added == SET_FULL)
		g->truncated = true;
	return added == SET_MEMORY ? -ERROR_MEMORY : 0;
}

/* Equal numbers written differently: the lesser text, so that the answer does not depend on the order of rows. */
static bool is_more_extreme(const struct gathered *to, const struct batch_value *value, bool max)
{
	struct order_value a = order_of(value), b = order_of(&to->extreme);
	int order = order_compare(&a, &b);
	if (order == 0)
		return slice_compare(value->text, to->extreme.text) < 0;
	return max ? order > 0 : order < 0;
}

static int gather_extreme(struct groups *g, struct gathered *to, const struct batch_value *value, bool max)
{
	struct batch_value key;
	struct value_scratch scratch;
	struct number number;
	key_of(value, &key, &scratch);
	if (value->type == VALUE_TIME)
		key.type = VALUE_TIME; /* ordered by instant */
	else if (value_number(value, &number))
		key.type = VALUE_F64; /* text that counts as a number is told as one: 5 and "5" are the same extreme */
	if (key.type == VALUE_NULL || (to->has_extreme && !is_more_extreme(to, &key, max)))
		return 0;
	uint8_t *text = (uint8_t *)(uintptr_t)to->extreme.text.ptr;
	if (text == NULL || key.text.len > to->text_room) {
		to->text_room = key.text.len * 2 + 16;
		text = arena_alloc(&g->arena, to->text_room);
		if (text == NULL)
			return -ERROR_MEMORY;
	}
	if (key.text.len > 0)
		memcpy(text, key.text.ptr, key.text.len);
	key.text.ptr = text;
	to->extreme = key;
	to->has_extreme = true;
	return 0;
}

static void gather_sum(struct gathered *to, const struct batch_value *value)
{
	struct number n;
	if (!value_number(value, &n))
		return;
	to->count++;
	to->sum += number_real(&n);
	to->real |= !n.whole;
	if (!n.whole)
		return;
	unsigned __int128 sum = (unsigned __int128)to->sum_high << 64 | to->sum_low;
	sum += n.negative ? -(unsigned __int128)n.magnitude : n.magnitude;
	to->sum_low = (uint64_t)sum;
	to->sum_high = (uint64_t)(sum >> 64);
}

static int gather_value(struct groups *g, enum function function, struct gathered *to, const struct batch_value *value)
{
	switch (function) {
	case FUNCTION_DC:
		return gather_distinct(g, to, value);
	case FUNCTION_MIN:
	case FUNCTION_MAX:
		return gather_extreme(g, to, value, function == FUNCTION_MAX);
	case FUNCTION_SUM:
	case FUNCTION_AVG:
		gather_sum(to, value);
		return 0;
	default:
		return 0;
	}
}

static int gather_field(struct groups *g, const struct query_row *row, const struct aggregate *a, struct gathered *to)
{
	struct batch_value values[QUERY_FLAG_COUNT + 1];
	struct value_scratch scratch;
	uint32_t count = 0;
	int rc = 0;
	if (a->field.special != SPECIAL_NONE)
		count = row_values(row, &a->field, values, QUERY_FLAG_COUNT + 1, &scratch);
	for (uint32_t i = 0; i < count && rc == 0; i++)
		rc = gather_value(g, a->function, to, &values[i]);
	for (uint32_t i = 0; i < row->row.field_count && a->field.special == SPECIAL_NONE && rc == 0; i++) {
		batch_get_value(row->batch, &row->row, row->row.field_first + i, &values[0]);
		if (!slice_equal(batch_name(row->batch, values[0].name), a->field.name))
			continue;
		count++;
		rc = gather_value(g, a->function, to, &values[0]);
	}
	if (a->function == FUNCTION_COUNT_FIELD && count > 0)
		to->count++;
	return rc;
}

static int gather(struct groups *g, const struct query_row *row, const struct batch_value *keys)
{
	struct group *group;
	int rc = group_find(g, keys, &group);
	if (rc <= 0)
		return rc;
	rc = 0;
	for (uint32_t i = 0; i < g->spec->function_count && rc == 0; i++) {
		const struct aggregate *a = &g->spec->functions[i];
		if (a->function == FUNCTION_COUNT)
			group->functions[i].count++;
		else
			rc = gather_field(g, row, a, &group->functions[i]);
	}
	return rc;
}

/* Every combination of the values of the grouping fields, like the wheels of a counter. */
int groups_add(struct groups *g, const struct query_row *row)
{
	struct choices choices[QUERY_BY_MAX];
	uint32_t at[QUERY_BY_MAX] = {0}, count = g->spec->by_count;
	struct batch_value keys[QUERY_BY_MAX] = {0};
	for (uint32_t i = 0; i < count; i++)
		choose(g, row, i, &choices[i]);
	for (;;) {
		uint32_t wheel = 0;
		for (uint32_t i = 0; i < count; i++)
			keys[i] = choices[i].values[at[i]];
		int rc = g->spec->top != 0 && keys[0].type == VALUE_NULL ? 0 : gather(g, row, keys);
		while (wheel < count && ++at[wheel] == choices[wheel].count)
			at[wheel++] = 0;
		if (rc < 0 || wheel == count)
			return rc;
	}
}

int groups_add_count(struct groups *g, uint64_t rows)
{
	const struct batch_value no_keys[QUERY_BY_MAX] = {0};
	struct group *group;
	CHECK(g->spec->by_count == 0);
	int rc = rows == 0 ? 0 : group_find(g, no_keys, &group);
	for (uint32_t i = 0; i < g->spec->function_count && rc > 0; i++) {
		CHECK(g->spec->functions[i].function == FUNCTION_COUNT);
		group->functions[i].count += rows;
	}
	return rc < 0 ? rc : 0;
}

void groups_free(struct groups *g)
{
	for (struct group *group = g->first; group != NULL; group = group->next)
		for (uint32_t i = 0; i < g->spec->function_count; i++)
			value_set_free(&group->functions[i].set, g->env);
	env_free(g->env, g->slots);
	g->slots = NULL;
	arena_free(&g->arena);
}
