/* Long values between real nodes on loopback, and what a reader is told when a block is missing or forged (K39). */
#include "http/block_moves.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/endpoint.h"
#include "base/test.h"
#include "kad/identity.h"

#define NODES 4

static struct {
    uv_loop_t loop;
    uv_timer_t ticker;
    struct kad_node *nodes[NODES];
    unsigned n_ready, n_stopped;
    bool done;
    int error;
    char why[256];
    uint8_t *value;
    size_t n_value;
} net;

static void tick(uv_timer_t *timer)
{
    (void)timer; /* UV_RUN_ONCE is not to wait for ever */
}

static void on_node(void *context, const struct kad_event *event)
{
    (void)context;
    net.n_ready += event->kind == KAD_EVENT_READY;
}

static void on_stopped(void *context)
{
    (void)context;
    net.n_stopped++;
}

static void start(void)
{
    char first[KAD_ENDPOINT_TEXT], why[256];

    memset(&net, 0, sizeof net);
    EXPECT_EQ(kad_identity_start(), KAD_OK);
    EXPECT_EQ(uv_loop_init(&net.loop), 0);
    uv_timer_init(&net.loop, &net.ticker);
    uv_timer_start(&net.ticker, tick, 10, 10);
    for (unsigned i = 0; i < NODES; i++) {
        const uint8_t address[4] = {127, 0, 71, (uint8_t)(i + 1)};
        struct kad_node_config config;
        struct kad_endpoint at;

        kad_node_config_default(kad_network_kad_easy(), &config);
        config.loop = &net.loop;
        config.listen[0] = kad_endpoint_v4(address, 0);
        config.n_listen = 1;
        config.bootstrap[0] = first;
        config.n_bootstrap = i > 0;
        config.settings.min_contacts = 1;
        config.watch = KAD_WATCH_STATE;
        config.on_event = on_node;
        config.on_stopped = on_stopped;
        EXPECT_MSG(kad_node_new(&config, &net.nodes[i], why, sizeof why) == KAD_OK, "%s", why);
        EXPECT_EQ(kad_node_start(net.nodes[i]), KAD_OK);
        EXPECT_EQ(kad_node_listening(net.nodes[i], &at, 1), 1);
        if (i == 0)
            kad_endpoint_format(&at, first);
    }
    while (net.n_ready < NODES - 1)
        uv_run(&net.loop, UV_RUN_ONCE);
}

static void stop(void)
{
    for (unsigned i = 0; i < NODES; i++)
        kad_node_stop(net.nodes[i]);
    while (net.n_stopped < NODES)
        uv_run(&net.loop, UV_RUN_ONCE);
    for (unsigned i = 0; i < NODES; i++)
        kad_node_free(net.nodes[i]);
    uv_close((uv_handle_t *)&net.ticker, NULL);
    uv_run(&net.loop, UV_RUN_DEFAULT);
    EXPECT_EQ(uv_loop_close(&net.loop), 0);
    free(net.value);
}

static void on_moved(void *user, const struct kad_block_moved *moved)
{
    EXPECT(user == &net);
    EXPECT(!net.done);
    net.done = true;
    net.error = moved->error;
    memcpy(net.why, moved->why, sizeof net.why);
    free(net.value);
    net.n_value = moved->value.size;
    net.value = malloc(net.n_value + 1);
    if (net.n_value)
        memcpy(net.value, moved->value.data, net.n_value);
}

static void await(void)
{
    while (!net.done)
        uv_run(&net.loop, UV_RUN_ONCE);
}

static void put(const struct kad_blocks *blocks)
{
    const struct kad_request request = {.replicas = 0};
    struct kad_block_move *move;

    net.done = false;
    EXPECT_EQ(kad_block_put(net.nodes[0], blocks, &request, 0, on_moved, &net, &move), KAD_OK);
    await();
    EXPECT(move == NULL);
}

static void get(const struct kad_blocks *blocks)
{
    const struct kad_request request = {.timeout_ms = 5 * KAD_SECOND};
    struct kad_block_move *move;

    net.done = false;
    EXPECT_EQ(kad_block_get(net.nodes[NODES - 1], (struct kad_bytes){blocks->root, blocks->n_root}, &request,
                            on_moved, &net, &move),
              KAD_OK);
    await();
    EXPECT(move == NULL);
}

/* A value of so many bytes, cut for a name. Its bytes are the caller's. */
static struct kad_bytes make(size_t size, struct kad_blocks *out_blocks)
{
    struct kad_secure_name name;
    uint8_t *value = malloc(size);

    for (size_t i = 0; i < size; i++)
        value[i] = (uint8_t)(i * 7 + (i >> 8));
    EXPECT_EQ(kad_secure_parse("room:lobby", NULL, 0, &name), KAD_OK);
    EXPECT_EQ(kad_blocks_cut(&name, (struct kad_bytes){value, size}, out_blocks), KAD_OK);
    return (struct kad_bytes){value, size};
}

/* Takes block `index` out, so that the others can be put. */
static struct kad_block take_out(struct kad_blocks *blocks, size_t index)
{
    const struct kad_block block = blocks->blocks[index];

    memmove(&blocks->blocks[index], &blocks->blocks[index + 1], (--blocks->n - index) * sizeof block);
    return block;
}

