/*
 * mem_classes - what the store of a network with classes keeps beside its records: how much there is of each class and of
 * each owner, and ghosts: what is left of those that expired lately.
 *
 *     shares[type]                        records and bytes of a class
 *     owners (public key -> count)        as mem_groups counts address groups
 *     ghosts[] with an index by key       a ring: the newest takes the oldest's place, at the latest when there are
 *                                         config.max_ghosts; one is shown for a day
 */
#ifndef KAD_STORE_MEM_CLASSES_H
#define KAD_STORE_MEM_CLASSES_H

#include "base/index.h"
#include "store/mem.h"

#define KAD_MEM_GHOST_LIFE (24 * KAD_HOUR)

struct kad_mem_share {
    uint32_t n, bytes;
};

struct kad_mem_ghost {
    struct kad_id key;
    uint8_t public_key[32], signature[64], value_hash[32];
    int64_t sequence;
    kad_ms made_at, valid_until, expires_at;
    uint8_t type;
    bool many, withdrawn;
};

struct kad_mem_classes {
    const struct kad_mem_store_config *config; /* lent */
    uint64_t hash_key;
    struct kad_index owners;
    struct kad_index ghost_index;
    struct kad_mem_ghost *ghosts;
    uint32_t n_ghosts, room_ghosts;
    uint32_t oldest;     /* whose place is next */
    kad_ms newest_at;    /* the latest expiry among them */
    kad_ms forgotten_at; /* the latest expiry of those that had to go before their day was over */
    struct kad_mem_share shares[256];
};

struct kad_mem_classes *kad_mem_classes_new(const struct kad_allocator *allocator,
                                            const struct kad_mem_store_config *config, uint64_t hash_key);
void kad_mem_classes_free(struct kad_mem_classes *classes); /* NULL is fine */
uint64_t kad_mem_classes_memory(const struct kad_mem_classes *classes);

/* Counts a record in. 0, KAD_E_LIMIT (its class or owner has enough), KAD_E_MEMORY. */
KAD_CHECK int kad_mem_classes_add(struct kad_mem_classes *classes, const struct kad_record *record);
void kad_mem_classes_remove(struct kad_mem_classes *classes, const struct kad_record *record);
/* One takes another's place: of the same class, of another owner perhaps. Else nothing changed. */
KAD_CHECK int kad_mem_classes_replace(struct kad_mem_classes *classes, const struct kad_record *old,
                                      const struct kad_record *record);

/* One expired. Without memory it is forgotten at once. */
void kad_mem_classes_remember(struct kad_mem_classes *classes, const struct kad_record *record, kad_ms now);
/* The one that expired last of this key and type (0: any), its value_hash as its value. 0 or KAD_E_NOT_FOUND. */
int kad_mem_classes_ghost(const struct kad_mem_classes *classes, const struct kad_id *key, uint8_t type,
                          kad_ms now, struct kad_record *out_record);

#endif
