#include "node/taken.h"

#include <string.h>

#include "crypto/crypto.h"

void kad_taken_clear(struct kad_taken *taken, const struct kad_allocator *allocator)
{
    kad_free(allocator, taken->list, KAD_TAKEN_MAX * sizeof(*taken->list));
    memset(taken, 0, sizeof(*taken));
}

static void hash_of(const struct kad_record *record, uint8_t out_hash[32])
{
    uint8_t bytes[32 + 32 + 8 + 32];

    memcpy(bytes, record->key.bytes, 32);
    memcpy(bytes + 32, record->public_key, 32);
    memcpy(bytes + 64, &record->sequence, 8);
    kad_sha256(record->value.data, record->value.size, bytes + 72);
    kad_sha256(bytes, sizeof(bytes), out_hash);
}

/* True: it was handed over before. Else it is from now on. */
static bool is_taken(struct kad_taken *taken, const struct kad_record *record, kad_ms now)
{
    uint8_t hash[32];

    hash_of(record, hash);
    for (size_t i = 0; i < KAD_TAKEN_MAX; i++) {
        if (taken->list[i].until > now && memcmp(taken->list[i].hash, hash, sizeof(hash)) == 0)
            return true;
    }
    memcpy(taken->list[taken->next].hash, hash, sizeof(hash));
    taken->list[taken->next].until = record->valid_until;
    taken->next = (taken->next + 1) % KAD_TAKEN_MAX;
    return false;
}

void kad_taken_filter(struct kad_taken *taken, const struct kad_allocator *allocator, struct kad_event *event,
                      kad_ms now, struct kad_record **out_records, size_t *out_room)
{
    const size_t n = event->done.n_records;
    struct kad_record *records;
    size_t n_new = 0;

    *out_records = NULL;
    *out_room = n;
    if (!n)
        return;
    if (!taken->list)
        taken->list = kad_alloc_zero(allocator, KAD_TAKEN_MAX * sizeof(*taken->list));
    records = taken->list ? kad_alloc(allocator, n * sizeof(*records)) : NULL;
    if (!records) /* once too often is better than never */
        return;
    for (size_t i = 0; i < n; i++) {
        if (!is_taken(taken, &event->done.records[i], now))
            records[n_new++] = event->done.records[i];
    }
    *out_records = records;
    event->done.records = records;
    event->done.n_records = n_new;
    event->done.record = n_new ? &records[0] : NULL;
    if (!n_new && event->done.error == KAD_OK)
        event->done.error = KAD_E_NOT_FOUND;
}
