#include "core/active.h"

#include "base/endpoint.h"
#include "core/peers.h"
#include "core/walk.h"

#define ROLE_POINTS    5  /* what a role is worth among equals */
#define ROLE_FROM      50 /* of whom nothing bad is known */
#define MUCH_BETTER    10
#define LOOK_AGAIN     KAD_MINUTE
#define PINGS          16 /* at once */
#define CHOOSE_AGAIN   (30 * KAD_MINUTE)
#define CHOOSE_SOON    (5 * KAD_MINUTE) /* there are places */
#define CHOOSE_NOW     8                /* fewer than these: at the next look */
#define CANDIDATES     KAD_SAVED_MAX
#define NOBODY         UINT32_MAX
#define OF_A_GROUP(n)  ((n) / 8 > 1 ? (n) / 8 : 1)
#define OF_A_SYSTEM(n) ((n) / 4 > 1 ? (n) / 4 : 1)

static struct kad_active *active_of(const struct kad_dht *dht)
{
    return &dht->member->active;
}

static const struct kad_contact *who(const struct kad_dht *dht, kad_contact_ref contact)
{
    return kad_book_contact(dht->book, contact);
}

static bool is_bootstrap(const struct kad_dht *dht, kad_contact_ref contact)
{
    return kad_peers_reserved(dht, &who(dht, contact)->id);
}

/* What it is chosen for; 0: it is not. */
static unsigned rank(const struct kad_dht *dht, kad_contact_ref contact, kad_ms now)
{
    const struct kad_scores *scores = kad_peers_scores(dht);
    const struct kad_contact *contact_of = who(dht, contact);
    const unsigned score = kad_score_of(scores, &contact_of->id, &contact_of->endpoint, now);

    if (kad_score_state(scores, &contact_of->id, &contact_of->endpoint, now) != KAD_PEER_FINE)
        return 0;
    return score + (score >= ROLE_FROM && kad_score_role(scores, &contact_of->id) != KAD_ROLE_REGULAR
                        ? ROLE_POINTS
                        : 0);
}

static void drop(struct kad_dht *dht, unsigned at)
{
    struct kad_active *active = active_of(dht);

    kad_book_release(dht->book, active->contacts[at]);
    active->contacts[at] = active->contacts[--active->n];
}

/* The one with the lowest rank; bootstraps last of all. NOBODY: there is none. */
static uint32_t worst(const struct kad_dht *dht, bool spare_bootstraps, unsigned *out_rank, kad_ms now)
{
    const struct kad_active *active = active_of(dht);
    uint32_t at = NOBODY;

    for (unsigned i = 0; i < active->n; i++) {
        const unsigned r = rank(dht, active->contacts[i], now);

        if (spare_bootstraps && is_bootstrap(dht, active->contacts[i]))
            continue;
        if (at == NOBODY || r < *out_rank) {
            at = i;
            *out_rank = r;
        }
    }
    return at;
}

static void leave(struct kad_dht *dht, kad_ms now)
{
    struct kad_active *active = active_of(dht);
    unsigned least = 0;

    while (active->n > dht->settings->max_peers) {
        const uint32_t at = worst(dht, true, &least, now);

        drop(dht, at == NOBODY ? active->n - 1u : at);
    }
}

/* Would there be too many of its kind beside these? `instead`: who would leave; NOBODY: nobody. */
static bool fits(const struct kad_dht *dht, kad_contact_ref contact, uint32_t instead)
{
    const struct kad_active *active = active_of(dht);
    const unsigned most = dht->settings->max_peers, reserved = dht->settings->reserved_bootstraps;
    const struct kad_endpoint *endpoint = &who(dht, contact)->endpoint;
    const struct kad_place place = kad_book_place(dht->book, contact);
    const bool counts = dht->settings->limit_local || kad_endpoint_scope(endpoint) == KAD_SCOPE_PUBLIC;
    unsigned n_regular = 0, n_group = 0, n_system = 0;

    for (unsigned i = 0; i < active->n; i++) {
        const kad_contact_ref other = active->contacts[i];

        if (i == instead)
            continue;
        n_regular += !is_bootstrap(dht, other);
        n_group += counts &&
                   kad_endpoint_wide_group(endpoint) == kad_endpoint_wide_group(&who(dht, other)->endpoint);
        n_system += place.as_number && place.as_number == kad_book_place(dht->book, other).as_number;
    }
    if (is_bootstrap(dht, contact))
        return true;
    return n_regular + (reserved < most ? reserved : most) < most && n_group < OF_A_GROUP(most) &&
           n_system < OF_A_SYSTEM(most);
}

struct choice {
    kad_contact_ref contacts[CANDIDATES];
    uint8_t ranks[CANDIDATES]; /* 0: not, or not any more */
    size_t n;
};

static void look_around(struct kad_dht *dht, struct choice *choice, kad_ms now)
{
    choice->n = 0;
    for (int i = 0; i < KAD_FAMILIES; i++) {
        if (dht->tables[i])
            choice->n += kad_table_all(dht->tables[i], CANDIDATES - choice->n, choice->contacts + choice->n);
    }
    for (size_t i = 0; i < choice->n; i++) {
        const unsigned r =
            kad_active_has(dht, &who(dht, choice->contacts[i])->id) ? 0 : rank(dht, choice->contacts[i], now);

        choice->ranks[i] = (uint8_t)(r && is_bootstrap(dht, choice->contacts[i]) ? UINT8_MAX : r);
    }
}

