#include "core/closest.h"

#include <stdlib.h>
#include <string.h>

#include "base/test.h"
#include "core/operation.h"
#include "engine/test_members.h"

#define NODES  250
#define ASKING 7

static struct members *begin(unsigned k)
{
    struct members *net = calloc(1, sizeof(*net));

    members_init(net);
    net->settings.k = net->settings.replicas = k;
    net->settings.table_wide = 0; /* so that a lookup takes some steps */
    net->settings.refresh_after_ms = net->settings.ping_after_ms = 24 * KAD_HOUR;
    net->settings.dead_percent = 0;
    net->settings.closest_ms = KAD_MINUTE;
    members_grow(net, NODES);
    return net;
}

static void end(struct members *net)
{
    members_clear(net);
    free(net);
}

static struct kad_id target_of(unsigned region, unsigned at)
{
    struct kad_id target = {.bytes = {(uint8_t)(37 * region + 11), (uint8_t)(region ^ 0x5a)}};

    target.bytes[2] = (uint8_t)at; /* 16 bits are the same: one or two of 250 nodes stand there */
    return target;
}

static const struct kad_event *closest(struct members *net, const struct kad_id *target, bool fresh)
{
    const struct kad_request request = {.kind = KAD_REQUEST_CLOSEST, .target = *target, .fresh = fresh};

    EXPECT_EQ(members_request(net, ASKING, &request), 0);
    return &net->members[ASKING]->done;
}

/* P059: the second lookup of a target is one round, found what the first did, and asked nobody but them. Without (0), it is as long as
 * the first. */
TEST(a_second_lookup_of_a_target_is_one_round_P059)
{
    for (unsigned kept = 0; kept < 2; kept++) {
        struct members *net = begin(8);
        unsigned hops = 0, first_hops = 0;

        net->settings.closest_ms = kept ? KAD_MINUTE : 0;
        for (unsigned i = 0; i < 20; i++) {
            const struct kad_id target = target_of(i, 0);
            const struct kad_event *done = closest(net, &target, false);

            first_hops += done->done.hops;
            EXPECT_EQ(done->done.n_closest, 8);
            done = closest(net, &target, false);
            hops += done->done.hops;
            EXPECT_EQ(done->done.n_closest, 8);
            if (kept) {
                EXPECT_EQ(done->done.duration_ms, 2 * net->delay_ms);
                EXPECT_EQ(done->done.n_queries, 8);
                EXPECT_EQ(done->done.reason, KAD_REASON_CONVERGED);
            }
        }
        EXPECT(first_hops > 30);
        EXPECT_MSG(hops == (kept ? 20 : first_hops), "%u hops in 20 lookups, %u the first time", hops,
                   first_hops);
        end(net);
    }
}

static unsigned hops_in_regions(struct members *net, unsigned *out_queries)
{
    unsigned hops = 0;

    *out_queries = 0;
    for (unsigned i = 0; i < 10; i++) {
        for (unsigned j = 0; j < 8; j++) {
            const struct kad_id target = target_of(i, 32 * j + 1);
            const struct kad_event *done = closest(net, &target, false);

            hops += j ? done->done.hops : 0;
            *out_queries += j ? done->done.n_queries : 0;
        }
    }
    return hops;
}

/* P058: in one region, hops fall: 70 lookups, each after one near it. */
TEST(in_one_region_hops_fall_P058)
{
    struct members *with = begin(8), *without = begin(8);
    unsigned hops[2], queries[2];

    without->settings.closest_ms = 0;
    hops[0] = hops_in_regions(without, &queries[0]);
    hops[1] = hops_in_regions(with, &queries[1]);
    EXPECT_MSG(2 * hops[1] < hops[0] + 70, "%u hops, %u without", hops[1], hops[0]);
    EXPECT_MSG(queries[1] < queries[0], "%u queries, %u without", queries[1], queries[0]);
    end(with);
    end(without);
}

