/*
 * region - one lookup serves all keys of the region it has covered.
 *
 * A lookup of KAD_REGION_WIDTH nodes knows, when it has converged, every node within some prefix of its target. For that those
 * within it are asked about other places in it: an answer names only the k nearest to what is asked about. Where they are more
 * than a record has holders, the holders of any key with that prefix are among them: they can be told at once, with the tokens
 * they have given, which are good for any key.
 *
 * Where both address families are spoken a record has holders in each, and the lookup looks in each: the region is what both have
 * covered.
 *
 * Kept for KAD_REGION_LIFE, which is less than a token lives: KAD_REGIONS regions, KAD_REGION_TOKENS tokens.
 */
#ifndef KAD_CORE_REGION_H
#define KAD_CORE_REGION_H

#include "core/book.h"
#include "core/message.h"

struct kad_dht;
struct kad_operation;
struct kad_request;

#define KAD_REGION_WIDTH  64
#define KAD_REGION_TOKENS 256
#define KAD_REGIONS       4
#define KAD_REGION_LIFE   (4 * KAD_MINUTE)

struct kad_region {
    kad_contact_ref contacts[KAD_FAMILIES]
                            [KAD_REGION_WIDTH]; /* retained; of a family that is all known: all */
    struct kad_id middle;
    kad_ms at;
    uint8_t n[KAD_FAMILIES];
    uint8_t prefix; /* bits */
};

struct kad_region_token {
    kad_contact_ref contact; /* retained; KAD_NO_CONTACT: free */
    uint8_t size;
    uint8_t bytes[40];
    kad_ms at;
};

struct kad_regions {
    struct kad_region regions[KAD_REGIONS];
    struct kad_region_token *tokens; /* a contact's stands in one of a few places; allocated with the first */
    uint8_t next;
};

void kad_regions_clear(struct kad_dht *dht);
/* A contact gave a token. */
void kad_region_token(struct kad_dht *dht, kad_contact_ref contact, struct kad_bytes token, kad_ms now);
/* Makes an operation's lookups as wide as it takes. Before anything was sent. */
void kad_region_widen(const struct kad_dht *dht, struct kad_operation *operation);
/* What to ask this contact about, in an operation's lookup: its target; in a wide one who is in the region, but not next to the
 * target, is asked about the other side of some bit of its own id. */
struct kad_id kad_region_ask(const struct kad_dht *dht, const struct kad_operation *operation,
                             kad_contact_ref contact);
/* An operation's lookup is over: what does it cover? */
void kad_region_learn(struct kad_dht *dht, const struct kad_operation *operation, kad_ms now);
/* The bits of a key that a wide lookup around it will probably cover; 0: all keys. */
unsigned kad_region_bits(const struct kad_dht *dht);
/* The region known that has this key, NULL: none. */
const struct kad_region *kad_region_of(const struct kad_dht *dht, const struct kad_id *key, kad_ms now);
/* Which of `n` contacts of a family (at most KAD_REGION_WIDTH) a put goes to, nearest first, by number: the nearest, and, if it
 * publishes, all within the radius that should hold enough honest ones. */
size_t kad_region_holders(const struct kad_dht *dht, int family, const kad_contact_ref *contacts, size_t n,
                          const struct kad_request *request, bool publishes,
                          uint8_t out_order[KAD_REGION_WIDTH]);
/* The contact's token, if it is known and young enough; else NULL. */
const struct kad_region_token *kad_region_fresh(const struct kad_dht *dht, kad_contact_ref contact,
                                                kad_ms now);
/* With a region known for its target the operation begins with its storing. False: it takes a lookup. */
bool kad_region_begin(struct kad_dht *dht, struct kad_operation *operation, kad_ms now);
/* The same with contacts that are given, as far as their tokens are known. */
bool kad_region_begin_at(struct kad_dht *dht, struct kad_operation *operation,
                         const kad_contact_ref *contacts, size_t n, kad_ms now);

#endif