TEST(a_long_value_comes_out_as_it_went_in)
{
    struct kad_blocks blocks;
    struct kad_bytes value;

    start();
    value = make(50000, &blocks);
    put(&blocks);
    EXPECT_MSG(net.error == KAD_OK, "%s", net.why);
    get(&blocks);
    EXPECT_MSG(net.error == KAD_OK, "%s", net.why);
    EXPECT_EQ(net.n_value, value.size);
    EXPECT_MEM(net.value, value.data, value.size);
    stop();
    kad_blocks_clear(&blocks);
    free((void *)(uintptr_t)value.data);
}

/* The reader is told which: of the value, and of the lists of hashes. */
TEST(a_missing_block_is_named)
{
    struct kad_blocks blocks;
    struct kad_bytes value;
    struct kad_block list;

    start();
    value = make(30000, &blocks); /* 38 blocks, and two of their hashes */
    EXPECT_EQ(blocks.n, 40);
    list = take_out(&blocks, 39);
    take_out(&blocks, 6);
    put(&blocks);
    EXPECT_MSG(net.error == KAD_OK, "%s", net.why);
    get(&blocks);
    EXPECT_EQ(net.error, KAD_E_NOT_FOUND);
    EXPECT_MSG(strncmp(net.why, "block 2 of 2 (a list of hashes; immutable:", 42) == 0, "%s", net.why);
    EXPECT(strstr(net.why, ") is missing") != NULL);

    blocks.blocks[0] = list;
    blocks.n = 1;
    put(&blocks);
    get(&blocks);
    EXPECT_EQ(net.error, KAD_E_NOT_FOUND);
    EXPECT_MSG(strncmp(net.why, "block 7 of 38 (from byte 4800 of the value; immutable:", 54) == 0, "%s",
               net.why);
    stop();
    kad_blocks_clear(&blocks);
    free((void *)(uintptr_t)value.data);
}

static void on_stored(void *user, const struct kad_event *event)
{
    if (event->kind == KAD_EVENT_DONE) {
        *(bool *)user = true;
        EXPECT_EQ(event->done.error, KAD_OK);
    }
}

/* Puts a record that holders cannot tell from the block's: of the same key, and rightly signed, which only who knows the root can
 * do; but it says something else. */
static void forge(const struct kad_block *block, size_t altered)
{
    uint8_t room[KAD_SECURE_VALUE_MAX], signer[32];
    struct kad_request request = {.kind = KAD_REQUEST_PUT};
    const kad_ms now = kad_node_now(net.nodes[1]);
    struct kad_secure_name name;
    const struct kad_secure_draft draft = {
        .name = &name, .value = {block->bytes, block->size}, .made_at = now};
    bool stored = false;

    kad_secure_content_name(draft.value, &name);
    EXPECT_EQ(kad_secure_make(&draft, room, &request.record), KAD_OK);
    room[altered] ^= 1;
    EXPECT_EQ(kad_secure_signer(&name, NULL, signer), KAD_OK);
    EXPECT_EQ(kad_secure_renew(&request.record, signer, now, now + KAD_HOUR), KAD_OK);
    request.target = request.record.key;
    EXPECT_EQ(kad_node_request(net.nodes[1], &request, on_stored, &stored, NULL), KAD_OK);
    while (!stored)
        uv_run(&net.loop, UV_RUN_ONCE);
}

/* Holders cannot look into what is sealed; readers do, and take nothing that is not what its hash says. */
TEST(a_forged_block_is_not_taken)
{
    struct kad_blocks blocks;
    struct kad_bytes value;
    struct kad_block block;

    start();
    value = make(5000, &blocks);
    block = take_out(&blocks, 3);
    put(&blocks);
    EXPECT_MSG(net.error == KAD_OK, "%s", net.why);
    forge(&block, 100);
    get(&blocks);
    EXPECT_EQ(net.error, KAD_E_CORRUPT);
    EXPECT_MSG(strncmp(net.why, "block 4 of 7 (from byte 2400 of the value; immutable:", 53) == 0, "%s",
               net.why);
    EXPECT(strstr(net.why, "is forged") != NULL);
    EXPECT_EQ(net.n_value, 0);
    stop();
    kad_blocks_clear(&blocks);
    free((void *)(uintptr_t)value.data);
}

/* Whoever asked may go, and the node may stop, with blocks on their way. */
TEST(what_is_called_off_ends_once)
{
    const struct kad_request request = {0};
    struct kad_block_move *move;
    struct kad_blocks blocks;
    struct kad_bytes value;

    start();
    value = make(50000, &blocks);
    EXPECT_EQ(kad_block_put(net.nodes[0], &blocks, &request, 0, on_moved, &net, &move), KAD_OK);
    EXPECT(move != NULL);
    kad_block_cancel(move);
    await();
    EXPECT_EQ(net.error, KAD_E_CLOSED);
    net.done = false;
    EXPECT_EQ(kad_block_put(net.nodes[0], &blocks, &request, 0, on_moved, &net, &move), KAD_OK);
    stop();
    EXPECT(net.done);
    EXPECT_EQ(net.error, KAD_E_CLOSED);
    kad_blocks_clear(&blocks);
    free((void *)(uintptr_t)value.data);
}
