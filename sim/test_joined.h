/* test_joined - lookups over tables that came about by joining, against the independent model over the very same tables. */
#ifndef SIM_TEST_JOINED_H
#define SIM_TEST_JOINED_H

/* So many nodes join, one each 10 ms, and have settled; expects 2,000 lookups to have the model's hops and queries within 5 %. */
void test_joined(unsigned n_nodes, unsigned k);

#endif
