/*
 * lmdb_entry - what one record and one peer look like on disk. docs/store.md has the bytes; this is their only reader
 * and writer.
 *
 * Numbers are little-endian whatever the machine. Every entry carries a checksum over its key and its value, and is
 * taken whole or not at all: a disk is not trusted more than a peer.
 */
#ifndef KAD_STORE_LMDB_ENTRY_H
#define KAD_STORE_LMDB_ENTRY_H

#include "store/mem.h"

#define KAD_ENTRY_FORMAT         2u /* 1: without records of classes; upgraded when it is opened */
#define KAD_ENTRY_RECORD_KEY_MAX (KAD_ID_SIZE + 1 + 32)
#define KAD_ENTRY_PEER_KEY_MAX   (KAD_ID_SIZE + 1 + 16 + 2)
#define KAD_ENTRY_PEER_VALUE     13u
#define KAD_ENTRY_RECORD_HEADER  36u
#define KAD_ENTRY_RECORD_MAX     (1u << 24) /* larger ones are neither written nor read */

/* A record's key on disk is its key; of a class, with its type behind, and its owner where the key has many. Returns the size. */
size_t kad_entry_record_key(const struct kad_record *record, uint8_t out_key[KAD_ENTRY_RECORD_KEY_MAX]);
/* Whether a key on disk is a record's; else it is a peer's. */
bool kad_entry_is_record_key(size_t size);
size_t kad_entry_record_size(const struct kad_record *record); /* 0: too large to be written */
/* `out_value` has kad_entry_record_size() bytes. */
void kad_entry_record_write(const struct kad_record *record, uint64_t group, uint8_t *out_value);
/* The record borrows from `value`. 0 or KAD_E_CORRUPT. */
KAD_CHECK int kad_entry_record_read(struct kad_bytes key, struct kad_bytes value,
                                    struct kad_record *out_record, uint64_t *out_group);

/* Returns the size of the key. */
size_t kad_entry_peer_key(const struct kad_id *key, const struct kad_endpoint *peer,
                          uint8_t out_key[KAD_ENTRY_PEER_KEY_MAX]);
void kad_entry_peer_write(const struct kad_mem_peer *peer, uint8_t out_value[KAD_ENTRY_PEER_VALUE]);
/* 0 or KAD_E_CORRUPT. */
KAD_CHECK int kad_entry_peer_read(struct kad_bytes key, struct kad_bytes value,
                                  struct kad_mem_peer *out_peer);

/* The node's own, under its name: 8 bytes of header, then the content. */
#define KAD_ENTRY_STATE_HEADER 8u
void kad_entry_state_write(struct kad_bytes name, struct kad_bytes content, uint8_t *out_value);
/* The content borrows from `value`. 0 or KAD_E_CORRUPT. */
KAD_CHECK int kad_entry_state_read(struct kad_bytes name, struct kad_bytes value,
                                   struct kad_bytes *out_content);

#endif
