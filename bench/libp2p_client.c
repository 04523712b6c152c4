#include "bench/libp2p_client.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/varint.h"
#include "crypto/crypto.h"
#include "wire/libp2p/identify.h"
#include "wire/libp2p/message.h"

enum { READ_ROOM = 262144, EVENTS = 256, LOOK_EVERY = 61, PING_BYTES = 32 };

static const char ping_protocol[] = "/ipfs/ping/1.0.0", identify_protocol[] = "/ipfs/id/1.0.0";
static const char *const spoken[] = {identify_protocol, ping_protocol};

/* A stream of ours. */
struct slot {
    struct slot *next; /* of those free */
    struct p2p_conn *conn;
    unsigned left; /* questions after this one */
};

struct p2p_conn {
    int fd;
    bool connected, blocked, dead;
    bool
        greeted; /* it was asked who it is: js-libp2p ends connections that bring many streams before it is ready for them */
    struct kad_link *link;
    struct kad_link_identity identity;
    uint8_t key[KAD_PEER_KEY_OWN], peer[KAD_PEER_ID_MAX];
    size_t n_peer;
    struct slot *free, *slots;
    uint64_t n_begun, n_back;
};

static uint8_t buffer[READ_ROOM];
static struct kad_p2p_message message;

static kad_ms now_ms(void)
{
    return bench_now_ns() / 1000000;
}

void p2p_init(struct p2p_load *load)
{
    memset(load, 0, sizeof *load);
    load->window = 16;
    load->per_stream = 1;
    load->n_keys = 1000;
    strcpy(load->protocol, "/icn/kad/1.0.0");
    load->epoll = epoll_create1(0);
    if (load->epoll < 0 || kad_crypto_init() < 0)
        err(1, "cannot begin");
}

/* -- questions -------------------------------------------------------------------------------------------------- */

/* The multihash of content number n: what is asked for stands anywhere in the key space. */
static struct kad_bytes key_of(uint32_t n, uint8_t out[34])
{
    out[0] = 0x12;
    out[1] = 32;
    kad_sha256(&n, sizeof n, out + 2);
    return (struct kad_bytes){out, 34};
}

static size_t write_question(struct p2p_load *load, const struct p2p_conn *conn, uint8_t *out)
{
    static const uint8_t addr[P2P_ADDR_SIZE] = {4, 127, 0, 0, 1, 6, 0x10, 0x92};
    const struct kad_bytes where = {addr, sizeof addr}, self = {conn->peer, conn->n_peer};
    struct kad_proto_writer writer = {.bytes = out + 2, .room = P2P_QUESTION_MAX - 2};
    uint8_t key[34];
    const struct kad_bytes name = key_of(load->next_key++ % load->n_keys, key);

    switch (load->ask) {
    case P2P_PING:
        memset(out, (int)load->next_key, PING_BYTES);
        return PING_BYTES;
    case P2P_IDENTIFY:
        return 0;
    case P2P_FIND_NODE:
        kad_p2p_put_head(&writer, KAD_P2P_FIND_NODE, name);
        break;
    case P2P_GET_PROVIDERS:
        kad_p2p_put_head(&writer, KAD_P2P_GET_PROVIDERS, name);
        break;
    default:
        kad_p2p_put_head(&writer, KAD_P2P_ADD_PROVIDER, name);
        kad_p2p_put_peer(&writer, KAD_P2P_PROVIDERS_FIELD, self, &where, 1, 0);
    }
    if (kad_varint_write(writer.n, out) == 2)
        return writer.n + 2;
    memmove(out + 1, out + 2, writer.n);
    return writer.n + 1;
}

static const char *protocol_of(const struct p2p_load *load)
{
    if (load->ask == P2P_PING)
        return ping_protocol;
    return load->ask == P2P_IDENTIFY ? identify_protocol : load->protocol;
}

static bool asks_more(const struct p2p_load *load, const struct p2p_conn *conn)
{
    return !load->resting && (!load->most || conn->n_begun < load->most);
}

