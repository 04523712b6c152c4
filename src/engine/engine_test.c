#include "kad/engine.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/endpoint.h"
#include "base/test.h"
#include "core/id.h"
#include "engine/test_net.h"

static struct kad_record immutable(const char *bencoded)
{
    struct kad_record record = {
        .type = KAD_RECORD_IMMUTABLE,
        .value = {(const uint8_t *)bencoded, strlen(bencoded)},
    };

    kad_mainline_immutable_key(record.value, &record.key);
    return record;
}

static struct kad_record mutable_record(const char *bencoded, int64_t sequence, const char *salt, uint8_t who)
{
    struct kad_record record = {
        .type = KAD_RECORD_MUTABLE,
        .value = {(const uint8_t *)bencoded, strlen(bencoded)},
        .salt = {(const uint8_t *)salt, strlen(salt)},
        .sequence = sequence,
    };
    uint8_t seed[32];

    memset(seed, who, sizeof(seed));
    EXPECT_EQ(kad_mainline_sign(&record, seed), 0);
    return record;
}

static struct kad_request put(const struct kad_record *record)
{
    return (struct kad_request){.kind = KAD_REQUEST_PUT, .target = record->key, .record = *record};
}

static struct kad_request get(const struct kad_record *record)
{
    return (struct kad_request){.kind = KAD_REQUEST_GET, .target = record->key, .record.salt = record->salt};
}

/* P039, K16: a node is ready once, and only with somebody to talk to. */
TEST(joins_through_one_bootstrap)
{
    struct test_net *net = calloc(1, sizeof(*net));

    test_net_init(net);
    test_net_grow(net, 20);
    for (size_t i = 0; i < net->n_nodes; i++) {
        const struct kad_info *info = test_net_info(&net->nodes[i]);

        EXPECT(info->ready);
        EXPECT_EQ(net->nodes[i].n_ready, 1);
        EXPECT(info->n_contacts[0] >= 8);
    }
    test_net_clear(net);
    free(net);
}

/* K01, K13, K15: any value put at one node is found from every other. */
TEST(immutable_value_is_found_from_everywhere)
{
    struct test_net *net = calloc(1, sizeof(*net));
    const struct kad_record record = immutable("12:Hello World!");
    const struct kad_request store = put(&record), fetch = get(&record);

    test_net_init(net);
    test_net_grow(net, 30);
    EXPECT_EQ(test_net_request(&net->nodes[3], &store), 0);
    EXPECT(net->nodes[3].last_done.done.n_stored >= 8); /* and itself, when it is among the closest */
    for (size_t i = 0; i < net->n_nodes; i++) {
        EXPECT_EQ(test_net_request(&net->nodes[i], &fetch), 0);
        EXPECT_EQ(net->nodes[i].n_value, record.value.size);
        EXPECT_MEM(net->nodes[i].value, record.value.data, record.value.size);
    }
    test_net_clear(net);
    free(net);
}

/* BEP 44: the highest sequence number wins; an older one is refused, and so is a wrong cas. */
TEST(mutable_values_go_by_sequence_number)
{
    struct test_net *net = calloc(1, sizeof(*net));
    const struct kad_record one = mutable_record("3:one", 1, "salt", 7),
                            two = mutable_record("3:two", 2, "salt", 7);
    struct kad_request request;

    test_net_init(net);
    test_net_grow(net, 20);
    request = put(&one);
    EXPECT_EQ(test_net_request(&net->nodes[1], &request), 0);
    request = put(&two);
    request.has_cas = true;
    request.cas = 0;
    EXPECT_EQ(test_net_request(&net->nodes[2], &request), KAD_E_REFUSED);
    EXPECT_EQ(net->nodes[2].last_done.done.refusal, KAD_REFUSAL_CAS);
    request.cas = 1;
    EXPECT_EQ(test_net_request(&net->nodes[2], &request), 0);
    request = get(&one);
    EXPECT_EQ(test_net_request(&net->nodes[9], &request), 0);
    EXPECT_EQ(net->nodes[9].sequence, 2);
    EXPECT_MEM(net->nodes[9].value, "3:two", 5);
    request = put(&one);
    EXPECT_EQ(test_net_request(&net->nodes[4], &request), KAD_E_REFUSED);
    EXPECT_EQ(net->nodes[4].last_done.done.refusal, KAD_REFUSAL_SEQUENCE);
    test_net_clear(net);
    free(net);
}

