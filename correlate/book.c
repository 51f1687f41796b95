/* The book of incidents: the newest version of each, and what people did. A projection of rows, whatever their order of
 * reading between partitions: a change that is read before its incident waits for it, and one of a replaced incident goes
 * to the one that took its place.
 */
#include "correlate/book_row.h"
#include "correlate/correlate.h"
#include "correlate/marks.h"
#include "correlate/silences.h"

#include <stdlib.h>

struct change {
	struct change *next;
	size_t len;
	uint8_t json[];
};

struct incident {
	uint8_t id[16];
	uint8_t *json; /* the newest row; null while only changes are known */
	size_t json_len;
	bool final, replaced, suppressed;
	uint8_t replaced_by[16];
	uint64_t version; /* changes so far */
	enum incident_status status;
	struct change *changes, **last_change;
};

struct book_lane {
	uint32_t partition;
	struct marks marks;
};

struct incident_book {
	const struct env *env;
	struct incident **slots; /* open addressing by id */
	uint32_t slot_count, count;
	struct silence *silences;
	struct book_lane *lanes;
	uint32_t lane_count;
};

static const char *const status_names[] = {"new", "in_progress", "on_hold", "resolved", "closed"};

/* ---- making and freeing ---- */

int incident_book_new(const struct env *env, struct incident_book **out, struct error *error)
{
	struct incident_book *book = env_zalloc(env, sizeof(*book));
	if (book == NULL)
		return error_set(error, ERROR_MEMORY, "no memory for the book of incidents");
	book->env = env;
	book->slot_count = 64;
	book->slots = env_zalloc(env, sizeof(*book->slots) * book->slot_count);
	if (book->slots == NULL) {
		env_free(env, book);
		return error_set(error, ERROR_MEMORY, "no memory for the book of incidents");
	}
	*out = book;
	return 0;
}

static void incident_free(const struct env *env, struct incident *incident)
{
	for (struct change *c = incident->changes, *next; c != NULL; c = next) {
		next = c->next;
		env_free(env, c);
	}
	env_free(env, incident->json);
	env_free(env, incident);
}

void incident_book_free(struct incident_book *book)
{
	if (book == NULL)
		return;
	const struct env *env = book->env;
	for (uint32_t i = 0; i < book->slot_count; i++)
		if (book->slots[i] != NULL)
			incident_free(env, book->slots[i]);
	for (uint32_t i = 0; i < book->lane_count; i++)
		marks_free(&book->lanes[i].marks);
	silences_free(&book->silences, env);
	env_free(env, book->slots);
	env_free(env, book->lanes);
	env_free(env, book);
}

/* ---- by id ---- */

static uint32_t slot_of(struct incident *const *slots, uint32_t count, const uint8_t id[16])
{
	uint32_t at = get_u32(id) & (count - 1); /* ids are hashes already */
	while (slots[at] != NULL && memcmp(slots[at]->id, id, 16) != 0)
		at = (at + 1) & (count - 1);
	return at;
}

static int book_grow(struct incident_book *book)
{
	uint32_t count = book->slot_count * 2;
	struct incident **slots = env_zalloc(book->env, sizeof(*slots) * count);
	if (slots == NULL)
		return -ERROR_MEMORY;
	for (uint32_t i = 0; i < book->slot_count; i++)
		if (book->slots[i] != NULL)
			slots[slot_of(slots, count, book->slots[i]->id)] = book->slots[i];
	env_free(book->env, book->slots);
	book->slots = slots;
	book->slot_count = count;
	return 0;
}

static struct incident *book_find(const struct incident_book *book, const uint8_t id[16])
{
	return book->slots[slot_of(book->slots, book->slot_count, id)];
}

static struct incident *book_take(struct incident_book *book, const uint8_t id[16])
{
	struct incident *incident = book_find(book, id);
	if (incident != NULL)
		return incident;
	if (book->count >= book->slot_count / 2 && book_grow(book) < 0)
		return NULL;
	incident = env_zalloc(book->env, sizeof(*incident));
	if (incident == NULL)
		return NULL;
	memcpy(incident->id, id, 16);
	incident->last_change = &incident->changes;
	book->slots[slot_of(book->slots, book->slot_count, id)] = incident;
	book->count++;
	return incident;
}

/* The incident that stands for this one now. Replacement is by an earlier beginning, so there is no circle; the number
 * of steps is bounded all the same, since rows are told. */
