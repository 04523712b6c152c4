#include "node/portmap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/parts.h"

#define WAIT_FIRST (30 * KAD_SECOND)
#define WAIT_MOST  (30 * KAD_MINUTE)

struct kad_mapper {
    struct kad_node *node; /* NULL: closed */
    uv_loop_t *loop;
    uv_timer_t timer;
    uv_work_t work;
    bool running;
    kad_ms lease_ms, wait_ms;
    enum kad_portmap_how how;
    struct kad_mapper_status status;
    struct kad_portmap map; /* the job's while it runs */
    int error;
    char why[256];
};

const struct kad_mapper_status *kad_mapper_status(const struct kad_node *node)
{
    return node->mapping;
}

const char *kad_mapper_state_text(enum kad_mapper_state state)
{
    static const char *const words[] = {"off", "asking", "mapped", "failed"};

    return words[state];
}

static void fired(uv_timer_t *timer);

static void again_in(struct kad_mapper *mapper, kad_ms wait)
{
    uv_timer_start(&mapper->timer, fired, (uint64_t)wait, 0);
}

static void tell_mapped(const struct kad_mapper *mapper)
{
    const struct kad_mapper_status *status = &mapper->status;
    char outside[KAD_ENDPOINT_TEXT], port[8], lease[24];
    struct kad_endpoint address = status->outside;

    snprintf(port, sizeof(port), "%u", status->inside_port);
    snprintf(lease, sizeof(lease), "%us", (unsigned)mapper->map.lease_s);
    kad_tell(mapper->node, KAD_LOG_INFO, "port_mapped", "by", kad_portmap_how_text(status->how), "port", port,
             "outside", kad_endpoint_format(&status->outside, outside), "lease", lease, NULL);
    address.port = 1;
    if (kad_endpoint_scope(&address) == KAD_SCOPE_PRIVATE)
        kad_tell(
            mapper->node, KAD_LOG_WARN, "router_behind_router", "outside", outside, "why",
            "the router's own outside address is private: another one stands before it, which lets nobody in",
            NULL);
}

static void take(struct kad_mapper *mapper)
{
    struct kad_mapper_status *status = &mapper->status;
    const kad_ms now = kad_node_now(mapper->node), lease_ms = (kad_ms)mapper->map.lease_s * KAD_SECOND;
    const bool news = status->state != KAD_MAPPER_MAPPED || status->how != mapper->map.how ||
                      !kad_endpoint_equal(&status->outside, &mapper->map.outside);

    status->state = KAD_MAPPER_MAPPED;
    status->how = mapper->map.how;
    status->outside = mapper->map.outside;
    status->expires_at = lease_ms ? now + lease_ms : KAD_NEVER;
    mapper->wait_ms = WAIT_FIRST;
    if (news)
        tell_mapped(mapper);
    /* One that stays is looked at too: the router may have been started anew. */
    again_in(mapper, (lease_ms ? lease_ms : mapper->lease_ms) / 2);
}

static void give_up(struct kad_mapper *mapper)
{
    struct kad_mapper_status *status = &mapper->status;
    const kad_ms now = kad_node_now(mapper->node);

    /* Until its lease ends, what there is stays. */
    if (status->state != KAD_MAPPER_MAPPED || now >= status->expires_at)
        status->state = KAD_MAPPER_FAILED;
    snprintf(status->why, sizeof(status->why), "%s", mapper->why);
    kad_tell(mapper->node, KAD_LOG_WARN, "port_mapping_failed", "why", mapper->why, NULL);
    again_in(mapper, mapper->wait_ms);
    mapper->wait_ms = mapper->wait_ms < WAIT_MOST / 2 ? 2 * mapper->wait_ms : WAIT_MOST;
}

/* -- on a worker thread ------------------------------------------------------------------------------------------ */

static void ask(uv_work_t *work)
{
    struct kad_mapper *mapper = work->data;

    mapper->error = kad_portmap_ask(mapper->how, (uint32_t)(mapper->lease_ms / KAD_SECOND), &mapper->map,
                                    mapper->why, sizeof(mapper->why));
}

