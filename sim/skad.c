/* skad - one lookup among colluders by the engine's code, and many of them. */
#include "sim/skad.h"

#include <string.h>

#include "core/confidence.h"
#include "core/id.h"

#define FLIGHTS 256
#define NEAREST \
    400 /* of which the colluders are those an omniscient one chooses from: more than a lookup asks */
#define OWN_REGION    64 /* how many of its own nearest a node judges the network's size by */
#define DEALT         64 /* contacts that a further round begins with */
#define FURTHER_DEALT 128
#define SPARSE        20   /* a result so unusual, in thousandths, is worth another round */
#define PATIENCE_MS   1000 /* nobody is ever late here */

struct run {
    const struct skad_world *world;
    const struct skad_case *what;
    struct kad_paths paths;
    uint64_t target;
    uint32_t start;
    uint32_t nearest[NEAREST];
    bool asked[NEAREST], bad[NEAREST];
    size_t n_nearest;
    struct skad_outcome outcome;
};

static size_t place_of(const struct run *run, uint32_t node)
{
    size_t i = 0;

    while (i < run->n_nearest && run->nearest[i] != node)
        i++;
    return i;
}

/* -- answers ---------------------------------------------------------------------------------------------------- */

static size_t colluders(const struct run *run, uint32_t *out)
{
    const bool spare_asked = run->what->adversary == SKAD_OMNISCIENT;
    size_t n = 0;

    for (size_t i = 0; i < run->n_nearest && n < run->world->k; i++) {
        if (run->bad[i] && !(spare_asked && run->asked[i]))
            out[n++] = run->nearest[i];
    }
    return n;
}

static void deliver(struct run *run, kad_contact_ref from, unsigned hop)
{
    const uint32_t node = run->world->node_of[from];
    const bool bad = skad_is_bad(run->world, run->what, node);
    kad_contact_ref contacts[64];
    uint32_t named[64];
    size_t n = 0;

    run->outcome.reached += !bad && place_of(run, node) < run->what->siblings;
    if (run->outcome.reached && !run->outcome.found) {
        run->outcome.found = true;
        run->outcome.hops = hop;
        run->outcome.to_found = run->outcome.asked;
    }
    if (!bad)
        n = skad_known(run->world, node, run->target, run->world->k, named);
    else if (run->what->adversary != SKAD_STOPS)
        n = colluders(run, named);
    for (size_t i = 0; i < n; i++)
        contacts[i] = run->world->contacts[named[i]];
    kad_paths_reply(&run->paths, from, contacts, n);
    if (bad)
        kad_paths_bad(&run->paths, from);
}

/* -- asking ----------------------------------------------------------------------------------------------------- */

/* libp2p's end: so many of the nearest known have answered, whatever is left to ask. */
static bool converged(const struct run *run)
{
    const struct kad_lookup *lookup = &run->paths.first;
    unsigned n = 0;

    while (n < lookup->n_candidates && lookup->candidates[n].state == KAD_CANDIDATE_ANSWERED)
        n++;
    return run->what->rules->converged_at && n >= run->what->rules->converged_at;
}

/* Asks and delivers until all paths have ended, or the paper's lookup has what it wants. */
static void go(struct run *run)
{
    const bool first_will_do = run->what->adversary == SKAD_STOPS || run->what->rules->further;

    for (;;) {
        struct {
            kad_contact_ref to;
            unsigned hop;
        } flights[FLIGHTS];
        size_t n = 0;

        while (n < FLIGHTS) {
            const struct kad_lookup_step step = kad_paths_next(&run->paths, 0);
            size_t place;

            if (step.verdict != KAD_LOOKUP_ASK)
                break;
            flights[n].to = step.ask;
            flights[n++].hop = step.hop;
            run->outcome.asked++;
            place = place_of(run, run->world->node_of[step.ask]);
            if (place < run->n_nearest)
                run->asked[place] = true;
        }
        if (n == 0)
            return;
        for (size_t i = 0; i < n; i++) {
            deliver(run, flights[i].to, flights[i].hop);
            if (first_will_do && run->outcome.found)
                return;
        }
        if (converged(run))
            return;
    }
}

