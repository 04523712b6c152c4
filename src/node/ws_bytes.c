#include "node/ws_bytes.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <wslay/wslay.h>

#include "base/text.h"
#include "crypto/crypto.h"

#define HEAD_MAX 4096
#define KEY_TEXT 24

struct kad_ws {
    const struct kad_allocator *allocator;
    wslay_event_context_ptr wslay;
    kad_ws_take *take;
    void *context;
    bool is_client, open, over;
    bool is_data;               /* the frame that comes is not a ping or the like */
    char accept[KAD_WS_ACCEPT]; /* client: expected */
    char *head;                 /* HEAD_MAX: of theirs, until it is open */
    size_t n_head;
    char *first; /* ours, to be written before all else */
    size_t n_first, first_at;
    struct kad_bytes in; /* what input() was lent and wslay has not taken */
    uint8_t *out;        /* what output() was lent */
    size_t n_out, room;
};

/* -- the handshake ------------------------------------------------------------------------------------------------- */

bool kad_ws_accept(const char *key, char out_accept[KAD_WS_ACCEPT])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* section 1.3 */
    char both[KEY_TEXT + sizeof guid];
    uint8_t hash[KAD_SHA1_SIZE], nonce[16];
    size_t n;

    if (strlen(key) != KEY_TEXT || sodium_base642bin(nonce, sizeof nonce, key, KEY_TEXT, NULL, &n, NULL,
                                                     sodium_base64_VARIANT_ORIGINAL) != 0)
        return false;
    memcpy(both, key, KEY_TEXT);
    memcpy(both + KEY_TEXT, guid, sizeof guid);
    kad_sha1(both, KEY_TEXT + sizeof guid - 1, hash);
    sodium_bin2base64(out_accept, KAD_WS_ACCEPT, hash, sizeof hash, sodium_base64_VARIANT_ORIGINAL);
    return n == sizeof nonce;
}

/* The value of a field, "Name:" with a line's end before it; false: there is none, or it is longer than there is room. */
static bool find_field(const char *head, const char *name, char *out_value, size_t room)
{
    const char *value = strcasestr(head, name);
    size_t n;

    if (!value)
        return false;
    value += strlen(name);
    value += strspn(value, " \t");
    n = strcspn(value, "\r\n");
    while (n && (value[n - 1] == ' ' || value[n - 1] == '\t'))
        n--;
    if (n >= room)
        return false;
    memcpy(out_value, value, n);
    out_value[n] = '\0';
    return true;
}

static void answer(struct kad_ws *ws, const char *text)
{
    ws->n_first = strlen(text);
    memcpy(ws->first, text, ws->n_first);
}

