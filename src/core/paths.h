/*
 * paths - one lookup on several paths that share nobody (S/Kademlia, Baumgart and Mies 2007, section 4.4).
 *
 * Each path is a lookup (core/lookup.h) with candidates of its own: what its contacts name, nobody else hears of. Whoever one
 * path asked, no other asks. So a liar misleads one path only, and liars who name each other use each other up. Driven like a
 * lookup, which it is as long as nothing opens further paths: then it costs nothing more.
 *
 *     kad_paths_init()      one path
 *     kad_paths_open()      more of them, each begins with contacts dealt to it in turn
 *     kad_paths_next() _reply() _fail() _beyond_reply() _beyond_fail() _add() _closest()      as of a lookup
 *     kad_paths_bad()       this contact's answer broke the rules
 *
 * Unlike the paper a path goes on down its own list after a bad answer (`keep_going`): the ids of liars are as hard to make as
 * anybody's, so what a liar can do is name other liars, and these too are used up. With `keep_going` off a path ends at its
 * first bad answer.
 */
#ifndef KAD_CORE_PATHS_H
#define KAD_CORE_PATHS_H

#include "core/lookup.h"

#define KAD_PATHS_MAX 32

/* Contacts some path has asked. */
struct kad_claims {
    const struct kad_allocator *allocator;
    kad_contact_ref *slots; /* open addressing; KAD_NO_CONTACT: free */
    uint32_t n, room;
};

bool kad_claims_has(const struct kad_claims *claims, kad_contact_ref contact);
/* Without memory it is not noted: then somebody may be asked twice. */
void kad_claims_add(struct kad_claims *claims, kad_contact_ref contact);

struct kad_paths {
    struct kad_lookup first;
    struct kad_lookup *more; /* n_more of them; NULL: one path */
    struct kad_claims *claims;
    uint8_t n_more, turn; /* turn: the path that may ask next */
    bool keep_going;
};

void kad_paths_init(struct kad_paths *paths, const struct kad_allocator *allocator, struct kad_book *book,
                    const struct kad_id *target, const struct kad_lookup_config *config);
void kad_paths_clear(struct kad_paths *paths);

/* `n` more paths, KAD_PATHS_MAX in all, as `config` says; `contacts` are dealt to them in turn, but for those that were asked.
 * Returns how many were opened: fewer without memory. The paths that are there go on; an end is no end any more. */
unsigned kad_paths_open(struct kad_paths *paths, unsigned n, const struct kad_lookup_config *config,
                        const kad_contact_ref *contacts, size_t n_contacts);
/* Notes anew whom all of them have asked. */
void kad_paths_claim(struct kad_paths *paths);
/* How wide a path must look so that `n` of them find what one of width k finds. */
unsigned kad_paths_width(unsigned k, unsigned n);

static inline unsigned kad_paths_count(const struct kad_paths *paths)
{
    return 1u + paths->n_more;
}
static inline struct kad_lookup *kad_paths_at(struct kad_paths *paths, unsigned path)
{
    return path ? &paths->more[path - 1] : &paths->first;
}

void kad_paths_set_patience(struct kad_paths *paths, kad_ms patience);
/* To the first path. */
bool kad_paths_add(struct kad_paths *paths, kad_contact_ref contact);
bool kad_paths_add_named(struct kad_paths *paths, kad_contact_ref contact);
/* Of the contacts that one answer names, one of each address group of which nobody has answered: the first. The others are
 * taken out; returns how many are left. What liars name makes us send one packet to a victim for each of theirs. */
size_t kad_paths_believe(struct kad_paths *paths, kad_contact_ref *io_contacts, size_t n);
struct kad_lookup_step kad_paths_next(struct kad_paths *paths, kad_ms now);
bool kad_paths_reply(struct kad_paths *paths, kad_contact_ref from, const kad_contact_ref *closer,
                     size_t n_closer);
bool kad_paths_fail(struct kad_paths *paths, kad_contact_ref from);
bool kad_paths_beyond_reply(struct kad_paths *paths, kad_contact_ref from, const kad_contact_ref *closer,
                            size_t n_closer);
bool kad_paths_beyond_fail(struct kad_paths *paths, kad_contact_ref from);
/* What `from` answered was a lie: its path ends, unless it keeps going. */
void kad_paths_bad(struct kad_paths *paths, kad_contact_ref from);
void kad_paths_stop(struct kad_paths *paths, enum kad_reason reason);

/* KAD_REASON_NONE until all paths have ended; then the best of their ends. */
enum kad_reason kad_paths_reason(const struct kad_paths *paths);
unsigned kad_paths_answered(const struct kad_paths *paths); /* contacts that did */
unsigned kad_paths_candidates(const struct kad_paths *paths);
/* Of all paths together, as of a lookup. */
size_t kad_paths_closest(const struct kad_paths *paths, size_t n, kad_contact_ref *out_contacts);
const struct kad_candidate *kad_paths_candidate(const struct kad_paths *paths, kad_contact_ref contact);
/* Of the paths that were answered at all, how many met one of these: in thousandths. */
unsigned kad_paths_agreement(const struct kad_paths *paths, const kad_contact_ref *contacts, size_t n);

#endif
