/*
 * channel - what sessions cost on one core: no sockets, no kernel, no codec.
 *
 *     channel [ROUNDS]     a line per figure, best and median of ROUNDS
 *
 * Handshakes as the side that answers (and as the one that begins), messages in a session with their answers, and how fast
 * first messages are turned away under load. Then what the parts of it cost.
 */
#include "bench/udp.h"

#include "channel/admit.h"
#include "channel/channel.h"
#include "channel/format.h"
#include "channel/mask.h"
#include "crypto/crypto.h"
#include "crypto/suite.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NEWCOMERS = 64, BATCH = 8, ROUNDS_MAX = 99, FIRSTS = 400, PAIRS = 20000, COOKIES = 100000 };

struct side {
    struct kad_channel *channel;
    struct kad_endpoint at;
};

static const struct kad_suite *suite = &kad_suite_real;
static struct kad_datagram datagrams[BATCH];
static uint8_t memory[BATCH * KAD_DATAGRAM_MAX];
static kad_ms now = 1000000;

static struct kad_batch batch(void)
{
    return (struct kad_batch){.datagrams = datagrams, .memory = memory, .room = BATCH};
}

static struct side side(uint32_t number, unsigned cookie_per_s, uint32_t max_sessions)
{
    struct kad_channel_config config = {.allocator = &kad_allocator_system,
                                        .suite = suite,
                                        .network = "bench",
                                        .max_sessions = max_sessions,
                                        .max_waiting = 64,
                                        .waiting_ms = 5000,
                                        .rekey_after_ms = KAD_HOUR,
                                        .cookie_per_s = cookie_per_s,
                                        .work_per_s = UINT32_MAX,
                                        .work_bits_max = 12,
                                        .open_door = true};
    struct side made = {.at = {.family = KAD_IPV4, .port = 4242}};

    memcpy(config.secret, &number, sizeof(number));
    memcpy(config.seed, &number, sizeof(number));
    memcpy(made.at.address,
           (const uint8_t[]){10, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number}, 4);
    if (kad_channel_new(&config, now, &made.channel) != KAD_OK)
        errx(1, "no channel");
    return made;
}

struct sent {
    uint8_t bytes[KAD_CHANNEL_DATAGRAM];
    size_t size;
};

/* n bytes from one side to the other, as a question that wants `wanted` bytes of answer. */
static void say(const struct side *from, const struct side *to, size_t n, size_t wanted, struct sent *out)
{
    const struct kad_channel_to whom = {.key = kad_channel_key(to->channel), .endpoint = to->at};
    const struct kad_channel_plan plan = kad_channel_plan(from->channel, &whom, wanted, now);
    bool failed;

    if (plan.room < n)
        errx(1, "no room for %zu bytes", n);
    memset(out->bytes + plan.head, 7, n);
    out->size = kad_channel_seal(from->channel, &plan, &whom, out->bytes, n, now, &failed);
    if (!out->size)
        errx(1, "not sealed");
}

/* The datagram arrives; a message is answered with n bytes into `out`. What the channel sends of its own is in the batch. */
static enum kad_channel_verdict arrive(const struct side *at, const struct side *from,
                                       const struct sent *sent, struct kad_batch *batch_out, size_t n,
                                       struct sent *out)
{
    const struct kad_datagram in = {.peer = from->at, .bytes = {sent->bytes, sent->size}};
    const struct kad_channel_in result = kad_channel_receive(at->channel, &in, now, batch_out);

    if (out && result.verdict == KAD_CHANNEL_MESSAGE) {
        const struct kad_channel_to back = {.session = result.session, .endpoint = from->at};
        const struct kad_channel_plan plan = kad_channel_plan(at->channel, &back, 0, now);
        bool failed;

        if (plan.room < n)
            errx(1, "no room for an answer of %zu bytes", n);
        memset(out->bytes + plan.head, 9, n);
        out->size = kad_channel_seal(at->channel, &plan, &back, out->bytes, n, now, &failed);
    }
    kad_channel_finish(at->channel, now, batch_out);
    return result.verdict;
}

/* -- figures ------------------------------------------------------------------------------------------------------ */

struct figures {
    int64_t ns[ROUNDS_MAX];
};

