/* look - see look.h. */
#include "node/look.h"

#include "node/parts.h"

uint64_t kad_node_look(const struct kad_node *node, uint64_t from, unsigned n,
                       const struct kad_store_viewer *viewer)
{
    const struct kad_store *store = &node->store.store;

    return store->ops->look(store, from, n, kad_node_clock(node), viewer);
}

bool kad_node_held(struct kad_node *node, const struct kad_id *key, struct kad_record *out_record)
{
    struct kad_store *store = &node->store.store;

    return store->ops->get(store, key, kad_node_clock(node), out_record) == KAD_OK;
}
