/*
 * engine - one participant of one network, without sockets, clock, threads or globals.
 *
 * The host gives datagrams, requests and the time; the engine gives datagrams and events. It is a function of its
 * inputs: the same seed and the same calls give the same bytes.
 *
 *     kad_engine_datagram(engine, in, now, out)   one datagram came
 *     kad_engine_request(engine, request, now)    find, get, put, announce ...
 *     kad_engine_tick(engine, now, out)           time passed: call when kad_engine_wake_at() is reached, after requests,
 *                                                 and again after draining a batch that was full
 *     kad_engine_next_event(engine, &event)       until false, after each of the above
 *
 * `out` is a batch of the host's: the engine encodes straight into it, and never holds datagrams back itself. What
 * does not fit waits (queries) or is dropped and counted (answers).
 *
 * One thread at a time per engine; engines that share a contact book share that thread. Nothing blocks. Memory comes from
 * the allocator given; every queue, map and list has a ceiling in kad_settings.
 */
#ifndef KAD_ENGINE_H
#define KAD_ENGINE_H

#include "kad/settings.h"
#include "kad/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct kad_engine;
struct kad_book;    /* contacts by handle (core/book.h); engines of one process may share one */
struct kad_store;   /* where records and peers are kept (core/store.h) */
struct kad_network; /* a network as data: codec, id rule, defaults */

/* BitTorrent's Mainline DHT. */
const struct kad_network *kad_network_mainline(void);
/* kad's own: nodes prove who they are, datagrams are sealed, records signed (docs/protocol.md, docs/security.md). */
const struct kad_network *kad_network_kad(void);
/* The same for tests: any identity will do. */
const struct kad_network *kad_network_kad_easy(void);
/* And without its cryptography: for simulations of many nodes, and nothing else. */
const struct kad_network *kad_network_kad_toy(void);
/* The same messages as JSON over WebSockets, whose two ends prove who they are (docs/kad-ws.md). Only a host that has these
 * connections takes part: `kad node` does. */
const struct kad_network *kad_network_kad_ws(void);
/* And for tests, without the puzzle. */
const struct kad_network *kad_network_kad_ws_easy(void);
/* libp2p's Kademlia (docs/libp2p.md), over connections that the host has: the network of T024, "/icn/kad/1.0.0", */
const struct kad_network *kad_network_libp2p_icn(void);
/* and that of IPFS, "/ipfs/kad/1.0.0". */
const struct kad_network *kad_network_libp2p_ipfs(void);
/* By its name; NULL: there is none of that name. Any thread. */
const struct kad_network *kad_network_named(const char *name);
/* The networks of this build (docs/building.md), from 0 on: those for use, then those for tests; NULL: no more. Any thread. */
const struct kad_network *kad_network_at(unsigned number);
/* False: it was left out. It has its name and nothing else, and kad_engine_new() refuses it (KAD_E_DISABLED). Any thread. */
bool kad_network_is_built(const struct kad_network *network);
/* "mainline". Any thread. */
const char *kad_network_name(const struct kad_network *network);
/* The port its nodes usually have, of UDP unless it says otherwise. Any thread. */
uint16_t kad_network_port(const struct kad_network *network);
/* Do its nodes prove who they are? Any thread. */
bool kad_network_has_identities(const struct kad_network *network);
/* Leading zero bits an identity needs in it (kad/identity.h); 0: any will do, or it has none. Any thread. */
unsigned kad_network_puzzle(const struct kad_network *network);

/* What a node offers to be for others, in networks with identities. It is told to them, and they prefer such nodes among equals;
 * nobody is trusted more for it. */
enum kad_role {
    KAD_ROLE_REGULAR,
    KAD_ROLE_BOOTSTRAP, /* has an address that lasts, and lets others in */
    KAD_ROLE_RELAY,     /* has a good line to give */
    KAD_N_ROLES,        /* how many there are */
};
/* "relay": a constant, never NULL. Any thread. */
const char *kad_role_text(enum kad_role role);

/* Which events are wanted. */
enum kad_event_mask {
    KAD_WATCH_NODES = 1,  /* KAD_EVENT_NODE */
    KAD_WATCH_TABLE = 2,  /* KAD_EVENT_TABLE */
    KAD_WATCH_STORED = 4, /* KAD_EVENT_STORED */
    KAD_WATCH_STATE = 8,  /* READY, ADDRESS, ID, WARNING */
    KAD_WATCH_ALL = 15,   /* DONE, and the HOP and PEERS of requests that ask for them, always come */
};

struct kad_measures;

/* A class of records: how long they live, how large and how many they are, who may write them. Networks have classes of their
 * own (docs/protocol.md); a program may add some, from KAD_CLASS_USER on. Holders see of a record what `valid` and `better`
 * are given: its value is sealed, unless the class is `plain`. All members of a network that are to hold a class must
 * have it alike; others refuse it (KAD_REFUSAL_CLASS). */
struct kad_class {
    const char *name; /* "room": letters, digits and '-', at most 31 */
    uint8_t type;     /* KAD_CLASS_USER .. 255 */
    bool first_owner; /* with one value: while it is held, nobody else's replaces it */
    bool taken_once;  /* given to whom it is for only, and forgotten then */
    bool plain; /* values are not sealed, so `valid` can look at them; the owner's identity itself signs */
    uint16_t value_max;  /* bytes on the wire, at most KAD_SECURE_VALUE_MAX */
    uint16_t owners_max; /* values of different owners under one key; 1: one value */
    kad_ms ttl_ms;       /* valid_until - made_at at most; KAD_NEVER: for good, while there is room */
    /* The validator: may it stand here? Asked after size, life and signature. NULL: yes. */
    bool (*valid)(void *context, const struct kad_record *record);
    /* The selector: is `a` to replace `b`, of the same key (and owner, with many)? NULL: the higher sequence does. */
    bool (*better)(void *context, const struct kad_record *a, const struct kad_record *b);
    void *context; /* handed to both, on the engine's thread */
};

