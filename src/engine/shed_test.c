/* P063: a hundred times the load on one key, and what who asks makes of a holder that is busy. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/endpoint.h"
#include "base/test.h"
#include "core/id.h"
#include "core/message.h"
#include "engine/shed.h"
#include "engine/test_net.h"
#include "kad/identity.h"
#include "kad/secure.h"

#define HOLDERS      30 /* nodes that hold records; few of them this one */
#define READERS      40 /* who ask only, and so are in nobody's table */
#define NORMAL_EVERY 400
#define HOT_EVERY    4   /* a hundred times as often */
#define GETS         400 /* of the one key */

/* How the same gets go. */
struct run {
    unsigned n_done, n_found;
    kad_ms longest, all; /* what they took */
    unsigned n_listed;   /* those among whose nearest the holder stands */
    uint64_t timeouts;   /* of all readers */
    /* Of the holder: queries it served, shed, and answered with a refusal; datagrams and bytes. */
    uint64_t served, shed, refused, sent, bytes_out, bytes_in;
};

struct hot {
    struct test_net net;
    struct kad_settings reading; /* the readers' settings */
    struct test_node *holder;    /* the nearest to the key, and the one that cannot keep up */
    struct kad_request get;
    bool mute; /* what tells readers that the holder is busy is lost: as if it said nothing */
    uint64_t told;
};

/* An error goes out in the turn in which it was counted. */
static bool lose_refusals(struct test_net *net, const struct test_packet *packet)
{
    struct hot *s = net->user;
    uint64_t told;

    if (!s->holder || !kad_endpoint_equal(&packet->from, &s->holder->endpoint))
        return false;
    told = kad_engine_counters(s->holder->engine)->refused[KAD_REFUSAL_BUSY];
    if (told == s->told)
        return false;
    s->told = told;
    return s->mute;
}

static void add_reader(struct hot *s)
{
    struct test_node *reader = test_net_add(&s->net, false);
    const char *field;

    EXPECT_EQ(kad_engine_set_settings(reader->engine, &s->reading, s->net.now, &field), 0);
    EXPECT_EQ(kad_engine_bootstrap(reader->engine, &s->net.nodes[0].endpoint, s->net.now), 0);
    test_net_run(&s->net, 300);
}

static void put(struct hot *s)
{
    static const uint8_t entropy[32] = {1};
    uint8_t seed[32], bytes[KAD_SECURE_VALUE_MAX];
    struct kad_request put = {.kind = KAD_REQUEST_PUT};
    struct kad_secure_name name;
    struct kad_secure_draft draft = {.name = &name, .seed = seed, .entropy = entropy, .sequence = 1};

    EXPECT_EQ(kad_secure_named("mutable", (struct kad_bytes){(const uint8_t *)"hot", 3}, NULL, 0, &name), 0);
    test_net_secret(&s->net.nodes[1], seed);
    draft.value = (struct kad_bytes){(const uint8_t *)"everybody wants it", 18};
    draft.made_at = s->net.now;
    EXPECT_EQ(kad_secure_make(&draft, bytes, &put.record), 0);
    put.target = put.record.key;
    EXPECT_EQ(test_net_request(&s->net.nodes[1], &put), 0);
    s->get =
        (struct kad_request){.kind = KAD_REQUEST_GET, .target = put.target, .record.type = name.class_->type};
}

static struct hot *begin(void)
{
    struct hot *s = calloc(1, sizeof(*s));
    struct kad_id nearest = {{0}};

    EXPECT(s);
    test_net_init_on(&s->net, kad_network_kad_easy());
    s->net.user = s;
    s->net.lose = lose_refusals;
    s->net.settings.k = s->net.settings.replicas = s->net.settings.region_k = 8;
    s->net.settings.cache_ms = s->net.settings.result_ms =
        0;                          /* everybody asks, and nobody but its holders has it */
    s->net.settings.near_pings = 0; /* what the holder sheds is counted */
    test_net_grow(&s->net, HOLDERS);
    s->reading = s->net.settings;
    s->reading.read_only = true;
    while (s->net.n_nodes < HOLDERS + READERS)
        add_reader(s);
    put(s);
    for (size_t i = 0; i < HOLDERS; i++) {
        struct test_node *node = &s->net.nodes[i];
        const struct kad_id id = test_net_info(node)->id;

        if (s->holder && kad_id_compare(&s->get.target, &id, &nearest) >= 0)
            continue;
        s->holder = node;
        nearest = id;
    }
    EXPECT(test_net_info(s->holder)->n_records > 0);
    return s;
}

static void end(struct hot *s)
{
    test_net_clear(&s->net);
    free(s);
}

static uint64_t timeouts_of_readers(struct hot *s)
{
    uint64_t n = 0;

    for (size_t i = HOLDERS; i < s->net.n_nodes; i++)
        n += kad_engine_counters(s->net.nodes[i].engine)->timeouts;
    return n;
}

