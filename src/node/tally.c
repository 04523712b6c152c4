/* tally - see tally.h. */
#include "node/tally.h"

#include "node/parts.h"

void kad_tally_count(struct kad_tally *tally, const struct kad_event *done, uint8_t record_type)
{
    const bool good = done->done.error == KAD_OK;

    if (done->done.reason == KAD_REASON_CANCELLED)
        return;
    tally->timeouts += done->done.error == KAD_E_TIMEOUT;
    if (done->done.kind == KAD_REQUEST_CLOSEST || done->done.kind == KAD_REQUEST_FIND)
        tally->closest[good]++;
    else if (done->done.kind == KAD_REQUEST_GET && record_type == KAD_CLASS_PROVIDER)
        tally->providers[good]++;
    else if (done->done.kind == KAD_REQUEST_PUT && record_type == KAD_CLASS_PROVIDER)
        tally->provided += good;
}

const struct kad_tally *kad_node_tally(const struct kad_node *node)
{
    return &node->tally;
}
