/* null_suite - a cipher that opens everything, so that a fuzzer gets behind it. */
#ifndef KAD_FUZZ_NULL_SUITE_H
#define KAD_FUZZ_NULL_SUITE_H

#include "crypto/suite.h"

/* The toy with `open` always saying yes. */
const struct kad_suite *null_suite(void);

#endif
