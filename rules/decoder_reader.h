/* What the readers of decoder files share while loading: where we are, whom to tell, where things are kept.
 *
 * A reader belongs to one call of decoders_load. The first thing wrong in a decoder refuses that decoder; lack of memory
 * refuses everything (reader.out_of_memory).
 */
#ifndef RULES_DECODER_READER_H
#define RULES_DECODER_READER_H

#include "rules/decoder.h"
#include "rules/yaml_tree.h"

/* Renames that several decoders use: `renames:` of a file without a decoder. */
struct shared_rename {
	struct slice name;
	const struct tree_node *map;
	struct shared_rename *next;
};

struct decoder_reader {
	struct shared_rename *shared; /* in the arena of the trees */
	void *pattern_room; /* decoder_pattern.c: made once, used for every pattern */
	struct decoders *d;
	const char *file;
	char name[64]; /* of the decoder being read */
	diagnostic_fn *tell;
	void *ctx;
	bool refused, out_of_memory;
	struct decoder *decoder;
};

/* Tells what is wrong at a place and marks the decoder as refused. Always false, so that `return reader_refuse(...)`. */
bool reader_refuse(struct decoder_reader *r, uint32_t line, uint32_t column, const char *id, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
bool reader_refuse_node(struct decoder_reader *r, const struct tree_node *n, const char *id, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* Zeroed room in the decoders' arena; null marks the reader out of memory. */
void *reader_room(struct decoder_reader *r, size_t count, size_t size);
bool reader_copy(struct decoder_reader *r, struct slice text, struct slice *out);
bool reader_name(struct decoder_reader *r, struct slice name, uint16_t *out);
/* "name" or "name:map". */
bool reader_target(struct decoder_reader *r, struct slice text, uint32_t line, uint32_t column,
				   struct decoder_target *out);
bool reader_map_find(struct decoder_reader *r, struct slice name, uint16_t *out);
/* True when every key of the map is in the list (null-terminated); tells about the first one that is not. */
bool reader_keys(struct decoder_reader *r, const struct tree_node *map, const char *const *known);
/* One scalar or a list of scalars. */
bool reader_slices(struct decoder_reader *r, const struct tree_node *n, const struct slice **out, uint16_t *count);
bool reader_text(struct decoder_reader *r, const struct tree_node *n, struct slice *out);
bool reader_constants(struct decoder_reader *r, const struct tree_node *map, const struct decoder_constant **out,
					  uint16_t *count);
/* Values to compare with; "SESS*" is any that begins so. */
const struct condition_value *reader_values(struct decoder_reader *r, const struct slice *texts, uint16_t count);
bool reader_conditions(struct decoder_reader *r, const struct tree_node *map, const struct decoder_condition **out,
					   uint16_t *count);
bool reader_logsource(struct decoder_reader *r, const struct tree_node *map, uint16_t *out);
bool reader_steps(struct decoder_reader *r, const struct tree_node *list, uint32_t depth, struct decoder_step **out,
				  uint16_t *count);
bool reader_renames(struct decoder_reader *r, const struct tree_node *n, struct rename_set *out);
bool reader_tests(struct decoder_reader *r, const struct tree_node *list, const struct decoder_test **out,
				  uint16_t *count);
bool reader_format(struct decoder_reader *r, const struct tree_node *n, uint8_t *out);
/* The decoder of one document; null when it was refused. */
struct decoder *reader_decoder(struct decoder_reader *r, const struct tree_node *root);

#endif
