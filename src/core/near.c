#include "core/near.h"

#include "base/endpoint.h"

#define SOON (4 * KAD_SECOND) /* between questions while they bring somebody */

kad_ms kad_near_wake_at(const struct kad_dht *dht)
{
    return dht->settings->near_percent && dht->settings->near_pings && dht->join.ready ? dht->near.next_at
                                                                                       : KAD_NEVER;
}

/* Somebody fast is asked whom he knows in a bucket of ours. */
static void ask(struct kad_dht *dht, struct kad_table *table, kad_ms now, struct kad_outbox *out)
{
    const int bucket = kad_table_far_bucket(table, &dht->rng);
    const kad_contact_ref fast =
        bucket < 0 ? KAD_NO_CONTACT : kad_table_fast(table, (unsigned)bucket, &dht->rng);
    struct kad_query query = {.contact = fast, .purpose = KAD_FOR_NEAR, .method = KAD_FIND_NODE};
    struct kad_message message;

    if (fast == KAD_NO_CONTACT || out->crowded || !out->room || kad_query_pending(&dht->queries, fast) ||
        kad_dht_budget_wait(dht, false, now))
        return;
    query.to = kad_book_contact(dht->book, fast)->endpoint;
    kad_message_init(&message);
    message.method = KAD_FIND_NODE;
    message.want_ipv4 = query.to.family == KAD_IPV4;
    message.want_ipv6 = query.to.family == KAD_IPV6;
    message.target = kad_id_random_at(&dht->rng, &dht->self, (unsigned)bucket, dht->rules->id_bits);
    kad_dht_ask(dht, &query, &message, now, out);
}

void kad_near_tick(struct kad_dht *dht, kad_ms now, struct kad_outbox *out)
{
    struct kad_near *near = &dht->near;

    if (now < kad_near_wake_at(dht))
        return;
    near->wait_ms = near->n_won * 2 >= dht->settings->near_pings ? near->wait_ms * 3 / 4
                    : near->n_won                                ? near->wait_ms * 5 / 4
                                                                 : near->wait_ms * 2;
    near->wait_ms = kad_ms_max(SOON, kad_ms_min(near->wait_ms, dht->settings->ping_after_ms));
    near->next_at = now + kad_rng_jitter(&dht->rng, near->wait_ms, 20);
    near->n_won = 0;
    for (int i = 0; i < KAD_FAMILIES; i++) {
        if (dht->tables[i])
            ask(dht, dht->tables[i], now, out);
    }
}

void kad_near_heard(struct kad_dht *dht, kad_contact_ref who, int rtt_ms, kad_ms now, struct kad_outbox *out)
{
    const struct kad_contact *contact = kad_book_contact(dht->book, who);
    const struct kad_table *table = dht->tables[kad_family_index(contact->endpoint.family)];
    const bool known = table && kad_table_find(table, who);

    if (!table || (!known && !kad_table_hopes(table, contact, rtt_ms)))
        return;
    kad_dht_heard(dht, who, rtt_ms, now, out);
    dht->near.n_won = (uint8_t)(dht->near.n_won + (!known && kad_table_is_near(table, who)));
}

/* Is it in our own network, as far as addresses tell? */
static bool is_kin(const struct kad_dht *dht, const struct kad_endpoint *endpoint, uint32_t own_as)
{
    const struct kad_endpoint *self = &dht->reach.believed;

    return kad_endpoint_scope(endpoint) != KAD_SCOPE_PUBLIC ||
           (self->family == endpoint->family &&
            kad_endpoint_wide_group(self) == kad_endpoint_wide_group(endpoint)) ||
           (own_as && kad_book_place_at(dht->book, endpoint).as_number == own_as);
}

void kad_near_named(struct kad_dht *dht, kad_contact_ref who, const struct kad_endpoint *from,
                    const struct kad_message *answer, kad_ms now, struct kad_outbox *out)
{
    const struct kad_table *table = dht->tables[kad_family_index(from->family)];
    const struct kad_slot *slot = table ? kad_table_find(table, who) : NULL;
    const uint32_t own_as = kad_book_place_at(dht->book, &dht->reach.believed).as_number;
    unsigned left = dht->settings->near_pings;

    if (!slot)
        return;
    for (int kin = 1; kin >= 0; kin--) {
        for (size_t i = 0; i < answer->n_contacts && left; i++) {
            const struct kad_contact *contact = &answer->contacts[i];

            if (contact->endpoint.family != from->family || is_kin(dht, &contact->endpoint, own_as) != kin ||
                !kad_answer_first_of_group(dht, answer, i) || !kad_dht_acceptable(dht, contact, from) ||
                !kad_table_hopes(table, contact, slot->rtt_ms))
                continue;
            left -= kad_dht_measure(dht, contact,
                                    dht->rules->identity_size ? answer->identities[i] : (struct kad_bytes){0},
                                    now, out);
        }
    }
}
