/*
 * standalone - a short-lived node of this process that asks one question: it reads, answers nobody, keeps nothing.
 */
#ifndef KAD_CLI_STANDALONE_H
#define KAD_CLI_STANDALONE_H

#include "cli/cli.h"

struct kad_standalone;

/* Asks as http/api.h does. The node is started with the first question, and has joined before it asks (unless a single
 * address is asked). Takes over `parameters`. KAD_EXIT_DONE with status and answer, or another exit code when it could
 * not be asked (the reason has been printed). */
int kad_standalone_ask(struct kad_cli *cli, const char *method, const char *path, json_t *parameters,
                       unsigned *out_status, json_t **out_answer);
/* How such a node is configured: --bootstrap, any port, in memory. Borrows from the options. */
void kad_standalone_config(const struct kad_cli *cli, struct kad_node_config *out_config);
void kad_standalone_free(struct kad_standalone *standalone); /* NULL is fine */

#endif