static bool say_question(struct p2p_load *load, struct p2p_conn *conn, uint32_t stream)
{
    uint8_t bytes[P2P_QUESTION_MAX];
    const size_t n = write_question(load, conn, bytes);
    /* Nobody answers ADD_PROVIDER: the end of the stream says that it was read. */
    const bool last = load->ask == P2P_ADD_PROVIDER || load->ask == P2P_IDENTIFY;

    conn->n_begun++;
    return kad_link_write(conn->link, stream, (struct kad_bytes){bytes, n}, last, now_ms());
}

static void ask(struct p2p_load *load, struct p2p_conn *conn)
{
    while (conn->greeted && !conn->dead && conn->free && asks_more(load, conn)) {
        struct slot *slot = conn->free;
        const uint32_t stream = kad_link_open(conn->link, protocol_of(load), slot, now_ms());

        if (!stream)
            return; /* those that have ended on one side only are too many */
        conn->free = slot->next;
        slot->left = load->per_stream - 1;
        if (say_question(load, conn, stream))
            continue;
        load->tally.errors++;
        kad_link_reset(conn->link, stream);
        slot->next = conn->free;
        conn->free = slot;
    }
}

static void give_back(struct p2p_load *load, struct p2p_conn *conn, struct slot *slot)
{
    slot->next = conn->free;
    conn->free = slot;
    conn->n_back++;
    if (load->most && conn->n_back == load->most && load->idle)
        load->idle(load, conn);
}

/* -- answers ---------------------------------------------------------------------------------------------------- */

static void look_at(struct p2p_load *load, struct kad_bytes bytes)
{
    if (load->tally.answers % LOOK_EVERY || kad_p2p_decode(bytes, &message) < 0)
        return;
    load->tally.looked_at++;
    load->tally.closer += message.n_closer;
    load->tally.providers += message.n_providers;
}

/* Bytes of the answer that `unread` begins with; 0: it is not all there. */
static size_t answer_size(struct p2p_load *load, struct kad_bytes unread)
{
    uint64_t size = 0;
    int head;

    if (load->ask == P2P_PING)
        return unread.size < PING_BYTES ? 0 : PING_BYTES;
    head = kad_varint_read(unread, &size);
    if (head <= 0 || unread.size - (size_t)head < size)
        return 0;
    if (load->ask == P2P_FIND_NODE || load->ask == P2P_GET_PROVIDERS)
        look_at(load, (struct kad_bytes){unread.data + head, (size_t)size});
    return (size_t)head + (size_t)size;
}

static void answered(struct p2p_load *load, struct p2p_conn *conn, uint32_t stream, struct slot *slot,
                     size_t n)
{
    load->tally.answers++;
    load->tally.bytes += n;
    kad_link_read(conn->link, stream, n);
    if (slot->left && !load->resting) {
        slot->left--;
        if (say_question(load, conn, stream))
            return;
    }
    kad_link_set_context(conn->link, stream, NULL);
    (void)kad_link_write(conn->link, stream, (struct kad_bytes){0}, true, now_ms());
    give_back(load, conn, slot);
}

/* Our own stream: more came, it ended, or it is gone. */
static void take(struct p2p_load *load, struct p2p_conn *conn, const struct kad_link_event *event)
{
    struct slot *slot = event->context;
    const bool gone = event->kind == KAD_LINK_RESET || event->kind == KAD_LINK_REFUSED;
    size_t n;

    if (!slot) {
        kad_link_read(conn->link, event->stream, kad_link_unread(conn->link, event->stream).size);
    } else if (event->kind == KAD_LINK_DATA && load->ask != P2P_ADD_PROVIDER) {
        n = answer_size(load, kad_link_unread(conn->link, event->stream));
        if (n)
            answered(load, conn, event->stream, slot, n);
    } else if (event->kind == KAD_LINK_ENDED && load->ask == P2P_ADD_PROVIDER) {
        answered(load, conn, event->stream, slot, 0);
    } else if (gone || event->kind == KAD_LINK_ENDED) {
        load->tally.errors++;
        if (!gone)
            kad_link_reset(conn->link, event->stream);
        give_back(load, conn, slot);
    }
}

