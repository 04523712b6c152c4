#include "core/gather.h"

#include <string.h>

#include "core/hold.h"
#include "core/operation_parts.h"
#include "core/walk.h"

#define PAGE 16

static struct kad_gathered *gathered_of(struct kad_dht *dht, struct kad_operation *operation)
{
    if (!operation->gathered) {
        operation->gathered = kad_alloc_zero(dht->allocator, sizeof(*operation->gathered));
        if (operation->gathered)
            operation->gathered->held_sequence = -1;
    }
    return operation->gathered;
}

static void free_value(struct kad_dht *dht, struct kad_record *record)
{
    kad_free(dht->allocator, (void *)(uintptr_t)record->value.data, record->value.size);
}

void kad_gather_free(struct kad_dht *dht, struct kad_operation *operation)
{
    struct kad_gathered *gathered = operation->gathered;

    if (!gathered)
        return;
    for (size_t i = 0; i < gathered->n_records; i++)
        free_value(dht, &gathered->records[i]);
    for (size_t i = 0; i < gathered->n_holders; i++)
        kad_book_release(dht->book, gathered->holders[i].contact);
    kad_free(dht->allocator, gathered->records, gathered->room_records * sizeof(*gathered->records));
    kad_free(dht->allocator, gathered->copies, gathered->room_records * sizeof(*gathered->copies));
    kad_free(dht->allocator, gathered->receipts, KAD_GATHER_RECEIPTS * sizeof(*gathered->receipts));
    kad_free(dht->allocator, gathered->holders, KAD_GATHER_HOLDERS * sizeof(*gathered->holders));
    kad_free(dht->allocator, gathered, sizeof(*gathered));
    operation->gathered = NULL;
}

/* -- values ----------------------------------------------------------------------------------------------------- */

static bool same_owner(const struct kad_record *a, const struct kad_record *b)
{
    return a->type == b->type && memcmp(a->public_key, b->public_key, sizeof(a->public_key)) == 0;
}

static bool is_same(const struct kad_record *a, const struct kad_record *b)
{
    return a->sequence == b->sequence && a->withdrawn == b->withdrawn && a->value.size == b->value.size &&
           (a->value.size == 0 || memcmp(a->value.data, b->value.data, a->value.size) == 0);
}

static bool make_room(struct kad_dht *dht, struct kad_gathered *gathered)
{
    const uint32_t room = gathered->room_records ? 2 * gathered->room_records : 2;
    void *records, *copies;

    if (gathered->n_records < gathered->room_records)
        return true;
    if (gathered->n_records == KAD_GATHER_VALUES)
        return false;
    records = kad_alloc(dht->allocator, room * sizeof(*gathered->records));
    copies = kad_alloc(dht->allocator, room * sizeof(*gathered->copies));
    if (!records || !copies) {
        kad_free(dht->allocator, records, room * sizeof(*gathered->records));
        kad_free(dht->allocator, copies, room * sizeof(*gathered->copies));
        return false;
    }
    if (gathered->n_records) {
        memcpy(records, gathered->records, gathered->n_records * sizeof(*gathered->records));
        memcpy(copies, gathered->copies, gathered->n_records * sizeof(*gathered->copies));
    }
    kad_free(dht->allocator, gathered->records, gathered->room_records * sizeof(*gathered->records));
    kad_free(dht->allocator, gathered->copies, gathered->room_records * sizeof(*gathered->copies));
    gathered->records = records;
    gathered->copies = copies;
    gathered->room_records = room;
    return true;
}

/* Which one is the answer, where a key has one value. */
static bool beats(const struct kad_dht *dht, const struct kad_gathered *gathered, size_t a, size_t b)
{
    const struct kad_record *first = &gathered->records[a], *second = &gathered->records[b];
    const struct kad_class *class = kad_hold_class(dht, first->type);
    uint8_t digests[2][32];

    if (first->type != second->type)
        return first->type < second->type;
    if (!class || !class->first_owner)
        return kad_hold_compare(dht, first, second) < 0;
    if (gathered->copies[a] != gathered->copies[b])
        return gathered->copies[a] > gathered->copies[b];
    dht->rules->digest(first, digests[0]);
    dht->rules->digest(second, digests[1]);
    return memcmp(digests[0], digests[1], sizeof(digests[0])) < 0;
}

