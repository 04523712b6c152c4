/* kad replay: runs a recording again and says whether it comes out the same (docs/replay.md). */
#include "cli/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/endpoint.h"
#include "base/text.h"
#include "cli/print.h"
#include "engine/replay.h"
#include "http/json.h"

static const struct kad_option replay_options[] = {
    KAD_FLAG("trace", trace, "show every input and event as a line of logfmt"),
    KAD_NUMBER("until", until, "MS", 0, INT64_MAX / 4, "stop that long after the recording's beginning"),
    KAD_OPTIONS_END,
};

#define REASONS 8
#define KINDS   8

struct replaying {
    struct kad_cli *cli;
    struct kad_replay *replay;
    struct kad_bytes file;
    uint64_t ends[REASONS], requests[KINDS];
    uint64_t n_events;
    enum kad_replay_verdict verdict;
};

static const char *request_text(enum kad_request_kind kind)
{
    static const char *const texts[KINDS] = {"ping",     "closest", "find", "peers",
                                             "announce", "get",     "put",  "sample"};

    return (unsigned)kind < KINDS ? texts[kind] : "unknown";
}

static const char *hop_text(enum kad_hop_what what)
{
    static const char *const texts[] = {"asked", "answered", "late", "failed", "refused", "stored"};

    return (size_t)what < sizeof texts / sizeof texts[0] ? texts[what] : "unknown";
}

/* -- lines -------------------------------------------------------------------------------------------------------- */

static char *short_id(const struct kad_id *id, char text[2 * KAD_ID_SIZE + 1])
{
    kad_hex(id->bytes, KAD_ID_SIZE, text);
    text[40] = '\0';
    return text;
}

static void trace_input(const struct replaying *replaying, const struct kad_journal_item *item)
{
    char address[KAD_ENDPOINT_TEXT], id[2 * KAD_ID_SIZE + 1];

    if (item->kind == KAD_JOURNAL_TICK || item->kind == KAD_JOURNAL_EVENTS)
        return; /* time passes: what comes of it is shown */
    printf("at=%" PRId64 " in=\"%s\"", item->now - kad_replay_head(replaying->replay)->at,
           kad_journal_kind_text(item->kind));
    switch ((enum kad_journal_kind)item->kind) {
    case KAD_JOURNAL_DATAGRAM:
        printf(" from=%s bytes=%zu", kad_endpoint_format(&item->endpoint, address), item->bytes.size);
        break;
    case KAD_JOURNAL_UNREACHABLE:
    case KAD_JOURNAL_BOOTSTRAP:
        printf(" address=%s", kad_endpoint_format(&item->endpoint, address));
        break;
    case KAD_JOURNAL_REQUEST:
        printf(" what=%s target=%s", request_text(item->request.kind), short_id(&item->request.target, id));
        break;
    case KAD_JOURNAL_CONTACT:
        printf(" id=%s address=%s", short_id(&item->contact.id, id),
               kad_endpoint_format(&item->contact.endpoint, address));
        break;
    case KAD_JOURNAL_CANCEL:
        printf(" request=%" PRIu64, item->number);
        break;
    case KAD_JOURNAL_WITHDRAW:
        printf(" key=%s", short_id(&item->key, id));
        break;
    case KAD_JOURNAL_CHECK:
    case KAD_JOURNAL_END:
        printf(" state=%016" PRIx64 " sent=%016" PRIx64, item->state, item->sent);
        break;
    default:
        break;
    }
    putchar('\n');
}

static void trace_event(const struct replaying *replaying, const struct kad_event *event, kad_ms now)
{
    char address[KAD_ENDPOINT_TEXT], id[2 * KAD_ID_SIZE + 1];

    printf("at=%" PRId64, now - kad_replay_head(replaying->replay)->at);
    switch (event->kind) {
    case KAD_EVENT_DONE:
        printf(" event=done request=%" PRIu64
               " what=%s target=%s error=\"%s\" reason=\"%s\" hops=%u queries=%u "
               "answers=%u timeouts=%u duration_ms=%" PRId64 "\n",
               event->request, request_text(event->done.kind), short_id(&event->done.target, id),
               kad_error_text(event->done.error), kad_reason_text(event->done.reason), event->done.hops,
               event->done.n_queries, event->done.n_answers, event->done.n_timeouts, event->done.duration_ms);
        break;
    case KAD_EVENT_HOP:
        printf(" event=hop request=%" PRIu64 " hop=%u address=%s prefix=%u what=%s\n", event->request,
               event->hop.hop, kad_endpoint_format(&event->contact.endpoint, address), event->hop.prefix,
               hop_text(event->hop.what));
        break;
    case KAD_EVENT_PEERS:
        printf(" event=peers request=%" PRIu64 " n=%zu\n", event->request, event->peers.n);
        break;
    case KAD_EVENT_NODE:
        printf(" event=node id=%s address=%s\n", short_id(&event->contact.id, id),
               kad_endpoint_format(&event->contact.endpoint, address));
        break;
    case KAD_EVENT_TABLE: {
        const struct kad_contact *contact = event->table.added ? &event->contact : &event->table.gone;

        printf(" event=%s id=%s address=%s\n", event->table.added ? "contact_added" : "contact_removed",
               short_id(&contact->id, id), kad_endpoint_format(&contact->endpoint, address));
        break;
    }
    case KAD_EVENT_STORED:
        printf(" event=stored key=%s\n", short_id(&event->key, id));
        break;
    case KAD_EVENT_READY:
        printf(" event=ready\n");
        break;
    case KAD_EVENT_ADDRESS:
        printf(" event=outside_address address=%s\n", kad_endpoint_format(&event->contact.endpoint, address));
        break;
    case KAD_EVENT_ID:
        printf(" event=new_id id=%s\n", short_id(&event->contact.id, id));
        break;
    case KAD_EVENT_WARNING:
        printf(" event=warning what=\"%s\"\n", kad_warning_text(event->warning));
        break;
    }
}

