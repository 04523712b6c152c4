/*
 * udp - one non-blocking UDP socket on a libuv loop, in batches.
 *
 *     on_readable                     the loop says something is there; then, in the host's turn:
 *     kad_udp_receive()               the next datagram; one recvmmsg() fetches up to 32
 *     kad_udp_queue(), kad_udp_flush()  what shall leave is collected, then leaves in one sendmmsg()
 *
 * libuv only watches the descriptor (uv_poll): its own UDP costs a third more per datagram (FACTS.md section 1). While
 * datagrams come by the batch not even that: an idle handle asks the socket in every round, until there is nothing. A socket
 * speaks one family (IPV6_V6ONLY). What the kernel will not take now waits in a bounded queue of copies, oldest first;
 * past its end datagrams are dropped and counted, as a network would.
 *
 * The buffers are lent, one set for all sockets of a loop: a socket uses them only between receive and flush. What ICMP
 * says of datagrams sent (IP_RECVERR) comes as on_unreachable, from within receive or flush.
 */
#ifndef KAD_NET_UDP_H
#define KAD_NET_UDP_H

#include <uv.h>

#include "base/alloc.h"

#define KAD_UDP_BATCH        32   /* datagrams per recvmmsg() */
#define KAD_UDP_SEND_BATCH   64   /* per sendmmsg() */
#define KAD_UDP_RECEIVE_SIZE 2048 /* larger datagrams are dropped and counted */
#define KAD_UDP_SEND_SIZE    1472 /* largest that is sent */
#define KAD_UDP_WAITING      64   /* datagrams kept while the kernel takes none */

struct kad_udp_buffers;

/* NULL: memory refused. One for any number of sockets on one thread. */
struct kad_udp_buffers *kad_udp_buffers_new(const struct kad_allocator *allocator);
void kad_udp_buffers_free(struct kad_udp_buffers *buffers); /* NULL is fine */

struct kad_udp_counters {
    uint64_t received, sent;            /* datagrams */
    uint64_t receive_calls, send_calls; /* system calls that moved some */
    uint64_t too_large;                 /* received and dropped: over KAD_UDP_RECEIVE_SIZE */
    uint64_t waited, dropped;           /* the kernel took no more: kept for later, or not */
    uint64_t refused;                   /* could not be sent at all: no route, not permitted ... */
    uint64_t unreachable;               /* ICMP errors */
    uint64_t receive_errors;
};

struct kad_udp;

struct kad_udp_config {
    const struct kad_allocator *allocator;
    struct kad_udp_buffers *buffers;
    struct kad_endpoint endpoint; /* where to bind; port 0: any */
    int receive_buffer;           /* SO_RCVBUF in bytes; 0: the system's */
    void (*on_readable)(void *context, struct kad_udp *udp);
    void (*on_unreachable)(void *context, const struct kad_endpoint *peer);
    void *context;
};

/* Opens and binds; nothing runs before kad_udp_start(). 0, KAD_E_MEMORY, or KAD_E_SYSTEM and errno. */
KAD_CHECK int kad_udp_open(const struct kad_udp_config *config, struct kad_udp **out_udp);
KAD_CHECK int kad_udp_start(struct kad_udp *udp, uv_loop_t *loop); /* 0 or KAD_E_SYSTEM */
/* Closes the socket at once and frees it when the loop is done with it; then on_closed(context), if given. */
void kad_udp_close(struct kad_udp *udp, void (*on_closed)(void *context));

/* Where it is bound, port resolved. */
struct kad_endpoint kad_udp_endpoint(const struct kad_udp *udp);
const struct kad_udp_counters *kad_udp_counters(const struct kad_udp *udp);
/* Datagrams that the kernel dropped because nobody read them in time, since the socket was opened; asks the kernel. */
uint32_t kad_udp_overflows(const struct kad_udp *udp);

/* The next datagram, borrowed until the next call on any socket of these buffers. False: none for now. */
bool kad_udp_receive(struct kad_udp *udp, struct kad_endpoint *out_from, struct kad_bytes *out_bytes);
/* How many of the batch fetched last are still to be received: at 0 the next receive is a system call. */
unsigned kad_udp_fetched(const struct kad_udp *udp);

/* `bytes` must stay where they are until the flush. A full batch flushes itself. */
void kad_udp_queue(struct kad_udp *udp, const struct kad_endpoint *to, struct kad_bytes bytes);
void kad_udp_flush(struct kad_udp *udp);

#endif
