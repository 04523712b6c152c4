/*
 * wan - a wide-area network in one process: the packets of many network namespaces, delayed, lost, counted and written down.
 *
 *     wan [--seed N] [--loss PERCENT] [--scale FACTOR] NAMESPACE...
 *
 * Host i lives in the i-th namespace (/run/netns/NAME) behind a TUN device `wan0` with the address 10.(i+1).0.1/24, its
 * default route. What it sends to another host's address arrives there after the delay of this pair; what it sends elsewhere
 * is dropped. The delays follow SCORECARD 5.2, which fits measured pairs: hosts lie in six clusters on a plane of
 * milliseconds and have an access delay; a pair has a factor of its own (so the triangle inequality is violated, as it is
 * out there), each packet some jitter (so they overtake one another). All from the seed.
 *
 * Commands come on standard input, a line each; each is answered by one line, "ok" and maybe more:
 *
 *     loss PERCENT            of all packets from now on           scale FACTOR       of all delays
 *     group HOST N            hosts of different groups do not reach one another (all begin in 0)
 *     capture FILE            every IPv4 packet as sent, before loss, as pcap (LINKTYPE_RAW); "-" ends it
 *     totals                  packets, bytes, lost, blocked, strays, fragments, largest
 *     pairs FILE              a line for each pair that spoke: from to packets bytes lost delay_ms
 *
 * It ends with its standard input. The kernel here has no netem, or none of this would be needed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if_tun.h>
#include <math.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define MAX_HOSTS   250
#define MAX_WAITING 200000 /* packets under way; more are lost, as in a real queue */
#define MTU         1500
#define BURST       64 /* packets taken from one host before others are looked at */

struct packet {
    int64_t due_us;
    uint64_t order; /* of two due at once the elder goes first */
    uint16_t to;
    uint16_t size;
    uint8_t bytes[];
};

struct host {
    const char *name;
    int tun;
    unsigned group;
    double x, y, access_ms;
};

struct pair {
    uint64_t packets, bytes, lost;
    float delay_ms; /* one way */
};

static struct host hosts[MAX_HOSTS];
static struct pair pairs[MAX_HOSTS][MAX_HOSTS];
static unsigned n_hosts;

static struct packet *waiting[MAX_WAITING]; /* a heap, soonest first */
static size_t n_waiting;
static uint64_t order;

static double loss = 0.01, scale = 1;
static FILE *capture;
static uint64_t strays, blocked, fragments, largest;
static uint64_t random_state;

