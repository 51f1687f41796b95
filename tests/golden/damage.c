/* The bad files: good ones with octets put somewhere, and the reason for which they have to be refused. Places are those of
 * the format pages; a layout that moves makes this table wrong, and the test says so. */
#include "tests/golden/golden.h"

#define AT(place, literal) .at = place, .octets = {(const uint8_t *)(literal), sizeof(literal) - 1}
/* All but the last eight octets are under the last eight. */
#define WHOLE_SEAL .seals = {{SEAL_XXH3, 0, -8, -8}}
#define HEAD_SEAL(size) .seals = {{SEAL_XXH3, 0, size, size}}
#define CRC_SEAL(begin, end) .seals = {{SEAL_CRC, begin, end, end}}
/* Places in the footer of a segment, wherever the trailer says it is. */
#define FOOTER (INT64_C(1) << 40)
#define TRAILER_SEAL .seals = {{SEAL_XXH3, -48, -8, -8}}
#define FOOTER_SEAL .seals = {{SEAL_XXH3, FOOTER, -48, -16}, {SEAL_XXH3, -48, -8, -8}}

#define EVENTS "log/events/0/"
#define OLDER EVENTS "00000000000000000000.log"
#define NEWEST EVENTS "00000000000000000002.log"

#define SPILLED "spill/files/spill-0-0000000000000000"
#define NOT_HELD "a spill file that the checkpoint names is missing or damaged"

