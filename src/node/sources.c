#include "node/sources.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "net/dns_txt.h"
#include "net/fetch.h"
#include "net/local_discovery.h"
#include "node/manifest.h"
#include "node/parts.h"

#define WAIT_FIRST (30 * KAD_SECOND)
#define WAIT_MOST  KAD_HOUR
#define EVERY      KAD_HOUR
#define NAMES_MAX  KAD_MANIFEST_NODES /* that are being resolved */
/* Addresses from the local network that the engine is given, in a whole life: it keeps 64 of all. */
#define LOCAL_MAX 24
/* With as many contacts nobody of the local network is needed; so many are met all the same, for they are near, and those behind one
 * router with us may be known to us by way of it only. */
#define ENOUGH     8
#define NEIGHBOURS 8

static_assert(KAD_DNS_TXT_MAX <= KAD_MANIFEST_MAX, "one buffer for both");

/* One place to look at, and the job that does. */
struct source {
    struct kad_sources *sources;
    bool is_dns, running;
    char where[KAD_CONFIG_TEXT]; /* "": nowhere */
    kad_ms next_at, wait_ms, looked_at;
    uv_work_t work;
    /* the job's */
    char from[KAD_CONFIG_TEXT], server[KAD_CONFIG_TEXT];
    char text[KAD_MANIFEST_MAX];
    size_t size;
    int error;
    char why[256];
};

struct name {
    struct kad_sources *sources;
    struct kad_resolve *resolving; /* NULL: free */
    char text[KAD_MANIFEST_HOST];
};

struct kad_sources {
    struct kad_node *node; /* NULL: closed */
    uv_loop_t *loop;
    uv_timer_t timer;
    unsigned n_open;
    struct source manifest, dns;
    atomic_bool stop; /* for the jobs */
    char server[KAD_CONFIG_TEXT];
    struct kad_manifest_keys keys;
    struct kad_local *local;
    unsigned n_local;
    struct name names[NAMES_MAX];
    struct kad_manifest found; /* scratch */
};

static void set_timer(struct kad_sources *sources);

/* -- what was found ---------------------------------------------------------------------------------------------- */

static void offer(struct kad_sources *sources, const struct kad_endpoint *endpoint)
{
    const int error = kad_node_bootstrap(sources->node, endpoint);
    char address[KAD_ENDPOINT_TEXT];

    if (error)
        kad_tell(sources->node, KAD_LOG_DEBUG, "bootstrap_unused", "address",
                 kad_endpoint_format(endpoint, address), "why", kad_error_text(error), NULL);
}

static void resolved(void *context, int error, const char *why, const struct kad_endpoint *found, size_t n)
{
    struct name *name = context;

    name->resolving = NULL;
    if (error)
        kad_tell(name->sources->node, KAD_LOG_WARN, "bootstrap_unresolved", "name", name->text, "why", why,
                 NULL);
    for (size_t i = 0; !error && i < n; i++)
        offer(name->sources, &found[i]);
}

/* One "host:port". False: it is none. */
static bool take(struct kad_sources *sources, const char *text)
{
    char host[KAD_RESOLVE_HOST];
    struct kad_endpoint endpoint;
    uint16_t port;

    if (kad_endpoint_parse(text, 0, &endpoint) == KAD_OK) {
        offer(sources, &endpoint);
        return true;
    }
    if (strlen(text) >= KAD_MANIFEST_HOST || kad_resolve_split(text, 0, host, &port) < 0)
        return false;
    for (size_t i = 0; i < NAMES_MAX; i++) {
        struct name *name = &sources->names[i];

        if (name->resolving)
            continue;
        name->sources = sources;
        strcpy(name->text, text);
        if (kad_resolve_start(sources->loop, sources->node->allocator, host, port, resolved, name,
                              &name->resolving) < 0)
            name->resolving = NULL;
        break;
    }
    return true;
}

