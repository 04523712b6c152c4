/* docs/configuration.md is made from the table of keys:  KAD_WRITE_DOCS=1 build/dev/tests/node-config_test document */
#include "base/test.h"
#include "node/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/rng.h"
#include "node/config_keys.h"

static struct kad_config config; /* 12 KiB */

static const char *read_text(const char *text)
{
    static char why[KAD_CONFIG_WHY];

    kad_config_default(kad_network_mainline(), &config);
    if (kad_config_text(&config, "kad.conf", text, why) == 0 && kad_config_check(&config, why) == 0)
        return "";
    return why;
}

TEST(the_defaults_are_valid_and_those_of_the_network)
{
    struct kad_settings settings;
    char why[KAD_CONFIG_WHY];

    kad_config_default(kad_network_mainline(), &config);
    kad_settings_default(kad_network_mainline(), &settings);
    EXPECT_EQ(kad_config_check(&config, why), 0);
    EXPECT_MEM(&config.settings, &settings, sizeof(settings));
    EXPECT_EQ(config.n_listen, 2);
    EXPECT_EQ(config.n_bootstrap, 0); /* nobody is contacted unasked */
}

/* Every field of the engine's settings can be set: each has one key, of its own type and place. */
TEST(every_setting_has_its_key)
{
    bool covered[sizeof(struct kad_settings)] = {false};
    size_t n_covered = 0;

    for (size_t i = 0; i < kad_n_keys; i++) {
        const struct kad_key *key = &kad_keys[i];
        const size_t at = key->offset - offsetof(struct kad_config, settings);
        const size_t size = key->kind == KAD_KEY_COUNT || key->kind == KAD_KEY_CHOICE ? sizeof(unsigned)
                            : key->kind == KAD_KEY_DURATION                           ? sizeof(kad_ms)
                            : key->kind == KAD_KEY_FLAG                               ? sizeof(bool)
                                                        : sizeof(config.settings.version);
        int64_t least, most;

        EXPECT(kad_key_find(key->name) == key);
        if (key->offset < offsetof(struct kad_config, settings) || at >= sizeof(struct kad_settings))
            continue;
        if (key->kind == KAD_KEY_COUNT || key->kind == KAD_KEY_DURATION)
            EXPECT_MSG(kad_settings_range(key->name, &least, &most), "%s has no range", key->name);
        for (size_t j = at; j < at + size; j++) {
            EXPECT_MSG(!covered[j], "%s overlaps another", key->name);
            covered[j] = true;
            n_covered++;
        }
    }
    /* What is left is padding: less than a word before each duration and at the end. */
    EXPECT(n_covered >= sizeof(struct kad_settings) - 24);
}

TEST(a_file_sets_what_it_names)
{
    EXPECT_STR(read_text("# a comment\n"
                         "[node]\n"
                         "listen = 127.0.0.1:4000\n"
                         "listen = [::1]:4000\n"
                         "bootstrap = router.example.org:6881\n"
                         "name = a node ; and a comment\n"
                         "read_only = yes\n"
                         "\n"
                         "[lookup]\n"
                         "  alpha = 5\n"
                         "query_timeout_ms = 2500\n"
                         "[store]\n"
                         "store = memory\n"
                         "store_max_bytes = 64M\n"
                         "[log]\n"
                         "log_level = debug\n"),
               "");
    EXPECT_EQ(config.n_listen, 2);
    EXPECT_EQ(config.listen[1].family, KAD_IPV6);
    EXPECT_EQ(config.listen[1].port, 4000);
    EXPECT_EQ(config.n_bootstrap, 1);
    EXPECT_STR(config.name, "a node");
    EXPECT(config.settings.read_only);
    EXPECT_EQ(config.settings.alpha, 5);
    EXPECT_EQ(config.settings.query_timeout_ms, 2500);
    EXPECT_EQ(config.store, KAD_STORE_MEMORY);
    EXPECT_EQ(config.store_max_bytes, 64 << 20);
    EXPECT_EQ(config.log_level, KAD_LOG_DEBUG);
}

