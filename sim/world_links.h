/*
 * world_links - connections between simulated nodes, for networks whose messages travel over them (KAD_CARRIER_HOST).
 *
 * What stands between an engine of libp2p's and the net is the swarm (engine/swarm.h), with Noise, yamux and buffers for each
 * connection: too much for ten thousand nodes of three hundred connections each (docs/adr/0014). Here the engine, its descriptor and
 * its codec are the real ones, and a connection is what it costs:
 *
 *     a dial        so many round trips before the first message goes (SIM_HANDSHAKE_TRIPS), and the processors' time for it
 *     nobody there  the whole patience of a dial; then the address is left alone for a time that doubles
 *     connected     a message is there after half a round trip; lost packets come later, not never
 *     ceilings      of connections (the one used least lately makes room), of dials at once
 *     gone          who leaves says so; who crashes is found out by pings that nobody answers, and what was sent meanwhile is lost
 *
 * All figures are the swarm's. sim/real_test.c runs real swarms, and holds the times of both against each other.
 */
#ifndef SIM_WORLD_LINKS_H
#define SIM_WORLD_LINKS_H

#include "sim/world_parts.h"

#define SIM_HANDSHAKE_TRIPS \
    2 /* TCP; Noise's first two messages, multistream with them: a question goes with the third */
#define SIM_HANDSHAKE_CPU 1000 /* us, of both sides: docs/libp2p.md has it measured */

/* world->links of a network of connections; NULL: no memory. */
KAD_CHECK int sim_links_new(struct sim_world *world);
void sim_links_free(struct sim_world *world); /* none is fine */

/* What an engine wants sent. */
void sim_links_send(struct sim_world *world, uint32_t from, const struct kad_endpoint *to,
                    struct kad_bytes bytes);
/* A packet that came where it was sent to. */
void sim_links_deliver(struct sim_world *world, const struct sim_packet *packet);

/* This node is off now, or on again. */
void sim_links_stop(struct sim_world *world, uint32_t node, enum sim_stop how);
void sim_links_start(struct sim_world *world, uint32_t node);
/* Everybody is connected to whom he knows. */
void sim_links_make_ready(struct sim_world *world);

/* -- world_words.c: frames between engines, as the swarm would change them on their way ------------------------------------------ */

#define SIM_WORDS_MAX 17000 /* bytes of a frame on its way */

struct sim_names;
KAD_CHECK int sim_words_new(struct sim_world *world, struct sim_names **out_names);
void sim_words_free(struct sim_world *world, struct sim_names *names);

enum sim_words { SIM_WORDS_NONE, SIM_WORDS_QUESTION, SIM_WORDS_PING, SIM_WORDS_ANSWER };
/* What `from`'s engine says, as it arrives; its size in *out_size. */
enum sim_words sim_words_carry(struct sim_world *world, uint32_t from, struct kad_bytes frame,
                               uint8_t out[SIM_WORDS_MAX], size_t *out_size);
/* What a swarm answers without its engine: a ping; or a question that the engine leaves unanswered. `frame` is as it arrived. */
size_t sim_words_pong(struct kad_bytes frame, uint8_t out[SIM_WORDS_MAX]);
size_t sim_words_refuse(struct kad_bytes frame, uint8_t out[SIM_WORDS_MAX]);
/* That somebody is there whom the engine may want to know. */
size_t sim_words_greeting(uint8_t out[SIM_WORDS_MAX]);
enum sim_words sim_words_kind(struct kad_bytes frame, bool *out_greets);

#endif
