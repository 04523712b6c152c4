/*
 * load - asks one server as fast as it answers, and tells what an answer cost it.
 *
 *     bench_load_init()       fill in what differs from the defaults
 *     bench_load_prepare()    stores what the query needs there: tokens, peers, items
 *     bench_load_measure()    then look at load->tally
 *     bench_load_clear()
 *
 * Closed loop: `window` requests are always under way, so the server is never idle
 * and its batches are as full as it can take them. More than about 160 would overflow
 * the default socket buffer (208 KiB) of a server that does not ask for a larger one. The load itself spins rather than
 * sleeps: waking a sleeper would be charged to the server that sent the datagram.
 * The cost is the CPU time of the server's process (all threads, nanoseconds) between
 * the first and the last measured request, divided by the answers.
 *
 * A server that answers only so many a second is measured in bursts: `burst` requests,
 * then `pause_ms` that are not counted.
 *
 * A server that does not answer ends the process with a message: a bench without it has nothing to say.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <sys/types.h>

#include "bench/ask.h"
#include "bench/udp.h"

enum {
    BENCH_WINDOW_MAX = 4096,
    BENCH_SOURCES_MAX = 16384,
};

struct bench_slot {
    uint16_t generation;
    bool busy;
    uint8_t tries;
    uint32_t key; /* UINT32_MAX: a random target */
    int64_t sent_at;
};

struct bench_tally {
    uint64_t asked, answers, errors, lost, bytes_asked, bytes, nodes, peers, values;
    int64_t wall_ns, cpu_ns, load_ns, last_at; /* last_at: of the last answer */
    char error[80];                            /* the first one, as a sample */
};

struct bench_load {
    struct udp_socket *udp; /* lent */
    uint32_t to, base;      /* the server; the first source */
    uint16_t to_port;
    pid_t pid; /* the server's: whose CPU time is taken */
    unsigned window, n_sources;
    double seconds, warm_seconds;
    unsigned burst, pause_ms;
    unsigned echo_query, echo_answer; /* bytes */
    uint64_t seed;

    struct ask_key *keys; /* owned */
    size_t n_keys;
    uint32_t *again; /* keys whose query got lost, to be asked again */
    size_t n_again;

    struct bench_slot slots[BENCH_WINDOW_MAX];
    uint16_t idle[BENCH_WINDOW_MAX];
    unsigned n_idle;
    struct bench_tally tally;
};

/* Zeroed but for the defaults: 128 requests at once from 64 sources from 127.64.0.1 on, one second. Large. */
void bench_load_init(struct bench_load *load);
void bench_load_clear(struct bench_load *load);

/* What `ask` needs to be asked: keys with tokens, held by the server. */
void bench_load_prepare(struct bench_load *load, enum ask ask, size_t n_keys);
void bench_load_measure(struct bench_load *load, enum ask ask);

/* The parts of prepare(), for other plans. Keys `first` .. first + n - 1, without tokens. */
void bench_load_keys(struct bench_load *load, uint64_t first, size_t n, uint64_t n_infohashes,
                     bool with_signature);
/* Asks for each, so that each has a token. */
void bench_load_tokens(struct bench_load *load, enum ask ask);
/* Asks for every key once, again where an answer is missing. */
void bench_load_once(struct bench_load *load, enum ask ask);
/* Forgets what is under way. */
void bench_load_restart(struct bench_load *load);
/* One query; `key_number` UINT32_MAX: a random target. There must be a place: load->n_idle. */
void bench_load_ask(struct bench_load *load, enum ask ask, uint32_t key_number, uint8_t tries);
void bench_load_take(struct bench_load *load);

#endif
