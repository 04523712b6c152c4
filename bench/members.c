/*
 * members - what an answer costs inside the engine when it travels in a session, beside the same engine speaking KRPC.
 *
 *     members [ROUNDS [NETWORK [QUERY]]]     a line per query: nanoseconds per answer, best and median of ROUNDS; and handshakes
 *
 * No sockets, no kernel. Clients are bare channels whose datagrams were sealed before the clock is looked at: what is measured is
 * one node that opens, serves and seals. Mainline is given the same k, so that both name as many contacts.
 */
#include "channel/channel.h"
#include "core/message.h"
#include "engine/network.h"
#include "kad/engine.h"
#include "kad/identity.h"
#include "wire/codec.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    CLIENTS = 64,
    CONTACTS = 1500,
    ASKED = 8192, /* datagrams of a round */
    BATCH = CLIENTS,
    SLOT = 1400,
    ROUNDS_MAX = 99,
};

struct client {
    struct kad_channel *channel;
    struct kad_endpoint endpoint;
    struct kad_id id;
};

struct bench {
    const char *only; /* this query; NULL: all */
    const struct kad_network *network;
    struct kad_settings settings;
    struct kad_engine *engine;
    struct kad_endpoint endpoint;
    struct kad_batch out;
    struct kad_datagram datagrams[BATCH];
    uint8_t memory[BATCH * KAD_DATAGRAM_MAX];
    struct client clients[CLIENTS];
    uint8_t asked[CLIENTS][SLOT];
    size_t sizes[CLIENTS];
    uint32_t counter;
    kad_ms now;
};

static struct kad_endpoint endpoint(uint32_t number)
{
    struct kad_endpoint at = {.family = KAD_IPV4, .port = 4242};
    const uint8_t address[4] = {127, (uint8_t)(64 + number % 64), (uint8_t)(number / 64 >> 8),
                                (uint8_t)(number / 64)};

    memcpy(at.address, address, sizeof address);
    return at;
}

static void number_bytes(uint8_t out[32], uint32_t number)
{
    memset(out, 0, 32);
    for (int i = 0; i < 32; i++)
        out[i] = (uint8_t)((number * 2654435761u + (uint32_t)i * 40503u) >> 11);
    memcpy(out, &number, sizeof number);
}

static void add_contacts(struct bench *bench)
{
    for (uint32_t i = 0; i < CONTACTS; i++) {
        const struct kad_endpoint at = endpoint(1000 + i);
        struct kad_identity identity;
        struct kad_contact contact = {.endpoint = at};
        uint8_t seed[32];
        int error;

        number_bytes(seed, 5000 + i);
        if (bench->network->rules.identity_size) {
            kad_identity_from_seed(&identity, seed);
            error = kad_engine_contact_key(bench->engine, &at, identity.public_key, true, bench->now);
        } else {
            memcpy(contact.id.bytes, seed, 20);
            contact.id.bytes[0] = (uint8_t)(i * 37);
            error = kad_engine_contact(bench->engine, &contact, true, bench->now);
        }
        if (error)
            errx(1, "contact refused: %s", kad_error_text(error));
    }
}

static void start(struct bench *bench, const struct kad_network *network)
{
    struct kad_engine_config config = {.network = network, .settings = &bench->settings, .ipv4 = true};

    const char *only = bench->only;

    memset(bench, 0, sizeof *bench);
    bench->only = only;
    bench->network = network;
    bench->now = 1000000;
    bench->endpoint = endpoint(999);
    kad_settings_default(network, &bench->settings);
    bench->settings.k = 20;
    bench->settings.cookie_per_s = bench->settings.work_per_s = 1000000;
    memset(config.seed, 7, sizeof config.seed);
    memset(config.secret, 8, sizeof config.secret);
    config.has_secret = network->rules.identity_size > 0;
    if (kad_engine_new(&config, bench->now, &bench->engine) < 0)
        errx(1, "no engine");
    bench->out = (struct kad_batch){.datagrams = bench->datagrams, .memory = bench->memory, .room = BATCH};
    add_contacts(bench);
}

