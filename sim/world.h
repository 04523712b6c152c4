/*
 * world - a network of unmodified engines in virtual time.
 *
 * A priority queue of datagrams, wake-ups and timers around kad/engine.h: nothing of the engine is replaced, and real codecs
 * carry every byte. One seed is one history, on every machine: all randomness comes from it, and time is a number.
 *
 *     sim_world_new()      nodes exist (id, address, position) and are off
 *     sim_world_fill()     switches them on with ideal tables; or sim_node_start() one by one, and they join
 *     sim_world_after()    what shall happen, when
 *     sim_world_run()      until then
 *     sim_world_why()      what was broken, if anything was: the world stops there
 *
 * After events the engine that was touched is checked (`check_every`): its own invariants, its memory, that each request
 * ends once and in time, that its store serves nothing that has expired.
 *
 * Addresses look public and are spread as evenly as a hash spreads them, never private ones, so that limits per address group
 * see what they see outside. No socket is ever opened.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "core/message.h"
#include "core/rules.h"
#include "core/store.h"
#include "kad/engine.h"
#include "sim/latency.h"

#define SIM_NOBODY UINT32_MAX

struct sim_world;

/* In networks whose messages travel over connections (sim/world_links.c). */
struct sim_dialling {
    uint32_t links;  /* a node has at most */
    uint32_t dials;  /* under way at once */
    sim_us dial_us;  /* until an address that says nothing counts as dead */
    sim_us pause_us; /* then it is left alone for so long, twice as long each time */
    uint32_t trips;  /* round trips before a first question can go */
    bool
        ready; /* with ideal tables: everybody is connected to those he knows that are on, as far as there is room */
};

struct sim_config {
    const struct kad_network
        *network; /* NULL: Mainline. With identities each node's comes from `seed`; without a puzzle */
    uint64_t seed;
    uint32_t n_nodes;
    uint32_t n_intruders; /* numbered behind the others: off, and in no ideal table (sim/hostile.h) */
    struct kad_settings settings;
    struct sim_latency latency; /* its seed comes from `seed` */
    /* The first so many nodes are watched (sim/siege.h): they keep over a restart what a daemon does, anchors and what it thinks of
     * whom, and have `settings`; with has_others all others have `others`. */
    uint32_t n_watched;
    bool has_others;
    struct kad_settings others;
    uint32_t loss_ppm;  /* each datagram, independently */
    uint32_t burst_ppm; /* lost in bursts of eight of one sender (Gilbert), on the average */
    uint32_t duplicate_ppm;
    uint32_t reorder_ppm; /* delayed by up to 100 ms more */
    bool ids_fit;         /* ids made from addresses (BEP 42), which nodes know; else random */
    bool ipv4, ipv6;
    struct sim_dialling dialling; /* zeros: what the swarm has (engine/swarm.h) */
    uint32_t client_ppm;          /* share of nodes that ask and do not answer: in nobody's table */
    uint32_t check_every;         /* after every so many events; 0: never */
    uint32_t memory_ceiling;      /* of one node, in bytes; 0: none */
    /* A datagram to an address that is nobody's; NULL: it just vanishes. */
    /* A hostile node's engine is about to give this answer, which may be changed. False: it says nothing. NULL: none lies. */
    bool (*lie)(void *context, struct sim_world *world, uint32_t node, uint32_t asker,
                const struct kad_message *query, struct kad_message *reply);
    void (*stray)(void *context, struct sim_world *world, uint32_t from,
                  const struct kad_endpoint *from_endpoint, const struct kad_endpoint *to,
                  struct kad_bytes bytes);
    void *context;
};

struct sim_counts {
    uint64_t events, turns, checks;
    uint64_t datagrams, bytes;                      /* sent by nodes */
    uint64_t injected, injected_bytes;              /* sent by hosts that are no nodes */
    uint64_t delivered, lost, duplicated, cut, off; /* cut: by a partition; off: the receiver was not there */
    uint64_t strays, stray_bytes;                   /* to addresses that are no node's */
    uint64_t starts, stops;
    uint64_t dials, dials_failed, dials_spared; /* spared: to whom it had not been possible a moment before */
    uint64_t links_up, links_trimmed;
    uint64_t on_ms; /* of nodes that are off by now, together; sim_world_effort() for all */
};

/* What all nodes have spent since sim_world_count_from(), or since the beginning. */
struct sim_effort {
    uint64_t queries, on_ms;
    uint64_t storing; /* of queries, those to store something and those about it: PUT and GET */
};

/* 0, KAD_E_MEMORY or KAD_E_INVALID (settings, no nodes, no family). `config` is copied. */
KAD_CHECK int sim_world_new(const struct sim_config *config, struct sim_world **out_world);
void sim_world_free(struct sim_world *world);

/* All nodes on but for `off_ppm` of a million. Each table has in every bucket k (or `table_wide`) random ones of those that belong
 * there: of those that are on and so many that are off that `dead_ppm` of all are, as far as there are as many. */
KAD_CHECK int sim_world_fill(struct sim_world *world, uint32_t off_ppm, uint32_t dead_ppm);

