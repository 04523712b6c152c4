/* P094: what is known of our own network is for speed, and never for where records lie. A pair behind one router speaks directly, whatever
 * address the world sees it at; records are in many groups, however many of the nearest nodes stand in one. */
#include "kad/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/endpoint.h"
#include "base/test.h"
#include "core/dht.h"
#include "engine/engine_parts.h"
#include "engine/test_net.h"
#include "kad/secure.h"

/* -- one router ------------------------------------------------------------------------------------------------- */

#define FIRST 4 /* the two behind the router are nodes 4 and 5 */

struct home {
    unsigned n_direct, n_by_router; /* datagrams of the one to the other */
    bool at_work;                   /* a datagram is being sent on */
    bool away; /* the second has left: he is at his outside address himself, and nobody at the other */
};

static struct kad_endpoint inside(unsigned which)
{
    return kad_endpoint_v4((const uint8_t[4]){10, 0, 0, (uint8_t)(1 + which)}, 6881);
}

static struct kad_endpoint outside(unsigned which)
{
    return kad_endpoint_v4((const uint8_t[4]){80, 7, 7, 7}, (uint16_t)(5000 + which));
}

static int which_inside(const struct kad_endpoint *endpoint)
{
    for (unsigned i = 0; i < 2; i++) {
        const struct kad_endpoint address = inside(i);

        if (kad_endpoint_equal(endpoint, &address))
            return (int)i;
    }
    return -1;
}

/* A router that gives each its outside port, and turns back what one sends to the other's. */
static bool route(struct test_net *net, const struct test_packet *packet)
{
    struct home *home = net->user;
    struct kad_endpoint from = packet->from, to = packet->to;
    const int sender = which_inside(&from);

    if (home->at_work)
        return false;
    if (which_inside(&to) >= 0) { /* nobody outside can say that */
        home->n_direct += sender >= 0;
        return sender < 0 || (home->away && which_inside(&to) == 1);
    }
    if (sender >= 0)
        from = outside((unsigned)sender);
    for (unsigned i = 0; i < (home->away ? 1u : 2u); i++) {
        const struct kad_endpoint address = outside(i);

        if (!kad_endpoint_equal(&to, &address))
            continue;
        home->n_by_router += sender >= 0;
        to = inside(i);
    }
    home->at_work = true;
    test_net_inject(net, &from, &to, packet->bytes, packet->size);
    home->at_work = false;
    return true;
}

static void look_for_each_other(struct test_net *net)
{
    for (unsigned i = 0; i < 2; i++) {
        const struct kad_request find = {.kind = KAD_REQUEST_FIND,
                                         .target = test_net_info(&net->nodes[FIRST + 1 - i])->id};

        EXPECT_EQ(test_net_request(&net->nodes[FIRST + i], &find), 0);
    }
}

static const struct kad_endpoint *known_at(struct test_net *net, unsigned who, unsigned whom)
{
    const struct kad_table *table = net->nodes[FIRST + who].engine->dht.tables[0];
    const kad_contact_ref contact = kad_table_with_id(table, &test_net_info(&net->nodes[FIRST + whom])->id);

    return contact == KAD_NO_CONTACT
               ? NULL
               : &kad_book_contact(net->nodes[FIRST + who].engine->dht.book, contact)->endpoint;
}

/* They met by way of the router, as the world does. One hears the other's address on the local network (local_discovery): from
 * then on nothing goes by way of the router, though all others go on naming the outside addresses. Until one of them leaves. */
TEST(p094_a_pair_in_one_network_speaks_directly)
{
    struct test_net *net = calloc(1, sizeof(*net));
    struct home home = {0};
    const struct kad_endpoint there = inside(1);
    const struct kad_request ping = {.kind = KAD_REQUEST_PING, .endpoint = there};

    test_net_init_on(net, kad_network_kad_easy());
    net->user = &home;
    net->lose = route;
    test_net_grow(net, FIRST);
    for (unsigned i = 0; i < 2; i++) {
        struct test_node *node = test_net_add(net, false);

        node->endpoint = inside(i);
        EXPECT_EQ(kad_engine_bootstrap(node->engine, &net->nodes[0].endpoint, net->now), 0);
        test_net_run(net, 300);
    }
    test_net_grow(net, 12);
    test_net_run(net, KAD_MINUTE);
    look_for_each_other(net);
    EXPECT(home.n_by_router > 0 && home.n_direct == 0);
    EXPECT_EQ(kad_endpoint_scope(known_at(net, 0, 1)), KAD_SCOPE_PUBLIC);

    EXPECT_EQ(test_net_request(&net->nodes[FIRST], &ping), 0);
    EXPECT(home.n_direct > 0);
    EXPECT(kad_endpoint_equal(known_at(net, 0, 1), &there));
    home.n_direct = home.n_by_router = 0;
    for (unsigned i = 0; i < 4; i++) {
        look_for_each_other(net);
        test_net_run(net, 5 * KAD_MINUTE);
    }
    EXPECT(home.n_direct > 0);
    EXPECT_MSG(home.n_by_router == 0, "%u by way of the router, %u directly", home.n_by_router,
               home.n_direct);
    EXPECT(kad_endpoint_equal(known_at(net, 0, 1), &there));

    home.away = true;
    net->nodes[FIRST + 1].endpoint = outside(1);
    test_net_run(net, 20 * KAD_MINUTE);
    look_for_each_other(net);
    EXPECT(known_at(net, 0, 1) && kad_endpoint_scope(known_at(net, 0, 1)) == KAD_SCOPE_PUBLIC);
    test_net_free(net);
}