static size_t write_query(struct bench *bench, const struct client *client, enum kad_method method,
                          uint8_t *bytes, size_t room)
{
    static struct kad_message message;
    uint8_t transaction[4];

    kad_message_init(&message);
    memcpy(transaction, &bench->counter, 4);
    message.kind = KAD_QUERY;
    message.method = method;
    message.transaction = (struct kad_bytes){transaction, 4};
    message.sender = client->id;
    message.has_sender = true;
    message.read_only = true; /* nobody is asked back: answers alone are measured */
    message.want_ipv4 = true;
    number_bytes(message.target.bytes, ++bench->counter);
    if (bench->network->rules.id_bits == 160)
        memset(message.target.bytes + 20, 0, 12);
    return bench->network->codec->encode(&message, bytes, room);
}

/* -- sessions --------------------------------------------------------------------------------------------------- */

static void make_client(struct bench *bench, uint32_t i)
{
    struct client *client = &bench->clients[i];
    struct kad_channel_config config = {
        .allocator = &kad_allocator_system,
        .suite = bench->network->suite,
        .network = bench->network->realm,
        .max_sessions = 64,
        .max_waiting = 16,
        .waiting_ms = 10000,
        .rekey_after_ms = 3600000,
        .cookie_per_s = 1000,
        .work_per_s = 1000,
        .work_bits_max = 16,
    };

    kad_channel_free(client->channel);
    client->endpoint = endpoint(i);
    number_bytes(config.secret, i + 1);
    number_bytes(config.seed, i + 100000 + bench->counter);
    if (kad_channel_new(&config, bench->now, &client->channel) < 0)
        errx(1, "no channel");
    client->id = kad_identity_id(kad_channel_key(client->channel));
}

static size_t seal(struct bench *bench, const struct client *client, enum kad_method method, uint8_t *bytes)
{
    const struct kad_channel_to to = {.key = kad_engine_identity(bench->engine), .endpoint = bench->endpoint};
    const struct kad_channel_plan plan =
        kad_channel_plan(client->channel, &to, method == KAD_PING ? 128 : KAD_CHANNEL_DATAGRAM, bench->now);
    bool failed = false;
    const size_t n = write_query(bench, client, method, bytes + plan.head, plan.room);

    return n ? kad_channel_seal(client->channel, &plan, &to, bytes, n, bench->now, &failed) : 0;
}

static void deliver(struct bench *bench, const struct kad_endpoint *from, const uint8_t *bytes, size_t size)
{
    const struct kad_datagram in = {.peer = *from, .bytes = {bytes, size}};

    kad_engine_datagram(bench->engine, &in, bench->now, &bench->out);
}

/* What the node just wrote goes to the clients. */
static void answer_all(struct bench *bench)
{
    static struct kad_datagram datagrams[8];
    static uint8_t memory[8 * KAD_DATAGRAM_MAX];
    struct kad_batch back = {.datagrams = datagrams, .memory = memory, .room = 8};

    for (unsigned i = 0; i < bench->out.n; i++) {
        struct kad_datagram in = bench->datagrams[i];

        for (uint32_t j = 0; j < CLIENTS; j++) {
            if (memcmp(&bench->clients[j].endpoint, &in.peer, sizeof in.peer) != 0)
                continue;
            in.peer = bench->endpoint;
            kad_channel_receive(bench->clients[j].channel, &in, bench->now, &back);
            break;
        }
    }
    bench->out.n = 0;
}

static void connect_all(struct bench *bench)
{
    uint8_t bytes[SLOT];

    for (uint32_t i = 0; i < CLIENTS; i++) {
        make_client(bench, i);
        for (int j = 0; j < 3; j++) {
            const size_t n = seal(bench, &bench->clients[i], KAD_PING, bytes);

            deliver(bench, &bench->clients[i].endpoint, bytes, n);
            answer_all(bench);
        }
    }
}

