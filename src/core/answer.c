/* answer - what answers to our queries do: to the table, to the vote on our address, and to whoever asked. */
#include "core/dht.h"

#include "base/endpoint.h"
#include "core/near.h"
#include "core/notice.h"
#include "core/operation.h"
#include "core/peers.h"

static void count_vote(struct kad_dht *dht, const struct kad_endpoint *voter,
                       const struct kad_endpoint *address, kad_ms now, struct kad_outbox *out)
{
    const uint8_t family = dht->tables[0] ? KAD_IPV4 : KAD_IPV6; /* the family our id is bound to */
    struct kad_event *event;

    if (address->family != family || kad_endpoint_scope(address) == KAD_SCOPE_INVALID)
        return;
    if (!dht->votes) {
        const struct kad_endpoint known = dht->reach.believed;

        dht->votes = kad_alloc(dht->allocator, KAD_REACH_VOTERS * sizeof(*dht->votes));
        if (!dht->votes)
            return;
        kad_reach_init(&dht->reach, dht->votes, dht->settings->address_quorum, dht->settings->limit_local);
        dht->reach.believed = known;
    }
    if (dht->rules->moves && kad_reach_differs(&dht->reach, voter, address))
        kad_notice_moved(dht, now, out);
    if (!kad_reach_vote(&dht->reach, voter, address, now))
        return;
    if (dht->watch & KAD_WATCH_STATE) {
        event = kad_events_push(&dht->events, KAD_EVENT_ADDRESS);
        if (event)
            event->contact = (struct kad_contact){.id = dht->self, .endpoint = dht->reach.believed};
    }
    if (dht->settings->follow_address && dht->rules->make_id &&
        !dht->rules->id_allowed(&dht->self, &dht->reach.believed)) {
        const struct kad_id id = dht->rules->make_id(&dht->reach.believed, &dht->rng);

        kad_dht_set_id(dht, &id, now);
    }
}

/* What the i-th named contact proves itself with. */
static struct kad_bytes identity_named(const struct kad_dht *dht, const struct kad_message *answer, size_t i)
{
    return dht->rules->identity_size ? answer->identities[i] : (struct kad_bytes){0};
}

/* Interns those of the named contacts that are worth anything. The caller releases them. */
static size_t take_contacts(struct kad_dht *dht, const struct kad_message *answer,
                            const struct kad_endpoint *from,
                            kad_contact_ref out_contacts[KAD_MESSAGE_CONTACTS])
{
    size_t n = 0;

    kad_book_prefetch(dht->book, answer->contacts, answer->n_contacts);
    for (size_t i = 0; i < answer->n_contacts; i++) {
        const struct kad_contact *contact = &answer->contacts[i];

        if (!kad_dht_acceptable(dht, contact, from))
            continue;
        out_contacts[n] = kad_dht_intern(dht, contact, identity_named(dht, answer, i));
        if (out_contacts[n] != KAD_NO_CONTACT)
            n++;
    }
    return n;
}

/* Is this the first of its address group that the answer names? Who answers for nothing makes us send one packet to a group
 * that may know nothing of it, not as many as fit (core/lookup.h: the same for lookups). */
bool kad_answer_first_of_group(const struct kad_dht *dht, const struct kad_message *answer, size_t at)
{
    const struct kad_endpoint *endpoint = &answer->contacts[at].endpoint;

    if (!dht->settings->narrow_per_lookup ||
        (!dht->settings->limit_local && kad_endpoint_scope(endpoint) != KAD_SCOPE_PUBLIC))
        return true;
    for (size_t i = 0; i < at; i++) {
        if (kad_endpoint_narrow_group(&answer->contacts[i].endpoint) == kad_endpoint_narrow_group(endpoint))
            return false;
    }
    return true;
}

static void report_failure(struct kad_dht *dht, const struct kad_query *query,
                           const struct kad_message *error, kad_ms now, struct kad_outbox *out)
{
    if (query->operation)
        kad_operation_failed(dht, query->operation, query, error, now, out);
}

