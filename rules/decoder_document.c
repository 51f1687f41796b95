/* Reading one document: a decoder, its signs and its tests. */
#include "rules/decoder_reader.h"

#include <stdlib.h>

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static void lower_all(const struct slice *list, uint16_t count)
{
	for (uint16_t i = 0; i < count; i++)
		for (size_t k = 0; k < list[i].len; k++)
			((uint8_t *)(uintptr_t)list[i].ptr)[k] = lower(list[i].ptr[k]); /* our own copy */
}

/* ---- recognise ---- */

static bool is_rare(uint8_t c)
{
	return c > ' ' && c < 0x80 && !((c | 0x20) >= 'a' && (c | 0x20) <= 'z') && !(c >= '0' && c <= '9');
}

/* A rare octet that all literals of `contains` have: one look for it answers for all of them. */
static const uint8_t *common_octet(const struct decoder_sign *s)
{
	const uint8_t *octet = s->contains[0].ptr, *end = octet + s->contains[0].len;
	for (; octet < end; octet++) {
		uint16_t k = is_rare(*octet) ? 1 : 0;
		while (k > 0 && k < s->contain_count && slice_find_octet(s->contains[k], *octet, 0) != SIZE_MAX)
			k++;
		if (k == s->contain_count)
			return octet;
	}
	return NULL;
}

/* "/0/", "/1/" and so on are looked for in one pass. */
static bool read_heads(struct decoder_reader *r, struct decoder_sign *s)
{
	for (uint16_t i = 0; i < s->contain_count; i++)
		if (s->contains[i].len > 8 || s->contains[i].ptr[0] != *s->contain_octet)
			return true;
	struct condition_value *heads = reader_room(r, s->contain_count, sizeof *heads);
	for (uint16_t i = 0; heads != NULL && i < s->contain_count; i++) {
		struct slice t = s->contains[i];
		heads[i] = (struct condition_value){slice_head(t), octets_head_mask(t.len), t, true};
	}
	s->contain_heads = heads;
	return heads != NULL;
}

static bool read_contained(struct decoder_reader *r, struct decoder_sign *s)
{
	struct pair_places *places = reader_room(r, s->contain_count, sizeof *places);
	if (places == NULL)
		return false;
	for (uint16_t i = 0; i < s->contain_count; i++)
		if (s->contains[i].len > 1)
			places[i] = pair_places_of(s->contains[i]);
	s->contain_places = places;
	s->contain_octet = s->contain_count > 1 ? common_octet(s) : NULL;
	return s->contain_octet == NULL || read_heads(r, s);
}

static bool read_sign(struct decoder_reader *r, const struct tree_node *n, struct decoder_sign *s)
{
	static const char *const known[] = {"program", "starts", "contains", "msgid", "field", "format", "logsource", NULL};
	const struct tree_node *part;
	if (!reader_keys(r, n, known))
		return false;
	s->logsource = DECODER_NONE;
	if ((part = tree_get(n, "program")) != NULL && !reader_slices(r, part, &s->programs, &s->program_count))
		return false;
	if ((part = tree_get(n, "starts")) != NULL && !reader_slices(r, part, &s->starts, &s->start_count))
		return false;
	if ((part = tree_get(n, "contains")) != NULL &&
		(!reader_slices(r, part, &s->contains, &s->contain_count) || !read_contained(r, s)))
		return false;
	if ((part = tree_get(n, "msgid")) != NULL && !reader_slices(r, part, &s->msgids, &s->msgid_count))
		return false;
	if ((part = tree_get(n, "field")) != NULL && !reader_conditions(r, part, &s->fields, &s->field_count))
		return false;
	if ((part = tree_get(n, "logsource")) != NULL && !reader_logsource(r, part, &s->logsource))
		return false;
	s->has_format = (part = tree_get(n, "format")) != NULL;
	if (s->has_format && !reader_format(r, part, &s->format))
		return false;
	lower_all(s->programs, s->program_count);
	for (uint16_t i = 0; i < s->start_count; i++)
		if (s->starts[i].len == 0)
			return reader_refuse_node(r, n, "decoder-recognise", "a literal must not be empty");
	for (uint16_t i = 0; i < s->program_count; i++)
		if (s->programs[i].len == 0)
			return reader_refuse_node(r, n, "decoder-recognise", "a program must not be empty");
	s->program_values = reader_values(r, s->programs, s->program_count);
	return s->program_values != NULL;
}

static uint8_t sign_class(const struct decoder_sign *s)
{
	if (s->program_count + s->start_count + s->msgid_count + s->field_count > 0)
		return CLASS_STRONG;
	return s->contain_count > 0 ? CLASS_CONTAINS : CLASS_GENERIC;
}

