#include "rules/candidates.h"

int candidates_init(struct candidates *c, const struct env *env, uint32_t rules)
{
	*c = (struct candidates){.words = (rules + 63) / 64};
	c->bits = env_zalloc(env, (c->words + 1) * sizeof *c->bits);
	c->touched = env_zalloc(env, (c->words / 64 + 1) * sizeof *c->touched);
	return c->bits && c->touched ? 0 : -ERROR_MEMORY;
}

void candidates_free(struct candidates *c, const struct env *env)
{
	env_free(env, c->bits);
	env_free(env, c->touched);
}

void candidates_clear(struct candidates *c)
{
	for (uint32_t t = 0; c->some && t <= c->words / 64; t++) {
		for (uint64_t left = c->touched[t]; left; left &= left - 1)
			c->bits[t * 64 + (uint32_t)__builtin_ctzll(left)] = 0;
		c->touched[t] = 0;
	}
	c->some = false;
}

/* The first word at or behind `from` that may be other than zero, or `words`. */
static uint32_t next_touched(const struct candidates *c, uint32_t from)
{
	for (uint32_t t = from / 64; t <= c->words / 64; t++) {
		uint64_t left = c->touched[t] & (t == from / 64 ? UINT64_MAX << (from % 64) : UINT64_MAX);
		if (left)
			return t * 64 + (uint32_t)__builtin_ctzll(left);
	}
	return c->words;
}

uint32_t candidates_far(const struct candidates *c, uint32_t word)
{
	for (uint32_t w = next_touched(c, word); w < c->words; w = next_touched(c, w + 1))
		if (c->bits[w])
			return w * 64 + (uint32_t)__builtin_ctzll(c->bits[w]);
	return CANDIDATES_END;
}

void candidates_add(struct candidates *c, const uint32_t *rules, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		candidates_add_one(c, rules[i]);
}
