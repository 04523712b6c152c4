/*
 * lmdb_pending - what memory knows and the disk does not yet.
 *
 * Changes are slots of the mem store, each once however often it changed: what is written is what the slot holds at
 * the commit. What went is kept as disk keys, and goes before the changes are written. A commit that fails leaves all
 * of it for the next one. Nothing here can fail: without memory for a slot, everything counts as changed; without
 * memory (or room) for a key that went, the entry stays on disk, expired, until the next start removes it.
 */
#ifndef KAD_STORE_LMDB_PENDING_H
#define KAD_STORE_LMDB_PENDING_H

#include "base/alloc.h"

#define KAD_PENDING_GONE_MAX (1u << 20) /* bytes */

struct kad_slot_set {
    uint32_t *slots;
    uint64_t *bits; /* which slots are in `slots` */
    uint32_t n_slots, capacity, n_words;
    bool all; /* not known which: all of them */
};

struct kad_pending {
    const struct kad_allocator *allocator;
    struct kad_slot_set records, peers;
    uint8_t *gone; /* one byte of size, then the key; kad_entry_is_record_key() tells which */
    uint32_t gone_size, gone_capacity;
    uint64_t n_left_over; /* keys there was no room for, since start */
};

void kad_pending_init(struct kad_pending *pending, const struct kad_allocator *allocator);
void kad_pending_clear(struct kad_pending *pending); /* memory freed */
bool kad_pending_any(const struct kad_pending *pending);
void kad_pending_done(struct kad_pending *pending); /* all of it is written */

void kad_pending_changed(struct kad_pending *pending, struct kad_slot_set *set, uint32_t slot);
void kad_pending_gone(struct kad_pending *pending, const uint8_t *key, size_t size);
/* The key at *at, and moves it on; false at the end. Start with 0. */
bool kad_pending_next_gone(const struct kad_pending *pending, uint32_t *at, struct kad_bytes *out_key);

#endif