/* BEP 5: who announced is found; BEP 33: and counted. */
TEST(announced_peer_is_found_and_counted)
{
    struct test_net *net = calloc(1, sizeof(*net));
    struct kad_request request = {.kind = KAD_REQUEST_ANNOUNCE, .port = 51413};

    test_net_init(net);
    test_net_grow(net, 25);
    memset(request.target.bytes, 0x5a, 20);
    EXPECT_EQ(test_net_request(&net->nodes[5], &request), 0);
    EXPECT(net->nodes[5].last_done.done.n_stored >= 8);
    request.seed = true;
    request.port = 0;
    EXPECT_EQ(test_net_request(&net->nodes[6], &request), 0);
    request = (struct kad_request){.kind = KAD_REQUEST_PEERS, .target = request.target};
    EXPECT_EQ(test_net_request(&net->nodes[17], &request), 0);
    EXPECT_EQ(net->nodes[17].n_peers, 2);
    request.scrape = true;
    EXPECT_EQ(test_net_request(&net->nodes[18], &request), 0);
    EXPECT(net->nodes[18].last_done.done.seeds > 0.5 && net->nodes[18].last_done.done.seeds < 1.5);
    EXPECT(net->nodes[18].last_done.done.peers > 0.5 && net->nodes[18].last_done.done.peers < 1.5);
    test_net_clear(net);
    free(net);
}

/* K25: a lookup ends at the true closest, nearest first, without ourselves. */
TEST(closest_are_the_true_closest)
{
    struct test_net *net = calloc(1, sizeof(*net));
    struct kad_request request = {.kind = KAD_REQUEST_CLOSEST, .trace = true};
    struct test_node *asker;

    test_net_init(net);
    test_net_grow(net, 60);
    asker = &net->nodes[11];
    for (uint8_t round = 0; round < 20; round++) {
        memset(request.target.bytes, round * 13 + 1, 20);
        EXPECT_EQ(test_net_request(asker, &request), 0);
        EXPECT_EQ(asker->n_closest, 8);
        EXPECT_EQ(asker->last_done.done.reason, KAD_REASON_CONVERGED);
        for (size_t i = 0; i < asker->n_closest; i++) {
            size_t closer = 0;

            for (size_t j = 0; j < net->n_nodes; j++) {
                const struct kad_id id = test_net_info(&net->nodes[j])->id;

                closer += &net->nodes[j] != asker &&
                          kad_id_compare(&request.target, &id, &asker->closest[i].contact.id) < 0;
            }
            EXPECT_EQ(closer, i);
        }
    }
    EXPECT(asker->n_hops > 20 * 8); /* asked and answered, each */
    test_net_clear(net);
    free(net);
}

/* K12: ping tells the living from the dead, in time. */
TEST(ping_tells_the_living_from_the_dead)
{
    struct test_net *net = calloc(1, sizeof(*net));
    struct kad_request request = {.kind = KAD_REQUEST_PING};

    test_net_init(net);
    test_net_grow(net, 3);
    request.endpoint = net->nodes[1].endpoint;
    EXPECT_EQ(test_net_request(&net->nodes[2], &request), 0);
    EXPECT_EQ(net->nodes[2].last_done.done.duration_ms, 2 * net->delay_ms);
    test_net_off(&net->nodes[1]);
    EXPECT_EQ(test_net_request(&net->nodes[2], &request), KAD_E_TIMEOUT);
    EXPECT_EQ(net->nodes[2].last_done.done.duration_ms, net->settings.query_timeout_ms);
    test_net_clear(net);
    free(net);
}

