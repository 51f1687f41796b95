/* bench_send PORT FILE [CONNECTIONS]: sends a file of lines to 127.0.0.1 over TCP as fast as it is taken, LF framing, 64 KiB pieces
 * cut at line ends and dealt to the connections in turn. Prints "octets seconds". */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PIECE 65536
#define CONNECTIONS_MAX 64

static int stop(const char *what)
{
	fprintf(stderr, "bench_send: %s: %s\n", what, strerror(errno));
	return 3;
}

static int send_all(int fd, const char *at, size_t n)
{
	while (n) {
		ssize_t sent = send(fd, at, n, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return -1;
		at += sent;
		n -= (size_t)sent;
	}
	return 0;
}

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	int fds[CONNECTIONS_MAX], count = argc > 3 ? atoi(argv[3]) : 1, file = argc > 2 ? open(argv[2], O_RDONLY) : -1;
	struct stat st;
	if (argc < 3 || count < 1 || count > CONNECTIONS_MAX || file < 0 || fstat(file, &st) || st.st_size == 0)
		return stop("bench_send PORT FILE [CONNECTIONS]");
	size_t size = (size_t)st.st_size;
	const char *text = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (text == MAP_FAILED)
		return stop("mmap");
	for (int i = 0; i < count; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM, 0);
		if (fds[i] < 0 || connect(fds[i], (struct sockaddr *)&to, sizeof to))
			return stop("connect");
	}
	double began = seconds();
	int turn = 0;
	for (size_t at = 0; at < size; turn++) {
		size_t end = at + PIECE < size ? at + PIECE : size;
		while (end < size && text[end - 1] != '\n')
			end++;
		if (send_all(fds[turn % count], text + at, end - at))
			return stop("send");
		at = end;
	}
	for (int i = 0; i < count; i++)
		close(fds[i]);
	printf("%zu %.3f\n", size, seconds() - began);
	return 0;
}
