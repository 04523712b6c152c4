#include "store/mem_classes.h"

#include <string.h>

#include "base/hash.h"
#include "crypto/crypto.h"
#include "store/mem_groups.h"

#define OWNERS_MAX (UINT32_C(1) << 29)

struct kad_mem_classes *kad_mem_classes_new(const struct kad_allocator *allocator,
                                            const struct kad_mem_store_config *config, uint64_t hash_key)
{
    struct kad_mem_classes *classes = kad_alloc_zero(allocator, sizeof *classes);

    if (!classes)
        return NULL;
    classes->config = config;
    classes->hash_key = hash_key;
    kad_index_init(&classes->owners, allocator, OWNERS_MAX);
    kad_index_init(&classes->ghost_index, allocator, config->max_ghosts);
    return classes;
}

void kad_mem_classes_free(struct kad_mem_classes *classes)
{
    const struct kad_allocator *allocator;

    if (!classes)
        return;
    allocator = classes->owners.allocator;
    kad_free(allocator, classes->ghosts, classes->room_ghosts * sizeof *classes->ghosts);
    kad_index_clear(&classes->ghost_index);
    kad_index_clear(&classes->owners);
    kad_free(allocator, classes, sizeof *classes);
}

uint64_t kad_mem_classes_memory(const struct kad_mem_classes *classes)
{
    return sizeof *classes + (uint64_t)classes->room_ghosts * sizeof *classes->ghosts +
           ((uint64_t)classes->owners.n_cells + classes->ghost_index.n_cells) * sizeof(struct kad_index_cell);
}

/* -- shares ----------------------------------------------------------------------------------------------------- */

static uint64_t owner(const struct kad_mem_classes *classes, const struct kad_record *record)
{
    static const uint8_t nobody[sizeof record->public_key];
    uint64_t group;

    if (classes->config->max_records_per_owner == 0 ||
        memcmp(record->public_key, nobody, sizeof nobody) == 0) /* of networks where values have no owner */
        return 0;
    group = kad_hash(classes->hash_key, record->public_key, sizeof record->public_key);
    return group ? group : 1;
}

static uint32_t content(const struct kad_record *record)
{
    return (uint32_t)(record->value.size + record->salt.size);
}

static uint64_t part(const struct kad_mem_classes *classes, uint64_t whole)
{
    const unsigned percent = classes->config->class_percent;

    return percent ? whole / 100 * percent + whole % 100 * percent / 100 : whole;
}

int kad_mem_classes_add(struct kad_mem_classes *classes, const struct kad_record *record)
{
    const struct kad_mem_store_config *config = classes->config;
    struct kad_mem_share *share = &classes->shares[record->type];
    const uint64_t group = owner(classes, record);

    if (share->n >= part(classes, config->max_records) ||
        share->bytes + (uint64_t)content(record) > part(classes, config->max_record_bytes))
        return KAD_E_LIMIT;
    if (group &&
        kad_mem_groups_count(&classes->owners, classes->hash_key, group) >= config->max_records_per_owner)
        return KAD_E_LIMIT;
    if (kad_mem_groups_add(&classes->owners, classes->hash_key, group, 1) != KAD_OK)
        return KAD_E_MEMORY;
    share->n++;
    share->bytes += content(record);
    return KAD_OK;
}

void kad_mem_classes_remove(struct kad_mem_classes *classes, const struct kad_record *record)
{
    struct kad_mem_share *share = &classes->shares[record->type];

    kad_mem_groups_remove(&classes->owners, classes->hash_key, owner(classes, record), 1);
    share->n--;
    share->bytes -= content(record);
}

int kad_mem_classes_replace(struct kad_mem_classes *classes, const struct kad_record *old,
                            const struct kad_record *record)
{
    struct kad_mem_share *share = &classes->shares[record->type];
    const uint64_t before = owner(classes, old), after = owner(classes, record);
    const uint64_t others = share->bytes - content(old);

    if (content(record) > content(old) &&
        others + content(record) > part(classes, classes->config->max_record_bytes))
        return KAD_E_LIMIT;
    if (before != after) {
        if (kad_mem_groups_count(&classes->owners, classes->hash_key, after) >=
            classes->config->max_records_per_owner)
            return KAD_E_LIMIT;
        if (kad_mem_groups_add(&classes->owners, classes->hash_key, after, 1) != KAD_OK)
            return KAD_E_MEMORY;
        kad_mem_groups_remove(&classes->owners, classes->hash_key, before, 1);
    }
    share->bytes = (uint32_t)(others + content(record));
    return KAD_OK;
}

/* -- ghosts ----------------------------------------------------------------------------------------------------- */

static bool is_over(const struct kad_mem_ghost *ghost, kad_ms now)
{
    return now - ghost->expires_at >= KAD_MEM_GHOST_LIFE;
}

static uint64_t hash_of(const struct kad_mem_classes *classes, const struct kad_id *key)
{
    return kad_hash(classes->hash_key, key, sizeof *key);
}

static struct kad_mem_ghost *find(const struct kad_mem_classes *classes, const struct kad_record *record)
{
    const struct kad_index *index = &classes->ghost_index;
    const uint64_t hash = hash_of(classes, &record->key);

    for (uint32_t at = kad_index_first(index, hash); at != KAD_INDEX_END;
         at = kad_index_next(index, hash, at)) {
        struct kad_mem_ghost *ghost = &classes->ghosts[kad_index_slot(index, at)];

        if (kad_id_equal(&ghost->key, &record->key) && ghost->type == record->type &&
            memcmp(ghost->public_key, record->public_key, sizeof ghost->public_key) == 0)
            return ghost;
    }
    return NULL;
}

