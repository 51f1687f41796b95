/* Entries by key, and their budget.
 *
 * The table is a directory of sheets. The first bits of a hash choose the sheet, as many as the directory has; a sheet that is
 * full is split in two by the next bit, so growing never moves more than one sheet. In a sheet the last bits give the place, or
 * one behind it where that is taken, without a hole between.
 */
#include "correlate/spill.h"

#define SHEET_FULL (TABLE_PLACES / 5 * 4)
#define SHEET_JOIN (SHEET_FULL / 4)
#define DEPTH_MAX 20u /* 2^32 hashes, 2^30 places */

static struct table_sheet *sheet_new(const struct part *part, uint32_t depth)
{
	struct table_sheet *sheet = env_zalloc(part->temporal->env, sizeof(*sheet));
	if (sheet != NULL)
		sheet->depth = depth;
	return sheet;
}

int table_init(struct part *part)
{
	part->table = (struct table){.sheets = env_alloc(part->temporal->env, sizeof(struct table_sheet *))};
	if (part->table.sheets == NULL)
		return -ERROR_MEMORY;
	part->table.sheets[0] = sheet_new(part, 0);
	return part->table.sheets[0] == NULL ? -ERROR_MEMORY : 0;
}

static uint32_t sheet_index(const struct table *table, uint32_t hash)
{
	return (uint32_t)((uint64_t)hash >> (32 - table->depth));
}

static struct table_sheet *sheet_of(const struct part *part, uint32_t hash)
{
	return part->table.sheets[sheet_index(&part->table, hash)];
}

/* By the bits that no directory uses. */
static uint32_t home_of(uint32_t hash)
{
	uint32_t bits = 32 - DEPTH_MAX, low = hash & ((1u << bits) - 1);
	return low * TABLE_PLACES >> bits;
}

static uint32_t next_place(uint32_t at)
{
	return at + 1 == TABLE_PLACES ? 0 : at + 1;
}

/* How far `at` lies behind `from`. */
static uint32_t behind(uint32_t from, uint32_t at)
{
	return at >= from ? at - from : at + TABLE_PLACES - from;
}

static void sheet_put(struct table_sheet *sheet, struct table_place place)
{
	uint32_t at = home_of(place.hash);
	CHECK(sheet->count < TABLE_PLACES - 1);
	while (sheet->places[at].number != 0)
		at = next_place(at);
	sheet->places[at] = place;
	sheet->count++;
}

/* ---- growing ---- */

static int directory_double(struct part *part)
{
	struct table *table = &part->table;
	if (table->depth == DEPTH_MAX)
		return -ERROR_MEMORY;
	uint32_t count = 1u << table->depth;
	struct table_sheet **sheets = env_resize(part->temporal->env, table->sheets, sizeof(*sheets) * 2 * count);
	if (sheets == NULL)
		return -ERROR_MEMORY;
	for (uint32_t i = count; i > 0; i--)
		sheets[2 * i - 1] = sheets[2 * i - 2] = sheets[i - 1];
	table->sheets = sheets;
	table->depth++;
	return 0;
}

/* What has the next bit goes into a sheet of its own. */
static int sheet_split(struct part *part, uint32_t hash)
{
	struct table *table = &part->table;
	struct table_sheet *sheet = sheet_of(part, hash), old = *sheet;
	if (sheet->depth == table->depth && directory_double(part) < 0)
		return -ERROR_MEMORY;
	struct table_sheet *upper = sheet_new(part, old.depth + 1);
	if (upper == NULL)
		return -ERROR_MEMORY;
	*sheet = (struct table_sheet){.depth = old.depth + 1};
	for (uint32_t i = 0; i < TABLE_PLACES; i++)
		if (old.places[i].number != 0)
			sheet_put(old.places[i].hash >> (31 - old.depth) & 1 ? upper : sheet, old.places[i]);
	uint32_t all = 1u << (table->depth - old.depth), first = sheet_index(table, hash) / all * all;
	for (uint32_t i = all / 2; i < all; i++)
		table->sheets[first + i] = upper;
	return 0;
}

