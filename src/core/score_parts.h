/*
 * score_parts - what the files of the scores share.
 *
 *     score.c          who is remembered, and who gives way
 *     score_deeds.c    what somebody did, and what the operator says
 *     score_points.c   what follows from it: points, states
 *     score_rows.c     shown, and remembered over a restart
 *     score_walk.c     written down, read back; what always holds
 *
 * Nobody else includes this.
 */
#ifndef KAD_CORE_SCORE_PARTS_H
#define KAD_CORE_SCORE_PARTS_H

#include "base/index.h"
#include "core/score.h"

#define KAD_SCORE_NONE UINT32_MAX

#define KAD_SCORE_ONE        1024u                 /* seen once; fading needs the bits behind the point */
#define KAD_SCORE_SEEN_MOST  (64 * KAD_SCORE_ONE)  /* more of anything says nothing new */
#define KAD_SCORE_HELD_MOST  (200 * KAD_SCORE_ONE) /* against somebody */
#define KAD_SCORE_GRAY       (40 * KAD_SCORE_ONE)
#define KAD_SCORE_BANNED     (80 * KAD_SCORE_ONE)
#define KAD_SCORE_TOO_SILENT 3 /* times in a row: whatever it was up for ends here */

enum kad_score_about { KAD_SCORE_IDENTITY, KAD_SCORE_ADDRESS, KAD_SCORE_GROUP, KAD_SCORE_N_ABOUT };

struct kad_score_entry {
    struct kad_id id;             /* KAD_SCORE_IDENTITY */
    struct kad_endpoint endpoint; /* where it was last; the others: what they are about */
    kad_ms first_at, heard_at;    /* 0: not yet, or not any more */
    kad_ms faded_at;
    kad_ms banned_until, banned_for;
    uint32_t answers, silences, refusals, held; /* KAD_SCORE_ONE each, fading; held: against it */
    uint32_t bytes, waited_ms;                  /* throughput: fading, too */
    uint32_t newer, older;
    int32_t rtt_8; /* smoothed, times 8; negative: unknown */
    uint8_t about, silent_in_a_row;
    uint8_t role; /* enum kad_role: as it says */
    bool by_operator;
};

struct kad_scores {
    struct kad_score_config config;
    struct kad_index index;
    struct kad_score_entry *entries;
    uint32_t n, room;
    uint32_t newest, oldest;
    kad_ms doubts_until; /* by then nothing is held against anybody any more */
};

/* `entry` as it stands now. */
struct kad_score_entry kad_score_as_of(const struct kad_scores *scores, const struct kad_score_entry *entry,
                                       kad_ms now);
/* All of one host, as far as that can be told: of IPv6 it has a /64. */
struct kad_endpoint kad_score_host(const struct kad_endpoint *endpoint);
/* Its /24; of IPv6 its /48. */
struct kad_endpoint kad_score_group(const struct kad_endpoint *endpoint);
/* `endpoint` as kad_score_host() or _group() made it, where it is what the entry is about. KAD_SCORE_NONE; NULL: not there. */
uint32_t kad_score_find(const struct kad_scores *scores, enum kad_score_about about, const struct kad_id *id,
                        const struct kad_endpoint *endpoint);
const struct kad_score_entry *kad_score_entry(const struct kad_scores *scores, enum kad_score_about about,
                                              const struct kad_id *id, const struct kad_endpoint *endpoint);
/* A place for this one, with nothing known. NULL: no memory, or nobody may give way. */
struct kad_score_entry *kad_score_add(struct kad_scores *scores, enum kad_score_about about,
                                      const struct kad_id *id, const struct kad_endpoint *endpoint,
                                      kad_ms now);
/* Found or made; the most recently noted from now on, and faded to now. */
struct kad_score_entry *kad_score_noted(struct kad_scores *scores, enum kad_score_about about,
                                        const struct kad_id *id, const struct kad_endpoint *endpoint,
                                        kad_ms now);
/* Something was held against this one, or it was banned. */
void kad_score_doubt(struct kad_scores *scores, const struct kad_score_entry *entry);
enum kad_peer_state kad_score_state_of(const struct kad_scores *scores, const struct kad_score_entry *entry,
                                       kad_ms now);

#endif
