/*
 * dht - one participant in messages: what is kept, and who does what with it.
 *
 *     kad_dht_receive()  a message came         -> serve.c (queries), answer.c (answers)
 *     kad_dht_tick()     time passed            -> operation.c, join.c, upkeep.c, publish.c
 *     kad_dht_request()  the host wants         -> operation.c
 *
 * This header is for core's own files and for the engine that owns the dht.
 */
#ifndef KAD_CORE_DHT_H
#define KAD_CORE_DHT_H

#include "core/budget.h"
#include "core/churn.h"
#include "core/closest.h"
#include "core/estimate.h"
#include "core/events.h"
#include "core/lookup.h"
#include "core/lost.h"
#include "core/member.h"
#include "core/outbox.h"
#include "core/publish.h"
#include "core/query.h"
#include "core/reach.h"
#include "core/rules.h"
#include "core/store.h"
#include "core/table.h"
#include "core/token.h"

#define KAD_BOOTSTRAP_MAX 64
#define KAD_SAVED_MAX     512

/* This many silences in a row say that it is our own link that is down: contacts are not blamed any more, and joining
 * is tried again, in growing intervals. */
#define KAD_SILENCE_BLAMED 4
#define KAD_SILENCE_REJOIN 8

struct kad_operation;

#define KAD_SAMPLE_SIZE 20

/* What samplers are told for one interval (BEP 51). */
struct kad_sample {
    kad_ms period;
    uint32_t n, total;
    struct kad_id keys[KAD_SAMPLE_SIZE];
};

/* How joining stands. Saved contacts wait here until they have been asked. */
struct kad_join {
    struct kad_endpoint *bootstraps; /* see kad_join_pinned() */
    kad_contact_ref *saved;          /* retained */
    struct kad_operation *operation; /* NULL: not joining just now */
    kad_ms next_at;                  /* when to try (again) */
    kad_ms paused_until;             /* saved contacts wait for the budget */
    uint16_t n_bootstraps, n_saved;
    uint16_t attempts;  /* in a row without contacts */
    uint16_t n_asked;   /* of the bootstraps, by the operation that runs */
    uint8_t n_deepened; /* lookups for ourselves since we were ready */
    bool ready, warned;
    bool was_ready; /* everybody left since */
};

/* How the search for near contacts stands (core/near.h). */
struct kad_near {
    kad_ms next_at, wait_ms;
    uint8_t n_won; /* so many the last question has brought into the table */
};

struct kad_upkeep {
    kad_ms next_at;
    kad_ms verify_at;     /* verify_left was filled up last */
    uint16_t verify_left; /* pings to strangers we may still send this second */
    uint8_t n_running;    /* refresh lookups under way */
};

struct kad_dht {
    const struct kad_allocator *allocator;
    const struct kad_settings *settings;
    const struct kad_rules *rules;
    struct kad_member *member; /* the engine's; NULL: the network has no identities */
    struct kad_book *book;
    struct kad_store *store;
    struct kad_table *tables[KAD_FAMILIES]; /* NULL: we do not speak it */
    struct kad_id self;
    struct kad_rng rng;
    struct kad_token_maker tokens;
    struct kad_estimate estimates[KAD_FAMILIES];
    struct kad_reach reach;
    struct kad_reach_vote *votes; /* allocated with the first vote */
    struct kad_query_pool queries;
    struct kad_operation *operations;               /* running, newest first */
    struct kad_operation *finished, *finished_last; /* the host has not taken their DONE yet */
    struct kad_operation *told;                     /* the host may still read its result */
    kad_ms operations_wake_at;                      /* no operation has anything to do before */
    struct kad_sample *sample;                      /* allocated with the first sampler */
    kad_ms expire_at;
    struct kad_join join;
    struct kad_upkeep upkeep;
    struct kad_near near;
    struct kad_churn churn;
    struct kad_budget budget;
    struct kad_lost *lost;       /* allocated with the first loss */
    struct kad_closest *closest; /* allocated with the first request that found anybody */
    struct kad_publications publications;
    struct kad_events events;
    struct kad_counters *counters; /* the engine's */
    struct kad_measures *measures; /* the host's, or NULL */
    kad_ms warn_again_at[KAD_N_WARNINGS];
    uint64_t last_request;
    int32_t rtt_8,
        rtt_deviation_4; /* smoothed RTT times 8, deviation times 4 (RFC 6298); rtt_8 < 0: unknown */
    uint8_t n_measured;  /* RTTs so far, up to a few */
    uint16_t n_host_operations;
    uint16_t n_requests_over; /* as many as there were when max_requests was lowered, else 0; the same: */
    uint32_t n_queries_over;
    uint16_t n_silent; /* queries unanswered in a row, nothing heard from anybody meanwhile */
    unsigned watch;    /* enum kad_event_mask */
};

