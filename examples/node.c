/* node LISTEN [BOOTSTRAP] - a node in 30 lines. It keeps nothing, so Ctrl-C may just end it.
 *
 *     node 0.0.0.0:6881 router.example:6881 */
#include <kad/kad.h>
#include <kad/node.h>
#include <stdio.h>

static void on_event(void *context, const struct kad_event *event)
{
    (void)context;
    if (event->kind == KAD_EVENT_READY)
        printf("joined\n"), fflush(stdout);
}

int main(int argc, char **argv)
{
    struct kad_node_config config;
    struct kad_node *node;
    char why[256] = "usage: node LISTEN [BOOTSTRAP]";

    kad_node_config_default(kad_network_mainline(), &config);
    config.n_listen = 1;
    config.n_bootstrap = argc > 2;
    config.bootstrap[0] = argc > 2 ? argv[2] : NULL;
    config.watch = KAD_WATCH_STATE;
    config.on_event = on_event;
    if (argc < 2 || kad_endpoint_parse(argv[1], 6881, &config.listen[0]) != 0 ||
        kad_node_new(&config, &node, why, sizeof why) != 0 || kad_node_start(node) != 0)
        return fprintf(stderr, "%s\n", why), 1;
    return kad_node_run(node);
}
