/* measure_serve - see measure.h: answers a second, and what one costs, beside the bare echo. */
#include "cli/measure.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/echo.h"
#include "bench/load.h"
#include "kad/testnet.h"

#define ROUNDS 3
#define N_KEYS 1000

static const enum ask asks[KAD_MEASURE_ASKS] = {ASK_PING,     ASK_FIND_NODE, ASK_GET_PEERS,
                                                ASK_ANNOUNCE, ASK_GET,       ASK_PUT};

/* The `nth` core this process may use, so that server and load do not share one; -1 where there is only one. */
static int core(int nth)
{
    cpu_set_t allowed;

    if (sched_getaffinity(0, sizeof allowed, &allowed) < 0 || CPU_COUNT(&allowed) < 2)
        return -1;
    for (int i = 0; i < CPU_SETSIZE; i++) {
        if (CPU_ISSET((size_t)i, &allowed) && nth-- == 0)
            return i;
    }
    return -1;
}

/* A child and the end of a pipe. It ends at the latest when this process has, however that comes. */
struct child {
    pid_t pid;
    int from, to; /* what it says; closing `to` tells it to end */
};

static bool start_child(struct child *child, void (*work)(int said, int told, void *context), void *context)
{
    int said[2], told[2];

    if (pipe(said) < 0)
        return false;
    if (pipe(told) < 0) {
        close(said[0]);
        close(said[1]);
        return false;
    }
    fflush(NULL);
    child->pid = fork();
    if (child->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(said[0]);
        close(told[1]);
        work(said[1], told[0], context);
        _exit(1);
    }
    close(said[1]);
    close(told[0]);
    child->from = said[0];
    child->to = told[1];
    if (child->pid > 0)
        return true;
    close(said[0]);
    close(told[1]);
    return false;
}

static void end_child(struct child *child, int signal)
{
    close(child->from);
    close(child->to);
    if (signal)
        kill(child->pid, signal);
    waitpid(child->pid, NULL, 0);
}

static bool read_all(int fd, void *out, size_t size)
{
    uint8_t *at = out;

    while (size > 0) {
        const ssize_t n = read(fd, at, size);

        if (n <= 0)
            return false;
        at += n;
        size -= (size_t)n;
    }
    return true;
}

/* -- the servers ------------------------------------------------------------------------------------------------- */

struct server {
    char address[64];
};

/* A node among others, so that it has contacts to name. Those others are in its process and idle. */
static void serve_kad(int said, int told, void *context)
{
    struct server server = {{0}};
    struct kad_testnet *net;
    char why[256], byte;

    (void)context;
    bench_pin(core(1));
    if (kad_testnet_new(KAD_MEASURE_NODES, &net, why, sizeof why) != KAD_OK) {
        fprintf(stderr, "kad: %s\n", why);
        _exit(1);
    }
    snprintf(server.address, sizeof server.address, "%s", kad_testnet_address(net, 1));
    if (write(said, &server, sizeof server) != (ssize_t)sizeof server || read(told, &byte, 1) < 0)
        _exit(1);
    kad_testnet_free(net);
    _exit(0);
}

static void serve_echo(int said, int told, void *context)
{
    struct server server = {{0}};
    struct sockaddr_in at = {0};
    socklen_t size = sizeof at;
    const int fd = udp_descriptor(udp_open(bench_address("127.0.0.1"), 0, false));

    (void)told;
    (void)context;
    bench_pin(core(1));
    if (getsockname(fd, (struct sockaddr *)&at, &size) < 0)
        _exit(1);
    snprintf(server.address, sizeof server.address, "127.0.0.1:%u", ntohs(at.sin_port));
    if (write(said, &server, sizeof server) != (ssize_t)sizeof server)
        _exit(1);
    bench_echo(fd);
}

/* -- the load ---------------------------------------------------------------------------------------------------- */

struct pair {
    struct child kad, echo;
    struct server kad_at, echo_at;
    double round_s;
};

static void aim(struct bench_load *load, const struct server *at, const struct child *child, double seconds)
{
    bench_load_init(load);
    load->udp = udp_open(0, 0, true);
    bench_endpoint(at->address, &load->to, &load->to_port);
    load->pid = child->pid;
    load->seconds = seconds;
    load->warm_seconds = 0.05;
}

