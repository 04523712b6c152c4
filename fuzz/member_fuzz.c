/*
 * member_fuzz - a member of kad's own network under a stream of messages whose senders are proven.
 *
 * Sessions are for other targets: here the host says who speaks (KAD_CARRIER_HOST), so that everything behind the proof is
 * reached. Messages are built out of the input and encoded, with tokens that were given and records that are signed, or spoilt; or
 * they are bytes. What the engine asks can be answered by whom it asked. Always: invariants hold, each request ends once, all memory
 * comes back; what is sent has a receiver and is no larger than it may be; nobody is in a table whose identity does not make
 * his id; and an address group of which nobody has spoken yet is sent no more packets than came naming it (SCORECARD, row 10),
 * nor is anybody told of one who has not.
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/endpoint.h"
#include "core/message.h"
#include "engine/network.h"
#include "kad/identity.h"
#include "kad/secure.h"
#include "wire/kad/kad.h"

#define ROOM     32
#define PEERS    24
#define ASKED    16
#define RECORDS  8
#define REQUESTS 8

struct asked { /* a query of the engine's that may be answered */
    unsigned peer;
    uint8_t transaction[KAD_WIRE_TRANSACTION];
};

struct world {
    struct kad_engine *engine;
    struct kad_batch batch;
    const uint8_t *at; /* input */
    size_t left;
    kad_ms now;
    struct asked asked[ASKED];
    size_t n_asked, n_begun, n_done;
    size_t memory;
    uint8_t token[KAD_WIRE_TOKEN_MAX]; /* the last one given */
    size_t n_token;
    unsigned token_peer;
    /* Each peer is an address group of its own. */
    unsigned named[PEERS], sent[PEERS]; /* datagrams that came from it or named it; queries that went there */
    bool chosen[PEERS];                 /* by our own host */
    bool answered[PEERS][2];            /* at each of its addresses */
};

/* Made once: they are the same in every run. */
static struct kad_identity identities[PEERS], own;
static struct kad_record records[RECORDS];
static uint8_t values[RECORDS][KAD_SECURE_VALUE_MAX];
static struct kad_network network;

static const char *const names[RECORDS] = {"room:a",    "room:a", "domain:d", "mutable:m",
                                           "listing:l", NULL,     NULL,       NULL};

static void make_records(void)
{
    char text[200], id[KAD_IDENTITY_TEXT];

    for (unsigned i = 0; i < RECORDS; i++) {
        struct kad_secure_name name;
        uint8_t entropy[32] = {(uint8_t)(i + 1)};
        struct kad_secure_draft draft = {.name = &name,
                                         .value = {(const uint8_t *)"value", 5},
                                         .seed = identities[i % 3].secret,
                                         .entropy = entropy,
                                         .sequence = 1 + i,
                                         .made_at = 1000000 - i,
                                         .withdrawn = i == 1};

        if (names[i])
            snprintf(text, sizeof(text), "%s", names[i]);
        else
            snprintf(text, sizeof(text), "%s:%s", i == 5 ? "peer" : "msg",
                     kad_identity_format(i == 5 ? identities[2].public_key : own.public_key, id));
        if (i == 1)
            draft.value.size = 0;
        if (kad_secure_parse(text, NULL, 0, &name) < 0 || kad_secure_make(&draft, values[i], &records[i]) < 0)
            abort();
    }
}

static void make_once(void)
{
    static bool made;
    uint8_t seed[32];

    if (made)
        return;
    made = true;
    if (kad_identity_start() < 0)
        abort();
    network = *kad_network_kad_easy();
    network.carrier = KAD_CARRIER_HOST;
    memset(seed, 200, sizeof(seed));
    kad_identity_from_seed(&own, seed);
    for (unsigned i = 0; i < PEERS; i++) {
        memset(seed, (int)i + 1, sizeof(seed));
        kad_identity_from_seed(&identities[i], seed);
    }
    make_records();
}

static void *counted_resize(void *context, void *old, size_t old_size, size_t new_size)
{
    struct world *world = context;

    world->memory += new_size - old_size;
    return kad_allocator_system.resize(kad_allocator_system.context, old, old_size, new_size);
}

static uint8_t take(struct world *world)
{
    if (!world->left)
        return 0;
    world->left--;
    return *world->at++;
}

