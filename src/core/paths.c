#include "core/paths.h"

#include <assert.h>
#include <string.h>

#include "base/endpoint.h"
#include "base/hash.h"
#include "core/id.h"

#define CLAIMS_FIRST 64

/* -- claims ----------------------------------------------------------------------------------------------------- */

/* Its slot, or the free one where it belongs. */
static uint32_t slot_of(const struct kad_claims *claims, kad_contact_ref contact)
{
    uint32_t at = (uint32_t)kad_hash_word(0, contact) & (claims->room - 1);

    while (claims->slots[at] != KAD_NO_CONTACT && claims->slots[at] != contact)
        at = (at + 1) & (claims->room - 1);
    return at;
}

bool kad_claims_has(const struct kad_claims *claims, kad_contact_ref contact)
{
    return claims->n && claims->slots[slot_of(claims, contact)] == contact;
}

static bool grow(struct kad_claims *claims)
{
    struct kad_claims larger = {
        .allocator = claims->allocator,
        .room = claims->room ? 2 * claims->room : CLAIMS_FIRST,
    };

    larger.slots = kad_alloc(claims->allocator, larger.room * sizeof(*larger.slots));
    if (!larger.slots)
        return false;
    for (uint32_t i = 0; i < larger.room; i++)
        larger.slots[i] = KAD_NO_CONTACT;
    for (uint32_t i = 0; i < claims->room; i++) {
        if (claims->slots[i] != KAD_NO_CONTACT)
            larger.slots[slot_of(&larger, claims->slots[i])] = claims->slots[i];
    }
    larger.n = claims->n;
    kad_free(claims->allocator, claims->slots, claims->room * sizeof(*claims->slots));
    *claims = larger;
    return true;
}

void kad_claims_add(struct kad_claims *claims, kad_contact_ref contact)
{
    uint32_t at;

    if (2 * (claims->n + 1) > claims->room && !grow(claims))
        return;
    at = slot_of(claims, contact);
    claims->n += claims->slots[at] == KAD_NO_CONTACT;
    claims->slots[at] = contact;
}

static void claim_asked(struct kad_claims *claims, const struct kad_lookup *lookup)
{
    for (size_t i = 0; i < lookup->n_candidates; i++) {
        if (lookup->candidates[i].n_asked)
            kad_claims_add(claims, lookup->candidates[i].contact);
    }
}

/* -- paths ------------------------------------------------------------------------------------------------------ */

void kad_paths_init(struct kad_paths *paths, const struct kad_allocator *allocator, struct kad_book *book,
                    const struct kad_id *target, const struct kad_lookup_config *config)
{
    *paths = (struct kad_paths){.keep_going = true};
    kad_lookup_init(&paths->first, allocator, book, target, config);
}

void kad_paths_clear(struct kad_paths *paths)
{
    const struct kad_allocator *allocator = paths->first.allocator;

    kad_lookup_clear(&paths->first);
    for (unsigned i = 0; i < paths->n_more; i++)
        kad_lookup_clear(&paths->more[i]);
    kad_free(allocator, paths->more, paths->n_more * sizeof(*paths->more));
    if (paths->claims) {
        kad_free(allocator, paths->claims->slots, paths->claims->room * sizeof(*paths->claims->slots));
        kad_free(allocator, paths->claims, sizeof(*paths->claims));
    }
    paths->more = NULL;
    paths->claims = NULL;
    paths->n_more = 0;
}

unsigned kad_paths_width(unsigned k, unsigned n)
{
    const unsigned width = n <= 4 ? k : (4 * k + n - 1) / n;

    return width > 4 || k < 4 ? width : 4;
}

static bool begin_claims(struct kad_paths *paths)
{
    if (paths->claims)
        return true;
    paths->claims = kad_alloc_zero(paths->first.allocator, sizeof(*paths->claims));
    if (!paths->claims)
        return false;
    paths->claims->allocator = paths->first.allocator;
    claim_asked(paths->claims, &paths->first);
    paths->first.claims = paths->claims;
    return true;
}

void kad_paths_claim(struct kad_paths *paths)
{
    for (unsigned i = 0; i < kad_paths_count(paths); i++)
        claim_asked(paths->claims, kad_paths_at(paths, i));
}