/* All who were kept die: the next lookup finds the others, and takes no longer than it does to learn that eight are dead. */
TEST(a_dead_set_costs_no_failure_P060)
{
    struct members *net = begin(8);
    const struct kad_dht *dht = &net->members[ASKING]->dht;
    const struct kad_id target = target_of(3, 0);
    unsigned nearest[16];

    (void)closest(net, &target, false);
    members_nearest(net, &target, nearest, 16);
    for (unsigned i = 0; i < 8; i++)
        members_off(net, nearest[i]);
    EXPECT_EQ(closest(net, &target, false)->done.n_closest, 8);
    for (unsigned i = 0; i < 8; i++)
        EXPECT(kad_id_equal(&kad_book_contact(dht->book, dht->closest->sets[0].contacts[i])->id,
                            &net->members[nearest[8 + i]]->dht.self));
    members_run(net, 5 * KAD_SECOND); /* those who kept silent are given up */
    EXPECT_EQ(closest(net, &target, false)->done.n_timeouts, 0);
    end(net);
}

static size_t kept_of(struct members *net, const struct kad_id *target)
{
    const struct kad_closest *all = net->members[ASKING]->dht.closest;

    for (size_t i = 0; all && i < all->n; i++) {
        if (kad_id_equal(&all->sets[i].target, target))
            return all->sets[i].n;
    }
    return 0;
}

/* P060: gone after its time, with the first silence, with a request for what is fresh, with other settings; at once each. */
TEST(what_is_kept_goes_at_once_P060)
{
    struct members *net = begin(8);
    struct kad_dht *dht = &net->members[ASKING]->dht;
    const struct kad_id target = target_of(4, 0);
    kad_contact_ref first;

    (void)closest(net, &target, false);
    EXPECT_EQ(kept_of(net, &target), 8);
    first = dht->closest->sets[0].contacts[0];
    kad_dht_silent(dht, first, net->now, NULL);
    EXPECT_EQ(kept_of(net, &target), 7);
    EXPECT(closest(net, &target, true)->done.hops > 1);
    EXPECT_EQ(kept_of(net, &target), 8);
    kad_dht_set_settings(dht, &net->settings, net->now);
    EXPECT(!dht->closest);
    (void)closest(net, &target, false);
    EXPECT_EQ(kept_of(net, &target), 8);
    members_run(net, KAD_MINUTE + 20 * KAD_SECOND);
    EXPECT(!dht->closest);
    end(net);
}

/* As many as there is room for, the newest. */
TEST(what_is_kept_has_a_ceiling)
{
    struct members *net = begin(8);
    struct kad_dht *dht = &net->members[ASKING]->dht;

    net->settings.closest_ms = KAD_HOUR;
    for (unsigned i = 0; i < 2 * KAD_CLOSEST_SETS; i++) {
        const struct kad_id target = target_of(i, 0);

        (void)closest(net, &target, false);
        EXPECT(dht->closest->n <= KAD_CLOSEST_SETS);
        EXPECT_EQ(kept_of(net, &target), 8);
    }
    EXPECT_EQ(dht->closest->n, KAD_CLOSEST_SETS);
    end(net);
}

/* Of a get that found nothing, and of one by prefix, nothing is kept, and what was is gone. */
TEST(what_led_nowhere_is_not_kept)
{
    struct members *net = begin(8);
    struct kad_request request = {.kind = KAD_REQUEST_GET, .target = target_of(5, 0)};

    (void)closest(net, &request.target, false);
    EXPECT_EQ(kept_of(net, &request.target), 8);
    EXPECT_EQ(members_request(net, ASKING, &request), KAD_E_NOT_FOUND);
    EXPECT_EQ(kept_of(net, &request.target), 0);
    end(net);
}

/* -- among liars ------------------------------------------------------------------------------------------------ */

static void put(struct members *net, const char *name)
{
    uint8_t value[KAD_SECURE_VALUE_MAX];
    const struct kad_record record = members_record(net, name, ASKING, 1, "x", value);
    const struct kad_request request = {.kind = KAD_REQUEST_PUT, .target = record.key, .record = record};

    EXPECT_EQ(members_request(net, ASKING, &request), 0);
}

static struct members *begin_careful(void)
{
    struct members *net = begin(20);

    net->settings.paths = 8;
    net->settings.per_introducer = 4;
    net->settings.region_k = 20;
    return net;
}

