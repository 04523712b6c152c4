/*
 * udp_batch - many datagrams per system call where there is such a call (Linux, FreeBSD, NetBSD), one by one elsewhere.
 *
 * The arrays are those of recvmmsg() and sendmmsg(), prepared once.
 */
#ifndef KAD_NET_UDP_BATCH_H
#define KAD_NET_UDP_BATCH_H

#include "net/address.h"
#include "net/udp.h"

#if defined(__linux__) || defined(__FreeBSD__) || defined(__NetBSD__)
#define KAD_HAVE_MMSG 1
typedef struct mmsghdr kad_mmsghdr;
#else
#define KAD_HAVE_MMSG 0
typedef struct {
    struct msghdr msg_hdr;
    unsigned msg_len;
} kad_mmsghdr;
#endif

struct kad_udp_buffers {
    const struct kad_allocator *allocator;
    kad_mmsghdr in[KAD_UDP_BATCH], out[KAD_UDP_SEND_BATCH];
    struct iovec in_parts[KAD_UDP_BATCH], out_parts[KAD_UDP_SEND_BATCH];
    union kad_address from[KAD_UDP_BATCH], to[KAD_UDP_SEND_BATCH];
    uint8_t memory[KAD_UDP_BATCH]
                  [KAD_UDP_RECEIVE_SIZE]; /* last: of a quiet node only its first pages are resident */
};

/* How many were received (at least 1), or -1 and errno. */
int kad_udp_batch_receive(int fd, struct kad_udp_buffers *buffers);
/* How many of out[first .. first + n) were sent (at least 1), or -1 and errno for the first of them. */
int kad_udp_batch_send(int fd, struct kad_udp_buffers *buffers, unsigned first, unsigned n);

#endif