const struct damage damages[] = {
	/* ---- batch: head 152, rows from 152, places from 272, shapes from 552, their fields from 576, text from 616 to 789 ---- */
	{"batch", "batch/record", "another magic", AT(0, "X"), .code = ERROR_FORMAT,
	 .reason = "CRSB: magic not found at offset 0"},
	{"batch", "batch/record", "a later version", AT(4, "\1"), WHOLE_SEAL, .code = ERROR_VERSION,
	 .reason = "CRSB: version 1 at offset 4 is newer than 0"},
	{"batch", "batch/record", "an unknown flag that must be known", AT(12, "\2"), WHOLE_SEAL, .code = ERROR_VERSION,
	 .reason = "CRSB: unknown must-know flags 0x2 at offset 12"},
	{"batch", "batch/record", "reserved octets", AT(16, "\1"), WHOLE_SEAL, .code = ERROR_FORMAT,
	 .reason = "CRSB: reserved octets at offset 16 are not zero"},
	{"batch", "batch/record", "another size in the head", AT(24, "\1"), WHOLE_SEAL, .code = ERROR_FORMAT,
	 .reason = "batch: number of octets is not what is there at offset 24"},
	{"batch", "batch/record", "cut short", .cut = 8, .code = ERROR_FORMAT,
	 .reason = "batch: number of octets is not what is there at offset 24"},
	{"batch", "batch/record", "an octet of text", AT(632, "~"), .code = ERROR_DAMAGED,
	 .reason = "batch: checksum at offset 792 does not hold"},
	{"batch", "batch/record", "a section elsewhere", AT(116, "\x18"), WHOLE_SEAL, .code = ERROR_FORMAT,
	 .reason = "batch: section not where it must be at offset 116"},
	{"batch", "batch/record", "padding that is not zero", AT(789, "\1"), WHOLE_SEAL, .code = ERROR_FORMAT,
	 .reason = "batch: texts or padding wrong at offset 616"},
	{"batch", "batch/record", "a time without its bit", AT(192, "\1"), WHOLE_SEAL, .code = ERROR_FORMAT,
	 .reason = "batch: row wrong at offset 192"},
	{"batch", "batch/record", "observed too late", AT(160, "\xff\xff\xff\xff"), WHOLE_SEAL, .code = ERROR_FORMAT,
	 .reason = "batch: row wrong at offset 152"},
	{"batch", "batch/record", "an original longer than the text", AT(169, "\xff"), WHOLE_SEAL, .code = ERROR_FORMAT,
	 .reason = "batch: row wrong at offset 152"},
	{"batch", "batch/record", "places of another row", AT(212, "\5"), WHOLE_SEAL, .code = ERROR_FORMAT,
	 .reason = "batch: fields of a row wrong at offset 192"},
	{"batch", "batch/record", "a source that is not there", AT(178, "\2"), WHOLE_SEAL, .code = ERROR_FORMAT,
	 .reason = "batch: row wrong at offset 152"},
	{"batch", "batch/record", "a name that is not there", AT(576, "\x0a"), WHOLE_SEAL, .code = ERROR_FORMAT,
	 .reason = "batch: field of a shape wrong at offset 576"},
	{"batch", "batch/record", "a type that is not there", AT(578, "\x09"), WHOLE_SEAL, .code = ERROR_FORMAT,
	 .reason = "batch: field of a shape wrong at offset 576"},
	{"batch", "batch/record", "a null that is wide", AT(607, "\1"), WHOLE_SEAL, .code = ERROR_FORMAT,
	 .reason = "batch: field of a shape wrong at offset 604"},
	{"batch", "batch/record", "a shape that is not there", AT(176, "\3"), WHOLE_SEAL, .code = ERROR_FORMAT,
	 .reason = "batch: row wrong at offset 152"},
	{"batch", "batch/record", "a shape that begins elsewhere", AT(560, "\5"), WHOLE_SEAL, .code = ERROR_FORMAT,
	 .reason = "batch: shape wrong at offset 560"},
	{"batch", "batch/record", "a shape with a field more than there are", AT(572, "\1"), WHOLE_SEAL,
	 .code = ERROR_FORMAT, .reason = "batch: fields of the shapes wrong at offset 68"},
	{"batch", "batch/record", "a value past the row's text", AT(278, "\xff"), WHOLE_SEAL, .code = ERROR_FORMAT,
	 .reason = "batch: field wrong at offset 276"},
	{"batch", "batch/record", "a null with a place", AT(300, "\1"), WHOLE_SEAL, .code = ERROR_FORMAT,
	 .reason = "batch: field wrong at offset 300"},
	{"batch", "batch/wide", "a wide past the row's text", AT(204, "\5"), WHOLE_SEAL, .code = ERROR_FORMAT,
	 .reason = "batch: field wrong at offset 192"},
	{"batch", "batch/wide", "a wide of another field", AT(192, "\1"), WHOLE_SEAL, .code = ERROR_FORMAT,
	 .reason = "batch: field wrong at offset 192"},

	/* ---- match record: digests from 64, origins from 128, entries from 160 ---- */
	{"match", "match/record", "another magic", AT(3, "B"), .code = ERROR_FORMAT,
	 .reason = "CRSM: magic not found at offset 0"},
	{"match", "match/record", "a later version", AT(4, "\1"), WHOLE_SEAL, .code = ERROR_VERSION,
	 .reason = "CRSM: version 1 at offset 4 is newer than 0"},
	{"match", "match/record", "another size of the head", AT(6, "\x48"), WHOLE_SEAL, .code = ERROR_FORMAT,
	 .reason = "match record: sections of 536 octets in a record of 528"},
	{"match", "match/record", "an octet of a digest", AT(70, "~"), .code = ERROR_DAMAGED,
	 .reason = "match record: checksum at offset 520 does not hold"},
	{"match", "match/record", "cut short", .cut = 8, WHOLE_SEAL, .code = ERROR_FORMAT,
	 .reason = "match record: sections of 528 octets in a record of 520"},
	{"match", "match/record", "reserved octets", AT(40, "\1"), WHOLE_SEAL, .code = ERROR_FORMAT,
	 .reason = "match record: reserved octets at offset 40 are not zero"},
	{"match", "match/record", "an entry fewer in the head", AT(24, "\3"), WHOLE_SEAL, .code = ERROR_FORMAT,
	 .reason = "match record: 4 entries where the head says 3"},
	{"match", "match/record", "padding of an origin", AT(156, "\1"), WHOLE_SEAL, .code = ERROR_FORMAT,
	 .reason = "match record: origin 0 is not padded with zeros"},
	{"match", "match/record", "an entry longer than the record", AT(161, "\x7f"), WHOLE_SEAL, .code = ERROR_FORMAT,
	 .reason = "match record: entry 0 at offset 160 does not hold"},
	{"match", "match/record", "a digest that is not there", AT(196, "\2"), WHOLE_SEAL, .code = ERROR_FORMAT,
	 .reason = "match record: entry 0 at offset 160 does not hold"},
	{"match", "match/record", "a key that is no tuple", AT(236, "\x09"), WHOLE_SEAL, .code = ERROR_FORMAT,
	 .reason = "match record: entry 0 at offset 160 does not hold"},
	{"match", "match/record", "a kind that may not be ignored", AT(468, "\7\0\0"), WHOLE_SEAL, .code = ERROR_FORMAT,
	 .reason = "match record: entry 2 at offset 464 does not hold"},

	/* ---- the local log ---- */
	{"log", "log/partitions", "a count that does not hold", AT(24, "\2"), .code = ERROR_DAMAGED,
	 .reason = "log/partitions: octet 40: the checksum does not hold"},
	{"log", "log/partitions", "another count than is configured", AT(24, "\2"), HEAD_SEAL(40), .code = ERROR_CONFLICT,
	 .reason = "log has 2 partitions of events, the configuration says 1: a change needs a new data directory"},
	{"log", "log/partitions", "octets too many", AT(48, "\0"), .code = ERROR_DAMAGED,
	 .reason = "log/partitions: octet 48: nothing should follow"},
	{"log", OLDER, "a head that does not hold", AT(32, "~"), .code = ERROR_DAMAGED,
	 .reason = "log/events/0/00000000000000000000.log: octet 0 (offset 0): the file's head does not hold"},
	{"log", OLDER, "a later version", AT(4, "\1"), HEAD_SEAL(64), .code = ERROR_DAMAGED,
	 .reason = "log/events/0/00000000000000000000.log: octet 0 (offset 0): the file's head does not hold"},
	{"log", OLDER, "of another partition", AT(60, "\1"), HEAD_SEAL(64), .code = ERROR_DAMAGED,
	 .reason = "log/events/0/00000000000000000000.log: octet 0 (offset 0): the file belongs elsewhere"},
	{"log", OLDER, "shorter than the next file says", .cut = 8, .code = ERROR_DAMAGED,
	 .reason =
		 "log/events/0/00000000000000000002.log: octet 0 (offset 2): the file before it does not have the size it had"},
	{"log", OLDER, "an octet of a record", AT(160, "~"), .code = ERROR_DAMAGED,
	 .reason = "log/events/0/00000000000000000000.log: octet 120: the record of offset 1 is damaged"},
	{"log", NEWEST, "of another log", AT(32, "~"), HEAD_SEAL(64), .code = ERROR_DAMAGED,
	 .reason = "log/events/0/00000000000000000002.log: octet 0 (offset 2): the file is of another log"},
	{"log", NEWEST, "after a file that is not there", AT(40, "\1"), HEAD_SEAL(64), .code = ERROR_DAMAGED,
	 .reason = "log/events/0/00000000000000000002.log: octet 0 (offset 2): the file before it is missing"},
	{"log", NEWEST, "an octet of a record that was durable", AT(110, "~"), .code = ERROR_DAMAGED,
	 .reason =
		 "log/events/0/00000000000000000002.log: octet 72 (offset 2): a record below the durable mark is damaged or missing"},
	{"log", NEWEST, "shorter than what was durable", .cut = 8, .code = ERROR_DAMAGED,
	 .reason =
		 "log/events/0/00000000000000000002.log: octet 72 (offset 2): a record below the durable mark is damaged or missing"},

	/* ---- commit log: records at 88, 160 and 224 ---- */
	{"commitlog", "commitlog/plain", "a later version", AT(4, "\1"), CRC_SEAL(0, 84), .code = ERROR_VERSION,
	 .reason = "CRSL: version 1 at offset 4 is newer than 0"},
	{"commitlog", "commitlog/plain", "a head that does not hold", AT(40, "\1"), .code = ERROR_DAMAGED,
	 .reason = "commit log: checksum of the head at offset 84 does not hold"},
	{"commitlog", "commitlog/plain", "of another kind", AT(24, "x"), CRC_SEAL(0, 84), .code = ERROR_CONFLICT,
	 .reason = "commit log: is not one of kind \"store\""},
	{"commitlog", "commitlog/plain", "an octet of a record that has one behind it", AT(144, "~"), .code = ERROR_DAMAGED,
	 .reason = "commit log: record at offset 88 is damaged: a sound one follows at 160"},
	{"commitlog", "commitlog/plain", "a sequence that does not follow", AT(168, "\5"), CRC_SEAL(160, 220),
	 .code = ERROR_DAMAGED, .reason = "commit log: record at offset 160 has sequence 5; must be 1"},
	{"commitlog", "commitlog/plain", "a hash that does not follow", AT(184, "~"), CRC_SEAL(160, 220),
	 .code = ERROR_DAMAGED, .reason = "commit log: record at offset 160 does not follow the one before it"},
	{"commitlog", "commitlog/compacted", "a head that continues another file", AT(48, "~"), CRC_SEAL(0, 84),
	 .code = ERROR_DAMAGED, .reason = "commit log: record at offset 88 does not follow the one before it"},

	/* ---- checkpoint ---- */
	{"checkpoint", "checkpoint/detect", "a later version", AT(4, "\1"), WHOLE_SEAL, .code = ERROR_VERSION,
	 .reason = "CRSC: version 1 at offset 4 is newer than 0"},
	{"checkpoint", "checkpoint/detect", "of the other stage", AT(24, "\2"), WHOLE_SEAL, .code = ERROR_FORMAT,
	 .reason = "checkpoint of stage 2 at offset 24, wanted 1"},
	{"checkpoint", "checkpoint/detect", "an octet of it", AT(100, "~"), .code = ERROR_DAMAGED,
	 .reason = "checkpoint: checksum at offset "},
	{"checkpoint", "checkpoint/detect", "more marks than octets", AT(74, "\xff"), WHOLE_SEAL, .code = ERROR_FORMAT,
	 .reason = "checkpoint: content does not hold at offset "},
	{"checkpoint", "checkpoint/detect", "fewer parts than follow", AT(28, "\0"), WHOLE_SEAL, .code = ERROR_FORMAT,
	 .reason = "checkpoint: content does not hold at offset "},
	{"checkpoint", "checkpoint/detect", "of a partition that is not owned", AT(64, "\7"), WHOLE_SEAL,
	 .code = ERROR_CONFLICT, .reason = "saved state is of events partition 7, which is not owned"},
	{"checkpoint", "checkpoint/temporal", "of the other stage", AT(24, "\1"), WHOLE_SEAL, .code = ERROR_FORMAT,
	 .reason = "checkpoint of stage 1 at offset 24, wanted 2"},
	{"checkpoint", "checkpoint/temporal", "an octet of it", AT(-20, "~"), .code = ERROR_DAMAGED,
	 .reason = "checkpoint: checksum at offset "},
	{"checkpoint", "checkpoint/temporal", "more texts than octets", AT(78, "\xff"), WHOLE_SEAL, .code = ERROR_FORMAT,
	 .reason = "checkpoint: content does not hold at offset "},
	{"checkpoint", "checkpoint/temporal", "fewer groups than follow", AT(80, "\1"), WHOLE_SEAL, .code = ERROR_FORMAT,
	 .reason = "checkpoint: content does not hold at offset "},
	{"checkpoint", "checkpoint/temporal", "no spelling, but a key that is none", AT(1046, "\2"), WHOLE_SEAL,
	 .code = ERROR_FORMAT, .reason = "checkpoint: content does not hold at offset "},
	{"checkpoint", "checkpoint/temporal", "cut short", .cut = 16, WHOLE_SEAL, .code = ERROR_FORMAT,
	 .reason = "checkpoint: content does not hold at offset "},

	/* ---- spill: head 80, the first record from there; the checkpoint says how far each file goes ---- */
	{"spill", SPILLED, "a later version", AT(4, "\1"), HEAD_SEAL(72), .code = ERROR_DAMAGED, .reason = NOT_HELD},
	{"spill", SPILLED, "of another partition", AT(24, "\1"), HEAD_SEAL(72), .code = ERROR_DAMAGED, .reason = NOT_HELD},
	{"spill", SPILLED, "another serial", AT(32, "\7"), HEAD_SEAL(72), .code = ERROR_DAMAGED, .reason = NOT_HELD},
	{"spill", SPILLED, "of another correlation", AT(40, "~"), HEAD_SEAL(72), .code = ERROR_DAMAGED, .reason = NOT_HELD},
	{"spill", SPILLED, "a head that does not hold", AT(50, "~"), .code = ERROR_DAMAGED, .reason = NOT_HELD},
	{"spill", SPILLED, "an octet of a record", AT(120, "~"), .code = ERROR_DAMAGED, .reason = NOT_HELD},
	{"spill", SPILLED, "cut short", .cut = 8, .code = ERROR_DAMAGED, .reason = NOT_HELD},
	{"spill", "spill/temporal", "a record fewer than bits", AT(-63, "\x09"), WHOLE_SEAL, .code = ERROR_FORMAT,
	 .reason = "checkpoint: content does not hold at offset "},
	{"spill", "spill/temporal", "more records than the file has", AT(-63, "\x0b"), WHOLE_SEAL, .code = ERROR_DAMAGED,
	 .reason = NOT_HELD},
	{"spill", "spill/temporal", "fewer octets of a file", AT(-51, "\xa8"), WHOLE_SEAL, .code = ERROR_DAMAGED,
	 .reason = NOT_HELD},
	{"spill", "spill/temporal", "another serial", AT(-59, "\2"), WHOLE_SEAL, .code = ERROR_DAMAGED, .reason = NOT_HELD},
	{"spill", "spill/temporal", "of a partition that is not owned", AT(-67, "\3"), WHOLE_SEAL, .code = ERROR_FORMAT,
	 .reason = "checkpoint: content does not hold at offset "},
	{"spill", "spill/temporal", "a bit of a record that is not there", AT(-10, "\7"), WHOLE_SEAL, .code = ERROR_FORMAT,
	 .reason = "checkpoint: content does not hold at offset "},

	/* ---- segment: blocks from 96; trailer in the last 48 ---- */
	{"segment", "segment/one.seg", "another magic", AT(0, "X"), .code = ERROR_FORMAT,
	 .reason = "CRSS: magic not found at offset 0"},
	{"segment", "segment/one.seg", "a later version", AT(4, "\1"), HEAD_SEAL(88), .code = ERROR_VERSION,
	 .reason = "CRSS: version 1 at offset 4 is newer than 0"},
	{"segment", "segment/one.seg", "a head that does not hold", AT(30, "~"), .code = ERROR_DAMAGED,
	 .reason = "segment: the checksum of the head does not hold"},
	{"segment", "segment/one.seg", "reserved octets", AT(72, "\1"), HEAD_SEAL(88), .code = ERROR_FORMAT,
	 .reason = "segment: reserved octets of the head are not zero"},
	{"segment", "segment/one.seg", "an octet of a block", AT(150, "~"), .code = ERROR_DAMAGED,
	 .reason = "segment: the checksum of the block does not hold"},
	{"segment", "segment/one.seg", "an octet of the footer", AT(FOOTER + 100, "~"), .code = ERROR_DAMAGED,
	 .reason = "segment: the checksum of the footer does not hold"},
	{"segment", "segment/one.seg", "another number of rows", AT(FOOTER + 8, "\4"), FOOTER_SEAL, .code = ERROR_FORMAT,
	 .reason = "segment: the footer begins wrongly"},
	{"segment", "segment/one.seg", "more row groups than octets", AT(FOOTER + 1, "\xff"), FOOTER_SEAL,
	 .code = ERROR_FORMAT, .reason = "segment: the footer begins wrongly"},
	{"segment", "segment/one.seg", "a footer elsewhere", AT(-40, "\0"), TRAILER_SEAL, .code = ERROR_FORMAT,
	 .reason = "segment: the footer is not where the trailer says"},
	{"segment", "segment/one.seg", "a trailer that does not hold", AT(-44, "~"), .code = ERROR_DAMAGED,
	 .reason = "segment: the checksum of the trailer does not hold"},
	{"segment", "segment/one.seg", "cut short", .cut = 8, .code = ERROR_FORMAT,
	 .reason = "segment: no trailer at the end"},
};
const size_t damage_count = sizeof damages / sizeof *damages;

