#include "net/udp.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/errqueue.h>
#endif

#include "net/udp_batch.h"

#define ERRORS_PER_TURN 64

struct waiting {
    struct kad_endpoint to;
    uint16_t size;
    uint8_t bytes[KAD_UDP_SEND_SIZE];
};

struct kad_udp {
    uv_poll_t poll;
    uv_idle_t rush; /* active instead of `poll` during a rush */
    unsigned n_handles;
    struct kad_udp_config config;
    struct kad_endpoint bound;
    int fd;
    unsigned n_fetched, next_fetched; /* of buffers->in */
    bool drained;            /* the last batch was not full: asking for another would be a call for nothing */
    unsigned n_queued;       /* of buffers->out */
    struct waiting *waiting; /* a ring of KAD_UDP_WAITING; allocated when first needed */
    unsigned first_waiting, n_waiting;
    int watching; /* enum uv_poll_event */
    void (*on_closed)(void *context);
    struct kad_udp_counters counters;
};

/* -- life ------------------------------------------------------------------------------------------------------- */

static int set_flag(int fd, int level, int name)
{
    const int on = 1;

    return setsockopt(fd, level, name, &on, sizeof(on));
}

static int prepare(int fd, const struct kad_udp_config *config)
{
    const bool v6 = config->endpoint.family == KAD_IPV6;
    union kad_address address;
    const socklen_t size = kad_address_from(&config->endpoint, &address);
    const int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return -1;
    if (v6 && set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY) < 0)
        return -1;
#ifdef IP_RECVERR
    if (set_flag(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVERR : IP_RECVERR) < 0)
        return -1;
#endif
    /* The kernel caps it without a word: a wish, not a need. */
    if (config->receive_buffer > 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &config->receive_buffer, sizeof(config->receive_buffer));
    return bind(fd, &address.any, size);
}

