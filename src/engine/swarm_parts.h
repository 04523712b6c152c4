/*
 * swarm_parts - what the swarm's files share.
 *
 *     swarm.c          life, and the face towards sockets and engine
 *     swarm_links.c    connections: accepted, dialled, trimmed, ended
 *     swarm_peers.c    who is remembered, and where; keys that have names
 *     swarm_streams.c  what is said on streams: identify, ping, Kademlia
 *     swarm_program.c  and on those of a program's own protocols
 *     swarm_probe.c    whether providers are still there
 *     swarm_words.c    frames of the engine's <-> messages of the wire
 */
#ifndef KAD_ENGINE_SWARM_PARTS_H
#define KAD_ENGINE_SWARM_PARTS_H

#include "base/index.h"
#include "base/multiaddr.h"
#include "crypto/rng.h"
#include "engine/swarm.h"
#include "kad/protocol.h"
#include "wire/libp2p/codec.h"
#include "wire/libp2p/identify.h"
#include "wire/libp2p/message.h"

#define SWARM_IN_FLIGHT 16                /* questions at once on a connection: js and rust take 32 streams */
#define SWARM_ASK_MS    (15 * KAD_SECOND) /* nobody waits longer for an answer: go and rust 10 s, and so do we */
#define SWARM_KEPT \
    (64 * 1024) /* answers that nobody reads; until some are, no more questions of theirs are looked at */
#define SWARM_NAMES    4096
#define SWARM_EVENTS   256
#define SWARM_HOSTS    256
#define SWARM_ADDR_MAX 128 /* bytes of an address that is remembered */

struct swarm_conn;
struct swarm_peer;
struct swarm_stream;

/* A question of ours. */
struct swarm_ask {
    struct swarm_ask *next; /* of its peer's that wait, of those that came back, or of the free ones */
    struct swarm_ask *next_of_conn;
    struct swarm_peer *peer;
    struct swarm_conn *conn; /* NULL: it waits */
    uint32_t stream;
    bool pings;        /* not one of Kademlia's */
    bool back, failed; /* among those that came back: with an answer, or without */
    uint8_t type;      /* enum kad_p2p_type */
    uint8_t n_transaction;
    uint8_t transaction[16];
    struct kad_endpoint endpoint; /* where the engine asked */
    uint8_t *bytes;               /* what is to be written */
    size_t n_bytes, room;
    kad_ms until; /* nobody waits for it any more */
};

/* A stream of theirs on which questions of Kademlia's come. */
struct swarm_serve {
    struct swarm_serve *next, *next_of_conn;
    struct swarm_conn *conn; /* NULL: it ended while it was in the list */
    uint32_t stream;
    bool listed;
    bool paused;  /* it asks on, and does not read what it was answered */
    uint8_t type; /* of the question that the engine has */
    uint8_t n_key;
    uint8_t key[KAD_P2P_KEY_MAX];
};

struct swarm_peer {
    struct swarm_peer *older, *newer; /* in the order of use */
    struct swarm_peer *next_greeting;
    struct swarm_peer *next_dialling, **at_dialling; /* those that are dialled */
    uint32_t slot;
    uint8_t id[KAD_PEER_ID_MAX];
    uint8_t n_id;
    bool is_server, is_client; /* it said that it speaks our protocol, or what it speaks, without it */
    bool is_relay;             /* it said that it forwards for others */
    bool greets;               /* the engine is to hear of it */
    uint8_t n_failed;          /* times in a row that it was not to be had */
    uint8_t n_refused;         /* and in this race, that it closed the connection at once */
    uint8_t n_again;           /* last addresses that did, and are dialled again at `again_at` */
    uint8_t n_dials;           /* under way */
    uint16_t n_asks;           /* questions to it, wherever they are */
    uint16_t n_streams;        /* of the program's, the same */
    uint8_t next_addr;         /* to be dialled */
    uint8_t protocol;          /* of ours, which it speaks */
    bool dialling;
    bool provides, probing,
        gone;       /* others are told of it; it is looked for; it is not there (swarm_probe.c) */
    bool near;      /* it came, or was met, at an address that is not public */
    bool asked_for; /* since it was looked for last */
    uint8_t n_missed;
    struct swarm_peer *less_wanted, *more_wanted; /* of those that are looked for */
    kad_ms probe_at, again_at;
    kad_ms dial_at; /* dialling: the next address; else: not before */
    struct swarm_conn *conn;
    struct swarm_ask *first_ask, **last_ask; /* that wait */
    struct kad_endpoint endpoint;            /* where the engine knows it */
    struct kad_id place;
    uint64_t sequence; /* of the signed record that its addresses are of; 0: none */
    uint8_t n_addrs;
    struct {
        uint8_t n;
        uint8_t bytes[SWARM_ADDR_MAX];
    } * addrs; /* n_addrs of KAD_SWARM_ADDRS; NULL: none */
    char agent[KAD_SWARM_AGENT];
};