static bool lists(const struct test_node *reader, const struct test_node *whom)
{
    for (size_t i = 0; i < reader->n_closest; i++) {
        if (kad_endpoint_equal(&reader->closest[i].contact.endpoint, &whom->endpoint))
            return true;
    }
    return false;
}

/* Whose get ended since the last look. Looks are nearer to each other than two ends of one reader's. */
static void count_ends(struct hot *s, size_t *seen, struct run *run)
{
    for (size_t i = HOLDERS; i < s->net.n_nodes; i++) {
        const struct test_node *reader = &s->net.nodes[i];
        const kad_ms took = reader->last_done.done.duration_ms;

        if (reader->n_done == seen[i])
            continue;
        EXPECT_EQ(reader->n_done, seen[i] + 1);
        seen[i] = reader->n_done;
        run->n_done++;
        run->n_found += reader->last_done.done.error == 0 && reader->n_value > 0;
        run->n_listed += lists(reader, s->holder);
        run->all += took;
        run->longest = took > run->longest ? took : run->longest;
    }
}

/* What the counters say, so that a run is the difference of two. */
static struct run counted(struct hot *s)
{
    const struct kad_counters *counters = kad_engine_counters(s->holder->engine);

    return (struct run){
        .timeouts = timeouts_of_readers(s),
        .served = counters->queries_in[KAD_GET],
        .shed = counters->received[KAD_DROP_SHED],
        .refused = counters->refused[KAD_REFUSAL_BUSY],
        .sent = counters->datagrams_out,
        .bytes_out = counters->bytes_out,
        .bytes_in = counters->bytes_in,
    };
}

/* A get every so often, by one reader after the other, whether those before have ended or not. */
static struct run read_on(struct hot *s, const char *what, unsigned n, kad_ms every)
{
    const struct run before = counted(s);
    struct run run = {0}, after;
    size_t seen[TEST_NET_MAX] = {0};
    uint64_t id;

    for (size_t i = HOLDERS; i < s->net.n_nodes; i++)
        seen[i] = s->net.nodes[i].n_done;
    for (unsigned i = 0; i < n; i++) {
        struct test_node *reader = &s->net.nodes[HOLDERS + i % READERS];

        EXPECT_EQ(kad_engine_request(reader->engine, &s->get, s->net.now, &id), 0);
        for (kad_ms slept = 0; slept < every; slept += HOT_EVERY) {
            test_net_run(&s->net, HOT_EVERY);
            count_ends(s, seen, &run);
        }
    }
    for (int i = 0; i < 10000 && run.n_done < n; i++) {
        test_net_run(&s->net, HOT_EVERY);
        count_ends(s, seen, &run);
    }
    test_net_run(&s->net, 10 * KAD_SECOND); /* what nobody waits for any more times out, too */
    after = counted(s);
    run.timeouts = after.timeouts - before.timeouts;
    run.served = after.served - before.served;
    run.shed = after.shed - before.shed;
    run.refused = after.refused - before.refused;
    run.sent = after.sent - before.sent;
    run.bytes_out = after.bytes_out - before.bytes_out;
    run.bytes_in = after.bytes_in - before.bytes_in;
    printf("%s: %u of %u found, mean %lld ms, longest %lld ms, %llu timeouts; holder served %llu, shed %llu, "
           "said "
           "so to %llu, %llu datagrams, %llu bytes for %llu\n",
           what, run.n_found, run.n_done, (long long)(run.n_done ? run.all / run.n_done : 0),
           (long long)run.longest, (unsigned long long)run.timeouts, (unsigned long long)run.served,
           (unsigned long long)run.shed, (unsigned long long)run.refused, (unsigned long long)run.sent,
           (unsigned long long)run.bytes_out, (unsigned long long)run.bytes_in);
    return run;
}

/* P063: one key asked for a hundred times as often as it was, of a holder that sheds whatever strangers ask. It looks nothing
 * up and sends no more than came. All find the record with other holders, without a timeout; where the holder said nothing each
 * would wait for it. Nobody takes it for dead: when it keeps up again it is asked as before. */
