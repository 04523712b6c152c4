/*
 * swarm - one process that answers as a whole Mainline network, on real sockets.
 *
 *     swarm --nodes N --port P [--top 127] [--dead 0.25] [--rtt MS] [--seed N]
 *           [--introduce HOST:PORT --introductions N --over MS]
 *
 * Every answer leaves one round trip after its query came, so that a client meets a
 * network's delays; dead nodes keep silent. Each infohash has peers, held by the
 * WORLD_K living nodes closest to it. Introductions are find_node queries from random
 * living nodes, as any node gets them, so that a client's table fills.
 *
 * Prints "ready HOST:PORT HOST:PORT ..." (living nodes, to bootstrap from). At SIGTERM
 * prints, a JSON object a line, how each client's search for each infohash went, in
 * round trips since its first query: what the client saw, told without asking it.
 */
#include "bench/udp.h"
#include "world.h"

#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    SEARCHES_MAX = 4096,
    QUEUE = 1 << 14,
    ANSWER_MAX = 1000,
    PEERS = 3,
    MS = 1000000,
    SEARCH_NS = 1000 * MS, /* a question about its neighbourhood this much later is another's */
};

struct search {
    uint32_t client;
    uint16_t port;
    uint8_t infohash[KRPC_ID];
    uint32_t holders[WORLD_K];
    size_t n_holders;
    unsigned asked_holders; /* a bit each */
    unsigned n_queries, n_dead;
    int64_t began_at, first_at, last_at, holders_at;
};

struct pending {
    int64_t due_at;
    uint32_t ours, theirs;
    uint16_t port, size;
    struct search *search;
    bool with_peers, completes;
    uint8_t bytes[ANSWER_MAX];
};

struct swarm {
    struct world world;
    struct udp_socket *udp;
    uint16_t port;
    int64_t rtt_ns;
    struct search searches[SEARCHES_MAX];
    size_t n_searches;
    struct pending queue[QUEUE]; /* a ring: all wait equally long, so first in is first out */
    uint32_t n_in, n_out;
    uint64_t n_queries;

    uint32_t introduce_to;
    uint16_t introduce_port;
    unsigned n_introductions, n_introduced;
    int64_t introduce_at, introduce_every_ns;
};

static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
    stopped = signal_number;
}

static struct search *find_search(struct swarm *swarm, const struct udp_datagram *in, const uint8_t *infohash)
{
    struct search *search;

    for (size_t i = swarm->n_searches; i-- > 0;) {
        search = &swarm->searches[i];
        if (search->client == in->theirs && search->port == in->port &&
            !memcmp(search->infohash, infohash, KRPC_ID))
            return search;
    }
    if (swarm->n_searches == SEARCHES_MAX)
        return NULL;
    search = &swarm->searches[swarm->n_searches++];
    search->client = in->theirs;
    search->port = in->port;
    search->began_at = bench_now_ns();
    memcpy(search->infohash, infohash, KRPC_ID);
    search->n_holders = world_closest(&swarm->world, infohash, search->holders);
    return search;
}

/* Questions about the neighbourhood of what is searched (find_node) belong to the search, too. */
static struct search *search_near(struct swarm *swarm, const struct udp_datagram *in, const uint8_t *target)
{
    struct search *search = swarm->n_searches ? &swarm->searches[swarm->n_searches - 1] : NULL;

    if (!search || search->client != in->theirs || search->port != in->port ||
        search->infohash[0] != target[0] || bench_now_ns() - search->began_at > SEARCH_NS)
        return NULL;
    return search;
}

static void write_nodes(const struct swarm *swarm, struct krpc_writer *writer, uint32_t number,
                        const uint8_t *target)
{
    uint8_t nodes[WORLD_K * KRPC_CONTACT];
    uint32_t numbers[WORLD_K];
    const size_t n = world_answer(&swarm->world, number, target, numbers);

    for (size_t i = 0; i < n; i++) {
        uint8_t *contact = nodes + i * KRPC_CONTACT;
        const uint32_t address = world_address(&swarm->world, numbers[i]);

        world_id(&swarm->world, numbers[i], contact);
        for (int b = 0; b < 4; b++)
            contact[KRPC_ID + b] = (uint8_t)(address >> (24 - 8 * b));
        contact[KRPC_ID + 4] = (uint8_t)(swarm->port >> 8);
        contact[KRPC_ID + 5] = (uint8_t)swarm->port;
    }
    krpc_raw(writer, "5:nodes");
    krpc_string(writer, nodes, n * KRPC_CONTACT);
}

static void write_peers(struct krpc_writer *writer, const uint8_t *infohash, uint32_t top)
{
    krpc_raw(writer, "6:valuesl");
    for (uint8_t i = 0; i < PEERS; i++) {
        const uint8_t peer[6] = {(uint8_t)top, 1, infohash[0], (uint8_t)(i + 1), 0x1b, 0x39};

        krpc_string(writer, peer, sizeof peer);
    }
    krpc_raw(writer, "e");
}

