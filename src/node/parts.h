/*
 * parts - what a node is made of, for node's own files.
 *
 *     node.c       made, started, stopped, freed
 *     turn.c       what happens when something comes or time has passed
 *     requests.c   who wants to know what became of a request
 *     held.c       ends of puts and announces that wait for the disk
 *     posted.c     what other threads want
 *     identity.c   who it is
 *     presence.c   its own `peer:` record
 *     former.c     the identities it was before
 *     readers.c    members for one get each, that nobody can link to it
 *     around.c     in how many networks its contacts stand, and whether a region is silent
 *     memory.c     its state on disk: what is saved when
 *     storage.c    data directory and store, which several nodes may have together
 *     move_in.c    what an earlier kad kept in a folder for each network
 *     bootstrap.c  names of nodes to join through (those of sources.c, manifests and the like, are the program's)
 *     recorder.c   the flight recorder's file
 *     link.c       connections of somebody else, in place of sockets
 *     libp2p_link.c  connections of its own, in networks of libp2p
 *     tell.c       what is logged
 *     settings.c   other settings while it runs
 *     load.c       whether it keeps up with what comes in
 *     relay.c      relays (docs/relay.md): _serve: for whom this node is one; _use: the one it is reached through; _session, _find: what
 *                  that takes; _places, _pick, _words: without sockets
 */
#ifndef KAD_NODE_PARTS_H
#define KAD_NODE_PARTS_H

#include <uv.h>

#include "core/store.h"
#include "net/clock.h"
#include "net/resolve.h"
#include "net/udp.h"
#include "node/bootstrap_name.h"
#include "node/data_dir.h"
#include "node/kept.h"
#include "node/key_file.h"
#include "node/libp2p_link.h"
#include "node/link.h"
#include "node/load.h"
#include "node/mailbox.h"
#include "node/relay.h"
#include "node/taken.h"
#include "node/tally.h"
#include "store/view.h"
#include "kad/node.h"

#define KAD_READERS_READY 64 /* identities kept for readers, at most */
#define KAD_NODE_BATCH    64 /* datagrams the engine may write before they are sent */

/* made -> running -> stopping -> stopped; made may be freed, too. */
enum kad_node_phase { KAD_NODE_MADE, KAD_NODE_RUNNING, KAD_NODE_STOPPING, KAD_NODE_STOPPED };

/* One request and who waits for it. In a list, so that none is forgotten. */
struct kad_pending {
    struct kad_pending *next, *previous;
    uint64_t id; /* the engine's */
    kad_node_callback *callback;
    void *user;
    struct kad_kept kept; /* what to keep published once it is done */
    bool keep;
    uint8_t record_type; /* asked for, or put */
};

/* One name to join through. */
struct kad_bootstrap {
    struct kad_node *node;
    const char *text;
    struct kad_bootstrap_name name;
    struct kad_resolve *resolving; /* NULL: not now */
    kad_ms next_at, wait_ms;       /* KAD_NEVER: found */
};

/* Work for another thread. Its memory is the node's; one of each kind at a time. */
struct kad_job {
    uv_work_t work;
    struct kad_node *node;
    bool running;
    int error, reason; /* reason: errno */
};

/* Addresses. */
struct kad_whereabouts {
    struct kad_endpoint endpoints[KAD_NODE_LISTEN_MAX];
    size_t n;
};

/* What was said last of where this node is, and when it is to be looked at again. */
struct kad_presence {
    struct kad_whereabouts said;
    kad_ms at; /* KAD_NEVER: when something has changed */
    bool asking;
};

/* Somebody this node was. */
struct kad_former {
    struct kad_node *node; /* while it asks */
    struct kad_identity identity;
    kad_ms moved_at;
    bool said, asking; /* that it moved */
};

/* A data directory and a store, of all nodes on a loop that were made one with another. */
struct kad_storage {
    struct kad_node *users; /* the last one takes it along */
    struct kad_data_dir data_dir;
    bool has_data_dir;
    struct kad_store *store, *mem; /* mem: the memory in front, or the store itself */
    bool is_lmdb;
    bool commit_failed, sync_failed;
    bool syncing; /* one of the users' jobs does */
    kad_ms sync_at;
    uint64_t safe;                /* so many commits are on disk */
    struct kad_whereabouts where; /* of all users with the key pair, as last put by one of them */
    int64_t where_sequence;
};