sim_us sim_world_now(const struct sim_world *world);
kad_ms sim_world_ms(const struct sim_world *world); /* what engines see */
/* False: an invariant broke, or memory is short. */
bool sim_world_run(struct sim_world *world, sim_us until);
const char *sim_world_why(const struct sim_world *world); /* NULL: all is well */
void sim_world_violated(struct sim_world *world, uint32_t node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void sim_world_after(struct sim_world *world, sim_us delay,
                     void (*run)(void *context, struct sim_world *world, uint64_t argument), void *context,
                     uint64_t argument);

uint64_t sim_world_trace(const struct sim_world *world); /* hash of every datagram, its time and its sender */
const struct sim_counts *sim_world_counts(const struct sim_world *world);
void sim_world_count_from(struct sim_world *world); /* now */
struct sim_effort sim_world_effort(const struct sim_world *world);
size_t sim_world_memory(const struct sim_world *world); /* bytes held now, by everything */
size_t sim_world_memory_peak(const struct sim_world *world);
struct sim_rng *
sim_world_rng(struct sim_world *world); /* for what happens to the world; datagrams have their own */
struct kad_settings *sim_world_settings(struct sim_world *world);

/* -- nodes: numbers from 0 -------------------------------------------------------------------------------------- */

uint32_t sim_world_n_nodes(const struct sim_world *world);  /* intruders, too */
uint32_t sim_world_n_honest(const struct sim_world *world); /* without them: the first so many */
uint32_t sim_world_n_on(const struct sim_world *world);
/* A random one that is on and not hostile; SIM_NOBODY: none is. */
uint32_t sim_world_anybody(struct sim_world *world);

/* Hostile: an unmodified engine, whose answers `lie` may change, whose store shows nothing of what was put there unless `forges`, and
 * that stores nothing elsewhere. */
void sim_node_corrupt(struct sim_world *world, uint32_t node, bool hostile, bool forges);
bool sim_node_hostile(const struct sim_world *world, uint32_t node);
/* Intruders from `first` on, which are off, have these identities from now on (networks with identities only), and with `groups`
 * addresses of so many /16s. `secrets` NULL: they keep theirs. 0, KAD_E_MEMORY. */
KAD_CHECK int sim_world_intrude(struct sim_world *world, uint32_t first, uint32_t n,
                                const uint8_t (*secrets)[32], uint32_t groups);

/* In networks with identities: the seed of a node's key pair. */
void sim_node_secret(const struct sim_world *world, uint32_t node, uint8_t out_secret[32]);
const struct kad_id *sim_node_id(const struct sim_world *world, uint32_t node);
const struct kad_endpoint *sim_node_endpoint(const struct sim_world *world, uint32_t node,
                                             enum kad_family family);
struct kad_engine *sim_node_engine(struct sim_world *world, uint32_t node); /* NULL: it is off */
struct kad_store *sim_node_store(struct sim_world *world, uint32_t node);   /* NULL: it is off */
uint32_t sim_node_at(const struct sim_world *world,
                     const struct kad_endpoint *endpoint); /* SIM_NOBODY: no node's */
uint32_t sim_node_with_id(const struct sim_world *world, const struct kad_id *id);

bool sim_node_client(const struct sim_world *world, uint32_t node);
/* In networks of connections: how many it has, and how many it ever dialled. */
uint32_t sim_node_links(const struct sim_world *world, uint32_t node);
uint32_t sim_node_dialled(const struct sim_world *world, uint32_t node);
/* In networks of libp2p what is asked for is called by what is hashed to it: this is, and *out_key is its place. KAD_E_MEMORY. */
KAD_CHECK int sim_world_name(struct sim_world *world, struct kad_bytes name, struct kad_id *out_key);
/* The peer id of a node there; its size. */
size_t sim_node_peer_id(const struct sim_world *world, uint32_t node, uint8_t out_id[KAD_IDENTITY_MAX]);

/* On; joins through what it saved, and `n_bootstraps` others that are on. */
KAD_CHECK int sim_node_start(struct sim_world *world, uint32_t node, unsigned n_bootstraps);
/* The same through these, on or off. */
KAD_CHECK int sim_node_start_through(struct sim_world *world, uint32_t node, const uint32_t *others,
                                     unsigned n);
enum sim_stop {
    SIM_CRASH_LOSE, /* gone in an instant; comes back with nothing but its id */
    SIM_CRASH_KEEP, /* ... with its store and its table on disk */
    SIM_LEAVE,      /* requests cancelled first; disk kept */
};
/* Something was asked of its engine from outside: it is to be looked at soon. */
void sim_node_wake(struct sim_world *world, uint32_t node);
/* Off; what it asked for ends with a NULL event. */
void sim_node_stop(struct sim_world *world, uint32_t node, enum sim_stop how);
/* Another address from now on, as behind a router that forgot which port is whose; the node is not told. Only IPv4 ones move. 0,
 * KAD_E_MEMORY. */
KAD_CHECK int sim_node_move(struct sim_world *world, uint32_t node);
/* 0: everybody hears everybody. Else nodes of side 1 and of side 0 do not hear each other, or one way: side 1 still
 * hears side 0. */
void sim_node_side(struct sim_world *world, uint32_t node, unsigned side);
unsigned sim_node_on_side(const struct sim_world *world, uint32_t node);
enum sim_partition { SIM_WHOLE, SIM_CUT, SIM_CUT_ONE_WAY };
void sim_world_partition(struct sim_world *world, enum sim_partition partition);

/* HOP, PEERS and DONE events of a request; `event` NULL: its node was switched off. */
typedef void sim_told(void *context, struct sim_world *world, uint32_t node, const struct kad_event *event);
KAD_CHECK int sim_node_request(struct sim_world *world, uint32_t node, const struct kad_request *request,
                               sim_told *told, void *context);
/* A datagram from an address that need be nobody's. Arrives like any other. */
void sim_world_inject(struct sim_world *world, const struct kad_endpoint *from, uint32_t to,
                      struct kad_bytes bytes);

/* The `n` nearest to `target` of all that are on, nearest first: the truth that lookups are held against. */
size_t sim_world_closest(const struct sim_world *world, const struct kad_id *target, size_t n,
                         uint32_t *out_nodes);

#endif