static struct incident *book_successor(const struct incident_book *book, struct incident *incident)
{
	for (unsigned steps = 0; incident->replaced && steps < 64; steps++) {
		struct incident *next = book_find(book, incident->replaced_by);
		if (next == NULL || next == incident)
			break;
		incident = next;
	}
	return incident;
}

/* ---- rows ---- */

static bool status_read(struct slice text, enum incident_status *out)
{
	for (unsigned i = 0; i < sizeof(status_names) / sizeof(*status_names); i++)
		if (slice_equal(text, slice_str(status_names[i]))) {
			*out = (enum incident_status)i;
			return true;
		}
	return false;
}

/* What people did with a replaced incident they did with its successor. */
static void inherit(struct incident *to, struct incident *from)
{
	if (to == from || from->version <= to->version)
		return;
	if (from->changes != NULL) {
		*from->last_change = to->changes;
		if (to->changes == NULL)
			to->last_change = from->last_change;
		to->changes = from->changes;
		from->changes = NULL;
		from->last_change = &from->changes;
	}
	to->version = from->version;
	to->status = from->status;
}

static int add_incident(struct incident_book *book, const struct book_row *row)
{
	struct incident *incident = book_take(book, row->id);
	uint8_t *json = env_alloc(book->env, row->whole.len), id[16];
	if (incident == NULL || json == NULL) {
		env_free(book->env, json);
		return -ERROR_MEMORY;
	}
	memcpy(json, row->whole.ptr, row->whole.len);
	env_free(book->env, incident->json);
	incident->json = json;
	incident->json_len = row->whole.len;
	incident->final = row->final;
	incident->suppressed = row->suppressed_by.len > 0;
	incident->replaced = false; /* told again under this id: it stands */
	for (size_t place = 0; book_row_replaced(row->replaces, &place, id);) {
		struct incident *old = book_take(book, id);
		if (old == NULL)
			return -ERROR_MEMORY;
		if (old == incident)
			continue;
		old->replaced = true;
		memcpy(old->replaced_by, incident->id, 16);
		inherit(incident, old);
	}
	return 0;
}

/* Compare-and-set in the order of the topic: of two changes that both saw version n, the first read counts. */
static int add_change(struct incident_book *book, const struct book_row *row)
{
	struct incident *incident = book_take(book, row->id);
	enum incident_status status;
	if (incident == NULL)
		return -ERROR_MEMORY;
	incident = book_successor(book, incident);
	if (row->version != incident->version + 1 || !status_read(row->status, &status))
		return 0;
	struct change *change = env_alloc(book->env, sizeof(*change) + row->whole.len);
	if (change == NULL)
		return -ERROR_MEMORY;
	change->next = NULL;
	change->len = row->whole.len;
	memcpy(change->json, row->whole.ptr, row->whole.len);
	*incident->last_change = change;
	incident->last_change = &change->next;
	incident->version = row->version;
	incident->status = status;
	return 0;
}

static int add_row(struct incident_book *book, const struct batch_row *row)
{
	struct book_row read;
	if (row->kind != ROW_INCIDENT && row->kind != ROW_AUDIT)
		return 0;
	if (!book_row_read(row->original, &read) || read.kind == BOOK_ROW_OTHER)
		return 0; /* not a row that this program wrote: the store keeps it, the book cannot use it */
	if (read.kind == BOOK_ROW_SILENCE)
		return row->kind == ROW_AUDIT ? silences_add(&book->silences, book->env, row->original) : 0;
	return read.kind == BOOK_ROW_INCIDENT ? add_incident(book, &read) : add_change(book, &read);
}

static struct marks *lane_marks(struct incident_book *book, uint32_t partition)
{
	for (uint32_t i = 0; i < book->lane_count; i++)
		if (book->lanes[i].partition == partition)
			return &book->lanes[i].marks;
	struct book_lane *lanes = env_resize(book->env, book->lanes, sizeof(*lanes) * (book->lane_count + 1));
	if (lanes == NULL)
		return NULL;
	book->lanes = lanes;
	lanes[book->lane_count].partition = partition;
	marks_init(&lanes[book->lane_count].marks, book->env);
	return &lanes[book->lane_count++].marks;
}

