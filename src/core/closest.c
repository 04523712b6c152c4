#include "core/closest.h"

#include <string.h>

#include "core/operation_parts.h"
#include "core/walk.h"

static void drop(struct kad_dht *dht, size_t at)
{
    struct kad_closest *closest = dht->closest;
    struct kad_closest_set *set = &closest->sets[at];

    for (size_t i = 0; i < set->n; i++)
        kad_book_release(dht->book, set->contacts[i]);
    for (size_t i = 0; i < set->n_roots; i++)
        kad_book_release(dht->book, set->roots[i]);
    *set = closest->sets[--closest->n];
}

void kad_closest_clear(struct kad_dht *dht)
{
    while (dht->closest && dht->closest->n)
        drop(dht, dht->closest->n - 1u);
    kad_free(dht->allocator, dht->closest, sizeof(*dht->closest));
    dht->closest = NULL;
}

void kad_closest_expire(struct kad_dht *dht, kad_ms now)
{
    if (!dht->closest)
        return;
    for (size_t i = dht->closest->n; i > 0; i--) {
        if (now - dht->closest->sets[i - 1].at >= dht->settings->closest_ms)
            drop(dht, i - 1);
    }
    if (!dht->closest->n)
        kad_closest_clear(dht);
}

void kad_closest_forget(struct kad_dht *dht, kad_contact_ref contact)
{
    for (size_t i = 0; dht->closest && i < dht->closest->n; i++) {
        struct kad_closest_set *set = &dht->closest->sets[i];
        size_t at = 0;

        while (at < set->n && set->contacts[at] != contact)
            at++;
        if (at == set->n)
            continue;
        set->n--;
        memmove(&set->contacts[at], &set->contacts[at + 1], (set->n - at) * sizeof(*set->contacts));
        memmove(&set->through[at], &set->through[at + 1], (set->n - at) * sizeof(*set->through));
        kad_book_release(dht->book, contact);
    }
}

static struct kad_closest_set *find(const struct kad_dht *dht, const struct kad_id *target, int family)
{
    for (size_t i = 0; dht->closest && i < dht->closest->n; i++) {
        struct kad_closest_set *set = &dht->closest->sets[i];

        if (set->family == family && kad_id_equal(&set->target, target))
            return set;
    }
    return NULL;
}

/* -- keeping ---------------------------------------------------------------------------------------------------- */

/* The root's number; KAD_CLOSEST_OWN: there is no place for it. */
static uint8_t number_of(struct kad_closest_set *set, kad_contact_ref root)
{
    for (uint8_t i = 0; i < set->n_roots; i++) {
        if (set->roots[i] == root)
            return i;
    }
    if (set->n_roots == KAD_CLOSEST_ROOTS)
        return KAD_CLOSEST_OWN;
    set->roots[set->n_roots] = root;
    return set->n_roots++;
}

/* Not with all its introducers missing for want of a place: it would count as an own contact. */
static void take(struct kad_closest_set *set, const struct kad_candidate *candidate)
{
    uint8_t *through = set->through[set->n];
    unsigned n = 0;

    memset(through, KAD_CLOSEST_OWN, KAD_LOOKUP_INTRODUCERS);
    for (size_t i = 0; i < KAD_LOOKUP_INTRODUCERS && candidate->introducers[i] != KAD_NO_CONTACT; i++) {
        const uint8_t number = number_of(set, candidate->introducers[i]);

        if (number != KAD_CLOSEST_OWN)
            through[n++] = number;
    }
    if (n || candidate->introducers[0] == KAD_NO_CONTACT)
        set->contacts[set->n++] = candidate->contact;
}

static void keep(struct kad_dht *dht, const struct kad_operation *operation, int family, kad_ms now)
{
    const struct kad_paths *paths = &operation->paths[family];
    struct kad_closest_set fresh = {.target = operation->request.target,
                                    .at = now,
                                    .family = (uint8_t)family,
                                    .whole = kad_paths_reason(paths) == KAD_REASON_CONVERGED ||
                                             kad_paths_reason(paths) == KAD_REASON_EXHAUSTED};
    struct kad_closest_set *known = find(dht, &fresh.target, family);
    kad_contact_ref nearest[KAD_CLOSEST_WIDTH];
    const unsigned k = dht->settings->k;
    const size_t n = kad_paths_closest(paths, k < KAD_CLOSEST_WIDTH ? k : KAD_CLOSEST_WIDTH, nearest);
    size_t oldest = 0;

    if (!n || (known && known->n && known->whole && !fresh.whole))
        return; /* what a get met on its way is no better than all the nearest */
    for (size_t i = 0; i < n; i++)
        take(&fresh, kad_paths_candidate(paths, nearest[i]));
    if (!dht->closest)
        dht->closest = kad_alloc_zero(dht->allocator, sizeof(*dht->closest));
    if (!dht->closest)
        return;
    for (size_t i = 0; i < fresh.n; i++)
        kad_book_retain(dht->book, fresh.contacts[i]);
    for (size_t i = 0; i < fresh.n_roots; i++)
        kad_book_retain(dht->book, fresh.roots[i]);
    for (size_t i = 1; i < dht->closest->n; i++) {
        if (dht->closest->sets[i].at < dht->closest->sets[oldest].at)
            oldest = i;
    }
    if (known)
        drop(dht, (size_t)(known - dht->closest->sets));
    else if (dht->closest->n == KAD_CLOSEST_SETS)
        drop(dht, oldest);
    dht->closest->sets[dht->closest->n++] = fresh;
}

