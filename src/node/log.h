/*
 * log - lines of logfmt or JSON, for a program's kad_log_function.
 *
 *     time=2026-11-21T05:30:00.123Z level=info event=ready contacts=12
 *     {"time":"2026-11-21T05:30:00.123Z","level":"info","event":"ready","contacts":"12"}
 *
 * One write(2) per line, so lines of several threads do not mix. A value that does not fit the line (4 KiB) is cut.
 * An event that repeats is let through KAD_LOG_BURST times in each KAD_LOG_WINDOW_MS; the next line of that event after
 * the window says how many were not written: suppressed=N. Errors are never suppressed.
 */
#ifndef KAD_NODE_LOG_H
#define KAD_NODE_LOG_H

#include <uv.h>

#include "kad/node.h"
#include "node/config.h"

#define KAD_LOG_LINE      4096
#define KAD_LOG_EVENTS    64 /* events that are counted apart; more share */
#define KAD_LOG_BURST     20
#define KAD_LOG_WINDOW_MS (10 * KAD_SECOND)

struct kad_log_window {
    uint64_t event; /* hash of its name */
    kad_ms began_at;
    unsigned n_written, n_suppressed;
};

struct kad_log {
    int fd; /* lent */
    enum kad_log_level level;
    enum kad_log_format format;
    uv_mutex_t lock; /* of the windows */
    struct kad_log_window windows[KAD_LOG_EVENTS];
};

KAD_CHECK int kad_log_init(struct kad_log *log, int fd, enum kad_log_level level, enum kad_log_format format);
void kad_log_clear(struct kad_log *log);

/* A kad_log_function; `context` is the struct kad_log. Any thread. */
void kad_log_write(void *context, enum kad_log_level level, const char *event,
                   const struct kad_log_field *fields, size_t n_fields);

/* The line without the clock, newline included; returns its length, less than KAD_LOG_LINE. For tests. */
size_t kad_log_line(enum kad_log_format format, kad_ms now, enum kad_log_level level, const char *event,
                    const struct kad_log_field *fields, size_t n_fields, char out_line[KAD_LOG_LINE]);
/* Is a line of this event written at `now`? *out_suppressed: how many were not, to be told with it. */
bool kad_log_allow(struct kad_log *log, const char *event, kad_ms now, unsigned *out_suppressed);

#endif
