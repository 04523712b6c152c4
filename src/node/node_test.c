// timeout 600
#include "base/test.h"
#include "kad/node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "base/endpoint.h"

/* A node on a shared loop, and what it said. */
struct member {
    struct kad_node *node;
    char address[64];
    bool ready, stopped;
    unsigned n_done, n_hops, n_peers;
    int error;
    enum kad_reason reason;
    uint8_t value[KAD_RECORD_VALUE_MAX];
    size_t n_value, n_closest;
};

static uv_loop_t loop;

static void on_event(void *context, const struct kad_event *event)
{
    struct member *member = context;

    member->ready |= event->kind == KAD_EVENT_READY;
}

static void on_stopped(void *context)
{
    struct member *member = context;

    EXPECT(!member->stopped);
    member->stopped = true;
}

static void configure(struct kad_node_config *config, struct member *member, unsigned last,
                      const char *bootstrap)
{
    const uint8_t address[4] = {127, 0, 0, (uint8_t)last};

    memset(member, 0, sizeof(*member));
    kad_node_config_default(kad_network_mainline(), config);
    config->loop = &loop;
    config->listen[0] = kad_endpoint_v4(address, 0);
    config->n_listen = 1;
    config->bootstrap[0] = bootstrap;
    config->n_bootstrap = bootstrap != NULL;
    config->has_seed = true;
    config->seed[0] = (uint8_t)last;
    config->watch = KAD_WATCH_STATE;
    config->on_event = on_event;
    config->on_stopped = on_stopped;
    config->context = member;
}

static void start(struct member *member, const struct kad_node_config *config)
{
    char why[256];
    struct kad_endpoint at;

    EXPECT_MSG(kad_node_new(config, &member->node, why, sizeof(why)) == 0, "%s", why);
    EXPECT_EQ(kad_node_start(member->node), 0);
    EXPECT(kad_node_listening(member->node, &at, 1) >= 1);
    kad_endpoint_format(&at, member->address);
}

static void join(struct member *member, unsigned last, const char *bootstrap)
{
    struct kad_node_config config;

    configure(&config, member, last, bootstrap);
    start(member, &config);
}

static void stop(struct member *member)
{
    kad_node_stop(member->node);
    while (!member->stopped)
        uv_run(&loop, UV_RUN_ONCE);
    kad_node_free(member->node);
    member->node = NULL;
}

static void on_done(void *user, const struct kad_event *event)
{
    struct member *member = user;

    EXPECT(event->user == user);
    if (event->kind == KAD_EVENT_HOP) {
        member->n_hops++;
    } else if (event->kind == KAD_EVENT_PEERS) {
        member->n_peers += (unsigned)event->peers.n;
    } else {
        EXPECT_EQ(event->kind, KAD_EVENT_DONE);
        member->n_done++;
        member->error = event->done.error;
        member->reason = event->done.reason;
        member->n_closest = event->done.n_closest;
        if (event->done.record) {
            member->n_value = event->done.record->value.size;
            memcpy(member->value, event->done.record->value.data, member->n_value);
        }
    }
}

static void await_ready(struct member *member)
{
    while (!member->ready)
        uv_run(&loop, UV_RUN_ONCE);
}

static int ask(struct member *member, const struct kad_request *request)
{
    const unsigned before = member->n_done;

    EXPECT_EQ(kad_node_request(member->node, request, on_done, member, NULL), 0);
    while (member->n_done == before)
        uv_run(&loop, UV_RUN_ONCE);
    EXPECT_EQ(member->n_done, before + 1);
    return member->error;
}

/* UV_RUN_ONCE runs timers, then waits for more: what is waited for may have happened among the timers. */
static uv_timer_t ticker;

static void tick(uv_timer_t *timer)
{
    (void)timer;
}

static void open_loop(void)
{
    EXPECT_EQ(uv_loop_init(&loop), 0);
    uv_timer_init(&loop, &ticker);
    uv_timer_start(&ticker, tick, 10, 10);
}

