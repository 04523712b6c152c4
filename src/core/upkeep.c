/*
 * upkeep - keeps the table fresh while nothing else does: every pace, the contact unheard for longest is asked for nodes
 * of its own range (one query both proves it alive and brings news), and the range longest without a lookup gets one.
 * Traffic of our own counts, so a busy node does next to nothing here.
 *
 * When a quarter of the table has kept silent the last time, many have died at once: then all that were not heard of a moment ago
 * are asked, several a second, until the dead are gone. Every third question goes to whoever was heard last: for silence that
 * no answer interrupts is our own link's (KAD_SILENCE_BLAMED), and blames nobody.
 */
#include "core/active.h"
#include "core/operation.h"

#define STORM_BEGIN 4  /* one in so many contacts was silent the last time */
#define STORM_GOES  16 /* one in so many was twice: losses alone do not keep it up */
#define STORM_AGE   (30 * KAD_SECOND)
#define STORM_HASTE 50

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

static bool is_storm(const struct kad_dht *dht, const struct kad_table *table)
{
    size_t n = 0, n_failing = 0, n_twice = 0;

    for (unsigned i = 0; dht->settings->dead_percent && i < kad_table_n_buckets(table); i++) {
        const struct kad_bucket *b = kad_table_bucket(table, i);

        n += b->n_slots;
        for (unsigned j = 0; j < b->n_slots; j++) {
            n_failing += b->slots[j].failures > 0;
            n_twice += b->slots[j].failures > 1;
        }
    }
    return (n_failing > 0 && n_failing * STORM_BEGIN >= n) || (n_twice > 0 && n_twice * STORM_GOES >= n);
}

/* Whom to ask in a storm: any that was not heard of lately and is not being asked, or now and then the one heard last. */
static kad_contact_ref next_in_storm(struct kad_dht *dht, const struct kad_table *table, kad_ms now)
{
    const bool last = kad_rng_below(&dht->rng, 3) == 0;
    const struct kad_slot *chosen = NULL;
    uint32_t n = 0;

    for (unsigned i = 0; i < kad_table_n_buckets(table); i++) {
        const struct kad_bucket *b = kad_table_bucket(table, i);

        for (unsigned j = 0; j < b->n_slots; j++) {
            const struct kad_slot *slot = &b->slots[j];

            if (last ? !chosen || slot->heard_at > chosen->heard_at
                     : now - kad_table_heard_at(table, slot) >= STORM_AGE &&
                           !kad_query_pending(&dht->queries, slot->contact) &&
                           kad_rng_below(&dht->rng, ++n) == 0)
                chosen = slot;
        }
    }
    return chosen ? chosen->contact : KAD_NO_CONTACT;
}

/* How many times as fast as usual the next one is to be asked: one was silent the last time, or many. */
static unsigned ask_stale_contact(struct kad_dht *dht, struct kad_table *table, kad_ms now,
                                  struct kad_outbox *out)
{
    const bool storm = is_storm(dht, table);
    const kad_contact_ref stale = storm ? next_in_storm(dht, table, now)
                                        : kad_table_stale_contact(table, kad_upkeep_ping_after(dht), now);
    struct kad_query query = {.contact = stale, .purpose = KAD_FOR_TABLE, .method = KAD_FIND_NODE};
    struct kad_message message;
    const struct kad_contact *contact;
    unsigned prefix, haste = 1;

    if (stale != KAD_NO_CONTACT && dht->settings->dead_percent)
        haste = storm ? STORM_HASTE : kad_table_find(table, stale)->failures > 0 ? 5 : 1;
    if (stale == KAD_NO_CONTACT || kad_query_pending(&dht->queries, stale) || out->crowded ||
        kad_dht_budget_wait(dht, false, now))
        return haste;
    contact = kad_book_contact(dht->book, stale);
    query.to = contact->endpoint;
    prefix = kad_id_prefix(&dht->self, &contact->id);
    kad_message_init(&message);
    message.method = KAD_FIND_NODE;
    message.want_ipv4 = dht->tables[0];
    message.want_ipv6 = dht->tables[1];
    message.target = kad_id_random_at(&dht->rng, &dht->self, prefix, dht->rules->id_bits);
    kad_dht_ask(dht, &query, &message, now, out);
    return haste;
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
static kad_ms pace(const struct kad_dht *dht, bool filling, unsigned haste)
{
    return dht->settings->refresh_pace_ms / (filling && haste < 10 ? 10 : haste);
}

void kad_upkeep_tick(struct kad_dht *dht, kad_ms now, struct kad_outbox *out)
{
    bool filling = false;
    unsigned haste = 1;

    if (now < dht->upkeep.next_at)
        return;
    for (int i = 0; i < KAD_FAMILIES; i++) {
        unsigned its;

        if (!dht->tables[i])
            continue;
        its = ask_stale_contact(dht, dht->tables[i], now, out);
        haste = its > haste ? its : haste;
        look_up_stale_bucket(dht, dht->tables[i], now);
        filling = filling || kad_table_stale_bucket(dht->tables[i], kad_upkeep_refresh_after(dht), now) >= 0;
    }
    kad_active_tick(dht, now, out);
    kad_closest_expire(dht, now);
    dht->upkeep.next_at =
        now + kad_rng_jitter(&dht->rng, pace(dht, filling && dht->join.ready, haste), 20) + 1;
}
