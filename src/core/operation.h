/*
 * operation - one request under way: a lookup in each family, then, for announces and puts, the storing at the closest.
 *
 *     LOOKUP    lookups run; answers bring contacts, tokens, peers, records, samples
 *     STORING   the closest that gave a token are asked to store
 *     SINGLE    one node was asked, no lookup
 *     GATHERING holders are asked for what they have besides (gather.h)
 *     ENDED     the result is there
 *
 * Requests of the host end in dht->finished until their DONE event is taken; those of the node itself (joining, refreshing,
 * publishing again) report to whoever began them and are gone.
 */
#ifndef KAD_CORE_OPERATION_H
#define KAD_CORE_OPERATION_H

#include "core/dht.h"
#include "core/paths.h"

enum kad_operation_owner {
    KAD_OWNER_HOST,
    KAD_OWNER_JOIN,
    KAD_OWNER_REFRESH,
    KAD_OWNER_PUBLISH,
    KAD_OWNER_RECORDS,
    KAD_OWNER_COVER, /* nobody: it is to look like the host's */
    KAD_OWNER_REST   /* of a put that the host was told is done: the last of its holders */
};
enum kad_operation_phase {
    KAD_PHASE_LOOKUP,
    KAD_PHASE_STORING,
    KAD_PHASE_SINGLE,
    KAD_PHASE_GATHERING,
    KAD_PHASE_ENDED
};

#define KAD_OPERATION_TOKEN_MAX     40  /* longest token kept; the longest seen in the field is 20 */
#define KAD_OPERATION_TOKENS        48  /* answers whose tokens are kept */
#define KAD_OPERATION_TOKENS_REGION 128 /* the same where puts go to a whole region */
#define KAD_OPERATION_STORING       112
#define KAD_OPERATION_EARLY         32
#define KAD_OPERATION_PEERS         2048
#define KAD_OPERATION_SAMPLES       4096

struct kad_operation_token {
    kad_contact_ref contact; /* retained */
    uint8_t size;
    uint8_t bytes[KAD_OPERATION_TOKEN_MAX];
};

struct kad_bundle;

struct kad_operation_blooms {
    uint8_t seeds[KAD_BLOOM_SIZE], peers[KAD_BLOOM_SIZE];
};

struct kad_operation {
    struct kad_operation *next, *previous;
    uint64_t id;
    struct kad_request request; /* its record borrows from `put_bytes` */
    uint8_t *put_bytes;
    size_t n_put_bytes;
    kad_ms started_at, deadline_at, wake_at, first_at;
    kad_ms ask_at; /* with settings.jitter_ms: the next query goes out then; 0: not drawn yet */
    struct kad_paths paths[KAD_FAMILIES];
    bool families[KAD_FAMILIES]; /* paths in use */
    bool stored_own;             /* one of n_stored is our own store */
    bool looked_at_own;          /* our own store was asked first */
    bool only;                   /* those it began with are asked, and nobody they name */
    bool looked_further;         /* nothing was found among the nearest: others were asked */
    uint8_t owner, phase, reason;
    uint8_t hops, hops_to_first;
    uint16_t n_in_flight, n_bootstraps; /* of which bootstrap queries */
    uint32_t n_queries, n_answers, n_timeouts;

    struct kad_operation_token *tokens;
    kad_contact_ref storing[KAD_OPERATION_STORING];
    uint8_t n_storing, next_storing;
    uint16_t n_tokens, room_tokens;
    uint32_t n_stored, n_refused;
    enum kad_refusal refusal;
    kad_contact_ref early[KAD_OPERATION_EARLY]; /* asked to store while the lookups went on; retained */
    uint32_t taken;                             /* which of them did, a bit each */
    uint8_t n_early;

    struct kad_record best; /* borrows from best_bytes; type KAD_RECORD_NONE: none yet */
    uint8_t *best_bytes;
    size_t n_best_bytes;
    uint32_t n_copies;

