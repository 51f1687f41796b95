#include "common/digest.h"

#include "common/check.h"
#include "common/format.h"

#include <openssl/evp.h>
#include <stdlib.h>
#define XXH_STATIC_LINKING_ONLY /* a state that lies on the stack */
#ifdef __x86_64__
#include <xxh_x86dispatch.h> /* the widest vectors that the processor has: a third of the time for a record */
#else
#include <xxhash.h>
#endif

#define SMALL_MAX 512u /* octets put together */
#define PART_MAX 64u /* octets of a short part */

/* EVP fetches the algorithm by name unless it is given; the pair is made once and used again and again. Short parts are put
 * together before it sees them: a call of it costs as much as the digest of a part. */
struct sha256 {
	EVP_MD_CTX *ctx;
	EVP_MD *md;
	size_t small_len;
	uint8_t small[SMALL_MAX];
};

struct sha256 *sha256_new(void)
{
	struct sha256 *s = calloc(1, sizeof *s);
	if (s == NULL)
		return NULL;
	s->md = EVP_MD_fetch(NULL, "SHA256", NULL);
	s->ctx = EVP_MD_CTX_new();
	if (s->md == NULL || s->ctx == NULL) {
		sha256_free(s);
		return NULL;
	}
	sha256_start(s);
	return s;
}

/* Once the algorithm is fetched and the context has its state, these do not fail. */
void sha256_start(struct sha256 *s)
{
	s->small_len = 0;
	CHECK(EVP_DigestInit_ex2(s->ctx, s->md, NULL) == 1);
}

static void flush(struct sha256 *s)
{
	if (s->small_len > 0)
		CHECK(EVP_DigestUpdate(s->ctx, s->small, s->small_len) == 1);
	s->small_len = 0;
}

void sha256_add(struct sha256 *s, const void *ptr, size_t len)
{
	if (len > PART_MAX || len > SMALL_MAX - s->small_len)
		flush(s);
	if (len > PART_MAX) {
		CHECK(EVP_DigestUpdate(s->ctx, ptr, len) == 1);
	} else if (len > 0) {
		memcpy(s->small + s->small_len, ptr, len);
		s->small_len += len;
	}
}

void sha256_part(struct sha256 *s, struct slice part)
{
	uint8_t len[8];
	put_u64(len, part.len);
	sha256_add(s, len, sizeof len);
	sha256_add(s, part.ptr, part.len);
}

void sha256_end(struct sha256 *s, uint8_t out[32])
{
	unsigned len = 0;
	flush(s);
	CHECK(EVP_DigestFinal_ex(s->ctx, out, &len) == 1 && len == 32);
}

void sha256_free(struct sha256 *s)
{
	if (s == NULL)
		return;
	EVP_MD_CTX_free(s->ctx);
	EVP_MD_free(s->md);
	free(s);
}

void sha256_of(struct slice s, uint8_t out[32])
{
	unsigned len = 0;
	CHECK(EVP_Digest(s.len == 0 ? "" : (const char *)s.ptr, s.len, out, &len, EVP_sha256(), NULL) == 1 && len == 32);
}

uint64_t xxh3(struct slice s)
{
	return XXH3_64bits(s.ptr, s.len);
}

uint64_t xxh3_seeded(struct slice s, uint64_t seed)
{
	return XXH3_64bits_withSeed(s.ptr, s.len, seed);
}

uint64_t xxh3_seeded_parts(const struct slice *parts, unsigned n, uint64_t seed)
{
	XXH3_state_t state;
	XXH3_INITSTATE(&state);
	CHECK(XXH3_64bits_reset_withSeed(&state, seed) == XXH_OK);
	for (unsigned i = 0; i < n; i++)
		CHECK(parts[i].len == 0 || XXH3_64bits_update(&state, parts[i].ptr, parts[i].len) == XXH_OK);
	return XXH3_64bits_digest(&state);
}

void hex_print(const uint8_t *octets, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < n; i++) {
		*out++ = digits[octets[i] >> 4];
		*out++ = digits[octets[i] & 15];
	}
	*out = 0;
}

static int digit_of(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hex_parse(struct slice text, uint8_t *out, size_t n)
{
	if (text.len / 2 != n || (text.len & 1) != 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		int high = digit_of(text.ptr[2 * i]), low = digit_of(text.ptr[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static uint32_t sextet_of(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : UINT32_MAX;
}

/* Four digits, of which the last `pad` are '='; UINT32_MAX: something else is there, or bits that nobody wrote. */
static uint32_t quartet_of(const uint8_t *p, unsigned pad)
{
	uint32_t v = 0;
	for (unsigned i = 0; i < 4; i++) {
		uint32_t six = i < 4 - pad ? sextet_of(p[i]) : 0;
		if (six == UINT32_MAX)
			return UINT32_MAX;
		v = v << 6 | six;
	}
	return (v & ((1u << 8 * pad) - 1)) != 0 ? UINT32_MAX : v;
}

bool base64_parse(struct slice text, uint8_t *out, size_t *len)
{
	*len = 0;
	if (text.len % 4 != 0)
		return false;
	for (size_t i = 0; i < text.len; i += 4) {
		const uint8_t *p = text.ptr + i;
		unsigned pad = i + 4 < text.len || p[3] != '=' ? 0 : p[2] == '=' ? 2 : 1;
		uint32_t v = quartet_of(p, pad);
		if (v == UINT32_MAX)
			return false;
		for (unsigned k = 0; k < 3 - pad; k++)
			out[(*len)++] = (uint8_t)(v >> (16 - 8 * k));
	}
	return true;
}