TEST(durations_take_units)
{
    static const struct {
        const char *text;
        kad_ms value;
    } cases[] = {{"1500", 1500},  {"1500ms", 1500}, {"90s", 90000},  {"90 s", 90000},
                 {"15m", 900000}, {"2h", 7200000},  {"1d", 86400000}};

    for (size_t i = 0; i < KAD_COUNT_OF(cases); i++) {
        char text[64];

        snprintf(text, sizeof(text), "record_ttl_ms = %s\n", cases[i].text);
        EXPECT_STR(read_text(text), "");
        EXPECT_EQ(config.settings.record_ttl_ms, cases[i].value);
    }
}

/* The names other Kademlias use for the same things. */
TEST(known_other_names_are_understood)
{
    EXPECT_STR(
        read_text(
            "k = 16\nalpha = 4\nrecord_ttl = 24h\nrefresh_interval = 10m\nbootstrap_nodes = a.example:1\n"),
        "");
    EXPECT_EQ(config.settings.k, 16);
    EXPECT_EQ(config.settings.alpha, 4);
    EXPECT_EQ(config.settings.record_ttl_ms, 24 * KAD_HOUR);
    EXPECT_EQ(config.settings.refresh_after_ms, 10 * KAD_MINUTE);
    EXPECT_STR(config.bootstrap[0], "a.example:1");
}

/* P023, P067: an interface stands for what it has. */
/* P065: network.dht.KEY, wherever a key may be named; and only for what is a network's. */
TEST(a_key_may_be_named_with_its_path_P065)
{
    char why[KAD_CONFIG_WHY];

    kad_config_default(kad_network_mainline(), &config);
    EXPECT_EQ(kad_config_text(&config, "kad.conf", "[network.dht]\nalpha = 7\nnetwork.dht.k = 9\n", why), 0);
    EXPECT_EQ(config.settings.alpha, 7);
    EXPECT_EQ(config.settings.k, 9);
    EXPECT_EQ(kad_config_set(&config, "network.dht.refresh-after", "20m", why), 0);
    EXPECT_EQ(config.settings.refresh_after_ms, 20 * KAD_MINUTE);
    EXPECT(kad_key_find("network.dht.api") == NULL);
    EXPECT(kad_key_find("network.dht.") == NULL);
    EXPECT_EQ(kad_config_text(&config, "kad.conf", "[network.dht]\ndata_dir = /tmp\n", why), KAD_E_INVALID);
}

TEST(interfaces_may_be_named)
{
    EXPECT_STR(read_text("listen = lo:4000\n"), "");
    EXPECT(config.n_listen >= 1);
    EXPECT_EQ(config.listen[0].port, 4000);
    EXPECT_EQ(config.listen[0].address[0], 127);
    EXPECT(strstr(read_text("listen = nowhere7:4000\n"), "is not an address and port"));
}

/* U24 to U31: what Ulixee's options are called here. */
TEST(options_of_ulixee_are_understood)
{
    struct kad_node_config node;

    EXPECT_STR(read_text("cloud_type = private\nkad_enabled = no\nnetwork_identity = me.key\nkad_db_path = "
                         ":memory:\nstore = memory\n"
                         "kad_bootstrap_peers = a.example:1\n"),
               "");
    kad_config_node(&config, &node);
    EXPECT(node.settings.read_only && node.disabled && !node.data_dir && node.n_bootstrap == 0);
    EXPECT_STR(node.identity, "me.key");
    EXPECT_STR(
        read_text(
            "node_type = public\nbootstrap = a.example:1, b.example:2\nbootstrap_peers = 2\nmin_peers = 6\n"),
        "");
    kad_config_node(&config, &node);
    EXPECT(!node.settings.read_only && !node.disabled && node.n_bootstrap == 2);
    EXPECT(node.settings.reserved_bootstraps == 2 && node.settings.min_contacts == 6); /* seed 002's */
    EXPECT(strstr(read_text("node_type = open\n"), "kad.conf:1: node_type: "));
}

