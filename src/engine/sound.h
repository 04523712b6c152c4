/*
 * sound - is all well with an engine, for whoever asks after each event: what has not changed is not looked at again.
 *
 * Tables are most of the work and change seldom. Whether one did is found out by hashing it, not by being told: what nobody meant
 * to write is noticed too.
 */
#ifndef KAD_ENGINE_SOUND_H
#define KAD_ENGINE_SOUND_H

#include "core/table.h"
#include "kad/engine.h"

/* What was sound when it was looked at last; all 0: nothing was. One for each engine, and forgotten with it. */
struct kad_sound_before {
    struct kad_table_print tables[2]; /* IPv4, IPv6 */
};

/* Finds what kad_engine_sound() finds, for less. */
bool kad_engine_still_sound(const struct kad_engine *engine, kad_ms now, struct kad_sound_before *before,
                            const char **out_why);

#endif
