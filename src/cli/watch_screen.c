/* watch_screen - see watch_screen.h. */
#include "cli/watch_screen.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/print.h"

/* -- what is known ------------------------------------------------------------------------------------------------- */

void kad_watch_clear(struct kad_watch *watch)
{
    json_decref(watch->node);
    json_decref(watch->stats);
    *watch = (struct kad_watch){0};
}

void kad_watch_node(struct kad_watch *watch, json_t *node)
{
    if (!node)
        return;
    json_decref(watch->node);
    watch->node = node;
}

static double real(const json_t *object, const char *name)
{
    return json_number_value(json_object_get(object, name));
}

static void add_rate(struct kad_watch *watch)
{
    if (watch->n_rates == KAD_WATCH_GRAPH)
        memmove(watch->rates, watch->rates + 1, --watch->n_rates * sizeof watch->rates[0]);
    watch->rates[watch->n_rates++] =
        (float)(real(watch->stats, "received_bytes_per_s") + real(watch->stats, "sent_bytes_per_s"));
}

void kad_watch_event(struct kad_watch *watch, const char *when, const char *kind, const json_t *data)
{
    const bool is_lookup = strcmp(kind, "lookup_completed") == 0;
    struct kad_watch_list *list = is_lookup ? &watch->lookups : &watch->events;
    struct kad_watch_line *line = &list->lines[list->n % KAD_WATCH_LINES];
    char text[KAD_WATCH_LINE - 16];

    if (strcmp(kind, "stats") == 0) {
        json_decref(watch->stats);
        watch->stats = json_incref((json_t *)data);
        add_rate(watch);
        return;
    }
    if (strcmp(kind, "lookup_begun") == 0 || strcmp(kind, "lookup_hop") == 0)
        return; /* its end says as much, in one line */
    line->is_wrong = kad_watch_describe(kind, data, text, sizeof text);
    snprintf(line->text, sizeof line->text, "%.10s  %s", when, text);
    list->n++;
}

/* -- events in words ----------------------------------------------------------------------------------------------- */

static const char *contact(const json_t *data, const char *name, char text[80])
{
    const json_t *object = *name ? json_object_get(data, name) : data;

    snprintf(text, 80, "%.8s %s", kad_json_text(object, "id"), kad_json_text(object, "address"));
    return text;
}

static void describe_delta(const json_t *data, char *text, size_t room)
{
    const bool added = json_is_object(json_object_get(data, "added"));
    const bool removed = json_is_object(json_object_get(data, "removed"));
    char one[80], other[80];

    snprintf(text, room, "table      %s%s%s%s%s", added ? "+ " : "", added ? contact(data, "added", one) : "",
             added && removed ? ", " : "", removed ? "- " : "",
             removed ? contact(data, "removed", other) : "");
}

static bool describe_lookup(const json_t *data, char *text, size_t room)
{
    const char *error = json_string_value(json_object_get(data, "error"));
    const char *target = json_string_value(json_object_get(data, "target"));

    snprintf(text, room, "%-8s %.12s  %lld queries, %lld hops, %lld ms, %s%s%s", kad_json_text(data, "kind"),
             target ? target : kad_json_text(data, "address"), (long long)kad_json_number(data, "queries"),
             (long long)kad_json_number(data, "hops"), (long long)kad_json_number(data, "duration_ms"),
             kad_json_text(data, "reason"), error ? ": " : "", error ? error : "");
    return error != NULL;
}

static void describe_stats(const json_t *data, char *text, size_t room)
{
    snprintf(text, room,
             "stats      in %.0f B/s, out %.0f B/s, contacts %lld + %lld, %lld requests, %lld queries, %lld "
             "records",
             real(data, "received_bytes_per_s"), real(data, "sent_bytes_per_s"),
             (long long)kad_json_number(data, "contacts_ipv4"),
             (long long)kad_json_number(data, "contacts_ipv6"), (long long)kad_json_number(data, "requests"),
             (long long)kad_json_number(data, "queries"), (long long)kad_json_number(data, "records"));
}

/* Control characters are nobody's business here, and what is not ASCII has a width of its own. */
static void make_harmless(char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || (unsigned char)*text > 0x7e)
            *text = '.';
    }
}