static void choose_best(const struct kad_dht *dht, struct kad_operation *operation)
{
    const struct kad_gathered *gathered = operation->gathered;
    size_t best = 0;

    for (size_t i = 1; i < gathered->n_records; i++) {
        if (beats(dht, gathered, i, best))
            best = i;
    }
    operation->best = gathered->records[best];
    operation->n_copies = gathered->copies[best];
}

/* Takes a valid value. `counts`: a node of its own gave it. Returns whether it is the best known of its owner. */
static bool keep(struct kad_dht *dht, struct kad_operation *operation, const struct kad_record *record,
                 bool counts, uint32_t *out_place)
{
    struct kad_gathered *gathered = operation->gathered;
    struct kad_record copy = *record;
    uint8_t *value = NULL;
    size_t at = 0;

    while (at < gathered->n_records && !same_owner(&gathered->records[at], record))
        at++;
    *out_place = (uint32_t)at + 1;
    if (at < gathered->n_records) {
        const struct kad_record *known = &gathered->records[at];
        const bool same = is_same(known, record);

        gathered->copies[at] = (uint16_t)(gathered->copies[at] + (same && counts));
        if (kad_hold_compare(dht, record, known) >= 0)
            return same;
    } else if (!make_room(dht, gathered)) {
        *out_place = 0;
        return true;
    }
    if (record->value.size) {
        value = kad_alloc(dht->allocator, record->value.size);
        if (!value) {
            *out_place = at < gathered->n_records ? *out_place : 0;
            return true;
        }
        memcpy(value, record->value.data, record->value.size);
    }
    copy.value.data = value;
    copy.salt = (struct kad_bytes){0};
    if (at < gathered->n_records) {
        if (!is_same(&gathered->records[at], record)) { /* whoever gave the older one has an outdated one */
            gathered->copies[at] = counts;
            for (size_t i = 0; i < gathered->n_holders; i++)
                gathered->holders[i].outdated = gathered->holders[i].has;
        }
        free_value(dht, &gathered->records[at]);
    } else {
        gathered->copies[at] = counts;
        gathered->n_records++;
    }
    gathered->records[at] = copy;
    return true;
}

/* The key that is wanted, which is not the target if only its beginning was told. */
static const struct kad_id *wanted_key(const struct kad_operation *operation)
{
    return operation->request.prefix_bits ? &operation->request.record.key : &operation->request.target;
}

static bool is_valid(const struct kad_dht *dht, const struct kad_operation *operation,
                     const struct kad_record *record, kad_ms now, bool *out_forged)
{
    const uint8_t wanted = operation->request.record.type;
    enum kad_refusal refusal;
    kad_ms expires_at;

    *out_forged = kad_id_prefix(&record->key, &operation->request.target) < operation->request.prefix_bits ||
                  !operation->request.prefix_bits;
    if (!kad_id_equal(&record->key, wanted_key(operation)) || (wanted && record->type != wanted))
        return false;
    refusal = kad_hold_check(dht, record);
    /* A program's own class may be another one elsewhere: what does not pass here may be right there. */
    *out_forged =
        refusal == KAD_REFUSAL_SIGNATURE || (refusal != KAD_REFUSAL_NONE && record->type < KAD_CLASS_USER);
    /* One that has just expired, or a clock that is off, is no offence. */
    return refusal == KAD_REFUSAL_NONE &&
           kad_hold_check_life(dht, record, now, &expires_at) == KAD_REFUSAL_NONE;
}

bool kad_gather_offer(struct kad_dht *dht, struct kad_operation *operation, const struct kad_record *record,
                      kad_ms now)
{
    uint32_t place;
    bool forged;

    if (!gathered_of(dht, operation) || !is_valid(dht, operation, record, now, &forged))
        return false;
    keep(dht, operation, record, false, &place);
    choose_best(dht, operation);
    return true;
}

static struct kad_gather_holder *holder_of(struct kad_dht *dht, struct kad_gathered *gathered,
                                           kad_contact_ref contact)
{
    for (size_t i = 0; i < gathered->n_holders; i++) {
        if (gathered->holders[i].contact == contact)
            return &gathered->holders[i];
    }
    if (!gathered->holders)
        gathered->holders = kad_alloc(dht->allocator, KAD_GATHER_HOLDERS * sizeof(*gathered->holders));
    if (!gathered->holders || gathered->n_holders == KAD_GATHER_HOLDERS)
        return NULL;
    kad_book_retain(dht->book, contact);
    gathered->holders[gathered->n_holders] = (struct kad_gather_holder){.contact = contact};
    return &gathered->holders[gathered->n_holders++];
}