struct swarm_conn {
    uint32_t number;
    bool inbound, closing, ordered; /* ordered: in the queue of orders */
    bool to_dial, up;
    bool probes; /* it was made to see whether somebody is there */
    bool paused; /* some of `serves` are */
    uint8_t n_in_flight;
    enum kad_multiaddr_transport transport;
    struct swarm_peer *peer; /* NULL: not known yet */
    struct kad_link *link;   /* NULL: it is being dialled */
    struct kad_endpoint remote;
    uint8_t n_addr;
    uint8_t addr[KAD_MULTIADDR_MAX]; /* dialled */
    kad_ms since, used_at, until;
    kad_ms ask_at; /* the first of its questions is given up, or later */
    struct swarm_conn *next_order;
    struct swarm_ask *asks;       /* in flight */
    struct swarm_serve *serves;   /* streams of theirs */
    struct swarm_stream *streams; /* the program's */
    size_t kept;                  /* bytes of these that it has not taken */
    uint32_t identify_stream;
    size_t n_identified;  /* bytes of what it said there that were heeded */
    uint32_t push_stream; /* on which it says who it is now; 0: none */
};

struct kad_swarm {
    struct kad_swarm_config config;
    struct kad_rng rng;
    struct kad_link_identity identity;
    uint8_t secret[64];
    uint8_t self[KAD_PEER_ID_MAX], self_key[KAD_PEER_KEY_OWN];
    size_t n_self;
    struct kad_id place;
    kad_ms now;

    struct swarm_conn **conns; /* by the low 16 bits of their number; NULL: free */
    uint32_t room_conns;
    uint16_t generation;
    unsigned n_links, n_dials; /* n_links: of those with a link */
    unsigned n_closing;        /* of which so many are on their way out */
    kad_ms wake_at;            /* nothing is due before; perhaps later */

    struct swarm_peer **peers;
    uint32_t room_peers;
    unsigned n_peers;
    struct kad_index by_peer, by_place;
    struct swarm_peer *oldest, *newest, *first_dialling;

    struct swarm_peer *first_greeting, **last_greeting;
    struct swarm_ask *free_asks, *first_back, **last_back;
    unsigned n_asks;
    struct swarm_serve *free_serves, *first_serve, **last_serve;
    struct swarm_serve *serving; /* its question is the engine's now */
    uint8_t *frame;              /* lent to the engine */
    size_t room_frame;
    uint8_t speaker[KAD_PEER_ID_MAX]; /* lent with it */
    uint8_t *echo;                    /* the question that the engine has, if its answer is the same again */
    size_t n_echo, room_echo;
    uint8_t
        own[KAD_P2P_PEER_MAX + KAD_P2P_KEY_MAX + 16]; /* a provider's question, without what is not its own */

    struct swarm_name {
        struct kad_id key;
        uint8_t n;
        uint8_t bytes[KAD_P2P_KEY_MAX];
    } * names;
    uint32_t n_names, next_name;
    struct kad_index by_name;

    struct swarm_conn *first_order, **last_order;
    struct {
        enum kad_swarm_event_kind kind;
        struct kad_endpoint endpoint;
        uint8_t n;
        uint8_t peer[KAD_PEER_ID_MAX];
    } events[SWARM_EVENTS], told;
    unsigned first_event, n_events;

    unsigned n_listen;
    uint8_t n_listen_bytes[KAD_SWARM_LISTEN];
    uint8_t listen[KAD_SWARM_LISTEN][SWARM_ADDR_MAX];

    /* identify, push, ping, then KAD_PROTOCOLS_MAX of the program's, NULL where there is none, then Kademlia's */
    const char *protocols[3 + KAD_PROTOCOLS_MAX + KAD_SWARM_PROTOCOLS];
    unsigned n_protocols;
    struct {
        char name[KAD_PROTOCOL_NAME_MAX + 1];
        unsigned max_streams, max_per_peer;
        void *context;
    } speaks[KAD_PROTOCOLS_MAX];
    struct swarm_stream **streams; /* of these, by the low 16 bits of their number; NULL: free */
    uint32_t room_streams;
    uint64_t n_streams_made;
    struct swarm_stream *first_stream_news, **last_stream_news;
    struct swarm_stream *told_stream; /* the program was told of its end: the next call frees it */
    size_t kept;                      /* bytes that the program has not taken */
    struct swarm_peer *least_wanted, *most_wanted;
    unsigned n_provides, next_probed;
    struct {
        uint64_t host; /* hash; 0: none yet */
        kad_ms at;
    } * probed;                  /* dials of late that looked for somebody, a ring; NULL: there was none */
    kad_ms probe_at, probe_from; /* the next probe; not before */
    struct {
        uint64_t host;
        uint32_t n;
        kad_ms at;
    } hosts[SWARM_HOSTS]; /* who connected of late, by hash of the address */
    struct kad_swarm_counters counters;
};

