#include <stdio.h>
#include <string.h>

#include "base/test.h"
#include "node/test_member.h"

/* A node that nobody told of anybody joins as soon as somebody does. */
TEST(a_list_set_while_it_runs_is_joined_through)
{
    struct member known, alone;
    const char *names[1];
    char why[128];

    member_open_loop();
    member_join(&known, 1, NULL);
    member_join(&alone, 2, NULL);
    names[0] = known.address;
    EXPECT_EQ(kad_node_set_bootstrap(alone.node, names, 1, why, sizeof(why)), 0);
    EXPECT_STR(kad_node_config_of(alone.node)->bootstrap[0], known.address);
    EXPECT(kad_node_config_of(alone.node)->bootstrap[0] != known.address); /* copied */
    member_await_ready(&alone);
    EXPECT_EQ(kad_node_set_bootstrap(alone.node, NULL, 0, why, sizeof(why)), 0);
    EXPECT_EQ(kad_node_config_of(alone.node)->n_bootstrap, 0);
    member_stop(&alone);
    member_stop(&known);
    member_close_loop();
}

/* An address that came some other way, say from a manifest, is as good. */
TEST(an_address_found_elsewhere_is_joined_through)
{
    struct member known, alone;
    struct kad_endpoint endpoint;

    member_open_loop();
    member_join(&known, 1, NULL);
    member_join(&alone, 2, NULL);
    EXPECT_EQ(kad_node_listening(known.node, &endpoint, 1), 1);
    EXPECT_EQ(kad_node_bootstrap(alone.node, &endpoint), 0);
    member_await_ready(&alone);
    member_stop(&alone);
    member_stop(&known);
    member_close_loop();
}

/* All or nothing: what is wrong leaves the list, and names that are being resolved, as they were. */
TEST(a_wrong_list_changes_nothing)
{
    static char texts[KAD_NODE_BOOTSTRAP_MAX + 1][32];
    const char *names[KAD_NODE_BOOTSTRAP_MAX + 1];
    struct member member;
    char why[128];

    member_open_loop();
    member_join(&member, 1, "localhost:1");
    for (int i = 0; i <= KAD_NODE_BOOTSTRAP_MAX; i++) {
        snprintf(texts[i], sizeof(texts[i]), "127.0.0.9:%d", i + 1);
        names[i] = texts[i];
    }
    EXPECT_EQ(kad_node_set_bootstrap(member.node, names, KAD_NODE_BOOTSTRAP_MAX + 1, why, sizeof(why)),
              KAD_E_LIMIT);
    strcpy(texts[1], "no port");
    EXPECT_EQ(kad_node_set_bootstrap(member.node, names, 3, why, sizeof(why)), KAD_E_INVALID);
    EXPECT_STR(why, "bootstrap: \"no port\" is not host:port");
    EXPECT_EQ(kad_node_config_of(member.node)->n_bootstrap, 1);
    EXPECT_STR(kad_node_config_of(member.node)->bootstrap[0], "localhost:1");
    strcpy(texts[1],
           "localhost:2"); /* the first is still being resolved, perhaps; nobody waits for it any more */
    EXPECT_EQ(kad_node_set_bootstrap(member.node, names, 3, why, sizeof(why)), 0);
    EXPECT_EQ(kad_node_config_of(member.node)->n_bootstrap, 3);
    member_stop(&member);
    member_close_loop();
}
