// threads
// timeout 600
/*
 * What a program that embeds a node goes through, in order: configure, make, start, join, ask, stop. Through include/kad
 * alone, the node on a thread of its own, as most programs will have it.
 */
#include "kad/kad.h"
#include "kad/node.h"
#include "kad/testnet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/test.h"

enum { READY = 1, DONE, STOPPED };

/* A node on its own thread, and what it said in which order. */
struct app {
    struct kad_node *node;
    uv_thread_t thread;
    uv_sem_t said;
    int log[8];
    unsigned n_log;
    int error;
    enum kad_reason reason;
};

static void say(struct app *app, int what)
{
    if (app->n_log < sizeof(app->log) / sizeof(app->log[0]))
        app->log[app->n_log++] = what;
    uv_sem_post(&app->said);
}

static void on_event(void *context, const struct kad_event *event)
{
    if (event->kind == KAD_EVENT_READY)
        say(context, READY);
}

static void on_stopped(void *context)
{
    say(context, STOPPED);
}

static void on_done(void *user, const struct kad_event *event)
{
    struct app *app = user;

    if (event->kind != KAD_EVENT_DONE)
        return;
    app->error = event->done.error;
    app->reason = event->done.reason;
    say(app, DONE);
}

static void run(void *node)
{
    kad_node_run(node);
}

static void configure(struct kad_node_config *config, struct app *app, const char *bootstrap)
{
    memset(app, 0, sizeof(*app));
    EXPECT_EQ(uv_sem_init(&app->said, 0), 0);
    kad_node_config_default(kad_network_mainline(), config);
    EXPECT_EQ(kad_endpoint_parse("127.77.200.1:0", 0, &config->listen[0]), KAD_OK);
    config->n_listen = 1;
    config->bootstrap[0] = bootstrap;
    config->n_bootstrap = bootstrap != NULL;
    config->watch = KAD_WATCH_STATE;
    config->on_event = on_event;
    config->on_stopped = on_stopped;
    config->context = app;
}

static void start(struct app *app, const struct kad_node_config *config)
{
    char why[256];

    EXPECT_MSG(kad_node_new(config, &app->node, why, sizeof(why)) == KAD_OK, "%s", why);
    EXPECT_EQ(kad_node_start(app->node), KAD_OK);
    EXPECT_EQ(uv_thread_create(&app->thread, run, app->node), 0);
}

static void stop(struct app *app)
{
    kad_node_stop(app->node);
    uv_thread_join(&app->thread);
    kad_node_free(app->node);
    uv_sem_destroy(&app->said);
}

/* P035, P039: starting returns at once; joining is told once, then an answer, then the end, each once. */
TEST(a_life_is_told_in_order)
{
    const struct kad_request closest = {.kind = KAD_REQUEST_CLOSEST, .target = {{1}}};
    static struct kad_node_config config;
    static struct app app;
    struct kad_testnet *net;
    char why[256];

    EXPECT_MSG(kad_testnet_new(8, &net, why, sizeof(why)) == KAD_OK, "%s", why);
    configure(&config, &app, kad_testnet_address(net, 3));
    start(&app, &config);
    uv_sem_wait(&app.said);
    EXPECT_EQ(kad_node_post(app.node, &closest, on_done, &app), KAD_OK);
    uv_sem_wait(&app.said);
    stop(&app);
    EXPECT_EQ(app.n_log, 3);
    EXPECT(app.log[0] == READY && app.log[1] == DONE && app.log[2] == STOPPED);
    EXPECT_EQ(app.error, KAD_OK);
    kad_testnet_free(net);
}

/* P035: a network that is not there is no hang: a request says why it has nothing, and the node goes on waiting. */
TEST(a_join_that_fails_has_a_reason)
{
    const struct kad_request closest = {.kind = KAD_REQUEST_CLOSEST, .target = {{1}}};
    static struct kad_node_config config;
    static struct app app;

    configure(&config, &app, "127.77.200.2:9");
    start(&app, &config);
    EXPECT_EQ(kad_node_post(app.node, &closest, on_done, &app), KAD_OK);
    uv_sem_wait(&app.said);
    EXPECT_EQ(app.error, KAD_E_NOT_FOUND);
    EXPECT_EQ(app.reason, KAD_REASON_NO_CONTACTS);
    stop(&app);
    EXPECT_EQ(app.n_log, 2);
}

/* P022, P038: the port and the id that are asked for; port 0 is any. */
TEST(port_and_id_are_as_given)
{
    static struct kad_node_config config;
    static struct app any, given;
    struct kad_endpoint at, again;
    struct kad_info info;

    configure(&config, &any, NULL);
    start(&any, &config);
    EXPECT_EQ(kad_node_listening(any.node, &at, 1), 1);
    EXPECT(at.port != 0);
    stop(&any);

    configure(&config, &given, NULL);
    config.listen[0].port = at.port;
    config.has_id = true;
    EXPECT_EQ(kad_id_parse("00112233445566778899aabbccddeeff00112233", &config.id), KAD_OK);
    start(&given, &config);
    EXPECT_EQ(kad_node_listening(given.node, &again, 1), 1);
    EXPECT(kad_endpoint_equal(&at, &again));
    EXPECT_EQ(kad_node_info(given.node, &info, NULL), KAD_OK);
    EXPECT_MEM(info.id.bytes, config.id.bytes, KAD_ID_SIZE);
    EXPECT_EQ(info.id_bits, 160);
    stop(&given);
}

