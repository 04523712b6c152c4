/*
 * member - what a node of a network with identities has besides: who it is, and the records it takes beyond the network's own.
 *
 * kad_dht.member; NULL where the network has no identities. The engine makes it and owns it. All that only such networks need
 * per node stands here, so that a node of any other pays one pointer for it.
 */
#ifndef KAD_CORE_MEMBER_H
#define KAD_CORE_MEMBER_H

#include "core/rules.h"
#include "core/table.h"

struct kad_records;
struct kad_scores;

#define KAD_RESERVED_MAX 8
#define KAD_ACTIVE_MAX   128

/* Contacts of the tables that are kept as active peers (core/active.h). */
struct kad_active {
    kad_contact_ref contacts[KAD_ACTIVE_MAX]; /* retained */
    kad_ms look_at, choose_at;
    uint8_t n;
    bool enough; /* there were as many contacts as there should be */
};

/* Where core/cover.h is in its hour. */
struct kad_cover {
    kad_ms began_at; /* the part of it that we are in; 0: none yet */
    kad_ms due_at;   /* KAD_NEVER: the one of this part has begun */
};

struct kad_member {
    uint8_t public_key[32]; /* our identity */
    uint8_t secret[64];     /* what kad_rules.sign_attest signs with */
    const struct kad_class
        *classes; /* the program's own, beside those that kad_rules.class_of knows; borrowed */
    size_t n_classes;
    struct kad_records *records; /* core's: what keeps records alive (core/records.h) */
    struct kad_scores *scores;   /* core's: what was seen of whom (core/peers.h); NULL: nothing is kept */
    struct kad_gate gate;        /* the host's, by way of the engine; NULL functions: everybody is let in */
    struct kad_table_opinion opinion; /* what the tables ask, of scores as they stood at: */
    kad_ms scored_at;
    struct kad_id
        reserved[KAD_RESERVED_MAX]; /* nodes we joined through, in the table: they stay while they answer */
    uint8_t n_reserved;
    struct kad_active active;
    struct kad_cover cover;
    kad_ms told_at; /* our neighbours were told last that we have another address */
};

#endif