struct kad_received kad_answer(struct kad_dht *dht, const struct kad_peer *from,
                               const struct kad_message *answer, kad_ms now, struct kad_outbox *out)
{
    const uint32_t slot = kad_query_find(&dht->queries, answer->transaction, &from->endpoint,
                                         from->identity.size ? &answer->sender : NULL);
    struct kad_received received = {.proved = true};
    struct kad_query query;
    kad_contact_ref who;

    if (slot == KAD_NO_QUERY)
        return (struct kad_received){.drop = KAD_DROP_UNSOLICITED};
    kad_query_take(&dht->queries, slot, &query);
    dht->n_silent = 0;
    kad_dht_measured(dht, now - query.sent_at);

    if (answer->kind == KAD_ERROR) { /* alive, but it will not do what we ask */
        dht->counters->errors_in++;
        if (query.contact != KAD_NO_CONTACT &&
            kad_table_find(dht->tables[kad_family_index(from->endpoint.family)], query.contact))
            kad_dht_heard(dht, query.contact, (int)(now - query.sent_at), now, out);
        kad_peers_refused(dht, query.contact, now);
        report_failure(dht, &query, answer, now, out);
        kad_book_release(dht->book, query.contact);
        return received;
    }
    dht->counters->answers_in++;
    if (!answer->has_sender || kad_id_equal(&answer->sender, &dht->self)) {
        report_failure(dht, &query, NULL, now, out);
        kad_book_release(dht->book, query.contact);
        received.strike = !answer->has_sender;
        return received;
    }

    who = query.contact;
    if (who != KAD_NO_CONTACT && !kad_id_equal(&kad_book_contact(dht->book, who)->id, &answer->sender)) {
        /* Somebody else lives there now: the contact we knew is gone, its query failed; the new one is met below. */
        kad_dht_drop_contact(dht, who, now);
        report_failure(dht, &query, NULL, now, out);
        query.operation = NULL;
        kad_book_release(dht->book, who);
        who = KAD_NO_CONTACT;
    }
    if (who == KAD_NO_CONTACT)
        who = kad_dht_intern(dht, &(struct kad_contact){answer->sender, from->endpoint}, from->identity);
    if (who == KAD_NO_CONTACT) { /* the book is full */
        report_failure(dht, &query, NULL, now, out);
        return received;
    }
    if (kad_endpoint_equal(&query.to, &from->endpoint)) {
        if (query.purpose == KAD_FOR_NEAR)
            kad_near_heard(dht, who, (int)(now - query.sent_at), now, out);
        else
            kad_dht_heard(dht, who, (int)(now - query.sent_at), now, out);
        count_vote(dht, &from->endpoint, &answer->your_address, now, out);
    } else { /* it has moved, or says so: what we sent went to its old address and proves nothing about this one */
        received.proved = false;
        kad_dht_verify(dht, &(struct kad_contact){answer->sender, from->endpoint}, from->identity, now, out);
    }
    query.contact = who;
    if (received.proved && query.purpose == KAD_FOR_BOOTSTRAP)
        kad_peers_reserve(dht, who);
    if (query.operation) {
        kad_contact_ref contacts[KAD_MESSAGE_CONTACTS];
        const size_t n = take_contacts(dht, answer, &from->endpoint, contacts);

        received.strike =
            !kad_operation_answered(dht, query.operation, &query, answer, contacts, n, now, out);
        for (size_t i = 0; i < n; i++)
            kad_book_release(dht->book, contacts[i]);
    } else if (query.purpose == KAD_FOR_NEAR) {
        kad_near_named(dht, who, &from->endpoint, answer, now, out);
    } else {
        for (size_t i = 0; i < answer->n_contacts; i++) {
            if (kad_answer_first_of_group(dht, answer, i) &&
                kad_dht_acceptable(dht, &answer->contacts[i], &from->endpoint))
                kad_dht_verify(dht, &answer->contacts[i], identity_named(dht, answer, i), now, out);
        }
    }
    if (received.proved && !received.strike) {
        kad_peers_answered(dht, who, now - query.sent_at, answer->record.value.size, now);
        if (query.method == KAD_PING || query.method == KAD_FIND_NODE)
            kad_peers_say(dht, who, (enum kad_role)answer->role);
    }
    kad_book_release(dht->book, who);
    return received;
}

static bool known(const struct kad_dht *dht, const struct kad_query *query)
{
    return query->contact != KAD_NO_CONTACT &&
           kad_table_find(dht->tables[kad_family_index(query->to.family)], query->contact);
}

void kad_answer_missing(struct kad_dht *dht, uint32_t query_slot, kad_ms now, struct kad_outbox *out)
{
    struct kad_query query;

    kad_query_take(&dht->queries, query_slot, &query);
    dht->counters->timeouts++;
    if (!query.again && known(dht, &query) &&
        dht->n_silent < UINT16_MAX) /* strangers may well not exist, and prove nothing */
        dht->n_silent++;
    if (!query.again && query.contact != KAD_NO_CONTACT && dht->n_silent <= KAD_SILENCE_BLAMED) {
        kad_peers_silent(dht, query.contact, now);
        kad_dht_silent(dht, query.contact, now, out);
    }
    report_failure(dht, &query, NULL, now, out);
    kad_book_release(dht->book, query.contact);
}

void kad_answer_none_from(struct kad_dht *dht, const struct kad_id *id, kad_ms now, struct kad_outbox *out)
{
    uint32_t slot = kad_query_oldest(&dht->queries);

    while (slot != KAD_NO_QUERY) {
        const struct kad_query *waits = &dht->queries.queries[slot];
        struct kad_query query;

        if (waits->contact == KAD_NO_CONTACT ||
            !kad_id_equal(&kad_book_contact(dht->book, waits->contact)->id, id)) {
            slot = waits->newer;
            continue;
        }
        kad_query_take(&dht->queries, slot, &query);
        dht->counters->timeouts++;
        report_failure(dht, &query, NULL, now, out);
        kad_book_release(dht->book, query.contact);
        slot = kad_query_oldest(&dht->queries); /* whoever was told may have asked others */
    }
}
