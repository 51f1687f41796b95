/* bench_seal FILE FOLDER: processor time of the store alone over a file of lines. The batches are made first, as ingest
 * makes them, and kept; then a new store in FOLDER takes and seals them.
 * Prints "rows append_cpu_ns_per_row seal_cpu_ns_per_row octets_stored segments". */
#include "cli/setup.h"
#include "ingest/ingest.h"
#include "store/store.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

struct kept {
	struct slice *batches;
	uint32_t count, room;
	uint64_t rows;
	struct error error;
};

static int keep(void *ctx, uint32_t partition, struct slice batch, uint32_t rows)
{
	struct kept *k = ctx;
	(void)partition;
	if (k->count == k->room) {
		k->room = k->room ? k->room * 2 : 256;
		k->batches = realloc(k->batches, k->room * sizeof *k->batches);
	}
	uint8_t *copy = malloc(batch.len);
	if (!k->batches || !copy)
		abort();
	memcpy(copy, batch.ptr, batch.len);
	k->batches[k->count++] = slice_of(copy, batch.len);
	k->rows += rows;
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
	fprintf(stderr, "bench_seal: %s: %s\n", what, error ? error_print(error, text, sizeof text) : "");
	return 3;
}

static int make_batches(struct kept *k, const struct decoders *decoders, struct slice text)
{
	struct ingest *in;
	struct ingest_stream *s;
	struct ingest_config c = {.collector = {1},
							  .partitions = 1,
							  .single_partition = true,
							  .decoders = decoders,
							  .emit = keep,
							  .ctx = k,
							  .fixed_observed_ns = INT64_C(1790003600) * NS_PER_S,
							  .year_from_ns = INT64_C(1790000000) * NS_PER_S};
	c.defaults = (struct source_settings){.charset_auto = true, .zone = SLICE("+00:00")};
	size_t taken;
	int result = ingest_new(setup_env(), &c, &in, &k->error);
	if (!result)
		result = ingest_stream_new(in, SLICE("file bench"), FRAMING_LF, &s, &k->error);
	while (result >= 0 && text.len) {
		struct slice piece = slice_of(text.ptr, text.len < 65536 ? text.len : 65536);
		result = ingest_stream_add(s, piece, &taken, &k->error);
		text = slice_from(text, taken);
		if (result >= 0 && taken < piece.len)
			(void)ingest_step(in, true, &k->error);
	}
	if (result >= 0)
		result = ingest_stream_end(s, &k->error);
	if (result >= 0)
		(void)ingest_step(in, true, &k->error); /* -1 says that nothing is open */
	ingest_stream_free(s);
	ingest_free(in);
	return result < 0 || k->error.code ? -1 : 0;
}

static int seal_all(struct kept *k, const char *folder, struct store_stats *stats, int64_t *append, int64_t *seal)
{
	struct store *store;
	const struct store_partition events = {0};
	const struct store_config c = {.dir = folder, .name = "bench"};
	int result = store_open(setup_env(), &c, &store, &k->error);
	if (result)
		return result;
	for (uint32_t i = 0; i < k->count && !result; i++) {
		int64_t before = cpu_ns();
		result = store_append(store, events, i, k->batches[i], &k->error);
		int64_t taken = cpu_ns();
		if (!result)
			result = store_step(store, i + 1 == k->count, &k->error);
		*append += taken - before;
		*seal += cpu_ns() - taken;
	}
	store_stats(store, stats);
	store_close(store);
	return result;
}

int main(int argc, char **argv)
{
	struct kept k = {0};
	struct decoders *decoders = NULL;
	struct setup_told told = {.quiet = true};
	struct store_stats stats = {0};
	struct stat st;
	int64_t append = 0, seal = 0;
	if (argc != 3)
		return stop("bench_seal FILE FOLDER", NULL);
	int fd = open(argv[1], O_RDONLY);
	if (fd < 0 || fstat(fd, &st) || st.st_size == 0)
		return stop("cannot read the file", NULL);
	void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (map == MAP_FAILED)
		return stop("cannot map the file", NULL);
	if (setup_decoders(NULL, &told, &decoders, &k.error))
		return stop("decoders", &k.error);
	if (make_batches(&k, decoders, slice_of(map, (size_t)st.st_size)))
		return stop("making batches", &k.error);
	if (seal_all(&k, argv[2], &stats, &append, &seal))
		return stop("sealing", &k.error);
	printf("%llu %.1f %.1f %llu %llu\n", (unsigned long long)stats.rows, (double)append / (double)k.rows,
		   (double)seal / (double)k.rows, (unsigned long long)stats.bytes_stored, (unsigned long long)stats.segments);
	return 0;
}
