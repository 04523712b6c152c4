/* peers - what an engine makes of others, where nodes have identities: shown, banned, pardoned, remembered. */
#include "engine/engine_parts.h"

#include "base/endpoint.h"
#include "core/active.h"
#include "core/peers.h"
#include "engine/journal.h"

size_t kad_engine_peers(const struct kad_engine *engine, struct kad_peer_row *out_rows, size_t room,
                        kad_ms now)
{
    const size_t n = kad_score_rows(kad_peers_scores(&engine->dht), out_rows, room, now);

    for (size_t i = 0; i < n && i < room; i++) {
        out_rows[i].is_bootstrap = kad_peers_reserved(&engine->dht, &out_rows[i].contact.id);
        out_rows[i].is_active = kad_active_has(&engine->dht, &out_rows[i].contact.id);
    }
    return n;
}

unsigned kad_engine_score(const struct kad_engine *engine, const struct kad_contact *contact, kad_ms now,
                          enum kad_peer_state *out_state)
{
    const struct kad_scores *scores = kad_peers_scores(&engine->dht);

    *out_state = kad_score_state(scores, &contact->id, &contact->endpoint, now);
    return kad_score_of(scores, &contact->id, &contact->endpoint, now);
}

static struct kad_peer_row row_of(const struct kad_id *id, const struct kad_endpoint *address)
{
    struct kad_peer_row row = {.is_address = !id, .rtt_ms = -1};

    if (id)
        row.contact.id = *id;
    if (address)
        row.contact.endpoint = *address;
    return row;
}

static bool is_somebody(const struct kad_id *id, const struct kad_endpoint *address)
{
    return id || (address && address->family != KAD_FAMILY_NONE);
}

int kad_engine_ban(struct kad_engine *engine, const struct kad_id *id, const struct kad_endpoint *address,
                   kad_ms for_ms, kad_ms now)
{
    struct kad_peer_row row = row_of(id, address);

    row.banned_for = for_ms;
    if (engine->journal)
        kad_journal_peer(engine->journal, KAD_JOURNAL_BAN, &row, now);
    if (!is_somebody(id, address) || for_ms <= 0 || (id && kad_id_equal(id, &engine->dht.self)))
        return KAD_E_INVALID;
    return kad_peers_ban(&engine->dht, id, address, for_ms, now);
}

bool kad_engine_pardon(struct kad_engine *engine, const struct kad_id *id, const struct kad_endpoint *address,
                       kad_ms now)
{
    const struct kad_peer_row row = row_of(id, address);

    if (engine->journal)
        kad_journal_peer(engine->journal, KAD_JOURNAL_PARDON, &row, now);
    return kad_peers_scores(&engine->dht) && is_somebody(id, address) &&
           kad_score_pardon(kad_peers_scores(&engine->dht), id, address, now);
}

int kad_engine_remember(struct kad_engine *engine, const struct kad_peer_row *row, kad_ms now)
{
    if (engine->journal)
        kad_journal_peer(engine->journal, KAD_JOURNAL_REMEMBER, row, now);
    if (!kad_peers_scores(&engine->dht))
        return KAD_E_INVALID;
    return kad_score_remember(kad_peers_scores(&engine->dht), row, now);
}
