// threads
// timeout 600
#include "base/test.h"
#include "node/test_member.h"

#include <stdio.h>
#include <string.h>

#include "base/endpoint.h"

/* The shortest story: two nodes find each other over real sockets, and what one puts the other gets. */
TEST(two_nodes_ping_put_and_get)
{
    static struct member a, b;
    const struct kad_request put = member_put_of("12:Hello World!");
    struct kad_request get = {.kind = KAD_REQUEST_GET, .target = put.target};
    struct kad_request ping = {.kind = KAD_REQUEST_PING};

    member_open_loop();
    member_join(&a, 1, NULL);
    member_join(&b, 2, a.address);
    member_await_ready(&b);
    EXPECT_EQ(kad_endpoint_parse(a.address, 0, &ping.endpoint), 0);
    EXPECT_EQ(member_ask(&b, &ping), 0);
    EXPECT_EQ(member_ask(&b, &put), 0);
    EXPECT_EQ(member_ask(&a, &get), 0);
    EXPECT_EQ(a.n_value, 15);
    EXPECT_MEM(a.value, "12:Hello World!", 15);
    get.target.bytes[0] ^= 1;
    EXPECT_EQ(member_ask(&a, &get), KAD_E_NOT_FOUND);
    EXPECT(kad_node_started_at(a.node) <= kad_node_now(a.node));
    member_stop(&a);
    member_stop(&b);
    member_close_loop();
}

TEST(announced_peers_are_found_and_hops_are_told)
{
    static struct member a, b, c;
    struct kad_request announce = {.kind = KAD_REQUEST_ANNOUNCE, .port = 5555};
    struct kad_request peers = {.kind = KAD_REQUEST_PEERS, .trace = true, .progress = true};

    member_open_loop();
    announce.target.bytes[0] = peers.target.bytes[0] = 0x42;
    member_join(&a, 1, NULL);
    member_join(&b, 2, a.address);
    member_join(&c, 3, a.address);
    member_await_ready(&b);
    member_await_ready(&c);
    EXPECT_EQ(member_ask(&b, &announce), 0);
    EXPECT_EQ(member_ask(&c, &peers), 0);
    EXPECT_EQ(c.n_peers, 1);
    EXPECT(c.n_hops > 0);
    member_stop(&a);
    member_stop(&b);
    member_stop(&c);
    member_close_loop();
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

    member_open_loop();
    member_configure(&config, &a, 1, NULL);
    config.listen[1] = kad_endpoint_v6(v6, 0);
    config.n_listen = 2;
    member_start(&a, &config);
    EXPECT_EQ(kad_node_listening(a.node, at, 2), 2);
    member_configure(&config, &b, 2, kad_endpoint_format(&at[1], address));
    config.listen[1] = kad_endpoint_v6(v6, 0);
    config.n_listen = 2;
    member_start(&b, &config);
    member_await_ready(&b);
    kad_engine_info(kad_node_engine(b.node), &info);
    EXPECT_EQ(info.n_contacts[1], 1);
    member_stop(&a);
    member_stop(&b);
    member_close_loop();
}

TEST(starting_and_stopping_leaves_nothing_behind)
{
    member_open_loop();
    for (int i = 0; i < 100; i++) {
        static struct member member;

        member_join(&member, 1, "127.0.0.9:9");
        for (int turns = i % 4; turns > 0; turns--)
            uv_run(&member_loop, UV_RUN_NOWAIT);
        member_stop(&member);
    }
    member_close_loop();
}

TEST(a_node_that_never_started_is_freed)
{
    static struct member member;
    const struct kad_request request = {.kind = KAD_REQUEST_CLOSEST};
    struct kad_node_config config;
    char why[256];

    member_open_loop();
    member_configure(&config, &member, 1, NULL);
    EXPECT_EQ(kad_node_new(&config, &member.node, why, sizeof(why)), 0);
    EXPECT_EQ(kad_node_request(member.node, &request, member_on_done, &member, NULL), 0);
    EXPECT_EQ(kad_node_post(member.node, &request, member_on_done, &member), 0);
    kad_node_free(member.node);
    EXPECT_EQ(member.n_done, 2); /* even so */
    member_close_loop();
}

/* "Shutdown that hangs or loses puts": whoever asked hears once, and at once. */
TEST(stopping_ends_each_request_once)
{
    static struct member a, b, silent[32];
    struct kad_node_config config;

    member_open_loop();
    member_join(&a, 1, NULL);
    member_configure(&config, &b, 2, a.address);
    member_start(&b, &config);
    member_await_ready(&b);
    for (size_t i = 0; i < KAD_COUNT_OF(silent); i++) {
        struct kad_request request = {.kind = i % 2 ? KAD_REQUEST_GET : KAD_REQUEST_CLOSEST};

        request.target.bytes[0] = (uint8_t)i;
        memset(&silent[i], 0, sizeof(silent[i]));
        if (i % 4 < 2)
            EXPECT_EQ(kad_node_request(b.node, &request, member_on_done, &silent[i], NULL), 0);
        else
            EXPECT_EQ(kad_node_post(b.node, &request, member_on_done, &silent[i]), 0);
    }
    member_stop(&b);
    for (size_t i = 0; i < KAD_COUNT_OF(silent); i++) {
        EXPECT_EQ(silent[i].n_done, 1);
        EXPECT_EQ(silent[i].reason, KAD_REASON_CANCELLED);
        EXPECT_EQ(silent[i].error, KAD_E_CLOSED);
    }
    member_stop(&a);
    member_close_loop();
}

