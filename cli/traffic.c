#include "cli/traffic_filling.h"

#include <stdio.h>

uint64_t traffic_random(struct traffic *t, uint64_t below)
{
	return below ? traffic_draw(t) % below : 0;
}

/* ---- devices ---- */

static enum traffic_family device_family(uint32_t i)
{
	unsigned at = (i * 37 + 11) % 100, sum = 0;
	for (int f = 0; f < TRAFFIC_FAMILIES; f++) {
		sum += traffic_families[f].devices;
		if (at < sum)
			return (enum traffic_family)f;
	}
	return TRAFFIC_LINUX;
}

static void device_init(struct traffic *t, struct device *d, uint32_t i, double *sum)
{
	d->family = device_family(i);
	snprintf(d->host, sizeof d->host, "%s%03u", traffic_families[d->family].stem, i);
	d->counter = 1000000 + traffic_random(t, 90000000);
	d->secret = traffic_draw(t);
	*sum += 1.0 / (3.0 + i); /* Zipf, flattened at the head */
	d->until = *sum;
}

struct traffic *traffic_new(const struct env *env, uint64_t seed, uint32_t sources)
{
	struct traffic *t = env_zalloc(env, sizeof *t);
	double sum = 0;
	CHECK(sources > 0);
	if (!t)
		return NULL;
	*t = (struct traffic){.env = env, .state = seed, .device_count = sources, .second = INT64_MIN};
	t->devices = env_zalloc(env, sources * sizeof *t->devices);
	buffer_init(&t->line, env);
	for (uint32_t i = 0; t->devices && i < sources; i++)
		device_init(t, &t->devices[i], i, &sum);
	t->spare.counter = 4000000;
	t->spare.secret = traffic_draw(t);
	for (size_t i = 0; i < traffic_template_count; i++)
		t->weights[traffic_templates[i].family] += traffic_templates[i].weight;
	if (!t->devices) {
		traffic_free(t);
		return NULL;
	}
	return t;
}

void traffic_free(struct traffic *t)
{
	if (!t)
		return;
	buffer_free(&t->line);
	env_free(t->env, t->devices);
	env_free(t->env, t);
}

/* ---- time ---- */

static void set_time(struct traffic *t, int64_t time_ns)
{
	static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
										 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	struct calendar c, east;
	t->time_ns = time_ns;
	if (time_ns / NS_PER_S == t->second)
		return;
	t->second = time_ns / NS_PER_S;
	clock_to_calendar(time_ns, &c);
	clock_to_calendar(time_ns + 8 * NS_PER_HOUR, &east);
	snprintf(t->ts, sizeof t->ts, "%s %2u %02u:%02u:%02u", months[c.month - 1], c.day, c.hour, c.minute, c.second);
	snprintf(t->date, sizeof t->date, "%04d-%02u-%02u", c.year % 10000, c.month, c.day);
	snprintf(t->clock, sizeof t->clock, "%02u:%02u:%02u", c.hour, c.minute, c.second);
	snprintf(t->iso, sizeof t->iso, "%sT%s.", t->date, t->clock);
	snprintf(t->clf, sizeof t->clf, "%02u/%s/%04d:%s +0000", c.day, months[c.month - 1], c.year % 10000, t->clock);
	snprintf(t->beijing, sizeof t->beijing, "%04d-%02u-%02u %02u:%02u:%02u", east.year % 10000, east.month, east.day,
			 east.hour, east.minute, east.second);
	snprintf(t->year, sizeof t->year, "%04d", c.year % 10000);
}

/* ---- lines ---- */

/* An address outside: a few hundred come again and again, the rest seldom. Never one of those kept for documentation. */
static uint32_t draw_outside(struct traffic *t)
{
	uint64_t which = traffic_random(t, 25) ? traffic_random(t, 300) : 300 + traffic_random(t, 40000);
	uint64_t h = traffic_scramble(which + 1);
	return (20 + (uint32_t)(h >> 56) % 150) << 24 | (uint32_t)(h >> 32 & 0xffff00) | (1 + (uint32_t)(h & 255) % 254);
}

static void draw_flow(struct traffic *t, struct device *d, struct flow *f)
{
	uint64_t bits = traffic_draw(t), more = traffic_draw(t);
	*f = (struct flow){.id = traffic_draw(t),
					   .outside = draw_outside(t),
					   .inside = traffic_inside(bits % 240 * 20),
					   .port = (uint16_t)(49152 + (bits >> 16) % 16000),
					   .pid = 300 + (uint32_t)(bits >> 32) % 32000,
					   .user = (uint16_t)(more % TRAFFIC_USERS),
					   .agent = (uint16_t)(more >> 16)};
	d->counter += 1 + (more >> 40) % 3;
	f->connection = d->counter;
}

void traffic_fill(struct traffic *t, const char *template, const char *host, uint32_t source, int64_t time_ns,
				  struct buffer *out)
{
	struct filling f = {
		.t = t, .host = host, .device = source < t->device_count ? &t->devices[source] : &t->spare, .out = out};
	set_time(t, time_ns);
	draw_flow(t, f.device, &f.fresh);
	f.flow = &f.fresh;
	filling_fill(&f, slice_str(template));
}

static uint32_t draw_device(struct traffic *t)
{
	double at = (double)(traffic_draw(t) >> 11) / 9007199254740992.0 * t->devices[t->device_count - 1].until;
	uint32_t low = 0, high = t->device_count - 1;
	while (low < high) {
		uint32_t middle = (low + high) / 2;
		if (t->devices[middle].until > at)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static const char *draw_template(struct traffic *t, enum traffic_family family)
{
	uint64_t at = traffic_random(t, t->weights[family]);
	for (size_t i = 0; i < traffic_template_count; i++) {
		if (traffic_templates[i].family != family)
			continue;
		if (at < traffic_templates[i].weight)
			return traffic_templates[i].text;
		at -= traffic_templates[i].weight;
	}
	CHECK(t->weights[family] == 0); /* never: each family has templates */
	return "";
}

void traffic_next(struct traffic *t, int64_t time_ns, struct traffic_line *out)
{
	uint32_t source = draw_device(t);
	const struct device *d = &t->devices[source];
	buffer_reset(&t->line);
	traffic_fill(t, draw_template(t, d->family), d->host, source, time_ns, &t->line);
	t->counts.lines++;
	*out =
		(struct traffic_line){.line = buffer_slice(&t->line), .source = source, .tcp = traffic_families[d->family].tcp};
}

void traffic_counts(const struct traffic *t, struct traffic_counts *out)
{
	*out = t->counts;
}
