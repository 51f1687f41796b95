/* Sources: who sends, what was configured for it, and what it has shown of itself. */
#include "ingest/collector.h"

static bool same_zone(const struct ingest *in, struct slice name, uint32_t until, struct zone **out)
{
	for (uint32_t i = 0; i < until; i++) {
		if (in->settings[i].zone != NULL && slice_equal(in->settings[i].given->zone, name)) {
			*out = in->settings[i].zone;
			return true;
		}
	}
	return false;
}

static int setting_init(struct ingest *in, uint32_t i, const struct source_settings *given, struct error *error)
{
	struct slice zone = given->zone;
	in->settings[i].given = given;
	in->host_settings |= given->host.len > 0;
	if (zone.len == 0)
		zone = in->config.defaults.zone;
	if (same_zone(in, zone, i, &in->settings[i].zone))
		return 0;
	return zone_open(in->env, zone, &in->settings[i].zone, error);
}

int sources_init(struct ingest *in, struct error *error)
{
	uint32_t count = in->config.source_count;
	in->settings = env_zalloc(in->env, (count + 1) * sizeof(*in->settings));
	in->table = env_zalloc(in->env, SOURCE_SETS * SOURCE_WAYS * sizeof(*in->table));
	if (in->settings == NULL || in->table == NULL || count >= UINT16_MAX)
		return error_set(error, ERROR_MEMORY, "no memory for %u source settings", count);
	for (uint32_t i = 0; i <= count; i++) {
		int result = setting_init(in, i, i < count ? &in->config.sources[i] : &in->config.defaults, error);
		if (result < 0)
			return result;
	}
	return 0;
}

void sources_free(struct ingest *in)
{
	for (uint32_t i = 0; in->settings != NULL && i <= in->config.source_count; i++) {
		struct zone *zone = in->settings[i].zone;
		for (uint32_t j = i; j <= in->config.source_count; j++) {
			if (in->settings[j].zone == zone)
				in->settings[j].zone = NULL;
		}
		zone_free(in->env, zone);
	}
	env_free(in->env, in->settings);
	env_free(in->env, in->table);
}

size_t source_address_line(const uint8_t address[16], char *out)
{
	memcpy(out, "ip ", 3);
	return 3 + address_print(address, out + 3);
}

uint32_t source_partition(const struct ingest *in, struct slice line)
{
	return in->config.single_partition ? 0 : (uint32_t)(xxh3(line) % in->partition_count);
}

/* The first entry all of whose conditions hold; an entry without any holds for all. */
static uint16_t setting_find(const struct ingest *in, const struct origin *origin, struct slice host)
{
	for (uint32_t i = 0; i < in->config.source_count; i++) {
		const struct source_settings *s = in->settings[i].given;
		if (s->network_bits > 0 &&
			(!origin->has_address || !network_holds(s->network, s->network_bits, origin->address)))
			continue;
		if (s->host.len > 0 && !slice_equal_nocase(s->host, host))
			continue;
		return (uint16_t)i;
	}
	return (uint16_t)in->config.source_count;
}

/* " host <name>": lower case, octets outside 0x21-0x7e as %XX. */
static size_t host_text(struct slice host, char *out, size_t room)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t n = 6;
	memcpy(out, " host ", 6);
	for (size_t i = 0; i < host.len && n + 3 <= room; i++) {
		uint8_t c = host.ptr[i];
		if (c >= 0x21 && c <= 0x7e) {
			out[n++] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
		} else {
			out[n++] = '%';
			out[n++] = hex[c >> 4];
			out[n++] = hex[c & 15];
		}
	}
	return n;
}

void source_key(const struct ingest *in, struct slice line, uint64_t key[2])
{
	key[0] = xxh3_seeded(line, in->seed);
	key[1] = xxh3_seeded(line, ~in->seed);
}

/* The place of this key: its own, a free one, or that of the way used longest ago. */
static struct source *place(struct ingest *in, const uint64_t key[2], bool *is_new)
{
	struct source *set = &in->table[(key[0] % SOURCE_SETS) * SOURCE_WAYS], *oldest = set;
	in->table_clock = in->table_clock == UINT32_MAX ? 1 : in->table_clock + 1;
	for (int i = 0; i < SOURCE_WAYS; i++) {
		if (set[i].used != 0 && set[i].key[0] == key[0] && set[i].key[1] == key[1]) {
			set[i].used = in->table_clock;
			*is_new = false;
			return &set[i];
		}
		if (set[i].used < oldest->used)
			oldest = &set[i];
	}
	*oldest = (struct source){.key = {key[0], key[1]}, .used = in->table_clock};
	*is_new = true;
	return oldest;
}

static void setting_changed(struct source *source, uint16_t setting)
{
	source->setting = setting;
	source->serial = 0;
}

struct source *source_find(struct ingest *in, const struct origin *origin, struct slice host, char *line,
						   size_t *line_len)
{
	struct source *source = origin->fixed;
	bool is_new = false;
	CHECK(origin->base.len < 128);
	memcpy(line, origin->base.ptr, origin->base.len);
	*line_len = origin->base.len;
	uint16_t setting = 0;
	bool by_host = in->host_settings || source != NULL;
	if (by_host)
		setting = setting_find(in, origin, host);
	if (source == NULL) {
		uint64_t made[2];
		if (origin->key == NULL)
			source_key(in, origin->base, made);
		source = place(in, origin->key != NULL ? origin->key : made, &is_new);
		if (is_new || by_host) {
			setting = by_host ? setting : setting_find(in, origin, SLICE_NONE);
			if (source->setting != setting)
				setting_changed(source, setting);
		}
	} else if (source->setting != setting) {
		setting_changed(source, setting);
	}
	if (in->settings[source->setting].given->relay && host.len > 0) {
		*line_len += host_text(host, line + *line_len, SOURCE_LINE_MAX - *line_len);
		struct slice whole = slice_of(line, *line_len);
		uint64_t key[2];
		source_key(in, whole, key);
		setting = source->setting;
		source = place(in, key, &is_new);
		if (source->setting != setting)
			setting_changed(source, setting);
	}
	if (is_new || source->serial == 0)
		source->partition = source_partition(in, slice_of(line, *line_len));
	return source;
}
