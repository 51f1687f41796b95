/* `fields`: what names there are in the rows that a query finds, with types, counts and the most frequent values. */
#include "store/query_run.h"

#include "store/query_set.h"

#include <stdlib.h>

#define FIELDS_MAX 65536u /* names */
#define VALUES_PER_FIELD 4096u /* distinct values counted one by one */
#define TOP_VALUES 10u
#define VALUE_BYTES_MAX 256u /* longer ones are counted as distinct, not told */
#define FIELDS_BYTES_MAX (256u << 20)

struct counted_value {
	struct slice text;
	uint8_t type; /* value_class */
	uint64_t count;
};

struct counted_field {
	struct slice name;
	uint64_t rows, last_row; /* rows that have it; the number of the last of them */
	uint32_t types; /* bit per value_type */
	struct counted_value *values; /* open addressing, VALUES_PER_FIELD * 2 slots at most */
	uint32_t value_count, slot_count;
	struct value_set distinct;
	bool truncated;
};

struct field_counts {
	const struct env *env;
	struct arena arena;
	struct dictionary names;
	struct counted_field *fields;
	uint32_t field_room;
	uint64_t row, seed[2];
	size_t bytes_left;
	bool truncated;
	struct error *error;
};

/* ---- counting ---- */

static struct counted_value *value_slot(struct counted_value *slots, uint32_t slot_count, uint64_t hash,
										const struct counted_value *v)
{
	for (uint64_t i = hash & (slot_count - 1);; i = (i + 1) & (slot_count - 1))
		if (slots[i].count == 0 || (slots[i].type == v->type && slice_equal(slots[i].text, v->text)))
			return &slots[i];
}

static uint64_t value_hash(const struct counted_value *v, uint64_t seed)
{
	return xxh3_seeded(v->text, seed + v->type);
}

static bool take_bytes(struct field_counts *c, size_t bytes)
{
	if (bytes > c->bytes_left)
		return false;
	c->bytes_left -= bytes;
	return true;
}

/* 1 when there is room for one more, 0 when there is none and none will come. */
static int values_grow(struct field_counts *c, struct counted_field *f)
{
	uint32_t count = f->slot_count == 0 ? 16 : f->slot_count * 2;
	if (f->value_count < f->slot_count / 2)
		return 1;
	if (f->value_count >= VALUES_PER_FIELD || !take_bytes(c, count * sizeof(*f->values)))
		return 0;
	struct counted_value *values = env_zalloc(c->env, count * sizeof(*values));
	if (values == NULL)
		return -ERROR_MEMORY;
	for (uint32_t i = 0; i < f->slot_count; i++)
		if (f->values[i].count > 0)
			*value_slot(values, count, value_hash(&f->values[i], c->seed[0]), &f->values[i]) = f->values[i];
	env_free(c->env, f->values);
	f->values = values;
	f->slot_count = count;
	return 1;
}

static int count_text(struct field_counts *c, struct counted_field *f, const struct counted_value *v, uint64_t hash)
{
	int room = v->text.len > VALUE_BYTES_MAX ? 0 : values_grow(c, f);
	if (room < 0)
		return room;
	struct counted_value *slot = f->slot_count == 0 ? NULL : value_slot(f->values, f->slot_count, hash, v);
	if (slot != NULL && slot->count > 0) {
		slot->count++;
		return 0;
	}
	if (room == 0 || slot == NULL || !take_bytes(c, v->text.len + 1)) {
		f->truncated = true;
		return 0;
	}
	*slot = *v;
	slot->text = arena_copy(&c->arena, v->text);
	if (slot->text.ptr == NULL && v->text.len > 0) {
		*slot = (struct counted_value){0};
		return -ERROR_MEMORY;
	}
	slot->count = 1;
	f->value_count++;
	return 0;
}

static int count_value(struct field_counts *c, struct counted_field *f, const struct batch_value *value)
{
	char scratch[16];
	struct counted_value v = {.text = batch_value_text(value, scratch), .type = value_class(value)};
	uint64_t hash = value_hash(&v, c->seed[0]);
	f->types |= 1u << value->type;
	f->rows += f->last_row != c->row;
	f->last_row = c->row;
	if (value->type == VALUE_NULL)
		return 0;
	enum set_result added = value_set_add(&f->distinct, c->env, hash, value_hash(&v, c->seed[1]), &c->bytes_left);
	if (added == SET_MEMORY)
		return -ERROR_MEMORY;
	f->truncated |= added == SET_FULL;
	return count_text(c, f, &v, hash);
}

static struct counted_field *field_of(struct field_counts *c, struct slice name)
{
	uint32_t id = dictionary_intern(&c->names, name);
	if (id == DICTIONARY_NONE || id >= FIELDS_MAX) {
		c->truncated = true;
		return NULL;
	}
	if (id >= c->field_room) {
		uint32_t room = (id + 1) * 2;
		struct counted_field *fields = env_resize(c->env, c->fields, room * sizeof(*fields));
		if (fields == NULL)
			return NULL;
		memset(fields + c->field_room, 0, (room - c->field_room) * sizeof(*fields));
		c->fields = fields;
		c->field_room = room;
	}
	c->fields[id].name = dictionary_name(&c->names, id);
	return &c->fields[id];
}

