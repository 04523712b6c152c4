/* contacts - the routing tables as the dht uses them: with events, counters, verification and the id rule. */
#include "core/dht.h"

#include "core/active.h"
#include "core/records.h"

#include <assert.h>
#include <string.h>

#include "base/endpoint.h"
#include "core/measure.h"
#include "core/peers.h"

#define MEASURED_ENOUGH 8

bool kad_dht_id_fits(const struct kad_dht *dht, const struct kad_contact *contact)
{
    return !dht->rules->id_allowed || dht->rules->id_allowed(&contact->id, &contact->endpoint);
}

bool kad_dht_knows(const struct kad_dht *dht, const struct kad_peer *from, const struct kad_message *message)
{
    const struct kad_table *table = dht->tables[kad_family_index(from->endpoint.family)];
    kad_contact_ref contact = KAD_NO_CONTACT;

    if (table && message->has_sender)
        contact = kad_table_with_id(table, &message->sender);
    return contact != KAD_NO_CONTACT &&
           kad_endpoint_equal(&kad_book_contact(dht->book, contact)->endpoint, &from->endpoint);
}

bool kad_dht_acceptable(const struct kad_dht *dht, const struct kad_contact *contact,
                        const struct kad_endpoint *from)
{
    const enum kad_scope scope = kad_endpoint_scope(&contact->endpoint);

    if (scope == KAD_SCOPE_INVALID || scope < kad_endpoint_scope(from))
        return false;
    if (!dht->tables[kad_family_index(contact->endpoint.family)])
        return false;
    if (kad_id_equal(&contact->id, &dht->self))
        return false;
    if (kad_peers_banned(dht, &contact->id, &contact->endpoint))
        return false;
    return !dht->settings->enforce_id || kad_dht_id_fits(dht, contact);
}

/* Who is one of our own network's, and answers there, is spoken to there, whatever address others see him at: on this side of the
 * router, and not by way of it. Only where identities are proven: an id alone anybody can claim. */
static kad_contact_ref at_home(const struct kad_dht *dht, const struct kad_contact *contact)
{
    struct kad_table *table = dht->tables[kad_family_index(contact->endpoint.family)];
    const struct kad_slot *slot;

    if (!table || !dht->rules->identity_size || kad_endpoint_scope(&contact->endpoint) != KAD_SCOPE_PUBLIC)
        return KAD_NO_CONTACT;
    slot = kad_table_slot_with_id(table, &contact->id);
    return slot && !slot->failures &&
                   kad_endpoint_scope(&kad_book_contact(dht->book, slot->contact)->endpoint) <
                       KAD_SCOPE_PUBLIC
               ? slot->contact
               : KAD_NO_CONTACT;
}

/* Who is shunned does not get as far as being a contact. */
static kad_contact_ref unless_shunned(struct kad_dht *dht, kad_contact_ref contact)
{
    if (contact == KAD_NO_CONTACT || !kad_book_place(dht->book, contact).shunned)
        return contact;
    kad_book_release(dht->book, contact);
    return KAD_NO_CONTACT;
}

static kad_contact_ref intern(struct kad_dht *dht, const struct kad_contact *contact,
                              struct kad_bytes identity)
{
    const struct kad_rules *rules = dht->rules;
    struct kad_bytes known = {0};
    kad_contact_ref ref;
    struct kad_id id;

    if (!rules->identity_size)
        return kad_book_intern(dht->book, &contact->id, &contact->endpoint, known);
    ref = kad_book_find(dht->book, &contact->id, &contact->endpoint);
    if (ref != KAD_NO_CONTACT)
        known = kad_book_identity(dht->book, ref);
    if (identity.size && known.size == identity.size &&
        memcmp(known.data, identity.data, known.size) == 0) { /* looked at when it came into the book */
        kad_book_retain(dht->book, ref);
        return ref;
    }
    if (!identity.size || identity.size > rules->identity_size || !rules->id_of(identity, &id) ||
        !kad_id_equal(&id, &contact->id))
        return KAD_NO_CONTACT;
    return kad_book_intern(dht->book, &contact->id, &contact->endpoint, identity);
}

