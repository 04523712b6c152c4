/*
 * ask - puts a request of http/api.h to a node and shows what comes back.
 *
 * The node is the running one behind --node (its local socket), or with --standalone one of this process; the answer is
 * the same JSON, and one function per command turns it into text for people.
 */
#ifndef KAD_CLI_ASK_H
#define KAD_CLI_ASK_H

#include "cli/cli.h"

/* Prints what people want to see; `code` says how the request ended. */
typedef void kad_show(struct kad_cli *cli, const json_t *answer, int code);

/* Asks, shows (or prints the object with --json), says what went wrong. Takes over `parameters`. An exit code. */
int kad_ask(struct kad_cli *cli, const char *method, const char *path, json_t *parameters, kad_show *show);

/* The same without showing: *out_answer is the answer, also that of a request that failed, or NULL when no answer came (then
 * the reason has been printed). */
int kad_ask_quietly(struct kad_cli *cli, const char *method, const char *path, json_t *parameters,
                    json_t **out_answer);
/* Shows an answer had by kad_ask_quietly() and drops it. Returns `code`. */
int kad_ask_show(struct kad_cli *cli, int code, json_t *answer, kad_show *show);

/* What requests of the DHT have in common: --trace, --timeout. */
json_t *kad_ask_parameters(const struct kad_cli *cli);
/* --keep and --for, of what is published. False: what is wrong with them was said. */
bool kad_ask_keep_is_right(const struct kad_cli *cli);
void kad_ask_keep(const struct kad_cli *cli, json_t *parameters);

/* The socket of the node to ask: --node, else that of the default data directory. A folder means the kad.sock in it. */
void kad_ask_socket(const struct kad_cli *cli, char *out_path, size_t size);
/* $KAD_DATA_DIR; for root /var/lib/kad; else $XDG_DATA_HOME/kad or ~/.local/share/kad. */
void kad_default_data_dir(char *out_path, size_t size);

/* Shows "trace" of an answer, hop by hop, if it is there. */
void kad_show_trace(const struct kad_cli *cli, const json_t *answer);
/* "5 queries, 5 answers, 2 hops, 12 ms: converged". */
void kad_show_effort(const struct kad_cli *cli, const json_t *answer);

#endif
