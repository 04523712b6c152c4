/* exchange_send - see exchange_parts.h. */
#include <stdlib.h>
#include <string.h>

#include "http/asset.h"
#include "http/exchange_parts.h"
#include "http/json.h"

/* -- what is sent -------------------------------------------------------------------------------------------------- */

/* The answer as bytes MHD will free. The exchange gives them away. */
static struct MHD_Response *make_response(struct kad_exchange *exchange)
{
    struct kad_api_answer *answer = &exchange->answer;
    struct MHD_Response *response;
    char *text = answer->text;
    size_t size;

    if (answer->json)
        text = json_dumps(answer->json, JSON_COMPACT | JSON_REAL_PRECISION(12));
    answer->text = NULL;
    if (!text)
        return NULL;
    size = answer->text_size && !answer->json ? answer->text_size : strlen(text);
    response = MHD_create_response_from_buffer(size, text, MHD_RESPMEM_MUST_FREE);
    if (!response) {
        free(text);
        return NULL;
    }
    MHD_add_response_header(response, "Content-Type",
                            answer->json ? "application/json" : answer->content_type);
    MHD_add_response_header(response, "Cache-Control", "no-store");
    if (answer->allow)
        MHD_add_response_header(response, "Allow", answer->allow);
    if (answer->status == 401)
        MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
    if (answer->status == 426) {
        MHD_add_response_header(response, "Upgrade", "websocket");
        MHD_add_response_header(response, "Sec-WebSocket-Version", "13");
    }
    return response;
}

/* NULL: no memory; then MHD closes the connection. */
static enum MHD_Result queue_response(struct kad_exchange *exchange, unsigned status,
                                      struct MHD_Response *response)
{
    const enum MHD_Result queued =
        response ? MHD_queue_response(exchange->connection, status, response) : MHD_NO;

    if (exchange->client->state != KAD_CLIENT_STREAMING)
        kad_client_enter(exchange->client, KAD_CLIENT_WRITING);
    exchange->door->face->web->answers[status / 100 < 6 ? status / 100 : 0]++;
    return queued;
}

/* Takes over `response`. */
enum MHD_Result kad_exchange_send(struct kad_exchange *exchange, unsigned status,
                                  struct MHD_Response *response)
{
    enum MHD_Result queued;

    if (response)
        MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    queued = queue_response(exchange, status, response);
    if (response)
        MHD_destroy_response(response);
    return queued;
}

enum MHD_Result kad_exchange_send_answer(struct kad_exchange *exchange)
{
    return kad_exchange_send(exchange, exchange->answer.status, make_response(exchange));
}

enum MHD_Result kad_exchange_send_error(struct kad_exchange *exchange, unsigned status, const char *error,
                                        const char *reason)
{
    kad_exchange_error(exchange, status, error, reason);
    return kad_exchange_send_answer(exchange);
}

/* A file of ours. Whoever has it already is told so. */
enum MHD_Result kad_exchange_send_asset(struct kad_exchange *exchange, const struct kad_asset *asset)
{
    const size_t size = (size_t)(asset->end - asset->bytes);
    const char *known = MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, "If-None-Match");
    char tag[KAD_ASSET_TAG];
    const bool is_known = strstr(known ? known : "", kad_asset_tag(asset, tag));
    struct MHD_Response *response = MHD_create_response_from_buffer(
        is_known ? 0 : size, (void *)(uintptr_t)asset->bytes, MHD_RESPMEM_PERSISTENT);

    if (response) {
        MHD_add_response_header(response, "ETag", tag);
        MHD_add_response_header(response, "Cache-Control",
                                "no-cache"); /* ask each time; the tag saves the rest */
        MHD_add_response_header(response, "Content-Type", kad_asset_type(asset));
        MHD_add_response_header(response, "Content-Security-Policy",
                                "default-src 'self'; base-uri 'none'; frame-ancestors 'none'");
        MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
    }
    return kad_exchange_send(exchange, is_known ? 304 : 200, response);
}
