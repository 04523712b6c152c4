/* kad watch: a node as it lives, on a terminal; events line by line everywhere else. */
#include "cli/commands.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/types.h"
#include "cli/ask.h"
#include "cli/event_stream.h"
#include "cli/http_client.h"
#include "cli/print.h"
#include "cli/terminal.h"
#include "cli/watch_screen.h"

#define AGAIN_MS     500 /* after which a node that went is looked for again */
#define LOOK_MS      (10 * KAD_SECOND)
#define LOOK_TIMEOUT KAD_SECOND
#define NO_TERMINAL  -1

struct watching {
    struct kad_cli *cli;
    char socket[4200];
    struct kad_event_stream stream;
    char network[40]; /* the one looked at, once it is known */
    bool is_one_of_several;
    struct kad_watch watch;
    struct kad_terminal terminal;
    bool draws, told; /* told: that it went; not again until it is back */
    kad_ms since;     /* without a node */
    kad_ms again_at, look_at;
    int code;          /* an exit code, once `ends` */
    bool ends, is_new; /* is_new: there is something to draw */
};

static kad_ms clock_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (kad_ms)now.tv_sec * KAD_SECOND + now.tv_nsec / 1000000;
}

static void end(struct watching *watching, int code)
{
    watching->ends = true;
    watching->code = code;
}

/* -- lines --------------------------------------------------------------------------------------------------------- */

/* Who reads may have gone, which is how `| head` ends: nothing went wrong. */
static void flush(struct watching *watching)
{
    if (fflush(stdout) == 0)
        return;
    end(watching, errno == EPIPE ? KAD_EXIT_DONE : KAD_EXIT_INTERNAL);
    __fpurge(stdout); /* or the program's last flush would fail, too */
}

/* The network that was named; NULL: none was. */
static const char *asked(const struct watching *watching)
{
    const struct kad_list *list = &watching->cli->options.network;

    return list->n ? list->items[0] : NULL;
}

static void print_line(struct watching *watching, const char *kind, const json_t *data)
{
    const time_t now = time(NULL);
    char when[16], text[512];
    struct tm local;

    if (watching->cli->options.json) {
        char *json = json_dumps(data, JSON_COMPACT | JSON_REAL_PRECISION(12) | JSON_ENCODE_ANY);

        printf("{\"event\":\"%s\",\"data\":%s}\n", kind, json ? json : "null");
        free(json);
    } else {
        strftime(when, sizeof when, "%H:%M:%S", localtime_r(&now, &local));
        kad_watch_describe(kind, data, text, sizeof text);
        printf("%s  %s%s%s\n", when, text, watching->is_one_of_several ? "  of " : "",
               watching->is_one_of_several ? kad_json_text(data, "network") : "");
    }
    flush(watching);
}

static void on_event(struct watching *watching, const char *kind, const json_t *data)
{
    const time_t now = time(NULL);
    struct tm local;
    char when[16];

    if (!watching->draws) {
        print_line(watching, kind, data);
        return;
    }
    if (watching->is_one_of_several && strcmp(kad_json_text(data, "network"), watching->network) != 0)
        return; /* the screen is one network's */
    strftime(when, sizeof when, "%H:%M:%S", localtime_r(&now, &local));
    kad_watch_event(&watching->watch, when, kind, data);
    watching->is_new = true;
}

/* -- the node ------------------------------------------------------------------------------------------------------ */

/* What no event says. */
static json_t *look(struct watching *watching)
{
    const char *network = asked(watching);
    char path[80];
    struct kad_http_exchange exchange = {
        .socket = watching->socket, .method = "GET", .path = path, .timeout_ms = LOOK_TIMEOUT};
    json_t *answer = NULL;

    snprintf(path, sizeof path, "/api/node%s%.40s", network ? "?network=" : "", network ? network : "");

    watching->look_at = clock_now() + LOOK_MS;
    if (kad_http_exchange(&exchange) == KAD_OK && exchange.reply.status == 200)
        answer = json_loadb((const char *)exchange.reply.body.data, exchange.reply.body.size, 0, NULL);
    free(exchange.received);
    if (answer) {
        snprintf(watching->network, sizeof watching->network, "%s", kad_json_text(answer, "network"));
        watching->is_one_of_several = json_array_size(json_object_get(answer, "networks")) > 1;
    }
    return answer;
}

