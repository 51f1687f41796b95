/* The layout of a batch, for the batch files of common/ only. The treaty is docs/format-batch.md; these
 * are its tables again.
 *
 *   head: offset size                              row, 40 octets: offset size
 *   0      24   common head (format.h), "CRSB"     0      8   time_ns, signed
 *   24     4    octets of the whole batch          8      4   observed: ns after the base, at most 4 s
 *   28     4    rows                               12     4   offset of its text in the text section
 *   32     16   collector                          16     4   octets of original
 *   48     8    epoch                              20     4   index of its first place
 *   56     8    first sequence                     24     2   shape
 *   64     4    partition                          26     2   source, 0xffff = none
 *   68     4    fields of all shapes               28     2   decoder, the same
 *   72     8    observed base, ns, signed          30     2   log source, the same
 *   80     4    places                             32     4   time quality
 *   84     4    wides                              36     1   kind
 *   88     4    names                              37     1   charset
 *   92     4    sources                            38     2   flags (low 12 bits), format (high 4 bits)
 *   96     4    decoders
 *   100    4    log sources                        place, 4 octets, one for each field of the row's shape:
 *   104    4    octets of text                                offset u16, length u16 in the row's text, or index of a
 *   108    4    shapes                                        wide, or the number of VALUE_SMALL; zero for NULL
 *   112    36   offsets of the nine sections       wide, 8 octets: offset u32, length u32 in the row's text
 *   148    4    zero                               name, source, decoder, 8 octets: offset u32, length u16,
 *   152         end of head                          version u16 (decoder; zero for the others)
 *                                                  log source, 16 octets: offset u32, lengths u16 of product,
 *                                                    category, service; u16 and u32 zero
 *                                                  shape, 8 octets: index of its first field u32, fields u16, zero u16
 *                                                  field of a shape, 4 octets: name u16, type u8, flags u8 (1 = wide)
 *
 * The order of the sections: rows, places, wides, names, sources, decoders, log sources, shapes, text.
 * They follow each other without holes, each begun at a multiple of 8; padding is zero. The octets of a
 * table's texts follow its entries, one after the other; their offsets count from the end of the entries. The last 8
 * octets are XXH3-64, seed 0, of all before them.
 */
#ifndef COMMON_BATCH_LAYOUT_H
#define COMMON_BATCH_LAYOUT_H

#include "common/batch.h"
#include "common/format.h"

#define BATCH_MAGIC "CRSB"
#define BATCH_VERSION 0
#define BATCH_HEAD_BYTES 152u
#define BATCH_ROW_BYTES 40u
#define BATCH_PLACE_BYTES 4u
#define BATCH_SHAPE_BYTES 8u
#define BATCH_FIELD_BYTES 4u /* of a shape */
#define BATCH_WIDE_BYTES 8u
#define BATCH_ENTRY_BYTES 8u
#define BATCH_LOGSOURCE_BYTES 16u
#define BATCH_CHECKSUM_BYTES 8u
#define BATCH_MUST_KNOWN BATCH_FLAG_BACKFILL
#define BATCH_ROW_FLAGS 0xfffu
#define BATCH_OBSERVED_MAX UINT32_C(4000000000) /* ns after the base */

enum batch_head_at {
	HEAD_TOTAL = 24,
	HEAD_ROWS = 28,
	HEAD_COLLECTOR = 32,
	HEAD_EPOCH = 48,
	HEAD_SEQUENCE = 56,
	HEAD_PARTITION = 64,
	HEAD_SHAPE_FIELDS = 68,
	HEAD_OBSERVED = 72,
	HEAD_PLACES = 80,
	HEAD_WIDES = 84,
	HEAD_NAMES = 88,
	HEAD_SOURCES = 92,
	HEAD_DECODERS = 96,
	HEAD_LOGSOURCES = 100,
	HEAD_TEXT = 104,
	HEAD_SHAPES = 108,
	HEAD_OFFSETS = 112, /* nine of them, in the order of the sections */
	HEAD_ZERO = 148,
};

enum batch_row_at {
	ROW_AT_TIME = 0,
	ROW_AT_OBSERVED = 8,
	ROW_AT_TEXT = 12,
	ROW_AT_ORIGINAL = 16,
	ROW_AT_PLACE = 20,
	ROW_AT_SHAPE = 24,
	ROW_AT_SOURCE = 26,
	ROW_AT_DECODER = 28,
	ROW_AT_LOGSOURCE = 30,
	ROW_AT_QUALITY = 32,
	ROW_AT_KIND = 36,
	ROW_AT_CHARSET = 37,
	ROW_AT_FLAGS = 38,
};

#define BATCH_SECTIONS 9u

static inline size_t batch_align(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

#endif
