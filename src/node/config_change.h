/*
 * config_change - a running node gets another configuration, all of what can change or nothing.
 *
 * Which keys can change while a node runs is a property of the key (kad_key_live(), docs/configuration.md); the others are
 * named in a warning, and hold from the next start. Each change is a line of log:
 *
 *     event=setting_changed key=alpha old=3 new=5
 *     event=setting_needs_restart key=listen running=0.0.0.0:6881 configured=0.0.0.0:7000
 *
 * Everything here belongs to the thread of the node's loop.
 */
#ifndef KAD_NODE_CONFIG_CHANGE_H
#define KAD_NODE_CONFIG_CHANGE_H

#include "node/config.h"

#define KAD_CHANGE_TEXT 512 /* a value as text, a list's entries by comma; longer lists are cut */

struct kad_key;
/* One key's value as text; returns `out_text`. */
const char *kad_change_text(const struct kad_config *config, const struct kad_key *key,
                            char out_text[KAD_CHANGE_TEXT]);
/* Calls `each` for every key that has another value in `to`, in the order of the table of keys. */
typedef void kad_change_each(void *context, const char *key, const char *before, const char *after,
                             bool live);
void kad_change_compare(const struct kad_config *from, const struct kad_config *to, kad_change_each *each,
                        void *context);

/* What the node runs with, as far as it can change: the rest is as in `config`. */
void kad_change_running(const struct kad_node *node, struct kad_config *config);
/* From what it runs with (kad_change_running() over `from`) to `to`, which has passed kad_config_check(). 0, and what was
 * live holds; KAD_E_INVALID or KAD_E_CLOSED with the reason: nothing has changed. */
KAD_CHECK int kad_change_apply(struct kad_node *node, const struct kad_config *from,
                               const struct kad_config *to, char out_why[KAD_CONFIG_WHY]);
/* One key, as kad_config_set() does. KAD_E_INVALID: no such key or value; KAD_E_REFUSED: it needs a restart. */
KAD_CHECK int kad_change_set(struct kad_config *to, const char *key, const char *value,
                             char out_why[KAD_CONFIG_WHY]);

#endif