static void tell_found(const struct source *source, size_t n, const struct kad_manifest *manifest)
{
    char count[24], key[2 * KAD_ED25519_PUBLIC + 1], until[40] = "";
    const char *event = source->is_dns ? "dns_bootstraps" : "manifest_read";
    time_t seconds;
    struct tm day;

    snprintf(count, sizeof(count), "%zu", n);
    if (!manifest) {
        kad_tell(source->sources->node, KAD_LOG_INFO, event, "from", source->from, "nodes", count, NULL);
        return;
    }
    seconds = (time_t)(manifest->valid_until / KAD_SECOND);
    if (gmtime_r(&seconds, &day))
        strftime(until, sizeof(until), "%Y-%m-%dT%H:%M:%SZ", &day);
    kad_tell(source->sources->node, KAD_LOG_INFO, event, "from", source->from, "nodes", count, "signed_by",
             kad_hex(manifest->signer, sizeof(manifest->signer), key), "valid_until", until, NULL);
}

static void ignore(const struct source *source, const char *why)
{
    kad_tell(source->sources->node, KAD_LOG_WARN,
             source->is_dns ? "dns_bootstraps_ignored" : "manifest_ignored", "from", source->from, "why", why,
             NULL);
}

/* True: it is good. */
static bool take_manifest(struct source *source, const char *text, size_t size)
{
    struct kad_sources *sources = source->sources;
    struct kad_manifest *found = &sources->found;
    char why[256];

    if (kad_manifest_read(text, size, &sources->keys, kad_network_name(sources->node->config.network),
                          kad_node_now(sources->node), found, why, sizeof(why)) < 0) {
        ignore(source, why);
        return false;
    }
    for (size_t i = 0; i < found->n_nodes; i++)
        take(sources, found->nodes[i]);
    tell_found(source, found->n_nodes, found);
    return true;
}

/* Words that are host:port, of a record without signature. */
static bool take_words(struct source *source, char *words)
{
    size_t n = 0;
    char *word;

    if (source->sources->keys.n) {
        ignore(source, "a record without signature, and there are manifest_keys");
        return false;
    }
    while ((word = strsep(&words, " ,;"))) {
        if (*word && !take(source->sources, word)) {
            ignore(source, "a record has a word that is not host:port");
            break;
        }
        n += *word != '\0';
    }
    if (n)
        tell_found(source, n, NULL);
    return n > 0;
}

static bool take_records(struct source *source)
{
    char *rest = source->text, *line;
    bool good = false;

    while ((line = strsep(&rest, "\n"))) {
        if (strncmp(line, "kad-manifest", strlen("kad-manifest")) == 0)
            good |= take_manifest(source, line, strlen(line));
        else if (*line)
            good |= take_words(source, line);
    }
    return good;
}

/* -- looking ----------------------------------------------------------------------------------------------------- */

/* On a worker thread: touches nothing but the job's, and `stop`. */
static void look(uv_work_t *work)
{
    struct source *source = work->data;
    struct kad_endpoint server;
    const char *why = "";

    if (!source->is_dns) {
        source->error = kad_fetch(source->from, &source->sources->stop, source->text, sizeof(source->text),
                                  &source->size, source->why, sizeof(source->why));
        return;
    }
    if (*source->server && kad_endpoint_parse(source->server, 53, &server) < 0) {
        source->error = KAD_E_INVALID;
        why = "bootstrap_dns_server is no address";
    } else {
        source->error = kad_dns_txt(source->from, *source->server ? &server : NULL, source->text, &why);
    }
    snprintf(source->why, sizeof(source->why), "%s", why);
}

static void release(struct kad_sources *sources)
{
    if (--sources->n_open == 0)
        free(sources);
}

