#include "cli/demo_show.h"

#include "cli/control.h"
#include "cli/setup.h"
#include "cli/story.h"
#include "store/store.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#define SHOWN_EVENTS 3
#define SHOWN_OCTETS 360

/* ---- asking ---- */

static bool ask_folder(const struct demo_view *v, const char *folder, const char *json,
					   int (*line)(void *ctx, struct slice line), void *ctx, struct error *error)
{
	char path[4200];
	struct buffer end;
	struct arena arena;
	snprintf(path, sizeof path, "%s/control.sock", folder);
	buffer_init(&end, v->env);
	arena_init(&arena, v->env, 0);
	int result = control_ask(path, slice_str(json), -1, line, ctx, &end, error);
	const struct json_node *told = json_member(json_tree(&arena, buffer_slice(&end)), "end");
	if (!result && json_member_i64(told, "code", 1) != 0)
		result = error_set(error, ERROR_IO, "%s", json_member_str(told, "error", "the answer ended with an error"));
	arena_free(&arena);
	buffer_free(&end);
	return result == 0;
}

bool demo_ask(const struct demo_view *v, const char *json, int (*line)(void *ctx, struct slice line), void *ctx,
			  struct error *error)
{
	return ask_folder(v, v->data, json, line, ctx, error);
}

static void copy_member(const struct json_node *object, const char *key, char *out, size_t size)
{
	const struct json_node *n = json_member(object, key);
	snprintf(out, size, "%.*s", n ? (int)n->text.len : 0, n ? (const char *)n->text.ptr : "");
}

static uint64_t count_of(const struct json_node *object, const char *part, const char *key)
{
	int64_t n = json_member_i64(json_member(object, part), key, 0);
	return n > 0 ? (uint64_t)n : 0;
}

struct taking {
	struct arena arena;
	struct demo_view *view;
	struct demo_status *status;
	const struct json_node *object; /* of the last line */
};

static int take_status(void *ctx, struct slice line)
{
	struct taking *t = ctx;
	const struct json_node *n = json_tree(&t->arena, line);
	struct demo_status *s = t->status;
	s->received += count_of(n, "ingest", "received");
	s->dropped += count_of(n, "ingest", "dropped");
	s->connections += count_of(n, "ingest", "connections");
	s->events += count_of(n, "detect", "events");
	s->rows += count_of(n, "store", "rows");
	s->rows_unsealed += count_of(n, "store", "rows_unsealed");
	s->segments += count_of(n, "store", "segments");
	s->bytes_raw += count_of(n, "store", "bytes_raw");
	s->bytes_stored += count_of(n, "store", "bytes_stored");
	copy_member(n, "ruleset", s->ruleset, sizeof s->ruleset);
	return 0;
}

bool demo_get_status(const struct demo_view *v, struct demo_status *out, struct error *error)
{
	static const char request[] = "{\"verb\":\"status\"}";
	struct taking t = {.status = out};
	*out = (struct demo_status){0};
	arena_init(&t.arena, v->env, 0);
	bool good = ask_folder(v, v->data, request, take_status, &t, error);
	for (unsigned i = 0; good && i < sizeof v->others / sizeof *v->others && v->others[i]; i++)
		good = ask_folder(v, v->others[i], request, take_status, &t, error);
	arena_free(&t.arena);
	return good;
}

/* The row's own object, which `show` gives under "incident". */
static const struct json_node *incident_of(const struct json_node *n)
{
	const struct json_node *inner = json_member(n, "incident");
	while (inner && inner->type == JSON_OBJECT) {
		n = inner;
		inner = json_member(n, "incident");
	}
	return n;
}

