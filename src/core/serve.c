/* serve - answers what others ask. */
#include "core/dht.h"

#include <string.h>

#include "base/endpoint.h"
#include "core/bloom.h"
#include "core/hold.h"
#include "core/serve_merge.h"

struct serving {
    struct kad_dht *dht;
    const struct kad_peer *from;
    const struct kad_message *query;
    kad_ms now;
    struct kad_received received;
    const struct kad_contact
        *named[KAD_MESSAGE_CONTACTS]; /* entries of the book: nothing leaves it before the answer does */
    struct kad_bytes identities[KAD_MESSAGE_CONTACTS]; /* beside them, where the network has any */
    uint8_t token[KAD_TOKEN_SIZE];
    uint8_t bloom_seeds[KAD_BLOOM_SIZE], bloom_peers[KAD_BLOOM_SIZE];
    struct kad_hold_rest rest;
    struct kad_message reply;
};

static void refuse(struct serving *s, enum kad_refusal refusal)
{
    s->reply.kind = KAD_ERROR;
    s->reply.refusal = refusal;
    s->dht->counters->refused[refusal]++;
}

static void name_closest_of(struct serving *s, int family)
{
    const struct kad_table *table = s->dht->tables[family];
    kad_contact_ref closest[65];
    const unsigned k = s->dht->settings->k;
    const bool outsider =
        kad_endpoint_scope(&s->from->endpoint) == KAD_SCOPE_PUBLIC; /* our own network is not its business */
    unsigned named = 0;
    size_t n;

    if (!table)
        return;
    n = kad_table_closest(table, &s->query->target, k + 1,
                          closest); /* one more: the asker is not told of itself */
    for (size_t i = 0; i < n && named < k && s->reply.n_contacts < KAD_MESSAGE_CONTACTS; i++) {
        const struct kad_contact *contact = kad_book_contact(s->dht->book, closest[i]);

        if (kad_endpoint_equal(&contact->endpoint, &s->from->endpoint) ||
            (s->dht->rules->one_list && kad_id_equal(&contact->id, &s->query->sender)) ||
            (outsider && kad_endpoint_scope(&contact->endpoint) != KAD_SCOPE_PUBLIC))
            continue;
        if (s->dht->rules->identity_size)
            s->identities[s->reply.n_contacts] = kad_book_identity(s->dht->book, closest[i]);
        s->named[s->reply.n_contacts++] = contact;
        named++;
    }
}

static void name_closest(struct serving *s)
{
    const bool same_family = !s->query->want_ipv4 && !s->query->want_ipv6;
    const bool came_by_v4 = s->from->endpoint.family == KAD_IPV4;
    unsigned n_first;

    s->reply.want_ipv4 = s->query->want_ipv4 || (same_family && came_by_v4);
    s->reply.want_ipv6 = s->query->want_ipv6 || (same_family && !came_by_v4);
    s->reply.named = s->named;
    s->reply.named_identities = s->dht->rules->identity_size ? s->identities : NULL;
    if (s->reply.want_ipv4)
        name_closest_of(s, 0);
    n_first = s->reply.n_contacts;
    if (s->reply.want_ipv6)
        name_closest_of(s, 1);
    if (s->dht->rules->one_list)
        s->reply.n_contacts = kad_serve_merge(&s->query->target, s->dht->settings->k, n_first,
                                              s->reply.n_contacts, s->named, s->identities);
}

static void give_token(struct serving *s)
{
    kad_token_make(&s->dht->tokens, &s->dht->rng, &s->from->endpoint, s->now, s->token);
    s->reply.token = (struct kad_bytes){s->token, sizeof(s->token)};
}

static bool token_holds(struct serving *s)
{
    if (s->dht->rules->no_tokens ||
        kad_token_check(&s->dht->tokens, &s->dht->rng, &s->from->endpoint, s->now, s->query->token)) {
        s->received.proved = true;
        return true;
    }
    refuse(s, KAD_REFUSAL_PROTOCOL);
    return false;
}

