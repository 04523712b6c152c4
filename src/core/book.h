/*
 * book - every contact once, named by a 4-byte handle.
 *
 * Entries are immutable: a node that moved, or changed its id, is a new entry. Engines of one process may share a book
 * (from one thread), which is how a million simulated nodes fit in memory. An entry lives while somebody retains it.
 * Handles are reused after that; 0 is no contact.
 *
 * What a network needs beyond id and address (keys, more addresses) goes into `identity`: opaque here, the carrier's. It
 * is part of what makes an entry, so that nobody can spoil another's contact by naming it first with a false identity.
 *
 * 64 bytes a contact and 8 to 16 for finding it; growing never copies, and never moves a contact. With a table of places another 8,
 * which is asked once for each contact that comes.
 */
#ifndef KAD_CORE_BOOK_H
#define KAD_CORE_BOOK_H

#include "base/alloc.h"
#include "core/id.h"
#include "kad/engine.h"

#define KAD_FAMILIES 2 /* index 0: IPv4, 1: IPv6 */

typedef uint32_t kad_contact_ref;
#define KAD_NO_CONTACT ((kad_contact_ref)0)

struct kad_book;

/* At most `ceiling` contacts. NULL when memory is refused. `hash_key` keeps strangers from choosing collisions.
 * Freeing the book (NULL is fine) ends all its handles, retained or not. */
struct kad_book *kad_book_new(const struct kad_allocator *allocator, uint32_t ceiling, uint64_t hash_key);
void kad_book_free(struct kad_book *book);

/* The handle of this contact, retained for the caller; KAD_NO_CONTACT when the book is full or memory is refused.
 * `identity` (65,535 bytes at most) is copied. */
kad_contact_ref kad_book_intern(struct kad_book *book, const struct kad_id *id,
                                const struct kad_endpoint *endpoint, struct kad_bytes identity);
/* These contacts are about to be looked up or interned: fetches what that needs, all at once rather than one after the
 * other. A matter of time only. */
void kad_book_prefetch(const struct kad_book *book, const struct kad_contact *contacts, size_t n_contacts);
/* The same without adding or retaining, and whatever its identity is: KAD_NO_CONTACT when it is not there. */
kad_contact_ref kad_book_find(const struct kad_book *book, const struct kad_id *id,
                              const struct kad_endpoint *endpoint);
void kad_book_retain(struct kad_book *book, kad_contact_ref contact);
void kad_book_release(struct kad_book *book, kad_contact_ref contact); /* KAD_NO_CONTACT is fine */

/* Valid while the caller, or anybody, retains it. */
const struct kad_contact *kad_book_contact(const struct kad_book *book, kad_contact_ref contact);
struct kad_bytes kad_book_identity(const struct kad_book *book, kad_contact_ref contact);

/* Contacts that come from now on get a place, of this table (NULL: none); it is copied, its context lent. What is there already has
 * none until kad_book_place_again(). */
void kad_book_set_places(struct kad_book *book, const struct kad_places *places);
/* All unknown: nobody has a place, or there was no memory for it. */
struct kad_place kad_book_place(const struct kad_book *book, kad_contact_ref contact);
/* Where an address is, contact or not: the table of places is asked. */
struct kad_place kad_book_place_at(const struct kad_book *book, const struct kad_endpoint *endpoint);
bool kad_book_has_places(const struct kad_book *book);
void kad_book_place_again(struct kad_book *book, kad_contact_ref contact); /* the table is asked anew */
void kad_book_set_place(struct kad_book *book, kad_contact_ref contact,
                        const struct kad_place *place); /* it is not asked: read back from a walk */

uint32_t kad_book_count(const struct kad_book *book);
size_t kad_book_memory(const struct kad_book *book); /* bytes held */

#endif
