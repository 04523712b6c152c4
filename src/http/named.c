#include "http/named.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/types.h"
#include "http/json.h"
#include "http/libp2p.h"
#include "kad/identity.h"
#include "node/moved.h"

/* Who signs: who is meant by `as`; else whoever owns the name already, of those that this node is and was. */
static const uint8_t *signer_of(struct kad_params *params)
{
    uint8_t key[KAD_IDENTITY_SIZE];
    const uint8_t *seed = NULL;
    struct kad_bytes text;

    if (!kad_params_text(params, "as", &text))
        return params->has_name ? kad_node_seed_for(params->node, &params->name) : NULL;
    if (kad_identity_parse((const char *)text.data, key) == KAD_OK)
        seed = memcmp(key, kad_engine_identity(kad_node_engine(params->node)), sizeof key) == 0
                   ? kad_node_config_of(params->node)->secret
                   : kad_node_former(params->node, key);
    if (!seed)
        kad_params_wrong(params, "as",
                         "id1... of an identity is wanted that this node is, or was and has the key of");
    return seed;
}

static const uint8_t *secret_of(const struct kad_params *params)
{
    return kad_node_config_of(params->node)->secret;
}

bool kad_named_wanted(const struct kad_params *params)
{
    return params->node && kad_network_has_identities(kad_node_config_of(params->node)->network) &&
           !kad_libp2p_wanted(params);
}

/* -- requests ---------------------------------------------------------------------------------------------------- */

/* "class:name", into params->name. */
static bool read_name(struct kad_params *params, const char *parameter)
{
    const struct kad_node_config *config = kad_node_config_of(params->node);
    struct kad_bytes text;

    if (!kad_params_text(params, parameter, &text))
        return false;
    if (text.size != strlen((const char *)text.data) || text.size >= sizeof params->name_text ||
        kad_secure_parse((const char *)text.data, config->classes, config->n_classes, &params->name) !=
            KAD_OK) {
        kad_params_wrong(params, parameter, "class:name is wanted, such as room:lobby");
        return false;
    }
    params->has_name = true;
    memcpy(params->name_text, text.data, text.size + 1);
    return true;
}

void kad_named_key(struct kad_params *params, const char *parameter, struct kad_request *request)
{
    if (!read_name(params, parameter)) {
        kad_params_wrong(params, parameter, "wanted, and not given");
        return;
    }
    kad_secure_key(&params->name, &request->target);
}

/* Names whose values follow from something else have no versions. */
static bool has_versions(const struct kad_secure_name *name)
{
    return name->class_->type != KAD_RECORD_IMMUTABLE;
}

void kad_named_get(struct kad_params *params, struct kad_request *request)
{
    struct kad_request asked;
    int64_t prefix = 0;

    kad_params_number(params, "prefix", 1, UINT8_MAX, &prefix);
    kad_named_key(params, "key", request);
    if (!params->has_name)
        return;
    kad_secure_request(&params->name, (uint8_t)prefix, &asked);
    request->target = asked.target;
    request->record = asked.record;
    request->prefix_bits = asked.prefix_bits;
    /* What can change is looked for anew, unless the first value will do; content cannot. */
    if (has_versions(&params->name) && !request->first)
        request->fresh = true;
}

/* Without a key it is our own mailbox. */
void kad_named_take(struct kad_params *params, struct kad_request *request)
{
    const uint8_t *key = kad_engine_identity(kad_node_engine(params->node));

    if (json_object_get(params->object, "key")) {
        kad_named_key(params, "key", request);
        if (params->has_name)
            request->record.type = params->name.class_->type;
        return;
    }
    if (kad_secure_named("msg", (struct kad_bytes){key, KAD_IDENTITY_SIZE}, NULL, 0, &params->name) !=
        KAD_OK) {
        kad_params_wrong(params, "key", "wanted, and not given");
        return;
    }
    params->has_name = true;
    kad_secure_key(&params->name, &request->target);
    request->record.type = params->name.class_->type;
}

