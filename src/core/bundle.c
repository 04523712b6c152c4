#include "core/bundle.h"

#include <assert.h>
#include <string.h>

#include "core/hold.h"
#include "core/operation_parts.h"
#include "core/records.h"
#include "core/walk.h"

#define RECORD_HEAD 157 /* of a record on the wire: field head, all but its value */
#define RECORDS_MAX \
    1108        /* bytes of records in a datagram of 1,200: head, tag, probe and token aside \
          */
#define PACE 40 /* ms between two datagrams to the same contact */

static_assert(KAD_REGION_WIDTH <= 64, "a bit for each contact");
static_assert(KAD_BUNDLE_KEYS <= UINT8_MAX, "what was sent names keys by number");

static bool has(const uint64_t bits[KAD_FAMILIES], unsigned contact)
{
    return bits[contact / KAD_REGION_WIDTH] >> contact % KAD_REGION_WIDTH & 1;
}

static void set(uint64_t bits[KAD_FAMILIES], unsigned contact, bool on)
{
    const uint64_t bit = UINT64_C(1) << contact % KAD_REGION_WIDTH;

    bits[contact / KAD_REGION_WIDTH] =
        on ? bits[contact / KAD_REGION_WIDTH] | bit : bits[contact / KAD_REGION_WIDTH] & ~bit;
}

static bool any(const uint64_t bits[KAD_FAMILIES])
{
    return bits[0] || bits[1];
}

static bool wants_more(const struct kad_bundle *bundle)
{
    for (unsigned i = 0; i < bundle->n_keys; i++) {
        if (any(bundle->keys[i].to))
            return true;
    }
    return false;
}

/* -- taking along ----------------------------------------------------------------------------------------------- */

static void take(struct kad_dht *dht, struct kad_bundle *bundle, const struct kad_request *request,
                 kad_ms now)
{
    const struct kad_endpoint nobody = {.family = KAD_FAMILY_NONE};
    const size_t replicas = request->replicas ? request->replicas : dht->settings->replicas;
    struct kad_bundle_key *key = &bundle->keys[bundle->n_keys++];
    bool ours = false;

    *key = (struct kad_bundle_key){.key = request->target};
    for (int family = 0; family < KAD_FAMILIES; family++) {
        const unsigned first = (unsigned)family * KAD_REGION_WIDTH;
        uint8_t order[KAD_REGION_WIDTH];
        const size_t n = kad_region_holders(dht, family, &bundle->contacts[first], bundle->n_contacts[family],
                                            request, true, order);

        for (size_t i = 0; i < n; i++) {
            if (bundle->n_silent[first + order[i]] < 2)
                set(key->to, first + order[i], true);
        }
        ours = ours ||
               (dht->tables[family] &&
                (n < replicas ||
                 kad_id_compare(
                     &key->key, &dht->self,
                     &kad_book_contact(dht->book, bundle->contacts[first + order[replicas - 1]])->id) < 0));
    }
    if (ours && !dht->settings->read_only)
        (void)kad_hold_keep(dht, &request->record, &nobody, NULL, now);
}

static void end_key(struct kad_dht *dht, const struct kad_bundle_key *key, kad_ms now)
{
    kad_publish_ended(dht, &key->key, KAD_REQUEST_PUT, key->n_stored > 0 || key->outdated, key->n_stored,
                      now);
}

/* Every key has been everywhere: what became of them, and the next. */
static void turn_over(struct kad_dht *dht, struct kad_bundle *bundle, kad_ms now)
{
    for (unsigned i = 0; i < bundle->n_keys; i++)
        end_key(dht, &bundle->keys[i], now);
    bundle->n_keys = 0;
    while (!bundle->taken && bundle->n_keys < KAD_BUNDLE_KEYS && now < bundle->until) {
        const struct kad_request *request =
            kad_publish_take_along(dht, &bundle->middle, bundle->prefix, &bundle->next_key, now);

        bundle->taken = !request;
        if (request)
            take(dht, bundle, request, now);
    }
}

