/* score_deeds - what somebody did, and what the operator says: see score_parts.h. */
#include "core/score_parts.h"

#include <assert.h>

#include "base/endpoint.h"

#define GROUP    4 /* an address group is held to account for its nodes together */
#define BAN_MOST (7 * 24 * KAD_HOUR)

static uint32_t more(uint32_t value, uint64_t by, uint32_t most)
{
    return value + by < most ? (uint32_t)(value + by) : most;
}

static void ban(struct kad_scores *scores, struct kad_score_entry *entry, kad_ms now)
{
    const bool soon_again = now - entry->banned_until < 4 * entry->banned_for;
    kad_ms wanted = scores->config.ban_ms;

    if (entry->banned_for && soon_again)
        wanted = kad_ms_min(2 * entry->banned_for, kad_ms_max(BAN_MOST, scores->config.ban_ms));
    entry->banned_for = wanted;
    entry->banned_until = now + wanted;
    entry->held = KAD_SCORE_GRAY; /* when it is over it begins where others would be suspected */
}

static void hold_against(struct kad_scores *scores, struct kad_score_entry *entry, uint32_t points,
                         kad_ms now)
{
    entry->held = more(entry->held, points, KAD_SCORE_HELD_MOST);
    if (entry->held >= KAD_SCORE_BANNED && entry->banned_until <= now)
        ban(scores, entry, now);
    kad_score_doubt(scores, entry);
}

static void answered(struct kad_score_entry *entry, int rtt_ms, size_t bytes, kad_ms now)
{
    entry->answers = more(entry->answers, KAD_SCORE_ONE, KAD_SCORE_SEEN_MOST);
    entry->silent_in_a_row = 0;
    if (!entry->first_at)
        entry->first_at = now;
    entry->heard_at = now;
    if (rtt_ms < 0)
        return;
    entry->rtt_8 = entry->rtt_8 < 0 ? 8 * rtt_ms : entry->rtt_8 + rtt_ms - entry->rtt_8 / 8;
    if (!bytes)
        return;
    entry->bytes = more(entry->bytes, bytes, 1u << 30);
    entry->waited_ms = more(entry->waited_ms, (uint64_t)rtt_ms + 1, 1u << 30);
}

/* A network's nodes are no more guilty of what one of them does than that they are asked a little later: only many together
 * bring the group to where a single node gets alone. */
static void hold_group(struct kad_scores *scores, const struct kad_endpoint *endpoint, uint32_t points,
                       kad_ms now)
{
    const struct kad_endpoint group = kad_score_group(endpoint);
    struct kad_score_entry *entry;

    if (kad_endpoint_scope(endpoint) != KAD_SCOPE_PUBLIC)
        return; /* behind one private address may be all we know */
    entry = kad_score_noted(scores, KAD_SCORE_GROUP, NULL, &group, now);
    if (!entry)
        return;
    entry->held = more(entry->held, points / GROUP, KAD_SCORE_HELD_MOST);
    kad_score_doubt(scores, entry);
}

bool kad_score_note(struct kad_scores *scores, const struct kad_id *id, const struct kad_endpoint *endpoint,
                    enum kad_deed deed, int rtt_ms, size_t bytes, kad_ms now)
{
    static const uint32_t weights[] = {
        [KAD_DEED_BROKE] = 10 * KAD_SCORE_ONE, [KAD_DEED_FORGED] = 20 * KAD_SCORE_ONE};
    struct kad_score_entry *entry;
    bool was_banned;

    if ((deed == KAD_DEED_SILENT || deed == KAD_DEED_REFUSED) &&
        kad_score_find(scores, KAD_SCORE_IDENTITY, id, NULL) == KAD_SCORE_NONE)
        return false; /* of nobody who is known: it may well not exist */
    entry = kad_score_noted(scores, KAD_SCORE_IDENTITY, id, endpoint, now);
    if (!entry)
        return false;
    was_banned = entry->banned_until > now;
    if (endpoint)
        entry->endpoint = *endpoint;
    switch (deed) {
    case KAD_DEED_ANSWERED:
        answered(entry, rtt_ms, bytes, now);
        break;
    case KAD_DEED_REFUSED:
        entry->refusals = more(entry->refusals, KAD_SCORE_ONE, KAD_SCORE_SEEN_MOST);
        entry->silent_in_a_row = 0;
        break;
    case KAD_DEED_SILENT:
        entry->silences = more(entry->silences, KAD_SCORE_ONE, KAD_SCORE_SEEN_MOST);
        if (++entry->silent_in_a_row >= KAD_SCORE_TOO_SILENT) {
            entry->silent_in_a_row = 0;
            entry->first_at = 0;
        }
        break;
    case KAD_DEED_BROKE:
    case KAD_DEED_FORGED:
        hold_against(scores, entry, weights[deed], now);
        was_banned = was_banned || entry->banned_until <= now;
        if (endpoint)
            hold_group(scores, endpoint, weights[deed], now); /* `entry` may be elsewhere from here on */
        return !was_banned;
    }
    return false;
}

void kad_score_say(struct kad_scores *scores, const struct kad_id *id, enum kad_role role)
{
    const uint32_t slot = kad_score_find(scores, KAD_SCORE_IDENTITY, id, NULL);

    if (slot != KAD_SCORE_NONE)
        scores->entries[slot].role = (uint8_t)role;
}

/* -- the operator ----------------------------------------------------------------------------------------------- */

int kad_score_ban(struct kad_scores *scores, const struct kad_id *id, const struct kad_endpoint *endpoint,
                  kad_ms for_ms, kad_ms now)
{
    struct kad_endpoint host = {0};
    struct kad_score_entry *entry;

    assert((id || endpoint) && "nobody to ban");
    if (!id)
        host = kad_score_host(endpoint);
    entry = kad_score_noted(scores, id ? KAD_SCORE_IDENTITY : KAD_SCORE_ADDRESS, id, &host, now);
    if (!entry)
        return scores->n == scores->config.ceiling ? KAD_E_LIMIT : KAD_E_MEMORY;
    if (id && endpoint)
        entry->endpoint = *endpoint;
    entry->by_operator = true;
    entry->banned_until = for_ms < KAD_NEVER - now ? now + for_ms : KAD_NEVER;
    kad_score_doubt(scores, entry);
    return KAD_OK;
}

bool kad_score_pardon(struct kad_scores *scores, const struct kad_id *id, const struct kad_endpoint *endpoint,
                      kad_ms now)
{
    struct kad_endpoint host = {0};
    struct kad_score_entry *entry;
    uint32_t slot;
    bool was;

    if (!id)
        host = kad_score_host(endpoint);
    slot = kad_score_find(scores, id ? KAD_SCORE_IDENTITY : KAD_SCORE_ADDRESS, id, &host);
    if (slot == KAD_SCORE_NONE)
        return false;
    entry = &scores->entries[slot];
    was = entry->banned_until > now || kad_score_as_of(scores, entry, now).held;
    entry->banned_until = entry->banned_for = 0;
    entry->held = 0;
    entry->by_operator = false;
    return was;
}