/* Where a peer, or who has some content, is to be reached. Those whose class has no place for it say it in their value. */
static bool read_address(struct kad_params *params, struct kad_bytes *out_value)
{
    struct kad_endpoint endpoint;
    uint8_t *room = params->bytes + params->n_bytes;
    size_t n;

    if (!kad_params_endpoint(params, "address", &endpoint))
        return false;
    n = kad_secure_put_endpoints(&endpoint, 1, room, sizeof params->bytes - params->n_bytes);
    params->n_bytes += n;
    *out_value = (struct kad_bytes){room, n};
    return true;
}

static bool names_addresses(const struct kad_params *params)
{
    return params->has_name &&
           (params->name.class_->type == KAD_CLASS_PROVIDER || params->name.class_->type == KAD_CLASS_PEER);
}

/* A value without a name has its hash. */
static void name_content(struct kad_params *params, struct kad_bytes value)
{
    char digits[65];

    kad_secure_content_name(value, &params->name);
    kad_hex(params->name.bytes, params->name.size < 32 ? params->name.size : 32, digits);
    snprintf(params->name_text, sizeof params->name_text, "%s:%s", params->name.class_->name, digits);
    params->has_name = true;
}

/* Commands that do not know whom they ask bencode it, as Mainline wants it. */
static bool read_value(struct kad_params *params, struct kad_bytes *out_value)
{
    struct kad_bytes bencoded;

    if (kad_params_large(params, "value", KAD_BLOCKS_VALUE_MAX, out_value))
        return true;
    if (!kad_params_hex(params, "bencoded_hex", 1, KAD_RECORD_VALUE_MAX, &bencoded))
        return false;
    if (kad_mainline_unwrap(bencoded, out_value) != KAD_OK)
        kad_params_wrong(params, "bencoded_hex", "a string is wanted");
    return true;
}

/* What does not fit a record is cut, and its root stands there. */
static void cut(struct kad_params *params, bool has_name, struct kad_bytes *value)
{
    if (!kad_blocks_wanted(params->name.class_, *value))
        return;
    if (kad_blocks_cut(has_name ? &params->name : NULL, *value, &params->blocks) != KAD_OK) {
        kad_params_wrong(params, "value", "out of memory");
        return;
    }
    *value = (struct kad_bytes){params->blocks.root, params->blocks.n_root};
    if (!has_name)
        name_content(params, *value);
}

kad_ms kad_named_end(const struct kad_class *class_, kad_ms made_at, kad_ms life_ms, kad_ms keep_until)
{
    kad_ms life = life_ms;

    if (keep_until && (life == 0 || keep_until - made_at < life))
        life = kad_ms_min(keep_until - made_at, class_->ttl_ms);
    return life ? made_at + life : 0;
}