static int table_room(struct part *part, uint32_t hash)
{
	while (sheet_of(part, hash)->count >= SHEET_FULL)
		if (sheet_split(part, hash) < 0)
			return -ERROR_MEMORY;
	return 0;
}

/* ---- budget ---- */

/* T16: past the budget the rule with the most keys gets no new ones; of equals, the one that came later. An eighth above
 * it nobody does, and at twice it matches of keys that are there are refused too. Counted and told in the ledger by who calls. */
uint32_t budget_passed(const struct part *part, uint32_t *most)
{
	uint64_t bytes = part->bytes + part->texts.bytes, budget = part->temporal->part_bytes;
	*most = 0;
	if (bytes < budget)
		return 0;
	for (uint32_t i = 0; i < part->temporal->plan->count; i++)
		if (part->rule_groups[i] >= part->rule_groups[*most])
			*most = i;
	return bytes >= 2 * budget ? 3 : bytes >= budget + budget / 8 ? 2 : 1;
}

static bool budget_refuses(const struct part *part, const struct plan_rule *rule)
{
	uint32_t most;
	if (part->spill != NULL && part->spill->keep)
		return spill_refuses(part->spill, rule);
	if (part->bytes + part->texts.bytes < part->temporal->part_bytes)
		return false;
	return budget_passed(part, &most) > 1 || most == rule->index;
}

/* ---- entries ---- */

static size_t entry_size(bool wide, size_t key_len)
{
	return offsetof(struct entry, octets) + (wide ? ENTRY_WIDE_BYTES : 0) + key_len;
}

/* With its place in the table, and one that is free, and its slot of the wheel. */
static uint64_t entry_bytes(const struct entry *e)
{
	return entry_size(e->wide, e->key_len) + 2 * sizeof(struct table_place) + WHEEL_SLOT_BYTES;
}

static bool entry_is(const struct entry *e, const struct plan_rule *rule, struct slice key)
{
	return e->rule == rule->index && slice_equal(entry_key(e), key);
}

static void sheet_remove(struct table_sheet *sheet, uint32_t number, uint32_t hash);

/* *number is 0 when there is none. */
static int table_find(struct part *part, const struct plan_rule *rule, struct slice key, uint32_t hash,
					  uint32_t *number)
{
	struct table_sheet *sheet = sheet_of(part, hash);
	uint32_t at = home_of(hash);
	for (; (*number = sheet->places[at].number) != 0; at = next_place(at)) {
		if (sheet->places[at].hash != hash)
			continue;
		if ((*number & PLACE_SPILLED) == 0) {
			if (entry_is(entry_at(part, *number), rule, key))
				return 0;
			continue;
		}
		int result = spill_take_back(part, &sheet->places[at], rule, key);
		if (result == SPILL_OTHER)
			continue;
		if (result == SPILL_PASSED)
			sheet_remove(sheet, *number, hash);
		*number = result == 0 ? sheet->places[at].number : 0;
		return result < 0 ? result : 0;
	}
	return 0;
}

uint32_t table_entry(struct part *part, const struct plan_rule *rule, struct slice key)
{
	bool wide = rule->values || rule->carried_count > 0;
	CHECK(key.len <= MATCH_RECORD_BYTES_MAX && rule->index <= UINT16_MAX);
	uint32_t number = slab_take(&part->slab, entry_size(wide, key.len));
	if (number == 0)
		return 0;
	struct entry *e = entry_at(part, number);
	memset(e, 0, offsetof(struct entry, octets));
	e->rule = (uint16_t)rule->index;
	e->key_len = (uint32_t)key.len & (MATCH_RECORD_BYTES_MAX * 2 - 1);
	e->wide = wide;
	if (key.len > 0)
		memcpy(e->octets + (wide ? ENTRY_WIDE_BYTES : 0), key.ptr, key.len);
	part->bytes += entry_bytes(e);
	return number;
}