int incident_book_add(struct incident_book *book, struct slice octets, struct error *error)
{
	struct batch batch;
	uint32_t skip;
	uint64_t missing;
	int result = batch_open(&batch, octets, error);
	if (result < 0)
		return result;
	struct marks *marks = lane_marks(book, batch.identity.partition);
	if (marks == NULL || marks_batch(marks, &batch.identity, batch.row_count, &skip, &missing) < 0)
		return error_set(error, ERROR_MEMORY, "no memory for the book of incidents");
	for (uint32_t i = skip; i < batch.row_count; i++) {
		struct batch_row row;
		batch_get_row(&batch, i, &row);
		if (add_row(book, &row) < 0)
			return error_set(error, ERROR_MEMORY, "no memory for the book of incidents");
	}
	return 0;
}

/* ---- answers ---- */

struct listed {
	const struct incident *incident;
	struct book_row row;
	const struct silence *silence;
};

static void put_raw(struct json_writer *w, const char *name, struct slice json)
{
	json_key(w, name);
	if (json.len > 0)
		json_raw(w, json);
	else
		json_null(w);
}

static void put_state(struct json_writer *w, const struct incident *incident)
{
	json_key(w, "id");
	json_hex(w, incident->id, 16);
	json_key(w, "version");
	json_u64(w, incident->version);
	json_key(w, "status");
	json_str(w, status_names[incident->status]);
	json_key(w, "state");
	json_str(w, incident->final ? "final" : "provisional");
}

static void put_listed(struct buffer *out, const struct listed *l)
{
	struct json_writer w;
	json_writer_init(&w, out);
	json_object(&w);
	put_state(&w, l->incident);
	put_raw(&w, "rule", l->row.rule);
	put_raw(&w, "group", l->row.group);
	put_raw(&w, "fired", l->row.fired);
	put_raw(&w, "first_seen", l->row.first_seen);
	put_raw(&w, "last_seen", l->row.last_seen);
	put_raw(&w, "count", l->row.count);
	put_raw(&w, "firing_points", l->row.firing_points);
	if (l->silence != NULL) {
		json_key(&w, "silenced_by");
		json_hex(&w, l->silence->id, 16);
	}
	if (l->row.suppressed_by.len > 0)
		put_raw(&w, "suppressed_by", l->row.suppressed_by);
	json_object_end(&w);
	buffer_add_octet(out, '\n');
}

/* RFC 3339 texts of one zone whose fractions have whole groups: to compare them, compare the parsed times. */
static int64_t seen_ns(struct slice text)
{
	int64_t ns = 0;
	bool zone, leap;
	if (text.len > 2)
		clock_parse_iso(slice_of(text.ptr + 1, text.len - 2), &ns, &zone, &leap);
	return ns;
}

static int newest_first(const void *a, const void *b)
{
	const struct listed *x = a, *y = b;
	int64_t xs = seen_ns(x->row.last_seen), ys = seen_ns(y->row.last_seen);
	if (xs != ys)
		return xs > ys ? -1 : 1;
	return memcmp(x->incident->id, y->incident->id, 16);
}

static bool is_listed(const struct incident *incident, bool only_open)
{
	if (incident == NULL || incident->json == NULL || incident->replaced)
		return false;
	bool quiet = incident->suppressed && incident->status == INCIDENT_NEW; /* until somebody takes it up (T13) */
	return !only_open || (incident->status < INCIDENT_RESOLVED && !quiet);
}

static bool reread(const struct incident *incident, struct book_row *row)
{
	return book_row_inner(slice_of(incident->json, incident->json_len), row);
}

int incident_book_list(const struct incident_book *book, bool only_open, struct buffer *ndjson)
{
	struct listed *all = env_alloc(book->env, sizeof(*all) * ((size_t)book->count + 1));
	uint32_t n = 0;
	if (all == NULL)
		return -ERROR_MEMORY;
	for (uint32_t i = 0; i < book->slot_count; i++) {
		struct listed *l = &all[n];
		if (!is_listed(book->slots[i], only_open) || !reread(book->slots[i], &l->row))
			continue;
		l->incident = book->slots[i];
		l->silence = silences_find(book->silences, &l->row, seen_ns(l->row.last_seen));
		n += !only_open || l->silence == NULL;
	}
	qsort(all, n, sizeof(*all), newest_first);
	for (uint32_t i = 0; i < n; i++)
		put_listed(ndjson, &all[i]);
	env_free(book->env, all);
	return ndjson->failed ? -ERROR_MEMORY : 0;
}

