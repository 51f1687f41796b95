/* Deciding and converting charsets. */
#include "ingest/charset.h"

#include <errno.h>
#include <iconv.h>

static const char *const iconv_names[4] = {"UTF-8", "GB18030", "BIG5-HKSCS", "ISO-8859-1"};

void charset_init(struct charset_converter *c, const struct env *env)
{
	*c = (struct charset_converter){.env = env};
}

void charset_free(struct charset_converter *c)
{
	for (int i = 0; i < 4; i++) {
		if (c->descriptors[i] != NULL)
			iconv_close((iconv_t)c->descriptors[i]);
	}
	env_free(c->env, c->scratch);
	*c = (struct charset_converter){0};
}

#ifdef __SSE2__
#include <emmintrin.h>
bool charset_is_ascii(struct slice text)
{
	__m128i any = _mm_setzero_si128();
	size_t i = 0;
	for (; text.len - i >= 16; i += 16)
		any = _mm_or_si128(any, _mm_loadu_si128((const __m128i *)(const void *)(text.ptr + i)));
	if (text.len >= 16) /* the last sixteen, again in part */
		any = _mm_or_si128(any, _mm_loadu_si128((const __m128i *)(const void *)(text.ptr + text.len - 16)));
	uint8_t rest = 0;
	for (; text.len < 16 && i < text.len; i++)
		rest |= text.ptr[i];
	return _mm_movemask_epi8(any) == 0 && rest < 0x80;
}
#else
bool charset_is_ascii(struct slice text)
{
	uint64_t any = 0, word;
	size_t i = 0;
	for (; i + 8 <= text.len; i += 8) {
		memcpy(&word, text.ptr + i, 8);
		any |= word;
	}
	for (; i < text.len; i++)
		any |= (uint64_t)text.ptr[i];
	return (any & UINT64_C(0x8080808080808080)) == 0;
}
#endif

/* ---- deciding ---- */

struct look {
	uint32_t sequences; /* UTF-8 sequences of two octets or more */
	uint32_t long_ones; /* of three or four: Chinese text has hardly any others */
	size_t first_bad; /* SIZE_MAX: all is valid */
};

/* The first octet at or after `at` that is not ASCII: even where there are some, most of a text is. */
static size_t behind_ascii(struct slice text, size_t at)
{
	uint64_t word;
	for (; text.len - at >= 8; at += 8) {
		memcpy(&word, text.ptr + at, 8);
		if ((word & UINT64_C(0x8080808080808080)) != 0)
			break;
	}
	while (at < text.len && text.ptr[at] < 0x80)
		at++;
	return at;
}

static struct look look_utf8(struct slice text)
{
	struct look l = {.first_bad = SIZE_MAX};
	size_t i = 0;
	for (;;) {
		uint32_t code_point;
		i = behind_ascii(text, i);
		if (i == text.len)
			return l;
		unsigned n = utf8_decode(text.ptr + i, text.len - i, &code_point);
		if (n == 0) {
			l.first_bad = i;
			return l;
		}
		l.sequences++;
		l.long_ones += n > 2;
		i += n;
	}
}

/* By the ranges of GB 18030 (one, two and four octets). Cheaper than asking iconv and enough to decide. */
static bool looks_gb18030(struct slice text)
{
	const uint8_t *p = text.ptr;
	for (size_t i = 0; i < text.len;) {
		if (p[i] < 0x80) {
			i++;
			continue;
		}
		if (p[i] == 0x80 || p[i] == 0xff || i + 1 >= text.len)
			return false;
		if (p[i + 1] >= 0x40 && p[i + 1] != 0x7f && p[i + 1] != 0xff) {
			i += 2;
			continue;
		}
		if (i + 3 >= text.len || p[i + 1] < 0x30 || p[i + 1] > 0x39 || p[i + 2] < 0x81 || p[i + 2] == 0xff ||
			p[i + 3] < 0x30 || p[i + 3] > 0x39)
			return false;
		i += 4;
	}
	return true;
}

static void note(uint8_t *of, uint8_t *other)
{
	if (*of == UINT8_MAX) {
		*of /= 2;
		*other /= 2;
	}
	++*of;
}

