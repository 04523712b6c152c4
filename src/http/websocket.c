/* websocket - see websocket.h. */
#include "http/websocket.h"

#include <sodium.h>
#include <string.h>
#include <wslay/wslay.h>

/* -- wslay's callbacks --------------------------------------------------------------------------------------------- */

static ssize_t give(wslay_event_context_ptr wslay, uint8_t *bytes, size_t room, int flags, void *user)
{
    struct kad_websocket *socket = user;
    const size_t n = socket->in.size < room ? socket->in.size : room;

    (void)flags;
    if (n == 0) {
        wslay_event_set_error(wslay, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    memcpy(bytes, socket->in.data, n);
    socket->in.data += n;
    socket->in.size -= n;
    return (ssize_t)n;
}

static ssize_t take(wslay_event_context_ptr wslay, const uint8_t *bytes, size_t size, int flags, void *user)
{
    struct kad_websocket *socket = user;
    const size_t left = socket->out_room - socket->n_out, n = size < left ? size : left;

    (void)flags;
    if (n == 0) {
        wslay_event_set_error(wslay, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    memcpy(socket->out + socket->n_out, bytes, n);
    socket->n_out += n;
    return (ssize_t)n;
}

static void on_message(wslay_event_context_ptr wslay, const struct wslay_event_on_msg_recv_arg *message,
                       void *user)
{
    struct kad_websocket *socket = user;

    if (!wslay_event_get_read_enabled(wslay))
        return; /* it was told to go, and said more */
    if (message->opcode == WSLAY_TEXT_FRAME)
        socket->text(socket->context, (struct kad_bytes){message->msg, message->msg_length});
    else if (message->opcode == WSLAY_BINARY_FRAME)
        kad_websocket_close(socket, KAD_WEBSOCKET_NO_BINARY);
}

static int mask(wslay_event_context_ptr wslay, uint8_t *bytes, size_t size, void *user)
{
    (void)wslay;
    (void)user;
    randombytes_buf(bytes, size);
    return 0;
}

/* -- the connection ------------------------------------------------------------------------------------------------ */

static int init(struct kad_websocket *socket, bool is_client, size_t message_max, kad_websocket_text *text,
                void *context)
{
    static const struct wslay_event_callbacks callbacks = {
        .recv_callback = give,
        .send_callback = take,
        .genmask_callback = mask,
        .on_msg_recv_callback = on_message,
    };

    *socket = (struct kad_websocket){.text = text, .context = context};
    if ((is_client ? wslay_event_context_client_init(&socket->wslay, &callbacks, socket)
                   : wslay_event_context_server_init(&socket->wslay, &callbacks, socket)) != 0)
        return KAD_E_MEMORY;
    wslay_event_config_set_max_recv_msg_length(socket->wslay, message_max);
    return KAD_OK;
}

int kad_websocket_init(struct kad_websocket *socket, size_t message_max, kad_websocket_text *text,
                       void *context)
{
    return init(socket, false, message_max, text, context);
}

int kad_websocket_init_client(struct kad_websocket *socket, size_t message_max, kad_websocket_text *text,
                              void *context)
{
    return init(socket, true, message_max, text, context);
}

void kad_websocket_clear(struct kad_websocket *socket)
{
    if (socket->wslay)
        wslay_event_context_free(socket->wslay);
    socket->wslay = NULL;
}

void kad_websocket_input(struct kad_websocket *socket, struct kad_bytes bytes)
{
    int error;

    socket->in = bytes;
    error = socket->broken ? 0 : wslay_event_recv(socket->wslay);
    if (error == WSLAY_ERR_NOMEM)
        socket->broken = true;
    else if (error != 0)
        wslay_event_shutdown_read(socket->wslay); /* no frame; a close without a code is on its way out */
    socket->in = (struct kad_bytes){0};
}

size_t kad_websocket_output(struct kad_websocket *socket, uint8_t *out, size_t room)
{
    socket->out = out;
    socket->out_room = room;
    socket->n_out = 0;
    if (!socket->broken && wslay_event_send(socket->wslay) != 0)
        socket->broken = true;
    socket->out = NULL;
    return socket->n_out;
}

bool kad_websocket_has_output(const struct kad_websocket *socket)
{
    return !socket->broken && wslay_event_want_write(socket->wslay);
}

size_t kad_websocket_queued(const struct kad_websocket *socket)
{
    return wslay_event_get_queued_msg_length(socket->wslay);
}

bool kad_websocket_ended(const struct kad_websocket *socket)
{
    return socket->broken ||
           (!wslay_event_want_write(socket->wslay) && !wslay_event_want_read(socket->wslay));
}

/* After a close nothing can be queued: whoever sends then has not heard of it yet, and that is no mistake. */
static void queue(struct kad_websocket *socket, uint8_t opcode, struct kad_bytes bytes)
{
    const struct wslay_event_msg message = {opcode, bytes.data, bytes.size};

    if (!socket->broken && wslay_event_queue_msg(socket->wslay, &message) == WSLAY_ERR_NOMEM)
        socket->broken = true;
}

void kad_websocket_send(struct kad_websocket *socket, struct kad_bytes text)
{
    queue(socket, WSLAY_TEXT_FRAME, text);
}

void kad_websocket_ping(struct kad_websocket *socket)
{
    queue(socket, WSLAY_PING, (struct kad_bytes){0});
}

void kad_websocket_close(struct kad_websocket *socket, enum kad_websocket_code code)
{
    if (!socket->broken && wslay_event_queue_close(socket->wslay, (uint16_t)code, NULL, 0) == WSLAY_ERR_NOMEM)
        socket->broken = true;
}
