// timeout 900
/* SCORECARD row 16: each allocation of each scenario fails once, and then all from there on. Nothing breaks (test_net checks
 * every invariant after each event), nothing leaks, and every request that was taken ends once. */
#include "base/test.h"
#include "kad/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "core/id.h"
#include "engine/test_net.h"
#include "node/state.h"

#define NEIGHBOURS 6

/* An allocator that knows what is out, and refuses the fail_at-th call (1 is the first), or all from it on. */
struct failing {
    size_t n_calls, fail_at, in_use, n_refused;
    bool for_ever;
};

static void *failing_resize(void *context, void *old, size_t old_size, size_t new_size)
{
    struct failing *failing = context;
    void *result;

    if (new_size > old_size) {
        failing->n_calls++;
        if (failing->n_calls == failing->fail_at ||
            (failing->for_ever && failing->n_calls > failing->fail_at)) {
            failing->n_refused++;
            return NULL;
        }
    }
    result = kad_allocator_system.resize(kad_allocator_system.context, old, old_size, new_size);
    if (result || !new_size)
        failing->in_use += new_size - old_size;
    return result;
}

/* The last node of the net lives on the failing allocator; its neighbours do not. */
struct life {
    struct test_net net;
    struct test_node *node; /* NULL: it could not be made */
    struct kad_allocator allocator;
};

/* Asks, if it is taken, until it is done. */
static void ask(struct test_node *node, const struct kad_request *request)
{
    const size_t before = node->n_done;
    uint64_t id;

    if (kad_engine_request(node->engine, request, node->net->now, &id) != 0)
        return;
    for (int i = 0; i < 600 && node->n_done == before; i++)
        test_net_run(node->net, 100);
    EXPECT_EQ(node->n_done, before + 1);
    test_net_run(node->net, KAD_SECOND);
    EXPECT_EQ(node->n_done, before + 1);
}

static struct kad_record value(const char *bencoded)
{
    struct kad_record record = {.type = KAD_RECORD_IMMUTABLE,
                                .value = {(const uint8_t *)bencoded, strlen(bencoded)}};

    kad_mainline_immutable_key(record.value, &record.key);
    return record;
}

static struct kad_record signed_value(int64_t sequence)
{
    const uint8_t seed[32] = {9};
    struct kad_record record = {.type = KAD_RECORD_MUTABLE,
                                .value = {(const uint8_t *)"6:signed", 8},
                                .salt = {(const uint8_t *)"salt", 4},
                                .sequence = sequence};

    EXPECT_EQ(kad_mainline_sign(&record, seed), 0);
    return record;
}

static struct kad_request put_of(struct kad_record record)
{
    return (struct kad_request){.kind = KAD_REQUEST_PUT, .target = record.key, .record = record};
}

static struct kad_request get_of(struct kad_record record)
{
    return (struct kad_request){
        .kind = KAD_REQUEST_GET, .target = record.key, .record.salt = record.salt, .trace = true};
}

/* -- scenarios: what the node does once it is there --------------------------------------------------------------- */

static void join(struct life *life)
{
    test_net_run(&life->net, 5 * KAD_SECOND);
}

static void look_up(struct life *life)
{
    const struct kad_id *id = &test_net_info(&life->net.nodes[2])->id;
    const struct kad_request requests[] = {
        {.kind = KAD_REQUEST_PING, .endpoint = life->net.nodes[0].endpoint},
        {.kind = KAD_REQUEST_CLOSEST, .target.bytes = {7}, .trace = true},
        {.kind = KAD_REQUEST_CLOSEST, .target.bytes = {7}, .endpoint = life->net.nodes[1].endpoint},
        {.kind = KAD_REQUEST_FIND, .target = *id},
        {.kind = KAD_REQUEST_SAMPLE, .target.bytes = {7}},
    };

    join(life);
    for (size_t i = 0; i < KAD_COUNT_OF(requests); i++)
        ask(life->node, &requests[i]);
}

