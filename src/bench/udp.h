/*
 * udp - one IPv4 socket that speaks as many addresses, in batches.
 *
 * Bound to the wildcard address, it sees which local address each datagram was sent
 * to and chooses which one an outgoing datagram comes from (IP_PKTINFO). So a single
 * process can be a hundred thousand nodes, or a load from a thousand hosts, without
 * as many descriptors. Addresses are uint32_t in host order.
 */
#ifndef BENCH_UDP_H
#define BENCH_UDP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

enum {
    UDP_BATCH = 64,
    UDP_DATAGRAM_MAX = 9216, /* npm bittorrent-dht answers with kilobytes */
};

struct udp_datagram {
    uint32_t ours, theirs; /* addresses */
    uint16_t port;         /* theirs */
    size_t size;
    uint8_t *data;
};

struct udp_socket; /* descriptor and the buffers of both directions */

/* Exits with a message if it cannot: a bench without its socket has nothing to say. `bind_to` 0 is the
 * wildcard. `many` turns IP_PKTINFO on. Heap; lives as long as the process. */
struct udp_socket *udp_open(uint32_t bind_to, uint16_t port, bool many);
int udp_descriptor(const struct udp_socket *udp);

/* Up to UDP_BATCH datagrams, without waiting; they stay valid until the next call. */
size_t udp_receive(struct udp_socket *udp, struct udp_datagram *out_datagrams);

/* Queues one (copied); a full batch is flushed at once. `size` at most 1500. */
void udp_send(struct udp_socket *udp, const struct udp_datagram *datagram);
void udp_flush(struct udp_socket *udp);

/* The operating system's other services a bench needs. */
int64_t bench_now_ns(void);                 /* CLOCK_MONOTONIC */
int64_t bench_cpu_ns(pid_t pid);            /* CPU time of all threads of a process, -1 if it is gone */
void bench_pin(int core);                   /* this process to one core; -1 does nothing */
uint32_t bench_address(const char *dotted); /* exits if it is not an IPv4 address */
void bench_endpoint(const char *text, uint32_t *out_address, uint16_t *out_port);

#endif
