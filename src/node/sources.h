/*
 * sources - nodes to join through that are not in the configuration: a signed manifest, DNS TXT records, the local network.
 *
 *     kad_sources_new()     begins with what the configuration names; nothing named: nothing is done
 *     kad_sources_again()   nobody answers: they are looked at anew, if the last look is half a minute past
 *     kad_sources_reload()  another configuration
 *     kad_sources_close()   before the node has stopped; it frees itself as the loop turns
 *
 * Manifest and records are read on worker threads: at the start, then every hour; what fails is tried again after 30 s and
 * twice as long each time, up to an hour. Each name they bring is resolved, and the node told (kad_node_bootstrap()). What is
 * wrong with them is a warning in the node's log and changes nothing.
 *
 * A DNS record is a manifest with semicolons for newlines, or host:port words. Where keys are trusted
 * (config.manifest_keys), nothing unsigned is. Everything here is on the thread of the node's loop.
 */
#ifndef KAD_NODE_SOURCES_H
#define KAD_NODE_SOURCES_H

#include "node/config.h"

struct kad_sources;

/* Whether the configuration names any. */
bool kad_sources_wanted(const struct kad_config *config);
/* What it says of them goes from one configuration to another. */
void kad_sources_take(struct kad_config *to, const struct kad_config *from);
/* 0, or KAD_E_SYSTEM, KAD_E_MEMORY. */
KAD_CHECK int kad_sources_new(struct kad_node *node, const struct kad_config *config,
                              struct kad_sources **out_sources);
void kad_sources_again(struct kad_sources *sources); /* NULL is fine, here and below */
void kad_sources_reload(struct kad_sources *sources, const struct kad_config *config);
void kad_sources_close(struct kad_sources *sources);

#endif
