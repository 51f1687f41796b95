#include "cli/shadow.h"

#include "cli/json_tree.h"
#include "cli/match_loop.h"

#include <stdio.h>
#include <stdlib.h>

struct shadow {
	const struct env *env;
	struct ruleset *ruleset;
	struct detect *detect;
	struct temporal *temporal;
	struct incident_book *book;
	struct match_loop loop;
	int64_t since_ns;
	bool failed;
	struct error error;
};

/* ---- what the stages write ---- */

static int on_matches(void *ctx, uint32_t partition, struct slice record)
{
	(void)partition;
	return match_loop_add(&((struct shadow *)ctx)->loop, record);
}

static int on_rows(void *ctx, uint32_t partition, struct slice batch)
{
	struct shadow *s = ctx;
	(void)partition;
	return incident_book_add(s->book, batch, &s->error);
}

void shadow_record(struct shadow *s, uint32_t partition, uint64_t offset, struct slice octets)
{
	if (s->failed)
		return;
	int result = detect_record(s->detect, partition, offset, octets, &s->error);
	if (!result)
		result = match_loop_run(&s->loop, s->detect, s->temporal, &s->error);
	s->failed = result < 0;
	if (s->failed)
		fprintf(stderr, "cresset: the shadow rules are given up: %s\n", s->error.text);
}

/* ---- making and freeing ---- */

static int open_stages(struct shadow *s, const struct shadow_config *config, struct error *error)
{
	static const uint32_t zero[1] = {0};
	struct correlate_sink sink = {on_matches, on_rows, s};
	struct detect_config d = {.ruleset = s->ruleset,
							  .matches_partitions = 1,
							  .incidents_partitions = 1,
							  .events_partitions = config->events_partitions,
							  .events_count = config->events_count,
							  .sink = sink};
	struct temporal_config t = {.ruleset = s->ruleset,
								.matches_partitions = 1,
								.incidents_partitions = 1,
								.events_partitions = config->events_partitions_all,
								.owned = zero,
								.owned_count = 1,
								.sink = sink};
	d.collector[0] = 1; /* the book tells rows apart by who wrote them */
	t.collector[0] = 2;
	int result = detect_new(s->env, &d, &s->detect, error);
	return result ? result : temporal_new(s->env, &t, &s->temporal, error);
}

int shadow_new(const struct env *env, const struct shadow_config *config, struct shadow **out, struct error *error)
{
	struct shadow *s = env_zalloc(env, sizeof *s);
	if (!s)
		return error_set(error, ERROR_MEMORY, "no memory for shadow rules");
	s->env = env;
	s->ruleset = ruleset_hold(config->ruleset);
	s->since_ns = env_now(env);
	match_loop_init(&s->loop, env);
	int result = incident_book_new(env, &s->book, error);
	if (!result)
		result = open_stages(s, config, error);
	if (result) {
		shadow_free(s);
		return result;
	}
	*out = s;
	return 0;
}

void shadow_free(struct shadow *s)
{
	if (!s)
		return;
	if (s->detect)
		detect_free(s->detect);
	if (s->temporal)
		temporal_free(s->temporal);
	if (s->book)
		incident_book_free(s->book);
	match_loop_free(&s->loop);
	ruleset_release(s->ruleset);
	env_free(s->env, s);
}

/* ---- comparing ---- */

struct told {
	const struct json_node *incident;
	struct slice id, rule, group; /* rule: its id, else its title */
	int64_t first_ns, last_ns, count;
	bool paired;
};

struct told_list {
	struct told *list;
	size_t count;
};

static int64_t time_of(const struct json_node *n, const char *key)
{
	int64_t ns = 0;
	struct slice text = json_member_slice(n, key);
	return text.len && clock_parse_option(text, 0, &ns) ? ns : 0;
}

static void read_told(const struct json_node *n, struct told *t)
{
	const struct json_node *rule = json_member(n, "rule"), *group = json_member(n, "group");
	struct slice id = json_member_slice(rule, "id");
	*t = (struct told){.incident = n,
					   .id = json_member_slice(n, "id"),
					   .rule = id.len ? id : json_member_slice(rule, "title"),
					   .group = group ? group->text : SLICE_NONE,
					   .first_ns = time_of(n, "first_seen"),
					   .last_ns = time_of(n, "last_seen"),
					   .count = json_member_i64(n, "count", 0)};
}

