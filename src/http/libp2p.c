/* libp2p - see libp2p.h. */
#include "http/libp2p.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/types.h"
#include "crypto/crypto.h"
#include "crypto/peer_id.h"
#include "engine/network.h"
#include "http/content.h"
#include "http/json.h"
#include "node/libp2p_link.h"
#include "wire/libp2p/message.h"
#include "wire/libp2p/records.h"

bool kad_libp2p_wanted(const struct kad_params *params)
{
    return params->node && kad_node_is_libp2p(params->node);
}

/* -- requests ---------------------------------------------------------------------------------------------------- */

static void *room(struct kad_params *params, size_t size)
{
    void *at = params->bytes + params->n_bytes;

    if (size > sizeof params->bytes - params->n_bytes)
        return NULL;
    params->n_bytes += size;
    return at;
}

/* Where the bytes stand in the key space; our connections learn what is hashed to it. */
static struct kad_id place_of(struct kad_params *params, struct kad_bytes bytes)
{
    struct kad_swarm *swarm = kad_node_swarm(params->node);
    struct kad_id place = {{0}};

    if (swarm)
        kad_swarm_learn_key(swarm, bytes, &place);
    else
        kad_sha256(bytes.data, bytes.size, place.bytes);
    return place;
}

/* Text in front, and behind it a peer id: into the record's salt. */
static void name_of_peer(struct kad_params *params, const char *name, const char *prefix, const char *peer,
                         struct kad_request *request)
{
    uint8_t *at = room(params, KAD_P2P_KEY_MAX);
    const size_t n_prefix = strlen(prefix);
    size_t n;

    if (!at || kad_peer_id_read(peer, strlen(peer), at + n_prefix, &n) != KAD_OK) {
        kad_params_wrong(params, name, "behind it no peer id stands");
        return;
    }
    memcpy(at, prefix, n_prefix);
    request->record.salt = (struct kad_bytes){at, n_prefix + n};
}

static void name_of_content(struct kad_params *params, const char *name, const char *text,
                            struct kad_request *request)
{
    struct kad_content content;
    char why[KAD_CONTENT_WHY];
    uint8_t *at = room(params, KAD_MULTIHASH_MAX);

    if (kad_content_read(text, &content, why) != KAD_OK || !at) {
        kad_params_wrong(params, name, why);
        return;
    }
    memcpy(at, content.multihash, content.size);
    request->record.salt = (struct kad_bytes){at, content.size};
    request->record.type = KAD_CLASS_PROVIDER;
}

/* What a record is called, into its type, salt and key. `content`: a CID is one, too. */
static void read_name(struct kad_params *params, const char *name, bool content, struct kad_request *request)
{
    static const char provider[] = "provider:", pk[] = "/pk/", ipns[] = "/ipns/";
    struct kad_bytes text;
    const char *at;

    if (!kad_params_text(params, name, &text)) {
        kad_params_wrong(params, name, "wanted, and not given");
        return;
    }
    at = (const char *)text.data;
    if (strncmp(at, provider, sizeof provider - 1) == 0)
        name_of_content(params, name, at + sizeof provider - 1, request);
    else if (strncmp(at, pk, sizeof pk - 1) == 0)
        name_of_peer(params, name, pk, at + sizeof pk - 1, request);
    else if (strncmp(at, ipns, sizeof ipns - 1) == 0)
        name_of_peer(params, name, ipns, at + sizeof ipns - 1, request);
    else if (at[0] == '/' && strchr(at + 1, '/') && text.size == strlen(at) && text.size <= KAD_P2P_KEY_MAX)
        request->record.salt = text;
    else if (content)
        name_of_content(params, name, at, request);
    else
        kad_params_wrong(params, name, "/ipns/PEER, /pk/PEER, /namespace/name or provider:CID is wanted");
    if (params->why[0])
        return;
    if (request->record.type != KAD_CLASS_PROVIDER)
        request->record.type = kad_p2p_type_of(request->record.salt);
    request->record.key = request->target = place_of(params, request->record.salt);
}

