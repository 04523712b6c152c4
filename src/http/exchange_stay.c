/* exchange_stay - see exchange_parts.h. */
#include <string.h>
#include <strings.h>

#include "http/exchange_parts.h"
#include "http/members.h"
#include "http/stream.h"
#include "http/websocket_client.h"

/* False: it was answered. */
static bool is_place(struct kad_exchange *exchange, enum MHD_Result *out_result)
{
    struct kad_face *face = exchange->door->face;

    if (face->web->n_streams >= face->limits.streams_max) {
        face->web->refused[KAD_WEB_BUSY]++;
        *out_result = kad_exchange_send_error(exchange, 503, "limit reached",
                                              "too many event streams (api_max_streams)");
        return false;
    }
    if (face->feed->closed)
        *out_result = kad_exchange_send_error(exchange, 503, "stopped", "the node is stopping");
    return !face->feed->closed;
}

/* Of which network they want to hear: the one that is named, or all. False: it was answered. */
static bool read_network(struct kad_exchange *exchange, enum MHD_Result *out_result)
{
    const char *name = MHD_lookup_connection_value(exchange->connection, MHD_GET_ARGUMENT_KIND, "network");
    const struct kad_network *network = name ? kad_network_named(name) : NULL;

    exchange->network = network ? kad_network_name(network) : NULL;
    if (name && !network)
        *out_result = kad_exchange_send_error(exchange, 404, "no such network", "mainline and kad are such");
    return !name || network;
}

enum MHD_Result kad_exchange_send_stream(struct kad_exchange *exchange)
{
    enum MHD_Result result;

    if (!is_place(exchange, &result) || !read_network(exchange, &result))
        return result;
    exchange->state = KAD_EXCHANGE_ANSWERED;
    kad_client_enter(exchange->client, KAD_CLIENT_STREAMING);
    return kad_exchange_send(
        exchange, 200,
        kad_stream_new(exchange->client, exchange->connection, exchange->trusted, exchange->network));
}

/* -- the WebSocket ------------------------------------------------------------------------------------------------- */

/* MHD has written the answer to the handshake and lets go of the socket; the exchange lives until it is given back. */
static void on_upgrade(void *context, struct MHD_Connection *connection, void *exchange_slot,
                       const char *early, size_t early_size, MHD_socket fd,
                       struct MHD_UpgradeResponseHandle *upgrade)
{
    struct kad_exchange *exchange = context;

    (void)connection;
    (void)exchange_slot;
    kad_websocket_client_new(exchange->client, exchange->trusted, exchange->network, fd, upgrade,
                             (struct kad_bytes){(const uint8_t *)early, early_size});
}

static void on_member(void *context, struct MHD_Connection *connection, void *exchange_slot,
                      const char *early, size_t early_size, MHD_socket fd,
                      struct MHD_UpgradeResponseHandle *upgrade)
{
    struct kad_exchange *exchange = context;

    (void)connection;
    (void)exchange_slot;
    kad_members_enter(exchange->door->members, exchange->client, fd, upgrade,
                      (struct kad_bytes){(const uint8_t *)early, early_size});
}

/* A header is a list of words. */
static bool has_word(const struct kad_exchange *exchange, const char *name, const char *word)
{
    const char *at = kad_exchange_header(exchange, name);

    while (at && *at) {
        const size_t size = strcspn(at, ", \t");

        if (size == strlen(word) && strncasecmp(at, word, size) == 0)
            return true;
        at += size;
        at += strspn(at, ", \t");
    }
    return false;
}

/* False: it was answered. */
static bool is_handshake(struct kad_exchange *exchange, enum MHD_Result *out_result)
{
    const char *key = kad_exchange_header(exchange, "Sec-WebSocket-Key");

    if (!has_word(exchange, "Upgrade", "websocket") || !has_word(exchange, "Connection", "upgrade") ||
        !has_word(exchange, "Sec-WebSocket-Version", "13")) {
        *out_result =
            kad_exchange_send_error(exchange, 426, "upgrade required", "this is a WebSocket, version 13");
        return false;
    }
    if (!key || exchange->body_size > 0) {
        *out_result = kad_exchange_send_error(exchange, 400, "bad request", "no WebSocket handshake");
        return false;
    }
    return true;
}

static enum MHD_Result upgrade(struct kad_exchange *exchange, MHD_UpgradeHandler handler)
{
    const char *key = kad_exchange_header(exchange, "Sec-WebSocket-Key");
    bool is_valid;
    struct MHD_Response *response = kad_websocket_response(key, handler, exchange, &is_valid);

    if (!is_valid)
        return kad_exchange_send_error(exchange, 400, "bad request", "Sec-WebSocket-Key: 16 bytes in base64");
    exchange->state = KAD_EXCHANGE_ANSWERED;
    kad_client_enter(exchange->client, KAD_CLIENT_STREAMING);
    return kad_exchange_send(exchange, 101, response);
}

enum MHD_Result kad_exchange_send_websocket(struct kad_exchange *exchange)
{
    enum MHD_Result result;

    if (!is_handshake(exchange, &result) || !is_place(exchange, &result) || !read_network(exchange, &result))
        return result;
    return upgrade(exchange, on_upgrade);
}

enum MHD_Result kad_exchange_send_member(struct kad_exchange *exchange)
{
    struct kad_face *face = exchange->door->face;
    enum MHD_Result result;

    if (!is_handshake(exchange, &result))
        return result;
    if (!kad_members_has_place(exchange->door->members)) {
        face->web->refused[KAD_WEB_BUSY]++;
        return kad_exchange_send_error(exchange, 503, "limit reached", "too many members");
    }
    if (face->feed->closed)
        return kad_exchange_send_error(exchange, 503, "stopped", "the node is stopping");
    return upgrade(exchange, on_member);
}
