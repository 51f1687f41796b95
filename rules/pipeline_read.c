/* Reading pipelines: what is not known is refused by name, since leaving it out would change what rules mean. */
#include "rules/pipeline.h"

#include <errno.h>

/* ---- small readers ---- */

static int read_text(struct loader *l, const struct tree_node *map, const char *key, bool needed, struct slice *out)
{
	const struct tree_node *n = tree_get(map, key);
	*out = SLICE_NONE;
	if (!n && !needed)
		return 0;
	if (!n)
		return loader_refuse_at(l, "pipeline", map, "this needs the key '%s'", key);
	if (!tree_is_scalar(n) || n->type == TREE_NULL)
		return loader_refuse_at(l, "pipeline", n, "%s must be a string, not %s", key, tree_type_name(n));
	*out = n->text;
	return 0;
}

static int read_bool(struct loader *l, const struct tree_node *map, const char *key, bool *out)
{
	const struct tree_node *n = tree_get(map, key);
	if (!n)
		return 0;
	if (n->type != TREE_BOOL)
		return loader_refuse_at(l, "pipeline", n, "%s must be true or false", key);
	*out = n->truth;
	return 0;
}

/* A name or a list of names. */
static int read_names(struct loader *l, const struct tree_node *n, const char *key, struct slice **out, uint32_t *count)
{
	bool list = n->type == TREE_LIST;
	*count = list ? n->count : 1;
	*out = arena_zalloc(&l->tree, (*count ? *count : 1) * sizeof **out);
	if (!*out)
		return NO_MEMORY;
	for (uint32_t i = 0; i < *count; i++) {
		const struct tree_node *one = list ? n->items[i] : n;
		if (!tree_is_scalar(one) || one->text.len == 0)
			return loader_refuse_at(l, "pipeline", one, "%s must be a name or a list of names", key);
		(*out)[i] = one->text;
	}
	return 0;
}

/* ---- kinds of transformations ---- */

static int read_mapping(struct loader *l, const struct tree_node *map, struct transformation *t)
{
	const struct tree_node *mapping = tree_get(map, "mapping");
	if (!mapping || mapping->type != TREE_MAP)
		return loader_refuse_at(l, "pipeline", mapping ? mapping : map, "mapping must be a map of name: name or names");
	t->pairs = arena_zalloc(&l->tree, (mapping->count ? mapping->count : 1) * sizeof *t->pairs);
	if (!t->pairs)
		return NO_MEMORY;
	t->pair_count = mapping->count;
	for (uint32_t i = 0; i < mapping->count; i++) {
		struct name_pair *pair = &t->pairs[i];
		pair->from = mapping->pairs[i].key->text;
		int rc = read_names(l, mapping->pairs[i].value, "mapping", &pair->to, &pair->count);
		if (!rc && (pair->count == 0 || pair->count > PLAN_NAMES))
			rc = loader_refuse_at(l, "pipeline", mapping->pairs[i].value, "a field is mapped to 1 to %u names",
								  PLAN_NAMES);
		if (rc)
			return rc;
	}
	return 0;
}

static int read_prefix(struct loader *l, const struct tree_node *map, struct transformation *t)
{
	return read_text(l, map, "prefix", true, &t->text);
}

static int read_suffix(struct loader *l, const struct tree_node *map, struct transformation *t)
{
	return read_text(l, map, "suffix", true, &t->text);
}

static int read_message(struct loader *l, const struct tree_node *map, struct transformation *t)
{
	return read_text(l, map, "message", true, &t->text);
}

static int read_nothing(struct loader *l, const struct tree_node *map, struct transformation *t)
{
	(void)l, (void)map, (void)t;
	return 0;
}

static int read_state(struct loader *l, const struct tree_node *map, struct transformation *t)
{
	int rc = read_text(l, map, "key", true, &t->text);
	return rc ? rc : read_text(l, map, "val", true, &t->second);
}

static int read_new_logsource(struct loader *l, const struct tree_node *map, struct transformation *t)
{
	return sigma_logsource(l, map, &t->logsource);
}

static int read_set_value(struct loader *l, const struct tree_node *map, struct transformation *t)
{
	t->value = tree_get(map, "value");
	if (!t->value || !tree_is_scalar(t->value))
		return loader_refuse_at(l, "pipeline", t->value ? t->value : map, "set_value needs one value");
	return 0;
}

static int read_added(struct loader *l, const struct tree_node *map, struct transformation *t)
{
	bool template = false;
	t->value = tree_get(map, "conditions");
	if (!t->value || t->value->type != TREE_MAP || t->value->count == 0)
		return loader_refuse_at(l, "pipeline", t->value ? t->value : map, "conditions must be a map of field: values");
	int rc = read_bool(l, map, "negated", &t->negated);
	if (!rc)
		rc = read_bool(l, map, "template", &template);
	return !rc && template ? loader_refuse_at(l, "pipeline-unsupported", tree_get(map, "template"),
											  "templates in add_condition are not supported")
						   : rc;
}