bool kad_watch_describe(const char *kind, const json_t *data, char *out_text, size_t room)
{
    bool is_wrong = false;
    char one[80];

    if (strcmp(kind, "stats") == 0)
        describe_stats(data, out_text, room);
    else if (strcmp(kind, "lookup_completed") == 0)
        is_wrong = describe_lookup(data, out_text, room);
    else if (strcmp(kind, "routing_table_updated") == 0)
        describe_delta(data, out_text, room);
    else if (strcmp(kind, "node_discovered") == 0)
        snprintf(out_text, room, "discovered %s", contact(data, "", one));
    else if (strcmp(kind, "data_stored") == 0)
        snprintf(out_text, room, "stored     %s", kad_json_text(data, "key"));
    else if (strcmp(kind, "ready") == 0)
        snprintf(out_text, room, "ready      %lld contacts", (long long)kad_json_number(data, "contacts"));
    else if (strcmp(kind, "address") == 0 || strcmp(kind, "id") == 0)
        snprintf(out_text, room, "%-10s %s", kind, kad_json_text(data, kind));
    else if (strcmp(kind, "warning") == 0)
        snprintf(out_text, room, "warning    %s", kad_json_text(data, kind));
    else if (strncmp(kind, "region_", 7) == 0)
        snprintf(out_text, room, "region     %s %s (%lld contacts, unheard since %s)",
                 kad_json_text(data, "region"), kind + 7, (long long)kad_json_number(data, "contacts"),
                 kad_json_text(data, "since"));
    else if (strcmp(kind, "lookup_begun") == 0)
        snprintf(out_text, room, "begun      %s %.12s", kad_json_text(data, "kind"),
                 kad_json_text(data, "target"));
    else if (strcmp(kind, "lookup_hop") == 0)
        snprintf(out_text, room, "hop        %s %s", kad_json_text(data, "what"),
                 kad_json_text(data, "address"));
    else
        snprintf(out_text, room, "%s", kind);
    make_harmless(out_text);
    return is_wrong || strcmp(kind, "warning") == 0 || strcmp(kind, "region_silent") == 0;
}

/* -- the picture --------------------------------------------------------------------------------------------------- */

struct picture {
    FILE *out;
    unsigned rows, columns, n; /* n: lines drawn */
    bool colour;
};

/* The next line, cut to the screen, if there is room for one. */
static void put(struct picture *picture, enum kad_style style, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void put(struct picture *picture, enum kad_style style, const char *format, ...)
{
    char text[512];
    va_list list;

    if (picture->n == picture->rows)
        return;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    make_harmless(text);
    fprintf(picture->out, "%s%s%.*s%s", picture->n++ ? "\n" : "", kad_style(picture->colour, style),
            (int)picture->columns, text, style == KAD_PLAIN ? "" : kad_style_end(picture->colour));
}

static const char *size_text(double bytes, char text[24])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t i = 0;

    for (; bytes >= 1024 && i < 4; i++)
        bytes /= 1024;
    snprintf(text, 24, "%.*f %s", i > 0 && bytes < 100, bytes, units[i]);
    return text;
}

static const char *age_text(int64_t seconds, char text[32])
{
    if (seconds < 60)
        snprintf(text, 32, "%lld s", (long long)seconds);
    else if (seconds < 3600)
        snprintf(text, 32, "%lld min", (long long)seconds / 60);
    else
        snprintf(text, 32, "%lld h %lld min", (long long)seconds / 3600, (long long)seconds / 60 % 60);
    return text;
}

static void put_head(struct picture *picture, const struct kad_watch *watch)
{
    const json_t *node = watch->node, *stats = watch->stats;
    const bool ready = stats ? kad_json_number(stats, "ready") > 0 : kad_json_number(node, "ready") > 0;
    const char *name = json_string_value(json_object_get(node, "name"));
    char age[32];

    if (!watch->connected)
        put(picture, KAD_RED, "kad watch   %s; trying again", watch->note ? watch->note : "no node answers");
    else
        put(picture, ready ? KAD_GREEN : KAD_YELLOW, "kad watch   %s%s%s, up %s", name ? name : "",
            name && *name ? ", " : "", ready ? "joined" : "joining",
            age_text(kad_json_number(node, "uptime"), age));
    put(picture, KAD_PLAIN, "node        %s  version %s", kad_json_text(node, "node_id"),
        kad_json_text(node, "version"));
}