/* -- what we are asked ------------------------------------------------------------------------------------------ */

static void tell_who(struct p2p_conn *conn, uint32_t stream)
{
    static const char agent[] = "bench", version[] = "bench/1";
    uint8_t bytes[KAD_IDENTIFY_SENT_MAX + KAD_VARINT_MAX];
    struct kad_identify who = {
        .public_key = {conn->key, sizeof conn->key},
        .agent_version = {(const uint8_t *)agent, sizeof agent - 1},
        .protocol_version = {(const uint8_t *)version, sizeof version - 1},
        .n_protocols = sizeof spoken / sizeof spoken[0],
    };
    size_t n, head;

    for (unsigned i = 0; i < who.n_protocols; i++)
        who.protocols[i] = (struct kad_bytes){(const uint8_t *)spoken[i], strlen(spoken[i])};
    n = kad_identify_encode(&who, bytes + KAD_VARINT_MAX, KAD_IDENTIFY_SENT_MAX);
    head = kad_varint_write(n, bytes);
    memmove(bytes + head, bytes + KAD_VARINT_MAX, n);
    (void)kad_link_write(conn->link, stream, (struct kad_bytes){bytes, head + n}, true, now_ms());
}

static void serve(struct p2p_conn *conn, const struct kad_link_event *event)
{
    const struct kad_bytes unread = kad_link_unread(conn->link, event->stream);

    if (event->kind == KAD_LINK_STREAM && event->protocol == 0) {
        tell_who(conn, event->stream);
        conn->greeted = true;
    } else if (event->kind == KAD_LINK_DATA) {
        if (event->protocol == 1)
            (void)kad_link_write(conn->link, event->stream, unread, false, now_ms());
        kad_link_read(conn->link, event->stream, unread.size);
    } else if (event->kind == KAD_LINK_ENDED && event->protocol == 1) {
        (void)kad_link_write(conn->link, event->stream, (struct kad_bytes){0}, true, now_ms());
    }
}

/* -- connections ------------------------------------------------------------------------------------------------ */

static void watch(struct p2p_load *load, struct p2p_conn *conn, int what)
{
    struct epoll_event event = {
        .events = (uint32_t)(EPOLLIN | (conn->blocked || !conn->connected ? EPOLLOUT : 0)),
        .data.ptr = conn,
    };

    if (epoll_ctl(load->epoll, what, conn->fd, &event) < 0)
        err(1, "epoll");
}

static void make_identity(struct p2p_load *load, struct p2p_conn *conn)
{
    uint8_t seed[32] = {0}, public_key[32], secret[64];
    const uint64_t number = ++load->number + (uint64_t)getpid() * 1000000;

    memcpy(seed, &number, sizeof number);
    kad_ed25519_keypair(seed, public_key, secret);
    kad_peer_key_ed25519(public_key, conn->key);
    if (kad_peer_id_of_key((struct kad_bytes){conn->key, sizeof conn->key}, conn->peer, &conn->n_peer) < 0)
        errx(1, "no peer id");
    kad_entropy(seed, sizeof seed);
    kad_link_identity_make(&conn->identity, &kad_suite_libp2p, secret, seed);
}

