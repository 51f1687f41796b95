#include "store/words.h"

#define WORDS_MAX (1u << 20) /* more are not worth a filter */
#define BITS_PER_WORD 8u
#define FILTER_BLOCK 32u

static const uint32_t SALTS[8] = {0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d,
								  0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31};

/* Lower case of an octet that belongs to a word, 0 for all others. */
static const uint8_t WORD[256] = {
	['0'] = '0', '1', '2', '3', '4',         '5',         '6', '7', '8', '9', ['A'] = 'a', 'b', 'c', 'd', 'e', 'f',
	'g',         'h', 'i', 'j', 'k',         'l',         'm', 'n', 'o', 'p', 'q',         'r', 's', 't', 'u', 'v',
	'w',         'x', 'y', 'z', ['_'] = '_', ['a'] = 'a', 'b', 'c', 'd', 'e', 'f',         'g', 'h', 'i', 'j', 'k',
	'l',         'm', 'n', 'o', 'p',         'q',         'r', 's', 't', 'u', 'v',         'w', 'x', 'y', 'z',
};

/* U+017F (c5 bf) and U+212A (e2 84 aa) fold to s and k, and no other character folds into ASCII: their octets count
 * here as parts of a word. */
const uint8_t words_kinds[256] = {
	['0' ... '9'] = WORDS_OCTET | WORDS_JOINS,
	['A' ... 'Z'] = WORDS_OCTET | WORDS_JOINS,
	['a' ... 'z'] = WORDS_OCTET | WORDS_JOINS,
	['_'] = WORDS_OCTET | WORDS_JOINS,
	[0xc5] = WORDS_JOINS,
	[0xbf] = WORDS_JOINS,
	[0xe2] = WORDS_JOINS,
	[0x84] = WORDS_JOINS,
	[0xaa] = WORDS_JOINS,
};

void words_init(struct words *w, const struct env *env)
{
	*w = (struct words){.env = env};
}

static bool grow(struct words *w)
{
	uint32_t slot_count = w->slot_count ? w->slot_count * 2 : 4096;
	uint64_t *slots = w->count < WORDS_MAX ? env_zalloc(w->env, slot_count * sizeof *slots) : NULL;
	if (!slots)
		return false;
	for (uint32_t i = 0; i < w->slot_count; i++) {
		uint32_t at = (uint32_t)w->slots[i] & (slot_count - 1);
		while (w->slots[i] && slots[at])
			at = (at + 1) & (slot_count - 1);
		if (w->slots[i])
			slots[at] = w->slots[i];
	}
	env_free(w->env, w->slots);
	w->slots = slots;
	w->slot_count = slot_count;
	return true;
}

static void add_hash(struct words *w, uint64_t hash)
{
	uint64_t *recent = &w->recent[hash >> 32 & (WORDS_RECENT - 1)];
	if (*recent == hash && hash != 0)
		return;
	if (w->overflow || (w->count * 2 >= w->slot_count && !grow(w)) || hash == 0) {
		w->overflow = true;
		return;
	}
	*recent = hash;
	uint32_t at = (uint32_t)hash & (w->slot_count - 1);
	while (w->slots[at]) {
		if (w->slots[at] == hash)
			return;
		at = (at + 1) & (w->slot_count - 1);
	}
	w->slots[at] = hash;
	w->count++;
}

/* ---- the hash of a word: eight octets at a time, so that it can be made while the word is read ---- */

#define HASH_FACTOR UINT64_C(0x9e3779b97f4a7c15)

static inline uint64_t hash_step(uint64_t hash, uint64_t octets)
{
	hash = (hash ^ octets) * HASH_FACTOR;
	return hash ^ hash >> 32;
}

/* The word that begins at p (whatever its case) and its hash; its length, 0 when none does. */
static inline size_t hash_word(const uint8_t *p, const uint8_t *end, uint64_t *hash)
{
	const uint8_t *begin = p;
	uint64_t h = 0, group = 0;
	uint8_t lower;
	for (;;) {
		const uint8_t *stop = end - p > 8 ? p + 8 : end, *first = p;
		for (; p < stop && (lower = WORD[*p]) != 0; p++)
			group = group << 8 | lower;
		if (p - first < 8)
			break;
		h = hash_step(h, group);
		group = 0;
	}
	*hash = hash_step(hash_step(h, group), (size_t)(p - begin));
	return (size_t)(p - begin);
}

static inline size_t add_word(struct words *w, const uint8_t *p, const uint8_t *end)
{
	uint64_t hash;
	size_t len = hash_word(p, end, &hash);
	if (len > 0)
		add_hash(w, hash);
	return len;
}

