/*
 * local_discovery - nodes on the same network find each other without knowing anybody (BEP 14).
 *
 * A datagram to 239.192.152.143:6771 says at which port somebody listens:
 *
 *     BT-SEARCH * HTTP/1.1\r\n
 *     Host: 239.192.152.143:6771\r\n
 *     Port: 6881\r\n
 *     Infohash: 40 HEX DIGITS\r\n
 *     cookie: 8 HEX DIGITS\r\n
 *     \r\n\r\n
 *
 * BEP 14 is made for torrents. A node has none, so it names KAD_LOCAL_INFOHASH; and it listens to everybody's, for
 * BitTorrent clients answer DHT queries at the port they name.
 *
 *     kad_local_open()      listens; IPv4
 *     kad_local_announce()  one datagram on every interface that is up and no loopback, not more often than once a minute;
 *                           without being asked every 5 minutes
 *     found()               somebody on this network; each address and port once in 5 minutes, 8 a minute at most
 *
 * What is not from a private or link-local address, or cannot be read, is ignored. Time-to-live 1: nothing is routed on.
 * Everything is on the loop's thread.
 */
#ifndef KAD_NET_LOCAL_DISCOVERY_H
#define KAD_NET_LOCAL_DISCOVERY_H

#include <uv.h>

#include "base/alloc.h"
#include "base/endpoint.h"

#define KAD_LOCAL_GROUP "239.192.152.143"
#define KAD_LOCAL_PORT  6771
#define KAD_LOCAL_INFOHASH \
    "f86a6b7ec4f68e7aa22023391610735802d030df" /* SHA-1 of "kad: a node of the Mainline DHT" */
#define KAD_LOCAL_MESSAGE 256

#define KAD_LOCAL_EVERY_MS (5 * KAD_MINUTE)
#define KAD_LOCAL_LEAST_MS KAD_MINUTE

/* -- the message: pure ------------------------------------------------------------------------------------------- */

size_t kad_local_write(uint16_t port, uint32_t cookie, char out_message[KAD_LOCAL_MESSAGE]);
/* Lines in any order, names in any case, others ignored. False: no such message. *out_has_cookie: there is one. */
bool kad_local_read(const char *message, size_t size, uint16_t *out_port, bool *out_has_cookie,
                    uint32_t *out_cookie);

/* -- on the network ---------------------------------------------------------------------------------------------- */

struct kad_local;

struct kad_local_config {
    const struct kad_allocator *allocator;
    uint16_t port; /* where the node listens; 0: it does not say so, only listens to others */
    void (*found)(void *context, const struct kad_endpoint *endpoint);
    void *context;
};

/* 0, KAD_E_SYSTEM (errno), KAD_E_MEMORY. */
KAD_CHECK int kad_local_open(uv_loop_t *loop, const struct kad_local_config *config,
                             struct kad_local **out_local);
void kad_local_announce(struct kad_local *local);
void kad_local_close(struct kad_local *local); /* it is gone when the loop has turned; NULL is fine */

#endif
