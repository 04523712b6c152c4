/* host - see host.h. */
#include "cli/host.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http/api.h"

static void on_node_event(void *context, const struct kad_event *event)
{
    struct kad_host_slot *slot = context;
    struct kad_host *host = slot->host;

    if (event->kind == KAD_EVENT_READY && !slot->ready) {
        slot->ready = true;
        host->n_ready++;
    }
    kad_http_event(host->http, slot->node, event);
    if (host->on_event)
        host->on_event(host->context, (size_t)(slot - host->slots), event);
}

static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};

/* A signal that comes now, when all is over but the exit, must not turn success into a death by signal. */
static void leave_loop(struct kad_host *host)
{
    for (size_t i = 0; host->with_signals && i < KAD_COUNT_OF(host->signals); i++) {
        uv_close((uv_handle_t *)&host->signals[i], NULL);
        signal(numbers[i], SIG_IGN);
    }
    uv_close((uv_handle_t *)&host->deadline, NULL);
    uv_close((uv_handle_t *)&host->beat, NULL);
}

/* The last node to stop takes everything else off the loop, so that it ends. */
static void on_node_stopped(void *context)
{
    struct kad_host_slot *slot = context;
    struct kad_host *host = slot->host;

    slot->running = false;
    if (--host->n_running > 0)
        return;
    kad_http_free(host->http);
    host->http = NULL;
    leave_loop(host);
}

static void on_signal(uv_signal_t *signal, int number)
{
    struct kad_host *host = signal->data;

    if (number == SIGHUP && host->on_reload) {
        if (!host->stopping)
            host->on_reload(host->context);
        return;
    }
    if (host->stopping && number == SIGINT)
        _exit(128 + number);
    kad_host_stop(host);
}

static void on_beat(uv_timer_t *timer)
{
    struct kad_host *host = timer->data;

    host->on_beat(host->context);
}

static void on_deadline(uv_timer_t *timer)
{
    ((struct kad_host *)timer->data)->late = true;
}

static int make_loop(struct kad_host *host, bool signals)
{
    if (uv_loop_init(&host->loop) != 0)
        return KAD_E_SYSTEM;
    host->loop_made = true;
    uv_timer_init(&host->loop, &host->deadline);
    host->deadline.data = host;
    uv_timer_init(&host->loop, &host->beat);
    host->beat.data = host;
    if (host->on_beat && host->beat_ms)
        uv_timer_start(&host->beat, on_beat, host->beat_ms, host->beat_ms);
    host->with_signals = signals;
    for (size_t i = 0; signals && i < KAD_COUNT_OF(host->signals); i++) {
        uv_signal_init(&host->loop, &host->signals[i]);
        host->signals[i].data = host;
        uv_signal_start(&host->signals[i], on_signal, numbers[i]);
    }
    return KAD_OK;
}

/* Another network than the first one's. */
static bool is_other(const struct kad_host *host, const struct kad_node_config *config)
{
    return config->network != kad_node_config_of(host->slots[0].node)->network;
}

static int make_node(struct kad_host *host, struct kad_node_config *config, bool has_face, size_t i)
{
    struct kad_host_slot *slot = &host->slots[i];

    slot->host = host;
    config->loop = &host->loop;
    config->watch |= has_face && (i == 0 || is_other(host, config)) ? KAD_WATCH_ALL : KAD_WATCH_STATE;
    if (i > 0 && is_other(host, config))
        config->with = host->slots[0].node;
    config->on_event = on_node_event;
    config->on_stopped = on_node_stopped;
    config->context = slot;
    return kad_node_new(config, &slot->node, host->why, sizeof host->why);
}

static int start_node(struct kad_host *host, struct kad_host_slot *slot)
{
    const int error = kad_node_start(slot->node);

    if (error != KAD_OK) {
        snprintf(host->why, sizeof host->why, "cannot start: %s", kad_error_text(error));
        return error;
    }
    slot->running = true;
    host->n_running++;
    return KAD_OK;
}

void kad_host_leave_out_ipv6(struct kad_node_config *config)
{
    static const uint8_t everywhere[16];
    const int probe = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    size_t n = 0;

    if (probe >= 0) {
        close(probe);
        return;
    }
    for (size_t i = 0; i < config->n_listen; i++) {
        const struct kad_endpoint *listen = &config->listen[i];

        if (listen->family != KAD_IPV6 || memcmp(listen->address, everywhere, sizeof everywhere) != 0)
            config->listen[n++] = *listen;
    }
    config->n_listen = n;
}

bool kad_host_make_folder(const char *path)
{
    char room[4096];

    snprintf(room, sizeof room, "%s", path);
    for (char *at = room + 1; room[0] && *at; at++) {
        if (*at != '/')
            continue;
        *at = 0;
        if (mkdir(room, 0755) < 0 && errno != EEXIST)
            return false;
        *at = '/';
    }
    return mkdir(room, 0700) == 0 || errno == EEXIST;
}

