/* kad crawl: a network's size and make-up, by asking everybody (docs/crawl.md). */
#include "cli/commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/endpoint.h"
#include "cli/ask.h"
#include "cli/host.h"
#include "cli/print.h"
#include "cli/standalone.h"
#include "engine/network.h"
#include "http/json.h"
#include "node/crawl.h"

#define RATE_DEFAULT 100
#define MOST_DEFAULT 500000
#define IN_FLIGHT    128
#define PACE_MS      10 /* between looks at what the rate allows */
#define BEGIN_WITH   32 /* contacts of the running node's */
#define JOIN_MS      (15 * KAD_SECOND)
#define CLIENTS      64 /* told apart; more are one */
#define NETS_SHOWN   10

static const struct kad_option crawl_options[] = {
    KAD_NUMBER("rate", rate, "N", 1, 20000, "queries a second (default: 100)"),
    KAD_SECONDS("for", length, "SECONDS", "end after this long, with what is known by then"),
    KAD_NUMBER("max", most, "N", 1, 100000000, "keep so many nodes (default: 500000)"),
    KAD_FLAG("nodes", list_nodes, "list every node; with --json one object per line, the summary last"),
    KAD_OPTIONS_END,
};

struct crawling {
    struct kad_cli *cli;
    struct kad_host host;
    struct kad_crawl *crawl;
    uv_timer_t timer;
    kad_ms began_at, credited_at, told_at;
    double credit; /* queries that may be sent now */
    uint64_t n_queries;
    unsigned n_in_flight;
    bool done, cut_short, timer_made;
};

struct asked {
    struct crawling *crawling;
    struct kad_crawl_ask ask;
};

/* -- asking ------------------------------------------------------------------------------------------------------- */

static void on_answer(void *user, const struct kad_event *event)
{
    struct asked *asked = user;
    struct crawling *crawling = asked->crawling;
    struct kad_contact named[64];
    size_t n = 0;

    if (event->kind != KAD_EVENT_DONE)
        return;
    crawling->n_in_flight--;
    for (; n < event->done.n_closest && n < sizeof named / sizeof named[0]; n++)
        named[n] = event->done.closest[n].contact;
    if (event->done.error == KAD_E_CLOSED) /* we stop; that says nothing of the node */
        ;
    else if (event->done.n_answers && event->contact.endpoint.family != KAD_FAMILY_NONE)
        kad_crawl_answered(crawling->crawl, &asked->ask, &event->contact.id, event->done.version,
                           (int32_t)event->done.duration_ms, named, n);
    else
        kad_crawl_failed(crawling->crawl, &asked->ask);
    free(asked);
}

/* False: no memory, or the node takes no more; it counts as not asked. */
static bool ask(struct crawling *crawling, const struct kad_crawl_ask *question)
{
    const struct kad_request request = {
        .kind = KAD_REQUEST_CLOSEST, .target = question->target, .endpoint = question->endpoint};
    struct asked *asked = malloc(sizeof *asked);

    if (!asked)
        return false;
    *asked = (struct asked){crawling, *question};
    if (kad_node_request(crawling->host.slots[0].node, &request, on_answer, asked, NULL) != KAD_OK) {
        free(asked);
        return false;
    }
    crawling->n_in_flight++;
    crawling->n_queries++;
    return true;
}

static void show_progress(struct crawling *crawling, kad_ms now)
{
    struct kad_crawl_result result;

    if (crawling->cli->options.json || !isatty(STDERR_FILENO) || now - crawling->told_at < 200)
        return;
    crawling->told_at = now;
    kad_crawl_result(crawling->crawl, &result);
    fprintf(stderr, "\r\033[K%" PRId64 " s: %u answer, %u do not, %u to be asked%s ...",
            (now - crawling->began_at) / KAD_SECOND, result.n_answered, result.n_silent, result.n_unasked,
            result.n_sweeps ? ", looking for who was missed" : "");
}

