#include "core/dht.h"

#include <assert.h>

#include "base/endpoint.h"
#include "core/active.h"
#include "core/cover.h"
#include "core/near.h"
#include "core/notice.h"
#include "core/operation.h"
#include "core/peers.h"
#include "core/records.h"

static kad_ms probe_after(const struct kad_settings *settings)
{
    return settings->ping_after_ms / 5;
}

static struct kad_table_config table_config(const struct kad_settings *settings, unsigned id_bits)
{
    return (struct kad_table_config){
        .id_bits = id_bits,
        .k = settings->k,
        .wide = settings->table_wide,
        .near_percent = (uint8_t)settings->near_percent,
        .cache = (uint8_t)settings->table_cache,
        .max_failures = (uint8_t)settings->max_failures,
        .probe_after_ms = probe_after(settings),
        .narrow_per_bucket = settings->narrow_per_bucket,
        .narrow_per_table = settings->narrow_per_table,
        .wide_per_bucket = settings->wide_per_bucket,
        .wide_per_table = settings->wide_per_table,
        .as_per_bucket = settings->as_per_bucket,
        .as_per_table = settings->as_per_table,
        .country_per_bucket = settings->country_per_bucket,
        .country_per_table = settings->country_per_table,
        .limit_local = settings->limit_local,
    };
}

int kad_dht_init(struct kad_dht *dht, const struct kad_dht_config *config, kad_ms now)
{
    struct kad_table_config tables = table_config(config->settings, config->rules->id_bits);
    const bool speaks[KAD_FAMILIES] = {config->ipv4, config->ipv6};

    *dht = (struct kad_dht){
        .allocator = config->allocator,
        .settings = config->settings,
        .rules = config->rules,
        .member = config->member,
        .book = config->book,
        .store = config->store,
        .counters = config->counters,
        .measures = config->measures,
        .watch = config->watch,
        .operations_wake_at = KAD_NEVER,
        .expire_at = now,
        .rtt_8 = -1,
    };
    dht->reach.believed = config->address;
    kad_rng_init(&dht->rng, config->seed);
    kad_token_init(&dht->tokens, &dht->rng, now);
    kad_query_pool_init(&dht->queries, dht->allocator, dht->book, config->settings->max_queries);
    kad_budget_init(&dht->budget, config->settings, now);
    kad_events_init(&dht->events, dht->allocator);
    if (config->id)
        dht->self = *config->id;
    else if (dht->rules->make_id && config->address.family != KAD_FAMILY_NONE)
        dht->self = dht->rules->make_id(&config->address, &dht->rng);
    else
        dht->self = kad_id_random(&dht->rng, dht->rules->id_bits);
    if (kad_peers_new(dht, now) != 0) {
        kad_dht_clear(dht);
        return KAD_E_MEMORY;
    }
    tables.opinion = kad_peers_opinion(dht);
    for (int i = 0; i < KAD_FAMILIES; i++) {
        if (!speaks[i])
            continue;
        dht->tables[i] = kad_table_new(dht->allocator, dht->book, &dht->self, &tables, now);
        if (!dht->tables[i]) {
            kad_dht_clear(dht);
            return KAD_E_MEMORY;
        }
    }
    if (dht->rules->class_of && kad_records_new(dht, now) != 0) {
        kad_dht_clear(dht);
        return KAD_E_MEMORY;
    }
    dht->join.next_at = KAD_NEVER;
    dht->publications.next_at = KAD_NEVER;
    dht->upkeep.verify_at = now;
    dht->upkeep.verify_left = (uint16_t)config->settings->verify_per_s;
    dht->upkeep.next_at = now + kad_rng_jitter(&dht->rng, config->settings->refresh_pace_ms, 50);
    return 0;
}

void kad_dht_set_settings(struct kad_dht *dht, const struct kad_settings *settings, kad_ms now)
{
    dht->settings = settings;
    dht->queries.ceiling = settings->max_queries;
    if (dht->rules->class_of && !settings->result_ms)
        kad_results_clear(dht);
    kad_closest_clear(dht); /* who may be asked, and who counts for whom, may be others now */
    dht->n_requests_over = dht->n_host_operations > settings->max_requests ? dht->n_host_operations : 0;
    dht->n_queries_over = dht->queries.n_used > settings->max_queries ? dht->queries.n_used : 0;
    for (int i = 0; i < KAD_FAMILIES; i++) {
        if (dht->tables[i])
            kad_table_set_probe_after(dht->tables[i], probe_after(settings));
    }
    dht->upkeep.verify_left = 0; /* and filled up anew within a second */
    dht->upkeep.next_at = kad_ms_min(dht->upkeep.next_at, now + settings->refresh_pace_ms);
    dht->join.paused_until = 0;
    kad_budget_init(&dht->budget, settings, now);
    kad_peers_set_settings(dht);
    dht->operations_wake_at = kad_ms_min(dht->operations_wake_at, now);
}

