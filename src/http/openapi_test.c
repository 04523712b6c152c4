/* docs/openapi.json is part of the program. It names every route with its methods, and no other. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/test.h"
#include "http/asset.h"
#include "http/routes.h"

static json_t *paths(json_t **out_document)
{
    const struct kad_asset *asset = kad_asset_find("/openapi.json");
    json_error_t error;

    EXPECT(asset != NULL);
    *out_document = json_loadb((const char *)asset->bytes, (size_t)(asset->end - asset->bytes),
                               JSON_REJECT_DUPLICATES, &error);
    EXPECT_MSG(*out_document != NULL, "line %d: %s", error.line, error.text);
    return json_object_get(*out_document, "paths");
}

TEST(every_route_is_described)
{
    static const struct {
        const char *name, *verb;
    } methods[] = {{"get", "GET"}, {"post", "POST"}, {"delete", "DELETE"}, {"put", "PUT"}};
    json_t *document, *all = paths(&document);
    size_t n;
    const struct kad_route *routes = kad_routes(&n);

    for (size_t i = 0; i < n; i++) {
        const struct kad_route *route = &routes[i];
        const char *tail = route->tail;
        char name[80];
        const json_t *path;

        snprintf(name, sizeof name, "%s%s%s%s", route->path, tail ? "{" : "", tail ? tail : "",
                 tail ? "}" : "");
        path = json_object_get(all, name);
        EXPECT_MSG(json_is_object(path), "%s", name);
        for (size_t j = 0; j < 4; j++)
            EXPECT_MSG((json_object_get(path, methods[j].name) != NULL) ==
                           kad_route_allows(kad_route_for(methods[j].verb, name), methods[j].verb),
                       "%s %s", methods[j].name, name);
    }
    json_decref(document);
}

TEST(every_path_described_is_there)
{
    json_t *document, *all = paths(&document), *path;
    const char *name;

    json_object_foreach(all, name, path)
    {
        EXPECT_MSG(kad_route_find(name) || kad_asset_find(name) || strcmp(name, "/events") == 0 ||
                       strcmp(name, "/api/ws") == 0,
                   "%s", name);
    }
    json_decref(document);
}

TEST(assets_have_types_and_tags)
{
    const struct kad_asset *page = kad_asset_find("/"), *document = kad_asset_find("/openapi.json");
    char one[KAD_ASSET_TAG], other[KAD_ASSET_TAG];

    EXPECT(page && document && page != document);
    EXPECT(page == kad_asset_find("/index.html"));
    EXPECT(!kad_asset_find("/index.html/") && !kad_asset_find("index.html") && !kad_asset_find(""));
    EXPECT_STR(kad_asset_type(page), "text/html; charset=utf-8");
    EXPECT_STR(kad_asset_type(document), "application/json");
    EXPECT_STR(kad_asset_type(&(struct kad_asset){.path = "/x"}), "application/octet-stream");
    EXPECT(strcmp(kad_asset_tag(page, one), kad_asset_tag(document, other)) != 0);
    EXPECT(one[0] == '"' && one[strlen(one) - 1] == '"');
}
