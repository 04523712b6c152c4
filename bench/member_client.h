/*
 * member_client - many members of kad's network, as a load: channels that ask one node, without engines of their own.
 *
 * A client speaks through one channel. On Mainline it has no channel, and its queries are bare messages: the same
 * program loads both, so that what is compared is the network and not the load.
 */
#ifndef KAD_BENCH_MEMBER_CLIENT_H
#define KAD_BENCH_MEMBER_CLIENT_H

#include "channel/channel.h"
#include "core/message.h"
#include "engine/network.h"

struct client {
    struct kad_channel *channel; /* NULL: Mainline */
    struct kad_endpoint endpoint;
    struct kad_id id;
};

/* The n-th host. */
struct kad_endpoint client_endpoint(uint32_t number);
/* 32 bytes that depend on `number` alone. */
void client_bytes(uint8_t out[32], uint32_t number);
/* Anew, with the n-th identity; `seed` is for its randomness. Ends the program when it cannot. */
void client_make(struct client *client, const struct kad_network *network, uint32_t number, uint32_t seed,
                 kad_ms now);
void client_clear(struct client *client);
/* A query for a random target, as a datagram for `server` (its key NULL on Mainline). Its size; 0: the session does not let it. */
size_t client_ask(struct client *client, const struct kad_network *network, const struct kad_endpoint *server,
                  const uint8_t *key, enum kad_method method, uint32_t number, uint8_t *bytes, size_t room,
                  kad_ms now);
/* An answer came. True: it holds a message (on Mainline every datagram does). */
bool client_take(struct client *client, const struct kad_datagram *in, kad_ms now);

#endif
