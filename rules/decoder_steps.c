/* Reading steps. */
#include "rules/decoder_reader.h"

#include <stdlib.h>

static const char *const step_keys[] = {"in",    "when",   "pattern", "kv",   "split",     "json", "first", "switch",
										"strip", "rename", "set",     "time", "logsource", "then", NULL};

static bool read_u32(struct decoder_reader *r, const struct tree_node *map, const char *key, uint32_t *out)
{
	const struct tree_node *n = tree_get(map, key);
	if (n == NULL)
		return true;
	if (n->type != TREE_INT || n->i64 < 0 || n->i64 > 100000)
		return reader_refuse_node(r, n, "decoder-type", "this must be a whole number from 0 to 100000");
	*out = (uint32_t)n->i64;
	return true;
}

static bool read_bool(struct decoder_reader *r, const struct tree_node *map, const char *key, bool *out)
{
	const struct tree_node *n = tree_get(map, key);
	if (n == NULL)
		return true;
	if (n->type != TREE_BOOL)
		return reader_refuse_node(r, n, "decoder-type", "this must be true or false");
	*out = n->truth;
	return true;
}

static bool read_slice(struct decoder_reader *r, const struct tree_node *map, const char *key, struct slice *out)
{
	const struct tree_node *n = tree_get(map, key);
	return n == NULL || reader_text(r, n, out);
}

static bool read_octet(struct decoder_reader *r, const struct tree_node *map, const char *key, uint8_t *out)
{
	const struct tree_node *n = tree_get(map, key);
	if (n == NULL)
		return true;
	if (!tree_is_scalar(n) || n->text.len > 1)
		return reader_refuse_node(r, n, "decoder-type", "this must be one octet, or '' for none");
	*out = n->text.len == 0 ? 0 : n->text.ptr[0];
	return true;
}

static bool read_kv(struct decoder_reader *r, const struct tree_node *n, struct decoder_kv *kv)
{
	static const char *const known[] = {"separator", "assign", "quote",  "spaced", "loose",
										"min",       "own",    "prefix", NULL};
	*kv = (struct decoder_kv){
		.rules = {.separator = SLICE(" "), .assign = SLICE("="), .quote = '"'}, .min = 2, .own = true};
	if (n->type == TREE_NULL)
		return true;
	if (!reader_keys(r, n, known) || !read_slice(r, n, "separator", &kv->rules.separator) ||
		!read_slice(r, n, "assign", &kv->rules.assign) || !read_octet(r, n, "quote", &kv->rules.quote) ||
		!read_bool(r, n, "spaced", &kv->rules.spaced) || !read_bool(r, n, "loose", &kv->rules.loose) ||
		!read_u32(r, n, "min", &kv->min) || !read_bool(r, n, "own", &kv->own) ||
		!read_slice(r, n, "prefix", &kv->prefix))
		return false;
	if (kv->rules.assign.len == 0 || kv->prefix.len > 64)
		return reader_refuse_node(r, n, "decoder-kv", "assign must not be empty and prefix at most 64 octets");
	return true;
}

static bool read_split(struct decoder_reader *r, const struct tree_node *n, struct decoder_split *s)
{
	static const char *const known[] = {"by", "names", "quote", "trim", "min", "max", NULL};
	*s = (struct decoder_split){.trim = true};
	const struct tree_node *names = n->type == TREE_MAP ? tree_get(n, "names") : NULL;
	if (!reader_keys(r, n, known) || !read_slice(r, n, "by", &s->by) || !read_octet(r, n, "quote", &s->quote) ||
		!read_bool(r, n, "trim", &s->trim))
		return false;
	if (s->by.len == 0 || names == NULL || names->type != TREE_LIST || names->count == 0 ||
		names->count > DECODER_SPLIT_MAX)
		return reader_refuse_node(r, n, "decoder-split", "split needs 'by' and 'names', a list of 1 to 128 targets");
	struct decoder_target *targets = reader_room(r, names->count, sizeof *targets);
	if (targets == NULL)
		return false;
	for (uint32_t i = 0; i < names->count; i++)
		if (!reader_target(r, names->items[i]->text, names->items[i]->line, names->items[i]->column, &targets[i]))
			return false;
	s->targets = targets;
	s->count = (uint16_t)names->count;
	s->min = names->count;
	s->max = UINT32_MAX;
	return read_u32(r, n, "min", &s->min) && read_u32(r, n, "max", &s->max);
}