/* When its contacts are looked at again, and what was told of them last (node/around.h). */
struct kad_around {
    kad_ms variety_at, regions_at; /* KAD_NEVER: not yet */
    kad_ms variety_pause;          /* between the last two counts */
    bool poor, crowded;            /* as was told */
    struct kad_regions *regions;   /* NULL: they are not looked after */
    uint64_t regions_told;         /* so many of their changes were */
};

struct kad_mapper_status;
struct kad_readers;

struct kad_node {
    const struct kad_allocator *allocator;
    struct kad_node_config config; /* its texts are `texts`' */
    char *texts;
    size_t texts_size;
    enum kad_node_phase phase;
    bool in_turn, own_loop_made;
    struct kad_clock clock;
    kad_ms now, started_at; /* now: of the turn */
    uv_loop_t *loop, own_loop;

    struct kad_udp_buffers *buffers;
    struct kad_udp *sockets[KAD_NODE_LISTEN_MAX];
    size_t n_sockets;
    struct kad_engine *engine;
    struct kad_measures measures;
    struct kad_tally tally;
    struct kad_storage *storage; /* its own, or that of others */
    struct kad_node *storage_next;
    struct kad_store_view store; /* what the engine has of it */
    struct kad_batch out;
    struct kad_node_link link;
    struct kad_libp2p *libp2p; /* NULL: another network */

    uv_timer_t timer;
    kad_ms timer_at;  /* when it was asked to fire, if it is active; may be past */
    kad_ms timer_due; /* when it can fire at the earliest */
    uv_async_t bell;
    struct kad_mailbox mailbox;
    unsigned n_open; /* handles and jobs that must end before the node has stopped */

    struct {
        uint64_t published, refreshes; /* as was told at `at` */
        kad_ms at;
    } told_work;
    struct kad_pending *pending;
    struct kad_kept_list kept;
    unsigned n_restoring;
    bool restored; /* all of `kept` is the engine's again */
    kad_ms restore_at;
    struct kad_presence presence;
    struct kad_taken taken;
    struct kad_former formers[KAD_MOVES_MAX];
    size_t n_formers;
    kad_ms former_at; /* when they are looked at again */
    int64_t former_sequence;
    kad_ms rotate_at; /* its identity is old enough for another then */
    struct kad_around around;
    struct kad_readers *readers; /* NULL: none was wanted yet */

    struct kad_settings lent[2]; /* to the engine, in turn, once settings were changed */
    unsigned n_lent;
    struct kad_load load;

    struct kad_bootstrap *bootstraps;
    size_t n_bootstraps;
    char *bootstrap_texts; /* of a list set while it ran; NULL: they are among `texts` */
    size_t bootstrap_texts_size;
    const struct kad_mapper_status *mapping; /* of the program's port mapping; NULL: there is none */

    bool save_failed;
    char state_name[64];
    struct kad_job save, sync;
    struct kad_bytes saving; /* what `save` writes */
    kad_ms save_at;
    uint64_t store_syncing; /* commits that `sync` brings to the disk */
    /* What happened to the state, counted. `safe`: as much is on disk. */
    uint64_t state_changed, state_saving, state_safe;
    uint64_t table_saving, table_saved;
    struct kad_held *held;
    struct kad_relay *relay;       /* NULL: a network without sessions, or no IPv4 */
    struct kad_recorder *recorder; /* NULL: nothing is recorded */
    struct kad_recording recorded; /* the present or the last one */
};

/* -- turn.c ----------------------------------------------------------------------------------------------------- */

/* One turn. `readable` has something to read, or is NULL. */
void kad_node_turn(struct kad_node *node, struct kad_udp *readable);
kad_ms kad_node_clock(const struct kad_node *node); /* the turn's time in a turn, else the clock's */
/* A turn comes soon: something was asked for outside of one. */
void kad_node_turn_soon(struct kad_node *node);
/* Takes the engine's events until there are none. */
void kad_node_take_events(struct kad_node *node);
void kad_node_send(struct kad_node *node, struct kad_udp *readable);

