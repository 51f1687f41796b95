#include "correlate/row.h"

const char *rule_level_name(enum rule_level level)
{
	static const char *const names[] = {"", "informational", "low", "medium", "high", "critical"};
	return level <= LEVEL_CRITICAL ? names[level] : "";
}

static const char *kind_name(enum rule_kind kind)
{
	return kind == RULE_CORRELATION ? "correlation" : kind == RULE_YARA ? "yara" : "detection";
}

void row_rule(struct json_writer *w, const struct rule *rule, const uint8_t digest[32])
{
	json_key(w, "rule");
	json_object(w);
	json_key(w, "id");
	if (rule->id.len > 0)
		json_string(w, rule->id);
	else
		json_null(w);
	json_key(w, "title");
	json_string(w, rule->title);
	json_key(w, "level");
	if (rule->level == LEVEL_NONE)
		json_null(w);
	else
		json_str(w, rule_level_name(rule->level));
	json_key(w, "tags");
	json_array(w);
	for (uint32_t i = 0; i < rule->tag_count; i++)
		json_string(w, rule->tags[i]);
	json_array_end(w);
	json_key(w, "digest");
	json_hex(w, digest, 32);
	json_key(w, "kind");
	json_str(w, kind_name(rule->kind));
	json_object_end(w);
}

void row_event(struct json_writer *w, const struct event_identity *event, int64_t when_ns, struct slice source)
{
	json_object(w);
	json_key(w, "collector");
	json_hex(w, event->collector, 16);
	json_key(w, "epoch");
	json_u64(w, event->epoch);
	json_key(w, "partition");
	json_u64(w, event->partition);
	json_key(w, "sequence");
	json_u64(w, event->sequence);
	json_key(w, "when");
	json_time(w, when_ns);
	json_key(w, "source");
	json_string(w, source);
	json_object_end(w);
}

void row_component(struct json_writer *w, enum key_tag tag, struct slice octets)
{
	if (tag == KEY_MISSING)
		json_null(w);
	else
		json_string(w, octets);
}