static size_t place(const uint8_t *octets, size_t len, int64_t at)
{
	uint64_t from = at >= FOOTER ? get_u64(octets + len - 40) + (uint64_t)(at - FOOTER)
					: at < 0     ? len - (uint64_t)-at
								 : (uint64_t)at;
	CHECK(from <= len);
	return from;
}

static void put_octets(const struct damage *d, struct fake *fake)
{
	size_t len;
	uint8_t *octets = fake_file_get(fake, d->file, &len);
	CHECK(octets != NULL);
	size_t at = place(octets, len, d->at);
	if (at + d->octets.len > len)
		fake_file_resize(fake, d->file, at + d->octets.len);
	octets = fake_file_get(fake, d->file, &len);
	/* a damage that changes nothing proves nothing */
	CHECK(at + d->octets.len == len || memcmp(octets + at, d->octets.ptr, d->octets.len) != 0);
	memcpy(octets + at, d->octets.ptr, d->octets.len);
}

void damage_do(const struct damage *d, struct fake *fake)
{
	size_t len;
	CHECK(d->cut > 0 || d->octets.len > 0);
	CHECK(fake_file_get(fake, d->file, &len) != NULL && len > d->cut);
	if (d->cut > 0)
		fake_file_resize(fake, d->file, len - d->cut);
	if (d->octets.len > 0)
		put_octets(d, fake);
	uint8_t *octets = fake_file_get(fake, d->file, &len);
	for (size_t i = 0; i < 2 && d->seals[i].kind != SEAL_NONE; i++) {
		size_t from = place(octets, len, d->seals[i].from), to = place(octets, len, d->seals[i].to),
			   at = place(octets, len, d->seals[i].at);
		struct slice covered = slice_of(octets + from, to - from);
		if (d->seals[i].kind == SEAL_XXH3)
			put_u64(octets + at, xxh3(covered));
		else
			put_u32(octets + at, crc32c(0, covered.ptr, covered.len));
	}
	fake_file_settle(fake);
}
