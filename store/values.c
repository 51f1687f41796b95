#include "store/values.h"
#include "common/hash.h"
#include "store/ints.h"

#define KNOWN_TRIAL 2048u /* so many values are looked up before the dictionary must have paid */
#define SLOTS_FIRST 256u
#define ROUND 16u /* values looked up together */

void values_work_init(struct values_work *work, const struct env *env)
{
	*work = (struct values_work){.env = env};
	/* As in strings.c: without randomness as right, only easier to attack. */
	if (env->random.fill(env->random.ctx, work->secret, sizeof work->secret) != 0)
		for (unsigned i = 0; i < sizeof work->secret; i++)
			work->secret[i] = (uint8_t)(i * 179 + 3);
}

void values_work_free(struct values_work *work)
{
	env_free(work->env, work->slots);
	env_free(work->env, work->firsts);
	env_free(work->env, work->codes);
	env_free(work->env, work->lengths);
	env_free(work->env, work->numbers);
	env_free(work->env, work->spread);
	*work = (struct values_work){0};
}

/* Arrays for n values. What they held is of no use any more. */
static bool work_room(struct values_work *work, uint32_t n)
{
	if (n < work->room)
		return true;
	uint32_t room = n < 4096 ? 4096 : n < 32768 ? 32768 : n + 1;
	work->room = 0;
	uint32_t *firsts = env_resize(work->env, work->firsts, room * sizeof *firsts);
	work->firsts = firsts ? firsts : work->firsts;
	uint32_t *codes = env_resize(work->env, work->codes, room * sizeof *codes);
	work->codes = codes ? codes : work->codes;
	uint32_t *lengths = env_resize(work->env, work->lengths, room * sizeof *lengths);
	work->lengths = lengths ? lengths : work->lengths;
	uint64_t *numbers = env_resize(work->env, work->numbers, room * sizeof *numbers);
	work->numbers = numbers ? numbers : work->numbers;
	uint64_t *spread = env_resize(work->env, work->spread, room * sizeof *spread);
	work->spread = spread ? spread : work->spread;
	if (!firsts || !codes || !lengths || !numbers || !spread)
		return false;
	work->room = room;
	return true;
}

void values_init(struct values *v, const struct env *env)
{
	*v = (struct values){.env = env};
}

int values_grow(struct values *v)
{
	uint32_t room = v->room ? v->room * 2 : 256;
	struct value *items = env_resize(v->env, v->items, room * sizeof *items);
	if (!items)
		return -ERROR_MEMORY;
	v->items = items;
	v->room = room;
	return 0;
}

static inline bool is_long(const struct value *item)
{
	return item->end >= VALUE_LONG;
}

static inline uint32_t length_of(const struct value *item)
{
	return is_long(item) ? (uint32_t)item->end : (uint32_t)(item->end >> 56);
}

static inline struct slice text_of(const struct value *item, uint8_t scratch[SHORT_MAX])
{
	if (is_long(item))
		return slice_of((const uint8_t *)(uintptr_t)item->begin, length_of(item));
	shorts_store(item->begin, item->end, scratch);
	return slice_of(scratch, length_of(item));
}

/* ---- which values are the same ---- */

static inline uint32_t hash_item(const struct values_work *work, const struct value *item)
{
	uint64_t begin = item->begin;
	if (is_long(item))
		begin = hash_secret(slice_of((const uint8_t *)(uintptr_t)begin, length_of(item)), work->secret);
	return shorts_hash(begin, item->end, 0, work->secret);
}

static inline bool same(const struct value *a, const struct value *b)
{
	if (a->end != b->end)
		return false;
	if (!is_long(a))
		return a->begin == b->begin;
	return memcmp((const void *)(uintptr_t)a->begin, (const void *)(uintptr_t)b->begin, length_of(a)) == 0;
}

static bool slots_room(struct values_work *work, uint32_t slot_count)
{
	if (slot_count > work->slot_room) {
		struct values_slot *slots = env_resize(work->env, work->slots, slot_count * sizeof *slots);
		if (!slots)
			return false;
		work->slots = slots;
		work->slot_room = slot_count;
	}
	memset(work->slots, 0, slot_count * sizeof *work->slots);
	work->slot_count = slot_count;
	return true;
}

static void put_slot(struct values_work *work, uint32_t hash, uint32_t item)
{
	uint32_t at = hash & (work->slot_count - 1);
	while (work->slots[at].item)
		at = (at + 1) & (work->slot_count - 1);
	work->slots[at] = (struct values_slot){hash, item + 1};
}

