/* The inside of temporal: matches kept in windows, one `group` for each (correlation, canonical key).
 *
 * Truths that code and tests cite:
 *  W1  members of a group stand in the order of T12: when, source, collector, epoch, (partition,) sequence, rule, value;
 *      two members equal in all of that are the same match, and one is kept.
 *  W2  a member whose FIRED flag is set stays a firing point: further matches never make a condition that holds at once
 *      false, and the others are judged when no further match can come.
 *  W3  no match with a `when` before the level's watermark comes any more; so members before watermark - timespan can
 *      not be part of a set that is still to come; before watermark - kept_ns no excursion that they belong to grows over
 *      them either, and they may be folded into it.
 *  W4  excursions of a group are disjoint and stand in order of their firing points; one that is ended stands first.
 *  W5  a part (one matches partition) depends on nothing but the records of its partition, taken one by one.
 *  W6  most keys have few matches and nothing else is known of them: such an entry holds the one, or names a block with the
 *      others, packed. Whether it does follows from the content of the group alone, so that state is charged the same after a
 *      restart. Behind the watermark a packed match may stay until the next one joins or all of them have left.
 *  W7  of a correlation with lists a match joins its group when the watermark has passed it, in order, if it counts; until
 *      then it waits beside the group (sieve.h).
 *  W8  a key that is spilled (spill.h) has its place in the table and nothing else in memory. What comes out does not depend on
 *      which keys are: they come back before a match joins them, and leave when they would have left.
 *
 * Everything here belongs to one struct temporal and its thread.
 */
#ifndef CORRELATE_WINDOW_H
#define CORRELATE_WINDOW_H

#include "correlate/checkpoint.h"
#include "correlate/correlate.h"
#include "correlate/match.h"
#include "correlate/outbox.h"
#include "correlate/plan.h"
#include "correlate/row.h"
#include "correlate/texts.h"
#include "correlate/wheel.h"

#define MEMBER_FIRED 1u
#define MEMBER_NEW 2u /* its value was not there for as long as the rule looks back */
#define TIME_NONE INT64_MIN

/* One match. */
struct member {
	int64_t when_ns;
	uint64_t sequence;
	struct text *origin; /* collector 16, epoch and partition big-endian: octets compare in order */
	struct text *source;
	struct text *spelling; /* null: the key as it stands, which is how most sources write it */
	struct text *value; /* null unless the correlation is one over values */
	struct text *carried; /* null unless an outer correlation needs fields */
	uint32_t slot;
	uint32_t flags;
};

#define ORIGIN_BYTES 28u
#define LIMIT_LEVELS 11u /* levels 1 .. LIMIT_chain_depth; place 0 is unused */

/* Firing points at most a timespan apart, within one period (T12). Told as one incident. */
struct excursion {
	struct member first, last; /* firing points; copies that hold their texts */
	int64_t start_ns; /* nothing before it belongs to the set of its first firing point */
	uint64_t firing_points;
	uint64_t folded; /* members of it that have left the group */
	struct member *evidence; /* the first of them, in order */
	uint32_t evidence_count, evidence_room;
	uint8_t (*told)[16]; /* ids told so far, the newest last */
	uint32_t told_count;
	uint64_t told_size; /* firing points when last told */
	bool continues, changed; /* changed: begins elsewhere than when last told */
	bool ended; /* told as final, and kept because it still keeps others quiet (T13) */
	uint32_t suppressed; /* that it kept quiet and that are told as final */
};

#define PACKED_MAX 12u /* matches: a block of them shares a page */

/* A match as it is kept where there are several and nothing else; with values or carried fields their numbers follow. */
struct packed_match {
	int64_t when_ns;
	uint64_t sequence;
	uint32_t origin, source, spelling; /* numbers of texts */
	uint32_t slot;
};

