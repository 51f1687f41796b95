/* The doubles themselves: a test that trusts them should not find them kinder than the world. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/fake_bus.h"
#include "tests/support/support.h"

#include <errno.h>

static int write_file(struct fake *fake, const char *path, const char *text, bool sync)
{
	const struct env_files *files = &fake->env.files;
	int fd = files->open(fake, path, ENV_READ | ENV_WRITE | ENV_CREATE);
	assert_true(fd >= 0);
	assert_int_equal(files->pwrite(fake, fd, text, strlen(text), 0), strlen(text));
	if (sync)
		assert_int_equal(files->sync(fake, fd), 0);
	return fd;
}

static bool holds(struct fake *fake, const char *path, const char *text)
{
	size_t len;
	const uint8_t *octets = fake_file_get(fake, path, &len);
	return octets && slice_equal(slice_of(octets, len), slice_str(text));
}

static void power_cut_keeps_what_was_synced_content_and_name(void **state)
{
	(void)state;
	struct fake *fake = fake_new(1);
	const struct env_files *files = &fake->env.files;
	assert_int_equal(files->mkdir(fake, "d"), 0);
	assert_int_equal(files->mkdir(fake, "d"), -EEXIST);
	assert_int_equal(files->sync_dir(fake, "."), 0);
	write_file(fake, "d/both", "kept", true);
	assert_int_equal(files->sync_dir(fake, "d"), 0);
	write_file(fake, "d/nameless", "lost", true);
	write_file(fake, "d/both", "LOST", false);
	assert_true(holds(fake, "d/both", "LOST"));
	assert_int_equal(fake_files_open(fake), 3);
	fake_power_cut(fake, FAKE_CUT_LOSE_ALL);
	assert_int_equal(fake_files_open(fake), 0);
	assert_true(holds(fake, "d/both", "kept"));
	assert_false(fake_file_exists(fake, "d/nameless"));
	assert_int_equal(files->rename(fake, "d/both", "d/moved", false), 0);
	fake_power_cut(fake, FAKE_CUT_LOSE_ALL);
	assert_true(holds(fake, "d/both", "kept"));
	assert_int_equal(files->rename(fake, "./d//both", "d/moved", false), 0);
	assert_int_equal(files->sync_dir(fake, "d/"), 0);
	fake_power_cut(fake, FAKE_CUT_LOSE_ALL);
	assert_true(holds(fake, "d/moved", "kept"));
	assert_false(fake_file_exists(fake, "d/both"));
	fake_free(fake);
}

static void a_failed_sync_loses_and_the_next_one_lies(void **state)
{
	(void)state;
	struct fake *fake = fake_new(1);
	const struct env_files *files = &fake->env.files;
	int fd = write_file(fake, "f", "lost", false);
	assert_int_equal(files->sync_dir(fake, "."), 0);
	fake->files.fail_kinds = FAKE_BIT(FAKE_SYNC);
	fake->files.calls = 0;
	fake->files.fail_at = 1;
	assert_int_equal(files->sync(fake, fd), -EIO);
	assert_int_equal(files->sync(fake, fd), 0);
	assert_true(holds(fake, "f", "lost"));
	assert_int_equal(files->forget(fake, fd), 0);
	assert_true(holds(fake, "f", ""));
	fake_free(fake);
}

static void calls_fail_are_cut_are_short_and_find_no_room(void **state)
{
	(void)state;
	struct fake *fake = fake_new(1);
	const struct env_files *files = &fake->env.files;
	int fd = write_file(fake, "f", "x", true);
	const struct slice parts[] = {SLICE("12"), SLICE(""), SLICE("34"), SLICE("5")};
	fake->files.calls = 0;
	fake->files.fail_at = 2;
	fake->files.fail_errno = ENOSPC;
	assert_int_equal(files->pwrite(fake, fd, "a", 1, 0), 1);
	assert_int_equal(files->pwrite(fake, fd, "b", 1, 0), -ENOSPC);
	assert_int_equal(files->pwrite(fake, fd, "c", 1, 0), 1);
	assert_int_equal(fake->files.failed, 1);
	fake_files_reset(fake);
	fake->files.short_at = 1;
	fake->files.short_octets = 2;
	assert_int_equal(files->pwrite(fake, fd, "12345", 5, 0), 2);
	assert_int_equal(files->pwrite(fake, fd, "12345", 5, 0), 5);
	fake->files.short_at = 3;
	assert_int_equal(files->pwritev(fake, fd, parts, 4, 0), 2);
	assert_int_equal(files->pwritev(fake, fd, parts, 4, 0), 5);
	assert_true(holds(fake, "f", "12345"));
	fake->files.capacity = 8;
	assert_int_equal(files->pwritev(fake, fd, parts, 4, 4), 4);
	assert_int_equal(files->pwritev(fake, fd, parts, 4, 8), -ENOSPC);
	assert_int_equal(files->pwrite(fake, fd, "123456789", 9, 0), 8);
	assert_int_equal(files->pwrite(fake, fd, "9", 1, 8), -ENOSPC);
	assert_int_equal(files->pwrite(fake, fd, "0", 1, 0), 1); /* over what is there: no room needed */
	assert_int_equal(files->reserve(fake, fd, 9), -ENOSPC);
	fake_files_reset(fake);
	int other = files->open(fake, "f", ENV_READ);
	assert_int_equal(files->lock(fake, fd), 0);
	assert_int_equal(files->lock(fake, other), -EWOULDBLOCK);
	assert_int_equal(files->close(fake, fd), 0);
	assert_int_equal(files->lock(fake, other), 0);
	assert_int_equal(files->pwrite(fake, other, "x", 1, 0), -EBADF);
	fake->files.cut_at = 1;
	assert_int_equal(files->unlink(fake, "f"), -EIO);
	assert_int_equal(files->unlink(fake, "f"), -EIO);
	fake_power_cut(fake, FAKE_CUT_KEEP_ALL);
	assert_int_equal(files->unlink(fake, "f"), 0);
	assert_int_equal(files->unlink(fake, "f"), -ENOENT);
	fake_free(fake);
}