/* Incidents of a book whose newest event is not older than `since`. */
static int read_book(const struct incident_book *book, int64_t since_ns, struct arena *arena, struct told_list *out)
{
	struct buffer lines;
	size_t at = 0, stop, room = 0;
	buffer_init(&lines, arena->env);
	int result = incident_book_list(book, false, &lines);
	for (size_t i = 0; i < lines.len; i++)
		room += lines.ptr[i] == '\n';
	struct slice text = arena_copy(arena, buffer_slice(&lines));
	buffer_free(&lines);
	out->list = arena_alloc(arena, (room + 1) * sizeof *out->list);
	if (result || !out->list || (room && !text.ptr))
		return -ERROR_MEMORY;
	while ((stop = slice_find_octet(text, '\n', at)) != SIZE_MAX) {
		const struct json_node *n = json_tree(arena, slice_of(text.ptr + at, stop - at));
		at = stop + 1;
		if (!n)
			return -ERROR_MEMORY;
		read_told(n, &out->list[out->count]);
		out->count += out->list[out->count].last_ns >= since_ns;
	}
	return 0;
}

static int by_what(const void *a, const void *b)
{
	const struct told *x = a, *y = b;
	int order = slice_compare(x->rule, y->rule);
	if (!order)
		order = slice_compare(x->group, y->group);
	return order ? order : x->first_ns < y->first_ns ? -1 : x->first_ns > y->first_ns;
}

static bool is_same_place(const struct told *a, const struct told *b)
{
	return slice_equal(a->rule, b->rule) && slice_equal(a->group, b->group) && a->first_ns <= b->last_ns &&
		   b->first_ns <= a->last_ns;
}

static void print(struct buffer *out, const char *change, const struct told *t, const struct told *before)
{
	static const char *const members[] = {"rule", "group", "first_seen", "last_seen", "count"};
	struct json_writer w;
	json_writer_init(&w, out);
	json_object(&w);
	json_key(&w, "change");
	json_str(&w, change);
	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		const struct json_node *n = json_member(t->incident, members[i]);
		json_key(&w, members[i]);
		if (!n)
			json_null(&w);
		else if (n->type == JSON_STRING)
			json_string(&w, n->text);
		else
			json_raw(&w, n->text);
	}
	if (before) {
		json_key(&w, "count_before");
		json_i64(&w, before->count);
	}
	json_object_end(&w);
	buffer_add_octet(out, '\n');
}

struct comparison {
	struct told_list live, shadow;
	uint64_t same, changed, added, gone;
};

/* Both lists are in order: those of the same rule and group stand together. */
static void pair(struct comparison *c, struct buffer *out)
{
	size_t from = 0;
	for (size_t i = 0; i < c->shadow.count; i++) {
		struct told *t = &c->shadow.list[i], *match = NULL;
		while (from < c->live.count && (slice_compare(c->live.list[from].rule, t->rule) < 0 ||
										(slice_equal(c->live.list[from].rule, t->rule) &&
										 slice_compare(c->live.list[from].group, t->group) < 0)))
			from++;
		for (size_t k = from; k < c->live.count && !match && slice_equal(c->live.list[k].rule, t->rule) &&
							  slice_equal(c->live.list[k].group, t->group);
			 k++)
			if (!c->live.list[k].paired && is_same_place(&c->live.list[k], t))
				match = &c->live.list[k];
		if (match)
			match->paired = true;
		if (!match)
			print(out, "new", t, NULL);
		else if (match->count != t->count)
			print(out, "changed", t, match);
		*(!match ? &c->added : match->count != t->count ? &c->changed : &c->same) += 1;
	}
	for (size_t k = 0; k < c->live.count; k++)
		if (!c->live.list[k].paired) {
			print(out, "gone", &c->live.list[k], NULL);
			c->gone++;
		}
}

static void summary(const struct shadow *s, const struct comparison *c, struct buffer *out)
{
	struct json_writer w;
	struct detect_stats stats;
	detect_stats(s->detect, &stats);
	const struct {
		const char *key;
		uint64_t value;
	} numbers[] = {{"same", c->same}, {"changed", c->changed},  {"new", c->added},
				   {"gone", c->gone}, {"events", stats.events}, {"rules", ruleset_count(s->ruleset)}};
	json_writer_init(&w, out);
	json_object(&w);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		json_key(&w, numbers[i].key);
		json_u64(&w, numbers[i].value);
	}
	json_key(&w, "since");
	json_time(&w, s->since_ns);
	json_key(&w, "failed");
	if (s->failed)
		json_str(&w, s->error.text);
	else
		json_null(&w);
	json_object_end(&w);
	buffer_add_octet(out, '\n');
}

int shadow_compare(const struct shadow *s, const struct incident_book *live, struct buffer *ndjson)
{
	struct comparison c = {0};
	struct arena arena;
	arena_init(&arena, s->env, 0);
	int result = read_book(live, s->since_ns, &arena, &c.live);
	if (!result)
		result = read_book(s->book, s->since_ns, &arena, &c.shadow);
	if (!result) {
		qsort(c.live.list, c.live.count, sizeof *c.live.list, by_what);
		qsort(c.shadow.list, c.shadow.count, sizeof *c.shadow.list, by_what);
		pair(&c, ndjson);
		summary(s, &c, ndjson);
	}
	arena_free(&arena);
	return result || ndjson->failed ? -ERROR_MEMORY : 0;
}
