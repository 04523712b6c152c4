/* block_moves - see block_moves.h. */
#include "http/block_moves.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "http/named.h"
#include "node/kept.h"

#define WINDOW_FIRST 4
#define WINDOW_MAX   16
#define TRIES        3

/* A block under way. */
struct slot {
    struct kad_block_move *move;
    uint64_t id;
    size_t index;
    unsigned tries;
    bool busy, again; /* again: waits for its next try */
};

struct kad_block_move {
    struct kad_node *node;
    const struct kad_blocks *blocks; /* of a put; NULL: a get */
    struct kad_request request;      /* what all of them have */
    kad_ms life_ms;
    kad_block_done *done;
    void *user;
    struct kad_block_move **at; /* where the caller keeps it: cleared when it is gone */

    struct kad_blocks_root root; /* of a get; its bytes are ours */
    uint8_t root_bytes[KAD_SECURE_VALUE_MAX];
    unsigned level;  /* that is being fetched */
    uint8_t *hashes; /* of its blocks */
    uint8_t *bytes;  /* what they make up */
    size_t n_bytes;

    size_t n, next, n_done; /* blocks: of this level, begun, there */
    unsigned window, n_busy, n_clean;
    bool pumping, cancelled;
    struct slot slots[WINDOW_MAX];
    struct kad_block_moved moved;
};

static void pump(struct kad_block_move *move);

/* -- one block ---------------------------------------------------------------------------------------------------- */

static void name_of(const struct kad_block_move *move, size_t index, struct kad_secure_name *out_name)
{
    int error = KAD_OK;

    if (move->blocks)
        kad_secure_content_name(
            (struct kad_bytes){move->blocks->blocks[index].bytes, move->blocks->blocks[index].size},
            out_name);
    else
        error = kad_secure_named("immutable",
                                 (struct kad_bytes){move->hashes + index * KAD_BLOCKS_HASH, KAD_BLOCKS_HASH},
                                 NULL, 0, out_name);
    assert(!error && "a hash is a name");
    (void)error;
}

/* The first thing that went wrong stays. */
static void fail(struct kad_block_move *move, const struct slot *slot, int error, const char *what)
{
    struct kad_secure_name name;
    char digits[2 * KAD_BLOCKS_HASH + 1], where[64] = "a list of hashes";

    if (move->moved.error)
        return;
    move->moved.error = error;
    name_of(move, slot->index, &name);
    if (move->blocks ? slot->index < kad_blocks_count(move->blocks->size) : move->level == 0)
        snprintf(where, sizeof where, "from byte %zu of the value", slot->index * KAD_BLOCKS_PIECE);
    snprintf(move->moved.why, sizeof move->moved.why, "block %zu of %zu (%s; immutable:%s) %s",
             slot->index + 1, move->n, where, kad_hex(name.bytes, KAD_BLOCKS_HASH, digits), what);
}

static int make_put(struct kad_block_move *move, size_t index, uint8_t room[KAD_SECURE_VALUE_MAX],
                    struct kad_request *request)
{
    const struct kad_block *block = &move->blocks->blocks[index];
    struct kad_secure_name name;
    struct kad_secure_draft draft = {
        .name = &name, .value = {block->bytes, block->size}, .made_at = kad_node_now(move->node)};
    const kad_ms keep_until = move->request.keep_until;
    int error;

    name_of(move, index, &name);
    draft.valid_until = kad_named_end(name.class_, draft.made_at,
                                      move->life_ms < name.class_->ttl_ms ? move->life_ms : 0, keep_until);
    error = kad_secure_make(&draft, room, &request->record);
    if (error)
        return error;
    request->kind = KAD_REQUEST_PUT;
    request->target = request->record.key;
    request->replicas = move->request.replicas;
    request->keep = move->request.keep;
    request->keep_until = keep_until;
    request->renews = request->keep && kad_secure_signer(&name, NULL, request->signer) == KAD_OK;
    return KAD_OK;
}

static void on_event(void *user, const struct kad_event *event);

/* 0, or why it was not begun. */
static int ask(struct slot *slot)
{
    struct kad_block_move *move = slot->move;
    struct kad_request request = {.kind = KAD_REQUEST_GET};
    uint8_t room[KAD_SECURE_VALUE_MAX];
    struct kad_secure_name name;
    int error = KAD_OK;

    if (move->blocks) {
        error = make_put(move, slot->index, room, &request);
    } else {
        name_of(move, slot->index, &name);
        kad_secure_request(&name, move->request.prefix_bits, &request);
        request.fresh = slot->tries > 0;
    }
    request.timeout_ms = move->request.timeout_ms;
    if (!error) {
        slot->busy = true;
        move->n_busy++;
        error = kad_node_request(move->node, &request, on_event, slot, &slot->id);
    }
    if (error && slot->busy) {
        slot->busy = false;
        move->n_busy--;
    }
    return error;
}