static void die(const char *what)
{
    fprintf(stderr, "wan: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t now_us(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* ---- chance */

static uint64_t scramble(uint64_t x) /* splitmix64 */
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static double uniform(void)
{
    random_state += 0x9e3779b97f4a7c15u;
    return ((double)(scramble(random_state) >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(void)
{
    return sqrt(-2 * log(uniform())) * cos(6.283185307179586 * uniform());
}

/* Where everybody is, and how long from each to each. */
static void place_hosts(void)
{
    static const struct {
        double x, y, weight;
    } clusters[] = {{-45, -5, .38}, {20, 5, .36},   {60, -60, .15},
                    {75, 40, .05},  {-50, 75, .04}, {95, -110, .02}};

    for (unsigned i = 0; i < n_hosts; i++) {
        double at = uniform();
        unsigned c = 0;

        while (c < 5 && at > clusters[c].weight)
            at -= clusters[c++].weight;
        hosts[i].x = clusters[c].x + 8 * normal();
        hosts[i].y = clusters[c].y + 8 * normal();
        hosts[i].access_ms = 2.5 * exp(.8 * normal());
    }
    for (unsigned i = 0; i < n_hosts; i++)
        for (unsigned j = 0; j < i; j++) {
            double ms = hypot(hosts[i].x - hosts[j].x, hosts[i].y - hosts[j].y);

            ms = (ms + hosts[i].access_ms + hosts[j].access_ms) * exp(.12 * normal());
            pairs[i][j].delay_ms = pairs[j][i].delay_ms = (float)ms;
        }
}

/* ---- what is under way */

static bool sooner(const struct packet *a, const struct packet *b)
{
    return a->due_us < b->due_us || (a->due_us == b->due_us && a->order < b->order);
}

static void push(struct packet *packet)
{
    size_t i = n_waiting++;

    while (i > 0 && sooner(packet, waiting[(i - 1) / 2])) {
        waiting[i] = waiting[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    waiting[i] = packet;
}

static struct packet *pop(void)
{
    struct packet *first = waiting[0], *last = waiting[--n_waiting];
    size_t i = 0;

    for (size_t child; (child = 2 * i + 1) < n_waiting; i = child) {
        if (child + 1 < n_waiting && sooner(waiting[child + 1], waiting[child]))
            child++;
        if (!sooner(waiting[child], last))
            break;
        waiting[i] = waiting[child];
    }
    waiting[i] = last;
    return first;
}

static void deliver(int timer)
{
    const int64_t now = now_us(CLOCK_MONOTONIC);
    struct itimerspec when = {0};

    while (n_waiting > 0 && waiting[0]->due_us <= now) {
        struct packet *packet = pop();

        /* A device that is down, or a full queue: it is lost, as on any link. */
        if (write(hosts[packet->to].tun, packet->bytes, packet->size) < 0)
            strays += errno != EIO && errno != ENOBUFS && errno != EAGAIN;
        free(packet);
    }
    if (n_waiting > 0) {
        const int64_t due = waiting[0]->due_us;

        when.it_value = (struct timespec){.tv_sec = due / 1000000, .tv_nsec = due % 1000000 * 1000};
    }
    if (timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL) < 0)
        die("timer");
}

/* ---- what hosts send */

static void write_down(const uint8_t *bytes, uint32_t size)
{
    const int64_t now = now_us(CLOCK_REALTIME);
    const uint32_t head[4] = {(uint32_t)(now / 1000000), (uint32_t)(now % 1000000), size, size};

    if (capture && (fwrite(head, sizeof(head), 1, capture) != 1 || fwrite(bytes, size, 1, capture) != 1))
        die("capture");
}

static void sent(unsigned from, const uint8_t *bytes, size_t size)
{
    struct packet *packet;
    struct pair *pair;
    unsigned to;

    if (size < 20 || bytes[0] >> 4 != 4)
        return; /* IPv6 looks for neighbours by itself */
    if (bytes[16] != 10 || bytes[17] < 1 || bytes[17] > n_hosts || bytes[18] != 0 || bytes[19] != 1) {
        strays++;
        return;
    }
    to = bytes[17] - 1u;
    pair = &pairs[from][to];
    pair->packets++;
    pair->bytes += size;
    fragments += ((bytes[6] & 0x3f) | bytes[7]) != 0; /* more to come, or not the first */
    largest = size > largest ? size : largest;
    write_down(bytes, (uint32_t)size);
    if (hosts[from].group != hosts[to].group) {
        blocked++;
        return;
    }
    packet = uniform() < loss || n_waiting == MAX_WAITING ? NULL : malloc(sizeof(*packet) + size);
    if (!packet) {
        pair->lost++;
        return;
    }
    memcpy(packet->bytes, bytes, size);
    packet->size = (uint16_t)size;
    packet->to = (uint16_t)to;
    packet->order = order++;
    packet->due_us = now_us(CLOCK_MONOTONIC) +
                     (int64_t)(1000 * scale * (double)pair->delay_ms * (1 + fabs(.1 * normal())));
    push(packet);
}

static void take(unsigned from)
{
    uint8_t bytes[MTU + 64];

    for (unsigned i = 0; i < BURST; i++) {
        const ssize_t size = read(hosts[from].tun, bytes, sizeof(bytes));

        if (size <= 0)
            return;
        sent(from, bytes, (size_t)size);
    }
}

/* ---- the device of a host */

static void set_address(int control, unsigned long what, struct ifreq *request, const char *text)
{
    struct sockaddr_in address = {.sin_family = AF_INET};

    if (inet_pton(AF_INET, text, &address.sin_addr) != 1)
        die(text);
    memcpy(&request->ifr_addr, &address, sizeof(address));
    if (ioctl(control, what, request) < 0)
        die("address");
}

static void start_host(unsigned i, int home)
{
    char path[256], text[32];
    struct ifreq request = {.ifr_name = "wan0"};
    struct rtentry route = {.rt_flags = RTF_UP, .rt_dev = request.ifr_name};
    struct sockaddr_in any = {.sin_family = AF_INET};
    int netns, control;

    snprintf(path, sizeof(path), "/run/netns/%s", hosts[i].name);
    netns = open(path, O_RDONLY | O_CLOEXEC);
    if (netns < 0 || setns(netns, CLONE_NEWNET) < 0)
        die(path);
    close(netns);

    hosts[i].tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    if (hosts[i].tun < 0 || ioctl(hosts[i].tun, TUNSETIFF, &request) < 0)
        die("/dev/net/tun");
    control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (control < 0)
        die("socket");
    snprintf(text, sizeof(text), "10.%u.0.1", i + 1);
    set_address(control, SIOCSIFADDR, &request, text);
    set_address(control, SIOCSIFNETMASK, &request, "255.255.255.0");
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (ioctl(control, SIOCSIFFLAGS, &request) < 0)
        die("wan0");
    memcpy(&route.rt_dst, &any, sizeof(any));
    memcpy(&route.rt_genmask, &any, sizeof(any));
    if (ioctl(control, SIOCADDRT, &route) < 0)
        die("route");
    memcpy(request.ifr_name, "lo", 3);
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (ioctl(control, SIOCSIFFLAGS, &request) < 0)
        die("lo");
    close(control);
    if (setns(home, CLONE_NEWNET) < 0)
        die("back");
}

/* ---- commands */

static void start_capture(const char *path)
{
    const uint32_t head[6] = {0xa1b2c3d4, 2 | 4 << 16, 0, 0, MTU + 64, 101 /* LINKTYPE_RAW */};

    if (capture && fclose(capture) != 0)
        die("capture");
    capture = NULL;
    if (strcmp(path, "-") == 0)
        return;
    capture = fopen(path, "wb");
    if (!capture || setvbuf(capture, NULL, _IOFBF, 1 << 20) != 0 ||
        fwrite(head, sizeof(head), 1, capture) != 1)
        die(path);
}

static void write_pairs(const char *path)
{
    FILE *file = fopen(path, "w");

    if (!file)
        die(path);
    for (unsigned i = 0; i < n_hosts; i++)
        for (unsigned j = 0; j < n_hosts; j++)
            if (pairs[i][j].packets > 0)
                fprintf(file, "%u %u %" PRIu64 " %" PRIu64 " %" PRIu64 " %.3f\n", i, j, pairs[i][j].packets,
                        pairs[i][j].bytes, pairs[i][j].lost, (double)pairs[i][j].delay_ms);
    if (fclose(file) != 0)
        die(path);
}

static void print_totals(void)
{
    struct pair all = {0};

    for (unsigned i = 0; i < n_hosts; i++)
        for (unsigned j = 0; j < n_hosts; j++) {
            all.packets += pairs[i][j].packets;
            all.bytes += pairs[i][j].bytes;
            all.lost += pairs[i][j].lost;
        }
    printf("ok %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
           all.packets, all.bytes, all.lost, blocked, strays, fragments, largest);
}

static void obey(const char *line)
{
    char word[16], argument[512] = "";
    unsigned host, group;

    if (sscanf(line, "%15s %511s", word, argument) < 1)
        return;
    if (strcmp(word, "totals") == 0) {
        print_totals();
        return;
    }
    if (strcmp(word, "loss") == 0)
        loss = atof(argument) / 100;
    else if (strcmp(word, "scale") == 0)
        scale = atof(argument);
    else if (strcmp(word, "capture") == 0)
        start_capture(argument);
    else if (strcmp(word, "pairs") == 0)
        write_pairs(argument);
    else if (sscanf(line, "group %u %u", &host, &group) == 2 && host < n_hosts)
        hosts[host].group = group;
    else
        fprintf(stderr, "wan: what is that: %s", line);
    puts("ok");
}

/* False at the end of standard input. */
static bool read_commands(void)
{
    static char line[1024];
    static size_t n;
    ssize_t got = read(STDIN_FILENO, line + n, sizeof(line) - 1 - n);

    if (got <= 0)
        return false;
    n += (size_t)got;
    line[n] = 0;
    for (char *end; (end = strchr(line, '\n')) != NULL;) {
        *end = 0;
        obey(line);
        n -= (size_t)(end + 1 - line);
        memmove(line, end + 1, n + 1);
    }
    fflush(stdout);
    return n < sizeof(line) - 1;
}

static void watch(int epoll, int fd, uint32_t what)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = what};

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        die("epoll");
}

int main(int argc, char **argv)
{
    enum { COMMANDS = MAX_HOSTS, TIMER };
    const int epoll = epoll_create1(EPOLL_CLOEXEC);
    const int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    const int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    uint64_t seed = 1;
    int i = 1;

    for (; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i += 2) {
        if (strcmp(argv[i], "--seed") == 0)
            seed = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--loss") == 0)
            loss = atof(argv[i + 1]) / 100;
        else if (strcmp(argv[i], "--scale") == 0)
            scale = atof(argv[i + 1]);
        else
            break;
    }
    if (i >= argc || argc - i > MAX_HOSTS || argv[i][0] == '-' || epoll < 0 || timer < 0 || home < 0) {
        fprintf(stderr, "usage: wan [--seed N] [--loss PERCENT] [--scale FACTOR] NAMESPACE...\n");
        return 2;
    }
    random_state = scramble(seed);
    for (; i < argc; i++)
        hosts[n_hosts++].name = argv[i];
    place_hosts();
    for (unsigned h = 0; h < n_hosts; h++) {
        start_host(h, home);
        watch(epoll, hosts[h].tun, h);
    }
    watch(epoll, STDIN_FILENO, COMMANDS);
    watch(epoll, timer, TIMER);
    puts("ok");
    fflush(stdout);

    for (bool on = true; on;) {
        struct epoll_event events[64];
        const int n = epoll_wait(epoll, events, 64, -1);

        for (int e = 0; e < n; e++) {
            uint64_t rang;

            if (events[e].data.u32 == COMMANDS)
                on = read_commands();
            else if (events[e].data.u32 == TIMER)
                on = read(timer, &rang, sizeof(rang)) >= 0 || errno == EAGAIN;
            else
                take(events[e].data.u32);
        }
        deliver(timer);
    }
    if (capture && fclose(capture) != 0)
        die("capture");
    return 0;
}