/* What is kept of every live key, in the slab: 40 octets, and the key follows without a hole. */
struct entry {
	struct wheel_link link; /* nothing to do until the watermark has passed its time */
	uint16_t rule; /* in the plan */
	uint16_t slot; /* of the lone match */
	uint32_t key_len : 27;
	uint32_t packed : 4; /* W6: so many matches; 0: a group */
	uint32_t wide : 1; /* numbers of value and carried stand before the key (of the lone match) */
	uint32_t spelling;
	union {
		struct {
			int64_t when_ns; /* of the newest packed one */
			union {
				uint64_t sequence; /* of the lone one */
				uint32_t block; /* of several */
			};
			uint32_t origin, source; /* of the lone one: numbers of texts */
		};
		struct group *group; /* null: new, and about to be opened */
	};
	uint8_t octets[];
};

#define ENTRY_WIDE_BYTES 8u
_Static_assert(offsetof(struct entry, octets) == 40, "the key follows without a hole");

/* The matches of an entry, open to be worked on. */
struct group {
	const struct plan_rule *rule;
	struct entry *entry;
	struct member *members; /* members[first .. first + count) */
	struct excursion *excursions;
	/* Laid: windows that begin before it are judged. Settled: members before it are. At once: firing points before it were
	 * told singly (mode each) and sent on (carried fields). */
	int64_t judged_ns;
	union {
		int64_t *slots; /* temporal: newest when of each rule; ordered: latest start of a chain up to each place */
		struct tally *tally; /* value_count: null while the group is small */
		struct history *history; /* new values: when each was last there */
	};
	uint32_t first, count, room;
	uint32_t excursion_count;
	uint32_t number; /* of the entry */
};

/* A place of the table: touching it tells nearly always whether the entry is the one. */
struct table_place {
	uint32_t hash; /* of rule and key */
	uint32_t number; /* of the entry; 0: none; with PLACE_SPILLED: where it lies on disk (spill.h) */
};

#define PLACE_SPILLED (1u << 31) /* no number of a slab has it */

#define TABLE_PLACES 1023u /* a sheet has 8 KiB, as a page of the slab: sizes that allocators keep without loss */

struct table_sheet {
	uint32_t count, depth; /* depth: so many first bits the hashes in it have in common */
	struct table_place places[TABLE_PLACES];
};

struct table {
	struct table_sheet **sheets; /* 1 << depth; a sheet that is less deep stands several times */
	uint32_t depth;
};

/* From {0} on; the table must not change meanwhile. */
struct table_walk {
	uint32_t sheet, place;
};

/* Groups of one level of chained correlations, and how far its time has come. */
struct level {
	int64_t watermark_ns;
	int64_t told_ns; /* what the next level was last told */
	struct wheel *wheel; /* entries by due; null above the highest level of the plan */
};

struct refusal {
	uint64_t keys, matches;
};

/* Remembered places of the partition, for keep-from. */
struct sample {
	uint64_t offset;
	int64_t newest_ns; /* nothing observed later lies before the offset */
};

struct clock_entry {
	uint32_t partition, level; /* level 0: an events partition; else a matches partition */
	int64_t clock_ns;
};

struct part {
	struct temporal *temporal;
	uint32_t partition;
	uint64_t offset; /* of the next record */
	uint64_t silent_until; /* records below it were told before: they only rebuild */
	int64_t observed_ns; /* newest seen */
	int64_t oldest_ns, newest_ns; /* `when` of matches: where the data begins and ends, when the input does (scan) */
	bool *begun; /* for each plan rule: its keys are being watched */
	int64_t minute_ns; /* of the ledger */
	struct clock_entry *clocks;
	uint32_t clock_count, clock_room;
	struct level levels[LIMIT_LEVELS];
	struct slab slab; /* entries and texts */
	struct table table;
	uint32_t group_count;
	struct texts texts;
	uint64_t bytes; /* of entries, groups, members and excursions */
	struct spill *spill; /* null: keys are never spilled */
	bool moved; /* numbers of entries that were known may be gone */
	uint32_t *rule_groups; /* groups of each plan rule */
	struct refusal *refusals; /* of each plan rule, this minute */
	uint64_t late, damaged; /* this minute */
	struct outbox outbox;
	struct sample *samples;
	uint32_t sample_count, sample_room;
};