kad_contact_ref kad_dht_intern(struct kad_dht *dht, const struct kad_contact *contact,
                               struct kad_bytes identity)
{
    const kad_contact_ref home = identity.size ? at_home(dht, contact) : KAD_NO_CONTACT;

    if (home != KAD_NO_CONTACT)
        kad_book_retain(dht->book, home);
    return home != KAD_NO_CONTACT ? home : unless_shunned(dht, intern(dht, contact, identity));
}

void kad_dht_place_again(struct kad_dht *dht, kad_ms now)
{
    for (unsigned i = 0; dht->lost && i < dht->lost->n; i++)
        kad_book_place_again(dht->book, dht->lost->contacts[i]);
    for (unsigned i = 0; i < dht->join.n_saved; i++)
        kad_book_place_again(dht->book, dht->join.saved[i]);
    for (int i = 0; i < KAD_FAMILIES; i++) {
        struct kad_table *table = dht->tables[i];
        kad_contact_ref misplaced;

        if (!table)
            continue;
        kad_table_place_again(table);
        for (misplaced = kad_table_misplaced(table); misplaced != KAD_NO_CONTACT;
             misplaced = kad_table_misplaced(table)) {
            kad_peers_unreserve(dht, &kad_book_contact(dht->book, misplaced)->id);
            kad_dht_drop_contact(dht, misplaced, now);
        }
    }
}

void kad_dht_copy_key(const struct kad_dht *dht, kad_contact_ref contact, uint8_t *out_public_key)
{
    struct kad_bytes identity;

    if (!dht->rules->identity_size)
        return;
    identity = kad_book_identity(dht->book, contact);
    if (identity.size && dht->rules->key_of)
        dht->rules->key_of(identity, out_public_key);
    else if (identity.size)
        memcpy(out_public_key, identity.data, identity.size);
}

size_t kad_dht_n_contacts(const struct kad_dht *dht)
{
    size_t n = 0;

    for (int i = 0; i < KAD_FAMILIES; i++)
        n += dht->tables[i] ? kad_table_count(dht->tables[i]) : 0;
    return n;
}

static void tell_change(struct kad_dht *dht, const struct kad_contact *added, const struct kad_contact *gone)
{
    struct kad_event *event;

    if (added)
        dht->counters->table_added++;
    if (gone)
        dht->counters->table_removed++;
    if (added && (dht->watch & KAD_WATCH_NODES)) {
        event = kad_events_push(&dht->events, KAD_EVENT_NODE);
        if (event)
            event->contact = *added;
    }
    if (!(dht->watch & KAD_WATCH_TABLE))
        return;
    event = kad_events_push(&dht->events, KAD_EVENT_TABLE);
    if (!event)
        return;
    event->table.added = added;
    event->table.removed = gone;
    if (added)
        event->contact = *added;
    if (gone)
        event->table.gone = *gone;
}

static void ping(struct kad_dht *dht, kad_contact_ref contact, enum kad_query_purpose purpose, kad_ms now,
                 struct kad_outbox *out)
{
    struct kad_query query = {
        .to = kad_book_contact(dht->book, contact)->endpoint,
        .contact = contact,
        .purpose = (uint8_t)purpose,
        .method = KAD_PING,
    };
    struct kad_message message;

    kad_message_init(&message);
    message.method = KAD_PING;
    kad_dht_ask(dht, &query, &message, now, out);
}

void kad_dht_ping(struct kad_dht *dht, kad_contact_ref contact, kad_ms now, struct kad_outbox *out)
{
    ping(dht, contact, KAD_FOR_TABLE, now, out);
}