/* S/Kademlia's paths share nobody, and that goes for whom they begin with: what is kept goes on the path where one of those stands
 * through whom it was named, and each of them only stands on one. So of whoever had friends named once, all friends are on
 * one path. */
TEST(what_is_kept_stays_on_the_path_of_who_named_it)
{
    struct members *net = begin_careful();
    struct kad_dht *dht = &net->members[ASKING]->dht;
    const struct kad_id target = members_key(net, "listing:bicycle");
    struct kad_request request = {.kind = KAD_REQUEST_ANNOUNCE, .target = target, .port = 99};
    struct kad_operation *operation;
    unsigned n_seeds = 0, on_path[8] = {0};

    put(net, "listing:bicycle");
    EXPECT_EQ(kad_operation_begin(dht, &request, KAD_OWNER_HOST, net->now, &operation), 0);
    EXPECT_EQ(kad_paths_count(&operation->paths[0]), 8);
    for (unsigned i = 0; i < 8; i++) {
        const struct kad_lookup *lookup = kad_paths_at(&operation->paths[0], i);

        for (size_t j = 0; j < lookup->n_candidates; j++) {
            const struct kad_candidate *c = &lookup->candidates[j];

            if (c->introducers[0] == KAD_NO_CONTACT)
                continue;
            n_seeds++;
            on_path[i]++;
            EXPECT_EQ(c->hop, 1);
            for (size_t r = 0; r < KAD_LOOKUP_INTRODUCERS && c->introducers[r] != KAD_NO_CONTACT; r++) {
                EXPECT(kad_lookup_candidate(lookup, c->introducers[r]));
                for (unsigned other = 0; other < 8; other++)
                    EXPECT(other == i || !kad_lookup_candidate(kad_paths_at(&operation->paths[0], other),
                                                               c->introducers[r]));
            }
        }
    }
    EXPECT_MSG(n_seeds >= 8, "%u of 20 were begun with", n_seeds);
    EXPECT(kad_operation_cancel(dht, operation->id, net->now));
    end(net);
}

/* Ten were kept who all had been named through one own contact: no more of them than its quota count in the window, the
 * second time as the first, before all others were asked. */
TEST(what_one_named_has_no_more_of_the_window_for_having_been_kept)
{
    struct members *net = begin_careful();
    struct kad_dht *dht = &net->members[ASKING]->dht;
    const struct kad_id target = target_of(6, 0);
    const struct kad_request request = {.kind = KAD_REQUEST_CLOSEST, .target = target};
    struct kad_operation *operation;
    struct kad_closest_set *set;
    struct kad_lookup *lookup;
    kad_contact_ref root;
    unsigned n_asked = 0, n_of_root = 0;

    (void)closest(net, &target, false);
    set = &dht->closest->sets[0];
    EXPECT(set->n == 20 && set->n_roots);
    EXPECT_EQ(kad_table_closest(dht->tables[0], &target, 1, &root), 1);
    kad_book_release(dht->book, set->roots[0]);
    kad_book_retain(dht->book, root);
    set->roots[0] = root;
    for (size_t i = 0; i < set->n; i++) {
        memset(set->through[i], KAD_CLOSEST_OWN, sizeof(set->through[i]));
        set->through[i][0] = 0;
    }
    EXPECT_EQ(kad_operation_begin(dht, &request, KAD_OWNER_HOST, net->now, &operation), 0);
    lookup = &operation->paths[0].first;
    lookup->config.patience_ms = 100;
    for (;;) { /* nobody answers yet: the window is asked as far as it goes */
        const struct kad_lookup_step step = kad_lookup_next(lookup, net->now);
        const struct kad_candidate *c;

        if (step.verdict != KAD_LOOKUP_ASK || n_asked == 20)
            break;
        c = kad_lookup_candidate(lookup, step.ask);
        n_asked++;
        n_of_root += c->introducers[0] == root;
    }
    EXPECT_EQ(n_asked, 20);
    EXPECT_EQ(n_of_root, 4);
    EXPECT(kad_operation_cancel(dht, operation->id, net->now));
    end(net);
}
