// timeout 600
/* What a node remembers over a restart: its id, its contacts, what it publishes, what it holds for others. */
#include "base/test.h"
#include "node/test_member.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/endpoint.h"

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

    member_open_loop();
    member_configure(&config, &a, 1, NULL);
    config.data_dir = make_directory();
    member_start(&a, &config);
    member_configure(&config, &b, 2, NULL);
    config.data_dir = directory;
    EXPECT_EQ(kad_node_new(&config, &b.node, why, sizeof(why)), KAD_E_EXISTS);
    EXPECT_MSG(strstr(why, "is in use by another node"), "%s", why);
    member_stop(&a);
    EXPECT_EQ(kad_node_new(&config, &b.node, why, sizeof(why)), 0); /* and now it may */
    kad_node_free(b.node);
    remove_directory();
    member_close_loop();
}

/* All bootstraps gone: the contacts of the last run are enough, and the id is the old one. */
TEST(a_restarted_node_rejoins_from_what_it_saved)
{
    static struct member a, b, c;
    struct kad_node_config config;
    struct kad_info info;
    struct kad_id id, again;

    member_open_loop();
    member_join(&a, 1, NULL);
    member_join(&b, 2, a.address);
    member_await_ready(&b);
    member_configure(&config, &c, 3, a.address);
    config.data_dir = make_directory();
    config.store = KAD_STORE_LMDB;
    member_start(&c, &config);
    member_await_ready(&c);
    id = id_of(&c);
    member_stop(&c);
    member_stop(&a);
    member_configure(&config, &c, 3, NULL);
    config.data_dir = directory;
    config.store = KAD_STORE_LMDB;
    config.seed[1] = 1; /* another seed would make another id */
    member_start(&c, &config);
    again = id_of(&c);
    EXPECT_MEM(&again, &id, sizeof(id));
    member_await_ready(&c);
    kad_engine_info(kad_node_engine(c.node), &info);
    EXPECT_EQ(info.n_contacts[0], 1);
    member_stop(&b);
    member_stop(&c);
    remove_directory();
    member_close_loop();
}

/* I140: a date outlives the process with what it is for. */
TEST(a_date_outlives_the_process)
{
    static struct member a, b;
    struct kad_request put = member_put_of("9:remember!");
    struct kad_node_config config;
    struct kad_published published;

    member_open_loop();
    member_join(&a, 1, NULL);
    member_configure(&config, &b, 2, a.address);
    config.data_dir = make_directory();
    member_start(&b, &config);
    member_await_ready(&b);
    put.keep = true;
    put.keep_until = kad_node_now(b.node) + KAD_HOUR;
    EXPECT_EQ(member_ask(&b, &put), 0);
    member_stop(&b);

    member_configure(&config, &b, 2, a.address);
    config.data_dir = directory;
    member_start(&b, &config);
    while (!kad_engine_published(kad_node_engine(b.node), &put.target, &published))
        uv_run(&member_loop, UV_RUN_ONCE);
    EXPECT_EQ(published.keep_until, put.keep_until);
    member_stop(&b);
    member_stop(&a);
    remove_directory();
    member_close_loop();
}

/* What was put with `keep` is published again by the node's next run, value and all; withdrawn, it is not. */
TEST(publications_outlive_the_process)
{
    static struct member a, b;
    struct kad_request put = member_put_of("9:remember!");
    struct kad_request forgotten = member_put_of("6:forget");
    struct kad_node_config config;
    struct kad_info info;

    member_open_loop();
    put.keep = forgotten.keep = true;
    member_join(&a, 1, NULL);
    member_configure(&config, &b, 2, a.address);
    config.data_dir = make_directory();
    member_start(&b, &config);
    member_await_ready(&b);
    EXPECT_EQ(member_ask(&b, &put), 0);
    EXPECT_EQ(member_ask(&b, &forgotten), 0);
    EXPECT(kad_node_withdraw(b.node, &forgotten.target));
    EXPECT(!kad_node_withdraw(b.node, &forgotten.target));
    member_stop(&b);
    member_stop(&a);

    member_join(&a, 1, NULL); /* a new node without memory */
    member_configure(&config, &b, 2, a.address);
    config.data_dir = directory;
    member_start(&b, &config);
    do {
        uv_run(&member_loop, UV_RUN_ONCE);
        kad_engine_info(kad_node_engine(a.node), &info);
    } while (info.n_records == 0);
    kad_engine_info(kad_node_engine(b.node), &info);
    EXPECT(info.n_publications <= 1);
    put.kind = KAD_REQUEST_GET;
    EXPECT_EQ(member_ask(&a, &put), 0);
    EXPECT_MEM(a.value, "9:remember!", 11);
    put.target = forgotten.target;
    EXPECT_EQ(member_ask(&a, &put), KAD_E_NOT_FOUND);
    member_stop(&a);
    member_stop(&b);
    remove_directory();
    member_close_loop();
}

