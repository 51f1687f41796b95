#include "common/kv.h"

#define CLASS_SPACE 1u
#define CLASS_KEY 2u

/* What an octet is, looked up: pairs are told apart octet by octet. Keys are names: letters, digits, a few marks, and
 * anything above ASCII (device vendors write keys in Chinese). */
static const uint8_t classes[256] = {
	[0] = CLASS_SPACE,           ['\t' ... '\r'] = CLASS_SPACE,
	[' '] = CLASS_SPACE,         ['0' ... '9'] = CLASS_KEY,
	['A' ... 'Z'] = CLASS_KEY,   ['a' ... 'z'] = CLASS_KEY,
	['_'] = CLASS_KEY,           ['-'] = CLASS_KEY,
	['.'] = CLASS_KEY,           ['['] = CLASS_KEY,
	[']'] = CLASS_KEY,           ['/'] = CLASS_KEY,
	['@'] = CLASS_KEY,           ['#'] = CLASS_KEY,
	[0x80 ... 0xff] = CLASS_KEY,
};

static inline bool is_space(uint8_t c)
{
	return (classes[c] & CLASS_SPACE) != 0;
}

static inline bool is_key(uint8_t c)
{
	return (classes[c] & CLASS_KEY) != 0;
}

void kv_reader_init(struct kv_reader *r, const struct kv_rules *rules, struct slice text)
{
	*r = (struct kv_reader){.rules = rules, .text = text};
	r->white = rules->separator.len == 0 || slice_equal(rules->separator, SLICE(" "));
}

static inline bool assign_at(const struct kv_reader *r, size_t at)
{
	struct slice a = r->rules->assign;
	return r->text.len - at >= a.len && r->text.ptr[at] == a.ptr[0] &&
		   (a.len == 1 || memcmp(r->text.ptr + at, a.ptr, a.len) == 0);
}

/* `at` is behind the opening quote. *end: the closing quote, or the end of the text when there is none. */
static size_t quoted_end(const struct kv_reader *r, size_t at)
{
	for (; at < r->text.len; at++) {
		if (r->text.ptr[at] == '\\' && at + 1 < r->text.len)
			at++;
		else if (r->text.ptr[at] == r->rules->quote)
			return at;
	}
	return r->text.len;
}

static size_t skip_space(const struct kv_reader *r, size_t at)
{
	while (at < r->text.len && is_space(r->text.ptr[at]))
		at++;
	return at;
}

static struct slice span(const struct kv_reader *r, size_t from, size_t to)
{
	return slice_of(r->text.ptr + from, to - from);
}

/* Takes a quoted value at `at`; false when there is none. A quote that closes before the value's end (`"a" b`) does not
 * count as quoting: `ends` says whether a value may end there. */
static bool take_quoted(struct kv_reader *r, size_t at, struct kv_pair *pair, size_t *after)
{
	if (r->rules->quote == 0 || at >= r->text.len || r->text.ptr[at] != r->rules->quote)
		return false;
	size_t end = quoted_end(r, at + 1);
	pair->value = span(r, at + 1, end);
	pair->quoted = true;
	*after = end < r->text.len ? end + 1 : end;
	return true;
}

/* The next place where " key=" begins at or after `at`: the end of a spaced value. */
static size_t spaced_end(const struct kv_reader *r, size_t at)
{
	size_t word = at; /* start of the word being read */
	for (size_t i = at; i < r->text.len; i++) {
		uint8_t c = r->text.ptr[i];
		if (r->rules->escapes && c == '\\' && i + 1 < r->text.len) {
			i++;
			word = SIZE_MAX;
		} else if (is_space(c)) {
			word = i + 1;
		} else if (assign_at(r, i)) {
			if (word != SIZE_MAX && word > at && i > word)
				return word - 1;
			word = SIZE_MAX;
		} else if (!is_key(c)) {
			word = SIZE_MAX;
		}
	}
	return r->text.len;
}

static void note_escapes(const struct kv_reader *r, struct kv_pair *pair)
{
	pair->escaped = r->rules->escapes && pair->value.len > 0 && memchr(pair->value.ptr, '\\', pair->value.len) != NULL;
}

static size_t word_end(const struct kv_reader *r, size_t at)
{
	const uint8_t *p = r->text.ptr;
	for (size_t len = r->text.len; at < len && !is_space(p[at]);)
		at++;
	return at;
}

