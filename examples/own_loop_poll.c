/*
 * own_loop_poll BOOTSTRAP ID - the engine on a loop of your own: a socket, poll(2), and nothing else.
 *
 *     own_loop_poll 127.0.0.1:6881 0123456789abcdef0123456789abcdef01234567
 *
 * Joins through BOOTSTRAP, looks for the nodes nearest to ID, prints them and ends. The engine touches neither the socket
 * nor the clock: this program hands it datagrams and the time, sends what comes out, and asks when to come back.
 * own_loop_uv.c and own_loop_event.c do the same on event libraries.
 */
#include <arpa/inet.h>
#include <kad/kad.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ROOM        32    /* datagrams the engine may write before they are sent */
#define DEADLINE_MS 20000 /* for all of it */

struct app {
    int fd;
    struct kad_engine *engine;
    struct kad_batch out;
    struct kad_id target;
    int status; /* to exit with; -1: not yet */
};

static kad_ms now(void)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    return (kad_ms)at.tv_sec * 1000 + at.tv_nsec / 1000000;
}

/* What the kernel does not take now is lost, as datagrams are: the engine asks again. */
static void send_all(struct app *app)
{
    for (unsigned i = 0; i < app->out.n; i++) {
        const struct kad_datagram *datagram = &app->out.datagrams[i];
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(datagram->peer.port)};

        memcpy(&to.sin_addr, datagram->peer.address, 4);
        sendto(app->fd, datagram->bytes.data, datagram->bytes.size, MSG_DONTWAIT, (struct sockaddr *)&to,
               sizeof to);
    }
    app->out.n = 0;
}

static void receive_all(struct app *app)
{
    uint8_t bytes[2048];
    struct sockaddr_in from;
    socklen_t size = sizeof from;
    ssize_t n;

    while ((n = recvfrom(app->fd, bytes, sizeof bytes, MSG_DONTWAIT, (struct sockaddr *)&from, &size)) > 0) {
        struct kad_datagram in = {.bytes = {bytes, (size_t)n}};

        in.peer = kad_endpoint_v4((const uint8_t *)&from.sin_addr, ntohs(from.sin_port));
        kad_engine_datagram(app->engine, &in, now(), &app->out);
        send_all(app);
    }
}

static void tick(struct app *app)
{
    bool full;

    do { /* it may have more to say than the batch holds */
        kad_engine_tick(app->engine, now(), &app->out);
        full = app->out.n == app->out.room;
        send_all(app);
    } while (full);
}

static void take_events(struct app *app)
{
    const struct kad_request closest = {.kind = KAD_REQUEST_CLOSEST, .target = app->target};
    struct kad_event event;
    uint64_t request;

    while (kad_engine_next_event(app->engine, &event)) {
        char id[KAD_ID_TEXT], address[KAD_ENDPOINT_TEXT];

        for (size_t i = 0; event.kind == KAD_EVENT_DONE && i < event.done.n_closest; i++)
            printf("%s %s\n", kad_id_format(&event.done.closest[i].contact.id, id),
                   kad_endpoint_format(&event.done.closest[i].contact.endpoint, address));
        if (event.kind == KAD_EVENT_DONE)
            app->status = event.done.n_closest > 0 ? 0 : 1;
        if (event.kind == KAD_EVENT_READY &&
            kad_engine_request(app->engine, &closest, now(), &request) != KAD_OK)
            app->status = 1;
    }
}

static void run(struct app *app)
{
    const kad_ms until = now() + DEADLINE_MS;

    for (kad_ms at = now(); app->status < 0 && at < until; at = now()) {
        struct pollfd readable = {.fd = app->fd, .events = POLLIN};
        kad_ms wake_at = kad_engine_wake_at(app->engine);

        wake_at = wake_at < until ? wake_at : until;
        if (poll(&readable, 1, wake_at > at ? (int)(wake_at - at) : 0) > 0)
            receive_all(app);
        tick(app);
        take_events(app);
    }
}

int main(int argc, char **argv)
{
    static struct kad_datagram datagrams[ROOM];
    static uint8_t memory[ROOM * KAD_DATAGRAM_MAX];
    static struct kad_settings settings; /* lent to the engine: lives as long as it */
    struct app app = {.out = {.datagrams = datagrams, .memory = memory, .room = ROOM}, .status = -1};
    struct kad_engine_config config = {.settings = &settings, .ipv4 = true, .watch = KAD_WATCH_STATE};
    struct sockaddr_in any = {.sin_family = AF_INET};
    struct kad_endpoint bootstrap;

    config.network = kad_network_mainline();
    kad_settings_default(config.network, &settings);
    kad_entropy(config.seed, sizeof config.seed);
    app.fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (argc != 3 || kad_endpoint_parse(argv[1], 6881, &bootstrap) != KAD_OK ||
        kad_id_parse(argv[2], &app.target) != KAD_OK ||
        bind(app.fd, (struct sockaddr *)&any, sizeof any) != 0 ||
        kad_engine_new(&config, now(), &app.engine) != KAD_OK)
        return fprintf(stderr, "usage: own_loop_poll ADDRESS:PORT ID\n"), 2;
    if (kad_engine_bootstrap(app.engine, &bootstrap, now()) == KAD_OK)
        run(&app);
    kad_engine_free(app.engine);
    close(app.fd);
    return app.status < 0 ? 1 : app.status;
}
