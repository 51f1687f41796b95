#include "store/query_sift_inside.h"

int sift_no_memory(struct error *error)
{
	return error_set(error, ERROR_MEMORY, "no memory to look into a row group");
}

/* ---- from templates and values to rows ---- */

int sift_rules_init(struct sift *s, struct sift_rules *rules, struct error *error)
{
	const struct group *g = s->g;
	size_t pieces = 0;
	for (uint32_t i = 0; i < g->structure_count; i++)
		pieces += g->structures[i].value_count;
	rules->templates = arena_zalloc(&s->arena, g->template_count);
	rules->torn = arena_zalloc(&s->arena, g->template_count * sizeof *rules->torn);
	rules->places = arena_alloc(&s->arena, pieces * sizeof *rules->places);
	rules->first = arena_zalloc(&s->arena, g->structure_count * sizeof *rules->first);
	rules->count = arena_zalloc(&s->arena, g->structure_count * sizeof *rules->count);
	if (!rules->templates || !rules->torn || !rules->places || !rules->first || !rules->count)
		return sift_no_memory(error);
	return 0;
}

static uint8_t worst(const struct sift_rules *rules, uint32_t structure)
{
	uint8_t verdict = SIFT_NO;
	for (uint32_t i = 0; i < rules->count[structure]; i++)
		for (unsigned class = 0; class < 4 && rules->places[rules->first[structure] + i].classes; class ++)
			verdict |= rules->places[rules->first[structure] + i].verdicts[class];
	return verdict;
}

/* Nothing that a row could have makes a difference: then rows need not be gone through. */
static bool all_no(const struct sift *s, const struct sift_rules *rules)
{
	for (uint32_t i = 0; i < s->g->template_count; i++)
		if (rules->templates[i] != SIFT_NO)
			return false;
	for (uint32_t i = 0; i < s->g->structure_count; i++)
		if (worst(rules, i) != SIFT_NO)
			return false;
	return true;
}

static inline uint8_t place_verdict(struct sift *s, const struct sift_place *place)
{
	uint32_t at = s->cursors[place->column]++;
	if (!place->classes)
		return SIFT_NO;
	const struct values_view *v = &s->g->columns[place->column];
	return place->verdicts[place->classes[v->encoding == VALUES_DICTIONARY ? v->codes[at] : at]];
}

void sift_rows(struct sift *s, const struct sift_rules *rules, uint8_t *verdicts)
{
	const struct group *g = s->g;
	if (all_no(s, rules)) {
		memset(verdicts, SIFT_NO, g->from.rows);
		return;
	}
	memset(s->cursors, 0, g->from.column_count * sizeof *s->cursors);
	for (uint32_t row = 0; row < g->from.rows; row++) {
		uint32_t template = g->template_codes[row];
		size_t structure = (size_t)(g->templates[template].structure - g->structures);
		const struct sift_place *place = rules->places + rules->first[structure];
		uint8_t verdict = rules->templates[template];
		for (uint32_t i = 0; i < rules->count[structure]; i++) {
			uint8_t other = place_verdict(s, &place[i]);
			verdict = other > verdict ? other : verdict;
		}
		if (verdict == SIFT_IN_TEXT)
			verdict = !rules->torn[template] && query_charset_is_text(g->heads[g->head_codes[row]].charset)
						  ? SIFT_YES
						  : SIFT_MAYBE;
		verdicts[row] = verdict;
	}
}

/* ---- the tree ---- */

static int sift_node(struct sift *s, const struct node *node, uint8_t *verdicts, struct error *error);

static bool all_are(const uint8_t *verdicts, uint32_t count, uint8_t verdict)
{
	return count == 0 || (verdicts[0] == verdict && memcmp(verdicts, verdicts + 1, count - 1) == 0);
}

/* Children are asked until the answer cannot change any more. */
static int sift_children(struct sift *s, const struct node *node, uint8_t *verdicts, struct error *error)
{
	bool all = node->kind == NODE_AND;
	uint32_t rows = s->g->from.rows;
	int result = sift_node(s, node->first, verdicts, error);
	uint8_t *other = arena_alloc(&s->arena, rows);
	if (!other)
		return sift_no_memory(error);
	for (const struct node *n = node->first->next; n && result == 0; n = n->next) {
		if (all_are(verdicts, rows, all ? SIFT_NO : SIFT_YES))
			break;
		result = sift_node(s, n, other, error);
		for (uint32_t i = 0; i < rows && result == 0; i++)
			if (all ? other[i] < verdicts[i] : other[i] > verdicts[i])
				verdicts[i] = other[i];
	}
	return result;
}

static int sift_node(struct sift *s, const struct node *node, uint8_t *verdicts, struct error *error)
{
	int result;
	switch (node->kind) {
	case NODE_ALL:
		memset(verdicts, SIFT_YES, s->g->from.rows);
		return 0;
	case NODE_AND:
	case NODE_OR:
		return sift_children(s, node, verdicts, error);
	case NODE_NOT:
		result = sift_node(s, node->first, verdicts, error);
		for (uint32_t i = 0; i < s->g->from.rows && result == 0; i++)
			verdicts[i] = (uint8_t)(SIFT_YES - verdicts[i]);
		return result;
	case NODE_WORD:
		return sift_word(s, &node->pattern, verdicts, error);
	case NODE_FIELD:
		return sift_field(s, node, verdicts, error);
	}
	return 0;
}

