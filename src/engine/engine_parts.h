/*
 * engine_parts - what an engine is made of, for engine's own files.
 *
 *     engine.c        the face: datagrams, requests, time in; datagrams and events out
 *     engine_life.c   how it begins and ends
 *     carrier.c       datagrams <-> messages; _sessions: where they travel in sessions
 *     member.c        who it is, where nodes prove that
 *     peers.c         what it makes of others, there
 *     shed.c          what is not answered when there is too much of it
 *     places.c        where they are, as the host says
 *     gate.c          and whom it lets in
 *     aside.c         what hosts say to one another in its sessions
 *     journal.c       the flight recorder's writing side: what goes in, and hashes of what comes of it
 *     engine_state.c  the whole state: hashed, written down, read back
 */
#ifndef KAD_ENGINE_ENGINE_PARTS_H
#define KAD_ENGINE_ENGINE_PARTS_H

#include "channel/channel.h"
#include "core/dht.h"
#include "core/limit.h"
#include "core/member.h"

struct kad_journal;
struct kad_walk;

struct kad_engine {
    struct kad_allocator allocator;
    const struct kad_network *network;
    const struct kad_settings *settings;
    struct kad_limit *limit;
    struct kad_book *own_book;       /* NULL: shared */
    struct kad_store *own_store;     /* NULL: the host's */
    const struct kad_places *places; /* the host's; NULL: no address is known to be anywhere */
    struct kad_journal *journal;     /* NULL: nobody records */
    struct kad_counters *counters;   /* lent, or its own, which stand behind it in its block of memory */
    bool lent_counters;
    uint8_t load, shed; /* percent; how much of a drop is due */
    uint16_t busy_said; /* since `busy_from`: engine/shed.h */
    kad_ms busy_from;
    struct kad_dht dht;
};

/* kad_engine.dht.member, and what the engine keeps beside. */
struct kad_engine_member {
    struct kad_member core;       /* first */
    struct kad_channel *channel;  /* NULL: the network has no sessions */
    const struct kad_gate *gate;  /* the host's; NULL: everybody is let in */
    kad_aside_function *on_aside; /* the host's; NULL: asides are dropped */
    void *aside_context;
};

/* NULL: the network has no identities. */
static inline struct kad_engine_member *kad_engine_member(const struct kad_engine *engine)
{
    return (struct kad_engine_member *)(void *)engine->dht.member;
}
/* Bytes of an engine's own block of memory. */
size_t kad_engine_size(bool lent_counters);
/* member.c. Nothing to do where the network has no identities. 0, KAD_E_MEMORY, KAD_E_INVALID (no identity, or one that does not
 * solve the network's puzzle). What failed is freed with the engine's parts. */
KAD_CHECK int kad_engine_member_new(struct kad_engine *engine, const struct kad_engine_config *config,
                                    kad_ms now);
void kad_engine_member_free(struct kad_engine *engine);

/* places.c. The book asks the host's table, through the flight recorder if there is one. */
void kad_engine_use_places(struct kad_engine *engine, const struct kad_places *places);

/* gate.c. The same for who is let in. NULL is fine. */
void kad_engine_use_gate(struct kad_engine *engine, const struct kad_gate *gate);

/* Everything but the store and the settings (core/walk.h). Reading needs an engine that was just made. */
void kad_engine_walk(struct kad_walk *walk, struct kad_engine *engine);

#endif
