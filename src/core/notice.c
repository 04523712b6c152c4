#include "core/notice.h"

#include "core/peers.h"

#define TELL_AGAIN KAD_MINUTE

void kad_notice_leave(struct kad_dht *dht, struct kad_outbox *out)
{
    const uint8_t transaction[KAD_TRANSACTION_SIZE] = {0}; /* nobody answers */
    struct kad_message message;

    if (dht->settings->read_only)
        return; /* it is in nobody's table */
    kad_message_init(&message);
    message.method = KAD_LEAVE;
    message.transaction = (struct kad_bytes){transaction, sizeof(transaction)};
    message.sender = dht->self;
    message.has_sender = true;
    for (int i = 0; i < KAD_FAMILIES; i++) {
        kad_contact_ref nearest[KAD_NOTICE_MOST];
        size_t n = 0;

        if (dht->tables[i])
            n = kad_table_closest(dht->tables[i], &dht->self, KAD_NOTICE_MOST, nearest);
        for (size_t j = 0; j < n && out->room; j++) {
            const struct kad_peer to = {
                .contact = nearest[j],
                .endpoint = kad_book_contact(dht->book, nearest[j])->endpoint,
                .identity = kad_book_identity(dht->book, nearest[j]),
            };

            dht->counters->queries_out[KAD_LEAVE] += out->send(out, &to, &message);
        }
    }
}

/* Whoever has this id, in the table or waiting for a place there. */
static bool forget(struct kad_dht *dht, struct kad_table *table, const struct kad_peer *from,
                   const struct kad_id *id, kad_ms now)
{
    const kad_contact_ref known = kad_table_with_id(table, id),
                          waiting = kad_book_find(dht->book, id, &from->endpoint);

    if (known != KAD_NO_CONTACT)
        kad_dht_drop_contact(dht, known, now);
    else if (waiting != KAD_NO_CONTACT)
        (void)kad_table_remove(table, waiting, now);
    return known != KAD_NO_CONTACT;
}

struct kad_received kad_notice_left(struct kad_dht *dht, const struct kad_peer *from,
                                    const struct kad_message *leave, kad_ms now, struct kad_outbox *out)
{
    const struct kad_id id = leave->sender; /* `from` may borrow from a contact that is about to go */
    bool known = false;

    if (!from->identity.size)
        return (struct kad_received){.drop = KAD_DROP_ID};
    if (from->replayable)
        return (struct kad_received){.drop = KAD_DROP_REPLAYED};
    dht->counters->queries_in[KAD_LEAVE]++;
    kad_peers_unreserve(dht, &id);
    for (int i = 0; i < KAD_FAMILIES; i++) {
        if (dht->tables[i])
            known |= forget(dht, dht->tables[i], from, &id, now);
    }
    if (known)
        kad_lost_note(dht, KAD_NO_CONTACT, now);
    kad_answer_none_from(dht, &id, now, out);
    return (struct kad_received){.drop = KAD_DROP_NONE, .left = true};
}

void kad_notice_moved(struct kad_dht *dht, kad_ms now, struct kad_outbox *out)
{
    if (dht->member->told_at && now - dht->member->told_at < TELL_AGAIN)
        return;
    dht->member->told_at = now;
    for (int i = 0; i < KAD_FAMILIES; i++) {
        kad_contact_ref nearest[KAD_NOTICE_MOST];
        size_t n = 0;

        if (dht->tables[i])
            n = kad_table_closest(dht->tables[i], &dht->self, dht->settings->k, nearest);
        for (size_t j = 0; j < n && out && out->room; j++)
            kad_dht_ping(dht, nearest[j], now, out);
    }
}
