/*
 * members_load - queries in live sessions against a running node, over sockets, and what they cost it.
 *
 *     members-load HOST:PORT PID NETWORK ID1|- QUERY SECONDS     QUERY: ping, find_node, get, refused, echo; ID1: - on Mainline
 *
 * 256 clients with a session each, one query at a time from each, answered before the next. Prints answers a second and, what
 * counts where load and node share a machine, the node's processor time per answer. `refused` sends one first message of each
 * client's again and again, to a node that wants a cookie of everybody; `echo` sends the bare echo (bench/echo.c) as many bytes,
 * and wants as many of it as a COOKIE has.
 */
#include "bench/ask.h"
#include "bench/member_client.h"
#include "bench/udp.h"
#include "channel/format.h"
#include "kad/identity.h"

#include <err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLIENTS = 256, PATIENCE_MS = 200 };

static struct client clients[CLIENTS];
static int64_t asked_at[CLIENTS];
static bool waits[CLIENTS];
static uint8_t again[CLIENTS][1400]; /* what is asked the same way each time */
static size_t n_again[CLIENTS];

static uint32_t host_of(const struct kad_endpoint *endpoint)
{
    const uint8_t *a = endpoint->address;

    return (uint32_t)a[0] << 24 | (uint32_t)a[1] << 16 | (uint32_t)a[2] << 8 | a[3];
}

/* client_endpoint() backwards. */
static uint32_t number_of(uint32_t host)
{
    return ((host >> 16 & 255) - 64) + 64 * (host & 0xffff);
}

/* What each client says each time; true if this query is such a one. */
static bool write_again(const char *query, const struct kad_network *network,
                        const struct kad_endpoint *server, const uint8_t *key, kad_ms now)
{
    const bool refused = strcmp(query, "refused") == 0;

    if (!refused && strcmp(query, "echo") != 0)
        return false;
    for (uint32_t i = 0; i < CLIENTS; i++)
        n_again[i] = refused ? client_ask(&clients[i], network, server, key, KAD_PING, i, again[i],
                                          sizeof again[i], now)
                             : ask_write_echo(again[i], KAD_INIT_LEAST, KAD_DOOR_SIZE, i);
    if (n_again[0] != KAD_INIT_LEAST)
        errx(1, "a first message of %zu bytes", n_again[0]);
    return true;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        enum kad_method method;
    } queries[] = {{"ping", KAD_PING}, {"find_node", KAD_FIND_NODE}, {"get", KAD_GET}};
    const struct kad_network *network;
    struct kad_endpoint server = {.family = KAD_IPV4};
    enum kad_method method = KAD_PING;
    uint8_t key_bytes[32], *key = NULL;
    struct udp_socket *udp;
    uint32_t address, counter = 0;
    uint64_t answers = 0, lost = 0, from_answers = 0;
    int64_t now, until, from_cpu = 0, from_ns = 0;
    bool same;
    pid_t pid;

    if (argc != 7)
        errx(2, "usage: members-load HOST:PORT PID NETWORK ID1|- QUERY SECONDS");
    network = kad_network_named(argv[3]);
    pid = (pid_t)atoi(argv[2]);
    if (!network)
        errx(2, "no such network");
    if (strcmp(argv[4], "-") != 0) {
        if (kad_identity_parse(argv[4], key_bytes) < 0)
            errx(2, "no such identity");
        key = key_bytes;
    }
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        if (strcmp(queries[i].name, argv[5]) == 0)
            method = queries[i].method;
    }
    bench_endpoint(argv[1], &address, &server.port);
    for (int i = 0; i < 4; i++)
        server.address[i] = (uint8_t)(address >> (24 - 8 * i));
    if (kad_identity_start() < 0)
        errx(1, "libsodium does not start");
    udp = udp_open(0, 4242, true);
    now = bench_now_ns();
    for (uint32_t i = 0; i < CLIENTS; i++)
        client_make(&clients[i], network, i, i + 7 + (uint32_t)now, now / 1000000);
    same = write_again(argv[5], network, &server, key, now / 1000000);
    until = now + (int64_t)(atof(argv[6]) * 1e9);
    while (now < until) {
        struct udp_datagram in[UDP_BATCH];
        struct pollfd ready = {.fd = udp_descriptor(udp), .events = POLLIN};
        size_t n;

        for (uint32_t i = 0; i < CLIENTS; i++) {
            uint8_t bytes[1400];
            struct udp_datagram out = {
                .ours = host_of(&clients[i].endpoint), .theirs = address, .port = server.port, .data = bytes};

            if (waits[i] && now - asked_at[i] < (int64_t)PATIENCE_MS * 1000000)
                continue;
            lost += waits[i];
            if (same) {
                out.data = again[i];
                out.size = n_again[i];
            } else {
                out.size = client_ask(&clients[i], network, &server, key, method, ++counter, bytes,
                                      sizeof bytes, now / 1000000);
            }
            if (!out.size)
                continue;
            waits[i] = true;
            asked_at[i] = now;
            udp_send(udp, &out);
        }
        udp_flush(udp);
        poll(&ready, 1, 1);
        while ((n = udp_receive(udp, in)) > 0) {
            for (size_t i = 0; i < n; i++) {
                const uint32_t from = number_of(in[i].ours);
                const struct kad_datagram datagram = {.peer = server, .bytes = {in[i].data, in[i].size}};

                if (from >= CLIENTS)
                    continue;
                answers += same ? in[i].size == KAD_DOOR_SIZE
                                : client_take(&clients[from], &datagram, now / 1000000);
                waits[from] = false;
            }
        }
        now = bench_now_ns();
        if (!from_cpu && until - now < (int64_t)(atof(argv[6]) * 7e8)) { /* once all have sessions */
            from_cpu = bench_cpu_ns(pid);
            from_ns = now;
            from_answers = answers;
        }
    }
    answers -= from_answers;
    printf("%-9s %-10s %8.0f answers/s, %6.0f ns of the node's for each, %llu lost\n", argv[3], argv[5],
           (double)answers * 1e9 / (double)(now - from_ns),
           answers ? (double)(bench_cpu_ns(pid) - from_cpu) / (double)answers : 0.0,
           (unsigned long long)lost);
    return 0;
}