/* BEP 43: who only reads is in no one's table, and is served all the same. */
TEST(read_only_nodes_stay_out_of_tables)
{
    struct test_net *net = calloc(1, sizeof(*net));
    struct kad_settings reader;
    const struct kad_record record = immutable("i42e");
    struct kad_request request = put(&record);
    struct kad_table_row rows[256];

    test_net_init(net);
    test_net_grow(net, 12);
    reader = net->settings;
    net->settings.read_only = true;
    {
        struct test_node *node = test_net_add(net, false);
        struct kad_engine_config config = {
            .network = kad_network_mainline(),
            .settings = &net->settings,
            .ipv4 = true,
            .seed = {99},
            .watch = KAD_WATCH_ALL,
        };
        struct kad_settings *own = malloc(sizeof(*own));

        *own = net->settings;
        net->settings = reader;
        config.settings = own;
        kad_engine_free(node->engine);
        EXPECT_EQ(kad_engine_new(&config, net->now, &node->engine), 0);
        EXPECT_EQ(kad_engine_bootstrap(node->engine, &net->nodes[0].endpoint, net->now), 0);
        test_net_run(net, 30 * KAD_SECOND);
        EXPECT_EQ(test_net_request(node, &request), 0);
        request = get(&record);
        EXPECT_EQ(test_net_request(node, &request), 0);
        for (size_t i = 0; i < 12; i++) {
            const size_t n = kad_engine_table(net->nodes[i].engine, KAD_IPV4, rows, 256);

            for (size_t j = 0; j < n; j++)
                EXPECT(!kad_endpoint_equal(&rows[j].contact.endpoint, &node->endpoint));
        }
        test_net_off(node);
        free(own);
    }
    test_net_clear(net);
    free(net);
}

/* K02, T06: everybody we knew is asked at once; bootstraps are not needed for coming back. */
TEST(comes_back_through_saved_contacts)
{
    struct test_net *net = calloc(1, sizeof(*net));
    struct kad_table_row rows[256];
    struct kad_engine_config config = {
        .network = kad_network_mainline(), .ipv4 = true, .seed = {7}, .watch = KAD_WATCH_ALL};
    struct test_node *node;
    size_t n;
    kad_ms began;

    test_net_init(net);
    config.settings = &net->settings;
    test_net_grow(net, 30);
    node = &net->nodes[20];
    n = kad_engine_table(node->engine, KAD_IPV4, rows, 256);
    EXPECT(n >= 8);
    test_net_off(node);
    test_net_off(&net->nodes[0]); /* the bootstrap */
    test_net_run(net, KAD_MINUTE);
    EXPECT_EQ(kad_engine_new(&config, net->now, &node->engine), 0);
    node->n_ready = 0;
    began = net->now;
    for (size_t i = 0; i < n; i++)
        EXPECT_EQ(kad_engine_contact(node->engine, &rows[i].contact, false, net->now), 0);
    while (!node->n_ready && net->now < began + KAD_MINUTE)
        test_net_run(net, 10);
    EXPECT(net->now - began < KAD_SECOND);
    EXPECT(test_net_info(node)->n_contacts[0] >= n / 2);
    test_net_clear(net);
    free(net);
}

