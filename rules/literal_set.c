#include "rules/literal_set.h"

#include "common/check.h"

#include <hs/hs.h>
#include <stdlib.h>

/* The library's types under our names: a pointer to the one is a pointer to the other. */
static hs_database_t *database_of(const struct literal_set *set)
{
	return (hs_database_t *)(uintptr_t)set;
}

static hs_scratch_t *scratch_of(struct literal_scratch *scratch)
{
	return (hs_scratch_t *)scratch;
}

static int result_of(hs_error_t rc)
{
	return rc == HS_SUCCESS ? 0 : rc == HS_NOMEM ? -ERROR_MEMORY : -ERROR_UNSUPPORTED;
}

/* ---- making ---- */

static int compile(const char *const *texts, const size_t *lens, const unsigned *flags, const unsigned *ids,
				   uint32_t count, struct literal_set **out)
{
	hs_database_t *database = NULL;
	hs_compile_error_t *why = NULL;
	hs_error_t rc = hs_compile_lit_multi(texts, flags, ids, lens, count, HS_MODE_BLOCK, NULL, &database, &why);
	if (why)
		hs_free_compile_error(why);
	*out = (struct literal_set *)database;
	return result_of(rc);
}

int literal_set_new(const struct env *env, const struct slice *literals, uint32_t count, struct literal_set **out)
{
	const char **texts = env_alloc(env, count * sizeof *texts);
	size_t *lens = env_alloc(env, count * sizeof *lens);
	unsigned *numbers = env_zalloc(env, 2 * (size_t)count * sizeof *numbers);
	int rc = texts && lens && numbers ? 0 : -ERROR_MEMORY;
	for (uint32_t i = 0; !rc && i < count; i++) {
		CHECK(literals[i].len > 0);
		texts[i] = (const char *)literals[i].ptr;
		lens[i] = literals[i].len;
		numbers[i] = i;
	}
	if (!rc)
		rc = compile(texts, lens, numbers + count, numbers, count, out);
	env_free(env, (void *)(uintptr_t)texts);
	env_free(env, lens);
	env_free(env, numbers);
	return rc;
}

void literal_set_free(struct literal_set *set)
{
	if (set)
		(void)hs_free_database(database_of(set));
}

/* ---- keeping ---- */

int literal_set_restore(struct slice octets, struct literal_set **out)
{
	hs_database_t *database = NULL;
	hs_error_t rc = hs_deserialize_database((const char *)octets.ptr, octets.len, &database);
	*out = (struct literal_set *)database;
	return rc == HS_SUCCESS ? 0 : rc == HS_NOMEM ? -ERROR_MEMORY : -ERROR_DAMAGED;
}

int literal_set_save(const struct literal_set *set, struct buffer *out)
{
	char *octets = NULL;
	size_t len = 0;
	if (hs_serialize_database(database_of(set), &octets, &len) != HS_SUCCESS)
		return -ERROR_MEMORY;
	buffer_add(out, octets, len);
	free(octets);
	return out->failed ? -ERROR_MEMORY : 0;
}

void literal_set_platform(struct buffer *out)
{
	hs_platform_info_t platform = {0};
	(void)hs_populate_platform(&platform);
	buffer_add_format(out, "%s %u %llx", hs_version(), platform.tune, platform.cpu_features);
}

/* ---- scanning ---- */

int literal_scratch_fit(struct literal_scratch **scratch, const struct literal_set *set)
{
	hs_scratch_t *s = scratch_of(*scratch);
	hs_error_t rc = hs_alloc_scratch(database_of(set), &s);
	*scratch = (struct literal_scratch *)s;
	return rc == HS_SUCCESS ? 0 : -ERROR_MEMORY;
}

void literal_scratch_free(struct literal_scratch *scratch)
{
	if (scratch)
		(void)hs_free_scratch(scratch_of(scratch));
}

struct scan {
	literal_found *found;
	void *ctx;
	int result;
};

static int on_match(unsigned int id, unsigned long long from, unsigned long long to, unsigned int flags, void *ctx)
{
	struct scan *s = ctx;
	(void)from;
	(void)flags;
	s->result = s->found(s->ctx, id, (size_t)to);
	return s->result;
}

int literal_set_scan(const struct literal_set *set, struct literal_scratch *scratch, struct slice text,
					 literal_found *found, void *ctx)
{
	struct scan s = {found, ctx, 0};
	CHECK(text.len <= UINT32_MAX);
	hs_error_t rc =
		hs_scan(database_of(set), (const char *)text.ptr, (unsigned)text.len, 0, scratch_of(scratch), on_match, &s);
	CHECK(rc == HS_SUCCESS || rc == HS_SCAN_TERMINATED); /* anything else is a wrong call */
	return s.result;
}