#define KAD_CLASS_NAME_MAX   31  /* bytes */
#define KAD_SECURE_VALUE_MAX 896 /* bytes of a value on the wire of kad's own network, sealed */

/* Where an address is, as far as the host knows, and what it wants to have to do with who is there. */
struct kad_place {
    uint32_t as_number; /* of its autonomous system; 0: unknown */
    char country[2];    /* "DE" (ISO 3166-1 alpha-2), no zero behind it; zeros: unknown */
    bool shunned;       /* nobody there becomes a contact: none is asked, named to others, or stored at */
    bool no_store;      /* asked, and nothing is stored there */
};
/* A table of places, the host's (kad node has MMDB files). It is asked once per contact that comes, on the engine's thread, and must
 * not block; its answers are recorded by the flight recorder. Port and anything but the address do not matter. */
struct kad_places {
    void (*place_of)(void *context, const struct kad_endpoint *endpoint,
                     struct kad_place *out_place); /* out_place is zeroed: all unknown */
    void *context;                                 /* handed to it */
};

/*
 * Whom the host lets in, in networks with identities: a reputation of its own, a stake, a list of who may. Asked on the engine's thread,
 * must not block, and its answers are recorded by the flight recorder. `identity` is what the network proves somebody to be: in kad's
 * own 32 bytes of public key, in libp2p's a peer id. Either function may be NULL: all may.
 */
struct kad_gate {
    /* What is thought of `who`: 0 .. 100; 50 when nothing is known. With 0, or less than settings.min_score, it does not come into
     * the table. Asked before a stranger is pinged for a place, and whenever somebody answers who has none; of those who have one
     * nothing is asked. */
    unsigned (*reputation)(void *context, const struct kad_contact *who, struct kad_bytes identity);
    /* May this provider record be held here, brought by `from`? Its key is record->key, its owner record->public_key; who brings
     * it need not be the owner, but with libp2p is. Asked each time it comes, after its signature, life and sender were found good.
     * False: it is refused with KAD_REFUSAL_POLICY; in libp2p's networks, which have no such word, by a reset of the stream. */
    bool (*provides)(void *context, const struct kad_contact *from, struct kad_bytes identity,
                     const struct kad_record *record);
    void *context; /* handed to both */
};

/* What an engine is made of. "Lent" is for the life of the engine. */
struct kad_engine_config {
    const struct kad_network *network;     /* kad_network_mainline() */
    const struct kad_settings *settings;   /* lent for the life of the engine, or until others are set */
    const struct kad_allocator *allocator; /* lent; NULL: malloc */
    uint8_t seed[32];                      /* all randomness; from the system's entropy, or a simulation's */
    const struct kad_id *id; /* NULL: made from the seed; with identities: it follows from that */
    uint8_t secret[32];      /* with has_secret: who it is (kad/identity.h), in networks with identities */
    bool has_secret;         /* false: only where there is no puzzle is one made from the seed */
    const char *realm;       /* lent; what a private network's members share. NULL: the public one */
    const struct kad_class *classes; /* lent; record classes of the program's own */
    size_t n_classes;                /* how many */
    struct kad_store *store;         /* lent; NULL: own one in memory, with default ceilings */
    struct kad_book *book;           /* lent; NULL: own one */
    const struct kad_places
        *places;                   /* lent; with an own book only. NULL: no address is known to be anywhere */
    const struct kad_gate *gate;   /* lent; of networks with identities. NULL: everybody is let in */
    bool ipv4;                     /* whether this node speaks IPv4 */
    bool ipv6;                     /* or IPv6, or both */
    struct kad_endpoint address;   /* own outside address if known, for the id rule; else family 0 */
    unsigned watch;                /* enum kad_event_mask */
    struct kad_measures *measures; /* lent, zeroed by the host; NULL: nothing is measured */
    /* Lent, zeroed by the host: many engines of one thread may count into the same, and are counted together, which saves
     * each 560 bytes and cannot be recorded. NULL: its own. */
    struct kad_counters *counters;
};

/* The engine is the caller's. 0, KAD_E_INVALID (a setting out of range, no network, no family), KAD_E_MEMORY, KAD_E_SYSTEM. */
KAD_CHECK int kad_engine_new(const struct kad_engine_config *config, kad_ms now,
                             struct kad_engine **out_engine);
void kad_engine_free(struct kad_engine *engine); /* NULL is fine. Requests not done end without an event. */

/* From now on these hold, all of them or none; lent for the life of the engine, or until others are set, so not in the place of
 * those that hold. Requests under way keep their alpha, width and deadline; all else changes at once. 0 or KAD_E_INVALID
 * with the field that is out of range or cannot be changed while the engine runs. The engine's thread. */
KAD_CHECK int kad_engine_set_settings(struct kad_engine *engine, const struct kad_settings *settings,
                                      kad_ms now, const char **out_field);
/* From now on this table of places holds (NULL: none is known), or the same one with other contents: contacts are looked up anew, and
 * leave where it says so, or where a system or country has more than its share; requests under way go on. Lent as config.places. 0 or
 * KAD_E_INVALID: the book is lent. The engine's thread. */
KAD_CHECK int kad_engine_set_places(struct kad_engine *engine, const struct kad_places *places, kad_ms now);
/* How far the host is behind with what comes in: 0, it keeps up, .. 100. Strangers' queries are then dropped, more of them the
 * higher, costly ones (get, put, announce, scrape, sample) first; contacts of ours and answers to us never are. In networks with
 * sessions a bounded number of them is told so (KAD_REFUSAL_BUSY). The host measures, for the engine has no clock: see
 * node/load.h. */
