#include "node/relay_pick.h"

#include <string.h>

#define SHUN_LEAST (30 * KAD_SECOND)
#define SHUN_MOST  (30 * KAD_MINUTE)
#define SILENCES   5
#define ENOUGH     32768 /* bytes a second that a client can do with */

int64_t kad_relay_pick_cost(const struct kad_relay_candidate *candidate)
{
    const uint32_t clients = (uint32_t)candidate->n_places - candidate->n_free + 1;
    const int64_t share = candidate->told ? candidate->bytes_per_s / (clients ? clients : 1) + 1 : ENOUGH,
                  way = candidate->rtt_ms + 5; /* a millisecond more or less is chance */

    if (candidate->rtt_ms < 0)
        return INT64_MAX;
    return share < ENOUGH ? way * ENOUGH / share : way;
}

struct kad_relay_candidate *kad_relay_pick_find(struct kad_relay_pick *pick, const uint8_t key[32])
{
    for (unsigned i = 0; i < pick->n; i++) {
        if (memcmp(pick->list[i].key, key, 32) == 0)
            return &pick->list[i];
    }
    return NULL;
}

static bool is_worse(const struct kad_relay_candidate *a, const struct kad_relay_candidate *b)
{
    if (a->shunned_for != b->shunned_for)
        return a->shunned_for > b->shunned_for;
    return kad_relay_pick_cost(a) > kad_relay_pick_cost(b);
}

/* Whom nothing is known of yet is not given up for somebody else of whom nothing is known. */
static struct kad_relay_candidate *room(struct kad_relay_pick *pick)
{
    struct kad_relay_candidate *worst = &pick->list[0];

    if (pick->n < KAD_RELAY_PICK_MAX)
        return &pick->list[pick->n++];
    for (unsigned i = 1; i < pick->n; i++) {
        if (is_worse(&pick->list[i], worst))
            worst = &pick->list[i];
    }
    return worst->shunned_for || worst->rtt_ms >= 0 ? worst : NULL;
}

struct kad_relay_candidate *kad_relay_pick_add(struct kad_relay_pick *pick,
                                               const struct kad_endpoint *endpoint, const uint8_t key[32])
{
    struct kad_relay_candidate *candidate = kad_relay_pick_find(pick, key);

    if (candidate) {
        candidate->endpoint = *endpoint;
        return candidate;
    }
    candidate = room(pick);
    if (!candidate)
        return NULL;
    *candidate = (struct kad_relay_candidate){.endpoint = *endpoint, .rtt_ms = -1};
    memcpy(candidate->key, key, 32);
    return candidate;
}

void kad_relay_pick_asked(struct kad_relay_candidate *candidate, uint32_t nonce, kad_ms now)
{
    candidate->nonce = nonce;
    candidate->asked_at = now;
    candidate->waiting = true;
}

bool kad_relay_pick_told(struct kad_relay_candidate *candidate, const struct kad_relay_place *place,
                         kad_ms now)
{
    if (!candidate->waiting || candidate->nonce != place->nonce)
        return false;
    candidate->waiting = false;
    candidate->n_silent = 0;
    candidate->answered_at = now;
    candidate->rtt_ms = (int32_t)(now - candidate->asked_at);
    candidate->told = true;
    candidate->bytes_per_s = place->bytes_per_s;
    candidate->n_free = place->n_free < place->n_places ? place->n_free : place->n_places;
    candidate->n_places = place->n_places;
    return true;
}

void kad_relay_pick_failed(struct kad_relay_candidate *candidate, kad_ms now)
{
    const kad_ms next = candidate->shunned_for ? 2 * candidate->shunned_for : SHUN_LEAST;

    candidate->waiting = false;
    candidate->shunned_for = next < SHUN_MOST ? next : SHUN_MOST;
    candidate->shunned_until = now + candidate->shunned_for;
}

void kad_relay_pick_silent(struct kad_relay_candidate *candidate, kad_ms now)
{
    candidate->waiting = false;
    if (++candidate->n_silent < SILENCES)
        return;
    candidate->n_silent = 0;
    kad_relay_pick_failed(candidate, now);
}

void kad_relay_pick_served(struct kad_relay_candidate *candidate)
{
    candidate->shunned_for = 0;
    candidate->shunned_until = 0;
}

struct kad_relay_candidate *kad_relay_pick_best(struct kad_relay_pick *pick, kad_ms now)
{
    struct kad_relay_candidate *best = NULL;

    for (unsigned i = 0; i < pick->n; i++) {
        struct kad_relay_candidate *candidate = &pick->list[i];

        if (!candidate->told || candidate->n_free == 0 || now < candidate->shunned_until)
            continue;
        if (!best || kad_relay_pick_cost(candidate) < kad_relay_pick_cost(best))
            best = candidate;
    }
    return best;
}