void kad_closest_keep(struct kad_dht *dht, const struct kad_operation *operation, kad_ms now)
{
    if (!dht->settings->closest_ms || operation->request.prefix_bits)
        return;
    for (int i = 0; i < KAD_FAMILIES; i++) {
        struct kad_closest_set *known = find(dht, &operation->request.target, i);

        if (!operation->families[i])
            continue;
        if (!kad_operation_found_nothing(operation) && !kad_operation_confidence(dht, operation, i).sparse)
            keep(dht, operation, i, now);
        else if (known)
            drop(dht, (size_t)(known - dht->closest->sets));
    }
}

/* -- beginning with them ---------------------------------------------------------------------------------------- */

/* That of the target itself, or the one whose target is nearest, if somebody in it is nearer than all the table knows. */
static struct kad_closest_set *best_for(const struct kad_dht *dht, const struct kad_id *target, int family)
{
    struct kad_closest_set *best = NULL;
    kad_contact_ref own;

    for (size_t i = 0; i < dht->closest->n; i++) {
        struct kad_closest_set *set = &dht->closest->sets[i];

        if (set->family == family && set->n &&
            (!best || kad_id_compare(target, &set->target, &best->target) < 0))
            best = set;
    }
    if (!best || kad_id_equal(&best->target, target) ||
        kad_table_closest(dht->tables[family], target, 1, &own) == 0)
        return best;
    for (size_t i = 0; i < best->n; i++) {
        if (kad_id_compare(target, &kad_book_contact(dht->book, best->contacts[i])->id,
                           &kad_book_contact(dht->book, own)->id) < 0)
            return best;
    }
    return NULL;
}

/* Those whom it was named through that this path knows. On a single path an own contact that is too far to be among the first
 * is one of them, too. */
static size_t roots_on(const struct kad_dht *dht, const struct kad_closest_set *set, size_t which,
                       struct kad_lookup *lookup, bool single,
                       kad_contact_ref out_roots[KAD_LOOKUP_INTRODUCERS])
{
    size_t n = 0;

    for (size_t i = 0; i < KAD_LOOKUP_INTRODUCERS && set->through[which][i] != KAD_CLOSEST_OWN; i++) {
        const kad_contact_ref root = set->roots[set->through[which][i]];

        if (kad_lookup_candidate(lookup, root) ||
            (single && kad_table_find(dht->tables[set->family], root) && kad_lookup_add(lookup, root)))
            out_roots[n++] = root;
    }
    return n;
}

static bool is_on_a_path(const struct kad_paths *paths, kad_contact_ref contact)
{
    return kad_paths_candidate(paths, contact) != NULL;
}

static bool add(struct kad_dht *dht, struct kad_paths *paths, const struct kad_closest_set *set, size_t which)
{
    const kad_contact_ref contact = set->contacts[which];
    const struct kad_contact *who = kad_book_contact(dht->book, contact);
    const unsigned n_paths = kad_paths_count(paths);

    if (!kad_dht_acceptable(dht, who, &who->endpoint) || is_on_a_path(paths, contact))
        return false;
    if (set->through[which][0] == KAD_CLOSEST_OWN)
        return kad_lookup_add_seed(kad_paths_at(paths, (unsigned)which % n_paths), contact, NULL, 0);
    for (unsigned i = 0; i < n_paths; i++) {
        kad_contact_ref roots[KAD_LOOKUP_INTRODUCERS];
        struct kad_lookup *lookup = kad_paths_at(paths, i);
        const size_t n = roots_on(dht, set, which, lookup, n_paths == 1, roots);

        if (n)
            return kad_lookup_add_seed(lookup, contact, roots, n);
    }
    return false;
}

