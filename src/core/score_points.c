/* score_points - what follows from what somebody did: points and states; see score_parts.h. */
#include "core/score_parts.h"

static unsigned log2_of(uint64_t value)
{
    unsigned log = 0;

    while (value >>= 1)
        log++;
    return log;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static unsigned for_latency(const struct kad_score_entry *entry)
{
    static const int32_t bounds[] = {50, 100, 200, 400, 800};

    for (unsigned i = 0; entry->rtt_8 >= 0 && i < KAD_COUNT_OF(bounds); i++) {
        if (entry->rtt_8 / 8 <= bounds[i])
            return 10 - 2 * i;
    }
    return 0;
}

static unsigned for_throughput(const struct kad_score_entry *entry)
{
    if (!entry->waited_ms)
        return 0;
    return least(5, log2_of(1 + (uint64_t)entry->bytes * 1000 / entry->waited_ms / 1024));
}

/* Minutes between the first and the last answer, silences between them few. */
static unsigned for_uptime(const struct kad_score_entry *entry)
{
    if (!entry->first_at)
        return 0;
    return least(15, log2_of(1 + (uint64_t)(entry->heard_at - entry->first_at) / KAD_MINUTE) * 3 / 2);
}

/* In points of the score, never below 0 in the end. */
static unsigned total(int points)
{
    return points < 0 ? 0 : points > KAD_SCORE_MOST ? KAD_SCORE_MOST : (unsigned)points;
}

static unsigned rate(const struct kad_scores *scores, const struct kad_id *id,
                     const struct kad_endpoint *endpoint, bool with_line, kad_ms now)
{
    const struct kad_score_entry *entry;
    int points = KAD_SCORE_UNKNOWN;

    if (!scores)
        return KAD_SCORE_UNKNOWN;
    entry = kad_score_entry(scores, KAD_SCORE_IDENTITY, id, NULL);
    if (entry) {
        const struct kad_score_entry e = kad_score_as_of(scores, entry, now);

        if (e.banned_until > now)
            return 0;
        points += (int)least(20, e.answers / KAD_SCORE_ONE) + (int)for_uptime(&e);
        if (with_line)
            points += (int)for_latency(&e) + (int)for_throughput(&e);
        points -= (int)least(15, 2 * (e.silences / KAD_SCORE_ONE)) +
                  (int)least(5, e.refusals / KAD_SCORE_ONE) + (int)(e.held / KAD_SCORE_ONE);
    }
    if (endpoint) {
        const struct kad_endpoint group = kad_score_group(endpoint);

        entry = kad_score_entry(scores, KAD_SCORE_GROUP, NULL, &group);
        if (entry)
            points -= (int)least(10, kad_score_as_of(scores, entry, now).held / KAD_SCORE_ONE);
    }
    return total(points);
}

unsigned kad_score_of(const struct kad_scores *scores, const struct kad_id *id,
                      const struct kad_endpoint *endpoint, kad_ms now)
{
    return rate(scores, id, endpoint, true, now);
}

unsigned kad_score_kept(const struct kad_scores *scores, const struct kad_id *id,
                        const struct kad_endpoint *endpoint, kad_ms now)
{
    return rate(scores, id, endpoint, false, now);
}

enum kad_peer_state kad_score_state_of(const struct kad_scores *scores, const struct kad_score_entry *entry,
                                       kad_ms now)
{
    if (entry->banned_until > now)
        return KAD_PEER_BANNED;
    return entry->about == KAD_SCORE_IDENTITY && kad_score_as_of(scores, entry, now).held >= KAD_SCORE_GRAY
               ? KAD_PEER_GRAY
               : KAD_PEER_FINE;
}

enum kad_peer_state kad_score_state(const struct kad_scores *scores, const struct kad_id *id,
                                    const struct kad_endpoint *endpoint, kad_ms now)
{
    enum kad_peer_state state = KAD_PEER_FINE;
    const struct kad_score_entry *entry = NULL;

    if (!scores || !scores->n)
        return KAD_PEER_FINE;
    if (endpoint) {
        const struct kad_endpoint host = kad_score_host(endpoint);

        entry = kad_score_entry(scores, KAD_SCORE_ADDRESS, NULL, &host);
        if (entry && entry->banned_until > now)
            return KAD_PEER_BANNED;
    }
    if (id)
        entry = kad_score_entry(scores, KAD_SCORE_IDENTITY, id, NULL);
    if (id && entry)
        state = kad_score_state_of(scores, entry, now);
    return state;
}

enum kad_role kad_score_role(const struct kad_scores *scores, const struct kad_id *id)
{
    const struct kad_score_entry *entry =
        scores ? kad_score_entry(scores, KAD_SCORE_IDENTITY, id, NULL) : NULL;

    return entry ? (enum kad_role)entry->role : KAD_ROLE_REGULAR;
}
