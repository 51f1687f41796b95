/* bench_parse MODE FILE [RULES...]: processor time of one pass over a file of lines, without sockets, log or store.
 *   headers   framing, header, time, charset, body
 *   decoders  the same and the shipped decoders
 *   detect    the same and the rules of the given paths (Sigma; YARA where there are .yar files)
 * Prints "MODE messages cpu_ns_per_message rules_tried_per_event matches values_tested_per_event findings". */
#include "cli/setup.h"
#include "correlate/correlate.h"
#include "ingest/ingest.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

struct pass {
	struct detect *detect;
	uint64_t offset, rows;
	struct error error;
};

static int on_batch(void *ctx, uint32_t partition, struct slice batch, uint32_t rows)
{
	struct pass *p = ctx;
	p->rows += rows;
	return p->detect ? detect_record(p->detect, partition, p->offset++, batch, &p->error) : 0;
}

static int take_nothing(void *ctx, uint32_t partition, struct slice octets)
{
	(void)ctx, (void)partition, (void)octets;
	return 0;
}

static int64_t cpu_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static int stop(const char *what, const struct error *error)
{
	char text[1024];
	fprintf(stderr, "bench_parse: %s: %s\n", what, error ? error_print(error, text, sizeof text) : "");
	return 3;
}

static int run_pass(struct pass *p, const struct decoders *decoders, struct slice text)
{
	struct ingest *in = NULL;
	struct ingest_stream *s = NULL;
	struct ingest_config c = {.collector = {1},
							  .partitions = 1,
							  .single_partition = true,
							  .decoders = decoders,
							  .emit = on_batch,
							  .ctx = p,
							  .fixed_observed_ns = INT64_C(1790003600) * NS_PER_S,
							  .year_from_ns = INT64_C(1790000000) * NS_PER_S};
	c.defaults = (struct source_settings){.charset_auto = true, .zone = SLICE("+00:00")};
	size_t taken;
	int result = ingest_new(setup_env(), &c, &in, &p->error);
	if (!result)
		result = ingest_stream_new(in, SLICE("file bench"), FRAMING_LF, &s, &p->error);
	while (result >= 0 && text.len) {
		struct slice piece = slice_of(text.ptr, text.len < 65536 ? text.len : 65536); /* as a socket gives it */
		result = ingest_stream_add(s, piece, &taken, &p->error);
		text = slice_from(text, taken);
		if (result >= 0 && taken < piece.len)
			(void)ingest_step(in, true, &p->error);
	}
	if (result >= 0)
		result = ingest_stream_end(s, &p->error);
	if (result >= 0)
		(void)ingest_step(in, true, &p->error); /* -1 says that nothing is open */
	if (result >= 0 && p->detect)
		result = detect_flush(p->detect, &p->error);
	ingest_stream_free(s);
	ingest_free(in);
	return result < 0 || p->error.code ? -1 : 0;
}

static int make_detect(struct pass *p, char **paths, int count)
{
	static const uint32_t partition[1] = {0};
	struct setup_told told = {.quiet = true};
	struct ruleset_counts counts;
	struct ruleset *ruleset;
	int result = setup_rules((const char *const *)paths, (unsigned)count, true, &told, &ruleset, &counts, &p->error);
	if (result)
		return result;
	fprintf(stderr, "bench_parse: %u rules, %u refused\n", counts.loaded, counts.refused);
	struct detect_config c = {.ruleset = ruleset,
							  .matches_partitions = 1,
							  .incidents_partitions = 1,
							  .events_partitions = partition,
							  .events_count = 1,
							  .collector = {2},
							  .no_lateness = true,
							  .watch = true, /* as in 'run' */
							  .yara_budget_ns = (uint64_t)LIMIT_yara_budget_ns,
							  .sink = {.matches = take_nothing, .incidents = take_nothing}};
	return detect_new(setup_env(), &c, &p->detect, &p->error);
}

int main(int argc, char **argv)
{
	struct pass p = {0};
	struct decoders *decoders = NULL;
	struct setup_told told = {.quiet = true};
	struct detect_stats stats = {0};
	struct stat st;
	if (argc < 3)
		return stop("bench_parse headers|decoders|detect FILE [RULES...]", NULL);
	int fd = open(argv[2], O_RDONLY);
	if (fd < 0 || fstat(fd, &st) || st.st_size == 0)
		return stop("cannot read the file", NULL);
	void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (map == MAP_FAILED)
		return stop("cannot map the file", NULL);
	if (strcmp(argv[1], "headers") != 0 && setup_decoders(NULL, &told, &decoders, &p.error))
		return stop("decoders", &p.error);
	if (strcmp(argv[1], "detect") == 0 && make_detect(&p, argv + 3, argc - 3))
		return stop("rules", &p.error);
	int64_t before = cpu_ns();
	if (run_pass(&p, decoders, slice_of(map, (size_t)st.st_size)))
		return stop("pass", &p.error);
	int64_t spent = cpu_ns() - before;
	if (p.detect)
		detect_stats(p.detect, &stats);
	double events = stats.events ? (double)stats.events : 1;
	printf("%s %llu %.1f %.2f %llu %.2f %llu\n", argv[1], (unsigned long long)p.rows, (double)spent / (double)p.rows,
		   (double)stats.rules_tried / events, (unsigned long long)stats.matches, (double)stats.values_tested / events,
		   (unsigned long long)stats.findings);
	return 0;
}