void table_entry_drop(struct part *part, uint32_t number)
{
	struct entry *e = entry_at(part, number);
	const struct plan_rule *rule = &part->temporal->plan->rules[e->rule];
	if (e->link.slot != 0)
		wheel_remove(part->levels[rule->level].wheel, number);
	entry_clear(part, e);
	part->bytes -= entry_bytes(e);
	slab_give(&part->slab, number);
}

static void table_gain(struct part *part, const struct plan_rule *rule, uint32_t hash, uint32_t number)
{
	sheet_put(sheet_of(part, hash), (struct table_place){hash, number});
	part->group_count++;
	part->rule_groups[rule->index]++;
	part->temporal->stats.windows++;
}

void table_lose(struct part *part, const struct plan_rule *rule)
{
	part->group_count--;
	part->rule_groups[rule->index]--;
	part->temporal->stats.windows--;
}

static uint32_t table_add(struct part *part, const struct plan_rule *rule, struct slice key, uint32_t hash)
{
	uint32_t number = table_room(part, hash) < 0 ? 0 : table_entry(part, rule, key);
	if (number != 0)
		table_gain(part, rule, hash, number);
	return number;
}

int table_put_spilled(struct part *part, const struct plan_rule *rule, struct slice key, uint32_t number)
{
	uint32_t hash = key_hash(part, rule, key);
	if (table_room(part, hash) < 0)
		return -ERROR_MEMORY;
	table_gain(part, rule, hash, number);
	return 0;
}

uint32_t key_hash(const struct part *part, const struct plan_rule *rule, struct slice key)
{
	return (uint32_t)(xxh3_seeded(key, part->texts.seed ^ get_u64(rule->digest)) >> 32);
}

void table_prefetch(const struct part *part, uint32_t hash)
{
	__builtin_prefetch(&sheet_of(part, hash)->places[home_of(hash)]);
}

uint32_t table_guess(const struct part *part, uint32_t hash)
{
	const struct table_place *places = sheet_of(part, hash)->places;
	uint32_t at = home_of(hash);
	while (places[at].number != 0 && places[at].hash != hash)
		at = next_place(at);
	return (places[at].number & PLACE_SPILLED) != 0 ? 0 : places[at].number;
}

int table_take(struct part *part, const struct plan_rule *rule, struct slice key, uint32_t hash, uint32_t *number)
{
	int result = table_find(part, rule, key, hash, number);
	if (result < 0 || *number != 0)
		return result;
	if (budget_refuses(part, rule))
		return 1;
	*number = table_add(part, rule, key, hash);
	return *number == 0 ? -ERROR_MEMORY : 0;
}

int table_restore(struct part *part, const struct plan_rule *rule, struct slice key, uint32_t *number)
{
	uint32_t hash = key_hash(part, rule, key);
	int result = table_find(part, rule, key, hash, number);
	if (result < 0 || *number != 0)
		return result;
	*number = table_add(part, rule, key, hash);
	return *number == 0 ? -ERROR_MEMORY : 0;
}

/* Closing the hole: what stands behind it and may stand in it moves up. */
static void sheet_remove(struct table_sheet *sheet, uint32_t number, uint32_t hash)
{
	struct table_place *places = sheet->places;
	uint32_t hole = home_of(hash);
	while (places[hole].number != number)
		hole = next_place(hole);
	for (uint32_t at = next_place(hole); places[at].number != 0; at = next_place(at))
		if (behind(home_of(places[at].hash), at) >= behind(hole, at)) {
			places[hole] = places[at];
			hole = at;
		}
	places[hole].number = 0;
	sheet->count--;
}

