/* world_parts - what the world's own files share. */
#ifndef SIM_WORLD_PARTS_H
#define SIM_WORLD_PARTS_H

#include "base/heap.h"
#include "base/index.h"
#include "core/book.h"
#include "engine/ahead.h"
#include "engine/sound.h"
#include "sim/memory.h"
#include "sim/world.h"

#define SIM_EPOCH    ((kad_ms)1700000000000) /* engine time when the world begins */
#define SIM_FAMILIES 2

/* Levels of the heap whose entries are being fetched. */
#define SIM_AHEAD_LEVELS (KAD_AHEAD_STEPS + 2)

struct sim_node {
    struct kad_engine *engine; /* NULL: off */
    struct kad_store *store;   /* its disk: outlives the engine */
    struct kad_contact *saved; /* its table as it was when it went */
    uint32_t n_saved;
    struct kad_peer_row *peers; /* of a watched one: what it thought of whom */
    uint32_t n_peers;
    uint32_t on_at; /* its place in `on`, while it is on */
    struct sim_position position;
    sim_us scheduled_at; /* the wake-up that counts; others in the heap are stale */
    kad_ms on_since;
    sim_us bursts_until; /* what it sends before is lost, unless the burst ends early */
    struct kad_id id;
    struct kad_endpoint endpoints[SIM_FAMILIES];
    uint16_t starts;
    uint8_t side : 1, hostile : 1, forges : 1, client : 1;
};

/* Has it fetched: a matter of time only. */
static inline void sim_node_ahead(const struct sim_node *node)
{
    __builtin_prefetch(node);
    __builtin_prefetch((const char *)node + SIM_MEMORY_LINE);
    __builtin_prefetch((const char *)(node + 1) - 1);
}

struct sim_packet {
    struct kad_endpoint from;
    uint32_t to;
    uint32_t sender; /* SIM_NOBODY: no node */
    uint32_t size;
    uint32_t next;  /* of those that wait for a connection (sim/world_links.h) */
    uint8_t *bytes; /* owned */
};

struct sim_timer {
    void (*run)(void *context, struct sim_world *world, uint64_t argument);
    void *context;
    uint64_t argument;
};

struct sim_pending {
    sim_told *told; /* NULL: free */
    void *context;
    uint64_t request;
    sim_us deadline;
    uint32_t node;
};

/* Slots that are used again; `free` is a stack. */
struct sim_pool {
    void *slots;
    size_t slot_size;
    uint32_t *free;
    uint32_t n_free, n_slots, room;
};

struct sim_links; /* sim/world_links.h */
struct sim_names;

struct sim_world {
    struct sim_config config;
    struct kad_settings client_settings; /* the same, of those that only ask */
    struct kad_settings idle_settings;   /* as others have, of intruders: they do no upkeep to speak of */
    struct sim_links *links;             /* in networks of connections; else NULL */
    struct sim_names *names;
    struct sim_memory memory;
    struct kad_book *book;
    struct sim_node *nodes;
    uint32_t n_honest;      /* the others of config.n_nodes are intruders */
    uint8_t (*secrets)[32]; /* of intruders that did not draw theirs like everybody; NULL: none */
    uint8_t (*keys)[32];    /* their public keys; NULL: the network has no identities */
    uint32_t n_addresses;   /* IPv4 addresses drawn so far */
    uint32_t *by_id;        /* node numbers, sorted by id */
    uint32_t *on;           /* node numbers, in no order */
    struct kad_sound_before *sound_before; /* per node; NULL: nobody checks */
    uint32_t n_on;
    struct sim_effort spent_before; /* what is not counted */
    struct kad_index addresses;     /* slots: node * SIM_FAMILIES + family */
    struct kad_heap heap;
    uint32_t
        ahead[(1u << SIM_AHEAD_LEVELS) - 1]; /* what stood at the top of the heap when it was looked at */
    struct sim_pool packets, timers, pending;
    struct kad_batch batch;
    struct sim_rng rng, net_rng;
    sim_us now, scanned_at;
    uint32_t partner; /* who sent what is being delivered: most datagrams answer one. SIM_NOBODY: no node */
    uint64_t trace;
    enum sim_partition partition;
    struct sim_counts counts;
    struct kad_counters counters; /* all nodes' together: each with its own would take 560 bytes of it */
    char why[256];
};

uint32_t sim_pool_take(struct sim_world *world, struct sim_pool *pool); /* SIM_NOBODY: no memory, noted */
void sim_pool_give(struct sim_pool *pool, uint32_t slot);
void sim_world_short(struct sim_world *world); /* out of memory: the world stops */

/* What a turn of a node leaves behind: datagrams, events, its next wake-up. */
void sim_node_turn(struct sim_world *world, uint32_t node, const struct kad_datagram *in);
/* world_hostile.c: of a hostile node. */
void sim_hostile_datagram(struct sim_world *world, uint32_t node, const struct kad_datagram *in);
void sim_hostile_tick(struct sim_world *world, uint32_t node);
/* Puts the address in the place of the one it had. */
KAD_CHECK int sim_node_readdress(struct sim_world *world, uint32_t node, const struct kad_endpoint *endpoint);
void sim_node_check(struct sim_world *world, uint32_t node);
void sim_world_scan(struct sim_world *world);                  /* requests that are overdue */
void sim_world_forget(struct sim_world *world, uint32_t node); /* its requests: it is switched off */
void sim_world_tell(struct sim_world *world, uint32_t node, const struct kad_event *event);
void sim_world_schedule(struct sim_world *world, sim_us at, uint32_t kind, uint32_t slot);

/* What a heap entry is about stands in the upper two bits of its slot. */
#define SIM_PACKET 0u
#define SIM_WAKE   (1u << 30)
#define SIM_TIMER  (2u << 30)
#define SIM_KIND   (3u << 30)

void sim_world_sort(struct sim_world *world); /* by_id */
/* All of them, off, with ids and addresses. 0, KAD_E_MEMORY. */
KAD_CHECK int sim_world_make_nodes(struct sim_world *world);

/* Sends what a node or a host of no node's wants sent. */
void sim_world_send(struct sim_world *world, uint32_t from, const struct kad_endpoint *from_endpoint,
                    const struct kad_endpoint *to, struct kad_bytes bytes);

/* On its way, whatever else may happen to it; `late` is added to the delay. */
void sim_world_post(struct sim_world *world, uint32_t from, const struct kad_endpoint *from_endpoint,
                    uint32_t to, struct kad_bytes bytes, sim_us late);
bool sim_world_cut(const struct sim_world *world, uint32_t from, uint32_t to); /* by a partition */
void sim_world_note(struct sim_world *world, uint32_t from, uint32_t receiver, const struct kad_endpoint *to,
                    struct kad_bytes bytes); /* in the trace */

/* A memory store that notices when something is served at or after its expiry. NULL: no memory. */
struct kad_store *sim_guard_new(struct sim_world *world, uint32_t node);

#endif