void kad_named_put(struct kad_params *params, struct kad_request *request)
{
    const kad_ms now = kad_node_now(params->node);
    struct kad_secure_draft draft = {.name = &params->name, .made_at = now};
    uint8_t entropy[32], *room;
    bool given, at_address = false, has_name;
    int64_t number;
    int error;

    kad_params_keep(params, request);
    kad_params_flag(params, "later", &request->later);
    kad_params_flag(params, "withdraw", &draft.withdrawn);
    given = read_value(params, &draft.value);
    if (read_address(params, &draft.value))
        given = at_address = true;
    has_name = read_name(params, "key");
    if (!has_name)
        name_content(params, draft.value);
    cut(params, has_name, &draft.value);
    draft.seed = signer_of(params);
    if (at_address && !names_addresses(params))
        kad_params_wrong(params, "address", "goes with peer: and provider: names");
    if (!given && !draft.withdrawn && params->name.class_->type != KAD_CLASS_PROVIDER)
        kad_params_wrong(params, "value", "wanted, and not given");
    room = params->bytes + params->n_bytes;
    if (has_versions(&params->name))
        draft.sequence = now; /* higher than all before, as long as clocks are right */
    if (kad_params_number(params, "seq", 0, INT64_MAX, &number))
        draft.sequence = number;
    if (kad_params_number(params, "cas", 0, INT64_MAX, &number)) {
        request->cas = number;
        request->has_cas = true;
    }
    if (request->later && (!request->keep || request->has_cas))
        kad_params_wrong(params, "later", "goes with keep, and not with cas");
    params->later = request->later;
    if (kad_params_number(params, "ttl_ms", 1, 365 * 24 * KAD_HOUR, &number))
        params->life_ms = number;
    draft.valid_until = kad_named_end(params->name.class_, now, params->life_ms, request->keep_until);
    if (draft.withdrawn && request->keep_until) /* it has to outlive whatever it may withdraw */
        kad_params_wrong(params, "keep_for_ms", "does not go with withdraw");
    if (kad_params_number(params, "replicas", 1, 64, &number))
        request->replicas = (uint8_t)number;
    if (params->why[0])
        return;
    kad_entropy(entropy, sizeof entropy);
    draft.entropy = entropy;
    if (sizeof params->bytes - params->n_bytes < KAD_SECURE_VALUE_MAX) {
        kad_params_wrong(params, "value", "too long");
        return;
    }
    error = kad_secure_make(&draft, room, &request->record);
    if (error == KAD_E_SPACE)
        kad_params_wrong(params, "value", "longer than a record of this class takes");
    else if (error)
        kad_params_wrong(params, "key", "not a name this node can write under, or no such life or sequence");
    params->n_bytes += request->record.value.size;
    request->target = request->record.key;
    /* What is kept is signed anew each time it is published: with the name's own signer, which tells nobody whose it is. */
    request->renews =
        request->keep && !error && kad_secure_signer(&params->name, draft.seed, request->signer) == KAD_OK;
}

/* -- answers ----------------------------------------------------------------------------------------------------- */

static json_t *until(kad_ms instant)
{
    return instant == KAD_NEVER ? json_null() : kad_json_instant(instant);
}

static json_t *addresses(struct kad_bytes value)
{
    struct kad_endpoint endpoints[KAD_SECURE_ENDPOINTS_MAX];
    const size_t n = kad_secure_get_endpoints(value, endpoints);
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, kad_json_endpoint(&endpoints[i]));
    return list;
}

/* Where somebody is, or who he is now. Returns what is wrong with it; NULL: nothing. */
static const char *set_whereabouts(json_t *object, const struct kad_secure_opened *opened, bool is_peer)
{
    struct kad_move move;
    const int error =
        is_peer && opened->has_owner ? kad_moved_read(opened->value, opened->owner, &move) : KAD_E_NOT_FOUND;

    json_object_set_new(object, "addresses", addresses(opened->value));
    if (error == KAD_OK) {
        json_object_set_new(object, "moved_to", kad_json_identity(move.to));
        json_object_set_new(object, "moved_at", kad_json_instant(move.made_at));
    }
    return error == KAD_E_CORRUPT ? kad_error_text(error) : NULL;
}

/* The value that a record holds, into `object`. */
static void set_opened(json_t *object, const struct kad_record *record, const struct kad_params *params)
{
    uint8_t bytes[KAD_SECURE_VALUE_MAX];
    struct kad_secure_opened opened;
    const int error = kad_secure_open(&params->name, record, secret_of(params), bytes, &opened);
    json_t *text = error ? NULL : json_stringn((const char *)opened.value.data, opened.value.size);
    const char *problem = NULL;

    json_object_set_new(object, "value", text ? text : json_null());
    json_object_set_new(object, "value_hex", error ? json_null() : kad_json_hex(opened.value));
    if (names_addresses(params) && error)
        json_object_set_new(object, "addresses", json_array());
    else if (names_addresses(params))
        problem = set_whereabouts(object, &opened, params->name.class_->type == KAD_CLASS_PEER);
    json_object_set_new(object, "owner",
                        !error && opened.has_owner ? kad_json_identity(opened.owner) : json_null());
    json_object_set_new(object, "problem",
                        problem  ? json_string(problem)
                        : !error ? json_null()
                                 : json_string(error != KAD_E_NOT_FOUND ? kad_error_text(error)
                                               : record->withdrawn      ? "withdrawn"
                                                                        : "expired")); /* a ghost */
    json_object_set_new(object, "seq", json_integer(record->sequence));
    json_object_set_new(object, "made_at", kad_json_instant(record->made_at));
    json_object_set_new(object, "valid_until", until(record->valid_until));
}

