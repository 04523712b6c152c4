/* P062: many read one record, each once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/test.h"
#include "engine/test_members.h"

#define NODES  300
#define ROUNDS 3 /* a key each */

struct load {
    unsigned n_holders, most, all; /* answers with a value: of whom gave most, and of all */
    unsigned n_queries, n_gets;
};

static struct members *begin(void)
{
    struct members *net = calloc(1, sizeof(*net));

    members_init(net);
    net->settings.k = net->settings.replicas = net->settings.region_k = 20;
    net->settings.paths = 8;
    net->settings.per_introducer = 4;
    net->settings.table_wide = 0;
    net->settings.refresh_after_ms = net->settings.ping_after_ms = 24 * KAD_HOUR;
    net->settings.dead_percent = 0;
    members_grow(net, NODES);
    return net;
}

static struct kad_id put(struct members *net, const char *name)
{
    uint8_t value[KAD_SECURE_VALUE_MAX];
    const struct kad_record record = members_record(net, name, 0, 1, "everybody wants it", value);
    const struct kad_request request = {.kind = KAD_REQUEST_PUT, .target = record.key, .record = record};

    EXPECT_EQ(members_request(net, 0, &request), 0);
    return record.key;
}

/* Everybody but its publisher gets it; those who held it when it was put are its holders. */
static void read_by_all(struct members *net, const char *name, struct load *load)
{
    const struct kad_request get = {.kind = KAD_REQUEST_GET, .target = put(net, name), .first = true};
    unsigned most = 0;

    load->n_holders += members_holding(net, &get.target, NULL);
    for (unsigned i = 0; i < net->n; i++)
        net->members[i]->n_served = 0;
    for (unsigned i = 1; i < net->n; i++) {
        EXPECT_EQ(members_request(net, i, &get), 0);
        load->n_queries += net->members[i]->done.done.n_queries;
        load->n_gets++;
    }
    for (unsigned i = 0; i < net->n; i++) {
        load->all += net->members[i]->n_served;
        most = net->members[i]->n_served > most ? net->members[i]->n_served : most;
    }
    load->most += most;
}

static double most_by_mean(const struct load *load)
{
    return (double)load->most * load->n_holders / ROUNDS / load->all;
}

/* P062: of 897 gets by 299 nodes that any holder can end, no holder of a key serves more than three times what one does on the
 * average. Where the nearest is asked first one does more. No more queries are sent for it than a tenth. */
TEST(no_holder_serves_most_of_those_who_read_P062)
{
    struct members *net = begin();
    struct load with = {0}, without = {0};
    char name[32];

    for (unsigned i = 0; i < ROUNDS; i++) {
        snprintf(name, sizeof name, "mutable:hot%u", i);
        net->settings.spread_gets = false;
        read_by_all(net, name, &without);
        snprintf(name, sizeof name, "mutable:spread%u", i);
        net->settings.spread_gets = true;
        read_by_all(net, name, &with);
    }
    members_clear(net);
    free(net);
    printf("most by mean %.2f, %.2f without; queries a get %.2f, %.2f without\n", most_by_mean(&with),
           most_by_mean(&without), (double)with.n_queries / with.n_gets,
           (double)without.n_queries / without.n_gets);
    EXPECT(most_by_mean(&with) < 3);
    EXPECT(most_by_mean(&without) > 1.5 * most_by_mean(&with));
    EXPECT(10 * with.n_queries <= 11 * without.n_queries);
}
