/* news - see news.h. */
#include "http/news.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http/json.h"
#include "http/regions.h"
#include "node/around.h"

const char *kad_news_kind(enum kad_request_kind kind)
{
    static const char *const names[] = {
        [KAD_REQUEST_PING] = "ping",   [KAD_REQUEST_CLOSEST] = "closest",   [KAD_REQUEST_FIND] = "find",
        [KAD_REQUEST_PEERS] = "peers", [KAD_REQUEST_ANNOUNCE] = "announce", [KAD_REQUEST_GET] = "get",
        [KAD_REQUEST_PUT] = "put",     [KAD_REQUEST_SAMPLE] = "sample",     [KAD_REQUEST_TAKE] = "take",
    };

    return names[kind];
}

static void say(struct kad_feed *feed, const struct kad_node *node, const char *kind, json_t *data,
                bool secret)
{
    kad_feed_add(feed, kad_network_name(kad_node_config_of(node)->network), kind, data, secret);
}

static json_t *contact(const struct kad_contact *contact)
{
    return json_pack("{s:o, s:o}", "id", kad_json_id(&contact->id), "address",
                     kad_json_endpoint(&contact->endpoint));
}

static void tell_ready(struct kad_feed *feed, struct kad_node *node)
{
    struct kad_info info;

    kad_engine_info(kad_node_engine(node), &info);
    say(feed, node, "ready",
        json_pack("{s:I}", "contacts", (json_int_t)(info.n_contacts[0] + info.n_contacts[1])), false);
}

void kad_news_event(struct kad_feed *feed, struct kad_node *node, const struct kad_event *event)
{
    if (!kad_feed_wanted(feed))
        return;
    switch (event->kind) {
    case KAD_EVENT_NODE:
        say(feed, node, "node_discovered", contact(&event->contact), false);
        break;
    case KAD_EVENT_TABLE:
        say(feed, node, "routing_table_updated",
            json_pack("{s:o, s:o}", "added", event->table.added ? contact(&event->contact) : json_null(),
                      "removed", event->table.removed ? contact(&event->table.gone) : json_null()),
            false);
        break;
    case KAD_EVENT_STORED:
        say(feed, node, "data_stored", json_pack("{s:o}", "key", kad_json_id(&event->key)), false);
        break;
    case KAD_EVENT_READY:
        tell_ready(feed, node);
        break;
    case KAD_EVENT_ADDRESS:
        say(feed, node, "address", json_pack("{s:o}", "address", kad_json_endpoint(&event->contact.endpoint)),
            false);
        break;
    case KAD_EVENT_ID:
        say(feed, node, "id", json_pack("{s:o}", "id", kad_json_id(&event->contact.id)), false);
        break;
    case KAD_EVENT_WARNING:
        say(feed, node, "warning", json_pack("{s:s}", "warning", kad_warning_text(event->warning)), false);
        break;
    case KAD_EVENT_DONE:
    case KAD_EVENT_HOP:
    case KAD_EVENT_PEERS:
        break;
    }
}

/* -- requests ---------------------------------------------------------------------------------------------------- */

void kad_news_begun(struct kad_feed *feed, const struct kad_node *node, uint64_t id,
                    const struct kad_request *request, bool secret)
{
    if (!kad_feed_wanted(feed))
        return;
    say(feed, node, "lookup_begun",
        json_pack("{s:I, s:s, s:o, s:o}", "request", (json_int_t)id, "kind", kad_news_kind(request->kind),
                  "target", request->kind == KAD_REQUEST_PING ? json_null() : kad_json_id(&request->target),
                  "address", kad_json_endpoint(&request->endpoint)),
        secret);
}

