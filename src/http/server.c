/* server - see server.h. One place where clients come in is door.c's. */
#include "http/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/endpoint.h"
#include "base/types.h"
#include "crypto/crypto.h"
#include "http/door.h"
#include "http/evidence.h"
#include "http/exchange.h"
#include "http/looks.h"
#include "http/members.h"
#include "http/news.h"
#include "http/survey.h"
#include "http/tcp_socket.h"
#include "http/unix_socket.h"
#include "node/libp2p_link.h"

#define MEMBERS 4 /* networks whose members come to /kad */
#define DOORS   (3 + MEMBERS * KAD_NODE_LISTEN_MAX)

/* What is kept of one network's node. */
struct part {
    struct kad_node *node;
    struct kad_history history;
    struct kad_news_told told[2];
    struct kad_news_suspicion suspicion;
    uint64_t regions_told;
    struct kad_looks looks;
    struct kad_survey survey;
    struct kad_evidence evidence;
};

struct kad_http {
    struct kad_node *node;
    struct kad_face face;
    struct kad_feed feed;
    struct part *parts; /* one for each network, the first one's first */
    size_t n_parts;
    struct kad_web web;
    struct kad_door doors[DOORS];
    unsigned n_doors, n_ended, n_members;
    struct kad_members *members[MEMBERS];
    uv_timer_t second;
    bool ticking; /* `second` is the loop's */
    char *path, *names;
    struct kad_api *others; /* face.api.others */
    char token[KAD_GUARD_TOKEN];
};

/* -- what is logged ------------------------------------------------------------------------------------------------ */

static void tell(const struct kad_http *http, enum kad_log_level level, const char *event, const char *name,
                 const char *value, const char *more_name, const char *more)
{
    const struct kad_node_config *config = kad_node_config_of(http->node);
    const struct kad_log_field fields[] = {{name, value}, {more_name, more}};

    if (config->log && level <= config->log_level)
        config->log(config->log_context, level, event, fields, more_name ? 2 : 1);
}

/* -- doors --------------------------------------------------------------------------------------------------------- */

static void let_go(struct kad_http *http)
{
    for (size_t i = 0; i < http->n_parts; i++) {
        kad_looks_clear(&http->parts[i].looks);
        kad_news_told_clear(&http->parts[i].told[0]);
        kad_news_told_clear(&http->parts[i].told[1]);
    }
    kad_feed_clear(&http->feed);
    kad_wipe(http->token, sizeof http->token);
    free(http->path);
    free(http->others);
    free(http->parts);
    free(http->names);
    free(http);
}

/* The doors and the timer have left the loop. */
static void left_loop(struct kad_http *http)
{
    if (++http->n_ended == http->n_doors + http->ticking)
        let_go(http);
}

static void on_door_closed(struct kad_door *door)
{
    left_loop((struct kad_http *)((char *)door->face - offsetof(struct kad_http, face)));
}

static void on_second_closed(uv_handle_t *handle)
{
    left_loop(handle->data);
}

/* A listening descriptor becomes the next door. */
static int open_door(struct kad_http *http, enum kad_door_kind kind, struct kad_members *members,
                     int listening, struct kad_guard guard)
{
    struct kad_door *door = &http->doors[http->n_doors];
    int error;

    *door = (struct kad_door){.face = &http->face,
                              .kind = kind,
                              .guard = guard,
                              .listening = listening,
                              .members = members,
                              .closed = on_door_closed};
    error = kad_door_open(door);
    http->n_doors += error == KAD_OK;
    return error;
}

static int open_local(struct kad_http *http, const char *path, char *why, size_t size)
{
    const int fd = kad_unix_listen(path);
    int error;

    if (fd < 0) {
        snprintf(why, size, "cannot listen on %s: %s", path,
                 fd == KAD_E_EXISTS ? "another node answers there, or it is no socket"
                                    : strerrordesc_np(errno));
        return fd;
    }
    http->path = strdup(path);
    error = http->path ? open_door(http, KAD_DOOR_LOCAL, NULL, fd, (struct kad_guard){.open = true})
                       : KAD_E_MEMORY;
    if (!http->path)
        close(fd);
    if (error != KAD_OK) {
        unlink(path);
        snprintf(why, size, "cannot serve on %s", path);
    }
    return error;
}

static bool only_this_machine(const struct kad_endpoint *endpoint)
{
    struct kad_endpoint some = *endpoint;

    some.port = 1; /* the scope of port 0 is none */
    return kad_endpoint_scope(&some) == KAD_SCOPE_LOOPBACK;
}

static int open_tcp(struct kad_http *http, enum kad_door_kind kind, const char *address, bool is_default,
                    struct kad_guard guard, char *why, size_t size)
{
    const char *event = kind == KAD_DOOR_API ? "api" : "metrics";
    struct kad_endpoint endpoint, bound;
    char text[KAD_ENDPOINT_TEXT];
    int fd, error;

