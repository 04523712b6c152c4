/*
 * load - the load of src/bench/load.h as a program of its own.
 *
 *     load MODE --to HOST:PORT --pid PID [options]        one line of JSON on stdout
 *
 * MODE is a query (ping, find_node, get_peers, announce_peer, get, put, get_mutable,
 * put_mutable, sample_infohashes, echo), or `first` (asks every millisecond until the
 * first answer), or `fill` (stores --announces and --items once each).
 */
#include "bench/load.h"

#include <err.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILL_CHUNK = 4096 };

static void fill(struct bench_load *load, enum ask get, enum ask put, uint64_t n, uint64_t n_infohashes)
{
    uint64_t stored = 0, refused = 0;

    for (uint64_t first = 0; first < n; first += FILL_CHUNK) {
        const uint64_t left = n - first;

        bench_load_keys(load, first, left < FILL_CHUNK ? left : FILL_CHUNK, n_infohashes, false);
        bench_load_tokens(load, get);
        memset(&load->tally, 0, sizeof load->tally);
        bench_load_once(load, put);
        stored += load->tally.answers;
        refused += load->tally.errors;
    }
    printf("{\"mode\": \"fill\", \"ask\": \"%s\", \"stored\": %" PRIu64 ", \"refused\": %" PRIu64 "}\n",
           ask_name(put), stored, refused);
}

/* Not spinning here: the server being started shares the machine. */
static void wait_first(struct bench_load *load, double seconds)
{
    const int64_t until = bench_now_ns() + (int64_t)(seconds * 1e9);

    bench_load_restart(load);
    puts("ready");
    fflush(stdout);
    while (bench_now_ns() < until && !load->tally.answers) {
        if (!load->n_idle)
            bench_load_restart(load);
        bench_load_ask(load, ASK_PING, UINT32_MAX, 0);
        udp_flush(load->udp);
        for (int i = 0; i < 10 && !load->tally.answers; i++) {
            usleep(100);
            bench_load_take(load);
        }
    }
    printf("{\"mode\": \"first\", \"answered\": %s, \"at_ns\": %" PRId64 "}\n",
           load->tally.answers ? "true" : "false", bench_now_ns());
}

static void report(const struct bench_load *load, enum ask ask)
{
    const struct bench_tally *t = &load->tally;
    const double answers = t->answers ? (double)t->answers : 1,
                 seconds = t->wall_ns > 0 ? (double)t->wall_ns / 1e9 : 1;

    printf("{\"mode\": \"%s\", \"answers\": %" PRIu64 ", \"errors\": %" PRIu64 ", \"lost\": %" PRIu64
           ", \"seconds\": %.3f, \"per_second\": %.0f, \"cpu_us\": %.3f, \"busy\": %.3f, \"load_us\": %.3f, "
           "\"query_bytes\": %.1f, \"bytes\": %.1f, \"nodes\": %.2f, \"peers\": %.2f, \"values\": %.2f, "
           "\"error\": \"%s\"}\n",
           ask_name(ask), t->answers, t->errors, t->lost, seconds, (double)t->answers / seconds,
           (double)t->cpu_ns / 1e3 / answers, (double)t->cpu_ns / (seconds * 1e9),
           (double)t->load_ns / 1e3 / answers, (double)t->bytes_asked / (double)(t->asked ? t->asked : 1),
           (double)t->bytes / answers, (double)t->nodes / answers, (double)t->peers / answers,
           (double)t->values / answers, t->error);
}

static void usage(void)
{
    errx(2,
         "usage: load MODE --to HOST:PORT --pid PID [--from ADDRESS --sources N --port PORT] [--window N] "
         "[--seconds S --warm S] [--keys N] [--burst N --pause MS] [--core N] "
         "[--announces N --infohashes N --items N] [--query BYTES --answer BYTES]   (the last two: of echo)");
}

int main(int argc, char **argv)
{
    static struct bench_load load;
    static const struct option options[] = {
        {"to", 1, NULL, 't'},        {"pid", 1, NULL, 'p'},    {"from", 1, NULL, 'f'},
        {"sources", 1, NULL, 's'},   {"port", 1, NULL, 'P'},   {"window", 1, NULL, 'w'},
        {"seconds", 1, NULL, 'd'},   {"warm", 1, NULL, 'W'},   {"keys", 1, NULL, 'k'},
        {"burst", 1, NULL, 'b'},     {"pause", 1, NULL, 'u'},  {"core", 1, NULL, 'c'},
        {"announces", 1, NULL, 'a'}, {"items", 1, NULL, 'i'},  {"infohashes", 1, NULL, 'h'},
        {"query", 1, NULL, 'q'},     {"answer", 1, NULL, 'A'}, {NULL, 0, NULL, 0},
    };
    uint64_t n_announces = 0, n_items = 0, n_infohashes = 0;
    size_t n_keys = 1000;
    uint16_t port = 0;
    enum ask ask;
    int c;

    bench_load_init(&load);
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case 't':
            bench_endpoint(optarg, &load.to, &load.to_port);
            break;
        case 'p':
            load.pid = atoi(optarg);
            break;
        case 'f':
            load.base = bench_address(optarg);
            break;
        case 's':
            load.n_sources = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'P':
            port = (uint16_t)strtoul(optarg, NULL, 10);
            break;
        case 'w':
            load.window = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'd':
            load.seconds = strtod(optarg, NULL);
            break;
        case 'W':
            load.warm_seconds = strtod(optarg, NULL);
            break;
        case 'k':
            n_keys = strtoul(optarg, NULL, 10);
            break;
        case 'b':
            load.burst = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'u':
            load.pause_ms = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'c':
            bench_pin(atoi(optarg));
            break;
        case 'a':
            n_announces = strtoull(optarg, NULL, 10);
            break;
        case 'i':
            n_items = strtoull(optarg, NULL, 10);
            break;
        case 'h':
            n_infohashes = strtoull(optarg, NULL, 10);
            break;
        case 'q':
            load.echo_query = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'A':
            load.echo_answer = (unsigned)strtoul(optarg, NULL, 10);
            break;
        default:
            usage();
        }
    }
    if (optind + 1 != argc || !load.to || !load.n_sources || load.n_sources > BENCH_SOURCES_MAX ||
        !load.window || load.window > BENCH_WINDOW_MAX || load.echo_query < ASK_ECHO_MIN ||
        load.echo_query > KRPC_MESSAGE_MAX || load.echo_answer > UINT16_MAX)
        usage();
    load.udp = udp_open(0, port, true);

    if (!strcmp(argv[optind], "first")) {
        wait_first(&load, load.seconds);
        return 0;
    }
    if (!strcmp(argv[optind], "fill")) {
        if (n_announces)
            fill(&load, ASK_GET_PEERS, ASK_ANNOUNCE, n_announces, n_infohashes ? n_infohashes : n_announces);
        if (n_items)
            fill(&load, ASK_GET, ASK_PUT, n_items, n_items);
        return 0;
    }
    ask = ask_by_name(argv[optind]);
    if (ask == ASK_KINDS || !load.pid || bench_cpu_ns(load.pid) < 0)
        usage();
    bench_load_prepare(&load, ask, n_keys);
    bench_load_measure(&load, ask);
    report(&load, ask);
    return 0;
}
