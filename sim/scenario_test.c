#include "sim/scenario.h"

#include <stdlib.h>
#include <string.h>

#include "base/test.h"
#include "lookout/registry.h"

static struct sim_scenario scenario;

static const char *read_text(const char *text)
{
    static char problem[SIM_PROBLEM_MAX];

    sim_scenario_init(&scenario);
    return sim_scenario_read(&scenario, (struct kad_bytes){(const uint8_t *)text, strlen(text)}, problem) == 0
               ? NULL
               : problem;
}

TEST(statements_stand_on_lines_or_between_semicolons)
{
    EXPECT(!read_text(
        "seed 7; peers 2000 ;; latency fixed 20ms # a comment; seed 9\n\n  loss 2.5%\nput 1000 at 60s\n"
        "at 1.5h partition 50% for 300s one-way; at 3m crash 10% lose; get all at 1h over 1m\n"
        "attack subnet on 10 rate 500 for 1m at 30s\nexpect queries per lookup <= 30; expect found >= "
        "99.5%"));
    EXPECT_EQ(scenario.config.seed, 7);
    EXPECT_EQ(scenario.config.n_nodes, 2000);
    EXPECT_EQ(scenario.config.latency.one_way, 20000);
    EXPECT_EQ(scenario.config.loss_ppm, 25000);
    EXPECT_EQ(scenario.n_actions, 5);
    EXPECT_EQ(scenario.actions[0].kind, SIM_DO_PUT);
    EXPECT_EQ(scenario.actions[0].at, 60 * SIM_SECOND);
    EXPECT_EQ(scenario.actions[1].at, 90 * SIM_MINUTE);
    EXPECT_EQ(scenario.actions[1].ppm, 500000);
    EXPECT(scenario.actions[1].one_way);
    EXPECT(scenario.actions[2].lose);
    EXPECT_EQ(scenario.actions[3].n, SIM_ALL);
    EXPECT_EQ(scenario.actions[4].rate, 500);
    EXPECT_EQ(scenario.n_expects, 2);
    EXPECT_STR(scenario.expects[0].metric, "queries per lookup");
    EXPECT(scenario.expects[1].value > 99.49 && scenario.expects[1].value < 99.51);
}

TEST(settings_of_the_engine_have_their_names)
{
    EXPECT(!read_text(
        "k 20; alpha 5; set peer_ttl_ms 30m; set follow_address off; set max_queries 99; limits off"));
    EXPECT_EQ(scenario.config.settings.k, 20);
    EXPECT_EQ(scenario.config.settings.alpha, 5);
    EXPECT_EQ(scenario.config.settings.peer_ttl_ms, 30 * KAD_MINUTE);
    EXPECT_EQ(scenario.config.settings.max_queries, 99);
    EXPECT(!scenario.config.settings.follow_address);
    EXPECT_EQ(scenario.config.settings.narrow_per_table, 0);
}

