/* From compiled files to the forms in which rules are run (yara_set.h). Texts are cut here, compared with what libyara made of
 * them, and compiled once more: apart in shards, and as strings alone. Whatever does not fit stays in one unit that is judged
 * on every record. */
#include "rules/yara_sieve.h"

#include <stdlib.h>

/* Where the text of an entry's rule is. */
struct place {
	const struct yara_source *source;
	const struct yara_file_text *file; /* null: not understood; the text is the whole file */
	const struct yara_rule_text *text;
};

struct planner {
	struct loader *l;
	struct yara_rules *set;
	struct place *places; /* for each entry */
	struct yara_pieces pieces;
	uint32_t *order; /* units by shard */
};

/* ---- entries ---- */

/* Is what was cut what libyara has? */
static bool rule_fits(const YR_RULE *rule, const struct yara_rule_text *text)
{
	const YR_STRING *string;
	uint32_t n = 0;
	if (!slice_equal(slice_str(rule->identifier), text->name) ||
		RULE_IS_PRIVATE(rule) != text->is_private * RULE_FLAGS_PRIVATE)
		return false;
	yr_rule_strings_foreach(rule, string)
	{
		if (string->chained_to)
			continue;
		if (n == text->string_count || !slice_equal(slice_str(string->identifier + 1), text->strings[n++]))
			return false;
	}
	return n == text->string_count;
}

static bool file_fits(const struct planner *p, uint32_t first, uint32_t count, const struct yara_file_text *file)
{
	bool fits = file->rule_count == count;
	for (uint32_t i = 0; fits && i < count; i++)
		fits = rule_fits(&p->set->rules->rules_table[first + i], &file->rules[i]);
	return fits;
}

static enum yara_path path_of(const struct yara_need *need)
{
	struct yara_known without = {.strings = STRINGS_ALL, .guards = GUARDS_OCTET_FAIL};
	if (!yara_need_met(need, &without))
		return PATH_GUARDS; /* nearly no record begins so: that is cheaper to see than strings */
	without = (struct yara_known){.strings = STRINGS_NONE, .guards = GUARDS_HOLD};
	if (!yara_need_met(need, &without))
		return PATH_STRINGS;
	without.guards = GUARDS_FAIL;
	return yara_need_met(need, &without) ? PATH_ALWAYS : PATH_GUARDS;
}

static bool needs_batch(const struct yara_entry *e)
{
	struct yara_known strings = {.strings = STRINGS_ALL, .guards = GUARDS_FAIL};
	return e->strings > 0 && (e->path == PATH_STRINGS || (e->path == PATH_GUARDS && yara_need_met(e->need, &strings)));
}

/* A file that is understood: a unit for those that belong together. */
static void add_cut(struct planner *p, uint32_t first, const struct yara_file_text *file)
{
	uint32_t base = p->set->unit_count;
	for (uint32_t i = 0; i < file->rule_count; i++) {
		const struct yara_rule_text *text = &file->rules[i];
		struct yara_entry *e = &p->set->entries[first + i];
		e->need = text->need;
		e->strings = text->string_count;
		e->path = path_of(e->need);
		e->in_batch = needs_batch(e);
		e->unit = text->unit == i ? p->set->unit_count++ : p->set->entries[first + text->unit].unit;
		p->places[first + i].text = text;
		CHECK(e->unit >= base);
	}
}

static void add_whole(struct planner *p, uint32_t first, uint32_t count)
{
	static const struct yara_need nothing = {.kind = NEED_NOTHING};
	for (uint32_t i = first; i < first + count; i++) {
		struct yara_entry *e = &p->set->entries[i];
		e->need = &nothing;
		e->path = PATH_ALWAYS;
		e->unit = p->set->unit_count;
		p->places[i].file = NULL;
	}
	p->set->unit_count += count > 0;
}

static int add_file(struct planner *p, const struct yara_source *source, uint32_t first, uint32_t count)
{
	struct yara_file_text *file = arena_alloc(&p->l->tree, sizeof *file);
	bool failed = !file;
	bool good = file && yara_file_cut(&p->l->tree, slice_of(source->text, source->len), file, &failed);
	if (good && file_fits(p, first, count, file)) {
		failed = !yara_needs_read(&p->l->set->arena, file);
		for (uint32_t i = first; i < first + count; i++)
			p->places[i] = (struct place){source, file, NULL};
		if (!failed)
			add_cut(p, first, file);
	} else if (!failed) {
		for (uint32_t i = first; i < first + count; i++)
			p->places[i].source = source;
		add_whole(p, first, count);
	}
	return failed ? NO_MEMORY : 0;
}

