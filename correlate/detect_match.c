#include "correlate/detector.h"

/* The elements a row has for a field, nulls left out. */
static void choose(struct detect *d, struct slice field, struct detect_choice *out)
{
	uint32_t n = evaluator_values(d->evaluator, d->batch, &d->row, field, out->values, ELEMENTS_MAX + 1);
	if (n > ELEMENTS_MAX) {
		d->lane->ledger.array_cut++;
		n = ELEMENTS_MAX;
	}
	out->count = 0;
	for (uint32_t i = 0; i < n; i++)
		if (out->values[i].type != VALUE_NULL)
			out->values[out->count++] = out->values[i];
}

static void choose_text(struct detect_choice *out, struct slice text)
{
	memset(&out->values[0], 0, sizeof(out->values[0]));
	out->values[0].type = VALUE_STRING;
	out->values[0].text = text;
	out->count = 1;
}

static bool bears_value(const struct plan_rule *rule, uint32_t slot)
{
	return rule->values && plan_counts(rule, slot);
}

/* Fills choices: group-by fields, then value fields. False when one is missing that may not be (T8). */
static bool choose_all(struct detect *d, const struct plan_rule *rule, uint32_t slot)
{
	const struct correlation *c = rule->correlation;
	if (c == NULL) {
		choose_text(&d->choices[0], batch_source_line(d->batch, d->row.source));
		choose(d, SLICE("host.hostname"), &d->choices[1]);
		return true;
	}
	for (uint32_t i = 0; i < c->group_count; i++) {
		choose(d, c->group_by[i].per_rule[slot], &d->choices[i]);
		if (d->choices[i].count == 0 && !c->missing_group)
			return false;
	}
	if (!bears_value(rule, slot))
		return true;
	for (uint32_t i = 0; i < c->value_count; i++) {
		choose(d, c->values[i].per_rule[slot], &d->choices[c->group_count + i]);
		if (d->choices[c->group_count + i].count == 0)
			return false;
	}
	return true;
}

/* T11: what is no number is skipped, and counted. False when nothing is left. */
static bool keep_numbers(struct detect *d, const struct plan_rule *rule)
{
	struct detect_choice *choice = &d->choices[rule->group_count];
	uint32_t kept = 0;
	for (uint32_t i = 0; i < choice->count; i++) {
		char small[16];
		double number;
		if (rules_number(batch_value_text(&choice->values[i], small), &number))
			choice->values[kept++] = choice->values[i];
	}
	d->lane->ledger.not_numeric += choice->count - kept;
	choice->count = kept;
	return kept > 0;
}

static uint32_t choice_count(const struct plan_rule *rule, uint32_t slot)
{
	if (!bears_value(rule, slot))
		return rule->group_count;
	return rule->group_count + rule->correlation->value_count;
}

static void add_component(struct detect *d, const struct plan_rule *rule, uint32_t index, uint32_t element)
{
	const struct detect_choice *choice = &d->choices[index];
	char small[16];
	bool group = index < rule->group_count;
	if (choice->count == 0) {
		tuple_add(&d->key, KEY_MISSING, SLICE_NONE);
		tuple_add(&d->spelling, KEY_MISSING, SLICE_NONE);
		return;
	}
	struct slice text = batch_value_text(&choice->values[element], small);
	double number = 0;
	if (!group && rule->numeric) { /* only numbers were chosen */
		(void)rules_number(text, &number);
		tuple_add_number(&d->value, number);
		return;
	}
	tuple_add_canonical(group ? &d->key : &d->value, text, group ? plan_key_cased(rule) : true);
	if (group)
		tuple_add(&d->spelling, KEY_TEXT, text);
}

static void carry(struct detect *d, const struct plan_rule *rule)
{
	buffer_reset(&d->carried);
	for (uint32_t i = 0; i < rule->carried_count; i++) {
		struct detect_choice *spare = &d->choices[TUPLE_COMPONENTS_MAX * 2 - 1];
		char small[16];
		choose(d, rule->carried[i], spare);
		if (spare->count == 1)
			tuple_add(&d->carried, KEY_TEXT, batch_value_text(&spare->values[0], small));
		else
			tuple_add(&d->carried, KEY_MISSING, SLICE_NONE);
	}
}

