/* Whom the host lets in (I146, I153): into the table by reputation, to providing by a veto; and a recording needs no host. */
#include <stdlib.h>
#include <string.h>

#include "base/endpoint.h"
#include "base/test.h"
#include "base/types.h"
#include "core/peers.h"
#include "engine/engine_parts.h"
#include "engine/test_journal.h"
#include "engine/test_net.h"
#include "kad/secure.h"

#define NODES 8

static struct test_net *net;
static struct test_node *keeper; /* whose host is asked */
static unsigned reputations[TEST_NET_MAX];
static unsigned n_asked, n_records;
static struct kad_record last;

static size_t number_of(const struct kad_contact *who)
{
    size_t i = 0;

    while (i < net->n_nodes && !kad_endpoint_equal(&net->nodes[i].endpoint, &who->endpoint))
        i++;
    EXPECT(i < net->n_nodes);
    return i;
}

static unsigned reputation(void *context, const struct kad_contact *who, struct kad_bytes identity)
{
    const size_t number = number_of(who);

    EXPECT(context == reputations && identity.size == 32);
    EXPECT(!net->nodes[number].engine ||
           memcmp(identity.data, kad_engine_identity(net->nodes[number].engine), 32) == 0);
    n_asked++;
    return reputations[number];
}

/* An odd first byte of the key is what somebody has paid for. */
static bool provides(void *context, const struct kad_contact *from, struct kad_bytes identity,
                     const struct kad_record *record)
{
    EXPECT(context == reputations);
    EXPECT_MEM(identity.data, kad_engine_identity(net->nodes[number_of(from)].engine), 32);
    n_records++;
    last = *record;
    return record->key.bytes[0] & 1;
}

static const struct kad_gate gate = {reputation, provides, reputations};

/* A network that everybody may join, and then one whose host is asked. */
static void make(unsigned min_score)
{
    net = calloc(1, sizeof(*net));
    EXPECT(net);
    for (size_t i = 0; i < TEST_NET_MAX; i++)
        reputations[i] = 50;
    n_asked = n_records = 0;
    test_net_init_on(net, kad_network_kad_easy());
    test_net_grow(net, NODES);
    net->settings.min_score = min_score; /* lent to all: but those are in one another's tables */
    net->gate = &gate;
    keeper = test_net_add(net, false);
    net->gate = NULL;
}

static void unmake(void)
{
    test_net_clear(net);
    free(net);
}

static void look_around(void)
{
    for (unsigned i = 0; i < 8; i++) {
        const struct kad_request request = {.kind = KAD_REQUEST_CLOSEST,
                                            .target.bytes = {(uint8_t)(32 * i), 7}};

        (void)test_net_request(keeper, &request);
    }
}

static void join(void)
{
    EXPECT_EQ(kad_engine_bootstrap(keeper->engine, &net->nodes[0].endpoint, net->now), 0);
    test_net_run(net, KAD_MINUTE);
    look_around();
}

static bool has(const struct test_node *node, size_t number)
{
    struct kad_table_row rows[128];
    const size_t n = kad_engine_table(node->engine, KAD_IPV4, rows, 128);

    for (size_t i = 0; i < n; i++) {
        if (kad_endpoint_equal(&rows[i].contact.endpoint, &net->nodes[number].endpoint))
            return true;
    }
    return false;
}

static void set_min_score(unsigned min_score)
{
    static struct kad_settings changed;
    const char *field;

    changed = net->settings;
    changed.min_score = min_score;
    EXPECT_EQ(kad_engine_set_settings(keeper->engine, &changed, net->now, &field), 0);
}

/* I146: below the threshold nobody is inserted, however often it asks and answers; it is asked and answered all the same. */
TEST(below_the_threshold_nobody_is_inserted_I146)
{
    make(30);
    reputations[3] = 29;
    reputations[4] = 30;
    reputations[5] = 0;
    join();
    test_net_run(net, KAD_HOUR);
    EXPECT(!has(keeper, 3) && has(keeper, 4) && !has(keeper, 5) && has(keeper, 6));
    EXPECT(kad_engine_counters(keeper->engine)->table_unwelcome > 0);
    EXPECT(has(&net->nodes[3], NODES)); /* they have us, for what their hosts say is theirs */
    set_min_score(29);
    look_around();
    EXPECT(has(keeper, 3) && !has(keeper, 5));
    set_min_score(0); /* a veto needs no threshold */
    look_around();
    EXPECT(!has(keeper, 5));
    reputations[5] = 1;
    look_around();
    EXPECT(has(keeper, 5));
    unmake();
}

/* A host that is asked for nothing but who may come in is not asked about those who are in. */
TEST(who_is_in_is_not_asked_about)
{
    make(0);
    join();
    test_net_run(net, KAD_MINUTE);
    for (size_t i = 0; i < NODES; i++)
        EXPECT(has(keeper, i));
    n_asked = 0;
    reputations[2] = 0;
    look_around();
    test_net_run(net, KAD_HOUR);
    EXPECT_EQ(n_asked, 0);
    EXPECT(has(keeper, 2));
    unmake();
}

