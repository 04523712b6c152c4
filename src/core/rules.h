/* rules - what a network's descriptor tells core: pure functions and widths. Core never names a network. */
#ifndef KAD_CORE_RULES_H
#define KAD_CORE_RULES_H

#include "core/record.h"
#include "base/endpoint.h"

struct kad_rules {
    unsigned id_bits; /* 160 or 256 */
    enum kad_refusal (*check_record)(const struct kad_record *record);
    bool (*id_allowed)(const struct kad_id *id, const struct kad_endpoint *endpoint);   /* NULL: all are */
    struct kad_id (*make_id)(const struct kad_endpoint *endpoint, struct kad_rng *rng); /* NULL: random */
};

#endif
