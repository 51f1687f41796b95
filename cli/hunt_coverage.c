#include "cli/hunt_coverage.h"

#include "cli/json_tree.h"

#define SLOTS 4096u

struct counted_text {
	struct counted_text *next;
	struct slice text;
	uint64_t count;
};

/* ---- counted texts ---- */

static struct counted_text *text_find(const struct counted_texts *t, struct slice text)
{
	struct counted_text *c = t->slots[xxh3_seeded(text, t->seed) % SLOTS];
	while (c && !slice_equal(c->text, text))
		c = c->next;
	return c;
}

static void text_count(struct coverage *c, struct counted_texts *t, struct slice text)
{
	struct counted_text *found = text_find(t, text);
	if (!found) {
		struct counted_text **slot = &t->slots[xxh3_seeded(text, t->seed) % SLOTS];
		found = arena_zalloc(&c->arena, sizeof *found);
		struct slice copy = arena_copy(&c->arena, text);
		if (!found || (text.len && !copy.ptr)) {
			c->failed = true;
			return;
		}
		*found = (struct counted_text){*slot, copy, 0};
		*slot = found;
		t->count++;
	}
	found->count++;
}

static int texts_init(struct coverage *c, struct counted_texts *t)
{
	t->slots = arena_zalloc(&c->arena, SLOTS * sizeof(struct counted_text *));
	if (!t->slots)
		return -ERROR_MEMORY;
	return c->env->random.fill(c->env->random.ctx, &t->seed, sizeof t->seed) < 0 ? -ERROR_IO : 0;
}

int coverage_init(struct coverage *c, const struct env *env)
{
	*c = (struct coverage){.env = env, .first_ns = INT64_MAX, .last_ns = INT64_MIN};
	arena_init(&c->arena, env, 0);
	buffer_init(&c->key, env);
	int result = texts_init(c, &c->sources);
	return result ? result : texts_init(c, &c->logsources);
}

void coverage_free(struct coverage *c)
{
	arena_free(&c->arena);
	buffer_free(&c->key);
}

/* ---- rows ---- */

/* product NUL category NUL service */
static void count_logsource(struct coverage *c, const struct batch *batch, const struct batch_row *row)
{
	struct logsource l = {0};
	if (row->logsource != BATCH_NO_INDEX)
		l = batch_get_logsource(batch, row->logsource);
	buffer_reset(&c->key);
	buffer_add_slice(&c->key, l.product);
	buffer_add_octet(&c->key, 0);
	buffer_add_slice(&c->key, l.category);
	buffer_add_octet(&c->key, 0);
	buffer_add_slice(&c->key, l.service);
	c->failed |= c->key.failed;
	if (!c->key.failed)
		text_count(c, &c->logsources, buffer_slice(&c->key));
}

static void count_gap(struct coverage *c, const struct batch_row *row)
{
	struct arena arena;
	arena_init(&arena, c->env, 0);
	int64_t lost = json_member_i64(json_tree(&arena, row->original), "count", 0);
	c->gaps++;
	c->dropped += lost > 0 ? (uint64_t)lost : 0;
	arena_free(&arena);
}

static void count_event(struct coverage *c, const struct detect_past *p, const struct batch_row *row, int64_t when)
{
	bool backfill = (p->batch->must_flags & BATCH_FLAG_BACKFILL) != 0;
	c->events++;
	c->late += !backfill && ((row->flags & ROW_LATE) || row->observed_ns - when > LATENESS_NS);
	c->first_ns = when < c->first_ns ? when : c->first_ns;
	c->last_ns = when > c->last_ns ? when : c->last_ns;
	text_count(c, &c->sources, batch_source_line(p->batch, row->source));
	count_logsource(c, p->batch, row);
}

void coverage_add(struct coverage *c, const struct detect_past *p)
{
	for (uint32_t i = 0; i < p->batch->row_count; i++) {
		struct batch_row row;
		batch_get_row(p->batch, i, &row);
		int64_t when = batch_row_when(&row);
		if ((p->skip && (p->skip[i / 64] >> i % 64 & 1)) || when < p->from_ns ||
			(when >= p->to_ns && p->to_ns != INT64_MAX))
			continue;
		if (row.kind == ROW_EVENT)
			count_event(c, p, &row, when);
		else if (row.kind == ROW_GAP)
			count_gap(c, &row);
	}
}

bool coverage_is_silent(const struct coverage *c, struct slice source)
{
	return text_find(&c->sources, source) == NULL;
}

/* ---- telling ---- */

static bool same_part(struct slice rule, struct slice event)
{
	return rule.len > 0 && slice_equal_nocase(rule, event);
}

static bool concerns(const struct counted_text *t, const struct rule *rule)
{
	struct logsource l;
	size_t first = slice_find_octet(t->text, 0, 0), second = slice_find_octet(t->text, 0, first + 1);
	l.product = slice_of(t->text.ptr, first);
	l.category = slice_of(t->text.ptr + first + 1, second - first - 1);
	l.service = slice_from(t->text, second + 1);
	const struct logsource *r = &rule->logsource;
	bool names_any = r->product.len + r->category.len + r->service.len > 0;
	bool shares =
		same_part(r->product, l.product) || same_part(r->category, l.category) || same_part(r->service, l.service);
	return (shares || !names_any) && logsource_agrees(r, &l);
}

static bool is_covered(const struct coverage *c, const struct rule *rule)
{
	if (rule->kind == RULE_YARA)
		return c->events > 0;
	for (unsigned i = 0; i < SLOTS; i++)
		for (const struct counted_text *t = c->logsources.slots[i]; t; t = t->next)
			if (concerns(t, rule))
				return true;
	return false;
}

static void print_uncovered(const struct coverage *c, const struct ruleset *ruleset, struct json_writer *w)
{
	json_key(w, "not_covered");
	json_array(w);
	for (uint32_t i = 0; i < ruleset_count(ruleset); i++) {
		const struct rule *rule = ruleset_rule(ruleset, i);
		if (rule->kind == RULE_CORRELATION || is_covered(c, rule))
			continue;
		json_object(w);
		json_key(w, "id");
		if (rule->id.len)
			json_string(w, rule->id);
		else
			json_null(w);
		json_key(w, "title");
		json_string(w, rule->title);
		json_object_end(w);
	}
	json_array_end(w);
}

static void print_time(struct json_writer *w, const char *key, bool known, int64_t ns)
{
	json_key(w, key);
	if (known)
		json_time(w, ns);
	else
		json_null(w);
}

void coverage_print(struct coverage *c, const struct ruleset *ruleset, struct json_writer *w)
{
	const struct {
		const char *key;
		uint64_t value;
	} numbers[] = {{"events", c->events},
				   {"late", c->late},
				   {"gaps", c->gaps},
				   {"dropped", c->dropped},
				   {"sources", c->sources.count},
				   {"rules", ruleset_count(ruleset)}};
	print_time(w, "first", c->events > 0, c->first_ns);
	print_time(w, "last", c->events > 0, c->last_ns);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		json_member_u64(w, numbers[i].key, numbers[i].value);
	print_uncovered(c, ruleset, w);
}