    if (kad_endpoint_parse(address, 0, &endpoint) != KAD_OK) {
        snprintf(why, size, "%s: \"%s\" is no address and port", event, address);
        return KAD_E_INVALID;
    }
    fd = kad_tcp_listen(&endpoint, &bound);
    if (fd == KAD_E_EXISTS && is_default) {
        tell(http, KAD_LOG_WARN, "port_taken", "for", event, "address", address);
        return KAD_OK;
    }
    if (fd < 0) {
        snprintf(why, size, "%s: cannot listen on %s: %s", event, address, strerrordesc_np(errno));
        return fd;
    }
    guard.check_host = !guard.is_public && only_this_machine(&bound);
    error = open_door(http, kind, kind == KAD_DOOR_API ? http->members[0] : NULL, fd, guard);
    if (error != KAD_OK)
        snprintf(why, size, "cannot serve on %s", address);
    else
        tell(http, KAD_LOG_INFO, event, "address", kad_endpoint_format(&bound, text), "access",
             guard.is_public             ? "public"
             : only_this_machine(&bound) ? "local"
                                         : "open");
    return error;
}

/* Without a data directory there is no token, and strangers may only read. */
static int get_token(struct kad_http *http, char *why, size_t size)
{
    const char *folder = kad_node_config_of(http->node)->data_dir;
    int error;

    if (!folder)
        return KAD_OK;
    error = kad_guard_token(folder, http->token);
    if (error != KAD_OK)
        snprintf(why, size, "%s/api.token: %s", folder,
                 error == KAD_E_CORRUPT ? "not 64 hexadecimal digits; remove it for a new one"
                                        : strerrordesc_np(errno));
    return error;
}

/* [::] takes IPv4 too. */
static bool is_doubled(const struct kad_node_config *node, size_t i)
{
    static const uint8_t everywhere[16];
    const struct kad_endpoint v6 = kad_endpoint_v6(everywhere, node->listen[i].port);

    for (size_t j = 0; j < node->n_listen && node->listen[i].family == KAD_IPV4; j++) {
        if (memcmp(node->listen[i].address, everywhere, 4) == 0 && kad_endpoint_equal(&node->listen[j], &v6))
            return true;
    }
    return false;
}

/* Where members come to this node. The API is there too for whoever may read it anyway: this machine, or everybody. */
static int open_for_members(struct kad_http *http, struct kad_members *members,
                            const struct kad_node_config *node, bool is_public, char *why, size_t size)
{
    for (size_t i = 0; i < node->n_listen; i++) {
        const bool is_here = only_this_machine(&node->listen[i]);
        const struct kad_guard guard = {.is_public = is_public && !is_here,
                                        .check_host = is_here,
                                        .names = http->names,
                                        .token = *http->token ? http->token : NULL};
        struct kad_endpoint bound;
        char text[KAD_ENDPOINT_TEXT];
        int fd, error;

        if (is_doubled(node, i))
            continue;
        kad_endpoint_format(&node->listen[i], text);
        fd = kad_tcp_listen(&node->listen[i], &bound);
        error = fd < 0 ? fd
                       : open_door(http, is_here || is_public ? KAD_DOOR_API : KAD_DOOR_MEMBERS, members, fd,
                                   guard);
        if (error != KAD_OK) {
            snprintf(why, size, "cannot listen on %s: %s", text, strerrordesc_np(errno));
            return error;
        }
        tell(http, KAD_LOG_INFO, "listening", "address", text, "for", "members");
    }
    return KAD_OK;
}

static int open_members(struct kad_http *http, struct kad_node *node, const struct kad_http_config *config,
                        char *why, size_t size)
{
    struct kad_members *members;

    if (!kad_node_is_linked(node) || kad_node_is_libp2p(node) || http->n_members == MEMBERS)
        return KAD_OK;
    if (config->is_public && !*http->token) {
        const int error = get_token(http, why, size);

        if (error != KAD_OK)
            return error;
    }
    members = kad_members_new(node, http->names, &http->web);
    if (!members)
        return KAD_E_MEMORY;
    http->members[http->n_members++] = members;
    return open_for_members(http, members, kad_node_config_of(node), config->is_public, why, size);
}

static int open_api(struct kad_http *http, const struct kad_http_config *config, char *why, size_t size)
{
    int error = config->is_public ? get_token(http, why, size) : KAD_OK;

    if (error != KAD_OK)
        return error;
    return open_tcp(http, KAD_DOOR_API, config->api, config->api_is_default,
                    (struct kad_guard){.is_public = config->is_public,
                                       .names = http->names,
                                       .token = *http->token ? http->token : NULL},
                    why, size);
}

/* -- each second --------------------------------------------------------------------------------------------------- */

static void look_at(struct kad_http *http, struct part *part)
{
    const struct kad_history_reading reading = kad_news_read(part->node);

    kad_history_add(&part->history, &reading);
    kad_news_stats(&http->feed, part->node, &part->history);
    kad_news_suspicious(&http->feed, part->node, &part->suspicion);
    kad_news_regions(&http->feed, part->node, &part->regions_told);
    kad_survey_step(&part->survey, part->node);
    kad_evidence_second(&part->evidence, part->node);
}

