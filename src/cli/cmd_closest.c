/* kad closest, kad find, kad ping, kad sample: questions about nodes. */
#include "cli/commands.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/endpoint.h"
#include "base/text.h"
#include "cli/print.h"
#include "cli/show.h"
#include "core/id.h"
#include "crypto/crypto.h"
#include "crypto/peer_id.h"

#define DEFAULT_PORT 6881

static const struct kad_option trace_options[] = {
    KAD_FLAG("trace", trace, "show every step of the lookup"),
    KAD_OPTIONS_END,
};

static const struct kad_option closest_options[] = {
    KAD_FLAG("trace", trace, "show every step of the lookup"),
    KAD_TEXT("at", at, "ADDR", "no lookup: only what the node at this address says"),
    KAD_OPTIONS_END,
};

static const struct kad_option sample_options[] = {
    KAD_TEXT("at", at, "ADDR", "no lookup: only what the node at this address says"),
    KAD_OPTIONS_END,
};

/* A name is looked up here: the node takes addresses only. */
static bool resolve(const char *text, struct kad_endpoint *out_endpoint)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_ADDRCONFIG};
    const char *colon = strrchr(text, ':');
    struct addrinfo *found;
    char host[256], port[8], numeric[64], whole[80];
    bool done = false;

    if (kad_endpoint_parse(text, DEFAULT_PORT, out_endpoint) == KAD_OK)
        return true;
    snprintf(host, sizeof host, "%.*s", colon ? (int)(colon - text) : 255, text);
    snprintf(port, sizeof port, "%s", colon ? colon + 1 : "6881");
    if (!*host || strspn(port, "0123456789") != strlen(port) || getaddrinfo(host, port, &hints, &found) != 0)
        return false;
    if (getnameinfo(found->ai_addr, found->ai_addrlen, numeric, sizeof numeric, NULL, 0, NI_NUMERICHOST) ==
        0) {
        snprintf(whole, sizeof whole, found->ai_family == AF_INET6 ? "[%s]:%s" : "%s:%s", numeric, port);
        done = kad_endpoint_parse(whole, 0, out_endpoint) == KAD_OK;
    }
    freeaddrinfo(found);
    return done;
}

/* Sets "address". 0 or an exit code. */
static int set_address(struct kad_cli *cli, const char *text, json_t *parameters)
{
    struct kad_endpoint endpoint;
    char whole[KAD_ENDPOINT_TEXT];

    if (!resolve(text, &endpoint))
        return kad_cli_usage(
            cli, "\"%.60s\" is no address; 192.0.2.1:6881, [2001:db8::1]:6881 and host:6881 are", text);
    json_object_set_new(parameters, "address", json_string(kad_endpoint_format(&endpoint, whole)));
    return KAD_EXIT_DONE;
}

static int ask_with_address(struct kad_cli *cli, const char *path, const char *address, json_t *parameters,
                            kad_show *show)
{
    const int code = address ? set_address(cli, address, parameters) : KAD_EXIT_DONE;

    if (code != KAD_EXIT_DONE) {
        json_decref(parameters);
        return code;
    }
    return kad_ask(cli, "POST", path, parameters, show);
}

/* -- closest ----------------------------------------------------------------------------------------------------- */

static unsigned shared_bits(const char *a, const char *b)
{
    struct kad_id one = {{0}}, other = {{0}};

    if (strlen(a) != strlen(b) || kad_unhex(a, one.bytes, strlen(a) / 2) != KAD_OK ||
        kad_unhex(b, other.bytes, strlen(b) / 2) != KAD_OK)
        return 0;
    return kad_id_prefix(&one, &other);
}

const char *kad_show_who(const json_t *node)
{
    const char *identity = json_string_value(json_object_get(node, "identity"));
    const char *peer = json_string_value(json_object_get(node, "peer_id"));

    return peer ? peer : identity ? identity : kad_json_text(node, "id");
}

void kad_show_closest(struct kad_cli *cli, const json_t *answer, int code)
{
    static const char *const headings[] = {"node", "address", ">rtt", ">hop", ">shared bits"};
    const char *target = kad_json_text(answer, "target");
    struct kad_columns columns;
    size_t i;
    json_t *node;

    kad_show_trace(cli, answer);
    if (code == KAD_EXIT_USAGE)
        return;
    kad_columns_init(&columns, headings, sizeof headings / sizeof headings[0]);
    json_array_foreach(json_object_get(answer, "closest"), i, node)
    {
        const char *id = kad_json_text(node, "id");
        char rtt[KAD_NUMBER_TEXT], hop[KAD_NUMBER_TEXT], shared[KAD_NUMBER_TEXT];

        snprintf(shared, sizeof shared, "%u", shared_bits(id, target));
        kad_columns_add(&columns, KAD_PLAIN, kad_show_who(node), kad_json_text(node, "address"),
                        kad_json_ms(node, "rtt_ms", rtt), kad_json_count(node, "hop", hop), shared);
    }
    kad_columns_print(&columns, cli);
    kad_show_effort(cli, answer);
}

