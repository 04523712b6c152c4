/* udp - see udp.h */
#include "bench/udp.h"

#include <arpa/inet.h>
#include <assert.h>
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SEND_MAX = 1500 };

struct direction {
    struct mmsghdr header[UDP_BATCH];
    struct iovec vector[UDP_BATCH];
    struct sockaddr_in address[UDP_BATCH];
    _Alignas(struct cmsghdr) uint8_t control[UDP_BATCH][CMSG_SPACE(sizeof(struct in_pktinfo))];
};

struct udp_socket {
    int fd;
    bool many;
    unsigned n_out;
    struct direction in, out;
    uint8_t in_bytes[UDP_BATCH][UDP_DATAGRAM_MAX];
    uint8_t out_bytes[UDP_BATCH][SEND_MAX];
};

static void prepare(struct direction *direction, uint8_t *bytes, size_t stride)
{
    for (size_t i = 0; i < UDP_BATCH; i++) {
        direction->vector[i] = (struct iovec){bytes + i * stride, stride};
        direction->header[i].msg_hdr.msg_name = &direction->address[i];
        direction->header[i].msg_hdr.msg_namelen = sizeof direction->address[i];
        direction->header[i].msg_hdr.msg_iov = &direction->vector[i];
        direction->header[i].msg_hdr.msg_iovlen = 1;
    }
}

struct udp_socket *udp_open(uint32_t bind_to, uint16_t port, bool many)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct udp_socket *udp = calloc(1, sizeof *udp);
    int buffer = 4 << 20, on = 1;

    if (!udp)
        err(1, "calloc");
    udp->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (udp->fd < 0)
        err(1, "socket");
    /* FORCE needs privilege; the ordinary option is capped by rmem_max. */
    if (setsockopt(udp->fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) < 0)
        setsockopt(udp->fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    if (setsockopt(udp->fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer) < 0)
        setsockopt(udp->fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    if (many && setsockopt(udp->fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) < 0)
        err(1, "IP_PKTINFO");
    address.sin_addr.s_addr = htonl(bind_to);
    if (bind(udp->fd, (struct sockaddr *)&address, sizeof address) < 0)
        err(1, "bind port %u", port);

    udp->many = many;
    prepare(&udp->in, udp->in_bytes[0], UDP_DATAGRAM_MAX);
    prepare(&udp->out, udp->out_bytes[0], SEND_MAX);
    return udp;
}

int udp_descriptor(const struct udp_socket *udp)
{
    return udp->fd;
}

static uint32_t destination(struct msghdr *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;

            memcpy(&info, CMSG_DATA(c), sizeof info);
            return ntohl(info.ipi_addr.s_addr);
        }
    }
    return 0;
}

size_t udp_receive(struct udp_socket *udp, struct udp_datagram *out_datagrams)
{
    struct direction *in = &udp->in;
    int n;

    for (size_t i = 0; i < UDP_BATCH; i++) {
        struct msghdr *message = &in->header[i].msg_hdr;

        message->msg_namelen = sizeof in->address[i];
        message->msg_control = udp->many ? in->control[i] : NULL;
        message->msg_controllen = udp->many ? sizeof in->control[i] : 0;
    }
    n = recvmmsg(udp->fd, in->header, UDP_BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < n; i++) {
        out_datagrams[i].theirs = ntohl(in->address[i].sin_addr.s_addr);
        out_datagrams[i].port = ntohs(in->address[i].sin_port);
        out_datagrams[i].ours = udp->many ? destination(&in->header[i].msg_hdr) : 0;
        out_datagrams[i].data = udp->in_bytes[i];
        out_datagrams[i].size = in->header[i].msg_len;
    }
    return n > 0 ? (size_t)n : 0;
}

void udp_flush(struct udp_socket *udp)
{
    unsigned sent = 0;

    while (sent < udp->n_out) {
        int n = sendmmsg(udp->fd, udp->out.header + sent, udp->n_out - sent, 0);

        if (n > 0) {
            sent += (unsigned)n;
        } else if (errno == EAGAIN || errno == ENOBUFS) {
            struct pollfd ready = {.fd = udp->fd, .events = POLLOUT};

            poll(&ready, 1, 1);
        } else {
            sent++; /* an earlier datagram's ICMP error, or a vanished address: not ours to resend */
        }
    }
    udp->n_out = 0;
}

void udp_send(struct udp_socket *udp, const struct udp_datagram *datagram)
{
    struct direction *out = &udp->out;
    const unsigned i = udp->n_out;
    struct msghdr *message = &out->header[i].msg_hdr;

    assert(datagram->size <= SEND_MAX && "one Ethernet frame is the plan");
    out->address[i] = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(datagram->port)};
    out->address[i].sin_addr.s_addr = htonl(datagram->theirs);
    memcpy(udp->out_bytes[i], datagram->data, datagram->size);
    out->vector[i].iov_len = datagram->size;
    message->msg_control = NULL;
    message->msg_controllen = 0;
    if (udp->many && datagram->ours) {
        struct in_pktinfo info = {0};
        struct cmsghdr *c;

        message->msg_control = out->control[i];
        message->msg_controllen = sizeof out->control[i];
        c = CMSG_FIRSTHDR(message);
        c->cmsg_level = IPPROTO_IP;
        c->cmsg_type = IP_PKTINFO;
        c->cmsg_len = CMSG_LEN(sizeof info);
        info.ipi_spec_dst.s_addr = htonl(datagram->ours);
        memcpy(CMSG_DATA(c), &info, sizeof info);
    }
    if (++udp->n_out == UDP_BATCH)
        udp_flush(udp);
}

int64_t bench_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t bench_cpu_ns(pid_t pid)
{
    struct timespec used;
    clockid_t clock;

    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) < 0)
        return -1;
    return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

void bench_pin(int core)
{
    cpu_set_t set;

    if (core < 0)
        return;
    CPU_ZERO(&set);
    CPU_SET((size_t)core, &set);
    if (sched_setaffinity(0, sizeof set, &set) < 0)
        warn("cannot pin to core %d", core);
}

uint32_t bench_address(const char *dotted)
{
    struct in_addr address;

    if (inet_pton(AF_INET, dotted, &address) != 1)
        errx(2, "not an IPv4 address: %s", dotted);
    return ntohl(address.s_addr);
}

void bench_endpoint(const char *text, uint32_t *out_address, uint16_t *out_port)
{
    const char *colon = strrchr(text, ':');
    char host[64];

    if (!colon || (size_t)(colon - text) >= sizeof host)
        errx(2, "not HOST:PORT: %s", text);
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = 0;
    *out_address = bench_address(host);
    *out_port = (uint16_t)strtoul(colon + 1, NULL, 10);
}
