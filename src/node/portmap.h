/*
 * portmap - keeps a node's port open in the router: maps it, maps it anew before the lease ends, gives it back at the end.
 *
 *     kad_mapper_new()    begins to ask, off the loop; `off`: asks nobody
 *     kad_mapper_close()  gives the mapping back, then frees itself as the loop turns
 *
 * The node's first IPv4 socket that is for others is mapped; one on loopback or a public address needs no mapping. A lease
 * is renewed after half of it, and so is a failure after 30 s, twice as long each time, up to half an hour. Log lines:
 * port_mapped, port_mapping_failed, port_unmapped. Everything is on the thread of the node's loop.
 */
#ifndef KAD_NODE_PORTMAP_H
#define KAD_NODE_PORTMAP_H

#include "net/portmap.h"
#include "node/config.h"

enum kad_mapper_state {
    KAD_MAPPER_OFF,    /* nobody is asked */
    KAD_MAPPER_ASKING, /* for the first time */
    KAD_MAPPER_MAPPED,
    KAD_MAPPER_FAILED, /* `why`; it is tried again */
};

struct kad_mapper_status {
    enum kad_mapper_state state;
    enum kad_portmap_how how;    /* with MAPPED */
    uint16_t inside_port;        /* but for OFF */
    struct kad_endpoint outside; /* with MAPPED; the address may be zero: unknown */
    kad_ms expires_at;           /* with MAPPED, in the node's time; KAD_NEVER: it stays */
    unsigned n_asked;            /* how often it was asked for, renewals too */
    char why[256];               /* with FAILED, or OFF though it was to be on */
};

struct kad_mapper;

/* 0, or KAD_E_SYSTEM, KAD_E_MEMORY. */
KAD_CHECK int kad_mapper_new(struct kad_node *node, enum kad_portmap_how how, kad_ms lease_ms,
                             struct kad_mapper **out_mapper);
void kad_mapper_close(struct kad_mapper *mapper); /* NULL is fine */

/* Of the node's mapper; NULL: it has none. */
const struct kad_mapper_status *kad_mapper_status(const struct kad_node *node);
const char *kad_mapper_state_text(enum kad_mapper_state state);

#endif
