/*
 * engine_fuzz - a whole engine under a stream of datagrams, time and requests.
 *
 * The input is a program: each step is an opcode and its bytes. So that answers reach deep, the engine's own queries are
 * remembered and a step may answer one of them, with a body the fuzzer writes. After each step every invariant must hold; in the
 * end each request must have ended exactly once, and all memory be given back.
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/endpoint.h"
#include "kad/engine.h"

#define ROOM     32
#define ASKED    16
#define REQUESTS 8

struct input {
    const uint8_t *at;
    size_t left;
};

struct asked { /* a query of the engine's that may be answered */
    struct kad_endpoint to;
    uint8_t transaction[4];
};

struct world {
    struct kad_engine *engine;
    struct kad_batch batch;
    kad_ms now;
    struct asked asked[ASKED];
    size_t n_asked, n_begun, n_done;
    size_t memory;
};

static void *counted_resize(void *context, void *old, size_t old_size, size_t new_size)
{
    struct world *world = context;

    world->memory += new_size - old_size;
    return kad_allocator_system.resize(kad_allocator_system.context, old, old_size, new_size);
}

static uint8_t take_byte(struct input *input)
{
    if (!input->left)
        return 0;
    input->left--;
    return *input->at++;
}

static struct kad_bytes take(struct input *input, size_t n)
{
    struct kad_bytes bytes = {input->at, n < input->left ? n : input->left};

    input->at += bytes.size;
    input->left -= bytes.size;
    return bytes;
}

static struct kad_endpoint peer_of(uint8_t n)
{
    if (n & 0x80)
        return kad_endpoint_v6((const uint8_t[16]){0x2a, 1, 2, 3, n & 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, n},
                               6881);
    return kad_endpoint_v4((const uint8_t[4]){20, n & 3, n & 15, n}, (uint16_t)(6881 + (n >> 5)));
}

static void settle(struct world *world)
{
    struct kad_event event;
    const char *why = "";

    for (unsigned i = 0; i < world->batch.n; i++) {
        const struct kad_bytes bytes = world->batch.datagrams[i].bytes;
        const uint8_t *t = memmem(bytes.data, bytes.size, "1:t4:", 5);

        if (t && memmem(bytes.data, bytes.size, "1:y1:q", 6)) {
            struct asked *asked = &world->asked[world->n_asked++ % ASKED];

            asked->to = world->batch.datagrams[i].peer;
            memcpy(asked->transaction, t + 5, 4);
        }
    }
    world->batch.n = 0;
    while (kad_engine_next_event(world->engine, &event))
        world->n_done += event.kind == KAD_EVENT_DONE;
    assert(world->n_done <= world->n_begun);
    if (!kad_engine_sound(world->engine, world->now, &why)) {
        fprintf(stderr, "unsound: %s\n", why);
        abort();
    }
}

static void receive(struct world *world, const struct kad_endpoint *from, const void *bytes, size_t n)
{
    uint8_t *exact = malloc(n ? n : 1); /* so that reading past its end is seen */

    memcpy(exact, bytes, n);
    kad_engine_datagram(world->engine, &(struct kad_datagram){.peer = *from, .bytes = {exact, n}}, world->now,
                        &world->batch);
    free(exact);
}

static void pass_time(struct world *world, kad_ms duration)
{
    world->now += duration;
    for (int i = 0; i < 24 && kad_engine_wake_at(world->engine) <= world->now; i++) {
        kad_engine_tick(world->engine, world->now, &world->batch);
        settle(world);
    }
}

static void answer(struct world *world, struct input *input)
{
    const struct asked *asked = &world->asked[take_byte(input) % ASKED];
    const uint8_t shape = take_byte(input);
    const struct kad_bytes id = take(input, 20), body = take(input, take_byte(input));
    char out[700];
    int n;

    if (id.size < 20)
        return;
    n = sprintf(out, "d1:rd2:id20:");
    memcpy(out + n, id.data, 20);
    n += 20;
    if (shape & 1) { /* contacts, six bytes of each chosen */
        const size_t n_nodes = body.size / 6 < 12 ? body.size / 6 : 12;

        n += sprintf(out + n, "5:nodes%zu:", n_nodes * 26);
        for (size_t i = 0; i < n_nodes; i++, n += 26) {
            const struct kad_endpoint peer = peer_of(body.data[i * 6] & 0x7f);

            memset(out + n, 0, 26);
            memcpy(out + n, body.data + i * 6 + 1, 5);
            memcpy(out + n + 20, peer.address, 4);
            out[n + 24] = (char)(peer.port >> 8);
            out[n + 25] = (char)peer.port;
        }
    }
    if (shape & 2)
        n += sprintf(out + n, "5:token4:tokn");
    if (shape & 4)
        n += sprintf(out + n, "6:valuesl6:%.6se", "\x14\x01\x02\x03\x1a\xe1");
    if (shape & 8)
        n += sprintf(out + n, "1:v5:hello");
    if (!(shape & 7) && body.size < 300) {
        memcpy(out + n, body.data, body.size);
        n += (int)body.size;
    }
    n += sprintf(out + n, "e1:t4:");
    memcpy(out + n, asked->transaction, 4);
    n += 4;
    n += sprintf(out + n, "1:y1:%ce", shape & 64 ? 'e' : 'r');
    receive(world, &asked->to, out, (size_t)n);
}

