/* Sockets bound for inputs, before anything else is opened: an address in use is found at once. */
#ifndef CLI_SOCKETS_H
#define CLI_SOCKETS_H

#include "cli/config.h"

struct bound_input {
	const struct config_input *input;
	int udp, tcp; /* descriptors, -1: not wanted */
};

/* Binds all inputs; on failure none stays open. ERROR_USAGE names the address and why. */
int sockets_bind(const struct config *config, struct bound_input *out, struct error *error);
void sockets_close(struct bound_input *inputs, uint32_t count);

#endif