static bool is(const struct krpc_bytes *text, const char *name)
{
    return text->size == strlen(name) && !memcmp(text->data, name, text->size);
}

static void answer(struct swarm *swarm, const struct udp_datagram *in, const struct krpc_message *query)
{
    const uint32_t number = world_number(&swarm->world, in->ours);
    const bool with_target = query->target.size == KRPC_ID;
    const bool peers_asked = with_target && is(&query->query, "get_peers");
    struct pending *out = &swarm->queue[swarm->n_in % QUEUE];
    struct krpc_writer writer = {out->bytes, 0};
    uint8_t id[KRPC_ID];

    if (number == UINT32_MAX || query->tid.size > 32 || swarm->n_in - swarm->n_out == QUEUE)
        return;
    out->search = NULL;
    if (peers_asked)
        out->search = find_search(swarm, in, query->target.data);
    else if (with_target && is(&query->query, "find_node"))
        out->search = search_near(swarm, in, query->target.data);
    out->with_peers = out->completes = false;
    if (out->search) {
        out->search->n_queries++;
        out->search->n_dead += world_dead(&swarm->world, number);
        for (size_t i = 0; i < out->search->n_holders; i++) {
            if (!peers_asked || out->search->holders[i] != number)
                continue;
            out->with_peers = true;
            out->search->asked_holders |= 1u << i;
            out->completes = out->search->asked_holders == (1u << out->search->n_holders) - 1;
        }
    }
    if (world_dead(&swarm->world, number))
        return;

    world_id(&swarm->world, number, id);
    krpc_raw(&writer, "d1:rd2:id");
    krpc_string(&writer, id, sizeof id);
    if (with_target && !is(&query->query, "announce_peer"))
        write_nodes(swarm, &writer, number, query->target.data);
    if (peers_asked || is(&query->query, "get"))
        krpc_raw(&writer, "5:token4:tokn");
    if (out->with_peers)
        write_peers(&writer, query->target.data, swarm->world.top);
    krpc_raw(&writer, "e1:t");
    krpc_string(&writer, query->tid.data, query->tid.size);
    krpc_raw(&writer, "1:y1:re");

    out->ours = in->ours;
    out->theirs = in->theirs;
    out->port = in->port;
    out->size = (uint16_t)writer.size;
    out->due_at = bench_now_ns() + swarm->rtt_ns;
    swarm->n_in++;
}

static void send_due(struct swarm *swarm)
{
    for (; swarm->n_out != swarm->n_in; swarm->n_out++) {
        struct pending *out = &swarm->queue[swarm->n_out % QUEUE];
        const int64_t now = bench_now_ns();
        struct udp_datagram datagram = {out->ours, out->theirs, out->port, out->size, out->bytes};

        if (out->due_at > now)
            break;
        udp_send(swarm->udp, &datagram);
        if (out->search) {
            out->search->last_at = now;
            if (out->with_peers && !out->search->first_at)
                out->search->first_at = now;
            if (out->completes && !out->search->holders_at)
                out->search->holders_at = now;
        }
    }
    udp_flush(swarm->udp);
}

static void introduce(struct swarm *swarm, int64_t now)
{
    while (swarm->n_introduced < swarm->n_introductions && now >= swarm->introduce_at) {
        const uint32_t number = (uint32_t)(krpc_mix(swarm->world.seed + 77 * (uint64_t)swarm->n_introduced) %
                                           swarm->world.n_nodes);
        uint8_t bytes[KRPC_MESSAGE_MAX], id[KRPC_ID];
        struct krpc_writer writer = {bytes, 0};
        struct udp_datagram out = {
            .theirs = swarm->introduce_to, .port = swarm->introduce_port, .data = bytes};

        swarm->n_introduced++;
        if (world_dead(&swarm->world, number))
            continue;
        swarm->introduce_at += swarm->introduce_every_ns;
        world_id(&swarm->world, number, id);
        krpc_raw(&writer, "d1:ad2:id");
        krpc_string(&writer, id, sizeof id);
        krpc_raw(&writer, "6:target");
        krpc_string(&writer, id, sizeof id);
        krpc_raw(&writer, "e1:q9:find_node1:t2:in1:y1:qe");
        out.ours = world_address(&swarm->world, number);
        out.size = writer.size;
        udp_send(swarm->udp, &out);
    }
    udp_flush(swarm->udp);
}

static void sleep_until_work(struct swarm *swarm)
{
    struct pollfd ready = {.fd = udp_descriptor(swarm->udp), .events = POLLIN};
    int64_t wake_at = INT64_MAX, wait;
    struct timespec timeout;

    if (swarm->n_out != swarm->n_in)
        wake_at = swarm->queue[swarm->n_out % QUEUE].due_at;
    if (swarm->n_introduced < swarm->n_introductions && swarm->introduce_at < wake_at)
        wake_at = swarm->introduce_at;
    wait = wake_at == INT64_MAX ? (int64_t)200 * MS : wake_at - bench_now_ns();
    if (wait < 0)
        wait = 0;
    timeout = (struct timespec){wait / 1000000000, wait % 1000000000};
    ppoll(&ready, 1, &timeout, NULL);
}