static void on_second(uv_timer_t *timer)
{
    struct kad_http *http = timer->data;

    for (size_t i = 0; i < http->n_parts; i++)
        look_at(http, &http->parts[i]);
    for (unsigned i = 0; i < http->n_members; i++)
        kad_members_sweep(http->members[i]);
    for (unsigned i = 0; i < http->n_doors; i++)
        kad_door_sweep(&http->doors[i]);
}

static void on_news(void *context)
{
    struct kad_http *http = context;

    for (unsigned i = 0; i < http->n_doors; i++) {
        if (http->doors[i].streams || http->doors[i].websockets)
            kad_door_wake(&http->doors[i]);
    }
}

static void start_ticking(struct kad_http *http)
{
    uv_timer_init(http->face.loop, &http->second);
    http->second.data = http;
    http->ticking = true;
    on_second(&http->second);
    uv_timer_start(&http->second, on_second, KAD_SECOND, KAD_SECOND);
}

/* -- the whole ----------------------------------------------------------------------------------------------------- */

static struct kad_api api_of(struct kad_http *http, struct part *part)
{
    return (struct kad_api){.node = part->node,
                            .feed = &http->feed,
                            .history = &part->history,
                            .told = part->told,
                            .looks = &part->looks,
                            .survey = &part->survey,
                            .evidence = &part->evidence,
                            .first = part == http->parts ? NULL : &http->face.api,
                            .web = &http->web};
}

static struct kad_http *make(struct kad_node *node, const struct kad_http_config *config)
{
    struct kad_http *http = calloc(1, sizeof *http);

    if (!http)
        return NULL;
    http->node = node;
    http->names = strdup(config->names ? config->names : "");
    http->others = calloc(config->n_others + 1, sizeof *http->others);
    http->n_parts = config->n_others + 1;
    http->parts = calloc(http->n_parts, sizeof *http->parts);
    if (!http->names || !http->others || !http->parts) {
        free(http->parts);
        free(http->names);
        free(http->others);
        free(http);
        return NULL;
    }
    kad_feed_init(&http->feed);
    http->feed.changed = on_news;
    http->feed.context = http;
    for (size_t i = 0; i < http->n_parts; i++) {
        http->parts[i].node = i ? config->others[i - 1] : node;
        kad_history_init(&http->parts[i].history);
    }
    for (size_t i = 0; i < config->n_others; i++)
        http->others[i] = api_of(http, &http->parts[i + 1]);
    http->face = (struct kad_face){
        .api = api_of(http, &http->parts[0]),
        .feed = &http->feed,
        .web = &http->web,
        .limits = config->limits,
        .loop = kad_node_loop(node),
    };
    http->face.api.others = http->others;
    http->face.api.n_others = config->n_others;
    return http;
}

int kad_http_new(struct kad_node *node, const struct kad_http_config *config, struct kad_http **out_http,
                 char *out_why, size_t why_size)
{
    struct kad_http *http = make(node, config);
    int error = KAD_OK;

    if (!http) {
        snprintf(out_why, why_size, "out of memory");
        return KAD_E_MEMORY;
    }
    if (config->socket)
        error = open_local(http, config->socket, out_why, why_size);
    if (error == KAD_OK)
        error = open_members(http, node, config, out_why, why_size);
    for (size_t i = 0; i < config->n_others && error == KAD_OK; i++)
        error = open_members(http, config->others[i], config, out_why, why_size);
    if (error == KAD_OK && config->api)
        error = open_api(http, config, out_why, why_size);
    if (error == KAD_OK && config->metrics)
        error = open_tcp(http, KAD_DOOR_METRICS, config->metrics, config->metrics_is_default,
                         (struct kad_guard){.names = http->names}, out_why, why_size);
    if (error != KAD_OK) {
        kad_http_free(http);
        return error;
    }
    start_ticking(http);
    *out_http = http;
    return KAD_OK;
}

void kad_http_event(struct kad_http *http, struct kad_node *node, const struct kad_event *event)
{
    for (size_t i = 0; http && i < http->n_parts; i++) {
        if (http->parts[i].node == node) {
            kad_news_event(&http->feed, node, event);
            kad_evidence_event(&http->parts[i].evidence, node, event);
        }
    }
}

void kad_http_close(struct kad_http *http)
{
    if (!http->feed.closed)
        kad_feed_close(&http->feed);
    for (unsigned i = 0; i < http->n_doors; i++) {
        if (http->doors[i].kind == KAD_DOOR_LOCAL && http->doors[i].listening >= 0)
            unlink(http->path);
        kad_door_close(&http->doors[i]);
    }
}

void kad_http_free(struct kad_http *http)
{
    if (!http)
        return;
    kad_http_close(http);
    for (unsigned i = 0; i < http->n_members; i++)
        kad_members_free(http->members[i]);
    http->n_members = 0;
    if (http->n_doors + http->ticking == 0) {
        let_go(http);
        return;
    }
    for (unsigned i = 0; i < http->n_doors; i++)
        kad_door_end(&http->doors[i]);
    if (http->ticking)
        uv_close((uv_handle_t *)&http->second, on_second_closed);
}
