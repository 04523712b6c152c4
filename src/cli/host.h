/*
 * host - one or many nodes of this process on one loop, with the HTTP face of the first.
 *
 *     kad_host_start()   makes and starts all of them
 *     kad_host_await()   turns the loop until all have joined
 *     kad_host_ask()     asks one of them, as http/api.h does, and turns the loop until it has answered
 *     kad_host_run()     turns the loop until kad_host_stop(), or a signal, has ended it
 *     kad_host_free()    stops what still runs
 *
 * SIGINT and SIGTERM stop it gracefully (with `signals`). A second SIGINT, that is an impatient user, ends the process at
 * once; a second SIGTERM changes nothing.
 */
#ifndef KAD_CLI_HOST_H
#define KAD_CLI_HOST_H

#include <jansson.h>
#include <uv.h>

#include "http/server.h"
#include "kad/node.h"
#include "node/config.h"

struct kad_host;

struct kad_host_slot {
    struct kad_host *host;
    struct kad_node *node;
    bool ready, running;
};

struct kad_host {
    uv_loop_t loop;
    struct kad_host_slot *slots;
    size_t n_slots, n_running, n_ready;
    struct kad_http *http;
    uv_signal_t signals[3]; /* SIGINT, SIGTERM, SIGHUP */
    uv_timer_t deadline, beat;
    bool loop_made, with_signals, stopping, late;
    void (*on_event)(void *context, size_t index,
                     const struct kad_event *event); /* may be NULL; set before start */
    /* With signals: SIGHUP came; it begins to stop; every beat_ms. May be NULL; set before start. */
    void (*on_reload)(void *context);
    void (*on_stopping)(void *context);
    void (*on_beat)(void *context);
    uint64_t beat_ms;
    void *context;
    char why[256]; /* what went wrong in start */
};

/* On a machine without IPv6 "everywhere" means IPv4: leaves [::] out of where the node listens. */
void kad_host_leave_out_ipv6(struct kad_node_config *config);
/* Makes the folder, for its owner only, and those above it. False: errno says why. */
bool kad_host_make_folder(const char *path);

/* What the configuration says of the HTTP face; `socket` is left out. Borrows from `config`. */
void kad_host_web(const struct kad_config *config, struct kad_http_config *out_http);

/* A zeroed host (but for callbacks, beat_ms and context). `configs` are n; their loop, on_event, on_stopped and context are set here.
 * `http`: the first one's HTTP face; NULL: none. 0 or a kad_error with the reason in host->why;
 * then kad_host_free() all the same. */
KAD_CHECK int kad_host_start(struct kad_host *host, struct kad_node_config *configs, size_t n,
                             const struct kad_http_config *http, bool signals);
/* True: all have joined. False: not within timeout_ms, or stopped. */
bool kad_host_await(struct kad_host *host, kad_ms timeout_ms);
/* Takes over `parameters`. *out_answer is yours (NULL: no memory). The HTTP status. */
unsigned kad_host_ask(struct kad_host *host, size_t index, const char *method, const char *path,
                      json_t *parameters, json_t **out_answer);
void kad_host_run(struct kad_host *host);
void kad_host_stop(struct kad_host *host);
void kad_host_free(struct kad_host *host);

#endif
