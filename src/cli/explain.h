/*
 * explain - why a get found nothing, or only something old, as far as there is evidence.
 *
 * Evidence is how the lookup went, and what the node remembers of the key (http/evidence.h). Mainline does not tell who
 * published a value: that its publisher is away shows only in that nobody holds it any more. In kad's own network holders sign
 * what they know: that they held it until it expired, or have seen none since an instant.
 */
#ifndef KAD_CLI_EXPLAIN_H
#define KAD_CLI_EXPLAIN_H

#include <jansson.h>

#include "cli/cli.h"

/* The reasons, the most telling first, as a list of sentences. `code`: how the get ended; `evidence`: what the node remembers, or
 * NULL. */
json_t *kad_explain(int code, const json_t *answer, const json_t *evidence);
/* Adds that list to the answer as "explain", with the evidence of the node behind --node. */
void kad_explain_get(struct kad_cli *cli, int code, json_t *answer);

#endif