static void close_loop(void)
{
    uv_close((uv_handle_t *)&ticker, NULL);
    uv_run(&loop, UV_RUN_NOWAIT);
    EXPECT_EQ(uv_loop_close(&loop), 0);
}

static struct kad_request put_of(const char *bencoded)
{
    struct kad_request request = {.kind = KAD_REQUEST_PUT};

    request.record.type = KAD_RECORD_IMMUTABLE;
    request.record.value = (struct kad_bytes){(const uint8_t *)bencoded, strlen(bencoded)};
    kad_mainline_immutable_key(request.record.value, &request.record.key);
    request.target = request.record.key;
    return request;
}

/* The shortest story: two nodes find each other over real sockets, and what one puts the other gets. */
TEST(two_nodes_ping_put_and_get)
{
    static struct member a, b;
    const struct kad_request put = put_of("12:Hello World!");
    struct kad_request get = {.kind = KAD_REQUEST_GET, .target = put.target};
    struct kad_request ping = {.kind = KAD_REQUEST_PING};

    open_loop();
    join(&a, 1, NULL);
    join(&b, 2, a.address);
    await_ready(&b);
    EXPECT_EQ(kad_endpoint_parse(a.address, 0, &ping.endpoint), 0);
    EXPECT_EQ(ask(&b, &ping), 0);
    EXPECT_EQ(ask(&b, &put), 0);
    EXPECT_EQ(ask(&a, &get), 0);
    EXPECT_EQ(a.n_value, 15);
    EXPECT_MEM(a.value, "12:Hello World!", 15);
    get.target.bytes[0] ^= 1;
    EXPECT_EQ(ask(&a, &get), KAD_E_NOT_FOUND);
    EXPECT(kad_node_started_at(a.node) <= kad_node_now(a.node));
    stop(&a);
    stop(&b);
    close_loop();
}

TEST(announced_peers_are_found_and_hops_are_told)
{
    static struct member a, b, c;
    struct kad_request announce = {.kind = KAD_REQUEST_ANNOUNCE, .port = 5555};
    struct kad_request peers = {.kind = KAD_REQUEST_PEERS, .trace = true, .progress = true};

    open_loop();
    announce.target.bytes[0] = peers.target.bytes[0] = 0x42;
    join(&a, 1, NULL);
    join(&b, 2, a.address);
    join(&c, 3, a.address);
    await_ready(&b);
    await_ready(&c);
    EXPECT_EQ(ask(&b, &announce), 0);
    EXPECT_EQ(ask(&c, &peers), 0);
    EXPECT_EQ(c.n_peers, 1);
    EXPECT(c.n_hops > 0);
    stop(&a);
    stop(&b);
    stop(&c);
    close_loop();
}

/* IPv6 beside IPv4 on one node. */
TEST(a_node_speaks_both_families)
{
    static struct member a, b;
    static const uint8_t v6[16] = {[15] = 1};
    struct kad_node_config config;
    struct kad_endpoint at[2];
    struct kad_info info;
    char address[KAD_ENDPOINT_TEXT];

    open_loop();
    configure(&config, &a, 1, NULL);
    config.listen[1] = kad_endpoint_v6(v6, 0);
    config.n_listen = 2;
    start(&a, &config);
    EXPECT_EQ(kad_node_listening(a.node, at, 2), 2);
    configure(&config, &b, 2, kad_endpoint_format(&at[1], address));
    config.listen[1] = kad_endpoint_v6(v6, 0);
    config.n_listen = 2;
    start(&b, &config);
    await_ready(&b);
    kad_engine_info(kad_node_engine(b.node), &info);
    EXPECT_EQ(info.n_contacts[1], 1);
    stop(&a);
    stop(&b);
    close_loop();
}

