#include "core/results.h"

#include <limits.h>
#include <string.h>

#include "core/gather.h"
#include "core/records.h"

static struct kad_results *results_of(const struct kad_dht *dht)
{
    return &dht->member->records->results;
}

static void drop(struct kad_dht *dht, struct kad_results *results, uint32_t i)
{
    struct kad_record *record = &results->results[i].record;

    kad_free(dht->allocator, (void *)(uintptr_t)record->value.data, record->value.size);
    results->results[i] = results->results[--results->n];
}

void kad_results_clear(struct kad_dht *dht)
{
    struct kad_results *results = results_of(dht);

    while (results->n)
        drop(dht, results, results->n - 1);
    kad_free(dht->allocator, results->results, KAD_RESULTS * sizeof(*results->results));
    results->results = NULL;
}

/* -- how often a key is asked for ------------------------------------------------------------------------------- */

/* Keys are hashes: any of their bytes will do. */
static uint8_t *count_of(struct kad_results *results, const struct kad_id *key, unsigned row)
{
    return &results->gets[row][key->bytes[8 + row]];
}

static void count(struct kad_results *results, const struct kad_id *key)
{
    for (unsigned row = 0; row < KAD_COUNT_OF(results->gets); row++) {
        uint8_t *its = count_of(results, key, row);

        *its = (uint8_t)(*its + (*its < UINT8_MAX));
    }
    if (++results->n_gets < KAD_RESULTS_FADE)
        return;
    results->n_gets = 0;
    for (unsigned i = 0; i < sizeof(results->gets); i++)
        (&results->gets[0][0])[i] /= 2;
}

static unsigned how_often(struct kad_results *results, const struct kad_id *key)
{
    const unsigned a = *count_of(results, key, 0), b = *count_of(results, key, 1);

    return a < b ? a : b;
}

/* -- results ---------------------------------------------------------------------------------------------------- */

const struct kad_record *kad_results_find(struct kad_dht *dht, const struct kad_id *key, uint8_t type,
                                          kad_ms now)
{
    struct kad_results *results = results_of(dht);

    count(results, key);
    for (uint32_t i = 0; i < results->n; i++) {
        struct kad_result *result = &results->results[i];

        if (kad_id_equal(&result->record.key, key) && (type == 0 || type == result->record.type) &&
            now < result->until) {
            result->used_at = now;
            return &result->record;
        }
    }
    return NULL;
}

void kad_results_forget(struct kad_dht *dht, const struct kad_id *key)
{
    struct kad_results *results = results_of(dht);

    for (uint32_t i = results->n; i > 0; i--) {
        if (kad_id_equal(&results->results[i - 1].record.key, key))
            drop(dht, results, i - 1);
    }
}

/* Is there a place for one more, made by whoever is worth less? */
static bool make_room(struct kad_dht *dht, struct kad_results *results, const struct kad_id *key, kad_ms now)
{
    unsigned least = UINT_MAX;
    uint32_t at = 0;

    if (results->n < KAD_RESULTS)
        return true;
    for (uint32_t i = 0; i < results->n; i++) {
        const struct kad_result *result = &results->results[i];
        const unsigned worth = now < result->until ? 1 + how_often(results, &result->record.key) : 0;

        if (worth < least || (worth == least && result->used_at < results->results[at].used_at)) {
            least = worth;
            at = i;
        }
    }
    if (least > 1 + how_often(results, key))
        return false;
    drop(dht, results, at);
    return true;
}

static void keep(struct kad_dht *dht, const struct kad_record *record, kad_ms now)
{
    struct kad_results *results = results_of(dht);
    uint8_t *value = NULL;

    if (dht->settings->result_ms == 0)
        return;
    kad_results_forget(dht, &record->key);
    if (!make_room(dht, results, &record->key, now))
        return;
    if (!results->results)
        results->results = kad_alloc(dht->allocator, KAD_RESULTS * sizeof(*results->results));
    if (record->value.size)
        value = kad_alloc(dht->allocator, record->value.size);
    if (!results->results || (record->value.size && !value)) {
        kad_free(dht->allocator, value, record->value.size);
        return;
    }
    if (value)
        memcpy(value, record->value.data, record->value.size);
    results->results[results->n] = (struct kad_result){
        .record = *record,
        .until = kad_ms_min(record->valid_until, now + dht->settings->result_ms),
        .used_at = now,
    };
    results->results[results->n++].record.value.data = value;
}

void kad_results_got(struct kad_dht *dht, const struct kad_operation *operation, kad_ms now)
{
    const struct kad_gathered *gathered = operation->gathered;
    const struct kad_record *best = &operation->best;
    kad_contact_ref contacts[KAD_RESULTS_REPAIRED + 1], nearest = KAD_NO_CONTACT;
    size_t n = 0;

    /* Of a get by prefix nothing may be stored anywhere: that would tell which key it was. */
    if (operation->request.kind != KAD_REQUEST_GET || operation->request.prefix_bits || !gathered ||
        gathered->cached || best->type == KAD_RECORD_NONE || best->many ||
        best->valid_until - now < KAD_MINUTE)
        return;
    if (!best->withdrawn)
        keep(dht, best, now);
    for (uint32_t i = 0; i < gathered->n_holders; i++) {
        const struct kad_gather_holder *holder = &gathered->holders[i];

        if (holder->outdated && n < KAD_RESULTS_REPAIRED)
            contacts[n++] = holder->contact;
        if (!holder->has &&
            (nearest == KAD_NO_CONTACT ||
             kad_id_compare(&operation->request.target, &kad_book_contact(dht->book, holder->contact)->id,
                            &kad_book_contact(dht->book, nearest)->id) < 0))
            nearest = holder->contact;
    }
    if (nearest != KAD_NO_CONTACT && dht->settings->cache_ms && !best->withdrawn)
        contacts[n++] = nearest;
    if (n && dht->member->records->restore.n_running < 4 * KAD_RESTORE_RUNNING)
        (void)kad_restore_store_at(dht, best, contacts, n, now);
}