static int say_nobody(struct watching *watching, const char *error, const char *why)
{
    char reason[4400];

    snprintf(reason, sizeof reason, "%s: %s", watching->socket, why);
    return kad_cli_fail(watching->cli, KAD_EXIT_NO_ANSWER, error, reason);
}

static void went(struct watching *watching, const char *why)
{
    const kad_ms now = clock_now();

    kad_event_stream_close(&watching->stream);
    watching->again_at = now + AGAIN_MS;
    watching->watch.connected = false;
    watching->watch.note = why;
    watching->is_new = true;
    if (watching->told)
        return;
    watching->told = true;
    watching->since = now;
    if (watching->draws)
        return;
    if (watching->cli->options.json)
        print_line(watching, "disconnected", json_null());
    else
        fprintf(stderr, "kad: %s; trying again\n", why);
}

static void came(struct watching *watching)
{
    json_t *node = look(watching);

    watching->told = false;
    watching->watch.connected = true;
    watching->is_new = true;
    if (!watching->draws && watching->cli->options.json && node)
        print_line(watching, "connected", node);
    kad_watch_node(&watching->watch, node);
}

static void try_again(struct watching *watching)
{
    const struct kad_number *timeout = &watching->cli->options.timeout;

    if (kad_event_stream_open(&watching->stream, watching->socket, asked(watching)) == KAD_OK) {
        came(watching);
        return;
    }
    if (timeout->given && clock_now() - watching->since >= timeout->value)
        end(watching, NO_TERMINAL); /* said when the screen is given back */
    else
        went(watching, "no node answers");
}

static void read_events(struct watching *watching)
{
    int error = kad_event_stream_read(&watching->stream);
    struct kad_stream_event event;

    while (!watching->ends && kad_event_stream_next(&watching->stream, &event)) {
        json_t *data = json_loads(event.data, JSON_DECODE_ANY, NULL);

        if (data)
            on_event(watching, event.kind, data);
        json_decref(data);
    }
    if (error == KAD_E_INVALID && watching->stream.status == 503)
        went(watching, "the node takes no more listeners (api_max_streams), or stops");
    else if (error != KAD_OK)
        went(watching, "the node has gone");
}

/* -- the loop ------------------------------------------------------------------------------------------------------ */

static void take_signals(struct watching *watching)
{
    int signal;

    while ((signal = kad_terminal_signal(&watching->terminal)) != 0) {
        watching->is_new = true;
        if (signal != SIGWINCH && signal != SIGCONT && signal != SIGTSTP)
            end(watching, KAD_EXIT_DONE);
    }
}

static void draw(struct watching *watching)
{
    const struct kad_terminal *terminal = &watching->terminal;
    char *picture =
        kad_watch_draw(&watching->watch, terminal->rows, terminal->columns, watching->cli->colour);

    watching->is_new = false;
    if (picture && kad_terminal_draw(terminal, picture, strlen(picture)) != KAD_OK)
        end(watching, KAD_EXIT_DONE);
    free(picture);
}

static int wait_ms(const struct watching *watching)
{
    const kad_ms at = watching->stream.fd < 0 ? watching->again_at : watching->look_at;

    return (int)kad_ms_max(0, at - clock_now());
}