static void act_on(struct kad_dht *dht, const struct kad_table_update *update, kad_contact_ref contact,
                   kad_ms now, struct kad_outbox *out)
{
    const struct kad_contact *added = NULL, *gone = NULL;

    if (update->change == KAD_TABLE_ADDED || update->change == KAD_TABLE_REPLACED)
        added = kad_book_contact(dht->book, contact);
    else if (update->added != KAD_NO_CONTACT)
        added = kad_book_contact(dht->book, update->added);
    if (update->removed != KAD_NO_CONTACT) {
        gone = kad_book_contact(dht->book, update->removed);
        kad_active_forget(dht, &gone->id);
    }
    if (update->change == KAD_TABLE_LIMITED)
        dht->counters->table_limited++;
    if (added && dht->member)
        kad_restore_met(dht,
                        update->change == KAD_TABLE_ADDED || update->change == KAD_TABLE_REPLACED
                            ? contact
                            : update->added,
                        now);
    if (added || gone)
        tell_change(dht, added, gone);
    if (added)
        kad_join_met(dht, now);
    if (update->removed != KAD_NO_CONTACT)
        kad_book_release(dht->book, update->removed);
    if (update->probe != KAD_NO_CONTACT)
        kad_dht_ping(dht, update->probe, now, out);
}

/* Who has proved to be the one the table knows, and answered from another address, has moved. Without proof of who it is
 * there are two who claim an id, and the one that is in stays as long as it answers. */
static bool has_moved(const struct kad_dht *dht, const struct kad_table *table, kad_contact_ref contact)
{
    kad_contact_ref known;

    if (!dht->rules->identity_size)
        return false;
    known = kad_table_with_id(table, &kad_book_contact(dht->book, contact)->id);
    return known != KAD_NO_CONTACT && known != contact;
}

/* Of those who are in, the best stay. */
static void trim(struct kad_dht *dht, struct kad_table *table, kad_ms now)
{
    const unsigned most = dht->settings->max_contacts, k = dht->settings->k;

    while (kad_peers_scores(dht) && most && kad_dht_n_contacts(dht) > most) {
        const struct kad_table_update update = kad_table_trim(table, k < most / 2 ? k : most / 2);

        if (update.change != KAD_TABLE_REMOVED)
            return;
        act_on(dht, &update, KAD_NO_CONTACT, now, NULL);
    }
}

void kad_dht_heard(struct kad_dht *dht, kad_contact_ref contact, int rtt_ms, kad_ms now,
                   struct kad_outbox *out)
{
    const struct kad_contact *who = kad_book_contact(dht->book, contact);
    struct kad_table *table = dht->tables[kad_family_index(who->endpoint.family)];
    struct kad_table_update update;
    const struct kad_slot *slot;
    bool preferred;

    if (!table)
        return;
    preferred = kad_dht_id_fits(dht, who);
    if ((!preferred && dht->settings->enforce_id) || kad_peers_banned(dht, &who->id, &who->endpoint))
        return;
    slot = kad_table_find(table, contact);
    if (!slot && !kad_peers_welcome(dht, contact)) {
        dht->counters->table_unwelcome++;
        return;
    }
    kad_upkeep_alive(dht, table, slot, now);
    update = has_moved(dht, table, contact) ? kad_table_moved(table, contact, rtt_ms, now)
                                            : kad_table_heard(table, contact, preferred, rtt_ms, now);
    act_on(dht, &update, contact, now, out);
    kad_lost_heard(dht, contact, now);
    if (update.change == KAD_TABLE_ADDED)
        trim(dht, table, now);
}

void kad_dht_heard_again(struct kad_dht *dht, struct kad_table *table, struct kad_slot *slot, kad_ms now)
{
    if (dht->settings->enforce_id && !(slot->flags & KAD_SLOT_PREFERRED))
        return;
    kad_upkeep_alive(dht, table, slot, now);
    kad_table_heard_again(table, slot, now);
    kad_lost_heard(dht, slot->contact, now);
}

