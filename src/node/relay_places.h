/*
 * relay_places - whom a relay forwards for, and how much of what (docs/relay.md, docs/adr/0015).
 *
 *     kad_relay_places_open()     a client asks for a place, or to keep it
 *     kad_relay_places_send()     may this go from its port to that address?
 *     kad_relay_places_bring()    may this, which came to its port, go to it?
 *
 * No sockets, no clock: places are numbers, and the host has a port for each. All memory is taken at the beginning; a datagram costs
 * no allocation and no search. Ceilings: places, places per /24; bytes a second over all, of which each client may have what is its
 * share just now (what others do not use is not saved up); a datagram over either is dropped and counted.
 *
 * Nobody reaches through a place what he would not reach himself. Towards a group of addresses (/24), over all clients, no more bytes
 * go than came from there, plus 4 KiB a minute, as the engine itself has it for those that have proved nothing (core/limit.h); only
 * addresses that the relay's own engine knows to receive, `proved`, are beyond that. That something came to the port from an address
 * shows nothing: whoever wants to aim a relay at somebody can write that into his name. Never to ports below 1,024, where no node is
 * and much else, nor to addresses that are more local than the client's own.
 */
#ifndef KAD_NODE_RELAY_PLACES_H
#define KAD_NODE_RELAY_PLACES_H

#include "base/alloc.h"
#include "base/endpoint.h"

struct kad_relay_places_config {
    const struct kad_allocator *allocator;
    unsigned places; /* 1 .. 4096 */
    /* Over all, both directions together; of the datagrams that are forwarded; not of what is around
     * them: in a session they are at most twice as large. */
    uint64_t bytes_per_s;
    kad_ms lifetime_ms; /* of a place that is not asked for again */
    bool limit_local;   /* the budget towards others holds on private networks too */
    uint64_t hash_key;
};

/* What became of a datagram. */
enum kad_relay_drop {
    KAD_RELAY_FORWARDED,
    KAD_RELAY_DROP_STRANGER, /* of somebody who has no place */
    KAD_RELAY_DROP_FORM,     /* no datagram of a node: too small, or too large */
    KAD_RELAY_DROP_TARGET,   /* to where nothing is forwarded */
    KAD_RELAY_DROP_UNPROVED, /* to where more would go than came from */
    KAD_RELAY_DROP_SHARE,    /* more than the client's share */
    KAD_RELAY_DROP_FULL,     /* more than the relay gives */
    KAD_RELAY_DROP_CLIENT,   /* the client's session takes nothing just now */
    KAD_RELAY_N_DROPS
};
/* "unproved": a constant, never NULL. */
const char *kad_relay_drop_text(unsigned drop);

struct kad_relay_client {
    uint8_t key[32]; /* who: of its session with the relay, and no more than that (it uses another there) */
    struct kad_endpoint endpoint; /* where it is */
    kad_ms since, until;
    uint64_t bytes_out, bytes_in; /* from it, to it */
};

struct kad_relay_places;

/* NULL: memory refused. `config` is copied. */
struct kad_relay_places *kad_relay_places_new(const struct kad_relay_places_config *config);
void kad_relay_places_free(struct kad_relay_places *places); /* NULL is fine */

/* The place of whoever has this key; -1: it has none. */
int kad_relay_places_find(const struct kad_relay_places *places, const uint8_t key[32]);
/* A place for it, or the one that it has for longer, from where it is now. -1: *out_crowded, too many have one from its /24; else all
 * are taken. */
int kad_relay_places_open(struct kad_relay_places *places, const uint8_t key[32],
                          const struct kad_endpoint *from, kad_ms now, bool *out_crowded);
/* It speaks from somewhere else now, and has shown that it receives there. */
void kad_relay_places_follow(struct kad_relay_places *places, unsigned place,
                             const struct kad_endpoint *from);
void kad_relay_places_close(struct kad_relay_places *places, unsigned place);
/* A place whose time is over; -1: none is. Not for every datagram. */
int kad_relay_places_expired(const struct kad_relay_places *places, kad_ms now);
/* NULL: nobody has it. Until the next call. */
const struct kad_relay_client *kad_relay_places_at(const struct kad_relay_places *places, unsigned place);

unsigned kad_relay_places_used(const struct kad_relay_places *places);

/* `proved`: the relay's own engine has had an answer from there. FORWARDED counts it. */
enum kad_relay_drop kad_relay_places_send(struct kad_relay_places *places, unsigned place,
                                          const struct kad_endpoint *to, size_t size, bool proved,
                                          kad_ms now);
enum kad_relay_drop kad_relay_places_bring(struct kad_relay_places *places, unsigned place,
                                           const struct kad_endpoint *from, size_t size, kad_ms now);
/* What was brought, of `size` bytes, left with `as`: a client that pads its session has that padded, too, and what is more than
 * twice the datagram is its own to pay. */
void kad_relay_places_padded(struct kad_relay_places *places, unsigned place, size_t size, size_t as);

#endif