/* -- what nodes sign -------------------------------------------------------------------------------------------- */

static bool take_attest(struct kad_dht *dht, struct kad_operation *operation, kad_contact_ref contact,
                        const struct kad_message *answer, struct kad_attest *out_attest)
{
    struct kad_gathered *gathered = operation->gathered;
    const struct kad_bytes identity = kad_book_identity(dht->book, contact);

    *out_attest = answer->attest;
    if (!answer->has_attest || !dht->rules->check_attest || identity.size != sizeof(out_attest->public_key))
        return false;
    out_attest->key = operation->request.target;
    memcpy(out_attest->public_key, identity.data, identity.size);
    if (!dht->rules->check_attest(out_attest))
        return false;
    if (!gathered->receipts)
        gathered->receipts = kad_alloc(dht->allocator, KAD_GATHER_RECEIPTS * sizeof(*gathered->receipts));
    if (gathered->receipts && gathered->n_receipts < KAD_GATHER_RECEIPTS)
        gathered->receipts[gathered->n_receipts++] =
            (struct kad_receipt){.contact = *kad_book_contact(dht->book, contact), .attest = *out_attest};
    return true;
}

/* The head of what expired, with its owner's signature: who made it cannot be made up by holders. */
static void take_ghost(struct kad_dht *dht, struct kad_operation *operation, const struct kad_message *answer,
                       const struct kad_attest *attest)
{
    struct kad_gathered *gathered = operation->gathered;
    const struct kad_record *ghost = &answer->ghost;
    uint8_t digest[32];

    if (!answer->has_ghost || !ghost->hashed || ghost->value.size != sizeof(gathered->ghost_hash) ||
        !kad_id_equal(&ghost->key, &operation->request.target) ||
        dht->rules->check_record(ghost) != KAD_REFUSAL_NONE)
        return;
    dht->rules->digest(ghost, digest);
    if (memcmp(digest, attest->digest, sizeof(digest)) != 0 ||
        (gathered->ghost.type != KAD_RECORD_NONE && gathered->ghost.valid_until >= ghost->valid_until))
        return;
    gathered->ghost = *ghost;
    memcpy(gathered->ghost_hash, ghost->value.data, sizeof(gathered->ghost_hash));
}

static void take_testimony(struct kad_dht *dht, struct kad_operation *operation, kad_contact_ref contact,
                           const struct kad_message *answer)
{
    struct kad_attest attest;

    if (!take_attest(dht, operation, contact, answer, &attest))
        return;
    operation->gathered->n_held += attest.kind == KAD_ATTEST_HELD;
    operation->gathered->n_nothing += attest.kind == KAD_ATTEST_NOTHING;
    if (attest.kind == KAD_ATTEST_HELD)
        take_ghost(dht, operation, answer, &attest);
}

static bool next_value(const struct kad_message *answer, unsigned i, struct kad_values *rest,
                       struct kad_record *out_value)
{
    if (i > answer->n_records)
        return rest->next && rest->next(rest, answer, out_value);
    *out_value = i ? answer->records[i - 1] : answer->record;
    return true;
}

