/*
 * shed - what a node that cannot keep up does not answer, and whom it tells that it is busy.
 *
 * Contacts are served to the last. Who else asks is shed, in proportion to the load, those that cost most twice as often. Where
 * nodes speak in sessions, who was shed is told so with a refusal, KAD_REFUSAL_BUSY: he asks the next holder at once, where
 * silence would cost him a timeout. It is made without looking anything up, takes no larger datagram than the question did,
 * and is said KAD_SHED_SAID times in KAD_SHED_SPAN at most, however many ask: beyond that there is silence, so that saying it
 * cannot be the overload. Elsewhere there is always silence.
 *
 * It names nobody: three contacts would be twice the question, and who asks has a list of his own, with other holders in it.
 */
#ifndef KAD_ENGINE_SHED_H
#define KAD_ENGINE_SHED_H

#include "engine/carrier.h"

#define KAD_SHED_SAID 100
#define KAD_SHED_SPAN 100 /* ms */

/* True: it is not to be answered, and who sent it was told if he is to be. */
bool kad_engine_sheds(struct kad_carrier *carrier, const struct kad_opened *opened,
                      const struct kad_message *message);

#endif