static void random_cuts_tear_at_512_octets(void **state)
{
	(void)state;
	unsigned torn = 0, whole = 0, nothing = 0;
	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct fake *fake = fake_new(seed);
		static char text[2049];
		memset(text, 'x', sizeof(text) - 1);
		fake_file_put(fake, "f", "", 0);
		write_file(fake, "f", text, false);
		fake_power_cut(fake, FAKE_CUT_RANDOM);
		size_t len, xs = 0;
		const uint8_t *octets = fake_file_get(fake, "f", &len);
		for (size_t at = 0; at < len; at += 512) {
			size_t end = at + 512 < len ? at + 512 : len;
			for (size_t i = at; i < end; i++)
				assert_int_equal(octets[i], octets[at]);
			xs += octets[at] == 'x' ? end - at : 0;
		}
		whole += xs == 2048;
		nothing += xs == 0;
		torn += xs > 0 && xs < 2048;
		fake_free(fake);
	}
	assert_true(torn > 30 && whole > 30 && nothing > 30);
}

static void memory_counts_and_fails(void **state)
{
	(void)state;
	struct fake *fake = fake_new(1);
	void *a = env_alloc(&fake->env, 10), *b = env_alloc(&fake->env, 10);
	a = env_resize(&fake->env, a, 20);
	assert_int_equal(fake->memory.outstanding, 2);
	fake->memory.calls = 0;
	fake->memory.fail_at = 1;
	fake->memory.fail_forever = true;
	assert_null(env_alloc(&fake->env, 1));
	assert_null(env_alloc(&fake->env, 1));
	env_free(&fake->env, a);
	env_free(&fake->env, b);
	env_free(&fake->env, NULL);
	assert_int_equal(fake->memory.outstanding, 0);
	fake_free(fake);
}

static void sockets_give_what_was_pushed(void **state)
{
	(void)state;
	struct fake *fake = fake_new(1);
	const struct env_sockets *sockets = &fake->env.sockets;
	struct env_address peer = fake_address("10.0.0.7", 99), who;
	uint8_t room[4];
	struct env_datagram datagram = {.buf = room, .size = sizeof(room)};
	uint32_t dropped = 0;
	int udp = fake_datagram_socket(fake), listener = fake_listener(fake);
	assert_int_equal(sockets->receive(fake, udp, &datagram, 1, &dropped), -EAGAIN);
	fake_datagram_push(fake, udp, &peer, "123456", 6, 0);
	fake_datagram_drop(fake, udp, 3);
	assert_int_equal(sockets->receive(fake, udp, &datagram, 1, &dropped), 1);
	assert_int_equal(datagram.len, 4);
	assert_int_equal(datagram.full_len, 6);
	assert_int_equal(dropped, 3);
	assert_memory_equal(&datagram.peer, &peer, sizeof(peer));
	assert_int_equal(sockets->accept(fake, listener, &who), -EAGAIN);
	int stream = fake_connect(fake, listener, &peer);
	assert_int_equal(sockets->accept(fake, listener, &who), stream);
	assert_int_equal(sockets->accept(fake, listener, &who), -EAGAIN);
	fake_stream_push(fake, stream, "ab", 2);
	fake->read_max = 1;
	assert_int_equal(sockets->read(fake, stream, room, 4), 1);
	assert_int_equal(sockets->read(fake, stream, room, 4), 1);
	assert_int_equal(sockets->read(fake, stream, room, 4), -EAGAIN);
	fake_stream_end(fake, stream);
	assert_int_equal(sockets->read(fake, stream, room, 4), 0);
	fake_stream_write_room(fake, stream, 1);
	assert_int_equal(sockets->write(fake, stream, "ok", 2), 1);
	assert_int_equal(sockets->write(fake, stream, "k", 1), -EAGAIN);
	assert_true(slice_equal(fake_stream_output(fake, stream), SLICE("o")));
	assert_int_equal(sockets->close(fake, stream), 0);
	assert_true(fake_socket_closed(fake, stream));
	assert_int_equal(sockets->read(fake, stream, room, 4), -EBADF);
	fake_free(fake);
}

