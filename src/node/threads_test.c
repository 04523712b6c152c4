// threads
// timeout 600
/*
 * What several threads may do to nodes at once, for ThreadSanitizer to look at (ctest label `threads`), and for the
 * promise that what was accepted happens once.
 */
#include "kad/testnet.h"

#include <string.h>
#include <uv.h>

#include "base/test.h"

#define N_THREADS 6
#define N_ROUNDS  150

/* What a thread asked for and what came of it. Counted on the loop's thread; read when that has ended. */
struct tally {
    unsigned n_posted, n_called;               /* the asking thread's */
    unsigned n_done, n_cancelled, n_functions; /* the loop's */
    unsigned n_looks;
};

struct hand {
    struct kad_testnet *net;
    struct kad_node *node;
    unsigned number;
    struct tally tally;
};

static void on_done(void *user, const struct kad_event *event)
{
    struct tally *tally = user;

    if (event->kind != KAD_EVENT_DONE)
        return;
    tally->n_done++;
    tally->n_cancelled += event->done.reason == KAD_REASON_CANCELLED;
}

/* On the loop's thread the whole of the node may be used. */
static void look_around(struct kad_node *node, void *user)
{
    struct tally *tally = user;
    struct kad_table_row rows[8];
    struct kad_info info;

    kad_engine_info(kad_node_engine(node), &info);
    kad_engine_table(kad_node_engine(node), KAD_IPV4, rows, 8);
    EXPECT_EQ(kad_node_info(node, &info, NULL), KAD_OK); /* waiting for oneself would never end */
    tally->n_functions++;
}

static void post(struct hand *hand, unsigned round)
{
    struct kad_request request = {.kind = round % 3 ? KAD_REQUEST_GET : KAD_REQUEST_ANNOUNCE, .port = 1};

    request.target.bytes[0] = (uint8_t)(round * 37);
    request.target.bytes[1] = (uint8_t)hand->number;
    request.keep = request.kind == KAD_REQUEST_ANNOUNCE;
    if (kad_node_post(hand->node, &request, on_done, &hand->tally) == KAD_OK)
        hand->tally.n_posted++;
    if (round % 7 == 6)
        (void)!kad_node_post_cancel(hand->node, &hand->tally);
    if (round % 5 == 4)
        (void)!kad_node_post_withdraw(hand->node, &request.target);
}

static void ask_and_look(void *context)
{
    struct hand *hand = context;

    for (unsigned round = 0; round < N_ROUNDS; round++) {
        struct kad_info info;
        struct kad_counters counters;

        post(hand, round);
        hand->tally.n_called += kad_node_call(hand->node, look_around, &hand->tally) == KAD_OK;
        if (round % 10 == 0 && kad_node_info(hand->node, &info, &counters) == KAD_OK) {
            hand->tally.n_looks++;
            EXPECT(info.id_bits == 160 && counters.datagrams_out > 0);
        }
        if (round % 16 == 0)
            hand->tally.n_called += kad_node_call_wait(hand->node, look_around, &hand->tally) == KAD_OK;
    }
}

static void start_hands(struct kad_testnet *net, struct hand hands[N_THREADS], uv_thread_t threads[N_THREADS])
{
    memset(hands, 0, N_THREADS * sizeof(*hands));
    for (unsigned i = 0; i < N_THREADS; i++) {
        hands[i].net = net;
        hands[i].node = kad_testnet_node(net, i % 2);
        hands[i].number = i;
        EXPECT_EQ(uv_thread_create(&threads[i], ask_and_look, &hands[i]), 0);
    }
}

static void expect_each_once(const struct hand *hand)
{
    EXPECT_EQ(hand->tally.n_done, hand->tally.n_posted);
    EXPECT_EQ(hand->tally.n_functions, hand->tally.n_called);
}

/* Six threads post, cancel, withdraw, call and look while the nodes serve each other. */
TEST(any_thread_may_ask_cancel_call_and_look)
{
    struct kad_testnet *net;
    struct hand hands[N_THREADS];
    uv_thread_t threads[N_THREADS];
    char why[256];

    EXPECT_MSG(kad_testnet_new(4, &net, why, sizeof(why)) == KAD_OK, "%s", why);
    start_hands(net, hands, threads);
    for (int i = 0; i < N_THREADS; i++)
        uv_thread_join(&threads[i]);
    kad_testnet_free(net);
    for (int i = 0; i < N_THREADS; i++) {
        expect_each_once(&hands[i]);
        EXPECT(hands[i].tally.n_posted > 0 && hands[i].tally.n_looks > 0);
        EXPECT(hands[i].tally.n_cancelled > 0);
    }
}

/* A node that stops in the middle of it all: what it accepted still happens, and the rest is refused. */
TEST(stopping_under_load_forgets_nobody)
{
    struct kad_testnet *net;
    struct hand hands[N_THREADS];
    uv_thread_t threads[N_THREADS];
    struct kad_info info;
    char why[256];

    EXPECT_MSG(kad_testnet_new(4, &net, why, sizeof(why)) == KAD_OK, "%s", why);
    start_hands(net, hands, threads);
    EXPECT_EQ(kad_node_info(kad_testnet_node(net, 0), &info, NULL), KAD_OK);
    kad_node_stop(kad_testnet_node(net, 0));
    kad_node_stop(kad_testnet_node(net, 1));
    for (int i = 0; i < N_THREADS; i++)
        uv_thread_join(&threads[i]);
    /* Stopping is asked for, not waited for: soon there is nobody to ask. */
    while (kad_node_info(kad_testnet_node(net, 0), &info, NULL) == KAD_OK)
        uv_sleep(1);
    EXPECT_EQ(kad_node_info(kad_testnet_node(net, 0), &info, NULL), KAD_E_CLOSED);
    EXPECT_EQ(kad_node_call(kad_testnet_node(net, 1), look_around, &hands[0].tally), KAD_E_CLOSED);
    kad_testnet_free(net);
    for (int i = 0; i < N_THREADS; i++)
        expect_each_once(&hands[i]);
}

static void call_again(struct kad_node *node, void *user)
{
    unsigned *n = user;

    ++*n;
    (void)!kad_node_call(node, call_again, user);
}

/* A function that posts itself again and again has turns of the loop, not the loop. */
TEST(a_mailbox_that_never_empties_starves_nobody)
{
    struct kad_testnet *net;
    unsigned n = 0;
    char why[256];
    struct kad_info info;

    EXPECT_MSG(kad_testnet_new(2, &net, why, sizeof(why)) == KAD_OK, "%s", why);
    EXPECT_EQ(kad_node_call(kad_testnet_node(net, 0), call_again, &n), KAD_OK);
    for (int i = 0; i < 20; i++)
        EXPECT_EQ(kad_node_info(kad_testnet_node(net, 1), &info, NULL), KAD_OK); /* on the same loop */
    kad_testnet_free(net);
    EXPECT(n > 0);
}
