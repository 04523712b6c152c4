/* kad ban, pardon: who is kept out by the operator. (kad peers shows what the node makes of whom.) */
#include "cli/commands.h"

#include <string.h>

#include "cli/print.h"
#include "cli/show.h"
#include "node/config_keys.h"

static const struct kad_option ban_options[] = {
    KAD_TEXT("for", duration, "TIME", "how long: 30m, 12h, 7d, or ever (default: 1d)"),
    KAD_OPTIONS_END,
};

static void show_banned(struct kad_cli *cli, const json_t *answer, int code)
{
    if (code != KAD_EXIT_DONE)
        return;
    if (json_is_null(json_object_get(answer, "until")))
        printf("%s is banned until kad pardon\n", cli->arguments[0]);
    else
        printf("%s is banned until %s\n", cli->arguments[0], kad_json_text(answer, "until"));
}

static int run_ban(struct kad_cli *cli)
{
    json_t *parameters = json_pack("{s:s}", "peer", cli->arguments[0]);
    const char *duration = cli->options.duration;
    kad_ms for_ms;

    if (duration && strcmp(duration, "ever") == 0) {
        json_object_set_new(parameters, "for_good", json_true());
    } else if (duration) {
        if (!kad_duration_read(duration, &for_ms) || for_ms <= 0) {
            json_decref(parameters);
            return kad_cli_usage(cli, "--for wants a time such as 30m, 12h, 7d, or ever");
        }
        json_object_set_new(parameters, "for_ms", json_integer(for_ms));
    }
    return kad_ask(cli, "POST", "/api/network/ban", parameters, show_banned);
}

const struct kad_command kad_command_ban = {
    .name = "ban",
    .arguments = "ID|ADDRESS",
    .summary = "take nothing of a node, and send it nothing",
    .details = "ID is id1... or a node id of 64 digits. With an ADDRESS all who are there are banned, "
               "whatever their\n"
               "ports; of IPv6 its /64. Bans outlast a restart. kad peers shows them.",
    .options = ban_options,
    .n_least = 1,
    .n_most = 1,
    .run = run_ban,
};

static void show_pardoned(struct kad_cli *cli, const json_t *answer, int code)
{
    (void)answer;
    if (code == KAD_EXIT_DONE)
        printf("nothing is held against %s any more\n", cli->arguments[0]);
}

static int run_pardon(struct kad_cli *cli)
{
    return kad_ask(cli, "POST", "/api/network/pardon", json_pack("{s:s}", "peer", cli->arguments[0]),
                   show_pardoned);
}

const struct kad_command kad_command_pardon = {
    .name = "pardon",
    .arguments = "ID|ADDRESS",
    .summary = "end a ban, and forget what was held against it",
    .details = "Exit status 1: nothing was.",
    .n_least = 1,
    .n_most = 1,
    .run = run_pardon,
};
