#include "rules/yara_rules.h"

#include "rules/yara_set.h"

#include <errno.h>

#define YARA_FILE_BYTES (4 * (size_t)LIMIT_rule_file_bytes) /* public sets come as one file */

struct yara_load {
	struct loader *l;
	struct yara_source *sources, **tail;
	struct yara_pieces pieces;
	struct buffer pieced; /* the source of each piece */
	uint32_t told; /* what libyara had to say of all sources */
};

/* ---- compiling ---- */

static void told(int level, const char *file, int line, const YR_RULE *rule, const char *message, void *ctx)
{
	struct yara_load *y = ctx;
	(void)file;
	y->l->rule = rule ? rule->identifier : "";
	struct tree_node at = {.line = line > 0 ? (uint32_t)line : 0};
	if (level == YARA_ERROR_LEVEL_ERROR)
		loader_refuse(y->l, "yara", at.line, 0, "%s", message);
	else
		loader_warn(y->l, "yara-slow", &at, "%s", message);
	y->l->rule = "";
}

static struct yara_source *source_at(const struct yara_load *y, uint32_t piece)
{
	struct yara_source *source;
	memcpy(&source, y->pieced.ptr + piece * sizeof source, sizeof source);
	return source;
}

static void entered(void *ctx, uint32_t piece)
{
	struct yara_load *y = ctx;
	y->l->file = source_at(y, piece)->path;
}

/* All sources that are not refused (or only one), each in its own namespace. *bad: the first that does not compile. */
static int compile(struct yara_load *y, struct yara_source *only, bool loud, YR_RULES **rules, struct yara_source **bad)
{
	struct yara_told aloud = {told, y, entered};
	uint32_t piece;
	*bad = NULL;
	yara_pieces_reset(&y->pieces);
	buffer_reset(&y->pieced);
	for (struct yara_source *s = y->sources; s; s = s->next) {
		if (s->refused || (only && s != only))
			continue;
		yara_piece_begin(&y->pieces, s->path);
		yara_piece_add(&y->pieces, slice_of(s->text, s->len));
		buffer_add(&y->pieced, &s, sizeof s);
	}
	if (y->pieced.failed)
		return NO_MEMORY;
	int rc =
		loud ? yara_compile(&y->pieces, &aloud, rules, &piece) : yara_compile_kept(&y->pieces, rules, &piece, &y->told);
	if (rc == REFUSED)
		*bad = source_at(y, piece);
	return rc == REFUSED ? 0 : rc;
}

/* Everything at once; only when there is something to say, file by file to say it. */
static int compile_all(struct yara_load *y, YR_RULES **rules)
{
	struct yara_source *bad;
	int rc = compile(y, NULL, false, rules, &bad);
	if (!rc && !bad && y->told == 0)
		return 0;
	for (struct yara_source *s = y->sources; !rc && s; s = s->next) {
		struct yara_source *wrong;
		rc = compile(y, s, true, NULL, &wrong); /* says what there is to say */
		if (!wrong)
			continue;
		s->refused = true;
		y->l->counts.rules++;
		y->l->counts.refused++;
	}
	if (rc || !bad)
		return rc;
	rc = compile(y, NULL, false, rules, &bad);
	return rc ? rc : bad ? NO_MEMORY : 0;
}

/* ---- our view of a rule ---- */

static enum rule_level level_from(const char *text)
{
	static const char *const names[] = {"informational", "low", "medium", "high", "critical"};
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
		if (slice_equal_nocase(slice_str(text), slice_str(names[i])))
			return (enum rule_level)(LEVEL_INFORMATIONAL + i);
	return LEVEL_NONE;
}

static void take_meta(struct rule *r, const YR_META *meta)
{
	if (meta->type != META_TYPE_STRING)
		return;
	struct slice name = slice_str(meta->identifier), text = slice_str(meta->string);
	if (slice_equal(name, SLICE("id")) || (slice_equal(name, SLICE("uuid")) && r->id.len == 0))
		r->id = text;
	if (slice_equal(name, SLICE("description")))
		r->description = text;
	if ((slice_equal(name, SLICE("severity")) || slice_equal(name, SLICE("level"))) && r->level == LEVEL_NONE)
		r->level = level_from(meta->string);
}

