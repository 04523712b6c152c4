/* testnet - many nodes on one loop, in a thread of their own. */
#include "kad/testnet.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "base/alloc.h"
#include "base/endpoint.h"
#include "kad/text.h"
#include "node/local_net.h"

#define JOIN_TIMEOUT_MS 60000

struct member {
    struct kad_testnet *net;
    struct kad_node *node;
    char address[KAD_ENDPOINT_TEXT];
    bool ready;
};

struct kad_testnet {
    const struct kad_allocator *allocator;
    struct member *members;
    size_t n;
    uv_loop_t loop;
    bool has_loop, has_thread;
    uv_thread_t thread;

    uv_mutex_t lock; /* of n_ready */
    uv_cond_t changed;
    size_t n_ready;
    size_t n_running; /* the loop's thread's */
};

/* -- the loop's thread ------------------------------------------------------------------------------------------ */

static void on_event(void *context, const struct kad_event *event)
{
    struct member *member = context;

    if (event->kind != KAD_EVENT_READY || member->ready)
        return;
    member->ready = true;
    uv_mutex_lock(&member->net->lock);
    member->net->n_ready++;
    uv_cond_signal(&member->net->changed);
    uv_mutex_unlock(&member->net->lock);
}

static void on_stopped(void *context)
{
    struct member *member = context;

    member->net->n_running--;
}

/* The nodes' handles keep the loop going until the last has stopped. */
static void run(void *context)
{
    struct kad_testnet *net = context;

    while (net->n_running)
        uv_run(&net->loop, UV_RUN_ONCE);
}

/* -- making ----------------------------------------------------------------------------------------------------- */

/* Addresses follow each other; each has the next port that is free there. */
static int configure(struct kad_testnet *net, size_t i, struct kad_node_config *config)
{
    static const uint8_t first[4] = {127, 77, 0, 1};
    const struct kad_endpoint any = kad_endpoint_v4(first, 1);
    const int error = kad_local_net_address(&any, i, &config->listen[0]);

    config->listen[0].port = 0;
    config->n_listen = 1;
    config->loop = &net->loop;
    config->watch = KAD_WATCH_STATE;
    config->on_event = on_event;
    config->on_stopped = on_stopped;
    config->context = &net->members[i];
    if (i > 0) {
        config->bootstrap[0] = net->members[0].address;
        config->n_bootstrap = 1;
    }
    return error;
}

static int add_node(struct kad_testnet *net, size_t i, struct kad_node_config *config, char *why,
                    size_t why_size)
{
    struct member *member = &net->members[i];
    struct kad_endpoint at;
    int error;

    member->net = net;
    kad_node_config_default(kad_network_mainline(), config);
    error = configure(net, i, config);
    if (!error)
        error = kad_node_new(config, &member->node, why, why_size);
    if (error)
        return error;
    kad_node_listening(member->node, &at, 1);
    kad_endpoint_format(&at, member->address);
    error = kad_node_start(member->node);
    if (error) {
        snprintf(why, why_size, "cannot watch the socket of node %zu", i);
        kad_node_free(member->node);
        member->node = NULL;
        return error;
    }
    net->n_running++;
    return KAD_OK;
}

static int add_nodes(struct kad_testnet *net, size_t n, char *why, size_t why_size)
{
    /* A configuration is too large for a thread's stack to be sure of. */
    struct kad_node_config *config = kad_alloc(net->allocator, sizeof(*config));
    int error = config ? KAD_OK : KAD_E_MEMORY;

    for (size_t i = 0; i < n && !error; i++)
        error = add_node(net, i, config, why, why_size);
    kad_free(net->allocator, config, sizeof(*config));
    return error;
}

/* A node that is alone is ready when there is somebody else: the first with the second. */
static int await_ready(struct kad_testnet *net, char *why, size_t why_size)
{
    const uint64_t until = uv_hrtime() + (uint64_t)JOIN_TIMEOUT_MS * 1000000;
    const size_t wanted = net->n > 1 ? net->n : 0;
    uint64_t now;
    size_t n_ready;

    uv_mutex_lock(&net->lock);
    while (net->n_ready < wanted && (now = uv_hrtime()) < until)
        uv_cond_timedwait(&net->changed, &net->lock, until - now);
    n_ready = net->n_ready;
    uv_mutex_unlock(&net->lock);
    if (n_ready >= wanted)
        return KAD_OK;
    snprintf(why, why_size, "%zu of %zu nodes have joined after %d s", n_ready, net->n,
             JOIN_TIMEOUT_MS / 1000);
    return KAD_E_TIMEOUT;
}

static struct kad_testnet *make(size_t n)
{
    const struct kad_allocator *allocator = &kad_allocator_system;
    struct kad_testnet *net = kad_alloc_zero(allocator, sizeof(*net));

    if (!net)
        return NULL;
    net->allocator = allocator;
    net->n = n;
    net->members = kad_alloc_zero(allocator, n * sizeof(*net->members));
    uv_mutex_init(&net->lock);
    uv_cond_init(&net->changed);
    net->has_loop = uv_loop_init(&net->loop) == 0;
    if (net->members && net->has_loop)
        return net;
    kad_testnet_free(net);
    return NULL;
}

int kad_testnet_new(size_t n, struct kad_testnet **out_net, char *out_why, size_t why_size)
{
    struct kad_testnet *net;
    int error;

    if (n < 1 || n > KAD_TESTNET_MAX) {
        snprintf(out_why, why_size, "not between 1 and %d nodes", KAD_TESTNET_MAX);
        return KAD_E_INVALID;
    }
    snprintf(out_why, why_size, "%s", kad_error_text(KAD_E_MEMORY));
    net = make(n);
    if (!net)
        return KAD_E_MEMORY;
    error = add_nodes(net, n, out_why, why_size);
    if (!error) {
        net->has_thread = uv_thread_create(&net->thread, run, net) == 0;
        error = net->has_thread ? await_ready(net, out_why, why_size) : KAD_E_SYSTEM;
    }
    if (error) {
        kad_testnet_free(net);
        return error;
    }
    *out_net = net;
    return KAD_OK;
}

void kad_testnet_free(struct kad_testnet *net)
{
    if (!net)
        return;
    for (size_t i = 0; net->members && i < net->n; i++) {
        if (net->members[i].node)
            kad_node_stop(net->members[i].node);
    }
    if (net->has_thread)
        uv_thread_join(&net->thread);
    else if (net->has_loop)
        run(net);
    for (size_t i = 0; net->members && i < net->n; i++)
        kad_node_free(net->members[i].node);
    if (net->has_loop) {
        uv_run(&net->loop, UV_RUN_DEFAULT);
        uv_loop_close(&net->loop);
    }
    uv_cond_destroy(&net->changed);
    uv_mutex_destroy(&net->lock);
    kad_free(net->allocator, net->members, net->n * sizeof(*net->members));
    kad_free(net->allocator, net, sizeof(*net));
}

/* -- looking in ------------------------------------------------------------------------------------------------- */

size_t kad_testnet_size(const struct kad_testnet *net)
{
    return net->n;
}

struct kad_node *kad_testnet_node(struct kad_testnet *net, size_t i)
{
    return net->members[i].node;
}

const char *kad_testnet_address(const struct kad_testnet *net, size_t i)
{
    return net->members[i].address;
}
