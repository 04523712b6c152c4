/* web - see web.h. */
#include "http/web.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/metrics.h"
#include "http/news.h"

static const char *const commands[KAD_WEB_N_COMMANDS] = {
    [KAD_WEB_PING] = "ping", [KAD_WEB_FIND_NODE] = "findNode",
    [KAD_WEB_GET] = "get",   [KAD_WEB_FIND_PROVIDERS] = "findProviders",
    [KAD_WEB_PUT] = "put",   [KAD_WEB_PROVIDE] = "provide",
    [KAD_WEB_TAKE] = "take", [KAD_WEB_OTHER] = "other",
};

enum kad_web_command kad_web_command_of(const char *name)
{
    unsigned i = 0;

    if (!name || strncmp(name, "Kad.", 4) != 0)
        return KAD_WEB_OTHER;
    while (i < KAD_WEB_OTHER && strcmp(name + 4, commands[i]) != 0)
        i++;
    return (enum kad_web_command)i;
}

static void print_messages(FILE *out, const char *direction, const uint64_t counts[KAD_WEB_N_COMMANDS])
{
    for (unsigned i = 0; i < KAD_WEB_N_COMMANDS; i++)
        fprintf(out, "kademlia_member_messages_total{direction=\"%s\",command=\"%s\"} %" PRIu64 "\n",
                direction, commands[i], counts[i]);
}

static void print_members(FILE *out, const struct kad_web_members *members)
{
    kad_metrics_head(out, "kademlia_members", "gauge", "Members connected over WebSockets.");
    fprintf(out, "kademlia_members{direction=\"in\"} %u\nkademlia_members{direction=\"out\"} %u\n",
            members->n_in, members->n_out);
    kad_metrics_head(out, "kademlia_member_handshakes_total", "counter",
                     "Handshakes of members that ended, by what came of them.");
    fprintf(out,
            "kademlia_member_handshakes_total{result=\"proved\"} %" PRIu64
            "\nkademlia_member_handshakes_total{result=\"refused\"} %" PRIu64
            "\nkademlia_member_handshakes_total{result=\"unreached\"} %" PRIu64 "\n",
            members->proved, members->refused, members->unreached);
    kad_metrics_head(out, "kademlia_member_messages_total", "counter",
                     "Questions and answers of members, by direction and command.");
    print_messages(out, "received", members->received);
    print_messages(out, "sent", members->sent);
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
    if (web->members.any)
        print_members(out, &web->members);
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