kad_ms kad_dht_budget_wait(struct kad_dht *dht, bool for_host, kad_ms now)
{
    const kad_ms wait = kad_budget_wait(&dht->budget, dht->settings, for_host, now);

    dht->counters->own_delayed += wait > 0;
    return wait;
}

void kad_dht_clear(struct kad_dht *dht)
{
    while (dht->operations) {
        dht->operations->owner = KAD_OWNER_REFRESH; /* nobody is told any more */
        kad_operation_end(dht, dht->operations, KAD_REASON_CANCELLED, 0);
    }
    while (dht->finished) {
        struct kad_operation *next = dht->finished->next;

        kad_operation_free(dht, dht->finished);
        dht->finished = next;
    }
    if (dht->told)
        kad_operation_free(dht, dht->told);
    kad_publish_clear(dht);
    kad_join_clear(dht);
    kad_lost_clear(dht);
    kad_closest_clear(dht);
    kad_records_free(dht);
    kad_active_clear(dht);
    kad_peers_free(dht);
    kad_query_pool_clear(&dht->queries);
    kad_events_clear(&dht->events);
    kad_free(dht->allocator, dht->sample, sizeof(*dht->sample));
    kad_free(dht->allocator, dht->votes, KAD_REACH_VOTERS * sizeof(*dht->votes));
    for (int i = 0; i < KAD_FAMILIES; i++) {
        if (dht->tables[i])
            kad_table_free(dht->tables[i]);
    }
}

struct kad_received kad_dht_receive(struct kad_dht *dht, const struct kad_peer *from,
                                    const struct kad_message *message, kad_ms now, struct kad_outbox *out)
{
    if (kad_endpoint_scope(&from->endpoint) == KAD_SCOPE_INVALID ||
        !dht->tables[kad_family_index(from->endpoint.family)])
        return (struct kad_received){.drop = KAD_DROP_FAMILY};
    if (dht->rules->identity_size &&
        (!from->identity.size || from->identity.size > dht->rules->identity_size || !message->has_sender))
        return (struct kad_received){.drop = KAD_DROP_ID};
    kad_peers_tick(dht, now);
    if (message->has_sender && kad_peers_banned(dht, &message->sender, &from->endpoint))
        return (struct kad_received){.drop = KAD_DROP_BANNED};
    if (message->kind == KAD_QUERY && message->method == KAD_LEAVE && message->refusal == KAD_REFUSAL_NONE)
        return kad_notice_left(dht, from, message, now, out);
    if (message->kind == KAD_QUERY)
        return kad_serve(dht, from, message, now, out);
    return kad_answer(dht, from, message, now, out);
}

/* The host wants nothing of the kind from where it is. */
static bool is_avoided(const struct kad_dht *dht, const struct kad_query *query)
{
    const struct kad_place place = kad_book_place(dht->book, query->contact);

    return place.shunned || (place.no_store && (query->method == KAD_PUT || query->method == KAD_ANNOUNCE));
}

bool kad_dht_ask(struct kad_dht *dht, struct kad_query *query, struct kad_message *message, kad_ms now,
                 struct kad_outbox *out)
{
    struct kad_peer to = {.contact = query->contact, .endpoint = query->to};
    uint8_t transaction[KAD_TRANSACTION_SIZE];
    struct kad_query unsent;
    uint32_t slot;

    if (!out || !out->room)
        return false;
    if (kad_peers_banned(
            dht, query->contact != KAD_NO_CONTACT ? &kad_book_contact(dht->book, query->contact)->id : NULL,
            &query->to))
        return false;
    if (query->contact != KAD_NO_CONTACT && is_avoided(dht, query))
        return false;
    if (dht->rules->identity_size && query->contact != KAD_NO_CONTACT)
        to.identity = kad_book_identity(dht->book, query->contact);
    query->sent_at = now;
    slot = kad_query_add(&dht->queries, query, &dht->rng, transaction);
    if (slot == KAD_NO_QUERY)
        return false;
    message->kind = KAD_QUERY;
    message->transaction = (struct kad_bytes){transaction, sizeof(transaction)};
    message->version = (struct kad_bytes){(const uint8_t *)dht->settings->version,
                                          dht->settings->version[0] ? sizeof(dht->settings->version) - 1 : 0};
    message->sender = dht->self;
    message->has_sender = true;
    message->read_only = dht->settings->read_only;
    if (out->send(out, &to, message)) {
        dht->counters->queries_out[query->method]++;
        kad_budget_spend(&dht->budget, out->n_sent);
        if (query->operation)
            query->operation->ask_at = 0;
        return true;
    }
    kad_query_take(&dht->queries, slot, &unsent);
    kad_book_release(dht->book, unsent.contact);
    return false;
}