/* A crash right after must not forget it: a publication is on disk while the node runs on, and so is its end. */
TEST(publications_are_saved_as_they_change)
{
    static struct member a, b;
    struct kad_request put = member_put_of("5:saved");
    struct kad_node_config config;

    member_open_loop();
    put.keep = true;
    member_join(&a, 1, NULL);
    member_configure(&config, &b, 2, a.address);
    config.data_dir = make_directory();
    member_start(&b, &config);
    member_await_ready(&b);
    EXPECT_EQ(member_in_state(directory, "5:saved"), 0);
    EXPECT_EQ(member_ask(&b, &put), 0);
    while (member_in_state(directory, "5:saved") == 0)
        uv_run(&member_loop, UV_RUN_ONCE);
    EXPECT(kad_node_withdraw(b.node, &put.target));
    while (member_in_state(directory, "5:saved") == 1)
        uv_run(&member_loop, UV_RUN_ONCE);
    member_stop(&a);
    member_stop(&b);
    remove_directory();
    member_close_loop();
}

/* What others stored with an LMDB node is there after a restart. */
TEST(a_node_with_a_store_on_disk_still_has_it_after_a_restart)
{
    static struct member a, b;
    const struct kad_request put = member_put_of("4:kept");
    const struct kad_request get = {.kind = KAD_REQUEST_GET, .target = put.target};
    struct kad_node_config config;
    struct kad_info info;

    member_open_loop();
    member_configure(&config, &a, 1, NULL);
    config.data_dir = make_directory();
    config.store = KAD_STORE_LMDB;
    member_start(&a, &config);
    member_join(&b, 2, a.address);
    member_await_ready(&b);
    EXPECT_EQ(member_ask(&b, &put), 0);
    member_stop(&b);
    member_stop(&a);
    member_configure(&config, &a, 1, NULL);
    config.data_dir = directory;
    config.store = KAD_STORE_LMDB;
    member_start(&a, &config);
    kad_engine_info(kad_node_engine(a.node), &info);
    EXPECT_EQ(info.n_records, 1);
    member_join(&b, 3, a.address);
    member_await_ready(&b);
    EXPECT_EQ(member_ask(&b, &get), 0);
    EXPECT_MEM(b.value, "4:kept", 6);
    member_stop(&b);
    member_stop(&a);
    remove_directory();
    member_close_loop();
}

static unsigned n_damaged;

static void count_damaged(void *context, enum kad_log_level level, const char *event,
                          const struct kad_log_field *fields, size_t n_fields)
{
    (void)context, (void)level, (void)fields, (void)n_fields;
    n_damaged += strcmp(event, "state_damaged") == 0 || strcmp(event, "store_damaged") == 0;
}

