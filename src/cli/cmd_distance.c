/* kad distance: the XOR metric, without asking anybody. */
#include "cli/commands.h"

#include <stdio.h>

#include "cli/print.h"
#include "core/id.h"
#include "http/json.h"
#include "http/target.h"

static int run_distance(struct kad_cli *cli)
{
    struct kad_id ids[2], distance;
    char text[KAD_ID_TEXT];
    unsigned prefix;

    for (int i = 0; i < 2; i++) {
        struct kad_target key;

        if (kad_target_parse(cli->arguments[i], &key) != KAD_OK)
            return kad_cli_usage(cli, "\"%.100s\" is no key: 40 hexadecimal digits or a magnet link are",
                                 cli->arguments[i]);
        ids[i] = kad_target_id(&key, (struct kad_bytes){0});
    }
    distance = kad_id_xor(&ids[0], &ids[1]);
    prefix = kad_id_equal(&ids[0], &ids[1]) ? 160 : kad_id_prefix(&ids[0], &ids[1]);
    if (cli->options.json) {
        json_t *object = json_pack("{s:o, s:o, s:o, s:i, s:o}", "a", kad_json_id(&ids[0]), "b",
                                   kad_json_id(&ids[1]), "distance", kad_json_id(&distance), "shared_bits",
                                   (int)prefix, "bucket", prefix == 160 ? json_null() : json_integer(prefix));

        json_dumpf(object, stdout, 0);
        putchar('\n');
        json_decref(object);
        return KAD_EXIT_DONE;
    }
    kad_print_pair(cli, "distance", "%s", kad_id_format(&distance, text));
    if (prefix == 160)
        kad_print_pair(cli, "shared bits", "160: they are the same");
    else
        kad_print_pair(cli, "shared bits",
                       "%u: each stands in bucket %u of the other, between 2^%u and 2^%u away", prefix,
                       prefix, 159 - prefix, 160 - prefix);
    return KAD_EXIT_DONE;
}

const struct kad_command kad_command_distance = {
    .name = "distance",
    .arguments = "A B",
    .summary = "how far apart two ids or keys are",
    .details =
        "Distance is A XOR B, read as a number: the more leading bits two ids share, the nearer they are.",
    .n_least = 2,
    .n_most = 2,
    .offline = true,
    .run = run_distance,
};
