// timeout 600
/*
 * net200 - a network of 200 real nodes over loopback sockets, in one process on one loop.
 *
 * Each node has an address of its own (127.0.x.1). One story, in this order: everybody joins through the first; a
 * thousand values are put and got; half of the nodes die at once, the first among them; survivors still find the
 * values; one that was restarted comes back by what it saved; newcomers join through whomever they know.
 */
#include "base/test.h"
#include "kad/node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/endpoint.h"
#include "crypto/rng.h"
#include "node/parts.h"

#define NODES     200
#define NEWCOMERS 10
#define VALUES    1000
#define AT_ONCE   32
#define RESTARTED 1 /* keeps its state on disk, and survives */

struct member {
    struct kad_node *node; /* NULL: dead */
    char address[64];
    bool ready, stopped;
};

static struct member members[NODES + NEWCOMERS];
static uv_loop_t loop;
static uv_timer_t ticker;
static struct kad_rng rng;
static char directory[] = "/tmp/kad-net200-XXXXXX";

/* -- members ---------------------------------------------------------------------------------------------------- */

static void on_event(void *context, const struct kad_event *event)
{
    ((struct member *)context)->ready |= event->kind == KAD_EVENT_READY;
}

static void on_stopped(void *context)
{
    ((struct member *)context)->stopped = true;
}

static void tick(uv_timer_t *timer)
{
    (void)timer; /* so that UV_RUN_ONCE comes back when what is waited for happened among the timers */
}

static void start(size_t i, const char *bootstrap)
{
    const uint8_t address[4] = {127, 0, (uint8_t)i, 1};
    struct member *member = &members[i];
    struct kad_node_config config;
    struct kad_endpoint at;
    char why[256];

    memset(member, 0, sizeof(*member));
    kad_node_config_default(kad_network_mainline(), &config);
    config.loop = &loop;
    config.listen[0] = kad_endpoint_v4(address, 0);
    config.n_listen = 1;
    config.bootstrap[0] = bootstrap;
    config.n_bootstrap = bootstrap != NULL;
    config.data_dir = i == RESTARTED ? directory : NULL;
    config.has_seed = true;
    kad_rng_bytes(&rng, config.seed, sizeof(config.seed));
    config.settings.verify_per_s = 1000; /* they join in a second, not over days */
    config.watch = KAD_WATCH_STATE;
    config.on_event = on_event;
    config.on_stopped = on_stopped;
    config.context = member;
    EXPECT_MSG(kad_node_new(&config, &member->node, why, sizeof(why)) == 0, "%s", why);
    EXPECT_EQ(kad_node_start(member->node), 0);
    EXPECT_EQ(kad_node_listening(member->node, &at, 1), 1);
    kad_endpoint_format(&at, member->address);
}

static void await_ready(size_t i)
{
    while (!members[i].ready)
        uv_run(&loop, UV_RUN_ONCE);
}

static void stop_all(const bool *which)
{
    for (size_t i = 0; i < NODES + NEWCOMERS; i++) {
        if (which[i] && members[i].node)
            kad_node_stop(members[i].node);
    }
    for (size_t i = 0; i < NODES + NEWCOMERS; i++) {
        while (which[i] && members[i].node && !members[i].stopped)
            uv_run(&loop, UV_RUN_ONCE);
        if (which[i]) {
            kad_node_free(members[i].node);
            members[i].node = NULL;
        }
    }
}

static size_t any_alive(void)
{
    size_t i;

    do {
        i = kad_rng_below(&rng, NODES);
    } while (!members[i].node);
    return i;
}

/* -- values ----------------------------------------------------------------------------------------------------- */

static char values[VALUES][32];
static struct kad_id keys[VALUES];
static bool found[VALUES]; /* by survivors */

/* Requests run some at a time; `next` begins the next, or says there is none. */
struct campaign {
    bool (*next)(struct campaign *campaign);
    size_t n_begun, n_done, n_good, n_running;
    size_t n_queries, n_hops;
};

static void begin_more(struct campaign *campaign)
{
    while (campaign->n_running < AT_ONCE && campaign->next(campaign)) {
        campaign->n_begun++;
        campaign->n_running++;
    }
}

static void on_done(void *user, const struct kad_event *event)
{
    struct campaign *campaign = user;
    const struct kad_record *record = event->done.record;

    campaign->n_running--;
    campaign->n_done++;
    campaign->n_queries += event->done.n_queries;
    campaign->n_hops += event->done.hops;
    if (event->done.kind == KAD_REQUEST_PUT) {
        campaign->n_good += event->done.error == 0 && event->done.n_stored > 0;
    } else if (event->done.error == 0) {
        size_t i = 0;

        while (i < VALUES && memcmp(&keys[i], &event->done.target, sizeof(keys[i])) != 0)
            i++;
        EXPECT(i < VALUES && record);
        EXPECT_EQ(record->value.size, strlen(values[i]));
        EXPECT_MEM(record->value.data, values[i], record->value.size);
        campaign->n_good++;
        found[i] = true;
    }
    begin_more(campaign);
}

