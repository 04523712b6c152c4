#include "core/region.h"

#include <string.h>

#include "core/operation.h"
#include "core/records.h"

#define WAYS   8
#define TOKENS (KAD_FAMILIES * KAD_OPERATION_TOKENS)

static struct kad_regions *regions_of(const struct kad_dht *dht)
{
    return &dht->member->records->regions;
}

static void forget(struct kad_dht *dht, struct kad_region *region)
{
    for (int family = 0; family < KAD_FAMILIES; family++) {
        for (size_t i = 0; i < region->n[family]; i++)
            kad_book_release(dht->book, region->contacts[family][i]);
        region->n[family] = 0;
    }
}

void kad_regions_clear(struct kad_dht *dht)
{
    struct kad_regions *regions = regions_of(dht);

    for (size_t i = 0; i < KAD_REGIONS; i++)
        forget(dht, &regions->regions[i]);
    for (size_t i = 0; regions->tokens && i < KAD_REGION_TOKENS; i++)
        kad_book_release(dht->book, regions->tokens[i].contact);
    kad_free(dht->allocator, regions->tokens, KAD_REGION_TOKENS * sizeof(*regions->tokens));
    regions->tokens = NULL;
}

/* -- tokens ----------------------------------------------------------------------------------------------------- */

/* Where its token stands, or may stand: one of a few places that follow from its id, be it free, or the oldest. */
static struct kad_region_token *place_of(const struct kad_dht *dht, kad_contact_ref contact)
{
    const unsigned first = kad_book_contact(dht->book, contact)->id.bytes[KAD_ID_SIZE - 1];
    struct kad_region_token *tokens = regions_of(dht)->tokens, *best = NULL;

    for (unsigned i = 0; i < WAYS; i++) {
        struct kad_region_token *token = &tokens[(first + i) % KAD_REGION_TOKENS];

        if (token->contact == contact)
            return token;
        if (!best ||
            (best->contact != KAD_NO_CONTACT && (token->contact == KAD_NO_CONTACT || token->at < best->at)))
            best = token;
    }
    return best;
}

void kad_region_token(struct kad_dht *dht, kad_contact_ref contact, struct kad_bytes token, kad_ms now)
{
    struct kad_regions *regions = regions_of(dht);
    struct kad_region_token *place;

    if (!token.size || token.size > sizeof(place->bytes))
        return;
    if (!regions->tokens) {
        regions->tokens = kad_alloc_zero(dht->allocator, KAD_REGION_TOKENS * sizeof(*regions->tokens));
        if (!regions->tokens)
            return;
    }
    place = place_of(dht, contact);
    if (place->contact != contact) {
        kad_book_release(dht->book, place->contact);
        kad_book_retain(dht->book, contact);
        place->contact = contact;
    }
    place->size = (uint8_t)token.size;
    memcpy(place->bytes, token.data, token.size);
    place->at = now;
}

const struct kad_region_token *kad_region_fresh(const struct kad_dht *dht, kad_contact_ref contact,
                                                kad_ms now)
{
    const struct kad_region_token *place;

    if (!regions_of(dht)->tokens)
        return NULL;
    place = place_of(dht, contact);
    return place->contact == contact && now - place->at < KAD_REGION_LIFE ? place : NULL;
}

/* -- regions ---------------------------------------------------------------------------------------------------- */

static bool is_known(const struct kad_region *region)
{
    return region->n[0] || region->n[1];
}

/* Of the family with more nodes; 0: not known. */
static double most_nodes(const struct kad_dht *dht)
{
    double nodes = 0;

    for (int i = 0; i < KAD_FAMILIES; i++) {
        const double of_family = dht->tables[i] ? kad_estimate_nodes(&dht->estimates[i]) : 0;

        nodes = of_family > nodes ? of_family : nodes;
    }
    return nodes;
}

void kad_region_widen(const struct kad_dht *dht, struct kad_operation *operation)
{
    if (most_nodes(dht) == 0)
        return; /* who is in the region cannot be told yet */
    for (int i = 0; i < KAD_FAMILIES; i++) {
        if (operation->families[i])
            operation->paths[i].first.config.width = KAD_REGION_WIDTH;
    }
}

/* What one family's lookup covers: its contacts, nearest first, and the bits that a key shares with the target whose holders are
 * among them. False: nothing. */