/* -- requests.c ------------------------------------------------------------------------------------------------- */

void kad_requests_event(struct kad_node *node, const struct kad_event *event); /* DONE, HOP, PEERS */
/* As kad_node_request(), but what is kept published is so in this run only. */
KAD_CHECK int kad_requests_of_this_run(struct kad_node *node, const struct kad_request *request,
                                       kad_node_callback *callback, void *user);
void kad_requests_cancel_of(struct kad_node *node, const void *user); /* all that were begun with it */
/* Tells the engine of publications from before the restart, a few at a time. */
void kad_requests_restore(struct kad_node *node);

/* -- posted.c --------------------------------------------------------------------------------------------------- */

void kad_posted_take(struct kad_node *node);

/* -- memory.c --------------------------------------------------------------------------------------------------- */

struct kad_state;
/* Reads the saved state if there is one; a damaged one is set aside with a warning. 0 or KAD_E_MEMORY, KAD_E_SYSTEM. */
KAD_CHECK int kad_memory_load(struct kad_node *node, struct kad_state *state, char *out_why, size_t why_size);
void kad_memory_begin(struct kad_node *node);
/* Runs `work` on another thread, then `done` on the loop's. False: it cannot. */
bool kad_memory_begin_job(struct kad_node *node, struct kad_job *job, uv_work_cb work, uv_after_work_cb done);
/* A disk that fails is told of once, and so is its recovery. */
void kad_memory_tell_change(const struct kad_node *node, bool *failed, int error, int reason,
                            const char *worse, const char *better);
void kad_memory_tick(struct kad_node *node);
kad_ms kad_memory_wake_at(const struct kad_node *node);
void kad_memory_changed(struct kad_node *node, kad_ms within); /* something worth saving within this */
void kad_memory_save_now(struct kad_node *node);               /* at the end; no job runs */
/* What a request of ours that ended here still needs from the disk, and that the disk gets it now: `stored` in the store,
 * `kept` in the state. 0: nothing. KAD_E_SYSTEM: the store does not take it. */
KAD_CHECK int kad_memory_need(struct kad_node *node, bool stored, bool kept, uint64_t *out_store_at,
                              uint64_t *out_state_at);

/* -- storage.c -------------------------------------------------------------------------------------------------- */

/* Its own, or that of config.with; and the node's view of it. The errors of kad_node_new(). */
KAD_CHECK int kad_storage_open(struct kad_node *node, uint64_t hash_key, char *out_why, size_t why_size);
void kad_storage_leave(struct kad_node *node);
void kad_storage_commit(struct kad_node *node); /* before answers leave */
void kad_storage_tick(struct kad_node *node);
kad_ms kad_storage_wake_at(const struct kad_node *node);
void kad_storage_sync_now(struct kad_node *node); /* at the end; no job of this node's runs */
/* As kad_memory_need(), of the store. */
KAD_CHECK int kad_storage_need(struct kad_node *node, uint64_t *out_store_at);
bool kad_storage_has_data_dir(const struct kad_node *node);

/* -- move_in.c -------------------------------------------------------------------------------------------------- */

/* DIR/NETWORK/ held what DIR/ holds now. Its files move, once; its store's entries are taken over. */
KAD_CHECK int kad_move_in_files(struct kad_node *node, char *out_why, size_t why_size);
KAD_CHECK int kad_move_in_store(struct kad_node *node, char *out_why, size_t why_size);

/* -- held.c ----------------------------------------------------------------------------------------------------- */

/* Copies the DONE and what it points to; the callback gets it when so much is on disk. 0 or KAD_E_MEMORY. */
KAD_CHECK int kad_held_add(struct kad_node *node, const struct kad_event *event, uint64_t store_at,
                           uint64_t state_at, kad_node_callback *callback, void *user);
/* Tells those that have what they waited for; and, with KAD_E_SYSTEM, those of whose needs a write up to these failed. */
void kad_held_settle(struct kad_node *node, uint64_t failed_store, uint64_t failed_state);

