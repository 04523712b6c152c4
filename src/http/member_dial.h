/*
 * member_dial - the HTTP in front of a WebSocket that we begin: GET /kad, and 101. On a descriptor that does not block.
 */
#ifndef KAD_HTTP_MEMBER_DIAL_H
#define KAD_HTTP_MEMBER_DIAL_H

#include "kad/identity.h"
#include "kad/types.h"

enum kad_member_dial_result {
    KAD_MEMBER_DIAL_WRITE, /* step again when it can be written to */
    KAD_MEMBER_DIAL_READ,  /* when there is something to read */
    KAD_MEMBER_DIAL_OPEN,
    KAD_MEMBER_DIAL_FAILED,
};

struct kad_member_dial {
    char text[2048]; /* the request, then the answer's head */
    size_t at, size;
    bool asked;
    char accept[32];
    uint8_t expected[KAD_IDENTITY_SIZE]; /* the caller's */
};

/* A descriptor that connects, from the address of `from` if that is one (family 0: any); negative: there is no way. */
int kad_member_dial_begin(const struct kad_endpoint *endpoint, const struct kad_endpoint *from);
void kad_member_dial_init(struct kad_member_dial *dial, const struct kad_endpoint *endpoint);
/* OPEN: *out_early is what came behind the head, borrowed from `dial`. */
enum kad_member_dial_result kad_member_dial_step(struct kad_member_dial *dial, int fd,
                                                 struct kad_bytes *out_early);

#endif
