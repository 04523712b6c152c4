#include "kad/engine.h"

#include <stdlib.h>

#include "base/endpoint.h"
#include "base/test.h"
#include "engine/test_net.h"

static struct test_net *begin(void)
{
    struct test_net *net = calloc(1, sizeof(*net));

    test_net_init(net);
    return net;
}

static void end(struct test_net *net)
{
    test_net_clear(net);
    free(net);
}

static enum kad_standing standing(struct test_node *node)
{
    return test_net_info(node)->standing;
}

/* Whoever asks a node how it is learns what to do: give it a bootstrap, wait, or see after its link. */
TEST(a_node_says_how_it_stands)
{
    struct test_net *net = begin();
    struct test_node *first = test_net_add(net, false), *second = test_net_add(net, false);

    test_net_run(net, KAD_MINUTE);
    EXPECT_EQ(standing(first), KAD_STANDING_ALONE);

    EXPECT_EQ(kad_engine_bootstrap(second->engine, &first->endpoint, net->now), 0);
    EXPECT_EQ(standing(second), KAD_STANDING_JOINING);
    test_net_run(net, KAD_SECOND);
    EXPECT_EQ(standing(second), KAD_STANDING_JOINED);
    EXPECT_EQ(standing(first), KAD_STANDING_JOINED); /* it was found */

    test_net_off(second);
    test_net_run(net, 2 * KAD_HOUR);
    EXPECT_EQ(standing(first), KAD_STANDING_LOST);
    EXPECT_STR(kad_standing_text(standing(first)), "lost");
    end(net);
}

/* A silent bootstrap is no reason to call it lost: it never knew anybody. */
TEST(joining_lasts_while_no_bootstrap_answers)
{
    struct test_net *net = begin();
    struct test_node *node = test_net_add(net, false);
    const struct kad_endpoint nobody = kad_endpoint_v4((const uint8_t[4]){9, 9, 9, 9}, 9);

    EXPECT_EQ(kad_engine_bootstrap(node->engine, &nobody, net->now), 0);
    test_net_run(net, 10 * KAD_MINUTE);
    EXPECT_EQ(standing(node), KAD_STANDING_JOINING);
    end(net);
}

/* A host's clock may begin at zero: who turns up in the first second is met in the first second. */
TEST(strangers_are_met_in_the_first_second_of_time)
{
    struct test_net *net = begin();
    struct test_node *first, *second;

    net->now = 0;
    first = test_net_add(net, false);
    second = test_net_add(net, false);
    EXPECT_EQ(kad_engine_bootstrap(second->engine, &first->endpoint, net->now), 0);
    test_net_run(net, 500);
    EXPECT_EQ(test_net_info(first)->n_contacts[0], 1);
    end(net);
}

static uint64_t n_queries(const struct test_node *node)
{
    const struct kad_counters *counters = kad_engine_counters(node->engine);
    uint64_t n = 0;

    for (size_t i = 0; i < KAD_METHODS; i++)
        n += counters->queries_out[i];
    return n;
}

/* Saved contacts are asked once each for joining, the nearest by the lookup for ourselves, the others for a sign of life; none is
 * left out. */
TEST(each_saved_contact_is_asked_once)
{
    enum { KNOWN = 40 };
    struct test_net *net = begin();
    struct test_node *node;

    test_net_grow(net, KNOWN);
    node = test_net_add(net, false);
    for (size_t i = 0; i < KNOWN; i++) {
        const struct kad_contact contact = {.id = test_net_info(&net->nodes[i])->id,
                                            .endpoint = net->nodes[i].endpoint};

        EXPECT_EQ(kad_engine_contact(node->engine, &contact, false, net->now), 0);
    }
    test_net_run(net, 3 * net->delay_ms); /* the lookup is not over yet, and nothing else has begun */
    EXPECT(n_queries(node) <= KNOWN);
    test_net_run(net, 10 * net->delay_ms);
    EXPECT_EQ(test_net_info(node)->n_contacts[0], KNOWN);
    end(net);
}
