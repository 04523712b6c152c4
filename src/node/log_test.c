#include "base/test.h"
#include "node/log.h"

#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "crypto/rng.h"

#define AT 1700000000123 /* 2023-11-14T22:13:20.123Z */

static const char *line_of(enum kad_log_format format, const char *value)
{
    static char line[KAD_LOG_LINE];
    const struct kad_log_field fields[] = {{"peer", "127.0.0.1:6881"}, {"why", value}};
    const size_t n = kad_log_line(format, AT, KAD_LOG_WARN, "lost", fields, 2, line);

    EXPECT_EQ(strlen(line), n);
    return line;
}

TEST(a_line_of_logfmt)
{
    EXPECT_STR(line_of(KAD_LOG_LOGFMT, "timeout"),
               "time=2023-11-14T22:13:20.123Z level=warn event=lost peer=127.0.0.1:6881 why=timeout\n");
    EXPECT_STR(line_of(KAD_LOG_LOGFMT, "no \"answer\"\n"),
               "time=2023-11-14T22:13:20.123Z level=warn event=lost peer=127.0.0.1:6881 "
               "why=\"no \\\"answer\\\"\\u000a\"\n");
    EXPECT(strstr(line_of(KAD_LOG_LOGFMT, ""), "why=\"\"\n"));
    EXPECT(strstr(line_of(KAD_LOG_LOGFMT, "a=b"), "why=\"a=b\"\n"));
    EXPECT(strstr(line_of(KAD_LOG_LOGFMT, "caf\xc3\xa9"), "why=\"caf\xc3\xa9\"\n"));
    EXPECT(strstr(line_of(KAD_LOG_LOGFMT, "\xc3("), "why=\"\\ufffd(\"\n"));
}

TEST(a_line_of_json)
{
    EXPECT_STR(line_of(KAD_LOG_JSON, "timeout"),
               "{\"time\":\"2023-11-14T22:13:20.123Z\",\"level\":\"warn\",\"event\":\"lost\","
               "\"peer\":\"127.0.0.1:6881\",\"why\":\"timeout\"}\n");
}

/* Strangers choose bytes that end up in values: whatever they are, a line stays one line, and one object. */
TEST(whatever_the_value_a_line_is_one_json_object)
{
    struct kad_rng rng;

    kad_rng_init(&rng, (const uint8_t[32]){7});
    for (int round = 0; round < 3000; round++) {
        char value[6000];
        const size_t size = kad_rng_below(&rng, round % 10 == 0 ? sizeof(value) - 1 : 40);
        const char *line;
        json_error_t error;
        json_t *object;

        for (size_t i = 0; i < size; i++)
            value[i] = (char)(1 + kad_rng_below(&rng, 255));
        value[size] = '\0';
        line = line_of(KAD_LOG_JSON, value);
        EXPECT(strchr(line, '\n') == line + strlen(line) - 1);
        object = json_loads(line, JSON_REJECT_DUPLICATES, &error);
        EXPECT_MSG(object != NULL, "round %d: %s: %s", round, error.text, line);
        EXPECT(json_is_string(json_object_get(object, "why")));
        json_decref(object);
        line = line_of(KAD_LOG_LOGFMT, value);
        EXPECT(strchr(line, '\n') == line + strlen(line) - 1);
    }
}

TEST(a_long_value_is_cut_and_its_quotes_closed)
{
    char value[2 * KAD_LOG_LINE];
    const char *line;

    memset(value, 'x', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    value[3] = ' ';
    line = line_of(KAD_LOG_LOGFMT, value);
    EXPECT(strlen(line) < KAD_LOG_LINE);
    EXPECT_STR(line + strlen(line) - 3, "x\"\n");
    line = line_of(KAD_LOG_JSON, value);
    EXPECT(strlen(line) < KAD_LOG_LINE);
    EXPECT_STR(line + strlen(line) - 4, "x\"}\n");
}

/* A flood of one event must not fill the disk, nor hide the others, and what is left out is owned up to. */
TEST(repeats_are_counted_instead_of_written)
{
    struct kad_log log;
    unsigned suppressed, n_written = 0;

    EXPECT_EQ(kad_log_init(&log, -1, KAD_LOG_TRACE, KAD_LOG_LOGFMT), 0);
    for (int i = 0; i < 1000; i++)
        n_written += kad_log_allow(&log, "flood", AT, &suppressed);
    EXPECT_EQ(n_written, KAD_LOG_BURST);
    EXPECT(kad_log_allow(&log, "other", AT, &suppressed));
    EXPECT_EQ(suppressed, 0);
    EXPECT(!kad_log_allow(&log, "flood", AT + KAD_LOG_WINDOW_MS - 1, &suppressed));
    EXPECT(kad_log_allow(&log, "flood", AT + KAD_LOG_WINDOW_MS, &suppressed));
    EXPECT_EQ(suppressed, 1001 - KAD_LOG_BURST);
    EXPECT(kad_log_allow(&log, "flood", AT + KAD_LOG_WINDOW_MS, &suppressed));
    EXPECT_EQ(suppressed, 0);
    kad_log_clear(&log);
}

/* More events than are kept apart share a window: no crash, and still bounded. */
TEST(many_events_share_what_there_is)
{
    struct kad_log log;
    unsigned suppressed, n_written = 0;

    EXPECT_EQ(kad_log_init(&log, -1, KAD_LOG_TRACE, KAD_LOG_LOGFMT), 0);
    for (int i = 0; i < 100000; i++) {
        char event[16];

        snprintf(event, sizeof(event), "event-%d", i % 1000);
        n_written += kad_log_allow(&log, event, AT, &suppressed);
    }
    EXPECT(n_written <= KAD_LOG_EVENTS * KAD_LOG_BURST);
    EXPECT(n_written >= KAD_LOG_BURST);
    kad_log_clear(&log);
}

TEST(levels_are_respected_and_errors_always_written)
{
    struct kad_log log;
    char text[65536];
    int ends[2];
    ssize_t n;
    int n_lines = 0;

    EXPECT_EQ(pipe(ends), 0);
    EXPECT_EQ(kad_log_init(&log, ends[1], KAD_LOG_INFO, KAD_LOG_LOGFMT), 0);
    kad_log_write(&log, KAD_LOG_DEBUG, "quiet", NULL, 0);
    kad_log_write(&log, KAD_LOG_INFO, "loud", NULL, 0);
    for (int i = 0; i < KAD_LOG_BURST + 5; i++)
        kad_log_write(&log, KAD_LOG_ERROR, "fire", NULL, 0);
    close(ends[1]);
    n = read(ends[0], text, sizeof(text) - 1);
    close(ends[0]);
    EXPECT(n > 0);
    text[n] = '\0';
    EXPECT(!strstr(text, "quiet"));
    EXPECT(strstr(text, "level=info event=loud\n"));
    for (const char *at = text; (at = strstr(at, "event=fire")); at++)
        n_lines++;
    EXPECT_EQ(n_lines, KAD_LOG_BURST + 5);
    kad_log_clear(&log);
}