/* Each peer may be met at two addresses. */
static struct kad_endpoint place_of(unsigned peer, bool other)
{
    return kad_endpoint_v4((const uint8_t[4]){20, (uint8_t)(peer & 3), (uint8_t)peer, (uint8_t)peer},
                           other ? 4243 : 4242);
}

static unsigned whose(struct kad_bytes identity)
{
    for (unsigned i = 0; i < PEERS; i++) {
        if (identity.size == 32 && memcmp(identity.data, identities[i].public_key, 32) == 0)
            return i;
    }
    return PEERS;
}

/* Which peer's address is it? PEERS: nobody's. */
static unsigned group_of(const struct kad_endpoint *endpoint)
{
    const unsigned peer = endpoint->address[2];
    const struct kad_endpoint place = place_of(peer, endpoint->port == 4243);

    return peer < PEERS && kad_endpoint_equal(&place, endpoint) ? peer : PEERS;
}

static void note_received(struct world *world, const struct kad_datagram *in)
{
    static struct kad_message message;
    const unsigned from = group_of(&in->peer);
    bool named[PEERS] = {false};

    named[from] = true;
    if (kad_wire_decode(in->bytes, KAD_IPV4, &message) == KAD_DECODED && message.kind != KAD_QUERY) {
        world->answered[from][in->peer.port == 4243] = true;
        for (size_t i = 0; i < message.n_contacts; i++) {
            const unsigned peer = group_of(&message.contacts[i].endpoint);

            if (peer < PEERS)
                named[peer] = true;
        }
    }
    for (unsigned i = 0; i < PEERS; i++)
        world->named[i] += named[i];
}

static void check_row_10(struct world *world, const struct kad_datagram *datagram,
                         const struct kad_message *message)
{
    const unsigned to = group_of(&datagram->peer);

    if (message->kind == KAD_QUERY && to < PEERS && !world->chosen[to] && !world->answered[to][0] &&
        !world->answered[to][1])
        assert(++world->sent[to] <= world->named[to] && "one packet for each that named it");
    for (size_t i = 0; message->kind == KAD_REPLY && i < message->n_contacts; i++) {
        const struct kad_endpoint *endpoint = &message->contacts[i].endpoint;
        const unsigned peer = group_of(endpoint);

        assert(peer < PEERS && (world->chosen[peer] || world->answered[peer][endpoint->port == 4243]) &&
               "only who has answered is named");
    }
}

static void look_at_sent(struct world *world, const struct kad_datagram *datagram)
{
    static struct kad_message message;
    const unsigned peer = whose(datagram->identity);

    assert(datagram->bytes.size > 0 && datagram->bytes.size <= KAD_DATAGRAM_MAX);
    assert(kad_wire_decode(datagram->bytes, KAD_IPV4, &message) == KAD_DECODED &&
           "what we send is understood");
    check_row_10(world, datagram, &message);
    if (message.kind == KAD_QUERY && peer < PEERS) {
        struct asked *asked = &world->asked[world->n_asked++ % ASKED];

        asked->peer = peer;
        memcpy(asked->transaction, message.transaction.data, sizeof(asked->transaction));
    }
    if (message.kind == KAD_REPLY && message.token.size) {
        memcpy(world->token, message.token.data, message.token.size);
        world->n_token = message.token.size;
        world->token_peer = peer;
    }
}

static void settle(struct world *world)
{
    struct kad_table_row rows[64];
    struct kad_event event;
    const char *why = "";
    size_t n;

    for (unsigned i = 0; i < world->batch.n; i++)
        look_at_sent(world, &world->batch.datagrams[i]);
    world->batch.n = 0;
    while (kad_engine_next_event(world->engine, &event))
        world->n_done += event.kind == KAD_EVENT_DONE;
    assert(world->n_done <= world->n_begun);
    n = kad_engine_table(world->engine, KAD_IPV4, rows, 64);
    for (size_t i = 0; i < n && i < 64; i++) {
        const struct kad_id id = kad_identity_id(rows[i].public_key);

        assert(memcmp(&id, &rows[i].contact.id, sizeof(id)) == 0);
    }
    if (!kad_engine_sound(world->engine, world->now, &why)) {
        fprintf(stderr, "unsound: %s\n", why);
        abort();
    }
}

