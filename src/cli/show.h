/* show - how the answers of the DHT commands look to people; kad tour shows them too. Each is a kad_show (cli/ask.h). */
#ifndef KAD_CLI_SHOW_H
#define KAD_CLI_SHOW_H

#include "cli/ask.h"

void kad_show_closest(struct kad_cli *cli, const json_t *answer, int code);
void kad_show_value(struct kad_cli *cli, const json_t *answer, int code);
void kad_show_stored(struct kad_cli *cli, const json_t *answer, int code); /* put and announce */
void kad_show_peers(struct kad_cli *cli, const json_t *answer, int code);
#define KAD_PLACE_TEXT 24
/* "DE AS64500" of a row with "country" and "as"; empty: unknown. */
const char *kad_show_place(const json_t *row, char out_text[KAD_PLACE_TEXT]);
void kad_show_table(struct kad_cli *cli, const json_t *answer, int code);
/* Buckets, with how many contacts each has; one line for each that is in use. */
void kad_show_table_summary(struct kad_cli *cli, const json_t *answer);

/* On standard error: who was followed to whom, because an identity is another one now. */
void kad_show_moves(const json_t *answer);
void kad_show_multiaddrs(struct kad_cli *cli, const json_t *object);
/* What a node is called: 12D3Koo... in libp2p's networks, id1... where the network has identities, else its id. */
const char *kad_show_who(const json_t *node);

#endif
