/*
 * test_member - nodes on one shared loop, for tests of the node.
 *
 * A member listens on 127.0.0.N, any port; what it said and what became of its requests is written down in it.
 */
#ifndef KAD_NODE_TEST_MEMBER_H
#define KAD_NODE_TEST_MEMBER_H

#include <uv.h>

#include "kad/node.h"

/* A node on a shared loop, and what it said. */
struct member {
    struct kad_node *node;
    char address[64];
    bool ready, stopped;
    unsigned n_done, n_hops, n_peers, n_stored; /* n_stored: of the last put, like the rest below */
    int error;
    enum kad_reason reason;
    uint8_t value[KAD_RECORD_VALUE_MAX];
    size_t n_value, n_closest;
};

extern uv_loop_t member_loop;

void member_open_loop(void);
void member_close_loop(void); /* expects that nothing is left on it */

/* Clears the member; `bootstrap` may be NULL. Then change the configuration and start, or just join. */
void member_configure(struct kad_node_config *config, struct member *member, unsigned last,
                      const char *bootstrap);
void member_start(struct member *member, const struct kad_node_config *config);
void member_join(struct member *member, unsigned last, const char *bootstrap);
void member_stop(struct member *member); /* and frees */
void member_await_ready(struct member *member);

void member_on_done(void *user, const struct kad_event *event); /* a kad_node_callback; user: the member */
int member_ask(struct member *member, const struct kad_request *request); /* the error of its DONE */
/* A put of an immutable value. `bencoded` is lent. */
struct kad_request member_put_of(const char *bencoded);
/* How often this text stands in the state file of a data directory; 0 while there is none. */
size_t member_in_state(const char *directory, const char *text);

#endif