static bool grow_slots(struct values_work *work, const struct value *items)
{
	if (!slots_room(work, work->slot_count * 4))
		return false;
	for (uint32_t i = 0; i < work->known; i++)
		put_slot(work, hash_item(work, &items[work->firsts[i]]), work->firsts[i]);
	return true;
}

/* The code of item i; a new one when its text was not there. */
static inline void find_code(struct values_work *work, const struct value *items, uint32_t i, uint32_t hash)
{
	uint32_t mask = work->slot_count - 1, at = hash & mask;
	for (; work->slots[at].item; at = (at + 1) & mask) {
		uint32_t known = work->slots[at].item - 1;
		if (work->slots[at].hash == hash && same(&items[known], &items[i])) {
			work->codes[i] = work->codes[known];
			return;
		}
	}
	work->slots[at] = (struct values_slot){hash, i + 1};
	work->codes[i] = work->known;
	work->firsts[work->known++] = i;
}

/* Gives every value its code. *paid: false when there are too many distinct ones; then codes mean nothing. The slots of
 * all values of a round are on their way before the first is looked at. */
static int find_codes(const struct values *v, struct values_work *work, bool *paid)
{
	uint32_t hashes[ROUND];
	work->known = 0;
	*paid = true;
	if (!slots_room(work, SLOTS_FIRST))
		return -ERROR_MEMORY;
	for (uint32_t done = 0; done < v->count && *paid; done += ROUND) {
		uint32_t n = v->count - done < ROUND ? v->count - done : ROUND;
		for (uint32_t i = 0; i < n; i++) {
			hashes[i] = hash_item(work, &v->items[done + i]);
			__builtin_prefetch(&work->slots[hashes[i] & (work->slot_count - 1)]);
		}
		for (uint32_t i = 0; i < n; i++)
			find_code(work, v->items, done + i, hashes[i]);
		*paid = work->known < VALUES_KNOWN_MAX - ROUND && (done < KNOWN_TRIAL || work->known <= done / 2);
		if ((work->known + ROUND) * 2 >= work->slot_count && !grow_slots(work, v->items))
			return -ERROR_MEMORY;
	}
	return 0;
}

/* ---- which encoding ---- */

/* The distinct values, or all of them when codes did not pay. */
struct distinct {
	const struct value *items;
	const uint32_t *firsts; /* null: item i is the i-th */
	uint32_t count;
};

static inline const struct value *distinct_item(const struct distinct *d, uint32_t i)
{
	return &d->items[d->firsts ? d->firsts[i] : i];
}

/* Unsigned, no leading zero, at most 19 digits: what printing gives back. */
static bool decimal(struct slice s, uint64_t *out)
{
	if (s.len == 0 || s.len > 19 || (s.ptr[0] == '0' && s.len > 1))
		return false;
	uint64_t n = 0;
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
		n = n * 10 + s.ptr[i] - '0';
	}
	*out = n;
	return true;
}

static bool ipv4(struct slice s, uint8_t out[4])
{
	size_t at = 0;
	for (unsigned part = 0; part < 4; part++) {
		size_t begin = at;
		unsigned n = 0;
		while (at < s.len && at - begin < 3 && s.ptr[at] >= '0' && s.ptr[at] <= '9')
			n = n * 10 + s.ptr[at++] - '0';
		if (at == begin || n > 255 || (s.ptr[begin] == '0' && at - begin > 1))
			return false;
		out[part] = (uint8_t)n;
		if (part < 3 && (at == s.len || s.ptr[at++] != '.'))
			return false;
	}
	return at == s.len;
}

/* The distinct values as numbers, when all of them are; *range_bits: what the widest distance takes. */
static bool all_decimal(const struct distinct *d, uint64_t *numbers, unsigned *range_bits)
{
	uint64_t low = UINT64_MAX, high = 0;
	uint8_t scratch[SHORT_MAX];
	for (uint32_t i = 0; i < d->count; i++) {
		if (!decimal(text_of(distinct_item(d, i), scratch), &numbers[i]))
			return false;
		low = numbers[i] < low ? numbers[i] : low;
		high = numbers[i] > high ? numbers[i] : high;
	}
	*range_bits = d->count && high != low ? 64u - (unsigned)__builtin_clzll(high - low) : 0;
	return true;
}

/* The same for addresses, four octets in each number. */
static bool all_ipv4(const struct distinct *d, uint64_t *numbers)
{
	uint8_t scratch[SHORT_MAX], octets[4];
	for (uint32_t i = 0; i < d->count; i++) {
		if (!ipv4(text_of(distinct_item(d, i), scratch), octets))
			return false;
		numbers[i] = get_u32(octets);
	}
	return true;
}

