#include "node/log.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"

static const char *const level_names[] = {"error", "warn", "info", "debug", "trace"};

int kad_log_init(struct kad_log *log, int fd, enum kad_log_level level, enum kad_log_format format)
{
    *log = (struct kad_log){.fd = fd, .level = level, .format = format};
    return uv_mutex_init(&log->lock) < 0 ? KAD_E_SYSTEM : KAD_OK;
}

void kad_log_clear(struct kad_log *log)
{
    uv_mutex_destroy(&log->lock);
}

/* -- a line ----------------------------------------------------------------------------------------------------- */

/* Room is kept for what ends the line. */
#define TAIL 8

struct line {
    char *text;
    size_t n;
    bool full;
};

static void put(struct line *line, const char *text, size_t size)
{
    if (line->full || line->n + size + TAIL > KAD_LOG_LINE) {
        line->full = true;
        return;
    }
    memcpy(line->text + line->n, text, size);
    line->n += size;
}

static void put_text(struct line *line, const char *text)
{
    put(line, text, strlen(text));
}

/* How long the UTF-8 sequence at `at` is; 0: it is none (RFC 3629: shortest form, no surrogates, at most U+10FFFF). */
static size_t sequence(const unsigned char *at)
{
    const unsigned char second_least = at[0] == 0xe0 ? 0xa0 : at[0] == 0xf0 ? 0x90 : 0x80;
    const unsigned char second_most = at[0] == 0xed ? 0x9f : at[0] == 0xf4 ? 0x8f : 0xbf;
    const size_t size = at[0] < 0x80   ? 1
                        : at[0] < 0xc2 ? 0
                        : at[0] < 0xe0 ? 2
                        : at[0] < 0xf0 ? 3
                        : at[0] < 0xf5 ? 4
                                       : 0;

    if (size < 2)
        return size;
    if (at[1] < second_least || at[1] > second_most)
        return 0;
    for (size_t i = 2; i < size; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    }
    return size;
}

/* The text inside quotes, the same way in both formats: JSON's escapes. */
static void put_escaped(struct line *line, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;

    while (*at && !line->full) {
        const size_t size = sequence(at);
        char escape[8];

        if (size == 0) {
            put_text(line, "\\ufffd");
            at++;
            continue;
        }
        if (*at == '"' || *at == '\\') {
            put(line, (const char[]){'\\', (char)*at}, 2);
        } else if (*at < ' ' || *at == 0x7f) {
            snprintf(escape, sizeof(escape), "\\u%04x", *at);
            put_text(line, escape);
        } else {
            put(line, (const char *)at, size);
        }
        at += size;
    }
}

static bool plain(const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        if (*at <= ' ' || *at >= 0x7f || *at == '=' || *at == '"' || *at == '\\')
            return false;
    }
    return *text != '\0';
}

/* A field stands in the line whole or not at all, but for the end of its value; quotes are closed. */
static void put_field(struct line *line, enum kad_log_format format, const char *name, const char *value)
{
    const bool json = format == KAD_LOG_JSON;
    const size_t before = line->n;

    if (line->full)
        return;
    if (before > (json ? 1u : 0u))
        put_text(line, json ? "," : " ");
    if (json)
        put_text(line, "\"");
    put_text(line, name);
    put_text(line, json ? "\":\"" : "=");
    if (!json && plain(value)) {
        put_text(line, value);
        if (line->full)
            line->n = before;
        return;
    }
    if (!json)
        put_text(line, "\"");
    if (line->full) {
        line->n = before;
        return;
    }
    put_escaped(line, value);
    line->text[line->n++] = '"';
}

static void format_time(kad_ms now, char out_text[32])
{
    const time_t seconds = (time_t)(now / 1000);
    struct tm at;

    gmtime_r(&seconds, &at);
    strftime(out_text, 32, "%Y-%m-%dT%H:%M:%S", &at);
    snprintf(out_text + strlen(out_text), 8, ".%03dZ", (int)(now % 1000));
}

size_t kad_log_line(enum kad_log_format format, kad_ms now, enum kad_log_level level, const char *event,
                    const struct kad_log_field *fields, size_t n_fields, char out_line[KAD_LOG_LINE])
{
    struct line line = {.text = out_line};
    char at[32];

    format_time(now, at);
    if (format == KAD_LOG_JSON)
        put_text(&line, "{");
    put_field(&line, format, "time", at);
    put_field(&line, format, "level", level_names[level]);
    put_field(&line, format, "event", event);
    for (size_t i = 0; i < n_fields; i++)
        put_field(&line, format, fields[i].name, fields[i].value);
    if (format == KAD_LOG_JSON)
        out_line[line.n++] = '}';
    out_line[line.n++] = '\n';
    out_line[line.n] = '\0';
    return line.n;
}

/* -- repeats ---------------------------------------------------------------------------------------------------- */

bool kad_log_allow(struct kad_log *log, const char *event, kad_ms now, unsigned *out_suppressed)
{
    const uint64_t hash = kad_hash(0, event, strlen(event)) | 1;
    struct kad_log_window *window = &log->windows[hash / 2 % KAD_LOG_EVENTS];

    *out_suppressed = 0;
    for (size_t i = 0; i < KAD_LOG_EVENTS; i++) {
        struct kad_log_window *other = &log->windows[(hash / 2 + i) % KAD_LOG_EVENTS];

        if (other->event == hash || other->event == 0) {
            window = other;
            break;
        }
    }
    if (window->event == 0)
        *window = (struct kad_log_window){.event = hash, .began_at = now};
    if (now - window->began_at >= KAD_LOG_WINDOW_MS) {
        *out_suppressed = window->n_suppressed;
        window->began_at = now;
        window->n_written = window->n_suppressed = 0;
    }
    if (window->n_written == KAD_LOG_BURST) {
        window->n_suppressed++;
        return false;
    }
    window->n_written++;
    return true;
}

static kad_ms wall_clock(void)
{
    struct timespec at = {0};

    clock_gettime(CLOCK_REALTIME, &at);
    return (kad_ms)at.tv_sec * 1000 + at.tv_nsec / 1000000;
}

#define FIELDS_MAX 32

void kad_log_write(void *context, enum kad_log_level level, const char *event,
                   const struct kad_log_field *fields, size_t n_fields)
{
    struct kad_log *log = context;
    struct kad_log_field all[FIELDS_MAX];
    const kad_ms now = wall_clock();
    char line[KAD_LOG_LINE], count[16];
    unsigned suppressed = 0;
    bool allowed;
    size_t n = n_fields < FIELDS_MAX - 1 ? n_fields : FIELDS_MAX - 1, size;
    ssize_t written;

    if (level > log->level)
        return;
    uv_mutex_lock(&log->lock);
    allowed = kad_log_allow(log, event, now, &suppressed) || level == KAD_LOG_ERROR;
    uv_mutex_unlock(&log->lock);
    if (!allowed)
        return;
    if (n)
        memcpy(all, fields, n * sizeof(*all));
    if (suppressed) {
        snprintf(count, sizeof(count), "%u", suppressed);
        all[n++] = (struct kad_log_field){"suppressed", count};
    }
    size = kad_log_line(log->format, now, level, event, all, n, line);
    written = write(log->fd, line, size); /* whom should it be told, if the log cannot be written? */
    (void)written;
}