unsigned kad_paths_open(struct kad_paths *paths, unsigned n, const struct kad_lookup_config *config,
                        const kad_contact_ref *contacts, size_t n_contacts)
{
    const struct kad_allocator *allocator = paths->first.allocator;
    const unsigned before = paths->n_more;
    struct kad_lookup *more;
    size_t dealt = 0;

    if (n > KAD_PATHS_MAX - 1u - before)
        n = KAD_PATHS_MAX - 1u - before;
    if (!n || !begin_claims(paths))
        return 0;
    more = kad_resize(allocator, paths->more, before * sizeof(*more), (before + n) * sizeof(*more));
    if (!more)
        return 0;
    paths->more = more;
    paths->n_more = (uint8_t)(before + n);
    for (unsigned i = before; i < before + n; i++) {
        kad_lookup_init(&more[i], allocator, paths->first.book, &paths->first.target, config);
        more[i].claims = paths->claims;
    }
    for (size_t i = 0; i < n_contacts; i++) {
        if (!kad_claims_has(paths->claims, contacts[i]))
            kad_lookup_add(&more[before + dealt++ % n], contacts[i]);
    }
    return n;
}

void kad_paths_set_patience(struct kad_paths *paths, kad_ms patience)
{
    for (unsigned i = 0; i < kad_paths_count(paths); i++)
        kad_paths_at(paths, i)->config.patience_ms = patience;
}

bool kad_paths_add(struct kad_paths *paths, kad_contact_ref contact)
{
    return kad_lookup_add(&paths->first, contact);
}

bool kad_paths_add_named(struct kad_paths *paths, kad_contact_ref contact)
{
    return kad_lookup_add_named(&paths->first, contact);
}

static bool group_known(struct kad_paths *paths, const struct kad_endpoint *endpoint)
{
    for (unsigned i = 0; i < kad_paths_count(paths); i++) {
        if (kad_lookup_group_known(kad_paths_at(paths, i), endpoint))
            return true;
    }
    return false;
}

size_t kad_paths_believe(struct kad_paths *paths, kad_contact_ref *io_contacts, size_t n)
{
    const struct kad_book *book = paths->first.book;
    size_t n_left = 0;

    for (size_t i = 0; i < n; i++) {
        const struct kad_endpoint *endpoint = &kad_book_contact(book, io_contacts[i])->endpoint;
        const uint64_t group = kad_endpoint_narrow_group(endpoint);
        bool same = false;

        for (size_t j = 0; j < n_left && !same; j++)
            same = kad_endpoint_narrow_group(&kad_book_contact(book, io_contacts[j])->endpoint) == group;
        if (!same || group_known(paths, endpoint))
            io_contacts[n_left++] = io_contacts[i];
    }
    return n_left;
}

struct kad_lookup_step kad_paths_next(struct kad_paths *paths, kad_ms now)
{
    struct kad_lookup_step step = {.verdict = KAD_LOOKUP_DONE, .wake_at = KAD_NEVER};

    if (!paths->n_more)
        return kad_lookup_next(&paths->first, now);
    for (unsigned i = 0; i < kad_paths_count(paths); i++) {
        const unsigned turn = paths->turn;
        const struct kad_lookup_step its = kad_lookup_next(kad_paths_at(paths, turn), now);

        paths->turn = (uint8_t)((turn + 1) % kad_paths_count(paths));
        if (its.verdict == KAD_LOOKUP_ASK)
            return its;
        if (its.verdict == KAD_LOOKUP_DONE)
            continue;
        step.verdict = KAD_LOOKUP_WAIT;
        step.wake_at = kad_ms_min(step.wake_at, its.wake_at);
    }
    return step;
}

bool kad_paths_reply(struct kad_paths *paths, kad_contact_ref from, const kad_contact_ref *closer,
                     size_t n_closer)
{
    bool known = false;

    for (unsigned i = 0; i < kad_paths_count(paths) && !known; i++)
        known = kad_lookup_reply(kad_paths_at(paths, i), from, closer, n_closer);
    return known;
}

bool kad_paths_fail(struct kad_paths *paths, kad_contact_ref from)
{
    bool known = false;

    for (unsigned i = 0; i < kad_paths_count(paths) && !known; i++)
        known = kad_lookup_fail(kad_paths_at(paths, i), from);
    return known;
}

bool kad_paths_beyond_reply(struct kad_paths *paths, kad_contact_ref from, const kad_contact_ref *closer,
                            size_t n_closer)
{
    bool known = false;

    for (unsigned i = 0; i < kad_paths_count(paths) && !known; i++)
        known = kad_lookup_beyond_reply(kad_paths_at(paths, i), from, closer, n_closer);
    return known;
}

bool kad_paths_beyond_fail(struct kad_paths *paths, kad_contact_ref from)
{
    bool known = false;

    for (unsigned i = 0; i < kad_paths_count(paths) && !known; i++)
        known = kad_lookup_beyond_fail(kad_paths_at(paths, i), from);
    return known;
}

void kad_paths_bad(struct kad_paths *paths, kad_contact_ref from)
{
    if (paths->keep_going)
        return;
    for (unsigned i = 0; i < kad_paths_count(paths); i++) {
        const struct kad_candidate *c = kad_lookup_candidate(kad_paths_at(paths, i), from);

        if (c && c->n_asked)
            kad_lookup_stop(kad_paths_at(paths, i), KAD_REASON_EXHAUSTED);
    }
}