static int by_value(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static void print(const char *name, struct figures *figures, int n_rounds)
{
    qsort(figures->ns, (size_t)n_rounds, sizeof(*figures->ns), by_value);
    printf("%-42s best %8lld median %8lld ns, %9.0f/s\n", name, (long long)figures->ns[0],
           (long long)figures->ns[n_rounds / 2], 1e9 / (double)figures->ns[n_rounds / 2]);
}

/* First messages of NEWCOMERS, with an answer each: the cost of one side, the other's is measured apart. */
static void handshakes(int n_rounds)
{
    static struct figures answering, beginning, finishing;
    static struct side others[NEWCOMERS];
    static struct sent first[FIRSTS], answer[FIRSTS];
    const struct side host = side(1, UINT32_MAX, 4096);

    for (uint32_t i = 0; i < NEWCOMERS; i++)
        others[i] = side(1000 + i, UINT32_MAX, 16);
    for (int round = 0; round < n_rounds; round++) {
        int64_t began;

        answering.ns[round] = beginning.ns[round] = finishing.ns[round] = 0;
        for (unsigned done = 0; done < FIRSTS; done += NEWCOMERS) {
            struct kad_batch out = batch();

            now += 3 * KAD_HOUR; /* all sessions are old: everybody begins anew */
            began = bench_cpu_ns(getpid());
            for (unsigned i = 0; i < NEWCOMERS; i++)
                say(&others[i], &host, 60, 60, &first[i]);
            beginning.ns[round] += bench_cpu_ns(getpid()) - began;
            began = bench_cpu_ns(getpid());
            for (unsigned i = 0; i < NEWCOMERS; i++) {
                if (arrive(&host, &others[i], &first[i], &out, 60, &answer[i]) != KAD_CHANNEL_MESSAGE)
                    errx(1, "a handshake failed");
            }
            answering.ns[round] += bench_cpu_ns(getpid()) - began;
            began = bench_cpu_ns(getpid());
            for (unsigned i = 0; i < NEWCOMERS; i++) {
                out.n = 0;
                if (arrive(&others[i], &host, &answer[i], &out, 0, NULL) != KAD_CHANNEL_MESSAGE || out.n != 1)
                    errx(1, "an answer failed");
            }
            finishing.ns[round] += bench_cpu_ns(getpid()) - began;
        }
        answering.ns[round] /= (FIRSTS + NEWCOMERS - 1) / NEWCOMERS * NEWCOMERS;
        beginning.ns[round] /= (FIRSTS + NEWCOMERS - 1) / NEWCOMERS * NEWCOMERS;
        finishing.ns[round] /= (FIRSTS + NEWCOMERS - 1) / NEWCOMERS * NEWCOMERS;
    }
    print("handshake, answering", &answering, n_rounds);
    print("handshake, beginning: the first message", &beginning, n_rounds);
    print("handshake, beginning: its answer", &finishing, n_rounds);
    kad_channel_free(host.channel);
    for (uint32_t i = 0; i < NEWCOMERS; i++)
        kad_channel_free(others[i].channel);
}

/* Question and answer in live sessions of one host with many others: the host's cost, opening one and sealing the other. */
static void pairs(int n_rounds, size_t question, size_t answer_size, const char *name)
{
    static struct figures figures;
    static struct side others[NEWCOMERS];
    static struct sent questions[NEWCOMERS * 16], answer;
    const struct side host = side(1, UINT32_MAX, 4096);
    struct kad_batch out = batch();

    for (uint32_t i = 0; i < NEWCOMERS; i++) {
        struct sent first;

        others[i] = side(2000 + i, UINT32_MAX, 16);
        say(&others[i], &host, 10, 10, &first);
        (void)arrive(&host, &others[i], &first, &out, 10, &answer);
        out.n = 0;
        (void)arrive(&others[i], &host, &answer, &out, 0, NULL);
        memcpy(first.bytes, out.datagrams[0].bytes.data, out.datagrams[0].bytes.size);
        first.size = out.datagrams[0].bytes.size;
        out.n = 0;
        (void)arrive(&host, &others[i], &first, &out, 0, NULL);
    }
    for (int round = 0; round < n_rounds; round++) {
        int64_t took = 0, began;
        unsigned done = 0;

        while (done < PAIRS) {
            for (unsigned i = 0; i < NEWCOMERS * 16; i++)
                say(&others[i % NEWCOMERS], &host, question, answer_size, &questions[i]);
            began = bench_cpu_ns(getpid());
            for (unsigned i = 0; i < NEWCOMERS * 16; i++) {
                if (arrive(&host, &others[i % NEWCOMERS], &questions[i], &out, answer_size, &answer) !=
                        KAD_CHANNEL_MESSAGE ||
                    !answer.size)
                    errx(1, "a question failed");
            }
            took += bench_cpu_ns(getpid()) - began;
            done += NEWCOMERS * 16;
        }
        figures.ns[round] = took / done;
    }
    print(name, &figures, n_rounds);
    kad_channel_free(host.channel);
    for (uint32_t i = 0; i < NEWCOMERS; i++)
        kad_channel_free(others[i].channel);
}

/* First messages without a cookie, under load: unmasked, refused, a COOKIE written. And noise. */
static void refusals(int n_rounds)
{
    static struct figures cookies, noise;
    const struct side host = side(1, 0, 64), other = side(3000, 0, 64);
    struct sent first;

    say(&other, &host, 60, 60, &first);
    for (int round = 0; round < n_rounds; round++) {
        struct side from = other;
        struct kad_batch out = batch();
        int64_t began = bench_cpu_ns(getpid());

        for (uint32_t i = 0; i < COOKIES; i++) {
            memcpy(from.at.address + 1, &i, 3);
            out.n = 0;
            if (arrive(&host, &from, &first, &out, 0, NULL) != KAD_CHANNEL_LOADED || out.n != 1)
                errx(1, "not refused");
        }
        cookies.ns[round] = (bench_cpu_ns(getpid()) - began) / COOKIES;
        first.bytes[3] ^= 1;
        began = bench_cpu_ns(getpid());
        for (uint32_t i = 0; i < COOKIES; i++) {
            if (arrive(&host, &from, &first, &out, 0, NULL) != KAD_CHANNEL_NOISE)
                errx(1, "no noise");
        }
        noise.ns[round] = (bench_cpu_ns(getpid()) - began) / COOKIES;
        first.bytes[3] ^= 1;
    }
    if (kad_channel_counters(host.channel)->public_key_operations)
        errx(1, "a public key was touched");
    print("first message refused, with a COOKIE", &cookies, n_rounds);
    print("noise refused", &noise, n_rounds);
    kad_channel_free(host.channel);
    kad_channel_free(other.channel);
}

/* -- the parts ---------------------------------------------------------------------------------------------------- */

#define PART(name, times, code)                                             \
    do {                                                                    \
        static struct figures figures;                                      \
        for (int round = 0; round < n_rounds; round++) {                    \
            const int64_t began = bench_cpu_ns(getpid());                   \
            for (int i = 0; i < (times); i++) {                             \
                code;                                                       \
            }                                                               \
            figures.ns[round] = (bench_cpu_ns(getpid()) - began) / (times); \
        }                                                                   \
        print(name, &figures, n_rounds);                                    \
    } while (0)

static void parts(int n_rounds)
{
    uint8_t secret[KAD_DH_SIZE] = {1}, public_key[KAD_DH_SIZE], shared[KAD_DH_SIZE], seed[32] = {2},
            identity[32], whole[64], converted[32], hash[32], data[1200] = {0}, aside[16] = {0};

    kad_ed25519_keypair(seed, identity, whole);
    suite->keypair(secret, public_key);
    PART("  X25519", 500, (void)suite->dh(secret, public_key, shared));
    PART("  X25519, of the base", 500, suite->keypair(secret, public_key));
    PART("  Ed25519 key to X25519", 500, (void)suite->dh_public(identity, converted));
    PART("  is it that key's?", 5000, (void)suite->dh_matches(identity, converted));
    PART("  HKDF", 20000, suite->hkdf(hash, shared, 32, hash, shared));
    PART("  seal 32 bytes", 50000, suite->seal(secret, 1, aside, 16, data, 32));
    PART("  seal 300 bytes", 50000, suite->seal(secret, 1, aside, 16, data, 300));
    PART("  seal 1,168 bytes", 50000, suite->seal(secret, 1, aside, 16, data, 1168));
    PART("  mask of 16 bytes", 50000, kad_mask(identity, data, 64, 16));
    PART("  mask of 96 bytes", 50000, kad_mask(identity, data, 256, 96));
}

int main(int argc, char **argv)
{
    const int n_rounds = argc > 1 ? atoi(argv[1]) : 9;

    if (n_rounds < 1 || n_rounds > ROUNDS_MAX)
        errx(2, "usage: channel [ROUNDS]   1 to %d", ROUNDS_MAX);
    if (kad_crypto_init() != KAD_OK)
        errx(1, "no libsodium");
    handshakes(n_rounds);
    pairs(n_rounds, 31, 31, "question and answer of 64 bytes");
    pairs(n_rounds, 31, 300, "question of 64, answer of 300 (512) bytes");
    pairs(n_rounds, 31, 1167, "question of 64, answer of 1,200 bytes");
    pairs(n_rounds, 1167, 1167, "question and answer of 1,200 bytes");
    refusals(n_rounds);
    parts(n_rounds);
    return 0;
}