void kad_engine_load(struct kad_engine *engine, unsigned percent);

/* -- datagrams -------------------------------------------------------------------------------------------------- */

#define KAD_DATAGRAM_MAX \
    1400 /* the largest we send (an IPv6 packet of 1,452 bytes at most); larger ones are taken */

/* One datagram; the bytes are lent. */
struct kad_datagram {
    struct kad_endpoint peer; /* from (in), to (out) */
    struct kad_bytes bytes;   /* what is in it, headers of IP and UDP aside */
    /* In networks whose identities the host proves: the public key of who is at the other end. Else unused. Out: in the
     * batch's memory. */
    struct kad_bytes identity;
};

/* Where the engine writes what is to be sent: the host's, for the call. The host sends the first `n` and sets n to 0. */
struct kad_batch {
    struct kad_datagram *datagrams; /* `room` of them; bytes.data points into `memory` once written */
    uint8_t *memory;                /* room times what each may take */
    unsigned room;                  /* datagrams that fit: at least 1, and some 32 are well */
    unsigned n;                     /* datagrams that are there */
    uint32_t each; /* bytes of memory each may take; 0: KAD_DATAGRAM_MAX, and never less than that */
};

/* Takes one datagram that came, and appends to `out` what it brings about. Nothing wrong with it is an error: it is
 * counted. */
void kad_engine_datagram(struct kad_engine *engine, const struct kad_datagram *in, kad_ms now,
                         struct kad_batch *out);
/* Does what time demands. When it leaves `out` full there may be more: send, and call it again. */
void kad_engine_tick(struct kad_engine *engine, kad_ms now, struct kad_batch *out);
/* The last thing before it stops, where the network has sessions (elsewhere nothing): appends to `out` a word to the contacts nearest
 * to it, as many as fit and at most 64, that it leaves. They forget it then, and need not find out. */
void kad_engine_leave(struct kad_engine *engine, kad_ms now, struct kad_batch *out);
/* -- asides: what hosts say to one another in the sessions of their engines, of which these know nothing else (a relay's traffic,
 * docs/relay.md) -- */

#define KAD_ASIDE      0xc0 /* the first byte of an aside is at least this: no message begins so */
#define KAD_ASIDE_MAX  1207 /* bytes of one, in a session that there is */
#define KAD_ASIDE_OPEN 64   /* one of at most so many begins a session, if there is none */

/* One that came. Lent. */
struct kad_aside {
    struct kad_endpoint from; /* where it came from */
    uint8_t public_key[32];   /* who sent it, proven, and that he receives there */
    struct kad_bytes bytes;   /* from KAD_ASIDE on */
};
/* Gets an aside, which is lent for the call. */
typedef void kad_aside_function(void *context, const struct kad_aside *aside);
/* Calls `function` from within kad_engine_datagram() with each aside that comes; it must not call the engine. NULL: they are
 * dropped, as they are at first. Nothing in the engine depends on it. */
void kad_engine_on_aside(struct kad_engine *engine, kad_aside_function *function, void *context);
/* Appends to `out` (whose `each` is at least 1,240) a datagram with `bytes`, for the owner of the key at `to`. False: there is no
 * session with it and one may not be begun, it has not shown that it receives there, it is too large, `out` is full. The other
 * host does not get the one that begins a session, for anybody could send it again: ask until there is an answer. */
bool kad_engine_say(struct kad_engine *engine, const struct kad_endpoint *to, const uint8_t public_key[32],
                    struct kad_bytes bytes, kad_ms now, struct kad_batch *out);
/* Has this address answered a query of ours within ten minutes? */
bool kad_engine_is_proved(const struct kad_engine *engine, const struct kad_endpoint *peer, kad_ms now);
/* When kad_engine_tick() is to be called at the latest. KAD_NEVER: only input can change anything. */
kad_ms kad_engine_wake_at(const struct kad_engine *engine);
/* The network refused to carry a datagram to this address (ICMP, no route): its queries fail now, not at their timeout. */
void kad_engine_unreachable(struct kad_engine *engine, const struct kad_endpoint *peer, kad_ms now);

/* -- requests --------------------------------------------------------------------------------------------------- */

/* What can be asked for; behind each what it needs of the request. */
enum kad_request_kind {
    KAD_REQUEST_PING,     /* endpoint */
    KAD_REQUEST_CLOSEST,  /* the k closest nodes to target; with an endpoint: what that one node says */
    KAD_REQUEST_FIND,     /* the node whose id is target: ends when it has answered */
    KAD_REQUEST_PEERS,    /* peers of target; scrape: BEP 33 estimate instead */
    KAD_REQUEST_ANNOUNCE, /* this node is a peer of target, at `port` */
    KAD_REQUEST_GET,      /* record with key target; `salt` for mutable ones */
    KAD_REQUEST_PUT,      /* record */
    KAD_REQUEST_SAMPLE, /* keys that nodes around target hold peers for (BEP 51); with an endpoint: of that one */
    KAD_REQUEST_TAKE, /* all that lies under target for this node's identity; whoever held it forgets it then */
};