bool kad_named_root(const struct kad_event *event, const struct kad_params *params,
                    uint8_t out_root[KAD_SECURE_VALUE_MAX], size_t *out_size)
{
    struct kad_secure_opened opened;

    if (event->done.kind != KAD_REQUEST_GET || event->done.error || !event->done.record ||
        !params->has_name || !kad_blocks_possible(params->name.class_) ||
        kad_secure_open(&params->name, event->done.record, secret_of(params), out_root, &opened) != KAD_OK ||
        !kad_blocks_is_root(opened.value))
        return false;
    memmove(out_root, opened.value.data, opened.value.size);
    *out_size = opened.value.size;
    return true;
}

void kad_named_whole(json_t *object, struct kad_bytes value)
{
    json_t *text = json_stringn((const char *)value.data, value.size); /* NULL: not UTF-8 */
    char *digits = malloc(2 * value.size + 1);

    json_object_set_new(object, "value", text ? text : json_null());
    json_object_set_new(object, "value_hex",
                        digits ? json_string(kad_hex(value.data, value.size, digits)) : json_null());
    free(digits);
}

static json_t *receipts(const struct kad_event *event)
{
    static const char *const kinds[] = {"none", "stored", "held", "nothing"};
    json_t *list = json_array();

    for (size_t i = 0; i < event->done.n_receipts; i++) {
        const struct kad_receipt *receipt = &event->done.receipts[i];
        const unsigned kind = receipt->attest.kind;

        json_array_append_new(list,
                              json_pack("{s:o, s:o, s:o, s:s, s:o}", "id", kad_json_id(&receipt->contact.id),
                                        "identity", kad_json_identity(receipt->attest.public_key), "address",
                                        kad_json_endpoint(&receipt->contact.endpoint), "says",
                                        kind < sizeof kinds / sizeof kinds[0] ? kinds[kind] : "unknown", "at",
                                        until(receipt->attest.at)));
    }
    return list;
}

static json_t *values(const struct kad_event *event, const struct kad_params *params)
{
    json_t *list = json_array();

    for (size_t i = 0; i < event->done.n_records; i++) {
        json_t *value = json_object();

        set_opened(value, &event->done.records[i], params);
        json_array_append_new(list, value);
    }
    return list;
}

void kad_named_answer(json_t *object, const struct kad_event *event, const struct kad_params *params)
{
    static const char *const of_mainline[] = {"bencoded_hex", "mutable",   "type",
                                              "public_key",   "signature", "salt_hex"};

    for (size_t i = 0; i < sizeof of_mainline / sizeof of_mainline[0]; i++)
        json_object_del(object, of_mainline[i]);
    json_object_set_new(object, "name", json_string(params->name_text));
    json_object_set_new(object, "class", json_string(params->name.class_->name));
    json_object_set_new(object, "receipts", receipts(event));
    if (event->done.kind == KAD_REQUEST_PUT) {
        if (params->later)
            json_object_set_new(object, "later", json_true());
        if (event->done.held_sequence >= 0)
            json_object_set_new(object, "held_seq", json_integer(event->done.held_sequence));
        return;
    }
    if (event->done.record)
        set_opened(object, event->done.record, params);
    json_object_set_new(object, "values", values(event, params));
    json_object_set_new(object, "held", json_integer(event->done.n_held));
    json_object_set_new(object, "nothing", json_integer(event->done.n_nothing));
    json_object_set_new(object, "cached", json_boolean(event->done.cached));
}