/* Where the next one may stand: behind the others, or where the oldest did. NULL: nowhere. */
static struct kad_mem_ghost *make_room(struct kad_mem_classes *classes, kad_ms now)
{
    const struct kad_allocator *allocator = classes->owners.allocator;
    const uint32_t ceiling = classes->config->max_ghosts;
    struct kad_mem_ghost *ghost;

    if (classes->n_ghosts == classes->room_ghosts && classes->room_ghosts < ceiling &&
        (classes->n_ghosts == 0 || !is_over(&classes->ghosts[classes->oldest], now))) {
        const uint32_t wanted = classes->room_ghosts + classes->room_ghosts / 2 + 4;
        const uint32_t room = wanted < ceiling ? wanted : ceiling;
        void *ghosts = kad_resize(allocator, classes->ghosts, classes->room_ghosts * sizeof *ghost,
                                  room * sizeof *ghost);

        if (ghosts) {
            classes->ghosts = ghosts;
            classes->room_ghosts = room;
        }
    }
    if (classes->n_ghosts < classes->room_ghosts &&
        (classes->n_ghosts == 0 || !is_over(&classes->ghosts[classes->oldest], now)))
        return &classes->ghosts[classes->n_ghosts];
    if (classes->n_ghosts == 0)
        return NULL;
    ghost = &classes->ghosts[classes->oldest];
    if (!is_over(ghost, now))
        classes->forgotten_at = kad_ms_max(classes->forgotten_at, ghost->expires_at);
    kad_index_remove(&classes->ghost_index, hash_of(classes, &ghost->key), classes->oldest);
    return ghost;
}

/* The ghost at `ghost` was taken out of the index, and cannot be left there. */
static void close_gap(struct kad_mem_classes *classes, struct kad_mem_ghost *ghost)
{
    const uint32_t gap = (uint32_t)(ghost - classes->ghosts), last = classes->n_ghosts - 1;

    if (gap != last) {
        kad_index_move(&classes->ghost_index, hash_of(classes, &classes->ghosts[last].key), last, gap);
        *ghost = classes->ghosts[last];
    }
    classes->n_ghosts--;
    if (classes->oldest >= classes->n_ghosts)
        classes->oldest = 0;
}

static void fill(struct kad_mem_ghost *ghost, const struct kad_record *record)
{
    *ghost = (struct kad_mem_ghost){.key = record->key,
                                    .sequence = record->sequence,
                                    .made_at = record->made_at,
                                    .valid_until = record->valid_until,
                                    .expires_at = record->expires_at,
                                    .type = record->type,
                                    .many = record->many,
                                    .withdrawn = record->withdrawn};
    memcpy(ghost->public_key, record->public_key, sizeof ghost->public_key);
    memcpy(ghost->signature, record->signature, sizeof ghost->signature);
    kad_sha256(record->value.data, record->value.size, ghost->value_hash);
}

void kad_mem_classes_remember(struct kad_mem_classes *classes, const struct kad_record *record, kad_ms now)
{
    struct kad_mem_ghost *ghost = find(classes, record);
    bool is_new;

    if (ghost) { /* it stays where it is in the ring, and may go before others that expired earlier */
        fill(ghost, record);
    } else {
        ghost = make_room(classes, now);
        is_new = ghost && ghost == classes->ghosts + classes->n_ghosts;
        if (!ghost || kad_index_add(&classes->ghost_index, hash_of(classes, &record->key),
                                    (uint32_t)(ghost - classes->ghosts)) != KAD_OK) {
            classes->forgotten_at = kad_ms_max(classes->forgotten_at, record->expires_at);
            if (ghost && !is_new)
                close_gap(classes, ghost);
            return;
        }
        if (is_new)
            classes->n_ghosts++;
        else
            classes->oldest = (classes->oldest + 1) % classes->n_ghosts;
        fill(ghost, record);
    }
    classes->newest_at = kad_ms_max(classes->newest_at, record->expires_at);
}

int kad_mem_classes_ghost(const struct kad_mem_classes *classes, const struct kad_id *key, uint8_t type,
                          kad_ms now, struct kad_record *out_record)
{
    const struct kad_index *index = &classes->ghost_index;
    const uint64_t hash = hash_of(classes, key);
    const struct kad_mem_ghost *last = NULL;

    for (uint32_t at = kad_index_first(index, hash); at != KAD_INDEX_END;
         at = kad_index_next(index, hash, at)) {
        const struct kad_mem_ghost *ghost = &classes->ghosts[kad_index_slot(index, at)];

        if (kad_id_equal(&ghost->key, key) && (type == 0 || ghost->type == type) && !is_over(ghost, now) &&
            (!last || ghost->expires_at > last->expires_at))
            last = ghost;
    }
    if (!last) {
        *out_record = (struct kad_record){.expires_at = classes->forgotten_at};
        return KAD_E_NOT_FOUND;
    }
    *out_record = (struct kad_record){.type = last->type,
                                      .many = last->many,
                                      .withdrawn = last->withdrawn,
                                      .hashed = true,
                                      .key = last->key,
                                      .value = {last->value_hash, sizeof last->value_hash},
                                      .sequence = last->sequence,
                                      .made_at = last->made_at,
                                      .valid_until = last->valid_until,
                                      .expires_at = last->expires_at};
    memcpy(out_record->public_key, last->public_key, sizeof out_record->public_key);
    memcpy(out_record->signature, last->signature, sizeof out_record->signature);
    return KAD_OK;
}
