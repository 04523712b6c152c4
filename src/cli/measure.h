/*
 * measure - what `kad bench` measures, part by part; each in processes or a folder of its own.
 *
 * Serving is a pair of processes over loopback: a load (bench/load.h) asks a node of a small network, and the bare echo
 * (bench/echo.h) in turn, so that the machine's part can be told from kad's. All results are zero where nothing was
 * measured; a part that fails says why on standard error.
 */
#ifndef KAD_CLI_MEASURE_H
#define KAD_CLI_MEASURE_H

#include <stdbool.h>
#include <stdint.h>

#define KAD_MEASURE_NODES 50 /* of the local network */
#define KAD_MEASURE_ASKS  6

struct kad_serve_figures {
    const char *query; /* "find_node" */
    double per_s;      /* answers, closed loop of 128 requests */
    double cpu_us;     /* of the server, per answer; the median of the rounds, like the following */
    double echo_us;    /* the same of the echo, with queries and answers as long */
    double ratio;
    uint64_t answers, lost;
};

struct kad_lookup_figures {
    double alone_p50_ms, alone_p99_ms; /* one at a time */
    double per_s;                      /* 16 at a time */
    double queries;                    /* of a lookup */
    uint64_t lookups, failed;
};

struct kad_store_figures {
    double put_per_s, get_per_s; /* 500-byte values; puts in turns of 32 */
    double synced_per_s;         /* puts that are on the disk, 100 at a time; 0: not kept on one */
};

struct kad_crypto_figures {
    double sign_per_s, verify_per_s; /* Ed25519, a put's 200 bytes */
};

/* False: it failed. `round_s`: how long each query is asked in each of three rounds. */
bool kad_measure_serve(double round_s, struct kad_serve_figures out_figures[KAD_MEASURE_ASKS]);
bool kad_measure_lookups(double seconds, struct kad_lookup_figures *out_figures);
/* `folder`: where the file of an LMDB store is made; NULL: the store in memory. */
bool kad_measure_store(const char *folder, unsigned n_records, struct kad_store_figures *out_figures);
void kad_measure_crypto(double seconds, struct kad_crypto_figures *out_figures);

double kad_measure_median(double *values, unsigned n); /* sorts them */

#endif
