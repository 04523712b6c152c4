/*
 * records - what a node of a network with classes of records keeps for their sake (kad_member.records).
 */
#ifndef KAD_CORE_RECORDS_H
#define KAD_CORE_RECORDS_H

#include "core/message.h"

struct kad_dht;

struct kad_records {
    kad_ms since; /* when this node began: what it has not seen since, it can vouch for */
};

/* 0 or KAD_E_MEMORY. */
KAD_CHECK int kad_records_new(struct kad_dht *dht, kad_ms now);
void kad_records_free(struct kad_dht *dht);

#endif