struct temporal {
	const struct env *env;
	struct temporal_config config;
	struct plan *plan;
	struct part *parts;
	uint32_t part_count;
	uint32_t *owned;
	struct match_writer *writers;
	struct dictionary dictionary;
	struct batch_builder *builder;
	struct sha256 *sha;
	struct temporal_stats stats;
	uint64_t part_bytes; /* budget of each part */
	int64_t keep_span_ns;
	struct buffer json, key, spelling, value, carried, scratch;
	uint32_t *fired; /* indexes of members that have just become firing points */
	uint32_t fired_count, fired_room;
	struct ready *ready;
	uint32_t ready_room;
	/* Where packed matches are opened, and one may join them: most are closed again as they were. */
	struct group bench;
	struct member bench_members[PACKED_MAX + 1];
	uint32_t bench_block; /* that they came from; 0: none */
	size_t bench_block_bytes;
	int64_t *bench_slots;
	bool broken;
	bool swept; /* what is left of spill files of processes before is gone */
};

/* An entry that has become due. */
struct ready {
	const struct entry *entry;
	uint32_t number;
};

static inline struct entry *entry_at(const struct part *part, uint32_t number)
{
	return slab_at(&part->slab, number);
}

static inline struct slice entry_key(const struct entry *e)
{
	return slice_of(e->octets + (e->wide ? ENTRY_WIDE_BYTES : 0), e->key_len);
}

static inline struct slice group_key(const struct group *g)
{
	return entry_key(g->entry);
}

/* ---- window.c: members in order ---- */

static inline struct member *group_member(const struct group *g, uint32_t index)
{
	return &g->members[g->first + index];
}

/* What a member is charged with: a value stands in a tally too. */
static inline uint64_t member_bytes(const struct group *g)
{
	return sizeof(struct member) + (g->rule->values ? 32 : 0);
}

static inline struct slice member_spelling(const struct group *g, const struct member *m)
{
	return m->spelling == NULL ? group_key(g) : text_slice(m->spelling);
}

/* A match as it was told: by checkpoint or spill file. */
struct member_octets {
	int64_t when_ns;
	uint64_t sequence;
	uint32_t slot;
	struct slice origin, source, spelling, value, carried; /* null: none */
};

/* Only texts and what is missing: no address or number in its canonical form. */
bool key_is_spelled(struct slice key);
/* Can it be a match of the rule? key_spelled: its key is a spelling too. */
bool member_fits(const struct plan_rule *rule, bool key_spelled, const struct member_octets *m);
int member_compare(const struct member *a, const struct member *b);
struct event_identity member_event(const struct member *m);
bool member_same_event(const struct member *a, const struct member *b);
void member_hold(const struct member *m);
void member_release(struct part *part, struct member *m);
/* First index whose when is not before (or is after) t. */
uint32_t group_lower(const struct group *g, int64_t when_ns);
uint32_t group_upper(const struct group *g, int64_t when_ns);
/* Puts the member in its place, which it then owns. *place: where. 0, 1 when it was there already, -ERROR_MEMORY. */
int group_insert(struct part *part, struct group *g, const struct member *m, uint32_t *place);

/* ---- table.c: entries by key ---- */

/* The number of the entry, which comes back when it is spilled. 1: the budget does not allow a new one (T16). Negative: no
 * memory, or what was spilled does not come back. */
