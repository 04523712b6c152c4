#include "node/variety.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "node/parts.h"

#define LOOK_EVERY (5 * KAD_MINUTE)
#define MANY       16 /* of fewer, more than half in one network may be chance */

static int by_number(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

struct kad_variety kad_variety_of(const struct kad_endpoint *endpoints, size_t n, uint64_t *groups)
{
    struct kad_variety variety = {0};
    size_t run = 0;

    for (size_t i = 0; i < n; i++) {
        if (kad_endpoint_scope(&endpoints[i]) == KAD_SCOPE_PUBLIC)
            groups[variety.n_public++] = kad_endpoint_wide_group(&endpoints[i]);
    }
    qsort(groups, variety.n_public, sizeof(*groups), by_number);
    for (size_t i = 0; i < variety.n_public; i++) {
        const bool another = i == 0 || groups[i] != groups[i - 1];

        variety.n_networks += another;
        run = another ? 1 : run + 1;
        variety.n_largest = run > variety.n_largest ? run : variety.n_largest;
    }
    return variety;
}

bool kad_variety_is_poor(const struct kad_variety *variety)
{
    return variety->n_networks == 1 ||
           (variety->n_public >= MANY && 2 * variety->n_largest > variety->n_public);
}

/* Into memory of the caller's, of all families. */
static size_t addresses(const struct kad_node *node, struct kad_table_row *rows, size_t room,
                        struct kad_endpoint *out_endpoints)
{
    size_t n = 0;

    for (int family = 0; family < 2; family++) {
        const size_t there = kad_engine_table(node->engine, family ? KAD_IPV6 : KAD_IPV4, rows, room);

        for (size_t i = 0; i < there && i < room; i++) {
            if (!rows[i].replacement)
                out_endpoints[n++] = rows[i].contact.endpoint;
        }
    }
    return n;
}

static void tell(const struct kad_node *node, const struct kad_variety *variety)
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

/* Without memory for it the next look will do. */
static void look(struct kad_node *node)
{
    const size_t room = kad_engine_table(node->engine, KAD_IPV4, NULL, 0) +
                        kad_engine_table(node->engine, KAD_IPV6, NULL, 0) + 1;
    const size_t size = room * (sizeof(struct kad_table_row) + sizeof(struct kad_endpoint));
    struct kad_table_row *rows = kad_alloc(node->allocator, size);
    struct kad_endpoint *endpoints;
    struct kad_variety variety;
    size_t n;

    if (!rows)
        return;
    endpoints = (struct kad_endpoint *)(rows + room);
    n = addresses(node, rows, room, endpoints);
    variety = kad_variety_of(endpoints, n, (uint64_t *)rows); /* rows were read */
    if (kad_variety_is_poor(&variety) != node->variety_poor) {
        node->variety_poor = !node->variety_poor;
        tell(node, &variety);
    }
    kad_free(node->allocator, rows, size);
}

kad_ms kad_variety_wake_at(const struct kad_node *node)
{
    return node->variety_at;
}

void kad_variety_tick(struct kad_node *node)
{
    if (node->now < node->variety_at)
        return;
    look(node);
    node->variety_at = node->now + LOOK_EVERY;
}