/* Into the bytes of this level. 0, or KAD_E_CORRUPT: it is not what its hash says. */
static int take(struct kad_block_move *move, size_t index, const struct kad_record *record)
{
    const size_t at = index * KAD_BLOCKS_PIECE;
    const size_t size = move->n_bytes - at < KAD_BLOCKS_PIECE ? move->n_bytes - at : KAD_BLOCKS_PIECE;
    uint8_t room[KAD_SECURE_VALUE_MAX];
    struct kad_secure_opened opened;
    struct kad_secure_name name;

    name_of(move, index, &name);
    if (kad_secure_open(&name, record, NULL, room, &opened) != KAD_OK ||
        opened.value.size != KAD_BLOCKS_SALT + size ||
        memcmp(opened.value.data, move->root.salt, KAD_BLOCKS_SALT) != 0)
        return KAD_E_CORRUPT;
    memcpy(move->bytes + at, opened.value.data + KAD_BLOCKS_SALT, size);
    return KAD_OK;
}

static void judge(struct slot *slot, const struct kad_event *event)
{
    struct kad_block_move *move = slot->move;
    int error = event->done.error;

    if (!error && !move->blocks)
        error = event->done.record ? take(move, slot->index, event->done.record) : KAD_E_NOT_FOUND;
    if (!error && move->blocks && event->done.n_stored == 0)
        error = KAD_E_TIMEOUT;
    if (!error) {
        move->n_done++;
    } else if (event->done.reason == KAD_REASON_CANCELLED || error == KAD_E_CLOSED) {
        fail(move, slot, KAD_E_CLOSED, "was on its way when it was called off");
    } else if (++slot->tries < TRIES) {
        slot->again = true;
    } else if (move->blocks) {
        fail(move, slot, error,
             event->done.refusal == KAD_REFUSAL_NONE ? "was taken by nobody"
                                                     : kad_refusal_text(event->done.refusal));
    } else {
        fail(move, slot, error,
             error == KAD_E_CORRUPT ? "is forged: what stands there is not what its hash says"
                                    : "is missing");
    }
}

/* A lost query says that we were too many, or that the line is poor: either way fewer are better. */
static void adapt(struct kad_block_move *move, bool lost)
{
    if (lost) {
        move->window = move->window > 1 ? move->window / 2 : 1;
        move->n_clean = 0;
    } else if (++move->n_clean >= move->window && move->window < WINDOW_MAX) {
        move->window++;
        move->n_clean = 0;
    }
}

static void on_event(void *user, const struct kad_event *event)
{
    struct slot *slot = user;
    struct kad_block_move *move = slot->move;

    if (event->kind != KAD_EVENT_DONE)
        return;
    slot->busy = false;
    move->n_busy--;
    adapt(move, event->done.n_timeouts > 0);
    judge(slot, event);
    pump(move);
}

/* -- all of them -------------------------------------------------------------------------------------------------- */

static void finish(struct kad_block_move *move)
{
    if (move->at)
        *move->at = NULL;
    if (!move->moved.error && !move->blocks)
        move->moved.value = (struct kad_bytes){move->bytes, move->n_bytes};
    move->done(move->user, &move->moved);
    free(move->hashes);
    free(move->bytes);
    free(move);
}

/* The level that `hashes` name. False: no memory. */
static bool begin_level(struct kad_block_move *move, unsigned level)
{
    move->level = level;
    move->n_bytes = kad_blocks_level_size(move->root.size, level);
    move->n = kad_blocks_count(move->n_bytes);
    move->next = move->n_done = 0;
    move->bytes = malloc(move->n_bytes);
    return move->bytes != NULL;
}

/* What was fetched names the blocks below. */
static void go_down(struct kad_block_move *move)
{
    free(move->hashes);
    move->hashes = move->bytes;
    move->bytes = NULL;
    if (!begin_level(move, move->level - 1)) {
        move->moved.error = KAD_E_MEMORY;
        snprintf(move->moved.why, sizeof move->moved.why, "out of memory");
    }
}

static struct slot *free_slot(struct kad_block_move *move)
{
    for (size_t i = 0; i < WINDOW_MAX; i++) {
        if (!move->slots[i].busy && !move->slots[i].again)
            return &move->slots[i];
    }
    return NULL;
}

static struct slot *next_slot(struct kad_block_move *move)
{
    struct slot *slot;

    for (size_t i = 0; i < WINDOW_MAX; i++) {
        if (move->slots[i].again)
            return &move->slots[i];
    }
    slot = move->next < move->n ? free_slot(move) : NULL;
    if (slot)
        *slot = (struct slot){.move = move, .index = move->next++};
    return slot;
}

static void fill_window(struct kad_block_move *move)
{
    struct slot *slot;
    int error;

    while (!move->moved.error && move->n_busy < move->window && (slot = next_slot(move))) {
        slot->again = false;
        error = ask(slot);
        if (error == KAD_E_LIMIT && move->n_busy > 0) {
            slot->again = true; /* others are at it; with the next answer */
            return;
        }
        if (error)
            fail(move, slot, error, kad_error_text(error));
    }
}

