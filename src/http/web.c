/* web - see web.h. */
#include "http/web.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "http/news.h"

static void head(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void number(FILE *out, const char *name, const char *type, const char *help, uint64_t value)
{
    head(out, name, type, help);
    fprintf(out, "%s %" PRIu64 "\n", name, value);
}

static void print(FILE *out, const struct kad_web *web)
{
    static const char *const refusals[KAD_WEB_N_REFUSALS] = {
        [KAD_WEB_SLOW_REQUEST] = "slow_request",
        [KAD_WEB_SLOW_READER] = "slow_reader",
        [KAD_WEB_SLOW_STREAM] = "slow_stream",
        [KAD_WEB_CROWDED] = "crowded",
        [KAD_WEB_TOO_LARGE] = "too_large",
        [KAD_WEB_FORBIDDEN] = "forbidden",
        [KAD_WEB_UNAUTHORIZED] = "unauthorized",
        [KAD_WEB_BUSY] = "busy",
        [KAD_WEB_SILENT] = "silent",
    };

    number(out, "kademlia_resident_memory_bytes", "gauge", "Resident memory of the process.",
           kad_news_resident());
    number(out, "kademlia_http_requests_total", "counter", "HTTP requests begun, and those on WebSockets.",
           web->requests);
    head(out, "kademlia_http_responses_total", "counter", "HTTP answers, by class of status.");
    for (unsigned i = 2; i <= 5; i++)
        fprintf(out, "kademlia_http_responses_total{code=\"%uxx\"} %" PRIu64 "\n", i, web->answers[i]);
    head(out, "kademlia_http_refused_total", "counter",
         "HTTP requests refused and connections cut off, by reason.");
    for (unsigned i = 0; i < KAD_WEB_N_REFUSALS; i++)
        fprintf(out, "kademlia_http_refused_total{reason=\"%s\"} %" PRIu64 "\n", refusals[i],
                web->refused[i]);
    number(out, "kademlia_http_streams_total", "counter", "Event streams and WebSockets begun.",
           web->n_streams_begun);
    number(out, "kademlia_http_streams", "gauge", "Event streams and WebSockets open.", web->n_streams);
    number(out, "kademlia_http_connections", "gauge", "HTTP connections open.", web->n_connections);
}

char *kad_web_metrics(const struct kad_web *web, const char *before)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    fputs(before, out);
    print(out, web);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