/* Returns whether an octet >= 0x80 was seen. */
static bool add_plain(struct words *w, struct slice text)
{
	uint8_t high = 0;
	size_t i = 0;
	while (i < text.len) {
		while (i < text.len && !WORD[text.ptr[i]])
			high |= text.ptr[i++];
		i += add_word(w, text.ptr + i, text.ptr + text.len);
	}
	return high & 0x80;
}

static bool folds_into_ascii(struct slice text)
{
	return slice_find(text, SLICE("\xc5\xbf"), 0) != SIZE_MAX || slice_find(text, SLICE("\xe2\x84\xaa"), 0) != SIZE_MAX;
}

void words_add(struct words *w, struct slice text)
{
	if (!add_plain(w, text) || !folds_into_ascii(text))
		return;
	struct buffer folded;
	buffer_init(&folded, w->env);
	uint8_t *p = buffer_room(&folded, FOLD_ROOM(text.len));
	if (p)
		add_plain(w, slice_of(p, fold(text, p)));
	else
		w->overflow = true;
	buffer_free(&folded);
}

/* What of the text could be part of a word that goes over `at`. */
static struct slice around(struct slice text, size_t at)
{
	size_t from = at, to = at;
	while (from > 0 && (words_kinds[text.ptr[from - 1]] & WORDS_JOINS))
		from--;
	while (to < text.len && (words_kinds[text.ptr[to]] & WORDS_JOINS))
		to++;
	return slice_of(text.ptr + from, to - from);
}

void words_add_around(struct words *w, struct slice text, size_t at)
{
	words_add(w, around(text, at));
}

void words_add_multibyte(struct words *w, struct slice text)
{
	size_t i = 0;
	while (i < text.len) {
		i += add_word(w, text.ptr + i, text.ptr + text.len);
		if (i == text.len)
			break;
		bool lead = text.ptr[i] >= 0x81 && text.ptr[i] != 0xff && i + 1 < text.len;
		bool four = lead && text.ptr[i + 1] >= '0' && text.ptr[i + 1] <= '9' && i + 3 < text.len;
		i += four ? 4 : lead ? 2 : 1;
	}
}

static uint32_t bit_of(uint32_t hash, unsigned word)
{
	return 1u << (hash * SALTS[word] >> 27);
}

void words_filter(struct words *w, struct buffer *out)
{
	if (w->overflow)
		return;
	uint64_t blocks = ((uint64_t)w->count * BITS_PER_WORD + FILTER_BLOCK * 8 - 1) / (FILTER_BLOCK * 8);
	blocks = blocks ? blocks : 1;
	size_t begin = out->len;
	buffer_add_zeros(out, blocks * FILTER_BLOCK);
	if (out->failed)
		return;
	for (uint32_t i = 0; i < w->slot_count; i++) {
		if (!w->slots[i])
			continue;
		uint8_t *block = out->ptr + begin + ((w->slots[i] >> 32) * blocks >> 32) * FILTER_BLOCK;
		for (unsigned k = 0; k < 8; k++)
			put_u32(block + 4 * k, get_u32(block + 4 * k) | bit_of((uint32_t)w->slots[i], k));
	}
}

void words_reset(struct words *w)
{
	if (w->slots)
		memset(w->slots, 0, w->slot_count * sizeof *w->slots);
	memset(w->recent, 0, sizeof w->recent);
	w->count = 0;
	w->overflow = false;
}

void words_free(struct words *w)
{
	env_free(w->env, w->slots);
	*w = (struct words){0};
}

/* ---- asking ---- */

bool filter_valid(struct slice filter)
{
	return filter.len % FILTER_BLOCK == 0;
}

static bool may_hold_word(struct slice filter, uint64_t hash)
{
	uint64_t blocks = filter.len / FILTER_BLOCK;
	const uint8_t *block = filter.ptr + ((hash >> 32) * blocks >> 32) * FILTER_BLOCK;
	for (unsigned k = 0; k < 8; k++)
		if (!(get_u32(block + 4 * k) & bit_of((uint32_t)hash, k)))
			return false;
	return true;
}

/* A run at an open end of the literal may be part of a longer word: nothing is known of it. */
bool filter_may_hold(struct slice filter, struct slice folded, bool whole_left, bool whole_right)
{
	if (filter.len == 0)
		return true;
	size_t i = 0;
	while (i < folded.len) {
		uint64_t hash;
		size_t begin = i;
		i += hash_word(folded.ptr + i, folded.ptr + folded.len, &hash);
		bool whole = i > begin && (begin > 0 || whole_left) && (i < folded.len || whole_right);
		if (whole && !may_hold_word(filter, hash))
			return false;
		i++;
	}
	return true;
}