/* A client's head: it wants a WebSocket, of the only version there is. */
static bool welcome(struct kad_ws *ws)
{
    char value[128], accept[KAD_WS_ACCEPT], text[256];

    if (strncmp(ws->head, "GET ", 4) != 0 || !find_field(ws->head, "\r\nUpgrade:", value, sizeof value) ||
        !strcasestr(value, "websocket") ||
        !find_field(ws->head, "\r\nSec-WebSocket-Version:", value, sizeof value) ||
        strcmp(value, "13") != 0 || !find_field(ws->head, "\r\nSec-WebSocket-Key:", value, sizeof value) ||
        !kad_ws_accept(value, accept)) {
        answer(ws, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        return false;
    }
    snprintf(text, sizeof text,
             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Accept: %s\r\n\r\n",
             accept);
    answer(ws, text);
    return true;
}

static bool is_welcome(const struct kad_ws *ws)
{
    char value[128];

    return strncmp(ws->head, "HTTP/1.1 101", 12) == 0 &&
           find_field(ws->head, "\r\nSec-WebSocket-Accept:", value, sizeof value) &&
           strcmp(value, ws->accept) == 0;
}

static void ask(struct kad_ws *ws, const char *host)
{
    char key[32];
    uint8_t nonce[16];

    kad_entropy(nonce, sizeof nonce);
    sodium_bin2base64(key, sizeof key, nonce, sizeof nonce, sodium_base64_VARIANT_ORIGINAL);
    kad_ws_accept(key, ws->accept);
    ws->n_first =
        (size_t)snprintf(ws->first, HEAD_MAX,
                         "GET / HTTP/1.1\r\nHost: %.300s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n",
                         host, key);
}

/* -- wslay's callbacks --------------------------------------------------------------------------------------------- */

static ssize_t give(wslay_event_context_ptr wslay, uint8_t *bytes, size_t room, int flags, void *user)
{
    struct kad_ws *ws = user;
    const size_t n = ws->in.size < room ? ws->in.size : room;

    (void)flags;
    if (n == 0) {
        wslay_event_set_error(wslay, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    memcpy(bytes, ws->in.data, n);
    ws->in.data += n;
    ws->in.size -= n;
    return (ssize_t)n;
}

static ssize_t put(wslay_event_context_ptr wslay, const uint8_t *bytes, size_t size, int flags, void *user)
{
    struct kad_ws *ws = user;
    const size_t left = ws->room - ws->n_out, n = size < left ? size : left;

    (void)flags;
    if (n == 0) {
        wslay_event_set_error(wslay, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    memcpy(ws->out + ws->n_out, bytes, n);
    ws->n_out += n;
    return (ssize_t)n;
}

static void frame_began(wslay_event_context_ptr wslay,
                        const struct wslay_event_on_frame_recv_start_arg *frame, void *user)
{
    struct kad_ws *ws = user;

    (void)wslay;
    ws->is_data = !wslay_is_ctrl_frame(frame->opcode);
    ws->over |= frame->opcode == WSLAY_TEXT_FRAME; /* nobody has anything to say in words */
}

static void frame_came(wslay_event_context_ptr wslay, const struct wslay_event_on_frame_recv_chunk_arg *chunk,
                       void *user)
{
    struct kad_ws *ws = user;

    (void)wslay;
    if (!ws->over && ws->is_data && chunk->data_length)
        ws->take(ws->context, (uint8_t *)(uintptr_t)chunk->data, chunk->data_length);
}

static void message_came(wslay_event_context_ptr wslay, const struct wslay_event_on_msg_recv_arg *message,
                         void *user)
{
    struct kad_ws *ws = user;

    (void)wslay;
    ws->over |= message->opcode == WSLAY_CONNECTION_CLOSE;
}

static int mask(wslay_event_context_ptr wslay, uint8_t *bytes, size_t size, void *user)
{
    (void)wslay;
    (void)user;
    kad_entropy(bytes, size);
    return 0;
}

/* -- the whole ----------------------------------------------------------------------------------------------------- */

static int begin(struct kad_ws *ws)
{
    static const struct wslay_event_callbacks callbacks = {
        .recv_callback = give,
        .send_callback = put,
        .genmask_callback = mask,
        .on_frame_recv_start_callback = frame_began,
        .on_frame_recv_chunk_callback = frame_came,
        .on_msg_recv_callback = message_came,
    };

    if ((ws->is_client ? wslay_event_context_client_init(&ws->wslay, &callbacks, ws)
                       : wslay_event_context_server_init(&ws->wslay, &callbacks, ws)) != 0)
        return KAD_E_MEMORY;
    wslay_event_config_set_no_buffering(ws->wslay, 1);
    wslay_event_config_set_max_recv_msg_length(ws->wslay, UINT64_MAX >> 1);
    return KAD_OK;
}

int kad_ws_new(const struct kad_allocator *allocator, const char *host, kad_ws_take *take, void *context,
               struct kad_ws **out_ws)
{
    struct kad_ws *ws = kad_alloc_zero(allocator, sizeof(*ws));

    if (!ws)
        return KAD_E_MEMORY;
    ws->allocator = allocator;
    ws->take = take;
    ws->context = context;
    ws->is_client = host != NULL;
    ws->head = kad_alloc(allocator, HEAD_MAX);
    ws->first = kad_alloc(allocator, HEAD_MAX);
    if (!ws->head || !ws->first || begin(ws) < 0) {
        kad_ws_free(ws);
        return KAD_E_MEMORY;
    }
    if (host)
        ask(ws, host);
    *out_ws = ws;
    return KAD_OK;
}

static void free_heads(struct kad_ws *ws)
{
    kad_free(ws->allocator, ws->head, ws->head ? HEAD_MAX : 0);
    kad_free(ws->allocator, ws->first, ws->first ? HEAD_MAX : 0);
    ws->head = ws->first = NULL;
}

void kad_ws_free(struct kad_ws *ws)
{
    if (!ws)
        return;
    if (ws->wslay)
        wslay_event_context_free(ws->wslay);
    free_heads(ws);
    kad_free(ws->allocator, ws, sizeof(*ws));
}

/* What of the bytes belongs to the head is taken from them. False: it is no head of ours. */
static bool take_head(struct kad_ws *ws, struct kad_bytes *bytes)
{
    const size_t before = ws->n_head, room = HEAD_MAX - 1 - ws->n_head;
    const size_t n = bytes->size < room ? bytes->size : room;
    char *end;
    size_t size;

    memcpy(ws->head + ws->n_head, bytes->data, n);
    ws->n_head += n;
    ws->head[ws->n_head] = '\0';
    if (strlen(ws->head) != ws->n_head)
        return false;
    end = strstr(ws->head, "\r\n\r\n");
    if (!end) {
        bytes->size = 0;
        return ws->n_head < HEAD_MAX - 1;
    }
    size = (size_t)(end - ws->head) + 4;
    end[2] = '\0';
    bytes->data += size - before;
    bytes->size -= size - before;
    ws->open = ws->is_client ? is_welcome(ws) : welcome(ws);
    return ws->open;
}

bool kad_ws_input(struct kad_ws *ws, struct kad_bytes bytes)
{
    if (!ws->over && !ws->open && !take_head(ws, &bytes))
        ws->over = true;
    if (ws->over || !ws->open || !bytes.size)
        return !ws->over;
    ws->in = bytes;
    if (wslay_event_recv(ws->wslay) != 0 || !wslay_event_get_read_enabled(ws->wslay))
        ws->over = true; /* no memory; or no frame, which has its answer */
    ws->in = (struct kad_bytes){0};
    return !ws->over;
}

bool kad_ws_is_open(const struct kad_ws *ws)
{
    return ws->open && !ws->over;
}

bool kad_ws_has_output(const struct kad_ws *ws)
{
    return ws->first_at < ws->n_first || (ws->open && wslay_event_want_write(ws->wslay));
}

size_t kad_ws_output(struct kad_ws *ws, uint8_t *out, size_t room)
{
    const size_t left = ws->n_first - ws->first_at;
    const size_t n = left < room ? left : room;

    if (n) {
        memcpy(out, ws->first + ws->first_at, n);
        ws->first_at += n;
        return n;
    }
    if (!ws->open)
        return 0;
    if (ws->first)
        free_heads(ws);
    ws->out = out;
    ws->room = room;
    ws->n_out = 0;
    if (wslay_event_send(ws->wslay) != 0)
        ws->over = true;
    ws->out = NULL;
    return ws->n_out;
}

bool kad_ws_write(struct kad_ws *ws, struct kad_bytes bytes)
{
    const struct wslay_event_msg message = {WSLAY_BINARY_FRAME, bytes.data, bytes.size};

    return kad_ws_is_open(ws) && wslay_event_queue_msg(ws->wslay, &message) == 0;
}
