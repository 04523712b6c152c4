/*
 * flood - T48, SCORECARD row 11: a real node under real datagrams. Garbage and queries from one address, from one /24 and
 * from addresses all over 127/8 ("spoofed": IP_PKTINFO chooses the source) come as fast as this process can send them;
 * meanwhile an honest client's queries are answered, the node's memory stays, and each drop is counted.
 *
 * The node runs in a child process with limit_local on, so that loopback addresses are limited as public ones are. Only in
 * the release build does its memory mean anything: a sanitizer keeps what is freed.
 */
// release
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "kad/node.h"

#define BURST  64
#define ROUNDS 600 /* x BURST datagrams an attack */
#define HONEST 200 /* queries while it goes on */

struct shared { /* the child writes its counters here at its end */
    struct kad_counters counters;
};

struct victim {
    pid_t pid;
    int from_child;
    struct sockaddr_in address;
};

static const char find_node[] =
    "d1:ad2:id20:hhhhhhhhhhhhhhhhhhhh6:target20:tttttttttttttttttttte1:q9:find_node1:t2:hi1:y1:qe";

static struct kad_node *running;

static void on_term(int signal_number)
{
    (void)signal_number;
    kad_node_stop(running);
}

static void run_victim(int to_parent)
{
    struct kad_node_config config;
    struct shared out;
    struct kad_endpoint at;
    char why[200];

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    kad_node_config_default(kad_network_mainline(), &config);
    config.settings.limit_local = true;
    config.store = KAD_STORE_MEMORY;
    config.data_dir = NULL;
    memset(&config.listen[0], 0, sizeof(config.listen[0]));
    config.listen[0].family = KAD_IPV4;
    memcpy(config.listen[0].address, (uint8_t[]){127, 0, 50, 1}, 4);
    config.n_listen = 1;
    if (kad_node_new(&config, &running, why, sizeof(why)) != 0) {
        fprintf(stderr, "victim: %s\n", why);
        _exit(1);
    }
    signal(SIGTERM, on_term);
    if (kad_node_start(running) != 0 || kad_node_listening(running, &at, 1) != 1 ||
        write(to_parent, &at.port, sizeof(at.port)) != sizeof(at.port))
        _exit(1);
    kad_node_run(running);
    out.counters = *kad_engine_counters(kad_node_engine(running));
    _exit(write(to_parent, &out, sizeof(out)) == sizeof(out) ? 0 : 1);
}

static struct victim start_victim(void)
{
    struct victim victim = {.address = {.sin_family = AF_INET}};
    uint16_t port = 0;
    int pipes[2];

    EXPECT_EQ(pipe(pipes), 0);
    victim.pid = fork();
    if (victim.pid == 0)
        run_victim(pipes[1]);
    close(pipes[1]);
    victim.from_child = pipes[0];
    EXPECT_EQ(read(pipes[0], &port, sizeof(port)), sizeof(port));
    victim.address.sin_port = htons(port);
    victim.address.sin_addr.s_addr = inet_addr("127.0.50.1");
    return victim;
}

static void stop_victim(struct victim *victim, struct kad_counters *out_counters)
{
    struct shared shared;
    int status;

    kill(victim->pid, SIGTERM);
    EXPECT_EQ(read(victim->from_child, &shared, sizeof(shared)), sizeof(shared));
    EXPECT_EQ(waitpid(victim->pid, &status, 0), victim->pid);
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(victim->from_child);
    *out_counters = shared.counters;
}

static long memory_kib(pid_t pid)
{
    char path[64], line[200];
    long kib = -1;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    file = fopen(path, "r");
    while (file && fgets(line, sizeof(line), file)) {
        if (sscanf(line, "RssAnon: %ld", &kib) == 1)
            break;
    }
    if (file)
        fclose(file);
    return kib;
}

