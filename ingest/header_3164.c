/* RFC 3164 and its relatives, as devices send them: what stands behind <PRI>.
 *
 *	[stamp] [host] [second header of the device itself] [tag[pid]:] message
 *
 * Any part may be missing. The order of the questions below is the argument: a word is a host only when a stamp stood in
 * front of it, it looks like a name and it is not itself a tag; what is not surely a part of the header stays message.
 */
#include "ingest/header.h"

#define CISCO_HEAD 96 /* octets in which ": %FACILITY" must begin */
#define TAG_MAX 128
#define HOST_MAX 255

enum {
	C_HOST = 1, /* may stand in a host */
	C_TAG = 2, /* may stand in a tag */
	C_NAME = 4, /* makes a name: letters, digits, octets above 0x7f */
	C_USUAL = 8, /* stands in a host or a tag and has no other meaning in a header */
};

static const uint8_t class_of[256] = {
	['0' ... '9'] = C_HOST | C_TAG | C_NAME | C_USUAL,
	['A' ... 'Z'] = C_HOST | C_TAG | C_NAME | C_USUAL,
	['a' ... 'z'] = C_HOST | C_TAG | C_NAME | C_USUAL,
	[0x80 ... 0xff] = C_HOST | C_TAG | C_NAME | C_USUAL,
	['.'] = C_HOST | C_TAG | C_USUAL,
	['-'] = C_HOST | C_TAG | C_USUAL,
	['_'] = C_HOST | C_TAG | C_USUAL,
	['/'] = C_HOST | C_TAG,
	['@'] = C_HOST | C_TAG,
	['#'] = C_HOST | C_TAG,
	['+'] = C_HOST | C_TAG,
	['~'] = C_HOST | C_TAG,
	['$'] = C_HOST | C_TAG,
	['%'] = C_HOST | C_TAG,
	['*'] = C_HOST | C_TAG,
	['!'] = C_TAG,
	['&'] = C_TAG,
	[':'] = C_HOST,
	['('] = C_HOST | C_TAG,
	[')'] = C_HOST | C_TAG,
	['\\'] = C_TAG,
};

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_upper(uint8_t c)
{
	return c >= 'A' && c <= 'Z';
}

static const uint8_t *skip_spaces(const uint8_t *p, const uint8_t *end)
{
	while (p < end && *p == ' ')
		p++;
	return p;
}

static const uint8_t *word_end(const uint8_t *p, const uint8_t *end)
{
	while (p < end && *p != ' ')
		p++;
	return p;
}

static void take_message(const uint8_t *p, const uint8_t *end, struct header *out)
{
	p = skip_spaces(p, end);
	out->message = slice_of(p, (size_t)(end - p));
}

/* Octets of "[123]", "[24-1]", "[main]" at p: what stands inside goes to *pid. */
static size_t pid_at(const uint8_t *p, const uint8_t *end, struct slice *pid)
{
	size_t n = 1;
	if (p >= end || *p != '[')
		return 0;
	while (p + n < end && n < 33 && (class_of[p[n]] & C_TAG))
		n++;
	if (n == 1 || p + n >= end || p[n] != ']')
		return 0;
	*pid = slice_of(p + 1, n - 1);
	return n + 1;
}

static bool only_digits(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!is_digit(s.ptr[i]))
			return false;
	}
	return s.len > 0;
}

/* CEF: and LEEF: begin a message; they are no programs. */
static bool is_format_mark(struct slice name)
{
	return slice_equal(name, SLICE("CEF")) || slice_equal(name, SLICE("LEEF"));
}

/* launchd: "com.apple.xpc.launchd[1] (com.apple.quicklook[21556]): text". Octets up to and with ')'. */
static size_t service_in_brackets(const uint8_t *p, const uint8_t *end)
{
	if (end - p < 4 || p[0] != ' ' || p[1] != '(')
		return 0;
	for (size_t n = 2; p + n + 1 < end && n < TAG_MAX; n++) {
		if (p[n] == ')' && p[n + 1] == ':')
			return n + 1;
		if (p[n] == ' ' || p[n] == '(')
			return 0;
	}
	return 0;
}

