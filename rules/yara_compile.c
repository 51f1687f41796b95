#include "rules/yara_compile.h"

#include "rules/yara_condition.h"

void yara_pieces_init(struct yara_pieces *p, const struct env *env)
{
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
