#include "cli/config_read.h"

#include <errno.h>

#define CONFIG_BYTES_MAX (1u << 20)
#define CONFIG_STATE_BYTES_MIN (UINT64_C(1) << 20)
#define CONFIG_STATE_BYTES_MAX (UINT64_C(1) << 40)

static void take_data(struct config_reading *r, const struct tree_node *n, void *target)
{
	const char *text = config_str(r, n, "data");
	if (text)
		((struct config *)target)->data = text;
}

static void take_rule_paths(struct config_reading *r, const struct tree_node *n, void *target)
{
	struct config *c = target;
	c->rules = config_strs(r, n, "rules", &c->rule_count);
}

static void take_pipelines(struct config_reading *r, const struct tree_node *n, void *target)
{
	struct config *c = target;
	c->pipelines = config_strs(r, n, "rules.pipelines", &c->pipeline_count);
}

/* Paths, or a map with pipelines beside them. */
static void take_rules(struct config_reading *r, const struct tree_node *n, void *target)
{
	static const struct config_key keys[] = {{"paths", take_rule_paths}, {"pipelines", take_pipelines}, {NULL, NULL}};
	if (n->type == TREE_MAP)
		config_map(r, n, "rules", keys, target);
	else
		take_rule_paths(r, n, target);
}

static void take_shadow(struct config_reading *r, const struct tree_node *n, void *target)
{
	struct config *c = target;
	c->shadow = config_strs(r, n, "shadow", &c->shadow_count);
}

static void take_decoders(struct config_reading *r, const struct tree_node *n, void *target)
{
	struct config *c = target;
	c->decoders = config_strs(r, n, "decoders", &c->decoder_count);
}

static void take_yara_on(struct config_reading *r, const struct tree_node *n, void *target)
{
	((struct config *)target)->yara = config_bool(r, n, "yara.enabled");
}

static void take_yara_budget(struct config_reading *r, const struct tree_node *n, void *target)
{
	((struct config *)target)->yara_budget_ns =
		config_number(r, n, "yara.budget_ns_per_event", 0, NS_PER_S, (uint64_t)LIMIT_yara_budget_ns);
}

/* true or false, or a map. */
static void take_yara(struct config_reading *r, const struct tree_node *n, void *target)
{
	static const struct config_key keys[] = {
		{"enabled", take_yara_on}, {"budget_ns_per_event", take_yara_budget}, {NULL, NULL}};
	if (n->type == TREE_MAP)
		config_map(r, n, "yara", keys, target);
	else
		((struct config *)target)->yara = config_bool(r, n, "yara");
}

static void take_window_bytes(struct config_reading *r, const struct tree_node *n, void *target)
{
	((struct config *)target)->window_bytes = config_number(r, n, "correlation.window_bytes", CONFIG_STATE_BYTES_MIN,
															CONFIG_STATE_BYTES_MAX, (uint64_t)LIMIT_window_bytes);
}

static void take_spill_bytes(struct config_reading *r, const struct tree_node *n, void *target)
{
	((struct config *)target)->spill_bytes = config_number(r, n, "correlation.spill_bytes", CONFIG_STATE_BYTES_MIN,
														   CONFIG_STATE_BYTES_MAX, (uint64_t)LIMIT_spill_bytes);
}

static void take_correlation(struct config_reading *r, const struct tree_node *n, void *target)
{
	static const struct config_key keys[] = {
		{"window_bytes", take_window_bytes}, {"spill_bytes", take_spill_bytes}, {NULL, NULL}};
	config_map(r, n, "correlation", keys, target);
}

static void take_message_bytes(struct config_reading *r, const struct tree_node *n, void *target)
{
	((struct config *)target)->message_bytes = (uint32_t)config_number(
		r, n, "message_bytes", 480, (uint64_t)LIMIT_message_bytes_max, (uint64_t)LIMIT_message_bytes);
}

static const struct config_key top_keys[] = {{"data", take_data},
											 {"inputs", config_take_inputs},
											 {"defaults", config_take_defaults},
											 {"sources", config_take_sources},
											 {"rules", take_rules},
											 {"shadow", take_shadow},
											 {"decoders", take_decoders},
											 {"yara", take_yara},
											 {"correlation", take_correlation},
											 {"bus", config_take_bus},
											 {"store", config_take_store},
											 {"message_bytes", take_message_bytes},
											 {NULL, NULL}};

int config_defaults(struct config *c, const struct env *env, struct error *error)
{
	*c = (struct config){.env = env,
						 .data = "./cresset-data",
						 .store_name = "main",
						 .yara = true,
						 .yara_budget_ns = (uint64_t)LIMIT_yara_budget_ns,
						 .window_bytes = (uint64_t)LIMIT_window_bytes,
						 .spill_bytes = (uint64_t)LIMIT_spill_bytes,
						 .replication = 1,
						 .partitions = {4, 4, 4, 1},
						 .topic_prefix = "cresset.",
						 .client_id = "cresset",
						 .zstd_level = 3};
	c->defaults.charset_auto = true;
	c->defaults.zone = SLICE("local");
	arena_init(&c->arena, env, 0);
	c->inputs = arena_zalloc(&c->arena, sizeof *c->inputs);
	if (!c->inputs)
		return error_set(error, ERROR_MEMORY, "no memory for the configuration");
	c->inputs[0] =
		(struct config_input){.address = SLICE("127.0.0.1"), .port = CONFIG_DEFAULT_PORT, .udp = true, .tcp = true};
	c->input_count = 1;
	return 0;
}

static void check_whole(struct config_reading *r)
{
	struct config *c = r->config;
	if (c->bus_kafka && !c->bootstrap)
		config_complain(r, NULL, "bus.kind kafka needs bus.bootstrap, such as 127.0.0.1:9092");
	if (!c->bus_kafka && (c->bootstrap || c->bus_options))
		config_complain(r, NULL, "bus.bootstrap and bus.options belong to bus.kind kafka");
}

int config_read(struct config *c, const char *path, diagnostic_fn *tell, void *ctx, struct error *error)
{
	struct config_reading r = {.config = c, .tell = tell, .ctx = ctx};
	struct yaml_tree tree;
	uint8_t *octets;
	size_t len;
	int result = env_read_file(c->env, path, CONFIG_BYTES_MAX, &octets, &len);
	if (result)
		return error_set(error, result == -ENOMEM ? ERROR_MEMORY : ERROR_USAGE, "cannot read the configuration %s: %s",
						 path, strerror(-result));
	c->file = arena_string(&c->arena, slice_str(path));
	struct slice text = arena_copy(&c->arena, slice_of(octets, len));
	env_free(c->env, octets);
	result = yaml_tree_parse(&c->arena, text, &tree, error);
	if (result)
		return result;
	if (tree.count > 1)
		config_complain(&r, tree.documents[1].root, "a configuration is one YAML document");
	if (tree.count && !tree.documents[0].root) {
		struct tree_node at = {.line = tree.documents[0].error.line, .column = tree.documents[0].error.column};
		config_complain(&r, &at, "%s", tree.documents[0].error.text);
	} else if (tree.count) {
		config_map(&r, tree.documents[0].root, "the configuration", top_keys, c);
		check_whole(&r);
	}
	if (r.first.code && error)
		*error = r.first;
	return r.first.code ? -(int)r.first.code : 0;
}

void config_free(struct config *c)
{
	arena_free(&c->arena);
	*c = (struct config){0};
}
