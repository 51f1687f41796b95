/* Byte planes: the least octet of every number, then the next; what zstd sees is then one kind of octet at a time. */
#include "store/ints.h"

#define MODE_BASE 0u
#define MODE_DIFFERENCE 1u
#define ROUND 16u /* numbers: the compiler makes a loop of so many into a few steps of several numbers each */

struct shape {
	uint8_t mode, width;
	uint64_t base, scale;
};

static uint64_t zigzag(int64_t v)
{
	return (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
}

static int64_t unzigzag(uint64_t v)
{
	return (int64_t)(v >> 1 ^ (~(v & 1) + 1));
}

static unsigned bits_of(uint64_t v)
{
	return v ? 64u - (unsigned)__builtin_clzll(v) : 0;
}

/* Times are mostly whole seconds or milliseconds: the zeros need not be stored. */
static uint64_t common_scale(const uint64_t *v, uint32_t n, uint64_t base)
{
	static const uint64_t scales[] = {1000000000, 1000000, 1000};
	for (unsigned s = 0; s < 3; s++) {
		uint32_t i = 0;
		while (i < n && (v[i] - base) % scales[s] == 0)
			i++;
		if (i == n)
			return scales[s];
	}
	return 1;
}

static struct shape choose(const uint64_t *v, uint32_t n)
{
	int64_t low = INT64_MAX, high = INT64_MIN;
	for (uint32_t i = 0; i < n; i++) {
		low = (int64_t)v[i] < low ? (int64_t)v[i] : low;
		high = (int64_t)v[i] > high ? (int64_t)v[i] : high;
	}
	struct shape shape = {MODE_BASE, 0, n ? (uint64_t)low : 0, 1};
	uint64_t range = n ? (uint64_t)high - (uint64_t)low : 0;
	if (range == 0)
		return shape;
	shape.scale = common_scale(v, n, shape.base);
	unsigned plain_bits = bits_of(range / shape.scale);
	shape.width = (uint8_t)((plain_bits + 7) / 8);
	if (range > INT64_MAX)
		return shape;
	uint64_t sum = 0, greatest = 0;
	for (uint32_t i = 1; i < n; i++) {
		uint64_t d = zigzag((int64_t)(v[i] - v[i - 1]) / (int64_t)shape.scale);
		sum += bits_of(d);
		greatest |= d;
	}
	if (sum + n / 2 >= (uint64_t)plain_bits * n)
		return shape;
	shape.mode = MODE_DIFFERENCE;
	shape.base = v[0];
	shape.width = (uint8_t)((bits_of(greatest) + 7) / 8);
	return shape;
}

static uint8_t *put_shape(struct buffer *out, const struct shape *shape, uint32_t n)
{
	size_t bytes = INTS_HEAD_BYTES + (size_t)shape->width * n;
	uint8_t *p = buffer_room(out, bytes);
	if (!p)
		return NULL;
	out->len += bytes;
	p[0] = shape->mode;
	p[1] = shape->width;
	put_u16(p + 2, 0);
	put_u32(p + 4, n);
	put_u64(p + 8, shape->base);
	put_u64(p + 16, shape->scale);
	return p + INTS_HEAD_BYTES;
}

/* Numbers first .. first + count - 1 as they stand in the planes. */
static void narrow(const struct shape *shape, const uint64_t *v, uint32_t first, uint32_t count, uint64_t *out)
{
	uint64_t before = shape->mode == MODE_DIFFERENCE && first > 0 ? v[first - 1] : shape->base;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t x = v[first + i] - before;
		if (shape->mode == MODE_DIFFERENCE) {
			out[i] = zigzag((int64_t)x / (int64_t)shape->scale);
			before = v[first + i];
		} else {
			out[i] = shape->scale == 1 ? x : x / shape->scale;
		}
	}
}

/* By rounds of a fixed size, so that the loop over a plane has no branch and can be done several numbers at a time. What
 * stands behind the last number of a round that is not full is not looked at. */
void ints_encode(struct buffer *out, const uint64_t *v, uint32_t n)
{
	struct shape shape = choose(v, n);
	uint8_t *planes = put_shape(out, &shape, n), octets[ROUND];
	uint64_t x[ROUND] = {0};
	for (uint32_t first = 0; planes && first < n; first += ROUND) {
		uint32_t count = n - first < ROUND ? n - first : ROUND;
		narrow(&shape, v, first, count, x);
		for (unsigned w = 0; w < shape.width; w++) {
			for (unsigned i = 0; i < ROUND; i++)
				octets[i] = (uint8_t)(x[i] >> 8 * w);
			memcpy(planes + (size_t)w * n + first, octets, count);
		}
	}
}

