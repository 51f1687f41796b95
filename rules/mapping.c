/* Mappings: how the names of Sigma rules are called in our events.
 *
 *	mapping:
 *	  logsource: {category: firewall}
 *	  fields:
 *	    SourceIp: source.ip
 *
 * A rule whose log source has all that the mapping's names looks at its own field name first, then at the mapped one.
 */
#include "rules/chance.h"
#include "rules/pipeline.h"

#include <errno.h>

bool logsource_holds(const struct logsource *outer, const struct logsource *inner)
{
	return (outer->product.len == 0 || slice_equal_nocase(outer->product, inner->product)) &&
		   (outer->category.len == 0 || slice_equal_nocase(outer->category, inner->category)) &&
		   (outer->service.len == 0 || slice_equal_nocase(outer->service, inner->service));
}

static int mapping_fields(struct loader *l, const struct tree_node *fields, struct field_mapping *m)
{
	if (fields->type != TREE_MAP)
		return loader_refuse_at(l, "mapping-fields", fields, "fields must be a map of Sigma name: our name");
	struct slice *from = arena_zalloc(&l->set->arena, (fields->count ? fields->count : 1) * sizeof *from);
	struct slice *to = arena_zalloc(&l->set->arena, (fields->count ? fields->count : 1) * sizeof *to);
	if (!from || !to)
		return NO_MEMORY;
	for (uint32_t i = 0; i < fields->count; i++) {
		const struct tree_pair *pair = &fields->pairs[i];
		if (!tree_is_scalar(pair->value) || pair->value->text.len == 0)
			return loader_refuse_at(l, "mapping-fields", pair->value, "a field is mapped to one name");
		from[i] = loader_copy(l, pair->key->text);
		to[i] = loader_copy(l, pair->value->text);
		if (!from[i].ptr || !to[i].ptr)
			return NO_MEMORY;
	}
	m->from = from;
	m->to = to;
	m->count = fields->count;
	return 0;
}

static int mapping_read(struct loader *l, const struct tree_node *root)
{
	const struct tree_node *body = tree_get(root, "mapping");
	if (!body || body->type != TREE_MAP)
		return loader_refuse_at(l, "mapping", root, "a mapping file has the key 'mapping' with logsource and fields");
	struct field_mapping *m = arena_zalloc(&l->set->arena, sizeof *m);
	if (!m)
		return NO_MEMORY;
	const struct tree_node *fields = tree_get(body, "fields"), *logsource = tree_get(body, "logsource");
	if (!fields)
		return loader_refuse_at(l, "mapping-fields", body, "a mapping needs fields");
	int rc = logsource ? sigma_logsource(l, logsource, &m->logsource) : 0;
	if (!rc)
		rc = mapping_fields(l, fields, m);
	if (rc)
		return rc;
	struct field_mapping **tail = &l->mappings;
	while (*tail)
		tail = &(*tail)->next;
	*tail = m;
	return 0;
}

int mapping_file(void *ctx, const char *path)
{
	struct loader *l = ctx;
	uint8_t *octets = NULL;
	size_t len = 0;
	struct yaml_tree tree;
	l->file = path;
	l->rule = "";
	int rc = env_read_file(l->env, path, (size_t)LIMIT_rule_file_bytes, &octets, &len);
	if (rc == -ENOMEM)
		return NO_MEMORY;
	if (rc)
		return (void)loader_refuse(l, "file", 0, 0, "the mapping cannot be read: %s", strerror(-rc)), 0;
	rc = yaml_tree_parse(&l->tree, slice_of(octets, len), &tree, NULL) ? NO_MEMORY : 0;
	for (uint32_t i = 0; !rc && i < tree.count; i++) {
		const struct yaml_document *d = &tree.documents[i];
		rc = d->root ? mapping_read(l, d->root)
					 : loader_refuse(l, "yaml", d->error.line, d->error.column, "%s", d->error.text);
		if (rc == REFUSED)
			rc = 0;
	}
	env_free(l->env, octets);
	arena_reset(&l->tree);
	return rc;
}

/* ---- looking names up ---- */

#define NAMES_MAX 8u
#define KEY_NAMES (NAMES_MAX * PLAN_NAMES)

static uint32_t mapped_names(struct loader *l, struct slice name, const struct logsource *logsource,
							 struct slice out[NAMES_MAX])
{
	uint32_t n = 1;
	out[0] = name;
	for (const struct field_mapping *m = l->mappings; m; m = m->next) {
		if (!logsource_holds(&m->logsource, logsource))
			continue;
		for (uint32_t i = 0; i < m->count && n < NAMES_MAX; i++) {
			bool known = !slice_equal(m->from[i], name);
			for (uint32_t k = 0; !known && k < n; k++)
				known = slice_equal(out[k], m->to[i]);
			if (!known)
				out[n++] = m->to[i];
		}
	}
	return n;
}

int loader_field(struct loader *l, struct slice name, const struct logsource *logsource, struct field_names *out)
{
	struct slice names[NAMES_MAX];
	uint32_t n = mapped_names(l, name, logsource, names);
	uint32_t *ids = arena_alloc(&l->set->arena, n * sizeof *ids);
	unsigned bits = CHANCE_BITS_MAX;
	if (!ids)
		return NO_MEMORY;
	for (uint32_t i = 0; i < n; i++) {
		unsigned few = field_bits(names[i]);
		bits = few < bits ? few : bits;
		ids[i] = dictionary_intern(&l->set->fields, names[i]);
		if (ids[i] == DICTIONARY_NONE && names[i].len > (size_t)LIMIT_field_name_bytes)
			return loader_refuse(l, "sigma-field-name", 0, 0, "a field name of %zu octets is too long", names[i].len);
		if (ids[i] == DICTIONARY_NONE)
			return NO_MEMORY;
	}
	*out = (struct field_names){ids, n, bits};
	return 0;
}

/* The names of each name that the pipelines gave, one behind the other. */
static int key_names(struct loader *l, struct slice name, const struct rule *rule, struct slice out[KEY_NAMES],
					 uint32_t *count)
{
	struct slice piped[PLAN_NAMES] = {name};
	const struct detection *d = rule_detection(rule);
	const struct plan *plan = d ? d->plan : NULL;
	uint32_t n = 1;
	int rc = plan ? plan_names(l, plan, name, piped, &n) : 0;
	*count = 0;
	for (uint32_t i = 0; !rc && i < n; i++) {
		struct field_names interned;
		rc = loader_field(l, piped[i], &rule->logsource, &interned);
		*count += mapped_names(l, piped[i], &rule->logsource, out + *count);
	}
	return rc;
}

int loader_key_field(struct loader *l, struct slice name, const struct rule *rule, struct slice *out)
{
	struct slice names[KEY_NAMES];
	uint32_t n;
	int rc = key_names(l, name, rule, names, &n);
	if (rc)
		return rc;
	size_t len = n - 1, at = 0;
	for (uint32_t i = 0; i < n; i++)
		len += names[i].len;
	uint8_t *text = arena_zalloc(&l->set->arena, len);
	if (!text)
		return NO_MEMORY;
	for (uint32_t i = 0; i < n; i++) {
		if (names[i].len)
			memcpy(text + at, names[i].ptr, names[i].len);
		at += names[i].len + 1;
	}
	*out = slice_of(text, len);
	return 0;
}
