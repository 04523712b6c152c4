/* P092, P094: whom a node measures that looks for near ones, and how often it looks. */
#include "core/near.h"

#include <stdlib.h>
#include <string.h>

#include "base/endpoint.h"
#include "base/test.h"
#include "engine/carrier.h"
#include "engine/engine_parts.h"
#include "engine/test_net.h"

#define NAMED 8

static struct test_net *net;
static struct kad_dht *dht;

static struct kad_endpoint address(unsigned a, unsigned b)
{
    return kad_endpoint_v4((const uint8_t[4]){(uint8_t)a, (uint8_t)b, 1, 1}, 6881);
}

static kad_contact_ref answered(unsigned bucket, const struct kad_endpoint *endpoint, int rtt_ms)
{
    const struct kad_contact contact = {kad_id_random_at(&dht->rng, &dht->self, bucket, 160), *endpoint};
    const kad_contact_ref ref =
        kad_book_intern(dht->book, &contact.id, &contact.endpoint, (struct kad_bytes){NULL, 0});
    const struct kad_table_update update = kad_table_heard(dht->tables[0], ref, true, rtt_ms, net->now);

    EXPECT(update.change == KAD_TABLE_ADDED || update.change == KAD_TABLE_REPLACED);
    kad_book_release(dht->book, update.removed);
    kad_book_release(dht->book, ref);
    return ref;
}

/* A node whose buckets are full of slow ones, but for one contact. */
static kad_contact_ref start(void)
{
    const struct kad_endpoint friend = address(70, 7);

    net = calloc(1, sizeof(*net));
    EXPECT(net);
    test_net_init(net);
    net->settings.table_wide = 0;
    net->settings.near_percent = 50;
    net->settings.near_pings = 1;
    dht = &test_net_add(net, false)->engine->dht;
    for (unsigned bucket = 7; bucket-- > 0;) {
        for (unsigned i = 0; i < 8; i++) {
            const struct kad_endpoint endpoint = address(30 + bucket, i);

            answered(bucket, &endpoint, 300);
        }
    }
    return answered(0, &friend, 20);
}

static void finish(void)
{
    test_net_clear(net);
    free(net);
}

/* The contact names eight; who of them is pinged. */
static struct kad_endpoint pinged(kad_contact_ref who, const struct kad_endpoint named[NAMED])
{
    static uint8_t memory[4 * KAD_DATAGRAM_MAX];
    struct kad_datagram datagrams[4];
    struct kad_batch batch = {.datagrams = datagrams, .memory = memory, .room = 4};
    struct kad_carrier carrier = kad_carrier_for(net->nodes[0].engine, &batch, net->now);
    struct kad_message answer;

    kad_message_init(&answer);
    for (size_t i = 0; i < NAMED; i++)
        answer.contacts[i] = (struct kad_contact){kad_id_random_at(&dht->rng, &dht->self, 0, 160), named[i]};
    answer.n_contacts = NAMED;
    kad_near_named(dht, who, &kad_book_contact(dht->book, who)->endpoint, &answer, net->now, &carrier.outbox);
    EXPECT_EQ(batch.n, 1);
    return datagrams[0].peer;
}

static void place_of(void *context, const struct kad_endpoint *endpoint, struct kad_place *out_place)
{
    (void)context;
    if (endpoint->address[0] == 21 ||
        endpoint->address[0] == 99) /* the first node's, and another network of its system */
        out_place->as_number = 64500;
}

/* A guess who may be near costs nothing, and is tried first; where there is none the first named is as good as any. */
TEST(p094_who_is_of_our_own_network_is_measured_first)
{
    const struct kad_places places = {.place_of = place_of};
    const kad_contact_ref who = start();
    struct kad_endpoint named[NAMED], got;

    for (unsigned i = 0; i < NAMED; i++)
        named[i] = address(90, 10 + i);
    got = pinged(who, named);
    EXPECT(kad_endpoint_equal(&got, &named[0]));

    named[5] = kad_endpoint_v4((const uint8_t[4]){21, 1, 200, 1}, 6881); /* our /16: 21.1 */
    EXPECT_EQ(dht->reach.believed.address[0], 21);
    got = pinged(who, named);
    EXPECT(kad_endpoint_equal(&got, &named[5]));

    named[5] = address(90, 15);
    named[6] = address(99, 3);
    got = pinged(who, named);
    EXPECT(kad_endpoint_equal(&got, &named[0])); /* of systems nothing is known */
    EXPECT_EQ(kad_engine_set_places(net->nodes[0].engine, &places, net->now), 0);
    got = pinged(who, named);
    EXPECT(kad_endpoint_equal(&got, &named[6]));
    finish();
}

/* Who answers as late as those that are there becomes no contact, though there was a question; who is fast does. */
TEST(who_was_measured_and_is_slow_stays_out)
{
    const struct kad_endpoint endpoint = address(90, 1);
    const struct kad_contact contact = {.endpoint = endpoint};
    struct kad_contact stranger;
    struct kad_outbox none = {.room = 0};
    kad_contact_ref ref;

    start();
    stranger = contact;
    stranger.id = kad_id_random_at(&dht->rng, &dht->self, 0, 160);
    ref = kad_book_intern(dht->book, &stranger.id, &stranger.endpoint, (struct kad_bytes){NULL, 0});
    kad_near_heard(dht, ref, 290, net->now, &none);
    EXPECT(!kad_table_find(dht->tables[0], ref));
    EXPECT_EQ(dht->near.n_won, 0);
    kad_near_heard(dht, ref, 40, net->now, &none);
    EXPECT(kad_table_find(dht->tables[0], ref));
    EXPECT_EQ(dht->near.n_won, 1);
    kad_book_release(dht->book, ref);
    finish();
}

/* Where all are as near, there is nothing to find: it is looked for ever more seldom, and not at all where that is set. */
TEST(looking_for_near_ones_gets_rare_where_there_are_none)
{
    net = test_net_make(kad_network_kad_easy(), 40);
    dht = &net->nodes[3].engine->dht;
    test_net_run(net, 40 * KAD_MINUTE);
    EXPECT_EQ(dht->near.wait_ms, net->settings.ping_after_ms);
    EXPECT(kad_near_wake_at(dht) > net->now &&
           kad_near_wake_at(dht) <= net->now + 2 * net->settings.ping_after_ms);
    net->settings.near_pings = 0;
    EXPECT_EQ(kad_near_wake_at(dht), KAD_NEVER);
    test_net_free(net);
}
