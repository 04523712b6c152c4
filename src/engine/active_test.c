/* Active peers (T30 to T32, K48, K50, T11 to T13, T23, T36): few, many, those kept for bootstraps; roles that are preferred and not trusted. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/endpoint.h"
#include "base/test.h"
#include "base/types.h"
#include "core/active.h"
#include "core/peers.h"
#include "engine/engine_parts.h"
#include "engine/test_journal.h"
#include "engine/test_net.h"

#define WHO 1

static struct test_net *make(size_t n, unsigned max_peers)
{
    struct test_net *net = calloc(1, sizeof(*net));

    EXPECT(net);
    test_net_init_on(net, kad_network_kad_easy());
    net->settings.max_peers = max_peers;
    net->watch = KAD_WATCH_STATE;
    test_net_grow(net, n);
    return net;
}

static size_t rows_of(struct test_node *node, struct kad_peer_row rows[128])
{
    const size_t n = kad_engine_peers(node->engine, rows, 128, node->net->now);

    EXPECT(n <= 128);
    return n;
}

static bool is_active(struct test_node *node, struct test_node *other)
{
    const struct kad_id id = test_net_info(other)->id;

    return kad_active_has(&node->engine->dht, &id);
}

static unsigned n_active(struct test_node *node)
{
    return test_net_info(node)->n_peers_active;
}

/* T30 to T32: the defaults are the seed's. */
TEST(five_fifty_and_three)
{
    struct kad_settings settings;

    kad_settings_default(kad_network_kad(), &settings);
    EXPECT_EQ(settings.min_contacts, 5);
    EXPECT_EQ(settings.max_peers, 50);
    EXPECT_EQ(settings.reserved_bootstraps, 3);
}

/* T31: never more, and the table loses nothing by it. */
TEST(there_are_as_many_as_wanted_and_no_more)
{
    struct test_net *net = make(30, 8);
    struct test_node *who = &net->nodes[WHO];
    unsigned most = 0;

    for (unsigned i = 0; i < 20; i++) {
        test_net_run(net, 30 * KAD_SECOND);
        most = n_active(who) > most ? n_active(who) : most;
    }
    EXPECT(most >= 6 && most <= 8); /* one bootstrap of three is known: two of their places stay free */
    EXPECT(test_net_info(who)->n_contacts[0] >= 25);
    test_net_free(net);
}

/* T32, K50: three places are no others', be there ever so many; and who we joined through has one. */
TEST(bootstraps_have_their_places)
{
    struct test_net *net = make(30, 8);
    struct test_node *who = &net->nodes[WHO];
    struct kad_peer_row rows[128];
    unsigned n_bootstraps = 0, n_others = 0;

    test_net_run(net, 10 * KAD_MINUTE);
    for (size_t i = 0, n = rows_of(who, rows); i < n; i++) {
        n_bootstraps += rows[i].is_active && rows[i].is_bootstrap;
        n_others += rows[i].is_active && !rows[i].is_bootstrap;
    }
    EXPECT_EQ(n_bootstraps, 1);
    EXPECT_EQ(n_others, 5);
    EXPECT(is_active(who, &net->nodes[0]));
    test_net_free(net);
}

/* T36: with fewer places the lowest scores leave; none at all is fine, too. */
TEST(the_lowest_score_leaves_first)
{
    struct test_net *net = make(20, 16);
    struct test_node *who = &net->nodes[WHO];
    struct kad_settings fewer = net->settings;
    struct kad_peer_row rows[128];
    unsigned least_in = 101, most_out = 0;
    bool before[128] = {false};
    const char *field;
    size_t n;

    test_net_run(net, 40 * KAD_MINUTE);
    n = rows_of(who, rows);
    for (size_t i = 0; i < n; i++)
        before[i] = rows[i].is_active;
    fewer.max_peers = 6;
    EXPECT_EQ(kad_engine_set_settings(who->engine, &fewer, net->now, &field), 0);
    test_net_run(net, 70 * KAD_SECOND);
    EXPECT_EQ(n_active(who), 6);
    for (size_t i = 0; i < n; i++) {
        const bool active = kad_active_has(&who->engine->dht, &rows[i].contact.id);

        if (active && !rows[i].is_bootstrap && rows[i].score < least_in)
            least_in = rows[i].score;
        if (before[i] && !active && rows[i].score > most_out)
            most_out = rows[i].score;
    }
    EXPECT_MSG(most_out <= least_in + 2, "%u left, %u stayed", most_out, least_in); /* two minutes later */
    fewer.max_peers = 0;
    EXPECT_EQ(kad_engine_set_settings(who->engine, &fewer, net->now, &field), 0);
    test_net_run(net, 70 * KAD_SECOND);
    EXPECT_EQ(n_active(who), 0);
    test_net_free(net);
}

