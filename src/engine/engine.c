#include "kad/engine.h"

#include <assert.h>
#include <string.h>

#include "base/endpoint.h"
#include "core/dht.h"
#include "core/notice.h"
#include "core/gather.h"
#include "core/limit.h"
#include "core/operation.h"
#include "core/peers.h"
#include "crypto/identity.h"
#include "engine/ahead.h"
#include "engine/carrier.h"
#include "engine/engine_parts.h"
#include "engine/journal.h"
#include "engine/network.h"
#include "engine/peek.h"
#include "engine/shed.h"

static_assert(KAD_METHODS == KAD_N_METHODS, "the public count of methods");

/* -- datagrams -------------------------------------------------------------------------------------------------- */

static enum kad_drop over_limit(enum kad_limit_verdict verdict)
{
    switch (verdict) {
    case KAD_LIMIT_PASS:
    case KAD_LIMIT_ANSWER:
        break;
    case KAD_LIMIT_ADDRESS:
        return KAD_DROP_ADDRESS_RATE;
    case KAD_LIMIT_GROUP:
        return KAD_DROP_GROUP_RATE;
    case KAD_LIMIT_GRAY:
        return KAD_DROP_GRAYLIST;
    }
    return KAD_DROP_NONE;
}

/* `for_an_answer`: it is over a limit, and was let through for an answer's sake only. */
static struct kad_received take_message(struct kad_carrier *carrier, const struct kad_opened *opened,
                                        bool for_an_answer)
{
    struct kad_engine *engine = carrier->engine;
    const struct kad_peer *from = &opened->from;
    struct kad_message message;

    if (kad_carrier_is_aside(carrier, opened))
        return (struct kad_received){.drop = kad_carrier_take_aside(carrier, opened)};
    if (engine->network->codec->decode(opened->bytes, (enum kad_family)from->endpoint.family, &message) ==
        KAD_DECODE_MALFORMED)
        return (struct kad_received){.drop = KAD_DROP_MALFORMED,
                                     .strike = opened->proved && !from->replayable};
    if (from->identity.size) { /* whatever the message says */
        message.sender = opened->id;
        message.has_sender = true;
    }
    if (for_an_answer && message.kind == KAD_QUERY)
        return (struct kad_received){.drop = KAD_DROP_ADDRESS_RATE};
    if (message.method == KAD_LEAVE && message.kind == KAD_QUERY && !kad_carrier_is_current(carrier, opened))
        return (struct kad_received){.drop = KAD_DROP_STALE};
    if (kad_engine_sheds(carrier, opened, &message))
        return (struct kad_received){.drop = KAD_DROP_SHED};
    if (!engine->own_book) /* one of many, and so not in the processor's caches */
        kad_engine_ahead_of(engine, &message, (enum kad_family)from->endpoint.family);
    return kad_dht_receive(&engine->dht, from, &message, carrier->now, &carrier->outbox);
}

/* What was sealed in a session is its sender's own doing; where it came from is, too, once it has shown to receive there. */
static void blame(struct kad_engine *engine, const struct kad_opened *opened,
                  const struct kad_received *received, kad_ms now)
{
    const bool there = opened->proved || received->proved;

    kad_peers_broke(&engine->dht, &opened->id, there ? &opened->from.endpoint : NULL,
                    received->drop == KAD_DROP_MALFORMED ? KAD_DEED_BROKE : KAD_DEED_FORGED, now);
}

void kad_engine_datagram(struct kad_engine *engine, const struct kad_datagram *in, kad_ms now,
                         struct kad_batch *out)
{
    struct kad_carrier carrier = kad_carrier_for(engine, out, now);
    struct kad_received received = {.drop = KAD_DROP_NONE};
    struct kad_opened opened;
    enum kad_limit_verdict verdict;

