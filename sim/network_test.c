// timeout 600
/* network - what a network of engines promises, kept in virtual time. Each test's reason is above it; each failure names its seed. */
#include <stdio.h>
#include <string.h>

#include "base/test.h"
#include "sim/test_run.h"

static double seconds(const struct sim_run *run)
{
    return (double)sim_world_now(run->world) / 1e6;
}

/* -- one record, watched ---------------------------------------------------------------------------------------- */

struct watched {
    unsigned ended, found;
    int error;
};

static void take_end(void *context, struct sim_world *world, uint32_t node, const struct kad_event *event)
{
    struct watched *watched = context;

    (void)world;
    (void)node;
    if (event && event->kind == KAD_EVENT_DONE) {
        watched->ended++;
        watched->found += event->done.record != NULL || event->peers.n > 0;
        watched->error = event->done.error;
    }
}

static struct kad_request put_request(bool keep)
{
    struct kad_request request = {.kind = KAD_REQUEST_PUT, .keep = keep};

    request.record.type = KAD_RECORD_IMMUTABLE;
    request.record.value = (struct kad_bytes){(const uint8_t *)"5:hello", 7};
    kad_mainline_immutable_key(request.record.value, &request.record.key);
    request.target = request.record.key;
    return request;
}

static bool asked(struct sim_run *run, uint32_t node, const struct kad_request *request)
{
    struct watched watched = {0};

    EXPECT_EQ(sim_node_request(run->world, node, request, take_end, &watched), 0);
    EXPECT_MSG(sim_run_until(run, sim_world_now(run->world) + 20 * SIM_SECOND), "%s",
               sim_world_why(run->world));
    EXPECT_EQ(watched.ended, 1);
    return watched.found > 0 || (request->kind == KAD_REQUEST_PUT && watched.error == 0) ||
           (request->kind == KAD_REQUEST_ANNOUNCE && watched.error == 0);
}

/* While its publisher lives, a record never blinks: somebody who asks at any minute of two days finds it. */
TEST(a_record_whose_publisher_lives_is_there_at_every_minute)
{
    struct sim_run *run =
        test_run_begin("seed 21; peers 25; latency world; tables join over 5s; check 32; end 50h;"
                       "set refresh_after_ms 1h; set ping_after_ms 1h; set refresh_pace_ms 1m");
    const struct kad_request put = put_request(true);
    const struct kad_request get = {.kind = KAD_REQUEST_GET, .target = put.target};

    EXPECT(sim_run_until(run, SIM_MINUTE));
    EXPECT(asked(run, 3, &put));
    for (int minute = 2; minute < 48 * 60; minute++) {
        EXPECT(sim_run_until(run, minute * SIM_MINUTE));
        EXPECT_MSG(asked(run, 4 + (uint32_t)minute % 20, &get), "seed 21: gone after %.0f s", seconds(run));
    }
    sim_run_free(run);
}

/* Without its publisher it lives as long as was promised, and not a second longer: stores are checked at every answer. */
TEST(a_record_expires_when_its_time_is_over)
{
    struct sim_run *run = test_run_begin(
        "seed 22; peers 25; latency fixed 10ms; tables join over 5s; end 4h; set record_ttl_ms 30m");
    const struct kad_request put = put_request(false);
    const struct kad_request get = {.kind = KAD_REQUEST_GET, .target = put.target};

    EXPECT(sim_run_until(run, SIM_MINUTE));
    EXPECT(asked(run, 3, &put)); /* stored within a second, and its life began */
    EXPECT(sim_run_until(run, SIM_MINUTE + 30 * SIM_MINUTE - 5 * SIM_SECOND));
    EXPECT(asked(run, 5, &get));
    EXPECT(sim_run_until(run, SIM_MINUTE + 30 * SIM_MINUTE + 21 * SIM_SECOND));
    EXPECT(!asked(run, 6, &get));
    sim_run_free(run);
}

TEST(a_peer_expires_when_its_time_is_over)
{
    struct sim_run *run = test_run_begin(
        "seed 23; peers 25; latency fixed 10ms; tables join over 5s; end 4h; set peer_ttl_ms 30m");
    const struct kad_request announce = {.kind = KAD_REQUEST_ANNOUNCE, .target = {{1, 2, 3}}};
    const struct kad_request find = {.kind = KAD_REQUEST_PEERS, .target = {{1, 2, 3}}};

    EXPECT(sim_run_until(run, SIM_MINUTE));
    EXPECT(asked(run, 3, &announce));
    EXPECT(sim_run_until(run, SIM_MINUTE + 30 * SIM_MINUTE - 5 * SIM_SECOND));
    EXPECT(asked(run, 5, &find));
    EXPECT(sim_run_until(run, SIM_MINUTE + 30 * SIM_MINUTE + 21 * SIM_SECOND));
    EXPECT(!asked(run, 6, &find));
    sim_run_free(run);
}

