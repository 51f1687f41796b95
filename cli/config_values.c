/* Values of a configuration, each with its complaint. */
#include "cli/config_read.h"

#include <stdarg.h>
#include <stdio.h>

void config_complain(struct config_reading *r, const struct tree_node *at, const char *format, ...)
{
	char text[512];
	va_list ap;
	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	struct diagnostic d = {.level = DIAGNOSTIC_ERROR,
						   .id = "config",
						   .file = r->config->file,
						   .line = at ? at->line : 0,
						   .column = at ? at->column : 0,
						   .rule = "",
						   .text = text};
	if (r->tell)
		r->tell(r->ctx, &d);
	if (!r->first.code) {
		error_set(&r->first, ERROR_SYNTAX, "%s", text);
		error_at(&r->first, d.file, d.line, d.column);
	}
}

/* ---- values ---- */

const char *config_str(struct config_reading *r, const struct tree_node *n, const char *key)
{
	if (!tree_is_scalar(n) || n->type == TREE_NULL) {
		config_complain(r, n, "%s is a text, not %s", key, tree_type_name(n));
		return NULL;
	}
	char *text = arena_string(&r->config->arena, n->text);
	if (!text)
		config_complain(r, n, "%s: the text holds a NUL", key);
	return text;
}

uint64_t config_number(struct config_reading *r, const struct tree_node *n, const char *key, uint64_t least,
					   uint64_t most, uint64_t fallback)
{
	if (n->type != TREE_INT || n->i64 < 0 || (uint64_t)n->i64 < least || (uint64_t)n->i64 > most) {
		config_complain(r, n, "%s is a whole number from %llu to %llu", key, (unsigned long long)least,
						(unsigned long long)most);
		return fallback;
	}
	return (uint64_t)n->i64;
}

bool config_bool(struct config_reading *r, const struct tree_node *n, const char *key)
{
	if (n->type != TREE_BOOL)
		config_complain(r, n, "%s is true or false", key);
	return n->type == TREE_BOOL && n->truth;
}

int config_choice(struct config_reading *r, const struct tree_node *n, const char *key, const char *const *names,
				  int fallback)
{
	char all[256] = "";
	for (int i = 0; names[i]; i++) {
		if (tree_is_scalar(n) && slice_equal_nocase(n->text, slice_str(names[i])))
			return i;
		snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? ", " : "", names[i]);
	}
	config_complain(r, n, "%s is one of: %s", key, all);
	return fallback;
}

/* A text or a list of texts. */
const char **config_strs(struct config_reading *r, const struct tree_node *n, const char *key, uint32_t *count)
{
	uint32_t total = n->type == TREE_LIST ? n->count : 1;
	const char **out = arena_zalloc(&r->config->arena, (total + 1) * sizeof *out);
	*count = 0;
	for (uint32_t i = 0; out && i < total; i++) {
		const char *text = config_str(r, n->type == TREE_LIST ? n->items[i] : n, key);
		if (text)
			out[(*count)++] = text;
	}
	return out;
}

/* Others build on these, wherever they stand: sources on defaults, own on partitions. */
static bool goes_first(const char *name)
{
	return strcmp(name, "defaults") == 0 || strcmp(name, "partitions") == 0;
}

void config_map(struct config_reading *r, const struct tree_node *map, const char *what, const struct config_key *keys,
				void *target)
{
	if (map->type != TREE_MAP) {
		config_complain(r, map, "%s is a map, not %s", what, tree_type_name(map));
		return;
	}
	for (uint32_t n = 0; n < 2 * map->count; n++) {
		bool first = n < map->count;
		const struct tree_pair *pair = &map->pairs[first ? n : n - map->count];
		const struct tree_node *name = pair->key;
		const struct config_key *k = keys;
		char known[512] = "";
		for (; k->name && !slice_equal(name->text, slice_str(k->name)); k++)
			snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s", k == keys ? "" : ", ", k->name);
		if (k->name && goes_first(k->name) == first)
			k->take(r, pair->value, target);
		else if (!k->name && !first)
			config_complain(r, name, "unknown key '%.*s' in %s; known are: %s", SLICE_PRINT(name->text), what, known);
	}
}

bool config_map_has(const struct tree_node *map, const char *key)
{
	for (uint32_t i = 0; map->type == TREE_MAP && i < map->count; i++)
		if (slice_equal(map->pairs[i].key->text, slice_str(key)))
			return true;
	return false;
}