/* A damaged state costs the memory, never the start; what was there is kept for whoever wants to look. */
TEST(a_damaged_state_is_set_aside_with_a_warning)
{
    static struct member a;
    struct kad_node_config config;
    char path[128];
    struct stat status;
    FILE *file;

    member_open_loop();
    make_directory();
    snprintf(path, sizeof(path), "%s/mainline.state", directory);
    file = fopen(path, "w");
    EXPECT(file && fputs("kadstate, or is it?", file) >= 0 && fclose(file) == 0);
    member_configure(&config, &a, 1, NULL);
    config.data_dir = directory;
    config.log = count_damaged;
    member_start(&a, &config);
    EXPECT_EQ(n_damaged, 1);
    member_stop(&a);
    EXPECT_EQ(stat(path, &status), 0); /* a good one now */
    strcat(path, ".bad");
    EXPECT_EQ(stat(path, &status), 0);
    member_start(&a, &config);
    EXPECT_EQ(n_damaged, 1);
    a.stopped = false;
    member_stop(&a);
    remove_directory();
    member_close_loop();
}

/* And so does a damaged store: a power failure may leave one. */
TEST(a_damaged_store_is_set_aside_with_a_warning)
{
    static struct member a;
    struct kad_node_config config;
    char path[128];
    struct stat status;
    FILE *file;

    member_open_loop();
    make_directory();
    snprintf(path, sizeof(path), "%s/store.mdb", directory);
    file = fopen(path, "w");
    EXPECT(file);
    for (int i = 0; i < 8192; i++)
        EXPECT_EQ(fputc(i * 7 & 0xff, file), i * 7 & 0xff);
    EXPECT_EQ(fclose(file), 0);
    member_configure(&config, &a, 1, NULL);
    config.data_dir = directory;
    config.store = KAD_STORE_LMDB;
    config.log = count_damaged;
    n_damaged = 0;
    member_start(&a, &config);
    EXPECT_EQ(n_damaged, 1);
    member_stop(&a);
    strcat(path, ".bad");
    EXPECT_EQ(stat(path, &status), 0);
    remove_directory();
    member_close_loop();
}

/* The life of a node that will be killed: tells its address, then serves. */
static void serve(int tell)
{
    static struct member member;
    struct kad_node_config config;

    member_open_loop();
    member_configure(&config, &member, 1, NULL);
    config.data_dir = directory;
    config.store = KAD_STORE_LMDB;
    member_start(&member, &config);
    if (write(tell, member.address, sizeof(member.address)) != sizeof(member.address))
        _exit(1);
    for (;;)
        uv_run(&member_loop, UV_RUN_ONCE);
}

static pid_t start_server(char address[64])
{
    int ends[2];
    pid_t child;

    EXPECT_EQ(pipe(ends), 0);
    child = fork();
    EXPECT(child >= 0);
    if (child == 0)
        serve(ends[1]);
    EXPECT_EQ(read(ends[0], address, 64), 64);
    close(ends[0]);
    close(ends[1]);
    return child;
}

static struct kad_request numbered_put(unsigned number, char text[64])
{
    char value[16];

    snprintf(value, sizeof(value), "value %u", number);
    snprintf(text, 64, "%zu:%s", strlen(value), value);
    return member_put_of(text);
}

/* Killed at any moment, it has everything it said it has: the commit comes before the answer. */
TEST(what_was_answered_survives_kill_9)
{
    enum { PUTS = 300 };
    static struct member b, again;
    struct kad_node_config config;
    struct kad_info info;
    char address[64], text[64];
    unsigned n_answered = 0;
    pid_t child;

    make_directory();
    child = start_server(address);
    member_open_loop();
    member_join(&b, 2, address);
    member_await_ready(&b);
    for (unsigned i = 0; i < PUTS; i++) {
        const struct kad_request put = numbered_put(i, text);

        EXPECT_EQ(member_ask(&b, &put), 0);
        n_answered += b.n_stored > 0;
        if (i == PUTS - 1)
            EXPECT_EQ(kill(child, SIGKILL), 0); /* within microseconds of its last answer */
    }
    EXPECT_EQ(n_answered, PUTS);
    EXPECT_EQ(waitpid(child, NULL, 0), child);
    member_stop(&b);

    member_configure(&config, &again, 1, NULL);
    config.data_dir = directory;
    config.store = KAD_STORE_LMDB;
    member_start(&again, &config);
    kad_engine_info(kad_node_engine(again.node), &info);
    EXPECT_EQ(info.n_records, PUTS);
    member_stop(&again);
    remove_directory();
    member_close_loop();
}