/* Begins what may be begun, and ends with the last answer. Answers that come before a request has returned find it at work. */
static void pump(struct kad_block_move *move)
{
    if (move->pumping)
        return;
    move->pumping = true;
    for (;;) {
        fill_window(move);
        if (!move->moved.error && move->n_done == move->n && !move->blocks && move->level > 0)
            go_down(move);
        else if (move->moved.error || move->n_done == move->n || move->n_busy > 0)
            break;
    }
    move->pumping = false;
    if (move->n_busy == 0)
        finish(move);
}

static struct kad_block_move *make(struct kad_node *node, const struct kad_request *request,
                                   kad_block_done *done, void *user, struct kad_block_move **out_move)
{
    struct kad_block_move *move = calloc(1, sizeof *move);

    if (!move)
        return NULL;
    move->node = node;
    move->request = *request;
    move->done = done;
    move->user = user;
    move->window = WINDOW_FIRST;
    move->at = out_move;
    return move;
}

int kad_block_put(struct kad_node *node, const struct kad_blocks *blocks, const struct kad_request *request,
                  kad_ms life_ms, kad_block_done *done, void *user, struct kad_block_move **out_move)
{
    struct kad_block_move *move = make(node, request, done, user, out_move);

    if (!move)
        return KAD_E_MEMORY;
    *out_move = move;
    move->blocks = blocks;
    move->life_ms = life_ms;
    move->n = blocks->n;
    pump(move);
    return KAD_OK;
}

int kad_block_get(struct kad_node *node, struct kad_bytes root, const struct kad_request *request,
                  kad_block_done *done, void *user, struct kad_block_move **out_move)
{
    struct kad_block_move *move;
    struct kad_blocks_root checked;
    int error = root.size > sizeof move->root_bytes ? KAD_E_CORRUPT : kad_blocks_read(root, &checked);

    if (error)
        return error;
    move = make(node, request, done, user, out_move);
    if (!move)
        return KAD_E_MEMORY;
    memcpy(move->root_bytes, root.data, root.size);
    error = kad_blocks_read((struct kad_bytes){move->root_bytes, root.size}, &move->root);
    assert(!error && "it was read before");
    move->hashes = malloc(move->root.hashes.size);
    if (!move->hashes || !begin_level(move, move->root.levels - 1)) {
        free(move->hashes);
        free(move);
        return KAD_E_MEMORY;
    }
    memcpy(move->hashes, move->root.hashes.data, move->root.hashes.size);
    *out_move = move;
    pump(move);
    return KAD_OK;
}

void kad_block_cancel(struct kad_block_move *move)
{
    if (!move->moved.error) {
        move->moved.error = KAD_E_CLOSED;
        snprintf(move->moved.why, sizeof move->moved.why, "called off");
    }
    for (size_t i = 0; i < WINDOW_MAX; i++) {
        if (move->slots[i].busy)
            kad_node_cancel(move->node, move->slots[i].id); /* their ends come later, by the turn */
    }
}

/* -- what is kept published --------------------------------------------------------------------------------------- */

/* The plain value of a record that this node keeps published. False: it keeps none. */
static bool open_kept(struct kad_node *node, const struct kad_secure_name *name,
                      uint8_t room[KAD_SECURE_VALUE_MAX], struct kad_bytes *out_value)
{
    const struct kad_request *request;
    struct kad_secure_opened opened;
    struct kad_id key;

    kad_secure_key(name, &key);
    request = kad_node_kept(node, &key);
    if (!request ||
        kad_secure_open(name, &request->record, kad_node_config_of(node)->secret, room, &opened) != KAD_OK)
        return false;
    *out_value = opened.value;
    return true;
}

/* The blocks that are named here, and all below them. */
static size_t withdraw_named(struct kad_node *node, struct kad_bytes hashes, unsigned level)
{
    uint8_t room[KAD_SECURE_VALUE_MAX];
    size_t n = 0;

    for (size_t at = 0; at + KAD_BLOCKS_HASH <= hashes.size; at += KAD_BLOCKS_HASH) {
        struct kad_secure_name name;
        struct kad_bytes block;
        struct kad_id key;

        if (kad_secure_named("immutable", (struct kad_bytes){hashes.data + at, KAD_BLOCKS_HASH}, NULL, 0,
                             &name) != KAD_OK)
            continue;
        if (level > 0 && open_kept(node, &name, room, &block) && block.size > KAD_BLOCKS_SALT)
            n += withdraw_named(
                node, (struct kad_bytes){block.data + KAD_BLOCKS_SALT, block.size - KAD_BLOCKS_SALT},
                level - 1);
        kad_secure_key(&name, &key);
        n += kad_node_withdraw(node, &key);
    }
    return n;
}

size_t kad_block_withdraw(struct kad_node *node, const struct kad_secure_name *name, const uint8_t *salt)
{
    uint8_t room[KAD_SECURE_VALUE_MAX];
    struct kad_blocks_root root;
    struct kad_bytes value;

    if (!kad_blocks_possible(name->class_) || !open_kept(node, name, room, &value) ||
        kad_blocks_read(value, &root) != KAD_OK || (salt && memcmp(salt, root.salt, KAD_BLOCKS_SALT) == 0))
        return 0;
    return withdraw_named(node, root.hashes, root.levels - 1);
}
