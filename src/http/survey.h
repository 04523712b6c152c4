/*
 * survey - what the node holds for others: counts, and the first of each list.
 *
 * A large store is not looked through in one go: each step looks at a bounded number of places, and whoever asks is told
 * of the last survey that came to its end. A small store is surveyed anew whenever somebody asks. Steps are only made for
 * a while after somebody asked.
 */
#ifndef KAD_HTTP_SURVEY_H
#define KAD_HTTP_SURVEY_H

#include <jansson.h>

#include "kad/node.h"

#define KAD_SURVEY_TOP    32         /* of each list */
#define KAD_SURVEY_STEP   4096       /* places looked at in one go */
#define KAD_SURVEY_WANTED KAD_MINUTE /* after somebody asked */

struct kad_survey_value {
    struct kad_id key;
    uint8_t type; /* enum kad_record_type */
    uint32_t size;
    int64_t sequence;
    kad_ms expires_at;
};

struct kad_survey_key {
    struct kad_id key;
    uint32_t n_peers;
};

struct kad_survey_result {
    kad_ms at;                      /* when it ended; 0: there is none yet */
    uint64_t n_values[2], bytes[2]; /* immutable, mutable */
    uint64_t n_keys, n_peers;
    struct kad_survey_value newest[KAD_SURVEY_TOP]; /* by expiry, latest first */
    struct kad_survey_key largest[KAD_SURVEY_TOP];  /* by peers */
    unsigned n_newest, n_largest;
};

struct kad_survey {
    struct kad_survey_result done, running;
    uint64_t next; /* place; 0: the next step begins anew */
    kad_ms asked_at;
    bool begun;
};

/* One step, if somebody asked lately. */
void kad_survey_step(struct kad_survey *survey, struct kad_node *node);
/* The newest survey as docs/api.md describes it. */
json_t *kad_survey_json(struct kad_survey *survey, struct kad_node *node);

/* What a step does with what it sees. */
void kad_survey_add_record(struct kad_survey_result *result, const struct kad_record *record);
void kad_survey_add_key(struct kad_survey_result *result, const struct kad_id *key, uint32_t n_peers);

#endif
