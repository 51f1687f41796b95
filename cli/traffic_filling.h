/* Inside of the traffic: its state, and a line while it is written. Only traffic.c and traffic_slots.c include it. */
#ifndef CLI_TRAFFIC_FILLING_H
#define CLI_TRAFFIC_FILLING_H

#include "cli/traffic.h"
#include "cli/traffic_table.h"

#define TRAFFIC_FLOWS 24 /* connections a device remembers */
#define TRAFFIC_USERS 60

/* One connection, session or client as a device sees it. */
struct flow {
	uint64_t connection, id;
	uint32_t outside, inside, pid;
	uint16_t port, agent, user;
};

struct device {
	char host[24];
	enum traffic_family family;
	uint64_t counter, secret; /* secret: constants of this device */
	double until; /* cumulative weight */
	struct flow flows[TRAFFIC_FLOWS];
	unsigned flow_next, flow_count;
};

struct traffic {
	const struct env *env;
	uint64_t state;
	uint32_t device_count;
	struct device *devices, spare; /* spare: hosts of a story */
	unsigned weights[TRAFFIC_FAMILIES];
	struct buffer line;
	struct traffic_counts counts;
	int64_t time_ns, second; /* second: whose texts are below */
	char ts[24], iso[40], date[20], clock[16], clf[48], year[8], beijing[32];
};

/* Where a line is being written. */
struct filling {
	struct traffic *t;
	const char *host;
	struct device *device;
	struct flow fresh, *flow;
	struct buffer *out;
};

/* splitmix64: small, seeded, the same everywhere. */
static inline uint64_t traffic_scramble(uint64_t z)
{
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static inline uint64_t traffic_draw(struct traffic *t)
{
	return traffic_scramble(t->state += UINT64_C(0x9e3779b97f4a7c15));
}

/* Addresses inside: 4 times 6 networks of 200 hosts. */
static inline uint32_t traffic_inside(uint64_t which)
{
	return 10u << 24 | (10 + (uint32_t)(which / 1200 % 4)) << 16 | (uint32_t)(which / 200 % 6) << 8 |
		   (2 + (uint32_t)which % 200);
}

/* Appends a template, its slots filled. */
void filling_fill(struct filling *f, struct slice template);

#endif
