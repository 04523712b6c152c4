/*
 * upkeep - keeps the table fresh while nothing else does: every pace, the contact unheard for longest is asked for nodes
 * of its own range (one query both proves it alive and brings news), and the range longest without a lookup gets one.
 * Traffic of our own counts, so a busy node does next to nothing here.
 */
#include "core/dht.h"

#include "core/operation.h"

static void ask_stale_contact(struct kad_dht *dht, struct kad_table *table, kad_ms now,
                              struct kad_outbox *out)
{
    const kad_contact_ref stale = kad_table_stale_contact(table, dht->settings->ping_after_ms, now);
    struct kad_query query = {.contact = stale, .purpose = KAD_FOR_TABLE, .method = KAD_FIND_NODE};
    struct kad_message message;
    const struct kad_contact *contact;
    unsigned prefix;

    if (stale == KAD_NO_CONTACT || kad_query_pending(&dht->queries, stale))
        return;
    contact = kad_book_contact(dht->book, stale);
    query.to = contact->endpoint;
    prefix = kad_id_prefix(&dht->self, &contact->id);
    kad_message_init(&message);
    message.method = KAD_FIND_NODE;
    message.want_ipv4 = dht->tables[0];
    message.want_ipv6 = dht->tables[1];
    message.target = kad_id_random_at(&dht->rng, &dht->self, prefix, dht->rules->id_bits);
    kad_dht_ask(dht, &query, &message, now, out);
}

static void look_up_stale_bucket(struct kad_dht *dht, struct kad_table *table, kad_ms now)
{
    const int bucket = kad_table_stale_bucket(table, dht->settings->refresh_after_ms, now);
    struct kad_request request = {.kind = KAD_REQUEST_CLOSEST};
    struct kad_operation *operation;

    if (bucket < 0 || dht->upkeep.n_running >= 2 || !dht->join.ready)
        return;
    request.target = kad_id_random_at(&dht->rng, &dht->self, (unsigned)bucket, dht->rules->id_bits);
    kad_table_touch(table, &request.target, now); /* tried: another bucket is next, whatever comes of it */
    if (kad_operation_begin(dht, &request, KAD_OWNER_REFRESH, now, &operation) == 0) {
        dht->upkeep.n_running++;
        dht->counters->refreshes++;
    }
}

void kad_upkeep_tick(struct kad_dht *dht, kad_ms now, struct kad_outbox *out)
{
    bool filling = false;

    if (now < dht->upkeep.next_at)
        return;
    for (int i = 0; i < KAD_FAMILIES; i++) {
        if (!dht->tables[i])
            continue;
        ask_stale_contact(dht, dht->tables[i], now, out);
        look_up_stale_bucket(dht, dht->tables[i], now);
        filling =
            filling || kad_table_stale_bucket(dht->tables[i], dht->settings->refresh_after_ms, now) >= 0;
    }
    /* A node that has just joined has buckets nobody ever looked into: those it fills at ten times the pace. */
    dht->upkeep.next_at =
        now +
        kad_rng_jitter(&dht->rng, dht->settings->refresh_pace_ms / (filling && dht->join.ready ? 10 : 1),
                       20) +
        1;
}