bool kad_gather_take(struct kad_dht *dht, struct kad_operation *operation, const struct kad_query *query,
                     const struct kad_message *answer, kad_ms now)
{
    const bool more = query->purpose == KAD_FOR_MORE;
    const uint32_t before = operation->gathered ? operation->gathered->n_records : 0;
    const bool has_any = answer->record.type != KAD_RECORD_NONE;
    struct kad_values rest = answer->more;
    struct kad_record value;
    struct kad_gathered *gathered = gathered_of(dht, operation);
    struct kad_gather_holder *holder;
    bool honest = true, single = false;

    if (!gathered)
        return true;
    holder = holder_of(dht, gathered, query->contact);
    for (unsigned i = 0; has_any && next_value(answer, i, &rest, &value); i++) {
        const struct kad_record *record = &value;
        uint32_t place;
        bool forged;

        if (!is_valid(dht, operation, record, now, &forged)) {
            honest = honest && !forged;
            continue;
        }
        if (single) { /* a key has one value, and a holder one voice for it */
            honest = false;
            break;
        }
        single = !record->many;
        if (!keep(dht, operation, record, true, &place) && holder)
            holder->outdated = true;
        if (holder) {
            holder->has = true;
            holder->value = (uint16_t)place;
        }
    }
    if (!has_any && !more && operation->request.kind != KAD_REQUEST_PUT)
        take_testimony(dht, operation, query->contact, answer);
    if (gathered->n_records)
        choose_best(dht, operation);
    if (holder) {
        holder->asked = false;
        /* Nothing follows what is one, or nothing; but a page of many keys may have nothing of ours. */
        holder->from = honest && (operation->request.prefix_bits || (has_any && !single)) ? answer->from : 0;
        holder->done = more && operation->request.kind == KAD_REQUEST_TAKE &&
                       (!has_any || (gathered->n_records == before && holder->n_told == gathered->n_records));
    }
    return honest;
}

void kad_gather_own(struct kad_dht *dht, struct kad_operation *operation, kad_ms now)
{
    const struct kad_request *request = &operation->request;
    const bool taking = request->kind == KAD_REQUEST_TAKE;
    struct kad_record page[PAGE];
    uint32_t next = 0;

    if (taking && (!dht->rules->is_for ||
                   !dht->rules->is_for(&request->target, (struct kad_bytes){dht->member->public_key, 32})))
        return; /* others' mail: ours to keep, not to take */
    if (!gathered_of(dht, operation))
        return;
    do {
        const size_t n = dht->store->ops->list(dht->store, wanted_key(operation), request->record.type, now,
                                               next, page, PAGE, &next);

        for (size_t i = 0; i < n; i++) {
            const struct kad_class *class = kad_hold_class(dht, page[i].type);

            if (request->kind != KAD_REQUEST_PUT && (!class || class->taken_once != taking))
                continue;
            keep(dht, operation, &page[i], true, &operation->gathered->own);
            if (taking && operation->gathered->own) /* else there was no room for it: the next TAKE's */
                dht->store->ops->remove(dht->store, &page[i]);
        }
    } while (next);
    if (operation->gathered->n_records)
        choose_best(dht, operation);
}

/* The k nearest of those that answered and ourselves, by the values they hold. */
void kad_gather_recount(struct kad_dht *dht, struct kad_operation *operation)
{
    struct kad_gathered *gathered = operation->gathered;
    const struct kad_id *target = &operation->request.target;

    if (!gathered || gathered->n_records < 2 || gathered->records[0].many || gathered->cached ||
        !(operation->families[0] || operation->families[1]))
        return;
    memset(gathered->copies, 0, gathered->n_records * sizeof(*gathered->copies));
    for (int family = 0; family < KAD_FAMILIES; family++) {
        kad_contact_ref closest[64];
        size_t n;
        bool ourselves = dht->settings->read_only;

        if (!operation->families[family])
            continue;
        n = kad_paths_closest(&operation->paths[family], dht->settings->k, closest);
        for (size_t i = 0, left = dht->settings->k; i < n && left > 0; left--) {
            uint32_t value = 0;

            if (!ourselves &&
                kad_id_compare(target, &dht->self, &kad_book_contact(dht->book, closest[i])->id) < 0) {
                ourselves = true;
                value = gathered->own;
            } else {
                for (size_t j = 0; j < gathered->n_holders; j++) {
                    if (gathered->holders[j].contact == closest[i])
                        value = gathered->holders[j].value;
                }
                i++;
            }
            if (value)
                gathered->copies[value - 1]++;
        }
    }
    choose_best(dht, operation);
}

bool kad_gather_enough(const struct kad_dht *dht, const struct kad_operation *operation)
{
    const struct kad_request *request = &operation->request;
    const struct kad_gathered *gathered = operation->gathered;

    if (request->kind != KAD_REQUEST_GET || !gathered || !gathered->n_records)
        return false;
    if (gathered->cached || request->first)
        return true;
    if (operation->best.many)
        return false;
    return operation->best.type == KAD_RECORD_IMMUTABLE ||
           (dht->settings->quorum && operation->n_copies >= dht->settings->quorum);
}

