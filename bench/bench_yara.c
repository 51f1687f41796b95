/* bench_yara SEED COUNT OUT FOLDER...: draws COUNT YARA rules from the files under the folders, the same ones for the same
 * seed, and writes them to the folder OUT, a file for each file they came from. Rules that belong together (one refers to the
 * other, a global rule) are drawn together.
 * Prints the number of rules. */
#include "cli/setup.h"
#include "rules/load.h"
#include "rules/yara_text.h"

#include <stdlib.h>

struct unit {
	uint32_t file, first; /* the lowest rule of it */
	uint32_t rules;
	bool drawn;
};

struct draw {
	struct arena arena;
	struct yara_file_text files[4096];
	uint32_t file_count;
	struct unit *units;
	uint32_t unit_count, unit_room;
	uint64_t random;
};

static uint64_t next_random(struct draw *d) /* splitmix64 */
{
	uint64_t z = d->random += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static int stop(const char *what)
{
	fprintf(stderr, "bench_yara: %s\n", what);
	exit(3);
}

static void add_unit(struct draw *d, uint32_t file, uint32_t first)
{
	if (d->unit_count == d->unit_room) {
		d->unit_room = d->unit_room ? d->unit_room * 2 : 1024;
		d->units = realloc(d->units, d->unit_room * sizeof *d->units);
		if (!d->units)
			stop("no memory");
	}
	d->units[d->unit_count++] = (struct unit){file, first, 0, false};
}

static int on_file(void *ctx, const char *path)
{
	struct draw *d = ctx;
	uint8_t *octets;
	size_t len;
	bool failed;
	if (env_read_file(setup_env(), path, 1 << 24, &octets, &len) || d->file_count == 4096)
		stop("cannot read a file");
	struct slice text = arena_copy(&d->arena, slice_of(octets, len));
	struct yara_file_text *f = &d->files[d->file_count];
	env_free(setup_env(), octets);
	if (!yara_file_cut(&d->arena, text, f, &failed))
		return failed ? stop("no memory") : 0;
	uint32_t base = d->unit_count;
	for (uint32_t i = 0; i < f->rule_count; i++) {
		if (f->rules[i].unit == i)
			add_unit(d, d->file_count, i);
		for (uint32_t u = base; u < d->unit_count; u++)
			d->units[u].rules += d->units[u].first == f->rules[i].unit;
	}
	d->file_count++;
	return 0;
}

static uint32_t draw_units(struct draw *d, uint32_t count)
{
	uint32_t n = 0, all = 0;
	for (uint32_t u = 0; u < d->unit_count; u++)
		all += d->units[u].rules;
	if (count > all)
		stop("there are not as many rules");
	while (n < count) {
		struct unit *u = &d->units[next_random(d) % d->unit_count];
		n += u->drawn ? 0 : u->rules;
		u->drawn = true;
	}
	return n;
}

static void write_file(const struct draw *d, uint32_t file, const char *folder)
{
	char path[4200];
	FILE *out = NULL;
	bool begun = false;
	const struct yara_file_text *f = &d->files[file];
	snprintf(path, sizeof path, "%s/%04u.yar", folder, file);
	for (uint32_t u = 0; u < d->unit_count; u++) {
		if (!d->units[u].drawn || d->units[u].file != file)
			continue;
		if (!out && !(out = fopen(path, "w")))
			stop("cannot write a file");
		for (uint32_t i = 0; !begun && i < f->import_count; i++)
			fprintf(out, "%.*s\n", SLICE_PRINT(f->imports[i]));
		begun = true;
		for (uint32_t i = 0; i < f->rule_count; i++)
			if (f->rules[i].unit == d->units[u].first)
				fprintf(out, "%.*s\n", SLICE_PRINT(f->rules[i].whole));
	}
	if (out && fclose(out))
		stop("cannot write a file");
}

int main(int argc, char **argv)
{
	static struct draw d;
	struct error error = {0};
	if (argc < 5)
		stop("bench_yara SEED COUNT OUT FOLDER...");
	arena_init(&d.arena, setup_env(), 1 << 20);
	d.random = strtoull(argv[1], NULL, 10);
	if (rule_files_each(setup_env(), (const char *const *)argv + 4, (size_t)argc - 4, name_is_yara, on_file, &d,
						&error))
		stop(error.text);
	printf("%u\n", draw_units(&d, (uint32_t)strtoul(argv[2], NULL, 10)));
	for (uint32_t i = 0; i < d.file_count; i++)
		write_file(&d, i, argv[3]);
	return 0;
}
