#include "core/score_parts.h"

#include <assert.h>
#include <string.h>

#include "base/endpoint.h"
#include "base/hash.h"
#include "core/id.h"

#define FIRST_ROOM   16
#define STEPS        64     /* of a half-life */
#define STEP_65536   64830u /* 2^(-1/64) */
#define DOUBT_HALVES 8      /* half-lives after which nothing is left of what was held against somebody */

/* -- fading ----------------------------------------------------------------------------------------------------- */

static kad_ms step_ms(const struct kad_scores *scores)
{
    return kad_ms_max(scores->config.half_life_ms / STEPS, 1);
}

static uint32_t faded(uint32_t value, uint64_t steps)
{
    const uint64_t halves = steps / STEPS;

    value = halves < 32 ? value >> halves : 0;
    for (uint64_t i = 0; i < steps % STEPS && value; i++)
        value = (uint32_t)((uint64_t)value * STEP_65536 >> 16);
    return value;
}

struct kad_score_entry kad_score_as_of(const struct kad_scores *scores, const struct kad_score_entry *entry,
                                       kad_ms now)
{
    struct kad_score_entry e = *entry;
    const kad_ms passed = now > e.faded_at ? now - e.faded_at : 0;
    const uint64_t steps = (uint64_t)(passed / step_ms(scores));

    e.answers = faded(e.answers, steps);
    e.silences = faded(e.silences, steps);
    e.refusals = faded(e.refusals, steps);
    e.held = faded(e.held, steps);
    e.bytes = faded(e.bytes, steps);
    e.waited_ms = faded(e.waited_ms, steps);
    e.faded_at += (kad_ms)steps * step_ms(scores);
    return e;
}

static_assert(KAD_SCORE_HELD_MOST >> DOUBT_HALVES < KAD_SCORE_ONE, "faded to nothing by then");

void kad_score_doubt(struct kad_scores *scores, const struct kad_score_entry *entry)
{
    kad_ms until = entry->banned_until;

    if (entry->held)
        until = kad_ms_max(until, entry->faded_at + DOUBT_HALVES * STEPS * step_ms(scores) + step_ms(scores));
    scores->doubts_until = kad_ms_max(scores->doubts_until, until);
}

bool kad_score_doubts(const struct kad_scores *scores, kad_ms now)
{
    return scores && now < scores->doubts_until;
}

/* -- who -------------------------------------------------------------------------------------------------------- */

struct kad_endpoint kad_score_host(const struct kad_endpoint *endpoint)
{
    struct kad_endpoint host = *endpoint;

    host.port = 0;
    if (host.family == KAD_IPV6)
        memset(host.address + 8, 0, 8);
    return host;
}

struct kad_endpoint kad_score_group(const struct kad_endpoint *endpoint)
{
    struct kad_endpoint group = *endpoint;

    group.port = 0;
    if (group.family == KAD_IPV6)
        memset(group.address + 6, 0, 10); /* /48 */
    else
        group.address[3] = 0; /* /24 */
    return group;
}

static uint64_t hash_of(const struct kad_scores *scores, enum kad_score_about about, const struct kad_id *id,
                        const struct kad_endpoint *endpoint)
{
    if (about == KAD_SCORE_IDENTITY)
        return kad_hash(scores->config.hash_key, id->bytes, sizeof(id->bytes));
    return kad_hash(scores->config.hash_key ^ (uint64_t)about, endpoint, sizeof(*endpoint));
}

static uint64_t hash_of_entry(const struct kad_scores *scores, const struct kad_score_entry *entry)
{
    return hash_of(scores, (enum kad_score_about)entry->about, &entry->id, &entry->endpoint);
}

uint32_t kad_score_find(const struct kad_scores *scores, enum kad_score_about about, const struct kad_id *id,
                        const struct kad_endpoint *endpoint)
{
    const uint64_t hash = hash_of(scores, about, id, endpoint);

    for (uint32_t at = kad_index_first(&scores->index, hash); at != KAD_INDEX_END;
         at = kad_index_next(&scores->index, hash, at)) {
        const uint32_t slot = kad_index_slot(&scores->index, at);
        const struct kad_score_entry *entry = &scores->entries[slot];

        if (entry->about == about &&
            (about == KAD_SCORE_IDENTITY ? kad_id_equal(&entry->id, id)
                                         : kad_endpoint_equal(&entry->endpoint, endpoint)))
            return slot;
    }
    return KAD_SCORE_NONE;
}

const struct kad_score_entry *kad_score_entry(const struct kad_scores *scores, enum kad_score_about about,
                                              const struct kad_id *id, const struct kad_endpoint *endpoint)
{
    const uint32_t slot = kad_score_find(scores, about, id, endpoint);

    return slot == KAD_SCORE_NONE ? NULL : &scores->entries[slot];
}

/* -- places ----------------------------------------------------------------------------------------------------- */

static void link_newest(struct kad_scores *scores, uint32_t slot)
{
    struct kad_score_entry *entry = &scores->entries[slot];

    entry->newer = KAD_SCORE_NONE;
    entry->older = scores->newest;
    if (scores->newest != KAD_SCORE_NONE)
        scores->entries[scores->newest].newer = slot;
    else
        scores->oldest = slot;
    scores->newest = slot;
}

