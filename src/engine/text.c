/* text - the engine's enumerations in words, for logs, metrics and errors. */
#include "kad/engine.h"

#define NAME(table, i) \
    ((size_t)(i) < sizeof(table) / sizeof((table)[0]) && (table)[i] ? (table)[i] : "unknown")

const char *kad_reason_text(enum kad_reason reason)
{
    static const char *const names[] = {
        [KAD_REASON_NONE] = "running",        [KAD_REASON_CONVERGED] = "converged",
        [KAD_REASON_EXHAUSTED] = "exhausted", [KAD_REASON_NO_CONTACTS] = "no_contacts",
        [KAD_REASON_SATISFIED] = "satisfied", [KAD_REASON_DEADLINE] = "deadline",
        [KAD_REASON_CANCELLED] = "cancelled",
    };

    return NAME(names, reason);
}

const char *kad_refusal_text(enum kad_refusal refusal)
{
    static const char *const names[] = {
        [KAD_REFUSAL_NONE] = "none",
        [KAD_REFUSAL_GENERIC] = "generic",
        [KAD_REFUSAL_SERVER] = "server",
        [KAD_REFUSAL_PROTOCOL] = "protocol",
        [KAD_REFUSAL_METHOD] = "method",
        [KAD_REFUSAL_TOO_BIG] = "too_big",
        [KAD_REFUSAL_SIGNATURE] = "signature",
        [KAD_REFUSAL_SALT_TOO_BIG] = "salt_too_big",
        [KAD_REFUSAL_CAS] = "cas",
        [KAD_REFUSAL_SEQUENCE] = "sequence",
        [KAD_REFUSAL_OWNER] = "owner",
        [KAD_REFUSAL_LIFE] = "life",
        [KAD_REFUSAL_CLASS] = "class",
        [KAD_REFUSAL_BUSY] = "busy",
        [KAD_REFUSAL_POLICY] = "policy",
    };

    return NAME(names, refusal);
}

const char *kad_standing_text(enum kad_standing standing)
{
    static const char *const names[] = {
        [KAD_STANDING_ALONE] = "alone",
        [KAD_STANDING_JOINING] = "joining",
        [KAD_STANDING_JOINED] = "joined",
        [KAD_STANDING_LOST] = "lost",
    };

    return NAME(names, standing);
}

const char *kad_warning_text(enum kad_warning warning)
{
    static const char *const names[] = {
        [KAD_WARN_NO_BOOTSTRAP] = "no_bootstrap_answers", [KAD_WARN_STORE_FULL] = "store_full",
        [KAD_WARN_STORE_FAILED] = "store_failed",         [KAD_WARN_EVENTS_LOST] = "events_lost",
        [KAD_WARN_FEW_CONTACTS] = "few_contacts",         [KAD_WARN_WRONG_KEY] = "wrong_key",
    };

    return NAME(names, warning);
}

const char *kad_drop_text(enum kad_drop drop)
{
    static const char *const names[] = {
        [KAD_DROP_NONE] = "accepted",
        [KAD_DROP_ADDRESS_RATE] = "address_rate",
        [KAD_DROP_GROUP_RATE] = "group_rate",
        [KAD_DROP_GRAYLIST] = "graylist",
        [KAD_DROP_MALFORMED] = "malformed",
        [KAD_DROP_UNSOLICITED] = "unsolicited",
        [KAD_DROP_READ_ONLY] = "read_only",
        [KAD_DROP_FAMILY] = "family",
        [KAD_DROP_ID] = "id",
        [KAD_DROP_SHED] = "shed",
        [KAD_DROP_NOISE] = "noise",
        [KAD_DROP_FORGED] = "forged",
        [KAD_DROP_REPLAYED] = "replayed",
        [KAD_DROP_STALE] = "stale_session",
        [KAD_DROP_LOADED] = "loaded",
        [KAD_DROP_REFUSED] = "refused",
        [KAD_DROP_BANNED] = "banned",
    };

    return NAME(names, drop);
}

const char *kad_peer_state_text(enum kad_peer_state state)
{
    static const char *const names[] = {
        [KAD_PEER_FINE] = "fine",
        [KAD_PEER_GRAY] = "gray",
        [KAD_PEER_BANNED] = "banned",
    };

    return NAME(names, state);
}

const char *kad_role_text(enum kad_role role)
{
    static const char *const names[KAD_N_ROLES] = {"regular", "bootstrap", "relay"};

    return NAME(names, role);
}

const char *kad_method_text(unsigned method)
{
    static const char *const names[KAD_METHODS] = {
        "ping", "find_node",         "get_peers", "announce_peer", "get",
        "put",  "sample_infohashes", "take",      "leave",         "unknown",
    };

    return NAME(names, method);
}