static int read_placeholders(struct loader *l, const struct tree_node *map, struct transformation *t)
{
	const struct tree_node *include = tree_get(map, "include"), *exclude = tree_get(map, "exclude");
	const struct tree_node *n = include && include->type != TREE_NULL ? include : exclude;
	if (include && exclude && include->type != TREE_NULL && exclude->type != TREE_NULL)
		return loader_refuse_at(l, "pipeline", exclude, "either include or exclude");
	t->excludes = n != include || !n;
	return n && n->type != TREE_NULL ? read_names(l, n, "include and exclude", &t->names, &t->name_count) : 0;
}

static int read_replace(struct loader *l, const struct tree_node *map, struct transformation *t)
{
	bool skip = true, interpret = false;
	const struct tree_node *regex = tree_get(map, "regex"), *with = tree_get(map, "replacement");
	if (!regex || !tree_is_scalar(regex))
		return loader_refuse_at(l, "pipeline", regex ? regex : map, "replace_string needs a regex");
	if (!with || !tree_is_scalar(with))
		return loader_refuse_at(l, "pipeline", with ? with : map, "replace_string needs a replacement");
	int rc = read_bool(l, map, "skip_special", &skip);
	if (!rc)
		rc = read_bool(l, map, "interpret_special", &interpret);
	if (!rc && !skip)
		rc = loader_refuse_at(l, "pipeline-unsupported", tree_get(map, "skip_special"),
							  "replace_string over wildcards (skip_special: false) is not supported");
	t->negated = interpret;
	return rc ? rc : replace_read(l, regex, with, &t->replace);
}

#define KEYS_MAX 5u

static const struct transformation_type {
	const char *name;
	enum transformation_kind kind;
	int (*read)(struct loader *l, const struct tree_node *map, struct transformation *t);
	const char *keys[KEYS_MAX];
} types[] = {
	{"field_name_mapping", CHANGE_FIELD_NAMES, read_mapping, {"mapping"}},
	{"field_name_prefix_mapping", CHANGE_FIELD_PREFIXES, read_mapping, {"mapping"}},
	{"field_name_prefix", CHANGE_FIELD_PREFIX, read_prefix, {"prefix"}},
	{"field_name_suffix", CHANGE_FIELD_SUFFIX, read_suffix, {"suffix"}},
	{"drop_detection_item", CHANGE_DROP, read_nothing, {NULL}},
	{"replace_string", CHANGE_REPLACE, read_replace, {"regex", "replacement", "skip_special", "interpret_special"}},
	{"set_value", CHANGE_VALUE, read_set_value, {"value"}},
	{"value_placeholders", CHANGE_PLACEHOLDERS, read_placeholders, {"include", "exclude"}},
	{"wildcard_placeholders", CHANGE_PLACEHOLDERS_ANY, read_placeholders, {"include", "exclude"}},
	{"detection_item_failure", CHANGE_FAIL_ITEM, read_message, {"message"}},
	{"add_condition", CHANGE_ADD_CONDITION, read_added, {"conditions", "name", "negated", "template"}},
	{"change_logsource", CHANGE_LOGSOURCE, read_new_logsource, {"category", "product", "service"}},
	{"set_state", CHANGE_STATE, read_state, {"key", "val"}},
	{"rule_failure", CHANGE_FAIL_RULE, read_message, {"message"}},
	{"add_field", CHANGE_NOTHING, read_nothing, {"field"}},
	{"remove_field", CHANGE_NOTHING, read_nothing, {"field"}},
	{"set_field", CHANGE_NOTHING, read_nothing, {"fields"}},
	{"set_custom_attribute", CHANGE_NOTHING, read_nothing, {"attribute", "value"}},
};

static const char *const common_keys[] = {"id",
										  "type",
										  "rule_conditions",
										  "rule_cond_op",
										  "rule_cond_not",
										  "detection_item_conditions",
										  "detection_item_cond_op",
										  "detection_item_cond_not",
										  "field_name_conditions",
										  "field_name_cond_op",
										  "field_name_cond_not",
										  NULL};

static bool listed(const char *const *list, size_t max, struct slice word)
{
	for (size_t i = 0; i < max && list[i]; i++)
		if (slice_equal(word, slice_str(list[i])))
			return true;
	return false;
}

static int check_keys(struct loader *l, const struct tree_node *map, const struct transformation_type *type)
{
	for (uint32_t i = 0; i < map->count; i++) {
		const struct tree_node *key = map->pairs[i].key;
		if (!listed(common_keys, SIZE_MAX, key->text) && !listed(type->keys, KEYS_MAX, key->text))
			return loader_refuse_at(l, "pipeline-unsupported", key, "the key '%.*s' of %s is not supported",
									SLICE_PRINT(key->text), type->name);
	}
	return 0;
}

static int read_conditions(struct loader *l, const struct tree_node *map, struct transformation *t)
{
	int rc = pipeline_conditions_read(l, map, "rule", &t->rule);
	if (!rc)
		rc = pipeline_conditions_read(l, map, "detection_item", &t->item);
	return rc ? rc : pipeline_conditions_read(l, map, "field_name", &t->field);
}