static void put_plane(uint8_t *restrict plane, const uint32_t *restrict v, uint32_t n, unsigned shift)
{
	for (; n >= ROUND; n -= ROUND, v += ROUND, plane += ROUND)
		for (unsigned i = 0; i < ROUND; i++)
			plane[i] = (uint8_t)(v[i] >> shift);
	for (uint32_t i = 0; i < n; i++)
		plane[i] = (uint8_t)(v[i] >> shift);
}

void ints_encode_codes(struct buffer *out, const uint32_t *v, uint32_t n)
{
	uint32_t all = 0;
	for (uint32_t i = 0; i < n; i++)
		all |= v[i];
	struct shape shape = {MODE_BASE, (uint8_t)((bits_of(all) + 7) / 8), 0, 1};
	uint8_t *planes = put_shape(out, &shape, n);
	if (!planes)
		return;
	for (unsigned w = 0; w < shape.width; w++)
		put_plane(planes + (size_t)w * n, v, n, 8 * w);
}

static bool get_shape(struct reader *r, uint32_t n, struct shape *shape, struct slice *planes)
{
	shape->mode = reader_u8(r);
	shape->width = reader_u8(r);
	uint16_t zero = reader_u16(r);
	uint32_t count = reader_u32(r);
	shape->base = reader_u64(r);
	shape->scale = reader_u64(r);
	if (r->failed || zero != 0 || count != n || shape->mode > MODE_DIFFERENCE || shape->width > 8)
		return false;
	*planes = reader_slice(r, (size_t)shape->width * n);
	return !r->failed;
}

static void add_plane64(uint64_t *restrict v, const uint8_t *restrict plane, uint32_t n, unsigned shift)
{
	for (; n >= ROUND; n -= ROUND, v += ROUND, plane += ROUND)
		for (unsigned i = 0; i < ROUND; i++)
			v[i] |= (uint64_t)plane[i] << shift;
	for (uint32_t i = 0; i < n; i++)
		v[i] |= (uint64_t)plane[i] << shift;
}

static void add_plane32(uint32_t *restrict v, const uint8_t *restrict plane, uint32_t n, unsigned shift)
{
	for (; n >= ROUND; n -= ROUND, v += ROUND, plane += ROUND)
		for (unsigned i = 0; i < ROUND; i++)
			v[i] |= (uint32_t)plane[i] << shift;
	for (uint32_t i = 0; i < n; i++)
		v[i] |= (uint32_t)plane[i] << shift;
}

bool ints_decode(struct reader *r, uint64_t *v, uint32_t n)
{
	struct shape shape;
	struct slice planes;
	if (!get_shape(r, n, &shape, &planes))
		return false;
	if (n == 0)
		return true;
	memset(v, 0, (size_t)n * sizeof *v);
	for (unsigned w = 0; w < shape.width; w++)
		add_plane64(v, planes.ptr + (size_t)w * n, n, 8 * w);
	uint64_t before = shape.base;
	for (uint32_t i = 0; i < n; i++) {
		if (shape.mode == MODE_DIFFERENCE)
			before = v[i] = before + shape.scale * (uint64_t)unzigzag(v[i]);
		else
			v[i] = shape.base + shape.scale * v[i];
	}
	return true;
}

bool ints_decode_codes(struct reader *r, uint32_t *v, uint32_t n, uint64_t limit)
{
	struct shape shape;
	struct slice planes;
	if (!get_shape(r, n, &shape, &planes))
		return false;
	if (shape.mode != MODE_BASE || shape.width > 4 || shape.base != 0 || shape.scale != 1)
		return false;
	if (n == 0)
		return true;
	memset(v, 0, (size_t)n * sizeof *v);
	for (unsigned w = 0; w < shape.width; w++)
		add_plane32(v, planes.ptr + (size_t)w * n, n, 8 * w);
	uint32_t greatest = 0;
	for (uint32_t i = 0; i < n; i++)
		greatest = v[i] > greatest ? v[i] : greatest;
	return greatest < limit;
}