    if (engine->journal)
        kad_journal_datagram(engine->journal, in, now, out);
    engine->counters->bytes_in += in->bytes.size;
    verdict = kad_limit_receive(engine->limit, &in->peer, in->bytes.size, now);
    received.drop = kad_peers_banned(&engine->dht, NULL, &in->peer) ? KAD_DROP_BANNED : over_limit(verdict);
    if (received.drop == KAD_DROP_NONE)
        received.drop = kad_carrier_open(&carrier, in, &opened);
    if (received.drop == KAD_DROP_NONE) {
        if (!opened.none)
            received = take_message(&carrier, &opened, verdict == KAD_LIMIT_ANSWER);
        else if (opened.proved && opened.from.identity.size)
            kad_dht_seen(&engine->dht, &opened.from, &opened.id, now, &carrier.outbox);
        if (received.strike && opened.from.identity.size)
            blame(engine, &opened, &received, now);
        if (received.drop == KAD_DROP_BANNED || received.left)
            kad_carrier_shun(&carrier, &opened);
        else
            kad_carrier_close(&carrier);
    }
    if (received.stranger && !kad_limit_is_proved(engine->limit, &in->peer, now))
        engine->counters->strangers_in++;
    if (received.proved)
        kad_limit_proved(engine->limit, &in->peer, now);
    if (received.strike)
        kad_limit_strike(engine->limit, &in->peer, now);
    engine->counters->received[received.drop]++;
}

void kad_engine_tick(struct kad_engine *engine, kad_ms now, struct kad_batch *out)
{
    struct kad_carrier carrier = kad_carrier_for(engine, out, now);

    if (engine->journal)
        kad_journal_tick(engine->journal, now, out);
    kad_dht_tick(&engine->dht, now, &carrier.outbox);
}

void kad_engine_leave(struct kad_engine *engine, kad_ms now, struct kad_batch *out)
{
    struct kad_carrier carrier = kad_carrier_for(engine, out, now);

    if (engine->network->carrier != KAD_CARRIER_SESSIONS)
        return;
    if (engine->journal)
        kad_journal_leave(engine->journal, now, out);
    kad_notice_leave(&engine->dht, &carrier.outbox);
}

kad_ms kad_engine_wake_at(const struct kad_engine *engine)
{
    return kad_dht_wake_at(&engine->dht);
}

void kad_engine_unreachable(struct kad_engine *engine, const struct kad_endpoint *peer, kad_ms now)
{
    if (engine->journal)
        kad_journal_unreachable(engine->journal, peer, now);
    kad_dht_unreachable(&engine->dht, peer, now);
}

/* -- requests --------------------------------------------------------------------------------------------------- */

int kad_engine_request(struct kad_engine *engine, const struct kad_request *request, kad_ms now,
                       uint64_t *out_id)
{
    struct kad_operation *operation;
    int error;

    if (engine->journal)
        kad_journal_request(engine->journal, request, now);
    error = kad_operation_begin(&engine->dht, request, KAD_OWNER_HOST, now, &operation);
    if (error)
        return error;
    *out_id = operation->id;
    return 0;
}

bool kad_engine_cancel(struct kad_engine *engine, uint64_t id, kad_ms now)
{
    if (engine->journal)
        kad_journal_cancel(engine->journal, id, now);
    return kad_operation_cancel(&engine->dht, id, now);
}

void kad_engine_cancel_all(struct kad_engine *engine, kad_ms now)
{
    struct kad_operation *next;

    if (engine->journal)
        kad_journal_cancel(engine->journal, 0, now);
    for (struct kad_operation *operation = engine->dht.operations; operation; operation = next) {
        next = operation->next;
        if (operation->owner == KAD_OWNER_HOST)
            kad_operation_end(&engine->dht, operation, KAD_REASON_CANCELLED, now);
    }
}

bool kad_engine_withdraw(struct kad_engine *engine, const struct kad_id *key)
{
    if (engine->journal)
        kad_journal_withdraw(engine->journal, key);
    return kad_publish_withdraw(&engine->dht, key);
}

int kad_engine_bootstrap(struct kad_engine *engine, const struct kad_endpoint *endpoint, kad_ms now)
{
    if (engine->journal)
        kad_journal_bootstrap(engine->journal, endpoint, (struct kad_bytes){0}, now);
    return kad_join_add_bootstrap(&engine->dht, endpoint, (struct kad_bytes){0}, now);
}

static struct kad_bytes identity_of(const struct kad_engine *engine, const uint8_t public_key[32],
                                    uint8_t room[KAD_IDENTITY_MAX])
{
    const struct kad_rules *rules = &engine->network->rules;

    if (!rules->identity_of)
        return (struct kad_bytes){public_key, 32};
    return (struct kad_bytes){room, rules->identity_of(public_key, room)};
}

int kad_engine_bootstrap_key(struct kad_engine *engine, const struct kad_endpoint *endpoint,
                             const uint8_t public_key[32], kad_ms now)
{
    uint8_t bytes[KAD_IDENTITY_MAX];
    const struct kad_bytes identity = identity_of(engine, public_key, bytes);

    if (engine->journal)
        kad_journal_bootstrap(engine->journal, endpoint, identity, now);
    return kad_join_add_bootstrap(&engine->dht, endpoint, identity, now);
}