static enum charset decide_invalid(struct charset_evidence *e, struct slice text, const struct look *l, bool cut)
{
	/* Only the end is broken: a cut through a character. */
	bool only_end = text.len - l->first_bad < 4 && l->sequences > 0;
	if (only_end && (cut || e->utf8 > e->gb18030))
		return CHARSET_UTF8;
	/* A cut may also go through a character of two or four octets. */
	bool gb = looks_gb18030(text) || (cut && text.len > 3 && looks_gb18030(slice_of(text.ptr, text.len - 1)));
	if (gb) {
		note(&e->gb18030, &e->utf8);
		return CHARSET_GB18030;
	}
	return e->gb18030 > e->utf8 ? CHARSET_GB18030 : CHARSET_UTF8;
}

enum charset charset_decide(struct charset_evidence *e, struct slice text, bool cut)
{
	if (charset_is_ascii(text))
		return CHARSET_UTF8;
	struct look l = look_utf8(text);
	if (l.first_bad != SIZE_MAX)
		return decide_invalid(e, text, &l, cut);
	/* Valid UTF-8. Four sequences with a long one among them are no accident; fewer mean what the source meant before. */
	if (l.sequences >= 4 && l.long_ones > 0) {
		note(&e->utf8, &e->gb18030);
		return CHARSET_UTF8;
	}
	return e->gb18030 > e->utf8 && looks_gb18030(text) ? CHARSET_GB18030 : CHARSET_UTF8;
}

/* ---- converting ---- */

static bool scratch_room(struct charset_converter *c, size_t size)
{
	if (c->size >= size)
		return true;
	uint8_t *p = env_resize(c->env, c->scratch, size);
	if (p == NULL)
		return false;
	c->scratch = p;
	c->size = size;
	return true;
}

static size_t put_replacement(uint8_t *out)
{
	memcpy(out, "\xef\xbf\xbd", 3);
	return 3;
}

static size_t repair_utf8(struct slice text, uint8_t *out, bool *replaced)
{
	size_t n = 0, i = 0;
	while (i < text.len) {
		uint32_t code_point;
		unsigned len = utf8_decode(text.ptr + i, text.len - i, &code_point);
		if (len == 0) {
			*replaced = true;
			n += put_replacement(out + n);
			i++;
			continue;
		}
		memcpy(out + n, text.ptr + i, len);
		n += len;
		i += len;
	}
	return n;
}

static iconv_t descriptor(struct charset_converter *c, enum charset charset)
{
	if (c->descriptors[charset] == NULL && !c->failed[charset]) {
		iconv_t made = iconv_open("UTF-8", iconv_names[charset]);
		c->failed[charset] = made == (iconv_t)-1;
		c->descriptors[charset] = c->failed[charset] ? NULL : made;
	}
	return (iconv_t)c->descriptors[charset];
}

static size_t convert_iconv(iconv_t with, struct slice text, uint8_t *out, size_t size, bool *replaced)
{
	/* iconv takes a char ** and changes only the pointer, not the octets. */
	char *in = (char *)(uintptr_t)text.ptr, *to = (char *)out;
	size_t left = text.len, room = size;
	iconv(with, NULL, NULL, NULL, NULL);
	while (left > 0 && iconv(with, &in, &left, &to, &room) == (size_t)-1) {
		CHECK(errno != E2BIG);
		*replaced = true;
		size_t n = put_replacement((uint8_t *)to);
		to += n;
		room -= n;
		in++;
		left--;
	}
	/* What the converter still holds back (HKSCS writes some pairs as one). */
	CHECK(iconv(with, NULL, NULL, &to, &room) != (size_t)-1);
	return (size_t)((uint8_t *)to - out);
}

int charset_convert(struct charset_converter *c, enum charset charset, struct slice text, struct slice *out,
					bool *replaced)
{
	*replaced = false;
	/* No octet of these charsets becomes more than three of UTF-8, and neither does U+FFFD; HKSCS pairs stay below. */
	if (text.len > SIZE_MAX / 4 || !scratch_room(c, text.len * 3 + 16))
		return -ERROR_MEMORY;
	iconv_t with = charset >= CHARSET_GB18030 && charset <= CHARSET_LATIN1 ? descriptor(c, charset) : NULL;
	size_t n = with == NULL ? repair_utf8(text, c->scratch, replaced)
							: convert_iconv(with, text, c->scratch, c->size, replaced);
	*out = slice_of(c->scratch, n);
	return 0;
}
