/* Keys that go to disk when memory is full, and come back when a match joins them. */
#include "correlate/spill.h"

#define SEARCHES_MAX 64u /* rules tried when memory is full */

static uint32_t place_of(uint32_t id, uint64_t offset)
{
	return PLACE_SPILLED | id << SPILL_OFFSET_BITS | (uint32_t)(offset / 8);
}

static uint32_t id_of(uint32_t number)
{
	return (number & ~PLACE_SPILLED) >> SPILL_OFFSET_BITS;
}

static uint64_t offset_of(uint32_t number)
{
	return (uint64_t)(number & ((1u << SPILL_OFFSET_BITS) - 1)) * 8;
}

void spill_count(struct part *part, const struct plan_rule *rule)
{
	part->spill->keys++;
	part->spill->rule_keys[rule->index]++;
	part->bytes += SPILL_PLACE_BYTES;
}

void spill_uncount(struct part *part, const struct plan_rule *rule)
{
	part->spill->keys--;
	part->spill->rule_keys[rule->index]--;
	part->bytes -= SPILL_PLACE_BYTES;
}

void spill_stats(const struct spill *s, struct temporal_stats *out)
{
	out->spilled_keys += s->keys;
	out->spill_bytes += s->bytes;
	out->spilled += s->spilled;
	out->unspilled += s->unspilled;
	out->spill_failures += s->failures;
}

/* ---- out ---- */

/* The record into the tail; false: it stays in memory. */
static bool put_record(struct part *part, const struct entry *e, struct spill_file *f)
{
	struct spill *s = part->spill;
	struct member members[PACKED_MAX];
	size_t begin = s->tail.len;
	uint32_t count = entry_members(part, e, members);
	spill_record_put(&s->tail, f->serial, f->records, entry_key(e), members, count);
	size_t bytes = s->tail.len - begin;
	bool full = s->bytes + bytes > s->budget;
	s->stuck |= full;
	if (!s->tail.failed && !full && bytes <= SPILL_RECORD_MAX && spill_alive_room(part, f)) {
		f->bytes += bytes;
		s->bytes += bytes;
		return true;
	}
	s->tail.failed = false;
	s->tail.len = begin;
	return false;
}

static bool spill_one(struct part *part, struct table_place *place, uint32_t id)
{
	struct spill *s = part->spill;
	struct spill_file *f = &s->files[id];
	const struct entry *e = entry_at(part, place->number);
	uint32_t number = place->number;
	uint64_t offset = f->bytes;
	if (!put_record(part, e, f))
		return false;
	f->alive[f->records / 8] |= (uint8_t)(1u << f->records % 8);
	f->records++;
	f->live++;
	if (f->first_ns == TIME_NONE)
		f->first_ns = e->when_ns;
	if (e->when_ns > f->newest_ns)
		f->newest_ns = e->when_ns;
	place->number = place_of(id, offset);
	spill_count(part, f->rule);
	table_entry_drop(part, number);
	part->moved = true;
	s->spilled++;
	return true;
}

static bool is_enough(const struct part *part)
{
	uint64_t budget = part->temporal->part_bytes;
	return part->bytes + part->texts.bytes < budget - budget / 8;
}

/* Entries of the rule in the sheet that could go; *average: of the times of their newest matches. */
static uint32_t candidates(const struct part *part, const struct table_sheet *sheet, const struct plan_rule *rule,
						   uint16_t *out, int64_t *average)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < TABLE_PLACES; i++) {
		uint32_t number = sheet->places[i].number;
		const struct entry *e = number == 0 || (number & PLACE_SPILLED) != 0 ? NULL : entry_at(part, number);
		if (e != NULL && e->rule == rule->index && entry_leaves_whole(part, e))
			out[count++] = (uint16_t)i;
	}
	*average = count; /* what dividing loses */
	for (uint32_t i = 0; i < count; i++)
		*average += entry_at(part, sheet->places[out[i]].number)->when_ns / count;
	return count;
}

/* A small budget has a small tail. */
static bool tail_full(const struct part *part)
{
	uint64_t share = part->temporal->part_bytes / 64;
	return part->spill->tail.len >= (share < SPILL_TAIL_BYTES ? share : SPILL_TAIL_BYTES);
}

/* Where the next record of the rule goes; SPILL_NONE: nowhere. */
static uint32_t file_to_write(struct part *part, const struct plan_rule *rule)
{
	return tail_full(part) && spill_flush(part) < 0 ? SPILL_NONE : spill_writable(part, rule);
}

/* The colder half of a sheet. Negative: no memory. */
static int spill_sheet(struct part *part, struct table_sheet *sheet, const struct plan_rule *rule)
{
	struct spill *s = part->spill;
	uint16_t places[TABLE_PLACES];
	int64_t average;
	uint32_t count = candidates(part, sheet, rule, places, &average);
	for (uint32_t i = 0; i < count && !s->stuck; i++) {
		struct table_place *place = &sheet->places[places[i]];
		if (entry_at(part, place->number)->when_ns > average)
			continue;
		uint32_t id = file_to_write(part, rule);
		if (id == SPILL_NONE)
			break;
		(void)spill_one(part, place, id);
	}
	return s->stuck ? spill_recall(part) : 0;
}

