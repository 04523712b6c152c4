/*
 * message - what Kademlia nodes say to one another, whatever the wire.
 *
 * A decoded message borrows from its datagram. The large arrays stand last and are not cleared by
 * kad_message_init(): only their first n_ entries mean anything.
 */
#ifndef KAD_CORE_MESSAGE_H
#define KAD_CORE_MESSAGE_H

#include <string.h>

#include "core/record.h"

enum kad_message_kind { KAD_QUERY, KAD_REPLY, KAD_ERROR };

enum kad_method {
    KAD_PING,
    KAD_FIND_NODE,
    KAD_GET_PEERS, /* who has this content? */
    KAD_ANNOUNCE,  /* I have it */
    KAD_GET,       /* a stored record */
    KAD_PUT,
    KAD_SAMPLE,  /* some of the keys you hold peers for (BEP 51) */
    KAD_TAKE,    /* give me what is for me under this key, and forget it */
    KAD_LEAVE,   /* I leave: nobody answers */
    KAD_UNKNOWN, /* a method we do not know; with a target it is answered like FIND_NODE */
    KAD_N_METHODS,
};

/* Where a message came from, and where an answer to it goes. `contact` may be KAD_NO_CONTACT (0). */
struct kad_peer {
    uint32_t contact; /* kad_contact_ref */
    uint32_t channel; /* the carrier's: session or stream; 0 for plain datagrams */
    struct kad_endpoint endpoint;
    /* What the carrier proved the sender to be (kad_rules.identity_size bytes, a public key); empty: plain datagrams prove
     * nothing, and messages say themselves who sends them. Borrowed. */
    struct kad_bytes identity;
    bool
        replayable; /* it came in a session's first message, which may be an old one: nothing may be changed for it */
};

#define KAD_MESSAGE_CONTACTS 64
#define KAD_MESSAGE_PEERS    128
#define KAD_MESSAGE_SAMPLES  64
#define KAD_MESSAGE_RECORDS  8
#define KAD_MESSAGE_RESULTS  (1 + KAD_MESSAGE_RECORDS)
#define KAD_BLOOM_SIZE       256 /* BEP 33: m = 2048 bit, k = 2 */

struct kad_message;

/* More values than an array has room for, where an answer has as many as fit: of a message that came they stand in its bytes, of
 * one to be encoded where they are kept. A copy of it is read from its beginning: while (next(&values, message, &record)). */
struct kad_values {
    bool (*next)(struct kad_values *values, const struct kad_message *message,
                 struct kad_record *out_record); /* NULL: there are none */
    struct kad_bytes rest;
    void *context;
    uint32_t n; /* that were read */
};

struct kad_message {
    enum kad_message_kind kind;
    enum kad_method method; /* of queries. Replies do not name theirs on every wire: the transaction tells */
    struct kad_bytes transaction;
    struct kad_bytes version; /* BEP 5 "v" */
    struct kad_id sender;
    struct kad_id target; /* node id, info-hash or record key */
    struct kad_endpoint
        your_address; /* BEP 42 "ip": how the sender sees us; family KAD_FAMILY_NONE: not said */
    struct kad_bytes token;
    struct kad_record record;   /* PUT query, GET reply; type KAD_RECORD_NONE: none */
    const uint8_t *bloom_seeds; /* BEP 33, KAD_BLOOM_SIZE bytes each, or NULL */
    const uint8_t *bloom_peers;
    int64_t sequence; /* GET query: only if newer (has_sequence); GET reply without value: newest held */
    int64_t cas;      /* PUT: valid with has_cas */
    enum kad_refusal refusal; /* KAD_ERROR */
    int32_t refusal_code;     /* as on the wire */
    struct kad_bytes refusal_text;
    uint32_t sample_total;      /* BEP 51 "num" */
    uint32_t sample_interval_s; /* BEP 51 "interval" */
    uint16_t port;              /* ANNOUNCE */
    bool has_sender;
    bool read_only;            /* BEP 43 */
    bool want_ipv4, want_ipv6; /* BEP 32 "want"; neither: the family it came by */
    bool implied_port;         /* ANNOUNCE: use the datagram's source port */
    bool seed;                 /* BEP 33: announce as a seed / ("noseed") */
    bool no_seeds;             /* BEP 33: GET_PEERS wants no seeds */
    bool scrape;               /* BEP 33 */
    bool has_sequence;
    bool has_cas;
    bool has_samples;
    bool record_checked; /* PUT query: while decoding, `record` was found to be what check_record() wants */
    /* Networks with identities and record classes (kad_rules). */
    uint8_t record_type; /* GET, TAKE: of this class only; 0: any */
    uint8_t prefix_bits; /* GET: all whose keys share so many bits with target; 0: target itself */
    uint32_t from;       /* GET, TAKE: go on here; reply: where to go on, 0: that was all */
    uint8_t role;        /* enum kad_role: reply to PING and FIND_NODE, what it offers to be */
    bool wants_attest;   /* GET, PUT */
    bool has_attest;     /* `attest` below is there */
    bool has_ghost;      /* `ghost` below is there */
    bool has_places;     /* `places` below are there */
    uint16_t n_contacts, n_peers, n_samples, n_records; /* n_records: beyond `record`, in `records` */
    uint16_t n_results;                                 /* reply to a PUT of several records */
    struct kad_values more; /* reply to a GET: values of the key behind `record` and `records`; borrowed */
    /* To be encoded: n_contacts and n_samples of these, wherever they are kept, in place of the arrays below. NULL: the
     * arrays. Nothing that was decoded has them. */
    const struct kad_contact *const *named;
    const struct kad_bytes *named_identities; /* beside `named`; NULL: the array below */
    const struct kad_id *sampled;
    /* Up to here kad_message_init() clears. */
    struct kad_contact contacts[KAD_MESSAGE_CONTACTS];
    struct kad_endpoint peers[KAD_MESSAGE_PEERS];
    struct kad_id samples[KAD_MESSAGE_SAMPLES];
    struct kad_bytes
        identities[KAD_MESSAGE_CONTACTS]; /* beside `contacts`, where the network has identities */
    /* More values of the key; PUT query: more to be kept, of any keys; TAKE query: those to forget. */
    struct kad_record records[KAD_MESSAGE_RECORDS];
    uint8_t results[KAD_MESSAGE_RESULTS]; /* what became of each: enum kad_refusal */
    /* To be encoded: where the list of the key's values goes on, should one of `records` not fit. Those that do not are left out
     * then, and `from` says so; without places all must fit. */
    uint32_t places[KAD_MESSAGE_RECORDS];
    struct kad_attest attest; /* reply to PUT: a receipt; to GET and TAKE: what there was */
    struct kad_record ghost;  /* reply to GET: what is left of the record that `attest` says was held */
};

static inline void kad_message_init(struct kad_message *message)
{
    memset(message, 0, offsetof(struct kad_message, contacts));
}

#endif
