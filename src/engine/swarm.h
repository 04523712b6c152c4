/*
 * swarm - the connections of a node of libp2p's network, without I/O: whom it knows, whom it dials, and what goes over which stream.
 * It stands between the engine, to which it is the host that proves who speaks (kad_datagram.identity is a peer id), and whoever
 * has sockets.
 *
 *     sockets  -> kad_swarm_accepted() _connected() _failed() _bytes() _closed()
 *              <- kad_swarm_next_order(): DIAL, WRITE, CLOSE
 *     engine   -> kad_swarm_send(): a frame (wire/libp2p/codec.h)
 *              <- kad_swarm_next_datagram(): a frame that came; the engine answers by kad_swarm_send() before the next is taken
 *     both     <- kad_swarm_next_event(): a peer was met, an address is dead
 *
 * One connection a peer is used for all, and kept. Whom we want to speak to is dialled at all its addresses, the next one
 * 250 ms after the last; an address that failed is left alone for a time that doubles. On each connection both sides identify
 * themselves, and only who lists our protocol, at an address that can be dialled, is told to the engine as a node.
 *
 * Bounded are connections, dials, peers that are remembered, questions that wait for a connection, and what each may keep
 * (channel/link.h).
 */
#ifndef KAD_ENGINE_SWARM_H
#define KAD_ENGINE_SWARM_H

#include "base/multiaddr.h"
#include "channel/link.h"
#include "kad/engine.h"

struct kad_swarm;

#define KAD_SWARM_PROTOCOLS 4  /* names of the Kademlia protocol, the preferred one first */
#define KAD_SWARM_LISTEN    16 /* addresses of our own */
#define KAD_SWARM_ADDRS     8  /* that are remembered of a peer */
#define KAD_SWARM_AGENT     64 /* bytes of an agent's name, with its zero */

/* How it dials and keeps connections, the first three unless its configuration says otherwise. The simulator has them from here, too. */
#define KAD_SWARM_LINKS        300
#define KAD_SWARM_DIALS        32
#define KAD_SWARM_DIAL_MS      (5 * KAD_SECOND)
#define KAD_SWARM_RACE_MS      250        /* between the beginnings of two dials to a peer */
#define KAD_SWARM_BACKOFF_MS   KAD_MINUTE /* after a peer was not to be had, unless it comes; doubled, up to */
#define KAD_SWARM_BACKOFF_MOST (5 * KAD_MINUTE)
#define KAD_SWARM_SETTLED_MS \
    (10 * KAD_SECOND) /* younger connections are not closed for another's sake, ... */
#define KAD_SWARM_BRIEF_MS \
    (2 * KAD_SECOND) /* ... unless all are so young; then those that are older, and unused for as long */
#define KAD_SWARM_REFUSALS   3              /* times that who closes a connection at once is dialled again, */
#define KAD_SWARM_REFUSED_MS ((kad_ms)1500) /* after so long, then twice, four times as long */

enum kad_swarm_mode {
    KAD_SWARM_CLIENT, /* asks, and does not say that it answers */
    KAD_SWARM_SERVER,
};

