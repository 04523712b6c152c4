#include "store/mem_records.h"

#include <assert.h>
#include <string.h>

#include "base/hash.h"
#include "store/mem_groups.h"

#define NONE       UINT32_MAX
#define LIST_MAX   64
#define PROOF_SIZE (sizeof((struct kad_record *)0)->public_key + sizeof((struct kad_record *)0)->signature)
#define LIFE_SIZE  ((2 + KAD_MEM_EYES) * sizeof(kad_ms))
#define VALUE_MAX  (UINT32_C(1) << 30)

enum {
    BLOCK_PROVED = 1,  /* public key and signature stand in `bytes` */
    BLOCK_CLASSED = 2, /* and so do, before them, made_at, valid_until and each eye's seen_at */
    BLOCK_MANY = 4,
    BLOCK_WITHDRAWN = 8,
};

struct kad_mem_block {
    struct kad_id key;
    int64_t sequence;
    kad_ms expires_at;
    uint64_t group; /* who pays; 0: nobody */
    uint32_t value_size;
    uint16_t salt_size;
    uint8_t type;
    uint8_t flags;
    uint8_t bytes[];
};

static const uint8_t no_proof[PROOF_SIZE];

struct kad_mem_records *kad_mem_records_new(const struct kad_allocator *allocator,
                                            const struct kad_mem_store_config *config, uint64_t hash_key)
{
    struct kad_mem_records *records = kad_alloc_zero(allocator, sizeof *records);
    const uint32_t most =
        2 * (config->max_records < KAD_MEM_SLOTS_MAX ? (uint32_t)config->max_records : KAD_MEM_SLOTS_MAX);

    if (!records)
        return NULL;
    records->config = config;
    records->hash_key = hash_key;
    records->first_free = NONE;
    kad_index_init(&records->index, allocator, most);
    kad_index_init(&records->groups, allocator, most);
    kad_heap_init(&records->heap, allocator, most + KAD_MEM_STALE);
    return records;
}

static size_t head_size(unsigned flags)
{
    return (flags & BLOCK_CLASSED ? LIFE_SIZE : 0) + (flags & BLOCK_PROVED ? PROOF_SIZE : 0);
}

static size_t block_size(const struct kad_mem_block *block)
{
    return sizeof *block + head_size(block->flags) + block->salt_size + block->value_size;
}

void kad_mem_records_free(struct kad_mem_records *records)
{
    if (!records)
        return;
    for (uint32_t i = 0; i < records->n_slots; i++) {
        if (records->slots[i].block)
            kad_free(records->index.allocator, records->slots[i].block, block_size(records->slots[i].block));
    }
    kad_free(records->index.allocator, records->slots, records->capacity * sizeof *records->slots);
    kad_mem_classes_free(records->classes);
    kad_index_clear(&records->groups);
    kad_heap_clear(&records->heap);
    kad_index_clear(&records->index);
    kad_free(records->index.allocator, records, sizeof *records);
}

uint64_t kad_mem_records_memory(const struct kad_mem_records *records)
{
    return sizeof *records + (uint64_t)records->capacity * sizeof *records->slots + records->block_bytes +
           ((uint64_t)records->index.n_cells + records->groups.n_cells) * sizeof(struct kad_index_cell) +
           (uint64_t)records->heap.capacity * sizeof(struct kad_heap_entry) +
           (records->classes ? kad_mem_classes_memory(records->classes) : 0);
}

static uint64_t hash_of(const struct kad_mem_records *records, const struct kad_id *key)
{
    return kad_hash(records->hash_key, key, sizeof *key);
}

static bool is_classed(const struct kad_record *record)
{
    return record->valid_until != 0;
}

static const uint8_t *owner_of(const struct kad_mem_block *block)
{
    return block->flags & BLOCK_PROVED ? block->bytes + (block->flags & BLOCK_CLASSED ? LIFE_SIZE : 0)
                                       : no_proof;
}

/* Whether `record` would take this block's place. */
static bool same_place(const struct kad_mem_block *block, const struct kad_record *record)
{
    if (!kad_id_equal(&block->key, &record->key) || is_classed(record) != !!(block->flags & BLOCK_CLASSED))
        return false;
    if (!is_classed(record))
        return true;
    return block->type == record->type && record->many == !!(block->flags & BLOCK_MANY) &&
           (!record->many || memcmp(owner_of(block), record->public_key, sizeof record->public_key) == 0);
}

