/*
 * mem_records - records by key, each one block of exactly its size.
 *
 *     index (hash of key -> slot) -> slots[] -> block: key, numbers, [instants], [public key, signature], salt, value
 *     heap (earliest expiry -> slot)
 *
 * A slot has one live entry in the heap, named by its ticket, that is never later than its expiry: a record that lives
 * longer now is looked at again when the entry comes up. Only one that lives shorter leaves a stale entry behind, and
 * of those there are at most KAD_MEM_STALE; past that it is dropped late (it is never served late).
 */
#ifndef KAD_STORE_MEM_RECORDS_H
#define KAD_STORE_MEM_RECORDS_H

#include "base/heap.h"
#include "base/index.h"
#include "store/mem_classes.h"

#define KAD_MEM_STALE     4096u
#define KAD_MEM_SLOTS_MAX (UINT32_C(1) << 28) /* of a half, so that slots fit the index */

struct kad_mem_block;

struct kad_mem_record_slot {
    struct kad_mem_block *block; /* NULL: free */
    uint32_t next_free;
    uint32_t ticket; /* order of its live entry in the heap */
};

/* What one half holds. */
struct kad_mem_half_held {
    uint32_t n;
    uint64_t bytes; /* values and salts */
};

struct kad_mem_records {
    const struct kad_mem_store_config *config; /* lent */
    uint64_t hash_key;
    struct kad_mem_record_slot *slots;
    uint32_t n_slots, capacity, first_free;
    uint32_t n_records;
    struct kad_mem_half_held halves[2]; /* without classes; of classes */
    struct kad_mem_eye eye;             /* who looks */
    uint64_t block_bytes;               /* memory of all blocks */
    struct kad_mem_classes *classes;    /* allocated with the first record of a class */
    struct kad_index index;
    struct kad_index groups;
    struct kad_heap heap;
};

struct kad_mem_records *kad_mem_records_new(const struct kad_allocator *allocator,
                                            const struct kad_mem_store_config *config, uint64_t hash_key);
void kad_mem_records_free(struct kad_mem_records *records);
uint64_t kad_mem_records_memory(const struct kad_mem_records *records);

/* Of the key, or of one class under it. */
int kad_mem_records_get(const struct kad_mem_records *records, const struct kad_id *key, kad_ms now,
                        struct kad_record *out_record);
/* Adds or replaces. 0, KAD_E_LIMIT, KAD_E_MEMORY: then all is as it was. */
int kad_mem_records_put(struct kad_mem_records *records, const struct kad_record *record, uint64_t group,
                        const struct kad_mem_watch *watch);
/* core/store.h: list, remove. */
size_t kad_mem_records_list(const struct kad_mem_records *records, const struct kad_id *key, uint8_t type,
                            kad_ms now, uint32_t from, struct kad_record *out_records, size_t n,
                            uint32_t *out_next);
int kad_mem_records_remove(struct kad_mem_records *records, const struct kad_record *record,
                           const struct kad_mem_watch *watch);
void kad_mem_records_touch(struct kad_mem_records *records, const struct kad_record *record, kad_ms seen_at);
bool kad_mem_records_has(const struct kad_mem_records *records, const struct kad_record *record);
/* 0 or KAD_E_MEMORY: `classes` is there. */
KAD_CHECK int kad_mem_records_need_classes(struct kad_mem_records *records);
bool kad_mem_records_slot(const struct kad_mem_records *records, uint32_t slot, struct kad_record *out_record,
                          uint64_t *out_group);
/* Looks at no more than *budget entries and takes them off it. Returns how many records went. */
uint32_t kad_mem_records_expire(struct kad_mem_records *records, kad_ms now, unsigned *budget,
                                const struct kad_mem_watch *watch);

#endif