static void put_and_get(struct life *life)
{
    struct kad_request put = put_of(value("3:put")), get = get_of(put.record);

    join(life);
    ask(life->node, &put);
    ask(life->node, &get);
    get.first = true;
    ask(life->node, &get);
    put = put_of(signed_value(1));
    ask(life->node, &put);
    put = put_of(signed_value(2));
    put.has_cas = true;
    put.cas = 1;
    ask(life->node, &put);
    get = get_of(put.record);
    ask(life->node, &get);
}

static void announce_and_find(struct life *life)
{
    struct kad_request announce = {.kind = KAD_REQUEST_ANNOUNCE, .target.bytes = {1, 2}, .port = 99};
    struct kad_request peers = {.kind = KAD_REQUEST_PEERS, .target.bytes = {1, 2}, .progress = true};

    join(life);
    ask(life->node, &announce);
    announce.seed = true;
    ask(&life->net.nodes[1], &announce);
    ask(life->node, &peers);
    peers.scrape = true;
    ask(life->node, &peers);
}

/* What others ask of it: it holds values and peers, serves, samples, and forgets. */
static void serve(struct life *life)
{
    struct test_node *other = &life->net.nodes[1];
    const struct kad_request requests[] = {
        put_of(value("5:other")),
        get_of(value("5:other")),
        put_of(signed_value(5)),
        {.kind = KAD_REQUEST_ANNOUNCE, .target.bytes = {3}, .port = 1},
        {.kind = KAD_REQUEST_PEERS, .target.bytes = {3}},
        {.kind = KAD_REQUEST_PEERS, .target.bytes = {3}, .scrape = true},
        {.kind = KAD_REQUEST_SAMPLE, .target.bytes = {3}, .endpoint = life->node->endpoint},
    };

    join(life);
    for (size_t i = 0; i < KAD_COUNT_OF(requests); i++)
        ask(other, &requests[i]);
    test_net_run(&life->net, life->net.settings.record_ttl_ms + KAD_MINUTE);
}

/* Published again and again, withdrawn, and cut off in the middle. */
static void publish(struct life *life)
{
    struct kad_request put = put_of(value("7:publish")), late = put_of(value("4:late"));
    struct kad_request announce = {
        .kind = KAD_REQUEST_ANNOUNCE, .target.bytes = {5}, .port = 9, .keep = true};
    uint64_t id;

    join(life);
    put.keep = true;
    ask(life->node, &put);
    ask(life->node, &announce);
    test_net_run(&life->net, 2 * life->net.settings.put_again_ms);
    kad_engine_withdraw(life->node->engine, &put.target);
    if (kad_engine_request(life->node->engine, &late, life->net.now, &id) == 0)
        test_net_run(&life->net, 5);
    kad_engine_cancel_all(life->node->engine, life->net.now);
    test_net_run(&life->net, KAD_SECOND);
}

/* Contacts fall silent, others come; one is told unreachable. */
static void churn(struct life *life)
{
    struct test_node *joined;

    join(life);
    test_net_off(&life->net.nodes[1]);
    test_net_off(&life->net.nodes[2]);
    kad_engine_unreachable(life->node->engine, &life->net.nodes[2].endpoint, life->net.now);
    for (int i = 0; i < 3; i++) {
        joined = test_net_add(&life->net, false);
        EXPECT_EQ(kad_engine_bootstrap(joined->engine, &life->node->endpoint, life->net.now), 0);
        test_net_run(&life->net, 2 * KAD_SECOND);
    }
    test_net_run(&life->net, 5 * KAD_MINUTE);
}

/* -- the sweep ---------------------------------------------------------------------------------------------------- */

static void make_node(struct life *life, struct failing *failing)
{
    const struct kad_contact saved = {.id = test_net_info(&life->net.nodes[1])->id,
                                      .endpoint = life->net.nodes[1].endpoint};
    struct kad_engine_config config = {.network = kad_network_mainline(),
                                       .settings = &life->net.settings,
                                       .allocator = &life->allocator,
                                       .ipv4 = true,
                                       .seed = {3},
                                       .watch = KAD_WATCH_ALL};

    life->allocator = (struct kad_allocator){failing_resize, failing};
    life->node = test_net_add(&life->net, false);
    test_net_off(life->node);
    config.address = life->node->endpoint;
    if (kad_engine_new(&config, life->net.now, &life->node->engine) != 0) {
        life->node->engine = NULL;
        life->node = NULL;
        return;
    }
    (void)!kad_engine_contact(life->node->engine, &saved, false, life->net.now);
    (void)!kad_engine_bootstrap(life->node->engine, &life->net.nodes[0].endpoint, life->net.now);
}

