/*
 * place_rules - whom an operator wants to have nothing to do with, by country, autonomous system or network.
 *
 *     "CN, AS64500, 192.0.2.0/24, 2001:db8::/32"
 *
 * An address is matched by a list when any entry matches it. Countries and systems match what the table of places says of an address;
 * where it says nothing they match nothing.
 */
#ifndef KAD_NODE_PLACE_RULES_H
#define KAD_NODE_PLACE_RULES_H

#include "base/endpoint.h"
#include "kad/engine.h"

#define KAD_PLACE_RULES_MAX 48 /* entries of a list */

struct kad_place_rule {
    enum { KAD_RULE_COUNTRY, KAD_RULE_SYSTEM, KAD_RULE_NETWORK } kind;
    char country[2];
    uint32_t as_number;
    struct kad_endpoint network; /* its bits behind `n_bits` are zero */
    unsigned n_bits;
};

struct kad_place_list {
    struct kad_place_rule rules[KAD_PLACE_RULES_MAX];
    size_t n;
};

/* 0 or KAD_E_INVALID with the entry that is none in `why`. An empty text is an empty list. */
KAD_CHECK int kad_place_list_read(const char *text, struct kad_place_list *out_list, char *why,
                                  size_t why_size);
bool kad_place_list_has(const struct kad_place_list *list, const struct kad_endpoint *endpoint,
                        const struct kad_place *place);
/* Does any entry need a table to mean anything? */
bool kad_place_list_needs_table(const struct kad_place_list *list);

#endif