struct kad_dht_config {
    const struct kad_allocator *allocator;
    const struct kad_settings *settings;
    const struct kad_rules *rules;
    struct kad_member *member; /* NULL: rules->identity_size is 0 */
    struct kad_book *book;
    struct kad_store *store;
    struct kad_counters *counters;
    struct kad_measures *measures; /* may be NULL */
    const uint8_t *seed;
    const struct kad_id *id;     /* NULL: made */
    struct kad_endpoint address; /* own, if known */
    bool ipv4, ipv6;
    unsigned watch;
};

KAD_CHECK int kad_dht_init(struct kad_dht *dht, const struct kad_dht_config *config, kad_ms now);
void kad_dht_clear(struct kad_dht *dht);

/* What a message was worth. */
struct kad_received {
    enum kad_drop drop;
    bool proved;   /* its sender owns the address it came from: it answered us, or brought a token of ours */
    bool strike;   /* it broke the rules in a way no honest node does */
    bool stranger; /* a query of a node that could be a contact of ours, and is none */
    bool left;     /* its sender is gone, and says so */
};

struct kad_received kad_dht_receive(struct kad_dht *dht, const struct kad_peer *from,
                                    const struct kad_message *message, kad_ms now, struct kad_outbox *out);
void kad_dht_tick(struct kad_dht *dht, kad_ms now, struct kad_outbox *out);
kad_ms kad_dht_wake_at(const struct kad_dht *dht);
void kad_dht_unreachable(struct kad_dht *dht, const struct kad_endpoint *peer, kad_ms now);
/* They are valid, and differ in nothing that is fixed. */
void kad_dht_set_settings(struct kad_dht *dht, const struct kad_settings *settings, kad_ms now);
/* Is who sent this a contact of ours, at the address we know? */
bool kad_dht_knows(const struct kad_dht *dht, const struct kad_peer *from, const struct kad_message *message);

/* -- for core's own files --------------------------------------------------------------------------------------- */

/* Something was stored: sooner or later it expires. */
static inline void kad_dht_stored(struct kad_dht *dht, kad_ms now)
{
    const kad_ms ttl = kad_ms_min(dht->settings->peer_ttl_ms, dht->settings->record_ttl_ms);

    dht->expire_at = kad_ms_min(dht->expire_at, now + ttl);
}

static inline int kad_family_index(uint8_t family)
{
    return family == KAD_IPV4 ? 0 : 1;
}

/* serve.c: answers a query. */
struct kad_received kad_serve(struct kad_dht *dht, const struct kad_peer *from,
                              const struct kad_message *query, kad_ms now, struct kad_outbox *out);

/* answer.c: an answer or error to a query of ours; and no answer at all. */
struct kad_received kad_answer(struct kad_dht *dht, const struct kad_peer *from,
                               const struct kad_message *answer, kad_ms now, struct kad_outbox *out);
void kad_answer_missing(struct kad_dht *dht, uint32_t query_slot, kad_ms now, struct kad_outbox *out);
/* Is the at-th contact that it names the first of its address group there? */
bool kad_answer_first_of_group(const struct kad_dht *dht, const struct kad_message *answer, size_t at);
/* Who has this id answers nothing any more: what it was asked fails now, and nobody is blamed. */
void kad_answer_none_from(struct kad_dht *dht, const struct kad_id *id, kad_ms now, struct kad_outbox *out);

/* contacts.c: the table, with events and counters; and whom to believe. */
void kad_dht_heard(struct kad_dht *dht, kad_contact_ref contact, int rtt_ms, kad_ms now,
                   struct kad_outbox *out);
/* The same for a contact of the table that asked us something: nothing about it is worked out anew. */
void kad_dht_heard_again(struct kad_dht *dht, struct kad_table *table, struct kad_slot *slot, kad_ms now);
void kad_dht_silent(struct kad_dht *dht, kad_contact_ref contact, kad_ms now, struct kad_outbox *out);
void kad_dht_drop_contact(struct kad_dht *dht, kad_contact_ref contact, kad_ms now);
/* Is a contact that `from` names worth anything? Not ourselves, answerable, of a family we speak, and no more local than
 * who names it (nobody outside may point us at our own network). */
bool kad_dht_acceptable(const struct kad_dht *dht, const struct kad_contact *contact,
                        const struct kad_endpoint *from);
bool kad_dht_id_fits(const struct kad_dht *dht, const struct kad_contact *contact);
/* Is this contact alive? The answer, or its absence, goes to the table. */
void kad_dht_ping(struct kad_dht *dht, kad_contact_ref contact, kad_ms now, struct kad_outbox *out);
/* Asks a stranger whether it is there, if the table has a place for it and the pace allows; and a contact of ours that is heard
 * of at another address, where identities are proven (only by whoever can show that it is the one). */
void kad_dht_verify(struct kad_dht *dht, const struct kad_contact *contact, struct kad_bytes identity,
                    kad_ms now, struct kad_outbox *out);
/* The same for one that may be near: how soon it answers is what matters. False: it is not asked. */
bool kad_dht_measure(struct kad_dht *dht, const struct kad_contact *contact, struct kad_bytes identity,
                     kad_ms now, struct kad_outbox *out);
