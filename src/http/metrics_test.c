/* What Prometheus' parser insists on, checked line by line over our own text. */
#include "http/metrics.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/test.h"

static char *text_of(const struct kad_info *info, const struct kad_counters *counters)
{
    static const struct kad_measures measures = {.request_ms = {.counts = {1, 0, 2, [14] = 1}, .sum = 40009},
                                                 .gets = 5,
                                                 .gets_cached = 2,
                                                 .lookups_same = 4,
                                                 .lookups_near = 1};
    char *text = kad_metrics_text(info, counters, &measures, "mainline", 1500);

    EXPECT(text != NULL);
    return text;
}

/* Every name has its HELP and TYPE right before its samples, once; counters end in _total and nothing else does. */
TEST(the_format_holds)
{
    const struct kad_info info = {.n_contacts = {7, 0}, .rtt_ms = 20, .patience_ms = 1500};
    const struct kad_counters counters = {.timeouts = 3};
    char *text = text_of(&info, &counters), *save, name[100] = "", type[20] = "", seen[20000] = " ";
    unsigned n_samples = 0;

    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char word[100], key[104];

        if (sscanf(line, "# HELP %99s", word) == 1) {
            snprintf(key, sizeof key, " %s ", word);
            EXPECT_MSG(!strstr(seen, key), "%s twice", word);
            strcat(seen, key);
            strcpy(name, word);
            continue;
        }
        if (sscanf(line, "# TYPE %99s %19s", word, type) == 2) {
            EXPECT_STR(word, name);
            EXPECT_MSG((strcmp(type, "counter") == 0) ==
                           (strlen(name) > 6 && strcmp(name + strlen(name) - 6, "_total") == 0),
                       "%s is a %s", name, type);
            continue;
        }
        n_samples++;
        EXPECT_MSG(strncmp(line, "kademlia_", 9) == 0, "%s", line);
        EXPECT_MSG(strncmp(line, name, strlen(name)) == 0 &&
                       strchr(strcmp(type, "histogram") == 0 ? "_" : "{ ", line[strlen(name)]),
                   "%s under %s", line, name);
        EXPECT_MSG(strrchr(line, ' ') && isdigit((unsigned char)strrchr(line, ' ')[1]), "%s", line);
    }
    EXPECT(n_samples > 50);
    free(text);
}

TEST(values_stand_where_readers_look)
{
    struct kad_info info = {.n_contacts = {7, 2}, .rtt_ms = -1, .ready = true};
    struct kad_counters counters = {.timeouts = 3, .published = 4};
    char *text;

    counters.received[KAD_DROP_MALFORMED] = 12;
    counters.queries_in[0] = 5;
    text = text_of(&info, &counters);
    EXPECT(strstr(text, "\nkademlia_routing_table_size{family=\"ipv4\"} 7\n"));
    EXPECT(strstr(text, "\nkademlia_routing_table_size{family=\"ipv6\"} 2\n"));
    EXPECT(strstr(text, "\nkademlia_dht_query_timeouts_total 3\n"));
    EXPECT(strstr(text, "\nkademlia_provider_records_published_total 4\n"));
    EXPECT(strstr(text, "\nkademlia_datagrams_dropped_total{reason=\"malformed\"} 12\n"));
    EXPECT(strstr(text, "\nkademlia_queries_received_total{method=\"ping\"} 5\n"));
    EXPECT(strstr(text, "\nkademlia_ready 1\n"));
    EXPECT(strstr(text, "\nkademlia_uptime_seconds 1.5\n"));
    EXPECT(strstr(text, "\nkademlia_lookup_duration_seconds_bucket{le=\"0.001\"} 1\n"));
    EXPECT(strstr(text, "\nkademlia_lookup_duration_seconds_bucket{le=\"0.005\"} 3\n"));
    EXPECT(strstr(text, "\nkademlia_lookup_duration_seconds_bucket{le=\"30\"} 3\n"));
    EXPECT(strstr(text, "\nkademlia_lookup_duration_seconds_bucket{le=\"+Inf\"} 4\n"));
    EXPECT(strstr(text, "\nkademlia_lookup_duration_seconds_count 4\n"));
    EXPECT(strstr(text, "\nkademlia_lookup_duration_seconds_sum 40.009"));
    EXPECT(strstr(text, "\nkademlia_gets_total{from=\"network\"} 3\n"));
    EXPECT(strstr(text, "\nkademlia_gets_total{from=\"cache\"} 2\n")); /* P133 */
    EXPECT(strstr(text, "\nkademlia_lookups_seeded_total{target=\"same\"} 4\n"));
    EXPECT(strstr(text, "\nkademlia_lookups_seeded_total{target=\"near\"} 1\n")); /* P059, P058 */
    EXPECT(!strstr(text, "kademlia_rtt_seconds")); /* unknown: absent, not zero */
    free(text);
}

/* All values of a metric stand together, whoever has it; who says more than the first is told behind it. */
TEST(several_nodes_metrics_are_one_text)
{
    static const char *const networks[] = {"mainline", "kad"};
    char *texts[] = {strdup("# HELP a_b Things.\n# TYPE a_b gauge\na_b 1\n# HELP a Other.\n# TYPE a counter\n"
                            "a{method=\"ping\"} 2\na{method=\"get\"} 3\n"),
                     strdup("# HELP a Other.\n# TYPE a counter\na{method=\"ping\"} 4\n"
                            "# HELP info x\n# TYPE info gauge\ninfo{version=\"1\",network=\"kad\"} 1\n")};
    char *text = kad_metrics_merge(texts, networks, 2);

    EXPECT_STR(text, "# HELP a_b Things.\n# TYPE a_b gauge\na_b{network=\"mainline\"} 1\n"
                     "# HELP a Other.\n# TYPE a counter\na{network=\"mainline\",method=\"ping\"} 2\n"
                     "a{network=\"mainline\",method=\"get\"} 3\na{network=\"kad\",method=\"ping\"} 4\n"
                     "# HELP info x\n# TYPE info gauge\ninfo{version=\"1\",network=\"kad\"} 1\n");
    free(text);
}
