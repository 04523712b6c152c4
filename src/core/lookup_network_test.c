#include "base/test.h"
#include "core/lookup.h"
#include "core/test_core.h"

#include <string.h>

/* Lookups in random networks: what they find, and that they end. */
enum { NODES = 400, MOST_NAMED = 16 };

struct flight {
    kad_contact_ref to;
    kad_ms back_at; /* when the answer comes, or the timeout */
    bool answers, beyond;
    struct kad_id target;
};

struct network {
    struct kad_book *book;
    kad_contact_ref nodes[NODES];
    bool dead[NODES];
    struct flight flights[KAD_LOOKUP_CANDIDATES];
    size_t n_flights, most_in_time;
};

static void build(struct network *network, struct kad_rng *rng, unsigned dead_percent)
{
    memset(network, 0, sizeof(*network));
    network->book = kad_book_new(&kad_allocator_system, 2 * NODES, 1);
    for (uint32_t i = 0; i < NODES; i++) {
        const struct kad_id id = kad_id_random(rng, 160);

        network->nodes[i] = test_contact(network->book, &id, i);
        network->dead[i] = kad_rng_below(rng, 100) < dead_percent;
    }
}

static size_t index_of(const struct network *network, kad_contact_ref contact)
{
    size_t i = 0;

    while (network->nodes[i] != contact)
        i++;
    return i;
}

/* Sends, and checks K18: never more than `parallel` in flight whose patience has not run out. */
static void send(struct network *network, const struct kad_lookup *lookup, const struct kad_lookup_step *step,
                 kad_ms now, kad_ms round_trip, kad_ms timeout)
{
    const kad_contact_ref to = step->ask;
    const bool answers = !network->dead[index_of(network, to)];
    size_t n_in_time = 0;

    EXPECT(network->n_flights < KAD_LOOKUP_CANDIDATES);
    for (size_t i = 0; i < network->n_flights; i++)
        EXPECT(network->flights[i].to != to || step->beyond ||
               network->flights[i].beyond); /* nobody is asked the same twice */
    network->flights[network->n_flights++] =
        (struct flight){to, now + (answers ? round_trip : timeout), answers, step->beyond,
                        step->beyond ? step->target : lookup->target};
    for (size_t i = 0; i < lookup->n_candidates; i++)
        n_in_time += lookup->candidates[i].state == KAD_CANDIDATE_ASKED;
    EXPECT(n_in_time <= lookup->config.parallel);
    if (n_in_time > network->most_in_time)
        network->most_in_time = n_in_time;
}

/* The flight that comes back first. */
static struct flight *next_back(struct network *network)
{
    struct flight *first = NULL;

    for (size_t i = 0; i < network->n_flights; i++) {
        if (!first || network->flights[i].back_at < first->back_at)
            first = &network->flights[i];
    }
    return first;
}

/* Delivers it; who answers names the `k` it knows closest, of all nodes or of a random half. */
static void deliver(struct network *network, struct kad_lookup *lookup, struct kad_rng *rng,
                    struct flight *flight, unsigned k, bool knows_all)
{
    const struct flight back = *flight;
    kad_contact_ref known[NODES], named[MOST_NAMED];
    size_t n_known = 0, n_named;

    *flight = network->flights[--network->n_flights];
    if (!back.answers) {
        (void)(back.beyond ? kad_lookup_beyond_fail(lookup, back.to) : kad_lookup_fail(lookup, back.to));
        return;
    }
    for (size_t i = 0; i < NODES; i++) {
        if (knows_all || kad_rng_below(rng, 2))
            known[n_known++] = network->nodes[i];
    }
    n_named = test_closest(network->book, &back.target, known, n_known, k, named);
    (void)(back.beyond ? kad_lookup_beyond_reply(lookup, back.to, named, n_named)
                       : kad_lookup_reply(lookup, back.to, named, n_named));
}

/* Runs to the end; returns when that was. Each turn either sends, delivers, or waits for an instant that is yet to come, and
 * there can only be so many of each: so it ends. */
static kad_ms run(struct network *network, struct kad_lookup *lookup, struct kad_rng *rng, unsigned k,
                  kad_ms slowest, bool knows_all)
{
    kad_ms now = 0;

    for (int turn = 0; turn < 10 * KAD_LOOKUP_CANDIDATES; turn++) {
        const struct kad_lookup_step step = kad_lookup_next(lookup, now);
        struct flight *back = next_back(network);

        if (step.verdict == KAD_LOOKUP_DONE)
            return now;
        if (step.verdict == KAD_LOOKUP_ASK) {
            send(network, lookup, &step, now, 1 + (kad_ms)kad_rng_below(rng, (uint32_t)slowest), 2 * slowest);
            continue;
        }
        EXPECT(back || step.wake_at != KAD_NEVER); /* a wait something can end */
        EXPECT(step.wake_at > now);
        if (back && back->back_at <= step.wake_at) {
            now = back->back_at > now ? back->back_at : now;
            deliver(network, lookup, rng, back, k, knows_all);
        } else {
            now = step.wake_at;
        }
    }
    EXPECT(false && "the lookup does not end");
    return now;
}

