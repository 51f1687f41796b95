#include "cli/finding.h"

static void member(struct json_writer *w, const char *key, const struct json_node *node)
{
	json_key(w, key);
	if (!node)
		json_null(w);
	else if (node->type == JSON_STRING)
		json_string(w, node->text);
	else
		json_raw(w, node->text);
}

static void print_rule(struct json_writer *w, const struct json_node *rule)
{
	json_key(w, "rule");
	json_object(w);
	member(w, "id", json_member(rule, "id"));
	member(w, "title", json_member(rule, "title"));
	member(w, "level", json_member(rule, "level"));
	member(w, "tags", json_member(rule, "tags"));
	json_object_end(w);
}

static void begin(struct finding_print *p, struct json_writer *w, const char *kind, const struct json_node *row,
				  const char *time)
{
	json_writer_init(w, p->out);
	json_object(w);
	json_key(w, "kind");
	json_str(w, kind);
	print_rule(w, json_member(row, "rule"));
	member(w, "time", json_member(row, time));
	json_key(w, "events");
	json_array(w);
}

static void end(struct finding_print *p, struct json_writer *w)
{
	json_object_end(w);
	buffer_add_octet(p->out, '\n');
	p->printed++;
}

static void print_finding(struct finding_print *p, const struct json_node *f)
{
	struct json_writer w;
	bool yara = strcmp(json_member_str(json_member(f, "rule"), "kind", ""), "yara") == 0;
	begin(p, &w, yara ? "yara" : "detection", f, "when");
	p->event(p->ctx, &w, json_member(f, "event"));
	json_array_end(&w);
	end(p, &w);
}

static void print_incident(struct finding_print *p, const struct json_node *i)
{
	static const char *const members[] = {"id",        "first_seen", "last_seen", "count", "firing_points",
										  "continues", "tie"};
	struct json_writer w;
	const struct json_node *events = json_member(i, "events");
	/* A rule of a high level makes an incident by itself; its findings are told already. */
	bool correlation = strcmp(json_member_str(json_member(i, "rule"), "kind", ""), "correlation") == 0;
	if ((!correlation && !p->incidents) || strcmp(json_member_str(i, "state", ""), "final") != 0 ||
		json_member(i, "suppressed_by"))
		return;
	begin(p, &w, correlation ? "correlation" : "incident", i, "fired");
	for (const struct json_node *e = events ? events->first : NULL; e; e = e->next)
		p->event(p->ctx, &w, e);
	json_array_end(&w);
	member(&w, "group", json_member(i, "group"));
	json_key(&w, "incident");
	json_object(&w);
	for (size_t k = 0; k < sizeof members / sizeof *members; k++)
		if (json_member(i, members[k]))
			member(&w, members[k], json_member(i, members[k]));
	json_object_end(&w);
	end(p, &w);
}

void finding_print(struct finding_print *p, const struct batch *batch)
{
	for (uint32_t i = 0; i < batch->row_count; i++) {
		struct batch_row row;
		batch_get_row(batch, i, &row);
		if (row.kind != ROW_FINDING && row.kind != ROW_INCIDENT)
			continue;
		arena_reset(&p->arena);
		const struct json_node *root = json_tree(&p->arena, row.original);
		if (json_member(root, "finding"))
			print_finding(p, json_member(root, "finding"));
		else if (json_member(root, "incident"))
			print_incident(p, json_member(root, "incident"));
	}
}
