/*
 * regions - whether a part of the world that a node knew has gone silent (I151).
 *
 *     kad_regions_look()   every kad_regions_pace(): the table as it is -> whom to ping, and what has changed
 *
 * A region is a country and an autonomous system where a table of places says so (both), else the regional registry that gave the
 * address. Known is one with five contacts and more that answer. Most of the time the node's own traffic shows that it is there. Of one
 * that nobody was heard of for `quiet_ms` those heard last are asked, and somebody elsewhere with them: an answer from there makes
 * a silence here count, for it shows that our line works: so it has to be of the same family, and not from our own side of the
 * router. A region is silent when enough of those asked (five, each in its turn) were so while others answered; one that is
 * silent is asked on, more slowly, and is back with the first sign of life. So a line of ours that is down silences nobody: that
 * the engine says itself (KAD_STANDING_LOST).
 *
 * Bounded: KAD_REGIONS_MAX of them, the largest; KAD_REGIONS_PROBES pings a look. It does not send, wait or read a clock.
 */
#ifndef KAD_LOOKOUT_REGIONS_H
#define KAD_LOOKOUT_REGIONS_H

#include "kad/engine.h"

#define KAD_REGIONS_MAX 32
#define KAD_REGIONS_PROBES \
    5 /* with the one elsewhere; a look each tenth of quiet_ms: 300 an hour with ten minutes */
#define KAD_REGION_CONTACTS  5 /* that answer: fewer are no region, for they may all have left */
#define KAD_REGION_PEERS     8 /* are remembered of each, those heard last */
#define KAD_REGION_NAME      12
#define KAD_REGION_CHANGES   (2 * KAD_REGIONS_MAX) /* of two looks at least */
#define KAD_REGIONS_QUIET_MS (10 * KAD_MINUTE)

/* Whom to ask; the key is zero in networks without identities. */
struct kad_region_peer {
    struct kad_contact contact;
    uint8_t public_key[32];
    kad_ms heard_at, asked_at; /* asked_at: and not yet known what came of it; 0: not */
    uint16_t n_vain;           /* times it was asked in vain since the region was heard */
    bool strange;              /* the host cannot ask it */
};

struct kad_region {
    uint64_t group;             /* 0: a free place */
    char name[KAD_REGION_NAME]; /* "DE", "AS64500", "ripe" */
    uint32_t n_contacts;        /* in the table now */
    uint32_t n_good;            /* that answered, when it was last heard */
    kad_ms heard_at;            /* any of it */
    kad_ms asked_at;            /* any of it; 0: never */
    bool silent;
    uint32_t n_vain; /* questions since it was heard that nobody answered while others did */
    struct kad_region_peer peers[KAD_REGION_PEERS];
    unsigned n_peers;
};

enum kad_region_what {
    KAD_REGION_SILENT,    /* an alarm */
    KAD_REGION_BACK,      /* somebody was heard */
    KAD_REGION_FORGOTTEN, /* it was silent for a day: it is looked after no more */
};

struct kad_region_change {
    enum kad_region_what what;
    char name[KAD_REGION_NAME];
    uint32_t n_good; /* contacts that had answered */
    kad_ms since;    /* nobody was heard from then on */
    kad_ms at;       /* when it was noticed */
};

struct kad_regions {
    struct kad_region regions[KAD_REGIONS_MAX];
    kad_ms quiet_ms;
    uint64_t n_probes;                                    /* pings asked for */
    struct kad_region_change changes[KAD_REGION_CHANGES]; /* the newest, in a ring */
    uint64_t n_changes;                                   /* ever */
};

/* Whom to ping now. */
struct kad_regions_look {
    struct kad_region_peer probes[KAD_REGIONS_PROBES];
    size_t n_probes;
};

void kad_regions_init(struct kad_regions *regions, kad_ms quiet_ms);
/* How long from one look to the next. */
kad_ms kad_regions_pace(const struct kad_regions *regions);
/* `rows` of both families, replacements among them. `places` NULL: nothing is known but registries. `scratch` has room for 4 n. */
void kad_regions_look(struct kad_regions *regions, const struct kad_table_row *rows, size_t n,
                      const struct kad_places *places, uint64_t *scratch, kad_ms now,
                      struct kad_regions_look *out_look);
/* One of those whom to ping cannot be asked: banned, or its key is of a kind that is not known. That it is silent says nothing then. */
void kad_regions_cannot_ask(struct kad_regions *regions, const struct kad_region_peer *peer);
/* The next change that `*seen` counts as not seen; NULL: there is none. */
const struct kad_region_change *kad_regions_news(const struct kad_regions *regions, uint64_t *seen);
unsigned kad_regions_silent(const struct kad_regions *regions);
/* "region_silent": a constant, as it is logged and told. */
const char *kad_region_text(enum kad_region_what what);

/* The regions of an address: at most two. For tests and simulations, too. */
size_t kad_regions_of(const struct kad_endpoint *endpoint, const struct kad_places *places,
                      uint64_t out_groups[2]);
void kad_region_name(uint64_t group, char out_name[KAD_REGION_NAME]);

#endif