/* Two sheets that are nearly empty become one again: what a flood has left is given back. */
static bool sheet_join(struct part *part, uint32_t hash)
{
	const struct table *table = &part->table;
	struct table_sheet *sheet = sheet_of(part, hash);
	if (sheet->count > SHEET_JOIN / 2 || sheet->depth == 0)
		return false;
	uint32_t all = 1u << (table->depth - sheet->depth), first = (sheet_index(table, hash) / all * all) ^ all;
	struct table_sheet *beside = table->sheets[first];
	if (beside->depth != sheet->depth || sheet->count + beside->count > SHEET_JOIN)
		return false;
	for (uint32_t i = 0; i < TABLE_PLACES; i++)
		if (beside->places[i].number != 0)
			sheet_put(sheet, beside->places[i]);
	for (uint32_t i = 0; i < all; i++)
		table->sheets[first + i] = sheet;
	sheet->depth--;
	env_free(part->temporal->env, beside);
	return true;
}

void table_drop(struct part *part, uint32_t number)
{
	struct entry *e = entry_at(part, number);
	const struct plan_rule *rule = &part->temporal->plan->rules[e->rule];
	uint32_t hash = key_hash(part, rule, entry_key(e));
	sheet_remove(sheet_of(part, hash), number, hash);
	(void)sheet_join(part, hash);
	table_lose(part, rule);
	table_entry_drop(part, number);
}

/* ---- all of them ---- */

struct table_sheet *table_sheet(const struct part *part, uint32_t *at)
{
	const struct table *table = &part->table;
	if (*at >> table->depth != 0)
		return NULL;
	struct table_sheet *sheet = table->sheets[*at];
	*at += 1u << (table->depth - sheet->depth);
	return sheet;
}

static void sheet_sweep(struct part *part, struct table_sheet *sheet, bool (*goes)(struct part *part, uint32_t number))
{
	struct table_sheet old = *sheet;
	*sheet = (struct table_sheet){.depth = old.depth};
	for (uint32_t i = 0; i < TABLE_PLACES; i++)
		if (old.places[i].number != 0 && !goes(part, old.places[i].number))
			sheet_put(sheet, old.places[i]);
}

void table_sweep(struct part *part, bool (*goes)(struct part *part, uint32_t number))
{
	const struct table *table = &part->table;
	struct table_sheet *sheet;
	for (uint32_t at = 0; (sheet = table_sheet(part, &at)) != NULL;)
		sheet_sweep(part, sheet, goes);
	for (uint32_t at = 0; at >> table->depth == 0;) {
		uint32_t hash = table->depth == 0 ? 0 : at << (32 - table->depth);
		while (sheet_join(part, hash))
			;
		sheet = table->sheets[at];
		uint32_t all = 1u << (table->depth - sheet->depth);
		at = at / all * all + all;
	}
}

bool table_next(const struct part *part, struct table_walk *walk, uint32_t *number)
{
	const struct table *table = &part->table;
	for (; walk->sheet >> table->depth == 0; walk->sheet += 1u << (table->depth - table->sheets[walk->sheet]->depth)) {
		const struct table_sheet *sheet = table->sheets[walk->sheet];
		while (walk->place < TABLE_PLACES) {
			*number = sheet->places[walk->place++].number;
			if (*number != 0 && (*number & PLACE_SPILLED) == 0)
				return true;
		}
		walk->place = 0;
	}
	return false;
}

void table_free(struct part *part)
{
	const struct table *table = &part->table;
	struct table_walk walk = {0};
	uint32_t number;
	if (table->sheets == NULL || table->sheets[0] == NULL) {
		env_free(part->temporal->env, table->sheets);
		return;
	}
	while (table_next(part, &walk, &number))
		entry_clear(part, entry_at(part, number));
	for (uint32_t i = 0, step; i >> table->depth == 0; i += step) {
		step = 1u << (table->depth - table->sheets[i]->depth);
		env_free(part->temporal->env, table->sheets[i]);
	}
	env_free(part->temporal->env, table->sheets);
}
