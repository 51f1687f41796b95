#include "rules/yara_rules.h"

#include <errno.h>
#include <stdio.h>
#include <yara.h>

#define YARA_FILE_BYTES (4 * (size_t)LIMIT_rule_file_bytes) /* public sets come as one file */
#define NO_RULE UINT32_MAX
#define SCAN_SECONDS 1 /* a backstop; libyara looks at the clock every 4 KiB */

struct yara_source {
	const char *path; /* its namespace; lives with the ruleset */
	char *text; /* NUL-terminated; freed after the load */
	size_t len;
	bool refused;
	struct yara_source *next;
};

struct yara_rules {
	YR_RULES *rules;
	uint32_t *index; /* YARA's number of a rule -> ours, NO_RULE for private ones */
	uint32_t count;
};

struct yara_load {
	struct loader *l;
	struct yara_source *sources, **tail;
	bool quiet; /* a second compilation says nothing twice */
};

/* ---- compiling ---- */

static void told(int level, const char *file, int line, const YR_RULE *rule, const char *message, void *ctx)
{
	struct yara_load *y = ctx;
	(void)file;
	if (y->quiet)
		return;
	y->l->rule = rule ? rule->identifier : "";
	struct tree_node at = {.line = line > 0 ? (uint32_t)line : 0};
	if (level == YARA_ERROR_LEVEL_ERROR)
		loader_refuse(y->l, "yara", at.line, 0, "%s", message);
	else
		loader_warn(y->l, "yara-slow", &at, "%s", message);
	y->l->rule = "";
}

static YR_COMPILER *compiler_new(struct yara_load *y)
{
	static const char *const externals[] = {"filename", "filepath", "extension", "filetype", "owner"};
	YR_COMPILER *c;
	if (yr_compiler_create(&c) != ERROR_SUCCESS)
		return NULL;
	yr_compiler_set_callback(c, told, y);
	yr_compiler_set_include_callback(c, NULL, NULL, NULL); /* no rule may open files */
	for (unsigned i = 0; i < sizeof externals / sizeof *externals; i++) {
		if (yr_compiler_define_string_variable(c, externals[i], "") == ERROR_SUCCESS)
			continue;
		yr_compiler_destroy(c);
		return NULL;
	}
	return c;
}

/* All sources that are not refused, each in its own namespace. *bad: the first that does not compile. */
static int compile(struct yara_load *y, struct yara_source *only, YR_RULES **rules, struct yara_source **bad)
{
	*bad = NULL;
	YR_COMPILER *c = compiler_new(y);
	if (!c)
		return NO_MEMORY;
	int rc = 0;
	for (struct yara_source *s = only ? only : y->sources; s && !*bad; s = only ? NULL : s->next) {
		if (s->refused)
			continue;
		y->l->file = s->path;
		if (yr_compiler_add_string(c, s->text, s->path) == 0)
			continue;
		*bad = s;
		if (c->last_error == ERROR_INSUFFICIENT_MEMORY)
			rc = NO_MEMORY;
	}
	if (!rc && !*bad && rules && yr_compiler_get_rules(c, rules) != ERROR_SUCCESS)
		rc = NO_MEMORY;
	yr_compiler_destroy(c); /* one that met an error is good for nothing else */
	return rc;
}

