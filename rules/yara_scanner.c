#include "rules/yara_watch.h"

#define SCAN_SECONDS 1 /* a backstop; libyara looks at the clock every 4 KiB */

/* ---- making and freeing ---- */

int yara_message(YR_SCAN_CONTEXT *context, int message, void *data, void *ctx)
{
	struct yara_scanner *s = ctx;
	if (message == CALLBACK_MSG_TOO_MANY_MATCHES)
		return CALLBACK_ERROR;
	if (message != CALLBACK_MSG_RULE_MATCHING || s->trying)
		return CALLBACK_CONTINUE;
	uint32_t at = (uint32_t)((const YR_RULE *)data - context->rules->rules_table);
	bool whole = s->shard == NO_RULE;
	const struct yara_entry *e = &s->set->entries[whole ? at : s->set->shards[s->shard].entries[at]];
	if (e->rule == NO_RULE)
		return CALLBACK_CONTINUE;
	s->stray += !whole && s->unit_stamps[e->unit] != s->stamp;
	buffer_add_u32(&s->hits, e->rule);
	return CALLBACK_CONTINUE;
}

YR_SCANNER *yara_scanner_make(YR_RULES *rules, YR_CALLBACK_FUNC callback, void *ctx)
{
	YR_SCANNER *scanner;
	if (yr_scanner_create(rules, &scanner) != ERROR_SUCCESS)
		return NULL;
	/* the text is memory of ours, never a mapped file that could shrink: no signal handlers are needed */
	yr_scanner_set_flags(scanner, SCAN_FLAGS_NO_TRYCATCH | SCAN_FLAGS_REPORT_RULES_MATCHING);
	yr_scanner_set_timeout(scanner, SCAN_SECONDS);
	yr_scanner_set_callback(scanner, callback, ctx);
	return scanner;
}

static bool make_scanners(struct yara_scanner *s)
{
	s->whole = yara_scanner_make(s->set->rules, yara_message, s);
	if (s->set->batch)
		s->batch = yara_scanner_make(s->set->batch, yara_batch_message, s);
	s->shards = env_zalloc(s->env, (s->set->shard_count + 1) * sizeof *s->shards);
	bool good = s->whole && s->shards && (s->batch || !s->set->batch);
	for (uint32_t i = 0; good && i < s->set->shard_count; i++) {
		s->shards[i] = yara_scanner_make(s->set->shards[i].rules, yara_message, s);
		good = s->shards[i] != NULL;
	}
	return good;
}

#define BUFFERS 12u
static struct buffer *buffer_at(struct yara_scanner *s, unsigned i)
{
	struct buffer *all[BUFFERS] = {&s->blocks, &s->rows,  &s->found,  &s->hints, &s->hinted,       &s->hinted_from,
								   &s->hits,   &s->units, &s->folded, &s->text,  &s->fields.known, &s->fields.texts};
	return all[i];
}

struct yara_scanner *yara_scanner_new(const struct env *env, const struct ruleset *r)
{
	struct yara_scanner *s = env_zalloc(env, sizeof *s);
	if (!s)
		return NULL;
	s->env = env;
	s->set = r->yara;
	arena_init(&s->decoded, env, 0);
	for (unsigned i = 0; i < BUFFERS; i++)
		buffer_init(buffer_at(s, i), env);
	s->known = env_zalloc(env, (s->set->words_max + 1) * sizeof *s->known);
	s->unit_stamps = env_zalloc(env, (s->set->unit_count + 1) * sizeof *s->unit_stamps);
	s->shard_stamps = env_zalloc(env, (s->set->shard_count + 1) * sizeof *s->shard_stamps);
	if (!s->known || !s->unit_stamps || !s->shard_stamps || !make_scanners(s)) {
		yara_scanner_free(s);
		return NULL;
	}
	return s;
}

void yara_scanner_free(struct yara_scanner *s)
{
	if (!s)
		return;
	if (s->whole)
		yr_scanner_destroy(s->whole);
	if (s->batch)
		yr_scanner_destroy(s->batch);
	for (uint32_t i = 0; s->shards && i < s->set->shard_count && s->shards[i]; i++)
		yr_scanner_destroy(s->shards[i]);
	for (unsigned i = 0; i < BUFFERS; i++)
		buffer_free(buffer_at(s, i));
	arena_free(&s->decoded);
	yara_watch_free(s);
	env_free(s->env, s->shards);
	env_free(s->env, s->known);
	env_free(s->env, s->unit_stamps);
	env_free(s->env, s->shard_stamps);
	env_free(s->env, s);
}

