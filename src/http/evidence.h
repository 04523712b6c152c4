/*
 * evidence - what a node remembers so that it can be asked why something went wrong: kad doctor, kad get --explain.
 *
 * Beside what counters say: which warnings there were and when, how large the network was at most in each of the last
 * hours, how far the wall clock has moved against the node's own, and a memo of values that were held or put here, so
 * that "it has expired, at this instant" can be told from "never seen". Of fixed size; what is oldest in its set of four is
 * forgotten first. Mainline has no notion of who published a value, so neither has the memo.
 */
#ifndef KAD_HTTP_EVIDENCE_H
#define KAD_HTTP_EVIDENCE_H

#include <jansson.h>

#include "kad/node.h"

#define KAD_EVIDENCE_SETS  256
#define KAD_EVIDENCE_WAYS  4
#define KAD_EVIDENCE_HOURS 24

/* What is known of one value. Instants are the node's; 0: never. */
struct kad_evidence_memo {
    struct kad_id key;
    kad_ms held_at, expires_at; /* last taken in here, and until when it is, or was, served */
    kad_ms put_at;              /* last put from here by a request */
    kad_ms seen_at;             /* last found by a get from here */
    int64_t sequence;           /* the highest met; -1: none, it is immutable */
    uint32_t n_copies;          /* nodes that took it then */
    kad_ms used_at;             /* 0: empty */
};

struct kad_evidence_peak {
    int64_t hour; /* since the epoch */
    double size;
};

struct kad_evidence {
    struct {
        uint64_t n;
        kad_ms last_at;
    } warnings[KAD_N_WARNINGS];
    struct kad_evidence_peak peaks[2][KAD_EVIDENCE_HOURS]; /* IPv4, IPv6 */
    struct kad_evidence_memo memos[KAD_EVIDENCE_SETS][KAD_EVIDENCE_WAYS];
};

void kad_evidence_event(struct kad_evidence *evidence, struct kad_node *node, const struct kad_event *event);
/* Of a request; all but DONE is ignored. `evidence` may be NULL. */
void kad_evidence_done(struct kad_evidence *evidence, struct kad_node *node, const struct kad_event *event);
/* Each second. */
void kad_evidence_second(struct kad_evidence *evidence, struct kad_node *node);

/* As docs/api.md describes it. */
json_t *kad_evidence_json(const struct kad_evidence *evidence, struct kad_node *node);
json_t *kad_evidence_of(const struct kad_evidence *evidence, struct kad_node *node, const struct kad_id *key);

/* The memo of a key, made if need be at the expense of the one unused the longest among those it shares a set with. */
struct kad_evidence_memo *kad_evidence_memo(struct kad_evidence *evidence, const struct kad_id *key,
                                            kad_ms now);
/* The largest size of the last day, 0 if none is known. */
double kad_evidence_peak(const struct kad_evidence *evidence, unsigned family, kad_ms now);
void kad_evidence_size(struct kad_evidence *evidence, unsigned family, double size, kad_ms now);

#endif
