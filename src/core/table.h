/*
 * table - the routing table of one node in one address family.
 *
 *     bucket 0        contacts whose id differs from ours in bit 0        half of the network
 *     bucket 1        ... agree in bit 0, differ in bit 1                 a quarter
 *     ...
 *     last bucket     all that agree in at least as many bits             k places; splits when full
 *
 * Only contacts that answered us are in it ("verified"). A full bucket keeps whom it has: its least recently heard
 * contact is pinged, and goes only when it does not answer; the newcomer waits in the bucket's replacement cache. The same
 * when a contact claims an id that another one in the table has.
 *
 * Unlike the paper (section 2.4): buckets may be wider than k (`wide`, halved per bucket: shorter lookups for few
 * bytes); a contact that is among our own k nearest always gets in, at the expense of the farthest in its bucket, so
 * that a node knows its true neighbourhood; one that passes the network's id rule takes the place of one that does
 * not, our own k nearest excepted; whom the host distrusts is the first to make room and the last to be let in; address groups
 * are limited per bucket and per table, and so are autonomous systems and countries where the book knows them.
 *
 * What always holds (kad_table_sound): every contact, waiting ones too, stands in the bucket of its distance; no bucket is
 * over its capacity; no id is in twice, and not our own; no address group has more than its share; at most one contact of a
 * bucket is being probed.
 *
 * A slot is 16 bytes: the handle, the 32 bits of the id from the bucket's on (so that sorting rarely opens the
 * book), and what this node knows of the contact. The table retains its contacts in the book.
 */
#ifndef KAD_CORE_TABLE_H
#define KAD_CORE_TABLE_H

#include "core/book.h"

/* What the host thinks of somebody who may be kept; below KAD_TABLE_DISTRUST is who leaves first, and who displaces nobody. */
struct kad_table_opinion {
    unsigned (*kept)(const void *context, const struct kad_contact *contact);
    bool (*doubts)(
        const void *context); /* false: nobody at all is distrusted now, and none need be asked about */
    const void *context;
    unsigned least; /* who is kept for less gets no place that becomes free; 0: anybody may */
};
#define KAD_TABLE_DISTRUST 30
#define KAD_TABLE_RESERVED 101 /* from here on: stays as long as it answers */

struct kad_table_config {
    unsigned id_bits; /* 160 or 256 */
    unsigned k;       /* 1 .. 64 */
    unsigned wide; /* capacity of bucket 0 once split off (0: k), halved per bucket down to k; at most 128 */
    unsigned narrow_per_bucket; /* contacts per /24 or /64 in a bucket; 0: no limit. And so on: */
    unsigned narrow_per_table;
    unsigned wide_per_bucket; /* per /16 or /48 */
    unsigned wide_per_table;  /* while it knows two groups; down to three the more it knows */
    unsigned as_per_bucket;   /* per autonomous system, where the book has places; and so on: */
    unsigned as_per_table;
    unsigned country_per_bucket;
    unsigned country_per_table;
    bool limit_local; /* apply the four to loopback, link-local and private addresses too */
    uint8_t
        near_percent; /* of the places of a bucket behind our own k nearest, for whoever answers fastest: 0 .. 90 */
    uint8_t cache;         /* replacements kept per bucket, 0 .. 16 */
    uint8_t max_failures;  /* silent this often in a row: out (even with no replacement) */
    kad_ms probe_after_ms; /* heard within this time: not probed for a newcomer's sake. 0: always probed */
    const struct kad_table_opinion *opinion; /* NULL: all are trusted */
};

struct kad_slot {
    kad_contact_ref contact;
    uint32_t near;           /* id bits [bucket .. bucket+31], zeros past the end */
    uint32_t heard_at;       /* seconds since the table's epoch */
    uint16_t rtt_ms;         /* smoothed; UINT16_MAX: unknown */
    unsigned failures : 7;   /* queries in a row it did not answer */
    unsigned flags : 3;      /* KAD_SLOT_* */
    unsigned group_mark : 6; /* hash of its /16 or /48, so that counting rarely opens the book either */
};
enum {
    KAD_SLOT_PROBED = 1,    /* a ping that decides over its place is under way */
    KAD_SLOT_PREFERRED = 2, /* passes the network's id rule (BEP 42); preferred when a bucket is full */
    KAD_SLOT_NEAR = 4,      /* its place is one for whoever answers fastest (near_percent) */
};
#define KAD_SLOT_FAILURES_MAX 127