static uint64_t count_silenced(const struct incident_book *book, const struct silence *silence)
{
	struct silence one = *silence;
	struct book_row row;
	uint64_t n = 0;
	one.next = NULL;
	for (uint32_t i = 0; i < book->slot_count; i++)
		n += is_listed(book->slots[i], false) && reread(book->slots[i], &row) &&
			 silences_find(&one, &row, seen_ns(row.last_seen)) != NULL;
	return n;
}

int incident_book_silences(const struct incident_book *book, struct buffer *ndjson)
{
	for (const struct silence *s = book->silences; s != NULL; s = s->next) {
		struct json_writer w;
		json_writer_init(&w, ndjson);
		json_object(&w);
		json_key(&w, "silence");
		json_raw(&w, s->json);
		json_key(&w, "incidents");
		json_u64(&w, count_silenced(book, s));
		json_object_end(&w);
		buffer_add_octet(ndjson, '\n');
	}
	return ndjson->failed ? -ERROR_MEMORY : 0;
}

static struct incident *find_told(const struct incident_book *book, struct slice id, struct error *error)
{
	uint8_t octets[16];
	struct incident *incident = hex_parse(id, octets, 16) ? book_find(book, octets) : NULL;
	if (incident == NULL || incident->json == NULL) {
		error_set(error, ERROR_NOT_FOUND, "there is no incident %.*s", (int)(id.len > 64 ? 64 : id.len),
				  (const char *)id.ptr);
		return NULL;
	}
	return incident;
}

int incident_book_show(const struct incident_book *book, struct slice id, struct buffer *json, struct error *error)
{
	struct json_writer w;
	const struct incident *incident = find_told(book, id, error);
	if (incident == NULL)
		return -ERROR_NOT_FOUND;
	json_writer_init(&w, json);
	json_object(&w);
	put_state(&w, incident);
	if (incident->replaced) {
		json_key(&w, "replaced_by");
		json_hex(&w, incident->replaced_by, 16);
	}
	json_key(&w, "changes");
	json_array(&w);
	for (const struct change *c = incident->changes; c != NULL; c = c->next)
		json_raw(&w, slice_of(c->json, c->len));
	json_array_end(&w);
	put_raw(&w, "incident", slice_of(incident->json, incident->json_len));
	json_object_end(&w);
	return json->failed ? error_set(error, ERROR_MEMORY, "no memory to show the incident") : 0;
}

static void put_change(struct buffer *row, const struct incident *incident, enum incident_status status,
					   struct slice who, struct slice note, int64_t now_ns)
{
	struct json_writer w;
	json_writer_init(&w, row);
	json_object(&w);
	json_key(&w, "incident_change");
	json_object(&w);
	json_key(&w, "id");
	json_hex(&w, incident->id, 16);
	json_key(&w, "version");
	json_u64(&w, incident->version + 1);
	json_key(&w, "status");
	json_str(&w, status_names[status]);
	json_key(&w, "note");
	json_string(&w, note);
	json_key(&w, "who");
	json_string(&w, who);
	json_key(&w, "time");
	json_time(&w, now_ns);
	json_object_end(&w);
	json_object_end(&w);
}

int incident_book_set(struct incident_book *book, struct slice id, uint64_t version, enum incident_status status,
					  struct slice who, struct slice note, int64_t now_ns, struct buffer *row, struct error *error)
{
	struct incident *incident = find_told(book, id, error);
	if (incident == NULL)
		return -ERROR_NOT_FOUND;
	if (incident->replaced) {
		char by[33];
		hex_print(incident->replaced_by, 16, by);
		return error_set(error, ERROR_CONFLICT, "incident %.*s was replaced by %s", SLICE_PRINT(id), by);
	}
	if (version != incident->version)
		return error_set(error, ERROR_CONFLICT, "incident %.*s is at version %llu, not %llu", SLICE_PRINT(id),
						 (unsigned long long)incident->version, (unsigned long long)version);
	if ((unsigned)status > INCIDENT_CLOSED)
		return error_set(error, ERROR_USAGE, "no such status");
	put_change(row, incident, status, who, note, now_ns);
	return row->failed ? error_set(error, ERROR_MEMORY, "no memory for a change of an incident") : 0;
}
