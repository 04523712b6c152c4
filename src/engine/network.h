/* network - a network as data: codec, rules, defaults. Adding a network adds a codec and one of these. */
#ifndef KAD_ENGINE_NETWORK_H
#define KAD_ENGINE_NETWORK_H

#include "core/rules.h"
#include "kad/engine.h"
#include "wire/codec.h"

struct kad_network {
    const char *name;
    const struct kad_codec *codec;
    struct kad_rules rules;
    struct kad_settings settings;
};

struct kad_walk;
/* All settings, as they are written into a journal (core/walk.h). */
void kad_settings_walk(struct kad_walk *walk, struct kad_settings *settings);

#endif
