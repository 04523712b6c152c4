/* kad status, stats, table, version: what a node is, did and knows. */
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

#include "cli/parts.h"
#include "cli/print.h"
#include "cli/show.h"

static const char *of_families(const json_t *answer, const char *name, char text[80])
{
    const json_t *pair = json_object_get(answer, name);
    char ipv4[KAD_NUMBER_TEXT], ipv6[KAD_NUMBER_TEXT];

    snprintf(text, 80, "%s IPv4, %s IPv6", kad_json_count(pair, "ipv4", ipv4),
             kad_json_count(pair, "ipv6", ipv6));
    return text;
}

static const char *duration(int64_t seconds, char text[40])
{
    if (seconds < 120)
        snprintf(text, 40, "%lld s", (long long)seconds);
    else if (seconds < 7200)
        snprintf(text, 40, "%lld min", (long long)(seconds / 60));
    else if (seconds < 172800)
        snprintf(text, 40, "%lld h %lld min", (long long)(seconds / 3600), (long long)(seconds / 60 % 60));
    else
        snprintf(text, 40, "%lld days", (long long)(seconds / 86400));
    return text;
}

/* Nothing while nobody wants the router to let the world in. */
static void show_port_mapping(const struct kad_cli *cli, const json_t *mapping)
{
    const char *state = kad_json_text(mapping, "state"), *why = kad_json_text(mapping, "why");

    if (strcmp(state, "mapped") == 0)
        kad_print_pair(cli, "port mapping", "%s by %s, until %s", kad_json_text(mapping, "outside_address"),
                       kad_json_text(mapping, "by"), kad_json_text(mapping, "expires_at"));
    else if (strcmp(state, "failed") == 0)
        kad_print_pair(cli, "port mapping", "%sfailed%s: %s", kad_style(cli->colour, KAD_YELLOW),
                       kad_style_end(cli->colour), why);
    else if (strcmp(state, "asking") == 0)
        kad_print_pair(cli, "port mapping", "the router is being asked");
}

/* The one that was asked; of several the others behind it. */
static void show_networks(const struct kad_cli *cli, const json_t *answer)
{
    const char *asked = kad_json_text(answer, "network");
    const json_t *all = json_object_get(answer, "networks");
    char others[256] = "";
    size_t i, n = 0;
    json_t *name;

    json_array_foreach(all, i, name)
    {
        if (strcmp(json_string_value(name), asked) != 0 && n < sizeof others - 40)
            n += (size_t)snprintf(others + n, sizeof others - n, "%s%.30s", n ? ", " : "",
                                  json_string_value(name));
    }
    if (n)
        kad_print_pair(cli, "network", "%s; besides, with --network: %s", asked, others);
    else
        kad_print_pair(cli, "network", "%s", asked);
}

/* Those that are silent; and that all others are not. */
static void show_regions(const struct kad_cli *cli, const json_t *regions)
{
    size_t i, n_silent = 0;
    json_t *region;

    json_array_foreach(regions, i, region)
    {
        if (!json_is_true(json_object_get(region, "silent")))
            continue;
        kad_print_pair(cli, n_silent++ ? "" : "regions", "%s%s is silent%s since %s",
                       kad_style(cli->colour, KAD_YELLOW), kad_json_text(region, "region"),
                       kad_style_end(cli->colour), kad_json_text(region, "heard_at"));
    }
    if (!n_silent && json_array_size(regions))
        kad_print_pair(cli, "regions", "%zu, none of them silent", json_array_size(regions));
}