/* T12: among equals a relay has a place rather than others; T13: and what it does wrong counts as with anybody. */
TEST(a_role_is_preferred_and_not_trusted)
{
    struct test_net *net = calloc(1, sizeof(*net));
    struct kad_settings relay;
    struct kad_peer_row rows[128];
    const char *field;
    struct test_node *who;
    struct kad_id id;
    unsigned n_relays = 0, n_regular = 0;

    EXPECT(net);
    test_net_init_on(net, kad_network_kad_easy());
    net->settings.max_peers = 9; /* six for others than bootstraps */
    relay = net->settings;
    relay.role = KAD_ROLE_RELAY;
    test_net_grow(net, 24);
    for (size_t i = 18; i < 24; i++)
        EXPECT_EQ(kad_engine_set_settings(net->nodes[i].engine, &relay, net->now, &field), 0);
    test_net_grow(net, 25); /* who meets them all at once */
    who = &net->nodes[24];
    test_net_run(net, 10 * KAD_MINUTE);
    for (size_t i = 0, n = rows_of(who, rows); i < n; i++) {
        n_relays += rows[i].is_active && rows[i].role == KAD_ROLE_RELAY;
        n_regular += rows[i].is_active && rows[i].role == KAD_ROLE_REGULAR && !rows[i].is_bootstrap;
        EXPECT(rows[i].role != KAD_ROLE_BOOTSTRAP);
    }
    EXPECT_MSG(n_relays >= n_regular && n_relays > 0, "%u of relays, %u others", n_relays, n_regular);
    EXPECT_STR(kad_role_text(KAD_ROLE_RELAY), "relay");

    for (size_t i = 18; i < 24; i++) { /* not its word, what it does */
        if (!is_active(who, &net->nodes[i]))
            continue;
        id = test_net_info(&net->nodes[i])->id;
        for (unsigned times = 0; times < 2; times++)
            kad_peers_broke(&who->engine->dht, &id, &net->nodes[i].endpoint, KAD_DEED_FORGED, net->now);
        EXPECT(!is_active(who, &net->nodes[i]));
        test_net_run(net, KAD_HOUR);
        EXPECT(!is_active(who, &net->nodes[i]));
        break;
    }
    test_net_free(net);
}

static unsigned n_pings;
static struct kad_endpoint from, silent_to;

static bool count(struct test_net *net, const struct test_packet *packet)
{
    (void)net;
    n_pings += kad_endpoint_equal(&packet->from, &from) && kad_endpoint_equal(&packet->to, &silent_to);
    return false;
}

/* K48: the way to an active peer is used every few minutes, though nothing else is to be said. */
TEST(they_are_kept_up_with)
{
    struct test_net *net = make(6, 50);
    struct test_node *who = &net->nodes[WHO];
    struct kad_settings never = net->settings;
    const char *field;
    unsigned with;

    from = who->endpoint;
    silent_to = net->nodes[4].endpoint;
    test_net_run(net, 10 * KAD_MINUTE);
    EXPECT(is_active(who, &net->nodes[4]));
    net->lose = count;
    n_pings = 0;
    test_net_run(net, KAD_HOUR);
    with = n_pings;
    never.peer_keep_ms = 0;
    for (size_t i = 0; i < net->n_nodes; i++)
        EXPECT_EQ(kad_engine_set_settings(net->nodes[i].engine, &never, net->now, &field), 0);
    n_pings = 0;
    test_net_run(net, KAD_HOUR);
    EXPECT_MSG(with > n_pings, "%u packets, %u without", with, n_pings);
    test_net_free(net);
}

/* T30: said once when the contacts become fewer than there should be, and who is gone is no active peer. */
TEST(too_few_are_told)
{
    struct test_net *net = make(9, 50);
    struct test_node *who = &net->nodes[WHO];

    test_net_run(net, 5 * KAD_MINUTE);
    EXPECT(n_active(who) >= 5);
    who->n_warnings = 0;
    for (size_t i = 3; i < 9; i++)
        test_net_off(&net->nodes[i]);
    test_net_run(net, 2 * KAD_HOUR);
    EXPECT_EQ(n_active(who), 2);
    EXPECT_EQ(who->n_warnings, 1);
    EXPECT_EQ(who->warning, KAD_WARN_FEW_CONTACTS);
    test_net_free(net);
}

/* Who they are is part of what was, and is what it was when it is run again. */
TEST(they_are_recorded)
{
    struct test_net *net = make(24, 9);
    struct test_node *who = &net->nodes[WHO];
    struct test_tape tape = {0};
    struct kad_journal *journal;
    char why[TEST_TAPE_WHY] = "";

    test_net_run(net, 5 * KAD_MINUTE);
    EXPECT(n_active(who) > 0);
    journal = test_tape_begin(&tape, who->engine, KAD_SECOND, net->now);
    for (size_t i = 10; i < 20; i++)
        test_net_off(&net->nodes[i]);
    test_net_run(net, 70 * KAD_MINUTE);
    kad_journal_end(journal, net->now);
    EXPECT_MSG(test_tape_replay(&tape, NULL, why) == KAD_REPLAY_END, "%s", why);
    test_tape_clear(&tape);
    test_net_free(net);
}
