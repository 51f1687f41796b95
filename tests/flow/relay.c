/* relay LISTEN_PORT TARGET_PORT FILE: passes TCP connections of loopback on, one after the other, and records what the
 * clients send. A test tool.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in loopback(const char *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return a;
}

static void pass_on(int from, const char *target, FILE *record)
{
	char buf[65536];
	ssize_t n;
	struct sockaddr_in a = loopback(target);
	int to = socket(AF_INET, SOCK_STREAM, 0);
	if (to >= 0 && connect(to, (struct sockaddr *)&a, sizeof a) == 0)
		while ((n = read(from, buf, sizeof buf)) > 0) {
			fwrite(buf, 1, (size_t)n, record);
			fflush(record);
			for (ssize_t at = 0, m; at < n; at += m)
				if ((m = write(to, buf + at, (size_t)(n - at))) <= 0)
					return;
		}
	close(to);
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return 3;
	struct sockaddr_in a = loopback(argv[1]);
	int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0), fd;
	FILE *record = fopen(argv[3], "wb");
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (!record || bind(listener, (struct sockaddr *)&a, sizeof a) || listen(listener, 8))
		return 1;
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		pass_on(fd, argv[2], record);
		close(fd);
	}
	return 0;
}
