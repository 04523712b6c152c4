/* exchange_flow - see exchange_parts.h. */
#include <stdlib.h>
#include <string.h>

#include "http/exchange_parts.h"

#define BLOCK (8 * 1024) /* given to the socket at a time */

/* MHD asks for more. 0 with the connection suspended: not now. */
static ssize_t on_read(void *context, uint64_t at, char *out, size_t room)
{
    struct kad_exchange *exchange = context;
    size_t n = exchange->lines_size - exchange->lines_at;

    (void)at;
    if (n > 0) {
        n = n < room ? n : room;
        memcpy(out, exchange->lines + exchange->lines_at, n);
        exchange->lines_at += n;
        return (ssize_t)n;
    }
    if (exchange->is_whole)
        return MHD_CONTENT_READER_END_OF_STREAM;
    exchange->is_paused = true;
    MHD_suspend_connection(exchange->connection);
    return 0;
}

static void resume(struct kad_exchange *exchange)
{
    if (!exchange->is_paused || exchange->is_gone)
        return;
    exchange->is_paused = false;
    MHD_resume_connection(exchange->connection);
    kad_door_wake(exchange->door);
}

static void add(struct kad_exchange *exchange, const char *text, size_t size)
{
    if (exchange->lines_at == exchange->lines_size)
        exchange->lines_at = exchange->lines_size = 0;
    if (exchange->lines_size + size > exchange->lines_room) {
        const size_t room = exchange->lines_size + size + exchange->lines_size / 2 + 1024;
        char *lines = realloc(exchange->lines, room);

        if (!lines)
            return; /* what is lost is a provider among others */
        exchange->lines = lines;
        exchange->lines_room = room;
    }
    memcpy(exchange->lines + exchange->lines_size, text, size);
    exchange->lines_size += size;
}

/* With the first of them the client, which waits suspended, gets its answer's head. */
void kad_exchange_part(void *user, const char *text, size_t size)
{
    struct kad_exchange *exchange = user;

    if (exchange->is_gone)
        return;
    add(exchange, text, size);
    if (!exchange->flows) {
        exchange->flows = true;
        exchange->n_holders++; /* until the end is there */
        kad_exchange_stop_watch(exchange);
        MHD_resume_connection(exchange->connection);
        kad_door_wake(exchange->door);
    }
    resume(exchange);
}

void kad_exchange_flow_end(struct kad_exchange *exchange, struct kad_api_answer answer)
{
    if (answer.text && !exchange->is_gone)
        add(exchange, answer.text, answer.text_size);
    free(answer.text);
    json_decref(answer.json);
    exchange->call = NULL;
    exchange->is_whole = true;
    exchange->state = KAD_EXCHANGE_ANSWERED;
    if (exchange->is_sent && !exchange->is_gone) /* from here on it has to take what there is in time */
        kad_client_enter(exchange->client, KAD_CLIENT_WRITING);
    resume(exchange);
    kad_exchange_release(exchange);
}

enum MHD_Result kad_exchange_send_flow(struct kad_exchange *exchange)
{
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, on_read, exchange, NULL);

    exchange->is_sent = true;
    if (response) {
        MHD_add_response_header(response, "Content-Type", "application/x-ndjson");
        MHD_add_response_header(response, "Cache-Control", "no-store");
        MHD_add_response_header(response, "X-Accel-Buffering", "no"); /* nginx would hold lines back */
    }
    if (!exchange->is_whole)
        kad_client_enter(exchange->client, KAD_CLIENT_STREAMING);
    return kad_exchange_send(exchange, 200, response);
}
