/*
 * ready - keys of AES-256-GCM made ready: expanded, and with the powers that authentication multiplies by.
 *
 * The same bytes as kad_suite_real's seal() and open(), for whoever says much under one key: to make a key ready takes 0.1 us, and
 * a message then a third to a fifth of what it takes otherwise. It is libIPSec_MB's, in its form for this processor, where kad was
 * built with it and the processor has instructions for AES: its other form looks up tables, at places that depend on the key.
 * Nothing is kept between calls but what the caller keeps; any thread.
 */
#ifndef KAD_CRYPTO_READY_H
#define KAD_CRYPTO_READY_H

#include "crypto/suite.h"

#define KAD_READY_KEY   1024 /* bytes */
#define KAD_READY_ALIGN 64   /* where one begins */

/* Functions for this processor. */
struct kad_ready {
    void (*prepare)(void), (*seal)(void), (*open)(void);
};

/* About a millisecond, once for a channel. False: there is none, keys are to be set up for each message. */
bool kad_ready_find(struct kad_ready *out_ready);
/* `out_key` is as secret as `key`. */
void kad_ready_prepare(const struct kad_ready *ready, const uint8_t key[KAD_SEAL_KEY],
                       uint8_t out_key[KAD_READY_KEY]);
/* As those of struct kad_suite. */
void kad_ready_seal(const struct kad_ready *ready, const uint8_t key[KAD_READY_KEY], uint64_t counter,
                    const void *aside, size_t n_aside, uint8_t *data, size_t n);
bool kad_ready_open(const struct kad_ready *ready, const uint8_t key[KAD_READY_KEY], uint64_t counter,
                    const void *aside, size_t n_aside, uint8_t *data, size_t n);

#endif
