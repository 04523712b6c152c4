/*
 * scenario_fuzz - any text as a scenario: read or refused with a message that names a line, and never more than its lists hold.
 */
#include <assert.h>
#include <string.h>

#include "sim/scenario.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sim_scenario scenario;
    char problem[SIM_PROBLEM_MAX];
    const char *field;
    int error;

    sim_scenario_init(&scenario);
    memset(problem, '!', sizeof(problem));
    error = sim_scenario_read(&scenario, (struct kad_bytes){data, size}, problem);
    assert(scenario.n_actions <= SIM_ACTIONS_MAX && scenario.n_expects <= SIM_EXPECTS_MAX);
    assert(kad_settings_check(&scenario.config.settings, &field) == 0);
    assert(sim_scenario_end(&scenario) >= 0);
    if (error)
        assert(memchr(problem, '\0', sizeof(problem)) && strchr(problem, ':'));
    return 0;
}
