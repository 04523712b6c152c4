/*
 * mailbox - requests from other threads to the one that runs the node.
 *
 * Bounded; a letter owns its copy of the request. Any thread may post and ask to stop until the mailbox is closed; the
 * loop's thread takes, in the order they came.
 */
#ifndef KAD_NODE_MAILBOX_H
#define KAD_NODE_MAILBOX_H

#include <uv.h>

#include "node/kept.h"

#include "kad/node.h"

#define KAD_MAILBOX_MAX 1024

struct kad_letter {
    struct kad_letter *next;
    struct kad_kept request; /* the copy; keep or not */
    kad_node_callback *callback;
    void *user;
};

struct kad_mailbox {
    const struct kad_allocator *allocator; /* used from any thread */
    uv_mutex_t lock;
    uv_async_t *bell; /* NULL: nobody listens yet, or any more */
    struct kad_letter *first, **last;
    unsigned n;
    bool stop, closed;
};

KAD_CHECK int kad_mailbox_init(struct kad_mailbox *mailbox, const struct kad_allocator *allocator);
void kad_mailbox_clear(struct kad_mailbox *mailbox); /* letters still there are dropped */

/* Any thread. 0, KAD_E_LIMIT (full), KAD_E_CLOSED, KAD_E_MEMORY. */
KAD_CHECK int kad_mailbox_post(struct kad_mailbox *mailbox, const struct kad_request *request,
                               kad_node_callback *callback, void *user);
void kad_mailbox_ask_to_stop(struct kad_mailbox *mailbox);

/* The loop's thread. The bell rings from now on for what is and will be there; it must be an open handle until close. */
void kad_mailbox_listen(struct kad_mailbox *mailbox, uv_async_t *bell);
struct kad_letter *kad_mailbox_take(struct kad_mailbox *mailbox); /* NULL: empty; kad_letter_free() it */
bool kad_mailbox_stop_asked(struct kad_mailbox *mailbox);
void kad_mailbox_close(struct kad_mailbox *mailbox); /* what is there can still be taken; nothing new comes */
void kad_letter_free(struct kad_mailbox *mailbox, struct kad_letter *letter);

#endif