/* Everything at once; only when something is wrong, file by file to find out which. */
static int compile_all(struct yara_load *y, YR_RULES **rules)
{
	struct yara_source *bad;
	struct ruleset_counts before = y->l->counts;
	y->quiet = true;
	int rc = compile(y, NULL, rules, &bad);
	y->quiet = false;
	y->l->counts = before;
	for (struct yara_source *s = y->sources; !rc && s; s = s->next) {
		struct yara_source *wrong;
		if (s->refused)
			continue;
		rc = compile(y, s, NULL, &wrong); /* says what there is to say */
		if (!wrong)
			continue;
		s->refused = true;
		y->l->counts.rules++;
		y->l->counts.refused++;
	}
	if (rc || !bad)
		return rc;
	y->quiet = true;
	rc = compile(y, NULL, rules, &bad);
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

/* libyara does not keep where a rule stands. */
static uint32_t line_of(const struct yara_source *s, const char *name)
{
	uint32_t line = 1;
	size_t len = strlen(name);
	for (const char *p = s->text; *p; p++) {
		if (*p == '\n')
			line++;
		if (strncmp(p, "rule", 4) != 0 || (p[4] != ' ' && p[4] != '\t') || (p > s->text && p[-1] > ' '))
			continue;
		const char *q = p + 4 + strspn(p + 4, " \t");
		if (strncmp(q, name, len) == 0 &&
			!strchr("_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", q[len] ? q[len] : ' '))
			return line;
	}
	return 0;
}

/* The whole file counts: rules of a file refer to each other, and to its imports. */
static void digest(struct sha256 *s, const struct yara_source *source, struct rule *r)
{
	sha256_start(s);
	sha256_part(s, SLICE("yara"));
	sha256_part(s, r->title);
	sha256_part(s, slice_of(source->text, source->len));
	sha256_end(s, r->digest);
}

static const struct yara_source *source_of(const struct yara_load *y, const YR_RULE *rule)
{
	const struct yara_source *s = y->sources;
	while (s && strcmp(s->path, rule->ns->name) != 0)
		s = s->next;
	CHECK(s);
	return s;
}

static int add_rule(struct yara_load *y, const YR_RULE *rule, const struct yara_source *source, struct sha256 *sha,
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
	set->index = arena_alloc(&y->l->set->arena, (set->count + 1) * sizeof *set->index);
	struct sha256 *sha = sha256_new();
	int rc = set->index && sha ? 0 : NO_MEMORY;
	uint32_t n = 0;
	const struct yara_source *source = NULL;
	if (!rc) {
		yr_rules_foreach(set->rules, rule)
		{
			if (!source || strcmp(source->path, rule->ns->name) != 0)
				source = source_of(y, rule);
			rc = add_rule(y, rule, source, sha, &set->index[n++]);
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

static int yara_file(void *ctx, const char *path)
{
	struct yara_load *y = ctx;
	struct loader *l = y->l;
	uint8_t *octets = NULL;
	size_t len = 0;
	l->file = arena_string(&l->set->arena, slice_str(path));
	if (!l->file)
		return NO_MEMORY;
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

int yara_rules_load(struct loader *l, const char *const *paths, size_t count, struct error *error)
{
	struct yara_load y = {.l = l};
	y.tail = &y.sources;
	int rc = rule_files_each(l->env, paths, count, name_is_yara, yara_file, &y, error);
	if (rc || !y.sources) {
		arena_reset(&l->tree);
		return rc;
	}
	struct yara_rules *set = arena_zalloc(&l->set->arena, sizeof *set);
	if (!set || yr_initialize() != ERROR_SUCCESS)
		return NO_MEMORY;
	l->set->yara = set; /* from here on yara_rules_free pairs with yr_initialize */
	rc = compile_all(&y, &set->rules);
	if (!rc)
		rc = add_rules(&y, set);
	arena_reset(&l->tree);
	return rc;
}

void yara_rules_free(struct yara_rules *y)
{
	if (!y)
		return;
	if (y->rules)
		yr_rules_destroy(y->rules);
	yr_finalize();
}

/* ---- scanning ---- */

struct yara_scanner {
	const struct env *env;
	YR_SCANNER *scanner;
	const struct yara_rules *set;
	uint64_t *hits;
};

static int scanned(YR_SCAN_CONTEXT *context, int message, void *data, void *ctx)
{
	struct yara_scanner *s = ctx;
	(void)context;
	if (message == CALLBACK_MSG_RULE_MATCHING) {
		uint32_t rule = s->set->index[(const YR_RULE *)data - s->set->rules->rules_table];
		if (rule != NO_RULE)
			s->hits[rule / 64] |= UINT64_C(1) << (rule % 64);
	}
	return message == CALLBACK_MSG_TOO_MANY_MATCHES ? CALLBACK_ERROR : CALLBACK_CONTINUE;
}

struct yara_scanner *yara_scanner_new(const struct env *env, const struct ruleset *r)
{
	struct yara_scanner *s = env_zalloc(env, sizeof *s);
	if (!s)
		return NULL;
	s->env = env;
	s->set = r->yara;
	if (yr_scanner_create(r->yara->rules, &s->scanner) != ERROR_SUCCESS) {
		env_free(env, s);
		return NULL;
	}
	/* the text is memory of ours, never a mapped file that could shrink: no signal handlers are needed */
	yr_scanner_set_flags(s->scanner, SCAN_FLAGS_NO_TRYCATCH | SCAN_FLAGS_REPORT_RULES_MATCHING);
	yr_scanner_set_timeout(s->scanner, SCAN_SECONDS);
	yr_scanner_set_callback(s->scanner, scanned, s);
	return s;
}

void yara_scanner_free(struct yara_scanner *s)
{
	if (!s)
		return;
	yr_scanner_destroy(s->scanner);
	env_free(s->env, s);
}

int yara_scanner_scan(struct yara_scanner *s, struct slice octets, uint64_t *hits)
{
	s->hits = hits;
	const uint8_t *text = octets.len ? octets.ptr : (const uint8_t *)"";
	return yr_scanner_scan_mem(s->scanner, text, octets.len) != ERROR_SUCCESS;
}