/* Rules of libyara's stand in the order of the files, and in a file in the order of its text. */
static int add_files(struct planner *p, const struct yara_source *sources)
{
	uint32_t first = 0;
	int rc = 0;
	for (const struct yara_source *s = sources; !rc && s; s = s->next) {
		uint32_t count = 0;
		if (s->refused)
			continue;
		while (first + count < p->set->count &&
			   strcmp(p->set->rules->rules_table[first + count].ns->name, s->path) == 0)
			count++;
		rc = add_file(p, s, first, count);
		first += count;
	}
	CHECK(rc || first == p->set->count);
	return rc;
}

/* ---- units ---- */

/* Values and functions of modules are written with a point. */
static bool uses_module(const struct place *at)
{
	if (!at->text)
		return true;
	for (const struct yara_token *t = at->text->condition; t->type != YARA_END; t++)
		if (t->type == YARA_WORD && yara_token_is(t + 1, "."))
			return true;
	return false;
}

static int make_units(struct planner *p)
{
	struct yara_rules *set = p->set;
	struct arena *arena = &p->l->set->arena;
	set->units = arena_zalloc(arena, (set->unit_count + 1) * sizeof *set->units);
	set->always = arena_alloc(arena, (set->unit_count + 1) * sizeof *set->always);
	if (!set->units || !set->always)
		return NO_MEMORY;
	for (uint32_t i = 0; i < set->unit_count; i++)
		set->units[i].shard = NO_RULE;
	for (uint32_t i = set->count; i-- > 0;) {
		const struct yara_entry *e = &set->entries[i];
		struct yara_unit *u = &set->units[e->unit];
		u->entry = i;
		u->count++;
		u->modules |= uses_module(&p->places[i]);
		if (e->rule == NO_RULE)
			continue;
		u->shard = 0; /* somebody is told of it: set when shards are made */
		u->always |= e->path == PATH_ALWAYS;
		set->paths[e->path]++;
	}
	return 0;
}

/* Shards are filled in this order, and none has units of two kinds: those that are always judged must not take others with
 * them, and an import costs much more at every scan than most rules do. */
static uint32_t kind_of(const struct yara_unit *u)
{
	return (u->always ? 0 : 2) + u->modules;
}

static int make_order(struct planner *p)
{
	struct yara_rules *set = p->set;
	uint32_t n = 0, rules = 0;
	p->order = arena_alloc(&p->l->tree, (set->unit_count + 1) * sizeof *p->order);
	if (!p->order)
		return NO_MEMORY;
	for (unsigned kind = 0; kind < 4; kind++)
		for (uint32_t i = 0; i < set->unit_count; i++)
			if (set->units[i].shard != NO_RULE && kind_of(&set->units[i]) == kind)
				p->order[n++] = i;
	for (uint32_t i = 0; i < n; i++) {
		struct yara_unit *u = &set->units[p->order[i]];
		bool turns = i > 0 && kind_of(&set->units[p->order[i - 1]]) != kind_of(u);
		if (i == 0 || turns || rules + u->count > SHARD_RULES) {
			set->shard_count++;
			rules = 0;
		}
		rules += u->count;
		u->shard = set->shard_count - 1;
		if (u->always)
			set->always[set->always_count++] = p->order[i];
	}
	p->order[n] = NO_RULE;
	return 0;
}

/* ---- shards ---- */

static void add_text(struct planner *p, struct yara_shard *shard, uint32_t entry, const struct yara_source **last)
{
	const struct place *at = &p->places[entry];
	if (*last != at->source) {
		yara_piece_begin(&p->pieces, at->source->path);
		bool imports = at->file && p->set->units[p->set->entries[entry].unit].modules;
		for (uint32_t i = 0; imports && i < at->file->import_count; i++) {
			yara_piece_add(&p->pieces, at->file->imports[i]);
			yara_piece_add(&p->pieces, SLICE("\n"));
		}
		if (!at->file)
			yara_piece_add(&p->pieces, slice_of(at->source->text, at->source->len));
	}
	*last = at->source;
	if (at->file) {
		yara_piece_add(&p->pieces, at->text->whole);
		yara_piece_add(&p->pieces, SLICE("\n"));
	}
	shard->entries[shard->count++] = entry;
}

static bool uses_variable(const struct place *at)
{
	int64_t number;
	if (!at->text)
		return true;
	for (const struct yara_token *t = at->text->condition; t->type != YARA_END; t++)
		if (t->type == YARA_WORD && yara_variable_find(t->text, &number))
			return true;
	return false;
}

static void add_unit(struct planner *p, struct yara_shard *shard, uint32_t unit, const struct yara_source **last)
{
	const struct yara_rules *set = p->set;
	uint32_t left = set->units[unit].count;
	for (uint32_t i = set->units[unit].entry; left > 0; i++)
		if (set->entries[i].unit == unit) {
			add_text(p, shard, i, last);
			shard->variables |= uses_variable(&p->places[i]);
			left--;
		}
}

