/*
 * lookup - one iterative lookup, as a state machine (Kademlia, section 2.3).
 *
 * Walks towards a target by asking the closest contacts known for closer ones, until the `width` closest that answer at
 * all have answered. It decides whom to ask and when to stop. It does not send or read a clock:
 *
 *     kad_lookup_next()   ASK  -> send to `ask`, then call next() again
 *                         WAIT -> nothing to do before `wake_at` or an answer
 *                         DONE -> kad_lookup_closest(), `reason`
 *     kad_lookup_add()    a contact to start from (hop 1)
 *     kad_lookup_reply()  \
 *     kad_lookup_fail()   /  report what came of an ASK, then call next() again
 *
 * The window is the closest `width` candidates that have not failed us. Only the window is asked, `parallel` at a time;
 * when all of it has answered, nothing closer is left to find. Candidates stay sorted by distance and unique by
 * contact; two contacts that claim one id both stay (one of them lies), but only one of them counts in the window
 * and in the result, and the second is asked only when the first fails.
 *
 * Once the nearest candidate has answered, or all of the window were asked, walking is over and what is left is to hear the
 * rest: from then on `parallel_end` are asked at a time (the paper's last step asks all k at once, too). So are they from the
 * first silence on: where one is dead others are, and each found out one after the other costs a patience.
 *
 * Unlike the paper there are no rounds: a free slot is used as soon as it is free. A contact that answers later than
 * `patience_ms` leaves the window and gives up its slot, but its answer, if it comes before the end, still counts. Late
 * contacts put the end off only when fewer than `width` others are left: for as long again, or, when nobody at all
 * has answered, until they fail.
 *
 * A datagram may just have been lost. So whoever is late and would stand in the window is asked once more (`retries`), as
 * soon as a slot is free and nobody new is left to ask: all of them beside each other, and no patience beyond the
 * usual. And once all of the window were asked, or the nearest has answered, silent candidates open places behind the end of the
 * window, `spare` at most: where many are dead, so are many of those the nearest name, and the next ones name whom these had no
 * room for. A silent one takes up such a place, so this is one round more, not many.
 *
 * Whoever is named may not be there at all, but a victim whom liars want us to write to. So whom one answer names is asked once
 * for it: again only if another answer names it, too, or somebody of its address group has answered, or it is from our own
 * table. (And of a group of which nobody has, an answer names one only: kad_paths_believe().) Who is really there and near the
 * target is named by many.
 *
 * Who answers names the k nearest it knows, be they alive or not. Where some of those are dead, the nearest living ones are
 * not among the k nearest, and who names those behind is chance. So it is asked for: the distances behind the k nearest that
 * were named fall into regions, each as wide as all before it; for each that the window reaches into, `beyond` of those
 * who answered, the nearest to the region, are asked whom they know at its beginning (BEP 5's find_node with another target).
 * Their answers bring candidates, nothing else.
 *
 * Liars name each other. With `per_introducer`, of those whom one of our own contacts named, itself or through whoever it
 * named, no more than so many count in the window; who was named through several counts for the one with the fewest. So a
 * liar's friends, and theirs, fill no window: other contacts of ours are asked, too. Who is above that is asked
 * last: those of the k nearest when all of the window were, or, on one path of many, when there is nobody else. With `region` the window holds whoever is nearer than that, KAD_LOOKUP_WINDOW at most: so that forged
 * ids near the target cannot fill it.
 *
 * Among candidates whose distances agree in their first four bits from the highest on (equals: each is as good a step) who answers faster is asked first,
 * as far as that is known; the result is the same, for all of the window is asked in the end. Who has broken rules is asked last.
 *
 * Whom it has asked it never forgets, so there are at most KAD_LOOKUP_CANDIDATES * (1 + `retries`) + KAD_LOOKUP_BEYOND
 * queries, whatever the answers say. Each ASK must be followed by a reply or a failure in the end.
 */
#ifndef KAD_CORE_LOOKUP_H
#define KAD_CORE_LOOKUP_H

#include "core/book.h"
#include "kad/engine.h"

#define KAD_LOOKUP_CANDIDATES 128
#define KAD_LOOKUP_BEYOND     16
#define KAD_LOOKUP_WINDOW     112

struct kad_lookup_config {
    unsigned width;        /* k: 1 .. 64 */
    unsigned parallel;     /* alpha: 1 .. 64 */
    unsigned parallel_end; /* the same once the nearest known has answered; not above `parallel`: no change */
    unsigned retries;      /* 0 or 1: how often a silent one of the window is asked again */
    unsigned spare;        /* how far silent ones may widen the window */
    unsigned per_introducer; /* candidates of the window that came through one own contact; 0: all */
    uint64_t
        region; /* the window reaches at least this far (first 64 bits of the distance); 0: `width` only */
    unsigned beyond;    /* 0 .. 8: how many are asked about each region behind the nearest; 0: nobody */
    kad_ms patience_ms; /* until a slot is given up; kad_lookup_next() takes the current value */
    unsigned
        narrow_per_lookup; /* candidates of one /24 or /64 at most; 0: no limit; never applied to local addresses unless: */
    bool limit_local;
    /* How gladly this one is asked: among candidates at about the same distance the lower comes first, KAD_LOOKUP_LAST when nobody else
     * of the window is left. NULL: all alike. */
    uint8_t (*rank)(const void *context, kad_contact_ref contact);
    const void *rank_context;
    /* Whoever is as near as this (first 64 bits of the distance) is as good as any other that is, whatever its rank: each asks them in an
     * order of its own, that `alike_seed` makes. 0: nobody is. */
    uint64_t alike, alike_seed;
};
#define KAD_LOOKUP_LAST 255

