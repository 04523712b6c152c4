#include "node/around.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lookout/variety.h"
#include "node/parts.h"

#define LOOK_FIRST (5 * KAD_SECOND) /* then after twice as long each time */
#define LOOK_EVERY (5 * KAD_MINUTE)

/* Rows of both families, in memory of the caller's. */
struct rows {
    struct kad_table_row *rows;
    struct kad_endpoint *endpoints; /* room for as many */
    uint64_t *scratch;              /* room for four times as many */
    size_t n, n_ipv4, room, size;
};

/* False: no memory for it; the next look will do. */
static bool read_table(const struct kad_node *node, struct rows *out)
{
    out->room = kad_engine_table(node->engine, KAD_IPV4, NULL, 0) +
                kad_engine_table(node->engine, KAD_IPV6, NULL, 0) + 1;
    out->size = out->room * (sizeof(*out->rows) + sizeof(*out->endpoints) + 4 * sizeof(*out->scratch));
    out->rows = kad_alloc(node->allocator, out->size);
    if (!out->rows)
        return false;
    out->scratch = (uint64_t *)(void *)(out->rows + out->room);
    out->endpoints = (struct kad_endpoint *)(void *)(out->scratch + 4 * out->room);
    out->n = 0;
    for (int family = 0; family < 2; family++) {
        const size_t left = out->room - out->n;
        const size_t n =
            kad_engine_table(node->engine, family ? KAD_IPV6 : KAD_IPV4, out->rows + out->n, left);

        out->n += n < left ? n : left;
        out->n_ipv4 = family ? out->n_ipv4 : out->n;
    }
    return true;
}

/* -- in how many networks, and how near ------------------------------------------------------------------------- */

static void tell_variety(const struct kad_node *node, const struct kad_variety *variety)
{
    char contacts[24], networks[24], largest[24];

    snprintf(contacts, sizeof(contacts), "%zu", variety->n_public);
    snprintf(networks, sizeof(networks), "%zu", variety->n_networks);
    snprintf(largest, sizeof(largest), "%zu", variety->n_largest);
    if (kad_variety_is_poor(variety))
        kad_tell(node, KAD_LOG_WARN, "few_networks", "contacts", contacts, "networks", networks, "largest",
                 largest, "what",
                 "who has one network could surround this node; bootstraps in others would help", NULL);
    else
        kad_tell(node, KAD_LOG_INFO, "networks_enough", "contacts", contacts, "networks", networks, "largest",
                 largest, NULL);
}

static void tell_crowd(const struct kad_node *node, size_t n)
{
    char contacts[24];

    snprintf(contacts, sizeof(contacts), "%zu", n);
    if (node->around.crowded)
        kad_tell(node, KAD_LOG_WARN, "crowded", "contacts", contacts, "what",
                 "they stand nearer to this node's id than chance has it: somebody may want to surround it",
                 NULL);
    else
        kad_tell(node, KAD_LOG_INFO, "crowd_gone", NULL, NULL);
}

static void look_at_variety(struct kad_node *node, struct rows *rows)
{
    struct kad_variety variety;
    struct kad_info info;
    size_t n = 0, n_near = 0;

    kad_engine_info(node->engine, &info);
    for (size_t i = 0; i < rows->n; i++) {
        if (!rows->rows[i].replacement)
            rows->endpoints[n++] = rows->rows[i].contact.endpoint;
    }
    n_near =
        kad_variety_crowd(rows->rows, rows->n_ipv4, &info.id, info.network_size[0]) +
        kad_variety_crowd(rows->rows + rows->n_ipv4, rows->n - rows->n_ipv4, &info.id, info.network_size[1]);
    variety = kad_variety_of(rows->endpoints, n, rows->scratch);
    if (kad_variety_is_poor(&variety) != node->around.poor) {
        node->around.poor = !node->around.poor;
        tell_variety(node, &variety);
    }
    if ((n_near > 0) != node->around.crowded) {
        node->around.crowded = !node->around.crowded;
        tell_crowd(node, n_near);
    }
}