static void live(void (*scenario)(struct life *life), struct failing *failing)
{
    struct life *life = calloc(1, sizeof(*life));

    test_net_init(&life->net);
    /* Lives short enough to see their end. */
    life->net.settings.record_ttl_ms = life->net.settings.peer_ttl_ms = 2 * KAD_MINUTE;
    life->net.settings.put_again_ms = life->net.settings.announce_again_ms = KAD_MINUTE;
    while (life->net.n_nodes < NEIGHBOURS) {
        struct test_node *node = test_net_add(&life->net, false);

        EXPECT(node == life->net.nodes ||
               kad_engine_bootstrap(node->engine, &life->net.nodes[0].endpoint, life->net.now) == 0);
        test_net_run(&life->net, 300);
    }
    test_net_run(&life->net, 2 * KAD_SECOND);
    make_node(life, failing);
    if (life->node) {
        scenario(life);
        test_net_off(life->node);
    }
    EXPECT_MSG(failing->in_use == 0, "allocation %zu%s: %zu bytes leaked", failing->fail_at,
               failing->for_ever ? " and all from there" : "", failing->in_use);
    test_net_clear(&life->net);
    free(life);
}

/* Until no allocation is left to fail. */
static void sweep(void (*scenario)(struct life *life), bool for_ever)
{
    struct failing failing;

    for (size_t at = 1;; at++) {
        failing = (struct failing){.fail_at = at, .for_ever = for_ever};
        live(scenario, &failing);
        if (failing.n_refused == 0)
            break;
    }
    EXPECT(failing.n_calls > 20);
}

#define SWEEP(scenario)                                     \
    TEST(every_allocation_may_fail_in_##scenario)           \
    {                                                       \
        sweep(scenario, false);                             \
    }                                                       \
    TEST(all_may_fail_from_any_allocation_on_in_##scenario) \
    {                                                       \
        sweep(scenario, true);                              \
    }

SWEEP(join)
SWEEP(look_up)
SWEEP(put_and_get)
SWEEP(announce_and_find)
SWEEP(serve)
SWEEP(publish)
SWEEP(churn)

/* -- the saved state ---------------------------------------------------------------------------------------------- */

static size_t encode_some(uint8_t *bytes, size_t room)
{
    struct kad_state *state = calloc(1, sizeof(*state));
    char text[16];
    size_t size;

    kad_state_init(state, &kad_allocator_system);
    for (unsigned i = 0; i < 20; i++) {
        struct kad_request request;
        struct kad_kept kept;

        snprintf(text, sizeof(text), "4:no%02u", i);
        request = put_of(value(text));
        request.keep = true;
        EXPECT_EQ(kad_kept_copy(&kad_allocator_system, &request, &kept), 0);
        EXPECT_EQ(kad_kept_add(&state->kept, &kept), 0);
    }
    size = kad_state_encode(state, bytes, room);
    EXPECT(size <= room);
    kad_state_clear(state);
    free(state);
    return size;
}

TEST(every_allocation_may_fail_in_reading_a_state)
{
    static uint8_t bytes[8192];
    const size_t size = encode_some(bytes, sizeof(bytes));
    struct kad_state *state = calloc(1, sizeof(*state));
    size_t at = 0;
    int error;

    do {
        struct failing failing = {.fail_at = ++at};
        const struct kad_allocator allocator = {failing_resize, &failing};

        kad_state_init(state, &allocator);
        error = kad_state_decode(state, (struct kad_bytes){bytes, size});
        EXPECT_EQ(error, failing.n_refused ? KAD_E_MEMORY : 0);
        EXPECT_EQ(state->kept.n, error ? 0 : 20); /* all of it or nothing */
        kad_state_clear(state);
        EXPECT_EQ(failing.in_use, 0);
    } while (error);
    EXPECT(at > 20);
    free(state);
}
