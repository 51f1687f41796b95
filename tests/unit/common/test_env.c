/* The production environment on a real folder, and the helpers over it. */
#include "tests/unit/common/test.h"

#include "tests/support/support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/cresset-env-XXXXXX";

static int start(void **state)
{
	(void)state;
	return mkdtemp(folder) == NULL;
}

static int remove_name(void *arg, const char *name)
{
	char path[600];
	(void)arg;
	snprintf(path, sizeof path, "%s/%s", folder, name);
	return remove(path) != 0;
}

static int end(void **state)
{
	struct env env = env_system();
	(void)state;
	env.files.list(NULL, folder, remove_name, NULL);
	return rmdir(folder);
}

static const char *in_folder(const char *name)
{
	static char paths[4][600];
	static unsigned next;
	char *path = paths[next++ % 4];
	snprintf(path, sizeof paths[0], "%s/%s", folder, name);
	return path;
}

static void files_do_what_they_say(void **state)
{
	(void)state;
	struct env env = env_system();
	const struct env_files *f = &env.files;
	struct env_stat st;
	uint8_t back[6], *whole;
	size_t len;
	int fd = f->open(NULL, in_folder("a"), ENV_WRITE | ENV_READ | ENV_CREATE | ENV_EXCLUSIVE);
	assert_true(fd >= 0);
	assert_int_not_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
	assert_int_equal(f->open(NULL, in_folder("a"), ENV_WRITE | ENV_CREATE | ENV_EXCLUSIVE), -EEXIST);
	const struct slice parts[] = {SLICE("ab"), SLICE(""), SLICE("123"), SLICE("f")};
	assert_int_equal(env_write_parts(&env, fd, parts, 4, 2), 0);
	assert_int_equal(env_read_all(&env, fd, back, 6, 2), 0);
	assert_memory_equal(back, "ab123f", 6);
	assert_int_equal(env_write_all(&env, fd, "abcdef", 6, 2), 0);
	assert_int_equal(f->sync(NULL, fd), 0);
	assert_int_equal(env_read_all(&env, fd, back, 6, 2), 0);
	assert_memory_equal(back, "abcdef", 6);
	assert_int_equal(env_read_all(&env, fd, back, 6, 3), -EIO);
	assert_int_equal(f->truncate(NULL, fd, 5), 0);
	assert_int_equal(f->fstat(NULL, fd, &st), 0);
	assert_true(st.size == 5 && !st.is_dir);
	assert_int_equal(f->lock(NULL, fd), 0);
	int other = f->open(NULL, in_folder("a"), ENV_READ);
	assert_int_equal(f->lock(NULL, other), -EWOULDBLOCK);
	f->close(NULL, other);
	f->close(NULL, fd);
	assert_int_equal(env_read_file(&env, in_folder("a"), 5, &whole, &len), 0);
	assert_slice(slice_of(whole, len), SLICE("\0\0abc"));
	env_free(&env, whole);
	assert_int_equal(env_read_file(&env, in_folder("a"), 4, &whole, &len), -EFBIG);
	assert_int_equal(env_read_file(&env, folder, 4096, &whole, &len), -EISDIR);
	assert_int_equal(env_read_file(&env, in_folder("none"), 4, &whole, &len), -ENOENT);
}

static void names_move_safely(void **state)
{
	(void)state;
	struct env env = env_system();
	const struct env_files *f = &env.files;
	f->close(NULL, f->open(NULL, in_folder("from"), ENV_WRITE | ENV_CREATE));
	f->close(NULL, f->open(NULL, in_folder("to"), ENV_WRITE | ENV_CREATE));
	assert_int_equal(f->rename(NULL, in_folder("from"), in_folder("to"), false), -EEXIST);
	assert_int_equal(f->rename(NULL, in_folder("from"), in_folder("to"), true), 0);
	assert_int_equal(symlink("to", in_folder("link")), 0);
	assert_int_equal(f->open(NULL, in_folder("link"), ENV_WRITE), -ELOOP);
	assert_int_equal(f->open(NULL, in_folder("link"), ENV_READ | ENV_NO_LINK), -ELOOP);
	assert_int_equal(env_sync_parent(&env, in_folder("to")), 0);
	assert_int_equal(env_make_dirs(&env, folder), 0);
	assert_int_equal(env_make_dirs(&env, in_folder("to/below")), -ENOTDIR);
	assert_int_equal(env_make_dirs(&env, in_folder("to")), -ENOTDIR);
	assert_int_equal(env_make_dirs(&env, in_folder("x//y/")), 0);
	assert_int_equal(env_make_dirs(&env, in_folder("x/y")), 0);
	assert_int_equal(rmdir(in_folder("x/y")), 0);
	assert_int_equal(env_make_dirs(&env, ""), -ENOENT);
}