TEST(starting_and_stopping_leaves_nothing_behind)
{
    open_loop();
    for (int i = 0; i < 100; i++) {
        static struct member member;

        join(&member, 1, "127.0.0.9:9");
        for (int turns = i % 4; turns > 0; turns--)
            uv_run(&loop, UV_RUN_NOWAIT);
        stop(&member);
    }
    close_loop();
}

TEST(a_node_that_never_started_is_freed)
{
    static struct member member;
    const struct kad_request request = {.kind = KAD_REQUEST_CLOSEST};
    struct kad_node_config config;
    char why[256];

    open_loop();
    configure(&config, &member, 1, NULL);
    EXPECT_EQ(kad_node_new(&config, &member.node, why, sizeof(why)), 0);
    EXPECT_EQ(kad_node_request(member.node, &request, on_done, &member, NULL), 0);
    EXPECT_EQ(kad_node_post(member.node, &request, on_done, &member), 0);
    kad_node_free(member.node);
    EXPECT_EQ(member.n_done, 2); /* even so */
    close_loop();
}

/* "Shutdown that hangs or loses puts": whoever asked hears once, and at once. */
TEST(stopping_ends_each_request_once)
{
    static struct member a, b, silent[32];
    struct kad_node_config config;

    open_loop();
    join(&a, 1, NULL);
    configure(&config, &b, 2, a.address);
    start(&b, &config);
    await_ready(&b);
    for (size_t i = 0; i < KAD_COUNT_OF(silent); i++) {
        struct kad_request request = {.kind = i % 2 ? KAD_REQUEST_GET : KAD_REQUEST_CLOSEST};

        request.target.bytes[0] = (uint8_t)i;
        memset(&silent[i], 0, sizeof(silent[i]));
        if (i % 4 < 2)
            EXPECT_EQ(kad_node_request(b.node, &request, on_done, &silent[i], NULL), 0);
        else
            EXPECT_EQ(kad_node_post(b.node, &request, on_done, &silent[i]), 0);
    }
    stop(&b);
    for (size_t i = 0; i < KAD_COUNT_OF(silent); i++) {
        EXPECT_EQ(silent[i].n_done, 1);
        EXPECT_EQ(silent[i].reason, KAD_REASON_CANCELLED);
        EXPECT_EQ(silent[i].error, KAD_E_CLOSED);
    }
    stop(&a);
    close_loop();
}

static void stop_in_callback(void *user, const struct kad_event *event)
{
    struct member *member = user;
    const struct kad_request request = {.kind = KAD_REQUEST_CLOSEST};

    on_done(user, event);
    kad_node_stop(member->node);
    EXPECT_EQ(kad_node_request(member->node, &request, on_done, member, NULL), 0);
}

TEST(a_callback_may_ask_and_stop)
{
    static struct member a;
    const struct kad_request request = {.kind = KAD_REQUEST_CLOSEST};

    open_loop();
    join(&a, 1, NULL);
    EXPECT_EQ(kad_node_request(a.node, &request, stop_in_callback, &a, NULL), 0);
    while (!a.stopped)
        uv_run(&loop, UV_RUN_ONCE);
    EXPECT_EQ(a.n_done, 2);
    EXPECT_EQ(kad_node_request(a.node, &request, on_done, &a, NULL), KAD_E_CLOSED);
    EXPECT_EQ(kad_node_post(a.node, &request, on_done, &a), KAD_E_CLOSED);
    kad_node_stop(a.node); /* again is fine */
    kad_node_free(a.node);
    close_loop();
}

TEST(a_request_can_be_cancelled)
{
    static struct member a;
    struct kad_request request = {.kind = KAD_REQUEST_PING};
    uint64_t id;

    open_loop();
    join(&a, 1, NULL);
    EXPECT_EQ(kad_endpoint_parse("127.0.0.77:9", 0, &request.endpoint), 0);
    EXPECT_EQ(kad_node_request(a.node, &request, on_done, &a, &id), 0);
    EXPECT(kad_node_cancel(a.node, id));
    while (a.n_done == 0)
        uv_run(&loop, UV_RUN_ONCE);
    EXPECT_EQ(a.reason, KAD_REASON_CANCELLED);
    EXPECT(!kad_node_cancel(a.node, id));
    stop(&a);
    close_loop();
}