void kad_paths_stop(struct kad_paths *paths, enum kad_reason reason)
{
    for (unsigned i = 0; i < kad_paths_count(paths); i++)
        kad_lookup_stop(kad_paths_at(paths, i), reason);
}

/* -- what came of it -------------------------------------------------------------------------------------------- */

static const struct kad_lookup *path(const struct kad_paths *paths, unsigned i)
{
    return i ? &paths->more[i - 1] : &paths->first;
}

enum kad_reason kad_paths_reason(const struct kad_paths *paths)
{
    enum kad_reason best = (enum kad_reason)paths->first.reason;

    for (unsigned i = 0; i < kad_paths_count(paths); i++) {
        const enum kad_reason its = (enum kad_reason)path(paths, i)->reason;

        if (its == KAD_REASON_NONE)
            return its;
        if (its < best) /* converged, exhausted, no contacts: in this order */
            best = its;
    }
    return best;
}

unsigned kad_paths_answered(const struct kad_paths *paths)
{
    unsigned n = 0;

    for (unsigned i = 0; i < kad_paths_count(paths); i++)
        n += path(paths, i)->n_answered;
    return n;
}

unsigned kad_paths_candidates(const struct kad_paths *paths)
{
    unsigned n = 0;

    for (unsigned i = 0; i < kad_paths_count(paths); i++)
        n += path(paths, i)->n_candidates;
    return n;
}

const struct kad_candidate *kad_paths_candidate(const struct kad_paths *paths, kad_contact_ref contact)
{
    const struct kad_candidate *found = NULL;

    for (unsigned i = 0; i < kad_paths_count(paths); i++) {
        const struct kad_candidate *c = kad_lookup_candidate(path(paths, i), contact);

        if (c && (!found || c->n_asked))
            found = c;
    }
    return found;
}

/* Merges what two paths found: both lists are sorted. */
static size_t merge(const struct kad_lookup *lookup, const kad_contact_ref *a, size_t n_a,
                    const kad_contact_ref *b, size_t n_b, size_t n, kad_contact_ref *out)
{
    size_t n_out = 0, i = 0, j = 0;

    while (n_out < n && (i < n_a || j < n_b)) {
        const struct kad_id *id_a = i < n_a ? &kad_book_contact(lookup->book, a[i])->id : NULL;
        const struct kad_id *id_b = j < n_b ? &kad_book_contact(lookup->book, b[j])->id : NULL;
        const int order = !id_a ? 1 : !id_b ? -1 : kad_id_compare(&lookup->target, id_a, id_b);

        if (order == 0) { /* one id at two addresses: once */
            out[n_out++] = a[i++];
            j++;
        } else if (order < 0) {
            out[n_out++] = a[i++];
        } else {
            out[n_out++] = b[j++];
        }
    }
    return n_out;
}

size_t kad_paths_closest(const struct kad_paths *paths, size_t n, kad_contact_ref *out_contacts)
{
    kad_contact_ref merged[2][KAD_LOOKUP_CANDIDATES], its[KAD_LOOKUP_CANDIDATES];
    size_t n_merged;
    unsigned in = 0;

    n = n < KAD_LOOKUP_CANDIDATES ? n : KAD_LOOKUP_CANDIDATES;
    if (!paths->n_more)
        return kad_lookup_closest(&paths->first, n, out_contacts);
    n_merged = kad_lookup_closest(&paths->first, n, merged[in]);
    for (unsigned i = 0; i < paths->n_more; i++) {
        const size_t n_its = kad_lookup_closest(&paths->more[i], n, its);

        n_merged = merge(&paths->first, merged[in], n_merged, its, n_its, n, merged[!in]);
        in = !in;
    }
    memcpy(out_contacts, merged[in], n_merged * sizeof(*out_contacts));
    return n_merged;
}

unsigned kad_paths_agreement(const struct kad_paths *paths, const kad_contact_ref *contacts, size_t n)
{
    unsigned n_met = 0, n_paths = 0;

    for (unsigned i = 0; i < kad_paths_count(paths); i++) {
        bool met = false;

        if (!path(paths, i)->n_answered)
            continue;
        n_paths++;
        for (size_t j = 0; j < n && !met; j++) {
            const struct kad_candidate *c = kad_lookup_candidate(path(paths, i), contacts[j]);

            met = c && c->state != KAD_CANDIDATE_NEW; /* asked, or taken by another: it was on its list */
        }
        n_met += met;
    }
    return n_paths ? 1000 * n_met / n_paths : 1000;
}
