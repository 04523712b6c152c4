/* hold_prefix - a reader who does not say which key it wants, only how it begins. */
#include "core/dht.h"
#include "core/hold.h"

#define PLACES_MOST 4096 /* that one query makes us look at: some 100 us */

struct prefix_page {
    const struct kad_dht *dht;
    const struct kad_message *query;
    struct kad_message *reply;
    size_t size;
    bool full; /* the last one shown did not fit */
};

static void show(void *context, const struct kad_record *record)
{
    struct prefix_page *page = context;
    const struct kad_message *query = page->query;
    struct kad_message *reply = page->reply;
    const struct kad_class *class = kad_hold_class(page->dht, record->type);

    if (!class || class->taken_once || (query->record_type && record->type != query->record_type) ||
        kad_id_prefix(&record->key, &query->target) < query->prefix_bits)
        return;
    page->size += KAD_HOLD_HEAD + record->value.size;
    if (reply->record.type == KAD_RECORD_NONE)
        reply->record = *record;
    else if (page->size > KAD_HOLD_PAGE || reply->n_records == KAD_MESSAGE_RECORDS)
        page->full = true;
    else
        reply->records[reply->n_records++] = *record;
}

static void show_no_key(void *context, const struct kad_id *key, uint32_t n_peers)
{
    (void)context;
    (void)key;
    (void)n_peers;
}

/* Goes through all there is, a bounded number of places a query; whatever is left is asked for from where this one stopped. */
void kad_hold_get_prefix(const struct kad_dht *dht, const struct kad_message *query, kad_ms now,
                         struct kad_message *reply)
{
    struct prefix_page page = {.dht = dht, .query = query, .reply = reply};
    const struct kad_store_viewer viewer = {.record = show, .key = show_no_key, .context = &page};
    uint64_t from = query->from;

    if (!dht->store->ops->look)
        return;
    for (unsigned i = 0; i < PLACES_MOST; i++) {
        const unsigned n = reply->n_records;
        const uint64_t next = dht->store->ops->look(dht->store, from, 1, now, &viewer);

        if (page.full)
            break;
        if (reply->n_records > n) {
            reply->has_places = true;
            reply->places[n] = (uint32_t)from;
        }
        if (next == 0 || next > UINT32_MAX)
            return;
        from = next;
    }
    reply->from = (uint32_t)from;
}