static int take_incident(void *ctx, struct slice line)
{
	struct taking *t = ctx;
	const struct json_node *n = incident_of(json_tree(&t->arena, line)), *rule = json_member(n, "rule");
	if (!n || t->view->count == DEMO_INCIDENTS)
		return 0;
	struct demo_incident *i = &t->view->incidents[t->view->count++];
	copy_member(n, "id", i->id, sizeof i->id);
	copy_member(rule && rule->type == JSON_OBJECT ? rule : n, "title", i->title, sizeof i->title);
	copy_member(rule && rule->type == JSON_OBJECT ? rule : n, "level", i->level, sizeof i->level);
	copy_member(n, "group", i->group, sizeof i->group);
	copy_member(n, "first_seen", i->first_seen, sizeof i->first_seen);
	copy_member(n, "last_seen", i->last_seen, sizeof i->last_seen);
	i->count = json_member_i64(n, "count", 0);
	i->story = story_find(i->title, i->group);
	return 0;
}

/* In the order of the story; what was not planted comes last. */
static void sort_incidents(struct demo_view *v)
{
	for (unsigned i = 1; i < v->count; i++)
		for (unsigned j = i; j > 0 && (unsigned)v->incidents[j].story < (unsigned)v->incidents[j - 1].story; j--) {
			struct demo_incident swap = v->incidents[j];
			v->incidents[j] = v->incidents[j - 1];
			v->incidents[j - 1] = swap;
		}
}

bool demo_get_incidents(struct demo_view *v, struct error *error)
{
	struct taking t = {.view = v};
	v->count = 0;
	arena_init(&t.arena, v->env, 0);
	bool good = demo_ask(v, "{\"verb\":\"incidents list\"}", take_incident, &t, error);
	arena_free(&t.arena);
	sort_incidents(v);
	return good;
}

/* ---- printing ---- */

static void print_text(struct slice s, size_t limit)
{
	struct buffer b;
	buffer_init(&b, setup_env());
	text_escape_screen(&b, s.len > limit ? slice_of(s.ptr, limit) : s);
	if (!b.failed)
		fwrite(b.ptr, 1, b.len, stdout);
	if (s.len > limit)
		fputs(" ...", stdout);
	buffer_free(&b);
}

static void print_str(const char *text)
{
	print_text(slice_str(text), SIZE_MAX);
}

bool demo_judge(const struct demo_view *v, bool tell)
{
	bool good = true;
	for (unsigned s = 0; s < story_incident_count; s++) {
		unsigned found = 0;
		for (unsigned i = 0; i < v->count; i++)
			found += v->incidents[i].story == (int)s;
		if (found == 1)
			continue;
		good = false;
		if (tell)
			printf("%s: \"%s\" for %s %s\n", found ? "FOUND MORE THAN ONCE" : "MISSING", story_incidents[s].title,
				   story_incidents[s].group, story_incidents[s].value);
	}
	for (unsigned i = 0; i < v->count; i++) {
		if (v->incidents[i].story >= 0)
			continue;
		good = false;
		if (tell) {
			printf("NOT PLANTED: \"");
			print_str(v->incidents[i].title);
			printf("\" for ");
			print_str(v->incidents[i].group);
			putchar('\n');
		}
	}
	return good;
}

/* {"a":"b","c":"d"} as a = b, c = d. */
static void print_group(const struct demo_view *v, const char *json)
{
	struct arena arena;
	arena_init(&arena, v->env, 0);
	const struct json_node *n = json_tree(&arena, slice_str(json));
	for (const struct json_node *m = n ? n->first : NULL; m; m = m->next) {
		print_text(m->key, 80);
		fputs(" ", stdout);
		print_text(m->text, 80);
		fputs(m->next ? ", " : "", stdout);
	}
	arena_free(&arena);
}

/* ---- events of an incident ---- */

struct events {
	struct taking taking;
	uint64_t total;
	struct event_place {
		char when[40], source[80];
		unsigned same; /* events before it of the same time and source */
	} shown[SHOWN_EVENTS];
	unsigned count;
};

