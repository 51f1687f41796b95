/* Any octets as a commit log, read from the double's disk; what is read is what opening and reading again gives. */
#include "common/common.h"
#include "tests/support/support.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int count_record(void *arg, const struct commitlog_record *record)
{
	uint64_t *sum = arg;
	*sum += 1 + xxh3(record->body) + record->sequence;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fake *fake = fake_new(1);
	struct commitlog *log;
	struct error error;
	uint64_t first = 0, second = 0, third = 0, torn = 0, cut = 0;
	fake_file_put(fake, "log", data, size);
	int result = commitlog_read(&fake->env, "log", "test", count_record, &first, &torn, &error);
	CHECK(commitlog_open(&fake->env, "log", "test", count_record, &second, &cut, &log, &error) == result);
	if (result == 0) {
		CHECK(first == second && torn == cut);
		CHECK(commitlog_append(log, SLICE("more"), NULL, &error) == 0);
		CHECK(commitlog_read(&fake->env, "log", "test", count_record, &third, &torn, &error) == 0);
		CHECK(torn == 0 && third != second);
		commitlog_close(log);
	}
	fake_free(fake);
	return 0;
}
