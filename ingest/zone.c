/* TZif files and the lookup of offsets. The rule of the footer is in zone_rule.c. */
#include "ingest/zone.h"
#include "ingest/zone_rule.h"

#define ZONE_FILE_MAX (256 * 1024)
#define TZIF_HEAD 44
#define DAY_S INT64_C(86400)

struct zone {
	int64_t *times; /* transitions, ascending; types[i] holds from times[i] on */
	uint8_t *types;
	uint32_t time_count;
	struct {
		int32_t offset;
		uint8_t abbreviation;
	} type[256];
	uint32_t type_count;
	char abbreviations[256];
	uint32_t abbreviation_octets;
	bool has_rule;
	struct zone_rule rule;
	/* The offset last found and the span of instants it is known to hold for. */
	int64_t known_from, known_until;
	int32_t known_offset;
};

struct tzif_counts {
	uint32_t isut, isstd, leap, time, type, character;
};

static uint32_t big32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t big64(const uint8_t *p)
{
	return (int64_t)((uint64_t)big32(p) << 32 | big32(p + 4));
}

static bool tzif_head(struct slice s, struct tzif_counts *c)
{
	if (s.len < TZIF_HEAD || memcmp(s.ptr, "TZif", 4) != 0)
		return false;
	c->isut = big32(s.ptr + 20);
	c->isstd = big32(s.ptr + 24);
	c->leap = big32(s.ptr + 28);
	c->time = big32(s.ptr + 32);
	c->type = big32(s.ptr + 36);
	c->character = big32(s.ptr + 40);
	return c->type >= 1 && c->type <= 256 && c->character >= 1 && c->character <= 256 && c->time <= 20000 &&
		   c->leap <= 2000 && c->isut <= 256 && c->isstd <= 256;
}

static size_t tzif_body(const struct tzif_counts *c, size_t time_size)
{
	return c->time * (time_size + 1) + c->type * 6 + c->character + c->leap * (time_size + 4) + c->isstd + c->isut;
}

static bool zone_types(struct zone *z, const struct tzif_counts *c, const uint8_t *types, const uint8_t *infos)
{
	const uint8_t *text = infos + c->type * 6;
	for (uint32_t i = 0; i < c->time; i++) {
		z->types[i] = types[i];
		if (types[i] >= c->type)
			return false;
	}
	for (uint32_t i = 0; i < c->type; i++) {
		int32_t offset = (int32_t)big32(infos + i * 6);
		if (offset <= -DAY_S * 2 || offset >= DAY_S * 2 || infos[i * 6 + 5] >= c->character)
			return false;
		z->type[i].offset = offset;
		z->type[i].abbreviation = infos[i * 6 + 5];
	}
	z->type_count = c->type;
	memcpy(z->abbreviations, text, c->character);
	z->abbreviations[c->character - 1] = 0;
	z->abbreviation_octets = c->character;
	return true;
}

/* The second data block, with 64-bit times, and the footer after it. */
static bool zone_read(const struct env *env, struct zone *z, struct slice s)
{
	struct tzif_counts c;
	if (!tzif_head(s, &c) || s.ptr[4] < '2')
		return false;
	s = slice_from(s, TZIF_HEAD + tzif_body(&c, 4));
	if (!tzif_head(s, &c) || s.len < TZIF_HEAD + tzif_body(&c, 8))
		return false;
	const uint8_t *p = s.ptr + TZIF_HEAD;
	z->times = env_alloc(env, c.time * sizeof(int64_t) + 8);
	z->types = env_alloc(env, c.time + 1);
	if (z->times == NULL || z->types == NULL)
		return false;
	z->time_count = c.time;
	for (uint32_t i = 0; i < c.time; i++) {
		z->times[i] = big64(p + i * 8);
		if (i > 0 && z->times[i] <= z->times[i - 1])
			return false;
	}
	if (!zone_types(z, &c, p + c.time * 8, p + c.time * 9))
		return false;
	struct slice footer = slice_from(s, TZIF_HEAD + tzif_body(&c, 8));
	if (footer.len < 2 || footer.ptr[0] != '\n')
		return false;
	size_t end = slice_find_octet(footer, '\n', 1);
	if (end == SIZE_MAX)
		return false;
	if (end > 1) {
		z->has_rule = zone_rule_parse(slice_of(footer.ptr + 1, end - 1), &z->rule);
		return z->has_rule;
	}
	return true;
}

static struct zone *zone_new(const struct env *env)
{
	struct zone *z = env_zalloc(env, sizeof(*z));
	if (z != NULL) {
		z->known_from = 1;
		z->type_count = 1;
	}
	return z;
}

int zone_from_octets(const struct env *env, struct slice octets, struct zone **out, struct error *error)
{
	struct zone *z = zone_new(env);
	if (z == NULL)
		return error_set(error, ERROR_MEMORY, "no memory for a time zone");
	if (!zone_read(env, z, octets)) {
		zone_free(env, z);
		return error_set(error, ERROR_FORMAT, "not a TZif file of version 2 or later");
	}
	*out = z;
	return 0;
}