static void add_to_blooms(void *context, const struct kad_endpoint *peer, bool seed)
{
    struct serving *s = context;

    kad_bloom_add(seed ? s->bloom_seeds : s->bloom_peers, peer);
    s->reply.bloom_seeds = s->bloom_seeds; /* only when there is something to count */
    s->reply.bloom_peers = s->bloom_peers;
}

static void serve_get_peers(struct serving *s)
{
    const struct kad_store_ops *store = s->dht->store->ops;
    const bool ipv6 = s->from->endpoint.family == KAD_IPV6;
    struct kad_message *reply = &s->reply;
    /* An IPv6 peer takes three times the bytes; BEP 32 wants no answer to pass 1,024 of them. */
    const size_t most = ipv6 ? (s->dht->settings->reply_peers + 2) / 3 : s->dht->settings->reply_peers;

    give_token(s);
    name_closest(s);
    reply->n_peers =
        (uint16_t)store->peers(s->dht->store, &s->query->target, (enum kad_family)s->from->endpoint.family,
                               s->query->no_seeds, &s->dht->rng, s->now, reply->peers, most);
    if (s->query->scrape) {
        memset(s->bloom_seeds, 0, sizeof(s->bloom_seeds));
        memset(s->bloom_peers, 0, sizeof(s->bloom_peers));
        store->each_peer(s->dht->store, &s->query->target, s->now, add_to_blooms, s);
    }
}

static void tell_stored(struct kad_dht *dht, const struct kad_id *key)
{
    struct kad_event *event;

    if (!(dht->watch & KAD_WATCH_STORED))
        return;
    event = kad_events_push(&dht->events, KAD_EVENT_STORED);
    if (event)
        event->key = *key;
}

static void count_result(struct serving *s, int result, const struct kad_id *key, uint64_t *counter)
{
    if (result == 0) {
        (*counter)++;
        kad_dht_stored(s->dht, s->now);
        tell_stored(s->dht, key);
        return;
    }
    if (result == KAD_E_SYSTEM)
        s->dht->counters->store_errors++;
    kad_dht_warn(s->dht, result == KAD_E_SYSTEM ? KAD_WARN_STORE_FAILED : KAD_WARN_STORE_FULL, s->now);
}

static void store_result(struct serving *s, int result, uint64_t *counter)
{
    if (result != 0)
        refuse(s, KAD_REFUSAL_SERVER);
    count_result(s, result, &s->query->target, counter);
}

static void serve_announce(struct serving *s)
{
    struct kad_endpoint peer = s->from->endpoint;

    if (!s->query->implied_port)
        peer.port = s->query->port;
    if (peer.port == 0) {
        refuse(s, KAD_REFUSAL_PROTOCOL);
        return;
    }
    if (!token_holds(s))
        return;
    store_result(s,
                 s->dht->store->ops->add_peer(s->dht->store, &s->query->target, &peer, s->query->seed,
                                              s->now + s->dht->settings->peer_ttl_ms, s->now),
                 &s->dht->counters->announced);
}

static void serve_get(struct serving *s)
{
    struct kad_record *held = &s->reply.record;

    give_token(s);
    name_closest(s);
    if (s->dht->rules->class_of) {
        kad_hold_get(s->dht, s->query, s->now, &s->rest, &s->reply);
        return;
    }
    if (s->dht->store->ops->get(s->dht->store, &s->query->target, s->now, held) != 0)
        return;
    if (held->type == KAD_RECORD_MUTABLE && s->query->has_sequence && held->sequence <= s->query->sequence) {
        s->reply.has_sequence = true; /* the asker has this one, or a newer */
        s->reply.sequence = held->sequence;
        held->type = KAD_RECORD_NONE;
    }
}

