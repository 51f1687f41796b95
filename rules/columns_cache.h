/* Compiled literals, kept (compiled_cache.h). Only files of rules/ include it.
 *
 * A file for each list of literals, version of libhs and kind of machine. Content: for each column that has literals, in order: length
 * u32 little-endian, what libhs serialises.
 */
#ifndef RULES_COLUMNS_CACHE_H
#define RULES_COLUMNS_CACHE_H

#include "rules/columns.h"

/* Sets the literal sets of all columns, or of none: false. */
bool columns_cache_read(struct columns *c, const char *folder);
/* Failing is nothing that anybody need know. */
void columns_cache_write(const struct columns *c, const char *folder);

#endif
