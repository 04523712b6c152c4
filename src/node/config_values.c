/* config_values - one value to and from text, by its kind. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/multiaddr.h"
#include "base/text.h"
#include "channel/multistream.h"
#include "net/interface.h"
#include "node/bootstrap_name.h"
#include "node/config_keys.h"

struct unit {
    const char *name;
    int64_t factor;
};

/* Largest first: the printer takes the first that divides. */
static const struct unit durations[] = {{"d", 24 * KAD_HOUR}, {"h", KAD_HOUR}, {"m", KAD_MINUTE},
                                        {"s", KAD_SECOND},    {"ms", 1},       {NULL, 0}};
static const struct unit sizes[] = {{"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}, {"", 1}, {NULL, 0}};
static const struct unit counts[] = {{"", 1}, {NULL, 0}};

static const struct unit *units_of(const struct kad_key *key)
{
    switch (key->kind) {
    case KAD_KEY_DURATION:
        return durations;
    case KAD_KEY_SIZE:
        return sizes;
    default:
        return counts;
    }
}

static char *print_number(int64_t value, const struct unit *unit, char out_text[KAD_VALUE_TEXT])
{
    while (unit[1].name && (value == 0 || value % unit->factor != 0))
        unit++;
    snprintf(out_text, KAD_VALUE_TEXT, "%" PRId64 "%s", value / unit->factor, unit->name);
    return out_text;
}

/* "90s", "2 h", "500". False: no number, or a unit that is none. */
static bool read_number(const char *text, const struct unit *units, int64_t *out_value)
{
    char digits[24];
    const size_t n = strspn(text, "-0123456789");
    int64_t number, factor = 1;

    if (n == 0 || n >= sizeof(digits))
        return false;
    memcpy(digits, text, n);
    digits[n] = '\0';
    if (kad_parse_number(digits, INT64_MIN / 2, INT64_MAX / 2, &number) < 0)
        return false;
    text += n;
    text += strspn(text, " ");
    if (*text != '\0') {
        while (units->name && strcmp(units->name, text) != 0)
            units++;
        if (!units->name)
            return false;
        factor = units->factor;
    }
    return !__builtin_mul_overflow(number, factor, out_value);
}

bool kad_duration_read(const char *text, kad_ms *out_ms)
{
    return read_number(text, durations, out_ms);
}

static int bad_number(const struct kad_key *key, const char *text, char *why, size_t why_size)
{
    static const char *const expected[] = {
        [KAD_KEY_COUNT] = "a whole number",
        [KAD_KEY_DURATION] = "a duration such as 500ms, 30s, 15m, 2h or 7d",
        [KAD_KEY_SIZE] = "a size such as 4096, 64K, 256M or 2G",
    };

    snprintf(why, why_size, "\"%s\" is not %s", text, expected[key->kind]);
    return KAD_E_INVALID;
}

static int read_ranged(void *field, const struct kad_key *key, const char *text, char *why, size_t why_size)
{
    const struct unit *units = units_of(key);
    char least_text[KAD_VALUE_TEXT], most_text[KAD_VALUE_TEXT];
    int64_t value, least, most;

    if (!read_number(text, units, &value))
        return bad_number(key, text, why, why_size);
    kad_key_range(key, &least, &most);
    if (value < least || value > most) {
        snprintf(why, why_size, "%s is not between %s and %s", text, print_number(least, units, least_text),
                 print_number(most, units, most_text));
        return KAD_E_INVALID;
    }
    if (key->kind == KAD_KEY_COUNT)
        *(unsigned *)field = (unsigned)value;
    else
        *(int64_t *)field = value;
    return KAD_OK;
}

static int read_flag(bool *field, const char *text, char *why, size_t why_size)
{
    static const char *const yes[] = {"yes", "true", "on", "1"}, *const no[] = {"no", "false", "off", "0"};

    for (size_t i = 0; i < KAD_COUNT_OF(yes); i++) {
        if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
            *field = strcmp(text, yes[i]) == 0;
            return KAD_OK;
        }
    }
    snprintf(why, why_size, "\"%s\" is neither yes nor no", text);
    return KAD_E_INVALID;
}

/* What the file could not carry: it must print and read back. */
static int read_text(char field[KAD_CONFIG_TEXT], const char *text, char *why, size_t why_size)
{
    const size_t size = strlen(text);

    if (size >= KAD_CONFIG_TEXT) {
        snprintf(why, why_size, "longer than %d characters", KAD_CONFIG_TEXT - 1);
        return KAD_E_INVALID;
    }
    for (size_t i = 0; i < size; i++) {
        const unsigned char c = (unsigned char)text[i];

        if (c < ' ' || c == 0x7f || c == ';') {
            snprintf(why, why_size, "control characters and semicolons cannot be part of it");
            return KAD_E_INVALID;
        }
    }
    if (size && (text[0] == ' ' || text[size - 1] == ' ')) {
        snprintf(why, why_size, "spaces around it would be lost");
        return KAD_E_INVALID;
    }
    memmove(field, text, size + 1);
    return KAD_OK;
}

static int read_choice(unsigned *field, const struct kad_key *key, const char *text, char *why,
                       size_t why_size)
{
    int n;

    for (unsigned i = 0; key->words[i]; i++) {
        if (strcmp(text, key->words[i]) == 0) {
            *field = i;
            return KAD_OK;
        }
    }
    n = snprintf(why, why_size, "\"%.60s\" is none of", text);
    for (unsigned i = 0; key->words[i]; i++)
        n += snprintf(why + n, why_size - (size_t)n, "%s %s", i ? "," : "", key->words[i]);
    return KAD_E_INVALID;
}

bool kad_config_is_libp2p(const struct kad_network *network)
{
    return network == kad_network_libp2p_icn() || network == kad_network_libp2p_ipfs();
}

static void take_network(struct kad_config *config, const struct kad_network *network)
{
    static const uint8_t any[16];

    if (network == config->network)
        return;
    config->network = network;
    config->preset = network == kad_network_libp2p_ipfs() ? KAD_PRESET_IPFS : KAD_PRESET_ICN;
    kad_settings_default(network, &config->settings);
    config->listen[0] = kad_endpoint_v4(any, kad_network_port(network));
    config->listen[1] = kad_endpoint_v6(any, kad_network_port(network));
    config->listen_as[0] = config->listen_as[1] = KAD_LISTEN_TCP;
    config->n_listen = 2;
}

static int read_network(struct kad_config *config, const char *text, char *why, size_t why_size)
{
    const struct kad_network *network = kad_network_named(text);

    if (!network) {
        snprintf(why, why_size, "\"%s\" is no network; there is: mainline, kad, kad-ws, libp2p", text);
        return KAD_E_INVALID;
    }
    if (!kad_network_is_built(network)) {
        snprintf(why, why_size, "%s is not in this build", text);
        return KAD_E_INVALID;
    }
    /* "libp2p" leaves open which of its networks it is. */
    if (network != kad_network_libp2p_icn() || !kad_config_is_libp2p(config->network))
        take_network(config, network);
    return KAD_OK;
}

void kad_value_take_preset(struct kad_config *config)
{
    if (kad_config_is_libp2p(config->network))
        take_network(config, config->preset == KAD_PRESET_IPFS ? kad_network_libp2p_ipfs()
                                                               : kad_network_libp2p_icn());
}

static int add_listen(struct kad_config *config, struct kad_endpoint endpoint, const char *text, char *why,
                      size_t why_size)
{
    for (unsigned i = 0; i < config->n_listen; i++) {
        if (endpoint.port != 0 && kad_endpoint_equal(&config->listen[i], &endpoint)) {
            snprintf(why, why_size, "%s is there twice", text);
            return KAD_E_INVALID;
        }
    }
    if (config->n_listen == KAD_NODE_LISTEN_MAX) {
        snprintf(why, why_size, "more than %d addresses", KAD_NODE_LISTEN_MAX);
        return KAD_E_INVALID;
    }
    config->listen_as[config->n_listen] = KAD_LISTEN_TCP;
    config->listen[config->n_listen++] = endpoint;
    return KAD_OK;
}

static int read_listen_multiaddr(struct kad_config *config, const char *text, char *why, size_t why_size)
{
    static const enum kad_listen_as as[] = {[KAD_TRANSPORT_TCP] = KAD_LISTEN_TCP,
                                            [KAD_TRANSPORT_WS] = KAD_LISTEN_WS,
                                            [KAD_TRANSPORT_WSS] = KAD_LISTEN_WSS};
    uint8_t bytes[KAD_MULTIADDR_MAX];
    struct kad_multiaddr parts;
    size_t n;
    int error;

    if (kad_multiaddr_read(text, bytes, sizeof(bytes), &n) < 0 ||
        kad_multiaddr_parse((struct kad_bytes){bytes, n}, &parts) < 0 || parts.host != KAD_HOST_IP ||
        parts.transport < KAD_TRANSPORT_TCP || parts.n_bare != n) {
        snprintf(why, why_size,
                 "\"%s\" is not a multiaddr such as /ip4/0.0.0.0/tcp/9000 or /ip6/::/tcp/9001/ws", text);
        return KAD_E_INVALID;
    }
    error = add_listen(config, parts.endpoint, text, why, why_size);
    if (!error)
        config->listen_as[config->n_listen - 1] = as[parts.transport];
    return error;
}

/* One or several by comma. */
static int read_protocols(struct kad_config *config, const char *text, char *why, size_t why_size)
{
    for (text += strspn(text, ", "); *text; text += strspn(text, ", ")) {
        const size_t size = strcspn(text, ", ");
        char one[KAD_CONFIG_TEXT];

        if (*text != '/' || size > KAD_PROTOCOL_MAX || config->n_libp2p_protocols == KAD_NODE_PROTOCOLS_MAX) {
            snprintf(why, why_size, "not up to %d names such as /icn/kad/1.0.0", KAD_NODE_PROTOCOLS_MAX);
            return KAD_E_INVALID;
        }
        snprintf(one, sizeof(one), "%.*s", (int)size, text);
        if (read_text(config->libp2p_protocols[config->n_libp2p_protocols], one, why, why_size) < 0)
            return KAD_E_INVALID;
        config->n_libp2p_protocols++;
        text += size;
    }
    return KAD_OK;
}

static int read_announce(struct kad_config *config, const char *text, char *why, size_t why_size)
{
    uint8_t bytes[KAD_MULTIADDR_MAX];
    struct kad_multiaddr parts;
    size_t n;
    int error;

    if (kad_multiaddr_read(text, bytes, sizeof(bytes), &n) < 0 ||
        kad_multiaddr_parse((struct kad_bytes){bytes, n}, &parts) < 0 ||
        parts.transport < KAD_TRANSPORT_TCP) {
        snprintf(why, why_size, "\"%s\" is not a multiaddr that others could dial", text);
        return KAD_E_INVALID;
    }
    if (config->n_libp2p_announce == KAD_NODE_ANNOUNCE_MAX) {
        snprintf(why, why_size, "more than %d addresses", KAD_NODE_ANNOUNCE_MAX);
        return KAD_E_INVALID;
    }
    error = read_text(config->libp2p_announce[config->n_libp2p_announce], text, why, why_size);
    config->n_libp2p_announce += error == KAD_OK;
    return error;
}

/* An address, or an interface for all it has now. */
static int read_listen(struct kad_config *config, const char *text, char *why, size_t why_size)
{
    struct kad_endpoint endpoints[KAD_NODE_LISTEN_MAX];
    int n;

    if (*text == '/' && kad_config_is_libp2p(config->network))
        return read_listen_multiaddr(config, text, why, why_size);
    n = kad_endpoint_parse(text, 0, &endpoints[0]) < 0
            ? kad_interface_endpoints(text, endpoints, KAD_NODE_LISTEN_MAX)
            : 1;

    if (n == 0 || n == KAD_E_LIMIT) {
        snprintf(why, why_size, n == 0 ? "%s is down, or has no address" : "%s has too many addresses", text);
        return KAD_E_INVALID;
    }
    if (n < 0) {
        snprintf(why, why_size, "\"%s\" is not an address and port such as 0.0.0.0:6881 or [::]:6881", text);
        return KAD_E_INVALID;
    }
    for (int i = 0; i < n; i++) {
        const int error = add_listen(config, endpoints[i], text, why, why_size);

        if (error)
            return error;
    }
    return KAD_OK;
}

static int read_bootstrap_node(struct kad_config *config, const char *text, char *why, size_t why_size)
{
    struct kad_bootstrap_name name;
    int error;

    if (strcmp(text, "public") != 0 && kad_bootstrap_name_read(text, config->network, &name) < 0) {
        snprintf(why, why_size, "\"%s\" is neither %s nor `public`", text,
                 kad_config_is_libp2p(config->network) ? "a multiaddr that can be dialled" : "host:port");
        return KAD_E_INVALID;
    }
    if (config->n_bootstrap == KAD_NODE_BOOTSTRAP_MAX) {
        snprintf(why, why_size, "more than %d nodes", KAD_NODE_BOOTSTRAP_MAX);
        return KAD_E_INVALID;
    }
    error = read_text(config->bootstrap[config->n_bootstrap], text, why, why_size);
    config->n_bootstrap += error == KAD_OK;
    return error;
}

/* One or several by comma; `none` begins the list anew and adds nothing. */
static int read_bootstrap(struct kad_config *config, const char *text, char *why, size_t why_size)
{
    const unsigned before = config->n_bootstrap;
    int error = KAD_OK;

    if (strcmp(text, "none") == 0)
        return KAD_OK;
    while (!error) {
        const size_t size = strcspn(text, ",");
        char one[KAD_CONFIG_TEXT];

        snprintf(one, sizeof(one), "%.*s", (int)size, text);
        for (size_t n = strlen(one); n && one[n - 1] == ' ';)
            one[--n] = '\0';
        error = size >= sizeof(one) ? read_text(one, text, why, why_size)
                                    : read_bootstrap_node(config, one, why, why_size);
        if (text[size] == '\0')
            break;
        text += size + 1;
        text += strspn(text, " ");
    }
    if (error)
        config->n_bootstrap = before;
    return error;
}

static int read_class(struct kad_config *config, const char *text, char *why, size_t why_size)
{
    struct kad_config_class class;
    const int error = kad_config_class_read(text, &class, why, why_size);

    if (error)
        return error;
    for (unsigned i = 0; i < config->n_classes; i++) {
        const struct kad_config_class *other = &config->classes[i];

        if (strcmp(other->name, class.name) == 0 ||
            kad_config_class_type(other) == kad_config_class_type(&class)) {
            snprintf(why, why_size, "%s: has the name or the type (%u) of %s; type= gives it another",
                     class.name, kad_config_class_type(&class), other->name);
            return KAD_E_INVALID;
        }
    }
    if (config->n_classes == KAD_CONFIG_CLASSES) {
        snprintf(why, why_size, "more than %d", KAD_CONFIG_CLASSES);
        return KAD_E_INVALID;
    }
    config->classes[config->n_classes++] = class;
    return KAD_OK;
}

static int read_version(char field[5], const char *text, char *why, size_t why_size)
{
    if (strcmp(text, "none") == 0) {
        memset(field, 0, 5);
        return KAD_OK;
    }
    if (strlen(text) != 8 || kad_unhex(text, field, 4) < 0) {
        snprintf(why, why_size, "\"%s\" is neither 8 hex digits nor `none`", text);
        return KAD_E_INVALID;
    }
    field[4] = '\0';
    return KAD_OK;
}

int kad_value_read(struct kad_config *config, const struct kad_key *key, const char *text, char *why,
                   size_t why_size)
{
    void *field = (char *)config + key->offset;

    switch (key->kind) {
    case KAD_KEY_COUNT:
    case KAD_KEY_DURATION:
    case KAD_KEY_SIZE:
        return read_ranged(field, key, text, why, why_size);
    case KAD_KEY_FLAG:
        return read_flag(field, text, why, why_size);
    case KAD_KEY_TEXT:
        return read_text(field, text, why, why_size);
    case KAD_KEY_CHOICE:
        return read_choice(field, key, text, why, why_size);
    case KAD_KEY_NETWORK:
        return read_network(config, text, why, why_size);
    case KAD_KEY_LISTEN:
        return read_listen(config, text, why, why_size);
    case KAD_KEY_BOOTSTRAP:
        return read_bootstrap(config, text, why, why_size);
    case KAD_KEY_PROTOCOL:
        return read_protocols(config, text, why, why_size);
    case KAD_KEY_ANNOUNCE:
        return read_announce(config, text, why, why_size);
    case KAD_KEY_CLASS:
        return read_class(config, text, why, why_size);
    case KAD_KEY_VERSION:
        return read_version(field, text, why, why_size);
    }
    return KAD_E_INVALID;
}

size_t kad_value_count(const struct kad_config *config, const struct kad_key *key)
{
    switch (key->kind) {
    case KAD_KEY_LISTEN:
        return config->n_listen;
    case KAD_KEY_BOOTSTRAP:
        return config->n_bootstrap;
    case KAD_KEY_CLASS:
        return config->n_classes;
    case KAD_KEY_PROTOCOL:
        return config->n_libp2p_protocols;
    case KAD_KEY_ANNOUNCE:
        return config->n_libp2p_announce;
    default:
        return 1;
    }
}

static char *print_listen(const struct kad_config *config, size_t entry, char out_text[KAD_VALUE_TEXT])
{
    static const enum kad_multiaddr_transport as[] = {[KAD_LISTEN_TCP] = KAD_TRANSPORT_TCP,
                                                      [KAD_LISTEN_WS] = KAD_TRANSPORT_WS,
                                                      [KAD_LISTEN_WSS] = KAD_TRANSPORT_WSS};
    uint8_t bytes[64];
    size_t n;

    if (!kad_config_is_libp2p(config->network))
        return kad_endpoint_format(&config->listen[entry], out_text);
    n = kad_multiaddr_make(&config->listen[entry], as[config->listen_as[entry]], bytes, sizeof(bytes));
    if (kad_multiaddr_write((struct kad_bytes){bytes, n}, out_text, KAD_VALUE_TEXT) < 0)
        *out_text = '\0'; /* never: any address has a form as text that fits */
    return out_text;
}

char *kad_value_print(const struct kad_config *config, const struct kad_key *key, size_t entry,
                      char out_text[KAD_VALUE_TEXT])
{
    static const char nothing[4];
    const void *field = (const char *)config + key->offset;

    switch (key->kind) {
    case KAD_KEY_COUNT:
        return print_number(*(const unsigned *)field, units_of(key), out_text);
    case KAD_KEY_DURATION:
    case KAD_KEY_SIZE:
        return print_number(*(const int64_t *)field, units_of(key), out_text);
    case KAD_KEY_FLAG:
        return strcpy(out_text, *(const bool *)field ? "yes" : "no");
    case KAD_KEY_TEXT:
        return strcpy(out_text, field);
    case KAD_KEY_CHOICE:
        return strcpy(out_text, key->words[*(const unsigned *)field]);
    case KAD_KEY_NETWORK:
        return strcpy(out_text, kad_network_name(config->network));
    case KAD_KEY_LISTEN:
        return print_listen(config, entry, out_text);
    case KAD_KEY_PROTOCOL:
        return strcpy(out_text, config->libp2p_protocols[entry]);
    case KAD_KEY_ANNOUNCE:
        return strcpy(out_text, config->libp2p_announce[entry]);
    case KAD_KEY_BOOTSTRAP:
        return strcpy(out_text, config->bootstrap[entry]);
    case KAD_KEY_CLASS:
        return kad_config_class_print(&config->classes[entry], out_text, KAD_VALUE_TEXT);
    case KAD_KEY_VERSION:
        return memcmp(field, nothing, 4) == 0 ? strcpy(out_text, "none") : kad_hex(field, 4, out_text);
    }
    return out_text;
}