/* I146 without an oracle: the node's own score, which begins at 50 and falls with what somebody does. */
TEST(so_does_the_nodes_own_score_I146)
{
    struct kad_peer_row row = {.held = 25 * 1024, .rtt_ms = -1};
    enum kad_peer_state state;

    make(30);
    row.contact = (struct kad_contact){test_net_info(&net->nodes[3])->id, net->nodes[3].endpoint};
    row.heard_at = net->now;
    EXPECT_EQ(kad_engine_remember(keeper->engine, &row, net->now), 0);
    EXPECT(kad_engine_score(keeper->engine, &row.contact, net->now, &state) < 30);
    EXPECT_EQ(state, KAD_PEER_FINE); /* neither gray nor banned */
    join();
    EXPECT(!has(keeper, 3) && has(keeper, 4));
    set_min_score(20);
    look_around();
    EXPECT(has(keeper, 3));
    unmake();
}

/* A record of some content, provided by this node. */
static int provide(struct test_node *node, const char *text)
{
    struct kad_request put = {.kind = KAD_REQUEST_PUT};
    struct kad_secure_name name;
    uint8_t seed[32], entropy[32] = {1}, bytes[KAD_SECURE_VALUE_MAX];
    struct kad_secure_draft draft = {.name = &name,
                                     .value = {(const uint8_t *)"here", 4},
                                     .seed = seed,
                                     .entropy = entropy,
                                     .sequence = 1,
                                     .made_at = net->now};

    EXPECT_EQ(kad_secure_parse(text, NULL, 0, &name), 0);
    test_net_secret(node, seed);
    EXPECT_EQ(kad_secure_make(&draft, bytes, &put.record), 0);
    put.target = put.record.key;
    return test_net_request(node, &put);
}

/* I153: all but the keeper take it; the keeper says why it does not. */
TEST(a_veto_is_a_refusal_that_says_so_I153)
{
    const uint64_t *refused;
    unsigned n_odd = 0, n_even = 0;

    make(0);
    join();
    refused = &kad_engine_counters(keeper->engine)->refused[KAD_REFUSAL_POLICY];
    for (unsigned i = 0; i < 12; i++) {
        const uint64_t before = *refused;
        char text[32] = "provider:00f0";
        const struct kad_event *done = &net->nodes[1].last_done;

        text[12] = (char)('0' + i % 10);
        text[11] = i < 10 ? 'f' : 'e';
        n_records = 0;
        EXPECT_EQ(provide(&net->nodes[1], text), 0);
        EXPECT_EQ(n_records, 1);
        EXPECT(last.type == KAD_CLASS_PROVIDER);
        if (last.key.bytes[0] & 1) {
            EXPECT(*refused == before && done->done.n_refused == 0);
            EXPECT_EQ(done->done.n_stored, NODES + 1);
            n_odd++;
        } else {
            EXPECT(*refused == before + 1 && done->done.n_refused == 1);
            EXPECT_EQ(done->done.refusal, KAD_REFUSAL_POLICY);
            EXPECT_EQ(done->done.n_stored, NODES);
            n_even++;
        }
    }
    EXPECT(n_odd && n_even);
    EXPECT_STR(kad_refusal_text(KAD_REFUSAL_POLICY), "policy");
    n_records = 0;
    EXPECT_EQ(provide(&net->nodes[1], "room:lobby"), 0); /* no provider: nobody is asked */
    EXPECT_EQ(provide(keeper, "provider:00ff"), 0);      /* nor about what is the keeper's own */
    EXPECT_EQ(n_records, 0);
    unmake();
}

/* Its answers are in the recording. */
TEST(a_recording_needs_no_host)
{
    struct test_tape tape = {0};
    struct kad_journal *journal;
    struct kad_replay_stats stats;
    char why[TEST_TAPE_WHY] = "";

    make(30);
    reputations[3] = 10;
    test_net_run(net, KAD_SECOND);
    journal = test_tape_begin(&tape, keeper->engine, KAD_SECOND, net->now);
    join();
    (void)provide(&net->nodes[1], "provider:00f0");
    (void)provide(&net->nodes[1], "provider:00f1");
    reputations[3] = 60;
    look_around();
    EXPECT(has(keeper, 3));
    test_net_run(net, 2 * KAD_MINUTE);
    kad_journal_end(journal, net->now);
    EXPECT_MSG(test_tape_replay(&tape, &stats, why) == KAD_REPLAY_END, "%s", why);
    EXPECT_EQ(stats.n_inputs[KAD_JOURNAL_GATE], n_asked + n_records);
    EXPECT(n_asked >= NODES && n_records == 2);
    test_tape_clear(&tape);
    unmake();
}
