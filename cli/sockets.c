#include "cli/sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEFAULT_RECEIVE_BUFFER (8 << 20)

static socklen_t socket_address(const struct config_input *in, struct sockaddr_storage *out)
{
	uint8_t octets[16];
	bool v6 = slice_find_octet(in->address, ':', 0) != SIZE_MAX;
	CHECK(address_parse(in->address, octets));
	memset(out, 0, sizeof *out);
	if (v6) {
		struct sockaddr_in6 *a = (struct sockaddr_in6 *)out;
		a->sin6_family = AF_INET6;
		a->sin6_port = htons(in->port);
		memcpy(&a->sin6_addr, octets, 16);
		return sizeof *a;
	}
	struct sockaddr_in *a = (struct sockaddr_in *)out;
	a->sin_family = AF_INET;
	a->sin_port = htons(in->port);
	memcpy(&a->sin_addr, octets + 12, 4);
	return sizeof *a;
}

/* More than rmem_max needs a privilege; what the kernel gives is good enough, losses are counted. */
static void set_buffer(int fd, uint32_t bytes)
{
	int size = bytes ? (int)bytes : DEFAULT_RECEIVE_BUFFER, on = 1;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size))
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	(void)setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
}

static int bind_one(const struct config_input *in, int type, int *out, struct error *error)
{
	struct sockaddr_storage address;
	socklen_t len = socket_address(in, &address);
	int on = 1, fd = socket(address.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const char *name = type == SOCK_DGRAM ? "UDP" : "TCP";
	if (fd < 0)
		return error_set(error, ERROR_USAGE, "no %s socket: %s", name, strerror(errno));
	if (type == SOCK_STREAM)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	else
		set_buffer(fd, in->receive_buffer);
	if (bind(fd, (struct sockaddr *)&address, len) || (type == SOCK_STREAM && listen(fd, 1024))) {
		int why = errno;
		close(fd);
		return error_set(error, ERROR_USAGE, "cannot listen on %.*s port %u (%s): %s%s", SLICE_PRINT(in->address),
						 in->port, name, strerror(why),
						 why == EADDRINUSE ? "; another program has it: stop that one, or choose --syslog ADDRESS:PORT"
						 : why == EACCES   ? "; ports below 1024 need CAP_NET_BIND_SERVICE"
										   : "");
	}
	*out = fd;
	return 0;
}

int sockets_bind(const struct config *config, struct bound_input *out, struct error *error)
{
	/* All of them first: whoever closes them afterwards must not find a descriptor 0 that was never opened. */
	for (uint32_t i = 0; i < config->input_count; i++)
		out[i] = (struct bound_input){.input = &config->inputs[i], .udp = -1, .tcp = -1};
	for (uint32_t i = 0; i < config->input_count; i++) {
		const struct config_input *in = &config->inputs[i];
		int result = in->udp ? bind_one(in, SOCK_DGRAM, &out[i].udp, error) : 0;
		if (!result && in->tcp)
			result = bind_one(in, SOCK_STREAM, &out[i].tcp, error);
		if (result) {
			sockets_close(out, i + 1);
			return result;
		}
	}
	return 0;
}

void sockets_close(struct bound_input *inputs, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (inputs[i].udp >= 0)
			close(inputs[i].udp);
		if (inputs[i].tcp >= 0)
			close(inputs[i].tcp);
		inputs[i].udp = inputs[i].tcp = -1;
	}
}