static int take_tags(struct loader *l, struct rule *r, const YR_RULE *y)
{
	const char *tag;
	uint32_t n = 0;
	yr_rule_tags_foreach(y, tag) n++;
	struct slice *tags = arena_zalloc(&l->set->arena, (n ? n : 1) * sizeof *tags);
	if (!tags)
		return NO_MEMORY;
	yr_rule_tags_foreach(y, tag) tags[r->tag_count++] = slice_str(tag);
	r->tags = tags;
	return 0;
}

static bool is_rule(const struct yara_source *s, const char *p, const char *name, size_t len)
{
	static const char names[] = "_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	if ((p[4] != ' ' && p[4] != '\t') || (p > s->text && p[-1] > ' '))
		return false;
	const char *q = p + 4 + strspn(p + 4, " \t");
	return strncmp(q, name, len) == 0 && !strchr(names, q[len] ? q[len] : ' ');
}

/* libyara does not keep where a rule stands. Rules come in the order of their file: the search goes on where the last one
 * was found. */
static uint32_t line_of(struct yara_source *s, const char *name)
{
	size_t len = strlen(name);
	uint32_t line = s->found ? s->found_line : 1;
	const char *counted = s->found ? s->found : s->text;
	for (const char *p = strstr(counted, "rule"); p; p = strstr(p + 4, "rule")) {
		for (; counted < p; counted++)
			line += *counted == '\n';
		if (!is_rule(s, p, name, len))
			continue;
		s->found = p;
		s->found_line = line;
		return line;
	}
	return 0;
}

/* The whole file counts: rules of a file refer to each other, and to its imports. */
static void digest(struct sha256 *s, struct yara_source *source, struct rule *r)
{
	if (!source->hashed)
		sha256_of(slice_of(source->text, source->len), source->hash);
	source->hashed = true;
	sha256_start(s);
	sha256_part(s, SLICE("yara"));
	sha256_part(s, r->title);
	sha256_part(s, slice_of(source->hash, 32));
	sha256_end(s, r->digest);
}

static struct yara_source *source_of(const struct yara_load *y, const YR_RULE *rule)
{
	struct yara_source *s = y->sources;
	while (s && strcmp(s->path, rule->ns->name) != 0)
		s = s->next;
	CHECK(s);
	return s;
}

static int add_rule(struct yara_load *y, const YR_RULE *rule, struct yara_source *source, struct sha256 *sha,
					uint32_t *index)
{
	*index = NO_RULE;
	if (RULE_IS_PRIVATE(rule))
		return 0;
	struct rule *r = arena_zalloc(&y->l->set->arena, sizeof *r);
	const YR_META *meta;
	if (!r || take_tags(y->l, r, rule))
		return NO_MEMORY;
	r->kind = RULE_YARA;
	r->title = slice_str(rule->identifier);
	r->file = slice_str(source->path);
	r->line = line_of(source, rule->identifier);
	yr_rule_metas_foreach(rule, meta) take_meta(r, meta);
	digest(sha, source, r);
	y->l->counts.rules++;
	y->l->file = source->path;
	y->l->rule = rule->identifier;
	int rc = loader_add(y->l, r);
	y->l->rule = "";
	if (rc == REFUSED) {
		y->l->counts.refused++;
		return 0;
	}
	*index = r->index;
	return rc;
}

static int add_rules(struct yara_load *y, struct yara_rules *set)
{
	const YR_RULE *rule;
	yr_rules_foreach(set->rules, rule) set->count++;
	set->entries = arena_zalloc(&y->l->set->arena, (set->count + 1) * sizeof *set->entries);
	struct sha256 *sha = sha256_new();
	int rc = set->entries && sha ? 0 : NO_MEMORY;
	uint32_t n = 0;
	struct yara_source *source = NULL;
	if (!rc) {
		yr_rules_foreach(set->rules, rule)
		{
			if (!source || strcmp(source->path, rule->ns->name) != 0)
				source = source_of(y, rule);
			rc = add_rule(y, rule, source, sha, &set->entries[n++].rule);
			if (rc)
				break;
		}
	}
	sha256_free(sha);
	return rc;
}