static void on_pace(uv_timer_t *timer)
{
    struct crawling *crawling = timer->data;
    const struct kad_options *options = &crawling->cli->options;
    const double rate = options->rate.given ? (double)options->rate.value : RATE_DEFAULT;
    const kad_ms now = kad_node_now(crawling->host.slots[0].node);
    struct kad_crawl_ask question;

    crawling->credit += rate * (double)(now - crawling->credited_at) / 1000;
    crawling->credited_at = now;
    if (crawling->credit > 1 + rate / 10) /* what was not used for a tenth of a second is gone */
        crawling->credit = 1 + rate / 10;
    show_progress(crawling, now);
    if (options->length.given && now - crawling->began_at >= options->length.value) {
        crawling->done = crawling->cut_short = true;
        return;
    }
    while (crawling->credit >= 1 && crawling->n_in_flight < IN_FLIGHT) {
        const enum kad_crawl_verdict verdict = kad_crawl_next(crawling->crawl, &question);

        if (verdict == KAD_CRAWL_DONE)
            crawling->done = true;
        if (verdict != KAD_CRAWL_ASK)
            return;
        crawling->credit--;
        if (!ask(crawling, &question))
            kad_crawl_failed(crawling->crawl, &question);
    }
}

/* -- what it came to ---------------------------------------------------------------------------------------------- */

struct count {
    char name[24];
    uint64_t group;
    uint32_t n;
};

struct tally {
    struct count clients[CLIENTS];
    size_t n_clients;
    uint32_t n_v4, n_v6, n_fits;
    uint64_t *groups;
    size_t n_groups;
    struct count nets[NETS_SHOWN];
    size_t n_nets, n_nets_all;
};

/* "LT 0102": two letters for the client, as most do, and its own two bytes. */
static void count_client(struct tally *tally, const char version[5])
{
    char name[24] = "unnamed";
    size_t i;

    if (version[0])
        snprintf(name, sizeof name, "%c%c", version[0] >= '!' && version[0] <= '~' ? version[0] : '?',
                 version[1] >= '!' && version[1] <= '~' ? version[1] : '?');
    for (i = 0; i < tally->n_clients; i++) {
        if (strcmp(tally->clients[i].name, name) == 0)
            break;
    }
    if (i == CLIENTS) {
        i = CLIENTS - 1;
        snprintf(name, sizeof name, "others");
    }
    snprintf(tally->clients[i].name, sizeof name, "%s", name);
    tally->clients[i].n++;
    tally->n_clients += i == tally->n_clients;
}

static int more_first(const void *a, const void *b)
{
    const struct count *left = a, *right = b;

    if (left->n != right->n)
        return left->n < right->n ? 1 : -1;
    return strcmp(left->name, right->name);
}

