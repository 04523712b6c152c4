/* tcp_socket - a listening TCP socket. */
#ifndef KAD_HTTP_TCP_SOCKET_H
#define KAD_HTTP_TCP_SOCKET_H

#include <sys/socket.h>

#include "kad/types.h"

/* Listens at `endpoint`, non-blocking; [::] takes IPv4 too, and is 0.0.0.0 on a machine without IPv6. *out_bound is where
 * (a port that was 0 is known then). The descriptor, or KAD_E_EXISTS (the port is taken) or KAD_E_SYSTEM and errno. */
KAD_CHECK int kad_tcp_listen(const struct kad_endpoint *endpoint, struct kad_endpoint *out_bound);

/* The system's form of it, and how large that is. */
socklen_t kad_tcp_address(const struct kad_endpoint *endpoint, struct sockaddr_storage *out_address);

#endif
