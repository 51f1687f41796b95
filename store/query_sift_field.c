/* A field's condition asked of templates and values. */
#include "store/query_sift_inside.h"

struct matching {
	struct sift *s;
	const struct node *node;
	const uint8_t **classes; /* of each column, for each type that a field made of it can have */
	struct buffer joined;
	struct error *error;
};

enum {
	VALUE_NO = 0,
	VALUE_YES = 1
};

/* ---- what every row has: by its head ---- */

static bool head_has(enum special special)
{
	return special == SPECIAL_KIND || special == SPECIAL_SOURCE || special == SPECIAL_DECODER ||
		   special == SPECIAL_FORMAT || special == SPECIAL_FLAG;
}

static int sift_special(struct sift *s, const struct node *node, uint8_t *verdicts, struct error *error)
{
	const struct group *g = s->g;
	uint8_t *heads = arena_alloc(&s->arena, g->head_count);
	if (!heads)
		return sift_no_memory(error);
	for (uint32_t i = 0; i < g->head_count; i++) {
		struct group_row row = {.head = &g->heads[i]};
		heads[i] = SIFT_MAYBE;
		if (head_has(node->field.special))
			heads[i] = query_test_stored(s->q, node, g, &row) ? SIFT_YES : SIFT_NO;
	}
	for (uint32_t i = 0; i < g->from.rows; i++)
		verdicts[i] = heads[g->head_codes[i]];
	return 0;
}

/* ---- fields of templates ---- */

static uint8_t verdict_of(struct matching *m, uint8_t type, struct slice text, uint32_t small)
{
	struct batch_value value = {.type = type, .text = text, .small = small};
	return match_value(m->s->q, &m->node->match, &value) ? SIFT_YES : SIFT_NO;
}

static bool all_literal(const struct group_structure *s, const struct structure_field *field)
{
	for (uint32_t k = field->first; k < field->first + field->count; k++)
		if (s->pieces[k].from != PIECE_LITERAL)
			return false;
	return true;
}

/* The text of a field that is made of literals alone. */
static struct slice join_literals(struct matching *m, const struct group_template *t,
								  const struct structure_field *field)
{
	uint32_t before = 0;
	for (uint32_t k = 0; k < field->first; k++)
		before += t->structure->pieces[k].from == PIECE_LITERAL;
	if (field->count == 1)
		return t->literals[before];
	buffer_reset(&m->joined);
	for (uint32_t i = 0; i < field->count; i++)
		buffer_add_slice(&m->joined, t->literals[before + i]);
	m->s->q->out_of_memory |= m->joined.failed;
	return buffer_slice(&m->joined);
}

static uint8_t field_verdict(struct matching *m, const struct group_template *t, const struct structure_field *field,
							 uint32_t small)
{
	if (m->node->match.kind == MATCH_ANY)
		return SIFT_YES;
	if (field->type == VALUE_NULL || field->type == VALUE_SMALL)
		return verdict_of(m, field->type, SLICE_NONE, small);
	if (all_literal(t->structure, field))
		return verdict_of(m, field->type, join_literals(m, t, field), 0);
	/* One value: each row's own. */
	if (field->count == 1 && t->structure->pieces[field->first].from == PIECE_VALUE)
		return SIFT_NO;
	return SIFT_MAYBE;
}

static bool is_named(const struct matching *m, const struct structure_field *field)
{
	return slice_equal(m->s->g->names[field->name], m->node->field.name);
}

static uint8_t template_verdict(struct matching *m, const struct group_template *t)
{
	const uint32_t *small = t->smalls;
	uint8_t best = SIFT_NO;
	for (uint32_t i = 0; i < t->structure->field_count; i++) {
		const struct structure_field *field = &t->structure->fields[i];
		uint32_t value = field->type == VALUE_SMALL ? *small++ : 0;
		if (!is_named(m, field))
			continue;
		uint8_t verdict = field_verdict(m, t, field, value);
		best = verdict > best ? verdict : best;
	}
	return best;
}

/* ---- fields that are one value ---- */