static int by_number(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

/* The largest of a sorted run of address groups. */
static void count_nets(struct tally *tally)
{
    size_t from = 0;

    qsort(tally->groups, tally->n_groups, sizeof *tally->groups, by_number);
    for (size_t i = 1; i <= tally->n_groups; i++) {
        struct count net = {.group = tally->groups[from], .n = (uint32_t)(i - from)};

        if (i < tally->n_groups && tally->groups[i] == tally->groups[from])
            continue;
        from = i;
        tally->n_nets_all++;
        if (tally->n_nets < NETS_SHOWN)
            tally->nets[tally->n_nets++] = net;
        else if (tally->nets[NETS_SHOWN - 1].n < net.n)
            tally->nets[NETS_SHOWN - 1] = net;
        qsort(tally->nets, tally->n_nets, sizeof *tally->nets, more_first);
    }
}

static void name_net(struct count *net, const struct kad_endpoint *member)
{
    const uint8_t *bytes = member->address;

    if (member->family == KAD_IPV4)
        snprintf(net->name, sizeof net->name, "%u.%u.0.0/16", bytes[0], bytes[1]);
    else
        snprintf(net->name, sizeof net->name, "%x:%x:%x::/48", bytes[0] << 8 | bytes[1],
                 bytes[2] << 8 | bytes[3], bytes[4] << 8 | bytes[5]);
}

/* Those who answered. False: no memory. */
static bool count_all(const struct crawling *crawling, struct tally *tally)
{
    const struct kad_network *network = kad_network_mainline();
    struct kad_crawl_result result;

    kad_crawl_result(crawling->crawl, &result);
    tally->groups = calloc((size_t)result.n_answered + 1, sizeof *tally->groups);
    if (!tally->groups)
        return false;
    for (uint32_t i = 0; i < result.n_seen; i++) {
        const struct kad_crawl_node *node = kad_crawl_node(crawling->crawl, i);

        if (node->state != KAD_CRAWL_ANSWERED)
            continue;
        count_client(tally, node->version);
        tally->n_v4 += node->contact.endpoint.family == KAD_IPV4;
        tally->n_v6 += node->contact.endpoint.family == KAD_IPV6;
        tally->n_fits += network->rules.id_allowed(&node->contact.id, &node->contact.endpoint);
        tally->groups[tally->n_groups++] = kad_endpoint_wide_group(&node->contact.endpoint);
    }
    qsort(tally->clients, tally->n_clients, sizeof *tally->clients, more_first);
    count_nets(tally);
    for (uint32_t i = 0; i < result.n_seen; i++) {
        const struct kad_crawl_node *node = kad_crawl_node(crawling->crawl, i);

        for (size_t j = 0; j < tally->n_nets; j++) {
            if (!tally->nets[j].name[0] && node->state == KAD_CRAWL_ANSWERED &&
                tally->nets[j].group == kad_endpoint_wide_group(&node->contact.endpoint))
                name_net(&tally->nets[j], &node->contact.endpoint);
        }
    }
    return true;
}

static json_t *counts_json(const struct count *counts, size_t n)
{
    json_t *object = json_object();

    for (size_t i = 0; i < n; i++)
        json_object_set_new(object, counts[i].name, json_integer(counts[i].n));
    return object;
}

static json_t *summary(const struct crawling *crawling, const struct tally *tally)
{
    const struct kad_node *node = crawling->host.slots[0].node;
    struct kad_crawl_result result;

    kad_crawl_result(crawling->crawl, &result);
    return json_pack(
        "{s:b, s:i, s:i, s:i, s:i, s:I, s:{s:f, s:f, s:f}, s:i, s:i, s:i, s:o, s:i, s:o, s:i, s:i, "
        "s:I, s:I}",
        "complete", !crawling->cut_short && result.n_refused == 0, "seen", (int)result.n_seen, "answered",
        (int)result.n_answered, "silent", (int)result.n_silent, "unasked", (int)result.n_unasked, "not_kept",
        (json_int_t)result.n_refused, "estimate", "nodes", result.n_estimate, "low", result.n_low, "high",
        result.n_high, "ipv4", (int)tally->n_v4, "ipv6", (int)tally->n_v6, "id_fits", (int)tally->n_fits,
        "clients", counts_json(tally->clients, tally->n_clients), "networks", (int)tally->n_nets_all,
        "largest_networks", counts_json(tally->nets, tally->n_nets), "sweeps", (int)result.n_sweeps, "late",
        (int)result.n_late, "queries", (json_int_t)crawling->n_queries, "duration_ms",
        (json_int_t)(kad_node_now(node) - crawling->began_at));
}

static const char *state_text(uint8_t state)
{
    return state == KAD_CRAWL_ANSWERED ? "answered" : state == KAD_CRAWL_SILENT ? "silent" : "unasked";
}

static void list_nodes(const struct crawling *crawling)
{
    const struct kad_crawl_node *node;

    for (uint32_t i = 0; (node = kad_crawl_node(crawling->crawl, i)); i++) {
        char address[KAD_ENDPOINT_TEXT], version[9] = "";

        for (size_t j = 0; j < 4 && node->version[0]; j++)
            snprintf(version + 2 * j, 3, "%02x", (uint8_t)node->version[j]);
        kad_endpoint_format(&node->contact.endpoint, address);
        if (crawling->cli->options.json) {
            json_t *object = json_pack("{s:o, s:s, s:s, s:o, s:o}", "id", kad_json_id(&node->contact.id),
                                       "address", address, "state", state_text(node->state), "version",
                                       version[0] ? json_string(version) : json_null(), "rtt_ms",
                                       node->rtt_ms < 0 ? json_null() : json_integer(node->rtt_ms));

            json_dumpf(object, stdout, JSON_COMPACT);
            putchar('\n');
            json_decref(object);
        } else {
            json_t *id = kad_json_id(&node->contact.id);

            printf("%s  %-8s  %-8s  %s\n", json_string_value(id), state_text(node->state),
                   version[0] ? version : "-", address);
            json_decref(id);
        }
    }
}

static void show_shares(const struct kad_cli *cli, const char *name, const struct count *counts, size_t n,
                        uint32_t all)
{
    for (size_t i = 0; i < n; i++)
        kad_print_pair(cli, i ? "" : name, "%5.1f %%  %s", 100.0 * counts[i].n / all, counts[i].name);
}

static void show_summary(const struct crawling *crawling, const struct tally *tally, const json_t *answer)
{
    const struct kad_cli *cli = crawling->cli;
    struct kad_crawl_result result;

    kad_crawl_result(crawling->crawl, &result);
    kad_print_pair(cli, "nodes", "%u answer, %u do not%s", result.n_answered, result.n_silent,
                   crawling->cut_short ? "; cut short" : "");
    if (result.n_unasked || result.n_refused)
        kad_print_pair(cli, "left out", "%u not asked, %" PRIu64 " namings not kept (--max)",
                       result.n_unasked, result.n_refused);
    kad_print_pair(cli, "size", "%.0f, with 95 %% between %.0f and %.0f", result.n_estimate, result.n_low,
                   result.n_high);
    if (result.n_answered) {
        kad_print_pair(cli, "IPv4, IPv6", "%u, %u", tally->n_v4, tally->n_v6);
        kad_print_pair(cli, "ids that fit", "%.1f %% (BEP 42)", 100.0 * tally->n_fits / result.n_answered);
        show_shares(cli, "clients", tally->clients, tally->n_clients < 10 ? tally->n_clients : 10,
                    result.n_answered);
        kad_print_pair(cli, "networks", "%zu (/16, /48)", tally->n_nets_all);
        show_shares(cli, "largest", tally->nets, tally->n_nets, result.n_answered);
    }
    kad_print_pair(cli, "effort", "%" PRIu64 " queries, %u sweeps, %.1f s", crawling->n_queries,
                   result.n_sweeps, (double)kad_json_number(answer, "duration_ms") / 1000);
}

static int conclude(struct crawling *crawling)
{
    struct tally tally = {.n_clients = 0};
    struct kad_crawl_result result;
    json_t *answer = NULL;
    int code = KAD_EXIT_INTERNAL;

    if (count_all(crawling, &tally))
        answer = summary(crawling, &tally);
    if (answer) {
        if (crawling->cli->options.list_nodes)
            list_nodes(crawling);
        if (crawling->cli->options.json) {
            json_dumpf(answer, stdout, 0);
            putchar('\n');
        } else {
            show_summary(crawling, &tally, answer);
        }
        kad_crawl_result(crawling->crawl, &result);
        code = result.n_answered ? KAD_EXIT_DONE : KAD_EXIT_NO_ANSWER;
    } else {
        kad_cli_fail(crawling->cli, KAD_EXIT_INTERNAL, kad_error_text(KAD_E_MEMORY), NULL);
    }
    json_decref(answer);
    free(tally.groups);
    return code;
}

/* -- beginning ---------------------------------------------------------------------------------------------------- */

/* Addresses of the running node's contacts, spread over its table. `out_rows` holds the texts. */
static int contacts_of_node(struct kad_cli *cli, struct kad_node_config *config, json_t **out_rows)
{
    json_t *rows;
    size_t n;
    const int code = kad_ask_quietly(cli, "GET", "/api/network/table", json_object(), out_rows);

    if (code != KAD_EXIT_DONE)
        return code;
    rows = json_object_get(*out_rows, "rows");
    n = json_array_size(rows);
    for (size_t i = 0; i < n && config->n_bootstrap < BEGIN_WITH; i += 1 + n / BEGIN_WITH)
        config->bootstrap[config->n_bootstrap++] = kad_json_text(json_array_get(rows, i), "address");
    if (config->n_bootstrap == 0)
        return kad_cli_fail(cli, KAD_EXIT_NO_ANSWER, "nobody to begin with", "the node knows nobody yet");
    return KAD_EXIT_DONE;
}

/* What our own short-lived node has met while joining. */
static void add_met(struct crawling *crawling)
{
    static const enum kad_family families[] = {KAD_IPV4, KAD_IPV6};
    const struct kad_engine *engine = kad_node_engine(crawling->host.slots[0].node);

    for (size_t i = 0; i < 2; i++) {
        const size_t n = kad_engine_table(engine, families[i], NULL, 0);
        struct kad_table_row *rows = calloc(n + 1, sizeof *rows);

        if (rows)
            kad_engine_table(engine, families[i], rows, n);
        for (size_t j = 0; rows && j < n; j++)
            (void)kad_crawl_add(crawling->crawl, &rows[j].contact);
        free(rows);
    }
}

static int crawl(struct crawling *crawling)
{
    const struct kad_options *options = &crawling->cli->options;
    struct kad_crawl_config config = {
        .allocator = &kad_allocator_system,
        .max_nodes = options->most.given ? (uint32_t)options->most.value : MOST_DEFAULT,
        .id_bits = kad_network_mainline()->rules.id_bits,
    };

    kad_entropy(config.seed, sizeof config.seed);
    if (kad_crawl_new(&config, &crawling->crawl) != KAD_OK)
        return kad_cli_fail(crawling->cli, KAD_EXIT_INTERNAL, kad_error_text(KAD_E_MEMORY), NULL);
    add_met(crawling);
    crawling->began_at = crawling->credited_at = kad_node_now(crawling->host.slots[0].node);
    uv_timer_init(&crawling->host.loop, &crawling->timer);
    crawling->timer.data = crawling;
    uv_timer_start(&crawling->timer, on_pace, 0, PACE_MS);
    while (!crawling->done && !crawling->host.stopping)
        uv_run(&crawling->host.loop, UV_RUN_ONCE);
    crawling->cut_short |= crawling->host.stopping;
    uv_close((uv_handle_t *)&crawling->timer, NULL);
    if (isatty(STDERR_FILENO) && !options->json)
        fprintf(stderr, "\r\033[K");
    return conclude(crawling);
}

static int run_with(struct crawling *crawling, struct kad_node_config *config)
{
    struct kad_cli *cli = crawling->cli;
    int code;

    if (kad_host_start(&crawling->host, config, 1, NULL, true) != KAD_OK)
        code = kad_cli_fail(cli, KAD_EXIT_INTERNAL, "cannot start a node", crawling->host.why);
    else if (!kad_host_await(&crawling->host,
                             cli->options.timeout.given ? cli->options.timeout.value : JOIN_MS))
        code = kad_cli_fail(cli, KAD_EXIT_NO_ANSWER, "DHT query timeout", "nobody to begin with answers");
    else
        code = crawl(crawling);
    kad_host_free(&crawling->host);
    kad_crawl_free(crawling->crawl);
    return code;
}

static int run_crawl(struct kad_cli *cli)
{
    struct crawling *crawling = calloc(1, sizeof *crawling);
    struct kad_node_config config;
    json_t *rows = NULL;
    int code = KAD_EXIT_DONE;

    if (!crawling)
        return kad_cli_fail(cli, KAD_EXIT_INTERNAL, kad_error_text(KAD_E_MEMORY), NULL);
    crawling->cli = cli;
    kad_standalone_config(cli, &config);
    if (config.n_bootstrap == 0)
        code = contacts_of_node(cli, &config, &rows);
    if (code == KAD_EXIT_DONE)
        code = run_with(crawling, &config);
    json_decref(rows);
    free(crawling);
    return code;
}

const struct kad_command kad_command_crawl = {
    .name = "crawl",
    .arguments = "",
    .summary = "walk the whole network: who is there, who answers, how many there are",
    .details =
        "Begins with --bootstrap, or else with the contacts of the running node, as a short-lived node of "
        "its\n"
        "own that answers nobody. Asks every node it hears of whom it knows, then sweeps the id space for "
        "those\n"
        "who were missed. Sends no more than --rate queries a second. Ctrl-C ends it with what is known "
        "by then.",
    .options = crawl_options,
    .run = run_crawl,
};