static uint32_t find(const struct kad_mem_records *records, const struct kad_record *record)
{
    const struct kad_index *index = &records->index;
    const uint64_t hash = hash_of(records, &record->key);

    for (uint32_t at = kad_index_first(index, hash); at != KAD_INDEX_END;
         at = kad_index_next(index, hash, at)) {
        const uint32_t slot = kad_index_slot(index, at);

        if (same_place(records->slots[slot].block, record))
            return slot;
    }
    return NONE;
}

/* Where an eye's seen_at stands in the bytes of a block. */
static size_t at_seen(unsigned eye)
{
    return (2 + (size_t)eye) * sizeof(kad_ms);
}

static bool sees(const struct kad_mem_records *records, const struct kad_mem_block *block)
{
    const enum kad_mem_half half = block->flags & BLOCK_CLASSED ? KAD_MEM_CLASSED : KAD_MEM_PLAIN;

    return records->eye.half == KAD_MEM_BOTH || records->eye.half == half;
}

static void read_block(const struct kad_mem_records *records, const struct kad_mem_block *block,
                       struct kad_record *out_record)
{
    const uint8_t *at = block->bytes;

    *out_record = (struct kad_record){.type = block->type,
                                      .many = block->flags & BLOCK_MANY,
                                      .withdrawn = block->flags & BLOCK_WITHDRAWN,
                                      .key = block->key,
                                      .sequence = block->sequence,
                                      .expires_at = block->expires_at};
    if (block->flags & BLOCK_CLASSED) {
        memcpy(&out_record->made_at, at, sizeof out_record->made_at);
        memcpy(&out_record->valid_until, at + sizeof out_record->made_at, sizeof out_record->valid_until);
        memcpy(&out_record->seen_at, at + at_seen(records->eye.number), sizeof out_record->seen_at);
        at += LIFE_SIZE;
    }
    if (block->flags & BLOCK_PROVED) {
        memcpy(out_record->public_key, at, sizeof out_record->public_key);
        memcpy(out_record->signature, at + sizeof out_record->public_key, sizeof out_record->signature);
        at += PROOF_SIZE;
    }
    out_record->salt = (struct kad_bytes){at, block->salt_size};
    out_record->value = (struct kad_bytes){at + block->salt_size, block->value_size};
}

int kad_mem_records_get(const struct kad_mem_records *records, const struct kad_id *key, kad_ms now,
                        struct kad_record *out_record)
{
    const struct kad_index *index = &records->index;
    const uint64_t hash = hash_of(records, key);

    for (uint32_t at = kad_index_first(index, hash); at != KAD_INDEX_END;
         at = kad_index_next(index, hash, at)) {
        const struct kad_mem_block *block = records->slots[kad_index_slot(index, at)].block;

        if (kad_id_equal(&block->key, key) && block->expires_at > now && sees(records, block)) {
            read_block(records, block, out_record);
            return KAD_OK;
        }
    }
    return KAD_E_NOT_FOUND;
}

/* Places are slots, which records keep while they are held. One more than is asked for is looked for, to know where it goes
 * on. */
size_t kad_mem_records_list(const struct kad_mem_records *records, const struct kad_id *key, uint8_t type,
                            kad_ms now, uint32_t from, struct kad_record *out_records, size_t n,
                            uint32_t *out_next)
{
    const struct kad_index *index = &records->index;
    const uint64_t hash = hash_of(records, key);
    uint32_t places[LIST_MAX + 1];
    size_t n_places = 0;

    n = n < LIST_MAX ? n : LIST_MAX;
    for (uint32_t at = kad_index_first(index, hash); at != KAD_INDEX_END;
         at = kad_index_next(index, hash, at)) {
        const uint32_t slot = kad_index_slot(index, at);
        const struct kad_mem_block *block = records->slots[slot].block;
        size_t i;

        if (slot < from || !kad_id_equal(&block->key, key) || block->expires_at <= now ||
            !sees(records, block) || (type != 0 && block->type != type) || (n_places > n && slot > places[n]))
            continue;
        n_places += n_places <= n;
        for (i = n_places - 1; i > 0 && places[i - 1] > slot; i--)
            places[i] = places[i - 1];
        places[i] = slot;
    }
    *out_next = n_places > n && n > 0 ? places[n] : 0;
    n_places = n_places < n ? n_places : n;
    for (size_t i = 0; i < n_places; i++)
        read_block(records, records->slots[places[i]].block, &out_records[i]);
    return n_places;
}

