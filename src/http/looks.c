/* looks - see looks.h. */
#include "http/looks.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

static struct kad_look *look_of(struct kad_looks *looks, const struct kad_route *route)
{
    size_t i = 0;

    while (i < KAD_LOOKS_ROOM && looks->looks[i].route && looks->looks[i].route != route)
        i++;
    assert(i < KAD_LOOKS_ROOM && "there are fewer looks");
    looks->looks[i].route = route;
    return &looks->looks[i];
}

static void make(struct kad_look *look, struct kad_node *node)
{
    const uint64_t began_ns = uv_hrtime();
    json_t *json = look->route->look(node);
    uint64_t cost_ns;

    free(look->text);
    look->text = json ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(12)) : NULL;
    json_decref(json);
    cost_ns = uv_hrtime() - began_ns;
    look->until_ns = cost_ns < KAD_LOOKS_NS ? 0 : began_ns + (KAD_LOOKS_TIMES + 1) * cost_ns;
}

char *kad_looks_take(struct kad_looks *looks, const struct kad_route *route, struct kad_node *node)
{
    struct kad_look *look = look_of(looks, route);

    if (!look->text || uv_hrtime() >= look->until_ns)
        make(look, node);
    return look->text ? strdup(look->text) : NULL;
}

void kad_looks_clear(struct kad_looks *looks)
{
    for (size_t i = 0; i < KAD_LOOKS_ROOM; i++)
        free(looks->looks[i].text);
    *looks = (struct kad_looks){0};
}