/* Once round the table, all of it: what came at one time lies together in the slab, and only pages that are quite empty are
 * given back. */
static int spill_rule(struct part *part, const struct plan_rule *rule)
{
	struct table_sheet *sheet;
	int result = 0;
	for (uint32_t at = 0; result == 0 && !part->spill->stuck && (sheet = table_sheet(part, &at)) != NULL;)
		result = spill_sheet(part, sheet, rule);
	return result;
}

/* The rule with the most keys in memory that was not tried yet; null: there is none. */
static const struct plan_rule *rule_to_spill(const struct part *part)
{
	const struct spill *s = part->spill;
	const struct plan *plan = part->temporal->plan;
	const struct plan_rule *found = NULL;
	uint32_t most = 0;
	for (uint32_t i = 0; i < plan->count; i++) {
		uint32_t keys = part->rule_groups[i] - s->rule_keys[i];
		const struct plan_rule *rule = &plan->rules[i];
		if (keys <= most || s->tried[i] || rule->mode != PLAN_AT_ONCE || rule->list_count > 0)
			continue;
		most = keys;
		found = rule;
	}
	return found;
}

/* A search that finds too little is not made again for each new key. */
static bool is_worth_it(const struct part *part)
{
	const struct spill *s = part->spill;
	uint64_t bytes = part->bytes + part->texts.bytes, step = part->temporal->part_bytes / 64;
	return !s->idle || bytes > s->idle_bytes + step || bytes + step < s->idle_bytes ||
		   part->observed_ns >= add_saturated(s->idle_ns, NS_PER_MIN);
}

static bool is_above(const struct part *part)
{
	return part->bytes + part->texts.bytes >= part->temporal->part_bytes;
}

/* Each rule once, those with many keys first. */
static int spill_rules(struct part *part)
{
	struct spill *s = part->spill;
	const struct plan_rule *rule;
	int result = 0;
	memset(s->tried, 0, sizeof(*s->tried) * part->temporal->plan->count);
	for (uint32_t i = 0; result == 0 && i < SEARCHES_MAX && !s->stuck && !is_enough(part); i++) {
		rule = rule_to_spill(part);
		if (rule == NULL)
			break;
		s->tried[rule->index] = true;
		result = spill_rule(part, rule);
	}
	return result;
}

/* Colder halves, and where that is not enough what is warm. */
int spill_search(struct part *part)
{
	struct spill *s = part->spill;
	uint64_t before;
	int result;
	s->stuck = false;
	do {
		before = s->spilled;
		result = spill_rules(part);
	} while (result == 0 && !s->stuck && is_above(part) && s->spilled > before);
	s->idle = !is_enough(part);
	s->idle_bytes = part->bytes + part->texts.bytes;
	s->idle_ns = part->observed_ns;
	return result;
}

int spill_press(struct part *part)
{
	return is_worth_it(part) ? spill_search(part) : 0;
}

bool temporal_pressed(const struct temporal *t)
{
	uint32_t most;
	for (uint32_t i = 0; i < t->part_count; i++) {
		const struct spill *s = t->parts[i].spill;
		if (s != NULL && s->keep && s->idle && budget_passed(&t->parts[i], &most) > s->refused)
			return true;
	}
	return false;
}

bool spill_refuses(const struct spill *s, const struct plan_rule *rule)
{
	return s->refused > 1 || (s->refused == 1 && s->refused_rule == rule->index);
}

/* ---- back ---- */

static void record_dead(struct part *part, uint32_t id, uint32_t record)
{
	struct spill_file *f = &part->spill->files[id];
	f->alive[record / 8] &= (uint8_t) ~(1u << record % 8);
	f->live--;
	spill_uncount(part, f->rule);
	if (f->live == 0 && !f->writing)
		spill_file_gone(part, id);
}

static bool take_text(struct part *part, struct slice octets, struct text **out)
{
	*out = octets.ptr == NULL ? NULL : texts_take(&part->texts, octets);
	return octets.ptr == NULL || *out != NULL;
}

/* So many as could be taken. */
static uint32_t take_members(struct part *part, struct spill_record record, struct member *members)
{
	struct member_octets o;
	uint32_t count = 0;
	while (spill_record_next(&record, &o)) {
		struct member m = {.when_ns = o.when_ns, .sequence = o.sequence, .slot = o.slot};
		bool whole = take_text(part, o.origin, &m.origin) && take_text(part, o.source, &m.source) &&
					 take_text(part, o.spelling, &m.spelling) && take_text(part, o.value, &m.value) &&
					 take_text(part, o.carried, &m.carried);
		if (!whole) {
			member_release(part, &m);
			break;
		}
		members[count++] = m;
	}
	return count;
}