/* Of the k nearest that it knows of in the end, all are asked (for the value), so one honest one is enough. */
static void ask_the_rest(struct run *run)
{
    const struct kad_lookup *lookup = &run->paths.first;

    for (size_t i = 0; i < lookup->n_candidates && i < run->world->k; i++) {
        const struct kad_candidate *c = &lookup->candidates[i];
        const uint32_t node = run->world->node_of[c->contact];

        if (c->state != KAD_CANDIDATE_NEW)
            continue;
        run->outcome.asked++;
        if (skad_is_bad(run->world, run->what, node) || place_of(run, node) >= run->what->siblings)
            continue;
        run->outcome.reached++;
        if (!run->outcome.found) {
            run->outcome.found = true;
            run->outcome.hops = c->hop;
            run->outcome.to_found = run->outcome.asked;
        }
    }
}

/* How many nodes the one that looks believes there are: from those around itself, whom nobody chose. */
static double believed_nodes(const struct run *run)
{
    uint32_t own[OWN_REGION + 1];
    const uint64_t self = run->world->ids[run->start];
    const size_t n = skad_nearest(run->world, self, OWN_REGION + 1, own); /* the first is itself */

    return n < 3 ? 0 : (double)(n - 2) / ((double)(run->world->ids[own[n - 1]] ^ self) * 0x1p-64);
}

static bool looks_sparse(const struct run *run)
{
    kad_contact_ref closest[64];
    const size_t n = kad_paths_closest(&run->paths, run->world->k, closest);
    bool sparse = true;
    uint64_t distance;

    if (n < run->world->k)
        return true;
    distance = run->world->ids[run->world->node_of[closest[n - 1]]] ^ run->target;
    return kad_density_confidence(believed_nodes(run), (unsigned)n, (double)distance * 0x1p-64, &sparse) <
               SPARSE &&
           sparse;
}

static size_t own_contacts(const struct run *run, size_t n, kad_contact_ref *out)
{
    uint32_t known[512];

    n = skad_known(run->world, run->start, run->target, n, known);
    for (size_t i = 0; i < n; i++)
        out[i] = run->world->contacts[known[i]];
    return n;
}

/* Deals the own contacts in turn: the first path gets each n-th. */
static int begin(struct run *run)
{
    const struct skad_rules *rules = run->what->rules;
    const struct kad_lookup_config config = {
        .width = rules->width,
        .parallel = rules->parallel,
        .per_introducer = rules->per_introducer,
        .patience_ms = PATIENCE_MS,
    };
    kad_contact_ref own[512], others[512];
    const size_t n = own_contacts(run, rules->start, own);
    size_t n_others = 0;
    struct kad_id target = {{0}};

    for (int i = 0; i < 8; i++)
        target.bytes[i] = (uint8_t)(run->target >> (56 - 8 * i));
    kad_paths_init(&run->paths, &kad_allocator_system, run->world->book, &target, &config);
    run->paths.keep_going = rules->keep_going;
    for (size_t i = 0; i < n; i++) {
        if (i % rules->paths == 0)
            kad_paths_add(&run->paths, own[i]);
        else
            others[n_others++] = own[i];
    }
    if (rules->paths > 1 &&
        kad_paths_open(&run->paths, rules->paths - 1, &config, others, n_others) < rules->paths - 1)
        return KAD_E_MEMORY;
    return 0;
}