void kad_dht_silent(struct kad_dht *dht, kad_contact_ref contact, kad_ms now, struct kad_outbox *out)
{
    const struct kad_contact *who = kad_book_contact(dht->book, contact);
    struct kad_table *table = dht->tables[kad_family_index(who->endpoint.family)];
    struct kad_table_update update;

    kad_closest_forget(dht, contact);
    if (!table)
        return;
    kad_upkeep_silent(dht, table, contact, now);
    update = kad_table_failed(table, contact, now);
    if (update.removed != KAD_NO_CONTACT) {
        kad_lost_note(dht, update.removed, now);
        kad_peers_unreserve(dht, &kad_book_contact(dht->book, update.removed)->id);
    }
    act_on(dht, &update, contact, now, out);
}

void kad_dht_drop_contact(struct kad_dht *dht, kad_contact_ref contact, kad_ms now)
{
    const struct kad_contact *who = kad_book_contact(dht->book, contact);
    struct kad_table *table = dht->tables[kad_family_index(who->endpoint.family)];
    struct kad_table_update update;

    kad_closest_forget(dht, contact);
    if (!table || !kad_table_find(table, contact))
        return;
    update = kad_table_remove(table, contact, now);
    assert(update.probe == KAD_NO_CONTACT && "a removal leaves nobody to probe");
    act_on(dht, &update, contact, now, NULL);
}

/* May a stranger be pinged now? */
static bool may_meet(struct kad_dht *dht, kad_ms now, const struct kad_outbox *out)
{
    struct kad_upkeep *upkeep = &dht->upkeep;

    if (now - upkeep->verify_at >= KAD_SECOND) {
        upkeep->verify_at = now;
        upkeep->verify_left = (uint16_t)dht->settings->verify_per_s;
    }
    return upkeep->verify_left && out->room;
}

static bool meet(struct kad_dht *dht, const struct kad_contact *contact, struct kad_bytes identity,
                 enum kad_query_purpose purpose, kad_ms now, struct kad_outbox *out)
{
    const struct kad_table *table = dht->tables[kad_family_index(contact->endpoint.family)];
    kad_contact_ref ref;
    bool met = false;

    if (dht->settings->enforce_id && !kad_dht_id_fits(dht, contact))
        return false;
    if (kad_dht_budget_wait(dht, false, now))
        return false; /* whoever is worth it will be met again */
    ref = kad_book_find(dht->book, &contact->id, &contact->endpoint);
    if (ref != KAD_NO_CONTACT && kad_query_pending(&dht->queries, ref))
        return false; /* asked already */
    ref = kad_dht_intern(dht, contact, identity);
    if (ref == KAD_NO_CONTACT)
        return false;
    if (kad_table_crowded(table, ref)) {
        /* there is no place for it */
    } else if (!kad_peers_welcome(dht, ref)) {
        dht->counters->table_unwelcome++;
    } else {
        dht->upkeep.verify_left--;
        ping(dht, ref, purpose, now, out);
        met = true;
    }
    kad_book_release(dht->book, ref);
    return met;
}

void kad_dht_verify(struct kad_dht *dht, const struct kad_contact *contact, struct kad_bytes identity,
                    kad_ms now, struct kad_outbox *out)
{
    const struct kad_table *table = dht->tables[kad_family_index(contact->endpoint.family)];
    bool moved = false;

    if (dht->rules->identity_size) {
        const kad_contact_ref known = kad_table_with_id(table, &contact->id);

        moved = known != KAD_NO_CONTACT && at_home(dht, contact) == KAD_NO_CONTACT &&
                !kad_endpoint_equal(&kad_book_contact(dht->book, known)->endpoint, &contact->endpoint);
    }
    if (may_meet(dht, now, out) && (moved || kad_table_wants(table, &contact->id, &contact->endpoint)))
        meet(dht, contact, identity, KAD_FOR_TABLE, now, out);
}

