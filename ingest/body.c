#include "ingest/body.h"

#include "common/json_fields.h"
#include "common/kv.h"

#define LABELS_MAX 32u

enum body_name {
	NAME_CEF_VERSION,
	NAME_CEF_NAME,
	NAME_LEEF_VERSION,
	NAME_VENDOR,
	NAME_PRODUCT,
	NAME_VERSION,
	NAME_CODE,
	NAME_SEVERITY,
	NAME_COUNT,
};

static const char *const body_names[NAME_COUNT] = {
	"cef.version",      "cef.name",         "leef.version", "observer.vendor",
	"observer.product", "observer.version", "event.code",   "event.severity",
};

/* A place in the row's text: the text itself moves when something is derived. */
struct place {
	uint32_t at, len;
};

struct label {
	struct place key, text; /* "cs1Label", without "Label"; what it says */
	bool escaped;
};

struct body_scratch {
	const struct env *env;
	struct dictionary *dictionary;
	struct json_fields json;
	struct buffer text, name;
	uint32_t ids[NAME_COUNT];
	struct label labels[LABELS_MAX];
	uint32_t label_count;
};

struct body_scratch *body_scratch_new(const struct env *env, struct dictionary *dictionary)
{
	struct body_scratch *s = env_zalloc(env, sizeof *s);
	if (s == NULL)
		return NULL;
	s->env = env;
	s->dictionary = dictionary;
	json_fields_init(&s->json, env, dictionary);
	buffer_init(&s->text, env);
	buffer_init(&s->name, env);
	for (uint32_t i = 0; i < NAME_COUNT; i++) {
		s->ids[i] = dictionary_intern(dictionary, slice_str(body_names[i]));
		if (s->ids[i] == DICTIONARY_NONE) {
			body_scratch_free(s);
			return NULL;
		}
	}
	dictionary_keep(dictionary);
	return s;
}

void body_scratch_free(struct body_scratch *s)
{
	if (s == NULL)
		return;
	json_fields_free(&s->json);
	buffer_free(&s->text);
	buffer_free(&s->name);
	env_free(s->env, s);
}

/* ---- pieces of the row's text ---- */

static struct slice text_at(const struct batch_builder *b, struct place p)
{
	struct slice row = batch_row_text(b);
	return slice_of(row.ptr + p.at, p.len);
}

static struct place place_of(const struct batch_builder *b, struct slice s)
{
	struct slice row = batch_row_text(b);
	if (s.len == 0)
		return (struct place){0, 0};
	CHECK(s.ptr >= row.ptr && s.ptr + s.len <= row.ptr + row.len);
	return (struct place){(uint32_t)(s.ptr - row.ptr), (uint32_t)s.len};
}

/* Backslash escapes of CEF: \| \\ \= and \n \r. */
static struct slice unescape(struct body_scratch *s, struct slice text)
{
	buffer_reset(&s->text);
	uint8_t *room = buffer_room(&s->text, text.len);
	size_t n = 0;
	for (size_t i = 0; room != NULL && i < text.len; i++) {
		uint8_t c = text.ptr[i];
		if (c == '\\' && i + 1 < text.len) {
			uint8_t next = text.ptr[++i];
			c = next == 'n' ? '\n' : next == 'r' ? '\r' : next;
			if (c == next && next != '\\' && next != '|' && next != '=')
				room[n++] = '\\'; /* not an escape: both stay */
		}
		room[n++] = c;
	}
	s->text.len = n;
	return room == NULL ? SLICE_NONE : buffer_slice(&s->text);
}

static int add(struct body_scratch *s, struct batch_builder *b, uint32_t id, struct place value, bool escaped)
{
	int result;
	if (!escaped) {
		result = batch_field(b, id, VALUE_STRING, value.at, value.len);
	} else {
		uint32_t at;
		struct slice text = unescape(s, text_at(b, value));
		if (s->text.failed)
			return -ERROR_MEMORY;
		result = batch_row_derive(b, text, &at);
		if (result == 0)
			result = batch_field(b, id, VALUE_STRING, at, (uint32_t)text.len);
	}
	return result == -ERROR_MEMORY ? result : 0;
}

/* ---- headers: parts between '|' ---- */

struct header_parts {
	struct place part[8];
	bool escaped[8];
	uint32_t count;
	struct place rest; /* behind the last '|' that was taken */
};