    struct kad_endpoint *peers;
    uint32_t n_peers, room_peers;
    struct kad_id *samples;
    uint32_t n_samples, room_samples;
    struct kad_operation_blooms *blooms;
    struct kad_bundle *bundle;     /* what it publishes besides; NULL: nothing */
    struct kad_gathered *gathered; /* networks with classes of records; `best` borrows from it then */

    struct kad_contact answerer; /* of a single node asked: who it turned out to be */
    char version[5];             /* and its program (BEP 5 "v") */
    struct kad_confidence confidence;
    struct kad_found *found; /* made when it ends */
    uint32_t n_found;
    int error;
};

/* Begins; nothing is sent before the next tick. KAD_OWNER_HOST counts against max_requests. */
KAD_CHECK int kad_operation_begin(struct kad_dht *dht, const struct kad_request *request,
                                  enum kad_operation_owner owner, kad_ms now,
                                  struct kad_operation **out_operation);
/* A put of the node's own at these alone: with their tokens if they are known, else after asking each for one. */
KAD_CHECK int kad_operation_begin_at(struct kad_dht *dht, const struct kad_request *request,
                                     const kad_contact_ref *contacts, size_t n, kad_ms now,
                                     struct kad_operation **out_operation);
/* How far from a key a publisher's puts go, as the first 64 bits of a distance; 0: to the nearest, however far they are. */
uint64_t kad_operation_radius(const struct kad_dht *dht, int family);
/* How far from a key the k nearest nodes are likely to be, by the size of the network; 0: it is not known, or too small. */
uint64_t kad_operation_nearby(const struct kad_dht *dht, int family);
/* How gladly it asks this one (kad_lookup_config.rank); `context` is the dht. */
uint8_t kad_operation_rank(const void *context, kad_contact_ref contact);
/* A lookup has converged, and `kth` is the k-th nearest. */
void kad_operation_learn_size(struct kad_dht *dht, const struct kad_operation *operation, int family,
                              const struct kad_id *kth);
/* Sends what it may, ends when it is over. The operation may be gone afterwards. */
void kad_operation_advance(struct kad_dht *dht, struct kad_operation *operation, kad_ms now,
                           struct kad_outbox *out);
void kad_operation_end(struct kad_dht *dht, struct kad_operation *operation, enum kad_reason reason,
                       kad_ms now);
/* This family's lookup begins again, with nobody. */
void kad_operation_restart(struct kad_dht *dht, struct kad_operation *operation, int family);
void kad_operation_free(struct kad_dht *dht, struct kad_operation *operation);
void kad_operations_tick(struct kad_dht *dht, kad_ms now, struct kad_outbox *out);
bool kad_operation_cancel(struct kad_dht *dht, uint64_t id, kad_ms now);
bool kad_operation_event(struct kad_dht *dht, struct kad_event *out_event); /* the next DONE */

/* What came of a query of this operation's. `contacts` are acceptable, retained by the caller. */
/* False: it broke the rules. */
bool kad_operation_answered(struct kad_dht *dht, struct kad_operation *operation,
                            const struct kad_query *query, const struct kad_message *answer,
                            const kad_contact_ref *contacts, size_t n_contacts, kad_ms now,
                            struct kad_outbox *out);
/* No answer, an error (`error` not NULL), or it could not be sent. */
void kad_operation_failed(struct kad_dht *dht, struct kad_operation *operation, const struct kad_query *query,
                          const struct kad_message *error, kad_ms now, struct kad_outbox *out);

/* harvest.c: takes peers, records, tokens, samples out of an answer. True when the operation has what it wanted. */
bool kad_operation_harvest(struct kad_dht *dht, struct kad_operation *operation,
                           const struct kad_query *query, const struct kad_message *answer, kad_ms now,
                           bool *out_broke_rules);
/* BEP 33 estimates; blooms must be there. */
void kad_operation_scrape(const struct kad_operation *operation, double *out_seeds, double *out_peers);
/* What we hold ourselves. True when that is enough. */
bool kad_operation_harvest_own(struct kad_dht *dht, struct kad_operation *operation, kad_ms now);
/* Puts a copy into our own store when we are among the closest. */
void kad_operation_store_own(struct kad_dht *dht, struct kad_operation *operation, kad_ms now);

#endif
