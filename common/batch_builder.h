/* The inside of a batch builder, for batch_builder.c, batch_fields.c and batch_write.c only. */
#ifndef COMMON_BATCH_BUILDER_H
#define COMMON_BATCH_BUILDER_H

#include "common/batch_layout.h"
#include "common/batch_shapes.h"
#include "common/batch_table.h"

#include "common/check.h"
#include "common/limits.h"

/* Of a dictionary id: its index in this batch's names, if the stamp is this batch's. */
struct name_stamp {
	uint32_t stamp;
	uint16_t index;
};

/* Where everything ended before the open row. */
struct row_start {
	size_t places, wides, text;
	uint32_t names;
};

struct open_row {
	struct slice given; /* the caller's original, to find slices by address */
	int64_t time_ns;
	uint32_t observed, original_len, field_count, quality, flags;
	uint16_t source, decoder, logsource;
	uint8_t kind, charset, format;
};

/* Where a text was found last, by the address it came from. Rows name few decoders and log sources, and always from the
 * same places. */
#define RECENT 32u
struct recent {
	uint32_t stamp;
	uint16_t index;
};

#define ROW_FIELDS 512u /* limits.h: row_fields */

struct batch_builder {
	const struct env *env;
	struct dictionary *dictionary;
	struct batch_identity identity;
	uint32_t must_flags, row_count, stamp;
	uint64_t serial;
	int64_t observed_base_ns;
	struct buffer rows, places, wides, text, out;
	struct batch_shapes shapes;
	uint32_t shape_fields[ROW_FIELDS]; /* of the open row */
	struct batch_table names, sources, decoders, logsources;
	struct recent recent_decoders[RECENT], recent_logsources[RECENT];
	struct buffer name_stamps, name_ids;
	struct name_stamp *stamps; /* in name_stamps */
	uint32_t stamp_count;
	struct row_start start;
	struct open_row row;
	bool is_open, begun;
};

#endif
