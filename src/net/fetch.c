#include "net/fetch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#ifdef KAD_HAVE_CURL
#include <curl/curl.h>
#include <dlfcn.h>
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

/* Called about once a second, whatever comes or does not. */
static int progress(void *context, curl_off_t total, curl_off_t got, curl_off_t to_send, curl_off_t sent)
{
    const atomic_bool *stop = context;

    (void)total, (void)got, (void)to_send, (void)sent;
    return stop && atomic_load(stop);
}

/* What is used of the library. */
struct curl {
    CURL *(*init)(void);
    CURLcode (*setopt)(CURL *curl, CURLoption option, ...);
    CURLcode (*perform)(CURL *curl);
    CURLcode (*getinfo)(CURL *curl, CURLINFO info, ...);
    void (*cleanup)(CURL *curl);
    const char *(*strerror)(CURLcode code);
};

/* It is loaded when it is needed, and stays: with the twenty libraries it brings it doubles the time that kad takes to start. */
static bool load(struct curl *out_curl)
{
    const struct {
        const char *name;
        void *function; /* where its address goes */
    } rows[] = {
        {"curl_easy_init", &out_curl->init},       {"curl_easy_setopt", &out_curl->setopt},
        {"curl_easy_perform", &out_curl->perform}, {"curl_easy_getinfo", &out_curl->getinfo},
        {"curl_easy_cleanup", &out_curl->cleanup}, {"curl_easy_strerror", &out_curl->strerror},
    };
    void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);

    for (size_t i = 0; i < KAD_COUNT_OF(rows); i++) {
        void *found = library ? dlsym(library, rows[i].name) : NULL;

        if (!found)
            return false;
        memcpy(rows[i].function, &found, sizeof(found)); /* POSIX allows what ISO C has no words for */
    }
    return true;
}

static int fetch_url(const char *url, const atomic_bool *stop, void *data, size_t room, size_t *out_size,
                     char *why, size_t why_size)
{
    struct body body = {.data = data, .room = room};
    struct curl library;
    long status = 0;
    CURLcode code;
    CURL *curl;

    if (!load(&library)) {
        snprintf(why, why_size, "libcurl is not installed (Debian: libcurl4): only files can be read");
        return KAD_E_REFUSED;
    }
    curl = library.init();
    if (!curl) {
        snprintf(why, why_size, "out of memory");
        return KAD_E_MEMORY;
    }
    library.setopt(curl, CURLOPT_URL, url);
    library.setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    library.setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    library.setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    library.setopt(curl, CURLOPT_MAXREDIRS, 3L);
    library.setopt(curl, CURLOPT_NOSIGNAL, 1L); /* this is one thread of several */
    library.setopt(curl, CURLOPT_TIMEOUT, (long)KAD_FETCH_WAIT_S);
    library.setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)KAD_FETCH_WAIT_S / 2);
    library.setopt(curl, CURLOPT_WRITEFUNCTION, take);
    library.setopt(curl, CURLOPT_WRITEDATA, &body);
    library.setopt(curl, CURLOPT_NOPROGRESS, 0L);
    library.setopt(curl, CURLOPT_XFERINFOFUNCTION, progress);
    library.setopt(curl, CURLOPT_XFERINFODATA, stop);
    code = library.perform(curl);
    library.getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    library.cleanup(curl);
    if (body.full)
        return too_large(why, why_size, room);
    if (code != CURLE_OK)
        snprintf(why, why_size, "%s", library.strerror(code));
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

static int fetch_url(const char *url, const atomic_bool *stop, void *data, size_t room, size_t *out_size,
                     char *why, size_t why_size)
{
    (void)url, (void)stop, (void)data, (void)room, (void)out_size;
    snprintf(why, why_size, "this kad was built without libcurl: it reads files only");
    return KAD_E_REFUSED;
}
#endif

int kad_fetch(const char *from, const atomic_bool *stop, void *out_data, size_t room, size_t *out_size,
              char *out_why, size_t why_size)
{
    return kad_fetch_is_url(from) ? fetch_url(from, stop, out_data, room, out_size, out_why, why_size)
                                  : read_file(from, out_data, room, out_size, out_why, why_size);
}
