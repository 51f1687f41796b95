/* RFC 5424 by its grammar (section 6), with two forms that devices are known for: a stamp "+00:00Z" (zone written twice)
 * and spaces between '=' and the quote of a parameter (as the RFC's own folded example shows them). */
#include "ingest/header.h"

/* printusascii, 1..max octets, up to a space or the end. */
static size_t word(const uint8_t *p, const uint8_t *end, size_t max)
{
	size_t n = 0;
	while (p + n < end && p[n] > 0x20 && p[n] < 0x7f)
		n++;
	if (n == 0 || n > max || (p + n < end && p[n] != ' '))
		return 0;
	return n;
}

static bool field(const uint8_t **p, const uint8_t *end, size_t max, struct slice *out)
{
	size_t n = word(*p, end, max);
	if (n == 0)
		return false;
	if (n != 1 || **p != '-')
		*out = slice_of(*p, n);
	*p += n;
	return true;
}

static bool space(const uint8_t **p, const uint8_t *end)
{
	if (*p >= end || **p != ' ')
		return false;
	(*p)++;
	return true;
}

/* SD-NAME: 1..32 printusascii without '=', ']' and '"'. */
static size_t sd_name(const uint8_t *p, const uint8_t *end)
{
	size_t n = 0;
	while (p + n < end && p[n] > 0x20 && p[n] < 0x7f && p[n] != '=' && p[n] != ']' && p[n] != '"')
		n++;
	return n <= 32 ? n : 0;
}

/* Octets of `"value"` with its quotes. */
static size_t sd_value(const uint8_t *p, const uint8_t *end, bool *escaped)
{
	if (p >= end || *p != '"')
		return 0;
	*escaped = false;
	for (size_t n = 1; p + n < end; n++) {
		if (p[n] == '"')
			return n + 1;
		if (p[n] == ']')
			return 0;
		if (p[n] == '\\' && p + n + 1 < end && (p[n + 1] == '"' || p[n + 1] == '\\' || p[n + 1] == ']')) {
			*escaped = true;
			n++;
		}
	}
	return 0;
}

/* One ` name="value"`; octets taken, 0 when it is none. */
static size_t sd_parameter(const uint8_t *p, const uint8_t *end, struct header_parameter *out)
{
	size_t n = 0;
	while (p + n < end && p[n] == ' ')
		n++;
	size_t len = n > 0 ? sd_name(p + n, end) : 0;
	if (len == 0 || p + n + len >= end || p[n + len] != '=')
		return 0;
	out->name = slice_of(p + n, len);
	n += len + 1;
	while (p + n < end && p[n] == ' ')
		n++;
	len = sd_value(p + n, end, &out->escaped);
	if (len == 0)
		return 0;
	out->value = slice_of(p + n + 1, len - 2);
	return n + len;
}

#define SD_IDS 32

/* The same SD-ID twice is not allowed; beyond SD_IDS elements we stop comparing. */
static bool sd_id_new(struct slice *ids, unsigned *count, struct slice id)
{
	for (unsigned i = 0; i < *count; i++) {
		if (slice_equal(ids[i], id))
			return false;
	}
	if (*count < SD_IDS)
		ids[(*count)++] = id;
	return true;
}

/* Octets of all elements, 0 when they break the grammar. */
static size_t sd_elements(const uint8_t *p, const uint8_t *end)
{
	struct slice ids[SD_IDS];
	unsigned count = 0;
	const uint8_t *start = p;
	while (p < end && *p == '[') {
		struct header_parameter parameter;
		size_t n = sd_name(p + 1, end);
		if (n == 0 || !sd_id_new(ids, &count, slice_of(p + 1, n)))
			return 0;
		p += 1 + n;
		while (p < end && *p == ' ') {
			n = sd_parameter(p, end, &parameter);
			if (n == 0)
				return 0;
			p += n;
		}
		if (p >= end || *p != ']')
			return 0;
		p++;
	}
	return (size_t)(p - start);
}

static bool stamp(const uint8_t **p, const uint8_t *end, struct header *out)
{
	if (end - *p >= 1 && **p == '-') {
		(*p)++;
		return true;
	}
	size_t n = stamp_parse(*p, end, &out->stamp);
	if (n == 0 || !out->stamp.iso || !out->stamp.strict)
		return false;
	/* A day that the calendar does not have breaks the header as well. */
	int64_t ns;
	struct calendar c = {out->stamp.year, out->stamp.month, out->stamp.day, 0, 0, 0, 0};
	if (!clock_from_calendar(&c, &ns))
		return false;
	out->has_stamp = true;
	*p += n;
	return true;
}

static bool version(const uint8_t **p, const uint8_t *end, struct header *out)
{
	unsigned v = 0, n = 0;
	while (*p < end && **p >= '0' && **p <= '9' && n < 3) {
		v = v * 10 + (unsigned)(*(*p)++ - '0');
		n++;
	}
	out->version = (uint16_t)v;
	return n > 0 && v > 0;
}

static bool structured(const uint8_t **p, const uint8_t *end, struct header *out)
{
	if (*p < end && **p == '-') {
		(*p)++;
		return true;
	}
	size_t n = sd_elements(*p, end);
	out->structured = slice_of(*p, n);
	*p += n;
	return n > 0;
}

bool header_5424(const uint8_t *p, const uint8_t *end, struct header *out)
{
	if (!version(&p, end, out) || !space(&p, end) || !stamp(&p, end, out) || !space(&p, end) ||
		!field(&p, end, 255, &out->host) || !space(&p, end) || !field(&p, end, 48, &out->program) || !space(&p, end) ||
		!field(&p, end, 128, &out->pid) || !space(&p, end) || !field(&p, end, 32, &out->msgid) || !space(&p, end) ||
		!structured(&p, end, out))
		return false;
	out->format = FORMAT_RFC5424;
	out->message = SLICE_NONE;
	if (p == end)
		return true;
	if (*p != ' ')
		return false;
	p++;
	/* The byte order mark says "UTF-8" and is not part of the text, unless it is all there is. */
	if (end - p > 3 && p[0] == 0xef && p[1] == 0xbb && p[2] == 0xbf)
		p += 3;
	out->message = slice_of(p, (size_t)(end - p));
	return true;
}

bool header_next_parameter(struct slice s, size_t *at, struct slice *id, struct header_parameter *out)
{
	if (s.len == 0)
		return false;
	const uint8_t *end = s.ptr + s.len;
	while (*at < s.len) {
		const uint8_t *p = s.ptr + *at;
		if (*p == '[') {
			size_t n = sd_name(p + 1, end);
			*id = slice_of(p + 1, n);
			*at += 1 + n;
			continue;
		}
		size_t n = *p == ' ' ? sd_parameter(p, end, out) : 0;
		if (n > 0) {
			out->id = *id;
			*at += n;
			return true;
		}
		(*at)++;
	}
	return false;
}

size_t header_unescape(struct slice value, uint8_t *out)
{
	size_t n = 0;
	for (size_t i = 0; i < value.len; i++) {
		if (value.ptr[i] == '\\' && i + 1 < value.len &&
			(value.ptr[i + 1] == '"' || value.ptr[i + 1] == '\\' || value.ptr[i + 1] == ']'))
			i++;
		out[n++] = value.ptr[i];
	}
	return n;
}
