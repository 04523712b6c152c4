/*
 * echo LISTEN [ADDRESS] [--veto PEER] - a protocol of its own beside Kademlia, on the same connections of libp2p's network.
 *
 *     echo 192.0.2.7:9000                        prints "/ip4/192.0.2.7/tcp/9000/p2p/12D3...", and says back what comes
 *     echo 192.0.2.9:0 /ip4/192.0.2.7/...        sends standard input there, and prints what comes back
 *     echo 192.0.2.7:9000 --veto 12D3...         wants nothing to do with that one
 *
 * Any implementation of libp2p can be at the other end: with js-libp2p, dialProtocol(address, '/example/echo/1.0.0').
 */
#include <kad/kad.h>
#include <kad/node.h>
#include <kad/protocol.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PROTOCOL "/example/echo/1.0.0"

struct echo {
    struct kad_node *node;
    const char *address, *vetoed;
    uint64_t ours; /* the stream that we opened; 0: none */
    sem_t news;    /* there is room in it, or it is over */
    int error;     /* of the last call */
    atomic_bool over;
    enum kad_stream_end end;
    uint8_t bytes[16384];
    size_t n_bytes, n_taken;
};

/* -- on the node's thread --------------------------------------------------------------------------------------- */

static bool on_opened(void *context, uint64_t stream, const char *peer)
{
    (void)context, (void)stream;
    printf("opened by %s\n", peer), fflush(stdout);
    return true;
}

/* What cannot be said back yet is not taken: then whoever sends has to wait as well. */
static size_t on_bytes(void *context, uint64_t stream, const uint8_t *bytes, size_t n)
{
    struct echo *echo = context;

    if (stream == echo->ours)
        return fwrite(bytes, 1, n, stdout), fflush(stdout), n;
    return kad_node_stream_write(echo->node, stream, bytes, n);
}

static void on_writable(void *context, uint64_t stream)
{
    struct echo *echo = context;

    if (stream == echo->ours)
        sem_post(&echo->news);
    else
        kad_node_stream_resume(echo->node, stream);
}

static void on_ended(void *context, uint64_t stream)
{
    struct echo *echo = context;

    if (stream != echo->ours)
        kad_node_stream_end(echo->node, stream);
}

static void on_closed(void *context, uint64_t stream, enum kad_stream_end end)
{
    struct echo *echo = context;

    if (stream != echo->ours) {
        printf("over: %s\n", kad_stream_end_text(end)), fflush(stdout);
        return;
    }
    echo->end = end;
    echo->over = true;
    sem_post(&echo->news);
}

/* The host's opinion: 0 is a veto. */
static unsigned reputation(void *context, const struct kad_contact *who, struct kad_bytes identity)
{
    const struct echo *echo = context;
    char peer[KAD_PEER_TEXT];

    (void)who;
    kad_peer_format(identity, peer);
    return echo->vetoed && strcmp(peer, echo->vetoed) == 0 ? 0 : 50;
}

static void begin(struct kad_node *node, void *user)
{
    struct echo *echo = user;

    echo->error = kad_node_stream_open(node, echo->address, PROTOCOL, NULL, &echo->ours);
}

static void say(struct kad_node *node, void *user)
{
    struct echo *echo = user;

    if (echo->n_bytes)
        echo->n_taken += kad_node_stream_write(node, echo->ours, echo->bytes + echo->n_taken,
                                               echo->n_bytes - echo->n_taken);
    else
        kad_node_stream_end(node, echo->ours);
}

static void *run(void *node)
{
    kad_node_run(node);
    return NULL;
}

/* -- on the main thread ----------------------------------------------------------------------------------------- */

static int talk(struct echo *echo)
{
    ssize_t n;

    if (kad_node_call_wait(echo->node, begin, echo) != KAD_OK || echo->error != KAD_OK)
        return fprintf(stderr, "%s\n", kad_error_text(echo->error)), 1;
    do {
        n = read(STDIN_FILENO, echo->bytes, sizeof echo->bytes);
        echo->n_bytes = n > 0 ? (size_t)n : 0;
        echo->n_taken = 0;
        while (kad_node_call_wait(echo->node, say, echo) == KAD_OK && echo->n_taken < echo->n_bytes &&
               !echo->over)
            sem_wait(&echo->news);
    } while (n > 0 && !echo->over);
    while (!echo->over)
        sem_wait(&echo->news);
    if (echo->end != KAD_STREAM_CLOSED)
        fprintf(stderr, "%s\n", kad_stream_end_text(echo->end));
    return echo->end != KAD_STREAM_CLOSED;
}

int main(int argc, char **argv)
{
    static struct echo echo;
    const struct kad_gate gate = {.reputation = reputation, .context = &echo};
    const struct kad_protocol protocol = {.name = PROTOCOL,
                                          .opened = on_opened,
                                          .bytes = on_bytes,
                                          .writable = on_writable,
                                          .ended = on_ended,
                                          .closed = on_closed,
                                          .context = &echo};
    struct kad_node_config config;
    char why[256] = "usage: echo LISTEN [ADDRESS] [--veto PEER]", address[KAD_ADDRESS_TEXT];
    pthread_t thread;
    int status = 0;

    if (argc > 2 && strcmp(argv[argc - 2], "--veto") == 0) {
        echo.vetoed = argv[argc - 1];
        argc -= 2;
    }
    echo.address = argc > 2 ? argv[2] : NULL;
    kad_node_config_default(kad_network_libp2p_icn(), &config);
    config.n_listen = 1;
    config.gate = &gate;
    sem_init(&echo.news, 0, 0);
    signal(SIGPIPE, SIG_IGN); /* libuv asks for it */
    if (argc < 2 || argc > 3 || kad_endpoint_parse(argv[1], 9000, &config.listen[0]) != KAD_OK ||
        kad_node_new(&config, &echo.node, why, sizeof why) != KAD_OK)
        return fprintf(stderr, "%s\n", why), 2;
    if (kad_node_protocol_add(echo.node, &protocol) != KAD_OK || kad_node_start(echo.node) != KAD_OK)
        return fprintf(stderr, "it does not start\n"), 1;
    if (!echo.address && kad_node_address(echo.node, 0, address) == KAD_OK)
        printf("%s\n", address), fflush(stdout);
    pthread_create(&thread, NULL, run, echo.node);
    if (echo.address) {
        status = talk(&echo);
    } else {
        while (getchar() != EOF) /* until standard input ends */
            ;
    }
    kad_node_stop(echo.node);
    pthread_join(thread, NULL);
    kad_node_free(echo.node);
    return status;
}
