/* seed_file - the secret of a mutable value: a file of 64 hexadecimal digits that only its owner may read. */
#ifndef KAD_CLI_SEED_FILE_H
#define KAD_CLI_SEED_FILE_H

#include "kad/types.h"

/* Reads the seed; with `make` a file that does not exist is made first, with a new one. 0, or KAD_E_NOT_FOUND, _INVALID,
 * _SYSTEM with a sentence in `out_why`. */
KAD_CHECK int kad_seed_file_read(const char *path, bool make, uint8_t out_seed[32], char *out_why,
                                 size_t why_size);

#endif