/* -- many groups ------------------------------------------------------------------------------------------------ */

#define NODES 90
#define LEAST 7 /* of 20 holders, three of a /24 at most */

struct spread {
    size_t n_holders, n_groups, n_near; /* of a record, by /24 */
};

static struct spread put_one(struct test_net *net, char which)
{
    const uint8_t text[2] = {'a', (uint8_t)which};
    const struct kad_bytes value = {text, sizeof(text)};
    struct kad_request request = {.kind = KAD_REQUEST_PUT};
    uint8_t bytes[KAD_SECURE_VALUE_MAX], seed[32];
    struct kad_secure_name name;
    struct kad_secure_draft draft = {
        .name = &name, .value = value, .seed = seed, .sequence = 1, .made_at = net->now};
    struct spread spread = {0};
    uint64_t groups[NODES];

    EXPECT_EQ(kad_secure_named("listing", value, NULL, 0, &name), 0);
    test_net_secret(&net->nodes[4], seed);
    EXPECT_EQ(kad_secure_make(&draft, bytes, &request.record), 0);
    request.target = request.record.key;
    EXPECT_EQ(test_net_request(&net->nodes[4], &request), 0);
    for (size_t i = 0; i < NODES; i++) {
        struct kad_store *store = net->nodes[i].engine->dht.store;
        const uint64_t group = kad_endpoint_narrow_group(&net->nodes[i].endpoint);
        struct kad_record record;
        size_t at = 0;

        if (store->ops->get(store, &request.record.key, net->now, &record) != 0)
            continue;
        spread.n_holders++;
        spread.n_near += i % 3 != 0;
        while (at < spread.n_groups && groups[at] != group)
            at++;
        if (at == spread.n_groups)
            groups[spread.n_groups++] = group;
    }
    return spread;
}

/* Two thirds of all nodes stand in one /24. */
static struct test_net *make_crowded(bool shares)
{
    struct test_net *net = calloc(1, sizeof(*net));

    EXPECT(net);
    test_net_init_on(net, kad_network_kad_easy());
    if (!shares) {
        net->settings.narrow_per_bucket = net->settings.narrow_per_table = net->settings.narrow_per_lookup =
            0;
        net->settings.wide_per_bucket = net->settings.wide_per_table = 0;
    }
    for (size_t i = 0; i < NODES; i++) {
        struct test_node *node = test_net_add(net, false);

        if (i % 3)
            node->endpoint = kad_endpoint_v4((const uint8_t[4]){90, 1, 1, (uint8_t)(1 + i)}, 6881);
        if (i)
            EXPECT_EQ(kad_engine_bootstrap(node->engine, &net->nodes[0].endpoint, net->now), 0);
        test_net_run(net, 300);
    }
    test_net_run(net, 5 * KAD_MINUTE);
    return net;
}

static struct spread put_some(struct test_net *net)
{
    struct spread all = {.n_groups = NODES};

    for (char which = 'a'; which < 'f'; which++) {
        const struct spread one = put_one(net, which);

        EXPECT(one.n_holders >= 20);
        all.n_holders += one.n_holders;
        all.n_near += one.n_near;
        all.n_groups = one.n_groups < all.n_groups ? one.n_groups : all.n_groups;
    }
    printf("%zu of %zu copies in one group, %zu groups a record at least\n", all.n_near, all.n_holders,
           all.n_groups);
    return all;
}

/* Of a record's holders few are in that /24, and the others in as many groups as there are: were it not for the shares it would be
 * most of them. */
TEST(p094_records_lie_in_many_groups_however_many_nodes_one_has)
{
    struct test_net *net = make_crowded(true);
    struct spread with, without;

    with = put_some(net);
    test_net_free(net);
    net = make_crowded(false);
    without = put_some(net);
    test_net_free(net);
    EXPECT(with.n_groups >= LEAST);
    EXPECT(with.n_near * 4 <= with.n_holders);
    EXPECT(without.n_near * 2 >= without.n_holders);
}
