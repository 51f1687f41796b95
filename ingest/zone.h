/* A zone: what a wall clock somewhere showed, as seconds from UTC.
 *
 * Fixed offsets ("+08:00"), IANA names read from the TZif files of the system (RFC 8536, version 2 and later, with the
 * rule of the footer for times past the table), "local" = /etc/localtime, UTC when that is missing. The C library's time
 * zone globals are never touched. Owned by the struct ingest that opened it; holds a small cache, so one thread.
 */
#ifndef INGEST_ZONE_H
#define INGEST_ZONE_H

#include "common/common.h"

struct zone;

/* An empty name is UTC. ERROR_NOT_FOUND for an unknown name, ERROR_FORMAT for a file that is no TZif. */
int zone_open(const struct env *env, struct slice name, struct zone **out, struct error *error);
/* Made from octets of a TZif file, for tests and fuzzing. */
int zone_from_octets(const struct env *env, struct slice octets, struct zone **out, struct error *error);
void zone_free(const struct env *env, struct zone *zone);

/* Seconds east of UTC in force at that instant (seconds since 1970 UTC). */
int32_t zone_offset_at(struct zone *zone, int64_t utc);
/* The same for a wall clock reading (seconds since 1970 as if it were UTC). *ambiguous: the reading comes twice or not at
 * all; the offset in force before the change is used. */
int32_t zone_offset_of_local(struct zone *zone, int64_t local, bool *ambiguous);
/* Offset of an abbreviation ("CST") that this zone itself uses; false when it does not. */
bool zone_abbreviation(const struct zone *zone, struct slice text, int32_t *offset);

#endif