static int count_row(void *ctx, void *scan, const struct query_source *source, const struct query_row *row,
					 struct error *error)
{
	struct field_counts *c = ctx;
	struct batch_value value;
	(void)scan;
	(void)source;
	c->row++;
	for (uint32_t i = 0; i < row->row.field_count; i++) {
		batch_get_value(row->batch, &row->row, row->row.field_first + i, &value);
		bool truncated = c->truncated;
		struct counted_field *f = field_of(c, batch_name(row->batch, value.name));
		if (f == NULL && (truncated || c->truncated))
			continue;
		if (f == NULL || count_value(c, f, &value) < 0)
			return error_set(error, ERROR_MEMORY, "no memory to count the fields");
	}
	return 0;
}

/* ---- telling ---- */

static int compare_counts(const void *left, const void *right)
{
	const struct counted_value *a = left, *b = right;
	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	int order = slice_compare(a->text, b->text);
	return order != 0 ? order : a->type - b->type;
}

/* Values packed to the front, the most frequent first. */
static void values_order(struct counted_field *f)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < f->slot_count; i++)
		if (f->values[i].count > 0)
			f->values[kept++] = f->values[i];
	if (kept > 1)
		qsort(f->values, kept, sizeof(*f->values), compare_counts);
}

static void tell_types(struct json_writer *w, uint32_t types)
{
	static const struct {
		const char *name;
		uint32_t bits;
	} names[] = {
		{"string", 1u << VALUE_STRING}, {"integer", 1u << VALUE_I64 | 1u << VALUE_U64 | 1u << VALUE_SMALL},
		{"number", 1u << VALUE_F64},    {"boolean", 1u << VALUE_BOOL},
		{"null", 1u << VALUE_NULL},     {"address", 1u << VALUE_ADDRESS},
		{"time", 1u << VALUE_TIME},
	};
	json_key(w, "types");
	json_array(w);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if ((types & names[i].bits) != 0)
			json_str(w, names[i].name);
	json_array_end(w);
}

static void tell_value(struct json_writer *w, const struct counted_value *v)
{
	struct batch_value value = {.text = v->text,
								.type = v->type == 'n'   ? VALUE_F64
										: v->type == 't' ? VALUE_BOOL
														 : VALUE_STRING};
	json_object(w);
	json_key(w, "value");
	row_json_value(w, &value);
	json_key(w, "count");
	json_u64(w, v->count);
	json_object_end(w);
}

static void tell_field(struct counted_field *f, struct buffer *out)
{
	struct json_writer w;
	values_order(f);
	json_writer_init(&w, out);
	json_object(&w);
	json_key(&w, "name");
	json_string(&w, f->name);
	tell_types(&w, f->types);
	json_key(&w, "count");
	json_u64(&w, f->rows);
	json_key(&w, "distinct");
	json_u64(&w, f->distinct.count);
	json_key(&w, "top");
	json_array(&w);
	for (uint32_t i = 0; i < f->value_count && i < TOP_VALUES; i++)
		tell_value(&w, &f->values[i]);
	json_array_end(&w);
	json_key(&w, "complete"); /* false: some values were not counted, more than a field may keep */
	json_bool(&w, !f->truncated);
	json_object_end(&w);
	buffer_add_octet(out, '\n');
}

static int compare_names(const void *left, const void *right)
{
	return slice_compare(((const struct counted_field *)left)->name, ((const struct counted_field *)right)->name);
}

/* In order of name. */
static void tell(struct field_counts *c, struct buffer *out)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < c->field_room; i++) {
		struct counted_field f = c->fields[i];
		if (f.types == 0)
			continue;
		c->fields[i] = c->fields[count]; /* an empty one, or itself */
		c->fields[count++] = f;
	}
	if (count > 1)
		qsort(c->fields, count, sizeof(*c->fields), compare_names);
	for (uint32_t i = 0; i < count; i++)
		tell_field(&c->fields[i], out);
}

static void counts_free(struct field_counts *c)
{
	for (uint32_t i = 0; i < c->field_room; i++) {
		env_free(c->env, c->fields[i].values);
		value_set_free(&c->fields[i].distinct, c->env);
	}
	env_free(c->env, c->fields);
	dictionary_free(&c->names);
	arena_free(&c->arena);
}

int query_fields(const struct env *env, const struct query_source *source, const struct query *q, struct buffer *ndjson,
				 struct error *error)
{
	struct field_counts c = {.env = env, .bytes_left = FIELDS_BYTES_MAX, .error = error};
	struct scan_hints hints =
		q != NULL ? query_hints(q) : (struct scan_hints){.from_ns = INT64_MIN, .to_ns = INT64_MAX};
	hints.all_columns = true;
	arena_init(&c.arena, env, 0);
	if (env->random.fill(env->random.ctx, c.seed, sizeof(c.seed)) < 0)
		return error_set(error, ERROR_IO, "no randomness");
	if (dictionary_init(&c.names, env, c.seed[0]) < 0)
		return error_set(error, ERROR_MEMORY, "no memory to count the fields");
	struct scan_stats stats = {0};
	int rc = query_each(source, (struct query *)(uintptr_t)q, &hints, count_row, &c, &stats, error);
	if (rc == 0)
		tell(&c, ndjson);
	if (rc == 0 && stats.damaged > 0)
		buffer_add_str(ndjson, "{\"truncated\":\"damaged\"}\n");
	if (rc == 0 && c.truncated)
		buffer_add_str(ndjson, "{\"truncated\":\"names\"}\n");
	counts_free(&c);
	if (rc == 0 && ndjson->failed)
		rc = error_set(error, ERROR_MEMORY, "no memory for the list of fields");
	return rc;
}

int store_fields(struct store *s, const struct query *q, struct buffer *ndjson, struct error *error)
{
	struct query_source source = query_source_store(s);
	return query_fields(store_env(s), &source, q, ndjson, error);
}
