/*
 * multiaddr - libp2p's addresses: a chain of protocols with their values, in bytes and as text (multiformats/multiaddr).
 *
 *     /ip4/127.0.0.1/tcp/9000/p2p/12D3Koo...      04 7f000001 06 2328 a503 26 ...
 *
 * What the bytes of an unknown protocol are nobody can tell, so an address with one does not parse; those that hold it drop
 * it and keep the others.
 */
#ifndef KAD_BASE_MULTIADDR_H
#define KAD_BASE_MULTIADDR_H

#include "base/types.h"

#define KAD_MULTIADDR_MAX  320  /* bytes of one that we take: a name of 253, ports, a peer id */
#define KAD_MULTIADDR_TEXT 1024 /* room for its text and terminator */

/* How its host is named. */
enum kad_multiaddr_host {
    KAD_HOST_NONE,
    KAD_HOST_IP,      /* `endpoint` */
    KAD_HOST_DNS,     /* `name`, to be resolved to addresses of either family */
    KAD_HOST_DNS4,    /* of IPv4 */
    KAD_HOST_DNS6,    /* of IPv6 */
    KAD_HOST_DNSADDR, /* `name`, whose TXT records are multiaddrs */
};

/* How a connection to it is made. */
enum kad_multiaddr_transport {
    KAD_TRANSPORT_OTHER, /* QUIC, WebRTC, a relay ...: not ours */
    KAD_TRANSPORT_NONE,  /* a host, and no more (dnsaddr) */
    KAD_TRANSPORT_TCP,
    KAD_TRANSPORT_WS,
    KAD_TRANSPORT_WSS, /* "/wss" and "/tls/ws" */
};

/* What one says. */
struct kad_multiaddr {
    enum kad_multiaddr_host host;
    enum kad_multiaddr_transport transport;
    struct kad_endpoint endpoint; /* its port also where the host is a name */
    struct kad_bytes name;        /* of the host, or in "/sni/"; borrowed */
    struct kad_bytes peer;        /* peer id behind "/p2p/", borrowed; empty: not said */
    size_t n_bare;                /* bytes before that */
};

/* Its parts. 0; KAD_E_INVALID: it does not parse, or is longer than KAD_MULTIADDR_MAX. */
KAD_CHECK int kad_multiaddr_parse(struct kad_bytes bytes, struct kad_multiaddr *out_parts);
/* "/ip4/.../tcp/..." of an endpoint, "/ws" or "/tls/ws" behind it: bytes written, 0 when `room` does not hold them. */
size_t kad_multiaddr_make(const struct kad_endpoint *endpoint, enum kad_multiaddr_transport transport,
                          uint8_t *out_bytes, size_t room);
/* Appends "/p2p/ID": the new size, 0 when `room` does not hold it. */
size_t kad_multiaddr_append_peer(uint8_t *bytes, size_t n, size_t room, struct kad_bytes peer);

/* From text. 0, KAD_E_INVALID, KAD_E_SPACE. */
KAD_CHECK int kad_multiaddr_read(const char *text, uint8_t *out_bytes, size_t room, size_t *out_size);
/* To text, with a terminator. 0, KAD_E_INVALID (it does not parse), KAD_E_SPACE. */
KAD_CHECK int kad_multiaddr_write(struct kad_bytes bytes, char *out_text, size_t room);

#endif