/* Who mistypes must be told where, and what would be right. */
TEST(each_mistake_is_named_by_file_and_line)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"\n\nalpha = 0\n", "kad.conf:3: alpha: 0 is not between 1 and 64"},
        {"alpha = 65", "kad.conf:1: alpha: 65 is not between 1 and 64"},
        {"alpha = -1\n", "kad.conf:1: alpha: -1 is not between 1 and 64"},
        {"alpha = 99999999999999999999999999\n",
         "kad.conf:1: alpha: \"99999999999999999999999999\" is not a whole number"},
        {"alpha = 9223372036854775807\n", "kad.conf:1: alpha: \"9223372036854775807\" is not a whole number"},
        {"alpha =\n", "kad.conf:1: alpha: \"\" is not a whole number"},
        {"alpha = three\n", "kad.conf:1: alpha: \"three\" is not a whole number"},
        {"alpha = 3s\n", "kad.conf:1: alpha: \"3s\" is not a whole number"},
        {"[lookup]\nalhpa = 3\n", "kad.conf:2: alhpa: no such key; did you mean alpha?"},
        {"bootstrp = a:1\n", "kad.conf:1: bootstrp: no such key; did you mean bootstrap?"},
        {"colour_of_the_bikeshed = red\n", "kad.conf:1: colour_of_the_bikeshed: no such key"},
        {"[table]\nalpha = 3\n", "kad.conf:2: alpha: belongs to section [lookup], not [table]"},
        {"alpha = 3\nalpha = 3\n", "kad.conf:2: alpha: is set twice"},
        {"[lookup\nalpha = 3\n", "kad.conf:1: neither [section] nor key = value"},
        {"alpha 3\n", "kad.conf:1: neither [section] nor key = value"},
        {"record_ttl = 5x\n",
         "kad.conf:1: record_ttl_ms: \"5x\" is not a duration such as 500ms, 30s, 15m, 2h or 7d"},
        {"record_ttl = 1ms\n", "kad.conf:1: record_ttl_ms: 1ms is not between 1s and 365d"},
        {"record_ttl = 9223372036854775807d\n", "kad.conf:1: record_ttl_ms: \"9223372036854775807d\" is not "
                                                "a duration such as 500ms, 30s, 15m, 2h or 7d"},
        {"store_max_bytes = 1X\n",
         "kad.conf:1: store_max_bytes: \"1X\" is not a size such as 4096, 64K, 256M or 2G"},
        {"read_only = maybe\n", "kad.conf:1: read_only: \"maybe\" is neither yes nor no"},
        {"log_level = loud\n", "kad.conf:1: log_level: \"loud\" is none of error, warn, info, debug, trace"},
        {"store = sqlite\n", "kad.conf:1: store: \"sqlite\" is none of memory, lmdb"},
        {"network = gnutella\n",
         "kad.conf:1: network: \"gnutella\" is no network; there is: mainline, kad, kad-ws, libp2p"},
        {"listen = somewhere\n",
         "kad.conf:1: listen: \"somewhere\" is not an address and port such as 0.0.0.0:6881 or "
         "[::]:6881"},
        {"listen = 1.2.3.4:5\nlisten = 1.2.3.4:5\n", "kad.conf:2: listen: 1.2.3.4:5 is there twice"},
        {"bootstrap = no_port\n", "kad.conf:1: bootstrap: \"no_port\" is neither host:port nor `public`"},
        {"version = KD\n", "kad.conf:1: version: \"KD\" is neither 8 hex digits nor `none`"},
        {"data_dir = \x01\n", "kad.conf:1: data_dir: control characters and semicolons cannot be part of it"},
        {"patience_min_ms = 2s\n", "patience_min_ms: is more than patience_max_ms"},
        {"limit_addresses = 100\n", "limit_addresses: is neither a power of two from 16 on nor 0"},
        {"limit_addresses = 8\n", "limit_addresses: is neither a power of two from 16 on nor 0"},
        {"data_dir = none\n", "store: lmdb needs a data_dir"},
    };

    for (size_t i = 0; i < KAD_COUNT_OF(cases); i++)
        EXPECT_STR(read_text(cases[i].text), cases[i].why);
}

