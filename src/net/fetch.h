/*
 * fetch - a small file, by its path or by its http or https address.
 *
 * It blocks, so it belongs on a worker thread. Addresses need libcurl: its headers when kad is
 * built, the library when an address is fetched; without either, files can be read.
 */
#ifndef KAD_NET_FETCH_H
#define KAD_NET_FETCH_H

#include <stdatomic.h>

#include "base/types.h"

#define KAD_FETCH_WAIT_S 10 /* for all of it */

/* Whether it is an address, not a path. */
bool kad_fetch_is_url(const char *from);
/* Whether this build can fetch addresses. */
bool kad_fetch_has_urls(void);
/* Once *stop is true (any thread may say so; NULL: nobody does) an address is given up within a second. Writes *out_size bytes. `out_why` gets the reason: KAD_E_LIMIT (more than `room` bytes), KAD_E_SYSTEM (a file),
 * KAD_E_REFUSED (an address: another status than 200, no connection, no time left; no libcurl). */
KAD_CHECK int kad_fetch(const char *from, const atomic_bool *stop, void *out_data, size_t room,
                        size_t *out_size, char *out_why, size_t why_size);

#endif
