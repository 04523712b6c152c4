/* fields - a message taken apart: which tags are there, and what stands under each. What it means is decode's. */
#ifndef KAD_WIRE_KAD_FIELDS_H
#define KAD_WIRE_KAD_FIELDS_H

#include "core/message.h"

/* In the order in which they stand. Contacts take what room is left. */
enum kad_wire_tag {
    KAD_TAG_END = 0,
    KAD_TAG_TARGET = 1,       /* 32 bytes */
    KAD_TAG_FLAGS = 2,        /* 1: KAD_WIRE_READ_ONLY and so on */
    KAD_TAG_CLASS = 3,        /* 1: of records wanted */
    KAD_TAG_PREFIX = 4,       /* 1: bits of target that count */
    KAD_TAG_SEQUENCE = 5,     /* 8 */
    KAD_TAG_CAS = 6,          /* 8 */
    KAD_TAG_YOUR_ADDRESS = 7, /* 6 or 18: address and port */
    KAD_TAG_TOKEN = 8,        /* 1 .. KAD_WIRE_TOKEN_MAX */
    KAD_TAG_REFUSAL = 9,      /* 1: enum kad_refusal */
    KAD_TAG_TEXT = 10,        /* 1 .. KAD_WIRE_TEXT_MAX: UTF-8, for people */
    KAD_TAG_FORGET = 11, /* type 1 | public key 32 | sequence 8, each: records that came, to be forgotten */
    KAD_TAG_ATTEST = 12, /* kind 1 | digest 32 | at 8 | signature 64 */
    KAD_TAG_GHOST = 13,  /* a record whose value is the hash of its value */
    KAD_TAG_RECORD =
        14, /* type 1 | flags 1 | key 32 | public key 32 | sequence 8 | made 8 | until 8 | value | signature 64 */
    KAD_TAG_FROM = 15,        /* 4: where a list goes on */
    KAD_TAG_CONTACTS_V4 = 16, /* public key 32 | address 4 | port 2, each */
    KAD_TAG_CONTACTS_V6 = 17, /* public key 32 | address 16 | port 2, each */
    KAD_TAG_ROLE = 18,        /* 1: enum kad_role, never regular */
    KAD_TAG_RESULTS = 19,     /* 1, each: enum kad_refusal, 0: it is kept */
    KAD_N_TAGS,
};
#define KAD_TAG_BIT(tag) (UINT32_C(1) << (tag))

#define KAD_WIRE_READ_ONLY    1 /* FLAGS: asks, never answers */
#define KAD_WIRE_WANT_V4      2
#define KAD_WIRE_WANT_V6      4
#define KAD_WIRE_WANTS_ATTEST 8
#define KAD_WIRE_FLAGS        15

#define KAD_FIELDS_RECORDS (1 + KAD_MESSAGE_RECORDS)

/* Only what has its bit in `present` means anything. All borrowed. */
struct kad_fields {
    uint32_t present;
    uint16_t n_records;
    struct kad_bytes of[KAD_N_TAGS]; /* not of RECORD */
    struct kad_bytes records[KAD_FIELDS_RECORDS];
};

/* False: broken, out of order, a length that its tag does not have, more records than a message holds, a tag that must be known. */
bool kad_fields_read(struct kad_bytes bytes, struct kad_fields *out_fields);

static inline bool kad_fields_have(const struct kad_fields *fields, enum kad_wire_tag tag)
{
    return fields->present & KAD_TAG_BIT(tag);
}

#endif