/* Behind "name[pid]": a colon, a space, the end, or launchd's brackets. */
static size_t after_pid(const uint8_t *p, size_t n, const uint8_t *end, struct header *out)
{
	size_t more = service_in_brackets(p + n, end);
	if (more > 0) {
		out->program = slice_of(p, n + more);
		return n + more + 1;
	}
	if (p + n == end || p[n] == ' ')
		return n;
	return p[n] == ':' ? n + 1 : 0;
}

/* "Google Chrome[85294]:": words that together are a program's name, proven by the pid behind them. */
static size_t tag_with_spaces(const uint8_t *p, const uint8_t *end, struct header *out)
{
	size_t n = 0, words = 1;
	for (; p + n < end && n < 48; n++) {
		if (p[n] == ' ' && (n == 0 || p[n - 1] == ' ' || ++words > 3))
			return 0;
		if (p[n] != ' ' && !(class_of[p[n]] & C_TAG))
			break;
	}
	struct slice pid;
	size_t len = n > 0 ? pid_at(p + n, end, &pid) : 0;
	if (len == 0 || !only_digits(pid) || p + n + len >= end || p[n + len] != ':')
		return 0;
	out->program = slice_of(p, n);
	out->pid = pid;
	return n + len + 1;
}

/* "name -: text", "name {json": a tag that its sender forgot to end. */
static size_t tag_without_colon(const uint8_t *p, size_t n, const uint8_t *end, struct header *out)
{
	const uint8_t *next = p + n + 1;
	if (next >= end)
		return 0;
	if (end - next >= 2 && next[0] == '-' && next[1] == ':') {
		out->program = slice_of(p, n);
		return n + 3;
	}
	if (*next == '{') {
		out->program = slice_of(p, n);
		return n + 1;
	}
	return 0;
}

/* Octets of a tag at p, with its colon; program and pid are set. 0: there is none. */
static size_t tag_at(const uint8_t *p, const uint8_t *end, struct header *out)
{
	size_t n = 0, len;
	if (p < end && *p == '[' && (n = pid_at(p, end, &out->pid)) > 0) {
		if (only_digits(out->pid) && p + n < end && p[n] == ':')
			return n + 1;
		out->pid = SLICE_NONE;
		return 0;
	}
	if (p >= end || *p == '%')
		return 0;
	while (p + n < end && n <= TAG_MAX && (class_of[p[n]] & C_TAG))
		n++;
	if (n == 0 || n > TAG_MAX || p + n >= end)
		return 0;
	struct slice name = slice_of(p, n);
	if (p[n] == ':') {
		if ((p + n + 1 < end && p[n + 1] != ' ' && p[n + 1] != '\t') || is_format_mark(name))
			return 0;
		out->program = name;
		return n + 1;
	}
	if (p[n] == '[' && (len = pid_at(p + n, end, &out->pid)) > 0) {
		out->program = name;
		len = after_pid(p, n + len, end, out);
		if (len > 0)
			return len;
		out->program = out->pid = SLICE_NONE;
		return 0;
	}
	if (p[n] != ' ')
		return 0;
	len = tag_without_colon(p, n, end, out);
	return len > 0 ? len : tag_with_spaces(p, end, out);
}

static void tag_and_message(const uint8_t *p, const uint8_t *end, struct header *out)
{
	p = skip_spaces(p, end);
	/* "host : %ASA-..." and "WAF :{...": an empty tag. */
	if (p < end && *p == ':' && p + 1 < end && (p[1] == ' ' || p[1] == '%' || p[1] == '{'))
		p = skip_spaces(p + 1, end);
	p += tag_at(p, end, out);
	take_message(p, end, out);
}

