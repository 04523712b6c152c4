/*
 * budget - what this node sends of its own accord: queries, in bytes and packets a second.
 *
 * A second's worth (at least 2 KiB, 8 packets) can be saved up. What is over the budget waits, nothing is lost. The last
 * half of what is saved up is the host's: lookups it asked for go before refreshing, joining and publishing again.
 * Answers to others are not counted; the limits per address are for those.
 */
#ifndef KAD_CORE_BUDGET_H
#define KAD_CORE_BUDGET_H

#include "kad/engine.h"

struct kad_budget {
    int64_t bytes_1000, packets_1000; /* thousandths; below zero: spent ahead */
    kad_ms filled_at;
};

void kad_budget_init(struct kad_budget *budget, const struct kad_settings *settings, kad_ms now);
/* 0: a query may be sent now; else the milliseconds until it may, if nothing else is sent meanwhile. */
kad_ms kad_budget_wait(struct kad_budget *budget, const struct kad_settings *settings, bool for_host,
                       kad_ms now);
void kad_budget_spend(struct kad_budget *budget, size_t bytes);

#endif
