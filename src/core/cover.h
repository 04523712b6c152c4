/*
 * cover - lookups that nobody asked for, so that those somebody did ask for are some among them (P014, P088).
 *
 * settings.cover_per_hour of them: the hour falls into so many parts, and in each of them one begins at a random instant, so no hour
 * since the node began has more. What could not be (it had not joined, it was asleep) is not made up for. Each is a get of a random
 * key in a random class of the network's: keys are hashes, so neither who holds it nor who watches the line can tell it from a
 * user's get that finds nothing, with all that belongs to one (paths, receipts wanted). It cannot pass for one that finds something.
 *
 * What it costs is what such gets cost: some hundred queries each. They come out of the node's budget for its own traffic.
 */
#ifndef KAD_CORE_COVER_H
#define KAD_CORE_COVER_H

#include "core/dht.h"

void kad_cover_tick(struct kad_dht *dht, kad_ms now);
kad_ms kad_cover_wake_at(const struct kad_dht *dht);

#endif