/* Who mistypes a scenario is told where and what, not given a run of something else. */
TEST(what_is_wrong_is_named_with_its_line)
{
    static const struct {
        const char *text, *problem;
    } cases[] = {
        {"frobnicate", "1: there is no statement 'frobnicate'"},
        {"seed 1\n\npeers many", "3: expected: peers NUMBER"},
        {"peers 0", "1: expected: peers NUMBER"},
        {"loss 101%", "1: expected: loss SHARE%"},
        {"loss 5", "1: expected: loss SHARE%"},
        {"latency fixed", "1: expected: latency world | latency fixed TIME"},
        {"churn rough", "1: expected: churn none|kad|ipfs|flatout | churn exponential|fixed ON OFF"},
        {"at noon put 5", "1: 'noon' is no time"},
        {"put at 5s", "1: expected: put NUMBER [keep [bulk]] [over TIME]"},
        {"partition 50% at 5s", "1: expected: partition SHARE%|REGISTRY for TIME [one-way]"},
        {"attack everybody for 5s",
         "1: expected: attack flood|subnet|spoofed|reflect|liars|mute [on NUMBER] [rate NUMBER] for TIME, or "
         "collude SHARE%, sybil|siege NUMBER (docs/simulator.md)"},
        {"attack sybil 40 apart for 5s",
         "1: expected: attack flood|subnet|spoofed|reflect|liars|mute [on NUMBER] [rate NUMBER] for TIME, or "
         "collude SHARE%, sybil|siege NUMBER (docs/simulator.md)"},
        {"attack siege 40 in 10 for 5s",
         "1: expected: attack flood|subnet|spoofed|reflect|liars|mute [on NUMBER] [rate NUMBER] for TIME, or "
         "collude SHARE%, sybil|siege NUMBER (docs/simulator.md)"}, /* of whom? */
        {"restart for 5s", "1: expected: restart [alone|hostile] [elsewhere] for TIME"},
        {"watch nobody", "1: expected: watch NUMBER [over TIME]"},
        {"set speed 5", "1: there is no setting 'speed'"},
        {"set k 65", "1: '65' is out of range for k"},
        {"set k five", "1: 'five' is neither a number, a time, on nor off"},
        {"k 0", "1: k is out of range"},
        {"expect luck >= 5", "1: there is no figure 'luck'"},
        {"expect found = 5", "1: '=' is neither >= nor <="},
        {"expect found 5", "1: expected: expect FIGURE >=|<= VALUE"},
        {"get all twice at 5s", "1: expected: get NUMBER|all [both] [over TIME]"},
        {"at 5s expect luck >= 5", "1: there is no figure 'luck'"},
        {"anew 5 at 5s", "1: expected: anew"},
        {"rewrite all at 5s", "1: expected: rewrite NUMBER [over TIME]"},
        {"memory_ceiling 0", "1: expected: memory_ceiling BYTES"},
        {"seed 1 2", "1: expected: seed NUMBER"},
        {"seed\x01", "1: a character that does not belong in a scenario"},
        {"a b c d e f g h i j k l m n o p q", "1: more than 16 words"},
        {"a012345678901234567890123456789012345678901234567890", "1: a word of more than 47 letters"},
        {"at 5s", "1: at TIME, and what then?"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *problem = read_text(cases[i].text);

        EXPECT_MSG(problem, "'%s' was accepted", cases[i].text);
        EXPECT_STR(problem, cases[i].problem);
    }
}

TEST(conspiracies_say_who_and_where)
{
    EXPECT(!read_text("network kad-toy; attack sybil 40 around 25 apart for 10m at 10s\n"
                      "attack sybil 1000 in 10 for 24h; at 5s attack collude 12.5% forging for 1h\n"
                      "attack sybil 3 around 2 held for 1m"));
    EXPECT_EQ(scenario.n_actions, 4);
    EXPECT_EQ(scenario.actions[0].attack, SIM_SYBIL);
    EXPECT_EQ(scenario.actions[0].n, 40);
    EXPECT_EQ(scenario.actions[0].around, 25);
    EXPECT(scenario.actions[0].apart && !scenario.actions[0].held && !scenario.actions[0].forge);
    EXPECT_EQ(scenario.actions[0].span, 10 * SIM_MINUTE);
    EXPECT_EQ(scenario.actions[1].groups, 10);
    EXPECT_EQ(scenario.actions[1].around, 0);
    EXPECT_EQ(scenario.actions[2].attack, SIM_COLLUDE);
    EXPECT_EQ(scenario.actions[2].ppm, 125000);
    EXPECT(scenario.actions[2].forge);
    EXPECT(scenario.actions[3].held);
    EXPECT_EQ(scenario.config.n_intruders, 40 * 25 + 1000 + 6);
}

TEST(a_siege_has_its_watched_nodes)
{
    EXPECT(!read_text("network kad-toy; k 16; others max_peers 0; watch 4 over 2d; attack siege 100 in 10 "
                      "growing 7d for 18d at 3d;"
                      "at 5d restart hostile elsewhere for 2h; at 6d partition lacnic for 3h"));
    EXPECT_EQ(scenario.config.n_watched, 4);
    EXPECT_EQ(scenario.watch_span, 48 * SIM_HOUR);
    EXPECT(scenario.config.has_others && scenario.config.others.k == 16);
    EXPECT(scenario.config.others.max_peers == 0 && scenario.config.settings.max_peers > 0);
    EXPECT_EQ(scenario.config.n_intruders, 100);
    EXPECT_EQ(scenario.actions[0].attack, SIM_SIEGE);
    EXPECT_EQ(scenario.actions[0].growing, 7 * 24 * SIM_HOUR);
    EXPECT_EQ(scenario.actions[0].groups, 10);
    EXPECT(scenario.actions[1].hostile && scenario.actions[1].elsewhere && !scenario.actions[1].alone);
    EXPECT_EQ(scenario.actions[2].region, KAD_LACNIC);
}

TEST(the_end_leaves_the_last_request_its_time)
{
    EXPECT(!read_text("set request_timeout_ms 20s; lookup 5 at 60s over 10s; end 5s"));
    EXPECT_EQ(sim_scenario_end(&scenario), 92 * SIM_SECOND);
    EXPECT(!read_text("end 5h"));
    EXPECT_EQ(sim_scenario_end(&scenario), 5 * SIM_HOUR);
}

TEST(lists_have_ends)
{
    char *text = calloc(1, 20000);

    for (int i = 0; i <= SIM_ACTIONS_MAX; i++)
        strcat(text, "put 1;");
    EXPECT_STR(read_text(text), "1: more than 256 actions");
    text[0] = '\0';
    for (int i = 0; i <= SIM_EXPECTS_MAX; i++)
        strcat(text, "expect found >= 1\n");
    EXPECT_STR(read_text(text), "65: more than 64 expectations");
    free(text);
}