static bool read_time(struct decoder_reader *r, const struct tree_node *n, struct decoder_time *t)
{
	static const char *const known[] = {"field", "format", "zone", NULL};
	const struct tree_node *field, *zone;
	if (!reader_keys(r, n, known))
		return false;
	t->line = n->line;
	t->format = SLICE("iso");
	t->zone = r->decoder->zone;
	if ((field = tree_get(n, "field")) == NULL || !tree_is_scalar(field))
		return reader_refuse_node(r, n, "decoder-time", "time needs a field");
	if (!reader_name(r, field->text, &t->field) || !read_slice(r, n, "format", &t->format))
		return false;
	if ((zone = tree_get(n, "zone")) != NULL && !decoder_zone_parse(zone->text, &t->zone))
		return reader_refuse_node(r, zone, "decoder-zone", "a zone is written as Z or +hh:mm");
	return true;
}

static bool read_times(struct decoder_reader *r, const struct tree_node *n, struct decoder_step *s)
{
	uint32_t count = n->type == TREE_LIST ? n->count : 1;
	struct decoder_time *times = reader_room(r, count, sizeof *times);
	if (times == NULL || count > 64)
		return times != NULL && reader_refuse_node(r, n, "decoder-limit", "at most 64 times");
	for (uint32_t i = 0; i < count; i++)
		if (!read_time(r, n->type == TREE_LIST ? n->items[i] : n, &times[i]))
			return false;
	s->times = times;
	s->time_count = (uint16_t)count;
	return true;
}

static int compare_cases(const void *a, const void *b)
{
	const struct decoder_case *x = a, *y = b;
	return slice_compare(x->value, y->value);
}

/* "302013, 302015": one case for each of them. */
static uint32_t case_values(struct slice key)
{
	uint32_t n = 1;
	for (size_t i = 0; i < key.len; i++)
		n += key.ptr[i] == ',';
	return n;
}

static bool read_case(struct decoder_reader *r, const struct tree_pair *pair, uint32_t depth, struct decoder_case *list,
					  uint32_t *count)
{
	struct decoder_case one = {0};
	if (!reader_steps(r, pair->value, depth + 1, &one.steps, &one.step_count))
		return false;
	struct slice key = pair->key->text;
	for (size_t from = 0; from <= key.len;) {
		size_t to = slice_find_octet(key, ',', from);
		to = to == SIZE_MAX ? key.len : to;
		if (!reader_copy(r, slice_trim(slice_of(key.ptr + from, to - from)), &one.value))
			return false;
		list[(*count)++] = one;
		from = to + 1;
	}
	return true;
}

static bool read_switch(struct decoder_reader *r, const struct tree_node *n, uint32_t depth, struct decoder_step *s)
{
	static const char *const known[] = {"on", "cases", NULL};
	const struct tree_node *on, *cases;
	if (!reader_keys(r, n, known))
		return false;
	on = tree_get(n, "on");
	cases = tree_get(n, "cases");
	if (on == NULL || !tree_is_scalar(on) || cases == NULL || cases->type != TREE_MAP || cases->count > 1024)
		return reader_refuse_node(r, n, "decoder-switch",
								  "switch needs 'on', a field, and 'cases', a map of value: steps");
	uint32_t room = 0, count = 0;
	for (uint32_t i = 0; i < cases->count; i++)
		room += case_values(cases->pairs[i].key->text);
	struct decoder_case *list = reader_room(r, room, sizeof *list);
	if (list == NULL || room > UINT16_MAX || !reader_name(r, on->text, &s->on))
		return false;
	for (uint32_t i = 0; i < cases->count; i++)
		if (!read_case(r, &cases->pairs[i], depth, list, &count))
			return false;
	qsort(list, count, sizeof *list, compare_cases);
	for (uint32_t i = 1; i < count; i++)
		if (slice_equal(list[i - 1].value, list[i].value))
			return reader_refuse_node(r, cases, "decoder-switch", "the value '%.*s' stands in two cases",
									  SLICE_PRINT(list[i].value));
	s->cases = list;
	s->case_count = (uint16_t)count;
	return true;
}