/* "+08:00", "-0330", "+8", "UTC", "Z". */
static bool fixed_offset(struct slice name, int32_t *offset)
{
	*offset = 0;
	if (name.len == 0 || slice_equal_nocase(name, SLICE("utc")) || slice_equal_nocase(name, SLICE("z")))
		return true;
	if (name.ptr[0] != '+' && name.ptr[0] != '-')
		return false;
	int32_t digits[4], n = 0;
	for (size_t i = 1; i < name.len; i++) {
		if (name.ptr[i] == ':' && i == 3)
			continue;
		if (name.ptr[i] < '0' || name.ptr[i] > '9' || n == 4)
			return false;
		digits[n++] = name.ptr[i] - '0';
	}
	int32_t hours = n == 1 ? digits[0] : n >= 2 ? digits[0] * 10 + digits[1] : 99;
	int32_t minutes = n == 4 ? digits[2] * 10 + digits[3] : 0;
	if (hours > 23 || minutes > 59 || n == 3)
		return false;
	*offset = (hours * 3600 + minutes * 60) * (name.ptr[0] == '-' ? -1 : 1);
	return true;
}

static bool zone_path(struct slice name, char *path, size_t size)
{
	static const char folder[] = "/usr/share/zoneinfo/";
	if (name.len + sizeof(folder) > size || name.ptr[0] == '/' || slice_find(name, SLICE(".."), 0) != SIZE_MAX)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = name.ptr[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			  strchr("_+-/", c) != NULL) ||
			c == 0)
			return false;
	}
	memcpy(path, folder, sizeof(folder) - 1);
	memcpy(path + sizeof(folder) - 1, name.ptr, name.len);
	path[sizeof(folder) - 1 + name.len] = 0;
	return true;
}

static int zone_fixed(const struct env *env, int32_t offset, struct zone **out, struct error *error)
{
	struct zone *z = zone_new(env);
	if (z == NULL)
		return error_set(error, ERROR_MEMORY, "no memory for a time zone");
	z->type[0].offset = offset;
	*out = z;
	return 0;
}

int zone_open(const struct env *env, struct slice name, struct zone **out, struct error *error)
{
	char path[128] = "/etc/localtime";
	int32_t offset;
	if (fixed_offset(name, &offset))
		return zone_fixed(env, offset, out, error);
	bool local = slice_equal(name, SLICE("local"));
	if (!local && !zone_path(name, path, sizeof(path)))
		return error_set(error, ERROR_SYNTAX,
						 "\"%.*s\" is no time zone: \"+08:00\", \"Asia/Urumqi\" or \"local\" would be",
						 (int)(name.len > 100 ? 100 : name.len), (const char *)name.ptr);
	uint8_t *octets;
	size_t len;
	int result = env_read_file(env, path, ZONE_FILE_MAX, &octets, &len);
	if (result < 0)
		return local ? zone_fixed(env, 0, out, error) : error_io(error, result, "cannot read the time zone %s", path);
	result = zone_from_octets(env, slice_of(octets, len), out, error);
	env_free(env, octets);
	if (result < 0 && local)
		return zone_fixed(env, 0, out, error);
	return result;
}

void zone_free(const struct env *env, struct zone *z)
{
	if (z == NULL)
		return;
	env_free(env, z->times);
	env_free(env, z->types);
	env_free(env, z);
}

/* Index of the last transition at or before utc, -1 when there is none. */
static int64_t zone_transition(const struct zone *z, int64_t utc)
{
	int64_t low = -1, high = (int64_t)z->time_count;
	while (high - low > 1) {
		int64_t middle = (low + high) / 2;
		if (z->times[middle] <= utc)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static void zone_find(struct zone *z, int64_t utc)
{
	int64_t i = zone_transition(z, utc);
	z->known_from = i < 0 ? INT64_MIN : z->times[i];
	z->known_until = i + 1 < (int64_t)z->time_count ? z->times[i + 1] : INT64_MAX;
	z->known_offset = z->type[i < 0 ? 0 : z->types[i]].offset;
	if (z->has_rule && i + 1 == (int64_t)z->time_count) {
		int64_t from, until;
		z->known_offset = zone_rule_offset(&z->rule, utc, &from, &until);
		z->known_from = from > z->known_from ? from : z->known_from;
		z->known_until = until;
	}
}

int32_t zone_offset_at(struct zone *z, int64_t utc)
{
	if (utc < z->known_from || utc >= z->known_until)
		zone_find(z, utc);
	return z->known_offset;
}

int32_t zone_offset_of_local(struct zone *z, int64_t local, bool *ambiguous)
{
	*ambiguous = false;
	/* Two days inside the known span no change can be near, whatever the two offsets are (each is below 48 h). */
	if (z->known_from < z->known_until &&
		local >= (z->known_from < INT64_MIN + 4 * DAY_S ? INT64_MIN : z->known_from + 3 * DAY_S) &&
		local < (z->known_until > INT64_MAX - 4 * DAY_S ? INT64_MAX : z->known_until - 3 * DAY_S))
		return z->known_offset;
	int32_t before = zone_offset_at(z, local - DAY_S), after = zone_offset_at(z, local + DAY_S);
	int32_t at_before = zone_offset_at(z, local - before), at_after = zone_offset_at(z, local - after);
	if (before == after)
		return before;
	if ((at_before == before) == (at_after == after)) {
		*ambiguous = true;
		return before;
	}
	return at_before == before ? before : after;
}

bool zone_abbreviation(const struct zone *z, struct slice text, int32_t *offset)
{
	if (text.len < 3)
		return false;
	/* The newest use of an abbreviation comes last: CST of Asia/Shanghai, not an older meaning. */
	for (uint32_t i = z->type_count; i-- > 0;) {
		const char *name = z->abbreviations + z->type[i].abbreviation;
		if (slice_equal(slice_str(name), text)) {
			*offset = z->type[i].offset;
			return true;
		}
	}
	return false;
}