struct kad_bucket {
    struct kad_slot *slots; /* ascending by `near`: a search reads a few of them */
    struct kad_slot *cache; /* newest last */
    uint8_t n_slots, room_slots, n_cache, room_cache;
    uint32_t touched_at; /* last time a lookup went through this range, seconds since epoch + 1; 0: never */
};

struct kad_table;

enum kad_table_change {
    KAD_TABLE_SAME, /* known already, and refreshed */
    KAD_TABLE_ADDED,
    KAD_TABLE_REPLACED, /* added, and `removed` left for it */
    KAD_TABLE_CACHED,   /* bucket full: waits. `probe` should be pinged when not KAD_NO_CONTACT */
    KAD_TABLE_LIMITED,  /* refused: its address group has its share */
    KAD_TABLE_IGNORED,  /* own id, no memory, full and no cache; failed and remove: not in the table */
    KAD_TABLE_REMOVED,  /* failed and remove only: `removed` left, and `added` has its place if one waited */
};

struct kad_table_update {
    enum kad_table_change change;
    kad_contact_ref probe;   /* least recently heard contact of the full bucket, marked KAD_SLOT_PROBED */
    kad_contact_ref removed; /* retained for the caller: release it */
    kad_contact_ref added;   /* promoted from the cache (failed and remove); not retained for the caller */
};

/* NULL when memory is refused. `config` is copied; the book must outlive the table; no instant given later may lie before
 * `epoch`. */
struct kad_table *kad_table_new(const struct kad_allocator *allocator, struct kad_book *book,
                                const struct kad_id *self, const struct kad_table_config *config,
                                kad_ms epoch);
void kad_table_free(struct kad_table *table); /* NULL is fine */

/* `contact` answered a query of ours after rtt_ms (negative: unknown), or, when it is in the table already, asked us
 * something (rtt_ms negative). The one way in. */
struct kad_table_update kad_table_heard(struct kad_table *table, kad_contact_ref contact, bool preferred,
                                        int rtt_ms, kad_ms now);
/* `contact` has the id of another one in the table, and has proved to be the very same node at another address, where it
 * answered. It takes the other's place (KAD_TABLE_REPLACED), unless its new address group has its share already: then both are
 * gone (KAD_TABLE_REMOVED). */
struct kad_table_update kad_table_moved(struct kad_table *table, kad_contact_ref contact, int rtt_ms,
                                        kad_ms now);
/* `contact` did not answer a query. Removes it at max_failures, or at once when it was probed and a replacement waits; the
 * newest replacement takes its place (as verified as it was when it was cached). A replacement itself just goes. */
struct kad_table_update kad_table_failed(struct kad_table *table, kad_contact_ref contact, kad_ms now);
/* Out at once (it changed its id, or misbehaved). */
struct kad_table_update kad_table_remove(struct kad_table *table, kad_contact_ref contact, kad_ms now);

/* The one that is kept for least leaves, and waits where there is a place to; nobody comes in its stead. `spare` of our nearest are not
 * asked to, nor who is reserved. KAD_TABLE_IGNORED: there is nobody else. */
struct kad_table_update kad_table_trim(struct kad_table *table, unsigned spare);

/* Would a contact with this id and address be taken in (an empty place, or nearer than our k-th nearest), if it
 * proved alive? Cheap: used to decide whether a stranger who asked us something is worth a ping. */
bool kad_table_wants(const struct kad_table *table, const struct kad_id *id,
                     const struct kad_endpoint *endpoint);
