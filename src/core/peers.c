#include "core/peers.h"

#include "base/endpoint.h"
#include "base/hash.h"
#include "core/active.h"

static unsigned place_of(const struct kad_member *member, const struct kad_id *id)
{
    unsigned i = 0;

    while (i < member->n_reserved && !kad_id_equal(&member->reserved[i], id))
        i++;
    return i;
}

static unsigned kept(const void *context, const struct kad_contact *contact)
{
    const struct kad_member *member = context;

    if (place_of(member, &contact->id) < member->n_reserved)
        return KAD_TABLE_RESERVED;
    return kad_score_kept(member->scores, &contact->id, &contact->endpoint, member->scored_at);
}

static bool doubts(const void *context)
{
    const struct kad_member *member = context;

    return kad_score_doubts(member->scores, member->scored_at);
}

int kad_peers_new(struct kad_dht *dht, kad_ms now)
{
    const struct kad_settings *settings = dht->settings;
    struct kad_score_config config = {
        .allocator = dht->allocator,
        .ceiling = settings->score_peers,
        .half_life_ms = settings->score_half_life_ms,
        .ban_ms = settings->ban_ms,
    };

    if (!dht->member || !settings->score_peers)
        return KAD_OK;
    config.hash_key = kad_hash(UINT64_C(0x73636f7265), dht->member->secret, sizeof(dht->member->secret));
    dht->member->scores = kad_scores_new(&config);
    if (!dht->member->scores)
        return KAD_E_MEMORY;
    dht->member->opinion = (struct kad_table_opinion){
        .kept = kept, .doubts = doubts, .context = dht->member, .least = settings->min_score};
    dht->member->scored_at = now;
    return KAD_OK;
}

void kad_peers_free(struct kad_dht *dht)
{
    if (!dht->member)
        return;
    kad_scores_free(dht->member->scores);
    dht->member->scores = NULL;
}

const struct kad_table_opinion *kad_peers_opinion(const struct kad_dht *dht)
{
    return kad_peers_scores(dht) ? &dht->member->opinion : NULL;
}

void kad_peers_set_settings(struct kad_dht *dht)
{
    if (!kad_peers_scores(dht))
        return;
    kad_scores_configure(dht->member->scores, dht->settings->score_half_life_ms, dht->settings->ban_ms);
    dht->member->opinion.least = dht->settings->min_score;
}

void kad_peers_tick(struct kad_dht *dht, kad_ms now)
{
    if (dht->member)
        dht->member->scored_at = now;
}

bool kad_peers_banned(const struct kad_dht *dht, const struct kad_id *id, const struct kad_endpoint *endpoint)
{
    return kad_peers_scores(dht) &&
           kad_score_state(dht->member->scores, id, endpoint, dht->member->scored_at) == KAD_PEER_BANNED;
}

bool kad_peers_welcome(const struct kad_dht *dht, kad_contact_ref contact)
{
    const struct kad_contact *who = kad_book_contact(dht->book, contact);
    const struct kad_member *member = dht->member;
    const unsigned least = dht->settings->min_score;
    unsigned reputation;

    if (!member)
        return true;
    if (least && kad_score_kept(member->scores, &who->id, &who->endpoint, member->scored_at) < least)
        return false;
    if (!member->gate.reputation)
        return true;
    reputation = member->gate.reputation(member->gate.context, who, kad_book_identity(dht->book, contact));
    return reputation > 0 && reputation >= least;
}

bool kad_peers_reserved(const struct kad_dht *dht, const struct kad_id *id)
{
    return dht->member && place_of(dht->member, id) < dht->member->n_reserved;
}

void kad_peers_unreserve(struct kad_dht *dht, const struct kad_id *id)
{
    struct kad_member *member = dht->member;

    if (kad_peers_reserved(dht, id))
        member->reserved[place_of(member, id)] = member->reserved[--member->n_reserved];
}

static struct kad_table *table_of(const struct kad_dht *dht, const struct kad_endpoint *endpoint)
{
    return dht->tables[kad_family_index(endpoint->family)];
}

void kad_peers_reserve(struct kad_dht *dht, kad_contact_ref contact)
{
    const struct kad_contact *who = kad_book_contact(dht->book, contact);
    struct kad_member *member = dht->member;

    if (kad_peers_scores(dht) && member->n_reserved < dht->settings->reserved_bootstraps &&
        !kad_peers_reserved(dht, &who->id) && kad_table_find(table_of(dht, &who->endpoint), contact))
        member->reserved[member->n_reserved++] = who->id;
}