/* -- storing ---------------------------------------------------------------------------------------------------- */

enum kad_refusal kad_gather_outdated(struct kad_dht *dht, struct kad_operation *operation)
{
    const struct kad_request *request = &operation->request;
    struct kad_gathered *gathered = operation->gathered;

    for (size_t i = 0; gathered && i < gathered->n_records; i++) {
        const struct kad_record *known = &gathered->records[i];

        if (!same_owner(known, &request->record))
            continue; /* whether somebody else has the key is for its holders to say: anybody can make up one */
        gathered->held_sequence = known->sequence;
        if (request->has_cas && known->sequence != request->cas)
            return KAD_REFUSAL_CAS;
        if (kad_hold_compare(dht, known, &request->record) < 0 && !is_same(known, &request->record))
            return KAD_REFUSAL_SEQUENCE;
        gathered->held_sequence = -1;
    }
    return KAD_REFUSAL_NONE;
}

bool kad_gather_receipt(struct kad_dht *dht, struct kad_operation *operation, const struct kad_query *query,
                        const struct kad_message *answer)
{
    struct kad_attest attest;
    uint8_t digest[32];

    if (!dht->rules->check_attest || !kad_operation_wants_receipts(operation))
        return true;
    if (!gathered_of(dht, operation) || !take_attest(dht, operation, query->contact, answer, &attest))
        return false;
    dht->rules->digest(&operation->request.record, digest);
    if (attest.kind == KAD_ATTEST_STORED && memcmp(digest, attest.digest, sizeof(digest)) == 0)
        return true;
    operation->gathered->n_receipts--;
    return false;
}

void kad_gather_refused(struct kad_dht *dht, struct kad_operation *operation, const struct kad_message *error)
{
    struct kad_gathered *gathered = gathered_of(dht, operation);

    if (!gathered)
        return;
    gathered->n_owner += error->refusal == KAD_REFUSAL_OWNER;
    if (error->has_sequence && error->sequence > gathered->held_sequence)
        gathered->held_sequence = error->sequence;
}

/* -- telling ---------------------------------------------------------------------------------------------------- */

void kad_gather_settle(struct kad_dht *dht, struct kad_operation *operation)
{
    struct kad_gathered *gathered = operation->gathered;
    uint32_t n = 0;

    if (!gathered || operation->request.kind == KAD_REQUEST_PUT)
        return;
    kad_gather_recount(dht, operation);
    if (gathered->n_records && !operation->best.many)
        return;
    for (uint32_t i = 0; i < gathered->n_records; i++) {
        if (gathered->records[i].withdrawn) {
            free_value(dht, &gathered->records[i]);
            continue;
        }
        gathered->records[n] = gathered->records[i];
        gathered->copies[n++] = gathered->copies[i];
    }
    gathered->n_records = n;
    operation->best = n ? gathered->records[0] : (struct kad_record){0};
    operation->n_copies = n ? gathered->copies[0] : 0;
}

void kad_gather_tell(const struct kad_operation *operation, struct kad_event *out_event)
{
    struct kad_gathered *gathered = operation->gathered;

    out_event->done.held_sequence = gathered ? gathered->held_sequence : -1;
    if (!gathered)
        return;
    if (operation->request.kind != KAD_REQUEST_PUT) {
        out_event->done.records = gathered->records;
        out_event->done.n_records = gathered->n_records;
        if (operation->best.type == KAD_RECORD_NONE && gathered->ghost.type != KAD_RECORD_NONE) {
            gathered->ghost.value.data = gathered->ghost_hash;
            out_event->done.record = &gathered->ghost;
        }
    }
    out_event->done.receipts = gathered->receipts;
    out_event->done.n_receipts = gathered->n_receipts;
    out_event->done.n_held = gathered->n_held;
    out_event->done.n_nothing = gathered->n_nothing;
    out_event->done.cached = gathered->cached;
}

static void walk_value(struct kad_walk *walk, struct kad_record *record)
{
    kad_record_walk(walk, record);
    record->value.size = kad_walk_count(walk, record->value.size, KAD_RECORD_VALUE_MOST);
    record->value.data = kad_walk_owned(walk, (uint8_t *)(uintptr_t)record->value.data, record->value.size);
    if (!record->value.data)
        record->value.size = 0;
}