/* ICMP says nobody is there: no reason to wait out the timeout. */
TEST(an_unreachable_node_is_known_at_once)
{
    static struct member a;
    struct kad_request request = {.kind = KAD_REQUEST_PING, .timeout_ms = KAD_HOUR};
    struct kad_node_config config;

    open_loop();
    configure(&config, &a, 1, NULL);
    config.settings.query_timeout_ms = 5 * KAD_MINUTE; /* with this the test would not end */
    start(&a, &config);
    EXPECT_EQ(kad_endpoint_parse("127.0.0.77:9", 0, &request.endpoint), 0);
    EXPECT(ask(&a, &request) != 0);
    stop(&a);
    close_loop();
}

static void run_node(void *context)
{
    EXPECT_EQ(kad_node_run(context), 0);
}

struct poster {
    struct kad_node *node;
    unsigned n_posted;
    unsigned *n_done; /* touched by the loop's thread alone */
};

static void count_done(void *user, const struct kad_event *event)
{
    if (event->kind == KAD_EVENT_DONE)
        ++*(unsigned *)user;
}

static void post_many(void *context)
{
    struct poster *poster = context;

    for (int i = 0; i < 500; i++) {
        struct kad_request request = {.kind = KAD_REQUEST_GET};

        request.record.salt = (struct kad_bytes){(const uint8_t *)"salt", 4};
        request.target.bytes[0] = (uint8_t)i;
        if (kad_node_post(poster->node, &request, count_done, poster->n_done) == 0)
            poster->n_posted++;
    }
}

/* What ThreadSanitizer should see: eight threads post, a ninth runs the node, the first stops it. */
TEST(any_thread_may_post_and_stop)
{
    static struct member member;
    struct kad_node_config config;
    struct poster posters[8];
    uv_thread_t runner, threads[8];
    unsigned n_done = 0, n_posted = 0;
    char why[256];

    configure(&config, &member, 1, NULL);
    config.loop = NULL;
    EXPECT_EQ(kad_node_new(&config, &member.node, why, sizeof(why)), 0);
    EXPECT_EQ(kad_node_start(member.node), 0);
    EXPECT_EQ(uv_thread_create(&runner, run_node, member.node), 0);
    for (size_t i = 0; i < 8; i++) {
        posters[i] = (struct poster){.node = member.node, .n_done = &n_done};
        EXPECT_EQ(uv_thread_create(&threads[i], post_many, &posters[i]), 0);
    }
    for (size_t i = 0; i < 8; i++)
        uv_thread_join(&threads[i]);
    kad_node_stop(member.node);
    uv_thread_join(&runner);
    EXPECT(member.stopped);
    for (size_t i = 0; i < 8; i++)
        n_posted += posters[i].n_posted;
    EXPECT(n_posted > 0);
    EXPECT_EQ(n_done, n_posted);
    kad_node_free(member.node);
}