TEST(one_key_at_a_hundred_times_the_load_is_found_by_all_P063)
{
    struct hot *s = begin();
    struct run normal, busy, after, mute;

    normal = read_on(s, "normal", READERS, NORMAL_EVERY);
    EXPECT_EQ(normal.n_found, READERS);
    EXPECT_EQ(normal.served, READERS);
    EXPECT_EQ(normal.n_listed, READERS);
    EXPECT_EQ(normal.timeouts + normal.refused, 0);

    kad_engine_load(s->holder->engine, 100);
    busy = read_on(s, "busy", GETS, HOT_EVERY);
    EXPECT_EQ(busy.n_found, GETS);
    EXPECT_EQ(busy.n_listed, 0);
    EXPECT_EQ(busy.timeouts, 0);
    EXPECT(busy.longest <= 2 * normal.longest);
    EXPECT_EQ(busy.served, 0);
    EXPECT_EQ(busy.refused, GETS);
    EXPECT(busy.bytes_out <= busy.bytes_in);

    kad_engine_load(s->holder->engine, 0);
    after = read_on(s, "after", READERS, NORMAL_EVERY);
    EXPECT_EQ(after.served, READERS);
    EXPECT_EQ(after.n_listed, READERS);
    EXPECT_EQ(after.timeouts + after.refused, 0);

    kad_engine_load(s->holder->engine, 100);
    s->mute = true;
    mute = read_on(s, "mute", GETS, HOT_EVERY);
    EXPECT_EQ(mute.n_found, GETS);
    EXPECT(mute.timeouts >= GETS);
    EXPECT(mute.all > busy.all);
    end(s);
}

/* Who has no session yet is told with the answer to his first message, which goes out anyway. */
TEST(who_comes_for_the_first_time_is_told_as_well_P063)
{
    struct hot *s = begin();
    struct run run;

    kad_engine_load(s->holder->engine, 100);
    run = read_on(s, "first time", READERS, NORMAL_EVERY);
    EXPECT_EQ(run.n_found, READERS);
    EXPECT_EQ(run.timeouts, 0);
    EXPECT(run.refused >= READERS);
    EXPECT_EQ(run.refused, run.shed);
    EXPECT(run.bytes_out <= run.bytes_in);
    end(s);
}

/* Five of each reader's at once, more than are told: the rest is met with silence, and the next span has its own. */
TEST(saying_that_it_is_busy_has_a_bound_P063)
{
    const unsigned n = 5 * READERS;
    struct hot *s = begin();
    struct kad_request ping = {.kind = KAD_REQUEST_PING, .endpoint = s->holder->endpoint};
    uint64_t id;

    (void)read_on(s, "normal", READERS, NORMAL_EVERY); /* sessions */
    kad_engine_load(s->holder->engine, 100);
    for (int round = 0; round < 3; round++) {
        const struct run before = counted(s);
        struct run after;

        for (unsigned i = 0; i < n; i++)
            EXPECT_EQ(kad_engine_request(s->net.nodes[HOLDERS + i % READERS].engine, &ping, s->net.now, &id),
                      0);
        test_net_run(&s->net, KAD_SHED_SPAN / 2);
        after = counted(s);
        EXPECT_EQ(after.shed - before.shed, n);
        EXPECT_EQ(after.refused - before.refused, KAD_SHED_SAID);
        test_net_run(&s->net, KAD_SHED_SPAN);
    }
    end(s);
}

/* An alive node that will not answer: no error, and the reason. A contact is served whatever the load. */
TEST(who_pings_a_busy_node_learns_that_it_is_there_P063)
{
    struct hot *s = begin();
    struct kad_request ping = {.kind = KAD_REQUEST_PING, .endpoint = s->holder->endpoint};
    struct test_node *reader = &s->net.nodes[HOLDERS + 3];
    unsigned n_served = 0;

    kad_engine_load(s->holder->engine, 100);
    EXPECT_EQ(test_net_request(reader, &ping), 0);
    EXPECT_EQ(reader->last_done.done.refusal, KAD_REFUSAL_BUSY);
    EXPECT_STR(kad_refusal_text(KAD_REFUSAL_BUSY), "busy");
    for (size_t i = 0; i < HOLDERS; i++) {
        struct test_node *node = &s->net.nodes[i];

        if (node != s->holder)
            n_served += test_net_request(node, &ping) == 0;
    }
    EXPECT(n_served >= s->net.settings.k);
    end(s);
}

/* A newcomer whose only bootstrap is busy asks it again in growing intervals, and has joined when it keeps up again. */
TEST(who_joins_through_a_busy_node_waits_for_it_P063)
{
    struct hot *s = begin();
    struct test_node *newcomer = test_net_add(&s->net, false);
    const struct kad_counters *counters = kad_engine_counters(newcomer->engine);

    kad_engine_load(s->holder->engine, 100);
    EXPECT_EQ(kad_engine_bootstrap(newcomer->engine, &s->holder->endpoint, s->net.now), 0);
    test_net_run(&s->net, KAD_MINUTE);
    EXPECT_EQ(newcomer->n_ready, 0);
    EXPECT(counters->errors_in > 0);
    EXPECT_EQ(counters->timeouts, 0);
    EXPECT_MSG(counters->errors_in <= 20, "%llu", (unsigned long long)counters->errors_in);
    kad_engine_load(s->holder->engine, 0);
    test_net_run(&s->net, 2 * KAD_MINUTE);
    EXPECT_EQ(newcomer->n_ready, 1);
    end(s);
}
