/* The sockets of the production environment. Only for env_system.c. */
#ifndef COMMON_ENV_SOCKETS_H
#define COMMON_ENV_SOCKETS_H

#include "common/env.h"

struct env_sockets env_system_sockets(void);

#endif
