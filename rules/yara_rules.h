/* YARA rules of a ruleset: compiled by libyara into one set; a scanner per evaluator. Only files of rules/ include it.
 *
 * libyara allocates by itself. A compiled set is shared by the scanners, read-only.
 */
#ifndef RULES_YARA_RULES_H
#define RULES_YARA_RULES_H

#include "rules/load.h"

struct yara_scanner;

/* Compiles *.yar and *.yara under the paths; a file that does not compile is refused whole, the rest load. */
int yara_rules_load(struct loader *l, const char *const *paths, size_t count, struct error *error);
void yara_rules_free(struct yara_rules *y);
/* Null: no memory. */
struct yara_scanner *yara_scanner_new(const struct env *env, const struct ruleset *r);
void yara_scanner_free(struct yara_scanner *s);
/* Sets bit (rule index) of `hits` for each rule that holds. 0; 1 when it was given up at a limit. */
int yara_scanner_scan(struct yara_scanner *s, struct slice octets, uint64_t *hits);

#endif
