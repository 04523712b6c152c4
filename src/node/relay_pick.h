/*
 * relay_pick - which relay a node takes: those it knows, how near they are, what they say they give, and who has failed it.
 *
 *     kad_relay_pick_add()      somebody says it is a relay
 *     kad_relay_pick_asked()    it was asked for how it stands;  _told(): its answer, _silent(): there was none
 *     kad_relay_pick_best()     the one to be taken now
 *                               the fifth silence in a row is a failure: whoever invents relays does not keep a place with them
 *     kad_relay_pick_failed()   it did not do: not for 30 s, twice as long each time, up to half an hour
 *
 * What a relay says of itself chooses among relays and nothing more. One with a free place is better the sooner it answers; of what it
 * has to give a client's share counts: half of 32 KiB a second is as bad as twice the way. Nobody who was not heard is taken, nor
 * one without a place. Sixteen are kept; a new one takes the place of whoever failed longest, then of who is farthest.
 */
#ifndef KAD_NODE_RELAY_PICK_H
#define KAD_NODE_RELAY_PICK_H

#include "base/types.h"
#include "kad/types.h"
#include "node/relay_words.h"

#define KAD_RELAY_PICK_MAX 16

struct kad_relay_candidate {
    struct kad_endpoint endpoint;
    uint8_t key[32];
    int32_t rtt_ms;       /* least of what was measured lately; -1: not yet */
    bool told;            /* the following are known */
    uint32_t bytes_per_s; /* of all its clients */
    uint16_t n_free, n_places;
    kad_ms asked_at, answered_at;      /* 0: never */
    uint32_t nonce;                    /* of what it was asked last */
    bool waiting;                      /* for that */
    uint8_t n_silent;                  /* questions without an answer, in a row */
    kad_ms shunned_until, shunned_for; /* 0: it has not failed */
};

struct kad_relay_pick {
    struct kad_relay_candidate list[KAD_RELAY_PICK_MAX];
    unsigned n;
};

/* Of one that is known by its key the address is taken anew. NULL: there is no room for it. */
struct kad_relay_candidate *kad_relay_pick_add(struct kad_relay_pick *pick,
                                               const struct kad_endpoint *endpoint, const uint8_t key[32]);
struct kad_relay_candidate *kad_relay_pick_find(struct kad_relay_pick *pick, const uint8_t key[32]);
void kad_relay_pick_asked(struct kad_relay_candidate *candidate, uint32_t nonce, kad_ms now);
/* False: nobody asked that. */
bool kad_relay_pick_told(struct kad_relay_candidate *candidate, const struct kad_relay_place *place,
                         kad_ms now);
void kad_relay_pick_failed(struct kad_relay_candidate *candidate, kad_ms now);
/* It was not heard in time. */
void kad_relay_pick_silent(struct kad_relay_candidate *candidate, kad_ms now);
/* What it has been good for is remembered: the next failure counts as the first. */
void kad_relay_pick_served(struct kad_relay_candidate *candidate);
/* NULL: none will do now. */
struct kad_relay_candidate *kad_relay_pick_best(struct kad_relay_pick *pick, kad_ms now);
/* Milliseconds as they count, above; INT64_MAX: it was not heard. */
int64_t kad_relay_pick_cost(const struct kad_relay_candidate *candidate);

#endif
