#include "kad/engine.h"

#include <stdlib.h>

#include "base/endpoint.h"
#include "base/test.h"
#include "engine/test_net.h"

enum { NODES = 24, LEAVES = 3 };

struct cut {
    struct test_net net;
    bool apart;       /* the even hear nobody of the odd, and the other way round */
    size_t n_to_gone; /* datagrams to nodes that are off */
};

/* The number of the node that lives there. */
static size_t node_at(const struct cut *cut, const struct kad_endpoint *endpoint)
{
    size_t i = 0;

    while (i < cut->net.n_nodes && !kad_endpoint_equal(&cut->net.nodes[i].endpoint, endpoint))
        i++;
    return i;
}

static bool lose_between_halves(struct test_net *net, const struct test_packet *packet)
{
    struct cut *cut = net->user;
    const size_t from = node_at(cut, &packet->from), to = node_at(cut, &packet->to);

    cut->n_to_gone += !net->nodes[to].engine;
    return cut->apart && from % 2 != to % 2;
}

/* Contacts are asked often, so that an hour of the real settings passes in minutes; and nobody goes back to a bootstrap. */
static struct cut *begin(void)
{
    struct cut *cut = calloc(1, sizeof(*cut));

    test_net_init(&cut->net);
    cut->net.user = cut;
    cut->net.lose = lose_between_halves;
    cut->net.watch = 0;
    cut->net.settings.ping_after_ms = cut->net.settings.ping_min_ms = cut->net.settings.ping_max_ms =
        KAD_MINUTE;
    cut->net.settings.refresh_pace_ms = KAD_SECOND;
    cut->net.settings.refresh_after_ms = 24 * KAD_HOUR;
    cut->net.settings.min_contacts = 0;
    test_net_grow(&cut->net, NODES);
    return cut;
}

static void end(struct cut *cut)
{
    test_net_clear(&cut->net);
    free(cut);
}

/* How many of a node's contacts are on the other side. */
static size_t n_across(struct cut *cut, size_t node)
{
    struct kad_table_row rows[256];
    const size_t n = kad_engine_table(cut->net.nodes[node].engine, KAD_IPV4, rows, 256);
    size_t n_there = 0;

    for (size_t i = 0; i < n && i < 256; i++)
        n_there += node_at(cut, &rows[i].contact.endpoint) % 2 != node % 2;
    return n_there;
}

/* Two halves that have forgotten each other are one network again minutes after they can be: each node asks, now and then,
 * whom it lost when it lost many. */
TEST(halves_that_forgot_each_other_meet_again)
{
    struct cut *cut = begin();

    cut->apart = true;
    test_net_run(&cut->net, 40 * KAD_MINUTE);
    for (size_t i = 0; i < NODES; i++)
        EXPECT_EQ(n_across(cut, i), 0);

    cut->apart = false;
    test_net_run(&cut->net, 5 * KAD_MINUTE);
    for (size_t i = 0; i < NODES; i++)
        EXPECT(n_across(cut, i) >= NODES / 4);
    end(cut);
}

/* One that leaves is asked until it is out of the tables, and then by nobody: a calm network costs nothing. */
TEST(who_left_alone_is_left_alone)
{
    struct cut *cut = begin();

    test_net_off(&cut->net.nodes[LEAVES]);
    test_net_run(&cut->net, 10 * KAD_MINUTE);
    cut->n_to_gone = 0;
    test_net_run(&cut->net, 60 * KAD_MINUTE);
    EXPECT_EQ(cut->n_to_gone, 0);
    end(cut);
}

/* Half of all nodes leave for good: they are asked for an hour and a half, one a minute by each of the others at most, and
 * then given up. */
TEST(those_who_never_come_back_are_given_up)
{
    struct cut *cut = begin();

    for (size_t i = 0; i < NODES; i += 2)
        test_net_off(&cut->net.nodes[i]);
    test_net_run(&cut->net, 15 * KAD_MINUTE); /* out of all tables */
    cut->n_to_gone = 0;
    test_net_run(&cut->net, 30 * KAD_MINUTE);
    EXPECT(cut->n_to_gone >= NODES / 2 * 30 / 2 &&
           cut->n_to_gone <= NODES / 2 * 30 * 2); /* jittered by half */
    test_net_run(&cut->net, 60 * KAD_MINUTE);
    cut->n_to_gone = 0;
    test_net_run(&cut->net, 60 * KAD_MINUTE);
    EXPECT_EQ(cut->n_to_gone, 0);
    end(cut);
}
