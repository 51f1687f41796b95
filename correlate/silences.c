#include "correlate/silences.h"

#define TERMS_MAX 16u
#define TEXT_MAX 512u

/* ---- reading rows ---- */

static struct slice unescaped(const struct json_token *token, uint8_t room[TEXT_MAX])
{
	if (!token->escaped || token->text.len > TEXT_MAX)
		return token->text;
	return slice_of(room, json_unescape(token->text, room));
}

/* The value of this key in the object that the text is; false when it is not there. Objects and arrays come whole. */
static bool member(struct slice object, const char *key, struct json_token *out)
{
	struct json_reader r;
	struct json_token token;
	json_reader_init(&r, object);
	if (json_next(&r, &token) != JSON_OBJECT)
		return false;
	while (json_next(&r, &token) == JSON_KEY) {
		bool found = slice_equal(token.text, slice_str(key));
		json_next(&r, out);
		const uint8_t *start = r.ptr - 1;
		if ((out->type == JSON_OBJECT || out->type == JSON_ARRAY) && !json_skip(&r))
			return false;
		if (out->type == JSON_OBJECT || out->type == JSON_ARRAY)
			out->text = slice_of(start, (size_t)(r.ptr - start));
		if (found)
			return true;
	}
	return false;
}

static bool time_of(struct slice silence, const char *key, int64_t *ns)
{
	struct json_token t;
	bool zone, leap;
	return member(silence, key, &t) && t.type == JSON_STRING && clock_parse_iso(t.text, ns, &zone, &leap);
}

int silences_add(struct silence **list, const struct env *env, struct slice row)
{
	struct json_token inner, id;
	uint8_t octets[16];
	int64_t until, said;
	if (!member(row, "silence", &inner) || inner.type != JSON_OBJECT || !member(inner.text, "id", &id) ||
		!hex_parse(id.text, octets, 16) || !time_of(inner.text, "until", &until) || !time_of(inner.text, "time", &said))
		return 0;
	struct silence *s = env_alloc(env, sizeof(*s) + inner.text.len), **at = list;
	if (s == NULL)
		return -ERROR_MEMORY;
	memcpy(s + 1, inner.text.ptr, inner.text.len);
	/* Whoever says "until now" takes the silence back. */
	*s = (struct silence){.until_ns = until <= said ? INT64_MIN : until,
						  .json = slice_of((const uint8_t *)(s + 1), inner.text.len)};
	memcpy(s->id, octets, 16);
	while (*at != NULL && memcmp((*at)->id, octets, 16) != 0)
		at = &(*at)->next;
	if (*at != NULL) {
		struct silence *old = *at;
		s->next = old->next;
		env_free(env, old);
	}
	*at = s;
	return 0;
}

void silences_free(struct silence **list, const struct env *env)
{
	for (struct silence *s = *list, *next; s != NULL; s = next) {
		next = s->next;
		env_free(env, s);
	}
	*list = NULL;
}

/* ---- covering ---- */

static bool same(struct slice pattern, const struct json_token *value)
{
	uint8_t room[TEXT_MAX], a[FOLD_ROOM(TEXT_MAX)], b[FOLD_ROOM(TEXT_MAX)];
	struct slice text = unescaped(value, room);
	if (pattern.len > TEXT_MAX || text.len > TEXT_MAX || value->type == JSON_OBJECT || value->type == JSON_ARRAY)
		return false;
	return slice_star_match(slice_of(a, fold(pattern, a)), slice_of(b, fold(text, b)));
}

static bool tag_holds(struct slice rule, struct slice pattern)
{
	struct json_reader r;
	struct json_token tags, tag;
	if (!member(rule, "tags", &tags) || tags.type != JSON_ARRAY)
		return false;
	json_reader_init(&r, tags.text);
	json_next(&r, &tag);
	while (json_next(&r, &tag) == JSON_STRING)
		if (same(pattern, &tag))
			return true;
	return false;
}

