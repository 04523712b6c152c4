/*
 * krpc - just enough bencode to talk to a DHT node from outside.
 *
 * The bench writes and reads KRPC with its own few lines, so that a fault in kad's
 * codec cannot hide itself by being on both ends of a measurement. The reader takes
 * queries, answers and errors alike and only points into the datagram.
 */
#ifndef BENCH_KRPC_H
#define BENCH_KRPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    KRPC_ID = 20,
    KRPC_CONTACT = 26, /* id, IPv4 address, port */
    KRPC_MESSAGE_MAX = 1400,
};

struct krpc_bytes {
    const uint8_t *data; /* NULL: the key was not there */
    size_t size;
};

/* What a message said. Everything borrows from the datagram. */
struct krpc_message {
    char kind; /* 'q', 'r' or 'e' */
    struct krpc_bytes tid;
    struct krpc_bytes query; /* name of the query */
    struct krpc_bytes id;
    struct krpc_bytes target; /* "target" or "info_hash" */
    struct krpc_bytes nodes;
    struct krpc_bytes token;
    struct krpc_bytes value;   /* "v" inside the answer, encoded as it came */
    struct krpc_bytes samples; /* BEP 51 */
    struct krpc_bytes error;   /* text of an error */
    size_t n_values;           /* peers in "values" */
    int64_t error_code;
};

/* False if the datagram is not a whole KRPC message. */
bool krpc_read(const void *datagram, size_t size, struct krpc_message *out_message);

/* writer - appends to a buffer of KRPC_MESSAGE_MAX bytes the caller owns; asserts that it fits. Keys are
 * written in the order given: the caller sorts them. */
struct krpc_writer {
    uint8_t *data;
    size_t size;
};

void krpc_raw(struct krpc_writer *writer, const char *text);
void krpc_copy(struct krpc_writer *writer, const void *data, size_t size);
void krpc_string(struct krpc_writer *writer, const void *data, size_t size);
void krpc_int(struct krpc_writer *writer, int64_t value);

/* A reproducible stream of numbers (splitmix64): the same key has the same bytes in every run. */
uint64_t krpc_mix(uint64_t value);
void krpc_fill(void *out_bytes, size_t size, uint64_t seed);

#endif
