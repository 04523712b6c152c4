/*
 * members - what an answer costs inside the engine when it travels in a session, beside the same engine speaking KRPC.
 *
 *     members [ROUNDS [NETWORK [QUERY]]]     a line per query: nanoseconds per answer, best and median of ROUNDS; and handshakes
 *
 * No sockets, no kernel. Clients are bare channels whose datagrams were sealed before the clock is looked at: what is measured is
 * one node that opens, serves and seals. Mainline is given the same k, so that both name as many contacts.
 */
#include "bench/member_client.h"
#include "kad/identity.h"

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

static void add_contacts(struct bench *bench)
{
    for (uint32_t i = 0; i < CONTACTS; i++) {
        const struct kad_endpoint at = client_endpoint(1000 + i);
        struct kad_identity identity;
        struct kad_contact contact = {.endpoint = at};
        uint8_t seed[32];
        int error;

        client_bytes(seed, 5000 + i);
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
    bench->endpoint = client_endpoint(999);
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

static void make_client(struct bench *bench, uint32_t i)
{
    client_make(&bench->clients[i], bench->network, i, i + 100000 + bench->counter, bench->now);
}

static size_t ask(struct bench *bench, struct client *client, enum kad_method method, uint8_t *bytes)
{
    return client_ask(client, bench->network, &bench->endpoint, kad_engine_identity(bench->engine), method,
                      ++bench->counter, bytes, SLOT, bench->now);
}

static void deliver(struct bench *bench, const struct kad_endpoint *from, const uint8_t *bytes, size_t size)
{
    const struct kad_datagram in = {.peer = *from, .bytes = {bytes, size}};

    kad_engine_datagram(bench->engine, &in, bench->now, &bench->out);
}

/* What the node just wrote goes to the clients. */
static void answer_all(struct bench *bench)
{
    for (unsigned i = 0; i < bench->out.n; i++) {
        struct kad_datagram in = bench->datagrams[i];

        for (uint32_t j = 0; j < CLIENTS; j++) {
            if (memcmp(&bench->clients[j].endpoint, &in.peer, sizeof in.peer) != 0)
                continue;
            in.peer = bench->endpoint;
            client_take(&bench->clients[j], &in, bench->now);
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
            const size_t n = ask(bench, &bench->clients[i], KAD_PING, bytes);

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
            if (handshakes)
                make_client(bench, i);
            bench->sizes[i] = ask(bench, &bench->clients[i], method, bench->asked[i]);
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

static void measure(struct bench *bench, const char *name, enum kad_method method, bool handshakes,
                    int n_rounds)
{
    int64_t rounds[ROUNDS_MAX];
    unsigned n_answers = 0;

    if (bench->only && strcmp(bench->only, name) != 0)
        return;
    round_ns(bench, method, handshakes, &n_answers);
    for (int i = 0; i < n_rounds; i++)
        rounds[i] = round_ns(bench, method, handshakes, &n_answers);
    qsort(rounds, (size_t)n_rounds, sizeof *rounds, by_value);
    printf("%-10s %-12s best %6lld median %6lld ns, %u of %d answered\n", kad_network_name(bench->network),
           name, (long long)rounds[0], (long long)rounds[n_rounds / 2], n_answers,
           handshakes ? ASKED / 16 : ASKED);
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
        connect_all(&bench);
        measure(&bench, "ping", KAD_PING, false, n_rounds);
        measure(&bench, "find_node", KAD_FIND_NODE, false, n_rounds);
        measure(&bench, "get", KAD_GET, false, n_rounds);
        if (networks[i]->carrier == KAD_CARRIER_SESSIONS && i == 1)
            measure(&bench, "handshake", KAD_PING, true, n_rounds < 3 ? n_rounds : 3);
        for (uint32_t j = 0; j < CLIENTS; j++)
            client_clear(&bench.clients[j]);
        kad_engine_free(bench.engine);
    }
    return 0;
}