static bool read_pattern(struct decoder_reader *r, const struct tree_node *n, struct decoder_step *s)
{
	if (!tree_is_scalar(n) || n->type == TREE_NULL)
		return reader_refuse_node(r, n, "decoder-type", "a pattern must be a text");
	s->kind = STEP_PATTERN;
	return decoder_pattern_compile(r, n->text, n->line, &s->pattern);
}

/* What every text of the step begins with, so that others are passed over with one comparison. */
static void find_text_head(struct decoder_step *s)
{
	if (s->kind == STEP_PATTERN && s->pattern.ops[0].kind == OP_LITERAL) {
		s->head = s->pattern.ops[0].head;
		s->head_mask = s->pattern.ops[0].mask;
	}
	if (s->kind != STEP_FIRST || s->step_count == 0)
		return;
	uint64_t same = s->steps[0].head_mask, head = s->steps[0].head;
	for (uint16_t i = 1; i < s->step_count; i++) {
		const struct decoder_step *one = &s->steps[i];
		for (unsigned k = 0; k < 64; k += 8) /* octets are the same as a whole or not at all */
			if (((one->head_mask >> k & 0xff) == 0) || ((one->head ^ head) >> k & 0xff) != 0)
				same &= ~(UINT64_C(0xff) << k);
	}
	s->head = head & same;
	s->head_mask = same;
}

static void find_head(struct decoder_step *s)
{
	find_text_head(s);
	if (s->in == DECODER_NONE)
		return;
	s->field_head = s->head;
	s->field_mask = s->head_mask;
	s->head = s->head_mask = 0;
}

/* A list of patterns is a choice among them that shares all else. */
static bool read_patterns(struct decoder_reader *r, const struct tree_node *n, struct decoder_step *s)
{
	if (n->type != TREE_LIST)
		return read_pattern(r, n, s);
	struct decoder_step *steps = reader_room(r, n->count, sizeof *steps);
	if (steps == NULL || n->count == 0 || n->count > 1000)
		return steps != NULL && reader_refuse_node(r, n, "decoder-pattern", "from 1 to 1,000 patterns");
	for (uint32_t i = 0; i < n->count; i++) {
		steps[i] = (struct decoder_step){.in = DECODER_NONE, .logsource = DECODER_NONE, .line = n->items[i]->line};
		if (!read_pattern(r, n->items[i], &steps[i]))
			return false;
		find_head(&steps[i]);
	}
	s->kind = STEP_FIRST;
	s->steps = steps;
	s->step_count = (uint16_t)n->count;
	return true;
}

