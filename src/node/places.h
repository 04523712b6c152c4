/*
 * places - where others are, and who is avoided for it: a configuration's files and rules as what an engine asks (kad_places).
 *
 * The program's: an embedded node is lent a table by its host, from wherever that has it.
 */
#ifndef KAD_NODE_PLACES_H
#define KAD_NODE_PLACES_H

#include "net/place_files.h"
#include "node/config.h"
#include "node/place_rules.h"

struct kad_place_table;

/* Do these settings make sense, files aside? 0 or KAD_E_INVALID with "key: what is wrong". */
KAD_CHECK int kad_place_table_check(const struct kad_config *config, char why[KAD_CONFIG_WHY]);
/* *out_table is NULL when nothing is asked for. An error has its reason in `why`: those of kad_place_files_open() and _check(). */
KAD_CHECK int kad_place_table_new(const struct kad_config *config, struct kad_place_table **out_table,
                                  char why[KAD_CONFIG_WHY]);
/* What can be changed by reading the file anew, from one configuration to another. */
void kad_place_table_take(struct kad_config *to, const struct kad_config *from);
void kad_place_table_free(struct kad_place_table *table); /* NULL is fine. No node has it any more */
/* What nodes are lent; NULL of NULL. Lives as long as the table. */
const struct kad_places *kad_place_table_places(const struct kad_place_table *table);
const struct kad_place_files *kad_place_table_files(const struct kad_place_table *table); /* NULL: none */

#endif
