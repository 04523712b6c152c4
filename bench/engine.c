/*
 * engine - what an answer costs inside the engine: no sockets, no kernel.
 *
 *     engine [ROUNDS [QUERY]]     a line per query, or that one: nanoseconds per answer, best and median of ROUNDS
 *
 * The same queries as bench-load, fed to kad_engine_datagram() one after the other. Beside the
 * figures of bench-load this tells what is ours to save, and it fits under a profiler.
 */
#include "bench/ask.h"
#include "bench/udp.h"

#include "kad/engine.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    SOURCES = 64,
    CONTACTS = 2000,
    KEYS = 1000,
    ASKED = 1024, /* different queries; few, since a socket hands them over warm too */
    REPEATS = 20, /* of them in a round */
    BATCH = 64,
    ROUNDS_MAX = 99,
};

struct bench {
    struct kad_engine *engine;
    struct kad_batch out;
    struct kad_datagram datagrams[BATCH];
    uint8_t memory[BATCH * KAD_DATAGRAM_MAX];
    struct ask_key keys[KEYS];
    uint8_t queries[ASKED][600];
    size_t sizes[ASKED];
    uint32_t sources[ASKED];
    unsigned n_answers;
};

static struct kad_endpoint endpoint(uint32_t number)
{
    struct kad_endpoint at = {.family = KAD_IPV4, .port = 6881};
    const uint8_t address[4] = {127, (uint8_t)(64 + number % 64), (uint8_t)(number / 64 >> 8),
                                (uint8_t)(number / 64)};

    memcpy(at.address, address, sizeof address);
    return at;
}

static void start(struct bench *bench)
{
    static struct kad_settings settings;
    struct kad_engine_config config = {
        .network = kad_network_mainline(), .settings = &settings, .ipv4 = true};

    kad_settings_default(config.network, &settings);
    memset(config.seed, 7, sizeof config.seed);
    if (kad_engine_new(&config, 1000, &bench->engine) < 0)
        errx(1, "no engine");
    bench->out = (struct kad_batch){bench->datagrams, bench->memory, BATCH, 0};
    for (uint32_t i = 0; i < CONTACTS; i++) {
        struct kad_contact contact = {.endpoint = endpoint(1000 + i)};

        krpc_fill(contact.id.bytes, KRPC_ID, krpc_mix(i));
        if (kad_engine_contact(bench->engine, &contact, true, 1000) < 0)
            errx(1, "contact refused");
    }
}

/* The token of the answer just given, for `key`. */
static void keep_token(const struct bench *bench, struct ask_key *key)
{
    const struct kad_bytes answer = bench->datagrams[0].bytes;
    struct krpc_message message;

    if (!bench->out.n || !krpc_read(answer.data, answer.size, &message) || !message.token.data)
        errx(1, "no token");
    memcpy(key->token, message.token.data, message.token.size);
    key->token_size = message.token.size;
}

static void ask_one(struct bench *bench, const uint8_t *query, size_t size, uint32_t source)
{
    const struct kad_datagram in = {.peer = endpoint(source % SOURCES), .bytes = {query, size}};

    kad_engine_datagram(bench->engine, &in, 2000, &bench->out);
}

static void get_tokens(struct bench *bench, enum ask get)
{
    uint8_t query[KRPC_MESSAGE_MAX], id[KRPC_ID];

    for (uint32_t i = 0; i < KEYS; i++) {
        struct ask_key *key = &bench->keys[i];

        krpc_fill(id, sizeof id, key->source % SOURCES);
        bench->out.n = 0;
        ask_one(bench, query, ask_write(query, get, key, id, i, i), key->source);
        keep_token(bench, key);
    }
}

static void write_queries(struct bench *bench, enum ask ask)
{
    for (uint32_t i = 0; i < ASKED; i++) {
        const bool any =
            ask == ASK_PING || ask == ASK_FIND_NODE || ask == ASK_SAMPLE || (ask == ASK_GET_PEERS && i & 1);
        const struct ask_key *key = &bench->keys[i % KEYS];
        uint8_t query[KRPC_MESSAGE_MAX], id[KRPC_ID];

        bench->sources[i] = key->source;
        krpc_fill(id, sizeof id, key->source % SOURCES);
        bench->sizes[i] = ask_write(query, ask, any ? NULL : key, id, i, i);
        memcpy(bench->queries[i], query, bench->sizes[i]);
    }
}

static int64_t round_ns(struct bench *bench)
{
    int64_t began = bench_cpu_ns(getpid());

    bench->n_answers = 0;
    for (uint32_t n = 0; n < ASKED * REPEATS; n++) {
        const uint32_t i = n % ASKED;

        ask_one(bench, bench->queries[i], bench->sizes[i], bench->sources[i]);
        if (bench->out.n > BATCH / 2) {
            bench->n_answers += bench->out.n;
            bench->out.n = 0;
        }
    }
    bench->n_answers += bench->out.n;
    bench->out.n = 0;
    return (bench_cpu_ns(getpid()) - began) / (ASKED * REPEATS);
}

static int by_value(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    static const enum ask asks[] = {ASK_PING, ASK_FIND_NODE, ASK_GET_PEERS, ASK_ANNOUNCE,    ASK_GET_PEERS,
                                    ASK_PUT,  ASK_GET,       ASK_SAMPLE,    ASK_PUT_MUTABLE, ASK_GET_MUTABLE};
    static struct bench bench;
    const int n_rounds = argc > 1 ? atoi(argv[1]) : 9;
    int64_t rounds[ROUNDS_MAX];

    if (n_rounds < 1 || n_rounds > ROUNDS_MAX)
        errx(2, "usage: engine [ROUNDS]   1 to %d", ROUNDS_MAX);
    start(&bench);
    for (uint32_t i = 0; i < KEYS; i++)
        ask_make_key(&bench.keys[i], i, KEYS, true);
    for (size_t a = 0; a < sizeof asks / sizeof *asks; a++) {
        if (asks[a] == ASK_ANNOUNCE || asks[a] == ASK_PUT || asks[a] == ASK_PUT_MUTABLE)
            get_tokens(&bench, asks[a] == ASK_ANNOUNCE ? ASK_GET_PEERS
                               : asks[a] == ASK_PUT    ? ASK_GET
                                                       : ASK_GET_MUTABLE);
        write_queries(&bench, asks[a]);
        bench.out.n = 0;
        round_ns(&bench);
        if (argc > 2 && strcmp(argv[2], ask_name(asks[a])) != 0)
            continue;
        for (int i = 0; i < n_rounds; i++)
            rounds[i] = round_ns(&bench);
        qsort(rounds, (size_t)n_rounds, sizeof *rounds, by_value);
        printf("%-18s best %6lld median %6lld ns, %u of %u answered\n", ask_name(asks[a]),
               (long long)rounds[0], (long long)rounds[n_rounds / 2], bench.n_answers,
               (unsigned)(ASKED * REPEATS));
    }
    kad_engine_free(bench.engine);
    return 0;
}