/* A request. All zero but for `kind` and what that needs is a good one. */
struct kad_request {
    enum kad_request_kind kind;   /* what is asked for */
    struct kad_id target;         /* an id or key */
    struct kad_endpoint endpoint; /* family 0: none */
    struct kad_record
        record;        /* PUT; copied. GET: salt; GET, TAKE: type, where the network has classes (0: any) */
    int64_t cas;       /* PUT with has_cas */
    kad_ms timeout_ms; /* 0: settings */
    /* ANNOUNCE, PUT with keep: from then on it is not published any more, by itself; 0: until kad_engine_withdraw(). What renews is never
     * signed for longer, so holders drop it then too, and where lives are in records PUT is KAD_E_INVALID if its first is longer.
     * Elsewhere (Mainline, libp2p) others forget it a time-to-live later at the latest. */
    kad_ms keep_until;
    uint16_t port; /* ANNOUNCE; 0: the port our datagrams come from (implied_port) */
    bool seed;     /* ANNOUNCE */
    bool scrape;   /* PEERS */
    bool has_cas;  /* PUT of a mutable record: only if the one stored has sequence number `cas` */
    bool first;    /* GET: the first valid record will do; PEERS: the first answer with peers */
    bool keep;     /* ANNOUNCE, PUT: publish again and again until kad_engine_withdraw(), or keep_until */
    bool
        later; /* PUT with keep, where there are classes: DONE at once, with nobody asked; published within minutes,
                           with others of ours near its key, which costs a fraction: for many at a time */
    bool trace;         /* KAD_EVENT_HOP for each step */
    bool progress;      /* KAD_EVENT_PEERS as they come */
    bool fresh;         /* GET: not out of what an earlier get of ours brought */
    bool renews;        /* PUT with keep, of a class: signed under a new date each time, with `signer` */
    uint8_t signer[32]; /* the Ed25519 seed of the record's public key (kad_secure_signer) */
    uint8_t replicas;   /* ANNOUNCE, PUT: nodes it is put to; 0: as the settings say */
    /* GET, where the network has classes: nobody is told more than so many bits of the key. `target` is the key with zeros behind
     * these, record.key the key itself. Holders send all they have that begins so, and what is wanted is picked out here. Found as
     * long as the network has no more than 2^prefix_bits times k nodes. 0: nothing is hidden. */
    uint8_t prefix_bits;
    void *user; /* handed back in events */
};

/* 0 and an id (never 0), or KAD_E_LIMIT, KAD_E_MEMORY, KAD_E_INVALID. Exactly one KAD_EVENT_DONE follows. */
KAD_CHECK int kad_engine_request(struct kad_engine *engine, const struct kad_request *request, kad_ms now,
                                 uint64_t *out_id);
/* False: no such request is under way. Else its DONE comes with KAD_REASON_CANCELLED. */
bool kad_engine_cancel(struct kad_engine *engine, uint64_t id, kad_ms now);
/* Cancels everything (graceful stop): the DONE events are there to be taken afterwards. */
void kad_engine_cancel_all(struct kad_engine *engine, kad_ms now);
/* Stops publishing what has this key. False: nothing has. */
bool kad_engine_withdraw(struct kad_engine *engine, const struct kad_id *key);

/* Nodes to join through: asked at once, and whenever contacts run out. At most 64 are kept; no id needed. 0,
 * KAD_E_INVALID (no such address), KAD_E_LIMIT, KAD_E_MEMORY. */
KAD_CHECK int kad_engine_bootstrap(struct kad_engine *engine, const struct kad_endpoint *endpoint,
                                   kad_ms now);
/* The same for a node whose public key is known: at this address nobody else is taken for it. KAD_E_INVALID too when this is no
 * identity of the network. */
KAD_CHECK int kad_engine_bootstrap_key(struct kad_engine *engine, const struct kad_endpoint *endpoint,
                                       const uint8_t public_key[32], kad_ms now);
/* A contact from a saved table (warm start): takes part in joining, enters the table when it answers. With
 * `trusted` it enters at once: for simulations with given tables. Of a node that has joined it is pinged, no more: so a host asks
 * whether somebody is still there. 0, KAD_E_INVALID, KAD_E_LIMIT, KAD_E_MEMORY. */
KAD_CHECK int kad_engine_contact(struct kad_engine *engine, const struct kad_contact *contact, bool trusted,
                                 kad_ms now);
/* The same in networks with identities, where the id follows from the public key. */
KAD_CHECK int kad_engine_contact_key(struct kad_engine *engine, const struct kad_endpoint *endpoint,
                                     const uint8_t public_key[32], bool trusted, kad_ms now);

/* -- events ----------------------------------------------------------------------------------------------------- */

/* Why a request ended. */
enum kad_reason {
    KAD_REASON_NONE = 0,    /* it never began */
    KAD_REASON_CONVERGED,   /* the k closest have answered */
    KAD_REASON_EXHAUSTED,   /* all that were known have answered or failed, fewer than k */
    KAD_REASON_NO_CONTACTS, /* nobody to ask */
    KAD_REASON_SATISFIED,   /* stopped early: it has what was wanted */
    KAD_REASON_DEADLINE,    /* out of time: "DHT query timeout" */
    KAD_REASON_CANCELLED,   /* by the host, or with the engine's end */
};
/* "converged": a constant, never NULL. Any thread. */
const char *kad_reason_text(enum kad_reason reason);
/* "signature": a constant, never NULL. Any thread. */
const char *kad_refusal_text(enum kad_refusal refusal);

/* What an event tells; behind each which of its parts are filled in. */
enum kad_event_kind {
    KAD_EVENT_DONE,    /* a request ended: `done` */
    KAD_EVENT_HOP,     /* a step of a traced request: `hop` */
    KAD_EVENT_PEERS,   /* peers new to a request: `peers` */
    KAD_EVENT_NODE,    /* a node was heard of that is new to the table: `contact` */
    KAD_EVENT_TABLE,   /* table delta: `contact`, `table` */
    KAD_EVENT_STORED,  /* we hold something new: `key` */
    KAD_EVENT_READY,   /* joined */
    KAD_EVENT_ADDRESS, /* the world agrees on our outside address: `contact.endpoint` */
    KAD_EVENT_ID,      /* we took a new id: `contact.id` */
    KAD_EVENT_WARNING, /* `warning` */
};

