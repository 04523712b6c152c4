#include "core/lookup_parts.h"
#include "core/paths.h"

#include <assert.h>
#include <string.h>

#include "base/endpoint.h"
#include "base/hash.h"

#define FIRST_ROOM 16
#define MAX_HOP    UINT8_MAX

#define SPARE_FOR_ONE 6 /* places behind the window that a silent candidate opens */

void kad_lookup_init(struct kad_lookup *lookup, const struct kad_allocator *allocator, struct kad_book *book,
                     const struct kad_id *target, const struct kad_lookup_config *config)
{
    assert(config->width >= 1 && config->width <= 64 && config->parallel >= 1 &&
           "settings are checked before");
    *lookup = (struct kad_lookup){
        .allocator = allocator,
        .book = book,
        .target = *target,
        .config = *config,
    };
}

void kad_lookup_clear(struct kad_lookup *lookup)
{
    for (size_t i = 0; i < lookup->n_candidates; i++)
        kad_book_release(lookup->book, lookup->candidates[i].contact);
    kad_free(lookup->allocator, lookup->candidates, lookup->room * sizeof(*lookup->candidates));
    kad_free(lookup->allocator, lookup->beyond, KAD_LOOKUP_BEYOND * sizeof(*lookup->beyond));
    lookup->candidates = NULL;
    lookup->beyond = NULL;
    lookup->n_beyond = 0;
    lookup->n_candidates = lookup->room = 0;
}

/* -- candidates ------------------------------------------------------------------------------------------------- */

static const struct kad_id *id_of(const struct kad_lookup *lookup, const struct kad_candidate *candidate)
{
    return &kad_book_contact(lookup->book, candidate->contact)->id;
}

static bool same_id(const struct kad_lookup *lookup, const struct kad_candidate *a,
                    const struct kad_candidate *b)
{
    return a->near == b->near && kad_id_equal(id_of(lookup, a), id_of(lookup, b));
}

static struct kad_candidate *find(const struct kad_lookup *lookup, kad_contact_ref contact)
{
    for (size_t i = 0; i < lookup->n_candidates; i++) {
        if (lookup->candidates[i].contact == contact)
            return &lookup->candidates[i];
    }
    return NULL;
}

const struct kad_candidate *kad_lookup_candidate(const struct kad_lookup *lookup, kad_contact_ref contact)
{
    return find(lookup, contact);
}

