#include "node/config.h"

#include <errno.h>
#include <ini.h>
#include <kad_parts.h> /* written by CMake into the build directory */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "engine/network.h"
#include "lookout/regions.h"
#include "net/fetch.h"
#include "node/bootstrap_name.h"
#include "node/config_keys.h"
#include "node/config_namespaces.h"
#include "node/manifest.h"
#include "node/places.h"

const char *const kad_public_bootstrap[] = {
    "router.bittorrent.com:6881",
    "dht.transmissionbt.com:6881",
    "router.utorrent.com:6881",
    "dht.libtorrent.org:25401",
    NULL,
};
static const char *const public_of_ipfs[] = {"/dnsaddr/bootstrap.libp2p.io", NULL};

static void default_api(struct kad_config *config)
{
    strcpy(config->api, "default");
    strcpy(config->metrics, "default");
    config->api_max_connections = 512;
    config->api_max_per_address = 64;
    config->api_max_streams = 64;
    config->api_max_body = 64 * 1024;
    config->api_max_headers = 16 * 1024;
    config->api_silence_ms = 15 * KAD_SECOND;
    config->api_request_ms = 20 * KAD_SECOND;
    config->api_answer_ms = KAD_MINUTE;
}

void kad_config_default(const struct kad_network *network, struct kad_config *out_config)
{
    static const uint8_t any[16];

    memset(out_config, 0, sizeof(*out_config));
    out_config->network = network;
    kad_settings_default(network, &out_config->settings);
    out_config->listen[0] = kad_endpoint_v4(any, kad_network_port(network));
    out_config->listen[1] = kad_endpoint_v6(any, kad_network_port(network));
    out_config->n_listen = 2;
    strcpy(out_config->data_dir, "/var/lib/kad");
    out_config->store = KAD_PART_LMDB ? KAD_STORE_LMDB : KAD_STORE_MEMORY;
    default_api(out_config);
    out_config->announce_self = true;
    memcpy(out_config->relay, "auto", sizeof("auto"));
    out_config->relay_clients = 32;
    out_config->relay_bandwidth = 256 << 10;
    out_config->moved_for_ms = 7 * 24 * KAD_HOUR;
    out_config->unlinked_at_once = 4;
    out_config->unlinked_identities = 8;
    out_config->unlinked_work_percent = 5;
    out_config->region_silent_ms = KAD_REGIONS_QUIET_MS;
    out_config->dht_enabled = true;
    out_config->port_mapping_lease_ms = KAD_HOUR;
    out_config->preset = network == kad_network_libp2p_ipfs() ? KAD_PRESET_IPFS : KAD_PRESET_ICN;
    out_config->libp2p_max_connections = 300;
    out_config->libp2p_accept_per_s = 50;
    out_config->libp2p_max_per_host = 32;
    out_config->libp2p_max_per_subnet = 64;
    out_config->provider_probe_ms = KAD_HOUR;
    out_config->log_level = KAD_LOG_INFO;
    out_config->source = 1;
}

void kad_config_next_source(struct kad_config *config)
{
    config->source++;
}

/* A list set by an earlier source begins anew. */
static void begin_list(struct kad_config *config, const struct kad_key *key)
{
    if (config->set_by[key - kad_keys] == config->source)
        return;
    if (key->kind == KAD_KEY_LISTEN)
        config->n_listen = 0;
    if (key->kind == KAD_KEY_BOOTSTRAP)
        config->n_bootstrap = 0;
    if (key->kind == KAD_KEY_CLASS)
        config->n_classes = 0;
    if (key->kind == KAD_KEY_ANNOUNCE)
        config->n_libp2p_announce = 0;
    if (key->kind == KAD_KEY_PROTOCOL)
        config->n_libp2p_protocols = 0;
}

static int unknown(const char *name, char *why, size_t why_size)
{
    const char *nearest = kad_key_nearest(name);

    if (nearest)
        snprintf(why, why_size, "%.60s: no such key; did you mean %s?", name, nearest);
    else
        snprintf(why, why_size, "%.60s: no such key", name);
    return KAD_E_INVALID;
}

static int set_key(struct kad_config *config, const struct kad_key *key, const char *value, char *why,
                   size_t why_size)
{
    const int n = snprintf(why, why_size, "%s: ", key->name);
    int error;

    begin_list(config, key);
    error = kad_value_read(config, key, value, why + n, why_size - (size_t)n);
    if (!error)
        config->set_by[key - kad_keys] = config->source;
    if (!error && key->offset == offsetof(struct kad_config, preset))
        kad_value_take_preset(config);
    if (!error && key->offset == offsetof(struct kad_config, node_type))
        config->settings.read_only = config->node_type == KAD_NODE_PRIVATE;
    return error;
}

