/*
 * anchors - which of a node's contacts it asks first when it starts again: those it has known longest (K46, K50).
 *
 * Whoever surrounds a node while it is off, or shortly before, has to have been there for long; and in as many address groups as there are anchors.
 */
#ifndef KAD_LOOKOUT_ANCHORS_H
#define KAD_LOOKOUT_ANCHORS_H

#include "kad/engine.h"

#define KAD_ANCHORS      16
#define KAD_ANCHORS_FROM 512 /* contacts, at most */

/* Puts those to the front who have been answering longest (by `peers`), fine all the time, each of another /16 (IPv6: /48). `keys`
 * stand beside the contacts. How many there are: KAD_ANCHORS at most. */
size_t kad_anchors_first(struct kad_contact *contacts, uint8_t (*keys)[32], size_t n,
                         const struct kad_peer_row *peers, size_t n_peers);

#endif