int table_take(struct part *part, const struct plan_rule *rule, struct slice key, uint32_t hash, uint32_t *number);
uint32_t key_hash(const struct part *part, const struct plan_rule *rule, struct slice key);
void table_prefetch(const struct part *part, uint32_t hash);
/* An entry with this hash, which is nearly always the one; 0: there is none in memory. */
uint32_t table_guess(const struct part *part, uint32_t hash);
/* The same without asking the budget: what was there may stay. */
int table_restore(struct part *part, const struct plan_rule *rule, struct slice key, uint32_t *number);
/* A place without an entry in memory. -ERROR_MEMORY. */
int table_put_spilled(struct part *part, const struct plan_rule *rule, struct slice key, uint32_t number);
/* An entry of a key that has its place; 0: no memory. And its end: the place stays. */
uint32_t table_entry(struct part *part, const struct plan_rule *rule, struct slice key);
void table_entry_drop(struct part *part, uint32_t number);
/* A key that is spilled is no more; its place is the caller's. */
void table_lose(struct part *part, const struct plan_rule *rule);
/* The sheet here, *at moved behind it; null: there are no more. */
struct table_sheet *table_sheet(const struct part *part, uint32_t *at);
/* Places go for which `goes` says so; sheets that are left nearly empty are joined. */
void table_sweep(struct part *part, bool (*goes)(struct part *part, uint32_t number));
/* How far above its budget a part is: 0 within it, 1 the rule with the most keys gets no new ones (*most), 2 no rule does, 3 no key
 * that is there gets matches. */
uint32_t budget_passed(const struct part *part, uint32_t *most);
/* The group is open, or it is not and the entry as it was made. */
void table_drop(struct part *part, uint32_t number);
/* One entry in memory after the other, in no order; false: that was all. */
bool table_next(const struct part *part, struct table_walk *walk, uint32_t *number);
int table_init(struct part *part);
void table_free(struct part *part);

/* ---- group.c: entries unfolded to be worked on, and folded again ---- */

/* Unfolded. One at a time; null: no memory. */
struct group *group_unfold(struct part *part, uint32_t number);
/* The same for a match that joins it. */
struct group *group_unfold_join(struct part *part, uint32_t number);
/* A new entry, in a place of its own for any number of matches. */
struct group *group_unfold_new(struct part *part, uint32_t number);
/* As small as it can be kept; -ERROR_MEMORY. */
int group_fold(struct part *part, struct group *g);
/* It was packed, and can not be again. */
bool group_outgrown(const struct part *part, const struct group *g);
/* Looked at again when the watermark has passed `due`; -ERROR_MEMORY. */
int group_place(struct part *part, struct group *g, int64_t due_ns);
/* When that is; INT64_MAX: never. */
int64_t group_placed(const struct part *part, const struct group *g);
/* Is a packed entry one whose matches only have to leave, together with the newest? */
bool entry_leaves_whole(const struct part *part, const struct entry *e);
/* What the entry has: its matches, or its group. */
void entry_clear(struct part *part, struct entry *e);
uint32_t slot_count(const struct plan_rule *rule);

/* ---- packed.c: the matches of small entries ---- */

/* The packed matches, which still belong to the entry, into room for PACKED_MAX; how many. */
uint32_t entry_members(const struct part *part, const struct entry *e, struct member *out);
/* Can the match be put behind the packed ones, since nothing can fire by it? Its texts need not be there yet. */
bool entry_appends(const struct part *part, const struct entry *e, const struct member *m);
/* Does so: the texts are the entry's. Where there is no room for it, those that could leave go. -ERROR_MEMORY: nothing has
 * changed. */
int entry_append(struct part *part, struct entry *e, const struct member *m);
/* Of an entry with a block: asks for where a match is put, and for the oldest. */
void packed_prefetch(const struct part *part, const struct entry *e);
/* Of the block of so many matches; 0: they have none. */
size_t block_bytes(const struct entry *e, uint32_t count);
/* They become the entry's: one, or several in a block of that many. */
void pack_one(struct entry *e, const struct member *m);
void pack_several(const struct part *part, struct entry *e, const struct member *members, uint32_t count,
				  uint32_t block);
