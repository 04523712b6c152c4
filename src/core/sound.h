/* sound - is all well with a dht, for whoever asks after each event: what has not changed is not looked at again. */
#ifndef KAD_CORE_SOUND_H
#define KAD_CORE_SOUND_H

#include "core/table.h"

struct kad_dht;

/* Finds what kad_dht_sound() finds. `before`: one for each family, all 0 at first; NULL: nobody has looked. */
bool kad_dht_still_sound(const struct kad_dht *dht, kad_ms now, struct kad_table_print *before,
                         const char **out_why);

#endif
