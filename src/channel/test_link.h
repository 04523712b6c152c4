/* test_link - two links back to back, without sockets; the one that is asked echoes. */
#ifndef KAD_CHANNEL_TEST_LINK_H
#define KAD_CHANNEL_TEST_LINK_H

#include "channel/link.h"

struct link_setting {
    const struct kad_suite *suite;
    bool expect_other; /* the initiator expects somebody else */
    unsigned max_in;
};
extern const struct link_setting link_usual;

struct link_end {
    struct kad_link *link;
    struct kad_link_identity identity;
    uint8_t id[KAD_PEER_ID_MAX];
    size_t n_id;
    enum kad_link_end down; /* KAD_LINK_GOING: it has not */
    unsigned n_up, n_streams, n_ended, n_refused, n_reset;
    uint8_t read[64]; /* the first of what was read on streams of its own */
    size_t n_read;
    bool stopped; /* it reads nothing */
};

struct link_pair {
    struct link_end ends[2]; /* the first one dials */
    size_t piece;            /* bytes are handed over in pieces of this size; 0: all at once */
    kad_ms now;
};

void link_pair_make(struct link_pair *pair, const struct link_setting *setting);
/* Until neither has anything to say. */
void link_pair_run(struct link_pair *pair);
void link_pair_free(struct link_pair *pair);

#endif
