#include "rules/columns_cache.h"

#include "rules/compiled_cache.h"

static struct compiled_cache cache_of(const struct columns *c, const char *folder)
{
	return (struct compiled_cache){
		.env = c->env, .folder = folder, .prefix = "literals", .magic = "CRSLITS0", .files_max = 16};
}

/* What the content follows from. False: no memory. */
static bool make_key(const struct columns *c, uint8_t key[32])
{
	struct sha256 *s = sha256_new();
	struct buffer platform;
	buffer_init(&platform, c->env);
	literal_set_platform(&platform);
	if (s) {
		sha256_start(s);
		sha256_part(s, buffer_slice(&platform));
		for (uint32_t i = 0; i < c->count; i++) {
			sha256_add(s, &c->list[i].literal_count, sizeof c->list[i].literal_count);
			for (uint32_t k = 0; k < c->list[i].literal_count; k++)
				sha256_part(s, c->literals[c->list[i].literal_first + k]);
		}
		sha256_end(s, key);
		sha256_free(s);
	}
	bool failed = platform.failed;
	buffer_free(&platform);
	return s && !failed;
}

/* ---- reading ---- */

static void drop_sets(struct columns *c)
{
	for (uint32_t i = 0; i < c->count; i++) {
		literal_set_free(c->list[i].literals);
		c->list[i].literals = NULL;
	}
}

static bool read_sets(struct columns *c, struct slice content)
{
	struct reader r = reader_of(content);
	for (uint32_t i = 0; i < c->count; i++) {
		if (c->list[i].literal_count == 0)
			continue;
		struct slice one = reader_slice(&r, reader_u32(&r));
		if (r.failed || literal_set_restore(one, &c->list[i].literals))
			return false;
	}
	return reader_left(&r) == 0;
}

bool columns_cache_read(struct columns *c, const char *folder)
{
	struct compiled_cache cache = cache_of(c, folder);
	uint8_t key[32], *octets;
	struct slice content;
	if (c->literal_count == 0 || !make_key(c, key) || !compiled_read(&cache, key, &octets, &content))
		return false;
	bool good = read_sets(c, content);
	if (!good)
		drop_sets(c);
	env_free(c->env, octets);
	return good;
}

/* ---- writing ---- */

/* False: no memory, or a column that this machine has no set for. */
static bool make_content(const struct columns *c, struct buffer *out)
{
	for (uint32_t i = 0; i < c->count; i++) {
		size_t at = out->len;
		if (c->list[i].literal_count == 0)
			continue;
		buffer_add_u32(out, 0);
		if (!c->list[i].literals || literal_set_save(c->list[i].literals, out))
			return false;
		put_u32(out->ptr + at, (uint32_t)(out->len - at - 4));
	}
	return !out->failed;
}

void columns_cache_write(const struct columns *c, const char *folder)
{
	struct compiled_cache cache = cache_of(c, folder);
	uint8_t key[32];
	struct buffer file;
	if (c->literal_count == 0 || !make_key(c, key))
		return;
	buffer_init(&file, c->env);
	compiled_begin(&file);
	if (make_content(c, &file))
		compiled_write(&cache, key, &file);
	buffer_free(&file);
}