static int run_closest(struct kad_cli *cli)
{
    json_t *parameters = kad_ask_parameters(cli);

    json_object_set_new(parameters, "key", json_string(cli->arguments[0]));
    return ask_with_address(cli, "/api/dht/closest", cli->options.at, parameters, kad_show_closest);
}

const struct kad_command kad_command_closest = {
    .name = "closest",
    .arguments = "KEY",
    .summary = "the nodes closest to a key",
    .details = "Walks towards KEY until the k closest nodes that answer at all have answered, and lists "
               "them, nearest\n"
               "first: where a value of this key is kept. With --trace each step is shown: when, how deep, "
               "which node,\n"
               "how many leading bits its id shares with the key, how many contacts it named. In libp2p's "
               "networks KEY "
               "is what\n"
               "is hashed to the key: hexadecimal digits for any bytes, a peer id, a CID, or a name such as "
               "/ipns/k51...",
    .options = closest_options,
    .n_least = 1,
    .n_most = 1,
    .run = run_closest,
};

/* -- find -------------------------------------------------------------------------------------------------------- */

/* In libp2p's networks: a line each, to be dialled or given to kad join. */
void kad_show_multiaddrs(struct kad_cli *cli, const json_t *object)
{
    char rtt[KAD_NUMBER_TEXT];
    json_t *address;
    size_t i;

    (void)cli;
    json_array_foreach(json_object_get(object, "multiaddrs"), i, address) puts(json_string_value(address));
    fflush(stdout);
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "%s, %s, round trip %s\n", kad_json_text(object, "peer_id"),
                kad_json_text(object, "agent"), kad_json_ms(object, "rtt_ms", rtt));
}

void kad_show_moves(const json_t *answer)
{
    json_t *move;
    size_t i;

    json_array_foreach(json_object_get(answer, "moves"), i, move)
        fprintf(stderr, "%s is %s now\n", kad_json_text(move, "from"), kad_json_text(move, "to"));
}

static void show_node(struct kad_cli *cli, const json_t *answer, int code)
{
    char rtt[KAD_NUMBER_TEXT];

    kad_show_trace(cli, answer);
    if (code != KAD_EXIT_DONE)
        return;
    if (json_is_string(json_object_get(answer, "peer_id"))) {
        kad_show_multiaddrs(cli, answer);
        return;
    }
    kad_show_moves(answer);
    kad_print_pair(cli, "address", "%s", kad_json_text(answer, "address"));
    kad_print_pair(cli, "node", "%s", kad_json_text(answer, "id"));
    if (json_is_string(json_object_get(answer, "identity")))
        kad_print_pair(cli, "identity", "%s", kad_json_text(answer, "identity"));
    kad_print_pair(cli, "round trip", "%s", kad_json_ms(answer, "rtt_ms", rtt));
}

static int run_find(struct kad_cli *cli)
{
    json_t *parameters = kad_ask_parameters(cli);

    json_object_set_new(parameters, "id", json_string(cli->arguments[0]));
    return kad_ask(cli, "POST", "/api/dht/find", parameters, show_node);
}

const struct kad_command kad_command_find = {
    .name = "find",
    .arguments = "ID",
    .summary = "the address of the node with this id",
    .details = "Looks for the node itself and prints where it answers. ID is a peer id in libp2p's networks, "
               "and its "
               "multiaddrs\n"
               "are printed, a line each. Exit status 1: no such node was found.",
    .options = trace_options,
    .n_least = 1,
    .n_most = 1,
    .run = run_find,
};

/* -- ping -------------------------------------------------------------------------------------------------------- */

/* Where the node with this identity answers, by a lookup, and which it is now. An exit code; both are set with 0. */
static int find_address(struct kad_cli *cli, const char *identity, char *out_address, char *out_identity,
                        size_t room)
{
    json_t *parameters = kad_ask_parameters(cli), *answer = NULL;
    int code;

    json_object_set_new(parameters, "id", json_string(identity));
    code = kad_ask_quietly(cli, "POST", "/api/dht/find", parameters, &answer);
    if (code != KAD_EXIT_DONE)
        return answer ? kad_ask_show(cli, code, answer, show_node) : code;
    snprintf(out_address, room, "%s", kad_json_text(answer, "address"));
    snprintf(out_identity, room, "%s", kad_show_who(answer));
    kad_show_moves(answer);
    json_decref(answer);
    return KAD_EXIT_DONE;
}

/* Who answers must be who was meant. */
static int ping_somebody(struct kad_cli *cli, const char *address, const char *identity)
{
    json_t *parameters = kad_ask_parameters(cli), *answer = NULL;
    int code = set_address(cli, address, parameters);
    const char *found;

    if (code != KAD_EXIT_DONE) {
        json_decref(parameters);
        return code;
    }
    code = kad_ask_quietly(cli, "POST", "/api/dht/ping", parameters, &answer);
    if (!answer)
        return code;
    found = json_string_value(json_object_get(answer, "identity"));
    if (code == KAD_EXIT_DONE && (!found || strcasecmp(found, identity) != 0)) {
        char reason[160];

        snprintf(reason, sizeof reason, "%.60s is %.80s", address, found ? found : "nobody with an identity");
        json_decref(answer);
        return kad_cli_fail(cli, KAD_EXIT_NOT_FOUND, "somebody else answers", reason);
    }
    return kad_ask_show(cli, code, answer, show_node);
}