bool kad_mem_records_has(const struct kad_mem_records *records, const struct kad_record *record)
{
    return find(records, record) != NONE;
}

bool kad_mem_records_slot(const struct kad_mem_records *records, uint32_t slot, struct kad_record *out_record,
                          uint64_t *out_group)
{
    if (slot >= records->n_slots || !records->slots[slot].block)
        return false;
    read_block(records, records->slots[slot].block, out_record);
    *out_group = records->slots[slot].block->group;
    return true;
}

static struct kad_mem_block *make_block(struct kad_mem_records *records, const struct kad_record *record,
                                        uint64_t group)
{
    const bool proved = memcmp(record->public_key, no_proof, sizeof record->public_key) != 0 ||
                        memcmp(record->signature, no_proof, sizeof record->signature) != 0;
    const unsigned flags = (proved ? BLOCK_PROVED : 0u) | (is_classed(record) ? BLOCK_CLASSED : 0u) |
                           (record->many ? BLOCK_MANY : 0u) | (record->withdrawn ? BLOCK_WITHDRAWN : 0u);
    const size_t size =
        sizeof(struct kad_mem_block) + head_size(flags) + record->salt.size + record->value.size;
    struct kad_mem_block *block = kad_alloc(records->index.allocator, size);
    uint8_t *at;

    if (!block)
        return NULL;
    block->key = record->key;
    block->sequence = record->sequence;
    block->expires_at = record->expires_at;
    block->group = group;
    block->value_size = (uint32_t)record->value.size;
    block->salt_size = (uint16_t)record->salt.size;
    block->type = record->type;
    block->flags = (uint8_t)flags;
    at = block->bytes;
    if (flags & BLOCK_CLASSED) {
        memcpy(at, &record->made_at, sizeof record->made_at);
        memcpy(at + sizeof record->made_at, &record->valid_until, sizeof record->valid_until);
        memset(at + at_seen(0), 0, KAD_MEM_EYES * sizeof record->seen_at); /* others have not seen this one */
        memcpy(at + at_seen(records->eye.number), &record->seen_at, sizeof record->seen_at);
        at += LIFE_SIZE;
    }
    if (proved) {
        memcpy(at, record->public_key, sizeof record->public_key);
        memcpy(at + sizeof record->public_key, record->signature, sizeof record->signature);
        at += PROOF_SIZE;
    }
    if (record->salt.size > 0)
        memcpy(at, record->salt.data, record->salt.size);
    if (record->value.size > 0)
        memcpy(at + record->salt.size, record->value.data, record->value.size);
    return block;
}

static void account(struct kad_mem_records *records, const struct kad_mem_block *block, bool in)
{
    const uint64_t content = (uint64_t)block->value_size + block->salt_size;

    struct kad_mem_half_held *half = &records->halves[!!(block->flags & BLOCK_CLASSED)];

    half->n = in ? half->n + 1 : half->n - 1;
    half->bytes = in ? half->bytes + content : half->bytes - content;
    records->block_bytes =
        in ? records->block_bytes + block_size(block) : records->block_bytes - block_size(block);
}

int kad_mem_records_need_classes(struct kad_mem_records *records)
{
    if (!records->classes)
        records->classes = kad_mem_classes_new(records->index.allocator, records->config, records->hash_key);
    return records->classes ? KAD_OK : KAD_E_MEMORY;
}

/* The live entry lies later than the expiry now: a second, earlier one takes over. If there is no room for it, the
 * record is dropped when the first comes up. */
static void expire_sooner(struct kad_mem_records *records, uint32_t slot, kad_ms expires_at)
{
    if (records->heap.n_entries < records->n_records + KAD_MEM_STALE &&
        kad_heap_add(&records->heap, expires_at, slot) == KAD_OK)
        records->slots[slot].ticket = records->heap.next_order - 1;
}

/* What a record counts against its publisher's group: those of most networks once, longer ones by their length. */
static uint32_t weight_of(size_t value_size, size_t salt_size)
{
    return 1 + (uint32_t)((value_size + salt_size) / (KAD_RECORD_VALUE_MAX + KAD_RECORD_SALT_MAX + 1));
}

static uint32_t weight(const struct kad_mem_block *block)
{
    return weight_of(block->value_size, block->salt_size);
}