/* ---- the group ---- */

static bool kind_wanted(const struct query *q, const struct row_head *head)
{
	return q->kinds >> (head->kind < 31 ? head->kind : 31) & 1;
}

static void sift_kinds(const struct sift *s, uint8_t *verdicts)
{
	const struct group *g = s->g;
	bool all = true;
	for (uint32_t i = 0; i < g->head_count; i++)
		all = all && kind_wanted(s->q, &g->heads[i]);
	for (uint32_t i = 0; i < g->from.rows && !all; i++)
		if (!kind_wanted(s->q, &g->heads[g->head_codes[i]]))
			verdicts[i] = SIFT_NO;
}

/* Rows outside of the time asked for are not made only to be thrown away. */
static int sift_times(const struct sift *s, const struct zone *zone, uint8_t *verdicts, struct error *error)
{
	struct group *g = s->g;
	const struct query *q = s->q;
	if (zone->when_min >= q->from_ns && (zone->when_max < q->to_ns || q->to_ns == INT64_MAX))
		return 0;
	int result = group_load_times(g, error);
	for (uint32_t i = 0; i < g->from.rows && result == 0; i++) {
		struct batch_row row = {.time_ns = (int64_t)g->times[i],
								.observed_ns = (int64_t)g->observed[i],
								.quality = g->heads[g->head_codes[i]].quality};
		int64_t when = batch_row_when(&row);
		if (when < q->from_ns || (when >= q->to_ns && q->to_ns != INT64_MAX))
			verdicts[i] = SIFT_NO;
	}
	return result;
}

/* Our own writer makes no group with so much text; of another it would be too much to fold it all at once. */
#define SIFT_BYTES_MAX (48u << 20)

static bool is_too_much(const struct sift *s, const struct segment_group *group)
{
	uint64_t octets = s->g->template_octets.len;
	for (uint32_t i = 0; i < group->column_count; i++)
		octets += group->columns[i].kind == COLUMN_VALUES ? group->columns[i].octets : 0;
	return octets > SIFT_BYTES_MAX;
}

static int sift(void *ctx, struct segment_rows *rows, uint8_t *verdicts, struct error *error)
{
	struct sift *s = ctx;
	const struct segment_group *group = &rows->segment->index.groups[rows->number];
	arena_reset(&s->arena);
	s->g = &rows->group;
	s->texts = NULL;
	s->columns = arena_zalloc(&s->arena, s->g->from.column_count * sizeof *s->columns);
	s->cursors = arena_alloc(&s->arena, s->g->from.column_count * sizeof *s->cursors);
	s->encodings = arena_alloc(&s->arena, s->g->from.column_count);
	if (!s->columns || !s->cursors || !s->encodings)
		return sift_no_memory(error);
	for (uint32_t i = 0, k = 0; i < group->column_count; i++)
		if (group->columns[i].kind == COLUMN_VALUES)
			s->encodings[k++] = group->columns[i].encoding;
	int result = 0;
	if (is_too_much(s, group))
		memset(verdicts, SIFT_MAYBE, s->g->from.rows);
	else
		result = sift_node(s, s->q->root, verdicts, error);
	if (result == 0)
		sift_kinds(s, verdicts);
	return result == 0 ? sift_times(s, &group->zone, verdicts, error) : result;
}

static bool test(void *ctx, struct segment_rows *rows, const struct group_row *row)
{
	struct sift *s = ctx;
	return query_test_stored(s->q, s->q->root, &rows->group, row);
}

/* ---- opening ---- */

static uint32_t words_of(const struct node *node)
{
	uint32_t count = node->kind == NODE_WORD || node->kind == NODE_FIELD;
	for (const struct node *n = node->first; n; n = n->next)
		count += words_of(n);
	return count;
}

struct sift *sift_new(const struct env *env, struct query *q)
{
	if (!q->root || words_of(q->root) > SIFT_WORDS_MAX)
		return NULL;
	struct sift *s = env_zalloc(env, sizeof *s);
	if (!s)
		return NULL;
	s->env = env;
	s->q = q;
	arena_init(&s->arena, env, 4u << 20); /* enough for most groups, kept from one to the next */
	s->sieve = (struct scan_sieve){.sift = sift,
								   .test = test,
								   .ctx = s,
								   .count_only = q->count_only,
								   .all_columns = q->found_all,
								   .columns = q->found_columns,
								   .column_count = q->found_column_count};
	return s;
}

const struct scan_sieve *sift_sieve(const struct sift *s)
{
	return s ? &s->sieve : NULL;
}

void sift_free(struct sift *s)
{
	if (!s)
		return;
	arena_free(&s->arena);
	env_free(s->env, s);
}
