#include "common/env_sockets.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define DATAGRAMS_MAX 64u

/* Where recvmmsg puts what it received: one per datagram. */
struct landing {
	struct iovec io;
	struct sockaddr_storage peer;
	/* room for one SO_RXQ_OVFL word and what else a socket may have been told to say */
	_Alignas(struct cmsghdr) char control[128];
};

static void fill_address(const struct sockaddr_storage *from, socklen_t len, struct env_address *to)
{
	memset(to, 0, sizeof *to);
	if (len >= sizeof(struct sockaddr_in6) && from->ss_family == AF_INET6) {
		struct sockaddr_in6 six;
		memcpy(&six, from, sizeof six);
		memcpy(to->octets, &six.sin6_addr, 16);
		to->port = ntohs(six.sin6_port);
	} else if (len >= sizeof(struct sockaddr_in) && from->ss_family == AF_INET) {
		struct sockaddr_in four;
		memcpy(&four, from, sizeof four);
		to->octets[10] = 0xff;
		to->octets[11] = 0xff;
		memcpy(to->octets + 12, &four.sin_addr, 4);
		to->port = ntohs(four.sin_port);
	}
}

static void read_dropped(struct msghdr *head, uint32_t *dropped)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(head); c != NULL; c = CMSG_NXTHDR(head, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL)
			memcpy(dropped, CMSG_DATA(c), sizeof *dropped);
	}
}

static void prepare(struct env_datagram *datagram, struct landing *landing, struct mmsghdr *head)
{
	landing->io.iov_base = datagram->buf;
	landing->io.iov_len = datagram->size;
	landing->peer.ss_family = AF_UNSPEC;
	memset(head, 0, sizeof *head);
	head->msg_hdr.msg_name = &landing->peer;
	head->msg_hdr.msg_namelen = sizeof landing->peer;
	head->msg_hdr.msg_iov = &landing->io;
	head->msg_hdr.msg_iovlen = 1;
	head->msg_hdr.msg_control = landing->control;
	head->msg_hdr.msg_controllen = sizeof landing->control;
}

static int socket_receive(void *ctx, int fd, struct env_datagram *datagrams, unsigned n, uint32_t *dropped)
{
	struct landing landings[DATAGRAMS_MAX];
	struct mmsghdr heads[DATAGRAMS_MAX];
	(void)ctx;
	n = n < DATAGRAMS_MAX ? n : DATAGRAMS_MAX;
	for (unsigned i = 0; i < n; i++)
		prepare(&datagrams[i], &landings[i], &heads[i]);
	/* MSG_TRUNC makes msg_len the length on the wire, however little was stored. */
	int got = recvmmsg(fd, heads, n, MSG_DONTWAIT | MSG_TRUNC, NULL);
	if (got < 0)
		return -errno;
	for (unsigned i = 0; i < n && i < (unsigned)got; i++) {
		struct env_datagram *d = &datagrams[i];
		d->full_len = heads[i].msg_len;
		d->len = d->full_len < d->size ? d->full_len : d->size;
		fill_address(&landings[i].peer, heads[i].msg_hdr.msg_namelen, &d->peer);
		read_dropped(&heads[i].msg_hdr, dropped);
	}
	return got;
}

static int socket_accept(void *ctx, int fd, struct env_address *peer)
{
	struct sockaddr_storage from = {.ss_family = AF_UNSPEC};
	socklen_t len = sizeof from;
	(void)ctx;
	int made = accept4(fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (made < 0)
		return -errno;
	fill_address(&from, len, peer);
	return made;
}

static ssize_t socket_read(void *ctx, int fd, void *buf, size_t len)
{
	(void)ctx;
	ssize_t got = recv(fd, buf, len, MSG_DONTWAIT);
	return got < 0 ? -errno : got;
}

static ssize_t socket_write(void *ctx, int fd, const void *buf, size_t len)
{
	(void)ctx;
	/* A peer that went away is an error of this call, not a signal to the process. */
	ssize_t put = send(fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	return put < 0 ? -errno : put;
}

static int socket_close(void *ctx, int fd)
{
	(void)ctx;
	return close(fd) < 0 ? -errno : 0;
}

struct env_sockets env_system_sockets(void)
{
	return (struct env_sockets){.receive = socket_receive,
								.accept = socket_accept,
								.read = socket_read,
								.write = socket_write,
								.close = socket_close};
}
