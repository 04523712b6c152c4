/*
 * mailbox - what other threads want of the one that runs the node.
 *
 * Bounded; a letter owns its copy of the request. Any thread may post and ask to stop until the mailbox is closed; the
 * loop's thread takes, in the order they came.
 */
#ifndef KAD_NODE_MAILBOX_H
#define KAD_NODE_MAILBOX_H

#include <uv.h>

#include "node/kept.h"

#include "kad/node.h"

#define KAD_MAILBOX_MAX 1024 /* letters that wait */

enum kad_letter_kind {
    KAD_LETTER_REQUEST,  /* request, callback, user */
    KAD_LETTER_CANCEL,   /* user: of the requests meant */
    KAD_LETTER_WITHDRAW, /* request.target: the key */
    KAD_LETTER_CALL,     /* function, user */
};

struct kad_letter {
    struct kad_letter *next;
    enum kad_letter_kind kind;
    struct kad_kept request; /* the copy; keep or not */
    kad_node_callback *callback;
    kad_node_function *function;
    void *user;
};

struct kad_mailbox {
    const struct kad_allocator *allocator; /* used from any thread */
    uv_mutex_t lock;
    uv_async_t *bell; /* NULL: nobody listens yet, or any more */
    struct kad_letter *first, **last;
    unsigned n;
    bool stop, closed;
    bool has_reader;
    uv_thread_t reader; /* who took last: the loop's thread */
};

KAD_CHECK int kad_mailbox_init(struct kad_mailbox *mailbox, const struct kad_allocator *allocator);
void kad_mailbox_clear(struct kad_mailbox *mailbox); /* letters still there are dropped */

/* Any thread. `letter` and what its request points to are copied. 0, KAD_E_LIMIT (full), KAD_E_CLOSED, KAD_E_MEMORY. */
KAD_CHECK int kad_mailbox_post(struct kad_mailbox *mailbox, const struct kad_letter *letter);
/* Whether this is the thread that takes; false before anyone has. */
bool kad_mailbox_is_reader(struct kad_mailbox *mailbox);
void kad_mailbox_ask_to_stop(struct kad_mailbox *mailbox);

/* The loop's thread. The bell rings from now on for what is and will be there; it must be an open handle until close. */
void kad_mailbox_listen(struct kad_mailbox *mailbox, uv_async_t *bell);
struct kad_letter *kad_mailbox_take(struct kad_mailbox *mailbox); /* NULL: empty; kad_letter_free() it */
bool kad_mailbox_stop_asked(struct kad_mailbox *mailbox);
void kad_mailbox_close(struct kad_mailbox *mailbox); /* what is there can still be taken; nothing new comes */
void kad_letter_free(struct kad_mailbox *mailbox, struct kad_letter *letter);

#endif
