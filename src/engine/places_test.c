/* Where others are, as the host says (P091, P093, K45): who is shunned is no contact and gets no packet, others get nothing to hold;
 * and a recording needs no table to be run again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/endpoint.h"
#include "base/test.h"
#include "base/types.h"
#include "core/dht.h"
#include "engine/engine_parts.h"
#include "engine/test_journal.h"
#include "engine/test_net.h"
#include "kad/secure.h"

#define WHO 1

static struct test_net *net;
static bool shunned[TEST_NET_MAX], no_store[TEST_NET_MAX];
static unsigned n_to_shunned;

static size_t number_of(const struct kad_endpoint *endpoint)
{
    for (size_t i = 0; i < net->n_nodes; i++) {
        if (kad_endpoint_equal(&net->nodes[i].endpoint, endpoint))
            return i;
    }
    return TEST_NET_MAX - 1;
}

static void place_of(void *context, const struct kad_endpoint *endpoint, struct kad_place *out_place)
{
    const size_t number = number_of(endpoint);

    (void)context;
    out_place->as_number = 64500 + (uint32_t)number;
    memcpy(out_place->country, number % 2 ? "DE" : "FR", 2);
    out_place->shunned = shunned[number];
    out_place->no_store = no_store[number];
}

static const struct kad_places places = {.place_of = place_of};

static bool count(struct test_net *of, const struct test_packet *packet)
{
    (void)of;
    if (kad_endpoint_equal(&packet->from, &net->nodes[WHO].endpoint) && shunned[number_of(&packet->to)])
        n_to_shunned++;
    return false;
}

static void make(const struct kad_network *network, size_t n)
{
    net = calloc(1, sizeof(*net));
    EXPECT(net);
    memset(shunned, 0, sizeof(shunned));
    memset(no_store, 0, sizeof(no_store));
    test_net_init_on(net, network);
    test_net_grow(net, n);
    net->lose = count;
    n_to_shunned = 0;
}

static void unmake(void)
{
    test_net_clear(net);
    free(net);
}

static bool has(struct test_node *node, size_t number)
{
    struct kad_table_row rows[128];
    const size_t n = kad_engine_table(node->engine, KAD_IPV4, rows, 128);

    for (size_t i = 0; i < n; i++) {
        if (number_of(&rows[i].contact.endpoint) == number)
            return true;
    }
    return false;
}

static void look_around(unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        const struct kad_request request = {.kind = KAD_REQUEST_CLOSEST,
                                            .target.bytes = {(uint8_t)(31 * i), 7}};

        (void)test_net_request(&net->nodes[WHO], &request);
    }
}

/* P093: whoever is where the operator wants nothing of leaves the table, gets no query, and is taken in by nobody's word. */
TEST(who_is_shunned_gets_no_query)
{
    make(kad_network_mainline(), 10); /* few, so that there is a place for everybody */
    EXPECT(has(&net->nodes[WHO], 5) && has(&net->nodes[WHO], 6));
    shunned[5] = shunned[6] = true;
    EXPECT_EQ(kad_engine_set_places(net->nodes[WHO].engine, &places, net->now), 0);
    EXPECT(!has(&net->nodes[WHO], 5) && !has(&net->nodes[WHO], 6));
    look_around(12);
    test_net_run(net, 20 * KAD_MINUTE);
    EXPECT(!has(&net->nodes[WHO], 5) && !has(&net->nodes[WHO], 6) && has(&net->nodes[WHO], 7));
    EXPECT(has(&net->nodes[5], WHO)); /* they know us, ask us, and are answered */
    shunned[5] = false;
    EXPECT_EQ(kad_engine_set_places(net->nodes[WHO].engine, NULL, net->now), 0);
    look_around(4);
    test_net_run(net, KAD_MINUTE);
    EXPECT(has(&net->nodes[WHO], 5));
    unmake();
}

