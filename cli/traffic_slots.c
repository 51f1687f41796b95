/* Slots of a template: {host}, {n:1:9}, {pick:a|b}. */
#include "cli/traffic_filling.h"

/* ---- values ---- */

static void put_number(struct buffer *out, uint64_t v, unsigned digits)
{
	uint8_t text[20];
	unsigned at = sizeof text;
	do {
		text[--at] = (uint8_t)('0' + v % 10);
		v /= 10;
	} while (v || sizeof text - at < digits);
	buffer_add(out, text + at, sizeof text - at);
}

static void put_chars(struct buffer *out, uint64_t seed, const char *alphabet, unsigned letters, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		if (i % 10 == 0)
			seed = traffic_scramble(seed + UINT64_C(0x9e3779b97f4a7c15));
		buffer_add_octet(out, (uint8_t)alphabet[(seed >> i % 10 * 6) % letters]);
	}
}

static void put_address(struct buffer *out, uint32_t a)
{
	for (int shift = 24; shift >= 0; shift -= 8) {
		put_number(out, a >> shift & 255, 1);
		if (shift)
			buffer_add_octet(out, '.');
	}
}

/* People work at their own desks. */
static uint32_t desk_of(unsigned user)
{
	return 10u << 24 | 11u << 16 | (user / 20) << 8 | (20 + user % 20 * 7);
}

static void put_user(struct buffer *out, unsigned user)
{
	static const char *const names[] = {"akhan",  "bwolf",  "cli",   "dmeyer",  "efischer",
										"fzhang", "gnovak", "hsato", "ivanova", "jlind"};
	buffer_add_str(out, names[user % 10]);
	if (user >= 10)
		put_number(out, user / 10, 1);
}

static uint64_t to_number(struct slice s)
{
	uint64_t v = 0;
	bool good = slice_to_u64(s, &v);
	CHECK(good);
	return v;
}

/* "LO:HI" */
static void put_range(struct filling *f, struct slice range)
{
	size_t colon = slice_find_octet(range, ':', 0);
	CHECK(colon != SIZE_MAX);
	uint64_t low = to_number(slice_of(range.ptr, colon)), high = to_number(slice_from(range, colon + 1));
	put_number(f->out, low + traffic_random(f->t, high - low + 1), 1);
}

/* ---- slots ---- */

static const char hex[] = "0123456789abcdef";
static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void slot_milliseconds(struct filling *f)
{
	buffer_add_str(f->out, f->t->iso);
	put_number(f->out, (uint64_t)(f->t->time_ns / NS_PER_MS % 1000), 3);
	buffer_add_octet(f->out, 'Z');
}

/* Seconds since the device was started. */
static void slot_uptime(struct filling *f)
{
	uint64_t up = (uint64_t)f->t->time_ns + f->device->secret % 3000000 * UINT64_C(1000000000);
	put_number(f->out, up / UINT64_C(1000000000) % 10000000, 1);
	buffer_add_octet(f->out, '.');
	put_number(f->out, up / 1000 % 1000000, 6);
}

static void slot_mac(struct filling *f)
{
	uint64_t h = traffic_scramble(f->device->secret ^ f->flow->agent % 8);
	for (int i = 0; i < 14; i++) {
		if (i)
			buffer_add_octet(f->out, ':');
		unsigned v = i < 6    ? (unsigned)(f->device->secret >> 8 * i & 255)
					 : i > 11 ? 8u * (unsigned)(13 - i)
							  : (unsigned)(h >> 8 * (i - 6) & 255);
		put_chars(f->out, 0, hex + v / 16, 1, 1);
		put_chars(f->out, 0, hex + v % 16, 1, 1);
	}
}

/* A browser keeps its name. */
static void slot_agent(struct filling *f)
{
	unsigned which = f->flow->agent;
	buffer_add_str(f->out, "Mozilla/5.0 (");
	buffer_add_str(f->out, traffic_platforms[which % TRAFFIC_PLATFORMS]);
	buffer_add_str(f->out, ") ");
	buffer_add_str(f->out, traffic_browsers[which / 8 % TRAFFIC_BROWSERS]);
}