static double per_answer(const struct bench_tally *tally, int64_t ns)
{
    return tally->answers ? (double)ns / 1e3 / (double)tally->answers : 0;
}

static void measure(struct bench_load *kad, struct bench_load *echo, enum ask ask,
                    struct kad_serve_figures *figures)
{
    double per_s[ROUNDS], cpu_us[ROUNDS], echo_us[ROUNDS], ratio[ROUNDS];

    for (unsigned i = 0; i < ROUNDS; i++) {
        const struct bench_tally *tally = &kad->tally;

        bench_load_measure(kad, ask);
        cpu_us[i] = per_answer(tally, tally->cpu_ns);
        per_s[i] = tally->wall_ns > 0 ? (double)tally->answers * 1e9 / (double)tally->wall_ns : 0;
        figures->answers += tally->answers;
        figures->lost += tally->lost;
        if (tally->asked && tally->bytes_asked / tally->asked >= ASK_ECHO_MIN)
            echo->echo_query = (unsigned)(tally->bytes_asked / tally->asked);
        if (tally->answers)
            echo->echo_answer = (unsigned)(tally->bytes / tally->answers);
        bench_load_measure(echo, ASK_ECHO);
        echo_us[i] = per_answer(&echo->tally, echo->tally.cpu_ns);
        ratio[i] = echo_us[i] > 0 ? cpu_us[i] / echo_us[i] : 0;
    }
    figures->per_s = kad_measure_median(per_s, ROUNDS);
    figures->cpu_us = kad_measure_median(cpu_us, ROUNDS);
    figures->echo_us = kad_measure_median(echo_us, ROUNDS);
    figures->ratio = kad_measure_median(ratio, ROUNDS);
}

/* In a process of its own: it spins, and ends when a server does not answer. */
static void run_load(int said, int told, void *context)
{
    const struct pair *pair = context;
    struct bench_load *kad = malloc(sizeof *kad), *echo = malloc(sizeof *echo);
    struct kad_serve_figures figures;

    (void)told;
    if (!kad || !echo)
        _exit(1);
    bench_pin(core(0));
    aim(kad, &pair->kad_at, &pair->kad, pair->round_s);
    aim(echo, &pair->echo_at, &pair->echo, pair->round_s);
    for (size_t i = 0; i < KAD_MEASURE_ASKS; i++) {
        memset(&figures, 0, sizeof figures);
        bench_load_prepare(kad, asks[i], N_KEYS);
        measure(kad, echo, asks[i], &figures);
        if (write(said, &figures, sizeof figures) != (ssize_t)sizeof figures)
            _exit(1);
    }
    bench_load_clear(kad);
    free(kad);
    free(echo);
    _exit(0);
}

static bool run_pair(struct pair *pair, struct kad_serve_figures out_figures[KAD_MEASURE_ASKS])
{
    struct child load;
    bool good = read_all(pair->kad.from, &pair->kad_at, sizeof pair->kad_at) &&
                read_all(pair->echo.from, &pair->echo_at, sizeof pair->echo_at) &&
                start_child(&load, run_load, pair);

    if (!good)
        return false;
    for (size_t i = 0; i < KAD_MEASURE_ASKS && good; i++) {
        good = read_all(load.from, &out_figures[i], sizeof out_figures[i]);
        out_figures[i].query = ask_name(asks[i]);
    }
    end_child(&load, 0);
    return good;
}

bool kad_measure_serve(double round_s, struct kad_serve_figures out_figures[KAD_MEASURE_ASKS])
{
    struct pair pair = {.round_s = round_s};
    bool good = false;

    memset(out_figures, 0, KAD_MEASURE_ASKS * sizeof *out_figures);
    if (!start_child(&pair.kad, serve_kad, NULL))
        return false;
    if (start_child(&pair.echo, serve_echo, NULL)) {
        good = run_pair(&pair, out_figures);
        end_child(&pair.echo, SIGKILL);
    }
    end_child(&pair.kad, 0);
    return good;
}
