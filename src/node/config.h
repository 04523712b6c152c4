/*
 * config - everything a daemon can be told, from a file, from flags, and printed again.
 *
 *     kad_config_default()   the defaults of a network
 *     kad_config_file()      [section], key = value lines over them; errors name file and line
 *     kad_config_set()       one key, as a flag does, over both
 *     kad_config_check()     what only shows when all is known
 *     kad_config_node()      the part a node needs, borrowing from the configuration
 *
 * One table (config_keys.c) says of each key its section, kind, range and meaning; reading, checking, printing and
 * docs/configuration.md come out of it. Keys are unique over all sections. A line before the first [section] may
 * set any key. Lists (listen, bootstrap, class) grow line by line; whatever is set by a later source (a flag over the file)
 * begins the list anew. Any other key twice in one file is an error.
 *
 * A file may name several networks. Each line `network = NAME` but the first begins another one, and keys that are a
 * network's (its settings, listen, bootstrap ...) are of the network named last before them; all other keys are the
 * daemon's, wherever they stand. Each network has a struct kad_config, which takes its own part of a file
 * (kad_config.part) and all that is the daemon's.
 *
 * Durations are whole numbers with a unit: ms, s, m, h, d; without one they are milliseconds. A key that ends in _ms
 * is also known without that ending. Sizes take K, M, G (1024s).
 */
#ifndef KAD_NODE_CONFIG_H
#define KAD_NODE_CONFIG_H

#include "base/endpoint.h"
#include "kad/node.h"
#include "node/config_classes.h"

#define KAD_CONFIG_TEXT     180 /* longest text value and a zero: a line of the file has at most 198 characters */
#define KAD_CONFIG_WHY      512
#define KAD_CONFIG_NETWORKS 8                   /* of one daemon */
#define KAD_CONFIG_NO_PART  KAD_CONFIG_NETWORKS /* of a file: only what is the daemon's */

/* The networks of libp2p: T024's, and IPFS's. */
enum kad_config_preset { KAD_PRESET_ICN, KAD_PRESET_IPFS };

enum kad_log_format { KAD_LOG_LOGFMT, KAD_LOG_JSON };

/* What the source texts call the type of a node: whether it serves others. */
enum kad_node_type { KAD_NODE_PUBLIC, KAD_NODE_PRIVATE };

struct kad_config {
    const struct kad_network *network;
    struct kad_settings settings;
    struct kad_endpoint listen[KAD_NODE_LISTEN_MAX];
    unsigned n_listen;
    enum kad_listen_as listen_as[KAD_NODE_LISTEN_MAX]; /* in networks of libp2p */
    unsigned preset;                                   /* of the network libp2p: enum kad_config_preset */
    char libp2p_protocols[KAD_NODE_PROTOCOLS_MAX][KAD_CONFIG_TEXT];
    unsigned n_libp2p_protocols; /* 0: the preset's */
    unsigned libp2p_mode;        /* enum kad_libp2p_mode */
    unsigned libp2p_private;     /* enum kad_libp2p_choice */
    unsigned libp2p_max_connections, libp2p_accept_per_s, libp2p_max_per_host, libp2p_max_per_subnet;
    char libp2p_announce[KAD_NODE_ANNOUNCE_MAX][KAD_CONFIG_TEXT];
    unsigned n_libp2p_announce;
    char libp2p_namespaces[KAD_CONFIG_TEXT]; /* config_namespaces.h */
    char libp2p_certificate[KAD_CONFIG_TEXT], libp2p_key[KAD_CONFIG_TEXT],
        libp2p_authorities[KAD_CONFIG_TEXT];
    char bootstrap[KAD_NODE_BOOTSTRAP_MAX]
                  [KAD_CONFIG_TEXT]; /* as written; the word "public" is expanded for the node */
    unsigned n_bootstrap;
    struct kad_config_class classes[KAD_CONFIG_CLASSES]; /* kad_config_class_make() */
    unsigned n_classes;
    char manifest[KAD_CONFIG_TEXT], manifest_keys[KAD_CONFIG_TEXT];
    char bootstrap_dns[KAD_CONFIG_TEXT], bootstrap_dns_server[KAD_CONFIG_TEXT];
    bool local_discovery;
    bool announce_self;
    kad_ms moved_for_ms, rotate_every_ms, region_silent_ms;
    kad_ms provider_probe_ms; /* 0: never */
    unsigned unlinked_gets;   /* enum kad_readers_for */
    unsigned unlinked_at_once, unlinked_identities, unlinked_work_percent;
    unsigned node_type; /* enum kad_node_type */
    bool dht_enabled;
    unsigned port_mapping;       /* enum kad_portmap_how */
    char relay[KAD_CONFIG_TEXT]; /* "off", "auto", "always", "host:port/id1..." */
    unsigned relay_clients;
    uint64_t relay_bandwidth;
    kad_ms port_mapping_lease_ms;
    char geo_database[KAD_CONFIG_TEXT], asn_database[KAD_CONFIG_TEXT]; /* "": none */
    char places_deny[KAD_CONFIG_TEXT], places_allow[KAD_CONFIG_TEXT], places_deny_store[KAD_CONFIG_TEXT];
    char data_dir[KAD_CONFIG_TEXT]; /* "" or "none": nothing is kept */
    char identity[KAD_CONFIG_TEXT]; /* "": `identity` in the data directory */
    char passphrase_file[KAD_CONFIG_TEXT];
    char node_id[KAD_CONFIG_TEXT]; /* hexadecimal; "": the saved one, or made */
    char name[KAD_CONFIG_TEXT];
    char socket[KAD_CONFIG_TEXT];                        /* "": kad.sock in the data directory */
    char api[KAD_CONFIG_TEXT], metrics[KAD_CONFIG_TEXT]; /* address:port, "default", "none" */
    char api_names[KAD_CONFIG_TEXT];                     /* host names, by comma */
    bool public_api;
    unsigned api_max_connections, api_max_per_address, api_max_streams;
    uint64_t api_max_body, api_max_headers;
    kad_ms api_silence_ms, api_request_ms, api_answer_ms;
    unsigned store; /* enum kad_store_kind */
    uint64_t store_max_bytes;
    unsigned log_level;             /* enum kad_log_level */
    unsigned log_format;            /* enum kad_log_format */
    char log_file[KAD_CONFIG_TEXT]; /* "": standard error */
    unsigned part;                  /* which network's keys it takes from files: 0: the first one's */
    const struct kad_network *named[KAD_CONFIG_NETWORKS]; /* by the file that was read last, in its order */
    unsigned n_named;
    uint8_t set_by[160]; /* per key: which source set it last; for lists and doubles */
    uint8_t source;
};