/* BEP 42: when the world agrees on our address, we take an id that fits it, and keep our contacts. */
TEST(takes_an_id_that_fits_its_address)
{
    struct test_net *net = calloc(1, sizeof(*net));
    struct kad_engine_config config = {
        .network = kad_network_mainline(), .ipv4 = true, .seed = {55}, .watch = KAD_WATCH_ALL};
    struct test_node *node;
    struct kad_id before;

    test_net_init(net);
    config.settings = &net->settings;
    test_net_grow(net, 20);
    node = test_net_add(net, false);
    kad_engine_free(node->engine);
    EXPECT_EQ(kad_engine_new(&config, net->now, &node->engine), 0); /* it does not know its address */
    before = test_net_info(node)->id;
    EXPECT_EQ(kad_engine_bootstrap(node->engine, &net->nodes[0].endpoint, net->now), 0);
    test_net_run(net, KAD_MINUTE);
    EXPECT(kad_endpoint_same_host(&test_net_info(node)->address, &node->endpoint));
    EXPECT(!kad_id_equal(&before, &test_net_info(node)->id));
    EXPECT(test_net_info(node)->n_contacts[0] >= 8);
    test_net_clear(net);
    free(net);
}

/* K30: what is kept published is there for as long as its publisher is. */
TEST(kept_values_are_published_again)
{
    struct test_net *net = calloc(1, sizeof(*net));
    const struct kad_record record = immutable("4:kept");
    struct kad_request request = put(&record);

    test_net_init(net);
    test_net_grow(net, 20);
    request.keep = true;
    EXPECT_EQ(test_net_request(&net->nodes[2], &request), 0);
    EXPECT_EQ(test_net_info(&net->nodes[2])->n_publications, 1);
    request = get(&record);
    for (int hour = 0; hour < 8; hour++) {
        test_net_run(net, KAD_HOUR);
        EXPECT_EQ(test_net_request(&net->nodes[9], &request), 0);
    }
    EXPECT(kad_engine_withdraw(net->nodes[2].engine, &record.key));
    test_net_run(net, net->settings.record_ttl_ms + KAD_MINUTE);
    EXPECT_EQ(test_net_request(&net->nodes[9], &request), KAD_E_NOT_FOUND); /* K31 */
    test_net_clear(net);
    free(net);
}

static bool lose_a_third(struct test_net *net, const struct test_packet *packet)
{
    (void)packet;
    return net->n_sent % 3 == 0;
}

/* P007: every third datagram lost, and values are found all the same; every request still ends once. */
TEST(works_while_a_third_is_lost)
{
    struct test_net *net = calloc(1, sizeof(*net));
    const struct kad_record record = immutable("5:lossy");
    struct kad_request request = put(&record);
    size_t found = 0;

    test_net_init(net);
    test_net_grow(net, 30);
    net->lose = lose_a_third;
    EXPECT_EQ(test_net_request(&net->nodes[3], &request), 0);
    request = get(&record);
    for (size_t i = 0; i < net->n_nodes; i++)
        found += test_net_request(&net->nodes[i], &request) == 0;
    EXPECT(found >= 29);
    test_net_clear(net);
    free(net);
}

/* C3 of the field's complaints: stopping with requests under way ends each of them once. */
TEST(cancelling_all_ends_each_request_once)
{
    struct test_net *net = calloc(1, sizeof(*net));
    struct kad_request request = {.kind = KAD_REQUEST_CLOSEST};
    struct test_node *node;
    uint64_t id;

    test_net_init(net);
    test_net_grow(net, 20);
    node = &net->nodes[4];
    for (uint8_t i = 0; i < 50; i++) {
        request.target.bytes[0] = i;
        EXPECT_EQ(kad_engine_request(node->engine, &request, net->now, &id), 0);
    }
    test_net_run(net, 15);
    kad_engine_cancel_all(node->engine, net->now);
    test_net_run(net, KAD_MINUTE);
    EXPECT_EQ(node->n_done, 50);
    EXPECT_EQ(test_net_info(node)->n_requests, 0);
    test_net_clear(net);
    free(net);
}

