/*
 * upkeep - keeps the table fresh while nothing else does: every pace, the contact unheard for longest is asked for nodes
 * of its own range (one query both proves it alive and brings news), and the range longest without a lookup gets one.
 * Traffic of our own counts, so a busy node does next to nothing here.
 */
#include "core/active.h"
#include "core/operation.h"

/* A death that comes late to light does less harm than one pinged for too often does good: buckets age as contacts do. */
static struct kad_churn_bounds bounds_of(const struct kad_settings *settings)
{
    return (struct kad_churn_bounds){
        .percent = settings->dead_percent,
        .usual_ms = settings->ping_after_ms,
        .least_ms = settings->ping_min_ms,
        .most_ms = settings->ping_max_ms,
    };
}

kad_ms kad_upkeep_ping_after(const struct kad_dht *dht)
{
    const struct kad_churn_bounds bounds = bounds_of(dht->settings);

    return kad_churn_interval(&dht->churn, &bounds);
}

kad_ms kad_upkeep_refresh_after(const struct kad_dht *dht)
{
    const struct kad_settings *settings = dht->settings;

    if (!settings->dead_percent)
        return settings->refresh_after_ms;
    return settings->refresh_after_ms * kad_upkeep_ping_after(dht) / settings->ping_after_ms;
}

void kad_upkeep_alive(struct kad_dht *dht, const struct kad_table *table, const struct kad_slot *slot,
                      kad_ms now)
{
    const struct kad_churn_bounds bounds = bounds_of(dht->settings);

    if (slot && bounds.percent)
        kad_churn_alive(&dht->churn, &bounds, now - kad_table_heard_at(table, slot), slot->failures > 0);
}

void kad_upkeep_silent(struct kad_dht *dht, const struct kad_table *table, kad_contact_ref contact,
                       kad_ms now)
{
    const struct kad_churn_bounds bounds = bounds_of(dht->settings);
    const struct kad_slot *slot = bounds.percent ? kad_table_find(table, contact) : NULL;

    if (slot && slot->failures == 0)
        kad_churn_silent(&dht->churn, &bounds, now - kad_table_heard_at(table, slot));
}

/* True: one that was silent the last time. */
static bool ask_stale_contact(struct kad_dht *dht, struct kad_table *table, kad_ms now,
                              struct kad_outbox *out)
{
    const kad_contact_ref stale = kad_table_stale_contact(table, kad_upkeep_ping_after(dht), now);
    struct kad_query query = {.contact = stale, .purpose = KAD_FOR_TABLE, .method = KAD_FIND_NODE};
    struct kad_message message;
    const struct kad_contact *contact;
    unsigned prefix;

    if (stale == KAD_NO_CONTACT || kad_query_pending(&dht->queries, stale) ||
        kad_dht_budget_wait(dht, false, now))
        return stale != KAD_NO_CONTACT && kad_table_find(table, stale)->failures > 0;
    contact = kad_book_contact(dht->book, stale);
    query.to = contact->endpoint;
    prefix = kad_id_prefix(&dht->self, &contact->id);
    kad_message_init(&message);
    message.method = KAD_FIND_NODE;
    message.want_ipv4 = dht->tables[0];
    message.want_ipv6 = dht->tables[1];
    message.target = kad_id_random_at(&dht->rng, &dht->self, prefix, dht->rules->id_bits);
    kad_dht_ask(dht, &query, &message, now, out);
    return kad_table_find(table, stale)->failures > 0;
}

static void look_up_stale_bucket(struct kad_dht *dht, struct kad_table *table, kad_ms now)
{
    const int bucket = kad_table_stale_bucket(table, kad_upkeep_refresh_after(dht), now);
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

/* A node that has just joined has buckets nobody ever looked into: those it fills at ten times the pace. And whoever has just
 * been silent is asked again soon: after half of a network has died, the pace is what keeps the dead in tables. */
static kad_ms pace(const struct kad_dht *dht, bool filling, bool doubting)
{
    const kad_ms usual = dht->settings->refresh_pace_ms;

    if (filling)
        return usual / 10;
    return doubting && dht->settings->dead_percent ? usual / 5 : usual;
}

void kad_upkeep_tick(struct kad_dht *dht, kad_ms now, struct kad_outbox *out)
{
    bool filling = false, doubting = false;

    if (now < dht->upkeep.next_at)
        return;
    for (int i = 0; i < KAD_FAMILIES; i++) {
        if (!dht->tables[i])
            continue;
        doubting = ask_stale_contact(dht, dht->tables[i], now, out) || doubting;
        look_up_stale_bucket(dht, dht->tables[i], now);
        filling = filling || kad_table_stale_bucket(dht->tables[i], kad_upkeep_refresh_after(dht), now) >= 0;
    }
    kad_active_tick(dht, now, out);
    dht->upkeep.next_at =
        now + kad_rng_jitter(&dht->rng, pace(dht, filling && dht->join.ready, doubting), 20) + 1;
}