static void query(struct world *world, struct input *input)
{
    static const char *const methods[] = {"4:ping", "9:find_node", "9:get_peers",          "13:announce_peer",
                                          "3:get",  "3:put",       "17:sample_infohashes", "4:what"};
    const struct kad_endpoint from = peer_of(take_byte(input));
    const char *method = methods[take_byte(input) % 8];
    const struct kad_bytes extra = take(input, take_byte(input) % 128);
    char out[400];
    int n = sprintf(out, "d1:ad2:id20:aaaaaaaaaaaaaaaaaaaa");

    memcpy(out + n, extra.data, extra.size);
    n += (int)extra.size;
    n += sprintf(out + n, "e1:q%s1:t2:tt1:y1:qe", method);
    receive(world, &from, out, (size_t)n);
}

static void request(struct world *world, struct input *input)
{
    static const uint8_t value[] = "5:hello";
    const uint8_t what = take_byte(input), flags = take_byte(input);
    struct kad_request request = {
        .kind = (enum kad_request_kind)(what % 8),
        .trace = flags & 1,
        .progress = flags & 2,
        .keep = flags & 4,
        .first = flags & 8,
        .scrape = flags & 16,
        .port = flags & 32 ? 99 : 0,
        .timeout_ms = flags & 64 ? 500 : 0,
    };
    uint64_t id;

    request.target.bytes[0] = take_byte(input);
    if (request.kind == KAD_REQUEST_PUT || (request.kind == KAD_REQUEST_GET && flags & 1)) {
        request.record =
            (struct kad_record){.type = KAD_RECORD_IMMUTABLE, .value = {value, sizeof(value) - 1}};
        kad_mainline_immutable_key(request.record.value, &request.record.key);
        request.target = request.record.key;
        request.record.value = request.kind == KAD_REQUEST_PUT ? request.record.value : (struct kad_bytes){0};
    }
    if (flags & 128 || request.kind == KAD_REQUEST_PING)
        request.endpoint = peer_of(take_byte(input));
    world->n_begun += kad_engine_request(world->engine, &request, world->now, &id) == 0;
    if (what & 128)
        kad_engine_cancel(world->engine, world->n_begun, world->now);
}

static void contact(struct world *world, struct input *input)
{
    const uint8_t n = take_byte(input);
    struct kad_contact contact = {.endpoint = peer_of(n)};
    const struct kad_bytes id = take(input, 3);

    memcpy(contact.id.bytes, id.data, id.size);
    contact.id.bytes[19] = n;
    if (n & 16)
        (void)!kad_engine_bootstrap(world->engine, &contact.endpoint, world->now);
    else
        (void)!kad_engine_contact(world->engine, &contact, n & 32, world->now);
}

static void step(struct world *world, struct input *input)
{
    const uint8_t what = take_byte(input);

    switch (what % 8) {
    case 0:
        pass_time(world, (kad_ms)take_byte(input) * (what & 8 ? 100 : 1) * (what & 16 ? 60 : 1));
        return;
    case 1: {
        const struct kad_endpoint from = peer_of(take_byte(input));
        const struct kad_bytes bytes = take(input, take_byte(input));

        receive(world, &from, bytes.data, bytes.size);
        return;
    }
    case 2:
    case 3:
        answer(world, input);
        return;
    case 4:
        query(world, input);
        return;
    case 5:
        request(world, input);
        return;
    case 6:
        contact(world, input);
        return;
    default:
        kad_engine_unreachable(world->engine, &world->asked[what >> 3 & 15].to, world->now);
        return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct kad_datagram datagrams[ROOM];
    static uint8_t memory[ROOM * KAD_DATAGRAM_MAX];
    struct input input = {data, size};
    struct world world = {.now = 1000000, .batch = {.datagrams = datagrams, .memory = memory, .room = ROOM}};
    const struct kad_allocator allocator = {counted_resize, &world};
    struct kad_settings settings;
    struct kad_engine_config config = {
        .network = kad_network_mainline(),
        .settings = &settings,
        .allocator = &allocator,
        .seed = {5},
        .ipv4 = true,
        .ipv6 = size & 1,
        .watch = KAD_WATCH_ALL,
    };
    struct kad_event event;

    kad_settings_default(config.network, &settings);
    settings.limit_addresses = 16;
    settings.table_wide = 16;
    settings.max_requests = REQUESTS;
    settings.max_queries = 40;
    settings.max_publications = 4;
    settings.narrow_per_bucket = 3;
    if (kad_engine_new(&config, world.now, &world.engine) != 0)
        return 0;
    while (input.left) {
        step(&world, &input);
        settle(&world);
    }
    kad_engine_cancel_all(world.engine, world.now);
    while (kad_engine_next_event(world.engine, &event))
        world.n_done += event.kind == KAD_EVENT_DONE;
    assert(world.n_done == world.n_begun && "each request ends exactly once");
    kad_engine_free(world.engine);
    assert(world.memory == 0 && "all memory comes back");
    return 0;
}