static int add_contact(struct kad_engine *engine, const struct kad_contact *contact,
                       struct kad_bytes identity, bool trusted, kad_ms now)
{
    kad_contact_ref ref;

    if (!trusted)
        return kad_join_add_saved(&engine->dht, contact, identity, now);
    if (!kad_dht_acceptable(&engine->dht, contact, &contact->endpoint))
        return KAD_E_INVALID;
    ref = kad_dht_intern(&engine->dht, contact, identity);
    if (ref == KAD_NO_CONTACT)
        return KAD_E_LIMIT;
    engine->dht.join.ready = true; /* a given table is a joined one: nothing is to be looked for */
    kad_dht_heard(&engine->dht, ref, -1, now, NULL);
    kad_table_touch(engine->dht.tables[kad_family_index(contact->endpoint.family)], &contact->id, now);
    kad_book_release(engine->dht.book, ref);
    return 0;
}

int kad_engine_contact(struct kad_engine *engine, const struct kad_contact *contact, bool trusted, kad_ms now)
{
    if (engine->journal)
        kad_journal_contact(engine->journal, contact, (struct kad_bytes){0}, trusted, now);
    return add_contact(engine, contact, (struct kad_bytes){0}, trusted, now);
}

int kad_engine_contact_key(struct kad_engine *engine, const struct kad_endpoint *endpoint,
                           const uint8_t public_key[32], bool trusted, kad_ms now)
{
    const struct kad_rules *rules = &engine->network->rules;
    uint8_t bytes[KAD_IDENTITY_MAX];
    const struct kad_bytes identity = identity_of(engine, public_key, bytes);
    struct kad_contact contact = {.endpoint = *endpoint};

    if (rules->identity_size < identity.size || !rules->id_of(identity, &contact.id))
        return KAD_E_INVALID;
    if (engine->journal)
        kad_journal_contact(engine->journal, &contact, identity, trusted, now);
    return add_contact(engine, &contact, identity, trusted, now);
}

bool kad_engine_next_event(struct kad_engine *engine, struct kad_event *out_event)
{
    if (engine->journal)
        kad_journal_taking(engine->journal);
    return kad_dht_next_event(&engine->dht, out_event);
}

/* -- looking in ------------------------------------------------------------------------------------------------- */

const struct kad_counters *kad_engine_counters(const struct kad_engine *engine)
{
    return engine->counters;
}

static size_t memory_of(const struct kad_engine *engine, const struct kad_store_stats *store)
{
    const struct kad_dht *dht = &engine->dht;
    size_t n = kad_engine_size(engine->lent_counters) + store->memory + kad_limit_memory(engine->limit);

    for (int i = 0; i < KAD_FAMILIES; i++)
        n += dht->tables[i] ? kad_table_memory(dht->tables[i]) : 0;
    n += dht->queries.n_room * sizeof(struct kad_query) + dht->events.room * sizeof(struct kad_event);
    n += dht->publications.room * sizeof(struct kad_publication);
    n += dht->lost ? sizeof(*dht->lost) : 0;
    n += kad_score_memory(kad_peers_scores(dht));
    n += dht->votes ? KAD_REACH_VOTERS * sizeof(*dht->votes) : 0;
    for (const struct kad_operation *operation = dht->operations; operation; operation = operation->next)
        n += sizeof(*operation);
    if (kad_engine_member(engine))
        n +=
            sizeof(struct kad_engine_member) +
            (kad_engine_member(engine)->channel ? kad_channel_memory(kad_engine_member(engine)->channel) : 0);
    return n + (engine->own_book ? kad_book_memory(engine->own_book) : 0);
}