static bool read_signs(struct decoder_reader *r, const struct tree_node *n, struct decoder *d)
{
	if (n == NULL || n->type != TREE_LIST || n->count == 0 || n->count > 1000)
		return reader_refuse(r, n ? n->line : 1, n ? n->column : 1, "decoder-recognise",
							 "a decoder needs 'recognise', a list of signs");
	struct decoder_sign *signs = reader_room(r, n->count, sizeof *signs);
	if (signs == NULL)
		return false;
	for (uint32_t i = 0; i < n->count; i++) {
		if (!read_sign(r, n->items[i], &signs[i]))
			return false;
		signs[i].class = sign_class(&signs[i]);
	}
	d->signs = signs;
	d->sign_count = (uint16_t)n->count;
	return true;
}

/* ---- tests ---- */

static bool test_time(struct decoder_reader *r, const struct tree_node *n, int64_t *out)
{
	bool zone, leap;
	if (!tree_is_scalar(n) || clock_parse_iso(n->text, out, &zone, &leap) != n->text.len || n->text.len == 0)
		return reader_refuse_node(r, n, "decoder-test", "a time is written as 2026-01-31T12:00:00Z");
	return true;
}

static bool test_text(struct decoder_reader *r, const struct tree_node *map, const char *key, struct slice *out)
{
	const struct tree_node *n = tree_get(map, key);
	return n == NULL || reader_text(r, n, out);
}

static bool read_test(struct decoder_reader *r, const struct tree_node *n, struct decoder_test *t)
{
	static const char *const known[] = {"program", "msgid",    "message",   "format",  "given", "expect",
										"time",    "observed", "logsource", "refused", NULL};
	const struct tree_node *part;
	if (!reader_keys(r, n, known))
		return false;
	t->line = n->line;
	t->format = FORMAT_RFC3164;
	t->observed_ns = INT64_C(1767225600) * NS_PER_S; /* 2026-01-01 */
	if (!test_text(r, n, "program", &t->program) || !test_text(r, n, "msgid", &t->msgid) ||
		!test_text(r, n, "message", &t->message))
		return false;
	if ((part = tree_get(n, "format")) != NULL && !reader_format(r, part, &t->format))
		return false;
	if ((part = tree_get(n, "given")) != NULL && !reader_constants(r, part, &t->given, &t->given_count))
		return false;
	if ((part = tree_get(n, "expect")) != NULL && !reader_constants(r, part, &t->expected, &t->expected_count))
		return false;
	if ((part = tree_get(n, "observed")) != NULL && !test_time(r, part, &t->observed_ns))
		return false;
	if ((part = tree_get(n, "refused")) != NULL)
		t->refused = part->type == TREE_BOOL && part->truth;
	t->has_time = (part = tree_get(n, "time")) != NULL;
	if (t->has_time && !test_time(r, part, &t->time_ns))
		return false;
	t->has_logsource = (part = tree_get(n, "logsource")) != NULL;
	return !t->has_logsource ||
		   (test_text(r, part, "product", &t->product) && test_text(r, part, "category", &t->category) &&
			test_text(r, part, "service", &t->service));
}

bool reader_tests(struct decoder_reader *r, const struct tree_node *list, const struct decoder_test **out,
				  uint16_t *count)
{
	if (list->type != TREE_LIST || list->count > 5000)
		return reader_refuse_node(r, list, "decoder-type", "tests are a list of at most 5,000 maps");
	struct decoder_test *tests = reader_room(r, list->count, sizeof *tests);
	if (tests == NULL)
		return false;
	for (uint32_t i = 0; i < list->count; i++)
		if (!read_test(r, list->items[i], &tests[i]))
			return false;
	*out = tests;
	*count = (uint16_t)list->count;
	return true;
}

/* ---- maps ---- */

struct map_pair {
	struct slice from, to;
};

static int compare_pairs(const void *a, const void *b)
{
	const struct map_pair *x = a, *y = b;
	return slice_compare(x->from, y->from);
}

static struct decoder_map *new_map(struct decoder_reader *r)
{
	struct decoders *d = r->d;
	if (d->map_count == d->map_room) {
		uint32_t room = d->map_room == 0 ? 32 : d->map_room * 2;
		struct decoder_map *maps = room < DECODER_NONE ? reader_room(r, room, sizeof *maps) : NULL;
		if (maps == NULL)
			return NULL;
		if (d->map_count > 0)
			memcpy(maps, d->maps, d->map_count * sizeof *maps);
		d->maps = maps;
		d->map_room = room;
	}
	return &d->maps[d->map_count];
}

static bool read_map(struct decoder_reader *r, struct slice name, const struct tree_node *n)
{
	struct decoder_map *map = new_map(r);
	if (n->type != TREE_MAP)
		return reader_refuse_node(r, n, "decoder-map", "a map is written as value: value");
	struct map_pair *pairs = reader_room(r, n->count, sizeof *pairs);
	struct slice *from = reader_room(r, n->count, sizeof *from), *to = reader_room(r, n->count, sizeof *to);
	if (map == NULL || pairs == NULL || from == NULL || to == NULL)
		return false;
	for (uint32_t i = 0; i < n->count; i++)
		if (!reader_copy(r, n->pairs[i].key->text, &pairs[i].from) || !reader_text(r, n->pairs[i].value, &pairs[i].to))
			return false;
	qsort(pairs, n->count, sizeof *pairs, compare_pairs);
	for (uint32_t i = 0; i < n->count; i++) {
		from[i] = pairs[i].from;
		to[i] = pairs[i].to;
	}
	*map = (struct decoder_map){.from = from, .to = to, .count = n->count};
	if (!reader_copy(r, name, &map->name))
		return false;
	r->d->map_count++;
	return true;
}

