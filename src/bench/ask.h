/*
 * ask - the queries a load consists of, and what they are about.
 *
 * A key is one thing asked for: an infohash, an immutable item, a mutable one, all
 * made from its number, with the token the server gave for it. A key always asks
 * from the same source address, since tokens are bound to addresses (and with some
 * servers to the target too).
 */
#ifndef BENCH_ASK_H
#define BENCH_ASK_H

#include "bench/krpc.h"

enum ask {
    ASK_ECHO,
    ASK_PING,
    ASK_FIND_NODE,
    ASK_GET_PEERS,
    ASK_ANNOUNCE,
    ASK_GET,
    ASK_PUT,
    ASK_GET_MUTABLE,
    ASK_PUT_MUTABLE,
    ASK_SAMPLE,
    ASK_KINDS,
};

enum {
    ASK_TOKEN_MAX = 64,
    ASK_VALUE = 200, /* bytes of an item */
    ASK_ECHO_MIN = 32,
};

struct ask_key {
    uint8_t infohash[KRPC_ID];
    uint8_t immutable[KRPC_ID], mutable[KRPC_ID]; /* targets */
    uint8_t value[4 + ASK_VALUE];                 /* encoded: "200:..." */
    uint8_t public_key[32], signature[64];
    uint8_t token[ASK_TOKEN_MAX];
    size_t token_size; /* 0: not yet */
    uint32_t source;   /* number of the source */
};

/* The name users write ("find_node"), NULL beyond the last. */
const char *ask_name(enum ask ask);
/* ASK_KINDS if there is no such name. */
enum ask ask_by_name(const char *name);

/* Key number `number`, whose infohash is shared with all others of the same remainder by `n_infohashes`. */
void ask_make_key(struct ask_key *out_key, uint64_t number, uint64_t n_infohashes, bool with_signature);

/* The query as a datagram of at most KRPC_MESSAGE_MAX bytes, returned size. `key` is NULL for what needs none: then a
 * target is made of `seed`. `from` names the asking node. */
size_t ask_write(uint8_t *out, enum ask ask, const struct ask_key *key, const uint8_t from[KRPC_ID],
                 uint64_t seed, uint32_t tid);
/* The echo's query: `size` bytes (ASK_ECHO_MIN or more) that ask for as many as `answer`. Returns `size`. */
size_t ask_write_echo(uint8_t *out, size_t size, uint16_t answer, uint32_t tid);

#endif
