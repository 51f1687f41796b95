/* replace_string: PCRE2 over the strings of rules, while they are loaded. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "rules/pipeline.h"

#include <pcre2.h>

#define REPLACED_MAX 65536u

struct replace {
	pcre2_code *code;
	struct slice with; /* as PCRE2 writes it */
	struct replace *next;
};

/* ---- reading ---- */

struct conversion {
	struct loader *l;
	const struct tree_node *at;
	struct slice from;
	uint8_t *to;
	size_t len;
};

static void put(struct conversion *c, const char *text)
{
	size_t len = strlen(text);
	memcpy(c->to + c->len, text, len);
	c->len += len;
}

/* \g<name> */
static int put_named(struct conversion *c, size_t *i)
{
	size_t end = slice_find_octet(c->from, '>', *i);
	if (*i + 2 >= c->from.len || c->from.ptr[*i + 2] != '<' || end == SIZE_MAX)
		return loader_refuse_at(c->l, "pipeline-regex", c->at, "\\g in a replacement is followed by <group>");
	put(c, "${");
	memcpy(c->to + c->len, c->from.ptr + *i + 3, end - *i - 3);
	c->len += end - *i - 3;
	put(c, "}");
	*i = end;
	return 0;
}

/* The octet behind a backslash at *i. */
static int put_escape(struct conversion *c, size_t *i)
{
	uint8_t next = *i + 1 < c->from.len ? c->from.ptr[*i + 1] : 0;
	const char group[] = {'$', '{', (char)next, '}', 0};
	if (next == 'g')
		return put_named(c, i);
	if (next >= '1' && next <= '9')
		put(c, group);
	else if (next == '\\')
		put(c, "\\");
	else
		return loader_refuse_at(c->l, "pipeline-regex", c->at,
								"a backslash in a replacement is followed by a digit, g<group> or a backslash");
	++*i;
	return 0;
}

/* Groups are \1 and \g<name> there and ${1} here. */
static int convert(struct loader *l, const struct tree_node *at, struct slice from, struct slice *out)
{
	struct conversion c = {l, at, from, arena_alloc(&l->whole, 4 * from.len + 4), 0};
	if (!c.to)
		return NO_MEMORY;
	for (size_t i = 0; i < from.len; i++) {
		int rc = 0;
		if (from.ptr[i] == '\\')
			rc = put_escape(&c, &i);
		else if (from.ptr[i] == '$')
			put(&c, "$$");
		else
			c.to[c.len++] = from.ptr[i];
		if (rc)
			return rc;
	}
	*out = slice_of(c.to, c.len);
	return 0;
}

int replace_read(struct loader *l, const struct tree_node *regex, const struct tree_node *with, struct replace **out)
{
	int code;
	PCRE2_SIZE offset;
	PCRE2_UCHAR message[160];
	struct replace *r = arena_zalloc(&l->whole, sizeof *r);
	if (!r)
		return NO_MEMORY;
	if (regex->text.len > (size_t)LIMIT_regex_bytes)
		return loader_refuse_at(l, "pipeline-regex", regex, "a regular expression has at most %lld octets",
								(long long)LIMIT_regex_bytes);
	int rc = convert(l, with, with->text, &r->with);
	if (rc)
		return rc;
	r->code = pcre2_compile(regex->text.len ? regex->text.ptr : (PCRE2_SPTR) "", regex->text.len,
							PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C, &code, &offset, NULL);
	if (!r->code && (code == PCRE2_ERROR_NOMEMORY || pcre2_get_error_message(code, message, sizeof message) < 0))
		return NO_MEMORY;
	if (!r->code)
		return loader_refuse_at(l, "pipeline-regex", regex, "the regular expression is wrong at octet %zu: %s",
								(size_t)offset, message);
	r->next = l->replaces;
	l->replaces = r;
	*out = r;
	return 0;
}

void replace_free_all(struct loader *l)
{
	for (struct replace *r = l->replaces; r; r = r->next)
		pcre2_code_free(r->code);
	l->replaces = NULL;
}

/* ---- replacing ---- */

int replace_text(struct loader *l, const struct replace *r, const struct tree_node *at, struct slice text,
				 struct slice *out)
{
	PCRE2_SIZE len = REPLACED_MAX;
	pcre2_match_context *limits = pcre2_match_context_create(NULL);
	uint8_t *room = arena_alloc(&l->tree, REPLACED_MAX);
	if (!limits || !room) {
		pcre2_match_context_free(limits);
		return NO_MEMORY;
	}
	pcre2_set_match_limit(limits, (uint32_t)LIMIT_regex_match_limit);
	int rc = pcre2_substitute(r->code, text.ptr, text.len, 0, PCRE2_SUBSTITUTE_GLOBAL | PCRE2_SUBSTITUTE_UNSET_EMPTY,
							  NULL, limits, r->with.ptr, r->with.len, room, &len);
	pcre2_match_context_free(limits);
	*out = slice_of(room, len);
	if (rc >= 0)
		return 0;
	PCRE2_UCHAR message[160];
	if (pcre2_get_error_message(rc, message, sizeof message) < 0)
		message[0] = 0;
	return loader_refuse_at(l, "pipeline-regex", at, "a pipeline cannot replace in this: %s", message);
}