static void receive(struct world *world, unsigned peer, bool elsewhere, const void *bytes, size_t n)
{
    uint8_t *exact = malloc(n ? n : 1); /* so that reading past its end is seen */
    const struct kad_datagram in = {
        .peer = place_of(peer, elsewhere),
        .bytes = {exact, n},
        .identity = {identities[peer].public_key, peer == PEERS - 1 ? 31 : 32}, /* one proves nothing */
    };

    if (n)
        memcpy(exact, bytes, n);
    note_received(world, &in);
    kad_engine_datagram(world->engine, &in, world->now, &world->batch);
    free(exact);
}

static struct kad_id target_of(struct world *world)
{
    const uint8_t what = take(world);
    struct kad_id id = records[what % RECORDS].key;

    if (what & 128)
        memset(id.bytes + 1, what, sizeof(id.bytes) - 1);
    return id;
}

/* One of the signed ones, mostly as it is. */
static struct kad_record record_of(struct world *world)
{
    const uint8_t what = take(world);
    struct kad_record record = records[what % RECORDS];

    if ((what >> 4) == 15)
        record.sequence++;
    if ((what >> 4) == 14)
        record.valid_until = record.made_at + (what & 1 ? KAD_HOUR : 400 * 24 * KAD_HOUR);
    if ((what >> 4) == 13)
        record.type = what & 7;
    if ((what >> 4) == 12)
        record.many = !record.many;
    return record;
}

static void fill(struct world *world, struct kad_message *message)
{
    const uint8_t flags = take(world);

    message->target = target_of(world);
    message->want_ipv4 = true;
    message->read_only = flags & 1;
    message->record_type = flags & 2 ? (uint8_t)(flags >> 4) : 0;
    message->wants_attest = flags & 4;
    if (flags & 8) {
        message->record = record_of(world);
        message->target = message->record.key;
    }
    message->token = (struct kad_bytes){world->token, flags & 16 ? world->n_token : 0};
    message->has_sequence = flags & 32;
    message->sequence = flags;
    message->has_cas = flags & 64;
    message->cas = flags & 3;
    if (flags & 128) {
        message->prefix_bits = take(world) % 17;
        message->from = take(world) % 5;
    }
}

static void query(struct world *world)
{
    static const enum kad_method methods[] = {KAD_PING, KAD_FIND_NODE, KAD_GET, KAD_PUT,
                                              KAD_TAKE, KAD_PUT,       KAD_GET, KAD_UNKNOWN};
    static struct kad_message message;
    const uint8_t what = take(world), from = take(world);
    const bool with_token = what & 16;
    uint8_t bytes[KAD_DATAGRAM_MAX];
    size_t n;

    kad_message_init(&message);
    message.kind = KAD_QUERY;
    message.method = methods[what % 8];
    message.transaction = (struct kad_bytes){(const uint8_t *)"abcd", 4};
    fill(world, &message);
    if (message.method == KAD_TAKE && what & 32) {
        message.records[0] = record_of(world);
        message.n_records = 1;
    }
    n = kad_wire_encode(&message, bytes, sizeof(bytes));
    receive(world, with_token && world->token_peer < PEERS ? world->token_peer : from % PEERS, from & 64,
            bytes, n);
}

static void answer(struct world *world)
{
    static struct kad_message message;
    const struct asked *asked = &world->asked[take(world) % ASKED];
    const uint8_t shape = take(world);
    uint8_t bytes[KAD_DATAGRAM_MAX];
    size_t n;

    kad_message_init(&message);
    message.kind = shape & 1 ? KAD_ERROR : KAD_REPLY;
    message.method = (enum kad_method)(shape >> 5);
    message.transaction = (struct kad_bytes){asked->transaction, sizeof(asked->transaction)};
    if (message.kind == KAD_ERROR) {
        message.refusal = (enum kad_refusal)(1 + take(world) % (KAD_N_REFUSALS - 1));
    } else {
        fill(world, &message);
        message.token = (struct kad_bytes){(const uint8_t *)"token", shape & 2 ? 5 : 0};
        message.your_address = place_of(take(world), false);
        message.n_contacts = shape & 4 ? take(world) % 12 : 0;
        for (unsigned i = 0; i < message.n_contacts; i++) {
            const uint8_t who = take(world);

            message.contacts[i].endpoint = place_of(who % PEERS, who & 64);
            message.contacts[i].id = kad_identity_id(identities[who % PEERS].public_key);
            message.identities[i] = (struct kad_bytes){identities[who % PEERS].public_key, 32};
        }
        message.n_records = shape & 8 ? 1 : 0;
        if (message.n_records)
            message.records[0] = record_of(world);
        message.has_attest = shape & 16;
        memset(&message.attest, 0, sizeof(message.attest));
        message.attest.kind = 1 + take(world) % 3;
        message.attest.at = world->now;
    }
    n = kad_wire_encode(&message, bytes, sizeof(bytes));
    receive(world, shape & 128 && shape & 64 ? take(world) % PEERS : asked->peer % PEERS, shape & 64, bytes,
            n);
}

