/*
 * test_members - participants of a network with identities and classes of records, and a clock that is a variable: core alone,
 * with the rules, records and names of kad's own network, and messages that pass between them as they are. So what holders and
 * requesters do can be tested without sessions and bytes.
 *
 * A message arrives `delay_ms` after it was sent. Members are numbered from 0.
 */
#ifndef KAD_ENGINE_TEST_MEMBERS_H
#define KAD_ENGINE_TEST_MEMBERS_H

#include "core/dht.h"
#include "kad/secure.h"

struct members;

struct member {
    struct members *net;
    unsigned number;
    bool on;
    struct kad_member who;
    struct kad_endpoint endpoint;
    struct kad_counters counters;
    struct kad_store *store;
    struct kad_dht dht;
    /* Of the last request of its own; what it points to is copied. */
    struct kad_event done;
    unsigned n_done;
    unsigned n_strikes; /* it gave others for what they sent */
    unsigned n_served;  /* answers of its with a value */
    struct kad_record record, records[80];
    uint8_t value[1000], values[80][1000];
    struct kad_receipt receipts[64];
};

struct member_message; /* one under way */

struct members {
    kad_ms now, delay_ms;
    struct kad_settings settings;
    unsigned n, room;
    struct member **members;
    struct member_message **heap; /* by arrival */
    size_t n_heap, room_heap;
    uint64_t n_sent, n_order;
    uint64_t n_sent_of[KAD_N_METHODS]; /* queries */
    const struct kad_class *classes;
    size_t n_classes;
    /* NULL: nobody is cut off. Else whether these two can talk. */
    bool (*reaches)(const struct members *net, unsigned from, unsigned to);
};

void members_init(struct members *net);
void members_clear(struct members *net);
/* A new one; it knows nobody. Its identity comes of its number. */
struct member *members_add(struct members *net);
/* `n` that know one another as far as their tables have room, as if they had joined long ago. */
void members_grow(struct members *net, unsigned n);
/* A newcomer, or one that was off: joins through another that is on. */
void members_join(struct members *net, unsigned number);
void members_off(struct members *net, unsigned number); /* what it stored is kept */
void members_on(struct members *net, unsigned number);  /* with what it stored and nothing else */
void members_run(struct members *net, kad_ms duration_ms);
/* Runs until it is done; the error of its DONE. */
int members_request(struct members *net, unsigned number, const struct kad_request *request);
/* A message out of nowhere, handled at once; the answer, deep-copied, in a buffer that lives until the next call. */
struct kad_message *members_ask(struct members *net, unsigned number, const struct member *from,
                                struct kad_message *query, struct kad_received *out_received);
/* How many that are on hold a record of this key now (of this owner, if not NULL). */
unsigned members_holding(struct members *net, const struct kad_id *key, const uint8_t *owner);
/* Numbers of those on, nearest to the key first. */
void members_nearest(const struct members *net, const struct kad_id *key, unsigned *out_numbers, unsigned n);

/* A record of a class of the network's, "room:x", made now by the owner with this number. */
struct kad_record members_record(const struct members *net, const char *name, unsigned owner,
                                 int64_t sequence, const char *value,
                                 uint8_t out_value[KAD_SECURE_VALUE_MAX]);
struct kad_id members_key(const struct members *net, const char *name);
void members_seed(unsigned number, uint8_t out_seed[32]); /* of an identity */

#endif
