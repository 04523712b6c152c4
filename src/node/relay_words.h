/*
 * relay_words - what a relay and its client say to one another (docs/protocol.md, "Relays"), as asides of their sessions.
 *
 *     OPEN    client -> relay   nonce 4 | flags 1       give me a place, or let me keep it; with ASK: only say how it stands
 *     PLACE   relay -> client   nonce 4 | verdict 1 | seconds 4 | bytes a second 4 | free 2 | places 2 | port 2
 *     SEND    client -> relay   address 4 | port 2 | datagram      send this from my port
 *     DATA    relay -> client   address 4 | port 2 | datagram      this came to your port
 *     CLOSE   client -> relay                                      I need it no more
 *
 * Behind a byte that says which. Numbers are big-endian. What stands behind OPEN's and PLACE's known fields is skipped.
 */
#ifndef KAD_NODE_RELAY_WORDS_H
#define KAD_NODE_RELAY_WORDS_H

#include <assert.h>

#include "base/types.h"
#include "kad/engine.h"

enum kad_relay_word {
    KAD_RELAY_OPEN = KAD_ASIDE + 1,
    KAD_RELAY_PLACE,
    KAD_RELAY_SEND,
    KAD_RELAY_DATA,
    KAD_RELAY_CLOSE,
};

#define KAD_RELAY_ASK        1 /* flag of OPEN */
#define KAD_RELAY_OPEN_SIZE  6
#define KAD_RELAY_PLACE_SIZE 20
#define KAD_RELAY_HEAD       7    /* before SEND's and DATA's datagram */
#define KAD_RELAY_LEAST      64   /* the smallest datagram that is forwarded: no node sends a smaller one */
#define KAD_RELAY_DATAGRAM   1200 /* the largest */

static_assert(KAD_RELAY_HEAD + KAD_RELAY_DATAGRAM == KAD_ASIDE_MAX, "whatever a node sends can be forwarded");

static_assert(KAD_RELAY_HEAD + KAD_RELAY_LEAST > KAD_ASIDE_OPEN,
              "who writes to a port makes its relay begin no session, and keep nothing for one");

/* PLACE's first word. */
enum kad_relay_verdict {
    KAD_RELAY_GRANTED,  /* the place is yours, and so is the port */
    KAD_RELAY_FULL,     /* all places are taken */
    KAD_RELAY_CROWDED,  /* too many have come from where you are */
    KAD_RELAY_NONE,     /* no relay (any more) */
    KAD_RELAY_ANSWERED, /* you only asked */
    KAD_RELAY_N_VERDICTS
};
/* "granted": a constant, never NULL. */
const char *kad_relay_verdict_text(unsigned verdict);

struct kad_relay_open {
    uint32_t nonce;
    bool ask;
};

struct kad_relay_place {
    uint32_t nonce; /* of what it answers */
    uint8_t verdict;
    uint32_t lifetime_s, bytes_per_s; /* bytes_per_s: all clients together */
    uint16_t n_free, n_places;
    uint16_t port; /* with GRANTED: at the address that the relay is spoken to at */
};

size_t kad_relay_put_open(const struct kad_relay_open *open, uint8_t out_bytes[KAD_RELAY_OPEN_SIZE]);
size_t kad_relay_put_place(const struct kad_relay_place *place, uint8_t out_bytes[KAD_RELAY_PLACE_SIZE]);
/* IPv4 alone. */
size_t kad_relay_put_head(enum kad_relay_word word, const struct kad_endpoint *endpoint,
                          uint8_t out_bytes[KAD_RELAY_HEAD]);
/* False: it is too short, or says what cannot be. `bytes` with the word. */
bool kad_relay_get_open(struct kad_bytes bytes, struct kad_relay_open *out_open);
bool kad_relay_get_place(struct kad_bytes bytes, struct kad_relay_place *out_place);
/* Of SEND and DATA; *out_datagram is lent from `bytes`. */
bool kad_relay_get_datagram(struct kad_bytes bytes, struct kad_endpoint *out_endpoint,
                            struct kad_bytes *out_datagram);

#endif