static bool group_has_room(const struct kad_mem_records *records, uint64_t group, uint32_t more)
{
    const unsigned most = records->config->max_records_per_group;

    return most == 0 || group == 0 || more == 0 ||
           kad_mem_groups_count(&records->groups, records->hash_key, group) + more <= most;
}

static int replace(struct kad_mem_records *records, uint32_t slot, const struct kad_record *record)
{
    struct kad_mem_block *old = records->slots[slot].block, *block;
    const uint64_t others = records->halves[is_classed(record)].bytes - old->value_size - old->salt_size;

    const uint32_t before_it = weight(old), after = weight_of(record->value.size, record->salt.size);

    if (others + record->value.size + record->salt.size > records->config->max_record_bytes ||
        !group_has_room(records, old->group, after > before_it ? after - before_it : 0))
        return KAD_E_LIMIT;
    block = make_block(records, record, old->group);
    if (!block)
        return KAD_E_MEMORY;
    if (old->flags & BLOCK_CLASSED) {
        struct kad_record before;
        int error;

        read_block(records, old, &before);
        error = kad_mem_classes_replace(records->classes, &before, record);
        if (error != KAD_OK) {
            kad_free(records->index.allocator, block, block_size(block));
            return error;
        }
    }
    if (after > before_it) { /* it has a count already, which only moves */
        const int error =
            kad_mem_groups_add(&records->groups, records->hash_key, old->group, after - before_it);

        assert(error == KAD_OK);
        (void)error;
    } else {
        kad_mem_groups_remove(&records->groups, records->hash_key, old->group, before_it - after);
    }
    if (block->expires_at < old->expires_at)
        expire_sooner(records, slot, block->expires_at);
    account(records, old, false);
    account(records, block, true);
    kad_free(records->index.allocator, old, block_size(old));
    records->slots[slot].block = block;
    return KAD_OK;
}

static int reserve_slot(struct kad_mem_records *records)
{
    const uint32_t capacity = records->capacity + records->capacity / (records->capacity < 1024 ? 2 : 8) + 4;
    struct kad_mem_record_slot *slots;

    if (records->first_free != NONE || records->n_slots < records->capacity)
        return KAD_OK;
    slots = kad_resize(records->index.allocator, records->slots, records->capacity * sizeof *slots,
                       capacity * sizeof *slots);
    if (!slots)
        return KAD_E_MEMORY;
    records->slots = slots;
    records->capacity = capacity;
    return KAD_OK;
}

/* Records that were removed before their time leave their entries in the heap. When those are more than the live ones the
 * heap is built anew, within the memory it has. */
static void forget_stale(struct kad_mem_records *records)
{
    if (records->heap.n_entries < records->heap.ceiling &&
        records->heap.n_entries / 2 <= records->n_records + KAD_MEM_STALE / 2)
        return;
    records->heap.n_entries = 0;
    for (uint32_t i = 0; i < records->n_slots; i++) {
        int error;

        if (!records->slots[i].block)
            continue;
        error = kad_heap_add(&records->heap, records->slots[i].block->expires_at, i);
        assert(error == KAD_OK && "there were more");
        (void)error;
        records->slots[i].ticket = records->heap.next_order - 1;
    }
}

