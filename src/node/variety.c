#include "node/variety.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/id.h"
#include "node/parts.h"

#define LOOK_FIRST (5 * KAD_SECOND) /* then after twice as long each time */
#define LOOK_EVERY (5 * KAD_MINUTE)
#define CROWD      3  /* of them is more than chance has it, as `kad doctor` sees it */
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

unsigned kad_variety_too_near(double network_size)
{
    unsigned bits = 0;

    if (network_size < 1)
        return 0;
    for (; network_size >= 1; network_size /= 2)
        bits++;
    return bits + 7;
}

/* Into memory of the caller's, of all families; and how many of them are too near. */
static size_t addresses(const struct kad_node *node, struct kad_table_row *rows, size_t room,
                        struct kad_endpoint *out_endpoints, size_t *out_near)
{
    struct kad_info info;
    size_t n = 0;

    kad_engine_info(node->engine, &info);
    *out_near = 0;

    for (int family = 0; family < 2; family++) {
        const size_t there = kad_engine_table(node->engine, family ? KAD_IPV6 : KAD_IPV4, rows, room);
        const unsigned too_near = kad_variety_too_near(info.network_size[family]);

        for (size_t i = 0; i < there && i < room; i++) {
            if (rows[i].replacement)
                continue;
            out_endpoints[n++] = rows[i].contact.endpoint;
            *out_near += too_near && kad_id_prefix(&rows[i].contact.id, &info.id) >= too_near;
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

static void tell_crowd(const struct kad_node *node, size_t n)
{
    char contacts[24];

    snprintf(contacts, sizeof(contacts), "%zu", n);
    if (node->crowded)
        kad_tell(node, KAD_LOG_WARN, "crowded", "contacts", contacts, "what",
                 "they stand nearer to this node's id than chance has it: somebody may want to surround it",
                 NULL);
    else
        kad_tell(node, KAD_LOG_INFO, "crowd_gone", NULL, NULL);
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
    size_t n, n_near;

    if (!rows)
        return;
    endpoints = (struct kad_endpoint *)(rows + room);
    n = addresses(node, rows, room, endpoints, &n_near);
    variety = kad_variety_of(endpoints, n, (uint64_t *)rows); /* rows were read */
    if (kad_variety_is_poor(&variety) != node->variety_poor) {
        node->variety_poor = !node->variety_poor;
        tell(node, &variety);
    }
    if ((n_near >= CROWD) != node->crowded) {
        node->crowded = !node->crowded;
        tell_crowd(node, n_near);
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
    node->variety_pause = node->variety_pause ? 2 * node->variety_pause : LOOK_FIRST;
    if (node->variety_pause > LOOK_EVERY)
        node->variety_pause = LOOK_EVERY;
    node->variety_at = node->now + node->variety_pause;
}
