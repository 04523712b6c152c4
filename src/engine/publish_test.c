#include "kad/engine.h"

#include <stdlib.h>
#include <string.h>

#include "base/test.h"
#include "engine/test_net.h"

static struct kad_record version(int64_t sequence, const char *bencoded)
{
    struct kad_record record = {
        .value = {(const uint8_t *)bencoded, strlen(bencoded)},
        .sequence = sequence,
    };
    const uint8_t seed[32] = {8};

    EXPECT_EQ(kad_mainline_sign(&record, seed), 0);
    return record;
}

static struct kad_request put(const struct kad_record *record, bool keep)
{
    return (struct kad_request){
        .kind = KAD_REQUEST_PUT, .target = record->key, .record = *record, .keep = keep};
}

/* BEP 44: the highest sequence number wins, also against ourselves: a node alone with its store refuses an older value. */
TEST(own_store_keeps_the_newer_value)
{
    struct test_net *net = calloc(1, sizeof(*net));
    const struct kad_record old = version(5, "3:old"), recent = version(10, "3:new");
    struct kad_request request = put(&recent, false);
    struct test_node *node;

    test_net_init(net);
    node = test_net_add(net, false);
    EXPECT_EQ(test_net_request(node, &request), 0);
    request = put(&old, false);
    EXPECT_EQ(test_net_request(node, &request), KAD_E_REFUSED);
    EXPECT_EQ(node->last_done.done.refusal, KAD_REFUSAL_SEQUENCE);
    request = (struct kad_request){.kind = KAD_REQUEST_GET, .target = old.key};
    EXPECT_EQ(test_net_request(node, &request), 0);
    EXPECT_EQ(node->sequence, 10);
    test_net_clear(net);
    free(net);
}

/* What was refused is not published again behind everybody's back, and does not push out what is kept. */
TEST(a_refused_put_is_not_kept)
{
    struct test_net *net = calloc(1, sizeof(*net));
    const struct kad_record old = version(5, "3:old"), recent = version(10, "3:new");
    struct kad_request request = put(&recent, true);

    test_net_init(net);
    test_net_grow(net, 12);
    EXPECT_EQ(test_net_request(&net->nodes[3], &request), 0);
    request = put(&old, true);
    EXPECT_EQ(test_net_request(&net->nodes[3], &request), KAD_E_REFUSED);
    EXPECT_EQ(test_net_request(&net->nodes[4], &request), KAD_E_REFUSED);
    EXPECT_EQ(test_net_info(&net->nodes[3])->n_publications, 1);
    EXPECT_EQ(test_net_info(&net->nodes[4])->n_publications, 0);
    test_net_run(net, 5 * KAD_HOUR);
    request = (struct kad_request){.kind = KAD_REQUEST_GET, .target = old.key};
    EXPECT_EQ(test_net_request(&net->nodes[7], &request), 0);
    EXPECT_EQ(net->nodes[7].sequence, 10);
    test_net_clear(net);
    free(net);
}

/* A withdraw that comes while the first publication is under way counts. */
TEST(withdrawing_reaches_what_is_being_published)
{
    struct test_net *net = calloc(1, sizeof(*net));
    const struct kad_record record = version(1, "2:hi");
    const struct kad_request request = put(&record, true);
    struct test_node *node;
    uint64_t id;

    test_net_init(net);
    test_net_grow(net, 12);
    node = &net->nodes[5];
    EXPECT_EQ(kad_engine_request(node->engine, &request, net->now, &id), 0);
    test_net_run(net, 15);
    EXPECT(kad_engine_withdraw(node->engine, &record.key));
    test_net_run(net, KAD_MINUTE);
    EXPECT_EQ(node->n_done, 1);
    EXPECT_EQ(test_net_info(node)->n_publications, 0);
    EXPECT(!kad_engine_withdraw(node->engine, &record.key));
    test_net_clear(net);
    free(net);
}

static bool lose_all(struct test_net *net, const struct test_packet *packet)
{
    (void)net;
    (void)packet;
    return true;
}

/* While our link is down republishing fails, our own copy notwithstanding, and is made up for within minutes of its return. */
TEST(republishing_is_made_up_for_after_an_outage)
{
    struct test_net *net = calloc(1, sizeof(*net));
    const struct kad_record record = version(1, "4:here");
    struct kad_request request = put(&record, true);

    test_net_init(net);
    test_net_grow(net, 20);
    EXPECT_EQ(test_net_request(&net->nodes[2], &request), 0);
    net->lose = lose_all;
    test_net_run(net, 3 * KAD_HOUR); /* longer than a record lives */
    net->lose = NULL;
    test_net_run(net, 10 * KAD_MINUTE);
    test_net_off(&net->nodes[2]);
    request = (struct kad_request){.kind = KAD_REQUEST_GET, .target = record.key};
    EXPECT_EQ(test_net_request(&net->nodes[9], &request), 0);
    test_net_clear(net);
    free(net);
}

/* I140, on Mainline: announces and values with a date are put until then; others forget them by themselves within their lives. */
TEST(what_has_a_date_is_published_until_then)
{
    struct test_net *net = calloc(1, sizeof(*net));
    const struct kad_record record = version(1, "4:here");
    struct kad_request request = put(&record, true);
    struct kad_request announce = {
        .kind = KAD_REQUEST_ANNOUNCE, .target.bytes = {7}, .port = 99, .keep = true};
    uint64_t n_published;

    test_net_init(net);
    test_net_grow(net, 12);
    request.keep_until = announce.keep_until = net->now + 10 * KAD_HOUR;
    EXPECT_EQ(test_net_request(&net->nodes[2], &request), 0);
    EXPECT_EQ(test_net_request(&net->nodes[2], &announce), 0);
    test_net_run(net, request.keep_until - net->now - KAD_MINUTE);
    EXPECT_EQ(test_net_info(&net->nodes[2])->n_publications, 2);
    test_net_run(net, 2 * KAD_MINUTE);
    EXPECT_EQ(test_net_info(&net->nodes[2])->n_publications, 0);
    n_published = kad_engine_counters(net->nodes[2].engine)->published;
    EXPECT(n_published >= 10);
    test_net_run(net, 3 * KAD_HOUR); /* longer than a record lives */
    EXPECT_EQ(kad_engine_counters(net->nodes[2].engine)->published, n_published);
    request = (struct kad_request){.kind = KAD_REQUEST_GET, .target = record.key};
    EXPECT_EQ(test_net_request(&net->nodes[9], &request), KAD_E_NOT_FOUND);
    test_net_clear(net);
    free(net);
}
