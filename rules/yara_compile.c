#include "rules/yara_compile.h"

#include "rules/compiled_cache.h"
#include "rules/yara_condition.h"

void yara_pieces_init(struct yara_pieces *p, const struct env *env, const char *cache)
{
	p->cache = cache;
	buffer_init(&p->octets, env);
	buffer_init(&p->list, env);
}

void yara_pieces_reset(struct yara_pieces *p)
{
	buffer_reset(&p->octets);
	buffer_reset(&p->list);
}

void yara_pieces_free(struct yara_pieces *p)
{
	buffer_free(&p->octets);
	buffer_free(&p->list);
}

static uint32_t piece_count(const struct yara_pieces *p)
{
	return (uint32_t)(p->list.len / sizeof(struct yara_piece));
}

void yara_piece_begin(struct yara_pieces *p, const char *space)
{
	if (piece_count(p) > 0)
		buffer_add_octet(&p->octets, 0);
	struct yara_piece piece = {space, p->octets.len};
	buffer_add(&p->list, &piece, sizeof piece);
}

void yara_piece_add(struct yara_pieces *p, struct slice text)
{
	buffer_add_slice(&p->octets, text);
}

static YR_COMPILER *compiler_new(const struct yara_told *told)
{
	YR_COMPILER *c;
	if (yr_compiler_create(&c) != ERROR_SUCCESS)
		return NULL;
	yr_compiler_set_callback(c, told->tell, told->ctx);
	yr_compiler_set_include_callback(c, NULL, NULL, NULL); /* no rule may open files */
	for (unsigned i = 0; i < YARA_VARIABLES; i++) {
		if (yr_compiler_define_string_variable(c, yara_variables[i], "") == ERROR_SUCCESS)
			continue;
		yr_compiler_destroy(c);
		return NULL;
	}
	return c;
}

static int add_pieces(YR_COMPILER *c, const struct yara_pieces *p, const struct yara_told *told, uint32_t *bad)
{
	const struct yara_piece *pieces = (const struct yara_piece *)p->list.ptr;
	for (uint32_t i = 0; i < piece_count(p); i++) {
		if (told->entered)
			told->entered(told->ctx, i);
		if (yr_compiler_add_string(c, (const char *)p->octets.ptr + pieces[i].at, pieces[i].space) == 0)
			continue;
		*bad = i;
		return c->last_error == ERROR_INSUFFICIENT_MEMORY ? NO_MEMORY : REFUSED;
	}
	return 0;
}

int yara_compile(struct yara_pieces *p, const struct yara_told *told, YR_RULES **out, uint32_t *bad)
{
	static const struct yara_told nobody;
	buffer_add_octet(&p->octets, 0);
	if (p->octets.failed || p->list.failed)
		return NO_MEMORY;
	YR_COMPILER *c = compiler_new(told ? told : &nobody);
	if (!c)
		return NO_MEMORY;
	int rc = add_pieces(c, p, told ? told : &nobody, bad);
	if (!rc && out && yr_compiler_get_rules(c, out) != ERROR_SUCCESS)
		rc = NO_MEMORY;
	yr_compiler_destroy(c); /* one that met an error is good for nothing else */
	return rc;
}

/* ---- kept ---- */

static void count_told(int level, const char *file, int line, const YR_RULE *rule, const char *message, void *ctx)
{
	(void)level, (void)file, (void)line, (void)rule, (void)message;
	++*(uint32_t *)ctx;
}

/* What a compiled set follows from; a set of another libyara, or of other variables, is another one. */
static bool make_key(const struct yara_pieces *p, uint8_t key[32])
{
	const struct yara_piece *pieces = (const struct yara_piece *)p->list.ptr;
	struct sha256 *s = sha256_new();
	if (!s)
		return false;
	sha256_start(s);
	sha256_part(s, SLICE(YR_VERSION));
	for (unsigned i = 0; i < YARA_VARIABLES; i++)
		sha256_part(s, slice_str(yara_variables[i]));
	for (uint32_t i = 0; i < piece_count(p); i++) {
		sha256_part(s, slice_str(pieces[i].space));
		sha256_part(s, slice_str((const char *)p->octets.ptr + pieces[i].at));
	}
	sha256_end(s, key);
	sha256_free(s);
	return true;
}

struct kept_stream {
	struct slice left;
	struct buffer *out;
};

static size_t read_stream(void *ptr, size_t size, size_t count, void *ctx)
{
	struct kept_stream *k = ctx;
	size_t n = size == 0 ? 0 : k->left.len / size < count ? k->left.len / size : count;
	if (n > 0)
		memcpy(ptr, k->left.ptr, n * size);
	k->left = slice_from(k->left, n * size);
	return n;
}

static size_t write_stream(const void *ptr, size_t size, size_t count, void *ctx)
{
	struct kept_stream *k = ctx;
	buffer_add(k->out, ptr, size * count);
	return k->out->failed ? 0 : count;
}

static bool read_kept(const struct compiled_cache *c, const uint8_t key[32], YR_RULES **out, uint32_t *told)
{
	uint8_t *octets;
	struct slice content;
	if (!compiled_read(c, key, &octets, &content))
		return false;
	struct kept_stream k = {.left = content.len > 4 ? slice_from(content, 4) : SLICE_NONE};
	YR_STREAM stream = {.user_data = &k, .read = read_stream};
	bool good = content.len > 4 && yr_rules_load_stream(&stream, out) == ERROR_SUCCESS;
	*told = good ? get_u32(content.ptr) : 0;
	env_free(c->env, octets);
	return good;
}

static void write_kept(const struct compiled_cache *c, const uint8_t key[32], YR_RULES *rules, uint32_t told)
{
	struct buffer file;
	buffer_init(&file, c->env);
	compiled_begin(&file);
	buffer_add_u32(&file, told);
	struct kept_stream k = {.out = &file};
	YR_STREAM stream = {.user_data = &k, .write = write_stream};
	if (yr_rules_save_stream(rules, &stream) == ERROR_SUCCESS)
		compiled_write(c, key, &file);
	buffer_free(&file);
}

int yara_compile_kept(struct yara_pieces *p, YR_RULES **out, uint32_t *bad, uint32_t *told)
{
	struct compiled_cache cache = {
		.env = p->octets.env, .folder = p->cache, .prefix = "yara", .magic = "CRSYARA0", .files_max = 512};
	struct yara_told counting = {count_told, told, NULL};
	uint8_t key[32];
	*told = 0;
	if (p->octets.failed || p->list.failed)
		return NO_MEMORY;
	buffer_add_octet(&p->octets, 0); /* the last piece ends, for the key; one more does no harm */
	bool keyed = p->cache && !p->octets.failed && make_key(p, key);
	if (keyed && read_kept(&cache, key, out, told))
		return 0;
	*told = 0;
	int rc = yara_compile(p, &counting, out, bad);
	if (!rc && keyed)
		write_kept(&cache, key, *out, *told);
	return rc;
}
