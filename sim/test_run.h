/* test_run - runs a scenario's text in a test, to its end. */
#ifndef SIM_TEST_RUN_H
#define SIM_TEST_RUN_H

#include "sim/figures.h"

/* Run to its end, invariants held; whoever calls frees it. Fails the test otherwise. */
struct sim_run *test_run(const char *text);
struct sim_run *test_run_begin(const char *text); /* nothing has happened yet */
double test_figure(struct sim_run *run, const char *name);

/* Where full participants turn hostile: all that was put was stored, and found. */
#define TEST_HOSTILE_WORLD "network kad-toy; peers 400; latency world; tables ideal; check 64;"
void test_nobody_denied(struct sim_run *run);

#endif
