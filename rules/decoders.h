/* Decoders: data that says how to take a vendor's lines apart (cresset-decoders(7), rules/library/decoders/).
 *
 * The door of rules/ for ingest: compiled decoders and mappings only. A compiled set is immutable and may be shared; the
 * scratch belongs to one thread. No regular expression on the usual path.
 */
#ifndef RULES_DECODERS_H
#define RULES_DECODERS_H

#include "common/common.h"

struct decoders;
struct decoder_scratch;

/* One thing a loader has to say: told through a callback, in file order. */
enum diagnostic_level {
	DIAGNOSTIC_ERROR,
	DIAGNOSTIC_WARNING
};

struct diagnostic {
	enum diagnostic_level level;
	const char *id; /* lint id, "decoder-unknown-key" */
	const char *file;
	uint32_t line, column; /* from 1; 0 unknown */
	const char *rule; /* title, id or name of what it concerns, may be empty */
	const char *text; /* says what would have been right */
};

typedef void diagnostic_fn(void *ctx, const struct diagnostic *diagnostic);

/* Paths: files or folders (*.yml, *.yaml, sorted). A bad decoder is refused with a diagnostic, the rest load. */
int decoders_load(const struct env *env, const char *const *paths, size_t count, diagnostic_fn *tell, void *ctx,
				  struct decoders **out, struct error *error);
void decoders_free(struct decoders *d);
/* Runs the test lines inside the decoders; returns the number of lines that failed, each told as diagnostics, or a
 * negative error for lack of memory. */
int decoders_test(const struct decoders *d, const struct env *env, diagnostic_fn *tell, void *ctx, uint32_t *tests);

/* Whether a decoder of that name was loaded. */
bool decoders_know(const struct decoders *d, struct slice name);

/* Per thread: interns every field name into `dictionary` (which must then keep them, see dictionary_keep). */
struct decoder_scratch *decoder_scratch_new(const struct decoders *d, const struct env *env,
											struct dictionary *dictionary);
void decoder_scratch_free(struct decoder_scratch *s);

struct decode_input {
	struct slice program; /* process.name of the header, may be empty; need not lie in the row's text */
	struct slice msgid;
	struct slice host;
	struct slice forced; /* name of the only decoder to be run, whatever the message looks like; empty: by content */
	struct slice message; /* normalised body, a slice of the open row's text (batch_row_text) */
	enum format format; /* of header or body; JSON fields are already in the row */
	int64_t observed_ns;
	int32_t zone_offset_s; /* of the source, for times without zone; a decoder's own zone wins */
	bool zone_known;
};

struct decode_result {
	uint16_t decoder; /* batch table index or BATCH_NO_INDEX */
	uint16_t logsource; /* the same */
	bool has_time; /* the decoder found a time in the body */
	bool no_timestamp; /* the body is a structured one and no field of the row is called "@timestamp" */
	int64_t time_ns;
	uint32_t time_quality;
};

/* Tries the decoders on the open row of `b`, adds fields to it, and says which one held. 0, or a negative error only for
 * lack of memory: a line nobody knows is not an error. */
int decoders_apply(const struct decoders *d, struct decoder_scratch *s, struct batch_builder *b,
				   const struct decode_input *in, struct decode_result *out);

#endif