static void time_moves_only_when_told(void **state)
{
	(void)state;
	struct fake *fake = fake_new(1);
	int64_t now = env_now(&fake->env), boot = env_boot(&fake->env);
	assert_int_equal(env_now(&fake->env), now);
	fake_clock_advance(fake, 5);
	assert_int_equal(env_now(&fake->env), now + 5);
	fake_clock_set(fake, 77);
	assert_int_equal(env_now(&fake->env), 77);
	assert_int_equal(env_boot(&fake->env), boot + 5);
	uint64_t one = fake_random(fake);
	struct fake *twin = fake_new(1);
	assert_int_equal(fake_random(twin), one);
	fake_free(twin);
	fake_free(fake);
}

/* Every record arrives once and in order through delays, refusals, crashes and repeats. */
static void the_seeded_bus_keeps_the_contract(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 50; seed++) {
		struct fake *fake = fake_new(seed);
		struct fake_bus_config config = {.partitions = {0, 1, 0, 0},
										 .delay_percent = 60,
										 .empty_percent = 30,
										 .full_percent = 20,
										 .repeat_records = 3};
		struct fake_bus *all = fake_bus_new(fake, &config);
		uint64_t sent = 0, seen = 0;
		struct error error;
		for (unsigned life = 0; life < 5; life++) {
			struct bus *bus = fake_bus_open(all, NULL);
			struct bus_reader *reader;
			struct bus_record record;
			uint64_t base = fake_bus_count(all, TOPIC_MATCHES, 0), tickets, next = 0, ticket;
			assert_int_equal(bus_open_reader(bus, "temporal", TOPIC_MATCHES, 0, &reader, &error), 0);
			assert_int_equal(bus_open_reader(bus, "temporal", TOPIC_MATCHES, 0, &(struct bus_reader *){0}, &error),
							 -ERROR_BUSY);
			for (unsigned i = 0; i < 60; i++) {
				uint64_t value = base + next;
				if (bus_produce(bus, TOPIC_MATCHES, 0, slice_of(&value, 8), &ticket, &error) == 0) {
					assert_int_equal(ticket, ++next);
				}
				assert_true(bus_step(bus, i % 10 == 9, &error) >= 0);
				if (bus_poll(reader, &record, &error) == 1) {
					memcpy(&value, record.payload.ptr, 8);
					assert_int_equal(value, record.offset);
					assert_true(record.offset <= seen);
					seen += record.offset == seen;
					assert_int_equal(bus_commit(reader, record.offset + 1, record.offset, &error), 0);
				}
			}
			assert_int_equal(bus_durable(bus, TOPIC_MATCHES, 0, &tickets, NULL), 0);
			sent = base + tickets;
			bus_reader_close(reader);
			bus_close(bus);
			fake_bus_crash(all);
			assert_true(fake_bus_count(all, TOPIC_MATCHES, 0) >= sent);
		}
		assert_true(seen > 50 && seen <= fake_bus_count(all, TOPIC_MATCHES, 0));
		fake_bus_free(all);
		assert_int_equal(fake->memory.outstanding, 0);
		fake_free(fake);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(power_cut_keeps_what_was_synced_content_and_name),
		cmocka_unit_test(a_failed_sync_loses_and_the_next_one_lies),
		cmocka_unit_test(calls_fail_are_cut_are_short_and_find_no_room),
		cmocka_unit_test(random_cuts_tear_at_512_octets),
		cmocka_unit_test(memory_counts_and_fails),
		cmocka_unit_test(sockets_give_what_was_pushed),
		cmocka_unit_test(time_moves_only_when_told),
		cmocka_unit_test(the_seeded_bus_keeps_the_contract),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
