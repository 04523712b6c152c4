#include "kad/engine.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/test.h"
#include "engine/test_net.h"

/* An allocator that fails once, at its n-th call, or from then on; and knows what is still out. */
struct failing {
    size_t n_calls, fail_at, in_use;
    bool for_ever;
};

static void *failing_resize(void *context, void *old, size_t old_size, size_t new_size)
{
    struct failing *failing = context;
    void *result;

    if (new_size && (failing->n_calls++ == failing->fail_at ||
                     (failing->for_ever && failing->n_calls > failing->fail_at)))
        return NULL;
    result = kad_allocator_system.resize(kad_allocator_system.context, old, old_size, new_size);
    if (result || !new_size)
        failing->in_use += new_size - old_size;
    return result;
}

static void ask_everything(struct test_node *node, const struct kad_record *record)
{
    const struct kad_request requests[] = {
        {.kind = KAD_REQUEST_PUT, .target = record->key, .record = *record, .keep = true},
        {.kind = KAD_REQUEST_GET, .target = record->key, .trace = true},
        {.kind = KAD_REQUEST_ANNOUNCE, .target.bytes = {1, 2}, .port = 99},
        {.kind = KAD_REQUEST_PEERS, .target.bytes = {1, 2}, .progress = true},
        {.kind = KAD_REQUEST_PEERS, .target.bytes = {1, 2}, .scrape = true},
        {.kind = KAD_REQUEST_SAMPLE, .target.bytes = {1, 2}},
        {.kind = KAD_REQUEST_PING, .endpoint = node->net->nodes[0].endpoint},
    };

    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        const size_t before = node->n_done;
        uint64_t id;

        if (kad_engine_request(node->engine, &requests[i], node->net->now, &id) != 0)
            continue;
        test_net_run(node->net, 40 * KAD_SECOND);
        EXPECT_EQ(node->n_done, before + 1);
    }
}

static size_t live_with(struct failing *failing)
{
    struct test_net *net = calloc(1, sizeof(*net));
    const struct kad_allocator allocator = {.resize = failing_resize, .context = failing};
    struct kad_engine_config config = {.network = kad_network_mainline(),
                                       .allocator = &allocator,
                                       .ipv4 = true,
                                       .seed = {3},
                                       .watch = KAD_WATCH_ALL};
    struct kad_record record = {.type = KAD_RECORD_IMMUTABLE, .value = {(const uint8_t *)"2:hi", 4}};
    struct test_node *node;

    kad_mainline_immutable_key(record.value, &record.key);
    test_net_init(net);
    test_net_grow(net, 10);
    config.settings = &net->settings;
    node = test_net_add(net, false);
    test_net_off(node);
    if (kad_engine_new(&config, net->now, &node->engine) == 0) {
        (void)!kad_engine_bootstrap(node->engine, &net->nodes[0].endpoint, net->now);
        test_net_run(net, 10 * KAD_SECOND);
        ask_everything(node, &record);
        test_net_off(node);
    } else {
        node->engine = NULL;
    }
    EXPECT_EQ(failing->in_use, 0);
    test_net_clear(net);
    free(net);
    return failing->n_calls;
}

/* SCORECARD row 16: each allocation of a node's life fails once, and then all from there on: nothing breaks, nothing leaks,
 * every request that was taken ends once. */
TEST(every_allocation_may_fail)
{
    struct failing failing = {.fail_at = SIZE_MAX};
    const size_t n_calls = live_with(&failing);

    EXPECT(n_calls > 50);
    for (size_t i = 0; i < n_calls; i += 1 + i / 40) {
        failing = (struct failing){.fail_at = i};
        live_with(&failing);
        failing = (struct failing){.fail_at = i, .for_ever = true};
        live_with(&failing);
    }
}
