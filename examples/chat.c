/*
 * chat LISTEN BOOTSTRAP [ID] - two people who know nothing of each other but an id, and talk.
 *
 *     chat 192.0.2.7:6881 203.0.113.1:6881                   prints "I am 35f1...", and waits to be called
 *     chat 192.0.2.9:6881 203.0.113.1:6881 35f1...           finds who that is, and calls
 *
 * Each announces a TCP port under the id of its node; who looks for that id gets the address and the port, from whichever
 * nodes of the network are near the id. Lines of standard input go to the other side; the end of input ends both.
 *
 * An id says where somebody is, not who: talk of secrets needs keys and encryption on top.
 */
#include <arpa/inet.h>
#include <kad/kad.h>
#include <kad/node.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PEERS_MAX 8

struct chat {
    struct kad_node *node;
    sem_t event; /* joined; a request is done */
    int error;
    struct kad_endpoint peers[PEERS_MAX];
    size_t n_peers;
};

static struct sockaddr_in to_system(const struct kad_endpoint *endpoint)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(endpoint->port)};

    memcpy(&address.sin_addr, endpoint->address, 4);
    return address;
}

/* -- on the node's thread --------------------------------------------------------------------------------------- */

static void *run_node(void *node)
{
    kad_node_run(node);
    return NULL;
}

static void on_event(void *context, const struct kad_event *event)
{
    struct chat *chat = context;

    if (event->kind == KAD_EVENT_READY)
        sem_post(&chat->event);
}

static void on_answer(void *user, const struct kad_event *event)
{
    struct chat *chat = user;

    if (event->kind == KAD_EVENT_PEERS) {
        for (size_t i = 0; i < event->peers.n && chat->n_peers < PEERS_MAX; i++)
            chat->peers[chat->n_peers++] = event->peers.peers[i];
    } else if (event->kind == KAD_EVENT_DONE) {
        chat->error = event->done.error;
        sem_post(&chat->event);
    }
}

/* -- on the main thread ----------------------------------------------------------------------------------------- */

static int ask(struct chat *chat, const struct kad_request *request)
{
    const int error = kad_node_post(chat->node, request, on_answer, chat);

    if (error)
        return error;
    sem_wait(&chat->event);
    return chat->error;
}

/* The other side, called; -1: not there. */
static int call(struct chat *chat, const struct kad_id *id)
{
    const struct kad_request request = {.kind = KAD_REQUEST_PEERS, .target = *id, .progress = true};
    char text[KAD_ENDPOINT_TEXT];

    if (ask(chat, &request) != KAD_OK)
        return -1;
    for (size_t i = 0; i < chat->n_peers; i++) {
        const struct sockaddr_in address = to_system(&chat->peers[i]);
        const int fd = socket(AF_INET, SOCK_STREAM, 0);

        printf("calling %s\n", kad_endpoint_format(&chat->peers[i], text));
        fflush(stdout);
        if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
            return fd;
        close(fd);
    }
    return -1;
}

/* What is typed goes out, what comes in is printed; until one side has no more to say. */
static void talk(int fd)
{
    struct pollfd ends[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    char bytes[1024];
    ssize_t n;

    for (;;) {
        poll(ends, 2, -1);
        if (ends[1].revents) {
            n = read(fd, bytes, sizeof bytes);
            if (n <= 0 || write(STDOUT_FILENO, bytes, (size_t)n) != n)
                return;
        }
        if (ends[0].revents) {
            n = read(STDIN_FILENO, bytes, sizeof bytes);
            if (n <= 0 || send(fd, bytes, (size_t)n, MSG_NOSIGNAL) != n)
                return;
        }
    }
}

/* Announces where we listen and waits for a call, or calls. */
static int meet(struct chat *chat, int listener, const char *whom)
{
    struct kad_request announce = {.kind = KAD_REQUEST_ANNOUNCE, .keep = true};
    struct sockaddr_in at;
    socklen_t size = sizeof at;
    struct kad_info info;
    struct kad_id id;
    char text[KAD_ID_TEXT];

    if (whom)
        return kad_id_parse(whom, &id) == KAD_OK ? call(chat, &id) : -1;
    getsockname(listener, (struct sockaddr *)&at, &size);
    if (kad_node_info(chat->node, &info, NULL) != KAD_OK)
        return -1;
    announce.target = info.id;
    announce.port = ntohs(at.sin_port);
    if (ask(chat, &announce) != KAD_OK)
        return -1;
    printf("I am %s\n", kad_id_format(&info.id, text));
    fflush(stdout);
    return accept(listener, NULL, NULL);
}

int main(int argc, char **argv)
{
    struct kad_node_config config;
    struct chat chat = {0};
    struct sockaddr_in here;
    pthread_t thread;
    char why[256] = "usage: chat ADDRESS:PORT BOOTSTRAP [ID]";
    int listener = socket(AF_INET, SOCK_STREAM, 0), fd;

    kad_node_config_default(kad_network_mainline(), &config);
    config.n_listen = config.n_bootstrap = 1;
    config.bootstrap[0] = argv[argc > 2 ? 2 : 0];
    config.watch = KAD_WATCH_STATE;
    config.on_event = on_event;
    config.context = &chat;
    sem_init(&chat.event, 0, 0);
    if (argc < 3 || kad_endpoint_parse(argv[1], 6881, &config.listen[0]) != KAD_OK ||
        kad_node_new(&config, &chat.node, why, sizeof why) != KAD_OK || kad_node_start(chat.node) != KAD_OK)
        return fprintf(stderr, "%s\n", why), 2;
    here = to_system(&config.listen[0]);
    here.sin_port = 0; /* any */
    if (bind(listener, (struct sockaddr *)&here, sizeof here) != 0 || listen(listener, 1) != 0)
        return perror("chat"), 1;
    pthread_create(&thread, NULL, run_node, chat.node);
    sem_wait(&chat.event); /* joined */
    fd = meet(&chat, listener, argc > 3 ? argv[3] : NULL);
    if (fd >= 0)
        talk(fd), close(fd);
    kad_node_stop(chat.node);
    pthread_join(thread, NULL);
    kad_node_free(chat.node);
    close(listener);
    return fd >= 0 ? 0 : 1;
}
