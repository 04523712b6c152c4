/* mine - the search for an identity that solves a puzzle, on several threads, with a line that says how far it is. */
#ifndef KAD_CLI_MINE_H
#define KAD_CLI_MINE_H

#include "kad/identity.h"

#define KAD_MINE_JOBS 256 /* at most */

struct kad_mined {
    struct kad_identity identity; /* kad_identity_wipe() */
    uint64_t n_tries;
    double seconds;
};

/* `jobs`: 0: one for each processor. `show`: a line on standard error while it lasts. 0 or KAD_E_MEMORY, KAD_E_SYSTEM. */
KAD_CHECK int kad_mine(unsigned bits, unsigned jobs, bool show, struct kad_mined *out_mined);

#endif