/* Dashes stand for underscores. NULL: no such key; `name` is as it would be. */
static const struct kad_key *find_key(const char *key, char name[64])
{
    size_t n = 0;

    for (; key[n] && n < 63; n++)
        name[n] = key[n] == '-' ? '_' : key[n];
    name[n] = '\0';
    return key[n] ? NULL : kad_key_find(name);
}

bool kad_config_is_networks(const char *key)
{
    char name[64];
    const struct kad_key *known = find_key(key, name);

    return known && kad_key_is_networks(known);
}

int kad_config_set(struct kad_config *config, const char *key, const char *value,
                   char out_why[KAD_CONFIG_WHY])
{
    char name[64];
    const struct kad_key *known = find_key(key, name);

    return known ? set_key(config, known, value, out_why, KAD_CONFIG_WHY)
                 : unknown(name, out_why, KAD_CONFIG_WHY);
}

/* -- files ------------------------------------------------------------------------------------------------------ */

/* inih asks for lines and hands back keys; the line a key came from is counted between. */
struct reading {
    struct kad_config *config;
    const char *path;
    FILE *file; /* or */
    const char *text;
    int line;
    unsigned part; /* of the network named last */
    int error;     /* of the first bad line */
    char *why;
};

static void complain(struct reading *reading, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void complain(struct reading *reading, const char *format, ...)
{
    va_list arguments;
    int n;

    if (reading->error)
        return;
    reading->error = KAD_E_INVALID;
    n = snprintf(reading->why, KAD_CONFIG_WHY, "%.200s:%d: ", reading->path, reading->line);
    va_start(arguments, format);
    vsnprintf(reading->why + n, KAD_CONFIG_WHY - (size_t)n, format, arguments);
    va_end(arguments);
}

static char *take_text(struct reading *reading, char *line, int size)
{
    int n = 0;

    if (*reading->text == '\0')
        return NULL;
    while (n < size - 1 && reading->text[n] && (n == 0 || reading->text[n - 1] != '\n'))
        n++;
    memcpy(line, reading->text, (size_t)n);
    line[n] = '\0';
    reading->text += n;
    return line;
}

static char *next_line(char *line, int size, void *stream)
{
    struct reading *reading = stream;
    const char *got;
    size_t n;

    if (reading->error) /* the first error is enough */
        return NULL;
    got = reading->file ? fgets(line, size, reading->file) : take_text(reading, line, size);
    if (!got)
        return NULL;
    reading->line++;
    n = strlen(line);
    if (n == (size_t)size - 1 && line[n - 1] != '\n') {
        complain(reading, "a line of more than %d characters", size - 2);
        return NULL;
    }
    /* A line that begins with a space would go on with the key before (Python's rule), and inih cuts at what it
     * takes for a comment: here a line is a line. */
    n = strspn(line, " \t");
    memmove(line, line + n, strlen(line + n) + 1);
    return line;
}

static bool refuse_network(struct reading *reading, const char *value)
{
    char why[KAD_CONFIG_WHY];

    if (set_key(reading->config, kad_key_find("network"), value, why, sizeof(why)) < 0)
        complain(reading, "%s", why);
    return false;
}

/* `network = NAME`: what follows is of that one. */
static bool name_network(struct reading *reading, const char *value)
{
    struct kad_config *config = reading->config;
    const struct kad_network *network = kad_network_named(value);

    for (unsigned i = 0; network && i < config->n_named; i++) {
        if (config->named[i] == network) {
            complain(reading, "network: %.40s is there twice", value);
            return false;
        }
    }
    if (config->n_named == KAD_CONFIG_NETWORKS) {
        complain(reading, "network: more than %d", KAD_CONFIG_NETWORKS);
        return false;
    }
    if (!network || !kad_network_is_built(network))
        return refuse_network(reading, value);
    reading->part = config->n_named;
    config->named[config->n_named++] = network;
    return true;
}

static bool is_path(const char *section)
{
    const size_t n = strlen(KAD_KEY_PATH) - 1;

    return strlen(section) == n && strncmp(section, KAD_KEY_PATH, n) == 0;
}

static int take_key(void *context, const char *section, const char *name, const char *value)
{
    struct reading *reading = context;
    const struct kad_key *key = kad_key_find(name);
    char why[KAD_CONFIG_WHY];
    bool list;

    if (!key) {
        unknown(name, why, sizeof(why));
        complain(reading, "%s", why);
        return 0;
    }
    if (*section && strcmp(section, key->section) != 0 && !(is_path(section) && kad_key_is_networks(key))) {
        complain(reading, "%s: belongs to section [%s], not [%.60s]", key->name, key->section, section);
        return 0;
    }
    list = kad_key_is_list(key);
    if (key->kind == KAD_KEY_NETWORK && !name_network(reading, value))
        return 0;
    if (kad_key_is_networks(key) && reading->part != reading->config->part)
        return 1; /* another configuration takes it */
    if (!list && reading->config->set_by[key - kad_keys] == reading->config->source) {
        complain(reading, "%s: is set twice", key->name);
        return 0;
    }
    if (set_key(reading->config, key, value, why, sizeof(why)) < 0) {
        complain(reading, "%s", why);
        return 0;
    }
    return 1;
}

static int read_all(struct reading *reading)
{
    int line;

    kad_config_next_source(reading->config);
    reading->config->n_named = 0;
    line = ini_parse_stream(next_line, reading, take_key, reading);
    if (line == -2)
        return KAD_E_MEMORY;
    if (line > 0 && !reading->error) {
        reading->line = line;
        complain(reading, "neither [section] nor key = value");
    }
    kad_config_next_source(reading->config);
    return reading->error;
}

int kad_config_text(struct kad_config *config, const char *path, const char *text,
                    char out_why[KAD_CONFIG_WHY])
{
    struct reading reading = {.config = config, .path = path, .text = text, .why = out_why};

    return read_all(&reading);
}

int kad_config_file(struct kad_config *config, const char *path, char out_why[KAD_CONFIG_WHY])
{
    struct reading reading = {.config = config, .path = path, .why = out_why};
    int error;

    reading.file = fopen(path, "re");
    if (!reading.file) {
        snprintf(out_why, KAD_CONFIG_WHY, "cannot read %.200s: %s", path, strerror(errno));
        return KAD_E_SYSTEM;
    }
    error = read_all(&reading);
    if (!error && ferror(reading.file)) {
        snprintf(out_why, KAD_CONFIG_WHY, "cannot read %.200s", path);
        error = KAD_E_SYSTEM;
    }
    fclose(reading.file);
    return error;
}

/* -- the whole -------------------------------------------------------------------------------------------------- */

static bool kept_nowhere(const struct kad_config *config)
{
    return config->data_dir[0] == '\0' || strcmp(config->data_dir, "none") == 0 ||
           strcmp(config->data_dir, ":memory:") == 0;
}

static int refuse(char *why, const char *text)
{
    snprintf(why, KAD_CONFIG_WHY, "%s", text);
    return KAD_E_INVALID;
}

static const char *address_of(const char *value, const char *standard, bool *out_is_default)
{
    *out_is_default = *value == '\0' || strcmp(value, "default") == 0;
    if (*out_is_default)
        return standard;
    return strcmp(value, "none") == 0 ? NULL : value;
}

const char *kad_config_api(const struct kad_config *config, bool *out_is_default)
{
    return address_of(config->api, config->public_api ? "[::]:8080" : "127.0.0.1:8080", out_is_default);
}

const char *kad_config_metrics(const struct kad_config *config, bool *out_is_default)
{
    return address_of(config->metrics, "127.0.0.1:9100", out_is_default);
}

static int check_api(const struct kad_config *config, char *why)
{
    bool is_default;
    const char *api = kad_config_api(config, &is_default), *metrics = kad_config_metrics(config, &is_default);
    struct kad_endpoint endpoint;

    if (metrics && kad_endpoint_parse(metrics, 0, &endpoint) < 0)
        return refuse(why, "metrics: not an address and port such as 127.0.0.1:9100, `none` or `default`");
    if (!api)
        return KAD_OK;
    if (kad_endpoint_parse(api, 0, &endpoint) < 0)
        return refuse(why, "api: not an address and port such as 127.0.0.1:8080, `none` or `default`");
    endpoint.port = 1; /* port 0, any, has no scope */
    if (!config->public_api && kad_endpoint_scope(&endpoint) != KAD_SCOPE_LOOPBACK)
        return refuse(why,
                      "api: others could reach it there; public_api allows that, and lets them only read");
    return KAD_OK;
}

static int check_sources(const struct kad_config *config, char *why)
{
    struct kad_endpoint server;
    struct kad_manifest_keys keys;
    const int n = snprintf(why, KAD_CONFIG_WHY, "manifest_keys: ");

    if (kad_manifest_read_keys(config->manifest_keys, &keys, why + n, KAD_CONFIG_WHY - (size_t)n) < 0)
        return KAD_E_INVALID;
    if (*config->manifest && !keys.n)
        return refuse(why, "manifest: needs manifest_keys, the keys whose signatures are believed");
    if (kad_fetch_is_url(config->manifest) && !kad_fetch_has_urls())
        return refuse(why, "manifest: this kad was built without libcurl; a file will do");
    if (*config->bootstrap_dns_server &&
        (kad_endpoint_parse(config->bootstrap_dns_server, 53, &server) < 0 || server.family != KAD_IPV4))
        return refuse(why, "bootstrap_dns_server: not an IPv4 address and port such as 127.0.0.1:53");
    return KAD_OK;
}

static int check_libp2p(const struct kad_config *config, char *why)
{
    const int n = snprintf(why, KAD_CONFIG_WHY, "libp2p_namespaces: ");

    if (kad_namespaces_check(config->libp2p_namespaces, why + n, KAD_CONFIG_WHY - (size_t)n) < 0)
        return KAD_E_INVALID;
    for (unsigned i = 0; i < config->n_listen; i++) {
        if (kad_config_is_libp2p(config->network) && config->listen_as[i] == KAD_LISTEN_WSS &&
            (!*config->libp2p_certificate || !*config->libp2p_key))
            return refuse(why, "listen: /tls/ws needs libp2p_certificate and libp2p_key");
    }
    return KAD_OK;
}

/* Of as many bits as the network's ids have. */
static bool read_id(const struct kad_config *config, struct kad_id *out_id)
{
    const size_t wanted = kad_network_has_identities(config->network) ? 64 : 40;

    return strlen(config->node_id) == wanted && kad_id_parse(config->node_id, out_id) == KAD_OK;
}

/* False: neither a word nor a node with its identity. */
static bool read_relay(const struct kad_config *config, struct kad_node_relay *out_relay)
{
    static const char *const words[] = {
        [KAD_RELAY_OFF] = "off", [KAD_RELAY_AUTO] = "auto", [KAD_RELAY_ALWAYS] = "always"};
    struct kad_bootstrap_name name;

    *out_relay =
        (struct kad_node_relay){.clients = config->relay_clients, .bytes_per_s = config->relay_bandwidth};
    for (size_t i = 0; i < KAD_COUNT_OF(words); i++) {
        if (strcmp(config->relay, words[i]) == 0) {
            out_relay->mode = (enum kad_relay_mode)i;
            return true;
        }
    }
    out_relay->mode = KAD_RELAY_ALWAYS;
    out_relay->pinned = config->relay;
    return kad_bootstrap_name_read(config->relay, kad_network_kad(), &name) == KAD_OK && name.has_key;
}

int kad_config_check(const struct kad_config *config, char out_why[KAD_CONFIG_WHY])
{
    struct kad_node_relay relay;
    const char *field;
    struct kad_id id;

    if (kad_settings_check(&config->settings, &field) < 0) {
        if (strcmp(field, "patience_min_ms") == 0)
            return refuse(out_why, "patience_min_ms: is more than patience_max_ms");
        if (strcmp(field, "limit_addresses") == 0)
            return refuse(out_why, "limit_addresses: is neither a power of two from 16 on nor 0");
        if (strcmp(field, "ping_min_ms") == 0)
            return refuse(out_why, "ping_min_ms: is more than ping_max_ms");
        snprintf(out_why, KAD_CONFIG_WHY, "%s: out of range", field);
        return KAD_E_INVALID;
    }
    if (config->n_listen == 0)
        return refuse(out_why, "listen: nowhere");
    if (config->preset == KAD_PRESET_IPFS && config->network != kad_network_libp2p_ipfs())
        return refuse(out_why, "preset: goes with the network libp2p");
    if (check_libp2p(config, out_why) < 0)
        return KAD_E_INVALID;
    if (config->unlinked_gets == KAD_READERS_ALWAYS && config->network->carrier == KAD_CARRIER_HOST)
        return refuse(out_why, "unlinked_gets: not in a network of connections");
    if (config->store == KAD_STORE_LMDB && kept_nowhere(config))
        return refuse(out_why, "store: lmdb needs a data_dir");
    if (check_sources(config, out_why) < 0 || kad_place_table_check(config, out_why) < 0)
        return KAD_E_INVALID;
    if (!config->dht_enabled && config->network->carrier == KAD_CARRIER_HOST)
        return refuse(out_why, "dht_enabled: a network of connections is left out by not naming it");
    if (!read_relay(config, &relay))
        return refuse(out_why, "relay: neither off, auto, always nor host:port/id1...");
    if (*config->node_id && !read_id(config, &id))
        return refuse(out_why,
                      "node_id: not the hexadecimal digits of an id: 40, in networks with identities 64");
    return check_api(config, out_why);
}

/* `public` in the list gives way to the hosts it stands for. */
static void expand(const struct kad_config *config, struct kad_node_config *node)
{
    const char *const *well_known = config->network == kad_network_libp2p_ipfs()  ? public_of_ipfs
                                    : config->network == kad_network_libp2p_icn() ? public_of_ipfs + 1
                                                                                  : kad_public_bootstrap;

    for (unsigned i = 0; i < config->n_bootstrap; i++) {
        if (strcmp(config->bootstrap[i], "public") != 0) {
            if (node->n_bootstrap < KAD_NODE_BOOTSTRAP_MAX)
                node->bootstrap[node->n_bootstrap++] = config->bootstrap[i];
            continue;
        }
        for (size_t j = 0; well_known[j] && node->n_bootstrap < KAD_NODE_BOOTSTRAP_MAX; j++)
            node->bootstrap[node->n_bootstrap++] = well_known[j];
    }
}

static void lend_libp2p(const struct kad_config *config, struct kad_node_config *out_node)
{
    struct kad_node_libp2p *libp2p = &out_node->libp2p;

    memcpy(out_node->listen_as, config->listen_as, sizeof(config->listen_as));
    for (unsigned i = 0; i < config->n_libp2p_protocols; i++)
        libp2p->protocols[i] = config->libp2p_protocols[i];
    libp2p->n_protocols = config->n_libp2p_protocols;
    libp2p->mode = (enum kad_libp2p_mode)config->libp2p_mode;
    libp2p->private_addresses = (enum kad_libp2p_choice)config->libp2p_private;
    libp2p->max_connections = config->libp2p_max_connections;
    libp2p->accept_per_s = config->libp2p_accept_per_s;
    libp2p->max_per_host = config->libp2p_max_per_host;
    libp2p->max_per_subnet = config->libp2p_max_per_subnet;
    libp2p->provider_probe_ms = config->provider_probe_ms ? config->provider_probe_ms : -1;
    for (unsigned i = 0; i < config->n_libp2p_announce; i++)
        libp2p->announce[i] = config->libp2p_announce[i];
    libp2p->n_announce = config->n_libp2p_announce;
    libp2p->certificate = config->libp2p_certificate[0] ? config->libp2p_certificate : NULL;
    libp2p->certificate_key = config->libp2p_key[0] ? config->libp2p_key : NULL;
    libp2p->authorities = config->libp2p_authorities[0] ? config->libp2p_authorities : NULL;
}

void kad_config_node(const struct kad_config *config, struct kad_node_config *out_node)
{
    kad_node_config_default(config->network, out_node);
    out_node->settings = config->settings;
    memcpy(out_node->listen, config->listen, sizeof(config->listen));
    out_node->n_listen = config->n_listen;
    out_node->n_bootstrap = 0;
    if (config->dht_enabled)
        expand(config, out_node);
    lend_libp2p(config, out_node);
    out_node->data_dir = kept_nowhere(config) ? NULL : config->data_dir;
    out_node->announce_self = config->announce_self;
    read_relay(config, &out_node->relay);
    out_node->moved_for_ms = config->moved_for_ms;
    out_node->rotate_every_ms = config->rotate_every_ms;
    out_node->readers =
        (struct kad_node_readers){(enum kad_readers_for)config->unlinked_gets, config->unlinked_at_once,
                                  config->unlinked_identities, config->unlinked_work_percent};
    out_node->region_silent_ms = config->region_silent_ms;
    out_node->disabled = !config->dht_enabled;
    out_node->store = (enum kad_store_kind)config->store;
    out_node->store_max_bytes = config->store_max_bytes;
    out_node->identity = config->identity[0] ? config->identity : NULL;
    out_node->has_id = *config->node_id && read_id(config, &out_node->id);
    out_node->name = config->name[0] ? config->name : NULL;
    out_node->log_level = (enum kad_log_level)config->log_level;
}