static bool is_peer_id(const char *text)
{
    uint8_t id[KAD_PEER_ID_MAX];
    size_t n;

    return kad_peer_id_read(text, strlen(text), id, &n) == KAD_OK;
}

static void show_ping(struct kad_cli *cli, const json_t *answer, int code)
{
    char rtt[KAD_NUMBER_TEXT];

    if (code != KAD_EXIT_DONE)
        return;
    kad_print_pair(cli, "peer", "%s", kad_json_text(answer, "peer_id"));
    kad_print_pair(cli, "agent", "%s", kad_json_text(answer, "agent"));
    kad_print_pair(cli, "round trip", "%s", kad_json_ms(answer, "rtt_ms", rtt));
}

/* In libp2p's networks: a multiaddr with a peer id behind it, or a peer id, which is looked for. */
static int ping_peer(struct kad_cli *cli, const char *text)
{
    json_t *parameters = kad_ask_parameters(cli), *answer = NULL;
    int code;

    if (text[0] == '/') {
        json_object_set_new(parameters, "address", json_string(text));
        return kad_ask(cli, "POST", "/api/dht/ping", parameters, show_ping);
    }
    json_object_set_new(parameters, "peer", json_string(text));
    code = kad_ask_quietly(cli, "POST", "/api/dht/ping", json_copy(parameters), &answer);
    if (code == KAD_EXIT_USAGE && answer && strstr(kad_json_text(answer, "reason"), "no address")) {
        json_t *wanted = kad_ask_parameters(cli);

        json_decref(answer);
        json_object_set_new(wanted, "id", json_string(text));
        code = kad_ask_quietly(cli, "POST", "/api/dht/find", wanted, &answer);
        if (code != KAD_EXIT_DONE) {
            json_decref(parameters);
            return kad_ask_show(cli, code, answer, show_ping);
        }
        json_decref(answer);
        return kad_ask(cli, "POST", "/api/dht/ping", parameters, show_ping);
    }
    json_decref(parameters);
    return kad_ask_show(cli, code, answer, show_ping);
}

static int run_ping(struct kad_cli *cli)
{
    const char *text = cli->arguments[0], *slash = strchr(text, '/');
    char address[256], now[256];
    int code = KAD_EXIT_DONE;

    if (text[0] == '/' || is_peer_id(text))
        return ping_peer(cli, text);
    if (strncasecmp(text, "id1", 3) == 0 && !strchr(text, ':')) {
        code = find_address(cli, text, address, now, sizeof address);
        return code == KAD_EXIT_DONE ? ping_somebody(cli, address, now) : code;
    }
    if (slash && (size_t)(slash - text) < sizeof address) {
        snprintf(address, sizeof address, "%.*s", (int)(slash - text), text);
        return ping_somebody(cli, address, slash + 1);
    }
    return ask_with_address(cli, "/api/dht/ping", text, kad_ask_parameters(cli), show_node);
}

const struct kad_command kad_command_ping = {
    .name = "ping",
    .arguments = "ADDR|PEER",
    .summary = "whether a node answers, and how fast",
    .details =
        "ADDR is an address or a name with a port; without one, 6881. In networks with identities also "
        "id1..., "
        "which is\n"
        "looked for first, and host:port/id1..., where nobody else will do. In libp2p's a peer id, or a "
        "multiaddr "
        "with one.\n"
        "Exit status 1: not found, or "
        "somebody else\n"
        "answers; 3: no answer in time.",
    .n_least = 1,
    .n_most = 1,
    .run = run_ping,
};

/* -- sample ------------------------------------------------------------------------------------------------------ */

static void show_samples(struct kad_cli *cli, const json_t *answer, int code)
{
    size_t i;
    json_t *sample;

    if (code == KAD_EXIT_USAGE)
        return;
    json_array_foreach(json_object_get(answer, "samples"), i, sample)
        printf("%s\n", json_string_value(sample));
    kad_show_effort(cli, answer);
}

static int run_sample(struct kad_cli *cli)
{
    json_t *parameters = kad_ask_parameters(cli);

    if (cli->n_arguments > 0) {
        json_object_set_new(parameters, "target", json_string(cli->arguments[0]));
    } else {
        uint8_t anywhere[20];
        char text[2 * sizeof anywhere + 1];

        kad_entropy(anywhere, sizeof anywhere);
        json_object_set_new(parameters, "target", json_string(kad_hex(anywhere, sizeof anywhere, text)));
    }
    return ask_with_address(cli, "/api/dht/sample", cli->options.at, parameters, show_samples);
}

const struct kad_command kad_command_sample = {
    .name = "sample",
    .arguments = "[KEY]",
    .summary = "info-hashes that nodes around a key hold peers for",
    .details = "Asks the nodes around KEY (a random one if none is given) for samples (BEP 51).",
    .options = sample_options,
    .n_least = 0,
    .n_most = 1,
    .run = run_sample,
};