static bool ask(struct campaign *campaign, size_t member, enum kad_request_kind kind, size_t value)
{
    struct kad_request request = {.kind = kind, .target = keys[value]};

    if (kind == KAD_REQUEST_PUT) {
        request.record.type = KAD_RECORD_IMMUTABLE;
        request.record.key = keys[value];
        request.record.value = (struct kad_bytes){(const uint8_t *)values[value], strlen(values[value])};
    }
    EXPECT_EQ(kad_node_request(members[member].node, &request, on_done, campaign, NULL), 0);
    return true;
}

static bool put_next(struct campaign *campaign)
{
    return campaign->n_begun < VALUES && ask(campaign, any_alive(), KAD_REQUEST_PUT, campaign->n_begun);
}

static bool get_next(struct campaign *campaign)
{
    return campaign->n_begun < VALUES && ask(campaign, any_alive(), KAD_REQUEST_GET, campaign->n_begun);
}

/* Each newcomer asks for as many as the others. */
static bool get_as_newcomer(struct campaign *campaign)
{
    size_t value;

    if (campaign->n_begun == NEWCOMERS * 20)
        return false;
    do {
        value = kad_rng_below(&rng, VALUES);
    } while (!found[value]);
    return ask(campaign, NODES + campaign->n_begun % NEWCOMERS, KAD_REQUEST_GET, value);
}

static bool get_first_everywhere(struct campaign *campaign)
{
    return campaign->n_begun < NODES && ask(campaign, campaign->n_begun, KAD_REQUEST_GET, 0);
}

static struct campaign run(const char *what, bool (*next)(struct campaign *campaign))
{
    struct campaign campaign = {.next = next};
    const uint64_t began_at = uv_hrtime();

    begin_more(&campaign);
    while (campaign.n_running)
        uv_run(&loop, UV_RUN_ONCE);
    printf("%s: %zu of %zu; %.1f queries, %.2f hops each; %.2f s\n", what, campaign.n_good, campaign.n_done,
           (double)campaign.n_queries / (double)campaign.n_done,
           (double)campaign.n_hops / (double)campaign.n_done, (double)(uv_hrtime() - began_at) / 1e9);
    return campaign;
}

/* -- the story -------------------------------------------------------------------------------------------------- */

static void everybody_joins(void)
{
    const uint64_t began_at = uv_hrtime();
    size_t n_contacts = 0;

    start(0, NULL);
    /* One after the other, as a network grows: who joins finds those before. */
    for (size_t i = 1; i < NODES; i++) {
        start(i, members[0].address);
        await_ready(i);
    }
    for (size_t i = 0; i < NODES; i++) {
        const char *why = "";
        struct kad_info info;

        kad_engine_info(kad_node_engine(members[i].node), &info);
        EXPECT_MSG(info.n_contacts[0] >= 8, "node %zu knows %zu", i, info.n_contacts[0]);
        EXPECT_MSG(kad_engine_sound(kad_node_engine(members[i].node), kad_node_now(members[i].node), &why),
                   "%s", why);
        n_contacts += info.n_contacts[0];
    }
    printf("%d nodes joined in %.2f s, knowing %zu others each\n", NODES,
           (double)(uv_hrtime() - began_at) / 1e9, n_contacts / NODES);
}

static void make_values(void)
{
    for (size_t i = 0; i < VALUES; i++) {
        char text[16];
        const int n = snprintf(text, sizeof(text), "value %zu", i);

        snprintf(values[i], sizeof(values[i]), "%d:%s", n, text);
        kad_mainline_immutable_key((struct kad_bytes){(const uint8_t *)values[i], strlen(values[i])},
                                   &keys[i]);
    }
}

/* Machines die without a word: their sockets are gone before anything else happens. The first is one of them. */
static void half_of_them_die(void)
{
    bool dead[NODES + NEWCOMERS] = {[0] = true};
    size_t n_dead = 1;

    while (n_dead < NODES / 2) {
        const size_t i = kad_rng_below(&rng, NODES);

        if (!dead[i] && i != RESTARTED) {
            dead[i] = true;
            n_dead++;
        }
    }
    for (size_t i = 0; i < NODES; i++) {
        if (dead[i])
            kad_node_close_sockets(members[i].node);
    }
    stop_all(dead);
}

static struct kad_id id_of(const struct member *member)
{
    struct kad_info info;

    kad_engine_info(kad_node_engine(member->node), &info);
    return info.id;
}

static struct kad_id target; /* of by_distance */

