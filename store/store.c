/* The store's door: opening, taking records of the bus, saying how far it is. */
#include "store/inside.h"
#include "store/scan.h"

#include <stdio.h>

#define TAIL_BYTES_DEFAULT (256u << 20)
#define NAMES_OF_BATCH 60000u

const struct env *store_env(const struct store *s)
{
	return s->env;
}

/* ---- opening and closing ---- */

static bool make_paths(struct store *s)
{
	int n = snprintf(s->dir, sizeof s->dir, "%s", s->config.dir);
	snprintf(s->segments, sizeof s->segments, "%s/segments", s->dir);
	snprintf(s->orphans, sizeof s->orphans, "%s/orphan", s->dir);
	snprintf(s->log_path, sizeof s->log_path, "%s/commit.log", s->dir);
	snprintf(s->name, sizeof s->name, "%s", s->config.name ? s->config.name : "");
	return n >= 0 && (size_t)n < sizeof s->dir;
}

static void defaults(struct store_config *c)
{
	c->segment_rows = c->segment_rows ? c->segment_rows : (uint32_t)LIMIT_segment_rows;
	c->segment_age_s = c->segment_age_s ? c->segment_age_s : (uint32_t)LIMIT_segment_age_s;
	c->tail_bytes_max = c->tail_bytes_max ? c->tail_bytes_max : TAIL_BYTES_DEFAULT;
}

static bool make_tools(struct store *s)
{
	uint64_t seed = 0;
	if (s->env->random.fill(s->env->random.ctx, &seed, sizeof seed) != 0)
		seed = (uintptr_t)s;
	s->writer = segment_writer_new(s->env, s->config.zstd_level);
	s->sha = sha256_new();
	if (!s->writer || !s->sha || dictionary_init(&s->dictionary, s->env, seed) != 0)
		return false;
	s->has_dictionary = true;
	s->builder = batch_builder_new(s->env, &s->dictionary);
	return s->builder != NULL;
}

int store_open(const struct env *env, const struct store_config *config, struct store **out, struct error *error)
{
	*out = NULL;
	struct store *s = env_zalloc(env, sizeof *s);
	if (!s)
		return error_set(error, ERROR_MEMORY, "no memory for a store");
	s->env = env;
	s->config = *config;
	s->retry_boot_ns = INT64_MIN;
	defaults(&s->config);
	int result = 0;
	if (!make_paths(s))
		result = error_set(error, ERROR_USAGE, "the path of the store is too long");
	else if (!make_tools(s))
		result = error_set(error, ERROR_MEMORY, "no memory for a store");
	if (result == 0)
		result = store_recover(s, error);
	if (result != 0) {
		store_close(s);
		return result;
	}
	*out = s;
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	commitlog_close(s->log);
	for (uint32_t i = 0; i < s->partition_count; i++)
		partition_free(s->env, s->partitions[i]);
	env_free(s->env, s->partitions);
	env_free(s->env, s->sealed);
	segment_writer_free(s->writer);
	batch_builder_free(s->builder);
	if (s->has_dictionary)
		dictionary_free(&s->dictionary);
	sha256_free(s->sha);
	env_free(s->env, s);
}

int store_fail(struct store *s, struct error *error, const char *what)
{
	s->fatal = true;
	snprintf(s->fatal_text, sizeof s->fatal_text, "%s", what);
	return store_refuse_failed(s, error);
}

int store_refuse_failed(const struct store *s, struct error *error)
{
	if (!s->fatal)
		return 0;
	error_set(error, ERROR_IO, "storage failure: %s", s->fatal_text);
	if (error)
		error->flags = ERROR_FATAL;
	return -ERROR_IO;
}

/* ---- how far ---- */

uint64_t store_next_offset(const struct store *s, struct store_partition id)
{
	const struct partition *p = partition_find(s, id);
	return p ? p->next_offset : 0;
}

uint64_t store_mark(const struct store *s, struct store_partition id, const uint8_t collector[16], uint64_t epoch)
{
	const struct partition *p = partition_find(s, id);
	for (uint32_t i = 0; p && i < p->mark_count; i++)
		if (p->marks[i].epoch == epoch && memcmp(p->marks[i].collector, collector, 16) == 0)
			return p->marks[i].next;
	return 0;
}

uint64_t store_committed_offset(const struct store *s, struct store_partition id)
{
	const struct partition *p = partition_find(s, id);
	return p ? p->committed_offset : 0;
}

void store_stats(const struct store *s, struct store_stats *out)
{
	*out = s->stats;
}

uint32_t store_partitions(const struct store *s, struct store_partition *out, uint32_t max)
{
	for (uint32_t i = 0; i < s->partition_count && i < max; i++)
		out[i] = s->partitions[i]->id;
	return s->partition_count;
}

/* ---- taking records ---- */