/* A new entry gets these matches, whose texts are its own then, and waits for its time. -ERROR_MEMORY. */
int entry_refill(struct part *part, uint32_t number, const struct member *members, uint32_t count);

/* ---- condition.c: which members are firing points at once ---- */

/* After an insertion at `place`: sets FIRED and fills temporal->fired with the new ones, in order. */
int condition_update(struct part *part, struct group *g, uint32_t place);
/* Recomputes group->slots from the members (after a restore). */
int condition_rebuild(struct part *part, struct group *g);
int fired_add(struct part *part, struct group *g, uint32_t index);
/* With distinct_events: the most rules that can each have an event of their own. Negative: no memory. */
int64_t count_assigned(struct part *part, const struct group *g, uint32_t from, uint32_t to);

/* ---- judge.c: verdicts behind the watermark ---- */

/* Everything that is settled at this watermark. Firing points are told, sent on, and joined to excursions. */
int group_judge(struct part *part, struct group *g, int64_t watermark_ns);
/* The watermark that the next verdict waits for; INT64_MAX: none does. */
int64_t judge_next(const struct group *g);
/* The watermark that a verdict on this match waits for, at the least. */
int64_t judge_due(const struct plan_rule *rule, const struct member *m);
/* Told as an incident by its excursion, not singly. */
bool told_by_excursion(const struct part *part, const struct plan_rule *rule);

/* ---- values.c ---- */

int values_update(struct part *part, struct group *g, uint32_t place, int64_t until);
/* Asks for what a match touches of the tally, each step when the one before is there: its head (0), the match that leaves the
 * window next (1), what is counted of that one's value (2). */
void values_prefetch(const struct group *g, unsigned step);
void values_prefetch_value(const struct group *g, const struct text *value);
/* The first `count` members are leaving. */
void values_leave(struct part *part, struct group *g, uint32_t count);
void values_drop(struct part *part, struct group *g);
/* A tally by itself, with room for so many values. */
struct tally *tally_new(const struct env *env, uint32_t values);
void tally_add(struct tally *t, const struct text *value);
void tally_take(struct tally *t, const struct text *value);
uint32_t tally_distinct(const struct tally *t);

/* ---- history.c: values that were not there before ---- */

/* A settled match, in order: was its value there in the time that the rule looks back? 1 when it is new. Negative: no memory. */
int history_pass(struct part *part, struct group *g, const struct member *m);
/* Values last seen before `since` are forgotten. */
void history_forget(struct part *part, struct group *g, int64_t since_ns);
/* When all of it may be forgotten; TIME_NONE when there is nothing. */
int64_t history_newest(const struct group *g);
void history_free(struct part *part, struct group *g);
void history_save(const struct group *g, struct buffer *out);
uint32_t history_count(const struct group *g);
/* A value as saved: 1 when it was there already (then nothing is taken), negative: no memory. Holds the text. */
int history_restore(struct part *part, struct group *g, struct text *value, int64_t when_ns);

/* ---- ordered.c ---- */

/* Firing points of [first, end) that are not yet; chains are looked for from `from` on. */
int ordered_settle(struct part *part, struct group *g, uint32_t from, uint32_t first, uint32_t end);
/* T6: as condition_update; `until`: the last `when` whose verdict may have changed. */
int ordered_update(struct part *part, struct group *g, uint32_t place, int64_t until);
/* Can a match of this rule of the plan complete a chain? */
bool ordered_ends_with(const struct plan_rule *rule, uint32_t slot);
int ordered_rebuild(struct part *part, struct group *g);
/* Is there a chain among members [from, to), and nothing that must be absent? Negative: no memory. */
int ordered_holds(struct part *part, struct group *g, uint32_t from, uint32_t to);

/* ---- excursion.c ---- */