/* The best that fits, once. KAD_NO_CONTACT: nobody does. */
static kad_contact_ref best(const struct kad_dht *dht, struct choice *choice, uint32_t instead,
                            unsigned above)
{
    for (;;) {
        size_t at = choice->n;

        for (size_t i = 0; i < choice->n; i++) {
            if (choice->ranks[i] > above && (at == choice->n || choice->ranks[i] > choice->ranks[at]))
                at = i;
        }
        if (at == choice->n)
            return KAD_NO_CONTACT;
        choice->ranks[at] = 0;
        if (fits(dht, choice->contacts[at], instead))
            return choice->contacts[at];
    }
}

static void take(struct kad_dht *dht, kad_contact_ref contact)
{
    struct kad_active *active = active_of(dht);

    kad_book_retain(dht->book, contact);
    active->contacts[active->n++] = contact;
}

static void choose(struct kad_dht *dht, kad_ms now)
{
    struct kad_active *active = active_of(dht);
    struct choice choice;
    kad_contact_ref contact;
    unsigned least = 0;
    uint32_t at;

    look_around(dht, &choice, now);
    while (active->n < dht->settings->max_peers &&
           (contact = best(dht, &choice, NOBODY, 0)) != KAD_NO_CONTACT)
        take(dht, contact);
    at = worst(dht, true, &least, now);
    contact = at == NOBODY ? KAD_NO_CONTACT : best(dht, &choice, at, least + MUCH_BETTER);
    if (contact != KAD_NO_CONTACT) { /* one at a time: who is better stays better */
        drop(dht, at);
        take(dht, contact);
    }
    active->choose_at = now + (active->n < CHOOSE_NOW                 ? LOOK_AGAIN
                               : active->n < dht->settings->max_peers ? CHOOSE_SOON
                                                                      : CHOOSE_AGAIN);
}

static void keep_up(struct kad_dht *dht, kad_ms now, struct kad_outbox *out)
{
    const struct kad_active *active = active_of(dht);
    const kad_ms keep = dht->settings->peer_keep_ms;
    unsigned n_pings = 0;

    for (unsigned i = 0; keep && i < active->n && n_pings < PINGS; i++) {
        const kad_contact_ref contact = active->contacts[i];
        const struct kad_table *table = dht->tables[kad_family_index(who(dht, contact)->endpoint.family)];

        if (now - kad_table_heard_at(table, kad_table_find(table, contact)) < keep ||
            kad_query_pending(&dht->queries, contact))
            continue;
        if (kad_dht_budget_wait(dht, false, now))
            return;
        kad_dht_ping(dht, contact, now, out);
        n_pings++;
    }
}

/* T30: said once each time the contacts become too few. */
static void watch_few(struct kad_dht *dht, kad_ms now)
{
    struct kad_active *active = active_of(dht);
    const bool enough = kad_dht_n_contacts(dht) >= dht->settings->min_contacts;

    if (active->enough && !enough)
        kad_dht_warn(dht, KAD_WARN_FEW_CONTACTS, now);
    active->enough = enough;
}

void kad_active_tick(struct kad_dht *dht, kad_ms now, struct kad_outbox *out)
{
    struct kad_active *active;

    if (!kad_peers_scores(dht) || !dht->join.ready)
        return;
    active = active_of(dht);
    if (now < active->look_at)
        return;
    active->look_at = now + LOOK_AGAIN;
    watch_few(dht, now);
    leave(dht, now);
    if (now >= active->choose_at || active->n < CHOOSE_NOW)
        choose(dht, now);
    keep_up(dht, now, out);
}

void kad_active_forget(struct kad_dht *dht, const struct kad_id *id)
{
    for (unsigned i = 0; dht->member && i < dht->member->active.n; i++) {
        if (kad_id_equal(&who(dht, dht->member->active.contacts[i])->id, id)) {
            drop(dht, i);
            return;
        }
    }
}

bool kad_active_has(const struct kad_dht *dht, const struct kad_id *id)
{
    for (unsigned i = 0; dht->member && i < dht->member->active.n; i++) {
        if (kad_id_equal(&who(dht, dht->member->active.contacts[i])->id, id))
            return true;
    }
    return false;
}

void kad_active_clear(struct kad_dht *dht)
{
    while (dht->member && dht->member->active.n)
        drop(dht, dht->member->active.n - 1u);
}

void kad_active_walk(struct kad_walk *walk, struct kad_dht *dht)
{
    struct kad_active *active = active_of(dht);
    const size_t n = kad_walk_count(walk, active->n, KAD_ACTIVE_MAX);

    for (size_t i = 0; i < n && !walk->bad; i++) {
        kad_walk_contact(walk, &active->contacts[i]);
        if (kad_walk_reads(walk) && active->contacts[i] != KAD_NO_CONTACT)
            active->n++;
    }
    if (active->n != n)
        kad_walk_fail(walk);
    KAD_WALK(walk, active->look_at);
    KAD_WALK(walk, active->choose_at);
    KAD_WALK(walk, active->enough);
}
