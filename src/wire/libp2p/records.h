/*
 * records - what libp2p's Kademlia nodes keep for one another, as records of ours (core/record.h): values under names
 * ("/namespace/rest"), and who provides a piece of content.
 *
 *     value       type KAD_RECORD_MUTABLE   "/pk/" and "/ipns/", which prove themselves
 *                 type KAD_CLASS_USER       any other namespace: a program's own class says what may stand there
 *     provider    type KAD_CLASS_PROVIDER   many; `public_key` is the provider's place in the key space, `value` its Peer message
 *
 * Nothing of it is signed by us: a value proves itself or not, and a provider is who the connection proved to be. `salt` is what is
 * hashed to the key (a name, a multihash). `made_at` is when a holder took it; it is the `sequence`, too, where nothing else is.
 */
#ifndef KAD_WIRE_LIBP2P_RECORDS_H
#define KAD_WIRE_LIBP2P_RECORDS_H

#include "core/rules.h"

#define KAD_P2P_VALUE      KAD_RECORD_MUTABLE
#define KAD_P2P_VALUE_LIFE (48 * KAD_HOUR) /* as go and rust have it; put again, a value lives anew */

/* Which of the types above lies under a name. */
uint8_t kad_p2p_type_of(struct kad_bytes name);
/* kad_rules.check_record, .digest and .sign_record (which only counts up, for nothing is signed, or not by us: then it is good for as long as its signer says). */
enum kad_refusal kad_p2p_check_record(const struct kad_record *record);
void kad_p2p_digest(const struct kad_record *record, uint8_t out_digest[32]);
void kad_p2p_renew(struct kad_record *record, const uint8_t *seed);
/* kad_rules.class_of with the lives that the preset gives: provider records of 12 and of 48 hours. */
const struct kad_class *kad_p2p_class_of_icn(uint8_t type);
const struct kad_class *kad_p2p_class_of_ipfs(uint8_t type);

/* -- names of IPNS (ipfs/specs, ipns-record) --------------------------------------------------------------------- */

#define KAD_IPNS_MAX 10240 /* bytes of a record, as the specification has it */

struct kad_ipns {
    struct kad_bytes value; /* what the name stands for: a path */
    uint64_t sequence;
    kad_ms valid_until; /* Unix time */
    uint64_t ttl_ns;
};
/* What it says, whoever signed it. 0 or KAD_E_INVALID. */
KAD_CHECK int kad_ipns_read(struct kad_bytes name, struct kad_bytes value, struct kad_ipns *out_ipns);
/* Checks that the name's key ("/ipns/" and a peer id) signed it, and what it says. 0 or KAD_E_INVALID. Whether it has expired is for
 * who has a clock. */
KAD_CHECK int kad_ipns_check(struct kad_bytes name, struct kad_bytes value, struct kad_ipns *out_ipns);
/* "2026-01-02T03:04:05.678Z" to milliseconds of Unix time, and back (24 characters and a zero). KAD_E_INVALID. */
KAD_CHECK int kad_ipns_read_time(struct kad_bytes text, kad_ms *out_time);
void kad_ipns_write_time(kad_ms time, char out_text[25]);

#endif