void kad_libp2p_key(struct kad_params *params, const char *name, struct kad_request *request)
{
    read_name(params, name, true, request);
}

/* A peer id, or 64 digits: where it stands. */
static void read_peer(struct kad_params *params, const char *name, struct kad_request *request)
{
    uint8_t id[KAD_PEER_ID_MAX];
    struct kad_bytes text;
    const char *at;
    size_t n;

    if (!kad_params_text(params, name, &text)) {
        kad_params_wrong(params, name, "wanted, and not given");
        return;
    }
    at = (const char *)text.data;
    if (kad_peer_id_read(at, strlen(at), id, &n) == KAD_OK)
        request->target = place_of(params, (struct kad_bytes){id, n});
    else if (strlen(at) != 2 * sizeof request->target.bytes ||
             kad_unhex(at, request->target.bytes, sizeof request->target.bytes) != KAD_OK)
        kad_params_wrong(params, name, "a peer id (12D3Koo...) is wanted, or where it stands: 64 digits");
}

/* What is hashed to a key: a peer id, a name, a CID, or digits for any bytes. */
static void read_preimage(struct kad_params *params, const char *name, struct kad_request *request)
{
    const char *text = json_string_value(json_object_get(params->object, name));
    const char *digits = text && strncmp(text, "0x", 2) == 0 ? text + 2 : text;
    uint8_t bytes[KAD_P2P_KEY_MAX];
    struct kad_content content;
    char why[KAD_CONTENT_WHY];
    struct kad_bytes taken;
    size_t n;

    if (text && strchr(text, '/')) {
        read_name(params, name, false, request);
        return;
    }
    if (!text) {
        kad_params_wrong(params, name, "wanted, and not given");
        return;
    }
    n = strlen(digits);
    if (n > 0 && strspn(digits, "0123456789abcdefABCDEF") == n) {
        if (n % 2 || n / 2 > sizeof bytes || kad_unhex(digits, bytes, n / 2) != KAD_OK)
            kad_params_wrong(params, name, "an even number of digits is wanted, of 128 bytes at most");
        else
            request->target = place_of(params, (struct kad_bytes){bytes, n / 2});
    } else if (kad_peer_id_read(text, strlen(text), bytes, &n) == KAD_OK) {
        request->target = place_of(params, (struct kad_bytes){bytes, n});
    } else if (kad_content_read(text, &content, why) == KAD_OK) {
        request->target = place_of(params, (struct kad_bytes){content.multihash, content.size});
    } else {
        kad_params_wrong(params, name, "hexadecimal digits, a peer id, a CID or a name is wanted");
    }
    (void)!kad_params_text(params, name, &taken); /* it was read already */
}

/* Where a multiaddr leads, whose peer our connections get to know. */
static bool read_multiaddr(struct kad_params *params, const char *name, const char *text,
                           struct kad_endpoint *out_endpoint)
{
    struct kad_swarm *swarm = kad_node_swarm(params->node);
    uint8_t bytes[KAD_MULTIADDR_MAX];
    struct kad_multiaddr parts;
    struct kad_bytes bare;
    size_t n;

    if (kad_multiaddr_read(text, bytes, sizeof bytes, &n) != KAD_OK ||
        kad_multiaddr_parse((struct kad_bytes){bytes, n}, &parts) != KAD_OK) {
        kad_params_wrong(params, name, "not a multiaddr");
        return false;
    }
    if (parts.host != KAD_HOST_IP || parts.peer.size == 0 || !swarm) {
        kad_params_wrong(params, name, "an IP address and, behind it, /p2p/ID are wanted");
        return false;
    }
    bare = (struct kad_bytes){bytes, parts.n_bare};
    kad_swarm_learn_peer(swarm, parts.peer, &bare, 1);
    *out_endpoint = parts.endpoint;
    return true;
}

static bool endpoint_of(const struct kad_swarm_peer *peer, struct kad_endpoint *out_endpoint)
{
    struct kad_multiaddr parts;

    for (unsigned i = 0; i < peer->n_addrs; i++) {
        if (kad_multiaddr_parse(peer->addrs[i], &parts) == KAD_OK && parts.host == KAD_HOST_IP) {
            *out_endpoint = parts.endpoint;
            return true;
        }
    }
    return false;
}