static bool covered(const struct kad_dht *dht, const struct kad_operation *operation, int family,
                    kad_contact_ref out_contacts[KAD_REGION_WIDTH], uint8_t *out_n, unsigned *out_prefix)
{
    const struct kad_paths *paths = &operation->paths[family];
    const struct kad_id *target = &operation->request.target;
    const enum kad_reason reason = kad_paths_reason(paths);
    unsigned prefix;
    size_t n, n_inside = 0;

    if (!operation->families[family] || paths->first.config.width < KAD_REGION_WIDTH)
        return false;
    n = kad_paths_closest(paths, KAD_REGION_WIDTH, out_contacts);
    if (n < KAD_REGION_WIDTH && (reason == KAD_REASON_EXHAUSTED || reason == KAD_REASON_NO_CONTACTS))
        prefix = 0; /* that is all of the network */
    else if (n == KAD_REGION_WIDTH && reason == KAD_REASON_CONVERGED)
        prefix = kad_id_prefix(target, &kad_book_contact(dht->book, out_contacts[n - 1])->id) + 1;
    else
        return false;
    if (prefix < kad_region_bits(dht))
        prefix = kad_region_bits(dht); /* as far as others were asked about */
    while (n_inside < n &&
           kad_id_prefix(target, &kad_book_contact(dht->book, out_contacts[n_inside])->id) >= prefix)
        n_inside++;
    *out_n = (uint8_t)n_inside;
    *out_prefix = prefix;
    /* As many as hold a record, and ourselves perhaps. */
    return (!prefix || n_inside > dht->settings->replicas) && prefix <= UINT8_MAX;
}

void kad_region_learn(struct kad_dht *dht, const struct kad_operation *operation, kad_ms now)
{
    struct kad_regions *regions = regions_of(dht);
    const struct kad_id *target = &operation->request.target;
    struct kad_region fresh = {.middle = *target, .at = now};
    struct kad_region *region = &regions->regions[regions->next];

    for (int i = 0; i < KAD_FAMILIES; i++) {
        unsigned prefix;

        if (!dht->tables[i])
            continue;
        if (!covered(dht, operation, i, fresh.contacts[i], &fresh.n[i], &prefix))
            return;
        fresh.prefix = prefix > fresh.prefix ? (uint8_t)prefix : fresh.prefix;
    }
    if (!is_known(&fresh))
        return;
    for (int family = 0; family < KAD_FAMILIES; family++) {
        for (size_t i = 0; i < fresh.n[family]; i++)
            kad_book_retain(dht->book, fresh.contacts[family][i]);
    }
    regions->next = (uint8_t)((regions->next + 1) % KAD_REGIONS);
    forget(dht, region);
    *region = fresh;
}

/* Bits of a prefix that no more nodes than these are expected to have. */
static unsigned bits_within(const struct kad_dht *dht, double most)
{
    unsigned bits = 0;

    for (double within = most_nodes(dht); within > most; within /= 2)
        bits++;
    return bits;
}

/* Of the family with more nodes: where its lookup ends, the other's has covered as much. */
unsigned kad_region_bits(const struct kad_dht *dht)
{
    /* The farthest of the wide lookup is as likely in the outer half as not: half its nodes share one bit more. */
    return bits_within(dht, 0.75 * KAD_REGION_WIDTH);
}

struct kad_id kad_region_ask(const struct kad_dht *dht, const struct kad_operation *operation,
                             kad_contact_ref contact)
{
    const struct kad_id *target = &operation->request.target;
    const struct kad_contact *who = kad_book_contact(dht->book, contact);
    const int family = kad_family_index(who->endpoint.family);
    const unsigned region = kad_region_bits(dht), near = bits_within(dht, dht->settings->k / 2.0);
    const unsigned shared = kad_id_prefix(target, &who->id);
    struct kad_id about = who->id;
    unsigned bit;

    if (!operation->families[family] || operation->paths[family].first.config.width < KAD_REGION_WIDTH ||
        operation->owner == KAD_OWNER_HOST || shared < region || shared >= near)
        return *target;
    /* Across the smallest part, whose two halves an answer has room for, or, one in two, across a larger one. */
    bit = near - 1;
    if (about.bytes[KAD_ID_SIZE - 1] % 2)
        bit = region + about.bytes[KAD_ID_SIZE - 1] / 2 % (near - region);
    about.bytes[bit / 8] ^= (uint8_t)(0x80u >> bit % 8);
    return about;
}

