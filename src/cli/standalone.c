/* standalone - see standalone.h. */
#include "cli/standalone.h"

#include <stdlib.h>
#include <string.h>

#include "cli/host.h"
#include "node/config.h"

#define JOIN_TIMEOUT_MS (15 * KAD_SECOND)

struct kad_standalone {
    struct kad_host host;
};

/* `public` stands for the well-known hosts. */
static void set_bootstrap(struct kad_node_config *config, const struct kad_list *list)
{
    config->n_bootstrap = 0;
    for (size_t i = 0; i < list->n && config->n_bootstrap < KAD_NODE_BOOTSTRAP_MAX; i++) {
        const char *const *hosts = kad_public_bootstrap;

        if (strcmp(list->items[i], "public") != 0)
            config->bootstrap[config->n_bootstrap++] = list->items[i];
        else
            while (*hosts && config->n_bootstrap < KAD_NODE_BOOTSTRAP_MAX)
                config->bootstrap[config->n_bootstrap++] = *hosts++;
    }
}

void kad_standalone_config(const struct kad_cli *cli, struct kad_node_config *out_config)
{
    kad_node_config_default(kad_cli_network(&cli->options), out_config);
    out_config->settings.read_only = true;
    out_config->store = KAD_STORE_MEMORY;
    out_config->data_dir = NULL;
    out_config->listen[0] = (struct kad_endpoint){.family = KAD_IPV4};
    out_config->listen[1] = (struct kad_endpoint){.family = KAD_IPV6};
    out_config->n_listen = 2;
    kad_host_leave_out_ipv6(out_config);
    set_bootstrap(out_config, &cli->options.bootstrap);
}

static int start(struct kad_cli *cli)
{
    struct kad_standalone *standalone = calloc(1, sizeof *standalone);
    struct kad_node_config config;

    if (!standalone)
        return KAD_E_MEMORY;
    cli->standalone = standalone;
    kad_standalone_config(cli, &config);
    return kad_host_start(&standalone->host, &config, 1, NULL, false);
}

static int start_and_join(struct kad_cli *cli, bool must_join)
{
    const kad_ms patience = cli->options.timeout.given ? cli->options.timeout.value : JOIN_TIMEOUT_MS;

    if (start(cli) != KAD_OK)
        return kad_cli_fail(cli, KAD_EXIT_INTERNAL, "cannot start a node",
                            cli->standalone ? cli->standalone->host.why : "out of memory");
    if (must_join && !kad_host_await(&cli->standalone->host, patience))
        return kad_cli_fail(cli, KAD_EXIT_NO_ANSWER, "DHT query timeout", "nobody to join through answers");
    return KAD_EXIT_DONE;
}

int kad_standalone_ask(struct kad_cli *cli, const char *method, const char *path, json_t *parameters,
                       unsigned *out_status, json_t **out_answer)
{
    const bool must_join = json_object_get(parameters, "address") == NULL;
    int code = KAD_EXIT_DONE;

    if (must_join && cli->options.bootstrap.n == 0)
        code = kad_cli_usage(cli, "--standalone needs a --bootstrap to join through");
    else if (!cli->standalone)
        code = start_and_join(cli, must_join);
    if (code != KAD_EXIT_DONE) {
        json_decref(parameters);
        return code;
    }
    *out_status = kad_host_ask(&cli->standalone->host, 0, method, path, parameters, out_answer);
    return *out_answer ? KAD_EXIT_DONE
                       : kad_cli_fail(cli, KAD_EXIT_INTERNAL, kad_error_text(KAD_E_MEMORY), NULL);
}

void kad_standalone_free(struct kad_standalone *standalone)
{
    if (!standalone)
        return;
    kad_host_free(&standalone->host);
    free(standalone);
}
