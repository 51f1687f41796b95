/* Digests and names made from them. SHA-256 by libcrypto (context reused, never one-shot: that is 4x slower),
 * XXH3-64 by libxxhash, CRC-32C. Any thread, except that a struct sha256 belongs to one.
 */
#ifndef COMMON_DIGEST_H
#define COMMON_DIGEST_H

#include "common/slice.h"

struct sha256; /* a running digest */

struct sha256 *sha256_new(void); /* null: no memory */
void sha256_start(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *ptr, size_t len);
/* Length-prefixed part (u64 little-endian, then the octets), so that parts cannot run into each other. */
void sha256_part(struct sha256 *s, struct slice part);
void sha256_end(struct sha256 *s, uint8_t out[32]);
void sha256_free(struct sha256 *s);
/* One digest of one text; for rare paths. */
void sha256_of(struct slice s, uint8_t out[32]);

uint64_t xxh3(struct slice s); /* seed 0: formats and partitions */
uint64_t xxh3_seeded(struct slice s, uint64_t seed); /* tables that hostile text reaches */
uint64_t xxh3_seeded_parts(const struct slice *parts, unsigned n, uint64_t seed); /* as if they were one */
uint32_t crc32c(uint32_t crc, const void *ptr, size_t len); /* start with 0 */

/* 2n lower-case digits and a NUL. */
void hex_print(const uint8_t *octets, size_t n, char *out);
bool hex_parse(struct slice text, uint8_t *out, size_t n); /* exactly 2n digits, either case */
/* RFC 4648 section 4, padded and nothing else in between. `out` has room for text.len / 4 * 3 octets. */
bool base64_parse(struct slice text, uint8_t *out, size_t *len);

#endif