bool kad_dht_measure(struct kad_dht *dht, const struct kad_contact *contact, struct kad_bytes identity,
                     kad_ms now, struct kad_outbox *out)
{
    return may_meet(dht, now, out) && meet(dht, contact, identity, KAD_FOR_NEAR, now, out);
}

void kad_dht_seen(struct kad_dht *dht, const struct kad_peer *from, const struct kad_id *id, kad_ms now,
                  struct kad_outbox *out)
{
    const struct kad_table *table = dht->tables[kad_family_index(from->endpoint.family)];
    const kad_contact_ref known = table ? kad_table_with_id(table, id) : KAD_NO_CONTACT;

    if (known != KAD_NO_CONTACT &&
        !kad_endpoint_equal(&kad_book_contact(dht->book, known)->endpoint, &from->endpoint))
        kad_dht_verify(dht, &(struct kad_contact){*id, from->endpoint}, from->identity, now, out);
}

void kad_dht_set_id(struct kad_dht *dht, const struct kad_id *id, kad_ms now)
{
    dht->self = *id;
    for (int i = 0; i < KAD_FAMILIES; i++) {
        struct kad_table *old = dht->tables[i], *fresh;
        kad_contact_ref all[KAD_SAVED_MAX];
        size_t n;

        if (!old)
            continue;
        fresh = kad_table_new(dht->allocator, dht->book, id, kad_table_config_of(old), now);
        if (!fresh)
            continue; /* no memory: the old table goes on, a worse one but a table */
        n = kad_table_all(old, KAD_SAVED_MAX, all);
        for (size_t j = 0; j < n; j++) {
            const struct kad_slot *slot = kad_table_find(old, all[j]);
            const int rtt = slot->rtt_ms == UINT16_MAX ? -1 : slot->rtt_ms;
            struct kad_table_update update;

            update = kad_table_heard(fresh, all[j], slot->flags & KAD_SLOT_PREFERRED, rtt, now);
            if (update.removed != KAD_NO_CONTACT)
                kad_book_release(dht->book, update.removed);
        }
        kad_table_free(old);
        dht->tables[i] = fresh;
    }
    dht->join.n_deepened =
        0; /* another id, other neighbours: looked for now, or again soon after the running lookup */
    if (dht->join.ready && !dht->join.operation)
        dht->join.next_at = now;
    if (dht->watch & KAD_WATCH_STATE) {
        struct kad_event *event = kad_events_push(&dht->events, KAD_EVENT_ID);

        if (event)
            event->contact.id = *id;
    }
}

kad_ms kad_dht_patience(const struct kad_dht *dht)
{
    const struct kad_settings *settings = dht->settings;
    kad_ms patience;

    if (dht->n_measured < MEASURED_ENOUGH)
        return settings
            ->patience_max_ms; /* the first who answers is likely a near one: no measure for the others */
    patience = dht->rtt_8 / 8 + dht->rtt_deviation_4;
    return kad_ms_max(settings->patience_min_ms, kad_ms_min(settings->patience_max_ms, patience));
}

/* RFC 6298, section 2, over all contacts: who is asked next is usually somebody never met, so it is the network's RTT
 * that tells how long to wait. */
void kad_dht_measured(struct kad_dht *dht, kad_ms rtt)
{
    const int32_t r = (int32_t)kad_ms_min(rtt, 60 * KAD_SECOND);

    if (dht->measures)
        kad_histogram_add(&dht->measures->query_rtt_ms, KAD_HISTOGRAM_MS, rtt);
    dht->n_measured = (uint8_t)(dht->n_measured + (dht->n_measured < MEASURED_ENOUGH));
    if (dht->rtt_8 < 0) {
        dht->rtt_8 = r * 8;
        dht->rtt_deviation_4 = r * 2;
    } else {
        const int32_t error = r - dht->rtt_8 / 8;

        dht->rtt_8 += error;
        dht->rtt_deviation_4 += (error < 0 ? -error : error) - dht->rtt_deviation_4 / 4;
    }
}
