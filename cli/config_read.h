/* Reading a configuration: config.c and the files of its parts. Whatever does not hold is complained of where it stands, and
 * reading goes on, so that one run names all of it. One thread.
 */
#ifndef CLI_CONFIG_READ_H
#define CLI_CONFIG_READ_H

#include "cli/config.h"

#include "rules/yaml_tree.h"

#define CONFIG_DEFAULT_PORT 5514

/* Where we are while reading: complaints go to `tell`, the first one is kept. */
struct config_reading {
	struct config *config;
	diagnostic_fn *tell;
	void *ctx;
	struct error first;
};

/* A table of keys, each with the function that takes its value; ends with null. */
struct config_key {
	const char *name;
	void (*take)(struct config_reading *r, const struct tree_node *value, void *target);
};

/* ---- config_values.c: what does not hold is complained of, and the answer is null, false or what it was ---- */

void config_complain(struct config_reading *r, const struct tree_node *at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
const char *config_str(struct config_reading *r, const struct tree_node *n, const char *key);
uint64_t config_number(struct config_reading *r, const struct tree_node *n, const char *key, uint64_t least,
					   uint64_t most, uint64_t fallback);
bool config_bool(struct config_reading *r, const struct tree_node *n, const char *key);
/* The place of the text in `names`. */
int config_choice(struct config_reading *r, const struct tree_node *n, const char *key, const char *const *names,
				  int fallback);
/* One text or a list of them, in the arena of the configuration; ends with null. */
const char **config_strs(struct config_reading *r, const struct tree_node *n, const char *key, uint32_t *count);
/* Each key's function is given its value; an unknown one is complained of, with those that are known. */
void config_map(struct config_reading *r, const struct tree_node *map, const char *what, const struct config_key *keys,
				void *target);
bool config_map_has(const struct tree_node *map, const char *key);

/* ---- parts; the target is the configuration ---- */

/* config_inputs.c */
void config_take_sources(struct config_reading *r, const struct tree_node *n, void *target);
void config_take_defaults(struct config_reading *r, const struct tree_node *n, void *target);
void config_take_inputs(struct config_reading *r, const struct tree_node *n, void *target);
/* config_bus.c */
void config_take_bus(struct config_reading *r, const struct tree_node *n, void *target);
void config_take_store(struct config_reading *r, const struct tree_node *n, void *target);

#endif