/* What an operator should know. */
enum kad_warning {
    KAD_WARN_NO_BOOTSTRAP, /* nobody to join through answers; trying on */
    KAD_WARN_STORE_FULL,   /* a record or announce was refused for lack of room */
    KAD_WARN_STORE_FAILED, /* the store reports errors */
    KAD_WARN_EVENTS_LOST,  /* the host takes events too slowly */
    KAD_WARN_FEW_CONTACTS, /* everybody has left, or our link is down: joining anew */
    KAD_WARN_WRONG_KEY,    /* at a bootstrap's address is somebody else than was said */
    KAD_N_WARNINGS,        /* how many kinds there are */
};
/* "store_full": a constant, never NULL. Any thread. */
const char *kad_warning_text(enum kad_warning warning);

/* One step of a traced request. */
enum kad_hop_what {
    KAD_HOP_ASKED,    /* a query went to the contact */
    KAD_HOP_ANSWERED, /* it answered */
    KAD_HOP_LATE,     /* it has had its time; its answer would still count */
    KAD_HOP_FAILED,   /* it will not answer any more */
    KAD_HOP_REFUSED,  /* it answered with an error */
    KAD_HOP_STORED    /* it took what was put or announced */
};

/* A node that a request found. */
struct kad_found {
    struct kad_contact contact; /* who and where */
    uint8_t public_key[32];     /* in networks with identities; else zero */
    int32_t rtt_ms;             /* milliseconds it took to answer; -1: unknown */
    uint8_t hop;                /* how deep: 1 came from our own table */
};

/* How far the nodes that a lookup ended with can be believed to be the nearest there are, in thousandths; -1: nothing to judge by.
 * It tells how the result looks (docs/lookups.md), not what is true. */
struct kad_confidence {
    int16_t all;       /* the least of the others */
    int16_t density;   /* neither too many nor too few so near, for a network of this size */
    int16_t groups;    /* distinct address groups (/16, /48) among them */
    int16_t agreement; /* paths that share nobody and met any of them */
    bool sparse;       /* far too few, even after looking once more: some are hidden from us */
};

/* A node of a network with identities that signed for what it did, or for what it knows; the signature was checked. */
struct kad_receipt {
    struct kad_contact contact; /* who and where */
    struct kad_attest attest;   /* PUT: it took it; GET, TAKE: it held one once, or knows of none */
};

/* Something that happened. What it points to is valid until the next call of the engine's. */
struct kad_event {
    enum kad_event_kind kind;   /* says which of the parts below are filled in */
    uint64_t request;           /* id, for DONE, HOP, PEERS */
    void *user;                 /* the request's, for the same */
    struct kad_contact contact; /* for HOP, NODE, TABLE, ADDRESS, ID */
    struct kad_id key;          /* for STORED */
    enum kad_warning warning;   /* for WARNING */
    /* For TABLE. */
    struct {
        bool added;              /* `contact` came in */
        bool removed;            /* `gone` went out; both at once is a replacement */
        struct kad_contact gone; /* with removed */
    } table;                     /* for TABLE */
    /* For HOP: a step with `contact`. */
    struct {
        enum kad_hop_what what; /* the step */
        uint8_t hop;            /* 1: from our own table */
        uint16_t prefix;        /* bits the contact's id shares with the target */
        int32_t rtt_ms;         /* of the answer, in milliseconds; -1: unknown */
        uint16_t n_contacts;    /* contacts named in the answer */
        uint16_t n_peers;       /* peers named in the answer */
        bool value;             /* the answer had the record */
        kad_ms at_ms;           /* since the request began */
    } hop;                      /* for HOP */
    /* For PEERS: those that are new. */
    struct {
        const struct kad_endpoint *peers; /* `n` of them */
        size_t n;                         /* how many */
    } peers;                              /* for PEERS */
    /* For DONE: what came of the request. */
    struct {
        enum kad_request_kind kind; /* the request's */
        int error; /* 0; KAD_E_NOT_FOUND, _TIMEOUT, _REFUSED, _CLOSED (cancelled); of a node, see kad_node_request(),
                    * _SYSTEM */
        enum kad_reason reason; /* why it ended */
        struct kad_id target;   /* the request's */
        kad_ms duration_ms;     /* from beginning to end */
        uint16_t hops;          /* depth of the deepest contact that answered */
        uint16_t
            hops_to_first;   /* depth of the first answer that had what was asked (value, peers, the node) */
        kad_ms first_ms;     /* when it came, since the request began; -1: never */
        uint32_t n_queries;  /* queries sent */
        uint32_t n_answers;  /* answers to them */
        uint32_t n_timeouts; /* queries given up */
        /* Nearest first, both families: contacts that answered. Of a single node asked: itself (PING), or whom it named, in
         * its order. */
        const struct kad_found *closest;
        size_t n_closest;                /* how many of these */
        const struct kad_record *record; /* GET: best found, or NULL */
        uint32_t n_copies;               /* GET: nodes that gave this very record */
        uint32_t n_stored;               /* ANNOUNCE, PUT: nodes that took it */
        uint32_t n_refused;              /* ANNOUNCE, PUT: nodes that did not */
        bool stored_here;                /* the same: one of n_stored is our own store */
        enum kad_refusal refusal;        /* the first one met */
        const struct kad_id *samples;    /* SAMPLE: keys */
        size_t n_samples;                /* how many of these */
        double seeds;                    /* scrape: how many have all of it, estimated */
        double peers;                    /* scrape: how many others, estimated */
        char version[5]; /* of a single node that answered (`contact`): its BEP 5 "v", or "" */
        const struct kad_record *records;   /* GET, TAKE where a key has many values: each one found */
        size_t n_records;                   /* how many of these */
        const struct kad_receipt *receipts; /* what nodes signed for */
        size_t n_receipts;                  /* how many of these */
        uint32_t n_held;                    /* of which say that they held one, which expired */
        uint32_t n_nothing;                 /* of which have seen none */
        int64_t
            held_sequence; /* PUT refused for its sequence number or `cas`: the highest one held; else -1 */
        bool cached;       /* GET: out of what an earlier get of ours brought; nobody was asked */
        struct kad_confidence confidence; /* in `closest` */
    } done;                               /* for DONE */
};