void kad_host_web(const struct kad_config *config, struct kad_http_config *out_http)
{
    *out_http = (struct kad_http_config){
        .is_public = config->public_api,
        .names = config->api_names,
        .limits =
            {
                .body_max = config->api_max_body,
                .headers_max = config->api_max_headers,
                .connections_max = config->api_max_connections,
                .per_address_max = config->api_max_per_address,
                .streams_max = config->api_max_streams,
                .silence_ms = config->api_silence_ms,
                .request_ms = config->api_request_ms,
                .answer_ms = config->api_answer_ms,
            },
    };
    out_http->api = kad_config_api(config, &out_http->api_is_default);
    out_http->metrics = kad_config_metrics(config, &out_http->metrics_is_default);
}

/* The first node's; nodes on other networks are asked through it, too. */
static int open_face(struct kad_host *host, const struct kad_http_config *http)
{
    const struct kad_network *first = kad_node_config_of(host->slots[0].node)->network;
    struct kad_http_config config = *http;
    struct kad_node *others[8];

    config.others = others;
    for (size_t i = 1; i < host->n_slots && config.n_others < KAD_COUNT_OF(others); i++) {
        if (kad_node_config_of(host->slots[i].node)->network != first)
            others[config.n_others++] = host->slots[i].node;
    }
    return kad_http_new(host->slots[0].node, &config, &host->http, host->why, sizeof host->why);
}

int kad_host_start(struct kad_host *host, struct kad_node_config *configs, size_t n,
                   const struct kad_http_config *http, bool signals)
{
    int error = KAD_E_MEMORY;

    snprintf(host->why, sizeof host->why, "out of memory");
    host->slots = calloc(n, sizeof *host->slots);
    if (!host->slots)
        return error;
    host->n_slots = n;
    error = make_loop(host, signals);
    /* All sockets are bound before the first node sends: they join through each other. */
    for (size_t i = 0; i < n && error == KAD_OK; i++)
        error = make_node(host, &configs[i], http != NULL, i);
    for (size_t i = 0; i < n && error == KAD_OK; i++)
        error = start_node(host, &host->slots[i]);
    if (error == KAD_OK && http)
        error = open_face(host, http);
    return error;
}

bool kad_host_await(struct kad_host *host, kad_ms timeout_ms)
{
    host->late = false;
    uv_timer_start(&host->deadline, on_deadline, (uint64_t)timeout_ms, 0);
    while (host->n_ready < host->n_slots && !host->late && !host->stopping)
        uv_run(&host->loop, UV_RUN_ONCE);
    if (!host->stopping)
        uv_timer_stop(&host->deadline);
    return host->n_ready == host->n_slots && !host->stopping;
}

struct asking {
    struct kad_api_answer answer;
    bool answered;
};

static void on_done(void *user, struct kad_api_answer answer)
{
    struct asking *asking = user;

    asking->answer = answer;
    asking->answered = true;
}

unsigned kad_host_ask(struct kad_host *host, size_t index, const char *method, const char *path,
                      json_t *parameters, json_t **out_answer)
{
    const struct kad_api api = {.node = host->slots[index].node};
    struct asking asking = {.answered = false};

    kad_api_begin(&api, (struct kad_api_asker){.trusted = true}, method, path, parameters, on_done, &asking);
    while (
        !asking.answered) /* the node ends each request by its own deadline, and all of them when it stops */
        uv_run(&host->loop, UV_RUN_ONCE);
    free(asking.answer.text);
    *out_answer = asking.answer.json;
    return asking.answer.status;
}

void kad_host_run(struct kad_host *host)
{
    uv_run(&host->loop, UV_RUN_DEFAULT);
}

void kad_host_stop(struct kad_host *host)
{
    if (host->stopping)
        return;
    host->stopping = true;
    if (host->on_stopping)
        host->on_stopping(host->context);
    if (host->http)
        kad_http_close(host->http);
    for (size_t i = 0; i < host->n_slots; i++) {
        if (host->slots[i].running)
            kad_node_stop(host->slots[i].node);
    }
}

void kad_host_free(struct kad_host *host)
{
    if (host->loop_made) {
        if (host->n_running > 0) {
            kad_host_stop(host);
        } else if (!host->stopping) { /* none ever ran: nobody else takes them off the loop */
            leave_loop(host);
        }
        uv_run(&host->loop, UV_RUN_DEFAULT);
    }
    for (size_t i = 0; i < host->n_slots; i++) {
        if (host->slots[i].node)
            kad_node_free(host->slots[i].node);
    }
    free(host->slots);
    if (host->loop_made) {
        uv_run(&host->loop, UV_RUN_DEFAULT); /* what the nodes closed in the end */
        uv_loop_close(&host->loop);
    }
    host->slots = NULL;
    host->n_slots = 0;
    host->loop_made = false;
}