/* A pipe that nobody writes would hold up who opens it. */
static void only_plain_files_are_plain(void **state)
{
	const struct env env = env_system();
	const struct env_files *f = &env.files;
	(void)state;
	assert_int_equal(mkfifo(in_folder("pipe"), 0600), 0);
	assert_int_equal(f->open(NULL, in_folder("pipe"), ENV_READ | ENV_PLAIN), -EINVAL);
	assert_int_equal(f->open(NULL, folder, ENV_READ | ENV_PLAIN), -EINVAL);
	assert_int_equal(f->open(NULL, "/dev/null", ENV_READ | ENV_PLAIN), -EINVAL);
	int fd = f->open(NULL, in_folder("plain"), ENV_READ | ENV_WRITE | ENV_CREATE);
	assert_true(fd >= 0);
	f->close(NULL, fd);
	fd = f->open(NULL, in_folder("plain"), ENV_READ | ENV_PLAIN | ENV_NO_LINK);
	assert_true(fd >= 0);
	f->close(NULL, fd);
}

static void short_writes_go_on(void **state)
{
	(void)state;
	struct fake *fake = fake_new(1);
	size_t len;
	int fd = fake->env.files.open(fake->env.files.ctx, "f", ENV_WRITE | ENV_CREATE);
	fake->files.short_at = UINT64_MAX;
	fake->files.short_octets = 3;
	assert_int_equal(env_write_all(&fake->env, fd, "abcdefgh", 8, 0), 0);
	assert_slice(slice_of(fake_file_get(fake, "f", &len), 8), SLICE("abcdefgh"));
	assert_int_equal(len, 8);
	const struct slice parts[] = {SLICE("1"), SLICE("23456"), SLICE(""), SLICE("78")};
	for (fake->files.short_octets = 1; fake->files.short_octets < 9; fake->files.short_octets++) {
		assert_int_equal(env_write_all(&fake->env, fd, "--------", 8, 0), 0);
		assert_int_equal(env_write_parts(&fake->env, fd, parts, 4, 0), 0);
		assert_slice(slice_of(fake_file_get(fake, "f", &len), len), SLICE("12345678"));
	}
	fake->env.files.close(fake->env.files.ctx, fd);
	fake_free(fake);
}

/* A datagram socket on loopback and its address. */
static int bound_socket(struct sockaddr_in *address)
{
	socklen_t len = sizeof *address;
	int fd = socket(AF_INET, SOCK_DGRAM, 0), on = 1;
	memset(address, 0, sizeof *address);
	address->sin_family = AF_INET;
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)address, sizeof *address), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)address, &len), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on), 0);
	return fd;
}

static void datagrams_tell_their_length(void **state)
{
	(void)state;
	struct env env = env_system();
	struct sockaddr_in to, from;
	uint8_t rooms[3][8];
	struct env_datagram datagrams[3];
	uint32_t dropped = 0;
	int in = bound_socket(&to), out = bound_socket(&from);
	for (unsigned i = 0; i < 3; i++)
		datagrams[i] = (struct env_datagram){.buf = rooms[i], .size = sizeof rooms[i]};
	assert_int_equal(env.sockets.receive(NULL, in, datagrams, 3, &dropped), -EAGAIN);
	assert_int_equal(sendto(out, "short", 5, 0, (struct sockaddr *)&to, sizeof to), 5);
	assert_int_equal(sendto(out, "longer than the room", 20, 0, (struct sockaddr *)&to, sizeof to), 20);
	assert_int_equal(env.sockets.receive(NULL, in, datagrams, 3, &dropped), 2);
	assert_true(datagrams[0].len == 5 && datagrams[0].full_len == 5);
	assert_true(datagrams[1].len == 8 && datagrams[1].full_len == 20);
	assert_memory_equal(rooms[1], "longer t", 8);
	char text[46];
	address_print(datagrams[0].peer.octets, text);
	assert_string_equal(text, "127.0.0.1");
	assert_int_equal(datagrams[0].peer.port, ntohs(from.sin_port));
	assert_int_equal(dropped, 0);
	close(out);
	close(in);
}

static void the_kernel_counts_drops(void **state)
{
	(void)state;
	struct env env = env_system();
	struct sockaddr_in to, from;
	static uint8_t room[2000];
	struct env_datagram datagram = {.buf = room, .size = sizeof room};
	uint32_t dropped = 0;
	unsigned got = 0, sent = 3000;
	int in = bound_socket(&to), out = bound_socket(&from), small = 4096;
	setsockopt(in, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
	for (unsigned i = 0; i < sent; i++)
		assert_int_equal(sendto(out, room, 500, 0, (struct sockaddr *)&to, sizeof to), 500);
	while (env.sockets.receive(NULL, in, &datagram, 1, &dropped) == 1)
		got++;
	/* The count comes with a datagram: one more brings the whole of it. */
	assert_int_equal(sendto(out, room, 1, 0, (struct sockaddr *)&to, sizeof to), 1);
	assert_int_equal(env.sockets.receive(NULL, in, &datagram, 1, &dropped), 1);
	assert_true(got < sent);
	assert_int_equal(got + dropped, sent);
	close(out);
	close(in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_do_what_they_say),      cmocka_unit_test(names_move_safely),
		cmocka_unit_test(only_plain_files_are_plain),  cmocka_unit_test(short_writes_go_on),
		cmocka_unit_test(datagrams_tell_their_length), cmocka_unit_test(the_kernel_counts_drops),
	};
	return cmocka_run_group_tests(tests, start, end);
}
