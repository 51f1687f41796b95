/* Runs a fuzz target over files instead of a fuzzer: every file of the folders, and every file, given as arguments.
 * Prints how many; a target that finds something stops the process. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned long ran;

static int replay_file(const char *path, size_t size)
{
	FILE *file = fopen(path, "rb");
	/* Exactly as large as the input, so that a read past its end is seen; not null when it is empty. */
	uint8_t *octets = malloc(size == 0 ? 1 : size);
	if (file == NULL || octets == NULL || fread(octets, 1, size, file) != size) {
		fprintf(stderr, "replay: cannot read %s\n", path);
		if (file != NULL)
			fclose(file);
		free(octets);
		return 1;
	}
	fclose(file);
	LLVMFuzzerTestOneInput(octets, size);
	free(octets);
	ran++;
	return 0;
}

static int replay(const char *path);

static int replay_folder(const char *path)
{
	int failed = 0;
	struct dirent **names = NULL;
	int count = scandir(path, &names, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		char *inner = NULL;
		if (names[i]->d_name[0] != '.' && asprintf(&inner, "%s/%s", path, names[i]->d_name) >= 0)
			failed |= replay(inner);
		free(inner);
		free(names[i]);
	}
	free(names);
	return count < 0 ? 1 : failed;
}

static int replay(const char *path)
{
	struct stat st;
	if (stat(path, &st) != 0) {
		fprintf(stderr, "replay: no %s\n", path);
		return 1;
	}
	return S_ISDIR(st.st_mode) ? replay_folder(path) : replay_file(path, (size_t)st.st_size);
}

int main(int argc, char **argv)
{
	int failed = 0;
	for (int i = 1; i < argc; i++)
		failed |= replay(argv[i]);
	printf("%lu inputs\n", ran);
	return failed;
}
