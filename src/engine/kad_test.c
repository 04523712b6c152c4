/* Engines of kad's own network: they prove who they are, and nobody else gets anywhere. */
#include "kad/engine.h"

#include <stdlib.h>
#include <string.h>

#include "base/endpoint.h"
#include "base/test.h"
#include "core/id.h"
#include "engine/journal.h"
#include "engine/test_journal.h"
#include "engine/test_net.h"
#include "kad/identity.h"
#include "kad/secure.h"

static struct kad_secure_name named(const char *text)
{
    struct kad_secure_name name;

    EXPECT_EQ(kad_secure_parse(text, NULL, 0, &name), 0);
    return name;
}

static struct kad_request put(const struct test_node *node, const char *name_text, const char *value,
                              int64_t sequence, uint8_t *value_bytes)
{
    const struct kad_secure_name name = named(name_text);
    struct kad_request request = {.kind = KAD_REQUEST_PUT};
    uint8_t secret[32];
    const struct kad_secure_draft draft = {.name = &name,
                                           .value = {(const uint8_t *)value, strlen(value)},
                                           .seed = secret,
                                           .sequence = sequence,
                                           .made_at = node->net->now};

    test_net_secret(node, secret);
    EXPECT_EQ(kad_secure_make(&draft, value_bytes, &request.record), 0);
    request.target = request.record.key;
    return request;
}

static struct kad_request get(const char *name_text)
{
    const struct kad_secure_name name = named(name_text);
    struct kad_request request = {.kind = KAD_REQUEST_GET};

    kad_secure_key(&name, &request.target);
    return request;
}

static const uint8_t *key_of(const struct test_node *node)
{
    return kad_engine_identity(node->engine);
}

/* The identity of one that may be off. */
static const uint8_t *key_of_number(const struct test_net *net, size_t number)
{
    static struct kad_identity identity;
    uint8_t secret[32];

    test_net_secret(&net->nodes[number], secret);
    kad_identity_from_seed(&identity, secret);
    return identity.public_key;
}

/* Where this node's table has that one; family 0: nowhere. */
static struct kad_endpoint place_of(const struct test_node *node, const struct test_node *other)
{
    struct kad_table_row rows[256];
    const size_t n = kad_engine_table(node->engine, KAD_IPV4, rows, 256);

    for (size_t i = 0; i < n; i++) {
        if (!rows[i].replacement && memcmp(rows[i].public_key, key_of(other), 32) == 0)
            return rows[i].contact.endpoint;
    }
    return (struct kad_endpoint){0};
}

static uint64_t dropped(const struct test_node *node, enum kad_drop why)
{
    return kad_engine_counters(node->engine)->received[why];
}

/* Newcomers that know an address and no key come in by the open door, and all contacts they make have keys that their ids
 * follow from. */
TEST(joins_by_the_open_door)
{
    struct test_net *net = test_net_make(kad_network_kad_easy(), 30);

    for (size_t i = 0; i < net->n_nodes; i++) {
        struct kad_table_row rows[256];
        const size_t n = kad_engine_table(net->nodes[i].engine, KAD_IPV4, rows, 256);
        const struct kad_info *info = test_net_info(&net->nodes[i]);
        const struct kad_id id = kad_identity_id(key_of(&net->nodes[i]));

        EXPECT(info->ready && info->n_contacts[0] >= 20);
        EXPECT_MEM(&info->id, &id, sizeof(id));
        for (size_t j = 0; j < n; j++) {
            const struct kad_id made = kad_identity_id(rows[j].public_key);

            EXPECT_MEM(&rows[j].contact.id, &made, sizeof(made));
        }
    }
    test_net_free(net);
}

/* What one node puts is found by all others, opens for who knows its name, and says whose it is. */
TEST(a_room_is_found_by_all)
{
    struct test_net *net = test_net_make(kad_network_kad_easy(), 30);
    const struct kad_secure_name name = named("room:lobby");
    const struct kad_request look = get("room:lobby");
    uint8_t bytes[KAD_SECURE_VALUE_MAX], opened_bytes[KAD_SECURE_VALUE_MAX];
    const struct kad_request request = put(&net->nodes[3], "room:lobby", "hello", 1, bytes);

    EXPECT_EQ(test_net_request(&net->nodes[3], &request), 0);
    EXPECT(net->nodes[3].last_done.done.n_stored >= 20);
    for (size_t i = 0; i < net->n_nodes; i++) {
        struct kad_secure_opened opened;
        struct kad_record found = request.record;

        EXPECT_EQ(test_net_request(&net->nodes[i], &look), 0);
        found.value = (struct kad_bytes){net->nodes[i].value, net->nodes[i].n_value};
        EXPECT_EQ(kad_secure_open(&name, &found, NULL, opened_bytes, &opened), 0);
        EXPECT_EQ(opened.value.size, 5);
        EXPECT_MEM(opened.value.data, "hello", 5);
        EXPECT_MEM(opened.owner, key_of(&net->nodes[3]), 32);
    }
    test_net_free(net);
}