static void split_header(const struct batch_builder *b, struct slice text, uint32_t parts, struct header_parts *out)
{
	size_t from = 0;
	out->count = 0;
	for (size_t i = 0; i < text.len && out->count < parts; i++) {
		if (text.ptr[i] == '\\' && i + 1 < text.len) {
			out->escaped[out->count] = true;
			i++;
		} else if (text.ptr[i] == '|') {
			out->part[out->count++] = place_of(b, slice_of(text.ptr + from, i - from));
			if (out->count < parts)
				out->escaped[out->count] = false;
			from = i + 1;
		}
	}
	out->rest = place_of(b, slice_from(text, from));
}

static int add_header(struct body_scratch *s, struct batch_builder *b, const struct header_parts *h,
					  const enum body_name *names, uint32_t count)
{
	int result = 0;
	for (uint32_t i = 0; result == 0 && i < count; i++)
		if (h->part[i].len > 0)
			result = add(s, b, s->ids[names[i]], h->part[i], h->escaped[i]);
	return result;
}

/* ---- extensions ---- */

static struct place pair_place(const struct batch_builder *b, struct slice s)
{
	return place_of(b, s);
}

/* The labels first: they may stand behind what they name. */
static void collect_labels(struct body_scratch *s, const struct batch_builder *b, const struct kv_rules *rules,
						   struct slice text)
{
	struct kv_reader r;
	struct kv_pair pair;
	s->label_count = 0;
	kv_reader_init(&r, rules, text);
	while (s->label_count < LABELS_MAX && kv_next(&r, &pair)) {
		if (pair.key.len <= 5 || !slice_ends(pair.key, SLICE("Label")) || pair.value.len == 0)
			continue;
		struct slice key = slice_of(pair.key.ptr, pair.key.len - 5);
		s->labels[s->label_count++] = (struct label){pair_place(b, key), pair_place(b, pair.value), pair.escaped};
	}
}

static const struct label *label_of(const struct body_scratch *s, const struct batch_builder *b, struct slice key)
{
	for (uint32_t i = 0; i < s->label_count; i++)
		if (slice_equal(text_at(b, s->labels[i].key), key))
			return &s->labels[i];
	return NULL;
}

static int add_labelled(struct body_scratch *s, struct batch_builder *b, const struct label *label, struct place value,
						bool escaped)
{
	struct slice name = text_at(b, label->text);
	if (label->escaped)
		name = unescape(s, name);
	if (s->text.failed)
		return -ERROR_MEMORY;
	uint32_t id = dictionary_intern(s->dictionary, name);
	return id == DICTIONARY_NONE ? 0 : add(s, b, id, value, escaped);
}

static int add_pairs(struct body_scratch *s, struct batch_builder *b, const struct kv_rules *rules, struct place text)
{
	struct kv_reader r;
	struct kv_pair pair;
	int result = 0;
	collect_labels(s, b, rules, text_at(b, text));
	kv_reader_init(&r, rules, text_at(b, text));
	for (uint32_t n = 0; result == 0 && n < LIMIT_row_fields && kv_next(&r, &pair); n++) {
		uint32_t id = dictionary_intern(s->dictionary, pair.key);
		const struct label *label = s->label_count > 0 ? label_of(s, b, pair.key) : NULL;
		struct place value = place_of(b, pair.value);
		result = add(s, b, id, value, pair.escaped);
		if (result == 0 && label != NULL)
			result = add_labelled(s, b, label, value, pair.escaped);
		r.text = text_at(b, text); /* deriving may have moved it */
	}
	return result;
}

/* ---- CEF ---- */

static int parse_cef(struct body_scratch *s, struct batch_builder *b, struct slice text, enum format *format)
{
	static const enum body_name names[7] = {NAME_CEF_VERSION, NAME_VENDOR,   NAME_PRODUCT, NAME_VERSION,
											NAME_CODE,        NAME_CEF_NAME, NAME_SEVERITY};
	static const struct kv_rules rules = {
		.separator = {(const uint8_t *)" ", 1}, .assign = {(const uint8_t *)"=", 1}, .spaced = true, .escapes = true};
	struct header_parts h = {0};
	split_header(b, slice_from(text, 4), 7, &h);
	if (h.count < 7)
		return 0;
	int result = add_header(s, b, &h, names, 7);
	if (result == 0)
		result = add_pairs(s, b, &rules, h.rest);
	*format = FORMAT_CEF;
	return result;
}