static void request(struct world *world)
{
    static const enum kad_request_kind kinds[] = {KAD_REQUEST_PING, KAD_REQUEST_CLOSEST, KAD_REQUEST_FIND,
                                                  KAD_REQUEST_GET,  KAD_REQUEST_PUT,     KAD_REQUEST_TAKE,
                                                  KAD_REQUEST_GET,  KAD_REQUEST_PUT};
    const uint8_t what = take(world), flags = take(world);
    struct kad_request request = {
        .kind = kinds[what % 8],
        .trace = flags & 1,
        .progress = flags & 2,
        .keep = flags & 4,
        .first = flags & 8,
        .fresh = flags & 16,
        .timeout_ms = flags & 64 ? 500 : 0,
    };
    uint64_t id;

    request.target = target_of(world);
    if (request.kind == KAD_REQUEST_PUT) {
        request.record = record_of(world);
        request.target = request.record.key;
    }
    if (request.kind == KAD_REQUEST_PING) {
        request.endpoint = place_of(take(world) % PEERS, false);
        world->chosen[group_of(&request.endpoint)] = true;
    }
    world->n_begun += kad_engine_request(world->engine, &request, world->now, &id) == 0;
}

static void contact(struct world *world)
{
    const uint8_t n = take(world);
    const struct kad_endpoint at = place_of(n % PEERS, n & 64);
    const uint8_t *key = identities[take(world) % PEERS].public_key;

    world->chosen[n % PEERS] = true;
    if (n & 32)
        (void)!kad_engine_bootstrap_key(world->engine, &at, key, world->now);
    else
        (void)!kad_engine_contact_key(world->engine, &at, key, n & 128, world->now);
}

static void pass_time(struct world *world, kad_ms duration)
{
    world->now += duration;
    for (int i = 0; i < 24 && kad_engine_wake_at(world->engine) <= world->now; i++) {
        kad_engine_tick(world->engine, world->now, &world->batch);
        settle(world);
    }
}

static void step(struct world *world)
{
    const uint8_t what = take(world);
    size_t n;

    switch (what % 8) {
    case 0:
        pass_time(world, (kad_ms)take(world) * (what & 8 ? 100 : 1) * (what & 16 ? 600 : 1));
        return;
    case 1:
        n = take(world);
        n = n < world->left ? n : world->left;
        receive(world, what >> 4, false, world->at, n);
        world->at += n;
        world->left -= n;
        return;
    case 2:
    case 3:
        answer(world);
        return;
    case 4:
    case 5:
        query(world);
        return;
    case 6:
        request(world);
        return;
    default:
        contact(world);
        return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct kad_datagram datagrams[ROOM];
    static uint8_t memory[ROOM * KAD_DATAGRAM_MAX];
    struct world world = {.now = 1000000,
                          .at = data,
                          .left = size,
                          .token_peer = PEERS,
                          .batch = {.datagrams = datagrams, .memory = memory, .room = ROOM}};
    const struct kad_allocator allocator = {counted_resize, &world};
    struct kad_settings settings;
    struct kad_engine_config config = {
        .network = &network,
        .settings = &settings,
        .allocator = &allocator,
        .seed = {5},
        .has_secret = true,
        .ipv4 = true,
        .watch = KAD_WATCH_ALL,
    };
    struct kad_event event;

    make_once();
    kad_settings_default(config.network, &settings);
    settings.k = 4;
    settings.replicas = 4;
    settings.limit_addresses = 16;
    settings.table_wide = 8;
    settings.max_requests = REQUESTS;
    settings.max_queries = 40;
    settings.max_publications = 4;
    settings.narrow_per_bucket = 3;
    memcpy(config.secret, own.secret, sizeof(config.secret));
    if (kad_engine_new(&config, world.now, &world.engine) != 0)
        return 0;
    while (world.left) {
        step(&world);
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