static void put_stats(struct picture *picture, const struct kad_watch *watch)
{
    const json_t *stats = watch->stats, *sizes = json_object_get(watch->node, "network_size");
    char in[24], out[24], memory[24], resident[24], v4[KAD_NUMBER_TEXT], v6[KAD_NUMBER_TEXT];

    put(picture, KAD_PLAIN, "traffic     in %s/s (%.0f datagrams), out %s/s (%.0f)",
        size_text(real(stats, "received_bytes_per_s"), in), real(stats, "received_datagrams_per_s"),
        size_text(real(stats, "sent_bytes_per_s"), out), real(stats, "sent_datagrams_per_s"));
    put(picture, KAD_PLAIN, "table       %s IPv4, %s IPv6 contacts",
        kad_json_count(stats, "contacts_ipv4", v4), kad_json_count(stats, "contacts_ipv6", v6));
    put(picture, KAD_PLAIN, "queries     in %.1f/s, out %.1f/s, %.1f timeouts/s; %lld waiting for an answer",
        real(stats, "queries_in_per_s"), real(stats, "queries_out_per_s"), real(stats, "timeouts_per_s"),
        (long long)real(stats, "queries"));
    put(picture, KAD_PLAIN, "requests    %.1f/s, %lld under way", real(stats, "lookups_per_s"),
        (long long)real(stats, "requests"));
    put(picture, KAD_PLAIN, "holds       %s values, %s peers; %.1f stored/s",
        kad_json_count(stats, "records", v4), kad_json_count(stats, "peers", v6),
        real(stats, "stored_per_s"));
    put(picture, KAD_PLAIN, "memory      %s in engine and store, %s resident",
        size_text(real(stats, "memory_bytes"), memory), size_text(real(stats, "resident_bytes"), resident));
    put(picture, KAD_PLAIN, "round trip  %s", kad_json_ms(stats, "rtt_ms", v4));
    put(picture, KAD_PLAIN, "network     %s IPv4, %s IPv6 nodes (estimated)",
        kad_json_count(sizes, "ipv4", v4), kad_json_count(sizes, "ipv6", v6));
}

/* One line: a column for each second, in eight steps that every font has. */
static void put_graph(struct picture *picture, const struct kad_watch *watch)
{
    static const char steps[] = "_.:-=+*#";
    const size_t room = picture->columns > 13 ? picture->columns - 12 : 0;
    const size_t n = watch->n_rates < room ? watch->n_rates : room;
    char text[KAD_WATCH_GRAPH + 1];
    float most = 1;

    for (size_t i = watch->n_rates - n; i < watch->n_rates; i++)
        most = watch->rates[i] > most ? watch->rates[i] : most;
    for (size_t i = 0; i < n; i++)
        text[i] = steps[(size_t)(watch->rates[watch->n_rates - n + i] / most * 7)];
    text[n] = 0;
    put(picture, KAD_CYAN, "per second  %s", text);
}

static void put_list(struct picture *picture, const char *title, const struct kad_watch_list *list,
                     unsigned rows)
{
    const uint64_t kept = list->n < KAD_WATCH_LINES ? list->n : KAD_WATCH_LINES;
    const uint64_t n = kept < rows ? kept : rows;

    put(picture, KAD_BOLD, "%s", title);
    for (uint64_t i = 1; i <= n; i++) {
        const struct kad_watch_line *line = &list->lines[(list->n - i) % KAD_WATCH_LINES];

        put(picture, line->is_wrong ? KAD_YELLOW : KAD_PLAIN, "%s", line->text);
    }
    if (kept == 0 && rows > 0)
        put(picture, KAD_DIM, "none yet");
}

static void put_lists(struct picture *picture, const struct kad_watch *watch)
{
    const unsigned left = picture->rows - picture->n;
    unsigned lookups = (unsigned)(watch->lookups.n < 64 ? watch->lookups.n : 64);

    if (left < 4)
        return;
    lookups = lookups > 0 ? lookups : 1;
    lookups = lookups < (left - 2) / 2 ? lookups : (left - 2) / 2;
    put_list(picture, "Lookups", &watch->lookups, lookups);
    put_list(picture, "Events", &watch->events, left - lookups - 2);
}

char *kad_watch_draw(const struct kad_watch *watch, unsigned rows, unsigned columns, bool colour)
{
    struct picture picture = {.rows = rows, .columns = columns, .colour = colour};
    const bool has_help = rows > 3; /* the last line */
    char *text = NULL;
    size_t size;

    picture.out = open_memstream(&text, &size);
    if (!picture.out)
        return NULL;
    picture.rows -= has_help;
    put_head(&picture, watch);
    put_stats(&picture, watch);
    put_graph(&picture, watch);
    put_lists(&picture, watch);
    while (has_help && picture.n < picture.rows)
        put(&picture, KAD_PLAIN, "%s", "");
    picture.rows += has_help;
    if (has_help)
        put(&picture, KAD_DIM, "q quits");
    if (fclose(picture.out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