void kad_gather_walk(struct kad_walk *walk, struct kad_operation *operation)
{
    struct kad_gathered *gathered = operation->gathered;
    size_t n_records, n_receipts, n_holders;

    if (kad_walk_reads(walk))
        gathered = operation->gathered = kad_walk_room(walk, 1, sizeof(*gathered));
    if (!gathered)
        return;
    n_records = kad_walk_count(walk, gathered->n_records, KAD_GATHER_VALUES);
    n_receipts = kad_walk_count(walk, gathered->n_receipts, KAD_GATHER_RECEIPTS);
    n_holders = kad_walk_count(walk, gathered->n_holders, KAD_GATHER_HOLDERS);
    KAD_WALK(walk, gathered->n_held);
    KAD_WALK(walk, gathered->n_nothing);
    KAD_WALK(walk, gathered->n_owner);
    KAD_WALK(walk, gathered->own);
    KAD_WALK(walk, gathered->n_more);
    KAD_WALK(walk, gathered->held_sequence);
    KAD_WALK(walk, gathered->cached);
    kad_record_walk(walk, &gathered->ghost);
    KAD_WALK_BYTES(walk, gathered->ghost_hash);
    if (kad_walk_reads(walk)) {
        gathered->ghost.value = (struct kad_bytes){gathered->ghost_hash, sizeof(gathered->ghost_hash)};
        gathered->records = kad_walk_room(walk, n_records, sizeof(*gathered->records));
        gathered->room_records = gathered->records ? (uint32_t)n_records : 0;
        gathered->copies = kad_walk_room(walk, gathered->room_records, sizeof(*gathered->copies));
        gathered->receipts =
            n_receipts ? kad_walk_room(walk, KAD_GATHER_RECEIPTS, sizeof(*gathered->receipts)) : NULL;
        gathered->holders =
            n_holders ? kad_walk_room(walk, KAD_GATHER_HOLDERS, sizeof(*gathered->holders)) : NULL;
        if (gathered->room_records && !gathered->copies) {
            kad_free(walk->allocator, gathered->records, n_records * sizeof(*gathered->records));
            gathered->records = NULL;
            gathered->room_records = 0;
        }
    }
    for (size_t i = 0; i < n_records && !walk->bad; i++) {
        walk_value(walk, &gathered->records[i]);
        KAD_WALK(walk, gathered->copies[i]);
        gathered->n_records = (uint32_t)(kad_walk_reads(walk) ? i + 1 : n_records);
    }
    for (size_t i = 0; i < n_receipts && !walk->bad; i++) {
        KAD_WALK_BYTES(walk, gathered->receipts[i].contact.id);
        kad_walk_endpoint(walk, &gathered->receipts[i].contact.endpoint);
        KAD_WALK(walk, gathered->receipts[i].attest.kind);
        KAD_WALK_BYTES(walk, gathered->receipts[i].attest.key);
        KAD_WALK_BYTES(walk, gathered->receipts[i].attest.digest);
        KAD_WALK(walk, gathered->receipts[i].attest.at);
        KAD_WALK_BYTES(walk, gathered->receipts[i].attest.public_key);
        KAD_WALK_BYTES(walk, gathered->receipts[i].attest.signature);
        gathered->n_receipts = (uint32_t)(kad_walk_reads(walk) ? i + 1 : n_receipts);
    }
    for (size_t i = 0; i < n_holders && !walk->bad; i++) {
        struct kad_gather_holder *holder = &gathered->holders[i];

        kad_walk_contact(walk, &holder->contact);
        if (holder->contact == KAD_NO_CONTACT) {
            kad_walk_fail(walk);
            return;
        }
        gathered->n_holders = (uint32_t)(kad_walk_reads(walk) ? i + 1 : n_holders);
        KAD_WALK(walk, holder->from);
        KAD_WALK(walk, holder->value);
        KAD_WALK(walk, holder->n_told);
        KAD_WALK(walk, holder->has);
        KAD_WALK(walk, holder->outdated);
        KAD_WALK(walk, holder->asked);
        KAD_WALK(walk, holder->done);
    }
    if (kad_walk_reads(walk) && gathered->n_records) {
        operation->best = gathered->records[0]; /* and chosen anew with the next answer */
        operation->n_copies = gathered->copies[0];
    }
}
