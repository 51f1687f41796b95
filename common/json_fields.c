#include "common/json_fields.h"

#include "common/check.h"
#include "common/limits.h"

void json_fields_init(struct json_fields *f, const struct env *env, struct dictionary *dictionary)
{
	f->dictionary = dictionary;
	memset(&f->memo, 0, sizeof f->memo);
	buffer_init(&f->name, env);
	buffer_init(&f->text, env);
}

void json_fields_free(struct json_fields *f)
{
	buffer_free(&f->name);
	buffer_free(&f->text);
}

/* One walk: where the name of the current place ends at every depth. */
struct walk {
	struct json_fields *f;
	struct batch_builder *b;
	const uint8_t *text; /* as it was when the walk began */
	uint32_t at; /* of the text in the row */
	struct slice name; /* of the value that comes next: in the text itself, or in the buffer of names */
	uint32_t name_end[64]; /* of the container at this depth */
	uint32_t depth;
	bool object; /* one was seen */
	int error;
};

static struct slice current_text(const struct walk *w, struct slice s)
{
	struct slice row = batch_row_text(w->b);
	return slice_of(row.ptr + w->at + (s.ptr - w->text), s.len);
}

static void note(struct walk *w, int result)
{
	if (result == -ERROR_MEMORY)
		w->error = result;
}

static struct slice unescaped(struct walk *w, struct slice s)
{
	buffer_reset(&w->f->text);
	uint8_t *room = buffer_room(&w->f->text, s.len);
	if (room == NULL) {
		w->error = -ERROR_MEMORY;
		return SLICE_NONE;
	}
	w->f->text.len = json_unescape(s, room);
	return buffer_slice(&w->f->text);
}

/* The name becomes that of the container, a '.' and the key. At the top, where most keys are, it is the key itself. */
static void set_key(struct walk *w, struct slice key, bool escaped)
{
	struct buffer *name = &w->f->name;
	if (w->name_end[w->depth] == 0 && !escaped) {
		w->name = key;
		return;
	}
	key = current_text(w, key);
	if (escaped)
		key = unescaped(w, key);
	name->len = w->name_end[w->depth];
	if (w->depth > 0 && name->len > w->name_end[0])
		buffer_add_octet(name, '.');
	buffer_add_slice(name, key);
	w->name = buffer_slice(name);
}

/* Of a number as JSON has it: what is but digits and short fits. */
static enum value_type number_type(struct slice s)
{
	int64_t i;
	uint64_t u;
	size_t at = s.ptr[0] == '-';
	while (at < s.len && (unsigned)s.ptr[at] - '0' < 10)
		at++;
	if (at < s.len)
		return VALUE_F64;
	if (s.len <= 18 || slice_to_i64(s, &i))
		return VALUE_I64;
	return slice_to_u64(s, &u) ? VALUE_U64 : VALUE_F64;
}

static enum value_type value_type(const struct json_token *t)
{
	switch (t->type) {
	case JSON_STRING:
		return VALUE_STRING;
	case JSON_NUMBER:
		return number_type(t->text);
	case JSON_NULL:
		return VALUE_NULL;
	default:
		return VALUE_BOOL;
	}
}

static void add_value(struct walk *w, const struct json_token *t)
{
	enum value_type type = value_type(t);
	if (w->name.len == w->name_end[0]) /* a bare value in the list at the top has no name */
		return;
	uint32_t id = dictionary_intern_again(w->f->dictionary, &w->f->memo, w->name), at;
	if (!t->escaped) {
		at = w->at + (uint32_t)(t->text.ptr - w->text);
		note(w,
			 batch_field(w->b, id, type, type == VALUE_NULL ? 0 : at, type == VALUE_NULL ? 0 : (uint32_t)t->text.len));
		return;
	}
	struct slice text = unescaped(w, current_text(w, t->text));
	int result = w->error != 0 ? w->error : batch_row_derive(w->b, text, &at);
	note(w, result != 0 ? result : batch_field(w->b, id, type, at, (uint32_t)text.len));
}