static void on_event(void *context, const struct kad_event *event, kad_ms now)
{
    struct replaying *replaying = context;

    replaying->n_events++;
    if (event->kind == KAD_EVENT_DONE && (unsigned)event->done.reason < REASONS)
        replaying->ends[event->done.reason]++;
    if (replaying->cli->options.trace && !replaying->cli->options.json)
        trace_event(replaying, event, now);
}

/* -- what it came to ---------------------------------------------------------------------------------------------- */

static json_t *summary(const struct replaying *replaying)
{
    const struct kad_replay_stats *stats = kad_replay_stats(replaying->replay);
    const struct kad_journal_head *head = kad_replay_head(replaying->replay);
    struct kad_engine *engine = kad_replay_engine(replaying->replay);
    json_t *listen = json_array(), *inputs = json_object(), *ends = json_object(), *asked = json_object();
    char address[KAD_ENDPOINT_TEXT], name[32];
    struct kad_info info;

    kad_engine_info(engine, &info);
    for (size_t i = 0; i < head->n_listen; i++)
        json_array_append_new(listen, json_string(kad_endpoint_format(&head->listen[i], address)));
    for (unsigned i = 1; i < KAD_JOURNAL_N_KINDS; i++) {
        snprintf(name, sizeof name, "%s", kad_journal_kind_text(i));
        if (strchr(name, ' '))
            *strchr(name, ' ') = '_';
        json_object_set_new(inputs, name, json_integer((json_int_t)stats->n_inputs[i]));
    }
    for (unsigned i = 1; i < REASONS; i++) {
        if (replaying->ends[i])
            json_object_set_new(ends, kad_reason_text((enum kad_reason)i),
                                json_integer((json_int_t)replaying->ends[i]));
    }
    for (unsigned i = 0; i < KINDS; i++) {
        if (replaying->requests[i])
            json_object_set_new(asked, request_text((enum kad_request_kind)i),
                                json_integer((json_int_t)replaying->requests[i]));
    }
    return json_pack("{s:b, s:s, s:s, s:s, s:s, s:I, s:I, s:o, s:o, s:o, s:o, s:I, s:I, s:o, s:i, s:i, s:I}",
                     "same", replaying->verdict == KAD_REPLAY_END, "verdict",
                     kad_replay_verdict_text(replaying->verdict), "where", kad_replay_why(replaying->replay),
                     "version", head->version, "network", head->network, "began_ms", (json_int_t)head->at,
                     "duration_ms", (json_int_t)(stats->now - head->at), "listen", listen, "inputs", inputs,
                     "requests", asked, "ends", ends, "sent", (json_int_t)stats->n_sent, "events",
                     (json_int_t)replaying->n_events, "id", kad_json_id(&info.id), "contacts_v4",
                     (int)info.n_contacts[0], "contacts_v6", (int)info.n_contacts[1], "timeouts",
                     (json_int_t)kad_engine_counters(engine)->timeouts);
}

static void show_counts(const struct kad_cli *cli, const char *name, const json_t *counts)
{
    char line[256] = "";
    const char *what;
    json_t *n;

    json_object_foreach((json_t *)(uintptr_t)counts, what, n)
    {
        const size_t at = strlen(line);

        snprintf(line + at, sizeof line - at, "%s%lld %s", at ? ", " : "", (long long)json_integer_value(n),
                 what);
    }
    if (line[0])
        kad_print_pair(cli, name, "%s", line);
}

