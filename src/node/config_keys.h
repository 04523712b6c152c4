/* config_keys - the table of keys. For config's own files. */
#ifndef KAD_NODE_CONFIG_KEYS_H
#define KAD_NODE_CONFIG_KEYS_H

#include "node/config.h"

enum kad_key_kind {
    KAD_KEY_COUNT,    /* unsigned */
    KAD_KEY_DURATION, /* kad_ms */
    KAD_KEY_SIZE,     /* uint64_t, bytes */
    KAD_KEY_FLAG,     /* bool */
    KAD_KEY_TEXT,     /* char[KAD_CONFIG_TEXT] */
    KAD_KEY_CHOICE,   /* unsigned: the index of a word */
    KAD_KEY_NETWORK,
    KAD_KEY_LISTEN,    /* list of endpoints, in networks of libp2p of multiaddrs */
    KAD_KEY_PROTOCOL,  /* list of names of protocols */
    KAD_KEY_ANNOUNCE,  /* list of multiaddrs */
    KAD_KEY_BOOTSTRAP, /* list of texts */
    KAD_KEY_CLASS,     /* list of record classes */
    KAD_KEY_VERSION,   /* char[5]: four bytes, as text or hex */
};

struct kad_key {
    const char *section, *name;
    enum kad_key_kind kind;
    size_t offset;            /* in struct kad_config */
    int64_t least, most;      /* COUNT, DURATION, SIZE that are no setting of the engine's */
    const char *const *words; /* CHOICE; ends with NULL */
    const char *meaning;
};

extern const struct kad_key kad_keys[];
extern const size_t kad_n_keys;

/* What may stand before the name of a network's key; without its dot also a section that all of these may stand in. */
#define KAD_KEY_PATH "network.dht."

/* By its name, its name without _ms, or an alias; NULL: none. */
const struct kad_key *kad_key_find(const char *name);
/* The name most like it, or NULL when none is. */
const char *kad_key_nearest(const char *name);
void kad_key_range(const struct kad_key *key, int64_t *out_least, int64_t *out_most);

bool kad_key_is_list(const struct kad_key *key);
/* Is it a network's, not the daemon's? */
bool kad_key_is_networks(const struct kad_key *key);
/* May it be changed while the node runs? */
bool kad_key_live(const struct kad_key *key);
/* May it be, by reading the file anew (SIGHUP)? All that are live, and some that are the program's, not the node's. */
bool kad_key_reloads(const struct kad_key *key);

/* config_values.c: one value to and from text. `why` begins behind "key: ". */
KAD_CHECK int kad_value_read(struct kad_config *config, const struct kad_key *key, const char *text,
                             char *why, size_t why_size);
/* Entries of the key's value: 1, or a list's length. */
size_t kad_value_count(const struct kad_config *config, const struct kad_key *key);
#define KAD_VALUE_TEXT 256
char *kad_value_print(const struct kad_config *config, const struct kad_key *key, size_t entry,
                      char out_text[KAD_VALUE_TEXT]);

/* The preset was set: the network is that one of libp2p's from now on. */
void kad_value_take_preset(struct kad_config *config);

/* "90s", "2h", "7d"; a number alone is of milliseconds. */
bool kad_duration_read(const char *text, kad_ms *out_ms);

#endif
