/*
 * libp2p - a load on one node of libp2p's, be it ours or another's.
 *
 *     libp2p MODE --to HOST:PORT --pid PID [options]        a line of JSON on stdout
 *
 * MODE: find_node, get_providers, ping      as many as are answered, over --connections with --window streams each at once, and
 *                                           --per-stream questions on a stream
 *       fill                                tells --keys contents to the server, each --times times by somebody else
 *       handshake                           connections with --window under way: Noise, yamux, identify of the server by us and of us
 *                                           by the server; then the next one
 *       idle                                --connections that are identified, then says so and holds them until stdin ends
 */
#include "bench/libp2p_client.h"

#include <err.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static struct p2p_load load;
static unsigned n_connections = 1, n_times = 1;
static double seconds = 1, warm_seconds = 0.3;
static pid_t pid;

static int64_t own_cpu_ns(void)
{
    return bench_cpu_ns(getpid());
}

static void run_for(double length)
{
    const int64_t until = bench_now_ns() + (int64_t)(length * 1e9);

    while (bench_now_ns() < until)
        p2p_turn(&load, 10);
}

/* What `length` seconds bring: `what` is counted by. */
static void measure(const char *mode, const uint64_t *what)
{
    const int64_t began = bench_now_ns(), cpu = bench_cpu_ns(pid), own = own_cpu_ns();
    const uint64_t before = *what;
    double n, wall, used, ours;

    run_for(seconds);
    n = (double)(*what - before);
    wall = (double)(bench_now_ns() - began) / 1e9;
    used = (double)(bench_cpu_ns(pid) - cpu) / 1e3;
    ours = (double)(own_cpu_ns() - own) / 1e3;
    if (n == 0)
        errx(1, "no answers (%" PRIu64 " errors, %" PRIu64 " connections ended)", load.tally.errors,
             load.tally.down);
    printf("{\"mode\": \"%s\", \"connections\": %u, \"window\": %u, \"per_stream\": %u, \"answers\": %.0f, "
           "\"errors\": %" PRIu64
           ", \"seconds\": %.3f, \"per_second\": %.0f, \"cpu_us\": %.3f, \"busy\": %.3f, "
           "\"load_us\": %.3f, \"bytes\": %.1f, \"closer\": %.2f, \"providers\": %.2f}\n",
           mode, n_connections, load.window, load.per_stream, n, load.tally.errors, wall, n / wall, used / n,
           used / 1e6 / wall, ours / n,
           (double)load.tally.bytes / (double)(load.tally.answers ? load.tally.answers : 1),
           (double)load.tally.closer / (double)(load.tally.looked_at ? load.tally.looked_at : 1),
           (double)load.tally.providers / (double)(load.tally.looked_at ? load.tally.looked_at : 1));
}

/* -- questions -------------------------------------------------------------------------------------------------- */

static void ask(const char *mode)
{
    for (unsigned i = 0; i < n_connections; i++)
        p2p_open(&load);
    while (load.tally.up < n_connections)
        p2p_turn(&load, 10);
    run_for(warm_seconds);
    measure(mode, &load.tally.answers);
}

static void ended(struct p2p_load *all, struct p2p_conn *conn)
{
    (void)all;
    (void)conn;
}

static void fill(void)
{
    load.ask = P2P_ADD_PROVIDER;
    load.most = load.n_keys;
    load.idle = p2p_close;
    load.ended = ended;
    for (unsigned i = 0; i < n_times; i++) {
        const int64_t until = bench_now_ns() + INT64_C(60000000000);

        p2p_open(&load);
        while (load.n_open && bench_now_ns() < until)
            p2p_turn(&load, 100);
        if (load.n_open)
            errx(1, "no end within a minute, after %" PRIu64 " of them", load.tally.answers);
    }
    printf("{\"mode\": \"fill\", \"told\": %" PRIu64 ", \"errors\": %" PRIu64 "}\n", load.tally.answers,
           load.tally.errors);
}

/* -- connections ------------------------------------------------------------------------------------------------ */

static uint64_t n_done;
static unsigned n_wanted; /* at once */

static void done_with(struct p2p_load *all, struct p2p_conn *conn)
{
    n_done++;
    p2p_close(all, conn);
}

