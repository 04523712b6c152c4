#include "node/crawl.h"

#include <stdlib.h>
#include <string.h>

#include "base/endpoint.h"
#include "base/test.h"

#define K    8
#define MOST 1000

/* A network in which everybody knows its neighbourhood and, of each farther part of the id space, at most K: what routing
 * tables come to. */
struct net {
    struct kad_contact nodes[MOST];
    bool dead[MOST];
    uint32_t n;
    uint32_t loss; /* of 100 questions so many go unanswered */
    struct kad_rng rng;
    uint64_t n_asked;
};

static void make_net(struct net *net, uint32_t n, uint32_t dead_percent)
{
    uint8_t seed[KAD_SEED_SIZE] = {7};

    memset(net, 0, sizeof(*net));
    net->n = n;
    kad_rng_init(&net->rng, seed);
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t address[4] = {20, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};

        net->nodes[i].id = kad_id_random(&net->rng, 160);
        net->nodes[i].endpoint = kad_endpoint_v4(address, 6881);
        net->dead[i] = i > 0 && kad_rng_below(&net->rng, 100) < dead_percent;
    }
}

/* The K of node i's contacts that are closest to the target: of each prefix (bucket) it knows K, and
 * whole those that have fewer. */
static size_t answer_of(const struct net *net, uint32_t i, const struct kad_id *target,
                        struct kad_contact out_named[K])
{
    uint8_t in_bucket[161] = {0};
    size_t n = 0;

    for (uint32_t count = 0; count < net->n; count++) {
        const uint32_t j = (i * 7919 + count) % net->n; /* each has met others first */
        const unsigned prefix = kad_id_prefix(&net->nodes[i].id, &net->nodes[j].id);
        size_t at;

        if (j == i || in_bucket[prefix] >= K)
            continue;
        in_bucket[prefix]++;
        for (at = n; at > 0 && kad_id_compare(target, &net->nodes[j].id, &out_named[at - 1].id) < 0; at--) {
            if (at < K)
                out_named[at] = out_named[at - 1];
        }
        if (at < K) {
            out_named[at] = net->nodes[j];
            n += n < K;
        }
    }
    return n;
}

static uint32_t number_of(const struct kad_endpoint *endpoint)
{
    return (uint32_t)endpoint->address[1] << 16 | (uint32_t)endpoint->address[2] << 8 | endpoint->address[3];
}

/* Crawls until it is done, or has asked `most`. */
static struct kad_crawl *crawl_net(struct net *net, uint32_t max_nodes, uint64_t most)
{
    const struct kad_crawl_config config = {
        .allocator = &kad_allocator_system, .max_nodes = max_nodes, .id_bits = 160, .seed = {3}};
    struct kad_crawl *crawl = NULL;
    struct kad_crawl_ask ask;

    EXPECT_EQ(kad_crawl_new(&config, &crawl), 0);
    EXPECT(kad_crawl_add(crawl, &net->nodes[0]));
    EXPECT(!kad_crawl_add(crawl, &net->nodes[0]));
    while (net->n_asked < most && kad_crawl_next(crawl, &ask) == KAD_CRAWL_ASK) {
        const uint32_t i = number_of(&ask.endpoint);
        struct kad_contact named[K];

        net->n_asked++;
        if (net->dead[i] || kad_rng_below(&net->rng, 100) < net->loss)
            kad_crawl_failed(crawl, &ask);
        else
            kad_crawl_answered(crawl, &ask, &net->nodes[i].id, "KD\0\1", 10, named,
                               answer_of(net, i, &ask.target, named));
    }
    return crawl;
}

static uint32_t n_alive(const struct net *net)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < net->n; i++)
        n += !net->dead[i];
    return n;
}