/* Which rows are the store's: not those below the mark, not ticks. Fills rows, zone, skip. */
static int look_at_rows(struct store *s, struct tail_batch *t, uint64_t known)
{
	const struct batch *b = &t->batch;
	for (uint32_t i = 0; i < b->row_count; i++) {
		struct batch_row row;
		batch_get_row(b, i, &row);
		bool known_already = b->identity.first_sequence + i < known;
		if (known_already || row.kind == ROW_TICK) {
			if (!t->skip && !(t->skip = tail_skip_alloc(s->env, b->row_count)))
				return -ERROR_MEMORY;
			t->skip[i / 64] |= UINT64_C(1) << i % 64;
			continue;
		}
		int64_t when = batch_row_when(&row);
		struct zone zone = {when, when, row.observed_ns, row.observed_ns, zone_kind_bit(row.kind)};
		zone_join(&t->zone, &zone);
		t->raw_bytes += row.original.len;
		t->month = t->rows++ ? t->month : month_of(row.observed_ns);
	}
	return 0;
}

/* The mark moves only once the rows are in the tail: an append that fails for lack of memory can be repeated. */
static int take_batch(struct store *s, struct partition *p, struct tail_batch *t, struct error *error)
{
	const struct batch_identity *identity = &t->batch.identity;
	uint64_t first = identity->first_sequence, next = first + t->batch.row_count;
	bool is_new;
	uint32_t mark = partition_mark(s->env, p, identity->collector, identity->epoch, &is_new);
	if (mark == UINT32_MAX)
		return error_set(error, ERROR_MEMORY, "no memory for a mark");
	uint64_t known = p->marks[mark].next;
	if (look_at_rows(s, t, known) != 0)
		return error_set(error, ERROR_MEMORY, "no memory for the tail");
	struct mark_move move = {t->offset, mark, first > known ? first : known, next};
	if (tail_reserve(s, p) != 0 || (next > known && partition_move(s->env, p, &move) != 0))
		return error_set(error, ERROR_MEMORY, "no memory for the tail");
	if (t->rows > 0)
		tail_push(s, p, t);
	s->stats.duplicates += next <= known ? next - first : first < known ? known - first : 0;
	if (first > known)
		audit_gap(s, p, identity, known, first, t->offset);
	if (next > known)
		p->marks[mark].next = next;
	return 0;
}

/* ---- a batch that does not validate ---- */

/* One row that holds the octets whole; cut only where no batch could hold them. */
static int build_quarantine(struct store *s, struct partition *p, uint64_t offset, struct slice octets,
							struct slice *out, struct error *error)
{
	struct batch_identity identity = {{0}, 0, p->id.partition, offset};
	size_t most = (size_t)LIMIT_batch_bytes_max - 4096;
	struct slice kept = slice_of(octets.ptr, octets.len < most ? octets.len : most);
	int64_t now = env_now(s->env);
	batch_begin(s->builder, &identity, 0, now);
	int result = batch_row(s->builder, ROW_QUARANTINE, now, kept);
	if (result != 0)
		return error_set(error, (enum error_code) - result, "no room for a quarantine row");
	batch_row_flags(s->builder, kept.len < octets.len ? ROW_TRUNCATED : 0, CHARSET_UNKNOWN, FORMAT_PLAIN);
	if (kept.len < octets.len) {
		char length[24];
		int n = snprintf(length, sizeof length, "%zu", octets.len);
		uint32_t name = dictionary_intern(&s->dictionary, SLICE("event.original_length"));
		batch_field_slice(s->builder, name, VALUE_U64, slice_of(length, (size_t)n));
	}
	result = batch_row_end(s->builder);
	if (result != 0)
		return error_set(error, (enum error_code) - result, "no room for a quarantine row");
	return batch_finish(s->builder, out, error);
}

static int take_quarantine(struct store *s, struct partition *p, uint64_t offset, struct slice octets,
						   const struct error *why, struct error *error)
{
	struct slice built;
	int result = build_quarantine(s, p, offset, octets, &built, error);
	if (result != 0)
		return result;
	struct tail_batch *t = tail_batch_new(s->env, built);
	if (!t)
		return error_set(error, ERROR_MEMORY, "no memory for a quarantine row");
	CHECK(t->opened);
	tail_batch_begin(t, offset, env_boot(s->env));
	if (look_at_rows(s, t, 0) != 0 || tail_reserve(s, p) != 0) {
		tail_batch_release(t);
		return error_set(error, ERROR_MEMORY, "no memory for a quarantine row");
	}
	tail_push(s, p, t);
	tail_batch_release(t);
	p->has_quarantine = true;
	p->quarantine_offset = offset;
	s->stats.quarantined++;
	audit_quarantine(s, p, offset, why);
	return 0;
}

/* What a reader of the segment could not name again must not get into one. */
static bool names_fit(const struct batch *batch)
{
	if (batch->name_count > NAMES_OF_BATCH)
		return false;
	for (uint32_t i = 0; i < batch->name_count; i++)
		if (batch_name(batch, (uint16_t)i).len > (size_t)LIMIT_field_name_bytes)
			return false;
	return true;
}

