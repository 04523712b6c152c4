/*
 * walk - base/walk.h for what core consists of: all that a participant's future depends on, but for its sessions.
 *
 * Contacts are written out whole, whatever their handles.
 */
#ifndef KAD_CORE_WALK_H
#define KAD_CORE_WALK_H

#include "base/walk.h"
#include "core/book.h"
#include "kad/engine.h"

struct kad_dht;
struct kad_limit;
struct kad_table;

/* Reading retains it for whoever holds `contact`. */
void kad_walk_contact(struct kad_walk *walk, kad_contact_ref *contact);
void kad_walk_place(struct kad_walk *walk, struct kad_place *place);
void kad_table_walk(struct kad_walk *walk, struct kad_table *table);
void kad_limit_walk(struct kad_walk *walk, struct kad_limit *limit);
/* But for value and salt, whose bytes are somebody else's. */
void kad_record_walk(struct kad_walk *walk, struct kad_record *record);
void kad_request_walk(struct kad_walk *walk, struct kad_request *request);
/* The store is not part of it, and events must have been taken. Reading needs a dht that was just initialised. */
void kad_dht_walk(struct kad_walk *walk, struct kad_dht *dht);

#endif
