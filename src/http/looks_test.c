#include "http/looks.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/test.h"

static unsigned n_made;

/* Costs more than what is made each time. */
static json_t *slow(struct kad_node *node)
{
    const uint64_t until = uv_hrtime() + 2 * KAD_LOOKS_NS;

    (void)node;
    while (uv_hrtime() < until)
        ;
    return json_pack("{s:i}", "made", (int)++n_made);
}

static void expect_taken(struct kad_looks *looks, const struct kad_route *route, const char *text)
{
    char *taken = kad_looks_take(looks, route, NULL);

    EXPECT_STR(taken, text);
    free(taken);
}

/* However many ask, what is dear is made once for a while; each route has its own. */
TEST(dear_looks_are_used_again)
{
    const struct kad_route one = {.look = slow}, other = {.look = slow};
    struct kad_looks looks = {0};

    expect_taken(&looks, &one, "{\"made\":1}");
    looks.looks[0].until_ns = UINT64_MAX; /* however slow this machine is */
    expect_taken(&looks, &one, "{\"made\":1}");
    expect_taken(&looks, &other, "{\"made\":2}");
    looks.looks[0].until_ns = 1;
    expect_taken(&looks, &one, "{\"made\":3}");
    EXPECT(looks.looks[0].until_ns > KAD_LOOKS_NS);
    kad_looks_clear(&looks);
}

/* All that there are have room. */
TEST(every_look_has_room)
{
    size_t n, n_looks = 0;
    const struct kad_route *routes = kad_routes(&n);

    for (size_t i = 0; i < n; i++)
        n_looks += routes[i].look != NULL;
    EXPECT(n_looks > 0 && n_looks <= KAD_LOOKS_ROOM);
}
