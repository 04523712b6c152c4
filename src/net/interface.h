/* interface - the addresses of a network interface of this machine, for who would rather name it than them (P023). */
#ifndef KAD_NET_INTERFACE_H
#define KAD_NET_INTERFACE_H

#include <stddef.h>

#include "kad/types.h"

/*
 * `text` is name:port, such as eth0:6881. Writes the interface's addresses as they are now, IPv4 first; link-local IPv6 ones, which
 * mean nothing without their interface, are left out. Returns how many, 0: it is not up, or has none; KAD_E_NOT_FOUND: there is
 * no such interface; KAD_E_INVALID: not of that form; KAD_E_LIMIT: more than `room`; KAD_E_SYSTEM.
 */
KAD_CHECK int kad_interface_endpoints(const char *text, struct kad_endpoint *out_endpoints, size_t room);

#endif