static void unlink_entry(struct kad_scores *scores, uint32_t slot)
{
    const struct kad_score_entry *entry = &scores->entries[slot];

    if (entry->older != KAD_SCORE_NONE)
        scores->entries[entry->older].newer = entry->newer;
    else
        scores->oldest = entry->newer;
    if (entry->newer != KAD_SCORE_NONE)
        scores->entries[entry->newer].older = entry->older;
    else
        scores->newest = entry->older;
}

/* The oldest that is not banned; else the oldest that is, by nobody's order. */
static uint32_t victim(const struct kad_scores *scores, kad_ms now)
{
    uint32_t banned = KAD_SCORE_NONE;

    for (uint32_t at = scores->oldest; at != KAD_SCORE_NONE; at = scores->entries[at].newer) {
        const struct kad_score_entry *entry = &scores->entries[at];

        if (entry->banned_until <= now)
            return at;
        if (banned == KAD_SCORE_NONE && !entry->by_operator)
            banned = at;
    }
    return banned;
}

static bool grow(struct kad_scores *scores)
{
    uint32_t room = scores->room ? 2 * scores->room : FIRST_ROOM;
    struct kad_score_entry *entries;

    if (room > scores->config.ceiling)
        room = scores->config.ceiling;
    if (room <= scores->room)
        return false;
    entries = kad_resize(scores->config.allocator, scores->entries, scores->room * sizeof(*entries),
                         room * sizeof(*entries));
    if (!entries)
        return false;
    scores->entries = entries;
    scores->room = room;
    return true;
}

struct kad_score_entry *kad_score_add(struct kad_scores *scores, enum kad_score_about about,
                                      const struct kad_id *id, const struct kad_endpoint *endpoint,
                                      kad_ms now)
{
    uint32_t slot = scores->n;
    struct kad_score_entry *entry;

    if (scores->n == scores->room && !grow(scores)) {
        slot = victim(scores, now);
        if (slot == KAD_SCORE_NONE)
            return NULL;
        unlink_entry(scores, slot);
        kad_index_remove(&scores->index, hash_of_entry(scores, &scores->entries[slot]), slot);
    } else {
        scores->n++;
    }
    entry = &scores->entries[slot];
    memset(entry, 0, sizeof(*entry));
    entry->about = (uint8_t)about;
    if (id)
        entry->id = *id;
    if (endpoint)
        entry->endpoint = *endpoint;
    entry->faded_at = now;
    entry->rtt_8 = -1;
    if (kad_index_add(&scores->index, hash_of_entry(scores, entry), slot) != 0) {
        /* What was forgotten for its sake is forgotten; its place is closed up. */
        const uint32_t last = --scores->n;

        if (slot != last) {
            const struct kad_score_entry moved = scores->entries[last];

            scores->entries[slot] = moved;
            kad_index_move(&scores->index, hash_of_entry(scores, &moved), last, slot);
            if (moved.older != KAD_SCORE_NONE)
                scores->entries[moved.older].newer = slot;
            else
                scores->oldest = slot;
            if (moved.newer != KAD_SCORE_NONE)
                scores->entries[moved.newer].older = slot;
            else
                scores->newest = slot;
        }
        return NULL;
    }
    link_newest(scores, slot);
    return entry;
}

struct kad_score_entry *kad_score_noted(struct kad_scores *scores, enum kad_score_about about,
                                        const struct kad_id *id, const struct kad_endpoint *endpoint,
                                        kad_ms now)
{
    const uint32_t slot = kad_score_find(scores, about, id, endpoint);
    struct kad_score_entry *entry;

    if (slot == KAD_SCORE_NONE)
        return kad_score_add(scores, about, id, endpoint, now);
    unlink_entry(scores, slot);
    link_newest(scores, slot);
    entry = &scores->entries[slot];
    *entry = kad_score_as_of(scores, entry, now);
    return entry;
}

struct kad_scores *kad_scores_new(const struct kad_score_config *config)
{
    struct kad_scores *scores = kad_alloc_zero(config->allocator, sizeof(*scores));

    assert(config->ceiling >= 16 && config->ceiling <= 65536 && "settings are checked before");
    if (!scores)
        return NULL;
    scores->config = *config;
    scores->newest = scores->oldest = KAD_SCORE_NONE;
    kad_index_init(&scores->index, config->allocator, config->ceiling);
    return scores;
}

void kad_scores_free(struct kad_scores *scores)
{
    if (!scores)
        return;
    kad_index_clear(&scores->index);
    kad_free(scores->config.allocator, scores->entries, scores->room * sizeof(*scores->entries));
    kad_free(scores->config.allocator, scores, sizeof(*scores));
}

void kad_scores_configure(struct kad_scores *scores, kad_ms half_life_ms, kad_ms ban_ms)
{
    scores->config.half_life_ms = half_life_ms;
    scores->config.ban_ms = ban_ms;
    for (uint32_t i = 0; i < scores->n; i++)
        kad_score_doubt(scores, &scores->entries[i]);
}

size_t kad_score_memory(const struct kad_scores *scores)
{
    if (!scores)
        return 0;
    return sizeof(*scores) + scores->room * sizeof(*scores->entries) +
           scores->index.n_cells * sizeof(*scores->index.cells);
}
