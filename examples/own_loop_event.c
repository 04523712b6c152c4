/*
 * own_loop_event BOOTSTRAP ID - the engine on a libevent loop that belongs to the program.
 *
 * Joins through BOOTSTRAP, looks for the nodes nearest to ID, prints them and ends.
 */
#include <arpa/inet.h>
#include <event2/event.h>
#include <kad/kad.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ROOM       32 /* datagrams the engine may write before they are sent */
#define DEADLINE_S 20 /* for all of it */

struct app {
    struct event_base *base;
    struct event *wake;
    struct kad_engine *engine;
    struct kad_batch out;
    struct kad_id target;
    int fd, status; /* status: to exit with; -1: not yet */
};

static kad_ms now(void)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    return (kad_ms)at.tv_sec * 1000 + at.tv_nsec / 1000000;
}

static void end(struct app *app, int status)
{
    app->status = status;
    event_base_loopbreak(app->base);
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
            end(app, event.done.n_closest > 0 ? 0 : 1);
        if (event.kind == KAD_EVENT_READY &&
            kad_engine_request(app->engine, &closest, now(), &request) != KAD_OK)
            end(app, 1);
    }
}

/* After whatever happened: let it say what it has to say, and come back when it wants to. */
static void turn(evutil_socket_t fd, short what, void *context)
{
    struct app *app = context;
    const kad_ms at = now();
    kad_ms wake_at, wait_ms;
    bool full;

    (void)fd, (void)what;
    do {
        kad_engine_tick(app->engine, at, &app->out);
        full = app->out.n == app->out.room;
        send_all(app);
    } while (full);
    take_events(app);
    wake_at = kad_engine_wake_at(app->engine);
    wait_ms = wake_at > at ? wake_at - at : 0;
    if (wake_at != KAD_NEVER)
        event_add(app->wake, &(struct timeval){wait_ms / 1000, wait_ms % 1000 * 1000});
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    struct app *app = context;
    uint8_t bytes[2048];
    struct sockaddr_in from;
    socklen_t size = sizeof from;
    ssize_t n;

    while ((n = recvfrom(fd, bytes, sizeof bytes, MSG_DONTWAIT, (struct sockaddr *)&from, &size)) > 0) {
        struct kad_datagram in = {.bytes = {bytes, (size_t)n}};

        in.peer = kad_endpoint_v4((const uint8_t *)&from.sin_addr, ntohs(from.sin_port));
        kad_engine_datagram(app->engine, &in, now(), &app->out);
        send_all(app);
    }
    turn(fd, what, app);
}

int main(int argc, char **argv)
{
    static struct kad_datagram datagrams[ROOM];
    static uint8_t memory[ROOM * KAD_DATAGRAM_MAX];
    static struct kad_settings settings; /* lent to the engine: lives as long as it */
    struct app app = {.out = {.datagrams = datagrams, .memory = memory, .room = ROOM}, .status = -1};
    struct kad_engine_config config = {.settings = &settings, .ipv4 = true, .watch = KAD_WATCH_STATE};
    const struct timeval deadline = {.tv_sec = DEADLINE_S};
    struct sockaddr_in any = {.sin_family = AF_INET};
    struct kad_endpoint bootstrap;
    struct event *readable;

    config.network = kad_network_mainline();
    kad_settings_default(config.network, &settings);
    kad_entropy(config.seed, sizeof config.seed);
    app.fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (argc != 3 || kad_endpoint_parse(argv[1], 6881, &bootstrap) != KAD_OK ||
        kad_id_parse(argv[2], &app.target) != KAD_OK ||
        bind(app.fd, (struct sockaddr *)&any, sizeof any) != 0 ||
        kad_engine_new(&config, now(), &app.engine) != KAD_OK)
        return fprintf(stderr, "usage: own_loop_event ADDRESS:PORT ID\n"), 2;
    app.base = event_base_new();
    app.wake = evtimer_new(app.base, turn, &app);
    readable = event_new(app.base, app.fd, EV_READ | EV_PERSIST, on_readable, &app);
    event_add(readable, NULL);
    event_base_loopexit(app.base, &deadline);
    if (kad_engine_bootstrap(app.engine, &bootstrap, now()) == KAD_OK) {
        turn(app.fd, 0, &app);
        event_base_dispatch(app.base);
    }
    event_free(readable);
    event_free(app.wake);
    event_base_free(app.base);
    kad_engine_free(app.engine);
    close(app.fd);
    return app.status < 0 ? 1 : app.status;
}
