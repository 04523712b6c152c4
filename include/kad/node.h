/*
 * node - an engine on sockets: the operating system's side of a participant, on libuv.
 *
 * A node owns its UDP sockets, its engine, its store and its saved state. All of it lives on one event loop: the host's
 * (config.loop, then everything but kad_node_post() belongs to that loop's thread), or one of its own that
 * kad_node_run() drives.
 *
 *     kad_node_new()     checks the configuration, opens store and sockets, reads saved state
 *     kad_node_start()   joins; from now on it answers
 *     kad_node_run()     drives its own loop until stopped (not with a host's loop)
 *     kad_node_stop()    graceful: pending requests end (each callback once), state is saved, sockets close; then
 *                        config.on_stopped
 *     kad_node_free()    after it has stopped, or before it was started
 *
 * Threads. A node belongs to the thread that runs its loop, and so do the functions below but for those that say "any
 * thread": kad_node_stop(), kad_node_post() and the others around it, kad_node_call() and kad_node_info(). What needs more
 * than these offer goes into a function for kad_node_call(). All callbacks come on the loop's thread. Several nodes may
 * share a loop; nodes on different loops share nothing. kad_node_free() is for when no other thread uses the node any more.
 */
#ifndef KAD_NODE_H
#define KAD_NODE_H

#include "kad/engine.h"

