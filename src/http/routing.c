/* routing - see routing.h. */
#include "http/routing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/json.h"
#include "http/libp2p.h"
#include "node/libp2p_link.h"
#include "wire/libp2p/records.h"

#define LINES  "application/x-ndjson"
#define RECORD "application/vnd.ipfs.ipns-record"

/* -- questions: put as those of /api/dht are, and read there ----------------------------------------------------- */

static void put_as(struct kad_params *params, const char *tail, const char *name, const char *prefix)
{
    static const char *const filters[] = {"filter-addrs", "filter-protocols"};
    const char *text = json_string_value(json_object_get(params->object, tail));
    json_t *value = json_sprintf("%s%s", prefix, text ? text : "");

    if (!kad_libp2p_wanted(params))
        kad_params_wrong(params, tail, "this node is in none of libp2p's networks");
    for (size_t i = 0; i < KAD_COUNT_OF(filters); i++)
        json_object_del(params->object, filters[i]);
    json_object_del(params->object, tail);
    json_object_set_new(params->object, name, value);
}

static void read(struct kad_params *params, struct kad_request *request)
{
    if (params->why[0] == 0)
        kad_libp2p_read(params, request);
}

void kad_routing_read_providers(struct kad_params *params, struct kad_request *request)
{
    put_as(params, "cid", "key", "provider:");
    read(params, request);
}

void kad_routing_read_peer(struct kad_params *params, struct kad_request *request)
{
    put_as(params, "peer", "id", "");
    read(params, request);
}

void kad_routing_read_name(struct kad_params *params, struct kad_request *request)
{
    put_as(params, "name", "key", "/ipns/");
    read(params, request);
}

void kad_routing_read_closest(struct kad_params *params, struct kad_request *request)
{
    put_as(params, "key", "key", "");
    read(params, request);
}

void kad_routing_read_record(struct kad_params *params, struct kad_request *request)
{
    json_t *body = json_incref(json_object_get(params->object, "body_hex"));

    put_as(params, "name", "key", "/ipns/");
    json_object_del(params->object, "body_hex");
    if (body)
        json_object_set_new(params->object, "value_hex", body);
    read(params, request);
}

/* -- answers ----------------------------------------------------------------------------------------------------- */

static struct kad_api_answer failed(const struct kad_event *event)
{
    const unsigned status = kad_json_status(event);

    return (struct kad_api_answer){
        .status = status,
        .json = kad_json_error(kad_json_error_text(event->done.error), kad_reason_text(event->done.reason))};
}

/* {"Schema": "peer", ...}: the list is taken over. */
static json_t *peer(json_t *id, json_t *addrs)
{
    return json_pack("{s:s, s:o, s:o, s:[]}", "Schema", "peer", "ID", id, "Addrs", addrs, "Protocols");
}