static void handshake(void)
{
    n_wanted = load.window;
    load.window = 1;
    load.ask = P2P_IDENTIFY;
    load.most = 1;
    load.idle = done_with;
    load.ended = ended;
    for (int part = 0; part < 2; part++) {
        const double length = part ? seconds : warm_seconds;
        const int64_t began = bench_now_ns(), until = began + (int64_t)(length * 1e9),
                      cpu = bench_cpu_ns(pid), own = own_cpu_ns();
        const uint64_t before = n_done;
        double n, wall;

        while (bench_now_ns() < until) {
            while (load.n_open < n_wanted)
                p2p_open(&load);
            p2p_turn(&load, 10);
        }
        n = (double)(n_done - before);
        wall = (double)(bench_now_ns() - began) / 1e9;
        if (part && n == 0)
            errx(1, "no handshakes (%" PRIu64 " connections ended)", load.tally.down);
        if (part)
            printf("{\"mode\": \"handshake\", \"at_once\": %u, \"handshakes\": %.0f, \"errors\": %" PRIu64
                   ", \"per_second\": %.0f, \"cpu_us\": %.1f, \"busy\": %.3f, \"load_us\": %.1f}\n",
                   n_wanted, n, load.tally.errors + load.tally.down, n / wall,
                   (double)(bench_cpu_ns(pid) - cpu) / 1e3 / n,
                   (double)(bench_cpu_ns(pid) - cpu) / 1e9 / wall, (double)(own_cpu_ns() - own) / 1e3 / n);
    }
}

static void identified(struct p2p_load *all, struct p2p_conn *conn)
{
    (void)all;
    (void)conn;
    n_done++;
}

static void idle(void)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    unsigned opened = 0;

    load.window = 1;
    load.ask = P2P_IDENTIFY;
    load.most = 1;
    load.idle = identified;
    load.ended = ended;
    while (n_done + load.tally.down < n_connections) {
        while (opened < n_connections && opened < n_done + load.tally.down + 32)
            p2p_open(&load), opened++;
        p2p_turn(&load, 10);
    }
    run_for(1);
    printf("{\"mode\": \"idle\", \"identified\": %" PRIu64 ", \"open\": %u}\n", n_done, load.n_open);
    fflush(stdout);
    while (poll(&in, 1, 0) == 0)
        p2p_turn(&load, 100);
    printf("{\"mode\": \"idle\", \"open\": %u}\n", load.n_open);
}

static void usage(void)
{
    errx(2, "usage: libp2p find_node|get_providers|ping|fill|handshake|idle --to HOST:PORT --pid PID "
            "[--protocol NAME] "
            "[--connections N] [--window N] [--per-stream N] [--keys N] [--times N] [--seconds S] [--warm S] "
            "[--core N]");
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"to", 1, NULL, 't'},          {"pid", 1, NULL, 'p'},    {"protocol", 1, NULL, 'P'},
        {"connections", 1, NULL, 'n'}, {"window", 1, NULL, 'w'}, {"per-stream", 1, NULL, 's'},
        {"keys", 1, NULL, 'k'},        {"times", 1, NULL, 'T'},  {"seconds", 1, NULL, 'd'},
        {"warm", 1, NULL, 'W'},        {"core", 1, NULL, 'c'},   {NULL, 0, NULL, 0},
    };
    struct rlimit files;
    const char *mode;
    int c;

    p2p_init(&load);
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 't')
            bench_endpoint(optarg, &load.to, &load.port);
        else if (c == 'p')
            pid = atoi(optarg);
        else if (c == 'P')
            snprintf(load.protocol, sizeof load.protocol, "%s", optarg);
        else if (c == 'n')
            n_connections = (unsigned)strtoul(optarg, NULL, 10);
        else if (c == 'w')
            load.window = (unsigned)strtoul(optarg, NULL, 10);
        else if (c == 's')
            load.per_stream = (unsigned)strtoul(optarg, NULL, 10);
        else if (c == 'k')
            load.n_keys = (unsigned)strtoul(optarg, NULL, 10);
        else if (c == 'T')
            n_times = (unsigned)strtoul(optarg, NULL, 10);
        else if (c == 'd')
            seconds = strtod(optarg, NULL);
        else if (c == 'W')
            warm_seconds = strtod(optarg, NULL);
        else if (c == 'c')
            bench_pin(atoi(optarg));
        else
            usage();
    }
    if (optind + 1 != argc || !load.to || !load.window || !load.per_stream || !load.n_keys)
        usage();
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    mode = argv[optind];
    if (!strcmp(mode, "fill")) {
        fill();
        return 0;
    }
    if (!strcmp(mode, "idle")) {
        idle();
        return 0;
    }
    if (bench_cpu_ns(pid) < 0)
        usage();
    if (!strcmp(mode, "handshake")) {
        handshake();
        return 0;
    }
    load.ask = !strcmp(mode, "find_node")       ? P2P_FIND_NODE
               : !strcmp(mode, "get_providers") ? P2P_GET_PROVIDERS
               : !strcmp(mode, "ping")          ? P2P_PING
                                                : P2P_ASKS;
    if (load.ask == P2P_ASKS)
        usage();
    ask(mode);
    return 0;
}