/* A multiaddr, or a peer whose addresses are known. */
static void read_ping(struct kad_params *params, struct kad_request *request)
{
    struct kad_swarm *swarm = kad_node_swarm(params->node);
    const char *address = json_string_value(json_object_get(params->object, "address"));
    uint8_t id[KAD_PEER_ID_MAX];
    struct kad_swarm_peer peer;
    struct kad_bytes text;
    size_t n;

    if (address && address[0] == '/') {
        read_multiaddr(params, "address", address, &request->endpoint);
        (void)!kad_params_text(params, "address", &text);
        return;
    }
    if (kad_params_endpoint(params, "address", &request->endpoint))
        return;
    if (!kad_params_text(params, "peer", &text))
        kad_params_wrong(params, "peer", "a peer id is wanted, or an address: a multiaddr");
    else if (kad_peer_id_read((const char *)text.data, text.size, id, &n) != KAD_OK)
        kad_params_wrong(params, "peer", "not a peer id");
    else if (!swarm || !kad_swarm_find_peer(swarm, (struct kad_bytes){id, n}, &peer) ||
             !endpoint_of(&peer, &request->endpoint))
        kad_params_wrong(params, "peer", "no address of it is known: find looks for them");
}

/* Who we are and where, as the network's messages have it; the addresses that hold when it is sent take the place of these. */
static void write_self(struct kad_params *params, struct kad_request *request)
{
    struct kad_bytes addrs[KAD_SWARM_LISTEN];
    struct kad_swarm *swarm = kad_node_swarm(params->node);
    size_t n = kad_node_multiaddrs(params->node, addrs, KAD_COUNT_OF(addrs));
    uint8_t *at = room(params, KAD_P2P_PEER_MAX);
    struct kad_proto_writer writer = {.bytes = at, .room = at ? KAD_P2P_PEER_MAX : 0};
    struct kad_id place;

    if (n > KAD_COUNT_OF(addrs))
        n = KAD_COUNT_OF(addrs);
    if (!swarm || n == 0) {
        kad_params_wrong(params, "key", "this node has no address at which others could reach it");
        return;
    }
    kad_proto_put_bytes(&writer, 1, kad_swarm_self(swarm));
    for (size_t i = 0; i < n; i++) {
        struct kad_proto_writer before = writer;

        kad_proto_put_bytes(&writer, 2, addrs[i]);
        if (writer.full)
            writer = before;
    }
    kad_peer_id_place(kad_swarm_self(swarm), &place);
    memcpy(request->record.public_key, place.bytes, sizeof place.bytes);
    request->record.value = (struct kad_bytes){at, writer.n};
    request->record.many = true;
}

static bool begins(struct kad_bytes name, const char *prefix)
{
    return name.size > strlen(prefix) && memcmp(name.data, prefix, strlen(prefix)) == 0;
}

/* The key is in the name, if it is short enough. */
static bool is_told_by_name(const struct kad_record *record, struct kad_bytes *out_value)
{
    const struct kad_bytes id = {record->salt.data + 4, record->salt.size - 4};

    return begins(record->salt, "/pk/") && kad_peer_id_key(id, out_value);
}

static void read_put_value(struct kad_params *params, struct kad_request *request)
{
    struct kad_record *record = &request->record;
    struct kad_ipns ipns;

    if (!kad_params_text(params, "value", &record->value) &&
        !kad_params_hex(params, "value_hex", 1, KAD_RECORD_VALUE_MOST, &record->value) &&
        !is_told_by_name(record, &record->value))
        kad_params_wrong(params, "value", "wanted, and not given");
    if (params->why[0] || !begins(record->salt, "/ipns/"))
        return;
    if (kad_ipns_check(record->salt, record->value, &ipns) != KAD_OK) {
        kad_params_wrong(params, "value", "not a record that this name's key has signed");
        return;
    }
    record->sequence = (int64_t)ipns.sequence;
    record->valid_until = ipns.valid_until;
}

