#include "net/resolve.h"

#include <string.h>

#include "base/text.h"
#include "net/address.h"

struct kad_resolve {
    uv_getaddrinfo_t request;
    const struct kad_allocator *allocator;
    kad_resolve_done *done; /* NULL: forgotten */
    void *context;
    uint16_t port;
};

int kad_resolve_split(const char *text, uint16_t default_port, char out_host[KAD_RESOLVE_HOST],
                      uint16_t *out_port)
{
    const char *end, *port;
    int64_t number = default_port;
    size_t size;

    if (*text == '[') {
        text++;
        end = strchr(text, ']');
        if (!end)
            return KAD_E_INVALID;
        port = end + 1;
    } else {
        end = strchr(text, ':');
        if (!end)
            end = text + strlen(text);
        port = end;
    }
    if (*port == ':') {
        if (kad_parse_number(port + 1, 1, UINT16_MAX, &number) < 0)
            return KAD_E_INVALID;
    } else if (*port != '\0' || default_port == 0) {
        return KAD_E_INVALID;
    }
    size = (size_t)(end - text);
    if (size == 0 || size >= KAD_RESOLVE_HOST)
        return KAD_E_INVALID;
    for (size_t i = 0; i < size; i++) {
        if (text[i] <= ' ' || text[i] > '~' || text[i] == '/')
            return KAD_E_INVALID;
    }
    memcpy(out_host, text, size);
    out_host[size] = '\0';
    *out_port = (uint16_t)number;
    return KAD_OK;
}

static bool known(const struct kad_endpoint *found, size_t n, const struct kad_endpoint *endpoint)
{
    for (size_t i = 0; i < n; i++) {
        if (kad_endpoint_equal(&found[i], endpoint))
            return true;
    }
    return false;
}

static void finish(uv_getaddrinfo_t *request, int status, struct addrinfo *addresses)
{
    struct kad_resolve *resolve = request->data;
    struct kad_endpoint found[KAD_RESOLVE_MAX];
    size_t n = 0;

    for (const struct addrinfo *at = addresses; at && n < KAD_RESOLVE_MAX; at = at->ai_next) {
        struct kad_endpoint endpoint = kad_address_endpoint(at->ai_addr);

        endpoint.port = resolve->port;
        if (endpoint.family != KAD_FAMILY_NONE && !known(found, n, &endpoint))
            found[n++] = endpoint;
    }
    uv_freeaddrinfo(addresses);
    if (resolve->done && status < 0)
        resolve->done(resolve->context, KAD_E_NOT_FOUND, uv_strerror(status), NULL, 0);
    else if (resolve->done && n == 0)
        resolve->done(resolve->context, KAD_E_NOT_FOUND, "no addresses", NULL, 0);
    else if (resolve->done)
        resolve->done(resolve->context, KAD_OK, "", found, n);
    kad_free(resolve->allocator, resolve, sizeof(*resolve));
}

int kad_resolve_start(uv_loop_t *loop, const struct kad_allocator *allocator, const char *host, uint16_t port,
                      kad_resolve_done *done, void *context, struct kad_resolve **out_resolve)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM};
    struct kad_resolve *resolve = kad_alloc_zero(allocator, sizeof(*resolve));

    if (!resolve)
        return KAD_E_MEMORY;
    resolve->allocator = allocator;
    resolve->done = done;
    resolve->context = context;
    resolve->port = port;
    resolve->request.data = resolve;
    if (uv_getaddrinfo(loop, &resolve->request, finish, host, NULL, &hints) < 0) {
        kad_free(allocator, resolve, sizeof(*resolve));
        return KAD_E_SYSTEM;
    }
    *out_resolve = resolve;
    return KAD_OK;
}

void kad_resolve_forget(struct kad_resolve *resolve)
{
    resolve->done = NULL;
    uv_cancel((uv_req_t *)&resolve
                  ->request); /* works only while it waits for a thread; else finish() comes later */
}
