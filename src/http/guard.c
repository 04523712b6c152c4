/* guard - see guard.h. */
#include "http/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/endpoint.h"
#include "base/text.h"
#include "crypto/crypto.h"

#define HOST_MAX 256

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static bool reads_only(const char *method)
{
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

/* Pages may be linked to from anywhere; what programs ask may not be asked by other sites' pages. */
static bool is_for_programs(const char *path)
{
    return begins(path, "/api/") || begins(path, "/routing/") || strcmp(path, "/events") == 0 ||
           strcmp(path, "/metrics") == 0;
}

/* The name without its port, in small letters and without a closing dot. False: too long, or empty. */
static bool bare_name(const char *host, char out_name[HOST_MAX])
{
    const char *end = strchr(host, ':');
    size_t size = end ? (size_t)(end - host) : strlen(host);

    if (size > 0 && host[size - 1] == '.')
        size--;
    if (size == 0 || size >= HOST_MAX)
        return false;
    memcpy(out_name, host, size);
    out_name[size] = 0;
    return true;
}

static bool is_listed(const char *name, const char *names)
{
    while (names && *names) {
        const size_t size = strcspn(names, ", ");

        if (size == strlen(name) && strncasecmp(name, names, size) == 0)
            return true;
        names += size;
        names += strspn(names, ", ");
    }
    return false;
}

bool kad_guard_is_own(const char *host, const char *names)
{
    struct kad_endpoint endpoint;
    char name[HOST_MAX];

    if (kad_endpoint_parse(host, 80, &endpoint) == KAD_OK)
        return true;
    return bare_name(host, name) && (strcasecmp(name, "localhost") == 0 || is_listed(name, names));
}

/* The page that asks was served by us: "http://HOST", or by one of our names. */
static bool same_origin(const struct kad_guard *guard, const struct kad_guard_request *request)
{
    const char *origin = request->origin, *at;
    char name[HOST_MAX];

    at = begins(origin, "http://") ? origin + 7 : begins(origin, "https://") ? origin + 8 : NULL;
    if (!at)
        return false; /* "null", too */
    if (request->host && strcasecmp(at, request->host) == 0)
        return true;
    return bare_name(at, name) && is_listed(name, guard->names);
}

static struct kad_guard_verdict refuse(unsigned status, const char *error, const char *reason)
{
    return (struct kad_guard_verdict){.status = status, .error = error, .reason = reason};
}

/* Takes as long for a token that is nearly right as for any other of its length. */
static bool same_text(const char *a, const char *b)
{
    const size_t size = strlen(a);
    unsigned char difference = 0;

    if (size != strlen(b))
        return false;
    for (size_t i = 0; i < size; i++)
        difference |= (unsigned char)(a[i] ^ b[i]);
    return difference == 0;
}

static struct kad_guard_verdict check_token(const struct kad_guard *guard,
                                            const struct kad_guard_request *request)
{
    const char *given = request->authorization;

    if (given && (strncasecmp(given, "Bearer ", 7) != 0 || !guard->token ||
                  !same_text(given + 7 + strspn(given + 7, " "), guard->token)))
        return refuse(401, "unauthorized", "not this node's token");
    if (given)
        return (struct kad_guard_verdict){.trusted = true};
    if (!reads_only(request->method))
        return refuse(401, "unauthorized", "without the node's token one may only read");
    if (request->has_address)
        return refuse(401, "unauthorized", "without the node's token one may not choose whom it sends to");
    return (struct kad_guard_verdict){.trusted = false};
}

/* "application/json", "application/json; charset=utf-8" */
static bool is_json(const char *content_type)
{
    static const char json[] = "application/json";

    return content_type && strncasecmp(content_type, json, sizeof json - 1) == 0 &&
           strchr("; \t", content_type[sizeof json - 1]);
}

struct kad_guard_verdict kad_guard_check(const struct kad_guard *guard,
                                         const struct kad_guard_request *request)
{
    if (guard->open)
        return (struct kad_guard_verdict){.trusted = true};
    if (guard->check_host && request->host && !kad_guard_is_own(request->host, guard->names))
        return refuse(421, "misdirected request",
                      "Host names another machine; api_names lists the names this one has");
    if (is_for_programs(request->path)) {
        if (request->fetch_site && strcmp(request->fetch_site, "same-origin") != 0 &&
            strcmp(request->fetch_site, "none") != 0)
            return refuse(403, "forbidden", "asked by a page of another site");
        if (request->origin && !same_origin(guard, request))
            return refuse(403, "forbidden", "asked by a page of another site");
    }
    if ((strcmp(request->method, "POST") == 0 || strcmp(request->method, "PATCH") == 0) &&
        !is_json(request->content_type))
        return refuse(415, "unsupported media type", "Content-Type: application/json is wanted");
    if (guard->is_public)
        return check_token(guard, request);
    return (struct kad_guard_verdict){.trusted = true};
}

/* -- the token's file -------------------------------------------------------------------------------------------- */

static int make_token(const char *path, char out_token[KAD_GUARD_TOKEN])
{
    uint8_t bytes[(KAD_GUARD_TOKEN - 1) / 2];
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool written;

    if (fd < 0)
        return KAD_E_SYSTEM;
    kad_entropy(bytes, sizeof bytes);
    kad_hex(bytes, sizeof bytes, out_token);
    kad_wipe(bytes, sizeof bytes);
    written = dprintf(fd, "%s\n", out_token) == KAD_GUARD_TOKEN;
    if (close(fd) == 0 && written)
        return KAD_OK;
    unlink(path);
    return KAD_E_SYSTEM;
}

int kad_guard_token(const char *folder, char out_token[KAD_GUARD_TOKEN])
{
    char path[4096], text[KAD_GUARD_TOKEN];
    uint8_t bytes[(KAD_GUARD_TOKEN - 1) / 2];
    ssize_t n;
    int fd;

    snprintf(path, sizeof path, "%s/api.token", folder);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? make_token(path, out_token) : KAD_E_SYSTEM;
    n = fchmod(fd, 0600) == 0 ? read(fd, text, sizeof text - 1) : -1;
    close(fd);
    if (n < 0)
        return KAD_E_SYSTEM;
    text[n] = 0;
    if (kad_unhex(text, bytes, sizeof bytes) != KAD_OK)
        return KAD_E_CORRUPT;
    memcpy(out_token, text, sizeof text);
    return KAD_OK;
}