/* A name of a machine: the octets of the word at p, 0 when it is none. */
static size_t host_at(const uint8_t *p, const uint8_t *end)
{
	size_t n = 0;
	bool name = false;
	while (p + n < end && (class_of[p[n]] & C_HOST)) {
		name |= (class_of[p[n]] & C_NAME) != 0;
		n++;
	}
	if (!name || n > HOST_MAX || (p + n < end && p[n] != ' ') || p[0] == '(' || p[0] == '%' || p[0] == '*' ||
		p[n - 1] == ':')
		return 0;
	return n;
}

/* Hillstone writes serial(virtual system) where the host belongs. */
static struct slice without_brackets(const uint8_t *p, size_t n)
{
	if (p[n - 1] == ')') {
		for (size_t i = 1; i < n; i++) {
			if (p[i] == '(')
				return slice_of(p, i);
		}
	}
	return slice_of(p, n);
}

static bool is_address(struct slice s)
{
	uint8_t address[16];
	return s.len >= 3 && s.len <= 45 && (is_digit(s.ptr[0]) || s.ptr[0] == ':') && address_parse(s, address);
}

/* A relay put its own header in front of the device's. Behind the relay's host stands the device's stamp, and behind that
 * what only a header has: a tag, or a host with a tag or a Comware mark. The device's own words win. */
static bool second_header(const uint8_t *p, const uint8_t *end, struct header *out)
{
	struct stamp stamp;
	struct header inner = {.format = FORMAT_RFC3164};
	const uint8_t *at = p < end && *p == ':' ? p + 1 : p;
	size_t n = at < end && is_digit(*at) ? stamp_parse(at, end, &stamp) : 0;
	if (n == 0 || at + n >= end || at[n] != ' ')
		return false;
	const uint8_t *rest = skip_spaces(at + n, end);
	size_t host = 0, tag = tag_at(rest, end, &inner);
	if (tag == 0) {
		host = host_at(rest, end);
		if (host == 0 || header_is_level(slice_of(rest, host)))
			return false;
		inner.host = without_brackets(rest, host);
		rest = skip_spaces(rest + host, end);
		tag = tag_at(rest, end, &inner);
		if (tag == 0 && (rest >= end || *rest != '%'))
			return false;
	} else if (header_is_level(inner.program)) {
		return false;
	}
	out->stamp = stamp;
	out->has_stamp = true;
	out->host = inner.host.len > 0 ? inner.host : out->host;
	out->program = inner.program;
	out->pid = inner.pid;
	take_message(rest + tag, end, out);
	return true;
}

/* The same when the relay left the device's <PRI> standing: "host <34>Oct 11 22:14:15 ...". */
static bool nested(const uint8_t *p, const uint8_t *end, struct header *out)
{
	uint16_t priority;
	struct stamp stamp;
	struct header inner = {.format = FORMAT_RFC3164};
	/* One level only: a line of a thousand headers must not become a thousand calls. */
	size_t n = p < end && *p == '<' && !out->nested ? header_priority(p, end, &priority) : 0;
	if (n == 0 || priority > 191)
		return false;
	inner.nested = true;
	if (end - (p + n) > 2 && p[n] == '1' && p[n + 1] == ' ') {
		if (!header_5424(p + n, end, &inner))
			return false;
	} else {
		const uint8_t *at = skip_spaces(p + n, end);
		if (stamp_parse(at, end, &stamp) == 0)
			return false;
		header_3164(at, end, &inner);
	}
	inner.has_priority = true;
	inner.priority = priority;
	if (inner.host.len == 0)
		inner.host = out->host;
	*out = inner;
	return true;
}