static void show_summary(const struct replaying *replaying, const json_t *answer)
{
    const struct kad_cli *cli = replaying->cli;
    const json_t *inputs = json_object_get(answer, "inputs");
    const time_t began = (time_t)(kad_json_number(answer, "began_ms") / 1000);
    const bool fine = replaying->verdict != KAD_REPLAY_CORRUPT && replaying->verdict != KAD_REPLAY_DIVERGED;
    char when[40];
    struct tm utc;

    gmtime_r(&began, &utc);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc);
    kad_print_pair(cli, "recorded", "%s, %.1f s, by kad %s", when,
                   (double)kad_json_number(answer, "duration_ms") / 1000, kad_json_text(answer, "version"));
    kad_print_pair(cli, "node", "%s", kad_json_text(answer, "id"));
    kad_print_pair(cli, "datagrams", "%lld in, %lld out", (long long)kad_json_number(inputs, "datagram"),
                   (long long)kad_json_number(answer, "sent"));
    show_counts(cli, "requests", json_object_get(answer, "requests"));
    show_counts(cli, "ended", json_object_get(answer, "ends"));
    kad_print_pair(cli, "contacts", "%lld IPv4, %lld IPv6", (long long)kad_json_number(answer, "contacts_v4"),
                   (long long)kad_json_number(answer, "contacts_v6"));
    kad_print_pair(cli, "checkpoints", "%lld",
                   (long long)(kad_json_number(inputs, "checkpoint") + kad_json_number(inputs, "end")));
    kad_print_pair(cli, "came out", "%s%s%s", kad_style(cli->colour, fine ? KAD_GREEN : KAD_RED),
                   kad_json_text(answer, "verdict"), kad_style_end(cli->colour));
    if (kad_replay_why(replaying->replay)[0])
        kad_print_pair(cli, "where", "%s", kad_replay_why(replaying->replay));
}

/* -- running ------------------------------------------------------------------------------------------------------ */

static void run_through(struct replaying *replaying)
{
    const struct kad_options *options = &replaying->cli->options;
    const struct kad_journal_item *item = NULL;

    do {
        replaying->verdict = kad_replay_step(replaying->replay, &item);
        if (!item)
            continue;
        if (item->kind == KAD_JOURNAL_REQUEST && (unsigned)item->request.kind < KINDS)
            replaying->requests[item->request.kind]++;
        if (options->trace && !options->json)
            trace_input(replaying, item);
        if (options->until.given &&
            item->now - kad_replay_head(replaying->replay)->at >= options->until.value)
            return;
        item = NULL;
    } while (replaying->verdict == KAD_REPLAY_MORE);
}

static int conclude(struct replaying *replaying)
{
    json_t *answer = summary(replaying);

    if (!answer)
        return kad_cli_fail(replaying->cli, KAD_EXIT_INTERNAL, kad_error_text(KAD_E_MEMORY), NULL);
    if (replaying->cli->options.json) {
        json_dumpf(answer, stdout, 0);
        putchar('\n');
    } else {
        show_summary(replaying, answer);
    }
    json_decref(answer);
    switch (replaying->verdict) {
    case KAD_REPLAY_DIVERGED:
        return KAD_EXIT_NOT_FOUND;
    case KAD_REPLAY_CORRUPT:
        return KAD_EXIT_REFUSED;
    default:
        return KAD_EXIT_DONE;
    }
}

static int run_file(struct replaying *replaying, const char *path)
{
    const struct kad_replay_config config = {
        .file = replaying->file, .on_event = on_event, .context = replaying};
    char why[256];
    int code;

    if (kad_replay_open(&config, &replaying->replay, why, sizeof why) != KAD_OK)
        return kad_cli_fail(replaying->cli, KAD_EXIT_REFUSED, path, why);
    run_through(replaying);
    code = conclude(replaying);
    kad_replay_free(replaying->replay);
    return code;
}

static int run_replay(struct kad_cli *cli)
{
    struct replaying replaying = {.cli = cli};
    const char *path = cli->arguments[0];
    struct stat status;
    int code, fd = open(path, O_RDONLY | O_CLOEXEC);
    void *bytes;

    if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode)) {
        code = kad_cli_fail(cli, KAD_EXIT_USAGE, path, fd < 0 ? strerror(errno) : "not a file");
        if (fd >= 0)
            close(fd);
        return code;
    }
    bytes = status.st_size ? mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    close(fd);
    if (bytes == MAP_FAILED)
        return kad_cli_fail(cli, KAD_EXIT_INTERNAL, path, strerror(errno));
    replaying.file = (struct kad_bytes){bytes, (size_t)status.st_size};
    code = run_file(&replaying, path);
    if (bytes)
        munmap(bytes, (size_t)status.st_size);
    return code;
}

const struct kad_command kad_command_replay = {
    .name = "replay",
    .arguments = "FILE",
    .summary = "run a recording again and say whether it comes out the same",
    .details = "FILE was made by kad record or kad node --record. A fresh engine gets the same inputs at the "
               "same\n"
               "instants; at every checkpoint its state and all that it would have sent are compared with "
               "what was.\n"
               "Nothing is sent. Exit status 0: the same, as far as the file goes; 1: different; 4: the file "
               "is damaged.",
    .options = replay_options,
    .n_least = 1,
    .n_most = 1,
    .offline = true,
    .run = run_replay,
};
