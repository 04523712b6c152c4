/* doctor_probe - pings from sockets of its own, and what interfaces and routes there are; see doctor.h. */
#include "cli/doctor.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "base/endpoint.h"
#include "base/text.h"
#include "channel/channel.h"
#include "cli/print.h"
#include "engine/network.h"
#include "kad/identity.h"
#include "net/address.h"
#include "net/resolve.h"
#include "wire/krpc/krpc.h"

#define PING_EVERY_MS 250

/* -- interfaces and routes --------------------------------------------------------------------------------------- */

/* Connecting a UDP socket asks the kernel for a route and sends nothing. The addresses are RFC 5737's and 3849's. */
static bool has_route(const char *address)
{
    struct kad_endpoint to;
    union kad_address name;
    socklen_t size;
    int fd;
    bool there;

    if (kad_endpoint_parse(address, 0, &to) != KAD_OK)
        return false;
    size = kad_address_from(&to, &name);
    fd = socket(name.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    there = fd >= 0 && connect(fd, &name.any, size) == 0;
    if (fd >= 0)
        close(fd);
    return there;
}

static int count_addresses(void)
{
    struct ifaddrs *all;
    int n = 0;

    if (getifaddrs(&all) != 0)
        return -1;
    for (const struct ifaddrs *one = all; one; one = one->ifa_next) {
        const bool up = (one->ifa_flags & IFF_UP) && (one->ifa_flags & IFF_RUNNING);

        n += up && !(one->ifa_flags & IFF_LOOPBACK) && one->ifa_addr &&
             (one->ifa_addr->sa_family == AF_INET || one->ifa_addr->sa_family == AF_INET6);
    }
    freeifaddrs(all);
    return n;
}

void kad_doctor_look_around(struct kad_doctor_facts *facts)
{
    facts->n_addresses = count_addresses();
    facts->route_v4 = has_route("192.0.2.1:9");
    facts->route_v6 = has_route("[2001:db8::1]:9");
}

/* -- names ------------------------------------------------------------------------------------------------------- */

struct resolving {
    struct kad_doctor_facts *facts;
    struct kad_probe *probe;
};

static void resolved(void *context, int error, const char *why, const struct kad_endpoint *found, size_t n)
{
    const struct resolving *resolving = context;
    struct kad_probe *probe = resolving->probe;

    (void)why;
    probe->unresolved = error != KAD_OK || n == 0;
    for (size_t i = 0; i < n; i++) { /* one that this machine can reach, if there is one */
        if (i == 0 ||
            (found[i].family == KAD_IPV4 && probe->to.family == KAD_IPV6 && !resolving->facts->route_v6))
            probe->to = found[i];
    }
}

static void resolve_all(struct kad_doctor_facts *facts)
{
    struct resolving waiting[KAD_PROBE_MAX];
    char host[KAD_RESOLVE_HOST];
    struct kad_resolve *ignored;
    uv_loop_t loop;
    uint16_t port;
    size_t n = 0;

    if (uv_loop_init(&loop) != 0)
        return;
    for (size_t i = 0; i < facts->n_probes; i++) {
        struct kad_probe *probe = &facts->probes[i];

        if (probe->is_contact || kad_endpoint_parse(probe->name, 0, &probe->to) == KAD_OK)
            continue;
        waiting[n] = (struct resolving){facts, probe};
        probe->unresolved = kad_resolve_split(probe->name, 0, host, &port) != KAD_OK ||
                            kad_resolve_start(&loop, &kad_allocator_system, host, port, resolved, &waiting[n],
                                              &ignored) != KAD_OK;
        n++;
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
}

/* -- pings ------------------------------------------------------------------------------------------------------- */

struct pinging {
    struct kad_doctor_facts *facts;
    struct kad_id id; /* of nobody: read-only, so nobody keeps it */
    struct pollfd sockets[KAD_PROBE_MAX + KAD_PROBE_SAMPLE];
    int64_t sent_at[KAD_PROBE_MAX + KAD_PROBE_SAMPLE][KAD_PROBE_PINGS];
    struct kad_message message;
    /* Where nodes have sessions a ping is a knock at the open door, which is answered whoever we are; one channel for each round,
     * for a channel knocks once. All NULL: bare messages. */
    struct kad_channel *rounds[KAD_PROBE_PINGS];
};

static int64_t now_ms(void)
{
    return (int64_t)(uv_hrtime() / 1000000);
}

static void note_error(struct kad_probe *probe, int error)
{
    if (probe->error == 0 && error != EAGAIN && error != EINTR)
        probe->error = error;
}

/* What the kernel knows of the path by now: that of the interface, unless a router has said less. */
static int path_mtu(int fd, enum kad_family family)
{
    const bool v4 = family == KAD_IPV4;
    int mtu = 0;
    socklen_t size = sizeof mtu;

    if (getsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_MTU : IPV6_MTU, &mtu, &size) != 0)
        return 0;
    return mtu;
}

static void open_socket(struct kad_probe *probe, struct pollfd *watched)
{
    union kad_address name;
    socklen_t size, own_size = sizeof name;

    *watched = (struct pollfd){.fd = -1, .events = POLLIN};
    if (probe->unresolved || probe->to.family == KAD_FAMILY_NONE)
        return;
    size = kad_address_from(&probe->to, &name);
    watched->fd = socket(name.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (watched->fd < 0 || connect(watched->fd, &name.any, size) != 0) {
        note_error(probe, errno);
        if (watched->fd >= 0)
            close(watched->fd);
        watched->fd = -1;
    } else if (getsockname(watched->fd, &name.any, &own_size) == 0) {
        probe->from_port = kad_address_endpoint(&name.any).port;
    }
}

/* What the running node speaks. */
static const struct kad_network *network_of(const struct kad_doctor_facts *facts)
{
    const struct kad_network *network = kad_network_named(kad_json_text(facts->node, "network"));

    return network ? network : kad_network_mainline();
}

static void open_rounds(struct pinging *all)
{
    const struct kad_network *network = network_of(all->facts);

    for (unsigned i = 0; i < KAD_PROBE_PINGS && network->carrier == KAD_CARRIER_SESSIONS; i++) {
        struct kad_channel_config config = {
            .allocator = &kad_allocator_system,
            .suite = network->suite,
            .network = network->realm,
            .max_sessions = 16,
            .max_waiting = KAD_PROBE_MAX + KAD_PROBE_SAMPLE,
            .waiting_ms = KAD_HOUR,
            .rekey_after_ms = KAD_HOUR,
            .cookie_per_s = 1,
            .work_per_s = 1,
        };

        kad_entropy(config.secret, sizeof config.secret);
        kad_entropy(config.seed, sizeof config.seed);
        if (kad_channel_new(&config, now_ms(), &all->rounds[i]) != KAD_OK)
            all->rounds[i] = NULL; /* no memory: nobody is asked in this round */
    }
}

static size_t write_knock(struct pinging *all, const struct kad_probe *probe, unsigned number,
                          uint8_t bytes[KAD_DATAGRAM_MAX])
{
    const struct kad_channel_to to = {.endpoint = probe->to};
    struct kad_channel_plan plan;
    bool failed;

    if (!all->rounds[number])
        return 0;
    plan = kad_channel_plan(all->rounds[number], &to, 0, now_ms());
    if (!plan.room)
        return 0;
    bytes[plan.head] = 0; /* what would be said inside: never sent */
    return kad_channel_seal(all->rounds[number], &plan, &to, bytes, 1, now_ms(), &failed);
}

static size_t write_ping(struct pinging *all, size_t i, unsigned number, uint8_t bytes[KAD_DATAGRAM_MAX])
{
    const uint8_t transaction[4] = {'k', 'd', (uint8_t)('0' + number), (uint8_t)i};

    kad_message_init(&all->message);
    all->message.kind = KAD_QUERY;
    all->message.method = KAD_PING;
    all->message.transaction = (struct kad_bytes){transaction, sizeof transaction};
    all->message.sender = all->id;
    all->message.has_sender = true;
    all->message.read_only = true;
    return kad_krpc.encode(&all->message, bytes, KAD_DATAGRAM_MAX);
}

static void ping(struct pinging *all, size_t i, unsigned number)
{
    struct kad_probe *probe = &all->facts->probes[i];
    uint8_t bytes[KAD_DATAGRAM_MAX];
    size_t n;

    if (all->sockets[i].fd < 0)
        return;
    n = network_of(all->facts)->carrier == KAD_CARRIER_SESSIONS ? write_knock(all, probe, number, bytes)
                                                                : write_ping(all, i, number, bytes);
    if (!n)
        return;
    all->sent_at[i][number] = now_ms();
    if (send(all->sockets[i].fd, bytes, n, 0) < 0)
        note_error(probe, errno);
    probe->n_sent++;
}

static bool is_ours(const struct kad_message *message, size_t i, unsigned *out_number)
{
    const uint8_t *transaction = message->transaction.data;

    if (message->kind == KAD_QUERY || message->transaction.size != 4 || transaction[0] != 'k' ||
        transaction[1] != 'd' || transaction[3] != (uint8_t)i || transaction[2] < '0' ||
        transaction[2] >= '0' + KAD_PROBE_PINGS)
        return false;
    *out_number = transaction[2] - '0';
    return true;
}

/* The door opened, for the round that knocked. */
static void take_open(struct pinging *all, size_t i, const uint8_t *bytes, size_t size)
{
    static struct kad_datagram datagrams[4];
    static uint8_t memory[4 * KAD_DATAGRAM_MAX];
    struct kad_batch unsent = {.datagrams = datagrams, .memory = memory, .room = 4};
    struct kad_probe *probe = &all->facts->probes[i];
    const struct kad_datagram in = {.peer = probe->to, .bytes = {bytes, size}};
    char text[KAD_IDENTITY_TEXT];

    for (unsigned number = 0; number < KAD_PROBE_PINGS; number++) {
        struct kad_channel_in opened;

        if (!all->rounds[number] || all->sent_at[i][number] == 0)
            continue;
        opened = kad_channel_receive(all->rounds[number], &in, now_ms(), &unsent);
        unsent.n = 0;
        if (opened.verdict != KAD_CHANNEL_HANDLED && opened.verdict != KAD_CHANNEL_REFUSED)
            continue;
        probe->rtt_ms[probe->n_answers++] = now_ms() - all->sent_at[i][number];
        probe->is_self =
            strcmp(kad_identity_format(opened.key, text), kad_json_text(all->facts->node, "identity")) == 0;
        all->sent_at[i][number] = 0;
        return;
    }
    probe->n_garbage++;
}

static void take(struct pinging *all, size_t i, const uint8_t *bytes, size_t size)
{
    struct kad_probe *probe = &all->facts->probes[i];
    const char *self = kad_json_text(all->facts->node, "node_id");
    char text[2 * KAD_ID_SIZE + 1];
    unsigned number;

    if (kad_krpc.decode((struct kad_bytes){bytes, size}, (enum kad_family)probe->to.family, &all->message) !=
            KAD_DECODED ||
        !is_ours(&all->message, i, &number) || all->sent_at[i][number] == 0) {
        probe->n_garbage++;
        return;
    }
    if (all->message.kind == KAD_ERROR) {
        probe->n_errors++;
    } else {
        probe->rtt_ms[probe->n_answers++] = now_ms() - all->sent_at[i][number];
        probe->seen_as = all->message.your_address;
        kad_hex(all->message.sender.bytes, 20, text);
        probe->is_self = all->message.has_sender && strcmp(text, self) == 0;
    }
    all->sent_at[i][number] = 0; /* a second answer to it is none */
}

static void receive(struct pinging *all, size_t i)
{
    uint8_t bytes[2048];
    ssize_t n;

    while ((n = recv(all->sockets[i].fd, bytes, sizeof bytes, 0)) >= 0) {
        if (network_of(all->facts)->carrier == KAD_CARRIER_SESSIONS)
            take_open(all, i, bytes, (size_t)n);
        else
            take(all, i, bytes, (size_t)n);
    }
    note_error(&all->facts->probes[i], errno);
}

static bool all_settled(const struct pinging *all)
{
    for (size_t i = 0; i < all->facts->n_probes; i++) {
        const struct kad_probe *probe = &all->facts->probes[i];

        if (all->sockets[i].fd >= 0 && probe->error == 0 &&
            probe->n_answers + probe->n_errors + probe->n_garbage < KAD_PROBE_PINGS)
            return false;
    }
    return true;
}

static void listen_until(struct pinging *all, int64_t until, bool may_end)
{
    int64_t left;

    while ((left = until - now_ms()) > 0 && !(may_end && all_settled(all))) {
        if (poll(all->sockets, all->facts->n_probes, (int)left) <= 0)
            continue;
        for (size_t i = 0; i < all->facts->n_probes; i++) {
            if (all->sockets[i].fd >= 0 && all->sockets[i].revents)
                receive(all, i);
        }
    }
}

static int by_size(const void *a, const void *b)
{
    const int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

void kad_doctor_probe(struct kad_doctor_facts *facts, int64_t wait_ms)
{
    struct pinging *all = calloc(1, sizeof *all);

    if (!all)
        return;
    resolve_all(facts);
    all->facts = facts;
    kad_entropy(all->id.bytes, 20);
    open_rounds(all);
    for (size_t i = 0; i < facts->n_probes; i++)
        open_socket(&facts->probes[i], &all->sockets[i]);
    for (unsigned number = 0; number < KAD_PROBE_PINGS; number++) {
        for (size_t i = 0; i < facts->n_probes; i++)
            ping(all, i, number);
        listen_until(all, now_ms() + PING_EVERY_MS, false);
    }
    listen_until(all, now_ms() + wait_ms, true);
    for (size_t i = 0; i < facts->n_probes; i++) {
        qsort(facts->probes[i].rtt_ms, facts->probes[i].n_answers, sizeof facts->probes[i].rtt_ms[0],
              by_size);
        if (all->sockets[i].fd < 0)
            continue;
        facts->probes[i].mtu = path_mtu(all->sockets[i].fd, (enum kad_family)facts->probes[i].to.family);
        close(all->sockets[i].fd);
    }
    for (unsigned i = 0; i < KAD_PROBE_PINGS; i++)
        kad_channel_free(all->rounds[i]);
    free(all);
}
