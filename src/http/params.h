/*
 * params - the parameters of one API request, each taken out and checked once.
 *
 * They come as JSON, or as text from a query string: both "port": 6881 and port=6881 are read as the same number. The
 * first thing wrong is kept in `why`; what nobody took is unknown, and also wrong (kad_params_finish()).
 *
 * Byte strings that a request lends to the node stand in `bytes`, so they live as long as the params do.
 */
#ifndef KAD_HTTP_PARAMS_H
#define KAD_HTTP_PARAMS_H

#include <jansson.h>

#include "http/blocks.h"

struct kad_node;

#define KAD_PARAMS_BYTES 12288

struct kad_params {
    json_t *object; /* ours; shrinks as parameters are taken */
    char why[160];  /* empty: all is well so far */
    uint8_t bytes[KAD_PARAMS_BYTES];
    size_t n_bytes;
    struct kad_node *node; /* whom it is asked of; NULL in tests */
    bool stays;            /* moves of identities are not followed (http/follow.h) */
    bool later;            /* what is put is published within minutes, and not asked about */
    bool has_name;         /* in kad's own network: what `key` said */
    char name_text[KAD_SECURE_NAME_MAX + 80];
    struct kad_secure_name name;
    uint8_t *large;           /* ours: a value longer than `bytes` */
    struct kad_blocks blocks; /* ours: the value of a put that does not fit a record; n 0: it does */
    kad_ms life_ms;           /* of a put: what it asked for; 0: nothing */
    bool unlinked;            /* of a get: through a reader (kad/node.h) */
    bool at_once;             /* the same: which is not waited for */
};

/* Takes over `object` (NULL: none). */
void kad_params_init(struct kad_params *params, json_t *object);
void kad_params_clear(struct kad_params *params);
void kad_params_wrong(struct kad_params *params, const char *name, const char *why); /* the first one stays */
bool kad_params_finish(struct kad_params *params); /* all taken and nothing wrong */

/* Each returns whether the parameter was there and right, and leaves `out_x` alone otherwise. */
bool kad_params_text(struct kad_params *params, const char *name, struct kad_bytes *out_text); /* UTF-8 */
bool kad_params_hex(struct kad_params *params, const char *name, size_t least, size_t most,
                    struct kad_bytes *out_bytes);
/* Bytes that may be many: `name` as text, or `name`_hex. At most `most`, once per params. */
bool kad_params_large(struct kad_params *params, const char *name, size_t most, struct kad_bytes *out_bytes);
bool kad_params_number(struct kad_params *params, const char *name, int64_t least, int64_t most,
                       int64_t *out_number);
bool kad_params_flag(struct kad_params *params, const char *name, bool *out_flag);
/* `keep`, and `keep_for_ms` with it. */
void kad_params_keep(struct kad_params *params, struct kad_request *request);
bool kad_params_endpoint(struct kad_params *params, const char *name, struct kad_endpoint *out_endpoint);

#endif
