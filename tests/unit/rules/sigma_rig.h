/* What tests of rules share: rule text in, verdicts and diagnostics out, on a machine held in the hand. */
#ifndef TESTS_UNIT_RULES_SIGMA_RIG_H
#define TESTS_UNIT_RULES_SIGMA_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules/example.h"
#include "rules/rules.h"
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

struct told {
	enum diagnostic_level level;
	char id[48], file[128], rule[128], text[512];
	uint32_t line, column;
};

struct rig {
	struct fake *fake;
	struct ruleset *set;
	struct ruleset_counts counts;
	struct evaluator *evaluator;
	struct dictionary names;
	struct batch_builder *builder;
	struct arena arena;
	struct batch batch;
	struct told told[64];
	unsigned told_count;
	uint32_t hits[256];
	unsigned hit_count;
};

static inline void rig_tell(void *ctx, const struct diagnostic *d)
{
	struct rig *rig = ctx;
	if (rig->told_count == COUNT(rig->told))
		return;
	struct told *t = &rig->told[rig->told_count++];
	t->level = d->level;
	t->line = d->line;
	t->column = d->column;
	snprintf(t->id, sizeof t->id, "%s", d->id);
	snprintf(t->file, sizeof t->file, "%s", d->file);
	snprintf(t->rule, sizeof t->rule, "%s", d->rule);
	snprintf(t->text, sizeof t->text, "%s", d->text);
}

static inline void rig_open(struct rig *rig)
{
	*rig = (struct rig){.fake = fake_new(1)};
	const struct env *env = &rig->fake->env;
	arena_init(&rig->arena, env, 0);
	assert_int_equal(dictionary_init(&rig->names, env, 7), 0);
	rig->builder = batch_builder_new(env, &rig->names);
	assert_non_null(rig->builder);
}

static inline void rig_unload(struct rig *rig)
{
	evaluator_free(rig->evaluator);
	ruleset_release(rig->set);
	rig->evaluator = NULL;
	rig->set = NULL;
	rig->told_count = 0;
}

static inline void rig_close(struct rig *rig)
{
	rig_unload(rig);
	batch_builder_free(rig->builder);
	dictionary_free(&rig->names);
	arena_free(&rig->arena);
	assert_int_equal(rig->fake->memory.outstanding, 0);
	fake_free(rig->fake);
}

static inline void rig_put(struct rig *rig, const char *path, const char *text)
{
	fake_file_put(rig->fake, path, text, strlen(text));
}

static inline void rig_load_paths(struct rig *rig, const char *const *paths, size_t count,
								  const struct ruleset_options *options)
{
	struct error error = {0};
	rig_unload(rig);
	if (ruleset_load(&rig->fake->env, paths, count, options, rig_tell, rig, &rig->set, &rig->counts, &error))
		fail_msg("load: %s", error.text);
	if (evaluator_new(&rig->fake->env, rig->set, &rig->evaluator, &error))
		fail_msg("evaluator: %s", error.text);
}

static inline void rig_load(struct rig *rig, const char *text)
{
	const char *paths[] = {"/r/rules.yml"};
	rig_put(rig, paths[0], text);
	rig_load_paths(rig, paths, 1, NULL);
}

/* A rule whose selection "s" is this YAML flow text. */
static inline void rig_load_selection(struct rig *rig, const char *selection)
{
	char text[4096];
	snprintf(text, sizeof text, "title: T\nid: t\nlogsource: {category: test}\ndetection:\n  s: %s\n  condition: s\n",
			 selection);
	rig_load(rig, text);
}

static inline void rig_hit(void *ctx, uint32_t rule)
{
	struct rig *rig = ctx;
	if (rig->hit_count < COUNT(rig->hits))
		rig->hits[rig->hit_count++] = rule;
}

