/* relay_parts - what is behind struct kad_relay, for relay*.c. */
#ifndef KAD_NODE_RELAY_PARTS_H
#define KAD_NODE_RELAY_PARTS_H

#include "channel/channel.h"
#include "node/parts.h"

#define KAD_RELAY_TRIES 5  /* questions without an answer, and it is lost */
#define KAD_RELAY_BATCH 16 /* datagrams that are wrapped before they are sent */

/* A client's port. */
struct kad_relay_port {
    struct kad_relay *relay;
    struct kad_udp *udp; /* NULL: closed */
    unsigned place;
};

/* What is to be answered once the engine has returned. */
struct kad_relay_answer {
    struct kad_endpoint to;
    uint8_t key[32];
    uint8_t bytes[KAD_RELAY_PLACE_SIZE];
};

/* This node as a relay. */
struct kad_relay_serve {
    struct kad_relay_places *places; /* NULL: it is none */
    struct kad_relay_port *ports;    /* one for each place */
    unsigned n_places;
    uint64_t bytes_per_s;
    uint64_t datagrams[KAD_RELAY_N_DROPS], bytes_in, bytes_out;
    struct kad_relay_answer answers[KAD_RELAY_BATCH];
    unsigned n_answers;
    kad_ms look_at;                /* when places that are over are looked for */
    kad_ms announce_at;            /* when others are told that it is one; KAD_NEVER: they have been */
    struct kad_endpoint announced; /* where others were told that it is */
    struct kad_endpoint own;       /* as others see this node; looked at now and then */
    uint8_t *own_ports;            /* a bit for each that is a client's */
    struct kad_endpoint
        unproved;       /* somebody of whom the engine is to find out whether he receives; family 0: nobody */
    unsigned n_proving; /* such questions that are under way */
};

enum kad_relay_state {
    KAD_RELAY_STATE_OFF,
    KAD_RELAY_STATE_NOT_NEEDED,
    KAD_RELAY_STATE_LOOKING,
    KAD_RELAY_STATE_ASKING,
    KAD_RELAY_STATE_USED,
};

/* This node as a client. */
struct kad_relay_use {
    enum kad_relay_mode mode;
    struct kad_bootstrap_name pinned; /* with is_pinned */
    bool is_pinned;
    struct kad_resolve *resolving;
    enum kad_relay_state state;
    bool closed; /* nothing may leave but through a relay */
    struct kad_relay_pick pick;
    struct kad_relay_candidate current; /* ASKING, USED */
    uint32_t nonce, n_tries;
    kad_ms asked_at, renew_at, at; /* at: when something is to be done */
    kad_ms table_at, lookup_at,
        listen_until; /* known relays are asked for; around; they are asked because somebody wants to know */
    kad_ms ready_at;  /* since when it could have been reached; 0: it has not joined */
    uint64_t strangers; /* counted then */
    bool looking_up;
    struct kad_endpoint address; /* USED */
    uint64_t bytes_in, bytes_out, unsent;
    uint32_t last_nonce;

    bool has_secret;
    uint8_t secret[32]; /* of the identity for relays alone */
    uint8_t searched[32];
    struct kad_job search;
    bool stop_search;
    struct kad_channel *channel; /* NULL: none yet */
    struct kad_udp *udp;
};

struct kad_relay {
    struct kad_node *node;
    struct kad_batch out; /* of the session layer, and of what is wrapped */
    struct kad_datagram datagrams[KAD_RELAY_BATCH];
    uint8_t *memory; /* of `out`; NULL: nothing was to be sent yet, as in most nodes */
    uint8_t scratch[KAD_ASIDE_MAX];
    struct kad_relay_serve serve;
    struct kad_relay_use use;
};

/* The node's first socket of IPv4; NULL: it has none. */
struct kad_udp *kad_relay_socket(const struct kad_node *node);
/* For `out`, which most nodes never need. False: no memory. */
bool kad_relay_make_room(struct kad_relay *relay);
/* Sends what is in `out` from there. */
void kad_relay_flush(struct kad_relay *relay, struct kad_udp *udp);
/* In the engine's session with whoever has this key. */
bool kad_relay_say(struct kad_relay *relay, const struct kad_endpoint *to, const uint8_t key[32],
                   struct kad_bytes bytes);
/* The name under which relays are found. */
void kad_relay_name(struct kad_secure_name *out_name);

/* -- relay_serve.c ------------------------------------------------------------------------------------------------ */

KAD_CHECK int kad_relay_serve_init(struct kad_relay *relay);
void kad_relay_serve_aside(struct kad_relay *relay, const struct kad_aside *aside);
void kad_relay_serve_send(struct kad_relay *relay); /* what is to be answered */
void kad_relay_serve_tick(struct kad_relay *relay);
kad_ms kad_relay_serve_wake_at(const struct kad_relay *relay);
void kad_relay_serve_close(struct kad_relay *relay);
void kad_relay_serve_free(struct kad_relay *relay);

/* -- relay_use.c -------------------------------------------------------------------------------------------------- */

KAD_CHECK int kad_relay_use_init(struct kad_relay *relay, char *why, size_t why_size);
void kad_relay_use_told(struct kad_relay *relay, const uint8_t key[32], struct kad_bytes bytes); /* PLACE */
void kad_relay_use_tick(struct kad_relay *relay);
kad_ms kad_relay_use_wake_at(const struct kad_relay *relay);
void kad_relay_use_close(struct kad_relay *relay);
void kad_relay_use_free(struct kad_relay *relay);

/* -- relay_session.c ---------------------------------------------------------------------------------------------- */

void kad_relay_session_search(struct kad_relay *relay); /* an identity for it: use.has_secret then */
KAD_CHECK int kad_relay_session_open(struct kad_relay *relay);
void kad_relay_session_close(struct kad_relay *relay); /* and the search */
/* `head`, and behind it `body`, which may be empty: then it may begin a session. False: it was not sent. */
bool kad_relay_session_say(struct kad_relay *relay, const struct kad_relay_candidate *to,
                           struct kad_bytes head, struct kad_bytes body);
void kad_relay_ask(struct kad_relay *relay, struct kad_relay_candidate *candidate); /* how it stands */
void kad_relay_ask_for_place(struct kad_relay *relay);                              /* use.current */

/* -- relay_find.c ------------------------------------------------------------------------------------------------- */

/* From all sides. While no relay carries it, a lookup would show who looks. */
void kad_relay_look_around(struct kad_relay *relay, kad_ms now);
/* And who has not said for a while how it stands is asked. */
void kad_relay_gather(struct kad_relay *relay, kad_ms now);

#endif
