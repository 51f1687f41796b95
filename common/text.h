/* Text: UTF-8, case folding, addresses, escaping for screens. Any thread; no state. */
#ifndef COMMON_TEXT_H
#define COMMON_TEXT_H

#include "common/buffer.h"

/* Octets of the valid sequence at s[0] (1..4), 0 when invalid (RFC 3629: no overlong forms, no surrogates). */
unsigned utf8_decode(const uint8_t *s, size_t len, uint32_t *code_point);
bool utf8_valid(struct slice s);
unsigned utf8_encode(uint32_t code_point, uint8_t out[4]);
/* Unicode simple case folding (CaseFolding.txt status C and S), one to one. */
uint32_t fold_code_point(uint32_t code_point);
/* Folded copy into out, which has room for FOLD_ROOM(s.len) octets and is not s; invalid octets are copied. Returns the
 * octets written. The worst growth of all code points is two octets to three (U+023A, U+023E); tests try them all. */
size_t fold(struct slice s, uint8_t *out);
#define FOLD_ROOM(len) ((len) + (len) / 2 + 4)
bool fold_equal(struct slice a, struct slice b);

/* IPv4 "a.b.c.d" (no leading zeros) and IPv6 by RFC 4291, zone dropped; brackets not accepted. IPv4 comes out mapped. */
bool address_parse(struct slice s, uint8_t out[16]);
/* RFC 5952; mapped addresses as IPv4. out has room for 46; returns the length, NUL added. */
size_t address_print(const uint8_t address[16], char *out);
/* "10.0.0.0/8", "2001:db8::/32", a bare address = all bits. bits counts in the 128-bit form. Host bits are masked. */
bool network_parse(struct slice s, uint8_t out[16], unsigned *bits, bool *host_bits_set);
bool network_holds(const uint8_t network[16], unsigned bits, const uint8_t address[16]);

/* Controls (C0, DEL, C1), line and paragraph separators, and the controls of writing direction: what could make a screen
 * show something else than what is there. */
bool text_unsafe(uint32_t code_point);
/* For a terminal: text_unsafe code points and invalid octets as \xNN or \u{...}. */
void text_escape_screen(struct buffer *out, struct slice s);

#endif