static struct kad_id id_of_a_run(const char *folder)
{
    static struct kad_node_config config;
    static struct app app;
    struct kad_info info = {0};

    configure(&config, &app, NULL);
    config.data_dir = folder;
    start(&app, &config);
    EXPECT_EQ(kad_node_info(app.node, &info, NULL), KAD_OK);
    stop(&app);
    return info.id;
}

/* P031: the first start makes an identity, the second has the same; without a place to keep it each has its own. */
TEST(an_identity_is_made_once)
{
    char folder[] = "/tmp/kad-library-XXXXXX", command[64];
    struct kad_id first, second, elsewhere;

    EXPECT(mkdtemp(folder) != NULL);
    first = id_of_a_run(folder);
    second = id_of_a_run(folder);
    elsewhere = id_of_a_run(NULL);
    EXPECT_MEM(first.bytes, second.bytes, KAD_ID_SIZE);
    EXPECT(memcmp(first.bytes, elsewhere.bytes, KAD_ID_SIZE) != 0);
    snprintf(command, sizeof(command), "rm -r %s", folder);
    EXPECT_EQ(system(command), 0);
}

static unsigned n_descriptors(void)
{
    unsigned n = 0;

    for (int fd = 0; fd < 256; fd++) {
        char name[64];

        snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
        n += access(name, F_OK) == 0;
    }
    return n;
}

/* P032, P033: what is wrong is named, and nothing is left open behind it. */
TEST(a_wrong_option_is_named_before_a_socket_is_opened)
{
    static struct kad_node_config config;
    static struct app app;
    const unsigned before = n_descriptors();
    char why[256];

    configure(&config, &app, NULL);
    config.settings.k = 65;
    EXPECT_EQ(kad_node_new(&config, &app.node, why, sizeof(why)), KAD_E_INVALID);
    EXPECT_STR(why, "k: out of range");
    configure(&config, &app, NULL);
    config.settings.query_timeout_ms = -1;
    EXPECT_EQ(kad_node_new(&config, &app.node, why, sizeof(why)), KAD_E_INVALID);
    EXPECT_STR(why, "query_timeout_ms: out of range");
    configure(&config, &app, NULL);
    EXPECT_EQ(kad_endpoint_parse("192.0.2.1:6881", 0, &config.listen[0]), KAD_OK); /* nobody's here */
    EXPECT_EQ(kad_node_new(&config, &app.node, why, sizeof(why)), KAD_E_SYSTEM);
    EXPECT(strstr(why, "cannot bind 192.0.2.1:6881: "));
    EXPECT_EQ(n_descriptors(), before);
}

/* P039: a script that waits does so no longer than it said. */
TEST(a_deadline_is_kept)
{
    struct kad_request find = {.kind = KAD_REQUEST_PING, .timeout_ms = 50};
    static struct kad_node_config config;
    static struct app app;
    char nobody[KAD_ENDPOINT_TEXT];
    uv_udp_t silent;
    uv_loop_t loop;
    struct sockaddr_in at;
    int size = sizeof(at);

    /* A socket that takes everything and says nothing: with an hour for the query, only the deadline ends this. */
    EXPECT_EQ(uv_loop_init(&loop), 0);
    EXPECT_EQ(uv_udp_init(&loop, &silent), 0);
    EXPECT_EQ(uv_ip4_addr("127.77.200.3", 0, &at), 0);
    EXPECT_EQ(uv_udp_bind(&silent, (const struct sockaddr *)&at, 0), 0);
    EXPECT_EQ(uv_udp_getsockname(&silent, (struct sockaddr *)&at, &size), 0);
    snprintf(nobody, sizeof(nobody), "127.77.200.3:%u", ntohs(at.sin_port));
    EXPECT_EQ(kad_endpoint_parse(nobody, 0, &find.endpoint), KAD_OK);

    configure(&config, &app, NULL);
    config.settings.query_timeout_ms = KAD_MINUTE;
    start(&app, &config);
    EXPECT_EQ(kad_node_post(app.node, &find, on_done, &app), KAD_OK);
    uv_sem_wait(&app.said);
    EXPECT_EQ(app.error, KAD_E_TIMEOUT);
    EXPECT_EQ(app.reason, KAD_REASON_DEADLINE);
    stop(&app);
    uv_close((uv_handle_t *)&silent, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    EXPECT_EQ(uv_loop_close(&loop), 0);
}

/* An engine in one fixed block: it says so when that is too small, and gives everything back when it is not. */
TEST(an_engine_lives_in_a_fixed_block)
{
    static uint8_t memory[8 << 20];
    static struct kad_settings settings;
    struct kad_arena arena;
    struct kad_allocator allocator;
    struct kad_engine_config config = {.settings = &settings, .allocator = &allocator, .ipv4 = true};
    struct kad_engine *engine;
    size_t needed;

    config.network = kad_network_mainline();
    kad_settings_default(config.network, &settings);
    kad_arena_init(&arena, memory, sizeof(memory));
    allocator = kad_arena_allocator(&arena);
    EXPECT_EQ(kad_engine_new(&config, 0, &engine), KAD_OK);
    needed = arena.used;
    EXPECT(needed > 0 && arena.in_use > 0);
    kad_engine_free(engine);
    EXPECT_EQ(arena.in_use, 0);
    kad_arena_init(&arena, memory, needed / 2);
    allocator = kad_arena_allocator(&arena);
    EXPECT_EQ(kad_engine_new(&config, 0, &engine), KAD_E_MEMORY);
    EXPECT_EQ(arena.in_use, 0);
}
