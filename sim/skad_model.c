/* skad_model - the paper's lookup once more: d lists, no node in two of them, a path is over at its first adversary. Nothing
 * of the engine's is used, so that the two can be held against each other. */
#include <string.h>

#include "sim/skad.h"

#define PATHS  16
#define LISTED 512
#define ANSWER 64

struct path {
    uint32_t listed[LISTED];
    unsigned hop[LISTED];
    size_t n;
    bool over;
    size_t asks; /* place in `listed` of whom it asked this round; n: nobody */
};

static void list(struct path *path, uint32_t node, unsigned hop)
{
    for (size_t i = 0; i < path->n; i++) {
        if (path->listed[i] == node)
            return;
    }
    if (path->n < LISTED) {
        path->hop[path->n] = hop;
        path->listed[path->n++] = node;
    }
}

static bool among(const uint32_t *nodes, size_t n, uint32_t node)
{
    for (size_t i = 0; i < n; i++) {
        if (nodes[i] == node)
            return true;
    }
    return false;
}

void skad_model(const struct skad_world *world, const struct skad_case *what,
                struct skad_outcome *out_outcome)
{
    const uint64_t target = skad_target(world, what);
    const unsigned d = what->rules->paths;
    uint32_t siblings[ANSWER], known[ANSWER], used[1024];
    const size_t n_siblings = skad_nearest(world, target, what->siblings, siblings);
    const size_t n_known = skad_known(world, skad_start(world, what), target, what->rules->start, known);
    struct path paths[PATHS];
    size_t n_used = 0;
    bool going = true;

    memset(out_outcome, 0, sizeof(*out_outcome));
    for (unsigned i = 0; i < d; i++)
        paths[i].n = 0, paths[i].over = false;
    for (size_t i = 0; i < n_known; i++)
        list(&paths[i % d], known[i], 1);
    while (going) {
        going = false;
        for (unsigned i = 0; i < d; i++) { /* each asks the nearest on its list that nobody has asked */
            struct path *path = &paths[i];
            size_t best = path->n;

            for (size_t j = 0; j < path->n && !path->over; j++) {
                if (!among(used, n_used, path->listed[j]) &&
                    (best == path->n ||
                     (world->ids[path->listed[j]] ^ target) < (world->ids[path->listed[best]] ^ target)))
                    best = j;
            }
            path->over = best == path->n || n_used == sizeof(used) / sizeof(used[0]);
            if (!path->over) {
                used[n_used++] = path->listed[best];
                path->asks = best;
                out_outcome->asked++;
            }
        }
        for (unsigned i = 0; i < d; i++) {
            struct path *path = &paths[i];
            uint32_t node, named[ANSWER];
            unsigned hop;
            size_t n;

            if (path->over)
                continue;
            node = path->listed[path->asks];
            hop = path->hop[path->asks];
            if (skad_is_bad(world, what, node)) {
                path->over = true;
                continue;
            }
            if (among(siblings, n_siblings, node)) {
                out_outcome->found = true;
                out_outcome->hops = hop;
                out_outcome->to_found = out_outcome->asked;
                return;
            }
            n = skad_known(world, node, target, world->k, named);
            for (size_t j = 0; j < n; j++)
                list(path, named[j], hop + 1);
            going = true;
        }
    }
}
