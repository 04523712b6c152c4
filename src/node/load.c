#include "node/load.h"

#define MORE 20
#define LESS 10

void kad_load_late(struct kad_load *load, kad_ms late_ms)
{
    load->latest_ms = kad_ms_max(load->latest_ms, late_ms);
}

bool kad_load_sample(struct kad_load *load, uint32_t overflows, kad_ms now)
{
    const unsigned before = load->percent;

    if (overflows != load->overflows || load->latest_ms >= KAD_LOAD_LATE)
        load->percent = before < 100 - MORE ? before + MORE : 100;
    else
        load->percent = before > LESS ? before - LESS : 0;
    load->overflows = overflows;
    load->latest_ms = 0;
    load->sample_at = now + KAD_LOAD_EVERY;
    return (before == 0) != (load->percent == 0);
}
