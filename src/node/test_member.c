#include "node/test_member.h"

#include <stdio.h>
#include <string.h>

#include "base/endpoint.h"
#include "base/test.h"

uv_loop_t member_loop;

static void on_event(void *context, const struct kad_event *event)
{
    struct member *member = context;

    member->ready |= event->kind == KAD_EVENT_READY;
}

static void on_stopped(void *context)
{
    struct member *member = context;

    EXPECT(!member->stopped);
    member->stopped = true;
}

void member_configure(struct kad_node_config *config, struct member *member, unsigned last,
                      const char *bootstrap)
{
    const uint8_t address[4] = {127, 0, 0, (uint8_t)last};

    memset(member, 0, sizeof(*member));
    kad_node_config_default(kad_network_mainline(), config);
    config->loop = &member_loop;
    config->listen[0] = kad_endpoint_v4(address, 0);
    config->n_listen = 1;
    config->bootstrap[0] = bootstrap;
    config->n_bootstrap = bootstrap != NULL;
    config->has_seed = true;
    config->seed[0] = (uint8_t)last;
    config->watch = KAD_WATCH_STATE;
    config->on_event = on_event;
    config->on_stopped = on_stopped;
    config->context = member;
}

void member_start(struct member *member, const struct kad_node_config *config)
{
    char why[256];
    struct kad_endpoint at;

    EXPECT_MSG(kad_node_new(config, &member->node, why, sizeof(why)) == 0, "%s", why);
    EXPECT_EQ(kad_node_start(member->node), 0);
    EXPECT(kad_node_listening(member->node, &at, 1) >= 1);
    kad_endpoint_format(&at, member->address);
}

void member_join(struct member *member, unsigned last, const char *bootstrap)
{
    struct kad_node_config config;

    member_configure(&config, member, last, bootstrap);
    member_start(member, &config);
}

void member_stop(struct member *member)
{
    kad_node_stop(member->node);
    while (!member->stopped)
        uv_run(&member_loop, UV_RUN_ONCE);
    kad_node_free(member->node);
    member->node = NULL;
}

void member_on_done(void *user, const struct kad_event *event)
{
    struct member *member = user;

    EXPECT(event->user == user);
    if (event->kind == KAD_EVENT_HOP) {
        member->n_hops++;
    } else if (event->kind == KAD_EVENT_PEERS) {
        member->n_peers += (unsigned)event->peers.n;
    } else {
        EXPECT_EQ(event->kind, KAD_EVENT_DONE);
        member->n_done++;
        member->error = event->done.error;
        member->reason = event->done.reason;
        member->n_closest = event->done.n_closest;
        member->n_stored = event->done.n_stored;
        if (event->done.record) {
            member->n_value = event->done.record->value.size;
            memcpy(member->value, event->done.record->value.data, member->n_value);
        }
    }
}

void member_await_ready(struct member *member)
{
    while (!member->ready)
        uv_run(&member_loop, UV_RUN_ONCE);
}

int member_ask(struct member *member, const struct kad_request *request)
{
    const unsigned before = member->n_done;

    EXPECT_EQ(kad_node_request(member->node, request, member_on_done, member, NULL), 0);
    while (member->n_done == before)
        uv_run(&member_loop, UV_RUN_ONCE);
    EXPECT_EQ(member->n_done, before + 1);
    return member->error;
}

/* UV_RUN_ONCE runs timers, then waits for more: what is waited for may have happened among the timers. */
static uv_timer_t ticker;

static void tick(uv_timer_t *timer)
{
    (void)timer;
}

void member_open_loop(void)
{
    EXPECT_EQ(uv_loop_init(&member_loop), 0);
    uv_timer_init(&member_loop, &ticker);
    uv_timer_start(&ticker, tick, 10, 10);
}

void member_close_loop(void)
{
    uv_close((uv_handle_t *)&ticker, NULL);
    uv_run(&member_loop, UV_RUN_DEFAULT); /* a name may still be being resolved, for nobody */
    EXPECT_EQ(uv_loop_close(&member_loop), 0);
}

struct kad_request member_put_of(const char *bencoded)
{
    struct kad_request request = {.kind = KAD_REQUEST_PUT};

    request.record.type = KAD_RECORD_IMMUTABLE;
    request.record.value = (struct kad_bytes){(const uint8_t *)bencoded, strlen(bencoded)};
    kad_mainline_immutable_key(request.record.value, &request.record.key);
    request.target = request.record.key;
    return request;
}

size_t member_in_state(const char *directory, const char *text)
{
    static char found[65536];
    char path[128];
    size_t n = 0, n_found;
    FILE *file;

    snprintf(path, sizeof(path), "%s/mainline.state", directory);
    file = fopen(path, "r");
    if (!file)
        return 0;
    n_found = fread(found, 1, sizeof(found), file);
    fclose(file);
    for (size_t i = 0; i + strlen(text) <= n_found; i++)
        n += memcmp(found + i, text, strlen(text)) == 0;
    return n;
}
