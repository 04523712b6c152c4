/* metrics_merge - what several nodes say becomes one text: Prometheus wants all values of a metric together. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "http/metrics.h"

static size_t line_size(const char *line)
{
    const size_t size = strcspn(line, "\n");

    return size + (line[size] == '\n');
}

static bool is_head(const char *line)
{
    return strncmp(line, "# HELP ", 7) == 0;
}

/* Past the metric that begins here: to where the next one does, or the end. */
static const char *next_metric(const char *at)
{
    do {
        at += line_size(at);
    } while (*at && !is_head(at));
    return at;
}

/* The metric of the name that `head` has, in another text; NULL: it has none. */
static const char *find(const char *text, const char *head)
{
    const size_t size = strcspn(head + 7, " ") + 1; /* with the space behind it */

    for (; *text; text = next_metric(text)) {
        if (strncmp(text, head, 7 + size) == 0)
            return text;
    }
    return NULL;
}

/* `name 1` or `name{method="ping"} 1` */
static void put_value(FILE *out, const char *line, const char *network)
{
    const size_t name = strcspn(line, "{ "), size = line_size(line);

    fwrite(line, 1, name, out);
    fprintf(out, "{network=\"%s\"", network);
    if (line[name] == '{') {
        fputc(',', out);
        fwrite(line + name + 1, 1, size - name - 1, out);
    } else {
        fputc('}', out);
        fwrite(line + name, 1, size - name, out);
    }
}

static void put_values(FILE *out, const char *metric, const char *network)
{
    const char *end = next_metric(metric);

    for (const char *line = metric; line < end; line += line_size(line)) {
        /* kademlia_build_info says it already. */
        if (*line != '#' && strstr(line, "network=\"") && strstr(line, "network=\"") < line + line_size(line))
            fwrite(line, 1, line_size(line), out);
        else if (*line != '#')
            put_value(out, line, network);
    }
}

static void put_head(FILE *out, const char *metric)
{
    for (; *metric == '#'; metric += line_size(metric))
        fwrite(metric, 1, line_size(metric), out);
}

/* All metrics of text number `own` that none before it has, with the values of those behind it. */
static void put_text(FILE *out, char **texts, const char *const *networks, size_t n, size_t own)
{
    for (const char *metric = texts[own]; *metric; metric = next_metric(metric)) {
        bool is_told = false;

        for (size_t i = 0; i < own && !is_told; i++)
            is_told = find(texts[i], metric) != NULL;
        if (is_told)
            continue;
        put_head(out, metric);
        for (size_t i = own; i < n; i++) {
            const char *other = i == own ? metric : find(texts[i], metric);

            if (other)
                put_values(out, other, networks[i]);
        }
    }
}

char *kad_metrics_merge(char **texts, const char *const *networks, size_t n)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    bool is_whole = out != NULL;

    for (size_t i = 0; i < n; i++)
        is_whole &= texts[i] != NULL;
    for (size_t i = 0; i < n && is_whole; i++)
        put_text(out, texts, networks, n, i);
    for (size_t i = 0; i < n; i++)
        free(texts[i]);
    if (out && fclose(out) != 0)
        is_whole = false;
    if (!is_whole) {
        free(text);
        return NULL;
    }
    return text;
}
