#include "cli/retiring.h"

void retiring_init(struct retiring_list *l, const struct env *env)
{
	*l = (struct retiring_list){.env = env};
}

void retiring_free(struct retiring_list *l)
{
	for (uint32_t i = 0; i < l->count; i++)
		ruleset_release(l->list[i].loaded);
	env_free(l->env, l->list);
	*l = (struct retiring_list){.env = l->env};
}

static int append(struct retiring_list *l, const struct retiring_rule *r, struct error *error)
{
	struct retiring_rule *list = env_resize(l->env, l->list, sizeof *list * ((size_t)l->count + 1));
	if (!list)
		return error_set(error, ERROR_MEMORY, "no memory for retiring rules");
	l->list = list;
	l->list[l->count++] = *r;
	return 0;
}

/* Not in the middle of a letter. */
static void put_label(struct retiring_rule *r, struct slice text)
{
	size_t len = text.len < RETIRING_LABEL - 1 ? text.len : RETIRING_LABEL - 1;
	while (len < text.len && len > 0 && (text.ptr[len] & 0xc0) == 0x80)
		len--;
	memcpy(r->label, text.ptr, len);
	r->label[len] = 0;
}

/* ---- in a checkpoint ---- */

void retiring_save(const struct retiring_list *l, struct buffer *out)
{
	buffer_add_u32(out, l ? retiring_beside(l) : 0);
	buffer_add_u32(out, 0);
	for (uint32_t i = 0; l && i < l->count; i++) {
		const struct retiring_rule *r = &l->list[i];
		if (!retiring_is_beside(r))
			continue;
		buffer_add(out, r->ruleset, 32);
		buffer_add(out, r->digest, 32);
		buffer_add_u64(out, (uint64_t)r->until_ns);
		buffer_add_u64(out, (uint64_t)r->end_ns);
		buffer_add_u32(out, r->fate == RETIRING_THROUGH);
		buffer_add_u32(out, (uint32_t)strlen(r->label));
		buffer_add(out, r->label, strlen(r->label));
	}
}

static bool read_one(struct reader *r, struct retiring_rule *out)
{
	struct slice ruleset = reader_slice(r, 32), digest = reader_slice(r, 32);
	*out = (struct retiring_rule){.until_ns = (int64_t)reader_u64(r)};
	out->end_ns = (int64_t)reader_u64(r);
	uint32_t through = reader_u32(r), len = reader_u32(r);
	struct slice label = reader_slice(r, len);
	if (r->failed || through > 1 || len >= RETIRING_LABEL)
		return false;
	out->fate = through ? RETIRING_THROUGH : RETIRING_ON;
	memcpy(out->ruleset, ruleset.ptr, 32);
	memcpy(out->digest, digest.ptr, 32);
	put_label(out, label);
	return true;
}

int retiring_read(struct retiring_list *l, struct reader *r, struct error *error)
{
	uint32_t count = reader_u32(r);
	reader_u32(r);
	for (uint32_t i = 0; i < count && !r->failed; i++) {
		struct retiring_rule one;
		if (!read_one(r, &one))
			return error_set(error, ERROR_FORMAT, "the retiring rules of a checkpoint do not hold");
		int result = append(l, &one, error);
		if (result)
			return result;
	}
	return r->failed ? error_set(error, ERROR_FORMAT, "the retiring rules of a checkpoint end too early") : 0;
}

/* ---- who retires ---- */

static struct slice label_of(const struct rule *rule)
{
	return rule->id.len ? rule->id : rule->title;
}

static bool has_digest(const struct ruleset *rules, const uint8_t digest[32])
{
	for (uint32_t i = 0; i < ruleset_count(rules); i++)
		if (ruleset_correlation(rules, i) && memcmp(ruleset_rule(rules, i)->digest, digest, 32) == 0)
			return true;
	return false;
}

static bool has_label(const struct ruleset *rules, const char *label)
{
	for (uint32_t i = 0; i < ruleset_count(rules); i++) {
		struct retiring_rule other;
		if (!ruleset_correlation(rules, i))
			continue;
		put_label(&other, label_of(ruleset_rule(rules, i)));
		if (strcmp(other.label, label) == 0)
			return true;
	}
	return false;
}

static int64_t later(int64_t a_ns, int64_t b_ns)
{
	int64_t sum;
	return __builtin_add_overflow(a_ns, b_ns, &sum) ? INT64_MAX : sum;
}

