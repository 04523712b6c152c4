/* gather_more - what holders have behind the first page. */
#include "core/gather.h"

#include "core/operation_parts.h"

static bool wants(const struct kad_operation *operation, const struct kad_gather_holder *holder)
{
    const struct kad_gathered *gathered = operation->gathered;

    if (holder->asked || gathered->n_more >= KAD_GATHER_QUERIES)
        return false;
    if (operation->request.kind == KAD_REQUEST_TAKE)
        return holder->has && !holder->done;
    return holder->from && gathered->n_records < KAD_GATHER_VALUES;
}

/* The next holder to ask. Of a GET a few are read to their end, the nearest first; what the others have besides is theirs. */
static struct kad_gather_holder *next_holder(const struct kad_dht *dht, const struct kad_operation *operation)
{
    const struct kad_gathered *gathered = operation->gathered;
    struct kad_gather_holder *nearest = NULL;
    unsigned n_under_way = 0;

    for (size_t i = 0; i < gathered->n_holders; i++)
        n_under_way += gathered->holders[i].asked;
    if (n_under_way >= dht->settings->alpha)
        return NULL;
    for (size_t i = 0; i < gathered->n_holders; i++) {
        struct kad_gather_holder *holder = &gathered->holders[i];

        if (wants(operation, holder) &&
            (!nearest ||
             kad_id_compare(&operation->request.target, &kad_book_contact(dht->book, holder->contact)->id,
                            &kad_book_contact(dht->book, nearest->contact)->id) < 0))
            nearest = holder;
    }
    return nearest;
}

bool kad_gather_wants_more(const struct kad_operation *operation)
{
    const struct kad_gathered *gathered = operation->gathered;

    if (!gathered || gathered->cached ||
        (operation->request.kind != KAD_REQUEST_GET && operation->request.kind != KAD_REQUEST_TAKE))
        return false;
    for (size_t i = 0; i < gathered->n_holders; i++) {
        if (wants(operation, &gathered->holders[i]))
            return true;
    }
    return false;
}

static bool ask(struct kad_dht *dht, struct kad_operation *operation, struct kad_gather_holder *holder,
                kad_ms now, struct kad_outbox *out)
{
    struct kad_gathered *gathered = operation->gathered;
    const bool taking = operation->request.kind == KAD_REQUEST_TAKE;
    struct kad_query query = {
        .operation = operation,
        .contact = holder->contact,
        .to = kad_book_contact(dht->book, holder->contact)->endpoint,
        .purpose = KAD_FOR_MORE,
        .method = taking ? KAD_TAKE : KAD_GET,
    };
    struct kad_message message;

    kad_message_init(&message);
    message.method = (enum kad_method)query.method;
    message.target = operation->request.target;
    message.record_type = operation->request.record.type;
    message.prefix_bits = operation->request.prefix_bits;
    message.from = taking ? 0 : holder->from; /* what has arrived goes, so the rest begins at the beginning */
    for (size_t i = holder->n_told;
         taking && i < gathered->n_records && message.n_records < KAD_MESSAGE_RECORDS; i++)
        message.records[message.n_records++] = gathered->records[i];
    if (!kad_dht_ask(dht, &query, &message, now, out))
        return false;
    holder->n_told = (uint16_t)(holder->n_told + message.n_records);
    holder->asked = true;
    gathered->n_more++;
    operation->n_in_flight++;
    operation->n_queries++;
    return true;
}

/* The farther holders of a GET are not read on. */
static void leave_the_rest(const struct kad_dht *dht, struct kad_operation *operation)
{
    struct kad_gathered *gathered = operation->gathered;

    for (size_t i = 0; i < gathered->n_holders; i++) {
        unsigned n_nearer = 0;

        for (size_t j = 0; j < gathered->n_holders; j++)
            n_nearer += gathered->holders[j].from &&
                        kad_id_compare(&operation->request.target,
                                       &kad_book_contact(dht->book, gathered->holders[j].contact)->id,
                                       &kad_book_contact(dht->book, gathered->holders[i].contact)->id) < 0;
        gathered->holders[i].done = n_nearer >= KAD_GATHER_PAGED;
    }
    for (size_t i = 0; i < gathered->n_holders; i++) {
        if (gathered->holders[i].done)
            gathered->holders[i].from = 0;
    }
}

void kad_gather_advance(struct kad_dht *dht, struct kad_operation *operation, kad_ms now,
                        struct kad_outbox *out)
{
    struct kad_gather_holder *holder;

    if (operation->phase != KAD_PHASE_GATHERING) {
        operation->phase = KAD_PHASE_GATHERING;
        if (operation->request.kind == KAD_REQUEST_GET)
            leave_the_rest(dht, operation);
    }
    while ((holder = next_holder(dht, operation)) != NULL) {
        if (!kad_operation_may_ask(dht, operation, now, out))
            return;
        if (ask(dht, operation, holder, now, out))
            continue;
        if (!out->room) {
            operation->wake_at = now;
            return;
        }
        kad_gather_failed(operation, holder->contact);
    }
    if (!operation->n_in_flight)
        kad_operation_end(dht, operation, (enum kad_reason)operation->reason, now);
}

void kad_gather_failed(struct kad_operation *operation, kad_contact_ref contact)
{
    struct kad_gathered *gathered = operation->gathered;

    for (size_t i = 0; gathered && i < gathered->n_holders; i++) {
        if (gathered->holders[i].contact == contact) {
            gathered->holders[i].asked = false;
            gathered->holders[i].from = 0;
            gathered->holders[i].done = true;
        }
    }
}
