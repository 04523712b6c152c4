/* without_members - stands for the connections of kad-ws in a build that leaves that network out (cmake/parts.cmake): no node of
 * it can be made, so none asks for them. */
#include "http/members.h"

struct kad_members *kad_members_new(struct kad_node *node, const char *names, struct kad_web *web)
{
    (void)node;
    (void)names;
    (void)web;
    return NULL;
}

void kad_members_free(struct kad_members *members)
{
    (void)members;
}

bool kad_members_has_place(const struct kad_members *members)
{
    (void)members;
    return false;
}

void kad_members_enter(struct kad_members *members, struct kad_client *client, int fd,
                       struct MHD_UpgradeResponseHandle *upgrade, struct kad_bytes early)
{
    (void)members;
    (void)client;
    (void)fd;
    (void)upgrade;
    (void)early;
}

void kad_members_sweep(struct kad_members *members)
{
    (void)members;
}