/* One user has one place to come from. */
static void slot_vpn(struct filling *f)
{
	buffer_add_str(f->out, "remip=192.0.2.");
	put_number(f->out, 10 + f->flow->user, 1);
	buffer_add_str(f->out, " user=\"");
	put_user(f->out, f->flow->user);
	buffer_add_octet(f->out, '"');
}

static void slot_key(struct filling *f)
{
	put_chars(f->out, f->flow->user + 77u, base64, 64, 43);
}

/* The fingerprint of what a host connects with, and the hash of a program: few of each, come again everywhere. */
static void slot_print(struct filling *f)
{
	put_chars(f->out, 5000u + f->flow->inside % 40, hex, 16, 32);
}

static void slot_image(struct filling *f)
{
	put_chars(f->out, 9000u + f->flow->agent % 50, hex, 16, 64);
}

/* {flow:new} remembers a connection, {flow:old} speaks of one again, {flow:mix} does mostly the latter. */
static void choose_flow(struct filling *f, struct slice how)
{
	struct device *d = f->device;
	bool old = slice_equal(how, SLICE("old")) || (slice_equal(how, SLICE("mix")) && traffic_random(f->t, 6));
	if (old && d->flow_count) {
		f->flow = &d->flows[traffic_random(f->t, d->flow_count)];
		return;
	}
	f->flow = &d->flows[d->flow_next];
	*f->flow = f->fresh;
	d->flow_next = (d->flow_next + 1) % TRAFFIC_FLOWS;
	d->flow_count += d->flow_count < TRAFFIC_FLOWS;
}

static void slot_ts(struct filling *f)
{
	buffer_add_str(f->out, f->t->ts);
}
static void slot_date(struct filling *f)
{
	buffer_add_str(f->out, f->t->date);
}
static void slot_clock(struct filling *f)
{
	buffer_add_str(f->out, f->t->clock);
}
static void slot_clf(struct filling *f)
{
	buffer_add_str(f->out, f->t->clf);
}
static void slot_year(struct filling *f)
{
	buffer_add_str(f->out, f->t->year);
}
static void slot_beijing(struct filling *f)
{
	buffer_add_str(f->out, f->t->beijing);
}

static void slot_name(struct filling *f)
{
	put_number(f->out, 1 + f->flow->outside % 60, 1);
}

static void slot_host(struct filling *f)
{
	buffer_add_str(f->out, f->host);
}
static void slot_user(struct filling *f)
{
	put_user(f->out, f->flow->user);
}
static void slot_uid(struct filling *f)
{
	put_number(f->out, 1000u + f->flow->user, 1);
}
static void slot_ip(struct filling *f)
{
	put_address(f->out, f->flow->outside);
}
static void slot_inside(struct filling *f)
{
	put_address(f->out, f->flow->inside);
}
static void slot_desk(struct filling *f)
{
	put_address(f->out, desk_of(f->flow->user));
}
static void slot_any(struct filling *f)
{
	put_address(f->out, traffic_inside(traffic_random(f->t, 4800)));
}
static void slot_pid(struct filling *f)
{
	put_number(f->out, f->flow->pid, 1);
}
static void slot_daemon(struct filling *f)
{
	put_number(f->out, 400 + f->device->secret % 2000, 1);
}
static void slot_port(struct filling *f)
{
	put_number(f->out, f->flow->port, 1);
}
static void slot_conn(struct filling *f)
{
	put_number(f->out, f->flow->connection, 1);
}
static void slot_c(struct filling *f)
{
	put_number(f->out, f->device->counter, 1);
}
static void slot_id(struct filling *f)
{
	put_number(f->out, 100000000 + f->flow->id % 900000000, 1);
}
static void slot_meter(struct filling *f)
{
	put_number(f->out, 100000 + f->flow->id % 4000, 1);
}

/* Slots without a parameter. The first TIME_SLOTS count as header. */
#define TIME_SLOTS 8
static const struct {
	const char *name;
	void (*put)(struct filling *f);
} slots[] = {
	{"ts", slot_ts},         {"iso", slot_milliseconds},
	{"host", slot_host},     {"date", slot_date},
	{"clock", slot_clock},   {"year", slot_year},
	{"clf", slot_clf},       {"beijing", slot_beijing},
	{"ip", slot_ip},         {"inside", slot_inside},
	{"port", slot_port},     {"pid", slot_pid},
	{"user", slot_user},     {"c", slot_c},
	{"conn", slot_conn},     {"desk", slot_desk},
	{"any", slot_any},       {"daemon", slot_daemon},
	{"uptime", slot_uptime}, {"uid", slot_uid},
	{"key", slot_key},       {"vpn", slot_vpn},
	{"mac", slot_mac},       {"agent", slot_agent},
	{"print", slot_print},   {"image", slot_image},
	{"id", slot_id},         {"meter", slot_meter},
	{"name", slot_name},
};

