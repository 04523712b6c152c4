/*
 * mem - the store in memory (core/store.h): for simulations, tests, and in front of what survives (store/lmdb).
 *
 * Records and peers are two halves that do not know of each other (mem_records.h, mem_peers.h); an empty half costs a
 * pointer. Every operation on the packet path takes constant time, but for the heap that knows what expires next
 * (logarithmic) and each_peer() (the peers of one key).
 *
 * A key has one record, whatever its type, as Mainline's have. Records of classes (those that say how long they are valid)
 * have a place of their own by key and type, and by key, type and owner where the key has many: nobody takes another
 * class's place.
 *
 * Several networks may have one store (store/view). Records of classes and those without are two halves then, each with all of
 * max_records and max_record_bytes, so that the crowd of an open network leaves room for what is signed; networks with classes
 * hold the same records, and each remembers for itself when a holder last stored one.
 *
 * Who pays: a record counts against the address group of whoever brought it first, until it is gone; a peer against
 * its own. Loopback, link-local and private addresses are nobody's group unless `limit_local`.
 */
#ifndef KAD_STORE_MEM_H
#define KAD_STORE_MEM_H

#include "base/alloc.h"
#include "core/store.h"

struct kad_mem_store_config {
    uint64_t max_records;
    uint64_t max_record_bytes;      /* values and salts */
    unsigned max_records_per_group; /* publisher's /24 or /64, longer ones counting as several; 0: no limit */
    /* Of records that say how long they are valid (kad_record.valid_until), which are those of networks with classes: */
    unsigned max_records_per_owner; /* one public key's; 0: no limit */
    unsigned class_percent;     /* no class may take more than this share of the two above; 0: all of it */
    uint32_t max_ghosts;        /* what is left of expired ones; 0: nothing is */
    uint32_t max_keys;          /* keys with peers */
    uint32_t max_peers_per_key; /* more than KAD_MEM_PEERS_PER_KEY counts as that */
    uint64_t max_peers;
    unsigned max_peers_per_group; /* what one address group may add over all keys; 0: no limit */
    bool limit_local;             /* group limits hold for loopback and private addresses too */
};

/* Who looks: which half it sees, and whose kad_record.seen_at. */
enum kad_mem_half {
    KAD_MEM_BOTH,
    KAD_MEM_PLAIN,  /* without classes; and peers */
    KAD_MEM_CLASSED /* of classes */
};
struct kad_mem_eye {
    enum kad_mem_half half;
    unsigned number; /* below KAD_MEM_EYES */
};
#define KAD_MEM_EYES 2 /* as many networks with classes */

#define KAD_MEM_PEERS_PER_KEY 65000 /* places in a key's list are 16-bit numbers */

/* What an open network's node can afford: about 100 MB if all of it were filled. */
void kad_mem_store_config_default(struct kad_mem_store_config *out_config);

/* `allocator` is lent for the store's life, `config` copied; `hash_key` is secret and random (simulations: seeded).
 * 0 or KAD_E_MEMORY. Free with ops->free(). */
KAD_CHECK int kad_mem_store_new(const struct kad_allocator *allocator,
                                const struct kad_mem_store_config *config, uint64_t hash_key,
                                struct kad_store **out_store);

/* What is read and noted from here on is so for this eye. A new store's sees both halves, and is number 0. */
void kad_mem_store_see(struct kad_store *store, struct kad_mem_eye eye);

/*
 * For a store that keeps a copy elsewhere. Slots are small numbers that are used again; what a slot holds now is told
 * by kad_mem_store_record() and _peer().
 */
struct kad_mem_watch {
    bool (*room)(void *context, size_t size); /* may a new thing of about `size` bytes be added? */
    void (*record_changed)(void *context, uint32_t slot);
    void (*record_gone)(void *context, const struct kad_record *record);
    void (*peer_changed)(void *context, uint32_t slot);
    void (*peer_gone)(void *context, const struct kad_id *key, const struct kad_endpoint *peer);
    void *context;
};

struct kad_mem_peer {
    struct kad_id key;
    struct kad_endpoint endpoint;
    bool seed;
    kad_ms expires_at;
};

/* `watch` is lent; NULL ends it. It must not call the store. */
void kad_mem_store_watch(struct kad_store *store, const struct kad_mem_watch *watch);
/* What a slot holds; false: nothing now. Slots run from 0 to below kad_mem_store_n_slots. */
bool kad_mem_store_record(const struct kad_store *store, uint32_t slot, struct kad_record *out_record,
                          uint64_t *out_group);
bool kad_mem_store_peer(const struct kad_store *store, uint32_t slot, struct kad_mem_peer *out_peer);
void kad_mem_store_n_slots(const struct kad_store *store, uint32_t *out_records, uint32_t *out_peers);
/* Whether this very record (of its owner, where the key has many) is held, expired or not. */
bool kad_mem_store_has_record(const struct kad_store *store, const struct kad_record *record);
/* A record that expired before it could be held: for ghost(). */
void kad_mem_store_restore_ghost(struct kad_store *store, const struct kad_record *record, kad_ms now);
/* Whether this very peer of this key is held, expired or not. */
bool kad_mem_store_has_peer(const struct kad_store *store, const struct kad_id *key,
                            const struct kad_endpoint *peer);
/* put() with the payer named by group (0: nobody), as kad_mem_store_record() told it. */
KAD_CHECK int kad_mem_store_restore(struct kad_store *store, const struct kad_record *record, uint64_t group,
                                    kad_ms now);

#endif
