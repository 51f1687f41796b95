/* An example event: a YAML map as the row that a JSON event of the same content would become. Only files of rules/ and
 * their tests include it.
 */
#ifndef RULES_EXAMPLE_H
#define RULES_EXAMPLE_H

#include "common/batch.h"
#include "rules/yaml_tree.h"

/* The map as JSON text. */
void example_json(const struct tree_node *map, struct buffer *out);
/* Adds one row: nested names joined by '.', lists as repeated fields, `original` as given. */
int example_row(struct batch_builder *b, struct dictionary *names, const struct tree_node *map, struct slice original);

#endif
