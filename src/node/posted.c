/* posted - what other threads want of a node: asked through its mailbox, done on its loop. */
#include "node/parts.h"

/* -- any thread ------------------------------------------------------------------------------------------------- */

int kad_node_post(struct kad_node *node, const struct kad_request *request, kad_node_callback *callback,
                  void *user)
{
    const struct kad_letter letter = {
        .kind = KAD_LETTER_REQUEST, .request.request = *request, .callback = callback, .user = user};

    return kad_mailbox_post(&node->mailbox, &letter);
}

int kad_node_post_cancel(struct kad_node *node, const void *user)
{
    const struct kad_letter letter = {.kind = KAD_LETTER_CANCEL, .user = (void *)user};

    return kad_mailbox_post(&node->mailbox, &letter);
}

int kad_node_post_withdraw(struct kad_node *node, const struct kad_id *key)
{
    const struct kad_letter letter = {.kind = KAD_LETTER_WITHDRAW, .request.request.target = *key};

    return kad_mailbox_post(&node->mailbox, &letter);
}

int kad_node_call(struct kad_node *node, kad_node_function *function, void *user)
{
    const struct kad_letter letter = {.kind = KAD_LETTER_CALL, .function = function, .user = user};

    return kad_mailbox_post(&node->mailbox, &letter);
}

struct awaited {
    kad_node_function *function;
    void *user;
    uv_sem_t done;
};

static void run_awaited(struct kad_node *node, void *user)
{
    struct awaited *awaited = user;

    awaited->function(node, awaited->user);
    uv_sem_post(&awaited->done);
}

int kad_node_call_wait(struct kad_node *node, kad_node_function *function, void *user)
{
    struct awaited awaited = {.function = function, .user = user};
    int error;

    if (kad_mailbox_is_reader(&node->mailbox)) {
        function(node, user);
        return KAD_OK;
    }
    if (uv_sem_init(&awaited.done, 0) < 0)
        return KAD_E_MEMORY;
    error = kad_node_call(node, run_awaited, &awaited);
    if (!error)
        uv_sem_wait(&awaited.done);
    uv_sem_destroy(&awaited.done);
    return error;
}

struct look {
    struct kad_info *info;
    struct kad_counters *counters;
};

static void take_a_look(struct kad_node *node, void *user)
{
    const struct look *look = user;

    if (look->info)
        kad_engine_info(node->engine, look->info);
    if (look->counters)
        *look->counters = *kad_engine_counters(node->engine);
}

int kad_node_info(struct kad_node *node, struct kad_info *out_info, struct kad_counters *out_counters)
{
    struct look look = {.info = out_info, .counters = out_counters};

    return kad_node_call_wait(node, take_a_look, &look);
}

/* -- the loop's thread ------------------------------------------------------------------------------------------ */

/* The engine never saw it; whoever posted it hears of it all the same. */
static void refuse(const struct kad_letter *letter, int error)
{
    const struct kad_request *request = &letter->request.request;
    const struct kad_event event = {
        .kind = KAD_EVENT_DONE,
        .user = letter->user,
        .key = request->target,
        .done =
            {
                .kind = request->kind,
                .error = error,
                .reason = error == KAD_E_CLOSED ? KAD_REASON_CANCELLED : KAD_REASON_NONE,
                .target = request->target,
                .hops_to_first = 0,
                .first_ms = -1,
            },
    };

    if (letter->callback)
        letter->callback(letter->user, &event);
}

static void request(struct kad_node *node, const struct kad_letter *letter)
{
    const int error = kad_node_request(node, &letter->request.request, letter->callback, letter->user, NULL);

    if (error)
        refuse(letter, error);
}

static void open_letter(struct kad_node *node, const struct kad_letter *letter)
{
    switch (letter->kind) {
    case KAD_LETTER_REQUEST:
        request(node, letter);
        break;
    case KAD_LETTER_CANCEL:
        kad_requests_cancel_of(node, letter->user);
        break;
    case KAD_LETTER_WITHDRAW:
        kad_node_withdraw(node, &letter->request.request.target);
        break;
    case KAD_LETTER_CALL:
        letter->function(node, letter->user);
        break;
    }
}

void kad_posted_take(struct kad_node *node)
{
    struct kad_letter *letter;

    /* Those that are there: what their opening posts anew has rung the bell for the next turn. */
    for (int i = 0; i < KAD_MAILBOX_MAX && (letter = kad_mailbox_take(&node->mailbox)); i++) {
        open_letter(node, letter);
        kad_letter_free(&node->mailbox, letter);
    }
}
