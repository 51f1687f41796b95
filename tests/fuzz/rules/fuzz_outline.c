/* The outline of a regular expression: whatever it is, no text matches without it. Flags, expression, NUL, text. */
#include "common/check.h"
#include "common/env.h"
#include "common/text.h"
#include "rules/outline.h"
#include "rules/regex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compare(struct arena *arena, const struct outline *o, const struct regex *regex, struct slice text)
{
	struct regex_scratch *scratch = regex_scratch_new(arena->env);
	const struct pattern *pattern = pattern_new(arena, &o->units, false);
	uint8_t *folded = arena_alloc(arena, FOLD_ROOM(text.len));
	CHECK(scratch && pattern && folded);
	bool outlined = pattern_match(pattern, slice_of(folded, fold(text, folded)));
	bool line =
		utf8_valid(text) && slice_find_octet(text, '\n', 0) == SIZE_MAX && slice_find_octet(text, '\r', 0) == SIZE_MAX;
	enum regex_result result = regex_search(regex, scratch, text);
	CHECK(outlined || result != REGEX_YES);
	CHECK(!outlined || !o->whole || !line || result != REGEX_NO);
	regex_scratch_free(scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct env env = env_system();
	struct arena arena;
	struct outline o;
	struct regex *regex;
	if (size == 0 || size > 4096)
		return 0;
	struct slice rest = slice_of(data + 1, size - 1);
	size_t end = slice_find_octet(rest, 0, 0);
	struct slice written = slice_of(rest.ptr, end == SIZE_MAX ? rest.len : end);
	uint32_t flags = data[0] & (REGEX_IGNORE_CASE | REGEX_MULTI_LINE | REGEX_DOT_ALL);
	arena_init(&arena, &env, 0);
	CHECK(outline_read(&arena, written, flags & REGEX_IGNORE_CASE, &o));
	if (o.units.count && regex_compile(&env, written, flags, &regex, NULL) == 0) {
		compare(&arena, &o, regex, slice_from(rest, written.len + 1));
		regex_free(regex);
	}
	arena_free(&arena);
	return 0;
}