/* What one refers to is whole a timespan of its own later; chains have no cycles, and at most LIMIT_chain_depth levels. */
static int64_t span_of(const struct ruleset *rules, const struct correlation *c)
{
	int64_t inner = 0;
	for (uint32_t i = 0; i < c->rule_count; i++) {
		const struct correlation *below = ruleset_correlation(rules, c->rules[i]);
		int64_t span = below ? span_of(rules, below) : 0;
		inner = span > inner ? span : inner;
	}
	return later(c->timespan_ns, inner);
}

int retiring_add(struct retiring_list *l, const struct ruleset *before, const struct ruleset *now, int64_t observed_ns,
				 struct error *error)
{
	int result = 0;
	for (uint32_t i = 0; i < ruleset_count(before) && !result; i++) {
		const struct correlation *c = ruleset_correlation(before, i);
		struct retiring_rule r = {0};
		if (!c || !c->rule.told || has_digest(now, c->rule.digest))
			continue;
		put_label(&r, label_of(&c->rule));
		if (!has_label(now, r.label))
			continue;
		ruleset_digest(before, r.ruleset);
		memcpy(r.digest, c->rule.digest, 32);
		r.until_ns = later(observed_ns, span_of(before, c));
		/* A verdict may be a timespan late, and an incident ends a timespan after its last. */
		r.end_ns = later(r.until_ns, later(c->timespan_ns, c->timespan_ns));
		result = append(l, &r, error);
	}
	return result;
}

static bool same_ruleset(const struct retiring_rule *a, const struct retiring_rule *b)
{
	return memcmp(a->ruleset, b->ruleset, 32) == 0;
}

/* Rulesets are counted from the newest on. */
static void cut_oldest(struct retiring_list *l)
{
	uint32_t rulesets = 0;
	for (uint32_t i = l->count; i > 0; i--) {
		struct retiring_rule *r = &l->list[i - 1];
		bool known = false;
		for (uint32_t k = i; k < l->count && !known; k++)
			known = retiring_is_beside(&l->list[k]) && same_ruleset(r, &l->list[k]);
		if (!retiring_is_beside(r) || known)
			continue;
		if (rulesets == RETIRING_RULESETS_MAX)
			r->fate = RETIRING_CUT;
		else
			rulesets++;
	}
}

void retiring_review(struct retiring_list *l, const struct ruleset *now)
{
	for (uint32_t i = 0; i < l->count; i++) {
		struct retiring_rule *r = &l->list[i];
		if (retiring_is_beside(r) && has_digest(now, r->digest))
			r->fate = RETIRING_IN_FORCE;
		else if (retiring_is_beside(r) && !has_label(now, r->label))
			r->fate = RETIRING_REMOVED;
	}
	cut_oldest(l);
}

struct retiring_rule *retiring_next(struct retiring_list *l, int64_t passed_ns)
{
	for (uint32_t i = 0; i < l->count; i++)
		if (l->list[i].fate == RETIRING_ON && l->list[i].end_ns < passed_ns)
			return &l->list[i];
	return NULL;
}

void retiring_end(struct retiring_list *l, int64_t passed_ns)
{
	for (uint32_t i = 0; i < l->count; i++) {
		struct retiring_rule *r = &l->list[i];
		if (r->fate == RETIRING_THROUGH || (r->fate == RETIRING_ON && r->end_ns < passed_ns))
			r->fate = RETIRING_ENDED;
	}
}

uint32_t retiring_count(const struct retiring_list *l, enum retiring_fate fate)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < l->count; i++)
		n += l->list[i].fate == fate;
	return n;
}

bool retiring_is_beside(const struct retiring_rule *r)
{
	return r->fate <= RETIRING_THROUGH;
}

uint32_t retiring_beside(const struct retiring_list *l)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < l->count; i++)
		n += retiring_is_beside(&l->list[i]);
	return n;
}

/* ---- told ---- */

void retiring_print(const struct retiring_rule *r, struct json_writer *w)
{
	static const char *const whys[] = {NULL, "ended", "ended", "removed", "in_force", "too_many", "lost"};
	json_object(w);
	json_key(w, "rule");
	json_str(w, r->label);
	json_key(w, "digest");
	json_hex(w, r->digest, 32);
	json_key(w, "ruleset");
	json_hex(w, r->ruleset, 32);
	json_key(w, "until");
	json_time(w, r->until_ns);
	if (whys[r->fate]) {
		json_key(w, "why");
		json_str(w, whys[r->fate]);
	}
	json_object_end(w);
}

void retiring_print_all(const struct retiring_list *l, bool on, struct json_writer *w)
{
	json_array(w);
	for (uint32_t i = 0; l && i < l->count; i++)
		if (on ? l->list[i].fate == RETIRING_ON : !retiring_is_beside(&l->list[i]))
			retiring_print(&l->list[i], w);
	json_array_end(w);
}
