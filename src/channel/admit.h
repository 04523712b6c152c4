/*
 * admit - who may cost us operations with public keys, when many want to at once.
 *
 * The rate of first messages decides. From cookie_per_s on, one is only read if it carries a cookie: a hash of the address
 * it comes from, under a secret, so that nothing is kept for those who only pretend to be there. From work_per_s such
 * messages on, it must also carry the solution of a small puzzle over cookie and identity, one bit harder for each doubling
 * of the rate; each solution serves once. A cookie is good for one to two minutes.
 *
 * What serves once has to be remembered, within a ceiling that no crowd may turn into a closed door. The first 12,288 solutions
 * of an epoch are remembered one by one. More of them are remembered in a filter of the same size: it forgets none, and takes
 * some for used that are not. Who is refused so tries again with his next nonce, with the same odds as everybody: of 20
 * it is one at 130,000 solutions a minute, of 5 at 330,000, which are all the handshakes that a core can answer. Each quarter of
 * a million makes the work a bit harder.
 */
#ifndef KAD_CHANNEL_ADMIT_H
#define KAD_CHANNEL_ADMIT_H

#include "base/alloc.h"
#include "base/walk.h"
#include "channel/format.h"
#include "crypto/suite.h"

#define KAD_WORK_LEAST 8  /* bits, when work is asked for at all */
#define KAD_WORK_MOST  24 /* and never more than that */

enum kad_admission {
    KAD_ADMIT,         /* read it */
    KAD_ADMIT_PROVED,  /* read it: it has also shown that it receives at its address */
    KAD_ADMIT_WORKED,  /* the same, and its commitment must be held against who it turns out to be */
    KAD_ADMIT_REFUSED, /* answer with a cookie */
    KAD_ADMIT_DUE,     /* its cookie is good, but it has to show work as well: kad_admit_check_work() */
};

/* First messages of this second and of the last one. */
struct kad_admit_rate {
    uint32_t n, n_before;
};

/* Solutions that were taken in an epoch: hashes of them, open addressing; or a filter, of which each sets two bits. */
struct kad_admit_used {
    uint64_t *cells; /* 0: empty */
    uint32_t n_cells, n;
    uint32_t epoch;
    bool filter;
};

/* What cookies of an epoch are made with: follows from the secret, so it is not written down. */
struct kad_admit_key {
    bool made;
    uint32_t epoch;
    uint8_t key[16];
};

struct kad_admit {
    const struct kad_allocator *allocator;
    uint8_t secret[16];
    struct kad_admit_key keys[2]; /* of even and odd epochs */
    uint32_t cookie_per_s, work_per_s;
    kad_ms second; /* number of the one that is counted */
    struct kad_admit_rate first, cookied;
    struct kad_admit_used used[2]; /* of even and odd epochs */
};

void kad_admit_init(struct kad_admit *admit, const struct kad_allocator *allocator, const uint8_t secret[16],
                    uint32_t cookie_per_s, uint32_t work_per_s);
void kad_admit_clear(struct kad_admit *admit);

/* By the cookie that a first message brings. REFUSED: answer with kad_admit_cookie(). */
enum kad_admission kad_admit_check(struct kad_admit *admit, const struct kad_endpoint *from,
                                   const uint8_t cookie[KAD_COOKIE_SIZE], kad_ms now);
/* What was DUE: WORKED or REFUSED. `datagram` is unmasked up to its ephemeral key. */
enum kad_admission kad_admit_check_work(struct kad_admit *admit, const struct kad_suite *suite,
                                        const uint8_t *datagram, kad_ms now);
/* What one must bring under load. */
void kad_admit_cookie(struct kad_admit *admit, const struct kad_endpoint *from, kad_ms now,
                      uint8_t out_cookie[KAD_COOKIE_SIZE]);
/* What one must bring whose first message is older than `last`, the newest of his: only a replay, or a clock set back? */
void kad_admit_late_cookie(struct kad_admit *admit, const struct kad_endpoint *from, kad_ms last, kad_ms now,
                           uint8_t out_cookie[KAD_COOKIE_SIZE]);
bool kad_admit_late(struct kad_admit *admit, const struct kad_endpoint *from, kad_ms last,
                    const uint8_t cookie[KAD_COOKIE_SIZE], kad_ms now);
uint32_t kad_admit_epoch(kad_ms now);
unsigned kad_admit_bits(const struct kad_admit *admit); /* of work; 0: none is asked for */

/* The initiator's side: what binds the work to who did it, and the work: the first good nonce from io_nonce on, after 2^bits
 * tries on average. Begin at random: two solutions with one nonce are taken for one. */
void kad_admit_commitment(const struct kad_suite *suite, const uint8_t identity[32],
                          const uint8_t ephemeral[KAD_DH_SIZE], uint8_t out_commitment[16]);
void kad_admit_work(const struct kad_suite *suite, const uint8_t cookie[KAD_COOKIE_SIZE],
                    const uint8_t commitment[16], unsigned bits, uint8_t io_nonce[8]);

void kad_admit_walk(struct kad_walk *walk, struct kad_admit *admit);
size_t kad_admit_memory(const struct kad_admit *admit);

#endif