/* Has its system, or its country, its share already? (Its address group kad_table_wants() sees.) */
bool kad_table_crowded(const struct kad_table *table, kad_contact_ref contact);
/* Would it get one of the places for whoever answers fastest, if it answered after `rtt_ms`? */
bool kad_table_hopes(const struct kad_table *table, const struct kad_contact *contact, int rtt_ms);
bool kad_table_is_near(const struct kad_table *table, kad_contact_ref contact); /* has it got one? */
/* A bucket with such places, by chance, the more often the more lookups begin there; -1: there is none. */
int kad_table_far_bucket(const struct kad_table *table, struct kad_rng *rng);
/* The fastest of KAD_TABLE_DRAWN drawn from `bucket` and those behind it; KAD_NO_CONTACT: of none is that known. */
kad_contact_ref kad_table_fast(const struct kad_table *table, unsigned bucket, struct kad_rng *rng);
#define KAD_TABLE_DRAWN 8
/* All of them are looked up anew; those waiting who are shunned now are gone. */
void kad_table_place_again(struct kad_table *table);
/* A contact that is shunned, or of a system or country with more than its share; KAD_NO_CONTACT: none is. */
kad_contact_ref kad_table_misplaced(const struct kad_table *table);
const struct kad_slot *kad_table_find(const struct kad_table *table,
                                      kad_contact_ref contact); /* NULL: not there */
/* The place of the contact with this id, until the table changes; NULL: none. For kad_table_heard_again(). */
struct kad_slot *kad_table_slot_with_id(struct kad_table *table, const struct kad_id *id);
/* What kad_table_heard() does for a contact that has its place and asked us something, without looking for it. */
void kad_table_heard_again(struct kad_table *table, struct kad_slot *slot, kad_ms now);
/* The contact in the table with this id; KAD_NO_CONTACT: none. */
kad_contact_ref kad_table_with_id(const struct kad_table *table, const struct kad_id *id);
/* Does anybody wait for a place in the bucket of this id? */
bool kad_table_has_waiting(const struct kad_table *table, const struct kad_id *id);

/* The `n` closest to `target`, nearest first, exactly; contacts with failures are among them only when there are too few
 * others. Not retained: use or retain before the table changes. Returns how many. Never scans buckets that cannot
 * matter. */
size_t kad_table_closest(const struct kad_table *table, const struct kad_id *target, size_t n,
                         kad_contact_ref *out_contacts);
/* The first `n` from bucket 0 on. Not retained. */
size_t kad_table_all(const struct kad_table *table, size_t n, kad_contact_ref *out_contacts);

/* A lookup for an id in this bucket's range ended. */
void kad_table_touch(struct kad_table *table, const struct kad_id *target, kad_ms now);
/* The bucket longest without a lookup, when that is at least `age` ago or there never was one; -1: none. */
int kad_table_stale_bucket(const struct kad_table *table, kad_ms age, kad_ms now);
/* The contact unheard for longest, when that is at least `age` ago; KAD_NO_CONTACT: none. Looks at all: for timers. */
kad_contact_ref kad_table_stale_contact(const struct kad_table *table, kad_ms age, kad_ms now);

size_t kad_table_count(const struct kad_table *table);
unsigned kad_table_n_buckets(const struct kad_table *table);
/* Valid until the table changes. */
const struct kad_bucket *kad_table_bucket(const struct kad_table *table, unsigned bucket);
/* Most contacts this bucket may hold: max(wide >> bucket, k), the last one k; fewer where fewer ids exist. */
unsigned kad_table_capacity(const struct kad_table *table, unsigned bucket);
const struct kad_id *kad_table_self(const struct kad_table *table);
const struct kad_table_config *kad_table_config_of(const struct kad_table *table);
void kad_table_set_probe_after(struct kad_table *table,
                               kad_ms probe_after_ms); /* all else stays as it was made */
kad_ms kad_table_heard_at(const struct kad_table *table, const struct kad_slot *slot);
size_t kad_table_memory(const struct kad_table *table);
/* Has its buckets fetched; or whoever may be near `id`, as far as it is known in one look. A matter of time only. */
void kad_table_ahead(const struct kad_table *table);
void kad_table_ahead_of(const struct kad_table *table, const struct kad_id *id);
/* Every invariant written above; false says which in *out_why. For tests, fuzzing and the simulator. */
bool kad_table_sound(const struct kad_table *table, const char **out_why);
/* The same where it is asked after each event: nothing is looked at that is as it was in `before`, when the table was sound (all 0:
 * it never was). Its book and its configuration are taken to be what they were. */
struct kad_table_print {
    uint64_t places; /* a hash of who stands where */
    uint64_t rest;   /* of all else that matters; 0: nothing was looked at yet */
};
bool kad_table_still_sound(const struct kad_table *table, struct kad_table_print *before,
                           const char **out_why);

#endif
