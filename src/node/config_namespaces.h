/*
 * config_namespaces - namespaces of values in libp2p's networks beside /pk/ and /ipns/, which prove themselves.
 *
 *     libp2p_namespaces = icn, app:newest
 *
 * "/icn/anything" may then hold any value of 1 .. KAD_RECORD_VALUE_MOST bytes for two days. Which of two stands:
 *
 *     greater    the one that is greater, byte by byte: the same wherever and in whatever order they come, so who writes begins a
 *                value with a number that grows
 *     newest     the one that came last; who reads takes what its holder says it got last
 *
 * All nodes of the network that are to hold such values need the same line, in js-libp2p a validator and a selector of the name.
 */
#ifndef KAD_NODE_CONFIG_NAMESPACES_H
#define KAD_NODE_CONFIG_NAMESPACES_H

#include "kad/engine.h"

/* Is it such a list? KAD_E_INVALID with what is wrong. */
KAD_CHECK int kad_namespaces_check(const char *text, char *why, size_t why_size);
/* The class of what they hold; `text` is one that passed, and lent. False: it names none. */
bool kad_namespaces_class(const char *text, struct kad_class *out_class);

#endif