/* The next event, false when there is none. */
bool kad_engine_next_event(struct kad_engine *engine, struct kad_event *out_event);

/* -- looking in ------------------------------------------------------------------------------------------------- */

/* How it stands with something this engine keeps published. */
struct kad_published {
    kad_ms last_at;    /* when it was last published again; 0: not since the start */
    kad_ms due_at;     /* when it is due again */
    uint32_t n_stored; /* nodes that took it the last time */
    kad_ms keep_until; /* when that ends; 0: not by itself */
};
/* False: nothing with this key is kept published. */
bool kad_engine_published(const struct kad_engine *engine, const struct kad_id *key,
                          struct kad_published *out_published);

/* What is hashed to this key, as the record of a request under way says (record.salt); borrowed until the engine is called again.
 * False: none has it. */
bool kad_engine_name(const struct kad_engine *engine, const struct kad_id *key, struct kad_bytes *out_name);

/* What became of a datagram that came. */
enum kad_drop {
    KAD_DROP_NONE = 0,     /* accepted */
    KAD_DROP_ADDRESS_RATE, /* its address is over its rate */
    KAD_DROP_GROUP_RATE,   /* its /24 or /64 is */
    KAD_DROP_GRAYLIST,     /* its address broke the rules often enough to be ignored */
    KAD_DROP_MALFORMED,    /* no message of this network */
    KAD_DROP_UNSOLICITED,  /* an answer nobody asked for, or from the wrong address */
    KAD_DROP_READ_ONLY,    /* a query, and we answer none */
    KAD_DROP_FAMILY,       /* an address family we do not speak, or an address that cannot be answered */
    KAD_DROP_ID,           /* nobody has proved to be its sender, where the network's nodes do */
    KAD_DROP_SHED,         /* a stranger's query, and the host cannot keep up */
    KAD_DROP_NOISE,        /* of nobody who knows who we are */
    KAD_DROP_FORGED,       /* made for us, and does not open: changed on its way, or made up */
    KAD_DROP_REPLAYED,     /* came before */
    KAD_DROP_STALE,        /* of a session that is over */
    KAD_DROP_LOADED, /* a first message, and too many come: it was asked to show its address first, or to work */
    KAD_DROP_REFUSED, /* its identity is none in this network, or another than was expected; or no common version */
    KAD_DROP_BANNED, /* its identity or its address is banned */
    KAD_N_DROPS,     /* how many kinds there are */
};
/* Why an answer was not sent. */
enum kad_unsent {
    KAD_UNSENT_BUDGET,  /* more bytes than an address that has proved nothing may get */
    KAD_UNSENT_ROOM,    /* the batch was full */
    KAD_UNSENT_SIZE,    /* larger than a datagram may be */
    KAD_UNSENT_SESSION, /* no session could be had, or none that may say so much yet */
    KAD_N_UNSENT,       /* how many kinds there are */
};
/* "malformed": a constant, never NULL. Any thread. */
const char *kad_drop_text(enum kad_drop drop);

#define KAD_METHODS \
    10 /* ping, find_node, get_peers, announce_peer, get, put, sample_infohashes, take, leave, unknown */
/* "find_node": the name of method 0 .. KAD_METHODS - 1, a constant. Any thread. */
const char *kad_method_text(unsigned method);

/* What was counted since the engine was made. */
struct kad_counters {
    uint64_t received[KAD_N_DROPS];    /* datagrams by what became of them */
    uint64_t unsent[KAD_N_UNSENT];     /* answers not sent: byte budget, batch full, too large, no session */
    uint64_t bytes_in;                 /* of all datagrams that came */
    uint64_t bytes_out;                /* of all that were sent */
    uint64_t datagrams_out;            /* how many these were */
    uint64_t queries_in[KAD_METHODS];  /* of others, by method */
    uint64_t queries_out[KAD_METHODS]; /* ours, by method */
    uint64_t answers_in;               /* to ours */
    uint64_t errors_in;                /* errors for an answer to ours */
    uint64_t timeouts;                 /* queries of ours that nobody answered */
    uint64_t refused[KAD_N_REFUSALS];  /* queries of others we refused */
    uint64_t requests;                 /* of the host, begun */
    uint64_t requests_done[8];         /* ended, by enum kad_reason */
    uint64_t table_added;              /* contacts that came into the table */
    uint64_t table_removed;            /* and that left it */
    uint64_t table_limited;            /* contacts a limit per group kept out */
    uint64_t table_unwelcome;          /* times min_score or the host's gate kept somebody out */
    uint64_t stored;                   /* records taken from others */
    uint64_t announced;                /* peers taken from others */
    uint64_t published;                /* by us, again or anew */
    uint64_t refreshes;                /* lookups to keep buckets fresh */
    uint64_t events_lost;              /* the host was too slow to take them */
    uint64_t store_errors;             /* of the store underneath */
    uint64_t own_delayed;              /* times that queries of ours waited for the budget */
    uint64_t covers;                   /* gets of random keys begun, for cover */
    uint64_t strangers_in; /* queries of nodes that are no contacts of ours and have not answered us lately */
};