void kad_bundle_begin(struct kad_dht *dht, struct kad_operation *operation, kad_ms now)
{
    const struct kad_region *region;
    struct kad_bundle *bundle;

    if (operation->owner != KAD_OWNER_PUBLISH || operation->request.kind != KAD_REQUEST_PUT ||
        !dht->rules->class_of || operation->bundle)
        return;
    region = kad_region_of(dht, &operation->request.target, now);
    bundle = region ? kad_alloc_zero(dht->allocator, sizeof(*bundle)) : NULL;
    if (!bundle)
        return;
    operation->bundle = bundle;
    bundle->middle = bundle->next_key = region->middle;
    bundle->prefix = region->prefix;
    for (unsigned i = region->prefix; i < 8 * KAD_ID_SIZE; i++)
        bundle->next_key.bytes[i / 8] &= (uint8_t) ~(0x80u >> i % 8);
    bundle->until = region->at + KAD_REGION_LIFE;
    for (unsigned family = 0; family < KAD_FAMILIES; family++) {
        bundle->n_contacts[family] = region->n[family];
        for (unsigned i = 0; i < region->n[family]; i++) {
            kad_book_retain(dht->book, region->contacts[family][i]);
            bundle->contacts[family * KAD_REGION_WIDTH + i] = region->contacts[family][i];
        }
    }
    turn_over(dht, bundle, now);
    if (bundle->n_keys)
        operation->deadline_at = kad_ms_max(operation->deadline_at, bundle->until + KAD_MINUTE);
    else
        kad_bundle_free(dht, operation);
}

bool kad_bundle_covers(const struct kad_operation *operation, const struct kad_id *key)
{
    return operation->bundle && kad_id_prefix(&operation->bundle->middle, key) >= operation->bundle->prefix;
}

/* -- sending ---------------------------------------------------------------------------------------------------- */

/* What this contact is still to be sent, as much as a datagram has room for. */
static void fill(struct kad_dht *dht, struct kad_bundle *bundle, unsigned contact, size_t most,
                 struct kad_bundle_sent *sent, struct kad_message *message)
{
    size_t size = 0;

    *sent = (struct kad_bundle_sent){.contact = (uint8_t)contact};
    for (unsigned i = 0; i < bundle->n_keys && sent->n < most; i++) {
        const struct kad_request *request;

        if (!has(bundle->keys[i].to, contact))
            continue;
        request = kad_publish_along(dht, &bundle->keys[i].key);
        if (!request) { /* withdrawn meanwhile */
            memset(bundle->keys[i].to, 0, sizeof(bundle->keys[i].to));
            continue;
        }
        if (sent->n && size + RECORD_HEAD + request->record.value.size > RECORDS_MAX)
            continue;
        size += RECORD_HEAD + request->record.value.size;
        *(sent->n ? &message->records[sent->n - 1] : &message->record) = request->record;
        sent->keys[sent->n++] = (uint8_t)i;
    }
    message->n_records = (uint16_t)(sent->n ? sent->n - 1 : 0);
}

static bool send(struct kad_dht *dht, struct kad_operation *operation, unsigned slot, unsigned contact,
                 kad_ms now, struct kad_outbox *out)
{
    struct kad_bundle *bundle = operation->bundle;
    struct kad_bundle_sent *sent = &bundle->sent[slot];
    const struct kad_region_token *token = kad_region_fresh(dht, bundle->contacts[contact], now);

    for (size_t most = KAD_MESSAGE_RESULTS; token && most > 0; most /= 2) {
        struct kad_query query = {
            .operation = operation,
            .contact = bundle->contacts[contact],
            .to = kad_book_contact(dht->book, bundle->contacts[contact])->endpoint,
            .purpose = KAD_FOR_BUNDLE,
            .method = KAD_PUT,
            .hop = (uint8_t)slot,
        };
        struct kad_message message;

        kad_message_init(&message);
        message.method = KAD_PUT;
        message.token = (struct kad_bytes){token->bytes, token->size};
        fill(dht, bundle, contact, most, sent, &message);
        if (!sent->n)
            return false;
        message.target = message.record.key;
        if (kad_dht_ask(dht, &query, &message, now, out)) {
            for (unsigned i = 0; i < sent->n; i++)
                set(bundle->keys[sent->keys[i]].to, contact, false);
            set(bundle->busy, contact, true);
            bundle->sent_at[contact] = now;
            operation->n_in_flight++;
            operation->n_queries++;
            return true;
        }
        sent->n = 0;
        if (!out->room)
            return false;
    }
    /* No token any more, or nothing can be sent there. */
    bundle->n_silent[contact] = 2;
    for (unsigned i = 0; i < bundle->n_keys; i++)
        set(bundle->keys[i].to, contact, false);
    return false;
}

