/* Traffic of a small utility, made up: switches, firewalls, Linux and Windows hosts, a web front end, a VPN, a controller
 * gateway. Seeded: the same seed gives the same lines. Devices are drawn with Zipf weights and values by slot (constant,
 * counter, low and high cardinality). A device remembers the connections it spoke of, so that lines that belong together
 * carry the same values, as real ones do; nothing else repeats. For the demo and for benches. One thread.
 */
#ifndef CLI_TRAFFIC_H
#define CLI_TRAFFIC_H

#include "common/common.h"

struct traffic;

struct traffic_line {
	struct slice line; /* without terminator; valid until the next call */
	uint32_t source; /* number of the sending device, from 0 */
	bool tcp; /* what that device uses */
};

/* Octets made so far, by where they come from: what a device writes always, time and host, values. */
struct traffic_counts {
	uint64_t lines, constant, header, values;
};

/* Null when memory is out. The traffic owns what it hands out. */
struct traffic *traffic_new(const struct env *env, uint64_t seed, uint32_t sources);
void traffic_next(struct traffic *t, int64_t time_ns, struct traffic_line *out);
/* Even draws from the same series. */
uint64_t traffic_random(struct traffic *t, uint64_t below);
/* Appends a filled template; the slots stand in the table in traffic_slots.c. `source` may be past the devices there are. */
void traffic_fill(struct traffic *t, const char *template, const char *host, uint32_t source, int64_t time_ns,
				  struct buffer *out);
void traffic_counts(const struct traffic *t, struct traffic_counts *out);
void traffic_free(struct traffic *t);

#endif
