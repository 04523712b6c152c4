/* asset - see asset.h. */
#include "http/asset.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/types.h"

const struct kad_asset *kad_asset_find(const char *path)
{
    if (strcmp(path, "/") == 0)
        path = "/index.html";
    for (const struct kad_asset *asset = kad_assets; asset->path; asset++) {
        if (strcmp(asset->path, path) == 0)
            return asset;
    }
    return NULL;
}

const char *kad_asset_type(const struct kad_asset *asset)
{
    static const struct {
        const char *ending, *type;
    } types[] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".mjs", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".json", "application/json"},
        {".map", "application/json"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".ico", "image/x-icon"},
        {".woff2", "font/woff2"},
        {".webmanifest", "application/manifest+json"},
        {".txt", "text/plain; charset=utf-8"},
    };
    const char *dot = strrchr(asset->path, '.');

    for (size_t i = 0; dot && i < KAD_COUNT_OF(types); i++) {
        if (strcmp(dot, types[i].ending) == 0)
            return types[i].type;
    }
    return "application/octet-stream";
}

char *kad_asset_tag(const struct kad_asset *asset, char tag[KAD_ASSET_TAG])
{
    const uint64_t hash = kad_hash(1, asset->bytes, (size_t)(asset->end - asset->bytes));

    snprintf(tag, KAD_ASSET_TAG, "\"%016" PRIx64 "\"", hash);
    return tag;
}