/* What is inside has this name in front of its own, also when the text moves. */
static void enter(struct walk *w)
{
	struct buffer *name = &w->f->name;
	CHECK(w->depth + 1 < sizeof w->name_end / sizeof *w->name_end);
	if (w->name.ptr != name->ptr) {
		buffer_reset(name);
		buffer_add_slice(name, w->name);
	}
	w->name_end[++w->depth] = (uint32_t)name->len;
	w->name = buffer_slice(name);
}

/* Back to the container's own name: what follows in a list has it again. */
static void leave(struct walk *w)
{
	CHECK(w->depth > 0);
	w->f->name.len = w->name_end[w->depth--];
	w->name = buffer_slice(&w->f->name);
}

static void take(struct walk *w, enum json_type type, const struct json_token *t)
{
	switch (type) {
	case JSON_OBJECT:
	case JSON_ARRAY:
		w->object |= type == JSON_OBJECT;
		enter(w);
		break;
	case JSON_OBJECT_END:
	case JSON_ARRAY_END:
		leave(w);
		break;
	case JSON_KEY:
		set_key(w, t->text, t->escaped);
		break;
	default:
		add_value(w, t);
		break;
	}
}

/* What was read is in the row. Deriving may have moved the text: the reader goes on in the row's present place. False: no
 * memory. */
static bool go_on(struct walk *w, struct json_reader *r, bool derived)
{
	if (w->error != 0 || w->f->name.failed || w->f->text.failed) {
		w->error = -ERROR_MEMORY;
		return false;
	}
	const uint8_t *now = derived ? batch_row_text(w->b).ptr + w->at : r->start;
	if (now != r->start) {
		r->ptr = now + (r->ptr - r->start);
		r->end = now + (r->end - r->start);
		w->text = r->start = now;
	}
	return true;
}

/* Reads on until the end, an error of the text, or one of ours: most of it member by member. */
static enum json_type walk_text(struct walk *w, struct json_reader *r)
{
	struct json_token t = {0};
	struct slice key;
	for (;;) {
		while (json_next_member(r, &key, &t)) {
			bool plain = w->name_end[w->depth] == 0 && !t.escaped; /* no buffer is used, no text moves */
			set_key(w, key, false);
			add_value(w, &t);
			if ((!plain || w->error != 0) && !go_on(w, r, t.escaped))
				return JSON_ERROR;
		}
		enum json_type type = json_next(r, &t);
		if (type == JSON_END || type == JSON_ERROR)
			return type;
		take(w, type, &t);
		if (!go_on(w, r, t.escaped))
			return JSON_ERROR;
	}
}

int json_fields_add(struct json_fields *f, struct batch_builder *b, struct slice text, struct slice prefix, bool *added)
{
	_Static_assert(sizeof((struct walk){0}.name_end) / sizeof(uint32_t) > 34, "LIMIT_json_depth and the top");
	struct slice row = batch_row_text(b);
	struct json_reader r;
	struct walk w;
	*added = false;
	if (text.len < 2 || (text.ptr[0] != '{' && text.ptr[0] != '['))
		return 0;
	CHECK(text.ptr >= row.ptr && text.ptr + text.len <= row.ptr + row.len);
	struct batch_row_mark mark = batch_row_mark(b);
	w.f = f;
	w.b = b;
	w.at = (uint32_t)(text.ptr - row.ptr);
	w.depth = 0;
	w.object = false;
	w.error = 0;
	buffer_reset(&f->name);
	buffer_reset(&f->text); /* a failure of the last text must not stay */
	buffer_add_slice(&f->name, prefix);
	w.name = buffer_slice(&f->name);
	w.name_end[0] = (uint32_t)f->name.len;
	json_reader_init(&r, text);
	w.text = r.start;
	enum json_type end = walk_text(&w, &r);
	*added = end == JSON_END && w.object;
	if (!*added)
		batch_row_cut(b, &mark);
	return w.error;
}
