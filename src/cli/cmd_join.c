/* kad join: whom else to join through. */
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "cli/ask.h"
#include "cli/print.h"

#define PAUSE_MS 100

static int64_t contacts_of(const json_t *status)
{
    const json_t *contacts = json_object_get(status, "contacts");

    return kad_json_number(contacts, "ipv4") + kad_json_number(contacts, "ipv6");
}

/* The node was told; it shows in its table when somebody answers. */
static int await_contacts(struct kad_cli *cli)
{
    const kad_ms patience = cli->options.timeout.given ? cli->options.timeout.value : 10 * KAD_SECOND;
    json_t *status = NULL;

    for (kad_ms waited = 0; waited <= patience; waited += PAUSE_MS) {
        const int code = kad_ask_quietly(cli, "GET", "/api/node", json_object(), &status);
        const int64_t n = contacts_of(status);

        if (code != KAD_EXIT_DONE) {
            json_decref(status);
            return code;
        }
        if (n > 0) {
            if (cli->options.json) {
                json_t *object = json_pack("{s:I, s:s}", "contacts", (json_int_t)n, "state",
                                           kad_json_text(status, "state"));

                json_dumpf(object, stdout, 0);
                putchar('\n');
                json_decref(object);
            } else {
                printf("%lld contacts\n", (long long)n);
            }
            json_decref(status);
            return KAD_EXIT_DONE;
        }
        json_decref(status);
        uv_sleep(PAUSE_MS);
    }
    return kad_cli_fail(cli, KAD_EXIT_NO_ANSWER, "DHT query timeout",
                        "nobody there has answered; it is tried on");
}

static int run_join(struct kad_cli *cli)
{
    json_t *parameters = json_object(), *answer = NULL;
    char all[4096] = "";
    size_t n = 0;
    int code;

    for (int i = 0; i < cli->n_arguments && n < sizeof all; i++)
        n += (size_t)snprintf(all + n, sizeof all - n, "%s%s", i ? "," : "", cli->arguments[i]);
    json_object_set_new(parameters, "addresses", json_string(all));
    code = kad_ask_quietly(cli, "POST", "/api/network/join", parameters, &answer);
    if (code != KAD_EXIT_DONE)
        return answer ? kad_ask_show(cli, code, answer, NULL) : code;
    json_decref(answer);
    return await_contacts(cli);
}

const struct kad_command kad_command_join = {
    .name = "join",
    .arguments = "ADDR[,ADDR]...",
    .summary = "join through these nodes, too",
    .details =
        "Multiaddrs in libp2p's networks (/ip4/192.0.2.1/tcp/9000/p2p/12D3Koo..., /dnsaddr/NAME), else "
        "ip:port. Waits until\n"
        "the node has contacts; --timeout says how long (default: 10). Exit status 3: it has none, and goes "
        "on trying.",
    .n_least = 1,
    .n_most = 64,
    .run = run_join,
};
