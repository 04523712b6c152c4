/* kad announce, peers, withdraw: who has a torrent (BEP 5, BEP 33). */
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

#include "cli/print.h"
#include "cli/show.h"
#include "http/content.h"

static const struct kad_option announce_options[] = {
    KAD_NUMBER("port", port, "N", 1, 65535, "the port peers connect to (default: that of this node's DHT)"),
    KAD_FLAG("seed", seed, "this peer has all of it"),
    KAD_FLAG("keep", keep, "announce again and again, until kad withdraw"),
    KAD_TEXT("for", duration, "TIME", "with --keep: for so long (7d), and then no longer, by itself"),
    KAD_FLAG("trace", trace, "show every step of the lookup"),
    KAD_OPTIONS_END,
};

static const struct kad_option peers_options[] = {
    KAD_FLAG("first", first, "the first answer with peers will do"),
    KAD_FLAG("scrape", scrape, "estimate how many there are instead"),
    KAD_FLAG("trace", trace, "show every step of the lookup"),
    KAD_OPTIONS_END,
};

static const struct kad_option withdraw_options[] = {
    KAD_TEXT("salt", salt, "TEXT", "the salt of a mutable value"),
    KAD_TEXT("as", as, "ID", "signed by this identity, which the node was before kad id rotate"),
    KAD_OPTIONS_END,
};

static int run_announce(struct kad_cli *cli)
{
    json_t *parameters;

    if (!kad_ask_keep_is_right(cli))
        return KAD_EXIT_USAGE;
    parameters = kad_ask_parameters(cli);
    json_object_set_new(parameters, "key", json_string(cli->arguments[0]));
    if (cli->options.port.given)
        json_object_set_new(parameters, "port", json_integer(cli->options.port.value));
    if (cli->options.seed)
        json_object_set_new(parameters, "seed", json_true());
    kad_ask_keep(cli, parameters);
    return kad_ask(cli, "POST", "/api/dht/announce", parameters, kad_show_stored);
}

const struct kad_command kad_command_announce = {
    .name = "announce",
    .arguments = "INFOHASH",
    .summary = "tell the network that this host is a peer of a torrent",
    .details =
        "Nodes forget a peer that is not announced again, most of them after half an hour: see --keep.",
    .options = announce_options,
    .n_least = 1,
    .n_most = 1,
    .run = run_announce,
};

void kad_show_peers(struct kad_cli *cli, const json_t *answer, int code)
{
    size_t i;
    json_t *peer;

    kad_show_trace(cli, answer);
    if (code == KAD_EXIT_USAGE)
        return;
    json_array_foreach(json_object_get(answer, "peers"), i, peer) printf("%s\n", json_string_value(peer));
    if (json_object_get(answer, "peers_estimate"))
        printf("about %.0f peers and %.0f seeds\n",
               json_real_value(json_object_get(answer, "peers_estimate")),
               json_real_value(json_object_get(answer, "seeds_estimate")));
    if (cli->options.trace)
        kad_show_effort(cli, answer);
}

/* Those of the node itself, worst first by what the eye looks for: bans, then the rest as they were noted. */
static void show_known(struct kad_cli *cli, const json_t *answer, int code)
{
    static const char *const headings[] = {"node", "address", ">score", "state", "role",
                                           ">rtt", ">held",   "where",  "until"};
    struct kad_columns columns;
    size_t i;
    json_t *row;

    if (code != KAD_EXIT_DONE)
        return;
    kad_columns_init(&columns, headings, sizeof headings / sizeof headings[0]);
    for (int banned = 1; banned >= 0; banned--) {
        json_array_foreach(json_object_get(answer, "known"), i, row)
        {
            const char *state = kad_json_text(row, "state");
            const bool is_banned = strcmp(state, "banned") == 0,
                       has_id = json_is_string(json_object_get(row, "id"));
            char score[KAD_NUMBER_TEXT], rtt[KAD_NUMBER_TEXT], held[KAD_NUMBER_TEXT];
            char place[KAD_PLACE_TEXT], role[32];

            if (is_banned != banned)
                continue;
            snprintf(role, sizeof role, "%s%s", kad_json_text(row, "role"),
                     json_is_true(json_object_get(row, "active")) ? ", active" : "");
            snprintf(held, sizeof held, "%.0f", json_number_value(json_object_get(row, "held")));
            kad_columns_add(
                &columns,
                is_banned                    ? KAD_RED
                : strcmp(state, "gray") == 0 ? KAD_YELLOW
                                             : KAD_PLAIN,
                has_id ? kad_json_text(row, "id") : "all who are there",
                kad_json_text(row, has_id ? "address" : "host"), kad_json_count(row, "score", score), state,
                role, kad_json_ms(row, "rtt_ms", rtt), held, kad_show_place(row, place),
                json_is_true(json_object_get(row, "banned_for_good")) ? "pardoned"
                                                                      : kad_json_text(row, "banned_until"));
        }
    }
    kad_columns_print(&columns, cli);
    printf("%zu are remembered\n", json_array_size(json_object_get(answer, "known")));
}

static int run_peers(struct kad_cli *cli)
{
    json_t *parameters;

    if (cli->n_arguments == 0)
        return kad_ask(cli, "GET", "/api/network/peers", json_object(), show_known);
    parameters = kad_ask_parameters(cli);
    json_object_set_new(parameters, "key", json_string(cli->arguments[0]));
    if (cli->options.first)
        json_object_set_new(parameters, "first", json_true());
    if (cli->options.scrape)
        json_object_set_new(parameters, "scrape", json_true());
    return kad_ask(cli, "POST", "/api/dht/peers", parameters, kad_show_peers);
}

