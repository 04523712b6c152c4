/* score_rows - shown, and remembered over a restart: see score_parts.h. */
#include "core/score_parts.h"

size_t kad_score_rows(const struct kad_scores *scores, struct kad_peer_row *out_rows, size_t room, kad_ms now)
{
    size_t n = 0;

    for (uint32_t at = scores ? scores->newest : KAD_SCORE_NONE; at != KAD_SCORE_NONE;
         at = scores->entries[at].older) {
        const struct kad_score_entry e = kad_score_as_of(scores, &scores->entries[at], now);

        if (e.about == KAD_SCORE_GROUP)
            continue;
        if (n < room)
            out_rows[n] = (struct kad_peer_row){
                .contact = {.id = e.id, .endpoint = e.endpoint},
                .is_address = e.about == KAD_SCORE_ADDRESS,
                .role = (enum kad_role)e.role,
                .score = e.about == KAD_SCORE_ADDRESS ? 0 : kad_score_of(scores, &e.id, &e.endpoint, now),
                .state = kad_score_state_of(scores, &scores->entries[at], now),
                .by_operator = e.by_operator && e.banned_until > now,
                .first_at = e.first_at,
                .heard_at = e.heard_at,
                .banned_until = e.banned_until > now ? e.banned_until : 0,
                .banned_for = e.banned_for,
                .rtt_ms = e.rtt_8 < 0 ? -1 : e.rtt_8 / 8,
                .answers = e.answers,
                .silences = e.silences,
                .refusals = e.refusals,
                .held = e.held,
                .bytes_per_s = e.waited_ms ? (uint32_t)((uint64_t)e.bytes * 1000 / e.waited_ms) : 0,
            };
        n++;
    }
    return n;
}

int kad_score_remember(struct kad_scores *scores, const struct kad_peer_row *row, kad_ms now)
{
    const struct kad_endpoint host = kad_score_host(&row->contact.endpoint);
    struct kad_score_entry *entry;

    if (row->answers > KAD_SCORE_SEEN_MOST || row->silences > KAD_SCORE_SEEN_MOST ||
        row->refusals > KAD_SCORE_SEEN_MOST || row->held > KAD_SCORE_HELD_MOST || row->first_at > now ||
        row->heard_at > now || row->first_at < 0 || (row->first_at && row->heard_at < row->first_at) ||
        row->banned_for < 0 || row->banned_until < 0 || row->banned_for > 366 * 24 * KAD_HOUR ||
        row->rtt_ms > KAD_HOUR || (row->is_address && row->contact.endpoint.family == KAD_FAMILY_NONE))
        return KAD_E_INVALID;
    entry = kad_score_noted(scores, row->is_address ? KAD_SCORE_ADDRESS : KAD_SCORE_IDENTITY,
                            row->is_address ? NULL : &row->contact.id,
                            row->is_address ? &host : &row->contact.endpoint, now);
    if (!entry)
        return scores->n == scores->config.ceiling ? KAD_E_LIMIT : KAD_E_MEMORY;
    entry->first_at = row->first_at;
    entry->heard_at = row->heard_at;
    entry->banned_until = row->banned_until;
    entry->banned_for = row->banned_for;
    entry->by_operator = row->by_operator;
    entry->answers = row->answers;
    entry->silences = row->silences;
    entry->refusals = row->refusals;
    entry->held = row->held;
    entry->rtt_8 = row->rtt_ms < 0 ? -1 : 8 * row->rtt_ms;
    kad_score_doubt(scores, entry);
    return KAD_OK;
}
