/* without_relay - stands for relays in a build without the network that has them (cmake/parts.cmake): no node has one, or is one. */
#include "node/relay.h"

#include <string.h>

#include "node/relay_places.h"

int kad_relay_init(struct kad_node *node, char *why, size_t why_size)
{
    (void)node;
    (void)why;
    (void)why_size;
    return KAD_OK;
}

void kad_relay_close(struct kad_node *node)
{
    (void)node;
}

void kad_relay_free(struct kad_node *node)
{
    (void)node;
}

void kad_relay_tick(struct kad_node *node)
{
    (void)node;
}

kad_ms kad_relay_wake_at(const struct kad_node *node)
{
    (void)node;
    return KAD_NEVER;
}

void kad_relay_send(struct kad_node *node)
{
    (void)node;
}

bool kad_relay_hides(const struct kad_node *node)
{
    (void)node;
    return false;
}

bool kad_relay_address(const struct kad_node *node, struct kad_endpoint *out_address)
{
    (void)node;
    (void)out_address;
    return false;
}

size_t kad_node_relays(struct kad_node *node, struct kad_relay_row *out_rows, size_t room)
{
    (void)node;
    (void)out_rows;
    (void)room;
    return 0;
}

void kad_node_relay_status(const struct kad_node *node, struct kad_relay_status *out_status)
{
    (void)node;
    memset(out_status, 0, sizeof(*out_status));
    out_status->state = "off";
}

const char *kad_relay_drop_name(unsigned drop)
{
    return kad_relay_drop_text(drop);
}

void kad_relay_moved(struct kad_node *node)
{
    (void)node;
}