/* Where a contact with this distance goes: behind all that are nearer, or as near. */
static size_t place_of(const struct kad_lookup *lookup, const struct kad_id *id, uint64_t near)
{
    size_t low = 0, high = lookup->n_candidates;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const struct kad_candidate *c = &lookup->candidates[middle];
        const bool farther =
            c->near != near ? c->near > near : kad_id_compare(&lookup->target, id_of(lookup, c), id) > 0;

        if (farther)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* The address group's mark, or 0 when this address counts towards no limit. Sixteen bits tell most groups apart, so
 * that counting rarely opens the book. */
static uint16_t mark_of(const struct kad_lookup *lookup, const struct kad_endpoint *endpoint)
{
    uint64_t hash;

    if (lookup->config.narrow_per_lookup == 0 ||
        (!lookup->config.limit_local && kad_endpoint_scope(endpoint) != KAD_SCOPE_PUBLIC))
        return 0;
    hash = kad_hash_word(0, kad_endpoint_narrow_group(endpoint));
    return (uint16_t)((hash & UINT16_MAX) | 1);
}

static bool group_full(const struct kad_lookup *lookup, const struct kad_endpoint *endpoint, uint16_t mark)
{
    const uint64_t group = kad_endpoint_narrow_group(endpoint);
    unsigned n_same = 0;

    if (mark == 0)
        return false;
    for (size_t i = 0; i < lookup->n_candidates; i++) {
        const struct kad_candidate *c = &lookup->candidates[i];

        if (c->group_mark == mark &&
            kad_endpoint_narrow_group(&kad_book_contact(lookup->book, c->contact)->endpoint) == group)
            n_same++;
    }
    return n_same >= lookup->config.narrow_per_lookup;
}

static bool group_known(const struct kad_lookup *lookup, const struct kad_endpoint *endpoint, uint16_t mark)
{
    const uint64_t group = kad_endpoint_narrow_group(endpoint);

    for (size_t i = 0; mark && i < lookup->n_candidates; i++) {
        const struct kad_candidate *c = &lookup->candidates[i];

        if (c->group_mark == mark && (c->state == KAD_CANDIDATE_ANSWERED || c->n_named == KAD_LOOKUP_OWN) &&
            kad_endpoint_narrow_group(&kad_book_contact(lookup->book, c->contact)->endpoint) == group)
            return true;
    }
    return !mark;
}

bool kad_lookup_group_known(const struct kad_lookup *lookup, const struct kad_endpoint *endpoint)
{
    return group_known(lookup, endpoint, mark_of(lookup, endpoint));
}

static void drop_candidate(struct kad_lookup *lookup, size_t at)
{
    kad_book_release(lookup->book, lookup->candidates[at].contact);
    lookup->n_candidates--;
    memmove(&lookup->candidates[at], &lookup->candidates[at + 1],
            (lookup->n_candidates - at) * sizeof(*lookup->candidates));
}

/* Makes room for one that would stand at `place`. Once asked, a candidate stays: so nobody is asked twice, an answer
 * is never lost, and no lookup sends more than KAD_LOOKUP_CANDIDATES queries, whatever it is told. */
static bool make_room(struct kad_lookup *lookup, size_t place)
{
    struct kad_candidate *candidates;
    uint16_t room;

    if (lookup->n_candidates < lookup->room)
        return true;
    if (lookup->room == KAD_LOOKUP_CANDIDATES) {
        for (size_t i = lookup->n_candidates; i-- > place;) {
            if (lookup->candidates[i].state == KAD_CANDIDATE_NEW) {
                drop_candidate(lookup, i);
                return true;
            }
        }
        return false;
    }
    room = lookup->room ? (uint16_t)(lookup->room * 2) : FIRST_ROOM;
    candidates = kad_resize(lookup->allocator, lookup->candidates, lookup->room * sizeof(*candidates),
                            room * sizeof(*candidates));
    if (!candidates)
        return false;
    lookup->candidates = candidates;
    lookup->room = room;
    return true;
}

static void note_introducer(struct kad_candidate *candidate, kad_contact_ref introducer)
{
    for (size_t i = 0; i < KAD_LOOKUP_INTRODUCERS; i++) {
        if (candidate->introducers[i] == introducer)
            return;
        if (candidate->introducers[i] == KAD_NO_CONTACT) {
            candidate->introducers[i] = introducer;
            return;
        }
    }
}

/* How gladly it is asked. */
static uint8_t rank_of(const struct kad_lookup *lookup, kad_contact_ref contact, uint64_t near)
{
    const struct kad_lookup_config *config = &lookup->config;
    const uint8_t rank = config->rank ? config->rank(config->rank_context, contact) : 0;

    return near > config->alike || !config->alike || rank == KAD_LOOKUP_LAST
               ? rank
               : (uint8_t)(kad_hash_word(config->alike_seed, near) % KAD_LOOKUP_LAST);
}

/* `n_named`: 1, 2, or KAD_LOOKUP_OWN. */
static bool add(struct kad_lookup *lookup, kad_contact_ref contact, uint8_t hop, uint8_t n_named)
{
    const struct kad_contact *entry = kad_book_contact(lookup->book, contact);
    const struct kad_id distance = kad_id_xor(&lookup->target, &entry->id);
    const uint64_t near = kad_id_head(&distance);
    const uint16_t mark = mark_of(lookup, &entry->endpoint);
    struct kad_candidate *known = find(lookup, contact);
    size_t place;

    if (known && n_named == KAD_LOOKUP_OWN)
        known->n_named = KAD_LOOKUP_OWN;
    else if (known && known->n_named < KAD_LOOKUP_OWN - 1)
        known->n_named++;
    if (lookup->reason != KAD_REASON_NONE || known || group_full(lookup, &entry->endpoint, mark))
        return false;
    place = place_of(lookup, &entry->id, near);
    if (!make_room(lookup, place))
        return false;
    memmove(&lookup->candidates[place + 1], &lookup->candidates[place],
            (lookup->n_candidates - place) * sizeof(*lookup->candidates));
    lookup->candidates[place] = (struct kad_candidate){
        .near = near,
        .contact = contact,
        .introducers = {KAD_NO_CONTACT, KAD_NO_CONTACT, KAD_NO_CONTACT},
        .state = KAD_CANDIDATE_NEW,
        .hop = hop,
        .group_mark = mark,
        .n_named = n_named,
        .rank = rank_of(lookup, contact, near),
        .late_at = KAD_NEVER,
    };
    lookup->n_candidates++;
    kad_book_retain(lookup->book, contact);
    return true;
}

bool kad_lookup_add(struct kad_lookup *lookup, kad_contact_ref contact)
{
    return add(lookup, contact, 1, KAD_LOOKUP_OWN);
}

bool kad_lookup_add_named(struct kad_lookup *lookup, kad_contact_ref contact)
{
    return add(lookup, contact, 1, 1);
}

bool kad_lookup_add_seed(struct kad_lookup *lookup, kad_contact_ref contact,
                         const kad_contact_ref *introducers, size_t n_introducers)
{
    if (!add(lookup, contact, 1, 2))
        return false;
    for (size_t i = 0; i < n_introducers; i++)
        note_introducer(find(lookup, contact), introducers[i]);
    return true;
}

/* -- deciding --------------------------------------------------------------------------------------------------- */

#define SHARES (KAD_LOOKUP_INTRODUCERS * KAD_LOOKUP_WINDOW)

struct share {
    kad_contact_ref introducer;
    unsigned n;
};

/* What one look over the candidates shows. */
struct view {
    struct kad_candidate *ask; /* the nearest of the window that has not been asked */
    struct kad_candidate
        *again; /* the nearest silent one, passed over by the window, that may be asked again */
    unsigned n_window, n_answered;
    unsigned spare, n_spare; /* places behind the k nearest: allowed, used; a silent one uses one up, too */
    bool unasked;            /* one of the k nearest has not been asked */
    bool arrived;            /* the nearest has answered */
    unsigned n_in_flight;    /* in the window or no longer: each holds a slot */
    kad_ms wake_at;          /* when the next of those is late */
    unsigned n_late;
    kad_ms late_wake_at;        /* until when the last late one is worth waiting for */
    unsigned n_ids;             /* seen so far, of any state */
    unsigned n_passed;          /* of those before the end of the window, how many it passed over */
    uint64_t named_to;          /* how far away the last of the k nearest is, of any state */
    uint64_t window_to;         /* and the last of the window */
    unsigned n_beyond;          /* questions about regions that are worth waiting for */
    unsigned n_plain;           /* ids that are not silent, whatever their introducers' shares */
    struct kad_candidate *over; /* the nearest unasked one that its introducers have no place left for */
    struct share *shares;       /* of introducers, in the window; while looking */
    unsigned n_shares;
};

/* Until the nearest has answered, or all of the window were asked. */
static bool walking(const struct view *view)
{
    return !view->arrived && view->unasked;
}

static bool is_taken(const struct kad_lookup *lookup, struct kad_candidate *c)
{
    if (c->state == KAD_CANDIDATE_NEW && lookup->claims && kad_claims_has(lookup->claims, c->contact))
        c->state = KAD_CANDIDATE_TAKEN;
    return c->state == KAD_CANDIDATE_TAKEN;
}

/* Counts it among those of one of its introducers: of the one with the fewest. False: none of them has a place left, and
 * `may_refuse`. */
static bool charge(const struct kad_lookup *lookup, struct view *view, const struct kad_candidate *c,
                   bool may_refuse)
{
    struct share *least = NULL;

    if (!lookup->config.per_introducer || c->introducers[0] == KAD_NO_CONTACT)
        return true;
    for (size_t i = 0; i < KAD_LOOKUP_INTRODUCERS && c->introducers[i] != KAD_NO_CONTACT; i++) {
        unsigned at = 0;

        while (at < view->n_shares && view->shares[at].introducer != c->introducers[i])
            at++;
        assert(at < SHARES && "each of the window brings three at most");
        if (at == view->n_shares)
            view->shares[view->n_shares++] = (struct share){c->introducers[i], 0};
        if (!least || view->shares[at].n < least->n)
            least = &view->shares[at];
    }
    if (may_refuse && least->n >= lookup->config.per_introducer)
        return false;
    least->n++;
    return true;
}

/* A question may have been lost; but nobody gets more of them than answers asked for, who has not shown that he is there. */
static bool may_ask_again(const struct kad_lookup *lookup, const struct kad_candidate *c)
{
    return c->n_asked <= lookup->config.retries &&
           (c->n_asked < c->n_named ||
            group_known(lookup, &kad_book_contact(lookup->book, c->contact)->endpoint, c->group_mark));
}

/* Is this as good a step? Within an eighth or so: with the first bit alone a lookup was faster and took more hops. */
static bool is_as_near(uint64_t near, uint64_t other)
{
    const int zeros = near ? __builtin_clzll(near) : 63;
    const int behind = zeros < 60 ? 60 - zeros : 0;

    return near >> behind == other >> behind;
}

/* Candidates come nearest first. `other` is no farther; NULL: there is none yet. */
static bool is_rather(const struct kad_lookup *lookup, const struct kad_candidate *fresh,
                      const struct kad_candidate *other)
{
    if (!other || fresh->rank >= other->rank)
        return !other;
    return other->rank == KAD_LOOKUP_LAST || fresh->near <= lookup->config.alike ||
           is_as_near(fresh->near, other->near);
}

/* The candidates [from, end) claim one id. One of them stands for it: who answered, else who was asked, else the
 * first. The others are asked only when it fails. */
static void view_id(const struct kad_lookup *lookup, struct view *view, struct kad_candidate *from,
                    const struct kad_candidate *end)
{
    const bool near = view->n_window < lookup->config.width ||
                      (from->near <= lookup->config.region && view->n_window < KAD_LOOKUP_WINDOW);
    struct kad_candidate *fresh = NULL, *silent = NULL;
    bool answered = false, asked = false, exists = false;

    for (struct kad_candidate *c = from; c != end; c++) {
        if (is_taken(lookup, c))
            continue;
        exists = true;
        if (c->state == KAD_CANDIDATE_ANSWERED)
            answered = true;
        else if (c->state == KAD_CANDIDATE_ASKED)
            asked = true;
        else if (c->state == KAD_CANDIDATE_NEW && !fresh)
            fresh = c;
        else if (c->state == KAD_CANDIDATE_LATE && !silent && may_ask_again(lookup, c))
            silent = c;
    }
    if (!exists)
        return;
    if (++view->n_ids <= lookup->config.width)
        view->named_to = from->near;
    if (!near && (walking(view) || view->n_spare >= view->spare))
        return;
    view->n_spare += !near;
    if (!answered && !asked && !fresh) {
        view->n_passed += near;
        if (near && !view->again)
            view->again = silent;
        return;
    }
    view->n_plain++;
    if (near && !charge(lookup, view, from, !answered && !asked)) {
        if (!view->over && (view->n_plain <= lookup->config.width || lookup->claims))
            view->over = fresh;
        return;
    }
    view->n_window++;
    if (near)
        view->window_to = from->near;
    if (view->n_window == 1)
        view->arrived = answered;
    if (answered)
        view->n_answered++;
    else if (!asked && is_rather(lookup, fresh, view->ask))
        view->ask = fresh;
    view->unasked = view->unasked || (near && !answered && !asked);
}

static void note_time(struct kad_lookup *lookup, struct kad_candidate *c, struct view *view, kad_ms now)
{
    if (c->state == KAD_CANDIDATE_ASKED && now >= c->late_at) {
        c->state = KAD_CANDIDATE_LATE;
        lookup->n_late = (uint16_t)(lookup->n_late + (c->n_asked == 1));
    }
    if (c->state == KAD_CANDIDATE_ASKED) {
        view->n_in_flight++;
        view->wake_at = kad_ms_min(view->wake_at, c->late_at);
    } else if (c->state == KAD_CANDIDATE_LATE) {
        view->n_late++;
        view->late_wake_at = kad_ms_max(view->late_wake_at, c->late_at + lookup->config.patience_ms);
    }
}

/* How many places the silent ones open behind the k nearest: all at once, for one after the other would cost a round
 * trip each. */
static unsigned spare(const struct kad_lookup *lookup)
{
    unsigned places = 0;

    for (size_t i = 0; i < lookup->n_candidates && places < lookup->config.spare; i++) {
        if (lookup->candidates[i].state == KAD_CANDIDATE_LATE ||
            lookup->candidates[i].state == KAD_CANDIDATE_FAILED)
            places += SPARE_FOR_ONE;
    }
    return places < lookup->config.spare ? places : lookup->config.spare;
}

/* Is the window behind us, with its spare places? Whoever comes from here on is only waited for: most of the
 * candidates. (With claims each is looked at, for they change.) */
static bool is_over(const struct kad_lookup *lookup, const struct view *view, const struct kad_candidate *c)
{
    return !lookup->claims && view->n_window >= lookup->config.width && c->near > lookup->config.region &&
           (walking(view) || view->n_spare >= view->spare);
}

static struct view look(struct kad_lookup *lookup, kad_ms now)
{
    struct share shares[SHARES];
    struct view view = {.wake_at = KAD_NEVER, .spare = spare(lookup), .shares = shares};
    struct kad_candidate *end, *next;

    if (lookup->n_candidates == 0)
        return view;
    end = lookup->candidates + lookup->n_candidates;
    for (struct kad_candidate *c = lookup->candidates; c != end; c = next) {
        if (is_over(lookup, &view, c)) {
            for (; c != end; c++)
                note_time(lookup, c, &view, now);
            break;
        }
        for (next = c; next != end && (next == c || same_id(lookup, c, next)); next++)
            note_time(lookup, next, &view, now);
        view_id(lookup, &view, c, next);
    }
    view.n_beyond = kad_lookup_beyond_pending(lookup, now, &view.wake_at);
    view.shares = NULL;
    return view;
}

/* Places are open as soon as somebody kept silent, be it early on the way: the end is asked for at once then, rather
 * than after each of its dead was waited for. */
static unsigned slots(const struct kad_lookup *lookup, const struct view *view)
{
    if ((!walking(view) || view->spare) && lookup->config.parallel_end > lookup->config.parallel)
        return lookup->config.parallel_end + view->spare;
    return lookup->config.parallel;
}

/* Some of the nearest named are dead, or there are more in the region than one answer names, so that others are among the nearest living: has it been asked who? */
static bool must_ask_beyond(const struct kad_lookup *lookup, const struct view *view)
{
    return lookup->config.beyond && !walking(view) && view->n_ids >= lookup->config.width &&
           (view->n_passed || view->named_to < lookup->config.region);
}

static uint64_t window_end(const struct kad_lookup *lookup, const struct view *view)
{
    if (view->n_window < lookup->config.width)
        return UINT64_MAX;
    return view->window_to > lookup->config.region ? view->window_to : lookup->config.region;
}

static enum kad_reason reason_to_end(const struct kad_lookup *lookup, const struct view *view)
{
    if (view->n_window >= lookup->config.width)
        return KAD_REASON_CONVERGED;
    return lookup->n_candidates > 0 ? KAD_REASON_EXHAUSTED : KAD_REASON_NO_CONTACTS;
}

/* Nobody is left that the introducers have places for. The k nearest known are asked nonetheless, in the end; of many paths
 * each other's quotas see to that, and one asks only when it can do nothing else. */
static bool may_exceed(const struct kad_lookup *lookup, const struct view *view)
{
    return !lookup->claims || (!view->n_in_flight && view->n_window < lookup->config.width);
}

struct kad_lookup_step kad_lookup_next(struct kad_lookup *lookup, kad_ms now)
{
    struct kad_lookup_step step = {.verdict = KAD_LOOKUP_DONE, .wake_at = KAD_NEVER};
    struct view view;

    if (lookup->reason != KAD_REASON_NONE)
        return step;

    view = look(lookup, now);
    if (must_ask_beyond(lookup, &view) &&
        kad_lookup_beyond_next(lookup, view.named_to, window_end(lookup, &view), now, &step))
        return step;
    if (!view.ask)
        view.ask = view.again;
    if (!view.ask && may_exceed(lookup, &view))
        view.ask = view.over;
    if (view.ask && view.n_in_flight < slots(lookup, &view)) {
        view.ask->state = KAD_CANDIDATE_ASKED;
        view.ask->late_at = now + lookup->config.patience_ms;
        view.ask->n_pending++;
        lookup->n_asked = (uint16_t)(lookup->n_asked + (view.ask->n_asked == 0));
        if (lookup->claims)
            kad_claims_add(lookup->claims, view.ask->contact);
        step.verdict = KAD_LOOKUP_ASK;
        step.ask = view.ask->contact;
        step.hop = view.ask->hop;
        step.again = view.ask->n_asked++ > 0;
    } else if (view.n_answered < view.n_window || view.ask || view.n_beyond) {
        assert((view.n_in_flight > 0 || view.n_beyond > 0) && "a wait nothing can end");
        step.verdict = KAD_LOOKUP_WAIT;
        step.wake_at = view.wake_at;
    } else if (view.n_window < lookup->config.width && view.n_late > 0 &&
               (view.n_answered == 0 || now < view.late_wake_at)) {
        /* Too few to end with, and some may only be slow. Without any answer at all there is nothing better to do
         * than to wait until they fail. */
        step.verdict = KAD_LOOKUP_WAIT;
        step.wake_at = view.n_answered == 0 ? KAD_NEVER : view.late_wake_at;
    } else {
        lookup->reason = (uint8_t)reason_to_end(lookup, &view);
    }
    return step;
}

/* -- what came of it -------------------------------------------------------------------------------------------- */

static struct kad_candidate *find_asked(const struct kad_lookup *lookup, kad_contact_ref from)
{
    struct kad_candidate *c = lookup->reason == KAD_REASON_NONE ? find(lookup, from) : NULL;

    return c && (c->state == KAD_CANDIDATE_ASKED || c->state == KAD_CANDIDATE_LATE) ? c : NULL;
}

void kad_lookup_name(struct kad_lookup *lookup, kad_contact_ref from, uint8_t hop,
                     const kad_contact_ref *closer, size_t n_closer)
{
    const struct kad_candidate *namer = lookup->config.per_introducer ? find(lookup, from) : NULL;
    const kad_contact_ref root =
        namer && namer->introducers[0] != KAD_NO_CONTACT ? namer->introducers[0] : from;

    for (size_t i = 0; i < n_closer; i++) {
        struct kad_candidate *c;

        (void)add(lookup, closer[i], hop < MAX_HOP ? (uint8_t)(hop + 1) : MAX_HOP, 1);
        c = lookup->config.per_introducer ? find(lookup, closer[i]) : NULL;
        if (c && (c->hop > 1 || c->introducers[0] != KAD_NO_CONTACT))
            note_introducer(c, root);
    }
}

bool kad_lookup_reply(struct kad_lookup *lookup, kad_contact_ref from, const kad_contact_ref *closer,
                      size_t n_closer)
{
    struct kad_candidate *c = find_asked(lookup, from);
    uint8_t hop;

    if (!c)
        return false;
    hop = c->hop;
    c->state = KAD_CANDIDATE_ANSWERED;
    lookup->n_answered++;
    if (hop > lookup->deepest_hop)
        lookup->deepest_hop = hop;
    kad_lookup_name(lookup, from, hop, closer, n_closer);
    return true;
}

bool kad_lookup_fail(struct kad_lookup *lookup, kad_contact_ref from)
{
    struct kad_candidate *c = find_asked(lookup, from);

    if (!c)
        return false;
    if (--c->n_pending > 0)
        return true;
    c->state = KAD_CANDIDATE_FAILED;
    lookup->n_failed++;
    return true;
}

void kad_lookup_resume(struct kad_lookup *lookup, unsigned width)
{
    assert(width >= lookup->config.width && "who has been asked cannot be unasked");
    lookup->config.width = width < 64 ? width : 64;
    lookup->reason = KAD_REASON_NONE;
}

void kad_lookup_stop(struct kad_lookup *lookup, enum kad_reason reason)
{
    assert(reason != KAD_REASON_NONE && "an end has a reason");
    if (lookup->reason == KAD_REASON_NONE)
        lookup->reason = (uint8_t)reason;
}

size_t kad_lookup_closest(const struct kad_lookup *lookup, size_t n, kad_contact_ref *out_contacts)
{
    const struct kad_candidate *last = NULL;
    size_t n_found = 0;

    for (size_t i = 0; i < lookup->n_candidates && n_found < n; i++) {
        const struct kad_candidate *c = &lookup->candidates[i];

        if (c->state != KAD_CANDIDATE_ANSWERED || (last && same_id(lookup, last, c)))
            continue;
        out_contacts[n_found++] = c->contact;
        last = c;
    }
    return n_found;
}