static bool group_holds(struct slice group, struct slice key, struct slice pattern)
{
	struct json_reader r;
	struct json_token token, value;
	uint8_t room[TEXT_MAX];
	json_reader_init(&r, group);
	if (json_next(&r, &token) != JSON_OBJECT)
		return false;
	while (json_next(&r, &token) == JSON_KEY) {
		bool found = slice_equal(unescaped(&token, room), key);
		json_next(&r, &value);
		if (found)
			return value.type == JSON_STRING && same(pattern, &value);
	}
	return false;
}

static bool term_holds(const struct book_row *incident, struct slice key, struct slice pattern)
{
	struct json_token value;
	if (slice_equal(key, SLICE("rule")))
		return (member(incident->rule, "id", &value) && same(pattern, &value)) ||
			   (member(incident->rule, "title", &value) && same(pattern, &value));
	if (slice_equal(key, SLICE("level")))
		return member(incident->rule, "level", &value) && same(pattern, &value);
	if (slice_equal(key, SLICE("tag")))
		return tag_holds(incident->rule, pattern);
	return group_holds(incident->group, key, pattern);
}

static bool covers(const struct silence *s, const struct book_row *incident)
{
	struct json_reader r;
	struct json_token terms, key, value;
	uint8_t key_room[TEXT_MAX], room[TEXT_MAX];
	if (!member(s->json, "terms", &terms) || terms.type != JSON_OBJECT)
		return false;
	json_reader_init(&r, terms.text);
	json_next(&r, &key);
	bool any = false;
	while (json_next(&r, &key) == JSON_KEY) {
		if (json_next(&r, &value) != JSON_STRING ||
			!term_holds(incident, unescaped(&key, key_room), unescaped(&value, room)))
			return false;
		any = true;
	}
	return any;
}

const struct silence *silences_find(const struct silence *list, const struct book_row *incident, int64_t last_seen_ns)
{
	for (const struct silence *s = list; s != NULL; s = s->next)
		if (last_seen_ns < s->until_ns && covers(s, incident))
			return s;
	return NULL;
}

/* ---- writing rows ---- */

static int put_terms(struct json_writer *w, const struct incident_silence *silence, struct error *error)
{
	if (silence->term_count == 0 || silence->term_count > TERMS_MAX)
		return error_set(error, ERROR_USAGE, "a silence needs 1 to %u terms such as rule:TITLE or source.ip:10.1.2.*",
						 TERMS_MAX);
	json_key(w, "terms");
	json_object(w);
	for (uint32_t i = 0; i < silence->term_count; i++) {
		struct slice term = silence->terms[i];
		size_t colon = slice_find_octet(term, ':', 0);
		if (colon == SIZE_MAX || colon == 0 || colon + 1 == term.len || term.len > TEXT_MAX || !utf8_valid(term))
			return error_set(
				error, ERROR_USAGE,
				"'%.*s' is no term: write rule:, level:, tag: or a group-by field's name and ':', then a text of "
				"at most %u octets in all",
				(int)(term.len > 80 ? 80 : term.len), (const char *)term.ptr, TEXT_MAX);
		json_key_slice(w, slice_of(term.ptr, colon));
		json_string(w, slice_from(term, colon + 1));
	}
	json_object_end(w);
	return 0;
}

int incident_silence_row(const struct incident_silence *silence, int64_t now_ns, struct buffer *row,
						 struct error *error)
{
	struct json_writer w;
	if (silence->reason.len == 0)
		return error_set(error, ERROR_USAGE, "a silence needs a reason");
	json_writer_init(&w, row);
	json_object(&w);
	json_key(&w, "silence");
	json_object(&w);
	json_key(&w, "id");
	json_hex(&w, silence->id, 16);
	int result = put_terms(&w, silence, error);
	if (result < 0)
		return result;
	json_key(&w, "until");
	json_time(&w, silence->until_ns);
	json_key(&w, "reason");
	json_string(&w, silence->reason);
	json_key(&w, "who");
	json_string(&w, silence->who);
	json_key(&w, "time");
	json_time(&w, now_ns);
	json_object_end(&w);
	json_object_end(&w);
	return row->failed ? error_set(error, ERROR_MEMORY, "no memory for a silence") : 0;
}
