#include "rules/explain.h"

#define SEEN_MAX 16u
#define SEEN_BYTES 400u

struct explain {
	struct row_view *view;
	struct regex_scratch *regex;
	struct json_writer *w;
};

static void print_verdict(struct json_writer *w, enum verdict verdict)
{
	json_key(w, "holds");
	if (verdict == VERDICT_UNKNOWN)
		json_str(w, "undecided");
	else
		json_bool(w, verdict == VERDICT_TRUE);
}

/* ---- an item ---- */

/* Long texts are cut: what a keyword is looked for in is the whole message. */
static void print_text(struct json_writer *w, struct slice text)
{
	if (text.len > SEEN_BYTES)
		text.len = SEEN_BYTES;
	json_string(w, text);
}

static void print_fields(struct explain *x, const struct item *item)
{
	struct row_view *v = x->view;
	uint32_t at = row_view_first(v, &item->names);
	json_key(x->w, "seen");
	if (at == NO_VALUE) {
		json_null(x->w); /* the field is missing */
		return;
	}
	json_array(x->w);
	for (uint32_t n = 0; at != NO_VALUE && n < SEEN_MAX; n++, at = v->links[at].next) {
		const struct view_value *value = row_view_value(v, at);
		if (value->value.type == VALUE_NULL)
			json_null(x->w);
		else
			print_text(x->w, value->text);
	}
	json_array_end(x->w);
}

static void print_texts(struct explain *x)
{
	struct row_view *v = x->view;
	if (row_view_texts(v)) {
		v->failed = true;
		return;
	}
	json_key(x->w, "seen");
	json_array(x->w);
	for (uint32_t i = 0; i < v->text_count && i < SEEN_MAX; i++)
		print_text(x->w, v->texts[i].text);
	json_array_end(x->w);
}

/* Where a mapping gave the field another name, the one that is there. */
static void print_looked_at(struct explain *x, const struct item *item)
{
	const struct row_view *v = x->view;
	for (uint32_t i = 1; i < item->names.count; i++)
		if (v->slots[item->names.ids[i]].stamp == v->stamp && v->slots[item->names.ids[0]].stamp != v->stamp) {
			json_key(x->w, "seen_as");
			json_string(x->w, dictionary_name(v->fields, item->names.ids[i]));
			return;
		}
}

static void print_wanted(struct explain *x, const struct item *item)
{
	json_key(x->w, item->all ? "all_of" : "any_of");
	json_array(x->w);
	for (uint32_t i = 0; i < item->count; i++) {
		struct item one = *item;
		one.matchers = &item->matchers[i];
		one.count = 1;
		json_object(x->w);
		json_key(x->w, "value");
		json_string(x->w, item->matchers[i].written);
		print_verdict(x->w, item_judge(&one, x->view, x->regex));
		json_object_end(x->w);
	}
	json_array_end(x->w);
}

static void print_item(struct explain *x, const struct item *item)
{
	json_key(x->w, "item");
	json_string(x->w, item->written);
	json_key(x->w, "line");
	json_u64(x->w, item->line);
	if (item->keyword) {
		print_texts(x);
	} else {
		print_looked_at(x, item);
		print_fields(x, item);
	}
	print_wanted(x, item);
}

/* ---- the tree ---- */

/* Depth is bounded by that of YAML and of parentheses. */
static void print_node(struct explain *x, const struct node *n)
{
	static const char *const names[] = {[NODE_AND] = "and", [NODE_OR] = "or", [NODE_NOT] = "not"};
	json_object(x->w);
	print_verdict(x->w, node_judge(n, x->view, x->regex));
	if (n->selection.len > 0) {
		json_key(x->w, "selection");
		json_string(x->w, n->selection);
	}
	if (n->kind == NODE_ITEM) {
		print_item(x, n->item);
	} else {
		json_key(x->w, names[n->kind]);
		json_array(x->w);
		for (uint32_t i = 0; i < n->count; i++)
			print_node(x, n->children[i]);
		json_array_end(x->w);
	}
	json_object_end(x->w);
}

static void print_logsource(struct json_writer *w, const char *key, const struct logsource *l)
{
	const struct {
		const char *key;
		struct slice text;
	} parts[] = {{"product", l->product}, {"category", l->category}, {"service", l->service}};
	json_key(w, key);
	json_object(w);
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (parts[i].text.len > 0) {
			json_key(w, parts[i].key);
			json_string(w, parts[i].text);
		}
	json_object_end(w);
}

void explain_rule(const struct detection *d, const struct logsource *row, struct row_view *v,
				  struct regex_scratch *regex, struct json_writer *w)
{
	struct explain x = {v, regex, w};
	bool agrees = logsource_agrees(&d->rule.logsource, row);
	print_verdict(w, agrees ? node_judge(d->root, v, regex) : VERDICT_FALSE);
	json_key(w, "logsource");
	json_object(w);
	print_logsource(w, "rule", &d->rule.logsource);
	print_logsource(w, "event", row);
	json_key(w, "agrees");
	json_bool(w, agrees);
	json_object_end(w);
	json_key(w, "why");
	print_node(&x, d->root);
}