#ifdef __cplusplus
extern "C" {
#endif

struct kad_node;
struct kad_secure_name;
struct uv_loop_s;

/* How much is logged: each what it says and what stands before it. */
enum kad_log_level {
    KAD_LOG_ERROR, /* what keeps the node from its work */
    KAD_LOG_WARN,  /* what an operator should look at */
    KAD_LOG_INFO,  /* its life: listening, ready, stopped */
    KAD_LOG_DEBUG, /* contacts and records that come and go */
    KAD_LOG_TRACE  /* each node heard of */
};
/* Where values and peers are held for others. */
enum kad_store_kind {
    KAD_STORE_MEMORY, /* gone with the node */
    KAD_STORE_LMDB    /* in the data directory, too */
};

/* One line of log as fields: "event=ready contacts=12" is {"event","ready"},{"contacts","12"}. */
struct kad_log_field {
    const char *name;  /* without spaces; lent for the call */
    const char *value; /* any text; lent for the call */
};
/* Takes one line of log, on the loop's thread. What it is given is lent for the call. */
typedef void kad_log_function(void *context, enum kad_log_level level, const char *event,
                              const struct kad_log_field *fields, size_t n_fields);

#define KAD_NODE_LISTEN_MAX    8  /* addresses */
#define KAD_NODE_BOOTSTRAP_MAX 64 /* nodes */

/* How a network of libp2p is listened to at an address. */
enum kad_listen_as {
    KAD_LISTEN_TCP, /* /tcp/PORT */
    KAD_LISTEN_WS,  /* /tcp/PORT/ws: WebSocket */
    KAD_LISTEN_WSS  /* /tcp/PORT/tls/ws: the same over TLS, with a certificate */
};
/* What may be left to the node. */
enum kad_libp2p_choice {
    KAD_LIBP2P_AUTO, /* the node finds out */
    KAD_LIBP2P_YES,  /* yes */
    KAD_LIBP2P_NO    /* no */
};
/* Whether others are told that this node answers. */
enum kad_libp2p_mode {
    KAD_LIBP2P_MODE_AUTO, /* if they can reach it: it has a public address, or somebody came from one */
    KAD_LIBP2P_CLIENT,    /* it only asks; so does one that is read_only */
    KAD_LIBP2P_SERVER     /* it answers */
};

#define KAD_NODE_PROTOCOLS_MAX 4 /* names of the Kademlia protocol */
#define KAD_NODE_ANNOUNCE_MAX  8 /* multiaddrs */

/* A node of libp2p's networks (docs/libp2p.md). All zero is a good one. */
struct kad_node_libp2p {
    const char *protocols[KAD_NODE_PROTOCOLS_MAX]; /* "/icn/kad/1.0.0", the preferred one first */
    size_t n_protocols;                            /* how many; 0: the network's own */
    enum kad_libp2p_mode mode;                     /* whether it answers others */
    enum kad_libp2p_choice
        private_addresses; /* addresses that are not public are dialled and named; auto: with IPFS's network only
                                                 when it listens on loopback alone */
    unsigned max_connections; /* at once; 0: 300 */
    unsigned accept_per_s;    /* connections a second from one host; 0: 50 */
    unsigned max_per_host;    /* at once, opened from one address or /64; 0: 32 */
    unsigned max_per_subnet;  /* and from one /24 or /48; 0: 64 */
    const char
        *announce[KAD_NODE_ANNOUNCE_MAX]; /* multiaddrs that others are told, in place of those listened at */
    size_t n_announce; /* how many; 0: those listened at, with all addresses of this machine */
    const char
        *certificate; /* of KAD_LISTEN_WSS: a PEM file, with what stands between it and its authority */
    const char *certificate_key; /* its private key, a PEM file */
    const char
        *authorities;  /* a PEM file of who is believed when others have certificates; NULL: the system's */
    const char *agent; /* what others are told we are; NULL: "kad" and its version */
    kad_ms
        provider_probe_ms; /* a server looks for providers that it names, as often as this; 0: hourly; negative: never */
};

/* How a node reaches others that cannot reach it (docs/relay.md). */
enum kad_relay_mode {
    KAD_RELAY_OFF,    /* by itself */
    KAD_RELAY_AUTO,   /* through a relay, if it is behind a router and nobody comes by himself */
    KAD_RELAY_ALWAYS, /* through a relay, so that others do not learn its address */
};

/* Relays, in kad's own network and over IPv4. All zero is a node without. */
struct kad_node_relay {
    enum kad_relay_mode mode; /* whether this node uses one */
    const char *pinned;       /* "host:port/id1...": that one and no other, always; NULL: whichever is best */
    unsigned
        clients; /* with settings.role KAD_ROLE_RELAY: so many are forwarded for: 0 .. 4096; 0: nobody is */
    uint64_t bytes_per_s; /* and so much, over all of them; 0: 256 KiB */
};

/* Who may have gets that cannot be linked (kad_reader_new()). */
enum kad_readers_for {
    KAD_READERS_ON_REQUEST, /* who asks for it */
    KAD_READERS_OFF,        /* nobody */
    KAD_READERS_ALWAYS      /* faces make every get so */
};
/* How many readers a node has, and what they may cost. All zero is a good one. */
struct kad_node_readers {
    enum kad_readers_for use; /* who may have them */
    unsigned at_once;         /* 0: 4 */
    unsigned identities;      /* kept ready from the first use on, at most 64; 0: 8 */
    unsigned work_percent;    /* of one processor, to search for these while nobody waits: 1 .. 100; 0: 5 */
};

/* How a node is to be. Start from kad_node_config_default(). Large: some kilobytes. */
struct kad_node_config {
    const struct kad_network *network; /* kad_network_mainline() */
    struct kad_settings settings;      /* the network's, unless changed */
    struct uv_loop_s *loop;            /* the host's, lent; NULL: its own */
    /* Port 0: any. An answer leaves by the socket its question came to, all else by the first of its family. `[::]` is
     * left out on a machine without IPv6, if there is another. */
    struct kad_endpoint listen[KAD_NODE_LISTEN_MAX];
    size_t n_listen;                                   /* how many: at least 1 */
    enum kad_listen_as listen_as[KAD_NODE_LISTEN_MAX]; /* in networks of libp2p: by what */
    struct kad_node_libp2p libp2p;                     /* in networks of libp2p */
    struct kad_node_relay relay;                       /* in kad's own network */
    /* "host:port", "1.2.3.4:port", "[v6]:port". Names are resolved off the loop, and again when nobody answers. In networks with
     * identities "host:port/id1..." too: at that address nobody else is taken for it. In networks of libp2p multiaddrs:
     * "/ip4/1.2.3.4/tcp/4001/p2p/12D3...", "/dns4/host/tcp/...", "/dnsaddr/host". */
    const char *bootstrap[KAD_NODE_BOOTSTRAP_MAX];
    size_t n_bootstrap;        /* how many; 0: it waits to be found */
    const char *data_dir;      /* NULL: nothing is read or kept. Made if need be; one node's at a time */
    enum kad_store_kind store; /* LMDB needs a data directory */
    uint64_t store_max_bytes;  /* ceiling of the values held for others; 0: the store's own */
    const char *name;          /* shown in status; may be NULL */
    bool has_seed;             /* tests: deterministic ids; else the system's entropy */
    uint8_t seed[32];          /* with has_seed: all randomness of the node */
    /* In networks with identities: who it is. With has_secret the seed of its key pair (kad/identity.h). Else the key file
     * `identity` (NULL: "identity" in the data directory), opened with `passphrase` (NULL: none); if it is not there, one is
     * searched for and saved, which takes a second or two. With no file and no data directory it is another at each start. */
    bool has_secret;                 /* `secret` is who it is */
    uint8_t secret[32];              /* an Ed25519 seed */
    const char *identity;            /* a file, see above */
    const char *passphrase;          /* of that file; NULL: it is open */
    const struct kad_class *classes; /* in such networks: record classes of the program's own; lent */
    size_t n_classes;                /* how many */
    const struct kad_places *places; /* where others are, as far as the host knows; lent; NULL: nowhere */
    const struct kad_gate *gate;     /* in such networks: whom the host lets in; lent; NULL: everybody */
    /* In such networks: with a key file older than this the node makes another identity at its start, as `kad id rotate` does; 0: never. */
    kad_ms rotate_every_ms;
    kad_ms
        region_silent_ms; /* a region nobody was heard of for so long is asked, and told of when it does not answer; 0: none is */
    kad_ms moved_for_ms; /* and so long after a rotation who looks for the old identity is told the new one */
    struct kad_node_readers readers; /* members for one get each */
    bool announce_self;              /* in such networks: the node keeps a `peer:` record of where it is */
    bool disabled;    /* it takes no part: opens no socket, and requests are refused with KAD_E_DISABLED */
    bool has_id;      /* `id` is to be used */
    struct kad_id id; /* else the saved one, else made */
    enum kad_log_level log_level; /* what `log` gets */
    kad_log_function *log;        /* NULL: silent */
    void *log_context;            /* handed to it */
    const char *record; /* a file: everything that goes into the engine, from the start; NULL: nothing */
    uint64_t record_max_bytes; /* 0: 256 MiB */
    /* A node on the same loop and another network: this one has that one's data directory and store (of the two that hold
     * signed records, what was put over one is found over the other), and, where both have identities and no other was
     * named, its key pair. data_dir, store and store_max_bytes are that node's. The two may be freed in any order. NULL: none. */
    struct kad_node *with;
    unsigned watch;                                                 /* enum kad_event_mask, for on_event */
    void (*on_event)(void *context, const struct kad_event *event); /* all but DONE, HOP, PEERS */
    void (*on_stopped)(void *context); /* the last call; it may free the node if the loop is the host's */
    void *context;                     /* handed to these two */
};

/* The network's settings, its usual port at 0.0.0.0 and [::], nobody to join through, everything in memory, no log. Any thread. */
void kad_node_config_default(const struct kad_network *network, struct kad_node_config *out_config);

/* `config` and its texts are copied. 0 or a kad_error with the reason in `out_why` ("cannot bind 127.0.0.1:6881: address
 * already in use"): KAD_E_INVALID, KAD_E_EXISTS (another node has the data directory), KAD_E_SYSTEM, KAD_E_CORRUPT (the
 * store), KAD_E_MEMORY. A saved state that is damaged is set aside with a warning, and no error. */
KAD_CHECK int kad_node_new(const struct kad_node_config *config, struct kad_node **out_node, char *out_why,
                           size_t why_size);
/* 0 or KAD_E_SYSTEM; then the node can only be freed. */
KAD_CHECK int kad_node_start(struct kad_node *node);
/* Drives the node's own loop; returns 0 when it has stopped. */
int kad_node_run(struct kad_node *node);
/* Asks it to stop, and returns at once. Any thread, also in a callback; again is fine. */
void kad_node_stop(struct kad_node *node);
/* NULL is fine. With a loop of its own it waits for a name that is still being resolved. */
void kad_node_free(struct kad_node *node);

/* Called on the loop's thread, never from within the call that asked: with HOP and PEERS events (if asked for), and
 * exactly once with DONE, whatever happens. What the event points to is valid until the callback returns or calls
 * kad_node_request(), _cancel() or _withdraw(). */
typedef void kad_node_callback(void *user, const struct kad_event *event);
/* Begins a request; request->user is ignored, `user` stands in its events. `callback` and `out_id` may be NULL. What is
 * put or announced with `keep` is published again by later runs too, until kad_node_withdraw(). What this node keeps of a
 * put or announce, its own copy and the note to publish it again, is on disk before DONE; if the disk fails, DONE has
 * KAD_E_SYSTEM (and n_stored, for the others hold it all the same).
 * 0 or a kad_error (then the callback is never called): those of kad_engine_request(), KAD_E_CLOSED (stopping),
 * KAD_E_DISABLED. */
KAD_CHECK int kad_node_request(struct kad_node *node, const struct kad_request *request,
                               kad_node_callback *callback, void *user, uint64_t *out_id);
/* False: no such request, or it has ended and waits for the disk. Its DONE comes with KAD_REASON_CANCELLED. */
bool kad_node_cancel(struct kad_node *node, uint64_t id);
/* These settings hold from now on, all of them or none (kad_engine_set_settings() says what that means for what is under
 * way); copied. 0; KAD_E_INVALID with the field that is out of range or needs a new node; KAD_E_CLOSED (stopping), with
 * NULL. */
KAD_CHECK int kad_node_set_settings(struct kad_node *node, const struct kad_settings *settings,
                                    const char **out_field);
/* This table of places holds from now on, or the same one with other contents (kad_engine_set_places()); NULL: none. Lent. 0 or KAD_E_CLOSED. */
KAD_CHECK int kad_node_set_places(struct kad_node *node, const struct kad_places *places);
/* What is logged from now on. */
void kad_node_set_log_level(struct kad_node *node, enum kad_log_level level);
/* These are the nodes to join through from now on, as config.bootstrap; copied. All or nothing: 0; KAD_E_INVALID (one is not
 * host:port), KAD_E_LIMIT (more than KAD_NODE_BOOTSTRAP_MAX), KAD_E_CLOSED, KAD_E_MEMORY, with the reason in `out_why`. */
KAD_CHECK int kad_node_set_bootstrap(struct kad_node *node, const char *const *names, size_t n, char *out_why,
                                     size_t why_size);
/* One more address to join through, found some other way. What kad_engine_bootstrap() returns, or KAD_E_CLOSED. */
KAD_CHECK int kad_node_bootstrap(struct kad_node *node, const struct kad_endpoint *endpoint);
/* Bans as kad_engine_ban() does, in later runs too. */
KAD_CHECK int kad_node_ban(struct kad_node *node, const struct kad_id *id, const struct kad_endpoint *address,
                           kad_ms for_ms);
/* Pardons as kad_engine_pardon() does, in later runs too. False: there is nothing to pardon. */
bool kad_node_pardon(struct kad_node *node, const struct kad_id *id, const struct kad_endpoint *address);
/* Stops publishing what has this key, in later runs too. False: nothing has. */
bool kad_node_withdraw(struct kad_node *node, const struct kad_id *key);

/* -- gets that cannot be linked (docs/security.md) ---------------------------------------------------------------- */

/*
 * A reader is a member of the node's network for one get, or the few that belong to one: with an identity, sessions, a UDP
 * port and a random half of this node's contacts, read-only, in memory alone, on this node's loop. Holders that are asked by two readers, or by a
 * reader and this node, see no identifier in common but the address of the machine.
 *
 *     kad_reader_new(node, wait_ms, ready, user, &reader)   `ready` brings a node: kad_node_request() it
 *     kad_reader_end(reader)                                all of it is gone, keys wiped; its requests end first
 *
 * Where a network has a puzzle, each needs a solved one: about a second of a processor, done ahead in the background. All on the loop's thread.
 */
struct kad_reader;
/* Called once, in a later turn of the loop. `error`: KAD_E_TIMEOUT (none could be had within wait_ms), KAD_E_CLOSED (the node stops), KAD_E_MEMORY,
 * KAD_E_SYSTEM; then `reader` is NULL, and what kad_reader_new() gave is gone. */
typedef void kad_reader_function(void *user, struct kad_node *reader, int error);
/* 0; KAD_E_LIMIT (wait_ms is 0 and none is to be had at once, or 64 wait), KAD_E_DISABLED (switched off, or the network's nodes have no sockets of
 * their own), KAD_E_CLOSED (the node does not run), KAD_E_MEMORY. A reader ends by itself after ten minutes; kad_reader_end() it nevertheless. */
KAD_CHECK int kad_reader_new(struct kad_node *node, kad_ms wait_ms, kad_reader_function *ready, void *user,
                             struct kad_reader **out_reader);
/* Before `ready`: it is not called any more. NULL is fine. */
void kad_reader_end(struct kad_reader *reader);
/* Before `ready`, in its place: it comes soon, with KAD_E_CLOSED. */
void kad_reader_cancel(struct kad_reader *reader);

/* How they are, since the node was made. */
struct kad_reader_counts {
    uint64_t begun;      /* readers that there were */
    uint64_t refused;    /* not to be had at once */
    uint64_t timeouts;   /* not to be had in time */
    uint64_t identities; /* found */
    uint64_t tries;      /* key pairs made for these */
    unsigned n_open;     /* now */
    unsigned n_waiting;  /* for one, now */
    unsigned n_ready;    /* identities that are not used yet */
};
/* Fills it in. */
void kad_node_reader_counts(const struct kad_node *node, struct kad_reader_counts *out_counts);

/* -- from any thread -------------------------------------------------------------------------------------------- */

/* These leave a letter in the node's mailbox, which holds 1,024, and ring; letters are taken in the order they came. They
 * return 0, KAD_E_LIMIT (the mailbox is full: later), KAD_E_CLOSED (it stops or has stopped), KAD_E_MEMORY. What was
 * accepted happens exactly once: at the latest when the node stops, or is freed without having been started. */

/* Begins a request as kad_node_request() does. The request is copied; the callback still runs on the loop's thread, and
 * brings what kad_node_request() would have returned as done.error. */
KAD_CHECK int kad_node_post(struct kad_node *node, const struct kad_request *request,
                            kad_node_callback *callback, void *user);
/* Cancels every request that was begun with this `user`, by any thread; none is fine. Their callbacks come, as ever. */
KAD_CHECK int kad_node_post_cancel(struct kad_node *node, const void *user);
/* Stops publishing what has this key. */
KAD_CHECK int kad_node_post_withdraw(struct kad_node *node, const struct kad_id *key);

/* Called on the loop's thread, where it may use all of the node but kad_node_free(); it must not block. */
typedef void kad_node_function(struct kad_node *node, void *user);
/* Calls `function` soon. */
KAD_CHECK int kad_node_call(struct kad_node *node, kad_node_function *function, void *user);
/* The same, and returns when it has returned. On the loop's own thread it is called at once. The loop must be running or
 * about to: whoever is to run it would wait here for himself. */
KAD_CHECK int kad_node_call_wait(struct kad_node *node, kad_node_function *function, void *user);
/* What the node knows and has counted, as of one moment, by kad_node_call_wait(). Either may be NULL. */
KAD_CHECK int kad_node_info(struct kad_node *node, struct kad_info *out_info,
                            struct kad_counters *out_counters);

/* -- looking in ------------------------------------------------------------------------------------------------- */

/* A recording of the flight recorder. */
struct kad_recording {
    bool running;         /* it is being made */
    bool full;            /* it reached its ceiling */
    bool lost;            /* something is missing at its end */
    char path[256];       /* the file */
    kad_ms began_at;      /* in the node's time */
    uint64_t n_bytes;     /* written */
    uint64_t n_datagrams; /* recorded */
    uint64_t n_requests;  /* recorded */
};
/*
 * The flight recorder: from now on everything that goes into the engine is written to `path` (made, never written over, readable
 * for its owner only), for `duration_ms` (0: until it is stopped) or up to `max_bytes` (0: 256 MiB); `kad replay` runs it
 * again. docs/replay.md says what is in it. 0; KAD_E_EXISTS (one is being made, or the file is there), KAD_E_SYSTEM, KAD_E_INVALID, KAD_E_CLOSED,
 * KAD_E_MEMORY, with the reason in `out_why`.
 */
KAD_CHECK int kad_node_record(struct kad_node *node, const char *path, uint64_t max_bytes, kad_ms duration_ms,
                              char *out_why, size_t why_size);
/* False: nothing is recorded. */
bool kad_node_record_stop(struct kad_node *node);
/* The present recording, or the last one; false: there was none. */
bool kad_node_recording(const struct kad_node *node, struct kad_recording *out_recording);

/* A relay that this node knows. */
struct kad_relay_row {
    struct kad_endpoint endpoint; /* where it is */
    uint8_t public_key[32];       /* who */
    int32_t rtt_ms;               /* how long its answer took; -1: it has not been heard */
    bool told;                    /* the next three are known */
    uint64_t bytes_per_s;         /* what it gives all of its clients */
    unsigned n_places;            /* how many it forwards for at most */
    unsigned n_free;              /* and could besides */
    bool ours;                    /* we are reached through it */
    bool shunned;                 /* it failed us, and is left alone for a while */
};
/* Those it knows, soonest answer first; asks them, and around, so that a second later more is known. Returns how many there are;
 * writes at most `room`. */
size_t kad_node_relays(struct kad_node *node, struct kad_relay_row *out_rows, size_t room);

#define KAD_RELAY_DROPS 8 /* kinds of drops: kad_relay_drop_name() */
/* How a node stands with relays. */
struct kad_relay_status {
    enum kad_relay_mode mode;            /* as it is to be */
    const char *state;                   /* "off", "not_needed", "looking", "asking", "used", a constant */
    struct kad_endpoint relay;           /* with "used": where it is, */
    uint8_t relay_key[32];               /* who it is, */
    struct kad_endpoint address;         /* and where others reach us */
    uint64_t bytes_in;                   /* through relays, of our own, */
    uint64_t bytes_out;                  /* the same, the other way, */
    uint64_t unsent;                     /* and datagrams that did not leave, for want of one */
    unsigned n_places;                   /* as a relay: places, */
    unsigned n_clients;                  /* and who has one */
    uint64_t relayed_in;                 /* bytes to clients, */
    uint64_t relayed_out;                /* and from them */
    uint64_t datagrams[KAD_RELAY_DROPS]; /* of and to them, by what became of them */
};
/* Fills it in. */
void kad_node_relay_status(const struct kad_node *node, struct kad_relay_status *out_status);
/* "forwarded", "unproved": a constant, never NULL. Any thread. */
const char *kad_relay_drop_name(unsigned drop);

/* What the node listens on now (ports resolved). Returns how many; writes at most `room`. */
size_t kad_node_listening(const struct kad_node *node, struct kad_endpoint *out_endpoints, size_t room);
/* For kad_engine_info(), _counters(), _table(). Never call the others on it. */
struct kad_engine *kad_node_engine(struct kad_node *node);
/* The loop it is on, the host's or its own. */
struct uv_loop_s *kad_node_loop(struct kad_node *node);
/* Its configuration as it stands; the node's own, and as long as it. */
const struct kad_node_config *kad_node_config_of(const struct kad_node *node);
/* In networks with identities: the seed of one that this node was before and still has the key of (kad id rotate), by its public key; NULL: of none. The
 * node's own, and as long as it. */
const uint8_t *kad_node_former(const struct kad_node *node, const uint8_t public_key[32]);
/* The seed that signs this node's records of a name: that of the former identity under which one is being kept published, else its
 * own. First owners stay so. */
const uint8_t *kad_node_seed_for(const struct kad_node *node, const struct kad_secure_name *name);
/* Since it was made; lives as long as the node. */
const struct kad_measures *kad_node_measures(const struct kad_node *node);
/* The node's time: Unix time in milliseconds that never runs backwards. */
kad_ms kad_node_now(const struct kad_node *node);
/* When kad_node_start() was called, in the node's time. */
kad_ms kad_node_started_at(const struct kad_node *node);

#ifdef __cplusplus
}
#endif
#endif