#define KAD_HISTOGRAM_BOUNDS 14 /* ranges of a histogram, but for the last */
/* How often a measured number fell into each range: counts[i] at most kad_histogram_bounds()[i] and above the bound before
 * it, the last one above all. */
struct kad_histogram {
    uint64_t counts[KAD_HISTOGRAM_BOUNDS + 1]; /* by range */
    uint64_t sum;                              /* of all numbers */
};
/* What is measured. Too large for a million simulated nodes, so the host lends it (kad_engine_config). */
struct kad_measures {
    struct kad_histogram query_rtt_ms; /* own queries that were answered */
    struct kad_histogram request_ms;   /* requests of the host, cancelled ones excepted */
    struct kad_histogram request_hops; /* the same: depth of the deepest contact that answered */
    uint64_t gets;                     /* GETs of the host, cancelled ones excepted */
    uint64_t gets_cached;              /* those of them that an earlier one's result answered */
    uint64_t lookups_same; /* requests that began with whom one for the same target had found (closest_ms) */
    uint64_t lookups_near; /* and one for a target near theirs */
};
/* What the numbers of a histogram are. */
enum kad_histogram_unit {
    KAD_HISTOGRAM_MS,  /* milliseconds */
    KAD_HISTOGRAM_HOPS /* steps of a lookup */
};
/* KAD_HISTOGRAM_BOUNDS ascending numbers, a constant. Any thread. */
const uint32_t *kad_histogram_bounds(enum kad_histogram_unit unit);

/* How far it has got into its network. */
enum kad_standing {
    KAD_STANDING_ALONE,   /* no bootstrap, no saved contact: it waits to be found */
    KAD_STANDING_JOINING, /* it looks for its neighbours */
    KAD_STANDING_JOINED,
    KAD_STANDING_LOST, /* it knew nodes, and none answers any more: they have left, or its own link is down */
};
/* "joining": a constant, never NULL. Any thread. */
const char *kad_standing_text(enum kad_standing standing);

/* What an engine is and knows at one moment. Pairs are IPv4, IPv6. */
struct kad_info {
    struct kad_id id;            /* its own */
    struct kad_endpoint address; /* outside address by vote; family 0: unknown */
    unsigned id_bits;            /* of an id of this network: 160 */
    bool ready;                  /* it has joined */
    bool read_only;              /* it asks and does not answer (BEP 43) */
    size_t n_contacts[2];        /* in the table */
    unsigned n_buckets[2];       /* of the table */
    double network_size[2];      /* nodes there are, estimated; 0: unknown */
    unsigned n_requests;         /* under way, the host's */
    unsigned n_queries;          /* unanswered */
    unsigned n_publications;     /* announces and puts that are published again and again */
    kad_ms patience_ms;          /* how long an answer is waited for now before the next node is asked */
    kad_ms rtt_ms;               /* smoothed over all; -1: unknown */
    unsigned n_peers_active;     /* contacts that are active peers, in networks with identities */
    unsigned load_percent;       /* as the host said last */
    unsigned deaths_per_1000_h;  /* of a thousand contacts in an hour, measured; 0: unknown */
    kad_ms ping_after_ms;        /* in effect, as the deaths demand */
    kad_ms refresh_after_ms;     /* the same */
    uint64_t n_records;          /* values held for others */
    uint64_t record_bytes;       /* and how large they are */
    uint64_t n_keys;             /* keys that peers are held for */
    uint64_t n_peers;            /* and how many */
    uint64_t memory;             /* bytes this engine holds, its store included, the shared book not */
    enum kad_standing standing;  /* `ready` with its reason */
};

/* Fills it in. */
void kad_engine_info(const struct kad_engine *engine, struct kad_info *out_info);
/* This node's public key, for as long as the engine lives; NULL: its network has no identities. */
const uint8_t *kad_engine_identity(const struct kad_engine *engine);
/* The public key of a contact that this engine knows: of its table, of an event that was just taken. False: unknown, or none. */
bool kad_engine_key_of(const struct kad_engine *engine, const struct kad_contact *contact,
                       uint8_t out_public_key[32]);

/* How its sessions are, where the network has them: since the engine was made. */
struct kad_session_counts {
    uint64_t begun;                 /* by us */
    uint64_t answered;              /* begun by others, and answered */
    uint64_t established;           /* both sides have heard each other */
    uint64_t expired;               /* first messages that nobody answered */
    uint64_t evicted;               /* for the sake of newer ones */
    uint64_t cookies_sent;          /* strangers asked to show that they receive */
    uint64_t cookies_taken;         /* that did */
    uint64_t work_done;             /* hashes, to be let in elsewhere */
    uint64_t public_key_operations; /* what handshakes cost */
    uint64_t memory;                /* bytes that sessions take */
};
/* False: there are none in this network. */
bool kad_engine_sessions(const struct kad_engine *engine, struct kad_session_counts *out_sessions);
/* The engine's own, or those it was lent: they go on counting, and its own live as long as it. */
const struct kad_counters *kad_engine_counters(const struct kad_engine *engine);