/* The next contact that may be sent something now; KAD_BUNDLE_CONTACTS: none, and *wake_at is when one may. */
static unsigned choose(struct kad_bundle *bundle, kad_ms now, kad_ms *wake_at)
{
    uint64_t wanted[KAD_FAMILIES] = {0};

    for (unsigned i = 0; i < bundle->n_keys; i++) {
        wanted[0] |= bundle->keys[i].to[0] & ~bundle->busy[0];
        wanted[1] |= bundle->keys[i].to[1] & ~bundle->busy[1];
    }
    for (unsigned i = 0; i < KAD_BUNDLE_CONTACTS && any(wanted); i++) {
        const unsigned contact = (bundle->next_contact + i) % KAD_BUNDLE_CONTACTS;

        if (!has(wanted, contact))
            continue;
        if (bundle->sent_at[contact] && now - bundle->sent_at[contact] < PACE) {
            *wake_at = kad_ms_min(*wake_at, bundle->sent_at[contact] + PACE);
            continue;
        }
        bundle->next_contact = (uint8_t)((contact + 1) % KAD_BUNDLE_CONTACTS);
        return contact;
    }
    return KAD_BUNDLE_CONTACTS;
}

bool kad_bundle_advance(struct kad_dht *dht, struct kad_operation *operation, kad_ms now,
                        struct kad_outbox *out)
{
    struct kad_bundle *bundle = operation->bundle;

    if (!bundle)
        return true;
    for (unsigned slot = 0; slot < KAD_BUNDLE_FLIGHT; slot++) {
        if (bundle->sent[slot].n)
            continue;
        for (;;) {
            unsigned contact;

            if (!any(bundle->busy) && !wants_more(bundle)) {
                turn_over(dht, bundle, now);
                if (!bundle->n_keys)
                    return true;
            }
            if (!kad_operation_may_ask(dht, operation, now, out))
                return false;
            contact = choose(bundle, now, &operation->wake_at);
            if (contact == KAD_BUNDLE_CONTACTS) {
                if (!any(bundle->busy) && !wants_more(bundle))
                    continue;
                return false;
            }
            if (send(dht, operation, slot, contact, now, out))
                break;
        }
    }
    return false;
}

void kad_bundle_answered(struct kad_operation *operation, const struct kad_query *query,
                         const struct kad_message *answer)
{
    struct kad_bundle *bundle = operation->bundle;
    struct kad_bundle_sent *sent =
        bundle && query->hop < KAD_BUNDLE_FLIGHT ? &bundle->sent[query->hop] : NULL;
    const bool good = answer && answer->kind == KAD_REPLY;

    if (!sent || !sent->n)
        return;
    set(bundle->busy, sent->contact, false);
    if (good)
        bundle->n_silent[sent->contact] = 0;
    else if (answer ? sent->n > 1 : ++bundle->n_silent[sent->contact] > 1)
        bundle->n_silent[sent->contact] = 2; /* it will not, or is gone */
    for (unsigned i = 0; i < sent->n; i++) {
        struct kad_bundle_key *key = &bundle->keys[sent->keys[i]];

        /* A single one is answered as any put. */
        const bool has_result = answer && answer->n_results == sent->n;
        const enum kad_refusal refusal = has_result     ? (enum kad_refusal)answer->results[i]
                                         : !answer      ? KAD_REFUSAL_SERVER
                                         : !good        ? answer->refusal
                                         : sent->n == 1 ? KAD_REFUSAL_NONE
                                                        : KAD_REFUSAL_SERVER;

        if (!answer && bundle->n_silent[sent->contact] < 2)
            set(key->to, sent->contact, true);
        key->n_stored = (uint8_t)(key->n_stored + (refusal == KAD_REFUSAL_NONE));
        key->outdated |= refusal == KAD_REFUSAL_SEQUENCE;
    }
    for (unsigned i = 0; bundle->n_silent[sent->contact] == 2 && i < bundle->n_keys; i++)
        set(bundle->keys[i].to, sent->contact, false);
    sent->n = 0;
}

