/*
 * score - what this node has seen of each identity, and what follows from it.
 *
 *     score   0 .. 100; 50: nothing is known
 *             up     answers (fading), time it has been there as we saw it, latency, throughput of what verified
 *             down   silences and refusals (fading), and broken rules (fading, four times as heavy for its address group together)
 *     state   fine -> gray   broke rules: no place for it while there are others, asked last, first to leave
 *                  -> banned nothing of it is taken, nothing is sent to it; for a time that doubles with each ban
 *                  -> fine   the time is over, or the operator pardons
 *
 * Nothing that a peer says about itself, or of others, moves a score: only what it did towards us, under an identity that
 * its session proved. Two numbers are told apart. The score is for choosing among equals whom to ask. What somebody
 * is kept for (kad_score_kept) leaves out latency and throughput: those are cheap for whoever has a
 * good line, so a place in a table must not be won with them.
 *
 * Silence alone never makes anybody gray: whoever can cut a line could then have others thrown out. Nor does a broken rule count
 * against an address that nobody has proved to receive at.
 *
 * At most `ceiling` are remembered; the least recently noted gives way, bans that hold last, those of the operator never. Time is a
 * number; fading is by whole 64ths of the half-life, so that it is the same on every machine.
 */
#ifndef KAD_CORE_SCORE_H
#define KAD_CORE_SCORE_H

#include "base/alloc.h"
#include "kad/engine.h"

#define KAD_SCORE_UNKNOWN 50
#define KAD_SCORE_MOST    100

struct kad_scores;
struct kad_walk;

struct kad_score_config {
    const struct kad_allocator *allocator;
    uint32_t ceiling;    /* 16 .. 65536 */
    kad_ms half_life_ms; /* what was seen counts half after this */
    kad_ms ban_ms;       /* the first ban; doubled each time, up to a week */
    uint64_t hash_key;
};

/* What somebody did. */
enum kad_deed {
    KAD_DEED_ANSWERED, /* a query of ours, well */
    KAD_DEED_REFUSED,  /* alive, and did not do what we asked */
    KAD_DEED_SILENT,   /* did not answer */
    KAD_DEED_BROKE, /* sent what no honest node sends: a message without a form, an answer without a sender */
    KAD_DEED_FORGED, /* a record or receipt whose signature is none, an answer that contradicts itself */
};

/* NULL when memory is refused. `config` is copied. */
struct kad_scores *kad_scores_new(const struct kad_score_config *config);
void kad_scores_free(struct kad_scores *scores); /* NULL is fine */
void kad_scores_configure(struct kad_scores *scores, kad_ms half_life_ms, kad_ms ban_ms);

/* `rtt_ms`: of an answer; negative: unknown. `bytes`: of values in it that verified. `endpoint`: where it proved to be; NULL: not
 * proved, and its address group is not held to account. Returns true when this made it banned. */
bool kad_score_note(struct kad_scores *scores, const struct kad_id *id, const struct kad_endpoint *endpoint,
                    enum kad_deed deed, int rtt_ms, size_t bytes, kad_ms now);

/* 0 .. 100. `scores` NULL: KAD_SCORE_UNKNOWN. */
unsigned kad_score_of(const struct kad_scores *scores, const struct kad_id *id,
                      const struct kad_endpoint *endpoint, kad_ms now);
/* What it says it is, told by itself: no part of its score. Only of those who are remembered. */
void kad_score_say(struct kad_scores *scores, const struct kad_id *id, enum kad_role role);
enum kad_role kad_score_role(const struct kad_scores *scores, const struct kad_id *id);
/* The same without what a good line alone makes. */
unsigned kad_score_kept(const struct kad_scores *scores, const struct kad_id *id,
                        const struct kad_endpoint *endpoint, kad_ms now);
/* May anybody's score be below what is held against nobody's? In constant time; false most of a network's life. */
bool kad_score_doubts(const struct kad_scores *scores, kad_ms now);
/* The worst of what holds for the identity and for its address. NULL scores: fine. Either may be NULL. */
enum kad_peer_state kad_score_state(const struct kad_scores *scores, const struct kad_id *id,
                                    const struct kad_endpoint *endpoint, kad_ms now);

/* By the operator: an identity, or (`id` NULL) an address, all its ports; of IPv6 its /64. KAD_NEVER: until pardoned. 0,
 * KAD_E_MEMORY, KAD_E_LIMIT (all places are the operator's bans). */
KAD_CHECK int kad_score_ban(struct kad_scores *scores, const struct kad_id *id,
                            const struct kad_endpoint *endpoint, kad_ms for_ms, kad_ms now);
/* Ends a ban and forgets all that was held against it. False: nothing was. */
bool kad_score_pardon(struct kad_scores *scores, const struct kad_id *id, const struct kad_endpoint *endpoint,
                      kad_ms now);

/* Rows, newest noted first. Returns how many there are; writes at most `room`. */
size_t kad_score_rows(const struct kad_scores *scores, struct kad_peer_row *out_rows, size_t room,
                      kad_ms now);
/* A row from before a restart, oldest first; ignored if it says what cannot be. 0, KAD_E_INVALID, KAD_E_LIMIT, KAD_E_MEMORY. */
KAD_CHECK int kad_score_remember(struct kad_scores *scores, const struct kad_peer_row *row, kad_ms now);

size_t kad_score_memory(const struct kad_scores *scores); /* bytes held */
void kad_score_walk(struct kad_walk *walk, struct kad_scores *scores);
bool kad_score_sound(const struct kad_scores *scores, const char **out_why);

#endif