/* -- many nodes ------------------------------------------------------------------------------------------------- */

/* A private network stays private: in a day, with requests, restarts and partitions, not one datagram leaves for an address
 * that was not given. */
TEST(nothing_is_sent_to_who_is_no_member)
{
    struct sim_run *run =
        test_run("seed 24; peers 30; latency world; loss 2%; tables join over 10s; check 64; end 24h;"
                 "set refresh_after_ms 1h; set ping_after_ms 1h; set refresh_pace_ms 1m;"
                 "put 20 keep at 5m; announce 20 keep at 5m; partition 40% for 30m at 2h; crash 30% at 5h;"
                 "start 100% at 6h over 60s; get all at 12h; lookup 50 at 20h");

    EXPECT_EQ((int)test_figure(run, "strays"), 0);
    EXPECT_EQ((int)test_figure(run, "fake contacts"), 0);
    EXPECT(test_figure(run, "success") >= 100);
    sim_run_free(run);
}

/* Half of all nodes die at once: records survive on the other half, and lookups do not wait for the dead too long. */
TEST(half_of_the_network_may_die)
{
    struct sim_run *run = test_run(
        "seed 25; peers 400; latency world; tables ideal; check 256; set request_timeout_ms 60s;"
        "put 100 at 10s; at 60s crash 50% lose; get all at 61s over 10s; lookup 200 at 61s over 10s");

    EXPECT(test_figure(run, "stored") >= 100);
    EXPECT_MSG(test_figure(run, "found") >= 97, "seed 25: %.1f %%", test_figure(run, "found"));
    EXPECT(test_figure(run, "success") >= 99);
    sim_run_free(run);
}

/* After an hour in halves neither side has a contact in the other; ten minutes later there is one network again, and what
 * either half stored is found from both. */
TEST(a_split_network_becomes_one_again)
{
    struct sim_run *run =
        test_run("seed 33; peers 150; latency world; tables join over 10s; check 256; put 40 keep at 2m;"
                 "partition 50% for 60m at 3m; lookup 150 at 73m; get all at 73m");

    EXPECT_MSG(test_figure(run, "true closest") >= 98, "seed 33: %.1f %%", test_figure(run, "true closest"));
    EXPECT_MSG(test_figure(run, "found") >= 100, "seed 33: %.1f %%", test_figure(run, "found"));
    EXPECT(sim_world_counts(run->world)->cut > 1000);
    sim_run_free(run);
}

/* Under the churn that was measured in Kad, tables are of the living and lookups succeed. Over 26 seeds 92.5 % are alive, give or
 * take 1.2: a network this small has its luck. */
TEST(churn_leaves_tables_alive)
{
    struct sim_run *run = test_run(
        "seed 26; peers 800; latency world; loss 1%; churn kad; disk keep; tables join over 30s; check 128;"
        "lookup 300 at 90m over 60s");

    EXPECT_MSG(test_figure(run, "contacts live") >= 88, "seed 26: %.1f %%",
               test_figure(run, "contacts live"));
    EXPECT_MSG(test_figure(run, "success") >= 99, "seed 26: %.1f %%", test_figure(run, "success"));
    EXPECT(sim_world_counts(run->world)->stops > 50);
    sim_run_free(run);
}

/* Only who has answered is in a table. Liars may name whom they like: lookups walk past, tables stay clean. */
TEST(invented_contacts_never_enter_a_table)
{
    struct sim_run *run =
        test_run("seed 27; peers 200; latency world; tables join over 20s; check 64; put 50 at 60s;"
                 "attack liars on 20 for 5m at 60s; lookup 200 at 4m; get all at 4m");

    EXPECT(test_figure(run, "strays") > 1000); /* they were asked, and so were those they invented */
    EXPECT_EQ((int)test_figure(run, "fake contacts"), 0);
    EXPECT_MSG(test_figure(run, "success") >= 99, "seed 27: %.1f %%", test_figure(run, "success"));
    EXPECT_MSG(test_figure(run, "found") >= 95, "seed 27: %.1f %%", test_figure(run, "found"));
    sim_run_free(run);
}

