/* The inside of a row group being read: for group_*.c, and for query_sift*.c, which asks templates and values what the
 * rows made of them can hold. */
#ifndef STORE_GROUP_READER_H
#define STORE_GROUP_READER_H

#include "store/group.h"

struct structure_piece {
	uint8_t from, form;
	int8_t quarters;
	bool needed; /* by the names asked for */
	uint32_t column;
};

struct structure_field {
	uint16_t name;
	uint8_t type;
	bool wanted;
	uint32_t first, count; /* pieces */
};

struct group_structure {
	uint32_t piece_count, original_pieces, field_count, literal_count, small_count;
	struct structure_piece *pieces;
	struct structure_field *fields;
	uint32_t *value_columns; /* of the pieces that are values, from left to right */
	uint32_t value_count;
};

struct group_template {
	const struct group_structure *structure;
	const struct slice *literals;
	const uint32_t *smalls;
};

/* Room in the group's arena; null past GROUP_MEMORY_MAX or without memory. */
void *group_room(struct group *g, size_t count, size_t size);
int group_bad(struct error *error, const char *what);
/* Reads the values of a column, when they were not read yet. */
int group_load_column(struct group *g, uint32_t number, struct error *error);
int group_open_templates(struct group *g, struct slice octets, struct error *error);

#endif