static void turn(struct watching *watching)
{
    enum { STREAM, SIGNALS, KEYS, OUTPUT };
    struct pollfd ready[] = {
        [STREAM] = {.fd = watching->stream.fd, .events = POLLIN},
        [SIGNALS] = {.fd = watching->draws ? watching->terminal.signals : -1, .events = POLLIN},
        [KEYS] = {.fd = watching->draws && isatty(STDIN_FILENO) ? STDIN_FILENO : -1, .events = POLLIN},
        [OUTPUT] = {.fd = STDOUT_FILENO}, /* its reader's end */
    };

    if (watching->draws && watching->is_new)
        draw(watching);
    if (poll(ready, 4, wait_ms(watching)) < 0 && errno != EINTR) {
        end(watching, KAD_EXIT_INTERNAL);
        return;
    }
    if (ready[OUTPUT].revents & (POLLERR | POLLHUP | POLLNVAL))
        end(watching, KAD_EXIT_DONE);
    if (ready[SIGNALS].revents)
        take_signals(watching);
    if (ready[KEYS].revents) {
        const int key = kad_terminal_key();

        if (key < 0 || key == 'q' || key == 'Q')
            end(watching, KAD_EXIT_DONE);
    }
    if (ready[STREAM].revents)
        read_events(watching);
    if (watching->stream.fd < 0 && clock_now() >= watching->again_at)
        try_again(watching);
    else if (watching->stream.fd >= 0 && watching->draws && clock_now() >= watching->look_at)
        kad_watch_node(&watching->watch, look(watching));
    else if (clock_now() >= watching->look_at)
        watching->look_at = clock_now() + LOOK_MS;
}

static int first_look(struct watching *watching)
{
    const int error = kad_event_stream_open(&watching->stream, watching->socket, asked(watching));

    if (error == KAD_OK)
        return KAD_EXIT_DONE;
    return say_nobody(watching, "no node answers",
                      errno == EACCES ? "permission denied"
                                      : "nobody there; start one with `kad node`, or name one with --node");
}

static int watch(struct watching *watching)
{
    int code = first_look(watching);

    if (code != KAD_EXIT_DONE)
        return code;
    watching->draws = isatty(STDOUT_FILENO) && !watching->cli->options.json;
    if (watching->draws && kad_terminal_enter(&watching->terminal) != KAD_OK)
        return kad_cli_fail(watching->cli, KAD_EXIT_INTERNAL, "no terminal", strerror(errno));
    if (!watching->draws)
        signal(SIGPIPE, SIG_IGN); /* its reader's end is no accident */
    came(watching);
    while (!watching->ends)
        turn(watching);
    if (watching->draws)
        kad_terminal_leave(&watching->terminal);
    if (watching->code == NO_TERMINAL)
        return say_nobody(watching, "no node answers", "it went, and did not come back in time (--timeout)");
    return watching->code;
}

static int run_watch(struct kad_cli *cli)
{
    struct watching *watching;
    int code;

    if (cli->options.standalone)
        return kad_cli_usage(cli, "watch looks at a running node, not at one of its own");
    watching = calloc(1, sizeof *watching);
    if (!watching)
        return kad_cli_fail(cli, KAD_EXIT_INTERNAL, kad_error_text(KAD_E_MEMORY), NULL);
    watching->cli = cli;
    watching->stream.fd = watching->terminal.signals = -1;
    kad_ask_socket(cli, watching->socket, sizeof watching->socket);
    code = watch(watching);
    kad_event_stream_close(&watching->stream);
    kad_watch_clear(&watching->watch);
    free(watching);
    return code;
}

const struct kad_command kad_command_watch = {
    .name = "watch",
    .arguments = "",
    .summary = "the node as it lives: traffic, table, lookups, events",
    .details =
        "On a terminal the picture is drawn anew each second and with every event; q or Ctrl-C ends it. "
        "Otherwise each\n"
        "event is a line, with --json an object {\"event\", \"data\"} as in the API's /events. A node that "
        "goes is waited\n"
        "for, with --timeout for so long.",
    .run = run_watch,
};