TEST(a_long_line_is_refused_whole)
{
    char text[600] = "alpha = 4\nname = ";

    memset(text + strlen(text), 'n', 300);
    EXPECT_STR(read_text(text), "kad.conf:2: a line of more than 198 characters");
}

TEST(lists_end_somewhere)
{
    char text[4000] = "", why[KAD_CONFIG_WHY];

    for (int i = 0; i <= KAD_NODE_BOOTSTRAP_MAX; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "bootstrap = h%d.example:1\n", i);
    EXPECT_STR(read_text(text), "kad.conf:65: bootstrap: more than 64 nodes");
    text[0] = '\0';
    for (int i = 1; i <= KAD_NODE_LISTEN_MAX + 1; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "listen = 127.0.0.%d:1\n", i);
    EXPECT_STR(read_text(text), "kad.conf:9: listen: more than 8 addresses");
    EXPECT_EQ(kad_config_set(&config, "listen", "127.0.0.1:1", why), 0); /* and a flag begins anew */
    EXPECT_EQ(config.n_listen, 1);
}

/* A flag goes over the file; two flags make a list. */
TEST(flags_go_over_the_file)
{
    char why[KAD_CONFIG_WHY];

    EXPECT_STR(read_text("bootstrap = a.example:1\nbootstrap = b.example:1\nalpha = 4\n"), "");
    EXPECT_EQ(kad_config_set(&config, "alpha", "7", why), 0);
    EXPECT_EQ(kad_config_set(&config, "alpha", "8", why), 0);
    EXPECT_EQ(kad_config_set(&config, "bootstrap", "c.example:1", why), 0);
    EXPECT_EQ(kad_config_set(&config, "bootstrap", "d.example:1", why), 0);
    EXPECT_EQ(kad_config_set(&config, "log-level", "trace", why), 0);
    EXPECT_EQ(config.settings.alpha, 8);
    EXPECT_EQ(config.n_bootstrap, 2);
    EXPECT_STR(config.bootstrap[0], "c.example:1");
    EXPECT_EQ(config.log_level, KAD_LOG_TRACE);
    EXPECT_EQ(kad_config_set(&config, "alpha", "0", why), KAD_E_INVALID);
    EXPECT_STR(why, "alpha: 0 is not between 1 and 64");
    EXPECT_EQ(kad_config_set(&config, "alpa", "3", why), KAD_E_INVALID);
    EXPECT_STR(why, "alpa: no such key; did you mean alpha?");
    EXPECT_EQ(config.settings.alpha, 8);
}

TEST(public_means_the_public_hosts)
{
    struct kad_node_config node;

    EXPECT_STR(read_text("bootstrap = 10.0.0.1:6881\nbootstrap = public\ndata_dir = /tmp\n"), "");
    kad_config_node(&config, &node);
    EXPECT_EQ(node.n_bootstrap, 5);
    EXPECT_STR(node.bootstrap[0], "10.0.0.1:6881");
    EXPECT_STR(node.bootstrap[1], "router.bittorrent.com:6881");
    EXPECT_STR(node.data_dir, "/tmp");
    EXPECT_EQ(node.n_listen, 2);
    EXPECT_STR(read_text("data_dir = none\nstore = memory\n"), "");
    kad_config_node(&config, &node);
    EXPECT_EQ(node.n_bootstrap, 0);
    EXPECT(node.data_dir == NULL);
}

TEST(a_file_that_is_not_there_is_named)
{
    char why[KAD_CONFIG_WHY];

    kad_config_default(kad_network_mainline(), &config);
    EXPECT_EQ(kad_config_file(&config, "/nonexistent/kad.conf", why), KAD_E_SYSTEM);
    EXPECT_STR(why, "cannot read /nonexistent/kad.conf: No such file or directory");
}

