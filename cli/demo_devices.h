/* The devices of the demo as a network sees them: each sends from a loopback address of its own, by UDP or over one TCP
 * connection, with LF or octet-counted framing. Main thread; may wait for a slow receiver.
 */
#ifndef CLI_DEMO_DEVICES_H
#define CLI_DEMO_DEVICES_H

#include "common/common.h"

#define DEMO_DEVICES 512
#define DEMO_CONNECTIONS 40 /* devices past it use UDP */

struct demo_devices {
	const struct env *env;
	uint16_t port;
	struct demo_device {
		int fd; /* -1: not opened yet */
		bool tcp, counted;
	} devices[DEMO_DEVICES];
	unsigned used, connections;
	struct buffer frame;
	uint64_t sent, sent_tcp, failed, octets;
	int last_errno; /* of a failed one */
};

void demo_devices_init(struct demo_devices *d, const struct env *env, uint16_t port);
/* Opens the socket of device `index` (below DEMO_DEVICES), if it is not open. False: errno tells why. */
bool demo_devices_open(struct demo_devices *d, unsigned index, bool tcp);
/* Sends one line as that device, opening its socket when needed. False: counted as failed. */
bool demo_devices_send(struct demo_devices *d, unsigned index, bool tcp, struct slice line);
/* The address that a device sends from. */
void demo_devices_address(unsigned index, char *out, size_t size);
void demo_devices_close(struct demo_devices *d);

#endif