static void note(struct kad_dht *dht, kad_contact_ref contact, enum kad_deed deed, int rtt_ms, size_t bytes,
                 kad_ms now)
{
    const struct kad_contact *who = kad_book_contact(dht->book, contact);

    (void)kad_score_note(dht->member->scores, &who->id, &who->endpoint, deed, rtt_ms, bytes, now);
}

void kad_peers_answered(struct kad_dht *dht, kad_contact_ref contact, kad_ms rtt, size_t bytes, kad_ms now)
{
    if (kad_peers_scores(dht) &&
        kad_table_find(table_of(dht, &kad_book_contact(dht->book, contact)->endpoint), contact))
        note(dht, contact, KAD_DEED_ANSWERED, (int)kad_ms_min(rtt, KAD_HOUR), bytes, now);
}

void kad_peers_say(struct kad_dht *dht, kad_contact_ref contact, enum kad_role role)
{
    if (kad_peers_scores(dht))
        kad_score_say(dht->member->scores, &kad_book_contact(dht->book, contact)->id, role);
}

void kad_peers_refused(struct kad_dht *dht, kad_contact_ref contact, kad_ms now)
{
    if (kad_peers_scores(dht) && contact != KAD_NO_CONTACT)
        note(dht, contact, KAD_DEED_REFUSED, -1, 0, now);
}

void kad_peers_silent(struct kad_dht *dht, kad_contact_ref contact, kad_ms now)
{
    if (kad_peers_scores(dht))
        note(dht, contact, KAD_DEED_SILENT, -1, 0, now);
}

/* Who is gray goes when somebody waits for its place, who is banned goes. */
static void unseat(struct kad_dht *dht, const struct kad_id *id, bool banned, kad_ms now)
{
    kad_peers_unreserve(dht, id);
    kad_active_forget(dht, id);
    for (int i = 0; i < KAD_FAMILIES; i++) {
        const kad_contact_ref contact =
            dht->tables[i] ? kad_table_with_id(dht->tables[i], id) : KAD_NO_CONTACT;

        if (contact != KAD_NO_CONTACT && (banned || kad_table_has_waiting(dht->tables[i], id)))
            kad_dht_drop_contact(dht, contact, now);
    }
}

void kad_peers_broke(struct kad_dht *dht, const struct kad_id *id, const struct kad_endpoint *endpoint,
                     enum kad_deed deed, kad_ms now)
{
    enum kad_peer_state state;

    if (!kad_peers_scores(dht))
        return;
    kad_peers_tick(dht, now);
    (void)kad_score_note(dht->member->scores, id, endpoint, deed, -1, 0, now);
    state = kad_score_state(dht->member->scores, id, NULL, now);
    if (state != KAD_PEER_FINE)
        unseat(dht, id, state == KAD_PEER_BANNED, now);
}

/* All whom the ban of an address concerns. */
static void unseat_all(struct kad_dht *dht, kad_ms now)
{
    for (int i = 0; i < KAD_FAMILIES; i++) {
        kad_contact_ref all[KAD_SAVED_MAX];
        size_t n;

        if (!dht->tables[i])
            continue;
        n = kad_table_all(dht->tables[i], KAD_SAVED_MAX, all);
        for (size_t j = 0; j < n; j++)
            kad_book_retain(dht->book,
                            all[j]); /* one that goes may bring another in, which is looked at next */
        for (size_t j = 0; j < n; j++) {
            const struct kad_contact *contact = kad_book_contact(dht->book, all[j]);

            if (kad_peers_banned(dht, &contact->id, &contact->endpoint)) {
                kad_peers_unreserve(dht, &contact->id);
                kad_dht_drop_contact(dht, all[j], now);
            }
            kad_book_release(dht->book, all[j]);
        }
    }
}

int kad_peers_ban(struct kad_dht *dht, const struct kad_id *id, const struct kad_endpoint *endpoint,
                  kad_ms for_ms, kad_ms now)
{
    int error;

    if (!kad_peers_scores(dht))
        return KAD_E_INVALID;
    kad_peers_tick(dht, now);
    error = kad_score_ban(dht->member->scores, id, endpoint, for_ms, now);
    if (error)
        return error;
    if (id)
        unseat(dht, id, true, now);
    else
        unseat_all(dht, now);
    return KAD_OK;
}