/* In `protocols`. */
enum { SWARM_IDENTIFY, SWARM_PUSH, SWARM_PING, SWARM_PROGRAM, SWARM_KAD = SWARM_PROGRAM + KAD_PROTOCOLS_MAX };

/* -- swarm.c ---------------------------------------------------------------------------------------------------- */

/* There is something to do for it, or will be at another time than before. */
void kad_swarm_order(struct kad_swarm *swarm, struct swarm_conn *conn);
void kad_swarm_wake(struct kad_swarm *swarm, kad_ms at); /* not later */
void kad_swarm_tell(struct kad_swarm *swarm, enum kad_swarm_event_kind kind, struct kad_bytes peer,
                    const struct kad_endpoint *endpoint);
/* The engine is to hear of it: as if it had asked whether we are there, upon which the engine asks it. */
void kad_swarm_greet(struct kad_swarm *swarm, struct swarm_peer *peer);
/* It came back: with an answer, or because who was asked will not answer it. */
void kad_swarm_ask_back(struct kad_swarm *swarm, struct swarm_ask *ask, bool failed);
/* Nobody heard it: the engine takes that for silence, which costs who is gone its place in the table. */
void kad_swarm_ask_unheard(struct kad_swarm *swarm, struct swarm_ask *ask);
void kad_swarm_ask_free(struct kad_swarm *swarm, struct swarm_ask *ask);

/* -- swarm_links.c ---------------------------------------------------------------------------------------------- */

/* NULL: a ceiling, or no memory. */
struct swarm_conn *kad_swarm_conn_new(struct kad_swarm *swarm);
void kad_swarm_conn_free(struct kad_swarm *swarm, struct swarm_conn *conn);
struct swarm_conn *kad_swarm_conn(const struct kad_swarm *swarm, uint32_t number);
bool kad_swarm_link(struct kad_swarm *swarm, struct swarm_conn *conn, bool initiator);
unsigned kad_swarm_n_spoken(const struct kad_swarm *swarm); /* of `protocols`: a client speaks no Kademlia */
/* Its end: questions on it are put again or fail, and the socket is closed. */
void kad_swarm_conn_end(struct kad_swarm *swarm, struct swarm_conn *conn, bool close_socket);
/* Dials to whom there are questions for, or whom we are told to meet. */
void kad_swarm_want(struct kad_swarm *swarm, struct swarm_peer *peer);
void kad_swarm_dial_tick(struct kad_swarm *swarm);
/* Who it is, is known. */
void kad_swarm_came_up(struct kad_swarm *swarm, struct swarm_conn *conn);
/* For one more link; `inbound`: of those that others open, which do not get all. The one worth least is closed. False: there is none. */
bool kad_swarm_make_room(struct kad_swarm *swarm, bool inbound);

/* -- swarm_peers.c ---------------------------------------------------------------------------------------------- */

struct swarm_peer *kad_swarm_peer_find(const struct kad_swarm *swarm, struct kad_bytes id);
struct swarm_peer *kad_swarm_peer_at(const struct kad_swarm *swarm, const struct kad_id *place);
/* The one used last that has this address; NULL: nobody has. Looks at all of them. */
struct swarm_peer *kad_swarm_peer_where(struct kad_swarm *swarm, const struct kad_endpoint *endpoint);
struct swarm_peer *kad_swarm_peer_add(struct kad_swarm *swarm, struct kad_bytes id); /* NULL: no memory */
void kad_swarm_peer_use(struct kad_swarm *swarm, struct swarm_peer *peer);
void kad_swarm_peers_clear(struct kad_swarm *swarm);
bool kad_swarm_may_dial(const struct kad_swarm *swarm, struct kad_bytes addr,
                        struct kad_multiaddr *out_parts);
/* One more of its addresses, without "/p2p/"; the last ones give way. */
void kad_swarm_peer_addr(struct kad_swarm *swarm, struct swarm_peer *peer, struct kad_bytes addr);
/* Empty: not known. */
struct kad_bytes kad_swarm_name(const struct kad_swarm *swarm, const struct kad_id *key);

/* -- swarm_streams.c -------------------------------------------------------------------------------------------- */

