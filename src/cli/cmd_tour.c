/*
 * kad tour: a newcomer's first minute, and what `make run` runs.
 *
 * A network of 50 nodes and one full node, on loopback addresses of this machine and in this process; each thing a DHT
 * does is done once, through the same requests that the other commands make, and explained in a sentence or two.
 */
#include "cli/commands.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/endpoint.h"
#include "base/text.h"
#include "cli/host.h"
#include "node/local_net.h"
#include "cli/print.h"
#include "cli/show.h"
#include "crypto/crypto.h"
#include "wire/krpc/bencode.h"

#define N_NODES         51 /* the first is the full node */
#define JOIN_TIMEOUT_MS (20 * KAD_SECOND)

struct tour {
    struct kad_cli *cli;
    struct kad_host host;
    struct kad_node_config *configs; /* N_NODES */
    char folder[4096];
    char bootstrap[KAD_ENDPOINT_TEXT];
    char socket[4200];
    json_t *summary; /* for --json */
    bool made_folder, failed;
};

static const struct kad_option tour_options[] = {
    KAD_TEXT("data-dir", data_dir, "DIR", "where the full node keeps its state (default: a temporary one)"),
    KAD_OPTIONS_END,
};

/* -- telling ----------------------------------------------------------------------------------------------------- */

static void tell(const struct tour *tour, const char *title, const char *text)
{
    const bool colour = tour->cli->colour;

    if (tour->cli->options.json)
        return;
    printf("\n%s== %s%s\n%s\n\n", kad_style(colour, KAD_BOLD), title, kad_style_end(colour), text);
    fflush(stdout);
}

static void tell_pair(const struct tour *tour, const char *name, const char *value)
{
    if (!tour->cli->options.json)
        kad_print_pair(tour->cli, name, "%s", value);
}

/* One request to node `index`. NULL: it failed, and the tour is over. The answer goes into the summary, which owns it. */
static const json_t *ask(struct tour *tour, const char *step, size_t index, const char *path,
                         json_t *parameters)
{
    json_t *answer;
    const unsigned status = kad_host_ask(&tour->host, index, "POST", path, parameters, &answer);

    if (answer)
        json_object_set_new(tour->summary, step, answer);
    if (status == 200 && answer)
        return answer;
    if (!tour->failed && !tour->host.stopping)
        kad_cli_fail(tour->cli, KAD_EXIT_INTERNAL, step,
                     answer ? kad_json_text(answer, "reason") : "out of memory");
    tour->failed = true;
    return NULL;
}

/* -- the network ------------------------------------------------------------------------------------------------- */

static bool make_folder(struct tour *tour)
{
    const char *chosen = tour->cli->options.data_dir, *temporary = getenv("TMPDIR");

    if (chosen) {
        snprintf(tour->folder, sizeof tour->folder, "%s", chosen);
        return kad_host_make_folder(chosen);
    }
    snprintf(tour->folder, sizeof tour->folder, "%s/kad-tour-XXXXXX",
             temporary && *temporary ? temporary : "/tmp");
    tour->made_folder = mkdtemp(tour->folder) != NULL;
    return tour->made_folder;
}

static int start_at(struct tour *tour, uint16_t port)
{
    static const uint8_t first[4] = {127, 0, 77, 1};
    struct kad_node_config *full = &tour->configs[0];
    struct kad_config defaults;
    struct kad_http_config http;
    struct kad_endpoint second;

    kad_node_config_default(kad_network_mainline(), full);
    full->listen[0] = kad_endpoint_v4(first, port);
    full->n_listen = 1;
    full->name = "tour";
    full->data_dir = tour->folder;
    full->store = KAD_STORE_LMDB;
    if (kad_local_net_address(&full->listen[0], 1, &second) != KAD_OK)
        return KAD_E_INVALID;
    kad_endpoint_format(&second, tour->bootstrap);
    if (kad_local_net_fill(tour->configs, N_NODES, tour->bootstrap) != KAD_OK)
        return KAD_E_INVALID;
    /* The second is where all the others join; the full node too. */
    full->bootstrap[0] = tour->bootstrap;
    full->n_bootstrap = 1;
    tour->configs[1].n_bootstrap = 0;
    kad_config_default(kad_network_mainline(), &defaults);
    kad_host_web(&defaults, &http);
    http.socket = tour->socket;
    http.api = http.metrics = NULL;
    return kad_host_start(&tour->host, tour->configs, N_NODES, &http, true);
}

/* A port may be taken, by a node of this machine that listens everywhere. */
static int start(struct tour *tour)
{
    static const uint16_t ports[] = {6881, 16881, 26881, 36881, 46881, 56881};
    int error = KAD_E_INVALID;

    snprintf(tour->socket, sizeof tour->socket, "%s/kad.sock", tour->folder);
    for (size_t i = 0; i < KAD_COUNT_OF(ports); i++) {
        error = start_at(tour, ports[i]);
        if (error == KAD_OK)
            return error;
        kad_host_free(&tour->host);
        memset(&tour->host, 0, offsetof(struct kad_host, why)); /* the reason is kept */
    }
    return error;
}