static int compile_again(struct planner *p, YR_RULES **out, uint32_t count)
{
	uint32_t bad, told;
	int rc = yara_compile_kept(&p->pieces, out, &bad, &told);
	CHECK(rc != REFUSED); /* the same rules compiled before */
	CHECK(rc || (*out)->num_rules == count);
	return rc;
}

static int make_shards(struct planner *p)
{
	struct yara_rules *set = p->set;
	uint32_t at = 0;
	int rc = 0;
	set->shards = arena_zalloc(&p->l->set->arena, (set->shard_count + 1) * sizeof *set->shards);
	if (!set->shards)
		return NO_MEMORY;
	for (uint32_t s = 0; !rc && s < set->shard_count; s++) {
		struct yara_shard *shard = &set->shards[s];
		const struct yara_source *last = NULL;
		uint32_t rules = 0;
		for (uint32_t i = at; p->order[i] != NO_RULE && set->units[p->order[i]].shard == s; i++)
			rules += set->units[p->order[i]].count;
		shard->entries = arena_alloc(&p->l->set->arena, rules * sizeof *shard->entries);
		if (!shard->entries)
			return NO_MEMORY;
		yara_pieces_reset(&p->pieces);
		for (; p->order[at] != NO_RULE && set->units[p->order[at]].shard == s; at++)
			add_unit(p, shard, p->order[at], &last);
		rc = compile_again(p, &shard->rules, shard->count);
	}
	return rc;
}

/* ---- the batch set ---- */

static void add_strings(struct planner *p, uint32_t entry, const struct yara_source **last)
{
	const struct place *at = &p->places[entry];
	if (*last != at->source)
		yara_piece_begin(&p->pieces, at->source->path);
	*last = at->source;
	yara_piece_add(&p->pieces, at->text->head);
	yara_piece_add(&p->pieces, SLICE(" any of them }\n"));
}

static int make_batch_bits(struct planner *p)
{
	struct yara_rules *set = p->set;
	const YR_RULE *rule;
	const YR_STRING *string;
	set->batch_bits = arena_alloc(&p->l->set->arena, (set->batch->num_strings + 1) * sizeof *set->batch_bits);
	if (!set->batch_bits)
		return NO_MEMORY;
	yr_rules_foreach(set->batch, rule)
	{
		uint32_t bits = 0;
		yr_rule_strings_foreach(rule, string)
		{
			bits += string->chained_to == NULL; /* parts of a string belong to its head */
			CHECK(bits > 0);
			set->batch_bits[string->idx] = bits - 1;
		}
		CHECK(bits == set->entries[set->batch_entries[rule - set->batch->rules_table]].strings);
		set->words_max = yara_words(bits) > set->words_max ? yara_words(bits) : set->words_max;
	}
	return 0;
}

static int make_batch(struct planner *p)
{
	struct yara_rules *set = p->set;
	const struct yara_source *last = NULL;
	uint32_t n = 0;
	set->batch_entries = arena_alloc(&p->l->set->arena, (set->count + 1) * sizeof *set->batch_entries);
	if (!set->batch_entries)
		return NO_MEMORY;
	yara_pieces_reset(&p->pieces);
	for (uint32_t i = 0; i < set->count; i++) {
		const struct yara_entry *e = &set->entries[i];
		const struct yara_unit *u = &set->units[e->unit];
		if (!e->in_batch || u->shard == NO_RULE || u->always)
			continue;
		add_strings(p, i, &last);
		set->batch_entries[n++] = i;
	}
	if (n == 0)
		return 0;
	int rc = compile_again(p, &set->batch, n);
	if (!rc)
		rc = make_batch_bits(p);
	if (!rc)
		set->sieve = yara_sieve_make(p->l, set);
	return rc || set->sieve ? rc : NO_MEMORY;
}

int yara_plan(struct loader *l, struct yara_rules *set, const struct yara_source *sources)
{
	struct planner p = {.l = l, .set = set};
	yara_pieces_init(&p.pieces, l->env, l->cache);
	p.places = arena_zalloc(&l->tree, (set->count + 1) * sizeof *p.places);
	int rc = p.places ? add_files(&p, sources) : NO_MEMORY;
	if (!rc)
		rc = make_units(&p);
	if (!rc)
		rc = make_order(&p);
	if (!rc)
		rc = make_shards(&p);
	if (!rc)
		rc = make_batch(&p);
	if (!rc)
		rc = yara_hooks_make(l, set);
	yara_pieces_free(&p.pieces);
	return rc;
}
