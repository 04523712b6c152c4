/* web - see web.h. */
#include "http/web.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "http/metrics.h"
#include "http/news.h"

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

    kad_metrics_gauge(out, "kademlia_resident_memory_bytes", "Resident memory of the process.",
                      (double)kad_news_resident());
    kad_metrics_counter(out, "kademlia_http_requests_total", "HTTP requests begun, and those on WebSockets.",
                        web->requests);
    kad_metrics_head(out, "kademlia_http_responses_total", "counter", "HTTP answers, by class of status.");
    for (unsigned i = 2; i <= 5; i++)
        fprintf(out, "kademlia_http_responses_total{code=\"%uxx\"} %" PRIu64 "\n", i, web->answers[i]);
    kad_metrics_head(out, "kademlia_http_refused_total", "counter",
                     "HTTP requests refused and connections cut off, by reason.");
    for (unsigned i = 0; i < KAD_WEB_N_REFUSALS; i++)
        fprintf(out, "kademlia_http_refused_total{reason=\"%s\"} %" PRIu64 "\n", refusals[i],
                web->refused[i]);
    kad_metrics_counter(out, "kademlia_http_streams_total", "Event streams and WebSockets begun.",
                        web->n_streams_begun);
    kad_metrics_gauge(out, "kademlia_http_streams", "Event streams and WebSockets open.",
                      (double)web->n_streams);
    kad_metrics_gauge(out, "kademlia_http_connections", "HTTP connections open.", (double)web->n_connections);
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