static void write_match(struct detect *d, const struct plan_rule *rule, uint32_t slot, const struct rule *base,
						const uint32_t *element)
{
	buffer_reset(&d->key);
	buffer_reset(&d->spelling);
	buffer_reset(&d->value);
	buffer_add(&d->key, rule->digest, 32); /* the partition is hashed over digest and key as they lie here */
	for (uint32_t i = 0; i < choice_count(rule, slot); i++)
		add_component(d, rule, i, element[i]);
	if (d->key.failed || d->spelling.failed || d->value.failed)
		return;
	struct match_entry entry = {.kind = MATCH_ENTRY, .event = d->event};
	entry.when_ns = batch_row_when(&d->row);
	entry.observed_ns = d->row.observed_ns;
	entry.correlation = rule->digest;
	entry.rule = base->digest;
	entry.source = batch_source_line(d->batch, d->row.source);
	entry.key = slice_of(d->key.ptr + 32, d->key.len - 32);
	entry.spelling = buffer_slice(&d->spelling);
	entry.value = buffer_slice(&d->value);
	entry.carried = buffer_slice(&d->carried);
	uint32_t partition = (uint32_t)(xxh3(buffer_slice(&d->key)) % d->config.matches_partitions);
	match_writer_add(&d->writers[partition], &entry);
	d->stats.matches++;
}

/* The next combination of elements; false after the last. */
static bool next_combination(const struct detect *d, uint32_t fields, uint32_t *element)
{
	for (uint32_t i = 0; i < fields; i++) {
		if (++element[i] < d->choices[i].count)
			return true;
		element[i] = 0;
	}
	return false;
}

void detect_match(struct detect *d, const struct plan_rule *rule, uint32_t slot, const struct rule *base)
{
	uint32_t element[TUPLE_COMPONENTS_MAX], fields = choice_count(rule, slot);
	if (fields >= TUPLE_COMPONENTS_MAX || !choose_all(d, rule, slot)) {
		d->lane->ledger.missing_key++;
		return;
	}
	if (rule->numeric && bears_value(rule, slot) && !keep_numbers(d, rule))
		return;
	memset(element, 0, sizeof(*element) * fields);
	carry(d, rule);
	for (uint32_t made = 0;; made++) {
		if (made == ELEMENTS_MAX) {
			d->lane->ledger.array_cut++;
			return;
		}
		write_match(d, rule, slot, base, element);
		if (!next_combination(d, fields, element))
			return;
	}
}

/* Everything that a rule's findings have in common stands first and is made once. */
static void finding_begin(struct detect *d, const struct rule *rule, struct json_writer *w)
{
	struct detect_head *head = &d->heads[rule->index];
	buffer_reset(&d->json);
	if (head->octets.ptr != NULL) {
		buffer_add_slice(&d->json, head->octets);
		*w = head->writer;
		return;
	}
	json_writer_init(w, &d->json);
	json_object(w);
	json_key(w, "finding");
	json_object(w);
	row_rule(w, rule, rule->digest);
	if (d->json.failed)
		return;
	head->octets = arena_copy(&d->arena, buffer_slice(&d->json));
	head->writer = *w;
}

void detect_finding(struct detect *d, const struct rule *rule)
{
	struct json_writer w;
	struct slice source = batch_source_line(d->batch, d->row.source), host = SLICE_NONE;
	char small[16];
	choose(d, SLICE("host.hostname"), &d->choices[0]);
	if (d->choices[0].count > 0)
		host = batch_value_text(&d->choices[0].values[0], small);
	finding_begin(d, rule, &w);
	json_key(&w, "when");
	json_time(&w, batch_row_when(&d->row));
	json_key(&w, "source");
	json_string(&w, source);
	json_key(&w, "host");
	row_component(&w, d->choices[0].count > 0 ? KEY_TEXT : KEY_MISSING, host);
	if (d->late) {
		json_key(&w, "late");
		json_bool(&w, true);
	}
	json_key(&w, "event");
	row_event(&w, &d->event, batch_row_when(&d->row), source);
	json_object_end(&w);
	json_object_end(&w);
	buffer_reset(&d->key);
	tuple_add_canonical(&d->key, source, false);
	tuple_add_canonical(&d->key, host, false);
	if (d->json.failed || d->key.failed)
		return;
	uint32_t partition =
		key_partition(&d->scratch, rule->digest, buffer_slice(&d->key), d->config.incidents_partitions);
	outbox_add(&d->lane->outbox, partition, ROW_FINDING, d->row.observed_ns, batch_row_when(&d->row),
			   buffer_slice(&d->json));
	d->stats.findings++;
}
