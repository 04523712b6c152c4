/*
 * churn - how fast contacts die, measured, and how often to look after them for that reason.
 *
 * A contact heard again after t has lived t more under our eyes; one that falls silent after t has died somewhere in
 * between, in the middle on average. Deaths over time seen is the rate. With a rate r and every contact checked each
 * interval i, a share of about r * i / 2 of the table is dead at any time: so i = 2 * share / r keeps it at `share` with
 * the least traffic. A silence that turns out to be a lost datagram is taken back.
 *
 * Old deaths fade with new ones, half of them after 22; time seen fades with them, and never counts for more than is
 * needed to say "calm", so that a storm is noticed with its first few deaths. Integers only: simulations repeat to the byte.
 */
#ifndef KAD_CORE_CHURN_H
#define KAD_CORE_CHURN_H

#include "base/types.h"

struct kad_churn {
    int64_t seen_s;       /* contact-seconds; 0: not begun */
    uint32_t deaths_1024; /* in 1024ths */
};

struct kad_churn_bounds {
    unsigned percent; /* of the table that may be dead; 0: `usual_ms` is the interval, whatever is measured */
    kad_ms usual_ms;  /* what is assumed before anything is known */
    kad_ms least_ms, most_ms; /* of the interval */
};

/* A contact answered, or asked us something, that was unheard for `unheard_ms`; `doubted`: its last query had failed. */
void kad_churn_alive(struct kad_churn *churn, const struct kad_churn_bounds *bounds, kad_ms unheard_ms,
                     bool doubted);
/* A contact that was heard `unheard_ms` ago did not answer, for the first time. */
void kad_churn_silent(struct kad_churn *churn, const struct kad_churn_bounds *bounds, kad_ms unheard_ms);
/* How long a contact may go unheard before it is pinged. */
kad_ms kad_churn_interval(const struct kad_churn *churn, const struct kad_churn_bounds *bounds);
/* Deaths per thousand contacts and hour; 0 while unknown. */
unsigned kad_churn_per_thousand_h(const struct kad_churn *churn);

#endif