/* Makes the batch of one event, a YAML or JSON map. */
static inline void rig_event(struct rig *rig, const char *event)
{
	static const struct batch_identity identity;
	struct yaml_tree tree;
	struct error error = {0};
	struct slice octets;
	arena_reset(&rig->arena);
	assert_int_equal(yaml_tree_parse(&rig->arena, slice_str(event), &tree, &error), 0);
	if (tree.count != 1 || !tree.documents[0].root)
		fail_msg("event %s: %s", event, tree.count ? tree.documents[0].error.text : "none");
	batch_begin(rig->builder, &identity, 0, 0);
	assert_int_equal(example_row(rig->builder, &rig->names, tree.documents[0].root, slice_str(event)), 0);
	assert_int_equal(batch_finish(rig->builder, &octets, &error), 0);
	if (batch_open(&rig->batch, octets, &error))
		fail_msg("batch of %s: %s", event, error.text);
}

static inline uint64_t rig_judge_way(struct rig *rig, bool plain, const struct logsource *list, uint32_t count)
{
	struct error error = {0};
	uint64_t undecided = evaluator_undecided(rig->evaluator);
	rig->hit_count = 0;
	evaluator_set_plain(rig->evaluator, plain);
	if (evaluator_row(rig->evaluator, &rig->batch, 0, list, count, rig_hit, rig, &error))
		fail_msg("row: %s", error.text);
	evaluator_set_plain(rig->evaluator, false);
	return evaluator_undecided(rig->evaluator) - undecided;
}

/* Judges the row both ways, which must say the same, undecided rules included. */
static inline unsigned rig_judge_as(struct rig *rig, const struct logsource *list, uint32_t count)
{
	uint32_t plain_hits[COUNT(rig->hits)];
	uint64_t plain = rig_judge_way(rig, true, list, count);
	unsigned plain_count = rig->hit_count;
	memcpy(plain_hits, rig->hits, sizeof plain_hits);
	uint64_t undecided = rig_judge_way(rig, false, list, count);
	if (undecided != plain || rig->hit_count != plain_count ||
		memcmp(plain_hits, rig->hits, plain_count * sizeof *plain_hits) != 0)
		fail_msg("by witnesses %u hits and %llu undecided, the plain way %u and %llu", rig->hit_count,
				 (unsigned long long)undecided, plain_count, (unsigned long long)plain);
	return rig->hit_count;
}

static inline unsigned rig_judge(struct rig *rig)
{
	return rig_judge_as(rig, NULL, 0);
}

/* How many rules hold for the event. */
static inline unsigned rig_holds(struct rig *rig, const char *event)
{
	rig_event(rig, event);
	return rig_judge(rig);
}

struct value_case {
	const char *selection, *event;
	bool holds;
};

static inline void rig_cases(const struct value_case *cases, size_t count)
{
	struct rig rig;
	rig_open(&rig);
	for (size_t i = 0; i < count; i++) {
		rig_load_selection(&rig, cases[i].selection);
		if (rig.counts.loaded != 1)
			fail_msg("case %zu: %s was refused: %s", i, cases[i].selection, rig.told[0].text);
		if ((rig_holds(&rig, cases[i].event) == 1) != cases[i].holds)
			fail_msg("case %zu: %s on %s: %s expected", i, cases[i].selection, cases[i].event,
					 cases[i].holds ? "true" : "false");
	}
	rig_close(&rig);
}

struct refusal_case {
	const char *text;
	uint32_t line, column;
	const char *id, *says; /* says: a part of the text */
};

/* Each text is refused once, with this place. */
static inline void rig_refusals(const struct refusal_case *cases, size_t count)
{
	struct rig rig;
	rig_open(&rig);
	for (size_t i = 0; i < count; i++) {
		const struct refusal_case *c = &cases[i];
		rig_load(&rig, c->text);
		unsigned errors = 0;
		const struct told *t = NULL;
		for (unsigned k = 0; k < rig.told_count; k++)
			if (rig.told[k].level == DIAGNOSTIC_ERROR && errors++ == 0)
				t = &rig.told[k];
		if (errors != 1 || rig.counts.refused != 1)
			fail_msg("case %zu: %u errors, %u refused, wanted 1: %s", i, errors, rig.counts.refused, c->text);
		if (t->line != c->line || t->column != c->column || strcmp(t->id, c->id) != 0 || !strstr(t->text, c->says))
			fail_msg("case %zu: %u:%u %s \"%s\", wanted %u:%u %s \"%s\" of:\n%s", i, t->line, t->column, t->id, t->text,
					 c->line, c->column, c->id, c->says, c->text);
	}
	rig_close(&rig);
}

#endif
