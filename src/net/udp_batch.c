#include "net/udp_batch.h"

#include <errno.h>

struct kad_udp_buffers *kad_udp_buffers_new(const struct kad_allocator *allocator)
{
    struct kad_udp_buffers *buffers = kad_alloc(allocator, sizeof(*buffers));

    if (!buffers)
        return NULL;
    buffers->allocator = allocator;
    for (unsigned i = 0; i < KAD_UDP_BATCH; i++) {
        buffers->in_parts[i] = (struct iovec){buffers->memory[i], KAD_UDP_RECEIVE_SIZE};
        buffers->in[i].msg_hdr = (struct msghdr){
            .msg_name = &buffers->from[i],
            .msg_namelen = sizeof(buffers->from[i]),
            .msg_iov = &buffers->in_parts[i],
            .msg_iovlen = 1,
        };
    }
    for (unsigned i = 0; i < KAD_UDP_SEND_BATCH; i++) {
        buffers->out[i].msg_hdr = (struct msghdr){
            .msg_name = &buffers->to[i],
            .msg_iov = &buffers->out_parts[i],
            .msg_iovlen = 1,
        };
    }
    return buffers;
}

void kad_udp_buffers_free(struct kad_udp_buffers *buffers)
{
    if (buffers)
        kad_free(buffers->allocator, buffers, sizeof(*buffers));
}

#if KAD_HAVE_MMSG

int kad_udp_batch_receive(int fd, struct kad_udp_buffers *buffers)
{
    int n;

    do {
        n = recvmmsg(fd, buffers->in, KAD_UDP_BATCH, MSG_DONTWAIT, NULL);
    } while (n < 0 && errno == EINTR);
    return n;
}

int kad_udp_batch_send(int fd, struct kad_udp_buffers *buffers, unsigned first, unsigned n)
{
    int n_sent;

    do {
        n_sent = sendmmsg(fd, buffers->out + first, n, MSG_DONTWAIT);
    } while (n_sent < 0 && errno == EINTR);
    return n_sent;
}

#else

int kad_udp_batch_receive(int fd, struct kad_udp_buffers *buffers)
{
    for (int i = 0; i < KAD_UDP_BATCH; i++) {
        const ssize_t size = recvmsg(fd, &buffers->in[i].msg_hdr, MSG_DONTWAIT);

        if (size < 0)
            return i > 0 ? i : -1;
        buffers->in[i].msg_len = (unsigned)size;
    }
    return KAD_UDP_BATCH;
}

int kad_udp_batch_send(int fd, struct kad_udp_buffers *buffers, unsigned first, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (sendmsg(fd, &buffers->out[first + i].msg_hdr, MSG_DONTWAIT) < 0)
            return i > 0 ? (int)i : -1;
    }
    return (int)n;
}

#endif