/* Whom strangers name is asked once for it, and a tenth of all datagrams is lost: the honest, whom many name, are found all the
 * same, from the first lookup on. */
TEST(joins_and_lookups_succeed_where_a_tenth_is_lost)
{
    struct sim_run *run =
        test_run("network kad-toy; seed 41; peers 60; latency world; loss 10%;"
                 "tables join over 10s; check 64; put 20 at 40s; lookup 100 at 40s over 10s;"
                 "get all at 60s");

    EXPECT(test_figure(run, "success") >= 100);
    EXPECT(test_figure(run, "stored") >= 100);
    EXPECT(test_figure(run, "found") >= 100);
    EXPECT_MSG(test_figure(run, "true closest") >= 85, "seed 41: %.1f %%", test_figure(run, "true closest"));
    sim_run_free(run);
}

/* Small queries in somebody's name must not become large answers to him (SCORECARD, row 9). */
TEST(a_victim_gets_no_more_than_its_allowance)
{
    struct sim_run *run = test_run("seed 28; peers 100; latency world; tables join over 10s; check 64; put "
                                   "40 at 30s; announce 20 at 30s;"
                                   "attack reflect on 5 rate 100 for 60s at 60s");

    EXPECT(test_figure(run, "sent falsely") > 1000000);
    EXPECT_MSG(test_figure(run, "reflected of allowed") <= 100, "seed 28: %.1f %%",
               test_figure(run, "reflected of allowed"));
    sim_run_free(run);
}

/* Floods from one address, from a /24, from everywhere: who is honest does not notice. */
TEST(floods_do_not_stop_honest_lookups)
{
    static const char *const kinds[] = {"flood", "subnet", "spoofed"};

    for (size_t i = 0; i < 3; i++) {
        struct sim_run *run;
        char text[400];

        snprintf(
            text, sizeof(text),
            "seed %zu; peers 100; latency world; tables join over 10s; check 256; put 50 at 30s;"
            "attack %s on 20 rate 300 for 15s at 60s; lookup 150 at 60s over 15s; get all at 60s over 15s",
            29 + i, kinds[i]);
        run = test_run(text);
        EXPECT_MSG(test_figure(run, "success") >= 99, "%s: %.1f %%", text, test_figure(run, "success"));
        EXPECT_MSG(test_figure(run, "found") >= 99, "%s: %.1f %%", text, test_figure(run, "found"));
        EXPECT(sim_world_counts(run->world)->injected > 80000);
        sim_run_free(run);
    }
}

/* Publications go by regions of the key space where both families are spoken, too: they cost some two and a half times what they cost in
 * one of them (regions are narrower where answers name nodes of both), where a lookup for each key took three and a half times. */
TEST(regions_serve_both_families)
{
    double datagrams[2];

    for (int dual = 0; dual < 2; dual++) {
        struct sim_run *run;
        char text[300];

        snprintf(
            text, sizeof(text),
            "network kad-toy; seed 51; peers 12; family %s; latency world; tables join over 10s; check 0;"
            "set put_again_ms 20m; put 150 keep at 60s over 60s; get all at 63m over 1m",
            dual ? "dual" : "ipv4");
        run = test_run(text);
        EXPECT_MSG(test_figure(run, "found") >= 100, "%s: %.1f %%", text, test_figure(run, "found"));
        datagrams[dual] = test_figure(run, "datagrams");
        sim_run_free(run);
    }
    EXPECT_MSG(datagrams[1] < 2.75 * datagrams[0], "%.0f instead of %.0f", datagrams[1], datagrams[0]);
}

/* Both families at once: two tables, one network. */
TEST(a_dual_stack_network_works_on_both_legs)
{
    struct sim_run *run =
        test_run("seed 32; peers 100; family dual; ids bep42; latency world; tables join over 10s; check 64;"
                 "put 40 at 60s; announce 40 at 60s; get all at 90s; find all at 90s");

    EXPECT(test_figure(run, "found") >= 100);
    EXPECT(test_figure(run, "peers found") >= 100);
    EXPECT_EQ((int)test_figure(run, "fake contacts"), 0);
    for (uint32_t i = 0; i < 100; i++) {
        struct kad_info info;

        kad_engine_info(sim_node_engine(run->world, i), &info);
        EXPECT(info.n_contacts[0] >= 8 && info.n_contacts[1] >= 8);
    }
    sim_run_free(run);
}
