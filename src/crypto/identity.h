/*
 * identity - the public key pairs (kad/identity.h), and the statement by which one hands over to another.
 */
#ifndef KAD_CRYPTO_IDENTITY_H
#define KAD_CRYPTO_IDENTITY_H

#include "base/types.h"
#include "kad/identity.h"

#define KAD_IDENTITY_PREFIX "id" /* of the text */

/* "From now on I am to be found as `to`", signed by `from`. Who is `to` shows it when it is asked, and nobody else profits
 * from it, so it need not sign. docs/identity.md has its bytes. */
struct kad_move {
    uint8_t from[KAD_IDENTITY_SIZE];
    uint8_t to[KAD_IDENTITY_SIZE];
    kad_ms made_at; /* Unix time */
    uint8_t signature[KAD_SIGNATURE_SIZE];
};

#define KAD_MOVE_SIZE 136 /* from | to | made_at | signature, as bytes */

void kad_move_make(struct kad_move *out_move, const struct kad_identity *from,
                   const uint8_t to[KAD_IDENTITY_SIZE], kad_ms made_at);
bool kad_move_check(const struct kad_move *move);
void kad_move_encode(const struct kad_move *move, uint8_t out_bytes[KAD_MOVE_SIZE]);
/* Not checked: kad_move_check(). */
void kad_move_decode(const uint8_t bytes[KAD_MOVE_SIZE], struct kad_move *out_move);

#endif