/* No packet at all, neither queries nor handshakes. */
TEST(neither_do_they_in_kads_own_network)
{
    make(kad_network_kad_easy(), 12);
    for (unsigned i = 4; i < 8; i++)
        shunned[i] = true;
    EXPECT_EQ(kad_engine_set_places(net->nodes[WHO].engine, &places, net->now), 0);
    test_net_run(net, 10 * KAD_SECOND);
    for (unsigned i = 4; i < 8; i++) {
        EXPECT(!has(&net->nodes[WHO], i));
        test_net_off(&net->nodes[i]); /* so that whatever is sent to them is of our own accord */
    }
    n_to_shunned = 0;
    look_around(12);
    test_net_run(net, 20 * KAD_MINUTE);
    EXPECT_EQ(n_to_shunned, 0);
    unmake();
}

/* P093 for storing alone: asked as ever, and nothing is stored there. */
TEST(nothing_is_stored_where_nothing_is_to_be)
{
    struct kad_request put = {.kind = KAD_REQUEST_PUT};
    const char text[] = "5:hello";

    make(kad_network_mainline(), 9);
    for (unsigned i = 3; i < 7; i++)
        no_store[i] = true;
    EXPECT_EQ(kad_engine_set_places(net->nodes[WHO].engine, &places, net->now), 0);
    put.record.type = KAD_RECORD_IMMUTABLE;
    put.record.value = (struct kad_bytes){(const uint8_t *)text, sizeof(text) - 1};
    kad_mainline_immutable_key(put.record.value, &put.record.key);
    put.target = put.record.key;
    EXPECT_EQ(test_net_request(&net->nodes[WHO], &put), 0);
    for (size_t i = 0; i < net->n_nodes; i++)
        EXPECT_MSG((test_net_info(&net->nodes[i])->n_records > 0) == !no_store[i], "node %zu", i);
    unmake();
}

static void record(bool from_the_start, bool changes)
{
    struct test_tape tape = {0};
    struct kad_journal *journal;
    struct kad_replay_stats stats;
    char why[TEST_TAPE_WHY] = "";

    make(kad_network_kad_easy(), 16);
    shunned[5] = true;
    if (from_the_start)
        EXPECT_EQ(kad_engine_set_places(net->nodes[WHO].engine, &places, net->now), 0);
    test_net_run(net, KAD_MINUTE);
    journal = test_tape_begin(&tape, net->nodes[WHO].engine, KAD_SECOND, net->now);
    look_around(3);
    if (changes) {
        shunned[5] = false;
        shunned[6] = shunned[7] = true;
        EXPECT_EQ(kad_engine_set_places(net->nodes[WHO].engine, &places, net->now), 0);
        look_around(3);
        EXPECT_EQ(kad_engine_set_places(net->nodes[WHO].engine, from_the_start ? NULL : &places, net->now),
                  0);
    }
    test_net_run(net, 2 * KAD_MINUTE);
    look_around(3);
    kad_journal_end(journal, net->now);
    EXPECT_MSG(test_tape_replay(&tape, &stats, why) == KAD_REPLAY_END, "%s", why);
    EXPECT_EQ(stats.n_inputs[KAD_JOURNAL_PLACES], changes ? 2 : 0);
    EXPECT(!changes || stats.n_inputs[KAD_JOURNAL_PLACE] >= net->n_nodes / 2);
    test_tape_clear(&tape);
    unmake();
}

/* The table's answers are in the recording, and so is where everybody was when it began. */
TEST(a_recording_needs_no_table)
{
    record(true, false);
    record(true, true);
    record(false, true);
}

/* It is others' as well. */
TEST(a_lent_book_has_no_places)
{
    struct kad_engine *engine;
    struct kad_settings settings;
    struct kad_book *book = kad_book_new(&kad_allocator_system, 100, 1);
    struct kad_engine_config config = {
        .network = kad_network_mainline(), .settings = &settings, .book = book, .ipv4 = true};

    kad_settings_default(config.network, &settings);
    EXPECT_EQ(kad_engine_new(&config, 0, &engine), 0);
    EXPECT_EQ(kad_engine_set_places(engine, &places, 0), KAD_E_INVALID);
    kad_engine_free(engine);
    kad_book_free(book);
}