static int take_events(void *ctx, struct slice line)
{
	struct events *e = ctx;
	const struct json_node *n = incident_of(json_tree(&e->taking.arena, line)), *list = json_member(n, "events");
	const struct json_node *before = NULL;
	uint64_t at = 0;
	unsigned same = 0;
	for (const struct json_node *m = list ? list->first : NULL; m; m = m->next)
		e->total++;
	for (const struct json_node *m = list ? list->first : NULL; m; before = m, m = m->next, at++) {
		bool equal = before && slice_equal(json_member(before, "when")->text, json_member(m, "when")->text);
		same = equal ? same + 1 : 0;
		if (at != 0 && at != e->total / 2 && at + 1 != e->total)
			continue;
		struct event_place *p = &e->shown[e->count++];
		copy_member(m, "when", p->when, sizeof p->when);
		copy_member(m, "source", p->source, sizeof p->source);
		p->same = same;
		if (e->count == SHOWN_EVENTS)
			break;
	}
	return 0;
}

struct originals {
	struct arena arena;
	unsigned skip; /* rows before the one wanted */
	bool printed;
};

static int print_original(void *ctx, struct slice line)
{
	struct originals *o = ctx;
	if (o->printed || o->skip) {
		o->skip -= o->skip > 0;
		return 0;
	}
	const struct json_node *n = json_member(json_tree(&o->arena, line), "original");
	fputs("      | ", stdout);
	print_text(n ? n->text : SLICE("(octets that are no UTF-8)"), SHOWN_OCTETS);
	putchar('\n');
	o->printed = true;
	return 0;
}

/* The row of that source at that time; the address of a group makes it certain where a device said more in a second. */
static void show_event(const struct demo_view *v, const struct event_place *p, const char *word)
{
	struct originals o = {.skip = p->same};
	struct error error = {0};
	struct buffer b, query;
	struct json_writer w;
	char to[40];
	int64_t ns = 0;
	bool zone, leap;
	(void)clock_parse_iso(slice_str(p->when), &ns, &zone, &leap);
	to[clock_print(ns + 1, to)] = '\0';
	buffer_init(&b, v->env);
	buffer_init(&query, v->env);
	arena_init(&o.arena, v->env, 0);
	buffer_add_format(&query, "source:\"%s\" %s", p->source, word);
	json_writer_init(&w, &b);
	json_object(&w);
	json_key(&w, "verb");
	json_str(&w, "search");
	json_key(&w, "query");
	json_string(&w, buffer_slice(&query));
	json_key(&w, "from");
	json_str(&w, p->when);
	json_key(&w, "to");
	json_str(&w, to);
	json_object_end(&w);
	buffer_add_octet(&b, 0);
	if (b.failed || query.failed || !demo_ask(v, (const char *)b.ptr, print_original, &o, &error))
		printf("      (cannot be read: %s)\n", error.text);
	arena_free(&o.arena);
	buffer_free(&query);
	buffer_free(&b);
}

static void show_events(const struct demo_view *v, const struct demo_incident *i)
{
	char request[128];
	struct events e = {0};
	struct error error = {0};
	snprintf(request, sizeof request, "{\"verb\":\"incidents show\",\"id\":\"%s\"}", i->id);
	arena_init(&e.taking.arena, v->env, 0);
	const struct story_incident *s = i->story >= 0 ? &story_incidents[i->story] : NULL;
	bool address = s && strcmp(s->group, "source.ip") == 0;
	if (demo_ask(v, request, take_events, &e, &error))
		for (unsigned k = 0; k < e.count; k++)
			show_event(v, &e.shown[k], address ? s->value : "");
	else
		printf("      (cannot be read: %s)\n", error.text);
	arena_free(&e.taking.arena);
}

static const char *time_of_day(const char *when)
{
	return strlen(when) > 11 && when[10] == 'T' ? when + 11 : when;
}

