/*
 * cookies - how COOKIEs are sealed: under one key of the answerer's, with a number that rises (docs/protocol.md, "Under load").
 *
 * Everybody who knows the answerer's public key can make the key; it hides what is said from everybody else, and a number never
 * serves twice. Under load this is most of what a refusal costs, so the key is kept ready where it can be (crypto/ready.h): that
 * is no state, only faster.
 */
#ifndef KAD_CHANNEL_COOKIES_H
#define KAD_CHANNEL_COOKIES_H

#include "channel/busy.h"
#include "crypto/suite.h"

struct kad_cookies {
    uint8_t key[KAD_SEAL_KEY];
    uint64_t number; /* of the next COOKIE */
    uint8_t *ready;  /* KAD_READY_KEY bytes somewhere in `memory`; NULL: seal with `key` */
    uint8_t *memory;
    bool looked; /* `ready` is as good as it will get */
};

void kad_cookies_key(const struct kad_suite *suite, const uint8_t answerer[32],
                     uint8_t out_key[KAD_SEAL_KEY]);
/* `number`: a random one. */
void kad_cookies_init(struct kad_cookies *cookies, const struct kad_suite *suite, const uint8_t answerer[32],
                      uint64_t number);
void kad_cookies_clear(struct kad_cookies *cookies, const struct kad_allocator *allocator);
size_t kad_cookies_memory(const struct kad_cookies *cookies);
/* The number of the COOKIE that is written now is taken, and seals it. `list` has the functions for ready keys. */
void kad_cookies_seal(struct kad_cookies *cookies, const struct kad_suite *suite, struct kad_busy_list *list,
                      const uint8_t tail[16], uint8_t *data, size_t n);

#endif