static bool join(struct tour *tour)
{
    const kad_ms began = kad_node_started_at(tour->host.slots[0].node);
    char text[80];

    tell(tour, "A network",
         "50 nodes start in this process, each on a loopback address of its own, and one full node with its "
         "state\n"
         "on disk. All know just one of them. Joining means looking for oneself: every node on the way is "
         "met.");
    if (!kad_host_await(&tour->host, JOIN_TIMEOUT_MS)) {
        if (!tour->host.stopping)
            kad_cli_fail(tour->cli, KAD_EXIT_INTERNAL, "the nodes do not find each other", NULL);
        return false;
    }
    snprintf(text, sizeof text, "%d, after %lld ms", N_NODES,
             (long long)(kad_node_now(tour->host.slots[0].node) - began));
    tell_pair(tour, "nodes joined", text);
    json_object_set_new(tour->summary, "nodes", json_integer(N_NODES));
    return true;
}

/* -- the stops --------------------------------------------------------------------------------------------------- */

static json_t *key_parameter(const char *key)
{
    return json_pack("{s:s}", "key", key);
}

static bool store_value(struct tour *tour)
{
    const json_t *put, *got;
    char text[80];

    tell(tour, "A value",
         "Node 10 stores a text. Its key is its hash; the nodes whose ids are nearest to the key keep it.\n"
         "Node 40, which has never heard of it, asks for the key, and can check what it gets.");
    put = ask(tour, "put", 10, "/api/dht/put",
              json_pack("{s:s}", "value", "Hello from a distributed hash table!"));
    if (!put)
        return false;
    tell_pair(tour, "key", kad_json_text(put, "key"));
    snprintf(text, sizeof text, "%lld nodes", (long long)kad_json_number(put, "stored"));
    tell_pair(tour, "stored at", text);
    got = ask(tour, "get", 40, "/api/dht/get", key_parameter(kad_json_text(put, "key")));
    if (!got)
        return false;
    tell_pair(tour, "node 40 reads", kad_json_text(got, "value"));
    return true;
}

/* Signs `text` as number `sequence` with the seed. */
static json_t *signed_value(const uint8_t seed[32], const char *text, int64_t sequence)
{
    uint8_t value[100];
    char value_hex[2 * sizeof value + 1], public_hex[65], signature_hex[129];
    struct kad_bencode_writer writer = kad_bencode_writer(value, sizeof value);
    struct kad_record record = {.type = KAD_RECORD_MUTABLE, .sequence = sequence};

    kad_bencode_put_string(&writer, text, strlen(text));
    record.value = (struct kad_bytes){value, (size_t)(writer.at - value)};
    if (kad_mainline_sign(&record, seed) != KAD_OK)
        return NULL;
    return json_pack("{s:s, s:s, s:s, s:I}", "bencoded_hex", kad_hex(value, record.value.size, value_hex),
                     "public_key", kad_hex(record.public_key, 32, public_hex), "signature",
                     kad_hex(record.signature, 64, signature_hex), "seq", (json_int_t)sequence);
}

static bool replace_value(struct tour *tour)
{
    const json_t *put, *got;
    uint8_t seed[32];

    tell(tour, "A value that changes",
         "Its key comes from a public key, so whoever has the secret key can replace it: the signature and "
         "the highest\n"
         "sequence number win. Node 5 writes it, then again from node 6; node 33 reads.");
    kad_entropy(seed, sizeof seed);
    put = ask(tour, "put_mutable", 5, "/api/dht/put", signed_value(seed, "version one", 1));
    if (put)
        put = ask(tour, "put_mutable", 6, "/api/dht/put", signed_value(seed, "version two", 2));
    if (!put)
        return false;
    tell_pair(tour, "key", kad_json_text(put, "key"));
    got = ask(tour, "get_mutable", 33, "/api/dht/get", key_parameter(kad_json_text(put, "key")));
    if (!got)
        return false;
    tell_pair(tour, "node 33 reads", kad_json_text(got, "value"));
    return true;
}

static bool find_peer(struct tour *tour, char info_hash[41])
{
    const json_t *announced, *found;
    uint8_t hash[20];

    kad_entropy(hash, sizeof hash);
    kad_hex(hash, sizeof hash, info_hash);
    tell(tour, "A peer",
         "This is how BitTorrent clients meet without a tracker: node 7 announces that it has the torrent "
         "with this\n"
         "info-hash, at port 51413; node 22 asks who has it.");
    tell_pair(tour, "info-hash", info_hash);
    announced = ask(tour, "announce", 7, "/api/dht/announce",
                    json_pack("{s:s, s:i}", "key", info_hash, "port", 51413));
    found = announced ? ask(tour, "peers", 22, "/api/dht/peers", key_parameter(info_hash)) : NULL;
    if (!found)
        return false;
    if (json_array_size(json_object_get(found, "peers")) == 0)
        return false;
    tell_pair(tour, "node 22 finds", json_string_value(json_array_get(json_object_get(found, "peers"), 0)));
    return true;
}