int excursion_fire(struct part *part, struct group *g, uint32_t index, int64_t start_ns);
/* Members [from, to) of the set; what was folded comes before it. */
void excursion_range(const struct group *g, const struct excursion *e, uint32_t *from, uint32_t *to);
bool excursion_continues(const struct group *g, uint32_t index);
/* Members before `count` leave: those that belong to an excursion are kept in its evidence. */
int excursion_fold(struct part *part, struct group *g, uint32_t count);
void excursion_drop(struct part *part, struct group *g, uint32_t index);
/* Told as final: gone, unless it keeps others quiet for longer. */
void excursion_end(struct part *part, struct group *g, uint32_t index);
/* T13: the excursion that keeps this one quiet; the index itself: none does. */
uint32_t excursion_anchor(const struct group *g, uint32_t index);
/* When there is something to do about it: it becomes final, or needs not be kept any more. */
int64_t excursion_due_ns(const struct group *g, uint32_t index);
int64_t period_number(const struct plan_rule *rule, int64_t when_ns);
int64_t excursion_final_ns(const struct group *g, const struct excursion *e);
/* When it happened that the condition came to hold: a silence is known a timespan after its last match. */
int64_t fired_ns(const struct plan_rule *rule, const struct member *m);

/* ---- tell.c: rows ---- */

int tell_incident(struct part *part, struct group *g, uint32_t index, bool final);
/* Mode each: the set of one firing point, members [from, to), completed by `index`. */
int tell_firing(struct part *part, struct group *g, uint32_t from, uint32_t to, uint32_t index);
int tell_ledger(struct part *part);

/* ---- chain.c: firing points are matches of the next level ---- */

/* Members [from, to) are the set; the outer correlations get the match completed by `index`. */
int chain_forward(struct part *part, const struct group *g, uint32_t from, uint32_t to, uint32_t index);
void chain_levels(struct part *part);
int64_t chain_watermark(const struct part *part, uint32_t level);

/* ---- population.c: keys that are missed though nobody has heard them ---- */

/* Begins to watch the keys of rules of this level, where that has not begun. */
int population_begin(struct part *part, uint32_t level, int64_t when_ns);
/* Stands for the beginning: no event. */
bool member_is_beginning(const struct member *m);

/* ---- advance.c ---- */

/* Does all that has become due in a level at its watermark. */
int level_advance(struct part *part, uint32_t level);
/* A match has joined at `place`: what fires is sent on and joined to excursions. */
int group_take(struct part *part, struct group *g, uint32_t place);
/* The same, and it is told, and when the group has to be looked at is known. */
int group_update(struct part *part, struct group *g, uint32_t place);
/* When the group has to be looked at next. */
int64_t group_due(const struct part *part, const struct group *g);

/* ---- ahead.c: records read ---- */

/* An entry of a record. */
struct upcoming {
	struct match_entry entry;
	const struct plan_rule *rule; /* null: of another ruleset, or no match */
	uint32_t hash; /* of rule and key */
	uint32_t number; /* of the entry that it probably joins; 0: not looked for */
};

int part_entries(struct part *part, const struct match_record *record);
/* Null: nothing is asked for (the entry itself is not null). What is in the group wants the group to be there, and what the members name wants those. */
void entry_prefetch(const struct entry *e);
void entry_prefetch_group(const struct part *part, const struct entry *e);
void entry_prefetch_members(const struct entry *e);
void entry_prefetch_values(const struct entry *e, unsigned step);

/* ---- temporal.c ---- */

int part_entry(struct part *part, const struct upcoming *u);
/* The match, which the group then owns, joins it, and the group is closed. */
int group_join(struct part *part, struct group *g, struct member *m);
struct part *part_of(const struct temporal *t, uint32_t partition);

/* Is the record being read one whose rows were told before? */
static inline bool part_silent(const struct part *part)
{
	return part->offset <= part->silent_until && part->silent_until > 0;
}

#endif