/* -- regions ---------------------------------------------------------------------------------------------------- */

static void tell_region(const struct kad_node *node, const struct kad_region_change *change)
{
    char contacts[24], seconds[24];

    snprintf(contacts, sizeof(contacts), "%" PRIu32, change->n_good);
    snprintf(seconds, sizeof(seconds), "%" PRId64, (change->at - change->since) / KAD_SECOND);
    if (change->what == KAD_REGION_SILENT)
        kad_tell(node, KAD_LOG_WARN, kad_region_text(change->what), "region", change->name, "contacts",
                 contacts, "unheard_for_s", seconds, "what",
                 "nobody there answers while others do: the network may be cut in two", NULL);
    else
        kad_tell(node, KAD_LOG_INFO, kad_region_text(change->what), "region", change->name, "after_s",
                 seconds, NULL);
}

/* A ping as of a saved contact: who answers gets the place in the table that there is for it. False: it cannot be asked. */
static bool ping(struct kad_node *node, const struct kad_region_peer *peer)
{
    static const uint8_t no_key[32] = {0};
    const bool has_key = memcmp(peer->public_key, no_key, sizeof(no_key)) != 0;

    if (has_key)
        return kad_engine_contact_key(node->engine, &peer->contact.endpoint, peer->public_key, false,
                                      node->now) == KAD_OK;
    return !kad_network_has_identities(node->config.network) && /* of others' keys only Ed25519's are known */
           kad_engine_contact(node->engine, &peer->contact, false, node->now) == KAD_OK;
}

static void look_at_regions(struct kad_node *node, const struct rows *rows)
{
    struct kad_regions *regions = node->around.regions;
    const struct kad_region_change *change;
    struct kad_regions_look look;

    kad_regions_look(regions, rows->rows, rows->n, node->config.places, rows->scratch, node->now, &look);
    while ((change = kad_regions_news(regions, &node->around.regions_told)))
        tell_region(node, change);
    for (size_t i = 0; i < look.n_probes; i++) {
        if (!ping(node, &look.probes[i]))
            kad_regions_cannot_ask(regions, &look.probes[i]);
    }
}

/* -- when ------------------------------------------------------------------------------------------------------- */

const struct kad_regions *kad_node_regions(const struct kad_node *node)
{
    return node->around.regions;
}

void kad_around_begin(struct kad_node *node)
{
    struct kad_around *around = &node->around;

    around->variety_at = node->now;
    if (around->regions || !node->config.region_silent_ms)
        return; /* it was lost for a while: what was known of regions holds */
    around->regions = kad_alloc(node->allocator, sizeof(*around->regions));
    if (!around->regions)
        return;
    kad_regions_init(around->regions, node->config.region_silent_ms);
    around->regions_at = node->now;
}

void kad_around_clear(struct kad_node *node)
{
    kad_free(node->allocator, node->around.regions, sizeof(*node->around.regions));
    node->around.regions = NULL;
}

kad_ms kad_around_wake_at(const struct kad_node *node)
{
    return kad_ms_min(node->around.variety_at, node->around.regions_at);
}

void kad_around_tick(struct kad_node *node)
{
    struct kad_around *around = &node->around;
    struct rows rows;
    bool there;

    if (node->now < kad_around_wake_at(node))
        return;
    there = read_table(node, &rows);
    if (node->now >= around->variety_at) {
        around->variety_pause = around->variety_pause ? 2 * around->variety_pause : LOOK_FIRST;
        around->variety_pause = kad_ms_min(around->variety_pause, LOOK_EVERY);
        around->variety_at = node->now + around->variety_pause;
        if (there)
            look_at_variety(node, &rows);
    }
    if (node->now >= around->regions_at) {
        around->regions_at = node->now + kad_regions_pace(around->regions);
        if (there)
            look_at_regions(node, &rows);
    }
    if (there)
        kad_free(node->allocator, rows.rows, rows.size);
}
