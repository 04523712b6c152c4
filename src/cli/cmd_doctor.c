/* kad doctor: what is wrong, why, and what to do about it. */
#include "cli/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/doctor.h"
#include "cli/print.h"
#include "cli/settings.h"
#include "node/config_keys.h"

#define WAIT_MS     (3 * KAD_SECOND)
#define PATIENCE_S  300
#define TEXT_COLUMN 21
#define TEXT_WIDTH  96

const struct kad_check kad_checks[] = {
    {"daemon", kad_doctor_daemon, "is a node running, and has it joined"},
    {"network", kad_doctor_network, "interfaces and routes of this machine"},
    {"firewall-out", kad_doctor_firewall_out, "does UDP leave, and do answers come back"},
    {"firewall-in", kad_doctor_firewall_in, "do others reach the node who were not asked before"},
    {"bootstrap", kad_doctor_bootstrap, "each node to join through, pinged"},
    {"port", kad_doctor_port, "the port it listens on and the port others see"},
    {"configuration", kad_doctor_configuration, "settings that work against each other"},
    {"contacts", kad_doctor_contacts_few, "does it know enough nodes"},
    {"availability", kad_doctor_availability, "are those it knows there"},
    {"diversity", kad_doctor_diversity, "do its contacts stand in different networks"},
    {"latency", kad_doctor_latency, "round trips under 500 ms"},
    {"timeouts", kad_doctor_timeouts, "does it wait long enough for answers"},
    {"congestion", kad_doctor_congestion, "packets lost on the way"},
    {"bootstrap-load", kad_doctor_bootstrap_load, "bootstraps that have too much to do"},
    {"partition", kad_doctor_partition, "has a part of the network gone"},
    {"churn", kad_doctor_churn, "contacts that come and go"},
    {"interference", kad_doctor_interference, "datagrams that break the rules"},
    {"clock", kad_doctor_clock, "was the clock set while it ran"},
    {"store", kad_doctor_store, "can it keep what others give it"},
    {"publications", kad_doctor_publications, "is what it publishes published again"},
    {"load", kad_doctor_load, "does it keep up"},
    {NULL, NULL, NULL},
};

static const char *const states[] = {"ok", "unknown", "warning", "problem"};

/* -- facts ------------------------------------------------------------------------------------------------------- */

/* What a node with this configuration would say of its settings. */
static json_t *settings_of(const struct kad_config *config)
{
    json_t *list = json_array();

    for (size_t i = 0; config && i < kad_n_keys; i++) {
        char value[KAD_VALUE_TEXT];

        if (kad_keys[i].kind <= KAD_KEY_CHOICE &&
            kad_keys[i].kind != KAD_KEY_TEXT) /* no names, no addresses */
            json_array_append_new(list, json_pack("{s:s, s:s}", "key", kad_keys[i].name, "value",
                                                  kad_value_print(config, &kad_keys[i], 0, value)));
    }
    return json_pack("{s:o}", "settings", list);
}

static int64_t wall_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * KAD_SECOND + now.tv_nsec / 1000000;
}

static json_t *look(const struct kad_doctor_facts *facts, const struct kad_check *check,
                    enum kad_doctor_state *out_state)
{
    struct kad_finding finding = {.state = KAD_DOCTOR_OK};

    check->look(facts, &finding);
    *out_state = finding.state;
    return json_pack("{s:s, s:s, s:s, s:s, s:s?, s:s?}", "name", check->name, "about", check->about, "state",
                     states[finding.state], "evidence", finding.evidence, "cause",
                     *finding.cause ? finding.cause : NULL, "remedy",
                     *finding.remedy ? finding.remedy : NULL);
}

/* -- what is printed --------------------------------------------------------------------------------------------- */

/* Breaks lines between words, below each other. */
static void print_text(const char *text)
{
    size_t column = 0;

    while (*text) {
        const size_t n = strcspn(text, " ");

        if (column > 0 && column + 1 + n > TEXT_WIDTH - TEXT_COLUMN) {
            printf("\n%*s", TEXT_COLUMN, "");
            column = 0;
        } else if (column > 0) {
            putchar(' ');
            column++;
        }
        kad_print_text(text, n);
        column += n;
        text += n + (text[n] == ' ');
    }
    putchar('\n');
}

static void print_part(const struct kad_cli *cli, const char *name, const char *text)
{
    if (!text)
        return;
    printf("%*s%s%-9s%s", TEXT_COLUMN - 9, "", kad_style(cli->colour, KAD_DIM), name,
           kad_style_end(cli->colour));
    print_text(text);
}

static void print_check(const struct kad_cli *cli, const json_t *check)
{
    static const enum kad_style styles[] = {KAD_GREEN, KAD_DIM, KAD_YELLOW, KAD_RED};
    const char *state = kad_json_text(check, "state"),
               *cause = json_string_value(json_object_get(check, "cause"));
    unsigned i = 0;

    while (strcmp(states[i], state) != 0)
        i++;
    printf("%s%-8s%s %s%s%s: ", kad_style(cli->colour, styles[i]), state, kad_style_end(cli->colour),
           kad_style(cli->colour, KAD_BOLD), kad_json_text(check, "name"), kad_style_end(cli->colour));
    printf("%s\n", kad_json_text(check, "about"));
    print_part(cli, "found", kad_json_text(check, "evidence"));
    print_part(cli, "cause", cause);
    print_part(cli, "remedy", json_string_value(json_object_get(check, "remedy")));
}

