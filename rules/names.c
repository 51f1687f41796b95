/* Ids and names of rules: what correlations refer to. */
#include "rules/load.h"

struct named_rule *loader_find(struct loader *l, struct slice reference)
{
	if (reference.len == 0)
		return NULL;
	uint32_t id = dictionary_find(&l->names, reference);
	return id == DICTIONARY_NONE || id < FIELD_COUNT || id >= l->named_room ? NULL : &l->named[id];
}

/* The entry of a text, made when there is none. */
static int name_entry(struct loader *l, struct slice text, struct named_rule **out)
{
	uint32_t id = dictionary_intern(&l->names, text);
	if (id == DICTIONARY_NONE && text.len > (size_t)LIMIT_field_name_bytes)
		return loader_refuse(l, "sigma-name", 0, 0, "an id or a name of %zu octets is too long", text.len);
	if (id == DICTIONARY_NONE)
		return NO_MEMORY;
	if (id >= l->named_room) {
		uint32_t room = id < 512 ? 1024 : id * 2;
		struct named_rule *grown = env_resize(l->env, l->named, room * sizeof *grown);
		if (!grown)
			return NO_MEMORY;
		memset(grown + l->named_room, 0, (room - l->named_room) * sizeof *grown);
		l->named = grown;
		l->named_room = room;
	}
	*out = &l->named[id];
	return 0;
}

static int name_take(struct loader *l, struct slice text, const char *what, struct rule *rule,
					 struct pending_correlation *pending)
{
	struct named_rule *entry;
	if (text.len == 0)
		return 0;
	int rc = name_entry(l, text, &entry);
	if (rc)
		return rc;
	if (entry->rule && entry->rule != rule)
		return loader_refuse(l, "sigma-duplicate", rule->line, 0, "the %s '%.*s' is taken by %.*s:%u", what,
							 SLICE_PRINT(text), SLICE_PRINT(entry->rule->file), entry->rule->line);
	*entry = (struct named_rule){.rule = rule, .pending = pending};
	return 0;
}

int loader_name(struct loader *l, struct rule *rule, struct pending_correlation *pending)
{
	/* both must be free before either is taken */
	struct named_rule *by_name = loader_find(l, rule->name);
	if (by_name && by_name->rule)
		return name_take(l, rule->name, "name", rule, pending);
	int rc = name_take(l, rule->id, "id", rule, pending);
	return rc ? rc : name_take(l, rule->name, "name", rule, pending);
}

int loader_name_refused(struct loader *l, struct slice id, struct slice name, const char *file, uint32_t line)
{
	struct slice texts[] = {id, name};
	for (unsigned i = 0; i < 2; i++) {
		struct named_rule *entry;
		if (texts[i].len == 0 || texts[i].len > (size_t)LIMIT_field_name_bytes)
			continue;
		int rc = name_entry(l, texts[i], &entry);
		if (rc)
			return rc;
		if (!entry->rule && !entry->refused_file)
			*entry = (struct named_rule){.refused_file = file, .refused_line = line};
	}
	return 0;
}