/* -- identity.c ------------------------------------------------------------------------------------------------- */

/* Into config.secret. Nothing to do where the network has no identities. An error has its reason in `why`. */
KAD_CHECK int kad_node_take_identity(struct kad_node *node, char *why, size_t why_size);

/* -- presence.c ------------------------------------------------------------------------------------------------- */

void kad_presence_changed(struct kad_node *node); /* it is ready, or its address is another */
void kad_presence_tick(struct kad_node *node);
kad_ms kad_presence_wake_at(const struct kad_node *node);

/* -- former.c --------------------------------------------------------------------------------------------------- */

/* Those whom the identity in the file at `path` took over from; their files may be there or not. config.passphrase opens them. */
void kad_former_load(struct kad_node *node, const char *path);
void kad_former_share(struct kad_node *node,
                      const struct kad_node *relative); /* of who has the same key pair */
void kad_former_wipe(struct kad_node *node);
void kad_former_begin(struct kad_node *node); /* it is ready */
void kad_former_tick(struct kad_node *node);
kad_ms kad_former_wake_at(const struct kad_node *node);
/* A publication that a former identity signed becomes this one's, where it can; it is to be signed again. */
bool kad_former_resign(const struct kad_node *node, struct kad_request *request);

/* -- readers.c -------------------------------------------------------------------------------------------------- */

void kad_readers_tick(struct kad_node *node);
kad_ms kad_readers_wake_at(const struct kad_node *node);
void kad_readers_stop(struct kad_node *node); /* the node stops when they have */
void kad_readers_free(struct kad_node *node); /* secrets are wiped */

/* -- bootstrap.c ------------------------------------------------------------------------------------------------ */

KAD_CHECK int kad_bootstrap_init(struct kad_node *node, char *out_why, size_t why_size);
void kad_bootstrap_clear(struct kad_node *node);
void kad_bootstrap_tick(struct kad_node *node);
kad_ms kad_bootstrap_wake_at(const struct kad_node *node);
void kad_bootstrap_again(struct kad_node *node); /* nobody answers: the names may mean other addresses now */

/* -- recorder.c ------------------------------------------------------------------------------------------------- */

KAD_CHECK int kad_recorder_open(struct kad_node *node, const char *path, bool replace, uint64_t max_bytes,
                                kad_ms duration_ms, char *out_why, size_t why_size);
KAD_CHECK int kad_recorder_begin(struct kad_node *node); /* at once: no events wait, no turn is on */
void kad_recorder_tick(struct kad_node *node);
kad_ms kad_recorder_wake_at(const struct kad_node *node);
void kad_recorder_stop(struct kad_node *node);
void kad_recorder_free(struct kad_node *node);

/* -- portmap.c -------------------------------------------------------------------------------------------------- */

/* The port that others of this network can reach; 0: none, the node is for this machine alone, or speaks no IPv4. */
uint16_t kad_node_port_for_others(const struct kad_node *node);

/* -- link.c ----------------------------------------------------------------------------------------------------- */

void kad_node_link_send(struct kad_node *node); /* what is in `out` */

/* -- tell.c ----------------------------------------------------------------------------------------------------- */

/* Names and values in turn, NULL last. */
void kad_tell(const struct kad_node *node, enum kad_log_level level, const char *event, ...)
    __attribute__((sentinel));
void kad_tell_load(const struct kad_node *node, uint32_t overflows);
void kad_tell_event(const struct kad_node *node, const struct kad_event *event);
/* What the node did of its own accord: what it keeps published, buckets that were looked at again. */
void kad_tell_work(struct kad_node *node);
/* A request of the host's begins; and ends. */
void kad_tell_asked(const struct kad_node *node, uint64_t id, const struct kad_request *request);
void kad_tell_done(const struct kad_node *node, const struct kad_event *event, uint8_t record_type);

/* -- node.c ----------------------------------------------------------------------------------------------------- */

void kad_node_ended(struct kad_node *node); /* a handle or job has */
/* The sockets go without a word to anybody: the beginning of every end, and for tests the death of a machine. */
void kad_node_close_sockets(struct kad_node *node);

#endif
