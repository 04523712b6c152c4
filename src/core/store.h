/*
 * store - what core asks of a store: records by key, and peers by key. Implementations: store/mem, store/lmdb.
 *
 * Every call takes the time; nothing is served at or after its expiry. Ceilings are the store's own
 * configuration; a put that would pass one fails with KAD_E_LIMIT, never at the cost of somebody else's record, except
 * that an announce may replace the oldest announce of a full key. All results are borrowed until the next call.
 */
#ifndef KAD_CORE_STORE_H
#define KAD_CORE_STORE_H

#include "core/message.h"

struct kad_store_stats {
    uint64_t n_records, record_bytes; /* now held */
    uint64_t n_keys, n_peers;         /* keys with peers; peers over all keys */
    uint64_t n_expired, n_refused;    /* since start */
    uint64_t memory;                  /* bytes */
};

struct kad_store {
    const struct kad_store_ops *ops;
};

/* Who looks through a store. What it is shown is borrowed for the call. */
struct kad_store_viewer {
    void (*record)(void *context, const struct kad_record *record);
    void (*key)(void *context, const struct kad_id *key, uint32_t n_peers); /* one that has peers */
    void *context;
};

struct kad_store_ops {
    /* 0 or KAD_E_NOT_FOUND. */
    int (*get)(struct kad_store *store, const struct kad_id *key, kad_ms now, struct kad_record *out_record);
    /* Adds, or replaces what is there (validity and order are decided before). Copies. `publisher` is who pays: quotas
     * count by its address group. 0, KAD_E_LIMIT, KAD_E_MEMORY, KAD_E_SYSTEM. */
    int (*put)(struct kad_store *store, const struct kad_record *record, const struct kad_endpoint *publisher,
               kad_ms now);
    /* Adds or refreshes one peer of a key. */
    int (*add_peer)(struct kad_store *store, const struct kad_id *key, const struct kad_endpoint *peer,
                    bool seed, kad_ms expires_at, kad_ms now);
    /* Up to `n` peers of one family (KAD_FAMILY_NONE: any), a random choice where there are more. Returns how many. */
    size_t (*peers)(struct kad_store *store, const struct kad_id *key, enum kad_family family, bool no_seeds,
                    struct kad_rng *rng, kad_ms now, struct kad_endpoint *out_peers, size_t n);
    /* BEP 33: calls `add` for each peer of the key. For filters; bounded by the per-key ceiling. */
    void (*each_peer)(struct kad_store *store, const struct kad_id *key, kad_ms now,
                      void (*add)(void *context, const struct kad_endpoint *peer, bool seed), void *context);
    /* Up to `n` keys that have peers, a random choice. *out_total: how many there are. */
    size_t (*sample)(struct kad_store *store, struct kad_rng *rng, kad_ms now, struct kad_id *out_keys,
                     size_t n, uint32_t *out_total);
    /* Drops what has expired; bounded work per call (at most 256 things). Returns when it next has something to do. */
    kad_ms (*expire)(struct kad_store *store, kad_ms now);
    /* Makes what was written since the last call durable-ordered: called at the end of each turn, before its answers
     * leave. 0 or KAD_E_SYSTEM. May be NULL. */
    int (*commit)(struct kad_store *store);
    void (*stats)(const struct kad_store *store, struct kad_store_stats *out_stats);
    /* For people who want to see what is held: shows what stands in up to `n` places from `from` on (0: the beginning).
     * Returns where to go on, 0 when that was the last. What changes between two calls may be missed or shown twice. May
     * be NULL. */
    uint64_t (*look)(const struct kad_store *store, uint64_t from, unsigned n, kad_ms now,
                     const struct kad_store_viewer *viewer);
    /* -- keys with many values (kad_record.many), and what is left of those that are gone -- */
    /* Up to `n` records of this key, of one type (0: any), from place `from` on (0: the beginning), in an order that does not
     * change by itself. Returns how many; *out_next: where to go on, 0: that was the last. */
    size_t (*list)(struct kad_store *store, const struct kad_id *key, uint8_t type, kad_ms now, uint32_t from,
                   struct kad_record *out_records, size_t n, uint32_t *out_next);
    /* Forgets one: this key's of this owner (with `many`), or this key's. 0 or KAD_E_NOT_FOUND. */
    int (*remove)(struct kad_store *store, const struct kad_record *record);
    /* Notes when it was last stored by a holder (kad_record.seen_at), if this very record's place is taken. */
    void (*touch)(struct kad_store *store, const struct kad_record *record, kad_ms seen_at);
    /* What expired lately under this key: its head, with the hash of its value (kad_record.hashed), until the ghost itself is
     * forgotten. 0 or KAD_E_NOT_FOUND; then out_record->expires_at is the latest expiry of any that had to be forgotten before
     * a day was over, 0: of none. */
    int (*ghost)(struct kad_store *store, const struct kad_id *key, uint8_t type, kad_ms now,
                 struct kad_record *out_record);
    void (*free)(struct kad_store *store); /* NULL is not fine here */
};

#endif
