/* Structures and templates as the format has them, from the keys under which the rows found them. */
#include "store/group_writer.h"

static void put_structure(struct buffer *out, struct slice key)
{
	const uint8_t *p = key.ptr;
	uint32_t v[3], pieces;
#define NEXT(into) (memcpy(&(into), p, 4), p += 4)
	NEXT(pieces);
	NEXT(v[0]);
	buffer_add_varint(out, pieces);
	buffer_add_varint(out, v[0]);
	while (pieces-- > 0) {
		NEXT(v[0]);
		buffer_add_octet(out, (uint8_t)v[0]);
		if ((uint8_t)v[0] == PIECE_VALUE)
			buffer_add_varint(out, v[0] >> 8);
		if ((uint8_t)v[0] == PIECE_TIME) {
			int8_t quarters = (int8_t)(v[0] >> 16);
			buffer_add_octet(out, (uint8_t)(v[0] >> 8));
			buffer_add_varint(out, (uint8_t)(quarters * 2 ^ (quarters >> 7)));
		}
	}
	uint32_t fields;
	NEXT(fields);
	buffer_add_varint(out, fields);
	while (fields-- > 0) {
		NEXT(v[0]);
		buffer_add_varint(out, v[0] & 0xffff);
		buffer_add_octet(out, (uint8_t)(v[0] >> 16));
		if (v[0] >> 16 == VALUE_NULL || v[0] >> 16 == VALUE_SMALL)
			continue;
		NEXT(v[1]);
		NEXT(v[2]);
		buffer_add_varint(out, v[1]);
		buffer_add_varint(out, v[2]);
	}
#undef NEXT
}

void group_fill_templates(struct group_writer *g, struct buffer *out)
{
	buffer_add_varint(out, g->structures.count);
	for (uint32_t i = 0; i < g->structures.count; i++)
		put_structure(out, g->structures.items[i]);
	buffer_add_varint(out, g->templates.count);
	for (uint32_t i = 0; i < g->templates.count; i++) {
		struct slice key = g->templates.items[i];
		uint32_t structure;
		memcpy(&structure, key.ptr, sizeof structure);
		buffer_add_varint(out, structure);
		buffer_add_slice(out, slice_from(key, sizeof structure));
	}
}