void kad_config_default(const struct kad_network *network, struct kad_config *out_config);
/* Reads `path`, or `text` under the name `path`. 0, or KAD_E_SYSTEM (it cannot be read) or KAD_E_INVALID with
 * "path:line: what is wrong" of the first line that is. */
KAD_CHECK int kad_config_file(struct kad_config *config, const char *path, char out_why[KAD_CONFIG_WHY]);
KAD_CHECK int kad_config_text(struct kad_config *config, const char *path, const char *text,
                              char out_why[KAD_CONFIG_WHY]);
/* From here on, what is set begins lists anew. Call once before a run of kad_config_set(). */
void kad_config_next_source(struct kad_config *config);
/* 0 or KAD_E_INVALID with "alpha: 0 is not between 1 and 64". Dashes in a key stand for underscores. */
KAD_CHECK int kad_config_set(struct kad_config *config, const char *key, const char *value,
                             char out_why[KAD_CONFIG_WHY]);
/* Whether there is such a key, and it is a network's, not the daemon's. */
bool kad_config_is_networks(const char *key);
bool kad_config_is_libp2p(const struct kad_network *network);
KAD_CHECK int kad_config_check(const struct kad_config *config, char out_why[KAD_CONFIG_WHY]);
/* Texts and strings are borrowed from `config`, which must outlive the node. */
void kad_config_node(const struct kad_config *config, struct kad_node_config *out_node);

/* Where the API and the metrics are offered over TCP, and whether that is only a suggestion; NULL: nowhere. */
const char *kad_config_api(const struct kad_config *config, bool *out_is_default);
const char *kad_config_metrics(const struct kad_config *config, bool *out_is_default);

/* The whole effective configuration as a file that reads back to the same. Returns its length; writes at most
 * room - 1 characters and a zero. */
size_t kad_config_print(const struct kad_config *config, char *out_text, size_t room);
/* The same of what is a network's alone: for all networks but the first, behind it. */
size_t kad_config_print_network(const struct kad_config *config, char *out_text, size_t room);
/* docs/configuration.md: every key with kind, range, default and meaning. The same contract. */
size_t kad_config_document(char *out_text, size_t room);
/* kad.conf(5), in mdoc. The same contract. */
size_t kad_config_manual(char *out_text, size_t room);

/* The well-known hosts that `public` stands for; ends with NULL. Nothing else in kad names a public host. */
extern const char *const kad_public_bootstrap[];

#endif
