/*
 * without_kad - stands for kad's own network in a build that leaves it out (cmake/parts.cmake): it can be named, and
 * kad_engine_new() refuses it. No name of it can be made, so what takes one is never called with one.
 */
#include "engine/network.h"

#include <string.h>

#include "kad/secure.h"

static const struct kad_network kad = {.name = "kad"};
static const struct kad_network kad_easy = {.name = "kad-easy"};
static const struct kad_network kad_toy = {.name = "kad-toy"};
static const struct kad_network kad_ws = {.name = "kad-ws"};
static const struct kad_network kad_ws_easy = {.name = "kad-ws-easy"};

const struct kad_network *kad_network_kad(void)
{
    return &kad;
}

const struct kad_network *kad_network_kad_easy(void)
{
    return &kad_easy;
}

const struct kad_network *kad_network_kad_toy(void)
{
    return &kad_toy;
}

const struct kad_network *kad_network_kad_ws(void)
{
    return &kad_ws;
}

const struct kad_network *kad_network_kad_ws_easy(void)
{
    return &kad_ws_easy;
}

/* -- names and records (secure.c) ---------------------------------------------------------------------------------- */

int kad_secure_parse(const char *text, const struct kad_class *classes, size_t n_classes,
                     struct kad_secure_name *out_name)
{
    (void)text;
    (void)classes;
    (void)n_classes;
    (void)out_name;
    return KAD_E_DISABLED;
}

int kad_secure_named(const char *class_name, struct kad_bytes bytes, const struct kad_class *classes,
                     size_t n_classes, struct kad_secure_name *out_name)
{
    (void)class_name;
    (void)bytes;
    (void)classes;
    (void)n_classes;
    (void)out_name;
    return KAD_E_DISABLED;
}

void kad_secure_content_name(struct kad_bytes content, struct kad_secure_name *out_name)
{
    (void)content;
    memset(out_name, 0, sizeof(*out_name));
}

void kad_secure_key(const struct kad_secure_name *name, struct kad_id *out_key)
{
    (void)name;
    memset(out_key, 0, sizeof(*out_key));
}

void kad_secure_request(const struct kad_secure_name *name, uint8_t prefix_bits,
                        struct kad_request *out_request)
{
    (void)name;
    (void)prefix_bits;
    memset(out_request, 0, sizeof(*out_request));
}

size_t kad_secure_room(const struct kad_class *class_)
{
    (void)class_;
    return 0;
}

int kad_secure_make(const struct kad_secure_draft *draft, uint8_t *out_value, struct kad_record *out_record)
{
    (void)draft;
    (void)out_value;
    (void)out_record;
    return KAD_E_DISABLED;
}

int kad_secure_signer(const struct kad_secure_name *name, const uint8_t *seed, uint8_t out_signer[32])
{
    (void)name;
    (void)seed;
    (void)out_signer;
    return KAD_E_DISABLED;
}

int kad_secure_renew(struct kad_record *record, const uint8_t signer[32], kad_ms made_at, kad_ms valid_until)
{
    (void)record;
    (void)signer;
    (void)made_at;
    (void)valid_until;
    return KAD_E_DISABLED;
}

int kad_secure_open(const struct kad_secure_name *name, const struct kad_record *record, const uint8_t *seed,
                    uint8_t *out_value, struct kad_secure_opened *out_opened)
{
    (void)name;
    (void)record;
    (void)seed;
    (void)out_value;
    (void)out_opened;
    return KAD_E_DISABLED;
}

size_t kad_secure_put_endpoints(const struct kad_endpoint *endpoints, size_t n, uint8_t *out_value,
                                size_t room)
{
    (void)endpoints;
    (void)n;
    (void)out_value;
    (void)room;
    return 0;
}

size_t kad_secure_get_endpoints(struct kad_bytes value,
                                struct kad_endpoint out_endpoints[KAD_SECURE_ENDPOINTS_MAX])
{
    (void)value;
    (void)out_endpoints;
    return 0;
}