void demo_show_incident(const struct demo_view *v, const struct demo_incident *i)
{
	const char *on = !v->color                           ? ""
					 : strcmp(i->level, "critical") == 0 ? "\033[1;31m"
														 : "\033[1;33m",
			   *off = v->color ? "\033[0m" : "";
	printf("  %s%-8s%s  ", on, i->level, off);
	print_str(i->title);
	printf("\n      ");
	print_group(v, i->group);
	printf("\n      %s to %s, %lld %s\n", time_of_day(i->first_seen), time_of_day(i->last_seen), (long long)i->count,
		   i->count == 1 ? "event" : "events");
	show_events(v, i);
	putchar('\n');
}

/* ---- search ---- */

struct table {
	struct arena arena;
	bool headed;
};

static void print_cells(const struct json_node *row, bool keys)
{
	fputs("     ", stdout);
	for (const struct json_node *m = row->first; m; m = m->next) {
		struct slice s = keys ? m->key : m->type == JSON_NULL ? SLICE("-") : m->text;
		putchar(' ');
		print_text(s, 40);
		for (size_t n = s.len; n < 22 && m->next; n++)
			putchar(' ');
	}
	putchar('\n');
}

static int print_row(void *ctx, struct slice line)
{
	struct table *t = ctx;
	const struct json_node *row = json_tree(&t->arena, line);
	if (!row)
		return 0;
	if (!t->headed)
		print_cells(row, true);
	t->headed = true;
	print_cells(row, false);
	return 0;
}

void demo_show_search(const struct demo_view *v, const char *query)
{
	struct table t = {0};
	struct error error = {0};
	struct buffer b;
	struct json_writer w;
	arena_init(&t.arena, v->env, 0);
	buffer_init(&b, v->env);
	json_writer_init(&w, &b);
	json_object(&w);
	json_key(&w, "verb");
	json_str(&w, "search");
	json_key(&w, "query");
	json_str(&w, query);
	json_object_end(&w);
	buffer_add_octet(&b, 0);
	printf("  cresset search '%s'\n", query);
	if (b.failed || !demo_ask(v, (const char *)b.ptr, print_row, &t, &error))
		printf("      (failed: %s)\n", error.text);
	putchar('\n');
	buffer_free(&b);
	arena_free(&t.arena);
}

/* ---- segment ---- */

/* The largest segment of the store: path in out, false when there is none. */
static bool find_segment(const struct demo_view *v, char *out, size_t size)
{
	char dir[4200];
	off_t largest = -1;
	snprintf(dir, sizeof dir, "%s/store/segments", v->data);
	DIR *d = opendir(dir);
	for (struct dirent *e; d && (e = readdir(d));) {
		char path[4600];
		struct stat st;
		size_t len = strlen(e->d_name);
		if (len < 4 || strcmp(e->d_name + len - 4, ".seg") != 0)
			continue;
		snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		if (stat(path, &st) == 0 && st.st_size > largest && (size_t)snprintf(out, size, "%s", path) < size)
			largest = st.st_size;
	}
	if (d)
		closedir(d);
	return largest >= 0;
}

void demo_show_segment(const struct demo_view *v, unsigned lines)
{
	char path[4600];
	struct buffer text;
	struct error error = {0};
	if (!find_segment(v, path, sizeof path)) {
		printf("  (no segment was sealed)\n");
		return;
	}
	printf("  cresset segment show %s\n", path);
	buffer_init(&text, v->env);
	if (segment_show(v->env, path, false, &text, &error))
		printf("      (failed: %s)\n", error.text);
	struct slice all = buffer_slice(&text);
	for (size_t at = 0; lines && at < all.len; lines--) {
		size_t end = slice_find_octet(all, '\n', at);
		end = end == SIZE_MAX ? all.len : end;
		fputs("      ", stdout);
		print_text(slice_of(all.ptr + at, end - at), SHOWN_OCTETS);
		putchar('\n');
		at = end + 1;
	}
	if (!lines)
		puts("      ...");
	buffer_free(&text);
}