/* K17: where every node names its true closest, a lookup ends with the brute-force k closest. */
TEST(in_an_ideal_network_the_result_is_the_true_k_closest)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        static struct network network;
        struct kad_lookup_config config = {.patience_ms = 1000};
        struct kad_lookup lookup;
        struct kad_rng rng;
        struct kad_id target;
        kad_contact_ref found[64], truth[64];

        test_rng_init(&rng, seed);
        config.width = 1 + kad_rng_below(&rng, MOST_NAMED);
        config.parallel = 1 + kad_rng_below(&rng, 8);
        build(&network, &rng, 0);
        target = kad_id_random(&rng, 160);
        kad_lookup_init(&lookup, &kad_allocator_system, network.book, &target, &config);
        for (int i = 0; i < 3; i++)
            kad_lookup_add(&lookup, network.nodes[kad_rng_below(&rng, NODES)]);
        run(&network, &lookup, &rng, config.width, 900, true);

        EXPECT_EQ(lookup.reason, KAD_REASON_CONVERGED);
        EXPECT_EQ(kad_lookup_closest(&lookup, config.width, found), config.width);
        EXPECT_EQ(test_closest(network.book, &target, network.nodes, NODES, config.width, truth),
                  config.width);
        EXPECT_MSG(memcmp(found, truth, config.width * sizeof(*found)) == 0, "seed %llu",
                   (unsigned long long)seed);
        kad_lookup_clear(&lookup);
        kad_book_free(network.book);
    }
}

/* Where a third is dead, and everybody names those nearest he knows, dead or not, the nearest of the living are named by nobody
 * who is asked for the target only. */
TEST(among_the_dead_the_nearest_of_the_living_are_found)
{
    unsigned n_found[2] = {0};

    for (uint64_t seed = 1; seed <= 40; seed++) {
        for (unsigned beyond = 0; beyond < 2; beyond++) {
            static struct network network;
            const struct kad_lookup_config config = {
                .width = 8, .parallel = 3, .beyond = 3 * beyond, .patience_ms = 1000};
            struct kad_lookup lookup;
            struct kad_rng rng;
            struct kad_id target;
            kad_contact_ref found[64], truth[64], living[NODES];
            size_t n_living = 0;

            test_rng_init(&rng, 500 + seed);
            build(&network, &rng, 33);
            target = kad_id_random(&rng, 160);
            kad_lookup_init(&lookup, &kad_allocator_system, network.book, &target, &config);
            for (int i = 0; i < 6; i++)
                kad_lookup_add(&lookup, network.nodes[kad_rng_below(&rng, NODES)]);
            run(&network, &lookup, &rng, 8, 900, true);

            for (size_t i = 0; i < NODES; i++) {
                if (!network.dead[i])
                    living[n_living++] = network.nodes[i];
            }
            EXPECT_EQ(test_closest(network.book, &target, living, n_living, 8, truth), 8);
            n_found[beyond] +=
                kad_lookup_closest(&lookup, 8, found) == 8 && memcmp(found, truth, sizeof(*found) * 8) == 0;
            kad_lookup_clear(&lookup);
            kad_book_free(network.book);
        }
    }
    EXPECT_MSG(n_found[0] < 10, "%u of 40 without asking", n_found[0]);
    EXPECT_MSG(n_found[1] >= 38, "%u of 40", n_found[1]);
}

/* Whatever is answered, fails or comes late, and however little anybody knows: it ends, its result is sorted and has answered,
 * and no more than `parallel` were in flight. */
TEST(a_lookup_always_ends)
{
    size_t most = 0;

    for (uint64_t seed = 1; seed <= 300; seed++) {
        static struct network network;
        struct kad_lookup_config config = {0};
        struct kad_lookup lookup;
        struct kad_rng rng;
        struct kad_id target;
        kad_contact_ref found[64];
        size_t n;

        test_rng_init(&rng, 1000 + seed);
        config.width = 1 + kad_rng_below(&rng, 20);
        config.parallel = 1 + kad_rng_below(&rng, 5);
        config.patience_ms = 1 + kad_rng_below(&rng, 500);
        config.beyond = (unsigned)(seed % 4);
        build(&network, &rng, kad_rng_below(&rng, 90));
        target = kad_id_random(&rng, 160);
        kad_lookup_init(&lookup, &kad_allocator_system, network.book, &target, &config);
        for (uint32_t i = kad_rng_below(&rng, 6); i > 0; i--)
            kad_lookup_add(&lookup, network.nodes[kad_rng_below(&rng, NODES)]);
        run(&network, &lookup, &rng, 1 + kad_rng_below(&rng, MOST_NAMED), 1 + kad_rng_below(&rng, 1000),
            false);

        n = kad_lookup_closest(&lookup, 64, found);
        for (size_t i = 0; i < n; i++) {
            EXPECT(!network.dead[index_of(&network, found[i])]);
            EXPECT(i == 0 || kad_id_compare(&target, test_id_of(network.book, found[i - 1]),
                                            test_id_of(network.book, found[i])) < 0);
        }
        EXPECT(lookup.n_asked <= KAD_LOOKUP_CANDIDATES);
        EXPECT(lookup.n_answered + lookup.n_failed <= lookup.n_asked);
        EXPECT((lookup.reason == KAD_REASON_NO_CONTACTS) == (lookup.n_candidates == 0));
        EXPECT(lookup.reason != KAD_REASON_CONVERGED || n >= config.width);
        if (network.most_in_time == 5)
            most++;
        kad_lookup_clear(&lookup);
        kad_book_free(network.book);
    }
    EXPECT(most > 0); /* the limit was reached, not only kept */
}