static void stop_in_callback(void *user, const struct kad_event *event)
{
    struct member *member = user;
    const struct kad_request request = {.kind = KAD_REQUEST_CLOSEST};

    member_on_done(user, event);
    kad_node_stop(member->node);
    EXPECT_EQ(kad_node_request(member->node, &request, member_on_done, member, NULL), 0);
}

TEST(a_callback_may_ask_and_stop)
{
    static struct member a;
    const struct kad_request request = {.kind = KAD_REQUEST_CLOSEST};

    member_open_loop();
    member_join(&a, 1, NULL);
    EXPECT_EQ(kad_node_request(a.node, &request, stop_in_callback, &a, NULL), 0);
    while (!a.stopped)
        uv_run(&member_loop, UV_RUN_ONCE);
    EXPECT_EQ(a.n_done, 2);
    EXPECT_EQ(kad_node_request(a.node, &request, member_on_done, &a, NULL), KAD_E_CLOSED);
    EXPECT_EQ(kad_node_post(a.node, &request, member_on_done, &a), KAD_E_CLOSED);
    kad_node_stop(a.node); /* again is fine */
    kad_node_free(a.node);
    member_close_loop();
}

TEST(a_request_can_be_cancelled)
{
    static struct member a;
    struct kad_request request = {.kind = KAD_REQUEST_PING};
    uint64_t id;

    member_open_loop();
    member_join(&a, 1, NULL);
    EXPECT_EQ(kad_endpoint_parse("127.0.0.77:9", 0, &request.endpoint), 0);
    EXPECT_EQ(kad_node_request(a.node, &request, member_on_done, &a, &id), 0);
    EXPECT(kad_node_cancel(a.node, id));
    while (a.n_done == 0)
        uv_run(&member_loop, UV_RUN_ONCE);
    EXPECT_EQ(a.reason, KAD_REASON_CANCELLED);
    EXPECT(!kad_node_cancel(a.node, id));
    member_stop(&a);
    member_close_loop();
}

/* ICMP says nobody is there: no reason to wait out the timeout. */
TEST(an_unreachable_node_is_known_at_once)
{
    static struct member a;
    struct kad_request request = {.kind = KAD_REQUEST_PING, .timeout_ms = KAD_HOUR};
    struct kad_node_config config;

    member_open_loop();
    member_configure(&config, &a, 1, NULL);
    config.settings.query_timeout_ms = 5 * KAD_MINUTE; /* with this the test would not end */
    member_start(&a, &config);
    EXPECT_EQ(kad_endpoint_parse("127.0.0.77:9", 0, &request.endpoint), 0);
    EXPECT(member_ask(&a, &request) != 0);
    member_stop(&a);
    member_close_loop();
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

    member_configure(&config, &member, 1, NULL);
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

static unsigned n_unresolved;

static void count_unresolved(void *context, enum kad_log_level level, const char *event,
                             const struct kad_log_field *fields, size_t n_fields)
{
    (void)context, (void)level;
    if (strcmp(event, "bootstrap_unresolved") != 0)
        return;
    n_unresolved++;
    EXPECT_EQ(n_fields, 2);
    EXPECT_STR(fields[0].name, "name");
}

/* A name is as good as a number; one that cannot be found is told of, tried again later, and holds up nothing. */
TEST(names_are_resolved_and_what_cannot_be_is_told)
{
    static struct member a, b;
    struct kad_node_config config;
    char nowhere[128], name[32];

    member_open_loop();
    member_join(&a, 1, NULL);
    snprintf(name, sizeof(name), "localhost:%s", strchr(a.address, ':') + 1);
    memset(nowhere, 'x', 100); /* too long a label for any name server to be asked */
    strcpy(nowhere + 100, ":1");
    member_configure(&config, &b, 2, nowhere);
    config.bootstrap[config.n_bootstrap++] = name;
    config.log = count_unresolved;
    member_start(&b, &config);
    member_await_ready(&b);
    while (n_unresolved == 0)
        uv_run(&member_loop, UV_RUN_ONCE);
    member_stop(&b);
    EXPECT_EQ(n_unresolved, 1);
    member_stop(&a);
    member_close_loop();
}

TEST(what_cannot_be_is_refused_with_its_reason)
{
    static struct member a, b;
    struct kad_node_config config;
    char why[256];

    member_open_loop();
    member_join(&a, 1, NULL);
    member_configure(&config, &b, 1, NULL);
    EXPECT_EQ(kad_node_listening(a.node, config.listen, 1), 1);
    EXPECT_EQ(kad_node_new(&config, &b.node, why, sizeof(why)), KAD_E_SYSTEM);
    EXPECT(strstr(why, "cannot bind 127.0.0.1:") && strstr(why, "ddress already in use"));
    member_configure(&config, &b, 2, "no port");
    EXPECT_EQ(kad_node_new(&config, &b.node, why, sizeof(why)), KAD_E_INVALID);
    EXPECT_STR(why, "bootstrap: \"no port\" is not host:port");
    member_configure(&config, &b, 2, NULL);
    config.store = KAD_STORE_LMDB;
    EXPECT_EQ(kad_node_new(&config, &b.node, why, sizeof(why)), KAD_E_INVALID);
    EXPECT_STR(why, "store: lmdb needs a data directory");
    member_configure(&config, &b, 2, NULL);
    config.settings.alpha = 0;
    EXPECT_EQ(kad_node_new(&config, &b.node, why, sizeof(why)), KAD_E_INVALID);
    EXPECT_STR(why, "alpha: out of range");
    member_configure(&config, &b, 2, NULL);
    config.data_dir = "/proc/nowhere";
    EXPECT_EQ(kad_node_new(&config, &b.node, why, sizeof(why)), KAD_E_SYSTEM);
    EXPECT(strstr(why, "cannot make data directory /proc/nowhere"));
    member_stop(&a);
    member_close_loop();
}
