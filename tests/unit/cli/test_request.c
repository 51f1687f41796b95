/* Requests as a hostile peer may send them, through a real socket, to a process that keeps no store: what is under test is how
 * they are read and answered, not the answers' content. */
#include "tests/unit/cli/rig.h"

#include "cli/control.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

struct server {
	struct fake *fake;
	struct engine none;
	struct request_host host;
	struct control control;
	char dir[64], path[96];
};

static void server_open(struct server *s)
{
	struct error error = {0};
	struct stat st;
	*s = (struct server){.fake = fake_new(1), .dir = "/tmp/cresset-unit.XXXXXX"};
	assert_non_null(mkdtemp(s->dir));
	snprintf(s->path, sizeof s->path, "%s/control.sock", s->dir);
	s->none.env = &s->fake->env;
	s->none.config.data = s->dir;
	s->host = (struct request_host){.engine = &s->none, .env = &s->fake->env};
	assert_int_equal(control_open(&s->control, &s->fake->env, &s->host, s->path, &error), 0);
	assert_int_equal(stat(s->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
}

static void server_close(struct server *s)
{
	control_close(&s->control);
	unlink(s->path);
	rmdir(s->dir);
	assert_int_equal(s->fake->memory.outstanding, 0);
	fake_free(s->fake);
}

static int dial(struct server *s)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	snprintf(address.sun_path, sizeof address.sun_path, "%s", s->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

static void steps(struct server *s)
{
	for (int i = 0; i < 20; i++)
		(void)control_step(&s->control);
}

static unsigned clients(const struct server *s)
{
	unsigned n = 0;
	for (unsigned i = 0; i < CONTROL_CLIENTS; i++)
		n += s->control.clients[i].fd >= 0;
	return n;
}

/* Everything that came until the owner closed; -1 when it did not close. */
static ssize_t answer(int fd, char *out, size_t size)
{
	size_t len = 0;
	ssize_t n;
	while ((n = recv(fd, out + len, size - 1 - len, 0)) > 0)
		len += (size_t)n;
	out[len] = '\0';
	return n == 0 || errno == ECONNRESET ? (ssize_t)len : -1;
}

static unsigned open_fds(void)
{
	unsigned n = 0;
	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void what_is_no_request_is_told(void **state)
{
	static const struct {
		const char *line, *says;
		int code;
	} cases[] = {
		{"", "no JSON object", 3},
		{"nonsense", "no JSON object", 3},
		{"{\"verb\":\"search\"", "no JSON object", 3},
		{"[]", "unknown verb ''", 3},
		{"{\"verb\":7}", "unknown verb ''", 3},
		{"{\"verb\":\"drop\"}", "unknown verb 'drop'", 3},
		{"{\"verb\":\"search\",\"query\":\"x\"}", "keeps no store", 3},
		{"{\"verb\":\"tail\"}", "keeps no store", 3},
		{"{\"verb\":\"incidents list\"}", "keeps no incidents", 3},
		{"{\"verb\":\"incidents set\",\"id\":\"x\"}", "keeps no incidents", 3},
		{"{\"verb\":\"import\"}", "takes no imports", 3},
		{"{\"verb\":\"\\u001b[31m\"}", "unknown verb", 3},
	};
	struct server s;
	char out[4096], code[32];
	(void)state;
	server_open(&s);
	for (size_t i = 0; i < COUNT(cases); i++) {
		int fd = dial(&s);
		assert_int_equal(send(fd, cases[i].line, strlen(cases[i].line), 0), strlen(cases[i].line));
		assert_int_equal(send(fd, "\n", 1, 0), 1);
		steps(&s);
		assert_true(answer(fd, out, sizeof out) > 0);
		snprintf(code, sizeof code, "{\"end\":{\"code\":%d,", cases[i].code);
		if (!strstr(out, cases[i].says) || strncmp(out, code, strlen(code)) != 0 || strchr(out, '\033'))
			fail_msg("%s: %s", cases[i].line, out);
		assert_int_equal(clients(&s), 0);
		close(fd);
	}
	server_close(&s);
}

static void a_line_in_pieces(void **state)
{
	static const char line[] = "{\"verb\":\"status\"}\n";
	struct server s;
	char out[4096];
	(void)state;
	server_open(&s);
	int fd = dial(&s);
	for (size_t i = 0; i + 1 < sizeof line; i++) {
		steps(&s);
		assert_int_equal(clients(&s), i > 0 ? 1 : clients(&s));
		assert_int_equal(send(fd, line + i, 1, 0), 1);
	}
	steps(&s);
	assert_true(answer(fd, out, sizeof out) > 0);
	assert_non_null(strstr(out, "\"version\":"));
	assert_non_null(strstr(out, "\n{\"end\":{\"code\":0,"));
	close(fd);
	server_close(&s);
}

/* 65,536 octets with the end of the line are a request; one more is not, and is told. */
static void the_limit(void **state)
{
	struct server s;
	char *text = malloc(CONTROL_REQUEST_MAX + 1), out[4096];
	(void)state;
	server_open(&s);
	for (int more = 0; more < 2; more++) {
		int fd = dial(&s), room = 1 << 20;
		memset(text, ' ', CONTROL_REQUEST_MAX + 1);
		memcpy(text, "{\"verb\":\"status\"}", 17);
		text[CONTROL_REQUEST_MAX - 1 + more] = '\n';
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
		size_t at = 0, len = (size_t)(CONTROL_REQUEST_MAX + more);
		for (int tries = 0; at < len && tries < 1000; tries++) {
			ssize_t n = send(fd, text + at, len - at, MSG_NOSIGNAL);
			at += n > 0 ? (size_t)n : 0;
			if (n < 0 && errno != EAGAIN)
				break;
			steps(&s);
		}
		steps(&s);
		assert_true(answer(fd, out, sizeof out) > 0);
		assert_non_null(strstr(out, more ? "at most 65536 octets" : "\"version\":"));
		assert_int_equal(clients(&s), 0);
		close(fd);
	}
	free(text);
	server_close(&s);
}

static void send_fds(int fd, int passed, unsigned n, const char *text)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int) * 8)];
	} control = {0};
	struct iovec iov = {(void *)(uintptr_t)text, strlen(text)};
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = CMSG_SPACE(sizeof(int) * n)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * n);
	for (unsigned i = 0; i < n; i++)
		memcpy(CMSG_DATA(c) + i * sizeof passed, &passed, sizeof passed);
	assert_int_equal(sendmsg(fd, &m, 0), strlen(text));
}