static int read_transformation(struct loader *l, const struct tree_node *map, struct pipeline *p,
							   struct transformation **out)
{
	struct slice type;
	struct transformation *t = arena_zalloc(&l->tree, sizeof *t);
	if (!t)
		return NO_MEMORY;
	if (map->type != TREE_MAP)
		return loader_refuse_at(l, "pipeline", map, "a transformation is a map, not %s", tree_type_name(map));
	int rc = read_text(l, map, "type", true, &type);
	if (rc)
		return rc;
	size_t i = 0;
	while (i < sizeof types / sizeof *types && !slice_equal(type, slice_str(types[i].name)))
		i++;
	if (i == sizeof types / sizeof *types)
		return loader_refuse_at(l, "pipeline-unsupported", tree_get(map, "type"),
								"the transformation '%.*s' is not supported", SLICE_PRINT(type));
	*t = (struct transformation){.kind = types[i].kind, .pipeline = p, .at = map};
	*out = t;
	rc = check_keys(l, map, &types[i]);
	if (!rc)
		rc = read_text(l, map, "id", false, &t->id);
	if (!rc)
		rc = read_conditions(l, map, t);
	return rc ? rc : types[i].read(l, map, t);
}

/* ---- the pipeline ---- */

static int read_transformations(struct loader *l, const struct tree_node *root, struct pipeline *p)
{
	const struct tree_node *list = tree_get(root, "transformations");
	struct transformation **tail = &p->first;
	if (!list || list->type != TREE_LIST)
		return loader_refuse_at(l, "pipeline", list ? list : root, "a pipeline has a list of transformations");
	for (uint32_t i = 0; i < list->count; i++) {
		int rc = read_transformation(l, list->items[i], p, tail);
		if (rc)
			return rc;
		tail = &(*tail)->next;
	}
	return 0;
}

static int read_head(struct loader *l, const struct tree_node *root, struct pipeline *p)
{
	static const char *const known[] = {"name",        "priority", "allowed_backends", "vars", "transformations",
										"description", NULL};
	const struct tree_node *priority = tree_get(root, "priority");
	for (uint32_t i = 0; i < root->count; i++)
		if (!listed(known, SIZE_MAX, root->pairs[i].key->text))
			return loader_refuse_at(l, "pipeline-unsupported", root->pairs[i].key,
									"the key '%.*s' of a pipeline is not supported",
									SLICE_PRINT(root->pairs[i].key->text));
	if (priority && priority->type != TREE_INT)
		return loader_refuse_at(l, "pipeline", priority, "priority is a whole number");
	p->priority = priority ? priority->i64 : 0;
	p->vars = tree_get(root, "vars");
	if (p->vars && p->vars->type != TREE_MAP && p->vars->type != TREE_NULL)
		return loader_refuse_at(l, "pipeline", p->vars, "vars is a map of name: value or values");
	return read_text(l, root, "name", false, &p->name);
}

/* Behind those of the same priority: what was given first applies first. */
static void insert(struct loader *l, struct pipeline *p)
{
	struct pipeline **at = &l->pipelines;
	while (*at && (*at)->priority <= p->priority)
		at = &(*at)->next;
	p->next = *at;
	*at = p;
}

static int read_pipeline(struct loader *l, const struct tree_node *root)
{
	struct pipeline *p = arena_zalloc(&l->tree, sizeof *p);
	if (!p)
		return NO_MEMORY;
	if (root->type != TREE_MAP)
		return loader_refuse_at(l, "pipeline", root, "a pipeline is a map, not %s", tree_type_name(root));
	p->file = l->file;
	int rc = read_head(l, root, p);
	if (!rc)
		rc = read_transformations(l, root, p);
	if (!rc)
		insert(l, p);
	return rc;
}

int pipeline_text(struct loader *l, struct slice text)
{
	struct yaml_tree tree;
	int rc = yaml_tree_parse(&l->tree, text, &tree, NULL) ? NO_MEMORY : 0;
	for (uint32_t i = 0; rc != NO_MEMORY && i < tree.count; i++) {
		const struct yaml_document *d = &tree.documents[i];
		rc = d->root ? read_pipeline(l, d->root)
					 : loader_refuse(l, "yaml", d->error.line, d->error.column, "%s", d->error.text);
		l->pipelines_refused += rc == REFUSED;
	}
	return rc == NO_MEMORY ? rc : loader_keep_tree(l);
}

int pipeline_file(void *ctx, const char *path)
{
	struct loader *l = ctx;
	uint8_t *octets = NULL;
	size_t len = 0;
	l->file = arena_string(&l->set->arena, slice_str(path));
	l->rule = "";
	if (!l->file)
		return NO_MEMORY;
	int rc = env_read_file(l->env, path, (size_t)LIMIT_rule_file_bytes, &octets, &len);
	if (rc == -ENOMEM)
		return NO_MEMORY;
	if (rc) {
		loader_refuse(l, "file", 0, 0, "the pipeline cannot be read: %s", strerror(-rc));
		l->pipelines_refused++;
		return 0;
	}
	rc = pipeline_text(l, slice_of(octets, len));
	env_free(l->env, octets);
	return rc;
}