/* A bootstrap that was given with its key: it, or nobody. */
TEST(a_pinned_bootstrap_is_it_or_nobody)
{
    struct test_net *net = test_net_make(kad_network_kad_easy(), 20);
    struct test_node *right = test_net_add(net, false), *wrong = test_net_add(net, false);

    EXPECT_EQ(
        kad_engine_bootstrap_key(right->engine, &net->nodes[0].endpoint, key_of(&net->nodes[0]), net->now),
        0);
    EXPECT_EQ(
        kad_engine_bootstrap_key(wrong->engine, &net->nodes[0].endpoint, key_of(&net->nodes[1]), net->now),
        0);
    test_net_run(net, 30 * KAD_SECOND);
    EXPECT(test_net_info(right)->ready);
    EXPECT(!test_net_info(wrong)->ready);
    EXPECT_EQ(test_net_info(wrong)->n_contacts[0], 0);
    EXPECT(dropped(wrong, KAD_DROP_REFUSED) > 0);
    EXPECT(wrong->n_wrong_keys > 0);
    EXPECT_EQ(right->n_wrong_keys, 0);
    EXPECT_EQ(kad_engine_bootstrap_key(wrong->engine, &net->nodes[0].endpoint, key_of(wrong), net->now),
              KAD_E_INVALID); /* ourselves */
    test_net_free(net);
}

/* Four fifths die at once, and few sessions may be begun at a time: whoever could not be asked for want of a place is asked later
 * and not taken for dead, so that all who live are found. */
TEST(a_lookup_waits_where_too_many_sessions_are_being_begun)
{
    struct test_net *net = calloc(1, sizeof(*net));
    struct kad_request look = {.kind = KAD_REQUEST_CLOSEST};
    struct test_node *asker;
    uint64_t unsent;

    test_net_init_on(net, kad_network_kad_easy());
    net->settings.max_handshakes = 8;
    test_net_grow(net, 50);
    test_net_run(net, 5 * KAD_MINUTE);
    for (size_t i = 10; i < 50; i++)
        test_net_off(&net->nodes[i]);
    asker = test_net_add(net, false);
    for (size_t i = 0; i < 50; i++)
        EXPECT_EQ(kad_engine_contact_key(asker->engine, &net->nodes[i].endpoint, key_of_number(net, i), true,
                                         net->now),
                  0);
    unsent = kad_engine_counters(asker->engine)->unsent[KAD_UNSENT_SESSION];
    EXPECT_EQ(test_net_request(asker, &look), 0);
    EXPECT_EQ(asker->n_closest, 10);
    EXPECT_EQ(kad_engine_counters(asker->engine)->unsent[KAD_UNSENT_SESSION], unsent);
    test_net_free(net);
}

/* A refusal for another reason does not say that a bootstrap is somebody else: it is who it should be, and asks too much. */
TEST(a_bootstrap_that_asks_too_much_is_not_somebody_else)
{
    struct test_net *net = calloc(1, sizeof(*net));
    struct test_node *poor;

    test_net_init_on(net, kad_network_kad_easy());
    net->settings.cookie_per_s = net->settings.work_per_s = 0;
    test_net_grow(net, 1);
    net->settings.work_bits_max = 0;
    poor = test_net_add(net, false);
    EXPECT_EQ(
        kad_engine_bootstrap_key(poor->engine, &net->nodes[0].endpoint, key_of(&net->nodes[0]), net->now), 0);
    test_net_run(net, 30 * KAD_SECOND);
    EXPECT(!test_net_info(poor)->ready);
    EXPECT(dropped(poor, KAD_DROP_REFUSED) > 0);
    EXPECT_EQ(poor->n_wrong_keys, 0);
    test_net_free(net);
}

/* P047: behind a router that gave it another port a node is the same to all who know it, without losing anything. */
TEST(a_node_that_moves_stays_who_it_is)
{
    struct test_net *net = test_net_make(kad_network_kad_easy(), 20);
    struct test_node *mover = &net->nodes[7];
    const struct kad_endpoint before = mover->endpoint;
    uint8_t bytes[KAD_SECURE_VALUE_MAX];
    struct kad_request request;
    size_t n_known = 0;

    mover->endpoint.port = 1234;
    for (int i = 0; i < 3; i++) {
        request = put(mover, "room:here", "still me", i + 1, bytes);
        EXPECT_EQ(test_net_request(mover, &request), 0);
        test_net_run(net, 5 * KAD_SECOND);
    }
    for (size_t i = 0; i < net->n_nodes; i++) {
        const struct kad_endpoint place = place_of(&net->nodes[i], mover);

        if (&net->nodes[i] == mover || place.family == KAD_FAMILY_NONE)
            continue;
        EXPECT_EQ(place.port, 1234);
        n_known += kad_endpoint_equal(&place, &mover->endpoint);
        EXPECT(!kad_endpoint_equal(&place, &before));
    }
    EXPECT(n_known >= 15);
    test_net_free(net);
}