/* A line each; the list is taken over. NULL: no memory. */
static char *lines_of(json_t *peers, size_t *out_size)
{
    char *text = NULL;
    size_t i;
    json_t *one;
    FILE *out = open_memstream(&text, out_size);

    json_array_foreach(peers, i, one)
    {
        if (out && json_dumpf(one, out, JSON_COMPACT) == 0)
            fputc('\n', out);
    }
    json_decref(peers);
    if (out && fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

/* As JSON under `name`, or a line each; the list is taken over. */
static struct kad_api_answer list(const char *name, json_t *peers, bool lines)
{
    struct kad_api_answer answer = {.status = 200, .content_type = LINES};

    if (!lines) {
        answer.json = json_pack("{s:o}", name, peers);
        return answer;
    }
    answer.text = lines_of(peers, &answer.text_size);
    if (!answer.text)
        return (struct kad_api_answer){.status = 500,
                                       .json = kad_json_error(kad_json_error_text(KAD_E_MEMORY), NULL)};
    return answer;
}

/* What the network's messages have, without "/p2p/ID" behind each. */
static json_t *addrs_of(const struct kad_bytes *addrs, size_t n)
{
    json_t *texts = json_array();

    for (size_t i = 0; i < n; i++) {
        json_t *text = kad_json_multiaddr(addrs[i], (struct kad_bytes){0});

        if (json_is_string(text))
            json_array_append(texts, text);
        json_decref(text);
    }
    return texts;
}

static json_t *providers(struct kad_node *node, const struct kad_record *records, size_t n_records)
{
    json_t *peers = json_array();

    for (size_t i = 0; i < n_records; i++) {
        struct kad_bytes id, addrs[KAD_LIBP2P_ADDRS];
        const size_t n = kad_libp2p_provider(node, &records[i], &id, addrs);

        if (id.size > 0)
            json_array_append_new(peers, peer(kad_json_peer_id(id), addrs_of(addrs, n)));
    }
    return peers;
}

char *kad_routing_lines(struct kad_node *node, const struct kad_record *records, size_t n, size_t *out_size)
{
    return lines_of(providers(node, records, n), out_size);
}

struct kad_api_answer kad_routing_providers(const struct kad_event *event, const struct kad_request *request,
                                            struct kad_node *node, struct kad_api_asker asker)
{
    json_t *peers = providers(node, event->done.records, event->done.n_records);

    (void)request;
    if (json_array_size(peers) > 0 || event->done.error == KAD_E_NOT_FOUND)
        return list("Providers", peers, asker.lines);
    json_decref(peers);
    return failed(event);
}

struct kad_api_answer kad_routing_closest(const struct kad_event *event, const struct kad_request *request,
                                          struct kad_node *node, struct kad_api_asker asker)
{
    const struct kad_swarm *swarm = kad_node_swarm(node);
    json_t *peers = json_array();
    struct kad_swarm_peer found;

    (void)request;
    for (size_t i = 0; swarm && i < event->done.n_closest; i++) {
        if (kad_swarm_find_place(swarm, &event->done.closest[i].contact.id, &found))
            json_array_append_new(peers, peer(kad_json_peer_id((struct kad_bytes){found.id, found.n_id}),
                                              addrs_of(found.addrs, found.n_addrs)));
    }
    if (event->done.error == KAD_OK || json_array_size(peers) > 0)
        return list("Peers", peers, asker.lines);
    json_decref(peers);
    return failed(event);
}

struct kad_api_answer kad_routing_peer(const struct kad_event *event, const struct kad_request *request,
                                       struct kad_node *node, struct kad_api_asker asker)
{
    const struct kad_swarm *swarm = kad_node_swarm(node);
    struct kad_swarm_peer found;

    if (event->done.error == KAD_E_NOT_FOUND)
        return list("Peers", json_array(), asker.lines);
    if (event->done.error != KAD_OK || !swarm || !kad_swarm_find_place(swarm, &request->target, &found))
        return failed(event);
    return list("Peers",
                json_pack("[o]", peer(kad_json_peer_id((struct kad_bytes){found.id, found.n_id}),
                                      addrs_of(found.addrs, found.n_addrs))),
                asker.lines);
}

struct kad_api_answer kad_routing_record(const struct kad_event *event, const struct kad_request *request,
                                         struct kad_node *node, struct kad_api_asker asker)
{
    const struct kad_record *record = event->done.record;
    char *bytes;

    (void)request;
    (void)node;
    (void)asker;
    if (event->done.error != KAD_OK || !record || record->value.size == 0)
        return failed(event);
    bytes = malloc(record->value.size);
    if (!bytes)
        return (struct kad_api_answer){.status = 500,
                                       .json = kad_json_error(kad_json_error_text(KAD_E_MEMORY), NULL)};
    memcpy(bytes, record->value.data, record->value.size);
    return (struct kad_api_answer){
        .status = 200, .text = bytes, .text_size = record->value.size, .content_type = RECORD};
}

struct kad_api_answer kad_routing_stored(const struct kad_event *event, const struct kad_request *request,
                                         struct kad_node *node, struct kad_api_asker asker)
{
    (void)request;
    (void)node;
    (void)asker;
    if (event->done.error != KAD_OK)
        return failed(event);
    return (struct kad_api_answer){.status = 200,
                                   .json = json_pack("{s:i}", "stored", (int)event->done.n_stored)};
}