/* One of "a|b|c", whose alternatives may hold slots themselves. */
static void put_pick(struct filling *f, struct slice text)
{
	struct slice choices[16];
	unsigned n = 0, depth = 0;
	size_t from = 0;
	for (size_t i = 0; i <= text.len; i++) {
		if (i < text.len && text.ptr[i] != '|') {
			depth += text.ptr[i] == '{';
			depth -= text.ptr[i] == '}';
		} else if (depth == 0) {
			CHECK(n < sizeof choices / sizeof *choices);
			choices[n++] = slice_of(text.ptr + from, i - from);
			from = i + 1;
		}
	}
	filling_fill(f, choices[traffic_random(f->t, n)]);
}

static void put_parameter(struct filling *f, struct slice name, struct slice value)
{
	if (slice_equal(name, SLICE("n")))
		put_range(f, value);
	else if (slice_equal(name, SLICE("pick")))
		put_pick(f, value);
	else if (slice_equal(name, SLICE("flow")))
		choose_flow(f, value);
	else if (slice_equal(name, SLICE("hex")))
		put_chars(f->out, traffic_draw(f->t), hex, 16, to_number(value));
	else if (slice_equal(name, SLICE("own"))) /* digits that this device always writes */
		put_chars(f->out, f->device->secret, hex, 10, to_number(value));
	else if (slice_equal(name,
						 SLICE("step"))) /* a value that moves a little: minutes of the day, a slowly filled tank */
		put_number(f->out, ((uint64_t)f->t->second / 20 + f->device->secret) % to_number(value), 1);
	else
		CHECK(slice_equal(name, SLICE("a slot of the table")));
}

static void put_slot(struct filling *f, struct slice slot)
{
	size_t colon = slice_find_octet(slot, ':', 0), before = f->out->len;
	if (colon != SIZE_MAX) {
		put_parameter(f, slice_of(slot.ptr, colon), slice_from(slot, colon + 1));
		if (!slice_starts(slot, SLICE("pick:")))
			f->t->counts.values += f->out->len - before;
		return;
	}
	size_t i = 0;
	while (i < sizeof slots / sizeof *slots &&
		   !((uint8_t)slots[i].name[0] == slot.ptr[0] && slice_equal(slice_str(slots[i].name), slot)))
		i++;
	CHECK(i < sizeof slots / sizeof *slots);
	slots[i].put(f);
	*(i < TIME_SLOTS ? &f->t->counts.header : &f->t->counts.values) += f->out->len - before;
}

/* Index of the closing brace that belongs to the opening one at `at`, SIZE_MAX when there is none. */
static size_t closing(struct slice s, size_t at)
{
	for (int depth = 0; at < s.len; at++) {
		depth += s.ptr[at] == '{';
		depth -= s.ptr[at] == '}';
		if (depth == 0)
			return at;
	}
	return SIZE_MAX;
}

/* A slot begins with a lower-case letter; the braces of JSON are followed by quotes. */
void filling_fill(struct filling *f, struct slice template)
{
	size_t at = 0;
	while (at < template.len) {
		size_t open = slice_find_octet(template, '{', at), stop;
		while (open != SIZE_MAX &&
			   !(open + 1 < template.len && template.ptr[open + 1] >= 'a' && template.ptr[open + 1] <= 'z'))
			open = slice_find_octet(template, '{', open + 1);
		stop = open == SIZE_MAX ? template.len : open;
		buffer_add(f->out, template.ptr + at, stop - at);
		f->t->counts.constant += stop - at;
		if (open == SIZE_MAX)
			return;
		size_t end = closing(template, open);
		CHECK(end != SIZE_MAX);
		put_slot(f, slice_of(template.ptr + open + 1, end - open - 1));
		at = end + 1;
	}
}