/* Who was off for a moment has lost all sessions, and the others do not know: they begin anew with what they say next. */
TEST(a_node_that_restarts_is_heard_again)
{
    struct test_net *net = test_net_make(kad_network_kad_easy(), 20);
    struct test_node *node = &net->nodes[5];
    struct kad_request request = {.kind = KAD_REQUEST_FIND};

    request.target = test_net_info(node)->id;
    test_net_off(node);
    test_net_on(node);
    EXPECT_EQ(kad_engine_bootstrap(node->engine, &net->nodes[0].endpoint, net->now), 0);
    test_net_run(net, 40 * KAD_SECOND);
    EXPECT(test_net_info(node)->ready);
    for (size_t i = 0; i < net->n_nodes; i++) {
        if (&net->nodes[i] != node)
            EXPECT_EQ(test_net_request(&net->nodes[i], &request), 0);
    }
    test_net_free(net);
}

/* -- attackers -------------------------------------------------------------------------------------------------- */

#define CAUGHT_MAX 256

/* Somebody on the way: keeps what node 0 was sent, and counts what `victim` gets. */
struct listener {
    struct kad_endpoint watched, victim;
    struct test_packet caught[CAUGHT_MAX];
    size_t n_caught;
    size_t bytes_to_victim, n_to_victim;
};

static bool overhear(struct test_net *net, const struct test_packet *packet)
{
    struct listener *listener = net->user;

    if (kad_endpoint_equal(&packet->to, &listener->victim)) {
        listener->bytes_to_victim += packet->size;
        listener->n_to_victim++;
    }
    if (kad_endpoint_equal(&packet->to, &listener->watched) && listener->n_caught < CAUGHT_MAX) {
        struct test_packet *copy = &listener->caught[listener->n_caught++];

        *copy = *packet;
        copy->bytes = malloc(packet->size);
        memcpy(copy->bytes, packet->bytes, packet->size);
    }
    return false;
}

static void release(struct listener *listener)
{
    for (size_t i = 0; i < listener->n_caught; i++)
        free(listener->caught[i].bytes);
    free(listener);
}

/* All that goes to node 0 while a newcomer joins by its door and asks for something. */
static struct listener *eavesdrop(struct test_net *net)
{
    struct listener *listener = calloc(1, sizeof(*listener));
    struct test_node *node;

    listener->watched = net->nodes[0].endpoint;
    listener->victim = kad_endpoint_v4((const uint8_t[4]){99, 1, 2, 3}, 9);
    net->user = listener;
    net->lose = overhear;
    node = test_net_add(net, false);
    EXPECT_EQ(kad_engine_bootstrap(node->engine, &net->nodes[0].endpoint, net->now), 0);
    test_net_run(net, 10 * KAD_SECOND);
    listener->watched = (struct kad_endpoint){0};
    EXPECT(listener->n_caught >= 4);
    return listener;
}

/* A first message is as large as the largest answer it asks for, and no larger: looking for nodes is not asking for a value. */
TEST(first_messages_are_as_large_as_what_they_ask_for)
{
    struct test_net *net = test_net_make(kad_network_kad_easy(), 12);
    struct listener *listener = eavesdrop(net);
    unsigned n_for_nodes = 0;

    for (size_t i = 0; i < listener->n_caught; i++) {
        EXPECT(listener->caught[i].size <= 896);
        n_for_nodes += listener->caught[i].size == 896;
    }
    EXPECT(n_for_nodes > 0);
    release(listener);
    test_net_free(net);
}

/* SCORECARD row 8: whatever is sent again, or changed, from an address that has shown nothing gets back no more bytes than it
 * sent; and nobody comes into a table, or loses his place in one, by it. */