/* A guess in bits; zstd halves text roughly. */
static enum values_encoding choose(const struct values *v, const struct distinct *d, uint64_t *numbers)
{
	unsigned range_bits = 0;
	bool is_decimal = all_decimal(d, numbers, &range_bits);
	bool is_ipv4 = !is_decimal && all_ipv4(d, numbers);
	if (!d->firsts)
		return is_decimal ? VALUES_DECIMAL : is_ipv4 ? VALUES_IPV4 : VALUES_STRINGS;
	uint64_t known_octets = 0;
	for (uint32_t i = 0; i < d->count; i++)
		known_octets += length_of(distinct_item(d, i)) + UINT64_C(1);
	unsigned code_bits = d->count > 1 ? 32u - (unsigned)__builtin_clz(d->count - 1) : 0;
	uint64_t as_codes = known_octets * 4 + (uint64_t)v->count * code_bits;
	if (is_decimal && (uint64_t)range_bits * v->count < as_codes)
		return VALUES_DECIMAL;
	if (is_ipv4 && UINT64_C(32) * v->count < as_codes)
		return VALUES_IPV4;
	return (uint64_t)d->count * 4 > (uint64_t)v->count * 3 ? VALUES_STRINGS : VALUES_DICTIONARY;
}

/* ---- writing ---- */

static void put_strings(struct buffer *out, const struct distinct *d, uint32_t *scratch, bool with_size)
{
	uint64_t octets = 0;
	for (uint32_t i = 0; i < d->count; i++) {
		scratch[i] = length_of(distinct_item(d, i));
		octets += scratch[i];
	}
	ints_encode_codes(out, scratch, d->count);
	if (with_size)
		buffer_add_u32(out, (uint32_t)octets);
	uint8_t *p = buffer_room(out, octets + SHORT_MAX);
	if (!p)
		return;
	for (uint32_t i = 0; i < d->count; i++) {
		const struct value *item = distinct_item(d, i);
		if (is_long(item))
			memcpy(p, (const void *)(uintptr_t)item->begin, length_of(item));
		else
			shorts_store(item->begin, item->end, p); /* what is too much, the next one writes over */
		p += length_of(item);
	}
	out->len += octets;
}

static void put_known(const struct values *v, const struct distinct *d, struct values_work *work, struct buffer *out)
{
	buffer_add_u32(out, d->count);
	put_strings(out, d, work->lengths, true);
	ints_encode_codes(out, work->codes, v->count);
}

/* One number for each distinct value becomes one for each value. */
static void put_numbers(const struct values *v, const struct distinct *d, struct values_work *work, struct buffer *out,
						bool is_ipv4)
{
	const uint64_t *all = work->numbers;
	if (d->firsts) {
		for (uint32_t i = 0; i < v->count; i++)
			work->spread[i] = work->numbers[work->codes[i]];
		all = work->spread;
	}
	uint8_t *p = is_ipv4 ? buffer_room(out, (size_t)v->count * 4 + 1) : NULL;
	for (uint32_t i = 0; p && i < v->count; i++)
		put_u32(p + 4 * (size_t)i, (uint32_t)all[i]);
	if (p)
		out->len += (size_t)v->count * 4;
	if (!is_ipv4)
		ints_encode(out, all, v->count);
}

int values_encode(struct values *v, struct values_work *work, struct words *words, struct buffer *out,
				  enum values_encoding *encoding)
{
	bool paid;
	if (!work_room(work, v->count) || find_codes(v, work, &paid) != 0)
		return -ERROR_MEMORY;
	struct distinct d = {v->items, paid ? work->firsts : NULL, paid ? work->known : v->count};
	uint8_t scratch[SHORT_MAX];
	for (uint32_t i = 0; i < d.count; i++)
		words_add(words, text_of(distinct_item(&d, i), scratch));
	*encoding = choose(v, &d, work->numbers);
	if (*encoding == VALUES_DICTIONARY) {
		put_known(v, &d, work, out);
	} else if (*encoding == VALUES_STRINGS) {
		d = (struct distinct){v->items, NULL, v->count};
		put_strings(out, &d, work->lengths, false);
	} else {
		put_numbers(v, &d, work, out, *encoding == VALUES_IPV4);
	}
	return out->failed ? -ERROR_MEMORY : 0;
}

void values_reset(struct values *v)
{
	v->count = 0;
}

void values_free(struct values *v)
{
	env_free(v->env, v->items);
	*v = (struct values){0};
}
