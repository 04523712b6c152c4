#include "engine/sound.h"

#include <assert.h>

#include "core/sound.h"
#include "engine/engine_parts.h"

static_assert(sizeof(((struct kad_sound_before *)0)->tables) == KAD_FAMILIES * sizeof(struct kad_table_print),
              "one for each family");

bool kad_engine_still_sound(const struct kad_engine *engine, kad_ms now, struct kad_sound_before *before,
                            const char **out_why)
{
    const struct kad_engine_member *member = kad_engine_member(engine);

    if (member && member->channel && !kad_channel_sound(member->channel, out_why))
        return false;
    return kad_dht_still_sound(&engine->dht, now, before->tables, out_why);
}