static void show_status(struct kad_cli *cli, const json_t *answer, int code)
{
    const char *state = kad_json_text(answer, "state");
    const json_t *store = json_object_get(answer, "store");
    const json_t *relay = json_object_get(answer, "relay");
    const char *name = kad_json_text(answer, "name");
    char room[80];
    size_t i;
    json_t *address;

    if (code != KAD_EXIT_DONE)
        return;
    kad_print_pair(cli, "node", "%s", kad_json_text(answer, "node_id"));
    if (*name)
        kad_print_pair(cli, "name", "%s", name);
    kad_print_pair(cli, "state", "%s%s%s%s",
                   kad_style(cli->colour, strcmp(state, "joined") == 0 ? KAD_GREEN : KAD_YELLOW), state,
                   kad_style_end(cli->colour), kad_json_number(answer, "read_only") > 0 ? ", read-only" : "");
    show_networks(cli, answer);
    if (json_is_string(json_object_get(answer, "identity")))
        kad_print_pair(cli, "identity", "%s", kad_json_text(answer, "identity"));
    if (json_is_string(json_object_get(answer, "peer_id")))
        kad_print_pair(cli, "peer id", "%s", kad_json_text(answer, "peer_id"));
    json_array_foreach(json_object_get(answer, "multiaddrs"), i, address)
        kad_print_pair(cli, i == 0 ? "multiaddrs" : "", "%s", json_string_value(address));
    json_array_foreach(json_object_get(answer, "listening"), i, address)
        kad_print_pair(cli, i == 0 ? "listening" : "", "%s", json_string_value(address));
    kad_print_pair(cli, "outside address", "%s", kad_json_text(answer, "outside_address"));
    show_port_mapping(cli, json_object_get(answer, "port_mapping"));
    if (json_is_object(relay))
        kad_print_pair(cli, "reached", "at %s, through the relay %s", kad_json_text(relay, "address"),
                       kad_json_text(relay, "relay"));
    kad_print_pair(cli, "contacts", "%s", of_families(answer, "contacts", room));
    kad_print_pair(cli, "network size", "%s (estimated)", of_families(answer, "network_size", room));
    show_regions(cli, json_object_get(answer, "regions"));
    kad_print_pair(cli, "round trip", "%s", kad_json_ms(answer, "rtt_ms", room));
    kad_print_pair(cli, "refresh", "contacts unheard for %s are pinged; %.1f %% die in an hour",
                   duration(kad_json_number(answer, "ping_after_ms") / 1000, room),
                   (double)kad_json_number(answer, "deaths_per_1000_h") / 10);
    if (kad_json_number(answer, "load_percent") > 0)
        kad_print_pair(cli, "load", "%sbehind: %lld %% of strangers' queries are shed%s",
                       kad_style(cli->colour, KAD_YELLOW), (long long)kad_json_number(answer, "load_percent"),
                       kad_style_end(cli->colour));
    kad_print_pair(cli, "under way", "%lld requests, %lld queries",
                   (long long)kad_json_number(answer, "requests"),
                   (long long)kad_json_number(answer, "queries"));
    kad_print_pair(cli, "publishes", "%lld", (long long)kad_json_number(answer, "publications"));
    kad_print_pair(cli, "holds", "%lld values (%lld bytes), %lld peers of %lld keys, in %s",
                   (long long)kad_json_number(store, "records"),
                   (long long)kad_json_number(store, "record_bytes"),
                   (long long)kad_json_number(store, "peers"), (long long)kad_json_number(store, "keys"),
                   kad_json_text(store, "kind"));
    kad_print_pair(cli, "memory", "%lld KiB in engine and store",
                   (long long)kad_json_number(answer, "memory_bytes") / 1024);
    kad_print_pair(cli, "data directory", "%s", kad_json_text(answer, "data_dir"));
    kad_print_pair(cli, "up", "%s, version %s", duration(kad_json_number(answer, "uptime"), room),
                   kad_json_text(answer, "version"));
}

static int run_status(struct kad_cli *cli)
{
    return kad_ask(cli, "GET", "/api/node", json_object(), show_status);
}

const struct kad_command kad_command_status = {
    .name = "status",
    .arguments = "",
    .summary = "what the node is and how it is",
    .run = run_status,
};

/* -- stats ------------------------------------------------------------------------------------------------------- */

static void show_counts(struct kad_cli *cli, const char *prefix, const json_t *object)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)object, name, value)
    {
        char whole[64];

        snprintf(whole, sizeof whole, "%s%s%s", prefix, *prefix ? "." : "", name);
        if (json_is_object(value))
            show_counts(cli, whole, value);
        else if (json_is_integer(value))
            printf("%s%-28s%s %12lld\n",
                   kad_style(cli->colour, json_integer_value(value) ? KAD_PLAIN : KAD_DIM), whole,
                   kad_style_end(cli->colour), (long long)json_integer_value(value));
    }
}

static void show_stats(struct kad_cli *cli, const json_t *answer, int code)
{
    if (code == KAD_EXIT_DONE)
        show_counts(cli, "", answer);
}

static int run_stats(struct kad_cli *cli)
{
    return kad_ask(cli, "GET", "/api/network/stats", json_object(), show_stats);
}

const struct kad_command kad_command_stats = {
    .name = "stats",
    .arguments = "",
    .summary = "what the node has counted: traffic, drops, requests",
    .run = run_stats,
};

/* -- table ------------------------------------------------------------------------------------------------------- */