static const char *verdict(const struct kad_doctor_facts *facts, unsigned n_problems, unsigned n_warnings)
{
    if (!facts->node)
        return "no node runs";
    if (kad_doctor_contacts(facts) == 0)
        return "isolated";
    return n_problems + n_warnings > 0 ? "degraded" : "healthy";
}

static int show(struct kad_cli *cli, const struct kad_doctor_facts *facts)
{
    json_t *checks = json_array(), *answer, *check;
    unsigned counts[4] = {0};
    size_t i;
    int code = KAD_EXIT_DONE;

    for (i = 0; kad_checks[i].name; i++) {
        enum kad_doctor_state state;

        json_array_append_new(checks, look(facts, &kad_checks[i], &state));
        counts[state]++;
    }
    if (!facts->node)
        code = KAD_EXIT_NO_ANSWER;
    else if (counts[KAD_DOCTOR_PROBLEM] > 0)
        code = KAD_EXIT_NOT_FOUND; /* 1: something was found, that is */
    answer = cli->options.report
                 ? kad_doctor_report(facts, checks)
                 : json_pack("{s:s, s:I, s:I, s:O}", "verdict",
                             verdict(facts, counts[KAD_DOCTOR_PROBLEM], counts[KAD_DOCTOR_WARNING]),
                             "problems", (json_int_t)counts[KAD_DOCTOR_PROBLEM], "warnings",
                             (json_int_t)counts[KAD_DOCTOR_WARNING], "checks", checks);
    if (cli->options.json || cli->options.report) {
        json_dumpf(answer, stdout, cli->options.json ? JSON_COMPACT : JSON_INDENT(1));
        putchar('\n');
    } else {
        json_array_foreach(checks, i, check) print_check(cli, check);
        printf("\n%s: %u problems, %u warnings\n", kad_json_text(answer, "verdict"),
               counts[KAD_DOCTOR_PROBLEM], counts[KAD_DOCTOR_WARNING]);
    }
    json_decref(checks);
    json_decref(answer);
    return code;
}

static int run_doctor(struct kad_cli *cli)
{
    struct kad_config *config = calloc(1, sizeof *config);
    char why[KAD_CONFIG_WHY] = "";
    struct kad_doctor_facts facts = {.config = config, .config_why = why};
    int code;

    if (!config)
        return kad_cli_fail(cli, KAD_EXIT_INTERNAL, kad_error_text(KAD_E_MEMORY), NULL);
    if (kad_cli_read_config(&cli->options, cli->options.config, config, why) != KAD_OK)
        facts.config = NULL;
    facts.patience_s = cli->options.patience.given ? cli->options.patience.value : PATIENCE_S;
    facts.wall_ms = wall_ms();
    kad_doctor_ask(cli, &facts);
    if (!facts.node && !facts.settings)
        facts.settings = settings_of(facts.config);
    kad_doctor_look_around(&facts);
    if (!kad_doctor_choose(&facts)) {
        code = kad_cli_fail(cli, KAD_EXIT_INTERNAL, kad_error_text(KAD_E_MEMORY), NULL);
    } else {
        kad_doctor_probe(&facts, cli->options.timeout.given ? cli->options.timeout.value : WAIT_MS);
        code = show(cli, &facts);
    }
    kad_doctor_facts_clear(&facts);
    free(config);
    return code;
}

static const struct kad_option doctor_options[] = {
    KAD_TEXT("config", config, "FILE", "look at this configuration as well"),
    KAD_LIST("set", set, "KEY=VALUE", "with this over the file"),
    KAD_LIST("listen", listen, "ADDR", "the same for listen"),
    KAD_NUMBER("patience", patience, "SECONDS", 0, 1000000,
               "a node up for less has no evidence yet that nobody reaches it (default: 300)"),
    KAD_FLAG("report", report,
             "print all that was found, as JSON without addresses, ids and keys, for a bug report"),
    KAD_OPTIONS_END,
};

const struct kad_command kad_command_doctor = {
    .name = "doctor",
    .arguments = "",
    .summary = "what may be wrong, why, and what to do about it",
    .details = "Asks the running node, looks at this machine's network, and pings the bootstraps and a few "
               "contacts four "
               "times each.\n"
               "Without a node it looks at what can be seen without (--config, --bootstrap). Each check is "
               "ok, unknown (no\n"
               "evidence yet), warning or problem, with evidence, cause and remedy. Exit status 0: no "
               "problem; 1: a problem;\n"
               "3: no node runs. docs/troubleshooting.md goes from causes to checks.",
    .options = doctor_options,
    .n_least = 0,
    .n_most = 0,
    .run = run_doctor,
};