/* One datagram with a source address of our choice: 127/8 is all ours. */
static void send_from(int fd, const struct sockaddr_in *to, uint32_t source, const void *bytes, size_t size)
{
    char control[CMSG_SPACE(sizeof(struct in_pktinfo))] = {0};
    struct sockaddr_in address = *to;
    struct iovec vector = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
    struct msghdr message = {.msg_name = &address,
                             .msg_namelen = sizeof(address),
                             .msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    struct in_pktinfo info = {.ipi_spec_dst.s_addr = htonl(source)};

    header->cmsg_level = IPPROTO_IP;
    header->cmsg_type = IP_PKTINFO;
    header->cmsg_len = CMSG_LEN(sizeof(info));
    memcpy(CMSG_DATA(header), &info, sizeof(info));
    (void)!sendmsg(fd, &message, MSG_DONTWAIT);
}

enum attack { ONE_ADDRESS, ONE_SLASH_24, SPOOFED, N_ATTACKS };

static uint32_t source_of(enum attack attack, uint32_t i)
{
    if (attack == ONE_ADDRESS)
        return 0x7f070707;
    if (attack == ONE_SLASH_24)
        return 0x7f080800 | (1 + i % 254);
    return 0x7f000000 | (0x100000 + (i * 2654435761u >> 10) % 0xe00000);
}

/* Asks, and once more when nothing comes, as every client does: the kernel too drops what a busy socket cannot take. */
static bool answered(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    char bytes[2048];

    for (int try = 0; try < 2; try++) {
        EXPECT(send(fd, find_node, sizeof(find_node) - 1, 0) > 0);
        if (poll(&wait, 1, 2000) == 1 && recv(fd, bytes, sizeof(bytes), 0) > 0)
            return true;
    }
    return false;
}

static void flood(enum attack attack, const char *name)
{
    struct victim victim = start_victim();
    const struct sockaddr_in honest = {.sin_family = AF_INET, .sin_addr.s_addr = inet_addr("127.222.1.1")};
    const int from = socket(AF_INET, SOCK_DGRAM, 0), client = socket(AF_INET, SOCK_DGRAM, 0);
    struct kad_counters counters;
    uint64_t dropped = 0;
    int n_answered = 0;
    uint32_t i = 0;
    long before, after;

    EXPECT_EQ(bind(client, (const struct sockaddr *)&honest, sizeof(honest)), 0);
    EXPECT_EQ(connect(client, (const struct sockaddr *)&victim.address, sizeof(victim.address)), 0);
    EXPECT(answered(client));
    for (int warm = 0; warm < 2000; warm++, i++) /* tables and caches are touched before memory is measured */
        send_from(from, &victim.address, source_of(attack, i), find_node, sizeof(find_node) - 1);
    before = memory_kib(victim.pid);
    for (int round = 0; round < ROUNDS; round++) {
        for (int j = 0; j < BURST; j++, i++) {
            static const char garbage[] = "d1:ad2:id20:\xff\xff\xff\xff";

            if (i % 2)
                send_from(from, &victim.address, source_of(attack, i), find_node, sizeof(find_node) - 1);
            else
                send_from(from, &victim.address, source_of(attack, i), garbage, sizeof(garbage) - 1);
        }
        if (round % (ROUNDS / HONEST) == 0)
            n_answered += answered(client);
    }
    after = memory_kib(victim.pid);
    stop_victim(&victim, &counters);
    for (int drop = KAD_DROP_NONE + 1; drop < KAD_N_DROPS; drop++)
        dropped += counters.received[drop];
    printf("%-12s honest answered %d of %d; %llu accepted, %llu dropped (address %llu, group %llu, graylist "
           "%llu, "
           "malformed %llu); %llu bytes in, %llu out; memory %ld -> %ld KiB\n",
           name, n_answered, HONEST, (unsigned long long)counters.received[KAD_DROP_NONE],
           (unsigned long long)dropped, (unsigned long long)counters.received[KAD_DROP_ADDRESS_RATE],
           (unsigned long long)counters.received[KAD_DROP_GROUP_RATE],
           (unsigned long long)counters.received[KAD_DROP_GRAYLIST],
           (unsigned long long)counters.received[KAD_DROP_MALFORMED], (unsigned long long)counters.bytes_in,
           (unsigned long long)counters.bytes_out, before, after);
    EXPECT(n_answered >= HONEST * 99 / 100);
    EXPECT(dropped > 10000);
    EXPECT(after - before <= 1024);
    EXPECT(counters.bytes_out < counters.bytes_in * 3);
    close(from);
    close(client);
}

TEST(flood_from_one_address)
{
    flood(ONE_ADDRESS, "one address");
}

TEST(flood_from_one_group)
{
    flood(ONE_SLASH_24, "one /24");
}

TEST(flood_from_spoofed_addresses)
{
    flood(SPOOFED, "spoofed");
}
