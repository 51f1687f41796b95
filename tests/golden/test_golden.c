/* The golden files, kept, made again and damaged. With the argument `make` it writes them anew. */
#include "tests/golden/golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define FOLDER "tests/golden/v0/"
#define PATH_MAX_HERE 512

const struct golden goldens[] = {
	{"batch", make_batch, tell_batch},
	{"match", make_match, tell_match},
	{"log", make_log, tell_log},
	{"commitlog", make_commitlog, tell_commitlog},
	{"checkpoint", make_checkpoint, tell_checkpoint},
	{"spill", make_spill, tell_spill},
	{"segment", make_segment, tell_segment},
};
const size_t golden_count = sizeof goldens / sizeof *goldens;

/* ---- the real disk ---- */

static bool read_file(const char *path, struct buffer *out)
{
	FILE *file = fopen(path, "rb");
	buffer_reset(out);
	if (file == NULL)
		return false;
	for (int c; (c = fgetc(file)) != EOF;)
		buffer_add_octet(out, (uint8_t)c);
	fclose(file);
	return true;
}

static void make_folders(char *path)
{
	for (char *p = path; (p = strchr(p, '/')) != NULL; p++) {
		*p = 0;
		CHECK(mkdir(path, 0755) == 0 || errno == EEXIST);
		*p = '/';
	}
}

static void write_file(const char *path, struct slice octets)
{
	char folders[PATH_MAX_HERE];
	snprintf(folders, sizeof folders, "%s", path);
	make_folders(folders);
	FILE *file = fopen(path, "wb");
	CHECK(file != NULL);
	CHECK(fwrite(octets.ptr, 1, octets.len, file) == octets.len);
	CHECK(fclose(file) == 0);
}

/* ---- one golden ---- */

/* A name of a file of this golden: "log/partitions" of "log". */
static bool is_of(const char *path, const char *name)
{
	size_t len = strlen(name);
	return strncmp(path, name, len) == 0 && path[len] == '/';
}

struct walk {
	struct fake *fake, *other; /* other: made by the writers of today */
	const char *name;
	unsigned files, differ;
	bool into; /* real files into the fake disk instead of onto the real one */
	bool quiet;
	struct buffer *scratch;
};

static int each_made(void *arg, const char *path)
{
	struct walk *w = arg;
	char real[PATH_MAX_HERE];
	size_t len;
	while (*path == '/' || (path[0] == '.' && path[1] == '/'))
		path++;
	if (!is_of(path, w->name))
		return 0;
	snprintf(real, sizeof real, "%s%s", FOLDER, path);
	const uint8_t *octets = fake_file_get(w->fake, path, &len);
	CHECK(octets != NULL);
	w->files++;
	if (!w->into) {
		write_file(real, slice_of(octets, len));
		return 0;
	}
	if (!read_file(real, w->scratch)) {
		print_error("%s is not there\n", real);
		w->differ++;
		return 0;
	}
	fake_file_put(w->other, path, w->scratch->ptr, w->scratch->len);
	if (!slice_equal(slice_of(octets, len), buffer_slice(w->scratch))) {
		size_t at = 0;
		while (at < len && at < w->scratch->len && octets[at] == w->scratch->ptr[at])
			at++;
		if (!w->quiet)
			print_error("%s: the writer makes %zu octets, the golden file has %zu; they differ from octet %zu on\n",
						real, len, w->scratch->len, at);
		w->differ++;
	}
	return 0;
}

/* The kept files on a fake disk of their own; *differ: how many the writers would make otherwise, each told. */
static struct fake *load(const struct golden *g, unsigned *differ)
{
	struct buffer scratch;
	struct walk w = {.fake = fake_new(1),
					 .other = fake_new(1),
					 .name = g->name,
					 .into = true,
					 .quiet = differ == NULL,
					 .scratch = &scratch};
	buffer_init(&scratch, &w.other->env);
	g->make(w.fake);
	fake_file_each(w.fake, each_made, &w);
	assert_true(w.files > 0);
	buffer_free(&scratch);
	assert_int_equal(w.fake->memory.outstanding, 0);
	fake_free(w.fake);
	if (differ != NULL)
		*differ = w.differ;
	return w.other;
}

