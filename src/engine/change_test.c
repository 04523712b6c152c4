/* Other settings while an engine runs, the budget for its own traffic, and what it sheds under load. */
#include "kad/engine.h"

#include <stdlib.h>
#include <string.h>

#include "base/test.h"
#include "engine/test_net.h"

static struct test_net *grown(size_t n)
{
    struct test_net *net = calloc(1, sizeof(*net));

    test_net_init(net);
    test_net_grow(net, n);
    return net;
}

static void end(struct test_net *net)
{
    test_net_clear(net);
    free(net);
}

static uint64_t queries_of(const struct kad_engine *engine)
{
    const struct kad_counters *counters = kad_engine_counters(engine);
    uint64_t n = 0;

    for (size_t i = 0; i < KAD_METHODS; i++)
        n += counters->queries_out[i];
    return n;
}

/* All or nothing, and who refuses is named. */
TEST(what_is_fixed_or_out_of_range_changes_nothing)
{
    struct test_net *net = grown(3);
    struct kad_engine *engine = net->nodes[1].engine;
    struct kad_settings settings = net->settings;
    const char *field = NULL;

    settings.alpha = 7;
    settings.k = settings.k + 1;
    EXPECT_EQ(kad_engine_set_settings(engine, &settings, net->now, &field), KAD_E_INVALID);
    EXPECT_STR(field, "k");
    settings.k--;
    settings.reply_peers = 0;
    EXPECT_EQ(kad_engine_set_settings(engine, &settings, net->now, &field), KAD_E_INVALID);
    EXPECT_STR(field, "reply_peers");
    settings = net->settings;
    settings.limit_local = !settings.limit_local;
    EXPECT_EQ(kad_engine_set_settings(engine, &settings, net->now, &field), KAD_E_INVALID);
    EXPECT_STR(field, "limit_local");
    EXPECT(!kad_settings_live("limit_local") && !kad_settings_live("k") && !kad_settings_live("nothing"));
    EXPECT(kad_settings_live("alpha") && kad_settings_live("read_only") && kad_settings_live("version"));
    end(net);
}

/* Every setting that says it is live can go from one end of its range to the other under an engine that is busy. */
TEST(live_settings_change_under_way)
{
    struct test_net *net = grown(12);
    struct test_node *node = &net->nodes[3];
    struct kad_settings lent[2] = {net->settings, net->settings};
    struct kad_request request = {.kind = KAD_REQUEST_CLOSEST, .timeout_ms = 20 * KAD_SECOND};
    const char *field, *why;
    uint64_t id;
    unsigned n = 0;

    for (unsigned round = 0; round < 24; round++) {
        struct kad_settings *next = &lent[n++ % 2];

        *next = net->settings;
        next->alpha = round % 2 ? 1 : 64;
        next->max_requests = round % 2 ? 1 : 1000; /* lowered under what is there */
        next->max_queries = round % 2 ? 8 : 4000;
        next->max_publications = round % 2 ? 0 : 100;
        next->query_timeout_ms = round % 2 ? 10 : 10 * KAD_SECOND;
        next->ping_after_ms = round % 2 ? KAD_SECOND : KAD_HOUR;
        next->address_burst = round % 2 ? 1 : 10000;
        next->group_burst = round % 2 ? 1 : 10000;
        next->unproven_grant = round % 2 ? 0 : 500000;
        next->own_bytes_per_s = round % 3 ? 0 : 5000;
        for (int i = 0; i < 5 && round % 2 == 0; i++) {
            request.target.bytes[0] = (uint8_t)(round + (unsigned)i);
            (void)!kad_engine_request(node->engine, &request, net->now, &id);
        }
        EXPECT_EQ(kad_engine_set_settings(node->engine, next, net->now, &field), 0);
        EXPECT_MSG(kad_engine_sound(node->engine, net->now, &why), "%s", why);
        test_net_run(net, 150);
        EXPECT_MSG(kad_engine_sound(node->engine, net->now, &why), "%s", why);
    }
    end(net);
}

/* A change is felt by what comes next: patience with the silent, here. */
TEST(a_changed_timeout_holds_for_the_next_query)
{
    struct test_net *net = grown(4);
    struct test_node *node = &net->nodes[1];
    struct kad_settings settings = net->settings;
    struct kad_request ping = {.kind = KAD_REQUEST_PING, .endpoint = net->nodes[2].endpoint};
    const char *field;
    kad_ms began;

    test_net_off(&net->nodes[2]);
    settings.query_timeout_ms = 300;
    EXPECT_EQ(kad_engine_set_settings(node->engine, &settings, net->now, &field), 0);
    began = net->now;
    EXPECT_EQ(test_net_request(node, &ping), KAD_E_TIMEOUT);
    EXPECT(node->last_done.done.duration_ms >= 300 && node->last_done.done.duration_ms < 400);
    EXPECT(net->now - began < KAD_SECOND);
    end(net);
}

