/* YARA rules in quarantine: the operator is told, once, and again when they are judged again. */
#include "cli/engine.h"

#include <stdio.h>

void engine_yara_rule(struct json_writer *w, const struct rule *rule)
{
	json_key(w, "rule");
	json_object(w);
	json_key(w, "id");
	if (rule->id.len)
		json_string(w, rule->id);
	else
		json_null(w);
	json_key(w, "title");
	json_string(w, rule->title);
	json_object_end(w);
	json_key(w, "file");
	json_string(w, rule->file);
	json_member_u64(w, "line", rule->line);
}

void engine_yara_quarantine(struct json_writer *w, const struct engine *e, const struct detect_quarantine *q)
{
	engine_yara_rule(w, q->rule);
	json_member_u64(w, "ns_per_event", q->events ? q->spent_ns / q->events : 0);
	json_member_u64(w, "budget_ns_per_event", e->config.yara_budget_ns);
	json_member_u64(w, "spent_ns", q->spent_ns);
	json_member_u64(w, "events", q->events);
	json_key(w, "not_judged_from");
	json_time(w, q->from_ns);
}

static int write_row(struct engine *e, const struct detect_quarantine *q, const char *what, int64_t until_ns)
{
	struct buffer b;
	struct json_writer w;
	struct error error = {0};
	buffer_init(&b, e->env);
	json_writer_init(&w, &b);
	json_object(&w);
	json_key(&w, "ledger");
	json_object(&w);
	json_key(&w, "stage");
	json_str(&w, "detect");
	json_key(&w, what);
	json_object(&w);
	engine_yara_quarantine(&w, e, q);
	json_key(&w, "digest");
	json_hex(&w, q->rule->digest, 32);
	if (until_ns) {
		json_key(&w, "not_judged_until");
		json_time(&w, until_ns);
	}
	json_object_end(&w);
	json_object_end(&w);
	json_object_end(&w);
	int result = b.failed ? -ERROR_MEMORY : own_writer_row(&e->changes, ROW_LEDGER, buffer_slice(&b), NULL, &error);
	buffer_free(&b);
	return result;
}

void engine_yara_tell(struct engine *e)
{
	const struct detect_quarantine *q;
	uint32_t n = e->detect ? detect_quarantined(e->detect, &q) : 0;
	for (uint32_t i = 0; i < n; i++) {
		if (q[i].told || write_row(e, &q[i], "quarantined", 0))
			continue; /* refused: the next step tries again */
		detect_quarantine_told(e->detect, i);
		fprintf(
			stderr,
			"cresset: the YARA rule '%.*s' (%.*s:%u) took %llu ns an event, its budget is %llu: it is judged no more "
			"until other rules are loaded or cresset is started again\n",
			SLICE_PRINT(q[i].rule->title), SLICE_PRINT(q[i].rule->file), q[i].rule->line,
			(unsigned long long)(q[i].events ? q[i].spent_ns / q[i].events : 0),
			(unsigned long long)e->config.yara_budget_ns);
		/* What comes out from here on follows from a state that is not on the medium: it goes there now. */
		e->hurry = e->dirty = true;
	}
}

void engine_yara_lift(struct engine *e)
{
	const struct detect_quarantine *q;
	uint32_t n = e->detect ? detect_quarantined(e->detect, &q) : 0;
	int64_t now = n > 0 ? env_now(e->env) : 0;
	for (uint32_t i = 0; i < n; i++)
		if (write_row(e, &q[i], "lifted", now))
			e->audit_lost++;
	if (n > 0)
		detect_lift(e->detect);
	e->dirty |= n > 0;
}