enum kad_candidate_state {
    KAD_CANDIDATE_NEW,
    KAD_CANDIDATE_ASKED,
    KAD_CANDIDATE_LATE,
    KAD_CANDIDATE_ANSWERED,
    KAD_CANDIDATE_FAILED,
    KAD_CANDIDATE_TAKEN, /* another path asked it (core/paths.h): it does not exist for this one */
};

#define KAD_LOOKUP_INTRODUCERS 3
#define KAD_LOOKUP_OWN         UINT8_MAX

struct kad_candidate {
    uint64_t near; /* first 64 bits of the distance */
    kad_contact_ref contact;
    /* The own contacts through which it was named first, when that matters (per_introducer); none: it is one itself. */
    kad_contact_ref introducers[KAD_LOOKUP_INTRODUCERS];
    uint8_t state;       /* enum kad_candidate_state */
    uint8_t hop;         /* 1: from our own table; else its introducer's + 1 */
    uint16_t group_mark; /* hash of the address group, 0: not limited */
    uint8_t n_asked;
    uint8_t n_named;   /* answers that named it; KAD_LOOKUP_OWN: it is from our own table */
    uint8_t n_pending; /* of those queries, neither answered nor failed */
    uint8_t rank;      /* as it was when it came */
    kad_ms late_at;
};

enum kad_beyond_state { KAD_BEYOND_ASKED, KAD_BEYOND_LATE, KAD_BEYOND_OVER };

/* Somebody was asked about a region: the nodes whose distance to the target begins with bit `bit` of 64. */
struct kad_lookup_beyond {
    kad_contact_ref contact; /* one of the candidates, which retains it */
    uint8_t bit;
    uint8_t state; /* enum kad_beyond_state */
    kad_ms late_at;
};

enum kad_lookup_verdict { KAD_LOOKUP_ASK, KAD_LOOKUP_WAIT, KAD_LOOKUP_DONE };

struct kad_lookup_step {
    enum kad_lookup_verdict verdict;
    kad_contact_ref ask; /* valid with ASK */
    uint8_t hop;
    bool again;  /* it was asked before */
    bool beyond; /* whom it knows near `target` is what is wanted of it, nothing else */
    struct kad_id target;
    kad_ms wake_at; /* valid with WAIT */
};

struct kad_claims; /* core/paths.h */

struct kad_lookup {
    const struct kad_allocator *allocator;
    struct kad_book *book;
    struct kad_id target;
    struct kad_lookup_config config;
    struct kad_claims *claims;        /* who was asked by paths of the same lookup; NULL: there is one path */
    struct kad_candidate *candidates; /* sorted; KAD_LOOKUP_CANDIDATES at most */
    struct kad_lookup_beyond *beyond; /* KAD_LOOKUP_BEYOND of them once there is one */
    uint16_t n_candidates, room, n_beyond;
    uint16_t n_asked, n_answered, n_failed, n_late; /* ever; a late one that answers counts in both */
    uint8_t reason;                                 /* enum kad_reason (kad/engine.h); NONE until the end */
    uint8_t deepest_hop;                            /* of those that answered; 0: none has */
};

void kad_lookup_init(struct kad_lookup *lookup, const struct kad_allocator *allocator, struct kad_book *book,
                     const struct kad_id *target, const struct kad_lookup_config *config);
void kad_lookup_clear(struct kad_lookup *lookup); /* releases its contacts, frees its memory */

/* From our own table. Retains `contact`. False: known already, over a limit, too far for a full list, or no memory. */
bool kad_lookup_add(struct kad_lookup *lookup, kad_contact_ref contact);
/* The same for one that somebody named who is no candidate: one of the other family, or whom we join through. */
bool kad_lookup_add_named(struct kad_lookup *lookup, kad_contact_ref contact);
/* One that answered in an earlier lookup: it was named, and it was there, so it may be asked again as if two had named it. Through
 * these candidates it had been named (at most KAD_LOOKUP_INTRODUCERS); none: it was an own contact. */
bool kad_lookup_add_seed(struct kad_lookup *lookup, kad_contact_ref contact,
                         const kad_contact_ref *introducers, size_t n_introducers);
/* Is somebody of this address group a candidate that has answered, now or ever? True, too, where groups are not limited. */
bool kad_lookup_group_known(const struct kad_lookup *lookup, const struct kad_endpoint *endpoint);
struct kad_lookup_step kad_lookup_next(struct kad_lookup *lookup, kad_ms now);
/* `from` answered, naming `closer` (retained as needed). An answer nobody asked for is ignored: false. */
bool kad_lookup_reply(struct kad_lookup *lookup, kad_contact_ref from, const kad_contact_ref *closer,
                      size_t n_closer);
/* One query to `from` came to nothing. While another is unanswered, that one counts. */
bool kad_lookup_fail(struct kad_lookup *lookup, kad_contact_ref from);
/* The same for an ASK that was about a region beyond. */
bool kad_lookup_beyond_reply(struct kad_lookup *lookup, kad_contact_ref from, const kad_contact_ref *closer,
                             size_t n_closer);
bool kad_lookup_beyond_fail(struct kad_lookup *lookup, kad_contact_ref from);
/* It goes on though it had ended: `width` is larger, or more contacts will be added. Not after kad_lookup_stop(). */
void kad_lookup_resume(struct kad_lookup *lookup, unsigned width);
/* Ends it now, for this reason; without effect when it has ended. */
void kad_lookup_stop(struct kad_lookup *lookup, enum kad_reason reason);

/* The closest that answered, nearest first, each id once, `n` at most. At any time. Not retained. */
size_t kad_lookup_closest(const struct kad_lookup *lookup, size_t n, kad_contact_ref *out_contacts);
const struct kad_candidate *kad_lookup_candidate(const struct kad_lookup *lookup, kad_contact_ref contact);

#endif
