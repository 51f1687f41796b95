/* Which header a line has. */
#include "ingest/header.h"

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

size_t header_priority(const uint8_t *p, const uint8_t *end, uint16_t *priority)
{
	if (end - p < 3 || p[0] != '<' || !is_digit(p[1]))
		return 0;
	size_t n = 2;
	unsigned value = p[1] - (unsigned)'0';
	for (; n < 4 && p + n < end && is_digit(p[n]); n++)
		value = value * 10 + (p[n] - (unsigned)'0');
	if (p + n >= end || p[n] != '>' || (p[1] == '0' && n > 2))
		return 0;
	*priority = (uint16_t)value;
	return n + 1;
}

/* rsyslog writes "<invld>" where a relay was sent a priority that is none. */
static size_t word_priority(const uint8_t *p, const uint8_t *end)
{
	struct stamp ignored;
	if (end - p < 8 || memcmp(p, "<invld>", 7) != 0)
		return 0;
	return stamp_parse(p + 7, end, &ignored) > 0 ? 7 : 0;
}

bool header_is_level(struct slice word)
{
	static const char *const levels[] = {"trace", "debug",   "info",  "information", "informational", "notice",
										 "warn",  "warning", "error", "err",         "fatal",         "critical",
										 "crit",  "alert",   "emerg", "severe"};
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (slice_equal_nocase(word, slice_str(levels[i])))
			return true;
	}
	return false;
}

/* "<34>1 " and so on: one to three digits and a space. Cisco numbers its lines the same way: "<166>101 21: %SYS-...". */
static bool claims_5424(const uint8_t *p, const uint8_t *end)
{
	size_t n = 1;
	if (p >= end || !is_digit(*p))
		return false;
	while (p + n < end && is_digit(p[n]) && n < 4)
		n++;
	if (n > 3 || p + n >= end || p[n] != ' ')
		return false;
	/* "1 -" and "1 2026-": no need to look further. */
	if (end - p > (ptrdiff_t)n + 5 && (p[n + 1] == '-' || (is_digit(p[n + 1]) && p[n + 5] == '-')))
		return true;
	struct slice near = slice_of(p, (size_t)(end - p) < 48 ? (size_t)(end - p) : 48);
	return slice_find(near, SLICE(": %"), 0) == SIZE_MAX;
}

static void keep_whole(struct slice text, struct header *out, bool invalid)
{
	*out = (struct header){.format = FORMAT_PLAIN, .invalid = invalid, .message = text};
}

/* No header; when the line begins with a whole date and time, that is its time. */
static void plain(struct slice text, struct header *out)
{
	keep_whole(text, out, false);
	const uint8_t *p = text.ptr, *end = text.ptr + text.len;
	if (text.len >= 19 && stamp_parse(p, end, &out->stamp) > 0 && out->stamp.year != 0)
		out->has_stamp = true;
}

static void with_priority(struct slice text, size_t n, uint16_t priority, struct header *out)
{
	const uint8_t *p = text.ptr + n, *end = text.ptr + text.len;
	if (claims_5424(p, end)) {
		if (priority > 191 || !header_5424(p, end, out)) {
			keep_whole(text, out, true);
			return;
		}
	} else {
		header_3164(p, end, out);
	}
	if (out->nested)
		return;
	/* A priority that cannot be is not passed on; what follows it may still be a good header. */
	out->has_priority = priority <= 191;
	out->priority = priority;
}

void header_parse(struct slice text, struct header *out)
{
	uint16_t priority = 0;
	*out = (struct header){.format = FORMAT_PLAIN};
	/* What ends a frame on the wire (Hillstone: LF and NUL) is no part of the message. */
	while (text.len > 0 &&
		   (text.ptr[text.len - 1] == '\n' || text.ptr[text.len - 1] == '\r' || text.ptr[text.len - 1] == 0))
		text.len--;
	if (text.len == 0) {
		out->message = text;
		return;
	}
	const uint8_t *p = text.ptr, *end = text.ptr + text.len;
	if (*p != '<') {
		if (header_without_priority(p, end))
			header_3164(p, end, out);
		else
			plain(text, out);
		return;
	}
	size_t n = header_priority(p, end, &priority);
	if (n > 0)
		with_priority(text, n, priority, out);
	else if ((n = word_priority(p, end)) > 0)
		header_3164(p + n, end, out);
	else
		keep_whole(text, out, text.len > 1 && is_digit(p[1]));
}