/* Up to the assignment mark, or to what stands in no key. */
static size_t key_end(const struct kv_reader *r, size_t at)
{
	const uint8_t *p = r->text.ptr;
	uint8_t mark = r->rules->assign.ptr[0];
	size_t len = r->text.len;
	if (!is_key(mark)) {
		while (at < len && is_key(p[at]))
			at++;
		return at;
	}
	while (at < len && is_key(p[at]) && !(p[at] == mark && assign_at(r, at)))
		at++;
	return at;
}

/* White space between pairs. */
static bool next_spaced(struct kv_reader *r, struct kv_pair *pair)
{
	size_t at = r->at;
	for (;;) {
		at = skip_space(r, at);
		if (at >= r->text.len)
			break;
		size_t key = at;
		at = key_end(r, at);
		if (at == key || at >= r->text.len || !assign_at(r, at)) {
			r->skipped++;
			at = at == key ? at + 1 : word_end(r, at);
			continue;
		}
		pair->key = span(r, key, at);
		at += r->rules->assign.len;
		size_t end;
		if (at >= r->text.len || r->text.ptr[at] != r->rules->quote || !take_quoted(r, at, pair, &end)) {
			end = r->rules->spaced ? spaced_end(r, at) : word_end(r, at);
			pair->value = span(r, at, end);
			if (r->rules->spaced)
				pair->value = slice_trim(pair->value);
		}
		r->at = end;
		note_escapes(r, pair);
		return true;
	}
	r->at = r->text.len;
	return false;
}

static size_t piece_end(const struct kv_reader *r, size_t at)
{
	size_t end = slice_find(r->text, r->rules->separator, at);
	return end == SIZE_MAX ? r->text.len : end;
}

/* Where in [at, end) the assignment mark stands, or SIZE_MAX. A key is at most 64 octets: what is longer is prose. */
static size_t piece_assign(const struct kv_reader *r, size_t at, size_t end)
{
	const uint8_t *p = r->text.ptr;
	uint8_t mark = r->rules->assign.ptr[0];
	size_t last = end - at < 64 ? end : at + 64;
	for (size_t i = at; i < last; i++)
		if (p[i] == mark && assign_at(r, i) && i + r->rules->assign.len <= end)
			return i > at ? i : SIZE_MAX;
	return SIZE_MAX;
}

/* What stands before the name itself: an opening brace or quote, words up to a colon ("traffic: src"). */
static struct slice key_of(struct slice key, struct slice assign)
{
	key = slice_trim(key);
	while (key.len > 0 &&
		   (key.ptr[0] == '{' || key.ptr[0] == '"' || key.ptr[0] == '[' || key.ptr[0] == '(' || key.ptr[0] == '`'))
		key = slice_from(key, 1);
	while (key.len > 0 && key.ptr[key.len - 1] == '"')
		key.len--;
	for (size_t i = key.len; assign.ptr[0] == '=' && i-- > 0;)
		if (key.ptr[i] == ':')
			return slice_trim(slice_from(key, i + 1));
	return slice_trim(key);
}

/* A value that begins with a quote ends at the closing one; separators inside it are text. */
static size_t quoted_piece_end(struct kv_reader *r, size_t at, struct kv_pair *pair, size_t end)
{
	size_t after;
	if (take_quoted(r, skip_space(r, at), pair, &after))
		return after > end ? piece_end(r, after) : end;
	pair->value = slice_trim(span(r, at, end));
	return end;
}

static bool next_separated(struct kv_reader *r, struct kv_pair *pair)
{
	size_t sep = r->rules->separator.len;
	while (r->at < r->text.len) {
		size_t at = r->at, end = piece_end(r, at);
		size_t mark = piece_assign(r, at, end);
		if (mark == SIZE_MAX) {
			r->skipped++;
			r->at = end + sep < r->text.len ? end + sep : r->text.len;
			continue;
		}
		pair->key = key_of(span(r, at, mark), r->rules->assign);
		size_t value = mark + r->rules->assign.len;
		end = quoted_piece_end(r, value, pair, end);
		while (!pair->quoted && !r->rules->loose && end < r->text.len) {
			size_t next = end + sep, next_end = piece_end(r, next);
			if (next >= r->text.len || slice_trim(span(r, next, next_end)).len == 0 ||
				piece_assign(r, next, next_end) != SIZE_MAX)
				break;
			end = next_end;
			pair->value = slice_trim(span(r, value, end));
		}
		r->at = end + sep < r->text.len ? end + sep : r->text.len;
		if (pair->key.len == 0)
			continue;
		note_escapes(r, pair);
		return true;
	}
	return false;
}

bool kv_next(struct kv_reader *r, struct kv_pair *pair)
{
	*pair = (struct kv_pair){0};
	return r->white ? next_spaced(r, pair) : next_separated(r, pair);
}
