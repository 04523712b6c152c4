/* sim - the simulator as a program: `kad sim`. */
#ifndef SIM_SIM_H
#define SIM_SIM_H

/* argv[0] is the command's name. Prints; 0: the run kept its invariants and its expectations; 1: it did not; 2: usage. */
int kad_sim_main(int argc, char **argv);

#endif
