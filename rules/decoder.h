/* The inside of decoders: what the YAML of cresset-decoders(7) is compiled into. Only rules/decoder_*.c includes this.
 *
 * Everything below hangs on the arena of one `struct decoders`, is written while loading and never after. Names of fields
 * are indexes into decoders.names; a scratch translates them into the ids of its batch dictionary once.
 */
#ifndef RULES_DECODER_H
#define RULES_DECODER_H

#include "common/format.h"
#include "common/json_fields.h"
#include "common/kv.h"
#include "rules/decoders.h"

#define DECODER_NONE 0xffffu
#define DECODERS_MAX 512u
#define DECODER_WORDS (DECODERS_MAX / 64)
#define DECODER_CAPTURES_MAX 48u
#define DECODER_SPLIT_MAX 128u
#define DECODER_DEPTH_MAX 12u /* steps inside steps */
#define DECODER_ATTEMPTS_MAX 512 /* choices one pattern may try on one text */

/* ---- patterns ---- */

enum op_kind {
	OP_LITERAL,
	OP_SPACE, /* {~}: any white space, none too */
	OP_OPTIONAL,
	OP_WORD, /* up to white space or the next literal's first octet */
	OP_TEXT, /* as short as possible */
	OP_LAST, /* as long as possible */
	OP_REST,
	OP_IP,
	OP_ADDRESS, /* an address or a host name */
	OP_HOST,
	OP_INT,
	OP_NUMBER,
	OP_HEX,
	OP_MAC,
	OP_QUOTED,
	OP_UNTIL, /* up to any octet of a set, or the end */
	OP_ONE, /* one of several literals */
	OP_TIME,
	OP_END,
};

/* Where a value goes: "source.ip" or "network.transport:protocol" (a map). */
enum target_kind {
	TARGET_TEXT,
	TARGET_ADDRESS,
	TARGET_INTEGER,
	TARGET_DIGITS /* an integer whose text has been read as one */
};

struct decoder_target {
	uint16_t name; /* DECODER_NONE: nowhere */
	uint16_t other; /* TARGET_ADDRESS: the name for what is no address */
	uint16_t map; /* or DECODER_NONE */
	uint8_t kind;
};

struct pattern_op {
	uint8_t kind;
	uint8_t type; /* enum value_type of what it captures */
	uint16_t jump; /* OP_OPTIONAL: the op behind the group */
	uint16_t choice_count; /* OP_ONE */
	struct decoder_target target;
	struct slice
		text; /* literal, set of octets, time format; OP_TEXT: what the part behind begins with, all of it known */
	union {
		const struct slice *choices; /* OP_ONE */
		uint64_t head; /* OP_LITERAL: its first eight octets, as slice_head reads them */
	};
	union {
		/* A set of octets, 256 bits. OP_ONE: what choices begin with. OP_WORD, OP_HOST, OP_UNTIL: where to look closer.
		 * OP_TEXT, OP_LAST: what the part behind may begin with. Null: nothing is known. */
		const uint64_t *set;
		uint64_t mask; /* OP_LITERAL: of the octets of `head` that it has */
	};
};

static inline bool octets_hold(const uint64_t set[4], uint8_t c)
{
	return (set[c / 64] >> c % 64 & 1) != 0;
}

static inline uint64_t octets_head_mask(size_t len)
{
	static const uint8_t ones[16] = {255, 255, 255, 255, 255, 255, 255, 255};
	uint64_t mask;
	memcpy(&mask, ones + 8 - (len < 8 ? len : 8), 8);
	return mask;
}

/* Two pairs of octets that stand for a literal in a filter of pairs (below). */
struct pair_places {
	uint16_t place[2];
};

struct decoder_pattern {
	const struct pattern_op *ops;
	uint16_t count;
	struct slice needed; /* a literal that must occur; empty when the pattern begins with one */
	struct pair_places needed_places;
};

struct capture {
	uint32_t at, len;
	uint16_t op;
};

struct captures {
	struct capture list[DECODER_CAPTURES_MAX];
	uint32_t count;
};

/* True when the pattern holds for the whole of text (an open end is written as {..}). */
bool decoder_pattern_match(const struct decoder_pattern *p, struct slice text, struct captures *out);
bool decoder_is_host(uint8_t c); /* letters, digits, '.', '-', '_' and all that is not ASCII */
static inline bool decoder_is_space(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}
/* Octets of an address at the head of s, 0 when there is none. */
size_t decoder_ip_length(struct slice s);

/* ---- times ---- */

struct decoder_zone {
	bool known;
	int32_t offset_s;
};