struct kad_swarm_config {
    const struct kad_allocator *allocator;      /* lent, as all pointers here */
    const struct kad_suite *suite;              /* NULL: libp2p's */
    uint8_t seed[32];                           /* Ed25519; who we are */
    uint8_t random[32];                         /* all randomness */
    const char *protocols[KAD_SWARM_PROTOCOLS]; /* "/icn/kad/1.0.0" ...; the first NULL ends them */
    const char *agent;
    enum kad_swarm_mode mode;
    bool local;              /* private and loopback addresses are dialled and named, too */
    unsigned max_links;      /* 0: KAD_SWARM_LINKS */
    unsigned max_dials;      /* at once; 0: KAD_SWARM_DIALS */
    unsigned max_peers;      /* remembered; 0: 16384 */
    unsigned max_waiting;    /* questions that wait for a connection or a stream; 0: 1024 */
    unsigned accept_per_s;   /* connections a second from one host; 0: 50 */
    unsigned max_per_host;   /* connections that come from one address or /64, at once; 0: 32 */
    unsigned max_per_subnet; /* and from one /24 or /48; 0: 64 */
    bool
        limit_loopback; /* local addresses too (of max_per_*: private ones): else many nodes here are one host */
    kad_ms dial_ms;     /* until an address counts as dead; 0: KAD_SWARM_DIAL_MS */
    kad_ms
        probe_ms; /* a server looks for providers that it names, as often as this; 0: never (swarm_probe.c) */
    /* What is hashed to a key that the swarm was not told of, or has forgotten (kad_engine_name()); NULL: nobody knows. */
    bool (*name_of)(void *context, const struct kad_id *key, struct kad_bytes *out_name);
    void *context;
};

/* 0, KAD_E_MEMORY, KAD_E_INVALID. */
KAD_CHECK int kad_swarm_new(const struct kad_swarm_config *config, kad_ms now, struct kad_swarm **out_swarm);
void kad_swarm_free(struct kad_swarm *swarm);                   /* NULL is fine */
struct kad_bytes kad_swarm_self(const struct kad_swarm *swarm); /* our peer id */

/* Where we listen, as multiaddrs that others could dial: replaces what was said before, and peers are told. KAD_E_LIMIT. */
KAD_CHECK int kad_swarm_listening(struct kad_swarm *swarm, const struct kad_bytes *addrs, size_t n_addrs,
                                  kad_ms now);
void kad_swarm_set_mode(struct kad_swarm *swarm, enum kad_swarm_mode mode, kad_ms now);

/* -- sockets ---------------------------------------------------------------------------------------------------- */

/* Somebody connected to us from there; *out_connection names it from now on. KAD_E_LIMIT: close it. */
KAD_CHECK int kad_swarm_accepted(struct kad_swarm *swarm, const struct kad_endpoint *from,
                                 enum kad_multiaddr_transport transport, kad_ms now,
                                 uint32_t *out_connection);
void kad_swarm_connected(struct kad_swarm *swarm, uint32_t connection, kad_ms now);
void kad_swarm_failed(struct kad_swarm *swarm, uint32_t connection, kad_ms now);
/* The bytes are the swarm's to spoil. */
void kad_swarm_bytes(struct kad_swarm *swarm, uint32_t connection, uint8_t *bytes, size_t n, kad_ms now);
void kad_swarm_closed(struct kad_swarm *swarm, uint32_t connection, kad_ms now);

enum kad_swarm_order_kind {
    KAD_SWARM_DIAL,  /* to `addr`; then _connected() or _failed() */
    KAD_SWARM_WRITE, /* kad_swarm_out() has bytes */
    KAD_SWARM_CLOSE, /* after what is to be written was; the number is of no more use */
};
struct kad_swarm_order {
    enum kad_swarm_order_kind kind;
    uint32_t connection;
    struct kad_bytes addr; /* DIAL: a multiaddr, borrowed until the next call */
};
bool kad_swarm_next_order(struct kad_swarm *swarm, struct kad_swarm_order *out_order);
/* What a connection is to send, borrowed until the swarm is called again; and that so much of it went. */
struct kad_bytes kad_swarm_out(struct kad_swarm *swarm, uint32_t connection);
void kad_swarm_sent(struct kad_swarm *swarm, uint32_t connection, size_t n);

void kad_swarm_tick(struct kad_swarm *swarm, kad_ms now);
kad_ms kad_swarm_wake_at(const struct kad_swarm *swarm);

/* -- engine ----------------------------------------------------------------------------------------------------- */

