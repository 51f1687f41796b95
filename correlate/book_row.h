/* Reading the rows that the book of incidents is made of (docs/format-match.md). Slices point into the row. */
#ifndef CORRELATE_BOOK_ROW_H
#define CORRELATE_BOOK_ROW_H

#include "common/common.h"

enum book_row_kind {
	BOOK_ROW_OTHER,
	BOOK_ROW_INCIDENT,
	BOOK_ROW_CHANGE,
	BOOK_ROW_SILENCE /* only the kind is read */
};

struct book_row {
	enum book_row_kind kind;
	uint8_t id[16];
	bool final; /* incident */
	struct slice replaces; /* incident: JSON array or empty */
	struct slice suppressed_by; /* incident: JSON text or empty */
	struct slice rule, group, first_seen, last_seen, fired, count, firing_points; /* JSON texts */
	uint64_t version; /* change */
	struct slice status; /* change: text without quotes */
	struct slice whole; /* the inner object */
};

/* False when the row is of these kinds but not what it should be. */
bool book_row_read(struct slice json, struct book_row *out);
/* The same for the inner object of an incident (`whole`). */
bool book_row_inner(struct slice json, struct book_row *out);
/* The next id of a `replaces` array; *place begins at 0. */
bool book_row_replaced(struct slice replaces, size_t *place, uint8_t id[16]);

#endif
