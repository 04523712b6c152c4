/*
 * asset - files that are part of the program: the pages at /, and the OpenAPI document.
 *
 * cmake/assets.cmake makes the table out of web/dist and docs/openapi.json; without a web/dist there is a page that lists
 * what may be asked (src/http/index.html).
 */
#ifndef KAD_HTTP_ASSET_H
#define KAD_HTTP_ASSET_H

#include "kad/types.h"

struct kad_asset {
    const char *path; /* "/index.html" */
    const unsigned char *bytes, *end;
};

/* Generated. Ends with a NULL path. */
extern const struct kad_asset kad_assets[];

/* "/" is /index.html. NULL: none. */
const struct kad_asset *kad_asset_find(const char *path);
/* By the name's ending. */
const char *kad_asset_type(const struct kad_asset *asset);

#define KAD_ASSET_TAG 20
/* A strong ETag, quotes included. Returns `tag`. */
char *kad_asset_tag(const struct kad_asset *asset, char tag[KAD_ASSET_TAG]);

#endif