/* "DE AS64500", as far as the node has a table of places. */
const char *kad_show_place(const json_t *row, char out_text[KAD_PLACE_TEXT])
{
    const json_t *country = json_object_get(row, "country"), *system = json_object_get(row, "as");

    snprintf(out_text, KAD_PLACE_TEXT, "%.2s", json_is_string(country) ? json_string_value(country) : "");
    if (json_is_integer(system)) {
        const size_t n = strlen(out_text);

        snprintf(out_text + n, KAD_PLACE_TEXT - n, "%sAS%lld", n ? " " : "",
                 (long long)json_integer_value(system));
    }
    return out_text;
}

void kad_show_table(struct kad_cli *cli, const json_t *answer, int code)
{
    static const char *const headings[] = {">bucket", "node",      "address", ">rtt",
                                           ">heard",  ">failures", "where",   "state"};
    struct kad_columns columns;
    size_t i, n_contacts = 0, n_spare = 0;
    json_t *row;

    if (code != KAD_EXIT_DONE)
        return;
    kad_columns_init(&columns, headings, sizeof headings / sizeof headings[0]);
    json_array_foreach(json_object_get(answer, "rows"), i, row)
    {
        const bool spare = kad_json_number(row, "replacement") > 0;
        char bucket[KAD_NUMBER_TEXT], rtt[KAD_NUMBER_TEXT], heard[48], failures[KAD_NUMBER_TEXT], room[40];
        char place[KAD_PLACE_TEXT];

        n_contacts += !spare;
        n_spare += spare;
        snprintf(heard, sizeof heard, "%s ago", duration(kad_json_number(row, "heard_ms_ago") / 1000, room));
        kad_columns_add(&columns,
                        spare                                  ? KAD_DIM
                        : kad_json_number(row, "failures") > 0 ? KAD_YELLOW
                                                               : KAD_PLAIN,
                        kad_json_count(row, "bucket", bucket), kad_show_who(row),
                        kad_json_text(row, "address"), kad_json_ms(row, "rtt_ms", rtt), heard,
                        kad_json_count(row, "failures", failures), kad_show_place(row, place),
                        spare                                 ? "in reserve"
                        : kad_json_number(row, "id_fits") > 0 ? ""
                                                              : "id does not fit address");
    }
    kad_columns_print(&columns, cli);
    printf("%zu contacts, %zu in reserve; this node is %s\n", n_contacts, n_spare,
           kad_json_text(answer, "node_id"));
}

void kad_show_table_summary(struct kad_cli *cli, const json_t *answer)
{
    static const char *const headings[] = {">bucket", "", ">contacts"};
    unsigned counts[257] = {0};
    struct kad_columns columns;
    size_t i;
    json_t *row;

    json_array_foreach(json_object_get(answer, "rows"), i, row)
    {
        const int64_t bucket = kad_json_number(row, "bucket");

        if (bucket >= 0 && bucket < 257 && kad_json_number(row, "replacement") == 0)
            counts[bucket]++;
    }
    kad_columns_init(&columns, headings, sizeof headings / sizeof headings[0]);
    for (i = 0; i < 257; i++) {
        char bucket[KAD_NUMBER_TEXT], bar[65] = "", count[KAD_NUMBER_TEXT];

        if (counts[i] == 0)
            continue;
        snprintf(bucket, sizeof bucket, "%zu", i);
        snprintf(count, sizeof count, "%u", counts[i]);
        memset(bar, '#', counts[i] < 64 ? counts[i] : 64);
        kad_columns_add(&columns, KAD_PLAIN, bucket, bar, count);
    }
    kad_columns_print(&columns, cli);
}

static int run_table(struct kad_cli *cli)
{
    return kad_ask(cli, "GET", "/api/network/table", json_object(), kad_show_table);
}

const struct kad_command kad_command_table = {
    .name = "table",
    .arguments = "",
    .summary = "the node's routing table",
    .details = "A bucket's number is how many leading bits the ids in it share with the node's own. Contacts "
               "in reserve\n"
               "move up when one of their bucket fails.",
    .run = run_table,
};

/* -- version ----------------------------------------------------------------------------------------------------- */

static int run_version(struct kad_cli *cli)
{
    if (!cli->options.json) {
        printf("kad %s\n", KAD_VERSION);
        kad_parts_print(stdout);
        return KAD_EXIT_DONE;
    }
    printf("{\"version\": \"%s\", \"parts\": {", KAD_VERSION);
    for (const struct kad_part *part = kad_parts; part->name; part++)
        printf("%s\"%s\": %s", part > kad_parts ? ", " : "", part->name, part->in ? "true" : "false");
    printf("}}\n");
    return KAD_EXIT_DONE;
}

const struct kad_command kad_command_version = {
    .name = "version",
    .arguments = "",
    .summary = "the version of this program, and which parts are in it",
    .offline = true,
    .run = run_version,
};