/* With contacts that nobody was asked of so far, on paths of their own. */
static bool once_more(struct run *run)
{
    const struct skad_rules *rules = run->what->rules;
    const struct kad_lookup_config config = run->paths.first.config;
    kad_contact_ref own[512], fresh[DEALT];
    const size_t n = own_contacts(run, 512, own);
    size_t n_fresh = 0;

    for (size_t i = 0; i < n && n_fresh < DEALT; i++) {
        const struct kad_candidate *c = kad_paths_candidate(&run->paths, own[i]);

        if (!c || !c->n_asked)
            fresh[n_fresh++] = own[i];
    }
    run->outcome.rounds++;
    return n_fresh && kad_paths_open(&run->paths, rules->paths, &config, fresh, n_fresh);
}

/* A get that found nothing: as a put looks. */
static void look_further(struct run *run)
{
    const unsigned further = run->what->rules->further;
    struct kad_lookup_config config = run->paths.first.config;
    kad_contact_ref own[FURTHER_DEALT];
    const size_t n = own_contacts(run, FURTHER_DEALT, own);

    config.width = kad_paths_width(config.width, further);
    config.parallel = 1;
    if (kad_paths_open(&run->paths, further, &config, own, n))
        go(run);
}

int skad_lookup(const struct skad_world *world, const struct skad_case *what,
                struct skad_outcome *out_outcome)
{
    struct run run = {.world = world, .what = what};
    const size_t nearest = what->adversary == SKAD_STOPS ? what->siblings : NEAREST;
    int error;

    run.target = skad_target(world, what);
    run.start = skad_start(world, what);
    run.n_nearest = skad_nearest(world, run.target, nearest < world->n ? nearest : world->n, run.nearest);
    for (size_t i = 0; i < run.n_nearest; i++)
        run.bad[i] = skad_is_bad(world, what, run.nearest[i]);
    error = begin(&run);
    if (!error) {
        go(&run);
        if (what->rules->converged_at)
            ask_the_rest(&run);
        if (what->rules->further && !run.outcome.found)
            look_further(&run);
        while (run.outcome.rounds < what->rules->rounds && looks_sparse(&run) && once_more(&run))
            go(&run);
    }
    kad_paths_clear(&run.paths);
    for (size_t i = 0; i < what->siblings && i < run.n_nearest; i++)
        run.outcome.honest += !run.bad[i];
    *out_outcome = run.outcome;
    return error;
}

/* -- many ------------------------------------------------------------------------------------------------------- */

static double root(double x)
{
    double r = x > 1 ? x : 1;

    for (int i = 0; i < 60; i++)
        r = (r + x / r) / 2;
    return r;
}

double skad_wilson(uint64_t found, uint64_t n)
{
    const double z = 1.6448536269514722; /* one side, 95 % */
    const double p = (double)found / (double)n, zz = z * z / (double)n;

    return (p + zz / 2 - z * root((p * (1 - p) + zz / 4) / (double)n)) / (1 + zz);
}

int skad_measure(const struct skad_world *world, const struct skad_case *like, uint64_t n, bool model,
                 struct skad_figures *out_figures)
{
    struct skad_figures figures = {.n = n};
    struct skad_case what = *like;
    uint64_t reached = 0, honest = 0;

    for (what.number = like->number; what.number < like->number + n; what.number++) {
        struct skad_outcome outcome;

        if (model) {
            skad_model(world, &what, &outcome);
        } else {
            const int error = skad_lookup(world, &what, &outcome);

            if (error)
                return error;
        }
        figures.found += outcome.found;
        figures.asked += outcome.asked;
        reached += outcome.reached;
        honest += outcome.honest;
        if (!outcome.found)
            continue;
        figures.to_found += outcome.to_found;
        figures.hops += outcome.hops;
        figures.at_hop[outcome.hops < SKAD_HOPS ? outcome.hops : SKAD_HOPS - 1]++;
    }
    figures.asked /= (double)n;
    figures.reached = honest ? (double)reached / (double)honest : 0;
    figures.to_found /= figures.found ? (double)figures.found : 1;
    figures.hops /= figures.found ? (double)figures.found : 1;
    figures.lowest = skad_wilson(figures.found, n);
    *out_figures = figures;
    return 0;
}
