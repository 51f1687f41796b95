#define PCRE2_CODE_UNIT_WIDTH 8
#include "rules/regex.h"

#include "common/limits.h"

#include <pcre2.h>

#define JIT_STACK_START 32768
#define JIT_STACK_MAX 524288
#define HEAP_LIMIT_KIB 1024

struct regex {
	const struct env *env;
	pcre2_code *code;
	uint32_t match_options;
	bool jit;
	uint32_t shortest; /* octets of what it can match at least */
};

struct regex_scratch {
	const struct env *env;
	pcre2_match_data *data;
	pcre2_match_context *context;
	pcre2_jit_stack *stack;
};

static uint32_t compile_options(uint32_t flags)
{
	/* \C would split a code point, which UTF mode over invalid text does not allow */
	uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C;
	if (flags & REGEX_IGNORE_CASE)
		options |= PCRE2_CASELESS;
	if (flags & REGEX_MULTI_LINE)
		options |= PCRE2_MULTILINE;
	if (flags & REGEX_DOT_ALL)
		options |= PCRE2_DOTALL;
	return options;
}

int regex_compile(const struct env *env, struct slice text, uint32_t flags, struct regex **out, struct error *error)
{
	if (text.len > (size_t)LIMIT_regex_bytes)
		return error_set(error, ERROR_LIMIT, "a regular expression of %zu octets, at most %lld are allowed", text.len,
						 (long long)LIMIT_regex_bytes);
	int code;
	PCRE2_SIZE offset;
	struct regex *r = env_zalloc(env, sizeof *r);
	if (!r)
		return error_set(error, ERROR_MEMORY, "no memory for a regular expression");
	r->env = env;
	r->code =
		pcre2_compile(text.len ? text.ptr : (PCRE2_SPTR) "", text.len, compile_options(flags), &code, &offset, NULL);
	if (!r->code) {
		env_free(env, r);
		PCRE2_UCHAR message[160];
		if (code == PCRE2_ERROR_NOMEMORY || pcre2_get_error_message(code, message, sizeof message) < 0)
			return error_set(error, ERROR_MEMORY, "no memory for a regular expression");
		return error_set(error, ERROR_SYNTAX, "the regular expression is wrong at octet %zu: %s", (size_t)offset,
						 message);
	}
	/* without JIT (not built in, or a pattern it does not take) the interpreter does the same under the same limits */
	r->jit = pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE) == 0;
	/* told in characters, of which each has an octet */
	if (pcre2_pattern_info(r->code, PCRE2_INFO_MINLENGTH, &r->shortest))
		r->shortest = 0;
	if (flags & REGEX_AT_START)
		r->match_options |= PCRE2_ANCHORED;
	if (flags & REGEX_AT_END)
		r->match_options |= PCRE2_ENDANCHORED;
	*out = r;
	return 0;
}

void regex_free(struct regex *r)
{
	if (!r)
		return;
	pcre2_code_free(r->code);
	env_free(r->env, r);
}

struct regex_scratch *regex_scratch_new(const struct env *env)
{
	struct regex_scratch *s = env_zalloc(env, sizeof *s);
	if (!s)
		return NULL;
	s->env = env;
	s->data = pcre2_match_data_create(1, NULL);
	s->context = pcre2_match_context_create(NULL);
	s->stack = pcre2_jit_stack_create(JIT_STACK_START, JIT_STACK_MAX, NULL);
	if (!s->data || !s->context) {
		regex_scratch_free(s);
		return NULL;
	}
	pcre2_set_match_limit(s->context, (uint32_t)LIMIT_regex_match_limit);
	pcre2_set_heap_limit(s->context, HEAP_LIMIT_KIB);
	if (s->stack)
		pcre2_jit_stack_assign(s->context, NULL, s->stack);
	return s;
}

void regex_scratch_free(struct regex_scratch *s)
{
	if (!s)
		return;
	pcre2_jit_stack_free(s->stack);
	pcre2_match_context_free(s->context);
	pcre2_match_data_free(s->data);
	env_free(s->env, s);
}

enum regex_result regex_search(const struct regex *r, struct regex_scratch *s, struct slice value)
{
	PCRE2_SPTR text = value.len ? value.ptr : (PCRE2_SPTR) "";
	if (value.len < r->shortest)
		return REGEX_NO;
	int rc = pcre2_match(r->code, text, value.len, 0, r->match_options, s->data, s->context);
	if (rc == PCRE2_ERROR_JIT_STACKLIMIT)
		rc = pcre2_match(r->code, text, value.len, 0, r->match_options | PCRE2_NO_JIT, s->data, s->context);
	if (rc >= 0)
		return REGEX_YES;
	return rc == PCRE2_ERROR_NOMATCH ? REGEX_NO : REGEX_UNDECIDED;
}
