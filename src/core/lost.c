#include "core/lost.h"

#include "core/dht.h"

#define COUNTED    (20 * KAD_MINUTE) /* a table finds out about half of its contacts in about this time */
#define ASK_EACH   KAD_MINUTE
#define ASK_FOR    (90 * KAD_MINUTE)
#define MEET_AGAIN (10 * KAD_MINUTE) /* others of the other side answer now, too: nothing new */

static bool asked_now(const struct kad_lost *lost, kad_ms now)
{
    return now < lost->until;
}

/* More than a quarter of what the table held when counting began. */
static bool many_left(struct kad_dht *dht, struct kad_lost *lost, kad_ms now)
{
    if (now - lost->counted_from >= COUNTED || !lost->n_left) {
        const size_t n = kad_dht_n_contacts(dht) + 1; /* the one that just left */

        lost->counted_from = now;
        lost->n_left = 0;
        lost->n_before = (uint16_t)(n < UINT16_MAX ? n : UINT16_MAX);
    }
    lost->n_left = (uint16_t)(lost->n_left + (lost->n_left < UINT16_MAX));
    return lost->n_left * 4 > lost->n_before;
}

void kad_lost_note(struct kad_dht *dht, kad_contact_ref contact, kad_ms now)
{
    struct kad_lost *lost = dht->lost;
    bool many;

    if (!lost) {
        lost = dht->lost = kad_alloc_zero(dht->allocator, sizeof(*lost));
        if (!lost)
            return; /* they are remembered for their worth, not for need */
        lost->until = now;
    }
    many = many_left(dht, lost, now);
    if (contact != KAD_NO_CONTACT && (!asked_now(lost, now) || lost->n < KAD_LOST_MAX)) {
        const unsigned place = lost->n < KAD_LOST_MAX ? lost->n++ : lost->next++ % KAD_LOST_MAX;

        kad_book_release(dht->book, lost->contacts[place]);
        kad_book_retain(dht->book, contact);
        lost->contacts[place] = contact;
    }
    if (!many)
        return;
    if (!asked_now(lost, now)) {
        lost->ask_at = now + kad_rng_jitter(&dht->rng, ASK_EACH, 50);
        kad_join_deepen(dht, now); /* our nearest are others now */
    }
    lost->until = now + ASK_FOR;
}

void kad_lost_heard(struct kad_dht *dht, kad_contact_ref contact, kad_ms now)
{
    struct kad_lost *lost = dht->lost;
    unsigned place = 0;

    while (lost && place < lost->n && lost->contacts[place] != contact)
        place++;
    if (!lost || place == lost->n)
        return;
    lost->contacts[place] = lost->contacts[--lost->n];
    lost->contacts[lost->n] = KAD_NO_CONTACT;
    if (asked_now(lost, now) && now >= lost->meet_at && kad_join_through(dht, contact, now))
        lost->meet_at = now + MEET_AGAIN;
    kad_book_release(dht->book, contact);
}

void kad_lost_tick(struct kad_dht *dht, kad_ms now, struct kad_outbox *out)
{
    struct kad_lost *lost = dht->lost;
    kad_contact_ref contact;

    if (!lost || !lost->n || now < lost->ask_at || !asked_now(lost, now) || !out->room ||
        kad_dht_budget_wait(dht, false, now))
        return;
    lost->ask_at = now + kad_rng_jitter(&dht->rng, ASK_EACH, 50);
    contact = lost->contacts[lost->next++ % lost->n];
    if (!kad_query_pending(&dht->queries, contact))
        kad_dht_ping(dht, contact, now, out);
}

void kad_lost_clear(struct kad_dht *dht)
{
    for (unsigned i = 0; dht->lost && i < dht->lost->n; i++)
        kad_book_release(dht->book, dht->lost->contacts[i]);
    kad_free(dht->allocator, dht->lost, sizeof(*dht->lost));
    dht->lost = NULL;
}