int yara_scanner_watch(struct yara_scanner *s, const struct ruleset *r, uint64_t budget_ns)
{
	return yara_watch_new(s, r->count, budget_ns);
}

uint64_t yara_scanner_stray(const struct yara_scanner *s)
{
	return s->stray;
}

/* ---- rows ---- */

static void add_block(void *ctx, struct slice octets)
{
	struct yara_scanner *s = ctx;
	struct yara_block block = {octets, s->adding};
	buffer_add(&s->blocks, &block, sizeof block);
}

/* A text of the row, and all that is encoded in it. */
static void add_text(struct yara_scanner *s, struct yara_decoding *d, struct slice text)
{
	add_block(s, text);
	yara_decode(d, text);
}

static void add_texts(struct yara_scanner *s, const struct batch *batch, const struct batch_row *row,
					  struct yara_row *r)
{
	struct yara_decoding d = {
		.arena = &s->decoded, .each = add_block, .ctx = s, .left = (size_t)LIMIT_yara_decode_bytes};
	struct slice text;
	bool derived = row->text.len > row->original.len; /* else every value stands in the original */
	add_text(s, &d, row->original);
	for (uint32_t i = 0; derived && r->variables & YARA_HAS_TEXTS && i < row->field_count; i++)
		if (yara_fields_text(&s->fields, batch, row, i, &text))
			add_text(s, &d, text);
	r->cut = d.cut;
	s->blocks.failed |= d.failed;
}

static void add_row(struct yara_scanner *s, const struct batch *batch, uint32_t index)
{
	struct batch_row row;
	batch_get_row(batch, index, &row);
	struct yara_row r = {yara_block_count(s), yara_fields_known(&s->fields, &row), false};
	s->adding = index - s->first;
	if (row.kind == ROW_EVENT)
		add_texts(s, batch, &row, &r);
	r.variables &= ~YARA_HAS_TEXTS;
	buffer_add(&s->rows, &r, sizeof r);
}

static int look_at(struct yara_scanner *s, const struct batch *batch, uint32_t first, uint32_t count)
{
	s->first = first;
	s->row_count = count;
	buffer_reset(&s->blocks);
	buffer_reset(&s->rows);
	arena_reset(&s->decoded);
	yara_fields_bind(&s->fields, batch);
	for (uint32_t i = 0; i < count; i++)
		add_row(s, batch, first + i);
	struct yara_row end = {yara_block_count(s), 0, false};
	buffer_add(&s->rows, &end, sizeof end);
	int rc = s->blocks.failed || s->rows.failed || s->fields.known.failed || s->fields.texts.failed
				 ? -ERROR_MEMORY
				 : yara_batch_scan(s);
	if (rc)
		s->row_count = 0;
	return rc;
}

int yara_scanner_batch(struct yara_scanner *s, const struct batch *batch, uint32_t first, uint32_t count)
{
	int64_t before = s->watch ? env_boot(s->env) : 0;
	int rc = look_at(s, batch, first, count);
	if (s->watch)
		yara_watch_shared(s, before);
	return rc;
}

/* ---- a block ---- */

static void mark(struct yara_scanner *s, uint32_t unit)
{
	if (s->unit_stamps[unit] == s->stamp || s->set->units[unit].shard == NO_RULE)
		return;
	if (s->watch && s->watch->units[unit].quarantined)
		return;
	s->unit_stamps[unit] = s->stamp;
	buffer_add_u32(&s->units, unit);
}

static void mark_hinted(struct yara_scanner *s, uint32_t block)
{
	const uint32_t *from = (const uint32_t *)s->hinted_from.ptr, *units = (const uint32_t *)s->hinted.ptr;
	for (uint32_t i = from[block]; i < from[block + 1]; i++)
		mark(s, units[i]);
}

/* Those that hang on guards from `from` to `to` which hold. */
static void mark_hung(struct yara_scanner *s, uint32_t from, uint32_t to, const struct yara_known *known)
{
	for (const struct yara_hook *h = s->set->hooks + from; h < s->set->hooks + to; h++) {
		bool holds = yara_guard_holds(&h->guard, known);
		for (uint32_t i = h->first; holds && i < h->first + h->count; i++) {
			const struct yara_entry *e = &s->set->entries[s->set->hung[i]];
			if (s->unit_stamps[e->unit] != s->stamp && yara_need_met(e->need, known))
				mark(s, e->unit);
		}
	}
}