/* Descriptors that nobody asked for are closed: with a request, in its pieces, behind it, and without one. */
static void passed_descriptors_do_not_stay(void **state)
{
	static const char *const texts[][3] = {
		{"{\"verb\":\"status\"}\n", NULL},
		{"{\"verb\":", "\"status\"}\n", NULL},
		{"{\"verb\":\"status\"}\nmore", "and more", NULL},
		{"half of a", " request", NULL},
	};
	struct server s;
	int null = open("/dev/null", O_RDONLY);
	(void)state;
	server_open(&s);
	unsigned before = open_fds();
	for (size_t i = 0; i < COUNT(texts); i++)
		for (unsigned n = 1; n <= 8; n++) {
			int fd = dial(&s);
			for (int k = 0; k < 3 && texts[i][k]; k++) {
				send_fds(fd, null, n, texts[i][k]);
				(void)control_step(&s.control);
			}
			steps(&s);
			close(fd);
			steps(&s);
			assert_int_equal(clients(&s), 0);
			assert_int_equal(open_fds(), before);
		}
	close(null);
	server_close(&s);
}

/* All places taken by clients that say nothing: they go after a while, and those who wait get their turn. */
static void the_silent_do_not_keep_others_out(void **state)
{
	struct server s;
	struct pollfd fds[CONTROL_CLIENTS + 1];
	int silent[CONTROL_CLIENTS];
	char out[4096];
	(void)state;
	server_open(&s);
	for (int i = 0; i < CONTROL_CLIENTS; i++) {
		silent[i] = dial(&s);
		steps(&s);
	}
	assert_int_equal(clients(&s), CONTROL_CLIENTS);
	int fd = dial(&s);
	assert_true(send(fd, "{\"verb\":\"status\"}\n", 18, 0) == 18);
	steps(&s);
	assert_int_equal(answer(fd, out, sizeof out), -1);
	unsigned n = control_poll(&s.control, fds);
	assert_int_equal(n, CONTROL_CLIENTS);
	assert_int_equal(poll(fds, n, 0), 0); /* nothing wakes the owner meanwhile */
	fake_clock_advance(s.fake, (CONTROL_SILENT_S + 1) * NS_PER_S);
	steps(&s);
	assert_true(answer(fd, out, sizeof out) > 0);
	assert_non_null(strstr(out, "\"version\":"));
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		close(silent[i]);
	close(fd);
	server_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_request_is_told),
		cmocka_unit_test(a_line_in_pieces),
		cmocka_unit_test(the_limit),
		cmocka_unit_test(passed_descriptors_do_not_stay),
		cmocka_unit_test(the_silent_do_not_keep_others_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