static void looked(uv_work_t *work, int status)
{
    struct source *source = work->data;
    struct kad_sources *sources = source->sources;
    bool good = false;

    source->running = false;
    if (status == 0 && sources->node && strcmp(source->from, source->where) != 0) {
        set_timer(
            sources); /* it looked where nobody wants to know any more: next_at is for the other place */
    } else if (status == 0 && sources->node) {
        if (source->error)
            ignore(source, source->why);
        else
            good = source->is_dns ? take_records(source) : take_manifest(source, source->text, source->size);
        if (good) {
            source->wait_ms = WAIT_FIRST;
            source->next_at = kad_node_now(sources->node) + EVERY;
        } else {
            source->next_at = kad_node_now(sources->node) + source->wait_ms;
            source->wait_ms = source->wait_ms < WAIT_MOST / 2 ? 2 * source->wait_ms : WAIT_MOST;
        }
        set_timer(sources);
    }
    release(sources);
}

static void begin(struct source *source)
{
    struct kad_sources *sources = source->sources;

    strcpy(source->from, source->where);
    strcpy(source->server, sources->server);
    source->work.data = source;
    source->next_at = KAD_NEVER;
    source->looked_at = kad_node_now(sources->node);
    if (uv_queue_work(sources->loop, &source->work, look, looked) == 0) {
        source->running = true;
        sources->n_open++;
    }
}

static void fired(uv_timer_t *timer)
{
    struct kad_sources *sources = timer->data;
    const kad_ms now = kad_node_now(sources->node);
    struct source *const both[] = {&sources->manifest, &sources->dns};

    for (size_t i = 0; i < KAD_COUNT_OF(both); i++) {
        if (!both[i]->running && now >= both[i]->next_at)
            begin(both[i]);
    }
    set_timer(sources);
}

static void set_timer(struct kad_sources *sources)
{
    const kad_ms now = kad_node_now(sources->node);
    const kad_ms at =
        sources->manifest.next_at < sources->dns.next_at ? sources->manifest.next_at : sources->dns.next_at;

    if (at == KAD_NEVER)
        uv_timer_stop(&sources->timer);
    else
        uv_timer_start(&sources->timer, fired, at > now ? (uint64_t)(at - now) : 0, 0);
}

void kad_sources_again(struct kad_sources *sources)
{
    struct source *both[2];

    if (!sources)
        return;
    both[0] = &sources->manifest;
    both[1] = &sources->dns;
    for (size_t i = 0; i < KAD_COUNT_OF(both); i++) {
        const kad_ms at = both[i]->looked_at + WAIT_FIRST;

        if (!both[i]->running && *both[i]->where && both[i]->next_at > at)
            both[i]->next_at = at;
    }
    set_timer(sources);
    if (sources->local)
        kad_local_announce(sources->local);
}

/* -- the local network ------------------------------------------------------------------------------------------- */

static void heard(void *context, const struct kad_endpoint *endpoint)
{
    struct kad_sources *sources = context;
    const struct kad_request ping = {.kind = KAD_REQUEST_PING, .endpoint = *endpoint};
    char address[KAD_ENDPOINT_TEXT];
    struct kad_info info;
    bool alone;

    kad_engine_info(sources->node->engine, &info);
    alone = info.n_contacts[0] + info.n_contacts[1] < ENOUGH;
    if (sources->n_local >= (alone ? LOCAL_MAX : NEIGHBOURS))
        return;
    sources->n_local++;
    kad_tell(sources->node, KAD_LOG_INFO, "local_node", "address", kad_endpoint_format(endpoint, address),
             NULL);
    if (alone)
        offer(sources, endpoint);
    else if (kad_node_request(sources->node, &ping, NULL, NULL, NULL) != 0)
        sources->n_local--; /* too much under way: it will be heard again */
}

