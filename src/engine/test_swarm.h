/* test_swarm - nodes of libp2p's network without sockets: engine, swarm, and connections between them that are memory. */
#ifndef KAD_ENGINE_TEST_SWARM_H
#define KAD_ENGINE_TEST_SWARM_H

#include "engine/swarm.h"

#define SWARM_NODES 64

struct swarm_node {
    struct swarm_net *net;
    unsigned number;
    bool on;
    bool silent; /* it takes nothing in any more, and says nothing */
    bool idle;   /* its engine does nothing by itself */
    struct kad_swarm *swarm;
    struct kad_engine *engine;
    struct kad_settings settings;
    struct kad_endpoint endpoint;
    struct kad_batch batch;
    uint8_t *memory;
    struct kad_datagram datagrams[64];
    /* events of requests */
    uint64_t done; /* the request that was done last */
    unsigned n_stored, n_records, n_contacts;
    enum kad_reason reason;
    struct kad_id found[64];
    uint8_t owners[64][32];
};

struct swarm_wire {
    bool used, closed;
    unsigned node[2]; /* who dialled, who was dialled */
    uint32_t connection[2];
};

struct swarm_net {
    struct swarm_node nodes[SWARM_NODES];
    unsigned n_nodes;
    struct swarm_wire wires[8192];
    unsigned n_wires;
    size_t piece; /* bytes are handed over in pieces of at most so many; 0: as they are */
    kad_ms now;
    const struct kad_network *network;
    /* What a node says on a connection that no other node has; empty: it closed it. */
    void (*outside)(void *outsider, uint32_t connection, struct kad_bytes bytes);
    void *outsider;
    void (*adjust)(struct kad_settings
                       *settings); /* of nodes that are added from now on; NULL: as the network has them */
    const struct kad_gate *gate;   /* of the same */
    kad_ms probe_ms;               /* of the same: kad_swarm_config.probe_ms */
};

void swarm_net_init(struct swarm_net *net, const struct kad_network *network);
struct swarm_node *swarm_net_add(struct swarm_net *net, enum kad_swarm_mode mode);
void swarm_node_stop(struct swarm_node *node); /* without a word: its connections end */
void swarm_net_clear(struct swarm_net *net);
/* A network of T024 of `n` servers, begun `apart` after one another, all told of the first, and twenty seconds on. `adjust` may be NULL. */
struct swarm_net *swarm_net_make(unsigned n, kad_ms apart, void (*adjust)(struct kad_settings *settings));
void swarm_net_free(struct swarm_net *net);
size_t swarm_node_contacts(const struct swarm_node *node); /* in its table */
/* `node` is to meet `other`. */
void swarm_node_connect(struct swarm_node *node, const struct swarm_node *other);
/* Until nothing moves, then on to the next instant, until `ms` are over. */
void swarm_net_run(struct swarm_net *net, kad_ms ms);
/* Runs until this request is done, a minute at most. */
void swarm_node_request(struct swarm_node *node, const struct kad_request *request);
/* The same to provide what has this multihash, at `addr` (a multiaddr); target and record of `request` are filled in. */
void swarm_node_provide(struct swarm_node *node, struct kad_request *request, const uint8_t multihash[34],
                        struct kad_bytes addr);

#endif