/* What is wrong is said by opening it once more: that is rare, and keeping it would not be. */
static int check(struct partition *p, const struct tail_batch *t, struct error *why)
{
	struct batch again;
	if (!t->opened) {
		int result = batch_open(&again, t->batch.octets, why);
		CHECK(result != 0);
		return result;
	}
	if (t->batch.identity.partition != p->id.partition)
		return error_set(why, ERROR_FORMAT, "a batch of partition %u", t->batch.identity.partition);
	if (!names_fit(&t->batch))
		return error_set(why, ERROR_LIMIT, "a batch with too many field names, or one too long");
	return 0;
}

static int take(struct store *s, struct partition *p, uint64_t offset, struct tail_batch *t, struct error *error)
{
	struct error why = {0};
	tail_batch_begin(t, offset, env_boot(s->env));
	if (check(p, t, &why) != 0)
		return take_quarantine(s, p, offset, t->batch.octets, &why, error);
	return take_batch(s, p, t, error);
}

static int make_room(struct store *s, size_t len, struct error *error)
{
	if (s->tail_bytes == 0 || s->tail_bytes + len <= s->config.tail_bytes_max)
		return 0;
	struct error why = {0};
	int result = store_step(s, false, &why);
	if (s->fatal)
		return store_refuse_failed(s, error);
	if (s->tail_bytes == 0 || s->tail_bytes + len <= s->config.tail_bytes_max)
		return 0;
	error_set(error, ERROR_FULL, "the tail holds %zu octets and cannot be sealed now%s%s", s->tail_bytes,
			  result ? ": " : "", result ? why.text : "");
	if (error)
		error->flags = ERROR_RETRIABLE;
	return -ERROR_FULL;
}

/* 1: to be taken, 0: it is here already (read again after a restart of the reader). */
static int admit(struct store *s, struct store_partition id, uint64_t offset, size_t octets, struct partition **p,
				 struct error *error)
{
	int result = store_refuse_failed(s, error);
	if (result == 0)
		result = make_room(s, octets, error);
	if (result != 0)
		return result;
	*p = partition_need(s, id);
	if (!*p)
		return error_set(error, ERROR_MEMORY, "no memory for a partition");
	if (offset < (*p)->next_offset)
		return 0;
	return offset == UINT64_MAX ? error_set(error, ERROR_FORMAT, "bus offset 2^64 - 1") : 1;
}

static int put(struct store *s, struct partition *p, uint64_t offset, struct tail_batch *t, struct error *error)
{
	int result = take(s, p, offset, t, error);
	if (result != 0)
		return result;
	if (offset > p->next_offset)
		audit_offsets(s, p, p->next_offset, offset);
	if (p->next_offset == p->committed_offset)
		p->moved_boot_ns = env_boot(s->env);
	p->next_offset = offset + 1;
	return 0;
}

int store_hold(struct store *s, struct slice octets, struct tail_batch **out, struct error *error)
{
	*out = tail_batch_new(s->env, octets);
	return *out ? 0 : error_set(error, ERROR_MEMORY, "no memory for the tail");
}

struct slice store_held_octets(const struct tail_batch *held)
{
	return held->batch.octets;
}

const struct batch *store_held_batch(const struct tail_batch *held)
{
	return held->opened ? &held->batch : NULL;
}

void store_release(struct tail_batch *held)
{
	tail_batch_release(held);
}

int store_append_held(struct store *s, struct store_partition id, uint64_t offset, struct tail_batch *held,
					  struct error *error)
{
	struct partition *p = NULL;
	int result = admit(s, id, offset, held->batch.octets.len, &p, error);
	return result > 0 ? put(s, p, offset, held, error) : result;
}

int store_append(struct store *s, struct store_partition id, uint64_t offset, struct slice octets, struct error *error)
{
	struct partition *p = NULL;
	struct tail_batch *held;
	int result = admit(s, id, offset, octets.len, &p, error);
	if (result <= 0)
		return result;
	result = store_hold(s, octets, &held, error);
	if (result == 0)
		result = put(s, p, offset, held, error);
	store_release(held);
	return result;
}

/* ---- sealing what is due ---- */

static struct partition *fattest(const struct store *s)
{
	struct partition *best = NULL;
	size_t most = 0;
	for (uint32_t i = 0; i < s->partition_count; i++) {
		size_t bytes = 0;
		for (uint32_t k = 0; k < s->partitions[i]->tail_count; k++)
			bytes += s->partitions[i]->tail[k]->bytes;
		best = bytes > most ? s->partitions[i] : best;
		most = bytes > most ? bytes : most;
	}
	return best;
}

int store_step(struct store *s, bool flush, struct error *error)
{
	int result = store_refuse_failed(s, error);
	if (result != 0)
		return result;
	if (!flush && env_boot(s->env) < s->retry_boot_ns)
		return 0;
	for (uint32_t i = 0; i < s->partition_count && result == 0; i++)
		result = seal_due(s, s->partitions[i], flush, error);
	/* Three quarters full: seal before appends must wait. */
	while (result == 0 && s->tail_bytes > s->config.tail_bytes_max / 4 * 3)
		result = seal_due(s, fattest(s), true, error);
	if (result != 0 && !s->fatal)
		s->retry_boot_ns = env_boot(s->env) + STORE_RETRY_NS;
	return result;
}