void kad_engine_info(const struct kad_engine *engine, struct kad_info *out_info)
{
    const struct kad_dht *dht = &engine->dht;
    struct kad_store_stats store = {0};

    dht->store->ops->stats(dht->store, &store);
    *out_info = (struct kad_info){
        .id = dht->self,
        .address = dht->reach.believed,
        .id_bits = dht->rules->id_bits,
        .ready = dht->join.ready,
        .standing = kad_join_standing(dht),
        .read_only = dht->settings->read_only,
        .n_requests = dht->n_host_operations,
        .n_queries = dht->queries.n_used,
        .n_peers_active = dht->member ? dht->member->active.n : 0,
        .n_publications = dht->publications.n,
        .patience_ms = kad_dht_patience(dht),
        .rtt_ms = dht->rtt_8 < 0 ? -1 : dht->rtt_8 / 8,
        .load_percent = engine->load,
        .deaths_per_1000_h = kad_churn_per_thousand_h(&dht->churn),
        .ping_after_ms = kad_upkeep_ping_after(dht),
        .refresh_after_ms = kad_upkeep_refresh_after(dht),
        .n_records = store.n_records,
        .record_bytes = store.record_bytes,
        .n_keys = store.n_keys,
        .n_peers = store.n_peers,
        .memory = memory_of(engine, &store),
    };
    for (int i = 0; i < KAD_FAMILIES; i++) {
        if (!dht->tables[i])
            continue;
        out_info->n_contacts[i] = kad_table_count(dht->tables[i]);
        out_info->n_buckets[i] = kad_table_n_buckets(dht->tables[i]);
        out_info->network_size[i] = kad_estimate_nodes(&dht->estimates[i]);
    }
}

bool kad_engine_key_of(const struct kad_engine *engine, const struct kad_contact *contact,
                       uint8_t out_public_key[32])
{
    const struct kad_dht *dht = &engine->dht;
    const kad_contact_ref ref = kad_book_find(dht->book, &contact->id, &contact->endpoint);

    if (!dht->rules->identity_size || ref == KAD_NO_CONTACT)
        return false;
    kad_dht_copy_key(dht, ref, out_public_key);
    return true;
}

size_t kad_engine_found(const struct kad_engine *engine, uint64_t request,
                        const struct kad_record **out_records)
{
    for (const struct kad_operation *operation = engine->dht.operations; operation;
         operation = operation->next) {
        if (operation->id != request || !operation->gathered)
            continue;
        *out_records = operation->gathered->records;
        return operation->gathered->n_records;
    }
    return 0;
}

bool kad_engine_name(const struct kad_engine *engine, const struct kad_id *key, struct kad_bytes *out_name)
{
    for (const struct kad_operation *operation = engine->dht.operations; operation;
         operation = operation->next) {
        if (!operation->request.record.salt.size || !kad_id_equal(&operation->request.target, key))
            continue;
        *out_name = operation->request.record.salt;
        return true;
    }
    return false;
}

bool kad_engine_published(const struct kad_engine *engine, const struct kad_id *key,
                          struct kad_published *out_published)
{
    const struct kad_publications *all = &engine->dht.publications;

    for (size_t i = 0; i < all->n; i++) {
        const struct kad_publication *publication = &all->list[i];

        if (!kad_id_equal(&publication->request.target, key))
            continue;
        *out_published = (struct kad_published){publication->last_at, publication->due_at,
                                                publication->n_stored, publication->request.keep_until};
        return true;
    }
    return false;
}

size_t kad_engine_table(const struct kad_engine *engine, enum kad_family family,
                        struct kad_table_row *out_rows, size_t room)
{
    const struct kad_table *table = engine->dht.tables[kad_family_index((uint8_t)family)];
    size_t n = 0;

    for (unsigned i = 0; table && i < kad_table_n_buckets(table); i++) {
        const struct kad_bucket *bucket = kad_table_bucket(table, i);

        for (unsigned j = 0; j < (unsigned)bucket->n_slots + bucket->n_cache; j++, n++) {
            const bool waits = j >= bucket->n_slots;
            const struct kad_slot *slot = waits ? &bucket->cache[j - bucket->n_slots] : &bucket->slots[j];

            if (n >= room)
                continue;
            out_rows[n] = (struct kad_table_row){
                .contact = *kad_book_contact(engine->dht.book, slot->contact),
                .bucket = i,
                .rtt_ms = slot->rtt_ms == UINT16_MAX ? -1 : slot->rtt_ms,
                .heard_at = kad_table_heard_at(table, slot),
                .failures = slot->failures,
                .replacement = waits,
                .id_fits = slot->flags & KAD_SLOT_PREFERRED,
            };
            kad_dht_copy_key(&engine->dht, slot->contact, out_rows[n].public_key);
        }
    }
    return n;
}

bool kad_engine_sound(const struct kad_engine *engine, kad_ms now, const char **out_why)
{
    const struct kad_engine_member *member = kad_engine_member(engine);

    if (member && member->channel && !kad_channel_sound(member->channel, out_why))
        return false;
    return kad_dht_sound(&engine->dht, now, out_why);
}