static void host_and_tag(const uint8_t *p, const uint8_t *end, struct header *out)
{
	p = skip_spaces(p, end);
	if (end - p >= 7 && memcmp(p, "(none) ", 7) == 0) {
		tag_and_message(p + 7, end, out);
		return;
	}
	/* Behind a stamp a word that ends in a colon or a pid is a tag; one in front of a space is the host, whatever a tag
	 * without its colon would look like. */
	const uint8_t *stop = p;
	while (stop < end && (class_of[*stop] & C_TAG))
		stop++;
	size_t n = stop < end && (*stop == ':' || *stop == '[') ? tag_at(p, end, out) : 0;
	if (n > 0) {
		take_message(p + n, end, out);
		return;
	}
	out->program = out->pid = SLICE_NONE;
	n = host_at(p, end);
	if (n == 0) {
		take_message(p, end, out);
		return;
	}
	out->host = without_brackets(p, n);
	p = skip_spaces(p + n, end);
	if (second_header(p, end, out) || nested(p, end, out))
		return;
	/* A relay's host and the address it got the line from: the tag follows the address. */
	const uint8_t *next = word_end(p, end);
	struct header after = *out;
	if (next < end && is_address(slice_of(p, (size_t)(next - p))) && tag_at(next + 1, end, &after) > 0)
		p = next + 1;
	tag_and_message(p, end, out);
}

/* ": %FACILITY-SEVERITY-MNEMONIC" near the front: octets before the colon, SIZE_MAX when this is not Cisco's form. */
static size_t cisco_mark(const uint8_t *p, const uint8_t *end)
{
	size_t len = (size_t)(end - p) < CISCO_HEAD ? (size_t)(end - p) : CISCO_HEAD;
	size_t at = slice_find(slice_of(p, len), SLICE(": %"), 0);
	if (at == SIZE_MAX || at + 3 >= (size_t)(end - p) || !is_upper(p[at + 3]))
		return SIZE_MAX;
	return at;
}

/* "*Nov 02 08:01:02.123 UTC": '*' and '.' tell that the clock was not set. */
static bool cisco_stamp(const uint8_t *p, const uint8_t *end, struct header *out)
{
	struct stamp stamp;
	if (p < end && (*p == '*' || *p == '.'))
		p++;
	size_t n = stamp_parse(p, end, &stamp);
	if (n == 0)
		return false;
	if (p + n < end && p[n] == ' ')
		stamp.zone_name = slice_of(p + n + 1, (size_t)(end - (p + n + 1)));
	out->stamp = stamp;
	out->has_stamp = true;
	return true;
}

/* Items parted by ": " in front of the mark: sequence numbers, the host (origin-id), the stamp or the uptime. */
static void cisco(const uint8_t *p, size_t len, const uint8_t *end, struct header *out)
{
	const uint8_t *mark = p + len;
	while (p < mark) {
		size_t item = slice_find(slice_of(p, (size_t)(mark - p)), SLICE(": "), 0);
		const uint8_t *stop = item == SIZE_MAX ? mark : p + item;
		p = skip_spaces(p, stop);
		bool last = stop == mark;
		size_t n = (size_t)(stop - p);
		if (n > 0 && !cisco_stamp(p, stop, out) && host_at(p, stop) == n && !only_digits(slice_of(p, n)) &&
			out->host.len == 0 && (!last || slice_find_octet(slice_of(p, n), ':', 0) == SIZE_MAX))
			out->host = slice_of(p, n);
		p = last ? mark : stop + 2;
	}
	take_message(mark + 2, end, out);
}

/* Without a stamp everything is message (RFC 3164 section 4.3.3), but for a tag that is surely one: "dhclient[12]: ...". */
static void without_stamp(const uint8_t *p, const uint8_t *end, struct header *out)
{
	size_t mark = cisco_mark(p, end);
	if (mark != SIZE_MAX) {
		cisco(p, mark, end, out);
		return;
	}
	p = skip_spaces(p, end);
	size_t n = p < end && (*p == '_' || (*p >= 'a' && *p <= 'z') || *p == '/') ? tag_at(p, end, out) : 0;
	if (n > 0 && p[n - 1] == ':' && slice_find_octet(out->program, ' ', 0) == SIZE_MAX) {
		take_message(p + n, end, out);
		return;
	}
	out->program = out->pid = SLICE_NONE;
	take_message(p, end, out);
}