TEST(what_cannot_be_is_refused_with_its_reason)
{
    static struct member a, b;
    struct kad_node_config config;
    char why[256];

    open_loop();
    join(&a, 1, NULL);
    configure(&config, &b, 1, NULL);
    EXPECT_EQ(kad_node_listening(a.node, config.listen, 1), 1);
    EXPECT_EQ(kad_node_new(&config, &b.node, why, sizeof(why)), KAD_E_SYSTEM);
    EXPECT(strstr(why, "cannot bind 127.0.0.1:") && strstr(why, "ddress already in use"));
    configure(&config, &b, 2, "no port");
    EXPECT_EQ(kad_node_new(&config, &b.node, why, sizeof(why)), KAD_E_INVALID);
    EXPECT_STR(why, "bootstrap: \"no port\" is not host:port");
    configure(&config, &b, 2, NULL);
    config.store = KAD_STORE_LMDB;
    EXPECT_EQ(kad_node_new(&config, &b.node, why, sizeof(why)), KAD_E_INVALID);
    EXPECT_STR(why, "store: lmdb needs a data directory");
    configure(&config, &b, 2, NULL);
    config.settings.alpha = 0;
    EXPECT_EQ(kad_node_new(&config, &b.node, why, sizeof(why)), KAD_E_INVALID);
    EXPECT_STR(why, "alpha: out of range");
    configure(&config, &b, 2, NULL);
    config.data_dir = "/proc/nowhere";
    EXPECT_EQ(kad_node_new(&config, &b.node, why, sizeof(why)), KAD_E_SYSTEM);
    EXPECT(strstr(why, "cannot make data directory /proc/nowhere"));
    stop(&a);
    close_loop();
}

/* -- what is remembered ----------------------------------------------------------------------------------------- */

static char directory[64];

static const char *make_directory(void)
{
    strcpy(directory, "/tmp/kad-node-XXXXXX");
    EXPECT(mkdtemp(directory) != NULL);
    return directory;
}

static void remove_directory(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -r %s", directory);
    EXPECT_EQ(system(command), 0);
}

static struct kad_id id_of(struct member *member)
{
    struct kad_info info;

    kad_engine_info(kad_node_engine(member->node), &info);
    return info.id;
}

TEST(two_nodes_cannot_share_a_directory)
{
    static struct member a, b;
    struct kad_node_config config;
    char why[256];

    open_loop();
    configure(&config, &a, 1, NULL);
    config.data_dir = make_directory();
    start(&a, &config);
    configure(&config, &b, 2, NULL);
    config.data_dir = directory;
    EXPECT_EQ(kad_node_new(&config, &b.node, why, sizeof(why)), KAD_E_EXISTS);
    EXPECT_MSG(strstr(why, "is in use by another node"), "%s", why);
    stop(&a);
    EXPECT_EQ(kad_node_new(&config, &b.node, why, sizeof(why)), 0); /* and now it may */
    kad_node_free(b.node);
    remove_directory();
    close_loop();
}

/* All bootstraps gone: the contacts of the last run are enough, and the id is the old one. */
TEST(a_restarted_node_rejoins_from_what_it_saved)
{
    static struct member a, b, c;
    struct kad_node_config config;
    struct kad_info info;
    struct kad_id id, again;

    open_loop();
    join(&a, 1, NULL);
    join(&b, 2, a.address);
    await_ready(&b);
    configure(&config, &c, 3, a.address);
    config.data_dir = make_directory();
    config.store = KAD_STORE_LMDB;
    start(&c, &config);
    await_ready(&c);
    id = id_of(&c);
    stop(&c);
    stop(&a);
    configure(&config, &c, 3, NULL);
    config.data_dir = directory;
    config.store = KAD_STORE_LMDB;
    config.seed[1] = 1; /* another seed would make another id */
    start(&c, &config);
    again = id_of(&c);
    EXPECT_MEM(&again, &id, sizeof(id));
    await_ready(&c);
    kad_engine_info(kad_node_engine(c.node), &info);
    EXPECT_EQ(info.n_contacts[0], 1);
    stop(&b);
    stop(&c);
    remove_directory();
    close_loop();
}

