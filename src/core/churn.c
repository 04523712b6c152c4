#include "core/churn.h"

#define ONE    1024u
#define FADING 32 /* each death makes the earlier ones count a 32nd less */

/* Nothing is known yet: one death in as much time as makes the usual interval the right one. */
static void begin(struct kad_churn *churn, const struct kad_churn_bounds *bounds)
{
    if (churn->seen_s)
        return;
    churn->deaths_1024 = ONE;
    churn->seen_s = bounds->usual_ms * 50 / (KAD_SECOND * (bounds->percent ? bounds->percent : 1)) + 1;
}

/* What the longest interval asks for, and a quarter more: longer peace proves nothing that could be used. */
static void forget(struct kad_churn *churn, const struct kad_churn_bounds *bounds)
{
    const int64_t most = bounds->most_ms * 50 / (KAD_SECOND * (bounds->percent ? bounds->percent : 1)) + 1;
    const int64_t enough = (most + most / 4) * churn->deaths_1024 / ONE + 1;

    if (churn->seen_s > enough)
        churn->seen_s = enough;
}

void kad_churn_alive(struct kad_churn *churn, const struct kad_churn_bounds *bounds, kad_ms unheard_ms,
                     bool doubted)
{
    begin(churn, bounds);
    if (doubted && churn->deaths_1024 >= ONE + ONE / 4) /* it was none; some doubt always stays */
        churn->deaths_1024 -= ONE;
    churn->seen_s += unheard_ms / KAD_SECOND;
    forget(churn, bounds);
}

void kad_churn_silent(struct kad_churn *churn, const struct kad_churn_bounds *bounds, kad_ms unheard_ms)
{
    begin(churn, bounds);
    churn->seen_s -= churn->seen_s / FADING;
    churn->deaths_1024 -= churn->deaths_1024 / FADING;
    churn->seen_s += unheard_ms / 2 / KAD_SECOND + 1;
    churn->deaths_1024 += ONE;
    forget(churn, bounds); /* a host's clock may have leapt by ages */
}

kad_ms kad_churn_interval(const struct kad_churn *churn, const struct kad_churn_bounds *bounds)
{
    kad_ms interval = bounds->usual_ms;

    if (!bounds->percent)
        return interval;
    if (churn->seen_s) /* 2 * percent / 100 * seen / deaths */
        interval = churn->seen_s * (kad_ms)bounds->percent * (KAD_SECOND / 50) * ONE / churn->deaths_1024;
    return kad_ms_max(bounds->least_ms, kad_ms_min(interval, bounds->most_ms));
}

unsigned kad_churn_per_thousand_h(const struct kad_churn *churn)
{
    if (!churn->seen_s)
        return 0;
    return (unsigned)(churn->deaths_1024 * (1000 * INT64_C(3600)) / ONE / churn->seen_s);
}
