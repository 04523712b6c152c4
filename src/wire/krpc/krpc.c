#include "wire/krpc/krpc.h"

#include <assert.h>

#include "wire/krpc/record.h"

static const struct {
    int32_t code;
    const char *text;
} refusals[KAD_N_REFUSALS] = {
    [KAD_REFUSAL_NONE] = {201, "generic error"},
    [KAD_REFUSAL_GENERIC] = {201, "generic error"},
    [KAD_REFUSAL_SERVER] = {202, "server error"},
    [KAD_REFUSAL_PROTOCOL] = {203, "protocol error"},
    [KAD_REFUSAL_METHOD] = {204, "method unknown"},
    [KAD_REFUSAL_TOO_BIG] = {205, "message (v field) too big"},
    [KAD_REFUSAL_SIGNATURE] = {206, "invalid signature"},
    [KAD_REFUSAL_SALT_TOO_BIG] = {207, "salt (salt field) too big"},
    [KAD_REFUSAL_CAS] = {301, "CAS mismatch, re-read value and try again"},
    [KAD_REFUSAL_SEQUENCE] = {302, "sequence number less than current"},
    [KAD_REFUSAL_OWNER] = {203, "not yours"}, /* this and what follows: no rule of Mainline's */
    [KAD_REFUSAL_LIFE] = {203, "lives too long"},
    [KAD_REFUSAL_CLASS] = {203, "class not held"},
    [KAD_REFUSAL_BUSY] = {202, "busy"},
    [KAD_REFUSAL_POLICY] = {203, "not wanted here"},
};

int32_t kad_krpc_refusal_code(enum kad_refusal refusal)
{
    assert(refusal < KAD_N_REFUSALS && "no such refusal");
    return refusals[refusal].code;
}

const char *kad_krpc_refusal_text(enum kad_refusal refusal)
{
    assert(refusal < KAD_N_REFUSALS && "no such refusal");
    return refusals[refusal].text;
}

enum kad_refusal kad_krpc_refusal_of(int64_t code)
{
    for (int i = KAD_REFUSAL_GENERIC; i < KAD_N_REFUSALS; i++)
        if (refusals[i].code == code)
            return (enum kad_refusal)i;
    return KAD_REFUSAL_GENERIC;
}

const struct kad_codec kad_krpc = {
    .name = "krpc",
    .decode = kad_krpc_decode,
    .encode = kad_krpc_encode,
    .check_record = kad_krpc_check_record,
    .id_allowed = kad_krpc_id_allowed,
    .make_id = kad_krpc_make_id,
};