/* What the step does with its text: at most one of pattern, kv, split, json, first, switch. */
static bool read_kind(struct decoder_reader *r, const struct tree_node *n, uint32_t depth, struct decoder_step *s)
{
	const struct tree_node *pattern = tree_get(n, "pattern"), *kv = tree_get(n, "kv"), *split = tree_get(n, "split");
	const struct tree_node *first = tree_get(n, "first"), *sw = tree_get(n, "switch"), *json = tree_get(n, "json");
	if ((pattern != NULL) + (json != NULL) + (kv != NULL) + (split != NULL) + (first != NULL) + (sw != NULL) > 1)
		return reader_refuse_node(r, n, "decoder-step",
								  "a step has at most one of pattern, kv, split, json, first, switch");
	s->kind = STEP_ALWAYS;
	if (pattern != NULL)
		return read_patterns(r, pattern, s);
	if (kv != NULL) {
		s->kind = STEP_KV;
		return read_kv(r, kv, &s->kv);
	}
	if (split != NULL) {
		s->kind = STEP_SPLIT;
		return read_split(r, split, &s->split);
	}
	if (json != NULL) {
		static const char *const known[] = {"prefix", "seek", NULL};
		s->kind = STEP_JSON;
		return json->type == TREE_NULL || (reader_keys(r, json, known) && read_bool(r, json, "seek", &s->seek) &&
										   read_slice(r, json, "prefix", &s->json_prefix));
	}
	if (first != NULL) {
		s->kind = STEP_FIRST;
		return reader_steps(r, first, depth + 1, &s->steps, &s->step_count);
	}
	if (sw != NULL) {
		s->kind = STEP_SWITCH;
		return read_switch(r, sw, depth, s);
	}
	return true;
}

static bool read_effects(struct decoder_reader *r, const struct tree_node *n, uint32_t depth, struct decoder_step *s)
{
	const struct tree_node *part;
	if ((part = tree_get(n, "in")) != NULL && !reader_name(r, part->text, &s->in))
		return false;
	if ((part = tree_get(n, "when")) != NULL && !reader_conditions(r, part, &s->when, &s->when_count))
		return false;
	if ((part = tree_get(n, "set")) != NULL && !reader_constants(r, part, &s->set, &s->set_count))
		return false;
	if ((part = tree_get(n, "strip")) != NULL && !reader_slices(r, part, &s->strip, &s->strip_count))
		return false;
	if ((part = tree_get(n, "rename")) != NULL && !reader_renames(r, part, &s->renames))
		return false;
	if ((part = tree_get(n, "time")) != NULL && !read_times(r, part, s))
		return false;
	if ((part = tree_get(n, "logsource")) != NULL && !reader_logsource(r, part, &s->logsource))
		return false;
	if ((part = tree_get(n, "then")) != NULL && !reader_steps(r, part, depth + 1, &s->then, &s->then_count))
		return false;
	return true;
}

static bool read_step(struct decoder_reader *r, const struct tree_node *n, uint32_t depth, struct decoder_step *s)
{
	if (!reader_keys(r, n, step_keys))
		return false;
	*s = (struct decoder_step){.in = DECODER_NONE, .logsource = DECODER_NONE, .on = DECODER_NONE, .line = n->line};
	if (!read_kind(r, n, depth, s) || !read_effects(r, n, depth, s))
		return false;
	s->given = s->kind != STEP_KV;
	s->effects = s->logsource != DECODER_NONE || s->set_count > 0 || s->strip_count > 0 || s->time_count > 0 ||
				 (s->given && s->renames.count > 0);
	find_head(s);
	return true;
}

bool reader_steps(struct decoder_reader *r, const struct tree_node *list, uint32_t depth, struct decoder_step **out,
				  uint16_t *count)
{
	if (depth >= DECODER_DEPTH_MAX)
		return reader_refuse_node(r, list, "decoder-limit", "steps are nested at most 12 deep");
	if (list->type == TREE_NULL) {
		*count = 0;
		return true;
	}
	if (list->type != TREE_LIST || list->count > 2000)
		return reader_refuse_node(r, list, "decoder-type", "steps are a list of at most 2,000 maps");
	struct decoder_step *steps = reader_room(r, list->count, sizeof *steps);
	if (steps == NULL)
		return false;
	for (uint32_t i = 0; i < list->count; i++)
		if (!read_step(r, list->items[i], depth, &steps[i]))
			return false;
	*out = steps;
	*count = (uint16_t)list->count;
	return true;
}
