/* rules coverage: the ATT&CK techniques of rules as a layer for the Navigator (layer format 4.5). */
#include "cli/setup.h"
#include "cli/verbs.h"

#include <stdlib.h>
#include <unistd.h>

#define TECHNIQUE_MAX 12u /* "T1234.567" */

struct tagged {
	char technique[TECHNIQUE_MAX];
	const struct rule *rule;
};

struct covering {
	const struct ruleset *ruleset;
	bool ics;
	struct tagged *list;
	size_t count, room;
	uint32_t rules, without; /* rules of this matrix; rules with no technique at all */
};

/* attack.t1110, attack.t1110.001, attack.ics.t0855. */
static bool technique_of(struct slice tag, char out[TECHNIQUE_MAX])
{
	if (tag.len < 7 || !slice_equal_nocase(slice_of(tag.ptr, 7), SLICE("attack.")))
		return false;
	struct slice t = slice_from(tag, 7);
	if (t.len > 4 && slice_equal_nocase(slice_of(t.ptr, 4), SLICE("ics.")))
		t = slice_from(t, 4);
	if ((t.len != 5 && t.len != 9) || (t.ptr[0] | 32) != 't' || (t.len == 9 && t.ptr[5] != '.'))
		return false;
	for (size_t i = 1; i < t.len; i++)
		if (i != 5 && (t.ptr[i] < '0' || t.ptr[i] > '9'))
			return false;
	memcpy(out, t.ptr, t.len);
	out[0] = 'T';
	out[t.len] = 0;
	return true;
}

/* Techniques of the matrix for control systems are numbered from T0800 on, all others from T1000 on. */
static bool is_ics(const char *technique)
{
	return technique[1] == '0';
}

static bool add(struct covering *c, const char *technique, const struct rule *rule)
{
	for (size_t i = c->count; i > 0 && c->list[i - 1].rule == rule; i--)
		if (strcmp(c->list[i - 1].technique, technique) == 0)
			return true;
	if (c->count == c->room) {
		size_t room = c->room ? c->room * 2 : 256;
		struct tagged *grown = env_resize(setup_env(), c->list, room * sizeof *grown);
		if (!grown)
			return false;
		c->list = grown;
		c->room = room;
	}
	c->list[c->count].rule = rule;
	memcpy(c->list[c->count++].technique, technique, TECHNIQUE_MAX);
	return true;
}

static bool gather(struct covering *c)
{
	for (uint32_t i = 0; i < ruleset_count(c->ruleset); i++) {
		const struct rule *rule = ruleset_rule(c->ruleset, i);
		bool any = false, here = false;
		char technique[TECHNIQUE_MAX];
		for (uint32_t k = 0; k < rule->tag_count; k++) {
			if (!technique_of(rule->tags[k], technique))
				continue;
			any = true;
			if (is_ics(technique) != c->ics)
				continue;
			here = true;
			if (!add(c, technique, rule))
				return false;
		}
		c->rules += here;
		c->without += !any;
	}
	return true;
}

static int by_technique(const void *a, const void *b)
{
	const struct tagged *x = a, *y = b;
	int order = strcmp(x->technique, y->technique);
	return order ? order : x->rule->index < y->rule->index ? -1 : x->rule->index > y->rule->index;
}

static void print_technique(struct json_writer *w, const struct tagged *from, size_t count)
{
	struct buffer titles;
	buffer_init(&titles, setup_env());
	for (size_t i = 0; i < count; i++) {
		if (i)
			buffer_add_str(&titles, "; ");
		buffer_add_slice(&titles, from[i].rule->title);
	}
	json_object(w);
	json_key(w, "techniqueID");
	json_str(w, from->technique);
	json_key(w, "score");
	json_u64(w, count);
	json_key(w, "comment");
	json_string(w, buffer_slice(&titles));
	json_key(w, "enabled");
	json_bool(w, true);
	json_object_end(w);
	buffer_free(&titles);
}

static void print_versions(struct json_writer *w)
{
	json_key(w, "versions");
	json_object(w);
	json_key(w, "navigator");
	json_str(w, "4.9.1");
	json_key(w, "layer");
	json_str(w, "4.5");
	json_object_end(w);
}

static void print_gradient(struct json_writer *w, size_t most)
{
	json_key(w, "gradient");
	json_object(w);
	json_key(w, "colors");
	json_array(w);
	json_str(w, "#ffffff");
	json_str(w, "#1f77b4");
	json_array_end(w);
	json_key(w, "minValue");
	json_u64(w, 0);
	json_key(w, "maxValue");
	json_u64(w, most);
	json_object_end(w);
}

/* Returns how many techniques there are. */
static size_t print_layer(const struct covering *c, struct json_writer *w)
{
	size_t techniques = 0, most = 1;
	json_object(w);
	json_key(w, "name");
	json_str(w, "Cresset rules");
	print_versions(w);
	json_key(w, "domain");
	json_str(w, c->ics ? "ics-attack" : "enterprise-attack");
	json_key(w, "description");
	json_str(w, "Techniques that rules are tagged with; the score is the number of rules");
	json_key(w, "techniques");
	json_array(w);
	for (size_t i = 0, end; i < c->count; i = end, techniques++) {
		for (end = i + 1; end < c->count && strcmp(c->list[end].technique, c->list[i].technique) == 0;)
			end++;
		print_technique(w, &c->list[i], end - i);
		most = end - i > most ? end - i : most;
	}
	json_array_end(w);
	print_gradient(w, most);
	json_object_end(w);
	return techniques;
}

static int cover(struct covering *c, bool quiet)
{
	struct buffer out;
	struct json_writer w;
	buffer_init(&out, setup_env());
	bool good = gather(c);
	if (c->count)
		qsort(c->list, c->count, sizeof *c->list, by_technique);
	json_writer_init(&w, &out);
	size_t techniques = print_layer(c, &w);
	buffer_add_octet(&out, '\n');
	good = good && !out.failed && fwrite(out.ptr, 1, out.len, stdout) == out.len && fflush(stdout) == 0;
	buffer_free(&out);
	env_free(setup_env(), c->list);
	if (!quiet)
		fprintf(stderr, "{\"rules\":%u,\"techniques\":%zu,\"rules_without_technique\":%u}\n", c->rules, techniques,
				c->without);
	return good ? EXIT_OK : EXIT_STORAGE;
}

int verb_rules_coverage(const struct args *args)
{
	struct setup_told told = {.quiet = option_given(args, OPTION_QUIET)};
	struct ruleset_counts counts = {0};
	struct ruleset *ruleset = NULL;
	struct error error = {0};
	const char *domain = args->value[OPTION_DOMAIN];
	if (setup_rules(args->words, args->word_count, true, &told, &ruleset, &counts, &error))
		return setup_fail(args, &error);
	struct covering c = {.ruleset = ruleset, .ics = domain && strcmp(domain, "ics") == 0};
	int code = cover(&c, told.quiet);
	ruleset_release(ruleset);
	return code == EXIT_OK && counts.refused ? EXIT_RULES : code;
}
