/* test_run - runs a scenario's text in a test, to its end. */
#ifndef SIM_TEST_RUN_H
#define SIM_TEST_RUN_H

#include "sim/figures.h"

/* Run to its end, invariants held; whoever calls frees it. Fails the test otherwise. */
struct sim_run *test_run(const char *text);
struct sim_run *test_run_begin(const char *text); /* nothing has happened yet */
double test_figure(struct sim_run *run, const char *name);

#endif
