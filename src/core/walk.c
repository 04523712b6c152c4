#include "core/walk.h"

#include <string.h>

#define WITH_PLACE 4

void kad_walk_place(struct kad_walk *walk, struct kad_place *place)
{
    KAD_WALK(walk, place->as_number);
    KAD_WALK_BYTES(walk, place->country);
    KAD_WALK(walk, place->shunned);
    KAD_WALK(walk, place->no_store);
}

void kad_walk_contact(struct kad_walk *walk, kad_contact_ref *contact)
{
    struct kad_contact whole;
    struct kad_bytes identity = {0};
    struct kad_place place = {0};
    uint8_t known = *contact != KAD_NO_CONTACT; /* 2: with an identity; WITH_PLACE besides */

    memset(&whole, 0, sizeof(whole));
    if (!kad_walk_reads(walk) && known) {
        identity = kad_book_identity(walk->book, *contact);
        known = identity.size ? 2 : 1;
        if (kad_book_has_places(walk->book)) {
            known |= WITH_PLACE;
            place = kad_book_place(walk->book, *contact);
        }
    }
    KAD_WALK(walk, known);
    if (known & WITH_PLACE) {
        known &= (uint8_t)~WITH_PLACE;
        kad_walk_place(walk, &place);
    }
    if (!kad_walk_reads(walk)) {
        if (known) {
            whole = *kad_book_contact(walk->book, *contact);
            KAD_WALK_BYTES(walk, whole.id);
            kad_walk_endpoint(walk, &whole.endpoint);
        }
        if (known == 2) {
            KAD_WALK(walk, identity.size);
            walk->put(walk->context, identity.data, identity.size);
        }
        return;
    }
    *contact = KAD_NO_CONTACT;
    if (!known)
        return;
    KAD_WALK_BYTES(walk, whole.id);
    kad_walk_endpoint(walk, &whole.endpoint);
    if (whole.endpoint.family == KAD_FAMILY_NONE)
        kad_walk_fail(walk);
    if (known == 2) {
        identity.size = kad_walk_count(walk, 0, UINT16_MAX);
        identity.data = walk->at;
        if (identity.size == 0 || identity.size > walk->left)
            kad_walk_fail(walk);
    } else if (known > 2) {
        kad_walk_fail(walk);
    }
    if (walk->bad)
        return;
    walk->at += identity.size;
    walk->left -= identity.size;
    *contact = kad_book_intern(walk->book, &whole.id, &whole.endpoint, identity);
    if (*contact == KAD_NO_CONTACT) {
        walk->no_memory = true;
        kad_walk_fail(walk);
    } else if (kad_book_has_places(walk->book)) {
        kad_book_set_place(walk->book, *contact, &place);
    }
}
