// cpp BOOTSTRAP ID - C++: the same library; a lambda without captures is a callback, and a unique_ptr frees the node.
//
// Joins through BOOTSTRAP on a port of its own, looks for the nodes nearest to ID, prints them and ends.
#include <cstdio>
#include <kad/kad.h>
#include <kad/node.h>
#include <memory>

struct App {
    kad_node *node = nullptr;
    kad_id target{};
    int status = 1;
};

static void look(App &app)
{
    kad_request request{};

    request.kind = KAD_REQUEST_CLOSEST;
    request.target = app.target;
    const int error = kad_node_request(
        app.node, &request,
        [](void *user, const kad_event *event) {
            auto &asker = *static_cast<App *>(user);

            for (size_t i = 0; i < event->done.n_closest; i++) {
                const kad_contact &contact = event->done.closest[i].contact;
                char id[KAD_ID_TEXT], address[KAD_ENDPOINT_TEXT];

                std::printf("%s %s\n", kad_id_format(&contact.id, id),
                            kad_endpoint_format(&contact.endpoint, address));
            }
            asker.status = event->done.n_closest > 0 ? 0 : 1;
            kad_node_stop(asker.node);
        },
        &app, nullptr);

    if (error)
        kad_node_stop(app.node);
}

int main(int argc, char **argv)
{
    auto config = std::make_unique<kad_node_config>();
    char why[256] = "usage: cpp BOOTSTRAP ID";
    App app;

    kad_node_config_default(kad_network_mainline(), config.get());
    config->n_listen = 1;
    config->listen[0].port = 0; // any
    config->n_bootstrap = 1;
    config->bootstrap[0] = argc > 1 ? argv[1] : nullptr;
    config->watch = KAD_WATCH_STATE;
    config->context = &app;
    config->on_event = [](void *context, const kad_event *event) {
        if (event->kind == KAD_EVENT_READY)
            look(*static_cast<App *>(context));
    };
    if (argc != 3 || kad_id_parse(argv[2], &app.target) != KAD_OK ||
        kad_node_new(config.get(), &app.node, why, sizeof why) != KAD_OK) {
        std::fprintf(stderr, "%s\n", why);
        return 2;
    }
    std::unique_ptr<kad_node, decltype(&kad_node_free)> owner(app.node, kad_node_free);
    if (kad_node_start(app.node) == KAD_OK)
        kad_node_run(app.node);
    return app.status;
}