const struct kad_region *kad_region_of(const struct kad_dht *dht, const struct kad_id *key, kad_ms now)
{
    const struct kad_regions *regions = regions_of(dht);

    for (size_t i = 0; i < KAD_REGIONS; i++) {
        const struct kad_region *region = &regions->regions[i];

        if (is_known(region) && now - region->at < KAD_REGION_LIFE &&
            kad_id_prefix(key, &region->middle) >= region->prefix)
            return region;
    }
    return NULL;
}

static bool use(struct kad_dht *dht, struct kad_operation *operation, kad_contact_ref contact, kad_ms now)
{
    const struct kad_region_token *token = kad_region_fresh(dht, contact, now);
    struct kad_operation_token *kept;

    if (!token || (operation->tokens && operation->n_tokens == operation->room_tokens) ||
        operation->n_storing == KAD_COUNT_OF(operation->storing))
        return false;
    if (!operation->tokens) {
        operation->tokens = kad_alloc(dht->allocator, TOKENS * sizeof(*operation->tokens));
        operation->room_tokens = operation->tokens ? TOKENS : 0;
    }
    if (!operation->tokens)
        return false;
    kept = &operation->tokens[operation->n_tokens++];
    kad_book_retain(dht->book, contact);
    kept->contact = contact;
    kept->size = token->size;
    memcpy(kept->bytes, token->bytes, token->size);
    operation->storing[operation->n_storing++] = contact;
    return true;
}

static void skip_lookups(struct kad_operation *operation)
{
    for (int i = 0; i < KAD_FAMILIES; i++) {
        if (operation->families[i])
            kad_paths_clear(&operation->paths[i]);
        operation->families[i] = false;
    }
    operation->looked_at_own = true;
    operation->phase = KAD_PHASE_STORING;
    operation->reason = KAD_REASON_CONVERGED;
}

size_t kad_region_holders(const struct kad_dht *dht, int family, const kad_contact_ref *contacts, size_t n,
                          const struct kad_request *request, bool publishes,
                          uint8_t out_order[KAD_REGION_WIDTH])
{
    const unsigned replicas = request->replicas ? request->replicas : dht->settings->replicas;
    const uint64_t radius = publishes && !request->replicas ? kad_operation_radius(dht, family) : 0;
    size_t n_chosen;

    for (size_t i = 0; i < n; i++) {
        const struct kad_id *id = &kad_book_contact(dht->book, contacts[i])->id;
        size_t at = i;

        for (; at > 0 && kad_id_compare(&request->target, id,
                                        &kad_book_contact(dht->book, contacts[out_order[at - 1]])->id) < 0;
             at--)
            out_order[at] = out_order[at - 1];
        out_order[at] = (uint8_t)i;
    }
    for (n_chosen = 0; n_chosen < n && n_chosen < KAD_OPERATION_TOKENS; n_chosen++) {
        const struct kad_id distance =
            kad_id_xor(&request->target, &kad_book_contact(dht->book, contacts[out_order[n_chosen]])->id);

        if (n_chosen >= replicas && !(radius && kad_id_head(&distance) <= radius))
            break;
    }
    return n_chosen;
}

bool kad_region_begin(struct kad_dht *dht, struct kad_operation *operation, kad_ms now)
{
    const struct kad_region *region = kad_region_of(dht, &operation->request.target, now);
    uint8_t order[KAD_FAMILIES][KAD_REGION_WIDTH];
    size_t n[KAD_FAMILIES];

    if (!region)
        return false;
    for (int family = 0; family < KAD_FAMILIES; family++) {
        n[family] =
            kad_region_holders(dht, family, region->contacts[family], region->n[family], &operation->request,
                               operation->owner == KAD_OWNER_PUBLISH, order[family]);
        for (size_t i = 0; i < n[family]; i++) {
            if (!kad_region_fresh(dht, region->contacts[family][order[family][i]], now))
                return false;
        }
    }
    for (int family = 0; family < KAD_FAMILIES; family++) {
        for (size_t i = 0; i < n[family]; i++)
            (void)use(dht, operation, region->contacts[family][order[family][i]], now);
    }
    skip_lookups(operation);
    kad_operation_store_own(dht, operation, now);
    return true;
}

bool kad_region_begin_at(struct kad_dht *dht, struct kad_operation *operation,
                         const kad_contact_ref *contacts, size_t n, kad_ms now)
{
    for (size_t i = 0; i < n; i++) {
        if (!kad_region_fresh(dht, contacts[i], now))
            return false;
    }
    for (size_t i = 0; i < n; i++)
        (void)use(dht, operation, contacts[i], now);
    skip_lookups(operation);
    return true;
}