/* Of other namespaces than its own a node takes those that the operator names. */
static void want_taken(struct kad_params *params, const struct kad_record *wanted)
{
    const struct kad_node_config *config = kad_node_config_of(params->node);
    const struct kad_record record = {.salt = wanted->salt, .value = {(const uint8_t *)"?", 1}};

    if (params->why[0] || wanted->type != KAD_CLASS_USER)
        return;
    for (size_t i = 0; i < config->n_classes; i++) {
        const struct kad_class *class_ = &config->classes[i];

        if (class_->type == KAD_CLASS_USER && (!class_->valid || class_->valid(class_->context, &record)))
            return;
    }
    kad_params_wrong(params, "key", "this node does not take its namespace: libp2p_namespaces names those");
}

static void read_put(struct kad_params *params, struct kad_request *request)
{
    const kad_ms now = kad_node_now(params->node);
    int64_t replicas;

    kad_params_keep(params, request);
    if (kad_params_number(params, "replicas", 1, 64, &replicas))
        request->replicas = (uint8_t)replicas;
    request->record = (struct kad_record){.made_at = now, .sequence = now, .valid_until = KAD_NEVER};
    read_name(params, "key", false, request);
    want_taken(params, &request->record);
    if (params->why[0])
        return;
    if (request->record.type == KAD_CLASS_PROVIDER)
        write_self(params, request);
    else
        read_put_value(params, request);
    if (request->record.type == KAD_CLASS_USER)
        request->record.valid_until = now + KAD_P2P_VALUE_LIFE;
    /* Whoever signed a name's record said how long it is good: nothing of it is ours to change. */
    request->renews = request->keep && !begins(request->record.salt, "/ipns/");
    if (request->keep_until && !begins(request->record.salt, "/ipns/"))
        request->record.valid_until = kad_ms_min(request->record.valid_until, request->keep_until);
}

void kad_libp2p_read(struct kad_params *params, struct kad_request *request)
{
    switch (request->kind) {
    case KAD_REQUEST_PING:
        read_ping(params, request);
        break;
    case KAD_REQUEST_FIND:
        read_peer(params, "id", request);
        break;
    case KAD_REQUEST_CLOSEST:
        read_preimage(params, "key", request);
        break;
    case KAD_REQUEST_GET:
        read_name(params, "key", false, request);
        want_taken(params, &request->record);
        request->fresh = !request->first;
        break;
    case KAD_REQUEST_PUT:
        read_put(params, request);
        break;
    case KAD_REQUEST_PEERS:
    case KAD_REQUEST_ANNOUNCE:
    case KAD_REQUEST_SAMPLE:
    case KAD_REQUEST_TAKE:
        kad_params_wrong(params, "network", "libp2p's networks have providers instead, and no mailboxes");
        break;
    }
}

/* -- answers ----------------------------------------------------------------------------------------------------- */

json_t *kad_json_peer_id(struct kad_bytes id)
{
    char text[KAD_PEER_ID_TEXT];

    kad_peer_id_write(id, text);
    return json_string(text);
}

json_t *kad_json_multiaddr(struct kad_bytes addr, struct kad_bytes id)
{
    uint8_t bytes[KAD_MULTIADDR_MAX + KAD_PEER_ID_MAX + 8];
    char text[KAD_MULTIADDR_TEXT];
    struct kad_multiaddr parts;
    size_t n = addr.size;

    if (kad_multiaddr_parse(addr, &parts) != KAD_OK)
        return json_null();
    memcpy(bytes, addr.data, n);
    if (id.size > 0 && parts.peer.size == 0)
        n = kad_multiaddr_append_peer(bytes, n, sizeof bytes, id);
    return n && kad_multiaddr_write((struct kad_bytes){bytes, n}, text, sizeof text) == KAD_OK
               ? json_string(text)
               : json_null();
}

static json_t *multiaddrs(const struct kad_bytes *addrs, size_t n, struct kad_bytes id)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, kad_json_multiaddr(addrs[i], id));
    return list;
}