static bool read_maps(struct decoder_reader *r, const struct tree_node *n)
{
	if (n->type != TREE_MAP)
		return reader_refuse_node(r, n, "decoder-type", "maps are a map of name: map");
	for (uint32_t i = 0; i < n->count; i++)
		if (!read_map(r, n->pairs[i].key->text, n->pairs[i].value))
			return false;
	return true;
}

/* ---- the document ---- */

static bool read_head(struct decoder_reader *r, const struct tree_node *root, struct decoder *d)
{
	const struct tree_node *n;
	d->version = 1;
	d->priority = 100;
	d->logsource = DECODER_NONE;
	if ((n = tree_get(root, "version")) != NULL) {
		if (n->type != TREE_INT || n->i64 < 1 || n->i64 > UINT16_MAX)
			return reader_refuse_node(r, n, "decoder-version", "a version is a whole number from 1 to 65535");
		d->version = (uint16_t)n->i64;
	}
	if ((n = tree_get(root, "priority")) != NULL) {
		if (n->type != TREE_INT || n->i64 < 0 || n->i64 > 1000)
			return reader_refuse_node(r, n, "decoder-priority", "a priority is a whole number from 0 (first) to 1000");
		d->priority = (int32_t)n->i64;
	}
	if ((n = tree_get(root, "zone")) != NULL && !decoder_zone_parse(n->text, &d->zone))
		return reader_refuse_node(r, n, "decoder-zone", "a zone is written as Z or +hh:mm");
	if ((n = tree_get(root, "logsource")) != NULL && !reader_logsource(r, n, &d->logsource))
		return false;
	return true;
}

static bool read_body(struct decoder_reader *r, const struct tree_node *root, struct decoder *d)
{
	const struct tree_node *n;
	if ((n = tree_get(root, "maps")) != NULL && !read_maps(r, n))
		return false;
	if (!read_signs(r, tree_get(root, "recognise"), d))
		return false;
	if ((n = tree_get(root, "set")) != NULL && !reader_constants(r, n, &d->set, &d->set_count))
		return false;
	if ((n = tree_get(root, "steps")) != NULL && !reader_steps(r, n, 0, &d->steps, &d->step_count))
		return false;
	return (n = tree_get(root, "tests")) == NULL || reader_tests(r, n, &d->tests, &d->test_count);
}

/* A document without a name only gives maps and renames to those after it. */
static void read_shared(struct decoder_reader *r, const struct tree_node *root)
{
	static const char *const known[] = {"maps", "renames", NULL};
	const struct tree_node *n;
	if (!reader_keys(r, root, known))
		return;
	if ((n = tree_get(root, "maps")) != NULL && !read_maps(r, n))
		return;
	if ((n = tree_get(root, "renames")) == NULL)
		return;
	for (uint32_t i = 0; n->type == TREE_MAP && i < n->count; i++) {
		struct shared_rename *s = reader_room(r, 1, sizeof *s);
		if (s == NULL || n->pairs[i].value->type != TREE_MAP) {
			if (s != NULL)
				reader_refuse_node(r, n->pairs[i].value, "decoder-type", "renames are a map of name: target");
			return;
		}
		*s = (struct shared_rename){n->pairs[i].key->text, n->pairs[i].value, r->shared};
		r->shared = s;
	}
}

struct decoder *reader_decoder(struct decoder_reader *r, const struct tree_node *root)
{
	static const char *const known[] = {"name",    "title", "description", "version", "priority", "logsource", "zone",
										"charset", "maps",  "recognise",   "set",     "steps",    "tests",     NULL};
	r->refused = false;
	r->name[0] = 0;
	const struct tree_node *name = tree_get(root, "name");
	if (name == NULL) {
		read_shared(r, root);
		return NULL;
	}
	struct decoder *d = reader_room(r, 1, sizeof *d);
	if (d == NULL || !reader_text(r, name, &d->name))
		return NULL;
	if (d->name.len == 0 || d->name.len >= sizeof r->name) {
		reader_refuse_node(r, name, "decoder-name", "a name has 1 to 63 octets");
		return NULL;
	}
	memcpy(r->name, d->name.ptr, d->name.len);
	r->name[d->name.len] = 0;
	r->decoder = d;
	bool ok = reader_keys(r, root, known) && read_head(r, root, d) && read_body(r, root, d) &&
			  reader_copy(r, slice_str(r->file), &d->file);
	return ok ? d : NULL;
}
