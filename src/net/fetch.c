#include "net/fetch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#ifdef KAD_HAVE_CURL
#include <curl/curl.h>
#endif

bool kad_fetch_is_url(const char *from)
{
    return strncmp(from, "http://", 7) == 0 || strncmp(from, "https://", 8) == 0;
}

static int too_large(char *why, size_t why_size, size_t room)
{
    snprintf(why, why_size, "larger than %zu bytes", room);
    return KAD_E_LIMIT;
}

static int read_file(const char *path, void *data, size_t room, size_t *out_size, char *why, size_t why_size)
{
    FILE *file = fopen(path, "re");
    size_t n;
    bool more, failed;

    if (!file) {
        snprintf(why, why_size, "%s", strerror(errno));
        return KAD_E_SYSTEM;
    }
    n = fread(data, 1, room, file);
    more = n == room && fgetc(file) != EOF;
    failed = ferror(file);
    if (failed)
        snprintf(why, why_size, "%s", strerror(errno));
    fclose(file);
    if (failed)
        return KAD_E_SYSTEM;
    if (more)
        return too_large(why, why_size, room);
    *out_size = n;
    return KAD_OK;
}

#ifdef KAD_HAVE_CURL
bool kad_fetch_has_urls(void)
{
    return true;
}

struct body {
    char *data;
    size_t room, n;
    bool full;
};

static size_t take(char *data, size_t size, size_t count, void *context)
{
    struct body *body = context;
    const size_t n = size * count;

    if (n > body->room - body->n) {
        body->full = true;
        return 0;
    }
    memcpy(body->data + body->n, data, n);
    body->n += n;
    return n;
}

static int fetch_url(const char *url, void *data, size_t room, size_t *out_size, char *why, size_t why_size)
{
    struct body body = {.data = data, .room = room};
    CURL *curl = curl_easy_init();
    long status = 0;
    CURLcode code;

    if (!curl) {
        snprintf(why, why_size, "out of memory");
        return KAD_E_MEMORY;
    }
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 3L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L); /* this is one thread of several */
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)KAD_FETCH_WAIT_S);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)KAD_FETCH_WAIT_S / 2);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
    code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(curl);
    if (body.full)
        return too_large(why, why_size, room);
    if (code != CURLE_OK)
        snprintf(why, why_size, "%s", curl_easy_strerror(code));
    else if (status != 200)
        snprintf(why, why_size, "HTTP status %ld", status);
    if (code != CURLE_OK || status != 200)
        return KAD_E_REFUSED;
    *out_size = body.n;
    return KAD_OK;
}
#else
bool kad_fetch_has_urls(void)
{
    return false;
}

static int fetch_url(const char *url, void *data, size_t room, size_t *out_size, char *why, size_t why_size)
{
    (void)url, (void)data, (void)room, (void)out_size;
    snprintf(why, why_size, "this kad was built without libcurl: it reads files only");
    return KAD_E_REFUSED;
}
#endif

int kad_fetch(const char *from, void *out_data, size_t room, size_t *out_size, char *out_why, size_t why_size)
{
    return kad_fetch_is_url(from) ? fetch_url(from, out_data, room, out_size, out_why, why_size)
                                  : read_file(from, out_data, room, out_size, out_why, why_size);
}