void kad_swarm_news(struct kad_swarm *swarm, struct swarm_conn *conn); /* of its link */
void kad_swarm_identify(struct kad_swarm *swarm, struct swarm_conn *conn);
void kad_swarm_push(struct kad_swarm *swarm);
/* As many of those that wait as may be under way. */
void kad_swarm_ask_waiting(struct kad_swarm *swarm, struct swarm_peer *peer);
/* Streams of theirs are no more. */
void kad_swarm_lose_streams(struct kad_swarm *swarm, struct swarm_conn *conn);
/* What the question is: false, none. Its type and key are kept for the answer; *message becomes what the engine is to be asked. */
bool kad_swarm_look(struct kad_swarm *swarm, struct swarm_serve *serve, struct kad_bytes *message);
/* The engine's question is answered (`sent`), or is not going to be. */
void kad_swarm_served(struct kad_swarm *swarm, struct swarm_serve *serve, bool sent);
/* If there is room again for answers to what was asked meanwhile. */
void kad_swarm_resume(struct kad_swarm *swarm, struct swarm_conn *conn);
void kad_swarm_serve_list(struct kad_swarm *swarm, struct swarm_serve *serve);

/* -- swarm_program.c -------------------------------------------------------------------------------------------- */

/* False: it is not about a stream of the program's. */
bool kad_swarm_program_event(struct kad_swarm *swarm, struct swarm_conn *conn,
                             const struct kad_link_event *event);
/* Streams that waited for a connection to this peer have one now, or nobody is to be had. */
void kad_swarm_program_settle(struct kad_swarm *swarm, const struct swarm_peer *peer);
void kad_swarm_program_lose(struct kad_swarm *swarm, struct swarm_conn *conn); /* it ends */
/* If there is room again for what the program could not write. */
void kad_swarm_program_resume(struct kad_swarm *swarm, struct swarm_conn *conn);
bool kad_swarm_program_holds(const struct swarm_conn *conn); /* it has opened streams on it */
void kad_swarm_program_tick(struct kad_swarm *swarm);
void kad_swarm_program_clear(struct kad_swarm *swarm);

/* -- swarm_probe.c ---------------------------------------------------------------------------------------------- */

/* It says that it provides something, or is named as one that does. */
void kad_swarm_provides(struct kad_swarm *swarm, struct swarm_peer *peer);
void kad_swarm_unprovide(struct kad_swarm *swarm, struct swarm_peer *peer); /* it is forgotten */
/* A provider is to be named in an answer. False: it is gone. `n_unknown` counts over an answer, from 0. */
bool kad_swarm_names(struct kad_swarm *swarm, const struct kad_p2p_peer *named, unsigned *n_unknown);
/* A peer came up, was lost, or could not be dialled. */
void kad_swarm_probe_found(struct kad_swarm *swarm, struct swarm_peer *peer, struct swarm_conn *conn);
void kad_swarm_probe_lost(struct kad_swarm *swarm, struct swarm_peer *peer);
void kad_swarm_probe_missed(struct kad_swarm *swarm, struct swarm_peer *peer);
/* Whether one of its addresses may be dialled for no other reason than to see whether it is there. */
bool kad_swarm_may_probe(const struct kad_swarm *swarm, const struct swarm_peer *peer, unsigned at);
void kad_swarm_probed(struct kad_swarm *swarm, struct kad_bytes addr); /* it is dialled for that */
void kad_swarm_probe_tick(struct kad_swarm *swarm);
size_t kad_swarm_probe_memory(const struct kad_swarm *swarm);
void kad_swarm_probe_clear(struct kad_swarm *swarm);

/* -- swarm_words.c ---------------------------------------------------------------------------------------------- */

/* What a question of the engine's is on the wire, with its length before it: bytes in `out`, KAD_P2P_ANSWER_MAX + 8 of room; 0: it
 * cannot be said. */
size_t kad_swarm_write_question(struct kad_swarm *swarm, const struct kad_p2p_frame *frame, uint8_t *out_type,
                                uint8_t *out, size_t room);
/* The same for an answer, to a question of this type and key. Who is asked for by name stands first if we know where it is, but for the
 * asker; of the others none is a client. */
size_t kad_swarm_write_answer(struct kad_swarm *swarm, const struct kad_p2p_frame *frame, uint8_t type,
                              struct kad_bytes key, struct kad_bytes asker, uint8_t *out, size_t room);
/* A whole message at the beginning of what came: its bytes without the length, and with it. 0: not all there; negative: none. */
KAD_CHECK int kad_swarm_message(struct kad_bytes came, size_t most, struct kad_bytes *out_message,
                                size_t *out_size);
/* Remembers the peers that a message names. */
void kad_swarm_learn_from(struct kad_swarm *swarm, struct kad_bytes message);

#endif
