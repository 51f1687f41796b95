/* gen: writes lines of the seeded traffic to standard output, and what they are made of to standard error.
 * gen SEED MEGABYTES [SOURCES] */
#include "cli/traffic.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	struct env env = env_system();
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1,
			 bytes = (argc > 2 ? strtoull(argv[2], NULL, 10) : 16) << 20, done = 0;
	uint32_t sources = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 320;
	if (!sources) {
		fprintf(stderr, "gen: SOURCES is at least 1\n");
		return 3;
	}
	struct traffic *t = traffic_new(&env, seed, sources);
	struct traffic_line line;
	struct traffic_counts counts;
	int64_t now = INT64_C(1790000000) * NS_PER_S; /* fixed: the same seed gives the same octets */
	while (t && done < bytes) {
		traffic_next(t, now, &line);
		if (fwrite(line.line.ptr, 1, line.line.len, stdout) != line.line.len || putchar('\n') == EOF) {
			perror("gen");
			return 74;
		}
		done += line.line.len + 1;
		now += (int64_t)traffic_random(t, 400000); /* about 5,000 a second */
	}
	if (!t)
		return 74;
	traffic_counts(t, &counts);
	double all = (double)(counts.constant + counts.header + counts.values);
	fprintf(stderr, "gen: seed %llu, %llu lines of %.1f octets, %.0f %% values, %.0f %% time and host, %u sources\n",
			(unsigned long long)seed, (unsigned long long)counts.lines, (double)done / (double)counts.lines,
			100.0 * (double)counts.values / all, 100.0 * (double)counts.header / all, sources);
	traffic_free(t);
	return fflush(stdout) ? 74 : 0;
}
