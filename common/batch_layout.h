/* The layout of a batch, for batch_builder.c, batch_open.c and batch.c only. The treaty is docs/format-batch.md; these
 * are its tables again.
 *
 *   head: offset size                              row, 40 octets: offset size
 *   0      24   common head (format.h), "CRSB"     0      8   time_ns, signed
 *   24     4    octets of the whole batch          8      4   observed: ns after the base, at most 4 s
 *   28     4    rows                               12     4   offset of its text in the text section
 *   32     16   collector                          16     4   octets of original
 *   48     8    epoch                              20     4   index of its first field
 *   56     8    first sequence                     24     2   fields
 *   64     4    partition                          26     2   source, 0xffff = none
 *   68     4    zero                               28     2   decoder, the same
 *   72     8    observed base, ns, signed          30     2   log source, the same
 *   80     4    fields                             32     4   time quality
 *   84     4    wides                              36     1   kind
 *   88     4    names                              37     1   charset
 *   92     4    sources                            38     2   flags (low 12 bits), format (high 4 bits)
 *   96     4    decoders
 *   100    4    log sources                        field, 8 octets:
 *   104    4    octets of text                     0      2   name
 *   108    4    zero                               2      1   type
 *   112    4    offset of rows                     3      1   flags: 1 = wide; others zero
 *   116    4    offset of fields                   4      4   offset u16, length u16 in the row's text, or index of
 *   120    4    offset of wides                               a wide, or the number of VALUE_SMALL; zero for NULL
 *   124    4    offset of names
 *   128    4    offset of sources                  wide, 8 octets: offset u32, length u32 in the row's text
 *   132    4    offset of decoders                 name, source, decoder, 8 octets: offset u32, length u16,
 *   136    4    offset of log sources                version u16 (decoder; zero for the others)
 *   140    4    offset of text                     log source, 16 octets: offset u32, lengths u16 of product,
 *   144         end of head                          category, service; u16 and u32 zero
 *
 * Sections follow each other in this order without holes, each begun at a multiple of 8; padding is zero. The octets of a
 * table's texts follow its entries, one after the other; their offsets count from the end of the entries. The last 8
 * octets are XXH3-64, seed 0, of all before them.
 */
#ifndef COMMON_BATCH_LAYOUT_H
#define COMMON_BATCH_LAYOUT_H

#include "common/batch.h"
#include "common/format.h"

#define BATCH_MAGIC "CRSB"
#define BATCH_VERSION 0
#define BATCH_HEAD_BYTES 144u
#define BATCH_ROW_BYTES 40u
#define BATCH_FIELD_BYTES 8u
#define BATCH_WIDE_BYTES 8u
#define BATCH_ENTRY_BYTES 8u
#define BATCH_LOGSOURCE_BYTES 16u
#define BATCH_CHECKSUM_BYTES 8u
#define BATCH_MUST_KNOWN BATCH_FLAG_BACKFILL
#define BATCH_FIELD_WIDE 1u
#define BATCH_ROW_FLAGS 0xfffu
#define BATCH_OBSERVED_MAX UINT32_C(4000000000) /* ns after the base */

enum batch_head_at {
	HEAD_TOTAL = 24,
	HEAD_ROWS = 28,
	HEAD_COLLECTOR = 32,
	HEAD_EPOCH = 48,
	HEAD_SEQUENCE = 56,
	HEAD_PARTITION = 64,
	HEAD_ZERO = 68,
	HEAD_OBSERVED = 72,
	HEAD_FIELDS = 80,
	HEAD_WIDES = 84,
	HEAD_NAMES = 88,
	HEAD_SOURCES = 92,
	HEAD_DECODERS = 96,
	HEAD_LOGSOURCES = 100,
	HEAD_TEXT = 104,
	HEAD_ZERO_TOO = 108,
	HEAD_OFFSETS = 112, /* eight of them, in the order of the sections */
};

enum batch_row_at {
	ROW_AT_TIME = 0,
	ROW_AT_OBSERVED = 8,
	ROW_AT_TEXT = 12,
	ROW_AT_ORIGINAL = 16,
	ROW_AT_FIELD = 20,
	ROW_AT_FIELDS = 24,
	ROW_AT_SOURCE = 26,
	ROW_AT_DECODER = 28,
	ROW_AT_LOGSOURCE = 30,
	ROW_AT_QUALITY = 32,
	ROW_AT_KIND = 36,
	ROW_AT_CHARSET = 37,
	ROW_AT_FLAGS = 38,
};

#define BATCH_SECTIONS 8u

static inline size_t batch_align(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

#endif