/* ---- files ---- */

static int yara_refuse_file(struct loader *l, const char *id, const char *text)
{
	l->counts.rules++;
	l->counts.refused++;
	loader_refuse(l, id, 0, 0, "%s", text);
	return 0;
}

static int yara_file(struct yara_load *y, const char *path)
{
	struct loader *l = y->l;
	uint8_t *octets = NULL;
	size_t len = 0;
	l->file = path;
	int rc = env_read_file(l->env, path, YARA_FILE_BYTES, &octets, &len);
	l->counts.files++;
	if (rc == -ENOMEM)
		return NO_MEMORY;
	if (rc)
		return yara_refuse_file(l, rc == -EFBIG ? "file-size" : "file",
								rc == -EFBIG ? "a YARA file has at most 4 MiB" : strerror(-rc));
	for (struct yara_source *s = y->sources; s; s = s->next)
		if (strcmp(s->path, path) == 0) { /* the same path given twice */
			env_free(l->env, octets);
			return 0;
		}
	struct yara_source *s = arena_zalloc(&l->tree, sizeof *s);
	bool has_nul = memchr(octets, 0, len) != NULL;
	if (s && !has_nul) {
		s->path = l->file;
		s->text = arena_string(&l->tree, slice_of(octets, len));
		s->len = len;
	}
	env_free(l->env, octets);
	if (has_nul)
		return yara_refuse_file(l, "yara", "a YARA file holds no NUL octet");
	if (!s || !s->text)
		return NO_MEMORY;
	*y->tail = s;
	y->tail = &s->next;
	return 0;
}

static int load_set(struct yara_load *y)
{
	struct loader *l = y->l;
	struct yara_rules *set = arena_zalloc(&l->set->arena, sizeof *set);
	if (!set || yr_initialize() != ERROR_SUCCESS)
		return NO_MEMORY;
	/* what matched is never looked at, only where: without it a scan need not make room for it */
	yr_set_configuration_uint32(YR_CONFIG_MAX_MATCH_DATA, 0);
	l->set->yara = set; /* from here on yara_rules_free pairs with yr_initialize */
	int rc = compile_all(y, &set->rules);
	if (!rc)
		rc = add_rules(y, set);
	if (!rc)
		rc = yara_plan(l, set, y->sources);
	return rc ? rc : yara_tell_costs(l, set);
}

int yara_rules_load(struct loader *l)
{
	struct yara_load y = {.l = l};
	y.tail = &y.sources;
	yara_pieces_init(&y.pieces, l->env, l->cache);
	buffer_init(&y.pieced, l->env);
	int rc = 0;
	for (const struct met_file *met = l->yara; !rc && met; met = met->next)
		rc = yara_file(&y, met->path);
	if (!rc && y.sources)
		rc = load_set(&y);
	yara_pieces_free(&y.pieces);
	buffer_free(&y.pieced);
	arena_reset(&l->tree);
	return rc;
}

void ruleset_yara(const struct ruleset *r, struct ruleset_yara *out)
{
	*out = (struct ruleset_yara){0};
	if (!r->yara)
		return;
	out->by_strings = r->yara->paths[PATH_STRINGS];
	out->by_guards = r->yara->paths[PATH_GUARDS];
	out->always = r->yara->paths[PATH_ALWAYS];
	out->shards = r->yara->shard_count;
}

static void destroy(YR_RULES *rules)
{
	if (rules)
		yr_rules_destroy(rules);
}

void yara_rules_free(struct yara_rules *y)
{
	if (!y)
		return;
	destroy(y->rules);
	destroy(y->batch);
	for (uint32_t i = 0; y->shards && i < y->shard_count; i++)
		destroy(y->shards[i].rules);
	yr_finalize();
}