static void text_path(const struct golden *g, char out[PATH_MAX_HERE])
{
	snprintf(out, PATH_MAX_HERE, "%s%s.txt", FOLDER, g->name);
}

/* ---- tests ---- */

static void writers_make_the_same_octets(void **state)
{
	unsigned differ, all = 0;
	(void)state;
	for (size_t i = 0; i < golden_count; i++) {
		fake_free(load(&goldens[i], &differ));
		all += differ;
	}
	assert_int_equal(all, 0);
}

static void told(const struct golden *g)
{
	char path[PATH_MAX_HERE];
	struct buffer want, have;
	struct error error = {0};
	struct fake *fake = load(g, NULL);
	buffer_init(&want, &fake->env);
	buffer_init(&have, &fake->env);
	if (g->tell(fake, &have, &error) < 0)
		fail_msg("%s is refused: %s", g->name, error.text);
	text_path(g, path);
	assert_true(read_file(path, &want));
	buffer_add_octet(&want, 0);
	buffer_add_octet(&have, 0);
	assert_string_equal((const char *)have.ptr, (const char *)want.ptr);
	buffer_free(&want);
	buffer_free(&have);
	assert_int_equal(fake->memory.outstanding, 0);
	fake_free(fake);
}

static void readers_tell_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < golden_count; i++)
		told(&goldens[i]);
}

static const struct golden *find(const char *name)
{
	for (size_t i = 0; i < golden_count; i++)
		if (strcmp(goldens[i].name, name) == 0)
			return &goldens[i];
	fail_msg("no golden %s", name);
	return NULL;
}

static bool refused(const struct damage *d)
{
	struct buffer out;
	struct error error = {0};
	struct fake *fake = load(find(d->golden), NULL);
	damage_do(d, fake);
	buffer_init(&out, &fake->env);
	int result = find(d->golden)->tell(fake, &out, &error);
	bool good = result == -(int)d->code && strstr(error.text, d->reason) != NULL;
	if (!good)
		print_error("%s: %s: want %s: %s\n    have %s: %s\n", d->file, d->what, error_name(d->code), d->reason,
					result < 0 ? error_name((enum error_code) - result) : "taken", error.text);
	buffer_free(&out);
	assert_int_equal(fake->memory.outstanding, 0);
	fake_free(fake);
	return good;
}

static void damaged_ones_are_refused(void **state)
{
	unsigned wrong = 0;
	(void)state;
	for (size_t i = 0; i < damage_count; i++)
		wrong += !refused(&damages[i]);
	assert_int_equal(wrong, 0);
}

/* ---- making ---- */

static void make(const struct golden *g)
{
	char path[PATH_MAX_HERE];
	struct buffer text;
	struct error error = {0};
	unsigned differ;
	struct walk w = {.fake = fake_new(1), .name = g->name};
	g->make(w.fake);
	fake_file_each(w.fake, each_made, &w);
	fake_free(w.fake);
	struct fake *fake = load(g, &differ);
	buffer_init(&text, &fake->env);
	if (differ > 0 || g->tell(fake, &text, &error) < 0)
		fprintf(stderr, "%s: %s\n", g->name, differ > 0 ? "made twice, it differs" : error.text);
	text_path(g, path);
	write_file(path, buffer_slice(&text));
	printf("%s: %u files, %zu octets of text\n", g->name, w.files, text.len);
	buffer_free(&text);
	fake_free(fake);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writers_make_the_same_octets),
		cmocka_unit_test(readers_tell_the_same),
		cmocka_unit_test(damaged_ones_are_refused),
	};
	if (argc == 2 && strcmp(argv[1], "make") == 0) {
		for (size_t i = 0; i < golden_count; i++)
			make(&goldens[i]);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