struct decoder_time {
	uint16_t field;
	struct slice format;
	struct decoder_zone zone;
	uint32_t line;
};

struct time_found {
	int64_t ns; /* as if UTC when no zone was written */
	bool has_zone, year_inferred, leap;
};

/* Octets of `text` that were a time of this format, 0 when it is none. near_ns: where a missing year is looked for. */
size_t decoder_time_read(struct slice format, struct slice text, int64_t near_ns, struct time_found *out);
bool decoder_zone_parse(struct slice text, struct decoder_zone *out);

/* ---- steps ---- */

struct decoder_map {
	const struct slice *from, *to; /* sorted by from */
	uint32_t count;
	struct slice name;
};

struct decoder_constant {
	uint16_t name;
	uint8_t type; /* enum value_type */
	struct slice value;
};

struct condition_value {
	uint64_t head, mask; /* of the text, as of a literal */
	struct slice text;
	bool open; /* "SESS*": any value that begins so */
};

struct decoder_condition {
	uint16_t name;
	bool present; /* any value will do */
	const struct condition_value *values;
	uint16_t value_count;
};

/* From a name to its targets, by hash of the name's index. */
struct rename_slot {
	uint16_t from, first, count; /* targets[first..first+count) */
};

struct rename_set {
	struct rename_slot *slots;
	struct decoder_target *targets;
	uint16_t mask, count;
};

enum step_kind {
	STEP_ALWAYS,
	STEP_PATTERN,
	STEP_KV,
	STEP_SPLIT,
	STEP_JSON,
	STEP_FIRST,
	STEP_SWITCH
};

struct decoder_step;

struct decoder_case {
	struct slice value;
	struct decoder_step *steps;
	uint16_t step_count;
};

struct decoder_kv {
	struct kv_rules rules;
	uint32_t min; /* pairs for the step to hold */
	bool own; /* the sender's own names are added */
	struct slice prefix;
};

struct decoder_split {
	struct slice by;
	uint8_t quote;
	uint32_t min, max;
	bool trim;
	const struct decoder_target *targets;
	uint16_t count;
};

struct decoder_step {
	uint64_t head, head_mask; /* what a text of this step begins with; no mask: anything, or it reads a field */
	uint64_t field_head, field_mask; /* the same of the field it reads */
	uint8_t kind;
	bool seek; /* STEP_JSON: from the first brace to the last */
	bool effects; /* it has a log source, constants, prefixes, renames or times */
	bool given; /* rename looks at all fields of the row, not at the pairs of its own kv */
	uint16_t in; /* a field to read instead of the text, or DECODER_NONE */
	uint16_t logsource;
	uint32_t line;
	struct decoder_pattern pattern;
	struct decoder_kv kv;
	struct decoder_split split;
	struct slice json_prefix;
	const struct slice *strip; /* prefixes of names that are also known without them */
	struct rename_set renames;
	const struct decoder_condition *when;
	const struct decoder_constant *set;
	const struct decoder_time *times;
	struct decoder_step *steps; /* STEP_FIRST: alternatives */
	struct decoder_step *then;
	const struct decoder_case *cases; /* STEP_SWITCH, sorted */
	uint16_t on; /* STEP_SWITCH: the field */
	uint16_t strip_count, when_count, set_count, time_count, step_count, then_count, case_count;
};

/* ---- a decoder ---- */

/* One item of `recognise`: everything in it must hold. */
struct decoder_sign {
	const struct slice *programs; /* in lower case; a '*' at the end: any that begins so */
	const struct condition_value *program_values; /* the same to compare with */
	const struct slice *starts, *contains, *msgids;
	const struct pair_places *contain_places;
	const uint8_t *contain_octet; /* one that all of them have, when there are several; null: none */
	const struct condition_value *contain_heads; /* when all begin with it and have at most eight octets */
	const struct decoder_condition *fields;
	uint16_t program_count, start_count, contain_count, msgid_count, field_count;
	bool has_format;
	uint8_t format;
	uint8_t class; /* enum sign_class */
	uint16_t logsource;
};

/* How much a sign says. The strong ones are asked first, over all decoders, then the next class. */
enum sign_class {
	CLASS_STRONG,
	CLASS_CONTAINS,
	CLASS_GENERIC,
	CLASS_COUNT
};

struct decoder_test {
	struct slice program, msgid, message;
	uint8_t format;
	uint32_t line;
	const struct decoder_constant *given;
	const struct decoder_constant *expected; /* VALUE_NULL: must be absent */
	uint16_t given_count, expected_count;
	bool has_time, refused;
	int64_t time_ns, observed_ns;
	struct slice product, category, service;
	bool has_logsource;
};

