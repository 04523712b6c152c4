#include "sim/test_run.h"

#include <stdlib.h>
#include <string.h>

#include "base/test.h"

struct sim_run *test_run_begin(const char *text)
{
    struct sim_scenario *scenario = malloc(sizeof(*scenario));
    char problem[SIM_PROBLEM_MAX] = "";
    struct sim_run *run = NULL;
    int error;

    sim_scenario_init(scenario);
    error = sim_scenario_read(scenario, (struct kad_bytes){(const uint8_t *)text, strlen(text)}, problem);
    EXPECT_MSG(error == 0, "%s", problem);
    error = sim_run_new(scenario, &run);
    free(scenario);
    EXPECT_EQ(error, 0);
    return run;
}

struct sim_run *test_run(const char *text)
{
    struct sim_run *run = test_run_begin(text);
    const bool good = sim_run_until(run, run->end);

    EXPECT_MSG(good, "%s", sim_world_why(run->world));
    return run;
}

double test_figure(struct sim_run *run, const char *name)
{
    double value = 0;

    EXPECT_MSG(sim_figure(run, name, &value), "seed %llu: no %s",
               (unsigned long long)run->scenario.config.seed, name);
    return value;
}

void test_nobody_denied(struct sim_run *run)
{
    EXPECT_EQ((int)test_figure(run, "stored"), 100);
    EXPECT_MSG(test_figure(run, "found") >= 100, "%.2f %%", test_figure(run, "found"));
}
