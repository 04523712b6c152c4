/*
 * journal - the flight recorder: everything that goes into an engine, written down, so that it can be run again.
 *
 *     kad_journal_begin()   from now on the engine's inputs are recorded; first its whole state as it stands
 *     kad_journal_end()     a last checkpoint, and the engine is as it was
 *
 * A journal is a run of blocks, each with a checksum; their contents one after the other are
 *
 *     header      format, version of the program, network, settings, listen addresses, when
 *     state       of the engine at that moment (core/walk.h): table, queries, operations, limits, tokens, randomness
 *     items       inputs in their order (datagram, tick, request ...), each followed by what the store answered meanwhile;
 *                 now and then a checkpoint: hashes of the state and of all that was sent
 *     end         or, when the host could not take blocks as fast as they came, the mark that says so
 *
 * The store (disks fail, others share it), the table of places and the host's gate are what an engine asks that is not its own, so
 * their answers are inputs too. They need not be copied, however much they hold, and replay notices the first question that differs.
 *
 * No allocation after the beginning, no I/O: blocks go to `write`, on the engine's thread. A journal that lost a block writes
 * nothing more, and says so. A settings structure that changes meanwhile is noticed and recorded.
 *
 * What a journal holds is as secret as the running node: its randomness (transaction ids to come), its token secrets, the
 * addresses of all who spoke to it, and what was put or asked through it.
 */
#ifndef KAD_ENGINE_JOURNAL_H
#define KAD_ENGINE_JOURNAL_H

#include "core/walk.h"
#include "kad/engine.h"

/* Raised with every change of what is walked; journal_format_test.c says how, and notices. */
#define KAD_JOURNAL_FORMAT     28
#define KAD_JOURNAL_BLOCK      65536 /* bytes of a block, its head included, at most */
#define KAD_JOURNAL_BLOCK_HEAD 16 /* magic, number, size, CRC-32C of number, size and content; big-endian */
#define KAD_JOURNAL_LISTEN_MAX 8

struct kad_journal;

enum kad_journal_peer { KAD_JOURNAL_BAN, KAD_JOURNAL_PARDON, KAD_JOURNAL_REMEMBER };

struct kad_journal_config {
    const struct kad_allocator *allocator; /* NULL: malloc */
    const char *version;                   /* of the program */
    struct kad_endpoint listen[KAD_JOURNAL_LISTEN_MAX];
    size_t n_listen;
    kad_ms check_every_ms; /* between checkpoints; 0: 10 s */
    /* Takes a copy. False: there is no room; it is not called again. */
    bool (*write)(void *context, struct kad_bytes block);
    void *context;
};

struct kad_journal_stats {
    uint64_t n_items, n_datagrams, n_requests, n_checks, n_bytes;
    bool lost; /* a block was refused: what comes after is not recorded */
};

/* Between two inputs, all events taken. `config` is copied. 0, KAD_E_MEMORY, KAD_E_EXISTS (it is being recorded). */
KAD_CHECK int kad_journal_begin(struct kad_engine *engine, const struct kad_journal_config *config,
                                kad_ms now, struct kad_journal **out_journal);
/* Frees the journal; NULL is fine. All events must have been taken. Returns whether something was lost. */
bool kad_journal_end(struct kad_journal *journal, kad_ms now);
void kad_journal_stats(const struct kad_journal *journal, struct kad_journal_stats *out_stats);

/* Whoever keeps the blocks writes this behind the last of a journal that lost one. */
extern const uint8_t kad_journal_lost_mark[KAD_JOURNAL_BLOCK_HEAD];

/* -- the engine's calls ----------------------------------------------------------------------------------------- */

void kad_journal_datagram(struct kad_journal *journal, const struct kad_datagram *in, kad_ms now,
                          const struct kad_batch *out);
void kad_journal_tick(struct kad_journal *journal, kad_ms now, const struct kad_batch *out);
void kad_journal_leave(struct kad_journal *journal, kad_ms now, const struct kad_batch *out);
void kad_journal_aside(struct kad_journal *journal, const struct kad_endpoint *to, struct kad_bytes key,
                       struct kad_bytes bytes, kad_ms now, const struct kad_batch *out);
void kad_journal_unreachable(struct kad_journal *journal, const struct kad_endpoint *peer, kad_ms now);
void kad_journal_request(struct kad_journal *journal, const struct kad_request *request, kad_ms now);
void kad_journal_cancel(struct kad_journal *journal, uint64_t id, kad_ms now); /* 0: all */
void kad_journal_withdraw(struct kad_journal *journal, const struct kad_id *key);
void kad_journal_bootstrap(struct kad_journal *journal, const struct kad_endpoint *endpoint,
                           struct kad_bytes identity, kad_ms now);
void kad_journal_contact(struct kad_journal *journal, const struct kad_contact *contact,
                         struct kad_bytes identity, bool trusted, kad_ms now);