/* Slower, not less: a lookup under a tight budget finds the same, and its queries are spread over the time it takes. */
TEST(a_budget_delays_and_loses_nothing)
{
    struct test_net *net = grown(40);
    struct test_node *node = &net->nodes[5];
    struct kad_settings settings = net->settings;
    const struct kad_request request = {.kind = KAD_REQUEST_CLOSEST, .timeout_ms = 2 * KAD_MINUTE};
    struct kad_found free_of_it[64];
    const char *field;
    uint64_t before;
    kad_ms began;
    size_t n;

    EXPECT_EQ(test_net_request(node, &request), 0);
    n = node->n_closest;
    memcpy(free_of_it, node->closest, sizeof(free_of_it));
    settings.own_packets_per_s = 2;
    EXPECT_EQ(kad_engine_set_settings(node->engine, &settings, net->now, &field), 0);
    before = queries_of(node->engine);
    began = net->now;
    for (int i = 0; i < 3; i++)
        EXPECT_EQ(test_net_request(node, &request), 0);
    EXPECT_EQ(node->n_closest, n);
    for (size_t i = 0; i < n; i++)
        EXPECT_MEM(&node->closest[i].contact.id, &free_of_it[i].contact.id, sizeof(struct kad_id));
    EXPECT(kad_engine_counters(node->engine)->own_delayed > 0);
    /* 8 packets saved up, then two a second */
    EXPECT(queries_of(node->engine) - before > 9);
    EXPECT((kad_ms)(queries_of(node->engine) - before - 9) * 500 <= net->now - began);
    end(net);
}

/* Upkeep that would like to do more leaves room for who asks: the last half of the budget is the host's. */
TEST(the_hosts_requests_go_before_upkeep)
{
    struct test_net *net = grown(40);
    struct test_node *node = &net->nodes[5];
    struct kad_settings settings = net->settings;
    const struct kad_request ping = {.kind = KAD_REQUEST_PING, .endpoint = net->nodes[9].endpoint};
    const char *field;

    settings.own_packets_per_s = 1;
    settings.ping_after_ms = settings.ping_min_ms = settings.refresh_after_ms = KAD_SECOND;
    settings.refresh_pace_ms = 10;
    settings.dead_percent = 0;
    EXPECT_EQ(kad_engine_set_settings(node->engine, &settings, net->now, &field), 0);
    test_net_run(net, 30 * KAD_SECOND); /* upkeep takes all that it may */
    for (int i = 0; i < 4; i++) {
        EXPECT_EQ(test_net_request(node, &ping), 0);
        EXPECT(node->last_done.done.duration_ms < KAD_SECOND);
    }
    end(net);
}

/* -- load --------------------------------------------------------------------------------------------------------- */

/* Sends `n` queries from that many strangers of as many networks; returns how many were shed. */
static uint64_t ask(struct test_net *net, struct test_node *node, const char *query, unsigned n)
{
    const struct kad_counters *counters = kad_engine_counters(node->engine);
    const uint64_t before = counters->received[KAD_DROP_SHED];

    for (unsigned i = 0; i < n; i++) {
        const struct kad_endpoint from = {
            .family = KAD_IPV4, .port = 6881, .address = {[0] = 90, [1] = (uint8_t)i, [2] = 1, [3] = 1}};
        struct kad_endpoint mapped = node->endpoint;

        memcpy(mapped.address, from.address, sizeof(mapped.address));
        mapped.address[sizeof(mapped.address) - 1] = (uint8_t)(i + 1);
        test_net_inject(net, &mapped, &node->endpoint, query, strlen(query));
    }
    test_net_run(net, 200);
    return counters->received[KAD_DROP_SHED] - before;
}

static const char ping[] = "d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe";
static const char get[] =
    "d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e1:q3:get1:t2:aa1:y1:qe";

TEST(who_keeps_up_answers_everybody)
{
    struct test_net *net = grown(3);

    EXPECT_EQ(ask(net, &net->nodes[1], ping, 100), 0);
    EXPECT_EQ(ask(net, &net->nodes[1], get, 100), 0);
    end(net);
}

/* As large a share as the host says, costly queries twice as often, and all of them at the end. */
TEST(strangers_are_shed_by_share_and_cost)
{
    struct test_net *net = grown(3);
    struct test_node *node = &net->nodes[1];

    kad_engine_load(node->engine, 20);
    EXPECT_EQ(test_net_info(node)->load_percent, 20);
    EXPECT_EQ(ask(net, node, ping, 100), 20);
    EXPECT_EQ(ask(net, node, get, 100), 40);
    kad_engine_load(node->engine, 60);
    EXPECT_EQ(ask(net, node, get, 100), 100);
    kad_engine_load(node->engine, 500);
    EXPECT_EQ(test_net_info(node)->load_percent, 100);
    EXPECT_EQ(ask(net, node, ping, 100), 100);
    kad_engine_load(node->engine, 0);
    EXPECT_EQ(ask(net, node, ping, 100), 0);
    end(net);
}

/* Contacts are served to the last, and answers to our own queries are never at stake. */
TEST(contacts_are_served_under_any_load)
{
    struct test_net *net = grown(20);
    const struct kad_request closest = {.kind = KAD_REQUEST_CLOSEST};
    const struct kad_request ping_it = {.kind = KAD_REQUEST_PING, .endpoint = net->nodes[1].endpoint};

    for (size_t i = 0; i < net->n_nodes; i++)
        kad_engine_load(net->nodes[i].engine, 100);
    EXPECT_EQ(test_net_request(&net->nodes[1], &closest), 0);
    EXPECT(net->nodes[1].n_closest >= 8);
    EXPECT_EQ(test_net_request(&net->nodes[0], &ping_it), 0);
    end(net);
}
