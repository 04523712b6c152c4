/*
 * follow - who looks for an identity that is another one now gets that one (node/moved.h, P012).
 *
 * A get of `peer:` that brings a move goes on to the `peer:` name of the new identity; a find of a node that is not there looks
 * for its `peer:` record, and goes on to where that says it went. Both signatures of each move are checked, no identity is come to
 * twice, and after KAD_MOVED_HOPS moves it ends.
 */
#ifndef KAD_HTTP_FOLLOW_H
#define KAD_HTTP_FOLLOW_H

#include "http/api.h"
#include "http/params.h"
#include "node/moved.h"

/* Of one request. All zero to begin with; kad_follow_clear() at the end. */
struct kad_follow {
    struct kad_trail trail;
    json_t *moves;                /* followed: [{from, to, at}]; NULL: none */
    bool found;                   /* a node is looked for, and its record stands in for it just now */
    struct kad_secure_name name;  /* of that record */
    struct kad_api_answer answer; /* to the find, if there is nothing to follow */
};

/* Is there more to ask because of this DONE? True: `request` and `params` say what; `json` (the answer to it so far) was taken
 * over. Else the answer is `json`. */
bool kad_follow_on(struct kad_follow *follow, const struct kad_event *event, struct kad_params *params,
                   struct kad_request *request, struct kad_api_answer answer);
/* Says in an answer's object what was followed; and gives back the find's answer in place of its record's. */
void kad_follow_end(struct kad_follow *follow, struct kad_api_answer *answer);
void kad_follow_clear(struct kad_follow *follow);

#endif