/* Requests that ask all the nearest, whatever the first of them answer. */
static bool goes_to_the_end(const struct kad_request *request)
{
    return request->kind == KAD_REQUEST_CLOSEST || request->kind == KAD_REQUEST_SAMPLE ||
           kad_request_stores(request) || (request->kind == KAD_REQUEST_PEERS && !request->first);
}

void kad_closest_seed(struct kad_dht *dht, struct kad_operation *operation, kad_ms now)
{
    const struct kad_id *target = &operation->request.target;
    bool same = false, near = false;

    kad_closest_expire(dht, now);
    for (int i = 0; i < KAD_FAMILIES && dht->closest && !operation->request.prefix_bits; i++) {
        struct kad_paths *paths = &operation->paths[i];
        struct kad_closest_set *set;

        if (!operation->families[i])
            continue;
        if (operation->request.fresh) {
            set = find(dht, target, i);
            if (set)
                drop(dht, (size_t)(set - dht->closest->sets));
            continue;
        }
        /* Who was named through whom is known only where it is counted; and paths are to share nobody. */
        set = paths->n_more && !dht->settings->per_introducer ? NULL : best_for(dht, target, i);
        if (!set)
            continue;
        for (size_t j = 0; j < set->n; j++)
            (void)add(dht, paths, set, j);
        if (!kad_id_equal(&set->target, target)) {
            near = true;
            continue;
        }
        same = true;
        if (set->whole && !paths->n_more && goes_to_the_end(&operation->request))
            paths->first.config.parallel = paths->first.config.width; /* who is to be asked is known */
    }
    if (dht->measures) {
        dht->measures->lookups_same += same;
        dht->measures->lookups_near += near && !same;
    }
}

/* -- written down, and checked ---------------------------------------------------------------------------------- */

static bool set_sound(const struct kad_dht *dht, const struct kad_closest_set *set)
{
    if (set->n > KAD_CLOSEST_WIDTH || set->n_roots > KAD_CLOSEST_ROOTS || set->family >= KAD_FAMILIES ||
        !dht->tables[set->family])
        return false;
    for (size_t i = 0; i < set->n; i++) {
        if (set->contacts[i] == KAD_NO_CONTACT ||
            (i && kad_id_compare(&set->target, &kad_book_contact(dht->book, set->contacts[i - 1])->id,
                                 &kad_book_contact(dht->book, set->contacts[i])->id) > 0))
            return false;
        for (size_t j = 0; j < KAD_LOOKUP_INTRODUCERS; j++) {
            if (set->through[i][j] != KAD_CLOSEST_OWN && set->through[i][j] >= set->n_roots)
                return false;
        }
    }
    return true;
}

bool kad_closest_sound(const struct kad_dht *dht, const char **out_why)
{
    for (size_t i = 0; dht->closest && i < dht->closest->n; i++) {
        if (!set_sound(dht, &dht->closest->sets[i])) {
            *out_why = "who answered nearest is out of order";
            return false;
        }
    }
    return true;
}

static void walk_contacts(struct kad_walk *walk, kad_contact_ref *contacts, uint8_t *n, size_t most)
{
    const size_t n_all = kad_walk_count(walk, *n, most);

    if (kad_walk_reads(walk))
        *n = 0;
    for (size_t i = 0; i < n_all && !walk->bad; i++) {
        kad_walk_contact(walk, &contacts[i]);
        if (kad_walk_reads(walk) && contacts[i] == KAD_NO_CONTACT)
            kad_walk_fail(walk);
        else if (kad_walk_reads(walk))
            ++*n;
    }
}

void kad_closest_walk(struct kad_walk *walk, struct kad_dht *dht)
{
    const size_t n = kad_walk_count(walk, dht->closest ? dht->closest->n : 0u, KAD_CLOSEST_SETS);
    const char *why;

    if (kad_walk_reads(walk))
        dht->closest = n ? kad_walk_room(walk, 1, sizeof(*dht->closest)) : NULL;
    for (size_t i = 0; dht->closest && i < n && !walk->bad; i++) {
        struct kad_closest_set *set = &dht->closest->sets[i];

        if (kad_walk_reads(walk))
            dht->closest->n++;
        KAD_WALK_BYTES(walk, set->target);
        KAD_WALK(walk, set->at);
        KAD_WALK(walk, set->family);
        KAD_WALK(walk, set->whole);
        walk_contacts(walk, set->contacts, &set->n, KAD_CLOSEST_WIDTH);
        walk_contacts(walk, set->roots, &set->n_roots, KAD_CLOSEST_ROOTS);
        for (size_t j = 0; j < set->n; j++)
            KAD_WALK_BYTES(walk, set->through[j]);
    }
    if (kad_walk_reads(walk) && !walk->bad && !kad_closest_sound(dht, &why))
        kad_walk_fail(walk);
}
