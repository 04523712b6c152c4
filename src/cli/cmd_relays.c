/* kad relays: which there are, soonest answer first. */
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/print.h"
#include "cli/show.h"

#define PAUSE_MS 700 /* in which those that were asked answer */
#define TIMES    4

static void show_relays(struct kad_cli *cli, const json_t *answer, int code)
{
    static const char *const headings[] = {"relay", "address", ">rtt", ">bytes/s", ">free", ">places", ""};
    const json_t *list = json_object_get(answer, "relays");
    struct kad_columns columns;
    size_t i;
    json_t *row;

    if (code != KAD_EXIT_DONE)
        return;
    kad_columns_init(&columns, headings, sizeof headings / sizeof headings[0]);
    json_array_foreach(list, i, row)
    {
        const bool ours = json_is_true(json_object_get(row, "ours")),
                   shunned = json_is_true(json_object_get(row, "shunned")),
                   is_libp2p = json_is_string(json_object_get(row, "peer_id"));
        const json_t *addrs = json_object_get(row, "multiaddrs");
        char rtt[KAD_NUMBER_TEXT], rate[KAD_NUMBER_TEXT], free[KAD_NUMBER_TEXT], places[KAD_NUMBER_TEXT];

        kad_columns_add(&columns,
                        ours      ? KAD_GREEN
                        : shunned ? KAD_YELLOW
                                  : KAD_PLAIN,
                        kad_json_text(row, is_libp2p ? "peer_id" : "identity"),
                        !is_libp2p               ? kad_json_text(row, "address")
                        : json_array_size(addrs) ? json_string_value(json_array_get(addrs, 0))
                                                 : "",
                        kad_json_ms(row, "rtt_ms", rtt), kad_json_count(row, "bytes_per_s", rate),
                        kad_json_count(row, "free", free), kad_json_count(row, "places", places),
                        ours      ? "ours"
                        : shunned ? "failed"
                                  : "");
    }
    kad_columns_print(&columns, cli);
    printf("%zu relays are known\n", json_array_size(list));
}

/* Asking makes the node ask them. */
static bool all_have_answered(const json_t *answer)
{
    const json_t *list = json_object_get(answer, "relays");
    size_t i;
    json_t *row;

    json_array_foreach(list, i, row)
    {
        if (json_is_null(json_object_get(row, "rtt_ms")))
            return false;
    }
    return json_array_size(list) > 0;
}

static int run_relays(struct kad_cli *cli)
{
    json_t *answer = NULL;
    int code = KAD_EXIT_DONE;

    for (unsigned i = 0; i < TIMES; i++) {
        json_decref(answer);
        answer = NULL;
        code = kad_ask_quietly(cli, "GET", "/api/network/relays", json_object(), &answer);
        if (code != KAD_EXIT_DONE || all_have_answered(answer))
            break;
        if (i + 1 < TIMES)
            usleep(PAUSE_MS * 1000);
    }
    return kad_ask_show(cli, code, answer, show_relays);
}

const struct kad_command kad_command_relays = {
    .name = "relays",
    .arguments = "",
    .summary = "the relays this node knows, the one that answers soonest first",
    .details = "A relay gives nodes that others cannot reach an address of its own. In the kad network the "
               "node asks those it\n"
               "knows, and looks for others; in libp2p's networks these are its peers that say they forward, "
               "and none is\n"
               "used.",
    .run = run_relays,
};
