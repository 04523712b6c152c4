/*
 * member_proof - the two ends of a WebSocket prove who they are, before they say anything else (docs/kad-ws.md).
 *
 *     client   Kad.connect   version, network, the host it means to speak with, who it is, its nonce, where it listens
 *                            itself
 *     server   answer        who it is, its nonce, its signature over all of this
 *     client   Kad.verify    its signature over the same
 *     server   answer        that it is in
 *
 * Both nonces are fresh, so neither half of an old handshake is worth anything again. The host is what the client dialled,
 * and the server takes only what it is itself reached at: whoever passes a handshake on to another is caught by the name it
 * was dialled under. And a server that is somebody else than expected is left at once.
 *
 * Pure: JSON in, JSON out; the caller gives the nonces, and says at which hosts it is.
 */
#ifndef KAD_HTTP_MEMBER_PROOF_H
#define KAD_HTTP_MEMBER_PROOF_H

#include <jansson.h>

#include "crypto/identity.h"
#include "kad/types.h"

#define KAD_MEMBER_VERSION  1
#define KAD_MEMBER_HOST_MAX 255
#define KAD_MEMBER_NONCE    32

/* Who proves. Lent for the life of the proof. */
struct kad_member_self {
    const struct kad_identity *identity;
    const char *network; /* its name */
    unsigned puzzle_bits;
};

enum kad_member_stage {
    KAD_MEMBER_BEGUN,  /* a server: nothing was said; a client: Kad.connect was */
    KAD_MEMBER_SIGNED, /* a server has signed; a client has verified, and signed */
    KAD_MEMBER_PROVED,
    KAD_MEMBER_FAILED, /* nothing the other end says is looked at any more */
};

struct kad_member_proof {
    const struct kad_member_self *self;
    enum kad_member_stage stage;
    bool is_server, has_expected, wrong_key;
    uint8_t peer[KAD_IDENTITY_SIZE];     /* PROVED; expected of a server, before */
    uint16_t port;                       /* where the client listens; 0: nowhere */
    uint8_t nonces[2][KAD_MEMBER_NONCE]; /* the client's, the server's */
    char host[KAD_MEMBER_HOST_MAX + 1];
};

/* A server's: `nonce` is fresh. */
void kad_member_proof_serve(struct kad_member_proof *proof, const struct kad_member_self *self,
                            const uint8_t nonce[KAD_MEMBER_NONCE]);
/* A client's first words; yours, NULL: no memory. `expected` NULL: whoever it is. */
json_t *kad_member_proof_connect(struct kad_member_proof *proof, const struct kad_member_self *self,
                                 const uint8_t nonce[KAD_MEMBER_NONCE], const char *host, uint16_t port,
                                 const uint8_t *expected);
/* The other end said `message`. What to say next; yours, or NULL: nothing. Then look at `stage`. `is_own` says whether a server is
 * reached at proof->host. */
json_t *kad_member_proof_hear(struct kad_member_proof *proof, const json_t *message,
                              bool (*is_own)(void *context, const char *host), void *context);

#endif