struct decoder {
	struct slice name;
	uint16_t version;
	int32_t priority;
	uint16_t logsource;
	struct decoder_zone zone;
	struct slice file;
	const struct decoder_sign *signs;
	const struct decoder_constant *set;
	struct decoder_step *steps;
	const struct decoder_test *tests;
	uint16_t sign_count, set_count, step_count, test_count;
	uint32_t order; /* of loading: breaks ties of priority */
};

struct program_slot {
	struct slice program; /* lower case; empty ptr = free */
	uint64_t mask[DECODER_WORDS];
};

/* Octet pairs of a text, to pass over literals that cannot be in it. A pair is in it when its place holds the present
 * stamp, so that a new text clears nothing. */
#define PAIR_PLACES 4096u
struct pair_filter {
	uint8_t places[PAIR_PLACES];
	uint8_t stamp;
};

static inline bool pair_filter_may(const struct pair_filter *f, struct pair_places p)
{
	return f->places[p.place[0]] == f->stamp && f->places[p.place[1]] == f->stamp;
}

#define START_PAIRS 1024u

/* Finds the decoders worth asking. A set bit is a hint, never a decision: decoder_sign is always tested in full. */
struct decoder_index {
	struct program_slot *slots;
	uint32_t slot_mask;
	uint64_t program_first[256][DECODER_WORDS]; /* "name*", by first octet, lower case */
	uint64_t starts[256][DECODER_WORDS]; /* of one octet */
	uint64_t start_pairs[START_PAIRS][DECODER_WORDS]; /* of more, by the first two (start_pair) */
	uint64_t msgids[DECODER_WORDS]; /* strong, by msgid */
	uint64_t others[DECODER_WORDS]; /* strong, by none of these */
	uint64_t fields[8][DECODER_WORDS]; /* strong, by field, by format */
	uint64_t weak[CLASS_COUNT][DECODER_WORDS];
	/* Signs by what they contain: of every literal one octet pair stands for it. */
	uint16_t group_places[256];
	uint64_t groups[256][DECODER_WORDS];
	uint64_t contains_any[DECODER_WORDS]; /* those that no pair stands for */
	uint32_t group_count;
};

struct decoders {
	const struct env *env;
	struct arena arena;
	struct dictionary names;
	struct decoder **list; /* by priority, then order of loading */
	uint32_t count;
	struct decoder_map *maps;
	uint32_t map_count, map_room;
	struct logsource *logsources;
	uint32_t logsource_count, logsource_room;
	struct decoder_index *index;
};

/* decoder_index.c */
int decoder_index_build(struct decoders *d);
/* Whether the name of a program is one of the sign's; head: its first octets in lower case. */
bool decoder_sign_names(const struct decoder_sign *s, struct slice program, uint64_t head);
/* Hints for the strong class into mask[0..words). */
void decoder_index_ask(const struct decoders *d, struct decoder_scratch *s, const struct decode_input *in,
					   struct slice text, uint32_t words, uint64_t *mask);
/* Hints for CLASS_CONTAINS into mask[0..words), for the text that the filter was filled with. */
void decoder_index_contains(const struct decoder_index *x, const struct pair_filter *f, uint32_t words, uint64_t *mask);
void pair_filter_fill(struct pair_filter *f, struct slice text);
/* Of a literal of two octets or more: the pairs least likely in ordinary text. */
struct pair_places pair_places_of(struct slice literal);

struct decoder_value {
	uint32_t at, len, stamp;
	uint8_t type;
};

struct span {
	uint32_t at, len;
};

/* A field of the row. */
struct given_field {
	struct span value;
	uint32_t id;
	uint16_t name; /* DECODER_NONE: no decoder asks for it, or it has no text */
	uint8_t type;
};

/* A key and its value, as places in the text that was read. */
struct decoder_pair {
	uint32_t key_at, key_len, at, len;
};

/* Where a decoder or log source stands in the tables of the batch whose serial this is. */
struct table_memo {
	uint64_t serial;
	uint16_t index;
};

/* The decoders that know a program by its name: the same few programs write most lines. */
#define PROGRAM_MEMOS 64u
#define PROGRAM_MEMO_LEN 40u
struct program_memo {
	uint8_t len; /* 0: free */
	uint8_t program[PROGRAM_MEMO_LEN];
	uint64_t mask[DECODER_WORDS];
};

/* What names come to without the prefixes of a step, by the id they have: the step that strips is mostly the same. */
struct strip_memo {
	const struct decoder_step *step;
	uint64_t resets; /* of the dictionary */
	uint32_t *ids; /* what is known of each: one of the three below, or the id without prefix + STRIP_ID */
	uint32_t count, room;
};
enum {
	STRIP_UNKNOWN,
	STRIP_WHOLE, /* it has no such prefix */
	STRIP_LOST, /* the dictionary has no room for the name without it */
	STRIP_ID
};

