/* figures - what a run is judged by, each under a name. */
#ifndef SIM_FIGURES_H
#define SIM_FIGURES_H

#include "sim/run.h"

struct sim_figure_row {
    const char *name, *unit;
    double value;
};

/* The figure's value now. False: there is none of that name, or nothing it could be made of. */
bool sim_figure(struct sim_run *run, const char *name, double *out_value);
/* All that this run has something to say about, in their order. Returns how many; `room` are written at most. */
size_t sim_figures(struct sim_run *run, struct sim_figure_row *out_rows, size_t room);
/* Whether the expectation holds, as things stand now; a figure that there is not does not. */
bool sim_expectation_judge(struct sim_run *run, const struct sim_expectation *expect, double *out_value);
/* The same; what was to be judged at a time of its own was. */
bool sim_expectation_holds(struct sim_run *run, const struct sim_expectation *expect, double *out_value);

#endif