/* ---- LEEF ---- */

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "^", "0x5E", "x5E", "x09"; false when the part is no delimiter. */
static bool read_delimiter(struct slice part, uint8_t *out)
{
	if (part.len == 1) {
		*out = part.ptr[0];
		return true;
	}
	size_t at = slice_starts(part, SLICE("0x")) || slice_starts(part, SLICE("0X")) ? 2
				: slice_starts(part, SLICE("x"))                                   ? 1
																				   : 0;
	if (at == 0 || part.len - at < 1 || part.len - at > 4)
		return false;
	int value = 0;
	for (size_t i = at; i < part.len; i++) {
		int digit = hex_digit(part.ptr[i]);
		if (digit < 0)
			return false;
		value = value * 16 + digit;
	}
	*out = (uint8_t)value;
	return value > 0 && value < 256;
}

static int parse_leef(struct body_scratch *s, struct batch_builder *b, struct slice text, enum format *format)
{
	static const enum body_name names[5] = {NAME_LEEF_VERSION, NAME_VENDOR, NAME_PRODUCT, NAME_VERSION, NAME_CODE};
	struct header_parts h = {0}, six = {0};
	uint8_t delimiter = '\t';
	text = slice_from(text, 5);
	split_header(b, text, 5, &h);
	if (h.count < 5)
		return 0;
	if (slice_starts(text, SLICE("2."))) {
		split_header(b, text, 6, &six);
		if (six.count == 6 && (six.part[5].len == 0 || read_delimiter(text_at(b, six.part[5]), &delimiter)))
			h.rest = six.rest;
	}
	int result = add_header(s, b, &h, names, 5);
	struct slice rest = text_at(b, h.rest);
	bool spaced = delimiter == '\t' && slice_find_octet(rest, '\t', 0) == SIZE_MAX;
	struct kv_rules rules = {
		.separator = spaced ? SLICE(" ") : slice_of(&delimiter, 1), .assign = SLICE("="), .spaced = spaced};
	if (result == 0)
		result = add_pairs(s, b, &rules, h.rest);
	*format = FORMAT_LEEF;
	return result;
}

/* ---- which ---- */

#define HEAD_REACH 136u

/* The first mark, when it begins a word and a digit follows: at the start of the text or behind a word or two that a relay
 * put there. */
static struct slice find_head(struct slice text, struct slice mark)
{
	struct slice near = slice_of(text.ptr, text.len < HEAD_REACH ? text.len : HEAD_REACH);
	size_t at = slice_find(near, mark, 0);
	if (at == SIZE_MAX || (at > 0 && text.ptr[at - 1] != ' ' && text.ptr[at - 1] != '\t'))
		return SLICE_NONE;
	struct slice head = slice_from(text, at);
	return head.len > mark.len && head.ptr[mark.len] >= '0' && head.ptr[mark.len] <= '9' ? head : SLICE_NONE;
}

static struct slice without_tail(struct slice s)
{
	s = slice_trim(s);
	while (s.len > 0 && s.ptr[s.len - 1] == 0)
		s = slice_trim(slice_of(s.ptr, s.len - 1));
	return s;
}

int body_parse(struct body_scratch *s, struct batch_builder *b, struct slice message, enum format *format)
{
	message = without_tail(message);
	if (message.len < 2)
		return 0;
	if (message.ptr[0] == '{') {
		bool added;
		int result = json_fields_add(&s->json, b, message, SLICE_NONE, &added);
		if (added)
			*format = FORMAT_JSON;
		return result;
	}
	if (slice_find_octet(message, '|', 0) == SIZE_MAX) /* both have several */
		return 0;
	/* "CEF:" and "LEEF:" end alike: one look tells most texts from both. */
	struct slice near = slice_of(message.ptr, message.len < HEAD_REACH ? message.len : HEAD_REACH);
	if (slice_find(near, SLICE("EF:"), 0) == SIZE_MAX)
		return 0;
	struct slice head = find_head(message, SLICE("CEF:"));
	if (head.len > 0)
		return parse_cef(s, b, head, format);
	head = find_head(message, SLICE("LEEF:"));
	return head.len > 0 ? parse_leef(s, b, head, format) : 0;
}
