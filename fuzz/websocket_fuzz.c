/*
 * websocket_fuzz - what a client of the WebSocket may send: frames, handshake keys, requests.
 *
 * Bytes that come in pieces mean the same as when they come whole: the same messages, the same answers. The first
 * byte says how large the pieces are; 0: the rest is a request's text, 1: a handshake's key.
 */
#include <stdlib.h>
#include <string.h>

#include "http/websocket.h"
#include "node/ws_bytes.h"
#include "http/websocket_request.h"

#define MESSAGE_MAX 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct heard {
    struct kad_websocket socket;
    uint8_t text[4096], out[16384];
    size_t n_text, n_messages, n_out;
};

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* An echo, so that answers are queued while more is read. */
static void on_text(void *context, struct kad_bytes text)
{
    struct heard *heard = context;

    require(text.size <= MESSAGE_MAX);
    for (size_t i = 0; i < text.size && heard->n_text < sizeof heard->text; i++)
        heard->text[heard->n_text++] = text.data[i];
    heard->n_messages++;
    kad_websocket_send(&heard->socket, text);
}

static struct heard *listen_to(const uint8_t *data, size_t size, size_t piece)
{
    struct heard *heard = calloc(1, sizeof *heard);
    size_t n;

    require(heard && kad_websocket_init(&heard->socket, MESSAGE_MAX, on_text, heard) == KAD_OK);
    for (size_t at = 0; at < size; at += piece) {
        const size_t left = size - at, part = left < piece ? left : piece;
        uint8_t *copy = malloc(part); /* exactly as long as it is: a read past the end is seen */

        require(copy != NULL);
        memcpy(copy, data + at, part);
        kad_websocket_input(&heard->socket, (struct kad_bytes){copy, part});
        free(copy);
    }
    while ((n = kad_websocket_output(&heard->socket, heard->out + heard->n_out,
                                     sizeof heard->out - heard->n_out)) > 0)
        heard->n_out += n;
    require(heard->n_out == sizeof heard->out || !kad_websocket_has_output(&heard->socket));
    return heard;
}

/* Whether a close is among the frames of the output. Messages here are shorter than 64 KiB. */
static bool closes(const struct heard *heard)
{
    size_t at = 0;

    while (at + 2 <= heard->n_out && heard->out[at] != 0x88) {
        const size_t size = heard->out[at + 1];

        at += size < 126 ? 2 + size : 4 + ((size_t)heard->out[at + 2] << 8 | heard->out[at + 3]);
    }
    return at < heard->n_out && heard->out[at] == 0x88;
}

static void check_frames(const uint8_t *data, size_t size, size_t piece)
{
    struct heard *whole = listen_to(data, size, size ? size : 1), *parts = listen_to(data, size, piece);

    require(whole->n_messages == parts->n_messages && whole->n_text == parts->n_text);
    require(memcmp(whole->text, parts->text, whole->n_text) == 0);
    /* libwslay looks at a close frame that is wrong as it comes: how, and whether at its beginning, may differ. */
    if (!closes(whole) && !closes(parts)) {
        require(whole->n_out == parts->n_out && memcmp(whole->out, parts->out, whole->n_out) == 0);
        require(kad_websocket_ended(&whole->socket) == kad_websocket_ended(&parts->socket));
    }
    kad_websocket_clear(&whole->socket);
    kad_websocket_clear(&parts->socket);
    free(whole);
    free(parts);
}

static void check_request(const uint8_t *data, size_t size)
{
    struct kad_websocket_request request;
    char why[256] = "", *text;

    if (kad_websocket_request_read((struct kad_bytes){data, size}, &request, why, sizeof why)) {
        require(json_is_object(request.params) && !json_is_null(request.id));
        require(!request.route || request.verb);
        require(!request.route || strcmp(request.verb, "GET") == 0 || strcmp(request.verb, "POST") == 0 ||
                strcmp(request.verb, "PATCH") == 0);
        json_decref(request.params);
    } else {
        require(*why);
    }
    text = kad_websocket_answer(request.id, (struct kad_api_answer){.status = 400, .json = json_object()});
    require(text && strstr(text, "\"status\":400"));
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char key[64], accept[KAD_WS_ACCEPT];

    if (size == 0)
        return 0;
    if (data[0] == 0) {
        check_request(data + 1, size - 1);
    } else if (data[0] == 1) {
        size = size - 1 < sizeof key - 1 ? size - 1 : sizeof key - 1;
        memcpy(key, data + 1, size);
        key[size] = 0;
        if (kad_ws_accept(key, accept))
            require(strlen(key) == 24 && strlen(accept) == KAD_WS_ACCEPT - 1);
    } else {
        check_frames(data + 1, size - 1, data[0] - 1);
    }
    return 0;
}
