/*
 * publish - what this node has promised to keep published, and when each is due again.
 */
#ifndef KAD_CORE_PUBLISH_H
#define KAD_CORE_PUBLISH_H

#include "base/alloc.h"
#include "kad/engine.h"

struct kad_dht;
struct kad_outbox;

struct kad_publication {
    struct kad_request request; /* its record borrows from `bytes` */
    uint8_t *bytes;
    size_t n_bytes;
    kad_ms due_at;
    kad_ms last_at;    /* when it was last published again; 0: not since the start */
    uint32_t n_stored; /* nodes that took it then */
    bool running;
};

struct kad_publications {
    struct kad_publication *list;
    uint32_t n, room;
    uint8_t n_running;
    kad_ms next_at;
};

/* Adds, or replaces the one of the same kind and key. First due one interval from now, or
 * soon when nobody else has stored it yet. */
KAD_CHECK int kad_publish_keep(struct kad_dht *dht, const struct kad_request *request, bool stored,
                               kad_ms now);
bool kad_publish_withdraw(struct kad_dht *dht, const struct kad_id *key);
void kad_publish_tick(struct kad_dht *dht, kad_ms now);
void kad_publish_ended(struct kad_dht *dht, const struct kad_id *key, enum kad_request_kind kind, bool stored,
                       uint32_t n_stored, kad_ms now);
void kad_publish_clear(struct kad_dht *dht);

#endif