const struct kad_command kad_command_peers = {
    .name = "peers",
    .arguments = "[INFOHASH]",
    .summary = "the peers of a torrent; without one, what this node makes of others",
    .details = "Prints an address a line. Exit status 1: nobody has announced. Without INFOHASH: whose "
               "behaviour the node\n"
               "remembers, in networks with identities: score (0 .. 100, 50: nothing is known), points for "
               "broken rules\n"
               "(gray from 40 on, banned at 80), and bans.",
    .options = peers_options,
    .n_least = 0,
    .n_most = 1,
    .run = run_peers,
};

static void show_withdrawn(struct kad_cli *cli, const json_t *answer, int code)
{
    (void)cli;
    if (code == KAD_EXIT_DONE)
        printf("%s is not published again\n", kad_json_text(answer, "key"));
}

static void show_tombstones(struct kad_cli *cli, const json_t *answer, int code)
{
    (void)cli;
    if (code == KAD_EXIT_DONE)
        printf("%s is withdrawn at %lld nodes\n", kad_json_text(answer, "name"),
               (long long)kad_json_number(answer, "stored"));
}

/* A name: its owner's signature takes it back where it is held, too. That first: who signed it, the node knows as long as it keeps
 * it published. */
static int withdraw_named(struct kad_cli *cli)
{
    json_t *parameters = kad_ask_parameters(cli), *stop = json_object(), *answer, *stopped = NULL;
    int code;

    json_object_set_new(parameters, "key", json_string(cli->arguments[0]));
    json_object_set_new(stop, "key", json_string(cli->arguments[0]));
    json_object_set_new(parameters, "withdraw", json_true());
    if (cli->options.as)
        json_object_set_new(parameters, "as", json_string(cli->options.as));
    code = kad_ask_quietly(cli, "POST", "/api/dht/put", parameters, &answer);
    if (answer && !cli->options.standalone)
        (void)!kad_ask_quietly(cli, "POST", "/api/dht/withdraw", stop, &stopped); /* 404: it was not kept */
    else
        json_decref(stop);
    json_decref(stopped);
    return kad_ask_show(cli, code, answer, show_tombstones);
}

static int withdraw_here(struct kad_cli *cli)
{
    json_t *parameters;

    if (strchr(cli->arguments[0], ':') && strncmp(cli->arguments[0], "magnet:", 7) != 0 &&
        cli->arguments[0][0] != '/')
        return withdraw_named(cli);
    parameters = json_object();
    json_object_set_new(parameters, "key", json_string(cli->arguments[0]));
    if (cli->options.salt)
        json_object_set_new(parameters, "salt", json_string(cli->options.salt));
    return kad_ask(cli, "POST", "/api/dht/withdraw", parameters, show_withdrawn);
}

/* "provider:CID", as kad provide calls it in each network; false: it is something else. */
static bool names_content(const char *text, char *out_name, size_t room)
{
    const bool said = strncmp(text, "provider:", 9) == 0;
    char cid[KAD_CID_TEXT], why[KAD_CONTENT_WHY];
    struct kad_content content;

    if ((!said && strlen(text) == 40) || kad_content_read(said ? text + 9 : text, &content, why) != KAD_OK)
        return false;
    kad_content_cid(&content, cid);
    snprintf(out_name, room, "provider:%s", cid);
    return true;
}

/* What was provided in all networks of the node ends in all. */
static int run_withdraw(struct kad_cli *cli)
{
    static char name[KAD_CID_TEXT + 10], *arguments[] = {name, NULL};
    json_t *status = NULL, *network;
    const json_t *networks;
    int best = KAD_EXIT_NOT_FOUND;
    size_t i;

    if (cli->options.network.n > 0 || cli->options.standalone ||
        !names_content(cli->arguments[0], name, sizeof name))
        return withdraw_here(cli);
    if (kad_ask_quietly(cli, "GET", "/api/node", json_object(), &status) != KAD_EXIT_DONE) {
        json_decref(status);
        return withdraw_here(cli); /* which says why */
    }
    networks = json_object_get(status, "networks");
    if (json_array_size(networks) > 1)
        cli->arguments = arguments;
    json_array_foreach(networks, i, network)
    {
        int code;

        if (strcmp(json_string_value(network), "mainline") == 0 && json_array_size(networks) > 1)
            continue;
        if (json_array_size(networks) > 1)
            cli->options.network = (struct kad_list){.items = {json_string_value(network)}, .n = 1};
        code = withdraw_here(cli);
        if (i == 0 || code == KAD_EXIT_DONE)
            best = code;
    }
    json_decref(status);
    return best;
}

const struct kad_command kad_command_withdraw = {
    .name = "withdraw",
    .arguments = "KEY",
    .summary = "publish a kept value or announce no more",
    .details = "What other nodes of Mainline hold stays with them until it expires: its protocol has no "
               "deletion. A name of\n"
               "the kad network (room:lobby, provider:CONTENT) is taken back where it is held, too. In "
               "libp2p's networks KEY is a "
               "CID, a hash\n"
               "or a name, and what others hold expires, too; what was provided in several networks ends in "
               "all, unless "
               "--network names one.",
    .options = withdraw_options,
    .n_least = 1,
    .n_most = 1,
    .run = run_withdraw,
};