/* Somebody has shown that it receives at this address, and said nothing else: a contact of ours that is known at another has moved. */
void kad_dht_seen(struct kad_dht *dht, const struct kad_peer *from, const struct kad_id *id, kad_ms now,
                  struct kad_outbox *out);
/* The contact, retained, with the identity that makes its id where the network has identities. KAD_NO_CONTACT: it has none, or
 * one that is none; it is at a place that is shunned; no room. */
kad_contact_ref kad_dht_intern(struct kad_dht *dht, const struct kad_contact *contact,
                               struct kad_bytes identity);
size_t kad_dht_n_contacts(const struct kad_dht *dht);
/* The book has another table of places: contacts are looked up anew, and go where it says so. */
void kad_dht_place_again(struct kad_dht *dht, kad_ms now);
/* Takes a new id: tables are built anew around it. */
void kad_dht_set_id(struct kad_dht *dht, const struct kad_id *id, kad_ms now);
kad_ms kad_dht_patience(const struct kad_dht *dht);
void kad_dht_measured(struct kad_dht *dht, kad_ms rtt);

/* Its public key, 32 bytes, where the network has identities. Nothing is written elsewhere. */
void kad_dht_copy_key(const struct kad_dht *dht, kad_contact_ref contact, uint8_t *out_public_key);

/* 0: a query may go out now; else how long it has to wait for the budget (counted). */
kad_ms kad_dht_budget_wait(struct kad_dht *dht, bool for_host, kad_ms now);
/* Sends a query and notes it. False: it could not be sent. `query` is filled in but for sent_at; `message` but for
 * transaction and sender. */
bool kad_dht_ask(struct kad_dht *dht, struct kad_query *query, struct kad_message *message, kad_ms now,
                 struct kad_outbox *out);

/* join.c */
void kad_join_tick(struct kad_dht *dht, kad_ms now, struct kad_outbox *out);
kad_ms kad_join_wake_at(const struct kad_dht *dht);
enum kad_standing kad_join_standing(const struct kad_dht *dht);
void kad_join_met(struct kad_dht *dht,
                  kad_ms now); /* somebody came into the table: maybe they found us first */
void kad_join_ended(struct kad_dht *dht, kad_ms now); /* its operation did */
/* Joins anew, beginning with those whom this one knows, near contacts of ours or not. False: joining already, no memory. */
bool kad_join_through(struct kad_dht *dht, kad_contact_ref contact, kad_ms now);
/* Its own nearest are looked for again, twice, soon: others may be that by now. */
void kad_join_deepen(struct kad_dht *dht, kad_ms now);
/* `identity`: nobody else is taken there; empty: whoever answers is. */
KAD_CHECK int kad_join_add_bootstrap(struct kad_dht *dht, const struct kad_endpoint *endpoint,
                                     struct kad_bytes identity, kad_ms now);
KAD_CHECK int kad_join_add_saved(struct kad_dht *dht, const struct kad_contact *contact,
                                 struct kad_bytes identity, kad_ms now);
void kad_join_clear(struct kad_dht *dht);
/* Beside each bootstrap who it has to be, retained: behind the addresses, where the network has identities. NULL: it has none,
 * or there are no bootstraps. */
static inline kad_contact_ref *kad_join_pinned(const struct kad_dht *dht)
{
    if (!dht->rules->identity_size || !dht->join.bootstraps)
        return NULL;
    return (kad_contact_ref *)(void *)(dht->join.bootstraps + KAD_BOOTSTRAP_MAX);
}
/* Bytes at join.bootstraps. */
static inline size_t kad_join_bootstraps_size(const struct kad_dht *dht)
{
    return KAD_BOOTSTRAP_MAX *
           (sizeof(struct kad_endpoint) + (dht->rules->identity_size ? sizeof(kad_contact_ref) : 0));
}

/* upkeep.c */
void kad_upkeep_tick(struct kad_dht *dht, kad_ms now, struct kad_outbox *out);
/* How old contacts and buckets may get, as settings and measured churn have it. */
kad_ms kad_upkeep_ping_after(const struct kad_dht *dht);
kad_ms kad_upkeep_refresh_after(const struct kad_dht *dht);
void kad_upkeep_alive(struct kad_dht *dht, const struct kad_table *table, const struct kad_slot *slot,
                      kad_ms now); /* NULL: not in the table */
void kad_upkeep_silent(struct kad_dht *dht, const struct kad_table *table, kad_contact_ref contact,
                       kad_ms now);

/* sound.c: every invariant; false names the broken one. */
bool kad_dht_sound(const struct kad_dht *dht, kad_ms now, const char **out_why);
/* The next thing to tell the host: events in their order, then ends of requests. */
bool kad_dht_next_event(struct kad_dht *dht, struct kad_event *out_event);
/* At most one of a kind a minute: strangers can bring some of them about. `now` 0: whenever. */
void kad_dht_warn(struct kad_dht *dht, enum kad_warning warning, kad_ms now);

#endif