static json_t *completed(const struct kad_event *event, const struct kad_request *request)
{
    const bool stores = event->done.kind == KAD_REQUEST_PUT || event->done.kind == KAD_REQUEST_ANNOUNCE;
    json_t *closest = json_array();

    for (size_t i = 0; i < event->done.n_closest; i++)
        json_array_append_new(closest, contact(&event->done.closest[i].contact));
    return json_pack("{s:I, s:s, s:o, s:s?, s:s, s:i, s:I, s:I, s:I, s:I, s:b, s:I, s:o, s:o}", "request",
                     (json_int_t)event->request, "kind", kad_news_kind(event->done.kind), "target",
                     request->kind == KAD_REQUEST_PING ? json_null() : kad_json_id(&request->target), "error",
                     event->done.error == KAD_OK ? NULL : kad_json_error_text(event->done.error), "reason",
                     kad_reason_text(event->done.reason), "hops", (int)event->done.hops, "queries",
                     (json_int_t)event->done.n_queries, "answers", (json_int_t)event->done.n_answers,
                     "timeouts", (json_int_t)event->done.n_timeouts, "duration_ms",
                     (json_int_t)event->done.duration_ms, "value", event->done.record ? 1 : 0, "peers",
                     (json_int_t)(event->done.kind == KAD_REQUEST_PEERS ? event->peers.n : 0), "stored",
                     stores ? json_integer(event->done.n_stored) : json_null(), "closest", closest);
}

void kad_news_request(struct kad_feed *feed, const struct kad_node *node, const struct kad_event *event,
                      const struct kad_request *request, bool secret)
{
    if (!kad_feed_wanted(feed))
        return;
    if (event->kind == KAD_EVENT_HOP) {
        json_t *hop = kad_json_hop(event);

        json_object_set_new(hop, "request", json_integer((json_int_t)event->request));
        say(feed, node, "lookup_hop", hop, secret);
    } else if (event->kind == KAD_EVENT_DONE) {
        say(feed, node, "lookup_completed", completed(event, request), secret);
    }
}

/* -- over time --------------------------------------------------------------------------------------------------- */

uint64_t kad_news_resident(void)
{
    char text[128];
    const int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    unsigned long long total, resident;

    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return 0;
    text[n] = 0;
    return sscanf(text, "%llu %llu", &total, &resident) == 2
               ? resident * (unsigned long long)sysconf(_SC_PAGESIZE)
               : 0;
}

static double sum(const uint64_t *counts, size_t n)
{
    uint64_t total = 0;

    for (size_t i = 0; i < n; i++)
        total += counts[i];
    return (double)total;
}

struct kad_history_reading kad_news_read(struct kad_node *node)
{
    const struct kad_counters *c = kad_engine_counters(kad_node_engine(node));
    struct kad_info info;

    kad_engine_info(kad_node_engine(node), &info);
    return (struct kad_history_reading){
        .at = kad_node_now(node),
        .values =
            {
                [KAD_HISTORY_RECEIVED_BYTES] = (double)c->bytes_in,
                [KAD_HISTORY_SENT_BYTES] = (double)c->bytes_out,
                [KAD_HISTORY_RECEIVED_DATAGRAMS] = sum(c->received, KAD_N_DROPS),
                [KAD_HISTORY_SENT_DATAGRAMS] = (double)c->datagrams_out,
                [KAD_HISTORY_QUERIES_IN] = sum(c->queries_in, KAD_METHODS),
                [KAD_HISTORY_QUERIES_OUT] = sum(c->queries_out, KAD_METHODS),
                [KAD_HISTORY_TIMEOUTS] = (double)c->timeouts,
                [KAD_HISTORY_LOOKUPS] = (double)c->requests,
                [KAD_HISTORY_STORED] = (double)(c->stored + c->announced),
                [KAD_HISTORY_CONTACTS_V4] = (double)info.n_contacts[0],
                [KAD_HISTORY_CONTACTS_V6] = (double)info.n_contacts[1],
                [KAD_HISTORY_RECORDS] = (double)info.n_records,
                [KAD_HISTORY_PEERS] = (double)info.n_peers,
                [KAD_HISTORY_MEMORY] = (double)info.memory,
                [KAD_HISTORY_RESIDENT] = (double)kad_news_resident(),
                [KAD_HISTORY_RTT] = (double)info.rtt_ms,
            },
    };
}

