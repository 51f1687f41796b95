/* Any octets as a stamp, in zones of several kinds; and any octets as a TZif file. */
#include "ingest/stamp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void resolve(const struct stamp *stamp, struct zone *zone)
{
	struct moment now = moment_of(INT64_C(1767225600) * NS_PER_S);
	int64_t ns = 0;
	uint32_t quality = 0;
	if (!stamp_resolve(stamp, zone, &now, &ns, &quality))
		return;
	CHECK((quality & TIME_PRESENT) != 0 &&
		  ((quality & TIME_ZONE_EXPLICIT) != 0) != ((quality & TIME_ZONE_INFERRED) != 0));
	CHECK(((quality & TIME_YEAR_INFERRED) != 0) == (stamp->year == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"", "+08:00", "Europe/Berlin", "Asia/Shanghai"};
	static struct zone *zones[4];
	struct env env = env_system();
	struct stamp stamp;
	struct zone *made;
	for (int i = 0; i < 4; i++) {
		if (zones[i] == NULL && zone_open(&env, slice_str(names[i]), &zones[i], NULL) < 0)
			CHECK(zone_open(&env, SLICE_NONE, &zones[i], NULL) == 0);
	}
	size_t n = stamp_parse(data, data + size, &stamp);
	CHECK(n <= size);
	for (int i = 0; n > 0 && i < 4; i++)
		resolve(&stamp, zones[i]);
	if (zone_from_octets(&env, slice_of(data, size), &made, NULL) == 0) {
		bool ambiguous;
		for (int64_t t = INT64_C(-9000000000); t < INT64_C(9000000000); t += INT64_C(700000001)) {
			int32_t offset = zone_offset_of_local(made, t, &ambiguous);
			CHECK(offset > -200000 && offset < 200000);
		}
		zone_free(&env, made);
	}
	return 0;
}