struct p2p_conn *p2p_open(struct p2p_load *load)
{
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(load->port), .sin_addr.s_addr = htonl(load->to)};
    struct p2p_conn *conn = calloc(1, sizeof *conn);
    struct kad_link_config config = {
        .allocator = &kad_allocator_system,
        .suite = &kad_suite_libp2p,
        .initiator = true,
        .protocols = spoken,
        .n_protocols = sizeof spoken / sizeof spoken[0],
        .max_in = 16,
        .max_out = 4 * load->window + 8,
        .max_buffered = 4 << 20,
        .max_unsent = 1 << 20,
        .handshake_ms = 60000,
        .idle_ms = 60000,
    };
    const int on = 1;

    if (!conn || !(conn->slots = calloc(load->window, sizeof *conn->slots)))
        errx(1, "no memory");
    for (unsigned i = 0; i < load->window; i++) {
        conn->slots[i].next = conn->free;
        conn->free = &conn->slots[i];
    }
    make_identity(load, conn);
    config.identity = &conn->identity;
    kad_entropy(config.ephemeral, sizeof config.ephemeral);
    if (kad_link_new(&config, now_ms(), &conn->link) < 0)
        errx(1, "no memory");
    conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (conn->fd < 0 || setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0)
        err(1, "socket");
    if (connect(conn->fd, (const struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS)
        err(1, "connect");
    load->n_open++;
    watch(load, conn, EPOLL_CTL_ADD);
    return conn;
}

static void flush(struct p2p_load *load, struct p2p_conn *conn)
{
    const bool blocked = conn->blocked;
    struct kad_bytes out;

    conn->blocked = false;
    while (!conn->blocked && (out = kad_link_out(conn->link)).size) {
        const ssize_t n = send(conn->fd, out.data, out.size, MSG_NOSIGNAL);

        if (n > 0)
            kad_link_sent(conn->link, (size_t)n);
        else if (errno == EAGAIN)
            conn->blocked = true;
        else
            break; /* reading tells why */
    }
    if (conn->blocked != blocked)
        watch(load, conn, EPOLL_CTL_MOD);
}

static void drop(struct p2p_load *load, struct p2p_conn *conn)
{
    close(conn->fd);
    kad_link_free(conn->link);
    free(conn->slots);
    free(conn);
    load->n_open--;
}

/* Streams that wait for the other side's end go with it. A turn of p2p_turn() that is about this connection sees that it is dead. */
void p2p_close(struct p2p_load *load, struct p2p_conn *conn)
{
    (void)load;
    kad_link_close(conn->link);
    conn->dead = true;
}

void p2p_resume(struct p2p_load *load, struct p2p_conn *conn)
{
    ask(load, conn);
    flush(load, conn);
}

static void events(struct p2p_load *load, struct p2p_conn *conn)
{
    struct kad_link_event event;

    while (!conn->dead && kad_link_next_event(conn->link, &event)) {
        if (event.kind == KAD_LINK_UP) {
            load->tally.up++;
        } else if (event.kind == KAD_LINK_DOWN) {
            conn->dead = true;
            load->tally.down++;
        } else if (event.stream & 1) { /* we dialled */
            take(load, conn, &event);
        } else {
            serve(conn, &event);
        }
    }
}

/* False: the other side has closed it. */
static bool hear(struct p2p_conn *conn)
{
    for (;;) {
        const ssize_t n = recv(conn->fd, buffer, sizeof buffer, 0);

        if (n < 0)
            return errno == EAGAIN;
        if (n == 0)
            return false;
        kad_link_bytes(conn->link, buffer, (size_t)n, now_ms());
        if ((size_t)n < sizeof buffer)
            return true;
    }
}

static void turn_of(struct p2p_load *load, struct p2p_conn *conn, uint32_t what)
{
    bool open = true;

    if (!conn->connected && what & EPOLLOUT) {
        conn->connected = true;
        watch(load, conn, EPOLL_CTL_MOD);
    }
    if (what & (EPOLLIN | EPOLLERR | EPOLLHUP))
        open = hear(conn);
    events(load, conn);
    if (!conn->dead)
        ask(load, conn);
    flush(load, conn);
    if (open && !conn->dead)
        return;
    if (!conn->dead)
        load->tally.down++;
    if (load->ended)
        load->ended(load, conn);
    else
        errx(1, "the server has closed a connection");
    drop(load, conn);
}

void p2p_turn(struct p2p_load *load, int timeout_ms)
{
    struct epoll_event came[EVENTS];
    const int n = epoll_wait(load->epoll, came, EVENTS, timeout_ms);

    for (int i = 0; i < n; i++)
        turn_of(load, came[i].data.ptr, came[i].events);
}