void kad_libp2p_who(struct kad_node *node, const struct kad_id *place, json_t *object)
{
    const struct kad_swarm *swarm = kad_node_swarm(node);
    struct kad_swarm_peer peer;

    if (!kad_node_is_libp2p(node))
        return;
    if (swarm && kad_swarm_find_place(swarm, place, &peer)) {
        const struct kad_bytes id = {peer.id, peer.n_id};

        json_object_set_new(object, "peer_id", kad_json_peer_id(id));
        json_object_set_new(object, "multiaddrs", multiaddrs(peer.addrs, peer.n_addrs, id));
        json_object_set_new(object, "agent",
                            peer.agent && *peer.agent ? json_string(peer.agent) : json_null());
        json_object_set_new(object, "connected", json_boolean(peer.connected));
    } else {
        json_object_set_new(object, "peer_id", json_null());
        json_object_set_new(object, "multiaddrs", json_array());
    }
}

void kad_libp2p_self(struct kad_node *node, json_t *object)
{
    struct kad_swarm *swarm = kad_node_swarm(node);
    struct kad_bytes addrs[KAD_SWARM_LISTEN];
    const struct kad_swarm_counters *counters;
    size_t n;

    if (!swarm)
        return;
    counters = kad_swarm_counters(swarm);
    n = kad_node_multiaddrs(node, addrs, KAD_COUNT_OF(addrs));
    json_object_set_new(object, "peer_id", kad_json_peer_id(kad_swarm_self(swarm)));
    json_object_set_new(
        object, "multiaddrs",
        multiaddrs(addrs, n < KAD_COUNT_OF(addrs) ? n : KAD_COUNT_OF(addrs), kad_swarm_self(swarm)));
    json_object_set_new(
        object, "connections",
        json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "open", (json_int_t)kad_swarm_peers(swarm, NULL, 0),
                  "accepted", (json_int_t)counters->accepted, "refused", (json_int_t)counters->refused,
                  "dialled", (json_int_t)counters->dialled, "dial_failed", (json_int_t)counters->dial_failed,
                  "identified", (json_int_t)counters->identified, "trimmed", (json_int_t)counters->trimmed));
}

size_t kad_libp2p_provider(struct kad_node *node, const struct kad_record *record, struct kad_bytes *out_id,
                           struct kad_bytes out_addrs[KAD_LIBP2P_ADDRS])
{
    const struct kad_swarm *swarm = kad_node_swarm(node);
    struct kad_swarm_peer peer;
    struct kad_bytes rest = record->value;
    struct kad_proto_field field;
    size_t n = 0;

    *out_id = (struct kad_bytes){0};
    while (kad_proto_next(&rest, &field) > 0) {
        if (field.number == 1 && field.kind == KAD_PROTO_BYTES && kad_peer_id_is_valid(field.bytes))
            *out_id = field.bytes;
    }
    rest = record->value;
    while (n < KAD_LIBP2P_ADDRS && kad_p2p_next_addr(&rest, &out_addrs[n]))
        n++;
    if (n > 0 || !swarm || !kad_swarm_find_peer(swarm, *out_id, &peer))
        return n;
    for (; n < peer.n_addrs && n < KAD_LIBP2P_ADDRS; n++)
        out_addrs[n] = peer.addrs[n];
    return n;
}

static json_t *providers(struct kad_node *node, const struct kad_event *event, kad_ms ttl_ms)
{
    const struct kad_swarm *swarm = kad_node_swarm(node);
    struct kad_swarm_peer peer;
    json_t *list = json_array(), *row;

    for (size_t i = 0; i < event->done.n_records; i++) {
        struct kad_bytes id, addrs[KAD_LIBP2P_ADDRS];
        const size_t n = kad_libp2p_provider(node, &event->done.records[i], &id, addrs);

        if (id.size == 0)
            continue;
        /* How old the record is, its holders do not say: it may live that long. */
        row = json_pack("{s:o, s:o, s:I}", "peer_id", kad_json_peer_id(id), "multiaddrs",
                        multiaddrs(addrs, n, id), "ttl_ms", (json_int_t)ttl_ms);
        if (swarm && kad_swarm_find_peer(swarm, id, &peer) && (peer.connected || peer.gone))
            json_object_set_new(row, "live", json_boolean(peer.connected));
        json_array_append_new(list, row);
    }
    return list;
}