/* -- measuring -------------------------------------------------------------------------------------------------- */

static int64_t cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static int64_t round_ns(struct bench *bench, enum kad_method method, bool handshakes, unsigned *out_answers)
{
    const bool sessions = bench->network->carrier == KAD_CARRIER_SESSIONS;
    const uint32_t n_asked = handshakes ? ASKED / 16 : ASKED;
    int64_t took = 0;

    bench->now += 1000;
    *out_answers = 0;
    for (uint32_t first = 0; first < n_asked; first += CLIENTS) {
        int64_t began;

        bench->now++; /* each first message is later than the last */
        for (uint32_t i = 0; i < CLIENTS; i++) {
            struct client *client = &bench->clients[i];

            if (handshakes)
                make_client(bench, i);
            bench->sizes[i] = sessions ? seal(bench, client, method, bench->asked[i])
                                       : write_query(bench, client, method, bench->asked[i], SLOT);
        }
        began = cpu_ns();
        for (uint32_t i = 0; i < CLIENTS; i++)
            deliver(bench, &bench->clients[i].endpoint, bench->asked[i], bench->sizes[i]);
        took += cpu_ns() - began;
        *out_answers += bench->out.n;
        if (sessions)
            answer_all(bench);
        bench->out.n = 0;
    }
    return took / n_asked;
}

static void measure(struct bench *bench, const char *name, enum kad_method method, bool handshakes, int n_rounds)
{
    int64_t rounds[ROUNDS_MAX];
    unsigned n_answers = 0;

    if (bench->only && strcmp(bench->only, name) != 0)
        return;
    round_ns(bench, method, handshakes, &n_answers);
    for (int i = 0; i < n_rounds; i++)
        rounds[i] = round_ns(bench, method, handshakes, &n_answers);
    qsort(rounds, (size_t)n_rounds, sizeof *rounds, by_value);
    printf("%-10s %-12s best %6lld median %6lld ns, %u of %d answered\n", kad_network_name(bench->network), name,
           (long long)rounds[0], (long long)rounds[n_rounds / 2], n_answers, handshakes ? ASKED / 16 : ASKED);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static struct bench bench;
    const int n_rounds = argc > 1 ? atoi(argv[1]) : 9;
    const struct kad_network *const networks[] = {kad_network_mainline(), kad_network_kad_easy(),
                                                  kad_network_kad_toy()};

    if (n_rounds < 1 || n_rounds > ROUNDS_MAX)
        errx(2, "usage: members [ROUNDS [NETWORK [QUERY]]]   1 to %d", ROUNDS_MAX);
    bench.only = argc > 3 ? argv[3] : NULL;
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
        if (argc > 2 && strcmp(argv[2], kad_network_name(networks[i])) != 0)
            continue;
        start(&bench, networks[i]);
        if (networks[i]->carrier == KAD_CARRIER_SESSIONS)
            connect_all(&bench);
        for (uint32_t j = 0; j < CLIENTS && networks[i]->carrier == KAD_CARRIER_PLAIN; j++) {
            bench.clients[j].endpoint = endpoint(j);
            number_bytes(bench.clients[j].id.bytes, j);
            memset(bench.clients[j].id.bytes + 20, 0, 12);
        }
        measure(&bench, "ping", KAD_PING, false, n_rounds);
        measure(&bench, "find_node", KAD_FIND_NODE, false, n_rounds);
        measure(&bench, "get", KAD_GET, false, n_rounds);
        if (networks[i]->carrier == KAD_CARRIER_SESSIONS && i == 1)
            measure(&bench, "handshake", KAD_PING, true, n_rounds < 3 ? n_rounds : 3);
        for (uint32_t j = 0; j < CLIENTS; j++)
            kad_channel_free(bench.clients[j].channel);
        kad_engine_free(bench.engine);
    }
    return 0;
}
