/* settings - others while the node runs. */
#include "node/parts.h"

int kad_node_set_settings(struct kad_node *node, const struct kad_settings *settings, const char **out_field)
{
    /* The engine reads the one that was set last; this is the other. */
    struct kad_settings *lent = &node->lent[node->n_lent % KAD_COUNT_OF(node->lent)];
    int error;

    *out_field = NULL;
    if (node->phase != KAD_NODE_MADE && node->phase != KAD_NODE_RUNNING)
        return KAD_E_CLOSED;
    *lent = *settings;
    error = kad_engine_set_settings(node->engine, lent, kad_node_clock(node), out_field);
    if (error)
        return error;
    node->n_lent++;
    node->config.settings = *settings;
    node->kept.ceiling = settings->max_publications;
    kad_node_turn_soon(node);
    return KAD_OK;
}

int kad_node_set_places(struct kad_node *node, const struct kad_places *places)
{
    int error;

    if (node->phase != KAD_NODE_MADE && node->phase != KAD_NODE_RUNNING)
        return KAD_E_CLOSED;
    error = kad_engine_set_places(node->engine, places, kad_node_clock(node));
    if (!error)
        node->config.places = places;
    kad_node_turn_soon(node);
    return error;
}

void kad_node_set_log_level(struct kad_node *node, enum kad_log_level level)
{
    node->config.log_level = level;
}
