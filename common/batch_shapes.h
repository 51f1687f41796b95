/* The shapes of the batch being built: which names and types its rows have, in which order. Only for batch_builder.c.
 *
 * Devices write few kinds of lines, so most rows find their shape and leave only the places of their values behind. As in
 * batch_table.h a slot counts only when its stamp is the present one; warm, nothing is allocated.
 */
#ifndef COMMON_BATCH_SHAPES_H
#define COMMON_BATCH_SHAPES_H

#include "common/buffer.h"

struct shape_slot {
	uint32_t stamp, index;
	uint64_t hash;
};

struct batch_shapes {
	struct buffer entries; /* as they are written: first field, fields, zero */
	struct buffer fields; /* of 4 octets each, as they are written */
	struct shape_slot *slots;
	uint32_t slot_count, count, stamp;
	uint64_t seed;
};

void batch_shapes_init(struct batch_shapes *s, const struct env *env, uint64_t seed);
void batch_shapes_begin(struct batch_shapes *s);
/* The shape with these fields (name, type and flags as one little-endian number each). *hash is for batch_shapes_add. */
bool batch_shapes_find(const struct batch_shapes *s, const uint32_t *fields, uint32_t count, uint64_t *hash,
					   uint16_t *index);
/* One that is not there yet. -ERROR_LIMIT past 65,535 shapes, -ERROR_MEMORY; the shapes are as before then. */
int batch_shapes_add(struct batch_shapes *s, const uint32_t *fields, uint32_t count, uint64_t hash, uint16_t *index);
void batch_shapes_free(struct batch_shapes *s);

#endif
