/* A cache of compiled literals. Only files of rules/ include it.
 *
 * A file for each list of literals, version of libhs and kind of machine: FOLDER/literals-KEY, where KEY is the beginning of
 * the SHA-256 of these. Octets:
 *
 *    0   8  "CRSLITS0"
 *    8  32  the whole SHA-256
 *   40  32  SHA-256 of what follows
 *   72      for each column that has literals, in order: length u32 little-endian, what libhs serialises
 *
 * It is written beside its name and renamed, and never synced: whatever is not as above is as if it were not there. A folder
 * keeps a few. Only this machine reads it, so that the format is no treaty; but who may write into the folder may make
 * the rules miss what they look for, and libhs trusts what it reads: it belongs to us alone.
 */
#ifndef RULES_COLUMNS_CACHE_H
#define RULES_COLUMNS_CACHE_H

#include "rules/columns.h"

/* Sets the literal sets of all columns, or of none: false. */
bool columns_cache_read(struct columns *c, const char *folder);
/* Failing is nothing that anybody need know. */
void columns_cache_write(const struct columns *c, const char *folder);

#endif