/* A contact as the routing table has it. */
struct kad_table_row {
    struct kad_contact contact; /* who and where */
    uint8_t public_key[32];     /* in networks with identities; else zero */
    unsigned bucket;   /* bits its id shares with ours, or the last bucket's number if that is less */
    int32_t rtt_ms;    /* milliseconds, smoothed; -1: unknown */
    kad_ms heard_at;   /* when it last answered or asked */
    unsigned failures; /* queries in a row it did not answer */
    bool replacement;  /* waits in the bucket's cache */
    bool id_fits;      /* its id fits its address (BEP 42) */
};
/* What this node makes of an identity, from what it did. */
enum kad_peer_state {
    KAD_PEER_FINE,
    KAD_PEER_GRAY, /* broke rules: the first to leave the table */
    KAD_PEER_BANNED, /* nothing of it is taken, nothing is sent to it, until the ban is over or it is pardoned */
};
/* "fine": a constant, never NULL. Any thread. */
const char *kad_peer_state_text(enum kad_peer_state state);

/* Somebody whose behaviour is remembered, or an address that is banned. What fades is as of now, in 1/1024. */
struct kad_peer_row {
    struct kad_contact contact; /* who, and where it was last; of an address the endpoint only */
    bool is_address;            /* banned by the operator: all who are there */
    unsigned score;             /* 0 .. 100; 50: nothing is known */
    enum kad_peer_state state;  /* what follows from it */
    bool is_bootstrap;          /* we joined through it, and keep it as long as it answers */
    bool is_active;             /* one of our active peers (docs/peers.md) */
    enum kad_role role;         /* what it says it is */
    bool by_operator;           /* the ban is the operator's */
    kad_ms first_at;            /* it has been answering since; 0: it is not */
    kad_ms heard_at;            /* it last answered; 0: never */
    kad_ms banned_until;        /* 0: it is not; KAD_NEVER: until it is pardoned */
    kad_ms banned_for;          /* how long the last ban for broken rules was; 0: there was none */
    int32_t rtt_ms;             /* smoothed; -1: unknown */
    uint32_t answers;           /* queries of ours that it answered, fading */
    uint32_t silences;          /* that it did not, fading */
    uint32_t refusals;          /* that it refused, fading */
    uint32_t held;        /* against it: points for broken rules, fading; gray from 40 on, banned at 80 */
    uint32_t bytes_per_s; /* of values that verified, while they were waited for; 0: unknown */
};
/* Networks with identities: those it remembers, most recently noted first. Returns how many there are; writes at most `room`. */
size_t kad_engine_peers(const struct kad_engine *engine, struct kad_peer_row *out_rows, size_t room,
                        kad_ms now);
/* How the node with this id stands: 0 .. 100, 50 when nothing is known of it. */
unsigned kad_engine_score(const struct kad_engine *engine, const struct kad_contact *contact, kad_ms now,
                          enum kad_peer_state *out_state);
/* Bans the node with this id, or (`id` NULL) all at this address, whatever their ports (of IPv6 its /64), for so long; KAD_NEVER: until
 * pardoned. 0; KAD_E_INVALID: the network has no identities, score_peers is 0, it is this node; KAD_E_LIMIT, KAD_E_MEMORY. */
KAD_CHECK int kad_engine_ban(struct kad_engine *engine, const struct kad_id *id,
                             const struct kad_endpoint *address, kad_ms for_ms, kad_ms now);
/* Ends its ban and forgets what was held against it. False: nothing was. */
bool kad_engine_pardon(struct kad_engine *engine, const struct kad_id *id, const struct kad_endpoint *address,
                       kad_ms now);
/* A row of kad_engine_peers() from before a restart; those noted longest ago first. 0, KAD_E_INVALID, KAD_E_LIMIT, KAD_E_MEMORY. */
KAD_CHECK int kad_engine_remember(struct kad_engine *engine, const struct kad_peer_row *row, kad_ms now);
/* Rows of the table of one family, from bucket 0 on. Returns how many there are; writes at most `room`. */
size_t kad_engine_table(const struct kad_engine *engine, enum kad_family family,
                        struct kad_table_row *out_rows, size_t room);
/* A number for the whole state (its store and settings aside): two engines that were given the same in the same order have
 * the same, in every build; whatever one of them will ever do differently shows in it. All events must have been taken. */
uint64_t kad_engine_hash(struct kad_engine *engine);
/* Checks every internal invariant; false names the broken one. For tests, fuzzing, simulation. */
bool kad_engine_sound(const struct kad_engine *engine, kad_ms now, const char **out_why);

/* -- Mainline's keys and values: pure functions, any thread ----------------------------------------------------- */

/* The key of an immutable value (BEP 44): the SHA-1 of `value`, which is bencoded already. */
void kad_mainline_immutable_key(struct kad_bytes value, struct kad_id *out_key);
/* The key of a mutable one (BEP 44): the SHA-1 of public key and salt (may be empty). */
void kad_mainline_mutable_key(const uint8_t public_key[32], struct kad_bytes salt, struct kad_id *out_key);
/* Signs a mutable record (BEP 44): value, salt and sequence are given, key, public key and signature are filled in from
 * the Ed25519 seed. 0 or KAD_E_INVALID (value or salt too long). */
KAD_CHECK int kad_mainline_sign(struct kad_record *record, const uint8_t seed[32]);
/* An id or key for anything that has bytes, a name, a public key, a file: their SHA-1. */
void kad_mainline_id_of(struct kad_bytes bytes, struct kad_id *out_id);
/* A text as a value, that is bencoded: "5:hello". 0, or KAD_E_SPACE when `room` bytes do not hold it. */
KAD_CHECK int kad_mainline_wrap(struct kad_bytes text, uint8_t *out_value, size_t room, size_t *out_size);
/* The text of such a value, borrowed from it. KAD_E_INVALID: it is something else. */
KAD_CHECK int kad_mainline_unwrap(struct kad_bytes value, struct kad_bytes *out_text);

#ifdef __cplusplus
}
#endif
#endif