static void open_local(struct kad_sources *sources)
{
    struct kad_node *node = sources->node;
    struct kad_local_config config = {.allocator = node->allocator,
                                      .port = kad_node_port_for_others(node),
                                      .found = heard,
                                      .context = sources};

    if (!config.port) {
        kad_tell(node, KAD_LOG_WARN, "local_discovery_off", "why",
                 "it listens on no IPv4 address of the local network", NULL);
        return;
    }
    if (node->config.settings.read_only) /* whom it asks, it may find; nobody needs to find it */
        config.port = 0;
    if (kad_local_open(sources->loop, &config, &sources->local) < 0) {
        sources->local = NULL;
        kad_tell(node, KAD_LOG_WARN, "local_discovery_off", "why",
                 "the group cannot be joined at UDP port 6771", NULL);
        return;
    }
    kad_local_announce(sources->local);
}

/* -- from outside ------------------------------------------------------------------------------------------------ */

static void take_source(struct source *source, const char *where, kad_ms now)
{
    strcpy(source->where, where);
    source->wait_ms = WAIT_FIRST;
    source->next_at = *where ? now : KAD_NEVER;
}

void kad_sources_reload(struct kad_sources *sources, const struct kad_config *config)
{
    char why[128];
    kad_ms now;

    if (!sources)
        return;
    now = kad_node_now(sources->node);
    if (kad_manifest_read_keys(config->manifest_keys, &sources->keys, why, sizeof(why)) < 0)
        sources->keys.n = 0; /* kad_config_check() has seen to it */
    strcpy(sources->server, config->bootstrap_dns_server);
    take_source(&sources->manifest, config->manifest, now);
    take_source(&sources->dns, config->bootstrap_dns, now);
    if (config->local_discovery && !sources->local) {
        open_local(sources);
    } else if (!config->local_discovery && sources->local) {
        kad_local_close(sources->local);
        sources->local = NULL;
    }
    set_timer(sources);
}

bool kad_sources_wanted(const struct kad_config *config)
{
    return *config->manifest || *config->bootstrap_dns || config->local_discovery;
}

void kad_sources_take(struct kad_config *to, const struct kad_config *from)
{
    memcpy(to->manifest, from->manifest, sizeof(to->manifest));
    memcpy(to->manifest_keys, from->manifest_keys, sizeof(to->manifest_keys));
    memcpy(to->bootstrap_dns, from->bootstrap_dns, sizeof(to->bootstrap_dns));
    memcpy(to->bootstrap_dns_server, from->bootstrap_dns_server, sizeof(to->bootstrap_dns_server));
    to->local_discovery = from->local_discovery;
}

int kad_sources_new(struct kad_node *node, const struct kad_config *config, struct kad_sources **out_sources)
{
    struct kad_sources *sources = calloc(1, sizeof(*sources));

    if (!sources)
        return KAD_E_MEMORY;
    sources->node = node;
    sources->loop = kad_node_loop(node);
    if (uv_timer_init(sources->loop, &sources->timer) < 0) {
        free(sources);
        return KAD_E_SYSTEM;
    }
    sources->timer.data = sources;
    sources->n_open = 1;
    sources->manifest.sources = sources->dns.sources = sources;
    sources->dns.is_dns = true;
    kad_sources_reload(sources, config);
    *out_sources = sources;
    return KAD_OK;
}

static void timer_closed(uv_handle_t *timer)
{
    release(timer->data);
}

void kad_sources_close(struct kad_sources *sources)
{
    if (!sources)
        return;
    for (size_t i = 0; i < NAMES_MAX; i++) {
        if (sources->names[i].resolving)
            kad_resolve_forget(sources->names[i].resolving);
    }
    atomic_store(&sources->stop, true);
    if (sources->manifest.running)
        uv_cancel((uv_req_t *)&sources->manifest.work); /* only before it has begun; else it ends by itself */
    if (sources->dns.running)
        uv_cancel((uv_req_t *)&sources->dns.work);
    kad_local_close(sources->local);
    sources->local = NULL;
    sources->node = NULL;
    uv_close((uv_handle_t *)&sources->timer, timer_closed);
}
