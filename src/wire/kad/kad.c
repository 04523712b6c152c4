#include "wire/kad/kad.h"

#include <assert.h>

#include "wire/kad/methods.h"
#include "wire/kad/record.h"

/* Written as they are numbered. */
static_assert(KAD_REFUSAL_GENERIC == 1 && KAD_REFUSAL_SERVER == 2 && KAD_REFUSAL_PROTOCOL == 3 &&
                  KAD_REFUSAL_METHOD == 4 && KAD_REFUSAL_TOO_BIG == 5 && KAD_REFUSAL_SIGNATURE == 6 &&
                  KAD_REFUSAL_SALT_TOO_BIG == 7 && KAD_REFUSAL_CAS == 8 && KAD_REFUSAL_SEQUENCE == 9 &&
                  KAD_REFUSAL_OWNER == 10 && KAD_REFUSAL_LIFE == 11 && KAD_REFUSAL_CLASS == 12 &&
                  KAD_REFUSAL_BUSY == 13 && KAD_REFUSAL_POLICY == 14,
              "docs/protocol.md, Refusals");
static_assert(KAD_RECORD_IMMUTABLE == 1 && KAD_RECORD_MUTABLE == 2 && KAD_CLASS_PEER == 3 &&
                  KAD_CLASS_ROOM == 4 && KAD_CLASS_DOMAIN == 5 && KAD_CLASS_LISTING == 6 &&
                  KAD_CLASS_MESSAGE == 7 && KAD_CLASS_PROVIDER == 8 && KAD_CLASS_USER == 9,
              "docs/protocol.md, Classes");
static_assert(KAD_QUERY == 0 && KAD_REPLY == 1 && KAD_ERROR == 2, "docs/protocol.md, Messages");
static_assert(KAD_ATTEST_STORED == 1 && KAD_ATTEST_HELD == 2 && KAD_ATTEST_NOTHING == 3,
              "docs/protocol.md, Receipts");

#define T(tag)   KAD_TAG_BIT(KAD_TAG_##tag)
#define CONTACTS (T(CONTACTS_V4) | T(CONTACTS_V6))
#define RECORDS  (T(RECORD) | T(FROM) | T(SEQUENCE) | T(ATTEST) | T(GHOST))

static const struct kad_wire_form forms[] = {
    {0, KAD_UNKNOWN, 0, 0, 0},
    {1, KAD_PING, T(FLAGS), 0, T(YOUR_ADDRESS) | T(ROLE)},
    {2, KAD_FIND_NODE, T(TARGET) | T(FLAGS), T(TARGET), T(YOUR_ADDRESS) | CONTACTS | T(ROLE)},
    {3, KAD_GET, T(TARGET) | T(FLAGS) | T(CLASS) | T(PREFIX) | T(SEQUENCE) | T(FROM), T(TARGET),
     T(YOUR_ADDRESS) | T(TOKEN) | RECORDS | CONTACTS},
    {4, KAD_PUT, T(FLAGS) | T(CAS) | T(TOKEN) | T(RECORD), T(TOKEN) | T(RECORD),
     T(YOUR_ADDRESS) | T(ATTEST) | T(RESULTS)},
    {5, KAD_TAKE, T(TARGET) | T(FLAGS) | T(CLASS) | T(TOKEN) | T(FORGET) | T(FROM), T(TARGET),
     T(YOUR_ADDRESS) | T(TOKEN) | RECORDS | CONTACTS},
    {6, KAD_LEAVE, 0, 0, 0},
};

const struct kad_wire_form *kad_wire_form_of(unsigned code)
{
    return &forms[code < KAD_COUNT_OF(forms) ? code : 0];
}

const struct kad_wire_form *kad_wire_form_for(enum kad_method method)
{
    for (unsigned i = 0; i < KAD_COUNT_OF(forms); i++) {
        if (forms[i].method == method)
            return &forms[i];
    }
    return NULL;
}

const struct kad_codec kad_wire = {
    .name = "kad",
    .decode = kad_wire_decode,
    .encode = kad_wire_encode,
    .check_record = kad_wire_check_record,
};