static void run(struct swarm *swarm)
{
    struct udp_datagram in[UDP_BATCH];
    struct krpc_message message;

    while (!stopped) {
        size_t n;

        sleep_until_work(swarm);
        n = udp_receive(swarm->udp, in);
        for (size_t i = 0; i < n; i++) {
            if (krpc_read(in[i].data, in[i].size, &message) && message.kind == 'q') {
                swarm->n_queries++;
                answer(swarm, &in[i], &message);
            }
        }
        send_due(swarm);
        introduce(swarm, bench_now_ns());
    }
}

static double in_rtts(const struct swarm *swarm, const struct search *search, int64_t at)
{
    return at ? (double)(at - search->began_at) / (double)swarm->rtt_ns : -1;
}

static void report(const struct swarm *swarm)
{
    for (size_t i = 0; i < swarm->n_searches; i++) {
        const struct search *s = &swarm->searches[i];

        printf("{\"client\": \"%u.%u.%u.%u:%u\", \"infohash\": \"", s->client >> 24, s->client >> 16 & 255,
               s->client >> 8 & 255, s->client & 255, s->port);
        for (size_t b = 0; b < KRPC_ID; b++)
            printf("%02x", s->infohash[b]);
        printf(
            "\", \"queries\": %u, \"to_dead\": %u, \"nearest_asked\": %d, \"nearest\": %zu, \"first\": %.3f, "
            "\"all_nearest\": %.3f, \"last\": %.3f}\n",
            s->n_queries, s->n_dead, __builtin_popcount(s->asked_holders), s->n_holders,
            in_rtts(swarm, s, s->first_at), in_rtts(swarm, s, s->holders_at), in_rtts(swarm, s, s->last_at));
    }
    fprintf(stderr, "swarm: %" PRIu64 " queries, %u introductions\n", swarm->n_queries, swarm->n_introduced);
}

static void print_ready(const struct swarm *swarm)
{
    unsigned n = 0;

    printf("ready");
    for (uint32_t i = 0; i < swarm->world.n_nodes && n < 8; i++) {
        const uint32_t address = world_address(&swarm->world, i);

        if (world_dead(&swarm->world, i))
            continue;
        n++;
        printf(" %u.%u.%u.%u:%u", address >> 24, address >> 16 & 255, address >> 8 & 255, address & 255,
               swarm->port);
    }
    printf("\n");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static struct swarm swarm = {.port = 6881};
    static const struct option options[] = {
        {"nodes", 1, NULL, 'n'},         {"port", 1, NULL, 'p'}, {"top", 1, NULL, 't'},
        {"dead", 1, NULL, 'd'},          {"rtt", 1, NULL, 'r'},  {"seed", 1, NULL, 's'},
        {"over", 1, NULL, 'o'},          {"core", 1, NULL, 'c'}, {"introduce", 1, NULL, 'i'},
        {"introductions", 1, NULL, 'I'}, {NULL, 0, NULL, 0},
    };
    uint32_t n_nodes = 1000, top = 127;
    uint64_t seed = 1;
    double dead = 0, rtt_ms = 0, over_ms = 1000;
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case 'n':
            n_nodes = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'p':
            swarm.port = (uint16_t)strtoul(optarg, NULL, 10);
            break;
        case 't':
            top = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'd':
            dead = strtod(optarg, NULL);
            break;
        case 'r':
            rtt_ms = strtod(optarg, NULL);
            break;
        case 's':
            seed = strtoull(optarg, NULL, 10);
            break;
        case 'c':
            bench_pin(atoi(optarg));
            break;
        case 'i':
            bench_endpoint(optarg, &swarm.introduce_to, &swarm.introduce_port);
            break;
        case 'I':
            swarm.n_introductions = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'o':
            over_ms = strtod(optarg, NULL);
            break;
        default:
            errx(2, "usage: see the head of swarm.c");
        }
    }
    if (!n_nodes || n_nodes > 1 << 23 || dead < 0 || dead >= 1)
        errx(2, "swarm: --nodes or --dead out of range");
    signal(SIGTERM, stop);
    signal(SIGINT, stop);
    swarm.rtt_ns = (int64_t)(rtt_ms * MS);
    world_make(&swarm.world, n_nodes, top, dead, seed);
    swarm.udp = udp_open(0, swarm.port, true);
    swarm.introduce_at = bench_now_ns();
    swarm.introduce_every_ns = swarm.n_introductions ? (int64_t)(over_ms * MS / swarm.n_introductions) : 0;
    print_ready(&swarm);
    run(&swarm);
    report(&swarm);
    return 0;
}