static void set_value(json_t *object, struct kad_bytes name, const struct kad_record *record)
{
    json_t *text = json_stringn((const char *)record->value.data, record->value.size);
    struct kad_ipns ipns;

    json_object_set_new(object, "value", text ? text : json_null());
    json_object_set_new(object, "value_hex", kad_json_hex(record->value));
    json_object_set_new(object, "seq", json_integer(record->sequence));
    if (!begins(name, "/ipns/") || kad_ipns_check(name, record->value, &ipns) != KAD_OK)
        return;
    text = json_stringn((const char *)ipns.value.data, ipns.value.size);
    json_object_set_new(object, "ipns",
                        json_pack("{s:o, s:I, s:o, s:I}", "value", text ? text : json_null(), "sequence",
                                  (json_int_t)ipns.sequence, "valid_until",
                                  kad_json_instant(ipns.valid_until), "ttl_s",
                                  (json_int_t)(ipns.ttl_ns / 1000000000)));
}

static kad_ms ttl_of(struct kad_node *node, uint8_t type)
{
    const struct kad_settings *settings = &kad_node_config_of(node)->settings;

    return type == KAD_CLASS_PROVIDER ? settings->peer_ttl_ms : settings->record_ttl_ms;
}

static void set_record(json_t *object, const struct kad_event *event, const struct kad_request *request,
                       struct kad_node *node)
{
    static const char *const of_mainline[] = {"bencoded_hex", "mutable",   "type",     "value",
                                              "public_key",   "signature", "salt_hex", "value_hex"};
    const struct kad_bytes name = request->record.salt;
    const kad_ms ttl_ms = ttl_of(node, request->record.type);

    for (size_t i = 0; i < KAD_COUNT_OF(of_mainline); i++)
        json_object_del(object, of_mainline[i]);
    if (request->record.type == KAD_CLASS_PROVIDER && name.size > 0) {
        struct kad_content content = {.size = name.size};
        char cid[KAD_CID_TEXT];

        memcpy(content.multihash, name.data, name.size);
        kad_content_cid(&content, cid);
        json_object_set_new(object, "cid", json_string(cid));
        json_object_set_new(object, "multihash", kad_json_hex(name));
    }
    if (event->done.kind == KAD_REQUEST_PUT) {
        if (request->record.type == KAD_CLASS_PROVIDER) {
            json_object_set_new(object, "ttl_ms", json_integer(ttl_ms));
            json_object_set_new(
                object, "valid_until",
                kad_json_instant(kad_ms_min(request->record.made_at + ttl_ms, request->record.valid_until)));
            kad_libp2p_self(node, object);
            json_object_del(object, "connections");
        }
        return;
    }
    if (request->record.type == KAD_CLASS_PROVIDER)
        json_object_set_new(object, "providers", providers(node, event, ttl_ms));
    else if (event->done.record)
        set_value(object, name, event->done.record);
}

void kad_libp2p_answer(json_t *object, const struct kad_event *event, const struct kad_request *request,
                       struct kad_node *node)
{
    json_t *list = json_object_get(object, "closest");

    for (size_t i = 0; i < event->done.n_closest && i < json_array_size(list); i++)
        kad_libp2p_who(node, &event->done.closest[i].contact.id, json_array_get(list, i));
    switch (event->done.kind) {
    case KAD_REQUEST_PING:
    case KAD_REQUEST_FIND:
        if (event->done.n_closest > 0 && event->done.error == KAD_OK)
            kad_libp2p_who(node, &event->done.closest[0].contact.id, object);
        break;
    case KAD_REQUEST_GET:
    case KAD_REQUEST_PUT:
        set_record(object, event, request, node);
        break;
    default:
        break;
    }
}