TEST(nobody_is_told_more_than_he_said)
{
    struct test_net *net = test_net_make(kad_network_kad_easy(), 12);
    struct listener *listener = eavesdrop(net);
    const size_t n_contacts = test_net_info(&net->nodes[0])->n_contacts[0];
    struct test_node *target = &net->nodes[0];

    for (size_t i = 0; i < listener->n_caught; i++) {
        const struct test_packet *packet = &listener->caught[i];

        for (int change = -1; change < 3; change++) {
            uint8_t bytes[1500];
            const struct kad_endpoint from = {
                .address = {99, (uint8_t)i, (uint8_t)(change + 1), 1}, .port = 9, .family = KAD_IPV4};

            memcpy(bytes, packet->bytes, packet->size);
            if (change >= 0)
                bytes[packet->size * (size_t)change / 3] ^= 4;
            listener->victim = from;
            listener->bytes_to_victim = 0;
            test_net_inject(net, &from, &target->endpoint, bytes, packet->size);
            test_net_run(net, 2 * KAD_SECOND);
            EXPECT_MSG(listener->bytes_to_victim <= packet->size, "%zu bytes for %zu (packet %zu, change %d)",
                       listener->bytes_to_victim, packet->size, i, change);
        }
    }
    EXPECT(dropped(target, KAD_DROP_REPLAYED) + dropped(target, KAD_DROP_STALE) +
               dropped(target, KAD_DROP_FORGED) + dropped(target, KAD_DROP_NOISE) >
           listener->n_caught);
    EXPECT(test_net_info(target)->n_contacts[0] >= n_contacts);
    /* The channel keeps to that by itself: what it lets pass the limiter never has to hold back. */
    EXPECT_EQ(kad_engine_counters(target->engine)->unsent[KAD_UNSENT_BUDGET], 0);
    for (size_t i = 0; i < net->n_nodes; i++) {
        struct kad_table_row rows[64];
        const size_t n = kad_engine_table(net->nodes[i].engine, KAD_IPV4, rows, 64);

        for (size_t j = 0; j < n; j++)
            EXPECT(rows[j].contact.endpoint.address[0] != 99);
    }
    release(listener);
    test_net_free(net);
}

/* Who does not know a node's key, and does not know the door, hears nothing at all. */
TEST(strangers_hear_nothing)
{
    struct test_net *net = test_net_make(kad_network_kad_easy(), 5);
    struct listener *listener = calloc(1, sizeof(*listener));
    uint8_t bytes[1400];
    struct kad_rng rng;

    kad_rng_init(&rng, (const uint8_t[32]){8});
    listener->victim = kad_endpoint_v4((const uint8_t[4]){99, 1, 2, 3}, 9);
    net->user = listener;
    net->lose = overhear;
    for (size_t size = 0; size < sizeof(bytes); size += 13) {
        kad_rng_bytes(&rng, bytes, sizeof(bytes));
        test_net_inject(net, &listener->victim, &net->nodes[0].endpoint, bytes, size);
        test_net_run(net, KAD_SECOND);
    }
    EXPECT_EQ(listener->n_to_victim, 0);
    EXPECT(dropped(&net->nodes[0], KAD_DROP_NOISE) > 90);
    release(listener);
    test_net_free(net);
}

/* A recording holds sessions too: what was opened then is opened again, and every byte sent is the same. */
TEST(a_recorded_member_replays_to_the_same_state)
{
    struct test_net *net = test_net_make(kad_network_kad_easy(), 12);
    struct test_tape tape = {0};
    struct kad_replay_stats stats;
    struct kad_journal *journal;
    uint8_t bytes[KAD_SECURE_VALUE_MAX];
    struct kad_request request;
    char why[TEST_TAPE_WHY] = "";

    journal = test_tape_begin(&tape, net->nodes[3].engine, KAD_SECOND, net->now);
    for (int i = 0; i < 4; i++) {
        request = put(&net->nodes[3], "room:tape", "on it", i + 1, bytes);
        EXPECT_EQ(test_net_request(&net->nodes[3], &request), 0);
        net->nodes[5].endpoint.port++;
        request = put(&net->nodes[5], "room:other", "on it too", i + 1, bytes);
        EXPECT_EQ(test_net_request(&net->nodes[5], &request), 0);
        test_net_run(net, 5 * KAD_MINUTE);
    }
    kad_journal_end(journal, net->now);
    EXPECT_MSG(test_tape_replay(&tape, &stats, why) == KAD_REPLAY_END, "%s", why);
    EXPECT(stats.n_inputs[KAD_JOURNAL_DATAGRAM] > 40);
    test_tape_clear(&tape);
    test_net_free(net);
}

/* The same history comes to the same end: sessions take their randomness from the seed, too. */
TEST(one_seed_is_one_history)
{
    uint64_t sent[2];
    struct kad_table_row rows[2][64];
    size_t n[2];

    for (int i = 0; i < 2; i++) {
        struct test_net *net = test_net_make(kad_network_kad_easy(), 12);

        sent[i] = net->n_sent;
        memset(rows[i], 0, sizeof(rows[i]));
        n[i] = kad_engine_table(net->nodes[5].engine, KAD_IPV4, rows[i], 64);
        test_net_free(net);
    }
    EXPECT_EQ(sent[0], sent[1]);
    EXPECT_EQ(n[0], n[1]);
    EXPECT_MEM(rows[0], rows[1], n[0] * sizeof(rows[0][0]));
}