static bool is_letter(uint8_t c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/* "tag: ...", "tag[pid]: ..." with a letter in front. False: not this form, and nothing is set. */
static bool usual_tag(const uint8_t *p, const uint8_t *end, struct header *out)
{
	size_t n = 1, len = 0;
	struct slice pid = SLICE_NONE;
	while (p + n < end && (class_of[p[n]] & C_TAG))
		n++;
	if (n > TAG_MAX || end - p < (ptrdiff_t)n + 2 || is_format_mark(slice_of(p, n)))
		return false;
	if (p[n] == '[' && ((len = pid_at(p + n, end, &pid)) == 0 || p + n + len >= end))
		return false;
	if (p[n + len] != ':' || (len == 0 && p[n + 1] != ' '))
		return false;
	out->program = slice_of(p, n);
	out->pid = pid;
	take_message(p + n + len + 1, end, out);
	return true;
}

/* " host tag[pid]: text", " host %MARK..." and " host : %MARK...", which most lines are: one walk, and of what host_and_tag
 * asks only that which could be otherwise. A host of usual octets that begins with a letter or digit is no tag, no
 * "(none)" and has no brackets; a letter, or a '%', behind it begins no stamp, no <PRI> and no address. False: not this
 * form, and nothing is set; host_and_tag reads it. */
static bool usual_host_and_tag(const uint8_t *p, const uint8_t *end, struct header *out)
{
	const uint8_t *host = p + 1;
	if (end - p < 4 || *p != ' ' || !(class_of[*host] & C_NAME))
		return false;
	for (p = host + 1; p < end && (class_of[*p] & C_USUAL);)
		p++;
	size_t len = (size_t)(p - host);
	if (len > HOST_MAX || end - p < 4 || *p != ' ')
		return false;
	p++;
	if (p[0] == ':' && p[1] == ' ' && p[2] == '%')
		p += 2;
	if (*p == '%')
		take_message(p, end, out);
	else if (!is_letter(*p) || !usual_tag(p, end, out))
		return false;
	out->host = slice_of(host, len);
	return true;
}

void header_3164(const uint8_t *p, const uint8_t *end, struct header *out)
{
	out->format = FORMAT_RFC3164;
	p = skip_spaces(p, end);
	const uint8_t *start = p;
	if (end - p > 2 && p[0] == ':' && p[1] == ' ')
		p += 2;
	if (p < end && (*p == '*' || *p == '.'))
		p++;
	size_t n = stamp_parse(p, end, &out->stamp);
	if (n == 0) {
		without_stamp(start, end, out);
		return;
	}
	out->has_stamp = true;
	p += n;
	if (usual_host_and_tag(p, end, out))
		return;
	if (p < end && *p == ':') {
		take_message(p + 1, end, out);
		return;
	}
	/* "Nov 02 08:01:02 EST: %SYS-5-...": an upper-case word in front of Cisco's mark is a zone. */
	const uint8_t *next = word_end(skip_spaces(p, end), end);
	size_t zone = (size_t)(next - skip_spaces(p, end));
	if (zone >= 2 && zone <= 6 && next[-1] == ':' && end - next > 2 && next[1] == '%' && is_upper(next[2])) {
		out->stamp.zone_name = slice_of(next - zone, zone - 1);
		take_message(next, end, out);
		return;
	}
	host_and_tag(p, end, out);
}

bool header_without_priority(const uint8_t *p, const uint8_t *end)
{
	struct stamp stamp;
	struct header ignored = {0};
	/* Most lines without <PRI> begin with neither a letter of a month nor a digit of a year. */
	if (end - p < 16 || !(is_digit(*p) || (class_of[*p] & C_NAME && *p < 0x80)))
		return false;
	size_t n = stamp_parse(p, end, &stamp);
	if (n == 0 || p + n >= end || p[n] != ' ')
		return false;
	if (!stamp.iso)
		return true;
	if (!stamp.separator_t || !stamp.has_zone)
		return false;
	p = skip_spaces(p + n, end);
	size_t host = host_at(p, end);
	if (host == 0 || header_is_level(slice_of(p, host)))
		return false;
	for (size_t i = 0; i < host; i++) {
		if (is_digit(p[i]) || p[i] == '.' || p[i] == '-')
			return true;
	}
	return tag_at(skip_spaces(p + host, end), end, &ignored) > 0;
}