static bool same_bytes(struct kad_bytes a, struct kad_bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* BEP 44: what a put must satisfy beside its signature. */
static enum kad_refusal check_order(const struct serving *s, const struct kad_record *record)
{
    struct kad_record held;

    if (record->type != KAD_RECORD_MUTABLE ||
        s->dht->store->ops->get(s->dht->store, &record->key, s->now, &held) != 0)
        return KAD_REFUSAL_NONE;
    if (s->query->has_cas && s->query->cas != held.sequence)
        return KAD_REFUSAL_CAS;
    if (record->sequence < held.sequence)
        return KAD_REFUSAL_SEQUENCE;
    if (record->sequence == held.sequence && !same_bytes(record->value, held.value))
        return KAD_REFUSAL_SEQUENCE;
    return KAD_REFUSAL_NONE;
}

static void serve_put_of_class(struct serving *s)
{
    struct kad_hold_kept kept;
    const enum kad_refusal refusal = kad_hold_put(s->dht, s->from, s->query, &s->query->record, s->now,
                                                  &s->reply, &kept, &s->received.strike);

    if (refusal == KAD_REFUSAL_NONE || refusal == KAD_REFUSAL_SERVER)
        store_result(s, refusal == KAD_REFUSAL_NONE ? KAD_OK : kept.error, &s->dht->counters->stored);
    else
        refuse(s, refusal);
}

/* Several: each stands or falls by itself. */
static void serve_puts_of_class(struct serving *s)
{
    for (unsigned i = 0; i <= s->query->n_records; i++) {
        const struct kad_record *record = i ? &s->query->records[i - 1] : &s->query->record;
        struct kad_hold_kept kept;
        bool strike = false;
        const enum kad_refusal refusal =
            kad_hold_put(s->dht, s->from, s->query, record, s->now, &s->reply, &kept, &strike);

        s->received.strike |= strike;
        s->reply.results[s->reply.n_results++] = (uint8_t)refusal;
        if (refusal == KAD_REFUSAL_NONE || refusal == KAD_REFUSAL_SERVER)
            count_result(s, refusal == KAD_REFUSAL_NONE ? KAD_OK : kept.error, &record->key,
                         &s->dht->counters->stored);
    }
    s->reply.has_sequence = false; /* of which? */
}

static void serve_take(struct serving *s)
{
    const enum kad_refusal refusal = s->dht->rules->class_of
                                         ? kad_hold_take(s->dht, s->from, s->query, s->now, &s->reply)
                                         : KAD_REFUSAL_METHOD;

    if (refusal != KAD_REFUSAL_NONE) {
        refuse(s, refusal);
        return;
    }
    give_token(s);
    name_closest(s);
}

static void serve_put(struct serving *s)
{
    struct kad_record record = s->query->record;
    enum kad_refusal refusal;

    if (!token_holds(s)) /* first: a signature costs 60 us, and only whoever has our token may have us pay */
        return;
    if (s->dht->rules->class_of && s->query->n_records) {
        serve_puts_of_class(s);
        return;
    }
    if (s->dht->rules->class_of) {
        serve_put_of_class(s);
        return;
    }
    refusal = s->query->record_checked ? KAD_REFUSAL_NONE : s->dht->rules->check_record(&record);
    if (refusal == KAD_REFUSAL_NONE)
        refusal = check_order(s, &record);
    if (refusal != KAD_REFUSAL_NONE) {
        s->received.strike = refusal == KAD_REFUSAL_SIGNATURE;
        refuse(s, refusal);
        return;
    }
    record.expires_at = s->now + s->dht->settings->record_ttl_ms;
    store_result(s, s->dht->store->ops->put(s->dht->store, &record, &s->from->endpoint, s->now),
                 &s->dht->counters->stored);
}

/* The sample stays the same for an interval (BEP 51), so it is drawn once; only while there are too few keys to choose from
 * is it drawn anew, because then it grows. NULL: no memory. */
static const struct kad_sample *sample_of_now(struct serving *s)
{
    struct kad_dht *dht = s->dht;
    const kad_ms interval = dht->settings->sample_interval_ms;

    if (!dht->sample) {
        dht->sample = kad_alloc_zero(dht->allocator, sizeof(*dht->sample));
        if (!dht->sample)
            return NULL;
    }
    if (s->now < dht->sample->period * interval || s->now - dht->sample->period * interval >= interval ||
        dht->sample->n < KAD_SAMPLE_SIZE) {
        dht->sample->period = s->now / interval;
        dht->sample->n = (uint32_t)dht->store->ops->sample(dht->store, &dht->rng, s->now, dht->sample->keys,
                                                           KAD_SAMPLE_SIZE, &dht->sample->total);
    }
    return dht->sample;
}

static void serve_sample(struct serving *s)
{
    const struct kad_sample *sample = sample_of_now(s);

    if (!sample) {
        refuse(s, KAD_REFUSAL_SERVER);
        return;
    }
    name_closest(s);
    s->reply.has_samples = true;
    s->reply.n_samples = (uint16_t)sample->n;
    s->reply.sample_total = sample->total;
    s->reply.sample_interval_s = (uint32_t)(s->dht->settings->sample_interval_ms / KAD_SECOND);
    s->reply.sampled = sample->keys;
}

/* Whoever asks us is alive, or says so: known contacts are refreshed, strangers may be asked back, and so is a contact that
 * shows up elsewhere, when it is proven to be the one. */
static void meet_asker(struct kad_dht *dht, const struct kad_peer *from, const struct kad_message *query,
                       kad_ms now, struct kad_outbox *out, bool *out_stranger)
{
    struct kad_table *table = dht->tables[kad_family_index(from->endpoint.family)];
    struct kad_slot *known;

    if (query->read_only || !query->has_sender)
        return;
    known = kad_table_slot_with_id(table, &query->sender);
    if (!known) {
        const struct kad_contact stranger = {.id = query->sender, .endpoint = from->endpoint};

        *out_stranger = true;
        if (!kad_id_equal(&stranger.id, &dht->self))
            kad_dht_verify(dht, &stranger, from->identity, now, out);
    } else if (kad_endpoint_equal(&kad_book_contact(dht->book, known->contact)->endpoint, &from->endpoint)) {
        if (!from->replayable)
            kad_dht_heard_again(dht, table, known, now);
    } else if (from->identity.size) {
        kad_dht_verify(dht, &(struct kad_contact){query->sender, from->endpoint}, from->identity, now, out);
    }
}

struct kad_received kad_serve(struct kad_dht *dht, const struct kad_peer *from,
                              const struct kad_message *query, kad_ms now, struct kad_outbox *out)
{
    struct serving s; /* large, and deliberately not cleared: replies carry counts */

    if (dht->settings->read_only) { /* it answers nobody; whoever has proved who he is may be worth knowing */
        struct kad_received received = {.drop = KAD_DROP_READ_ONLY};

        if (from->identity.size)
            meet_asker(dht, from, query, now, out, &received.stranger);
        return received;
    }
    s.dht = dht;
    s.from = from;
    s.query = query;
    s.now = now;
    s.received = (struct kad_received){.drop = KAD_DROP_NONE};
    kad_message_init(&s.reply);
    s.reply.kind = KAD_REPLY;
    s.reply.method = query->method;
    s.reply.transaction = query->transaction;
    s.reply.sender = dht->self;
    s.reply.has_sender = true;
    s.reply.your_address = from->endpoint;
    s.reply.version =
        (struct kad_bytes){(const uint8_t *)dht->settings->version, dht->settings->version[0] ? 4 : 0};
    dht->counters->queries_in[query->method]++;

    if (query->refusal != KAD_REFUSAL_NONE) {
        refuse(&s, query->refusal);
    } else {
        s.reply.role = (uint8_t)dht->settings->role;
        switch (query->method) {
        case KAD_PING:
            break;
        case KAD_FIND_NODE:
        case KAD_UNKNOWN:
            name_closest(&s);
            break;
        case KAD_GET_PEERS:
            serve_get_peers(&s);
            break;
        case KAD_ANNOUNCE:
            serve_announce(&s);
            break;
        case KAD_GET:
            serve_get(&s);
            break;
        case KAD_PUT:
            serve_put(&s);
            break;
        case KAD_SAMPLE:
            serve_sample(&s);
            break;
        case KAD_TAKE:
            serve_take(&s);
            break;
        case KAD_LEAVE: /* is not answered: core/notice.h */
        case KAD_N_METHODS:
            break;
        }
    }
    out->send(out, from, &s.reply);
    meet_asker(dht, from, query, now, out, &s.received.stranger);
    return s.received;
}