static void expect_all_found(uint32_t n, uint32_t dead_percent, uint32_t loss, uint32_t may_miss)
{
    static struct net net;
    struct kad_crawl_result result;
    struct kad_crawl *crawl;
    uint32_t alive;

    make_net(&net, n, dead_percent);
    net.loss = loss;
    alive = n_alive(&net);
    crawl = crawl_net(&net, MOST, UINT64_MAX);
    kad_crawl_result(crawl, &result);
    EXPECT_MSG(result.n_answered + may_miss >= alive && result.n_answered <= alive, "%u of %u found",
               result.n_answered, alive);
    EXPECT_MSG(result.n_low <= alive && result.n_high + may_miss >= alive, "%u are there, not %.1f to %.1f",
               alive, result.n_low, result.n_high);
    EXPECT_EQ(result.n_unasked, 0);
    EXPECT(result.n_sweeps >= 1);
    EXPECT_MSG(net.n_asked < 4 * (uint64_t)n + 100, "%llu questions for %u nodes",
               (unsigned long long)net.n_asked, n);
    kad_crawl_free(crawl);
}

/* What a crawl is for. */
TEST(everybody_is_found)
{
    expect_all_found(2, 0, 0, 0);
    expect_all_found(20, 0, 0, 0);
    expect_all_found(200, 0, 0, 0);
    expect_all_found(800, 0, 0, 0);
}

/* The dead fill the lists of the living, and must neither hide anybody nor be counted. */
TEST(a_quarter_dead_hides_nobody)
{
    expect_all_found(200, 25, 0, 0);
    expect_all_found(800, 25, 0, 3);
}

/* Lost datagrams cost a second question, not a node: both are lost once in 400 times. */
TEST(lost_answers_cost_few)
{
    expect_all_found(800, 0, 5, 8);
}

/* A crawl that is cut short says that most is still to come. */
TEST(the_interval_tells_how_much_is_missing)
{
    static struct net net;
    struct kad_crawl_result result;
    struct kad_crawl *crawl;

    make_net(&net, 800, 0);
    crawl = crawl_net(&net, MOST, 250);
    kad_crawl_result(crawl, &result);
    EXPECT_MSG(result.n_answered <= 250 && result.n_low > 300 && result.n_estimate < 1200,
               "%u found, of %.1f to %.1f", result.n_answered, result.n_low, result.n_high);
    kad_crawl_free(crawl);
}

/* Memory has a ceiling, whatever the network names. */
TEST(more_nodes_than_allowed_are_counted_and_not_kept)
{
    static struct net net;
    struct kad_crawl_result result;
    struct kad_crawl *crawl;

    make_net(&net, 500, 0);
    crawl = crawl_net(&net, 100, UINT64_MAX);
    kad_crawl_result(crawl, &result);
    EXPECT_EQ(result.n_seen, 100);
    EXPECT_EQ(result.n_answered, 100);
    EXPECT(result.n_refused > 0);
    EXPECT(kad_crawl_node(crawl, 99) && !kad_crawl_node(crawl, 100));
    kad_crawl_free(crawl);
}

/* Nobody to ask, and nobody who answers: it ends all the same. */
TEST(a_network_that_is_not_there_is_soon_crawled)
{
    const struct kad_crawl_config config = {
        .allocator = &kad_allocator_system, .max_nodes = 10, .id_bits = 160};
    const struct kad_contact nobody = {.endpoint = {.family = KAD_IPV4}};
    struct kad_crawl_result result;
    struct kad_crawl *crawl = NULL;
    struct kad_crawl_ask ask;
    static struct net net;

    EXPECT_EQ(kad_crawl_new(&config, &crawl), 0);
    EXPECT(kad_crawl_next(crawl, &ask) == KAD_CRAWL_DONE);
    EXPECT(!kad_crawl_add(crawl, &nobody));
    kad_crawl_free(crawl);

    make_net(&net, 3, 0);
    net.loss = 100;
    crawl = crawl_net(&net, 10, UINT64_MAX);
    kad_crawl_result(crawl, &result);
    EXPECT_EQ(result.n_silent, 1);
    EXPECT_EQ(net.n_asked, 2);
    EXPECT(result.n_estimate == 0);
    kad_crawl_free(crawl);
}
