/* score_walk - written down, read back, and what always holds: see score_parts.h. */
#include "core/score_parts.h"

#include "base/walk.h"

static void walk_entry(struct kad_walk *walk, struct kad_score_entry *entry)
{
    KAD_WALK_BYTES(walk, entry->id);
    kad_walk_endpoint(walk, &entry->endpoint);
    KAD_WALK(walk, entry->first_at);
    KAD_WALK(walk, entry->heard_at);
    KAD_WALK(walk, entry->faded_at);
    KAD_WALK(walk, entry->banned_until);
    KAD_WALK(walk, entry->banned_for);
    KAD_WALK(walk, entry->answers);
    KAD_WALK(walk, entry->silences);
    KAD_WALK(walk, entry->refusals);
    KAD_WALK(walk, entry->held);
    KAD_WALK(walk, entry->bytes);
    KAD_WALK(walk, entry->waited_ms);
    KAD_WALK(walk, entry->rtt_8);
    KAD_WALK(walk, entry->about);
    KAD_WALK(walk, entry->silent_in_a_row);
    KAD_WALK(walk, entry->by_operator);
    KAD_WALK(walk, entry->role);
    if (entry->about >= KAD_SCORE_N_ABOUT || entry->role >= KAD_N_ROLES ||
        entry->answers > KAD_SCORE_SEEN_MOST || entry->silences > KAD_SCORE_SEEN_MOST ||
        entry->refusals > KAD_SCORE_SEEN_MOST || entry->held > KAD_SCORE_HELD_MOST ||
        entry->silent_in_a_row >= KAD_SCORE_TOO_SILENT || entry->banned_for < 0 ||
        entry->banned_for > KAD_NEVER / 8 || entry->banned_until < 0)
        kad_walk_fail(walk);
}

/* Oldest first. */
void kad_score_walk(struct kad_walk *walk, struct kad_scores *scores)
{
    const size_t n = kad_walk_count(walk, scores->n, scores->config.ceiling);
    uint32_t at = scores->oldest;

    for (size_t i = 0; i < n && !walk->bad; i++) {
        struct kad_score_entry read = {0}, *entry;

        if (!kad_walk_reads(walk)) {
            walk_entry(walk, &scores->entries[at]);
            at = scores->entries[at].newer;
            continue;
        }
        walk_entry(walk, &read);
        if (walk->bad)
            return;
        if (kad_score_find(scores, (enum kad_score_about)read.about, &read.id, &read.endpoint) !=
            KAD_SCORE_NONE) {
            kad_walk_fail(walk);
            return;
        }
        entry = kad_score_add(scores, (enum kad_score_about)read.about, &read.id, &read.endpoint, 0);
        if (!entry) {
            walk->no_memory = true;
            kad_walk_fail(walk);
            return;
        }
        read.newer = entry->newer;
        read.older = entry->older;
        *entry = read;
        kad_score_doubt(scores, entry);
    }
}

bool kad_score_sound(const struct kad_scores *scores, const char **out_why)
{
    uint32_t n = 0, before = KAD_SCORE_NONE;

    *out_why = "scores: more than there may be";
    if (scores->n > scores->config.ceiling || scores->n > scores->room || scores->index.n_used != scores->n)
        return false;
    *out_why = "scores: the order of who was noted last";
    for (uint32_t at = scores->oldest; at != KAD_SCORE_NONE; before = at, at = scores->entries[at].newer) {
        if (n++ > scores->n || scores->entries[at].older != before)
            return false;
    }
    if (n != scores->n || scores->newest != before)
        return false;
    *out_why = "scores: one that is not found, or stands there twice";
    for (uint32_t i = 0; i < scores->n; i++) {
        const struct kad_score_entry *entry = &scores->entries[i];

        if (kad_score_find(scores, (enum kad_score_about)entry->about, &entry->id, &entry->endpoint) != i)
            return false;
        if (entry->held > KAD_SCORE_HELD_MOST || entry->answers > KAD_SCORE_SEEN_MOST ||
            (entry->banned_until && entry->banned_until > scores->doubts_until))
            return false;
    }
    return true;
}