void kad_dht_warn(struct kad_dht *dht, enum kad_warning warning, kad_ms now)
{
    struct kad_event *event;

    if (!(dht->watch & KAD_WATCH_STATE) || (now && now < dht->warn_again_at[warning]))
        return;
    dht->warn_again_at[warning] = now + KAD_MINUTE;
    event = kad_events_push(&dht->events, KAD_EVENT_WARNING);
    if (event)
        event->warning = warning;
}

static kad_ms query_timeout_at(const struct kad_dht *dht)
{
    const uint32_t oldest = kad_query_oldest(&dht->queries);

    if (oldest == KAD_NO_QUERY)
        return KAD_NEVER;
    return dht->queries.queries[oldest].sent_at + dht->settings->query_timeout_ms;
}

void kad_dht_tick(struct kad_dht *dht, kad_ms now, struct kad_outbox *out)
{
    kad_peers_tick(dht, now);
    while (query_timeout_at(dht) <= now)
        kad_answer_missing(dht, kad_query_oldest(&dht->queries), now, out);
    if (now >= dht->expire_at)
        dht->expire_at = dht->store->ops->expire(dht->store, now);
    kad_join_tick(dht, now, out);
    kad_publish_tick(dht, now);
    if (dht->rules->class_of)
        kad_records_tick(dht, now);
    kad_upkeep_tick(dht, now, out);
    kad_near_tick(dht, now, out);
    kad_lost_tick(dht, now, out); /* woken by upkeep, which never sleeps as long as it does */
    kad_cover_tick(dht, now);
    kad_operations_tick(dht, now, out);
}

kad_ms kad_dht_wake_at(const struct kad_dht *dht)
{
    kad_ms at = query_timeout_at(dht);

    at = kad_ms_min(at, dht->expire_at);
    at = kad_ms_min(at, kad_join_wake_at(dht));
    at = kad_ms_min(at, dht->publications.next_at);
    if (dht->rules->class_of)
        at = kad_ms_min(at, kad_records_wake_at(dht->member->records));
    at = kad_ms_min(at, dht->upkeep.next_at);
    at = kad_ms_min(at, kad_near_wake_at(dht));
    at = kad_ms_min(at, kad_cover_wake_at(dht));
    return kad_ms_min(at, dht->operations_wake_at);
}

void kad_dht_unreachable(struct kad_dht *dht, const struct kad_endpoint *peer, kad_ms now)
{
    for (uint32_t i = kad_query_oldest(&dht->queries); i != KAD_NO_QUERY; i = dht->queries.queries[i].newer) {
        if (kad_endpoint_equal(&dht->queries.queries[i].to, peer)) {
            kad_answer_missing(dht, i, now, NULL);
            return;
        }
    }
}

/* Peers of a request stand in its list, which may have moved since the event was noted. */
static void find_peers(struct kad_dht *dht, struct kad_event *event)
{
    const size_t first = (size_t)event->hop.at_ms;
    struct kad_operation *const lists[] = {dht->operations, dht->finished};

    for (size_t i = 0; i < KAD_COUNT_OF(lists); i++) {
        for (const struct kad_operation *operation = lists[i]; operation; operation = operation->next) {
            if (operation->id == event->request)
                event->peers.peers = operation->peers + first;
        }
    }
    event->hop.at_ms = 0;
    if (!event->peers.peers)
        event->peers.n = 0;
}

bool kad_dht_next_event(struct kad_dht *dht, struct kad_event *out_event)
{
    const bool taken = kad_events_take(&dht->events, out_event);

    if (dht->events.n_lost > dht->counters->events_lost) { /* there is room for saying so now */
        dht->counters->events_lost = dht->events.n_lost;
        kad_dht_warn(dht, KAD_WARN_EVENTS_LOST, 0);
    }
    if (!taken)
        return kad_operation_event(dht, out_event);
    if (out_event->kind == KAD_EVENT_PEERS)
        find_peers(dht, out_event);
    return true;
}