static void mark_guarded(struct yara_scanner *s, struct slice octets)
{
	const uint32_t *from = s->set->hooks_from;
	struct yara_known known = {
		.strings = STRINGS_ALL, .guards = GUARDS_LOOK, .octets = octets, .variables = s->variables};
	if (octets.len)
		mark_hung(s, from[octets.ptr[0]], from[octets.ptr[0] + 1], &known);
	mark_hung(s, from[256], from[257], &known);
}

/* False: no memory, or what libyara makes of it. */
static bool define(struct yara_scanner *s, YR_SCANNER *scanner)
{
	bool good = true;
	if (s->variables && !s->has_values)
		yara_fields_values(&s->fields, s->batch_now, s->row_now, &s->values);
	s->has_values = true;
	for (unsigned i = 0; good && i < YARA_VARIABLES; i++) {
		buffer_reset(&s->text);
		if (s->variables >> i & 1)
			buffer_add_slice(&s->text, s->values.of[i]);
		buffer_add_octet(&s->text, 0);
		good = !s->text.failed && yr_scanner_define_string_variable(scanner, yara_variables[i],
																	(const char *)s->text.ptr) == ERROR_SUCCESS;
	}
	return good;
}

uint64_t yara_scan(struct yara_scanner *s, uint32_t shard, struct slice octets)
{
	const uint8_t *text = octets.len ? octets.ptr : (const uint8_t *)"";
	YR_SCANNER *scanner = shard == NO_RULE ? s->whole : s->shards[shard];
	s->shard = shard;
	if ((shard == NO_RULE || s->set->shards[shard].variables) && !define(s, scanner))
		return 1;
	if (s->watch && shard != NO_RULE && s->watch->shards[shard].copy)
		return yara_scan_switched(scanner, text, octets.len) != ERROR_SUCCESS;
	return yr_scanner_scan_mem(scanner, text, octets.len) != ERROR_SUCCESS;
}

/* The shards of the units that something speaks for. */
static int judge_units(struct yara_scanner *s, struct slice octets, uint64_t *given_up)
{
	const uint32_t *units = (const uint32_t *)s->units.ptr;
	int rc = 0;
	for (size_t i = 0; !rc && i < s->units.len / sizeof *units; i++) {
		uint32_t shard = s->set->units[units[i]].shard;
		uint64_t one;
		if (s->shard_stamps[shard] == s->stamp)
			continue;
		s->shard_stamps[shard] = s->stamp;
		if (s->watch)
			rc = yara_watch_scan(s, shard, octets, &one);
		else
			one = yara_scan(s, shard, octets);
		*given_up |= rc ? 0 : one;
	}
	return rc;
}

static void mark_all(struct yara_scanner *s, uint32_t block, struct slice octets)
{
	for (uint32_t i = 0; s->given_up && i < s->set->unit_count; i++)
		mark(s, i);
	if (s->given_up)
		return;
	mark_hinted(s, block);
	mark_guarded(s, octets);
	for (uint32_t i = 0; i < s->set->always_count; i++)
		mark(s, s->set->always[i]);
}

/* Where a watch wants to know whose the cost is, and some may be in quarantine, the shards stand for the whole set. */
static int judge_block(struct yara_scanner *s, uint32_t block, bool plain, uint64_t *given_up)
{
	struct slice octets = yara_block_at(s, block)->octets;
	if (plain || (s->given_up && !s->watch)) {
		*given_up |= yara_scan(s, NO_RULE, octets);
		return 0;
	}
	s->stamp++;
	buffer_reset(&s->units);
	mark_all(s, block, octets);
	return judge_units(s, octets, given_up);
}

int yara_scanner_row(struct yara_scanner *s, const struct batch *batch, const struct batch_row *row, bool plain,
					 const uint32_t **rules, uint64_t *undecided)
{
	CHECK(row->index >= s->first && row->index - s->first < s->row_count);
	const struct yara_row *r = yara_row_at(s, row->index - s->first);
	uint64_t given_up = 0;
	buffer_reset(&s->hits);
	s->variables = r->variables;
	s->batch_now = batch;
	s->row_now = row;
	s->has_values = false;
	int rc = 0;
	for (uint32_t b = r[0].first; !rc && b < r[1].first; b++)
		rc = judge_block(s, b, plain, &given_up);
	if (!rc && s->watch && !plain)
		rc = yara_watch_row(s);
	*undecided += given_up | r->cut;
	*rules = (const uint32_t *)s->hits.ptr;
	return rc || s->hits.failed || s->units.failed ? -ERROR_MEMORY : (int)(s->hits.len / sizeof **rules);
}