/* What was put with `keep` is published again by the node's next run, value and all; withdrawn, it is not. */
TEST(publications_outlive_the_process)
{
    static struct member a, b;
    struct kad_request put = put_of("9:remember!");
    struct kad_request forgotten = put_of("6:forget");
    struct kad_node_config config;
    struct kad_info info;

    open_loop();
    put.keep = forgotten.keep = true;
    join(&a, 1, NULL);
    configure(&config, &b, 2, a.address);
    config.data_dir = make_directory();
    start(&b, &config);
    await_ready(&b);
    EXPECT_EQ(ask(&b, &put), 0);
    EXPECT_EQ(ask(&b, &forgotten), 0);
    EXPECT(kad_node_withdraw(b.node, &forgotten.target));
    EXPECT(!kad_node_withdraw(b.node, &forgotten.target));
    stop(&b);
    stop(&a);

    join(&a, 1, NULL); /* a new node without memory */
    configure(&config, &b, 2, a.address);
    config.data_dir = directory;
    start(&b, &config);
    do {
        uv_run(&loop, UV_RUN_ONCE);
        kad_engine_info(kad_node_engine(a.node), &info);
    } while (info.n_records == 0);
    kad_engine_info(kad_node_engine(b.node), &info);
    EXPECT(info.n_publications <= 1);
    put.kind = KAD_REQUEST_GET;
    EXPECT_EQ(ask(&a, &put), 0);
    EXPECT_MEM(a.value, "9:remember!", 11);
    put.target = forgotten.target;
    EXPECT_EQ(ask(&a, &put), KAD_E_NOT_FOUND);
    stop(&a);
    stop(&b);
    remove_directory();
    close_loop();
}

/* What others stored with an LMDB node is there after a restart. */
TEST(a_node_with_a_store_on_disk_still_has_it_after_a_restart)
{
    static struct member a, b;
    const struct kad_request put = put_of("4:kept");
    const struct kad_request get = {.kind = KAD_REQUEST_GET, .target = put.target};
    struct kad_node_config config;
    struct kad_info info;

    open_loop();
    configure(&config, &a, 1, NULL);
    config.data_dir = make_directory();
    config.store = KAD_STORE_LMDB;
    start(&a, &config);
    join(&b, 2, a.address);
    await_ready(&b);
    EXPECT_EQ(ask(&b, &put), 0);
    stop(&b);
    stop(&a);
    configure(&config, &a, 1, NULL);
    config.data_dir = directory;
    config.store = KAD_STORE_LMDB;
    start(&a, &config);
    kad_engine_info(kad_node_engine(a.node), &info);
    EXPECT_EQ(info.n_records, 1);
    join(&b, 3, a.address);
    await_ready(&b);
    EXPECT_EQ(ask(&b, &get), 0);
    EXPECT_MEM(b.value, "4:kept", 6);
    stop(&b);
    stop(&a);
    remove_directory();
    close_loop();
}

static unsigned n_damaged;

static void count_damaged(void *context, enum kad_log_level level, const char *event,
                          const struct kad_log_field *fields, size_t n_fields)
{
    (void)context, (void)level, (void)fields, (void)n_fields;
    n_damaged += strcmp(event, "state_damaged") == 0;
}

/* A damaged state costs the memory, never the start; what was there is kept for whoever wants to look. */
TEST(a_damaged_state_is_set_aside_with_a_warning)
{
    static struct member a;
    struct kad_node_config config;
    char path[128];
    struct stat status;
    FILE *file;

    open_loop();
    make_directory();
    snprintf(path, sizeof(path), "%s/mainline.state", directory);
    file = fopen(path, "w");
    EXPECT(file && fputs("kadstate, or is it?", file) >= 0 && fclose(file) == 0);
    configure(&config, &a, 1, NULL);
    config.data_dir = directory;
    config.log = count_damaged;
    start(&a, &config);
    EXPECT_EQ(n_damaged, 1);
    stop(&a);
    EXPECT_EQ(stat(path, &status), 0); /* a good one now */
    strcat(path, ".bad");
    EXPECT_EQ(stat(path, &status), 0);
    start(&a, &config);
    EXPECT_EQ(n_damaged, 1);
    a.stopped = false;
    stop(&a);
    remove_directory();
    close_loop();
}
