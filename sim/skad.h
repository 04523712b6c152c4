/*
 * skad - lookups among colluders: the engine's own lookup (core/paths.h) over ideal static tables, with answers that are made
 * up on the spot instead of packets (docs/lookups.md; S/Kademlia, Baumgart and Mies 2007).
 *
 *     skad_world      who is there and whom each knows
 *     skad_lookup()   one lookup by the engine's code
 *     skad_model()    the same by the rules of the paper, written once more and sharing nothing but the world
 *     skad_measure()  many of one kind
 */
#ifndef SIM_SKAD_H
#define SIM_SKAD_H

#include "core/paths.h"
#include "sim/fixed.h"

struct skad_world {
    uint32_t n;
    unsigned k; /* of buckets and answers */
    uint64_t seed;
    uint64_t *ids; /* sorted */
    struct kad_book *book;
    kad_contact_ref *contacts; /* in the same order */
    uint32_t *node_of;         /* of a contact */
    uint32_t n_handles;
};

KAD_CHECK int skad_world_new(struct skad_world *world, uint32_t n, unsigned k, uint64_t seed);
void skad_world_free(struct skad_world *world);
/* The nearest to `target` of those `node` knows, nearest first. */
size_t skad_known(const struct skad_world *world, uint32_t node, uint64_t target, size_t n,
                  uint32_t *out_nodes);
/* Of all nodes. */
size_t skad_nearest(const struct skad_world *world, uint64_t target, size_t n, uint32_t *out_nodes);

enum skad_adversary {
    SKAD_STOPS,      /* the paper's worst: whoever asks one of them is on a path that is over */
    SKAD_OMNISCIENT, /* names the nearest colluders that this lookup has not asked yet */
    SKAD_FIXED,      /* names the nearest colluders, the same to everybody */
};

struct skad_rules {
    const char *name;
    unsigned paths, width, parallel, per_introducer;
    unsigned start; /* contacts of the own table that are dealt */
    unsigned
        converged_at; /* libp2p's resiliency: ends when so many nearest have answered; 0: all of the width */
    unsigned rounds;  /* once more with other contacts where the result looks too sparse */
    bool keep_going;
    unsigned
        further; /* a get: ends with the first honest sibling, and goes on so many paths if there was none; 0: no get */
};

struct skad_case {
    const struct skad_rules *rules;
    enum skad_adversary adversary;
    uint32_t bad_ppm;  /* colluders of a million nodes */
    unsigned siblings; /* an honest one of so many nearest must answer */
    uint64_t number;   /* of the lookup: target, start and colluders are drawn from it */
};

struct skad_outcome {
    bool found;
    unsigned hops;     /* of the first honest sibling that answered */
    unsigned to_found; /* questions until then */
    unsigned asked;    /* in all */
    unsigned reached;  /* honest siblings that answered */
    unsigned honest;   /* that there are */
    unsigned rounds;
};

KAD_CHECK int skad_lookup(const struct skad_world *world, const struct skad_case *what,
                          struct skad_outcome *out_outcome);
/* Rules of the paper only (SKAD_STOPS, keep_going off). */
void skad_model(const struct skad_world *world, const struct skad_case *what,
                struct skad_outcome *out_outcome);

#define SKAD_HOPS 16

struct skad_figures {
    uint64_t n, found;
    double asked, to_found, hops; /* means; the latter two of those that found */
    double reached;               /* honest siblings that answered, of all of them */
    double lowest;                /* of `found`, as a share: Wilson's bound at 95 % */
    uint64_t at_hop[SKAD_HOPS];
};

KAD_CHECK int skad_measure(const struct skad_world *world, const struct skad_case *like, uint64_t n,
                           bool model, struct skad_figures *out_figures);
/* The lower end of what `found` of `n` may stand for, surely at 95 %. */
double skad_wilson(uint64_t found, uint64_t n);

/* For the two above: everything a lookup's number decides. */
uint64_t skad_target(const struct skad_world *world, const struct skad_case *what);
bool skad_is_bad(const struct skad_world *world, const struct skad_case *what, uint32_t node);
uint32_t skad_start(const struct skad_world *world, const struct skad_case *what); /* honest */

int kad_skad_main(int argc, char **argv);

#endif
