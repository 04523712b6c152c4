/*
 * without_libp2p - stands for what is said of libp2p's networks in a build that leaves them out (cmake/parts.cmake): no node is in
 * one, so of the rest only Delegated Routing can be asked for at all, and that is refused.
 */
#include "http/libp2p.h"
#include "http/metrics.h"
#include "http/routing.h"

bool kad_libp2p_wanted(const struct kad_params *params)
{
    (void)params;
    return false;
}

void kad_libp2p_read(struct kad_params *params, struct kad_request *request)
{
    (void)params;
    (void)request;
}

void kad_libp2p_key(struct kad_params *params, const char *name, struct kad_request *request)
{
    (void)params;
    (void)name;
    (void)request;
}

void kad_libp2p_answer(json_t *object, const struct kad_event *event, const struct kad_request *request,
                       struct kad_node *node)
{
    (void)object;
    (void)event;
    (void)request;
    (void)node;
}

void kad_libp2p_who(struct kad_node *node, const struct kad_id *place, json_t *object)
{
    (void)node;
    (void)place;
    (void)object;
}

void kad_libp2p_self(struct kad_node *node, json_t *object)
{
    (void)node;
    (void)object;
}

json_t *kad_json_peer_id(struct kad_bytes id)
{
    (void)id;
    return json_null();
}

json_t *kad_json_multiaddr(struct kad_bytes addr, struct kad_bytes id)
{
    (void)addr;
    (void)id;
    return json_null();
}

void kad_metrics_libp2p(FILE *out, struct kad_node *node)
{
    (void)out;
    (void)node;
}

/* -- routing.h ---------------------------------------------------------------------------------------------------- */

static void refuse(struct kad_params *params, const char *name)
{
    kad_params_wrong(params, name, "libp2p is not in this build");
}

void kad_routing_read_providers(struct kad_params *params, struct kad_request *request)
{
    (void)request;
    refuse(params, "cid");
}

void kad_routing_read_peer(struct kad_params *params, struct kad_request *request)
{
    (void)request;
    refuse(params, "peer");
}

void kad_routing_read_name(struct kad_params *params, struct kad_request *request)
{
    (void)request;
    refuse(params, "name");
}

void kad_routing_read_closest(struct kad_params *params, struct kad_request *request)
{
    (void)request;
    refuse(params, "key");
}

void kad_routing_read_record(struct kad_params *params, struct kad_request *request)
{
    (void)request;
    refuse(params, "name");
}

char *kad_routing_lines(struct kad_node *node, const struct kad_record *records, size_t n, size_t *out_size)
{
    (void)node;
    (void)records;
    (void)n;
    (void)out_size;
    return NULL;
}

/* Of what was refused there are no answers. */
static struct kad_api_answer nothing(void)
{
    return (struct kad_api_answer){.status = 501};
}

struct kad_api_answer kad_routing_providers(const struct kad_event *event, const struct kad_request *request,
                                            struct kad_node *node, struct kad_api_asker asker)
{
    (void)event;
    (void)request;
    (void)node;
    (void)asker;
    return nothing();
}

struct kad_api_answer kad_routing_peer(const struct kad_event *event, const struct kad_request *request,
                                       struct kad_node *node, struct kad_api_asker asker)
{
    (void)event;
    (void)request;
    (void)node;
    (void)asker;
    return nothing();
}

struct kad_api_answer kad_routing_closest(const struct kad_event *event, const struct kad_request *request,
                                          struct kad_node *node, struct kad_api_asker asker)
{
    (void)event;
    (void)request;
    (void)node;
    (void)asker;
    return nothing();
}

struct kad_api_answer kad_routing_record(const struct kad_event *event, const struct kad_request *request,
                                         struct kad_node *node, struct kad_api_asker asker)
{
    (void)event;
    (void)request;
    (void)node;
    (void)asker;
    return nothing();
}

struct kad_api_answer kad_routing_stored(const struct kad_event *event, const struct kad_request *request,
                                         struct kad_node *node, struct kad_api_asker asker)
{
    (void)event;
    (void)request;
    (void)node;
    (void)asker;
    return nothing();
}