/* A datagram of the engine's; what cannot be sent is answered for by an event, or by its silence. */
void kad_swarm_send(struct kad_swarm *swarm, const struct kad_datagram *datagram, kad_ms now);
/* One for it; borrowed until the next call. */
bool kad_swarm_next_datagram(struct kad_swarm *swarm, kad_ms now, struct kad_datagram *out_datagram);
bool kad_swarm_has_datagrams(const struct kad_swarm *swarm); /* is there one? */
/* The engine knows keys by their hash only: what is hashed to one, so that questions can say it. */
void kad_swarm_learn_key(struct kad_swarm *swarm, struct kad_bytes name, struct kad_id *out_key);

enum kad_swarm_event_kind {
    KAD_SWARM_NODE, /* a peer that answers our protocol, and where it is */
    KAD_SWARM_DEAD, /* nobody is to be had there */
    KAD_SWARM_GONE, /* a provider is named to others no more, */
    KAD_SWARM_BACK, /* or again */
};
struct kad_swarm_event {
    enum kad_swarm_event_kind kind;
    struct kad_bytes peer; /* borrowed until the next call; may be empty (DEAD) */
    struct kad_endpoint endpoint;
};
bool kad_swarm_next_event(struct kad_swarm *swarm, struct kad_swarm_event *out_event);

/* -- peers ------------------------------------------------------------------------------------------------------ */

/* Dials a multiaddr, with "/p2p/ID" or without. Whoever answers there is told as an event. KAD_E_INVALID: not one we can dial. */
KAD_CHECK int kad_swarm_connect(struct kad_swarm *swarm, struct kad_bytes addr, kad_ms now);
/* Addresses of a peer, from elsewhere. */
void kad_swarm_learn_peer(struct kad_swarm *swarm, struct kad_bytes peer, const struct kad_bytes *addrs,
                          size_t n_addrs);

struct kad_swarm_peer {
    uint8_t id[KAD_PEER_ID_MAX];
    size_t n_id;
    struct kad_endpoint endpoint; /* where the engine knows it; no family: nowhere */
    unsigned n_addrs;
    struct kad_bytes addrs[KAD_SWARM_ADDRS]; /* borrowed */
    bool connected, inbound, is_server;
    bool gone;      /* a provider that is not there */
    bool is_relay;  /* it says that it forwards for others (circuit relay v2) */
    int32_t rtt_ms; /* -1: unknown */
    kad_ms since;   /* connected */
    const char *agent;
};
/* False: nothing is known of it. */
bool kad_swarm_find_peer(const struct kad_swarm *swarm, struct kad_bytes peer,
                         struct kad_swarm_peer *out_peer);
/* The peer whose place in the key space this is. */
bool kad_swarm_find_place(const struct kad_swarm *swarm, const struct kad_id *place,
                          struct kad_swarm_peer *out_peer);
/* Those connected. How many there are; writes at most `room`. */
size_t kad_swarm_peers(const struct kad_swarm *swarm, struct kad_swarm_peer *out_peers, size_t room);

struct kad_swarm_counters {
    uint64_t accepted, refused;         /* connections: taken, and over a limit */
    uint64_t crowded;                   /* of those refused: one host or subnet had its share */
    uint64_t dialled, dial_failed;      /* addresses */
    uint64_t up;                        /* connections that proved who they are */
    uint64_t down[KAD_LINK_FULL + 1];   /* ended, by enum kad_link_end */
    uint64_t streams_in, streams_out;   /* of all protocols */
    uint64_t requests_in, requests_out; /* of Kademlia's */
    uint64_t malformed;                 /* requests, answers or identifies that were none */
    uint64_t identified;
    uint64_t trimmed;               /* connections closed for others' sake */
    uint64_t probes, probes_failed; /* of providers */
    uint64_t providers_gone;        /* now */
};
const struct kad_swarm_counters *kad_swarm_counters(const struct kad_swarm *swarm);
size_t kad_swarm_memory(const struct kad_swarm *swarm);
bool kad_swarm_sound(const struct kad_swarm *swarm, const char **out_why);

#endif
