/*
 * token - proof that whoever announces has received at the address it announces from (BEP 5).
 *
 * A token is a keyed hash of the IP address (not the port: NATs change it) under a secret that is replaced every
 * five minutes; tokens of the last secret are still taken, so a token lives 5 to 10 minutes.
 */
#ifndef KAD_CORE_TOKEN_H
#define KAD_CORE_TOKEN_H

#include "base/endpoint.h"
#include "crypto/rng.h"

#define KAD_TOKEN_SIZE 8
#define KAD_TOKEN_LIFE (5 * KAD_MINUTE)

struct kad_token_maker {
    uint8_t secret[2][16]; /* [0] current, [1] the one before */
    kad_ms renewed_at;
};

void kad_token_init(struct kad_token_maker *maker, struct kad_rng *rng, kad_ms now);
void kad_token_make(struct kad_token_maker *maker, struct kad_rng *rng, const struct kad_endpoint *peer,
                    kad_ms now, uint8_t out_token[KAD_TOKEN_SIZE]);
bool kad_token_check(struct kad_token_maker *maker, struct kad_rng *rng, const struct kad_endpoint *peer,
                     kad_ms now, struct kad_bytes token);

#endif
