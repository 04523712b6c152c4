/*
 * limit - who may speak, how often, and how many bytes we may send to an address that has proved nothing.
 *
 * Asked before a datagram is parsed. Fixed memory, all of it taken in kad_limit_new(): two set-associative tables
 * (addresses; narrow groups: /24, /64), four ways, least recently used out, but what a real host has earned outlasts
 * what can be forged. Nothing a flood does makes them grow or slow.
 *
 *   rate        each address and each group earns packets per second up to a burst; a packet over either is dropped.
 *   graylist    an address that breaks the rules `strikes` times within a minute is ignored for `gray_ms` (doubled
 *               each time, up to 24 h; forgotten after a day without).
 *   expected    for 10 s after a query of ours nothing shuts the answer out: what would be dropped gets the verdict
 *               ANSWER instead. Decode it, take it if it answers a query under way, and drop it otherwise. So a
 *               flood in an honest peer's name costs us parsing, and the peer nothing.
 *   bytes out   towards a group, all messages together: at most `gain` times the bytes it sent (64 KiB of that can be
 *               saved up) plus `grant` bytes in any minute, half of them at once (SCORECARD row 9: 3x + 4 KiB).
 *               Neither counts nor binds what goes to and comes from a proved address: one that answered a query of
 *               ours, or brought a token, within 10 minutes.
 *
 * A flood from more groups than are kept makes groups be forgotten. Then newcomers get no grant (or coming back would
 * pay), except what a query of ours takes, or 256 bytes: gain times what they send is what is left to them.
 */
#ifndef KAD_CORE_LIMIT_H
#define KAD_CORE_LIMIT_H

#include "base/alloc.h"
#include "base/endpoint.h"

struct kad_limit_config {
    /* Entries kept, a power of two, 16 .. 65536; as many groups; 64 bytes for both. 0: no limits, and nobody is known */
    unsigned addresses;
    unsigned address_per_s, address_burst; /* packets; 0 per second: no such limit */
    unsigned group_per_s, group_burst;
    unsigned strikes; /* 0: no graylist */
    kad_ms gray_ms;
    unsigned gain, grant; /* bytes out; gain 0: no byte budget */
    bool limit_local;     /* apply all of it to loopback, link-local and private addresses too */
};

enum kad_limit_verdict {
    KAD_LIMIT_PASS = 0,
    KAD_LIMIT_ADDRESS, /* dropped: the address is over its rate */
    KAD_LIMIT_GROUP,   /* dropped: its group is */
    KAD_LIMIT_GRAY,    /* dropped: it is on the graylist */
    KAD_LIMIT_ANSWER,  /* one of these, but an answer of its is expected: good for that only */
};

struct kad_limit;

/* NULL: memory refused. `config` is copied; `hash_key` keeps strangers from choosing who shares their set. */
struct kad_limit *kad_limit_new(const struct kad_allocator *allocator, const struct kad_limit_config *config,
                                uint64_t hash_key);
void kad_limit_free(struct kad_limit *limit); /* NULL is fine */

/* Other limits from now on; `addresses` and `limit_local` are as they were. Nothing that is known is forgotten. */
void kad_limit_configure(struct kad_limit *limit, const struct kad_limit_config *config);

enum kad_limit_verdict kad_limit_receive(struct kad_limit *limit, const struct kad_endpoint *from,
                                         size_t size, kad_ms now);
/* A query of ours, of `size` bytes, goes to `to`. To be called before kad_limit_send() is asked about it. */
void kad_limit_expect(struct kad_limit *limit, const struct kad_endpoint *to, size_t size, kad_ms now);
void kad_limit_proved(struct kad_limit *limit, const struct kad_endpoint *peer, kad_ms now);
bool kad_limit_is_proved(struct kad_limit *limit, const struct kad_endpoint *peer, kad_ms now);
void kad_limit_strike(struct kad_limit *limit, const struct kad_endpoint *peer, kad_ms now);
/* May `size` bytes go to `to`? Counts them when so. */
bool kad_limit_send(struct kad_limit *limit, const struct kad_endpoint *to, size_t size, kad_ms now);
size_t kad_limit_memory(const struct kad_limit *limit); /* bytes, constant */

#endif
