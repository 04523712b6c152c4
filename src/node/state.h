/*
 * state - what a node remembers of itself over a restart: its id, its contacts, what it keeps published.
 *
 * One file, DATA_DIR/NETWORK.state, written anew as a whole (temporary file, fsync, rename), so a crash leaves the
 * old or the new one. All numbers are big-endian:
 *
 *     8  "kadstate"                  the file as a whole is trusted only if magic, version, size and checksum fit
 *     4  version: 1; in networks with identities 3, and 2 before peers were remembered
 *     4  size of the file
 *     8  saved at, Unix ms
 *    32  id
 *     2  number of contacts, then for each
 *            1  family: 4 or 6      32  id      4 or 16  address      2  port
 *            (from version 2 on: the public key stands in the id's place, which follows from it)
 *     2  number of publications, then for each
 *            1  kind: 1 announce, 2 put, 3 and 4 the same with a date
 *           32  key
 *        with a date:  8  published until, Unix ms
 *        an announce:  2  port       1  seed: 0 or 1
 *        a put:        1  type      32  public key      64  signature      8  sequence number
 *                      1  size of the salt, and it      2  size of the value, and it
 *                      (from version 2 on: then 1  flags: 1 many, 2 withdrawn, 4 renewed      8  made at      8  valid
 *                      until      if renewed 32  seed of its signer: it can publish that one name, and nothing else)
 *     version 3: 2 number of peers, those noted longest ago first, then for each
 *            1  flags: 1 an address, 2 banned by the operator      32  id      1  family: 4, 6, or 0 and no address
 *            4 or 16  address      2  port      8  answering since      8  heard at      8  banned until      8  banned for
 *            4  rtt, ms; all ones: unknown      4  answers      4  silences      4  refusals      4  points held against it
 *     4  CRC-32C of everything before
 *
 * A file that does not fit is damaged or of a later version; decoding says so and never trusts a part of it.
 */
#ifndef KAD_NODE_STATE_H
#define KAD_NODE_STATE_H

#include "lookout/anchors.h"
#include "node/kept.h"

#define KAD_STATE_CONTACTS KAD_ANCHORS_FROM
#define KAD_STATE_PEERS    2048
#define KAD_STATE_SIZE_MAX (64 << 20) /* no honest file is larger */

struct kad_state {
    const struct kad_allocator *allocator;
    kad_ms saved_at;
    struct kad_id id;
    struct kad_contact contacts[KAD_STATE_CONTACTS];
    uint8_t keys[KAD_STATE_CONTACTS][32]; /* with has_keys: beside them, what their ids follow from */
    size_t n_contacts;
    bool has_keys; /* the network has identities */
    struct kad_kept_list kept;
    struct kad_peer_row peers[KAD_STATE_PEERS]; /* with has_keys: what is remembered of whom */
    size_t n_peers;
};

void kad_state_init(struct kad_state *state, const struct kad_allocator *allocator);
void kad_state_clear(struct kad_state *state);

/* Whom to ask first at the next start (lookout/anchors.h). */
#define KAD_STATE_ANCHORS KAD_ANCHORS
void kad_state_anchors_first(struct kad_state *state);

/* How many bytes the state takes as a file; writes them when they fit in `room`. */
size_t kad_state_encode(const struct kad_state *state, uint8_t *out_bytes, size_t room);
/* Fills a state that was just initialised; on failure it is as before. 0, KAD_E_CORRUPT, KAD_E_MEMORY. */
KAD_CHECK int kad_state_decode(struct kad_state *state, struct kad_bytes bytes);

#endif
