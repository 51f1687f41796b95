#include "cli/scan_logsource.h"

void scan_logsources_init(struct scan_logsources *s, const struct env *env, struct slice field)
{
	*s = (struct scan_logsources){.env = env, .field = field};
	arena_init(&s->arena, env, 0);
}

void scan_logsources_reset(struct scan_logsources *s)
{
	arena_reset(&s->arena);
	s->list_count = s->line_count = 0;
}

void scan_logsources_free(struct scan_logsources *s)
{
	arena_free(&s->arena);
	env_free(s->env, s->list);
	env_free(s->env, s->first);
}

/* Room for one more log source and one more line. */
static bool grow(struct scan_logsources *s)
{
	if (s->list_count == s->list_room) {
		uint32_t room = s->list_room ? 2 * s->list_room : 256;
		struct logsource *list = env_resize(s->env, s->list, room * sizeof *list);
		if (!list)
			return false;
		s->list = list;
		s->list_room = room;
	}
	if (s->line_count + 1 >= s->line_room) {
		uint32_t room = s->line_room ? 2 * s->line_room : 1024;
		uint32_t *first = env_resize(s->env, s->first, room * sizeof *first);
		if (!first)
			return false;
		s->first = first;
		s->line_room = room;
	}
	return true;
}

static bool take_part(struct scan_logsources *s, struct logsource *l, unsigned index, const struct json_token *token)
{
	struct slice text = SLICE_NONE;
	if (token->type == JSON_STRING) {
		text = arena_copy(&s->arena, token->text);
		if (!text.ptr)
			return false;
	}
	if (index == 0)
		l->product = text;
	else if (index == 1)
		l->category = text;
	else if (index == 2)
		l->service = text;
	return true;
}

/* The value behind the key: [[p,c,s],...]; null and other shapes give none. */
static bool take_value(struct scan_logsources *s, struct json_reader *r)
{
	struct json_token token;
	unsigned index = 0;
	if (json_next(r, &token) != JSON_ARRAY)
		return token.type == JSON_OBJECT ? json_skip(r) : token.type != JSON_ERROR;
	for (int depth = 1; depth > 0;) {
		switch (json_next(r, &token)) {
		case JSON_ERROR:
		case JSON_END:
			return false;
		case JSON_ARRAY:
			if (!grow(s))
				return false;
			s->list[s->list_count] = (struct logsource){0};
			index = 0;
			depth++;
			break;
		case JSON_ARRAY_END:
			if (--depth == 1)
				s->list_count++;
			break;
		default:
			if (depth == 2 && !take_part(s, &s->list[s->list_count], index++, &token))
				return false;
		}
	}
	return true;
}

/* Writes all but [from, to), and the comma that joined it to its neighbours. */
static void cut(struct slice line, size_t from, size_t to, struct buffer *out)
{
	size_t after = to, before = from;
	while (after < line.len && (line.ptr[after] == ' ' || line.ptr[after] == '\t'))
		after++;
	if (after < line.len && line.ptr[after] == ',') {
		to = after + 1;
	} else {
		while (before > 0 && (line.ptr[before - 1] == ' ' || line.ptr[before - 1] == '\t'))
			before--;
		if (before > 0 && line.ptr[before - 1] == ',')
			from = before - 1;
	}
	buffer_add(out, line.ptr, from);
	buffer_add(out, line.ptr + to, line.len - to);
}

int scan_logsources_line(struct scan_logsources *s, struct slice line, struct buffer *out)
{
	struct json_reader r;
	struct json_token token;
	if (!grow(s))
		return -ERROR_MEMORY;
	s->first[s->line_count++] = s->list_count;
	s->first[s->line_count] = s->list_count;
	json_reader_init(&r, line);
	if (json_next(&r, &token) != JSON_OBJECT) {
		buffer_add_slice(out, line);
		return 0;
	}
	while (json_next(&r, &token) == JSON_KEY) {
		size_t from = (size_t)(token.text.ptr - line.ptr) - 1;
		if (slice_equal(token.text, s->field)) {
			if (!take_value(s, &r))
				break;
			s->first[s->line_count] = s->list_count;
			cut(line, from, (size_t)(r.ptr - line.ptr), out);
			return 0;
		}
		enum json_type type = json_next(&r, &token);
		if (type == JSON_ERROR || ((type == JSON_OBJECT || type == JSON_ARRAY) && !json_skip(&r)))
			break;
	}
	buffer_add_slice(out, line);
	return 0;
}

uint32_t scan_logsources_get(const struct scan_logsources *s, uint64_t line, const struct logsource **out)
{
	if (line >= s->line_count)
		return 0;
	*out = s->list + s->first[line];
	return s->first[line + 1] - s->first[line];
}