struct decoder_scratch {
	const struct env *env;
	struct dictionary *dictionary;
	uint32_t *ids; /* name -> id of the batch dictionary; DICTIONARY_NONE: "$name", which is never a field */
	uint16_t *names; /* id -> name, for id < id_count */
	uint32_t id_count;
	struct decoder_value *values; /* by name, valid when stamp is the current one */
	struct given_field *given; /* the row's fields as far as they have been looked at: LIMIT_row_fields */
	uint32_t given_count;
	bool *of_header; /* by name: a header may give it */
	bool given_pending; /* only a header was read, and its fields are not among the values yet */
	uint64_t program_head; /* of the program's name in lower case */
	uint32_t value_count, stamp;
	struct captures captures[DECODER_DEPTH_MAX + 1];
	struct json_fields json;
	struct dictionary_memo memo; /* of keys */
	struct strip_memo strips;
	struct pair_filter filter;
	bool filter_ready;
	struct span counted; /* the text whose octets `counts` are of, for those that `counts_known` has */
	uint64_t counts_known[4];
	uint32_t counts[256];
	uint8_t filter_asked; /* literals looked for in this message before it was worth filling the filter */
	struct table_memo *decoder_memos, *logsource_memos; /* by the decoder's order, by log source */
	struct program_memo programs[PROGRAM_MEMOS], long_program; /* the last one is never remembered */
	struct decoder_pair *pairs; /* of the text at hand: LIMIT_row_fields */
};

/* decoder_step.c: one run over one row. Spans are offsets into the row's text, which moves when text is derived. */
struct decode_run {
	const struct decoders *d;
	struct decoder_scratch *s;
	struct batch_builder *b;
	const struct decode_input *in;
	const struct decoder *decoder;
	const struct decoder *claimed; /* the first that is recognised but knows no such text, and its log source */
	struct decode_result *out;
	const uint8_t *row; /* the row's text; whoever adds to it looks where it is now (decoder_row_moved) */
	struct span message;
	uint16_t logsource, claimed_logsource;
	int error;
};

bool decoder_steps_first(struct decode_run *run, const struct decoder_step *steps, uint32_t count, struct span text,
						 uint32_t depth);
/* Whether the filter of the message is filled: from the fourth literal on that is looked for. */
bool decoder_filter_worth(struct decode_run *run);
static inline bool decoder_filter_ready(struct decode_run *run)
{
	return run->s->filter_ready || decoder_filter_worth(run);
}
bool decoder_condition_holds(struct decode_run *run, const struct decoder_condition *c);
void decoder_set_constants(struct decode_run *run, const struct decoder_constant *set, uint32_t count);
/* The fields that are in the row now, in scratch.given; returns how many. */
uint32_t decoder_given(struct decode_run *run);
void decoder_note_given(struct decode_run *run);
/* decoder_strip.c: gives the fields that are in the row the names that they have without the step's prefixes, too. */
void decoder_strip_given(struct decode_run *run, const struct decoder_step *step);
/* Lower case of the ASCII letters among eight octets. */
static inline uint64_t octets_lower(uint64_t v)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	uint64_t low = v & 0x7f * ones;
	/* The high bit of each octet: at least 'A', and at most 'Z', and ASCII. */
	uint64_t upper = (low + (0x80 - 'A') * ones) & ~(low + (0x80 - 'Z' - 1) * ones) & ~v & 0x80 * ones;
	return v | upper >> 2;
}
/* decoder_emit.c */
void decoder_emit(struct decode_run *run, uint16_t name, enum value_type type, struct span value);
void decoder_emit_target(struct decode_run *run, const struct decoder_target *t, enum value_type type,
						 struct span value);
void decoder_emit_time(struct decode_run *run, const struct decoder_zone *zone, struct slice format, struct span value,
					   bool required);
static inline struct slice decoder_span_text(const struct decode_run *run, struct span s)
{
	return s.len == 0 ? SLICE_NONE : slice_of(run->row + s.at, s.len);
}
static inline void decoder_row_moved(struct decode_run *run)
{
	run->row = batch_row_text(run->b).ptr;
}
/* batch_row_derive, and the row's text is looked up again. */
int decoder_derive(struct decode_run *run, struct slice text, uint32_t *at);

/* decoder_pattern.c */
struct decoder_reader;
bool decoder_pattern_compile(struct decoder_reader *r, struct slice source, uint32_t line, struct decoder_pattern *out);

#endif