static bool walk(struct tour *tour, const char *info_hash)
{
    const json_t *answer;

    tell(tour, "A lookup, hop by hop",
         "The full node looks for the nodes nearest to that info-hash. It asks the nearest it knows, they "
         "name nearer\n"
         "ones: watch the bits they share with the key grow. It ends when the nearest of all have answered.");
    answer =
        ask(tour, "closest", 0, "/api/dht/closest", json_pack("{s:s, s:b}", "key", info_hash, "trace", 1));
    if (!answer)
        return false;
    if (!tour->cli->options.json)
        kad_show_closest(tour->cli, answer, KAD_EXIT_DONE);
    return true;
}

static bool look_at_table(struct tour *tour)
{
    json_t *answer;

    tell(tour, "What a node knows",
         "The full node's routing table: one bucket for each number of leading bits that ids share with its "
         "own. It knows\n"
         "its own neighbourhood well and of the rest a few each, which is why tables stay small in networks "
         "of millions.");
    kad_host_ask(&tour->host, 0, "GET", "/api/network/table", NULL, &answer);
    if (!answer)
        return false;
    if (!tour->cli->options.json)
        kad_show_table_summary(tour->cli, answer);
    json_object_set_new(tour->summary, "table", answer);
    return true;
}

/* As it can be typed: build/kad, or the whole path. */
static const char *program(char room[4096])
{
    char folder[4096];
    const ssize_t n = readlink("/proc/self/exe", room, 4095);
    size_t size;

    if (n <= 0)
        return "kad";
    room[n] = 0;
    if (!getcwd(folder, sizeof folder))
        return room;
    size = strlen(folder);
    return strncmp(room, folder, size) == 0 && room[size] == '/' ? room + size + 1 : room;
}

static void say_what_next(const struct tour *tour)
{
    const json_t *put = json_object_get(tour->summary, "put"),
                 *announced = json_object_get(tour->summary, "announce");
    char room[4096];
    const char *kad = program(room), *folder = tour->folder;

    if (tour->cli->options.json)
        return;
    tell(tour, "Your turn", "The network stays up until Ctrl-C. In a second terminal:");
    printf("  %s --node %s status\n", kad, folder);
    printf("  %s --node %s get %s --trace\n", kad, folder, kad_json_text(put, "key"));
    printf("  %s --node %s peers %s --json\n", kad, folder, kad_json_text(announced, "key"));
    printf("  %s --node %s put \"a value of yours\"\n", kad, folder);
    printf("  %s --node %s closest 0123456789abcdef0123456789abcdef01234567 --trace\n", kad, folder);
    printf("  curl --unix-socket %s http://localhost/metrics\n\n", tour->socket);
    printf("And the public network: %s node --bootstrap public\n", kad);
}

static bool go(struct tour *tour)
{
    char info_hash[41];

    return join(tour) && store_value(tour) && replace_value(tour) && find_peer(tour, info_hash) &&
           walk(tour, info_hash) && look_at_table(tour);
}

/* -- coming and going -------------------------------------------------------------------------------------------- */

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

static int run_tour(struct kad_cli *cli)
{
    struct tour tour = {.cli = cli};
    int code = KAD_EXIT_DONE;

    tour.summary = json_object();
    tour.configs = calloc(N_NODES, sizeof *tour.configs);
    if (!tour.summary || !tour.configs || !make_folder(&tour)) {
        code =
            kad_cli_fail(cli, KAD_EXIT_INTERNAL, "cannot begin", "no memory, or no folder for the full node");
    } else if (start(&tour) != KAD_OK) {
        code = kad_cli_fail(cli, KAD_EXIT_INTERNAL, "cannot start the nodes", tour.host.why);
    } else {
        if (!go(&tour) && !tour.host.stopping)
            code = KAD_EXIT_INTERNAL;
        else if (cli->options.json)
            json_dumpf(tour.summary, stdout, 0), putchar('\n');
        else if (!tour.host.stopping)
            say_what_next(&tour);
        fflush(stdout);
        if (code == KAD_EXIT_DONE && isatty(STDIN_FILENO))
            kad_host_run(&tour.host);
    }
    kad_host_free(&tour.host);
    if (tour.made_folder)
        nftw(tour.folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(tour.configs);
    json_decref(tour.summary);
    return code;
}

const struct kad_command kad_command_tour = {
    .name = "tour",
    .arguments = "",
    .summary = "a local network of 51 nodes, shown at work",
    .details = "Starts the nodes in this process on loopback addresses, stores a value and replaces one, "
               "announces and finds\n"
               "a peer, shows a lookup hop by hop, then stays up for commands from another terminal. With no "
               "terminal on\n"
               "standard input it ends after that, with exit status 0.",
    .options = tour_options,
    .offline = true,
    .run = run_tour,
};