static int by_distance(const void *a, const void *b)
{
    const uint8_t *left = ((const struct kad_id *)a)->bytes, *right = ((const struct kad_id *)b)->bytes;

    for (size_t i = 0; i < KAD_ID_SIZE; i++) {
        const int x = left[i] ^ target.bytes[i], y = right[i] ^ target.bytes[i];

        if (x != y)
            return x - y;
    }
    return 0;
}

/* How many of the k nodes truly nearest to it, of those alive, this one has in its table. */
static unsigned neighbours_known(size_t member, unsigned k)
{
    static struct kad_table_row rows[1024];
    struct kad_id alive[NODES + NEWCOMERS];
    size_t n_alive = 0, n_rows;
    unsigned n_known = 0;

    target = id_of(&members[member]);
    for (size_t i = 0; i < NODES + NEWCOMERS; i++) {
        if (members[i].node && i != member)
            alive[n_alive++] = id_of(&members[i]);
    }
    qsort(alive, n_alive, sizeof(*alive), by_distance);
    n_rows = kad_engine_table(kad_node_engine(members[member].node), KAD_IPV4, rows, KAD_COUNT_OF(rows));
    EXPECT(n_rows <= KAD_COUNT_OF(rows));
    for (unsigned i = 0; i < k && i < n_alive; i++) {
        for (size_t j = 0; j < n_rows; j++) {
            if (!rows[j].replacement && memcmp(&rows[j].contact.id, &alive[i], sizeof(alive[i])) == 0) {
                n_known++;
                break;
            }
        }
    }
    return n_known;
}

static void one_is_restarted(void)
{
    bool which[NODES + NEWCOMERS] = {[RESTARTED] = true};
    const struct kad_id id = id_of(&members[RESTARTED]);
    struct kad_id again;
    uint64_t began_at;

    stop_all(which);
    began_at = uv_hrtime();
    start(RESTARTED, "127.0.0.1:9"); /* where its bootstrap is, nobody is */
    await_ready(RESTARTED);
    again = id_of(&members[RESTARTED]);
    printf("restarted node: ready after %.3f s, knows %u of its 8 nearest\n",
           (double)(uv_hrtime() - began_at) / 1e9, neighbours_known(RESTARTED, 8));
    EXPECT_MEM(&again, &id, sizeof(id));
    EXPECT(neighbours_known(RESTARTED, 8) >= 6);
}

static size_t contacts_of(size_t i)
{
    struct kad_info info;

    kad_engine_info(kad_node_engine(members[i].node), &info);
    return info.n_contacts[0];
}

/* Whom they are told of is half dead; who knows too few joins again. */
static void newcomers_join(void)
{
    const uint64_t began_at = uv_hrtime();

    for (size_t i = NODES; i < NODES + NEWCOMERS; i++) {
        start(i, members[any_alive()].address);
        await_ready(i);
    }
    for (size_t i = NODES; i < NODES + NEWCOMERS; i++) {
        while (contacts_of(i) < 8)
            uv_run(&loop, UV_RUN_ONCE);
    }
    printf("%d newcomers joined in %.2f s\n", NEWCOMERS, (double)(uv_hrtime() - began_at) / 1e9);
}

TEST(two_hundred_nodes)
{
    bool all[NODES + NEWCOMERS];
    struct campaign campaign;
    char command[64];

    kad_rng_init(&rng, (const uint8_t[32]){200});
    EXPECT(mkdtemp(directory) != NULL);
    EXPECT_EQ(uv_loop_init(&loop), 0);
    uv_timer_init(&loop, &ticker);
    uv_timer_start(&ticker, tick, 10, 10);
    make_values();

    everybody_joins();
    campaign = run("put", put_next);
    EXPECT_EQ(campaign.n_good, VALUES);
    campaign = run("got", get_next);
    EXPECT_EQ(campaign.n_good, VALUES);
    campaign = run("one value got by all", get_first_everywhere);
    EXPECT_EQ(campaign.n_good, NODES);

    half_of_them_die();
    memset(found, false, sizeof(found));
    campaign = run("got by survivors of half", get_next);
    EXPECT(campaign.n_good >= VALUES * 99 / 100);
    one_is_restarted();
    newcomers_join();
    campaign = run("got by newcomers", get_as_newcomer);
    EXPECT(campaign.n_good >= NEWCOMERS * 20 * 99 / 100);

    memset(all, true, sizeof(all));
    stop_all(all);
    uv_close((uv_handle_t *)&ticker, NULL);
    uv_run(&loop, UV_RUN_NOWAIT);
    EXPECT_EQ(uv_loop_close(&loop), 0);
    snprintf(command, sizeof(command), "rm -r %s", directory);
    EXPECT_EQ(system(command), 0);
}
