/* YARA rules of a ruleset: compiled by libyara; a scanner per evaluator. Only files of rules/ include it.
 *
 * libyara allocates by itself. Compiled sets are shared by the scanners, read-only.
 */
#ifndef RULES_YARA_RULES_H
#define RULES_YARA_RULES_H

#include "rules/load.h"

struct yara_scanner;

/* Compiles the YARA files that were met; a file that does not compile is refused whole, the rest load. */
int yara_rules_load(struct loader *l);
void yara_rules_free(struct yara_rules *y);
/* Null: no memory. */
struct yara_scanner *yara_scanner_new(const struct env *env, const struct ruleset *r);
void yara_scanner_free(struct yara_scanner *s);
/* Looks at the events of the batch from row `first` on, all at once; `count` rows. Then yara_scanner_row is asked about
 * each of them, as often as one likes. -ERROR_MEMORY. */
int yara_scanner_batch(struct yara_scanner *s, const struct batch *batch, uint32_t first, uint32_t count);
/* The rules that hold for that row, until the next call. Returns the number, or -ERROR_MEMORY. plain: judged as if each
 * record were alone, by libyara and the whole set. *undecided grows by what was given up at a limit. */
int yara_scanner_row(struct yara_scanner *s, const struct batch *batch, const struct batch_row *row, bool plain,
					 const uint32_t **rules, uint64_t *undecided);
/* Rules that a shard found and nothing had spoken for. Always 0: tests hold it to that. */
uint64_t yara_scanner_stray(const struct yara_scanner *s);

/* ---- yara_watch.c, yara_quarantine.c: behind the functions of the same names in rules.h ---- */

int yara_scanner_watch(struct yara_scanner *s, const struct ruleset *r, uint64_t budget_ns);
void yara_scanner_costs(const struct yara_scanner *s, struct yara_costs *out);
bool yara_scanner_cost(const struct yara_scanner *s, uint32_t rule, struct yara_cost *out);
uint32_t yara_scanner_quarantined(const struct yara_scanner *s, const struct yara_quarantine **out);
int yara_scanner_quarantine(struct yara_scanner *s, uint32_t rule);
void yara_quarantine_lift(struct yara_scanner *s);

#endif