static void drop(uv_work_t *work)
{
    struct kad_mapper *mapper = work->data;

    mapper->error = kad_portmap_drop(&mapper->map, mapper->why, sizeof(mapper->why));
}

/* -- on the loop ------------------------------------------------------------------------------------------------- */

static void closed(uv_handle_t *timer)
{
    free(timer->data);
}

static void dropped(uv_work_t *work, int status)
{
    struct kad_mapper *mapper = work->data;

    (void)status;
    uv_close((uv_handle_t *)&mapper->timer, closed);
}

static void drop_and_close(struct kad_mapper *mapper)
{
    if (mapper->map.how == KAD_PORTMAP_OFF || uv_queue_work(mapper->loop, &mapper->work, drop, dropped) < 0)
        uv_close((uv_handle_t *)&mapper->timer, closed);
}

static void asked(uv_work_t *work, int status)
{
    struct kad_mapper *mapper = work->data;

    mapper->running = false;
    if (!mapper->node) {
        drop_and_close(mapper);
        return;
    }
    mapper->status.n_asked++;
    if (status == 0 && mapper->error == KAD_OK)
        take(mapper);
    else
        give_up(mapper);
}

static void fired(uv_timer_t *timer)
{
    struct kad_mapper *mapper = timer->data;

    mapper->work.data = mapper;
    if (uv_queue_work(mapper->loop, &mapper->work, ask, asked) == 0)
        mapper->running = true;
    else
        again_in(mapper, WAIT_FIRST);
}

uint16_t kad_node_port_for_others(const struct kad_node *node)
{
    static const uint8_t any[4];

    for (size_t i = 0; i < node->n_sockets; i++) {
        const struct kad_endpoint endpoint = kad_udp_endpoint(node->sockets[i]);
        const enum kad_scope scope = kad_endpoint_scope(&endpoint);

        if (endpoint.family == KAD_IPV4 && (memcmp(endpoint.address, any, sizeof(any)) == 0 ||
                                            scope == KAD_SCOPE_PRIVATE || scope == KAD_SCOPE_LINK))
            return endpoint.port;
    }
    return 0;
}

int kad_mapper_new(struct kad_node *node, enum kad_portmap_how how, kad_ms lease_ms,
                   struct kad_mapper **out_mapper)
{
    struct kad_mapper *mapper = calloc(1, sizeof(*mapper));

    if (!mapper)
        return KAD_E_MEMORY;
    mapper->node = node;
    mapper->loop = kad_node_loop(node);
    mapper->how = how;
    mapper->lease_ms = lease_ms;
    mapper->wait_ms = WAIT_FIRST;
    if (uv_timer_init(mapper->loop, &mapper->timer) < 0) {
        free(mapper);
        return KAD_E_SYSTEM;
    }
    mapper->timer.data = mapper;
    node->mapping = &mapper->status;
    mapper->map.inside_port = how == KAD_PORTMAP_OFF ? 0 : kad_node_port_for_others(node);
    mapper->status.inside_port = mapper->map.inside_port;
    if (mapper->map.inside_port) {
        mapper->status.state = KAD_MAPPER_ASKING;
        again_in(mapper, 0);
    } else if (how != KAD_PORTMAP_OFF) {
        snprintf(mapper->status.why, sizeof(mapper->status.why),
                 "it listens on no IPv4 address of a private network");
        kad_tell(node, KAD_LOG_WARN, "port_mapping_off", "why", mapper->status.why, NULL);
    }
    *out_mapper = mapper;
    return KAD_OK;
}

void kad_mapper_close(struct kad_mapper *mapper)
{
    char port[8];

    if (!mapper)
        return;
    if (mapper->status.state == KAD_MAPPER_MAPPED) {
        snprintf(port, sizeof(port), "%u", mapper->status.outside.port);
        kad_tell(mapper->node, KAD_LOG_INFO, "port_unmapped", "outside_port", port, NULL);
    }
    uv_timer_stop(&mapper->timer);
    mapper->node->mapping = NULL;
    mapper->node = NULL;
    if (!mapper->running)
        drop_and_close(mapper);
    /* else asked() does, as soon as the router has answered */
}
