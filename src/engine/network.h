/* network - a network as data: codec, rules, defaults. Adding a network adds a codec and one of these. */
#ifndef KAD_ENGINE_NETWORK_H
#define KAD_ENGINE_NETWORK_H

#include "core/rules.h"
#include "kad/engine.h"
#include "wire/codec.h"

enum kad_carrier_kind {
    KAD_CARRIER_PLAIN,    /* a datagram is a message; nobody proves who he is */
    KAD_CARRIER_SESSIONS, /* secure sessions (channel/channel.h) */
    KAD_CARRIER_HOST,     /* the host proves who speaks: kad_datagram.identity */
};

struct kad_network {
    const char *name;
    const struct kad_codec *codec;
    struct kad_rules rules;
    struct kad_settings settings;
    enum kad_carrier_kind carrier;
    const char *stream_protocol; /* HOST, of libp2p: what its streams speak; NULL: not one of libp2p's */
    uint16_t port;               /* usual */
    uint32_t datagram_max;       /* the largest we send; 0: KAD_DATAGRAM_MAX */
    /* -- with identities -- */
    unsigned puzzle_bits;          /* least difficulty of an identity; rules.id_of asks for the same */
    const struct kad_suite *suite; /* SESSIONS */
    const char *realm;             /* SESSIONS: what members share, but for private networks */
};

/* The largest datagram of it that we send: kad_batch.each. */
uint32_t kad_network_datagram(const struct kad_network *network);

struct kad_walk;
/* All settings, as they are written into a journal (core/walk.h). */
void kad_settings_walk(struct kad_walk *walk, struct kad_settings *settings);

#endif
