#include "lookout/anchors.h"

#include <string.h>

#include "base/endpoint.h"

/* Since when it has been answering; KAD_NEVER: it is no anchor. */
static kad_ms since(const struct kad_peer_row *peers, size_t n_peers, const struct kad_id *id)
{
    for (size_t i = 0; i < n_peers; i++) {
        const struct kad_peer_row *peer = &peers[i];

        if (!peer->is_address && memcmp(&peer->contact.id, id, sizeof(*id)) == 0)
            return peer->first_at && peer->state == KAD_PEER_FINE && peer->score > 50 ? peer->first_at
                                                                                      : KAD_NEVER;
    }
    return KAD_NEVER;
}

static bool group_is_among(const struct kad_contact *contacts, size_t n, const struct kad_endpoint *endpoint)
{
    for (size_t i = 0; i < n; i++) {
        const struct kad_endpoint *other = &contacts[i].endpoint;

        if (other->family == endpoint->family &&
            kad_endpoint_wide_group(other) == kad_endpoint_wide_group(endpoint))
            return true;
    }
    return false;
}

size_t kad_anchors_first(struct kad_contact *contacts, uint8_t (*keys)[32], size_t n,
                         const struct kad_peer_row *peers, size_t n_peers)
{
    kad_ms at[KAD_ANCHORS_FROM];
    size_t n_anchors = 0;

    n = n < KAD_ANCHORS_FROM ? n : KAD_ANCHORS_FROM;
    for (size_t i = 0; i < n; i++)
        at[i] = since(peers, n_peers, &contacts[i].id);
    for (; n_anchors < KAD_ANCHORS && n_anchors < n; n_anchors++) {
        size_t best = n_anchors;
        struct kad_contact contact;
        uint8_t key[32];

        for (size_t i = n_anchors; i < n; i++) {
            if (at[i] != KAD_NEVER && group_is_among(contacts, n_anchors, &contacts[i].endpoint))
                at[i] = KAD_NEVER;
            if (at[i] < at[best])
                best = i;
        }
        if (at[best] == KAD_NEVER)
            break;
        contact = contacts[n_anchors];
        memcpy(key, keys[n_anchors], sizeof(key));
        contacts[n_anchors] = contacts[best];
        memcpy(keys[n_anchors], keys[best], sizeof(key));
        contacts[best] = contact;
        memcpy(keys[best], key, sizeof(key));
        at[best] = at[n_anchors];
    }
    return n_anchors;
}