static int classes_of(struct matching *m, uint32_t column, uint8_t type, const uint8_t **out)
{
	const struct sift_column *c = NULL;
	const uint8_t **known = &m->classes[(size_t)column * VALUE_TYPE_COUNT + type];
	int result = *known ? 0 : sift_column(m->s, column, &c, m->error);
	if (result == 0 && c) {
		const struct values_view *v = &m->s->g->columns[column];
		uint8_t *classes = arena_alloc(&m->s->arena, c->count), scratch[24];
		if (!classes)
			return sift_no_memory(m->error);
		for (uint32_t i = 0; i < c->count; i++)
			classes[i] = verdict_of(m, type, values_known(v, i, scratch), 0) == SIFT_YES ? VALUE_YES : VALUE_NO;
		*known = classes;
	}
	*out = *known;
	return result;
}

static const struct structure_field *field_at(const struct matching *m, const struct group_structure *s, uint32_t piece)
{
	for (uint32_t i = 0; i < s->field_count; i++) {
		const struct structure_field *field = &s->fields[i];
		if (field->type != VALUE_NULL && field->type != VALUE_SMALL && field->first == piece && field->count == 1 &&
			is_named(m, field))
			return field;
	}
	return NULL;
}

/* Is a field of that name a value of the column, in any structure? Then all its values are counted where it stands. */
static bool *asked_columns(struct matching *m)
{
	const struct group *g = m->s->g;
	bool *asked = arena_zalloc(&m->s->arena, g->from.column_count);
	for (uint32_t i = 0; asked && i < g->structure_count; i++)
		for (uint32_t k = 0; k < g->structures[i].piece_count; k++)
			if (g->structures[i].pieces[k].from == PIECE_VALUE && field_at(m, &g->structures[i], k))
				asked[g->structures[i].pieces[k].column] = true;
	return asked;
}

static int add_places(struct matching *m, struct sift_rules *rules, uint32_t structure, const bool *asked,
					  uint32_t *used)
{
	const struct group_structure *s = &m->s->g->structures[structure];
	int result = 0;
	rules->first[structure] = *used;
	for (uint32_t k = 0; k < s->piece_count && result == 0; k++) {
		if (s->pieces[k].from != PIECE_VALUE || !asked[s->pieces[k].column])
			continue;
		const struct structure_field *field = field_at(m, s, k);
		struct sift_place *place = &rules->places[(*used)++];
		*place = (struct sift_place){.column = s->pieces[k].column, .verdicts = {[VALUE_YES] = SIFT_YES}};
		if (field)
			result = classes_of(m, s->pieces[k].column, field->type, &place->classes);
		rules->count[structure]++;
	}
	return result;
}

static int sift_named(struct matching *m, uint8_t *verdicts)
{
	struct sift_rules rules = {0};
	struct group *g = m->s->g;
	uint32_t used = 0;
	int result = sift_rules_init(m->s, &rules, m->error);
	for (uint32_t i = 0; i < g->template_count && result == 0; i++)
		rules.templates[i] = template_verdict(m, &g->templates[i]);
	if (result == 0 && m->node->match.kind != MATCH_ANY) {
		const bool *asked = asked_columns(m);
		if (!asked)
			return sift_no_memory(m->error);
		for (uint32_t i = 0; i < g->structure_count && result == 0; i++)
			result = add_places(m, &rules, i, asked, &used);
	}
	if (result == 0)
		sift_rows(m->s, &rules, verdicts);
	return result;
}

int sift_field(struct sift *s, const struct node *node, uint8_t *verdicts, struct error *error)
{
	struct matching m = {.s = s, .node = node, .error = error};
	if (node->field.special != SPECIAL_NONE)
		return sift_special(s, node, verdicts, error);
	m.classes = arena_zalloc(&s->arena, (size_t)s->g->from.column_count * VALUE_TYPE_COUNT * sizeof(const uint8_t *));
	if (!m.classes)
		return sift_no_memory(error);
	buffer_init(&m.joined, s->env);
	int result = sift_named(&m, verdicts);
	buffer_free(&m.joined);
	return result;
}