static int add(struct kad_mem_records *records, const struct kad_record *record, uint64_t group,
               const struct kad_mem_watch *watch, uint32_t *out_slot)
{
    const struct kad_mem_store_config *config = records->config;
    const struct kad_mem_half_held *half = &records->halves[is_classed(record)];
    const uint64_t hash = hash_of(records, &record->key);
    struct kad_mem_block *block;
    uint32_t slot;
    int error;

    if (records->n_records >= records->index.ceiling || half->n >= config->max_records ||
        half->bytes + record->value.size + record->salt.size > config->max_record_bytes)
        return KAD_E_LIMIT;
    if (!group_has_room(records, group, weight_of(record->value.size, record->salt.size)))
        return KAD_E_LIMIT;
    if (watch && !watch->room(watch->context, sizeof *block + LIFE_SIZE + PROOF_SIZE + record->value.size +
                                                  record->salt.size))
        return KAD_E_LIMIT;
    if (is_classed(record) && kad_mem_records_need_classes(records) != KAD_OK)
        return KAD_E_MEMORY;
    if (reserve_slot(records) != KAD_OK)
        return KAD_E_MEMORY;
    forget_stale(records);
    slot = records->first_free != NONE ? records->first_free : records->n_slots;
    block = make_block(records, record, group);
    if (!block)
        return KAD_E_MEMORY;
    if (is_classed(record)) {
        error = kad_mem_classes_add(records->classes, record);
        if (error != KAD_OK)
            goto no_class;
    }
    error = KAD_E_MEMORY;
    if (kad_index_add(&records->index, hash, slot) != KAD_OK)
        goto no_index;
    if (kad_mem_groups_add(&records->groups, records->hash_key, group, weight(block)) != KAD_OK)
        goto no_group;
    if (kad_heap_add(&records->heap, record->expires_at, slot) != KAD_OK) /* last: it cannot be taken back */
        goto no_heap;

    if (slot == records->n_slots)
        records->n_slots++;
    else
        records->first_free = records->slots[slot].next_free;
    records->slots[slot] = (struct kad_mem_record_slot){
        .block = block, .next_free = NONE, .ticket = records->heap.next_order - 1};
    records->n_records++;
    account(records, block, true);
    *out_slot = slot;
    return KAD_OK;

no_heap:
    kad_mem_groups_remove(&records->groups, records->hash_key, group, weight(block));
no_group:
    kad_index_remove(&records->index, hash, slot);
no_index:
    if (is_classed(record))
        kad_mem_classes_remove(records->classes, record);
no_class:
    kad_free(records->index.allocator, block, block_size(block));
    return error;
}

int kad_mem_records_put(struct kad_mem_records *records, const struct kad_record *record, uint64_t group,
                        const struct kad_mem_watch *watch)
{
    uint32_t slot = find(records, record);
    int error;

    if (record->value.size > VALUE_MAX || record->salt.size > UINT16_MAX)
        return KAD_E_LIMIT;
    if (records->config->max_records_per_group == 0)
        group = 0;
    if (slot != NONE)
        error = replace(records, slot, record);
    else
        error = add(records, record, group, watch, &slot);
    if (error == KAD_OK && watch)
        watch->record_changed(watch->context, slot);
    return error;
}

static void drop(struct kad_mem_records *records, uint32_t slot, bool expired,
                 const struct kad_mem_watch *watch)
{
    struct kad_mem_block *block = records->slots[slot].block;
    struct kad_record record;

    read_block(records, block, &record);
    if (watch)
        watch->record_gone(watch->context, &record);
    kad_index_remove(&records->index, hash_of(records, &block->key), slot);
    kad_mem_groups_remove(&records->groups, records->hash_key, block->group, weight(block));
    if (block->flags & BLOCK_CLASSED) {
        kad_mem_classes_remove(records->classes, &record);
        if (expired)
            kad_mem_classes_remember(records->classes, &record, record.expires_at);
    }
    account(records, block, false);
    kad_free(records->index.allocator, block, block_size(block));
    records->slots[slot] = (struct kad_mem_record_slot){.next_free = records->first_free};
    records->first_free = slot;
    records->n_records--;
}

int kad_mem_records_remove(struct kad_mem_records *records, const struct kad_record *record,
                           const struct kad_mem_watch *watch)
{
    const uint32_t slot = find(records, record);

    if (slot == NONE)
        return KAD_E_NOT_FOUND;
    drop(records, slot, false, watch);
    return KAD_OK;
}

void kad_mem_records_touch(struct kad_mem_records *records, const struct kad_record *record, kad_ms seen_at)
{
    const uint32_t slot = find(records, record);

    if (slot != NONE && records->slots[slot].block->flags & BLOCK_CLASSED)
        memcpy(records->slots[slot].block->bytes + at_seen(records->eye.number), &seen_at, sizeof seen_at);
}

uint32_t kad_mem_records_expire(struct kad_mem_records *records, kad_ms now, unsigned *budget,
                                const struct kad_mem_watch *watch)
{
    struct kad_heap_entry due;
    uint32_t n_dropped = 0;

    for (; *budget > 0 && kad_heap_pop(&records->heap, now, &due); (*budget)--) {
        struct kad_mem_record_slot *slot = &records->slots[due.slot];

        if (!slot->block || slot->ticket != due.order)
            continue;
        if (slot->block->expires_at > now) {
            const int error = kad_heap_add(&records->heap, slot->block->expires_at, due.slot);

            assert(error == KAD_OK && "an entry was just taken out");
            (void)error;
            slot->ticket = records->heap.next_order - 1;
            continue;
        }
        drop(records, due.slot, true, watch);
        n_dropped++;
    }
    return n_dropped;
}