void kad_journal_settings(struct kad_journal *journal, kad_ms now); /* the engine has others */
void kad_journal_load(struct kad_journal *journal, unsigned percent);
/* A ban, a pardon, or what is remembered of a peer. Of the first two only whom it concerns and until when. */
void kad_journal_peer(struct kad_journal *journal, enum kad_journal_peer what,
                      const struct kad_peer_row *peer, kad_ms now);
void kad_journal_places(struct kad_journal *journal, const struct kad_places *places,
                        kad_ms now); /* there are others, or none */
void kad_journal_place(struct kad_journal *journal, const struct kad_endpoint *endpoint,
                       const struct kad_place *place); /* an answer, as the store's are */
void kad_journal_gate(struct kad_journal *journal, const struct kad_id *id,
                      unsigned answer);               /* the same of the host's gate, about a node or a key */
void kad_journal_taking(struct kad_journal *journal); /* an event is asked for */
void kad_journal_sent(struct kad_journal *journal, const struct kad_datagram *datagram);

/* -- the format, for replay.c ----------------------------------------------------------------------------------- */

enum kad_journal_kind {
    KAD_JOURNAL_END = 1,
    KAD_JOURNAL_CHECK,
    KAD_JOURNAL_DATAGRAM,
    KAD_JOURNAL_TICK,
    KAD_JOURNAL_UNREACHABLE,
    KAD_JOURNAL_REQUEST,
    KAD_JOURNAL_CANCEL,
    KAD_JOURNAL_WITHDRAW,
    KAD_JOURNAL_BOOTSTRAP,
    KAD_JOURNAL_CONTACT,
    KAD_JOURNAL_EVENTS,
    KAD_JOURNAL_SETTINGS,
    KAD_JOURNAL_LOAD,
    KAD_JOURNAL_PEER,
    KAD_JOURNAL_PLACES,
    KAD_JOURNAL_LEAVE,
    KAD_JOURNAL_ASIDE,
    /* answers of the store, in the order it was asked */
    KAD_JOURNAL_GET,
    KAD_JOURNAL_PUT,
    KAD_JOURNAL_ADD_PEER,
    KAD_JOURNAL_PEERS,
    KAD_JOURNAL_EACH_PEER,
    KAD_JOURNAL_SAMPLE,
    KAD_JOURNAL_EXPIRE,
    KAD_JOURNAL_LIST,
    KAD_JOURNAL_REMOVE,
    KAD_JOURNAL_GHOST,
    KAD_JOURNAL_LOOK,
    KAD_JOURNAL_PLACE, /* and of the table of places */
    KAD_JOURNAL_GATE,  /* and of who says who is let in */
    KAD_JOURNAL_N_KINDS,
};
uint64_t kad_journal_hash_sent(uint64_t before, const struct kad_datagram *datagram);
const char *kad_journal_kind_text(unsigned kind);

struct kad_journal_head {
    char version[32], network[16];
    kad_ms at;
    struct kad_endpoint listen[KAD_JOURNAL_LISTEN_MAX];
    size_t n_listen;
    bool ipv4, ipv6;
    bool has_places; /* there is a table of places */
    bool has_secret; /* the network has identities: */
    uint8_t secret[32];
    bool gate_reputation, gate_provides; /* the host is asked whom it lets in */
    struct kad_settings settings;
};
void kad_journal_walk_head(struct kad_walk *walk, struct kad_journal_head *head);

/* One item. Which fields mean something depends on the kind. */
struct kad_journal_item {
    uint8_t kind;
    kad_ms now;    /* written as what passed since the item before */
    uint32_t room; /* of the batch: DATAGRAM, TICK, LEAVE, ASIDE */
    struct kad_endpoint endpoint;
    struct kad_bytes bytes;    /* reading: borrowed */
    struct kad_bytes identity; /* the same: DATAGRAM, BOOTSTRAP, CONTACT, ASIDE; mostly none */
    struct kad_request request;
    struct kad_contact contact;
    bool trusted;
    uint64_t
        number; /* CANCEL: the request; EVENTS: how often; PLACES: whether there are any; GATE: the answer */
    struct kad_id key;
    uint64_t state, sent; /* CHECK, END */
    /* the store's */
    int error;
    kad_ms at;
    uint32_t drawn, total; /* bytes of randomness it took */
    uint64_t next;         /* LIST, LOOK: where it goes on */
    struct kad_record record;
    uint32_t n;
    struct kad_settings settings;
    struct kad_place place;   /* PLACE */
    struct kad_peer_row peer; /* PEER; `number`: enum kad_journal_peer */
};
/* All but the lists of the store's answers, which follow: PEERS: `n` endpoints; SAMPLE: `n` keys; LIST: `n` records;
 * EACH_PEER: for each a 1, an endpoint and whether it is a seed, then a 0. LOOK: for each record a 1 and it, then a 0, then where
 * it goes on. */
void kad_journal_walk_record(struct kad_walk *walk, struct kad_record *record);
void kad_journal_walk_item(struct kad_walk *walk, struct kad_journal_item *item, kad_ms *before);

#endif