TEST(a_real_file_reads_as_its_text)
{
    char path[] = "/tmp/kad-config-XXXXXX", why[KAD_CONFIG_WHY];
    const int fd = mkstemp(path);
    static const char text[] = "[lookup]\nalpha = 9\nk = 0\n";

    EXPECT(fd >= 0);
    EXPECT_EQ(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
    close(fd);
    kad_config_default(kad_network_mainline(), &config);
    EXPECT_EQ(kad_config_file(&config, path, why), KAD_E_INVALID);
    unlink(path);
    EXPECT(strstr(why, ":3: k: 0 is not between 1 and 64") != NULL);
    EXPECT_EQ(config.settings.alpha, 9);
}

/* A random value of the key's kind, as text. */
static void any_value(struct kad_rng *rng, const struct kad_key *key, char out_text[KAD_VALUE_TEXT])
{
    static const char *const texts[] = {"a",     "/some/where",  "x = y",   "10%",
                                        "[odd]", "# no comment", "\xc3\xa9"};
    int64_t least, most;
    unsigned n_words = 0;

    switch (key->kind) {
    case KAD_KEY_COUNT:
    case KAD_KEY_DURATION:
    case KAD_KEY_SIZE:
        kad_key_range(key, &least, &most);
        if (kad_rng_below(rng, 3) == 0) /* often an end */
            most = least;
        snprintf(out_text, KAD_VALUE_TEXT, "%lld",
                 (long long)(least + (int64_t)(kad_rng_u64(rng) % (uint64_t)(most - least + 1))));
        return;
    case KAD_KEY_FLAG:
        strcpy(out_text, kad_rng_below(rng, 2) ? "yes" : "no");
        return;
    case KAD_KEY_TEXT:
        strcpy(out_text, texts[kad_rng_below(rng, KAD_COUNT_OF(texts))]);
        return;
    case KAD_KEY_CHOICE:
        while (key->words[n_words])
            n_words++;
        strcpy(out_text, key->words[kad_rng_below(rng, n_words)]);
        return;
    case KAD_KEY_NETWORK:
        strcpy(out_text, "mainline");
        return;
    case KAD_KEY_LISTEN:
        snprintf(out_text, KAD_VALUE_TEXT, kad_rng_below(rng, 2) ? "127.0.%u.1:%u" : "[2001:db8::%x]:%u",
                 kad_rng_below(rng, 256), kad_rng_below(rng, 65536));
        return;
    case KAD_KEY_BOOTSTRAP:
        snprintf(out_text, KAD_VALUE_TEXT, "host-%u.example:%u", kad_rng_below(rng, 1000),
                 1 + kad_rng_below(rng, 65535));
        return;
    case KAD_KEY_CLASS:
        snprintf(out_text, KAD_VALUE_TEXT, "class-%u ttl=%us max-size=%u select=newest validate=%s",
                 kad_rng_below(rng, 1000), 1 + kad_rng_below(rng, 100000), 1 + kad_rng_below(rng, 600),
                 kad_rng_below(rng, 2) ? "prefix:{\"a" : "signed");
        return;
    case KAD_KEY_PROTOCOL:
        snprintf(out_text, KAD_VALUE_TEXT, "/kad-%u/1.0.0", kad_rng_below(rng, 1000));
        return;
    case KAD_KEY_ANNOUNCE:
        snprintf(out_text, KAD_VALUE_TEXT, "/dns4/host-%u.example/tcp/443/tls/ws", kad_rng_below(rng, 1000));
        return;
    case KAD_KEY_VERSION:
        snprintf(out_text, KAD_VALUE_TEXT, "%08x", 1 + kad_rng_u32(rng) / 2);
        return;
    }
}

/* What is printed is the same configuration: it reads back to every value, and prints the same. */
TEST(what_is_printed_reads_back)
{
    static char first[16384], second[16384];
    struct kad_rng rng;

    kad_rng_init(&rng, (const uint8_t[32]){42});
    for (int round = 0; round < 500; round++) {
        static struct kad_config again;
        char value[KAD_VALUE_TEXT], why[KAD_CONFIG_WHY] = "";

        kad_config_default(kad_network_mainline(), &config);
        for (size_t i = 0; i < kad_n_keys; i++) {
            const unsigned n = kad_key_is_list(&kad_keys[i]) ? 4 : 1;

            for (unsigned j = kad_rng_below(&rng, n + 1); j > 0; j--) {
                any_value(&rng, &kad_keys[i], value);
                EXPECT_MSG(kad_config_set(&config, kad_keys[i].name, value, why) == 0 ||
                               strstr(why, "is there twice") || strstr(why, "the type"),
                           "round %d: %s = %s: %s", round, kad_keys[i].name, value, why);
            }
        }
        EXPECT(kad_config_print(&config, first, sizeof(first)) < sizeof(first));
        kad_config_default(kad_network_mainline(), &again);
        EXPECT_MSG(kad_config_text(&again, "printed", first, why) == 0, "round %d: %s\n%s", round, why,
                   first);
        EXPECT(kad_config_print(&again, second, sizeof(second)) < sizeof(second));
        EXPECT_STR(second, first);
        EXPECT_MEM(&again.settings, &config.settings, sizeof(config.settings));
        EXPECT_MEM(again.listen, config.listen, config.n_listen * sizeof(config.listen[0]));
        EXPECT_EQ(again.n_listen, config.n_listen);
        EXPECT_EQ(again.n_bootstrap, config.n_bootstrap);
    }
}

/* By comma or line by line; `none` begins anew and adds nobody. */
TEST(bootstraps_are_a_list)
{
    char why[KAD_CONFIG_WHY];

    kad_config_default(kad_network_mainline(), &config);
    EXPECT_EQ(kad_config_text(&config, "f", "bootstrap = a:1, b:2 ,[::1]:3\nbootstrap = c:4\n", why), 0);
    EXPECT_EQ(config.n_bootstrap, 4);
    EXPECT_STR(config.bootstrap[1], "b:2");
    EXPECT_STR(config.bootstrap[3], "c:4");
    EXPECT_EQ(kad_config_set(&config, "bootstrap", "d:5,,e:6", why), KAD_E_INVALID);
    EXPECT_EQ(kad_config_set(&config, "bootstrap", "d:5,e", why), KAD_E_INVALID);
    EXPECT_EQ(config.n_bootstrap, 0); /* what was refused left nothing of itself */
    EXPECT_EQ(kad_config_set(&config, "bootstrap", "d:5", why), 0);
    EXPECT_EQ(config.n_bootstrap, 1);
    kad_config_next_source(&config);
    EXPECT_EQ(kad_config_set(&config, "bootstrap", "none", why), 0);
    EXPECT_EQ(config.n_bootstrap, 0);
}

/* Whoever names a manifest must say whom he believes. */
TEST(a_manifest_needs_keys)
{
    char why[KAD_CONFIG_WHY];

    kad_config_default(kad_network_mainline(), &config);
    EXPECT_EQ(kad_config_set(&config, "manifest", "/etc/kad/list", why), 0);
    EXPECT_EQ(kad_config_check(&config, why), KAD_E_INVALID);
    EXPECT(strstr(why, "manifest_keys"));
    EXPECT_EQ(kad_config_set(&config, "manifest_keys", "abc", why), 0);
    EXPECT_EQ(kad_config_check(&config, why), KAD_E_INVALID);
    EXPECT_STR(why, "manifest_keys: a key is 64 hexadecimal digits");
    EXPECT_EQ(kad_config_set(&config, "manifest_keys",
                             "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", why),
              0);
    EXPECT_EQ(kad_config_check(&config, why), 0);
    EXPECT_EQ(kad_config_set(&config, "bootstrap_dns_server", "one.one", why), 0);
    EXPECT_EQ(kad_config_check(&config, why), KAD_E_INVALID);
}

TEST(printing_tells_how_much_room_it_needs)
{
    static char text[16384];
    size_t n;

    kad_config_default(kad_network_mainline(), &config);
    n = kad_config_print(&config, NULL, 0);
    EXPECT(n > 500 && n < sizeof(text));
    EXPECT_EQ(kad_config_print(&config, text, 10), n);
    EXPECT_EQ(strlen(text), 9);
    EXPECT_EQ(kad_config_print(&config, text, n + 1), n);
    EXPECT_EQ(strlen(text), n);
}

/* The documentation of every key is the table the program reads by. */
TEST(the_document_is_up_to_date)
{
    static char expected[32768], found[32768];
    const char *path = KAD_SOURCE_DIR "/docs/configuration.md";
    const size_t n = kad_config_document(expected, sizeof(expected));
    FILE *file;

    EXPECT(n < sizeof(expected));
    if (getenv("KAD_WRITE_DOCS")) {
        file = fopen(path, "w");
        EXPECT(file != NULL);
        EXPECT_EQ(fwrite(expected, 1, n, file), n);
        fclose(file);
    }
    file = fopen(path, "r");
    EXPECT(file != NULL);
    found[fread(found, 1, sizeof(found) - 1, file)] = '\0';
    fclose(file);
    EXPECT_MSG(strcmp(found, expected) == 0,
               "docs/configuration.md is out of date: KAD_WRITE_DOCS=1 node-config_test document");
}

static const struct kad_config *read_part(const char *text, unsigned part)
{
    char why[KAD_CONFIG_WHY];

    kad_config_default(kad_network_mainline(), &config);
    config.part = part;
    EXPECT_MSG(kad_config_text(&config, "kad.conf", text, why) == 0, "%s", why);
    return &config;
}

/* What stands behind a network's name is that network's; what is the daemon's holds for all, wherever it stands. */
TEST(a_file_may_name_several_networks)
{
    static const char text[] =
        "alpha = 7\n[node]\nnetwork = mainline\nlisten = 127.0.0.1:1\n"
        "network = kad-easy\nlisten = 127.0.0.1:2\nname = box\n[lookup]\nalpha = 5\n"
        "[node]\nnetwork = kad-ws-easy\nbootstrap = 127.0.0.1:9\n[log]\nlog_level = debug\n";
    static const struct {
        const char *network;
        unsigned alpha, n_bootstrap;
        uint16_t port;
    } expected[] = {{"mainline", 7, 0, 1}, {"kad-easy", 5, 0, 2}, {"kad-ws-easy", 0, 1, 0}};

    for (unsigned i = 0; i < KAD_COUNT_OF(expected); i++) {
        const struct kad_config *part = read_part(text, i);

        EXPECT_EQ(part->n_named, 3);
        EXPECT_STR(kad_network_name(part->network), expected[i].network);
        EXPECT_STR(kad_network_name(part->named[i]), expected[i].network);
        if (expected[i].alpha)
            EXPECT_EQ(part->settings.alpha, expected[i].alpha);
        if (expected[i].port)
            EXPECT_EQ(part->listen[0].port, expected[i].port);
        EXPECT_EQ(part->n_bootstrap, expected[i].n_bootstrap);
        EXPECT_STR(part->name, "box");
        EXPECT_EQ(part->log_level, KAD_LOG_DEBUG);
    }
    EXPECT_EQ(read_part(text, KAD_CONFIG_NO_PART)->n_bootstrap, 0);
    EXPECT_STR(config.name, "box");
    EXPECT_STR(read_text("network = kad\nnetwork = kad\n"), "kad.conf:2: network: kad is there twice");
    EXPECT_STR(read_text("network = kad\nalpha = 3\nnetwork = mainline\nalpha = 4\nalpha = 5\nnetwork = x\n"),
               "kad.conf:6: network: \"x\" is no network; there is: mainline, kad, kad-ws, libp2p");
}

/* All parts printed one behind the other read back to the same. */
TEST(several_networks_print_as_one_file)
{
    static const char text[] =
        "network = mainline\nlisten = 127.0.0.1:1\nnetwork = kad-easy\nlisten = 127.0.0.1:2\n"
        "alpha = 5\n";
    static char printed[64 << 10], again[64 << 10];
    size_t n = kad_config_print(read_part(text, 0), printed, sizeof(printed));

    n += kad_config_print_network(read_part(text, 1), printed + n, sizeof(printed) - n);
    EXPECT(n < sizeof(printed));
    n = kad_config_print(read_part(printed, 0), again, sizeof(again));
    kad_config_print_network(read_part(printed, 1), again + n, sizeof(again) - n);
    EXPECT_STR(again, printed);
    EXPECT_EQ(config.settings.alpha, 5);
}

/* -- libp2p ------------------------------------------------------------------------------------------------------ */

/* T024's command lines name multiaddrs, and a preset decides which of libp2p's networks it is. */
TEST(networks_of_libp2p_take_multiaddrs)
{
    static char text[16384];

    EXPECT_STR(read_text("network = libp2p\n"), "");
    EXPECT(config.network == kad_network_libp2p_icn());
    EXPECT_EQ(config.listen[0].port, 9000);
    EXPECT_STR(read_text("network = libp2p\npreset = ipfs\nalpha = 7\nlisten = /ip4/127.0.0.1/tcp/4001\n"
                         "listen = /ip6/::1/tcp/4002/ws\nlibp2p_mode = client\n"
                         "bootstrap = "
                         "/ip4/127.0.0.1/tcp/4003/p2p/12D3KooWES81L3ENJMsXTYjiydg8i8b3soSHD3zDWmb5JmfmameF\n"
                         "bootstrap = /dnsaddr/example.net\n"),
               "");
    EXPECT(config.network == kad_network_libp2p_ipfs());
    EXPECT_EQ(config.settings.alpha, 7);
    EXPECT_EQ(config.n_listen, 2);
    EXPECT_EQ(config.listen_as[0], KAD_LISTEN_TCP);
    EXPECT_EQ(config.listen_as[1], KAD_LISTEN_WS);
    EXPECT_EQ(config.n_bootstrap, 2);
    kad_config_print(&config, text, sizeof(text));
    EXPECT(strstr(text, "\nlisten = /ip6/::1/tcp/4002/ws\n") != NULL);
    EXPECT(strstr(text, "preset = ipfs\n") != NULL);
    EXPECT_STR(read_text("network = libp2p\nlisten = 127.0.0.1:4001\n"), "");
    EXPECT_STR(
        read_text("network = libp2p\nbootstrap = 127.0.0.1:9000\n"),
        "kad.conf:2: bootstrap: \"127.0.0.1:9000\" is neither a multiaddr that can be dialled nor `public`");
    EXPECT_STR(read_text("network = libp2p\nlisten = /ip4/127.0.0.1/udp/4001/quic-v1\n"),
               "kad.conf:2: listen: \"/ip4/127.0.0.1/udp/4001/quic-v1\" is not a multiaddr such as "
               "/ip4/0.0.0.0/tcp/9000 or /ip6/::/tcp/9001/ws");
    EXPECT_STR(read_text("network = libp2p\nlibp2p_protocols = icn\n"),
               "kad.conf:2: libp2p_protocols: not up to 4 names such as /icn/kad/1.0.0");
}

/* The network that is asked for leaves the preset of the file as it is. */
TEST(a_preset_stays_when_the_network_is_named_again)
{
    char why[KAD_CONFIG_WHY] = "";

    EXPECT_STR(read_text("network = libp2p\npreset = ipfs\nstore = memory\n"), "");
    EXPECT_EQ(kad_config_set(&config, "network", "libp2p", why), 0);
    EXPECT(config.network == kad_network_libp2p_ipfs());
    EXPECT_EQ(kad_config_set(&config, "preset", "icn", why), 0);
    EXPECT(config.network == kad_network_libp2p_icn());
    EXPECT_EQ(kad_config_set(&config, "network", "mainline", why), 0);
    EXPECT_EQ(kad_config_set(&config, "preset", "ipfs", why), 0);
    EXPECT_EQ(kad_config_check(&config, why), KAD_E_INVALID);
    EXPECT_STR(why, "preset: goes with the network libp2p");
}