static int entry_back(struct part *part, struct table_place *place, const struct plan_rule *rule,
					  const struct spill_record *record)
{
	struct member members[PACKED_MAX];
	uint32_t count = take_members(part, *record, members);
	uint32_t number = count == record->matches ? table_entry(part, rule, record->key) : 0;
	if (number != 0 && entry_refill(part, number, members, count) == 0) {
		place->number = number;
		return 0;
	}
	for (uint32_t i = 0; i < count; i++)
		member_release(part, &members[i]);
	if (number != 0)
		table_entry_drop(part, number);
	return -ERROR_MEMORY;
}

static int read_record(struct part *part, uint32_t number, struct spill_record *record, int64_t *newest_ns)
{
	const struct spill_file *f = &part->spill->files[id_of(number)];
	struct slice octets;
	CHECK(f->rule != NULL);
	int result = spill_read(part, f, offset_of(number), &octets);
	if (result == 0)
		result = spill_record_open(octets, f->serial, record);
	if (result != 0)
		return result;
	bool holds = spill_alive(f, record->number) && spill_record_fits(*record, f->rule, newest_ns);
	return holds ? 0 : -ERROR_DAMAGED;
}

int spill_take_back(struct part *part, struct table_place *place, const struct plan_rule *rule, struct slice key)
{
	struct spill *s = part->spill;
	struct spill_record record;
	uint32_t id = id_of(place->number);
	int64_t newest, passed = sub_saturated(part->levels[rule->level].watermark_ns, rule->kept_ns);
	if (s->files[id].rule != rule)
		return SPILL_OTHER;
	int result = read_record(part, place->number, &record, &newest);
	if (result != 0)
		return result;
	if (!slice_equal(record.key, key))
		return SPILL_OTHER;
	if (newest >= passed)
		result = entry_back(part, place, rule, &record);
	else
		table_lose(part, rule);
	if (result < 0)
		return result;
	s->unspilled += newest >= passed;
	record_dead(part, id, record.number);
	return newest >= passed ? SPILL_BACK : SPILL_PASSED;
}

static int recall_sheet(struct part *part, struct table_sheet *sheet, uint32_t id)
{
	const struct spill_file *f = &part->spill->files[id];
	for (uint32_t i = 0; i < TABLE_PLACES; i++) {
		struct table_place *place = &sheet->places[i];
		struct spill_record record;
		int64_t newest;
		if ((place->number & PLACE_SPILLED) == 0 || id_of(place->number) != id || offset_of(place->number) < f->written)
			continue;
		int result = read_record(part, place->number, &record, &newest);
		if (result == 0)
			result = entry_back(part, place, f->rule, &record);
		if (result != 0)
			return result;
		record_dead(part, id, record.number);
	}
	return 0;
}

/* The file is left as it was written. */
int spill_recall(struct part *part)
{
	struct spill *s = part->spill;
	struct table_sheet *sheet;
	uint32_t id = s->tail_file;
	if (id == SPILL_NONE || s->files[id].bytes == s->files[id].written)
		return 0;
	struct spill_file *f = &s->files[id];
	f->writing = true; /* it stays until it is seen to below */
	for (uint32_t at = 0; (sheet = table_sheet(part, &at)) != NULL;) {
		int result = recall_sheet(part, sheet, id);
		if (result < 0)
			return result;
	}
	s->bytes -= f->bytes - f->written;
	f->bytes = f->written;
	f->records = s->tail_first;
	buffer_reset(&s->tail);
	s->tail_file = SPILL_NONE;
	spill_seal(part, id);
	return 0;
}

/* ---- gone ---- */

static bool is_going(struct part *part, uint32_t number)
{
	struct spill *s = part->spill;
	struct spill_file *f = &s->files[id_of(number)];
	if ((number & PLACE_SPILLED) == 0 || !s->going[id_of(number)])
		return false;
	f->live--;
	spill_uncount(part, f->rule);
	table_lose(part, f->rule);
	return true;
}

void spill_pass(struct part *part, uint32_t level)
{
	struct spill *s = part->spill;
	int64_t watermark = part->levels[level].watermark_ns;
	uint32_t files = 0, keys = 0;
	for (uint32_t id = 0; id < SPILL_FILES; id++) {
		const struct spill_file *f = &s->files[id];
		s->going[id] = f->rule != NULL && f->rule->level == level && f->records > 0 &&
					   f->newest_ns < sub_saturated(watermark, f->rule->kept_ns);
		files += s->going[id];
		keys += s->going[id] ? f->live : 0;
	}
	if (keys > 0) {
		table_sweep(part, is_going);
		part->moved = true;
	}
	for (uint32_t id = 0; files > 0 && id < SPILL_FILES; id++)
		if (s->going[id])
			spill_file_gone(part, id);
}