/* Rates with two decimals are plenty; gauges are whole numbers; a negative one is unknown. */
static json_t *value_of(const struct kad_history_sample *sample, unsigned series)
{
    const double value = sample->values[series];

    if (series < KAD_HISTORY_N_RATES)
        return json_real((double)(int64_t)(value * 100 + 0.5) / 100);
    return value < 0 ? json_null() : json_integer((json_int_t)value);
}

static json_t *history_json(const struct kad_history_ring *ring, kad_ms step_ms)
{
    json_t *series = json_object(), *instants = json_array();

    for (size_t i = 0; i < ring->n; i++)
        json_array_append_new(instants, json_integer(kad_history_at(ring, i)->at));
    json_object_set_new(series, "at_ms", instants);
    for (unsigned s = 0; s < KAD_HISTORY_N; s++) {
        json_t *values = json_array();

        for (size_t i = 0; i < ring->n; i++)
            json_array_append_new(values, value_of(kad_history_at(ring, i), s));
        json_object_set_new(series, kad_history_name(s), values);
    }
    return json_pack("{s:I, s:I, s:o}", "step_ms", (json_int_t)step_ms, "samples", (json_int_t)ring->n,
                     "series", series);
}

char *kad_news_history(const struct kad_history_ring *ring, kad_ms step_ms, struct kad_news_told *told)
{
    const kad_ms newest = ring->n ? kad_history_at(ring, ring->n - 1)->at : 0;

    if (!told->text || told->newest != newest) {
        json_t *json = history_json(ring, step_ms);

        kad_news_told_clear(told);
        told->text = json ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(12)) : NULL;
        told->newest = newest;
        json_decref(json);
    }
    return told->text ? strdup(told->text) : NULL;
}

void kad_news_told_clear(struct kad_news_told *told)
{
    free(told->text);
    *told = (struct kad_news_told){0};
}

json_t *kad_news_stats_json(struct kad_node *node, const struct kad_history *history)
{
    const struct kad_history_sample *last;
    struct kad_info info;
    json_t *object;

    if (history->seconds.n == 0)
        return NULL;
    last = kad_history_at(&history->seconds, history->seconds.n - 1);
    kad_engine_info(kad_node_engine(node), &info);
    object = json_pack("{s:b, s:i, s:i, s:I}", "ready", info.ready ? 1 : 0, "requests", (int)info.n_requests,
                       "queries", (int)info.n_queries, "at_ms", (json_int_t)last->at);
    for (unsigned s = 0; s < KAD_HISTORY_N; s++)
        json_object_set_new(object, kad_history_name(s), value_of(last, s));
    return object;
}

void kad_news_suspicious(struct kad_feed *feed, struct kad_node *node, struct kad_news_suspicion *last)
{
    static const enum kad_drop reasons[] = {
        KAD_DROP_ADDRESS_RATE, KAD_DROP_GROUP_RATE, KAD_DROP_GRAYLIST, KAD_DROP_MALFORMED, KAD_DROP_FORGED,
        KAD_DROP_REPLAYED,     KAD_DROP_LOADED,     KAD_DROP_REFUSED,  KAD_DROP_BANNED,
    };

    const struct kad_counters *counters = kad_engine_counters(kad_node_engine(node));

    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        const uint64_t n = counters->received[reasons[i]] - last->seen[reasons[i]];

        last->seen[reasons[i]] += n;
        if (n > 0 && last->begun && kad_feed_wanted(feed))
            say(feed, node, "suspicious",
                json_pack("{s:s, s:I}", "what", kad_drop_text(reasons[i]), "datagrams", (json_int_t)n),
                false);
    }
    last->begun = true;
}

void kad_news_regions(struct kad_feed *feed, struct kad_node *node, uint64_t *seen)
{
    const struct kad_regions *regions = kad_node_regions(node);
    const struct kad_region_change *change;

    while (regions && (change = kad_regions_news(regions, seen)))
        say(feed, node, kad_region_text(change->what), kad_json_region_change(change), false);
}

void kad_news_stats(struct kad_feed *feed, struct kad_node *node, const struct kad_history *history)
{
    if (kad_feed_wanted(feed))
        say(feed, node, "stats", kad_news_stats_json(node, history), false);
}
