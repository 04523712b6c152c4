/* lookup_beyond - whom to ask who stands behind near nodes that keep silent. */
#include "core/lookup_parts.h"

static unsigned n_asked_about(const struct kad_lookup *lookup, unsigned bit)
{
    unsigned n = 0;

    for (size_t i = 0; i < lookup->n_beyond; i++)
        n += lookup->beyond[i].bit == bit;
    return n;
}

static bool asked_about(const struct kad_lookup *lookup, unsigned bit, kad_contact_ref contact)
{
    for (size_t i = 0; i < lookup->n_beyond; i++) {
        if (lookup->beyond[i].contact == contact && lookup->beyond[i].bit == bit)
            return true;
    }
    return false;
}

/* Of those who answered, the nearest to where the region begins. Who stands inside knows it best, and is worth waiting for:
 * somebody outside is asked once only. */
static const struct kad_candidate *knower(const struct kad_lookup *lookup, unsigned bit)
{
    const uint64_t begin = UINT64_C(1) << bit;
    const bool outsiders = n_asked_about(lookup, bit) == 0;
    const struct kad_candidate *best = NULL;

    for (size_t i = 0; i < lookup->n_candidates; i++) {
        const struct kad_candidate *c = &lookup->candidates[i];

        if (c->state == KAD_CANDIDATE_ANSWERED && (outsiders || c->near >> bit == 1) &&
            (!best || (c->near ^ begin) < (best->near ^ begin)) && !asked_about(lookup, bit, c->contact))
            best = c;
    }
    return best;
}

static bool note(struct kad_lookup *lookup, kad_contact_ref contact, unsigned bit, kad_ms now)
{
    if (!lookup->beyond)
        lookup->beyond = kad_alloc(lookup->allocator, KAD_LOOKUP_BEYOND * sizeof(*lookup->beyond));
    if (!lookup->beyond)
        return false;
    lookup->beyond[lookup->n_beyond++] = (struct kad_lookup_beyond){
        .contact = contact,
        .bit = (uint8_t)bit,
        .state = KAD_BEYOND_ASKED,
        .late_at = now + lookup->config.patience_ms,
    };
    return true;
}

bool kad_lookup_beyond_next(struct kad_lookup *lookup, uint64_t named_to, uint64_t window_to, kad_ms now,
                            struct kad_lookup_step *out_step)
{
    if (named_to == 0)
        return false; /* all of them claim the target as their id: there is no region to ask about */
    for (unsigned bit = 63 - (unsigned)__builtin_clzll(named_to);
         bit < 64 && window_to >> bit && lookup->n_beyond < KAD_LOOKUP_BEYOND; bit++) {
        const struct kad_candidate *who =
            n_asked_about(lookup, bit) < lookup->config.beyond ? knower(lookup, bit) : NULL;

        if (!who)
            continue;
        if (!note(lookup, who->contact, bit, now))
            return false;
        out_step->verdict = KAD_LOOKUP_ASK;
        out_step->ask = who->contact;
        out_step->hop = who->hop;
        out_step->beyond = true;
        out_step->target = lookup->target;
        out_step->target.bytes[7 - bit / 8] ^= (uint8_t)(1u << bit % 8);
        return true;
    }
    return false;
}

unsigned kad_lookup_beyond_pending(struct kad_lookup *lookup, kad_ms now, kad_ms *wake_at)
{
    unsigned n = 0;

    for (size_t i = 0; i < lookup->n_beyond; i++) {
        struct kad_lookup_beyond *question = &lookup->beyond[i];

        if (question->state == KAD_BEYOND_ASKED && now >= question->late_at)
            question->state = KAD_BEYOND_LATE;
        if (question->state != KAD_BEYOND_ASKED)
            continue;
        n++;
        *wake_at = kad_ms_min(*wake_at, question->late_at);
    }
    return n;
}

/* Which of several questions to one contact it is matters little: each is answered or given up in the end. */
static struct kad_lookup_beyond *find(const struct kad_lookup *lookup, kad_contact_ref from)
{
    for (size_t i = 0; lookup->reason == KAD_REASON_NONE && i < lookup->n_beyond; i++) {
        if (lookup->beyond[i].contact == from && lookup->beyond[i].state != KAD_BEYOND_OVER)
            return &lookup->beyond[i];
    }
    return NULL;
}

bool kad_lookup_beyond_reply(struct kad_lookup *lookup, kad_contact_ref from, const kad_contact_ref *closer,
                             size_t n_closer)
{
    struct kad_lookup_beyond *question = find(lookup, from);

    if (!question)
        return false;
    question->state = KAD_BEYOND_OVER;
    kad_lookup_name(lookup, from, kad_lookup_candidate(lookup, from)->hop, closer, n_closer);
    return true;
}

bool kad_lookup_beyond_fail(struct kad_lookup *lookup, kad_contact_ref from)
{
    struct kad_lookup_beyond *question = find(lookup, from);

    if (!question)
        return false;
    question->state = KAD_BEYOND_OVER;
    return true;
}
