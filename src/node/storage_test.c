/* What nodes on one loop have together: data directory, store, key pair. Over real sockets and a real disk. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/test.h"
#include "engine/network.h"
#include "node/parts.h"
#include "node/test_member.h"

static char directory[64];

static const char *make_directory(void)
{
    strcpy(directory, "/tmp/kad-storage-XXXXXX");
    EXPECT(mkdtemp(directory) != NULL);
    return directory;
}

static void remove_directory(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf '%s'", directory);
    EXPECT_EQ(system(command), 0);
}

static void configure(struct kad_node_config *config, struct member *member, unsigned last,
                      const char *network, struct kad_node *with)
{
    member_configure(config, member, last, NULL);
    config->network = kad_network_named(network);
    kad_settings_default(config->network, &config->settings);
    config->with = with;
}

/* Held for others, as a network's engine would. */
static struct kad_record room(void)
{
    struct kad_record record = {.type = KAD_RECORD_CLASSES,
                                .key = {{1}},
                                .made_at = 1,
                                .valid_until = KAD_NEVER,
                                .expires_at = KAD_NEVER,
                                .value = {(const uint8_t *)"hello", 5}};

    memset(record.public_key, 3, sizeof(record.public_key));
    return record;
}

static bool holds(const struct member *member)
{
    struct kad_store *store = &member->node->store.store;
    const struct kad_id key = {{1}};
    struct kad_record record;
    uint32_t next;

    return store->ops->list(store, &key, 0, kad_node_now(member->node), 0, &record, 1, &next) == 1;
}

/* One process, several networks: one directory, one store, one who. In whatever order they go. */
TEST(nodes_made_with_another_have_its_storage)
{
    static struct member a, b, c;
    const struct kad_record record = room();
    struct kad_node_config config;
    struct kad_store *store;

    member_open_loop();
    make_directory();
    configure(&config, &a, 1, "mainline", NULL);
    config.data_dir = directory;
    config.store = KAD_STORE_LMDB;
    member_start(&a, &config);
    configure(&config, &b, 2, "kad-easy", a.node);
    member_start(&b, &config);
    configure(&config, &c, 3, "kad-ws-easy", a.node);
    member_start(&c, &config);

    EXPECT_MEM(b.node->config.secret, c.node->config.secret, 32);
    EXPECT_STR(kad_node_config_of(c.node)->data_dir, directory);
    store = &b.node->store.store;
    EXPECT_EQ(store->ops->put(store, &record, NULL, kad_node_now(b.node)), KAD_OK);
    EXPECT(holds(&b) && holds(&c) && !holds(&a));

    member_stop(&a); /* whose storage it was; it lives on */
    EXPECT(holds(&c));
    member_stop(&b);
    EXPECT(holds(&c));
    member_stop(&c);

    configure(&config, &c, 3, "kad-ws-easy", NULL);
    config.data_dir = directory;
    config.store = KAD_STORE_LMDB;
    member_start(&c, &config);
    EXPECT(holds(&c));
    member_stop(&c);
    remove_directory();
    member_close_loop();
}

/* Whoever's turn it is brings what all have changed to the disk, and all are told. */
TEST(one_sync_is_everybodys)
{
    static struct member a, b;
    const struct kad_request put = member_put_of("5:hello");
    const struct kad_record record = room();
    struct kad_node_config config;
    struct kad_store *store;

    member_open_loop();
    make_directory();
    configure(&config, &a, 1, "mainline", NULL);
    config.data_dir = directory;
    config.store = KAD_STORE_LMDB;
    member_start(&a, &config);
    configure(&config, &b, 2, "kad-easy", a.node);
    member_start(&b, &config);
    store = &b.node->store.store;
    EXPECT_EQ(store->ops->put(store, &record, NULL, kad_node_now(b.node)), KAD_OK);
    EXPECT_EQ(member_ask(&a, &put), 0); /* which waits for the disk */
    EXPECT(a.node->storage == b.node->storage);
    EXPECT(a.node->storage->safe > 0);
    while (a.node->storage->syncing)
        uv_run(&member_loop, UV_RUN_ONCE);
    member_stop(&b);
    member_stop(&a);
    remove_directory();
    member_close_loop();
}

TEST(what_cannot_be_together_is_refused_with_its_reason)
{
    static struct member a, b;
    struct kad_node_config config;
    char why[256];

    member_open_loop();
    configure(&config, &a, 1, "mainline", NULL);
    member_start(&a, &config);
    configure(&config, &b, 2, "mainline", a.node);
    EXPECT_EQ(kad_node_new(&config, &b.node, why, sizeof(why)), KAD_E_EXISTS);
    EXPECT_MSG(strstr(why, "on this network"), "%s", why);
    configure(&config, &b, 2, "kad-easy", a.node);
    config.loop = NULL;
    EXPECT_EQ(kad_node_new(&config, &b.node, why, sizeof(why)), KAD_E_INVALID);
    EXPECT_MSG(strstr(why, "another loop"), "%s", why);
    member_stop(&a);
    member_close_loop();
}