int kad_udp_open(const struct kad_udp_config *config, struct kad_udp **out_udp)
{
    struct kad_udp *udp = kad_alloc_zero(config->allocator, sizeof(*udp));
    union kad_address bound;
    socklen_t size = sizeof(bound);
    int reason;

    if (!udp)
        return KAD_E_MEMORY;
    udp->config = *config;
    udp->poll.data = udp;
    udp->fd = socket(config->endpoint.family == KAD_IPV6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
    if (udp->fd >= 0 && prepare(udp->fd, config) == 0 && getsockname(udp->fd, &bound.any, &size) == 0) {
        udp->bound = kad_address_endpoint(&bound.any);
        *out_udp = udp;
        return KAD_OK;
    }
    reason = errno;
    if (udp->fd >= 0)
        close(udp->fd);
    kad_free(config->allocator, udp, sizeof(*udp));
    errno = reason;
    return KAD_E_SYSTEM;
}

static void free_udp(struct kad_udp *udp)
{
    const struct kad_allocator *allocator = udp->config.allocator;
    void (*on_closed)(void *context) = udp->on_closed;
    void *context = udp->config.context;

    kad_free(allocator, udp->waiting, KAD_UDP_WAITING * sizeof(*udp->waiting));
    kad_free(allocator, udp, sizeof(*udp));
    if (on_closed)
        on_closed(context);
}

static void handle_closed(uv_handle_t *handle)
{
    struct kad_udp *udp = handle->data;

    if (--udp->n_handles == 0)
        free_udp(udp);
}

void kad_udp_close(struct kad_udp *udp, void (*on_closed)(void *context))
{
    udp->on_closed = on_closed;
    if (udp->poll.loop) {
        udp->n_handles = 2;
        uv_close((uv_handle_t *)&udp->rush, handle_closed);
        uv_close((uv_handle_t *)&udp->poll,
                 handle_closed); /* stops watching at once, so the descriptor may go */
        close(udp->fd);
    } else {
        close(udp->fd);
        free_udp(udp);
    }
}

struct kad_endpoint kad_udp_endpoint(const struct kad_udp *udp)
{
    return udp->bound;
}

const struct kad_udp_counters *kad_udp_counters(const struct kad_udp *udp)
{
    return &udp->counters;
}

uint32_t kad_udp_overflows(const struct kad_udp *udp)
{
#ifdef SO_MEMINFO
    uint32_t memory[16] = {0}; /* SK_MEMINFO_VARS of them; one more with a newer kernel does no harm */
    socklen_t size = sizeof(memory);

    if (getsockopt(udp->fd, SOL_SOCKET, SO_MEMINFO, memory, &size) == 0 && size > 8 * sizeof(*memory))
        return memory[8]; /* SK_MEMINFO_DROPS (linux/sock_diag.h) */
#endif
    (void)udp;
    return 0;
}

/* -- what ICMP says --------------------------------------------------------------------------------------------- */

#ifdef IP_RECVERR
static bool take_error(struct kad_udp *udp)
{
    union {
        struct cmsghdr header;
        char bytes[512];
    } control;
    union kad_address to;
    uint8_t byte;
    struct iovec part = {&byte, sizeof(byte)}; /* the datagram itself is not wanted */
    struct msghdr message = {
        .msg_name = &to,
        .msg_namelen = sizeof(to),
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof(control),
    };
    struct kad_endpoint peer;

    if (recvmsg(udp->fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
        return false;
    for (struct cmsghdr *at = CMSG_FIRSTHDR(&message); at; at = CMSG_NXTHDR(&message, at)) {
        const bool v4 = at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_RECVERR;
        const bool v6 = at->cmsg_level == IPPROTO_IPV6 && at->cmsg_type == IPV6_RECVERR;
        struct sock_extended_err error;

        if (!v4 && !v6)
            continue;
        memcpy(&error, CMSG_DATA(at), sizeof(error));
        if (message.msg_namelen == 0 || error.ee_errno == EMSGSIZE)
            continue; /* EMSGSIZE: the path is narrow, the peer is there */
        peer = kad_address_endpoint(&to.any);
        if (peer.family == KAD_FAMILY_NONE)
            continue;
        udp->counters.unreachable++;
        udp->config.on_unreachable(udp->config.context, &peer);
    }
    return true;
}
#else
static bool take_error(struct kad_udp *udp)
{
    (void)udp;
    return false;
}
#endif

static void take_errors(struct kad_udp *udp)
{
    for (unsigned i = 0; i < ERRORS_PER_TURN && take_error(udp); i++)
        ;
}

/* -- receiving -------------------------------------------------------------------------------------------------- */

static bool fetch(struct kad_udp *udp)
{
    int n;

    if (udp->drained) {
        udp->drained = false;
        return false;
    }
    for (unsigned tries = 0; tries < 2; tries++) {
        n = kad_udp_batch_receive(udp->fd, udp->config.buffers);
        if (n > 0) {
            udp->counters.receive_calls++;
            udp->n_fetched = (unsigned)n;
            udp->next_fetched = 0;
            udp->drained = n < KAD_UDP_BATCH;
            return true;
        }
        if (n == 0 || errno == EAGAIN || errno == EWOULDBLOCK)
            return false;
        /* An error ICMP left on the socket is told once, then receiving goes on. */
        udp->counters.receive_errors++;
        take_errors(udp);
    }
    return false;
}

bool kad_udp_receive(struct kad_udp *udp, struct kad_endpoint *out_from, struct kad_bytes *out_bytes)
{
    struct kad_udp_buffers *buffers = udp->config.buffers;

    while (udp->next_fetched < udp->n_fetched || fetch(udp)) {
        const unsigned i = udp->next_fetched++;
        struct msghdr *header = &buffers->in[i].msg_hdr;
        const bool whole = !(header->msg_flags & MSG_TRUNC);
        const struct kad_endpoint from = kad_address_endpoint(&buffers->from[i].any);

        header->msg_namelen = sizeof(buffers->from[i]); /* the kernel shortened it */
        udp->counters.received++;
        if (!whole) {
            udp->counters.too_large++;
            continue;
        }
        *out_from = from;
        *out_bytes = (struct kad_bytes){buffers->memory[i], buffers->in[i].msg_len};
        return true;
    }
    return false;
}

unsigned kad_udp_fetched(const struct kad_udp *udp)
{
    return udp->n_fetched - udp->next_fetched;
}

/* -- sending ---------------------------------------------------------------------------------------------------- */

static void ready(uv_poll_t *poll, int status, int events);

static void watch(struct kad_udp *udp, int events)
{
    if (!udp->poll.loop || uv_is_closing((uv_handle_t *)&udp->poll))
        return;
    uv_idle_stop(&udp->rush);
    udp->watching = events;
    uv_poll_start(&udp->poll, events, ready);
}

/* Copies out[first ..] of the batch: the kernel takes no more just now. */
static void keep(struct kad_udp *udp, unsigned first)
{
    const struct kad_udp_buffers *buffers = udp->config.buffers;

    if (!udp->waiting)
        udp->waiting = kad_alloc(udp->config.allocator, KAD_UDP_WAITING * sizeof(*udp->waiting));
    for (unsigned i = first; i < udp->n_queued; i++) {
        struct waiting *slot;

        if (!udp->waiting || udp->n_waiting == KAD_UDP_WAITING) {
            udp->counters.dropped += udp->n_queued - i;
            break;
        }
        slot = &udp->waiting[(udp->first_waiting + udp->n_waiting++) % KAD_UDP_WAITING];
        slot->to = kad_address_endpoint(&buffers->to[i].any);
        slot->size = (uint16_t)buffers->out_parts[i].iov_len;
        memcpy(slot->bytes, buffers->out_parts[i].iov_base, slot->size);
        udp->counters.waited++;
    }
    if (udp->n_waiting)
        watch(udp, UV_READABLE | UV_WRITABLE);
}

static bool full(int reason)
{
    return reason == EAGAIN || reason == EWOULDBLOCK;
}

/* The interface's queue is full (told because of IP_RECVERR), or memory is short: poll() knows nothing of that, so waiting
 * for it would spin. What a network does then is drop. */
static bool congested(int reason)
{
    return reason == ENOBUFS || reason == ENOMEM;
}

/* Sends the batch as far as the kernel takes it; returns how many are settled (sent or hopeless). */
static unsigned send_batch(struct kad_udp *udp)
{
    unsigned at = 0;
    bool told = false; /* this one failed before; ICMP errors of others fail a send once */

    while (at < udp->n_queued) {
        const int n = kad_udp_batch_send(udp->fd, udp->config.buffers, at, udp->n_queued - at);

        if (n > 0) {
            udp->counters.send_calls++;
            udp->counters.sent += (unsigned)n;
            at += (unsigned)n;
            told = false;
        } else if (full(errno)) {
            break;
        } else if (congested(errno)) {
            udp->counters.dropped += udp->n_queued - at;
            at = udp->n_queued;
        } else if (!told) {
            told = true;
            take_errors(udp);
        } else {
            const struct kad_endpoint to = kad_address_endpoint(&udp->config.buffers->to[at].any);

            udp->counters.refused++;
            udp->config.on_unreachable(udp->config.context, &to);
            at++;
            told = false;
        }
    }
    return at;
}

void kad_udp_flush(struct kad_udp *udp)
{
    unsigned at = 0;

    if (udp->n_queued == 0)
        return;
    if (udp->n_waiting == 0) /* else behind those that wait */
        at = send_batch(udp);
    if (at < udp->n_queued)
        keep(udp, at);
    udp->n_queued = 0;
}

static void add(struct kad_udp *udp, const struct kad_endpoint *to, const uint8_t *data, size_t size)
{
    struct kad_udp_buffers *buffers = udp->config.buffers;
    const unsigned i = udp->n_queued++;

    buffers->out[i].msg_hdr.msg_namelen = kad_address_from(to, &buffers->to[i]);
    buffers->out_parts[i] = (struct iovec){(void *)(uintptr_t)data, size};
}

void kad_udp_queue(struct kad_udp *udp, const struct kad_endpoint *to, struct kad_bytes bytes)
{
    assert(to->family == udp->bound.family && "one socket, one family");
    assert(bytes.size <= KAD_UDP_SEND_SIZE && "a datagram that would be cut");
    if (udp->n_queued == KAD_UDP_SEND_BATCH)
        kad_udp_flush(udp);
    add(udp, to, bytes.data, bytes.size);
}

static void send_waiting(struct kad_udp *udp)
{
    static_assert(KAD_UDP_WAITING <= KAD_UDP_SEND_BATCH, "all that waits fits one batch");
    unsigned n_settled;

    for (unsigned i = 0; i < udp->n_waiting; i++) {
        const struct waiting *slot = &udp->waiting[(udp->first_waiting + i) % KAD_UDP_WAITING];

        add(udp, &slot->to, slot->bytes, slot->size);
    }
    n_settled = send_batch(udp);
    udp->n_queued = 0;
    udp->first_waiting = (udp->first_waiting + n_settled) % KAD_UDP_WAITING;
    udp->n_waiting -= n_settled;
    if (udp->n_waiting == 0)
        watch(udp, UV_READABLE);
}

/* -- the loop --------------------------------------------------------------------------------------------------- */

/* -- a rush: while datagrams come by the batch the socket is asked in every round of the loop, and is not watched. The
 * kernel tells whoever watches of every datagram that comes and of every one that has left, which costs 0.1 us of each
 * (docs/benchmarks.md). */

static uint64_t let_read(struct kad_udp *udp)
{
    const uint64_t before = udp->counters.received;

    udp->config.on_readable(udp->config.context, udp);
    return udp->counters.received - before;
}

static void rush_goes_on(uv_idle_t *rush)
{
    struct kad_udp *udp = rush->data;

    if (let_read(udp) == 0 &&
        uv_is_active((uv_handle_t *)rush)) /* not if it was closed, or the kernel took no more */
        watch(udp, UV_READABLE);
}

static void begin_rush(struct kad_udp *udp)
{
    if (uv_is_closing((uv_handle_t *)&udp->poll) || udp->n_waiting > 0)
        return;
    uv_poll_stop(&udp->poll);
    uv_idle_start(&udp->rush, rush_goes_on);
}

static void ready(uv_poll_t *poll, int status, int events)
{
    struct kad_udp *udp = poll->data;

    if (status < 0) {
        /* libuv takes an error queue for a broken descriptor and stops watching. */
        take_errors(udp);
        watch(udp, udp->watching);
    }
    if (events & UV_WRITABLE)
        send_waiting(udp);
    if ((status < 0 || (events & UV_READABLE)) && let_read(udp) >= KAD_UDP_BATCH)
        begin_rush(udp);
}

int kad_udp_start(struct kad_udp *udp, uv_loop_t *loop)
{
    if (uv_poll_init(loop, &udp->poll, udp->fd) < 0) {
        udp->poll.loop = NULL;
        return KAD_E_SYSTEM;
    }
    udp->poll.data = udp;
    uv_idle_init(loop, &udp->rush);
    udp->rush.data = udp;
    udp->watching = UV_READABLE;
    return uv_poll_start(&udp->poll, UV_READABLE, ready) < 0 ? KAD_E_SYSTEM : KAD_OK;
}
