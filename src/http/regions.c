#include "http/regions.h"

#include "http/metrics.h"
#include "node/around.h"

json_t *kad_json_regions(const struct kad_node *node)
{
    const struct kad_regions *regions = kad_node_regions(node);
    json_t *list = json_array();

    for (size_t i = 0; regions && i < KAD_REGIONS_MAX; i++) {
        const struct kad_region *region = &regions->regions[i];

        if (region->group)
            json_array_append_new(list, json_pack("{s:s, s:I, s:o, s:b}", "region", region->name, "contacts",
                                                  (json_int_t)region->n_contacts, "heard_at",
                                                  kad_json_instant(region->heard_at), "silent",
                                                  region->silent ? 1 : 0));
    }
    return list;
}

json_t *kad_json_region_change(const struct kad_region_change *change)
{
    return json_pack("{s:s, s:I, s:o}", "region", change->name, "contacts", (json_int_t)change->n_good,
                     "since", kad_json_instant(change->since));
}

void kad_metrics_regions(FILE *out, const struct kad_node *node)
{
    const struct kad_regions *regions = kad_node_regions(node);

    kad_metrics_gauge(
        out, "kademlia_regions_silent",
        "Regions (countries, autonomous systems, registries) that have gone silent while others answer.",
        regions ? kad_regions_silent(regions) : 0);
    kad_metrics_counter(out, "kademlia_region_probes_total",
                        "Pings sent because nobody of a region was heard of for long.",
                        regions ? regions->n_probes : 0);
    kad_metrics_head(
        out, "kademlia_region_silent", "gauge",
        "Of each region with five contacts and more: 1 when nobody there answers while others do.");
    for (size_t i = 0; regions && i < KAD_REGIONS_MAX; i++) {
        const struct kad_region *region = &regions->regions[i];

        if (region->group)
            fprintf(out, "kademlia_region_silent{region=\"%s\"} %d\n", region->name, region->silent);
    }
}
