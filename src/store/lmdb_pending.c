#include "store/lmdb_pending.h"

#include <assert.h>
#include <string.h>

#define KEEP_GONE (64u << 10) /* bytes of buffer kept between commits */

void kad_pending_init(struct kad_pending *pending, const struct kad_allocator *allocator)
{
    *pending = (struct kad_pending){.allocator = allocator};
}

static void clear_set(struct kad_pending *pending, struct kad_slot_set *set)
{
    kad_free(pending->allocator, set->slots, set->capacity * sizeof *set->slots);
    kad_free(pending->allocator, set->bits, set->n_words * sizeof *set->bits);
    *set = (struct kad_slot_set){0};
}

void kad_pending_clear(struct kad_pending *pending)
{
    clear_set(pending, &pending->records);
    clear_set(pending, &pending->peers);
    kad_free(pending->allocator, pending->gone, pending->gone_capacity);
    kad_pending_init(pending, pending->allocator);
}

bool kad_pending_any(const struct kad_pending *pending)
{
    return pending->records.n_slots > 0 || pending->records.all || pending->peers.n_slots > 0 ||
           pending->peers.all || pending->gone_size > 0;
}

static void empty_set(struct kad_slot_set *set)
{
    for (uint32_t i = 0; i < set->n_slots; i++)
        set->bits[set->slots[i] / 64] &= ~(UINT64_C(1) << set->slots[i] % 64);
    set->n_slots = 0;
    set->all = false;
}

void kad_pending_done(struct kad_pending *pending)
{
    empty_set(&pending->records);
    empty_set(&pending->peers);
    pending->gone_size = 0;
    if (pending->gone_capacity > KEEP_GONE) {
        kad_free(pending->allocator, pending->gone, pending->gone_capacity);
        pending->gone = NULL;
        pending->gone_capacity = 0;
    }
}

static bool reserve_slots(struct kad_pending *pending, struct kad_slot_set *set, uint32_t slot)
{
    if (slot / 64 >= set->n_words) {
        const uint32_t n_words = slot / 64 + slot / 128 + 4;
        uint64_t *bits =
            kad_resize(pending->allocator, set->bits, set->n_words * sizeof *bits, n_words * sizeof *bits);

        if (!bits)
            return false;
        memset(bits + set->n_words, 0, (n_words - set->n_words) * sizeof *bits);
        set->bits = bits;
        set->n_words = n_words;
    }
    if (set->n_slots == set->capacity) {
        const uint32_t capacity = set->capacity + set->capacity / 2 + 16;
        uint32_t *slots = kad_resize(pending->allocator, set->slots, set->capacity * sizeof *slots,
                                     capacity * sizeof *slots);

        if (!slots)
            return false;
        set->slots = slots;
        set->capacity = capacity;
    }
    return true;
}

void kad_pending_changed(struct kad_pending *pending, struct kad_slot_set *set, uint32_t slot)
{
    const uint64_t bit = UINT64_C(1) << slot % 64;

    if (set->all || (slot / 64 < set->n_words && set->bits[slot / 64] & bit))
        return;
    if (!reserve_slots(pending, set, slot)) {
        empty_set(set);
        set->all = true;
        return;
    }
    set->bits[slot / 64] |= bit;
    set->slots[set->n_slots++] = slot;
}

void kad_pending_gone(struct kad_pending *pending, const uint8_t *key, size_t size)
{
    const uint32_t needed = pending->gone_size + 1 + (uint32_t)size;

    assert(size > 0 && size <= UINT8_MAX && "one byte tells the size");
    if (needed > pending->gone_capacity) {
        const uint32_t capacity = needed + needed / 2 + 1024;
        uint8_t *gone = NULL;

        if (needed <= KAD_PENDING_GONE_MAX)
            gone = kad_resize(pending->allocator, pending->gone, pending->gone_capacity, capacity);
        if (!gone) {
            pending->n_left_over++;
            return;
        }
        pending->gone = gone;
        pending->gone_capacity = capacity;
    }
    pending->gone[pending->gone_size] = (uint8_t)size;
    memcpy(pending->gone + pending->gone_size + 1, key, size);
    pending->gone_size = needed;
}

bool kad_pending_next_gone(const struct kad_pending *pending, uint32_t *at, struct kad_bytes *out_key)
{
    if (*at >= pending->gone_size)
        return false;
    *out_key = (struct kad_bytes){pending->gone + *at + 1, pending->gone[*at]};
    *at += 1u + pending->gone[*at];
    return true;
}