/* -- its end ---------------------------------------------------------------------------------------------------- */

void kad_bundle_end(struct kad_dht *dht, struct kad_operation *operation)
{
    struct kad_bundle *bundle = operation->bundle;

    for (unsigned i = 0; bundle && i < bundle->n_keys; i++)
        end_key(dht, &bundle->keys[i], dht->member->records->now);
    if (bundle)
        bundle->n_keys = 0;
}

void kad_bundle_free(struct kad_dht *dht, struct kad_operation *operation)
{
    struct kad_bundle *bundle = operation->bundle;

    for (unsigned i = 0; bundle && i < KAD_BUNDLE_CONTACTS; i++)
        kad_book_release(dht->book, bundle->contacts[i]);
    kad_free(dht->allocator, bundle, sizeof(*bundle));
    operation->bundle = NULL;
}

void kad_bundle_walk(struct kad_walk *walk, struct kad_operation *operation)
{
    bool is_there = operation->bundle;
    struct kad_bundle *bundle;

    KAD_WALK(walk, is_there);
    if (kad_walk_reads(walk))
        operation->bundle = is_there ? kad_walk_room(walk, 1, sizeof(*operation->bundle)) : NULL;
    bundle = operation->bundle;
    if (!bundle)
        return;
    for (unsigned i = 0; i < KAD_BUNDLE_CONTACTS && !walk->bad; i++) {
        kad_walk_contact(walk, &bundle->contacts[i]);
        KAD_WALK(walk, bundle->sent_at[i]);
        KAD_WALK(walk, bundle->n_silent[i]);
        bundle->n_contacts[i / KAD_REGION_WIDTH] =
            (uint8_t)(bundle->n_contacts[i / KAD_REGION_WIDTH] +
                      (kad_walk_reads(walk) && bundle->contacts[i] != KAD_NO_CONTACT));
        if (bundle->contacts[i] != KAD_NO_CONTACT &&
            i % KAD_REGION_WIDTH >= bundle->n_contacts[i / KAD_REGION_WIDTH])
            kad_walk_fail(walk); /* a gap */
    }
    KAD_WALK_BYTES(walk, bundle->middle);
    KAD_WALK_BYTES(walk, bundle->next_key);
    KAD_WALK(walk, bundle->until);
    KAD_WALK(walk, bundle->busy[0]);
    KAD_WALK(walk, bundle->busy[1]);
    KAD_WALK(walk, bundle->next_contact);
    KAD_WALK(walk, bundle->prefix);
    KAD_WALK(walk, bundle->taken);
    bundle->n_keys = (uint8_t)kad_walk_count(walk, bundle->n_keys, KAD_BUNDLE_KEYS);
    for (unsigned i = 0; i < bundle->n_keys; i++) {
        KAD_WALK_BYTES(walk, bundle->keys[i].key);
        KAD_WALK(walk, bundle->keys[i].to[0]);
        KAD_WALK(walk, bundle->keys[i].to[1]);
        KAD_WALK(walk, bundle->keys[i].n_stored);
        KAD_WALK(walk, bundle->keys[i].outdated);
        for (unsigned j = 0; j < KAD_BUNDLE_CONTACTS; j++) {
            if (bundle->contacts[j] == KAD_NO_CONTACT)
                set(bundle->keys[i].to, j, false);
        }
    }
    for (unsigned i = 0; i < KAD_BUNDLE_FLIGHT; i++) {
        struct kad_bundle_sent *sent = &bundle->sent[i];

        KAD_WALK(walk, sent->contact);
        sent->n = (uint8_t)kad_walk_count(walk, sent->n, KAD_MESSAGE_RESULTS);
        for (unsigned j = 0; j < sent->n; j++) {
            KAD_WALK(walk, sent->keys[j]);
            if (sent->keys[j] >= bundle->n_keys || sent->contact >= KAD_BUNDLE_CONTACTS ||
                bundle->contacts[sent->contact] == KAD_NO_CONTACT) {
                sent->n = 0;
                kad_walk_fail(walk);
                return;
            }
        }
    }
    if (bundle->next_contact >= KAD_BUNDLE_CONTACTS) {
        bundle->next_contact = 0;
        kad_walk_fail(walk);
    }
}
