/*
 * own_loop_uv BOOTSTRAP ID - the engine on a libuv loop that belongs to the program.
 *
 * Joins through BOOTSTRAP, looks for the nodes nearest to ID, prints them and ends. If a node with sockets of its own
 * will do, kad_node_config.loop is less work: see node.c and docs/library.md.
 */
#include <kad/kad.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#define ROOM        32    /* datagrams the engine may write before they are sent */
#define DEADLINE_MS 20000 /* for all of it */

struct app {
    uv_loop_t *loop;
    uv_udp_t socket;
    uv_timer_t wake, deadline;
    struct kad_engine *engine;
    struct kad_batch out;
    struct kad_id target;
    uint8_t buffer[2048];
    int status; /* to exit with; -1: not yet */
};

static kad_ms now(struct app *app)
{
    return (kad_ms)uv_now(app->loop);
}

static void end(struct app *app, int status)
{
    app->status = status;
    uv_stop(app->loop);
}

/* What the kernel does not take now is lost, as datagrams are: the engine asks again. */
static void send_all(struct app *app)
{
    for (unsigned i = 0; i < app->out.n; i++) {
        const struct kad_datagram *datagram = &app->out.datagrams[i];
        uv_buf_t bytes = uv_buf_init((char *)datagram->bytes.data, (unsigned)datagram->bytes.size);
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(datagram->peer.port)};

        memcpy(&to.sin_addr, datagram->peer.address, 4);
        uv_udp_try_send(&app->socket, &bytes, 1, (struct sockaddr *)&to);
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
            kad_engine_request(app->engine, &closest, now(app), &request) != KAD_OK)
            end(app, 1);
    }
}

/* After whatever happened: let it say what it has to say, and come back when it wants to. */
static void turn(uv_timer_t *wake)
{
    struct app *app = wake->data;
    kad_ms wake_at;
    bool full;

    do {
        kad_engine_tick(app->engine, now(app), &app->out);
        full = app->out.n == app->out.room;
        send_all(app);
    } while (full);
    take_events(app);
    wake_at = kad_engine_wake_at(app->engine);
    if (wake_at != KAD_NEVER)
        uv_timer_start(wake, turn, wake_at > now(app) ? (uint64_t)(wake_at - now(app)) : 0, 0);
}

static void on_deadline(uv_timer_t *timer)
{
    end(timer->data, 1);
}

static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct app *app = handle->data;

    (void)suggested;
    *buffer = uv_buf_init((char *)app->buffer, sizeof app->buffer);
}

static void on_datagram(uv_udp_t *socket, ssize_t n, const uv_buf_t *buffer, const struct sockaddr *from,
                        unsigned flags)
{
    struct app *app = socket->data;
    const struct sockaddr_in *sender = (const struct sockaddr_in *)from;
    struct kad_datagram in = {.bytes = {(const uint8_t *)buffer->base, (size_t)n}};

    (void)flags;
    if (n <= 0 || !from)
        return;
    in.peer = kad_endpoint_v4((const uint8_t *)&sender->sin_addr, ntohs(sender->sin_port));
    kad_engine_datagram(app->engine, &in, now(app), &app->out);
    send_all(app);
    turn(&app->wake);
}

int main(int argc, char **argv)
{
    static struct kad_datagram datagrams[ROOM];
    static uint8_t memory[ROOM * KAD_DATAGRAM_MAX];
    static struct kad_settings settings; /* lent to the engine: lives as long as it */
    static struct app app = {.out = {.datagrams = datagrams, .memory = memory, .room = ROOM}, .status = -1};
    struct kad_engine_config config = {.settings = &settings, .ipv4 = true, .watch = KAD_WATCH_STATE};
    struct sockaddr_in any = {.sin_family = AF_INET};
    struct kad_endpoint bootstrap;

    app.loop = uv_default_loop();
    app.socket.data = app.wake.data = app.deadline.data = &app;
    config.network = kad_network_mainline();
    kad_settings_default(config.network, &settings);
    kad_entropy(config.seed, sizeof config.seed);
    if (argc != 3 || kad_endpoint_parse(argv[1], 6881, &bootstrap) != KAD_OK ||
        kad_id_parse(argv[2], &app.target) != KAD_OK ||
        kad_engine_new(&config, now(&app), &app.engine) != KAD_OK)
        return fprintf(stderr, "usage: own_loop_uv ADDRESS:PORT ID\n"), 2;
    uv_udp_init(app.loop, &app.socket);
    uv_udp_bind(&app.socket, (struct sockaddr *)&any, 0);
    uv_udp_recv_start(&app.socket, give_buffer, on_datagram);
    uv_timer_init(app.loop, &app.wake);
    uv_timer_init(app.loop, &app.deadline);
    uv_timer_start(&app.deadline, on_deadline, DEADLINE_MS, 0);
    if (kad_engine_bootstrap(app.engine, &bootstrap, now(&app)) == KAD_OK) {
        turn(&app.wake);
        uv_run(app.loop, UV_RUN_DEFAULT);
    }
    kad_engine_free(app.engine);
    return app.status < 0 ? 1 : app.status;
}