/* BEP 32: the same over IPv6. */
TEST(ipv6_network_works)
{
    struct test_net *net = calloc(1, sizeof(*net));
    const struct kad_record record = immutable("2:v6");
    struct kad_request request = put(&record);

    test_net_init(net);
    test_net_add(net, true);
    test_net_grow(net, 20);
    EXPECT(test_net_info(&net->nodes[7])->n_contacts[1] >= 8);
    EXPECT_EQ(test_net_request(&net->nodes[3], &request), 0);
    request = get(&record);
    EXPECT_EQ(test_net_request(&net->nodes[15], &request), 0);
    test_net_clear(net);
    free(net);
}

static bool lose_all(struct test_net *net, const struct test_packet *packet)
{
    (void)net;
    (void)packet;
    return true;
}

/* qBittorrent#11274 and others: a link that is down for hours must cost no contacts, and be noticed when it is back. */
TEST(long_outage_costs_no_contacts)
{
    struct test_net *net = calloc(1, sizeof(*net));
    struct kad_request request = {.kind = KAD_REQUEST_CLOSEST, .target.bytes = {1, 2, 3}};
    size_t before;

    test_net_init(net);
    test_net_grow(net, 30);
    before = test_net_info(&net->nodes[5])->n_contacts[0];
    net->lose = lose_all;
    test_net_run(net, 6 * KAD_HOUR);
    EXPECT_EQ(test_net_request(&net->nodes[5], &request), KAD_E_TIMEOUT);
    net->lose = NULL;
    test_net_run(net, 2 * KAD_MINUTE);
    EXPECT(test_net_info(&net->nodes[5])->n_contacts[0] >= before * 8 / 10);
    EXPECT_EQ(test_net_request(&net->nodes[5], &request), 0);
    test_net_clear(net);
    free(net);
}

/* All memory comes from the allocator given: an engine lives in a fixed arena, gives all of it back, and one that is too small
 * is refused at creation, or does less; it never breaks. */
TEST(engine_lives_in_a_fixed_arena)
{
    static uint8_t memory[1 << 20];

    for (size_t size = 1 << 20; size > 1024; size = size * 3 / 4) {
        struct test_net *net = calloc(1, sizeof(*net));
        struct kad_arena arena;
        struct kad_allocator allocator;
        struct kad_engine_config config = {.network = kad_network_mainline(),
                                           .allocator = &allocator,
                                           .ipv4 = true,
                                           .seed = {9},
                                           .watch = KAD_WATCH_ALL};
        struct kad_request request = {.kind = KAD_REQUEST_CLOSEST, .target.bytes = {7}, .trace = true};
        struct test_node *node;

        kad_arena_init(&arena, memory, size);
        allocator = kad_arena_allocator(&arena);
        test_net_init(net);
        test_net_grow(net, 20);
        config.settings = &net->settings;
        node = test_net_add(net, false);
        test_net_off(node);
        if (kad_engine_new(&config, net->now, &node->engine) == 0) {
            uint64_t id;

            (void)!kad_engine_bootstrap(node->engine, &net->nodes[0].endpoint, net->now);
            test_net_run(net, KAD_MINUTE);
            for (int i = 0; i < 10; i++)
                (void)!kad_engine_request(node->engine, &request, net->now, &id);
            test_net_run(net, KAD_MINUTE);
            EXPECT(size < 1 << 20 || node->n_done == 10);
            test_net_off(node);
        } else {
            node->engine = NULL;
            EXPECT(size < 1 << 20);
        }
        EXPECT_EQ(arena.in_use, 0);
        test_net_clear(net);
        free(net);
    }
}

/* A lone node keeps what it is given, and finds it again. */
TEST(lone_node_stores_for_itself)
{
    struct test_net *net = calloc(1, sizeof(*net));
    const struct kad_record record = immutable("5:alone");
    struct kad_request request = put(&record);
    struct test_node *node;

    test_net_init(net);
    node = test_net_add(net, false);
    EXPECT_EQ(test_net_request(node, &request), 0);
    EXPECT_EQ(node->last_done.done.n_stored, 1);
    request = get(&record);
    EXPECT_EQ(test_net_request(node, &request), 0);
    test_net_clear(net);
    free(net);
}
