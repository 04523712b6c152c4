#include "node/config_keys.h"

#include <assert.h>
#include <string.h>

static const char *const levels[] = {"error", "warn", "info", "debug", "trace", NULL};
static const char *const formats[] = {"logfmt", "json", NULL};
static const char *const mappings[] = {"off",     "auto", "pcp",
                                       "nat-pmp", "upnp", NULL};            /* enum kad_portmap_how */
static const char *const node_types[] = {"public", "private", NULL};        /* enum kad_node_type */
static const char *const roles[] = {"regular", "bootstrap", "relay", NULL}; /* enum kad_role */
static const char *const presets[] = {"icn", "ipfs", NULL};                 /* enum kad_config_preset */
static const char *const modes[] = {"auto", "client", "server", NULL};      /* enum kad_libp2p_mode */
static const char *const choices[] = {"auto", "yes", "no", NULL};           /* enum kad_libp2p_choice */
static const char *const readers[] = {"request", "off", "always", NULL};    /* enum kad_readers_for */
static const char *const stores[] = {"memory", "lmdb", NULL};

#define FIELD(field)   offsetof(struct kad_config, field)
#define SETTING(field) offsetof(struct kad_config, settings.field)

/* clang-format off */
#define COUNT(section, field, meaning)    {section, #field, KAD_KEY_COUNT, SETTING(field), 0, 0, NULL, meaning}
#define DURATION(section, field, meaning) {section, #field, KAD_KEY_DURATION, SETTING(field), 0, 0, NULL, meaning}
#define FLAG(section, field, meaning)     {section, #field, KAD_KEY_FLAG, SETTING(field), 0, 0, NULL, meaning}
#define TEXT(section, field, meaning)     {section, #field, KAD_KEY_TEXT, FIELD(field), 0, 0, NULL, meaning}

/* Sections together, in the order they are printed in. */
const struct kad_key kad_keys[] = {
    {"node", "network", KAD_KEY_NETWORK, FIELD(network), 0, 0, NULL, "the network to take part in: mainline, kad, its own secure one, kad-ws, that as JSON over WebSockets, or libp2p. First, for it brings the defaults of all others"},
    {"node", "preset", KAD_KEY_CHOICE, FIELD(preset), 0, 0, presets, "which of libp2p's networks: icn, or ipfs; it brings defaults as the network does, and stands behind it. The network libp2p-ipfs is libp2p with the preset ipfs"},
    {"node", "listen", KAD_KEY_LISTEN, FIELD(listen), 0, 0, NULL, "address:port to listen on, once per address; [v6]:port; interface:port for all its addresses. Port 0: any. With libp2p multiaddrs: /ip4/ADDRESS/tcp/PORT, with /ws or /tls/ws behind it for WebSockets"},
    {"node", "bootstrap", KAD_KEY_BOOTSTRAP, FIELD(bootstrap), 0, 0, NULL, "host:port of nodes to join through, by comma or once per node; in networks with identities host:port/id1... takes nobody else there; with libp2p multiaddrs, such as /ip4/ADDRESS/tcp/PORT/p2p/ID or /dnsaddr/HOST; `public` stands for the public network's well-known hosts, `none` for nobody"},
    {"node", "class", KAD_KEY_CLASS, FIELD(classes), 0, 0, NULL, "a record class of your own, once per class, in networks that have them: NAME, then any of type=, ttl=, max-size=, owners=, select=, validate=, sealed= ([records](records.md)); the same at all nodes"},
    TEXT("node", manifest, "a signed list of nodes to join through (kad manifest): a file, or an http or https address; needs manifest_keys"),
    TEXT("node", manifest_keys, "the Ed25519 public keys, 64 hex digits each, by comma, whose manifests are believed; with them no unsigned DNS record is"),
    TEXT("node", bootstrap_dns, "a name whose DNS TXT records are manifests, or host:port of nodes to join through"),
    TEXT("node", bootstrap_dns_server, "address:port of the name server asked for it; empty: the system's"),
    {"node", "local_discovery", KAD_KEY_FLAG, FIELD(local_discovery), 0, 0, NULL, "looks for nodes on the local network, and tells them of itself (BEP 14, multicast); never when it listens on loopback alone"},
    {"node", "port_mapping", KAD_KEY_CHOICE, FIELD(port_mapping), 0, 0, mappings, "asks the router to let the world in: off, auto (PCP, NAT-PMP, UPnP, whichever it knows), pcp, nat-pmp or upnp; IPv4"},
    {"node", "port_mapping_lease_ms", KAD_KEY_DURATION, FIELD(port_mapping_lease_ms), 10000, 604800000, NULL, "for how long at a time; asked for again after half of it, given back when the node stops"},
    TEXT("node", data_dir, "where id, contacts, publications and the store are kept; `none`: nothing is"),
    TEXT("node", identity, "the file of this node's key pair (kad id), in networks with identities; empty: `identity` in the data directory, made if need be"),
    {"node", "announce_self", KAD_KEY_FLAG, FIELD(announce_self), 0, 0, NULL, "in networks with identities: keeps a `peer:` record of its addresses, so that who knows its id1... finds it"},
    {"node", "rotate_every_ms", KAD_KEY_DURATION, FIELD(rotate_every_ms), 0, 315360000000, NULL, "in networks with identities: a node that starts with an identity older than this makes another and moves to it, as `kad id rotate` does; one that runs warns when it is due; 0: never"},
    {"node", "moved_for_ms", KAD_KEY_DURATION, FIELD(moved_for_ms), 0, 31536000000, NULL, "after `kad id rotate`: so long the node tells those who look for its old id1... which one it is now; needs the old key file, beside the new one, and announce_self"},
    {"node", "unlinked_gets", KAD_KEY_CHOICE, FIELD(unlinked_gets), 0, 0, readers, "gets under an identity and from a port of their own, which holders cannot link to this node or to each other ([security](security.md)): request (kad get --unlinked), always (every get), or off"},
    {"node", "unlinked_at_once", KAD_KEY_COUNT, FIELD(unlinked_at_once), 1, 64, NULL, "of these so many at once; others wait"},
    {"node", "unlinked_identities", KAD_KEY_COUNT, FIELD(unlinked_identities), 1, 64, NULL, "identities kept ready for them, from the first one on; where there is a puzzle each costs about a second of a processor"},
    {"node", "unlinked_work_percent", KAD_KEY_COUNT, FIELD(unlinked_work_percent), 1, 100, NULL, "of one processor, to make these ahead; while somebody waits for one it is all of it"},
    TEXT("node", passphrase_file, "a file whose first line is the passphrase of a sealed key pair; empty: the variable KAD_PASSPHRASE, or the terminal is asked"),
    TEXT("node", node_id, "the id to take, in hexadecimal; empty: the saved one, or made. With identities it must be the key pair's own, or the node does not start; without, follow_address takes another when this one does not fit the address"),
    {"node", "node_type", KAD_KEY_CHOICE, FIELD(node_type), 0, 0, node_types, "public: serves others; private: only asks. It sets read_only, which may be set after it"},
    {"node", "dht_enabled", KAD_KEY_FLAG, FIELD(dht_enabled), 0, 0, NULL, "no: there is the API and nothing else, no socket of the DHT is open, and requests are answered with `disabled`"},
    TEXT("node", name, "shown in status"),
    {"node", "role", KAD_KEY_CHOICE, SETTING(role), 0, 0, roles, "in networks with identities: what this node offers to be for others: regular, bootstrap (its address lasts) or relay (it has a good line to give); they are told, and prefer such nodes among equals"},
    TEXT("node", relay, "in the kad network, IPv4: how others reach this node: off, by itself; auto, through a relay if it is behind a router and nobody comes by himself; always, through a relay, so that they do not learn its address; host:port/id1..., through that one alone ([relay](relay.md))"),
    {"node", "relay_clients", KAD_KEY_COUNT, FIELD(relay_clients), 0, 4096, NULL, "with the role relay: so many nodes are forwarded for; 0: none"},
    {"node", "relay_bandwidth", KAD_KEY_SIZE, FIELD(relay_bandwidth), 4096, (int64_t)1 << 32, NULL, "bytes a second that are forwarded for all of them, of which each may have an equal share"},
    FLAG("node", read_only, "asks, never answers, is in no one's table (BEP 43)"),
    FLAG("node", enforce_id, "refuses contacts whose id does not fit their address (BEP 42); else others are only preferred"),
    FLAG("node", follow_address, "takes a new id when the world agrees on our outside address (BEP 42)"),
    COUNT("node", address_quorum, "address groups that must have voted before an outside address is believed"),
    {"node", "version", KAD_KEY_VERSION, SETTING(version), 0, 0, NULL, "the four bytes of BEP 5's \"v\", as 8 hex digits; `none`: not sent"},

    COUNT("lookup", k, "bucket size, contacts per answer, width of a lookup"),
    COUNT("lookup", alpha, "queries of a lookup in flight while it walks"),
    COUNT("lookup", alpha_end, "the same once the nearest node known has answered; 0: as alpha"),
    COUNT("lookup", lookup_retries, "near nodes that kept silent are asked once more before a lookup ends"),
    COUNT("lookup", lookup_spare, "so many more than k are asked when near nodes keep silent"),
    COUNT("lookup", lookup_beyond, "nodes asked, per region, who stands behind near ones that keep silent"),
    COUNT("lookup", lookup_widen, "so many more than k are asked when nothing was found among the k nearest"),
    COUNT("lookup", paths, "a put, or a get that found nothing, looks on so many that share nobody; 0: one"),
    FLAG("lookup", spread_gets, "kad: a get that one holder can end (--first, what is immutable) asks holders in an order of its own, so that none serves most; no: the nearest, and the fastest, first"),
    FLAG("lookup", path_keep_going, "a path goes on down its own list after a lie; no: it ends"),
    COUNT("lookup", per_introducer, "of those named through one own contact so many count at a time; 0: all"),
    COUNT("lookup", region_k, "puts go to all within the radius that should hold so many nodes; 0: to the nearest"),
    COUNT("lookup", replicas, "nodes a value or announce is put to"),
    COUNT("lookup", put_enough, "a provider counts as put once so many of the nearest took it; the others follow; 0: all answered"),
    COUNT("lookup", quorum, "copies of the newest mutable value that end a get early; 0: goes to the end"),
    DURATION("lookup", query_timeout_ms, "an unanswered query counts as a failure after this"),
    DURATION("lookup", patience_min_ms, "least patience with a contact before another is asked beside it"),
    DURATION("lookup", patience_max_ms, "most patience"),
    DURATION("lookup", request_timeout_ms, "a request's deadline when it names none"),
    DURATION("lookup", jitter_ms, "each query of a request waits up to so long, at random, so that whoever watches the line cannot tell which answer brought it about; answers never wait; 0: nothing does"),
    COUNT("sessions", pad_to, "in the kad network: no datagram of a session is smaller, nor what answers it (1200: all are as large), so that sizes tell nothing; 0: by need"),
    COUNT("lookup", cover_per_hour, "in the kad network: gets of random keys an hour, which look like a user's that find nothing; 0: none"),
    COUNT("lookup", max_requests, "requests at once"),
    COUNT("lookup", max_queries, "unanswered queries at once, over all requests"),
    COUNT("lookup", narrow_per_lookup, "candidates of one /24 or /64 in a lookup; 0: no limit"),

    COUNT("table", table_wide, "capacity of the first bucket, halved per bucket down to k; 0: k"),
    COUNT("table", near_percent, "of the places of a bucket that holds none of the k nearest to this node, so many percent go to whoever answers fastest, and the others stay with whoever came first; 0: all do"),
    COUNT("table", near_pings, "now and then a near contact is asked for others, and so many of whom it names are pinged to see who is near, too; seldom once nobody nearer is found; 0: never"),
    COUNT("table", table_cache, "replacements kept per bucket"),
    COUNT("table", max_failures, "a contact silent this often in a row is dropped"),
    COUNT("table", narrow_per_bucket, "contacts of one /24 or /64 in a bucket; 0: no limit"),
    COUNT("table", narrow_per_table, "and in the table"),
    COUNT("table", wide_per_bucket, "contacts of one /16 or /48 in a bucket; 0: no limit"),
    COUNT("table", wide_per_table, "and in the table that knows two; the more it knows, the fewer, three at least"),
    COUNT("table", as_per_bucket, "contacts of one autonomous system in a bucket, where asn_database knows it; 0: no limit"),
    COUNT("table", as_per_table, "and in the table"),
    COUNT("table", country_per_bucket, "contacts of one country in a bucket, where geo_database knows it; 0: no limit"),
    COUNT("table", country_per_table, "and in the table"),
    DURATION("table", ping_after_ms, "a contact unheard for this long is pinged"),
    DURATION("table", refresh_after_ms, "a bucket without a lookup for this long gets one"),
    DURATION("table", refresh_pace_ms, "one such ping and one such lookup per this"),
    COUNT("table", verify_per_s, "pings a second to strangers who asked us something and would fit the table"),
    COUNT("table", min_contacts, "with fewer the node joins again"),
    COUNT("table", dead_percent, "the death rate of contacts is measured, and ping_after and refresh_after, in proportion, become what keeps the dead at about this share of the table with the least traffic; 0: they stay as they are set"),
    DURATION("table", ping_min_ms, "the least that ping_after becomes"),
    DURATION("table", ping_max_ms, "and the most"),

    {"places", "region_silent_ms", KAD_KEY_DURATION, FIELD(region_silent_ms), 0, 604800000, NULL, "a country or autonomous system (without a table a regional registry) of which nobody was heard for so long is asked, a few pings a minute, and told of when none of five contacts there answers while others do; 0: none is"},
    TEXT("places", geo_database, "a file that knows the countries of addresses, in MaxMind's MMDB format; read again with SIGHUP, so put a newer one in its place by renaming"),
    TEXT("places", asn_database, "the same for autonomous systems; one file may be both"),
    TEXT("places", places_deny, "countries (DE), autonomous systems (AS64500) and networks (192.0.2.0/24) by comma: nobody there becomes a contact, so none is asked, named to others or stored at"),
    TEXT("places", places_allow, "the same: at public addresses nobody else becomes a contact; empty: everybody may"),
    TEXT("places", places_deny_store, "the same: who is there is asked, and nothing is stored there"),

    {"store", "store", KAD_KEY_CHOICE, FIELD(store), 0, 0, stores, "where records and peers are held for others: memory, or lmdb in the data directory"},
    {"store", "store_max_bytes", KAD_KEY_SIZE, FIELD(store_max_bytes), 0, (int64_t)1 << 40, NULL, "ceiling of what is held for others; 0: the store's own"},
    DURATION("store", peer_ttl_ms, "an announce, or in networks of libp2p a provider record, is served this long"),
    DURATION("store", record_ttl_ms, "a value is served this long"),
    DURATION("store", announce_again_ms, "what this node announces is announced again this often, +-10 %"),
    DURATION("store", put_again_ms, "what this node puts is put again this often, +-10 %"),
    COUNT("store", max_publications, "announces and values this node keeps published"),
    DURATION("store", restore_ms, "kad: holders store again what nobody has stored here for so long; 0: never"),
    DURATION("store", cache_ms, "kad: a get leaves a copy on its way for so long, shorter the farther from its key; 0: none"),
    DURATION("store", result_ms, "kad: what a get has brought answers the next one for so long; 0: it does not"),
    DURATION("store", closest_ms, "whom a request found nearest to its target, the next one of the same or of one near it begins with for so long; 0: with the table alone"),
    DURATION("store", sample_interval_ms, "told to those who sample keys, and how often the sample changes (BEP 51)"),
    COUNT("store", reply_peers, "peers in one answer"),

    COUNT("limits", limit_addresses, "addresses, and address groups, that are kept in mind; a power of two from 16 on; 0: no limits at all"),
    COUNT("limits", address_per_s, "datagrams a second from one address"),
    COUNT("limits", address_burst, "and at once"),
    COUNT("limits", group_per_s, "datagrams a second from one /24 or /64"),
    COUNT("limits", group_burst, "and at once"),
    COUNT("limits", strikes, "broken rules within a minute that put an address on the graylist; 0: no graylist"),
    DURATION("limits", gray_ms, "how long it stays there the first time"),
    COUNT("limits", unproven_gain, "bytes sent per byte received, towards addresses that proved nothing; 0: no limit"),
    COUNT("limits", unproven_grant, "and bytes a minute on top"),
    COUNT("limits", own_bytes_per_s, "bytes a second of queries that this node sends of its own accord; what is over waits, requests of the host last; 0: no limit"),
    COUNT("limits", own_packets_per_s, "and packets a second"),
    COUNT("limits", score_peers, "identities whose behaviour is remembered, in networks that have them; 0: none, and nobody can be banned"),
    DURATION("limits", score_half_life_ms, "what was seen of one counts half after this"),
    COUNT("limits", min_score, "whose score ([peers](peers.md)) is below this does not come into the table; of whom nothing is known has 50, who broke rules less; 0: everybody may; networks with identities"),
    COUNT("limits", max_contacts, "more contacts than these in the table: who is kept for least leaves; 0: as many as it has places for; networks with identities"),
    COUNT("limits", max_peers, "contacts that are kept as active peers, the best and most diverse of the table, in networks with identities; 0: none are"),
    DURATION("limits", peer_keep_ms, "an active peer unheard for this long is pinged, which keeps the way to it open through routers; 0: only as any contact is"),
    COUNT("limits", reserved_bootstraps, "of the active peers so many places are for nodes that this one joined through, and so many nodes that this one joined through stay in the table as long as they answer; networks with identities"),
    DURATION("limits", ban_ms, "how long the first ban for broken rules is; doubled each time, up to a week"),
    FLAG("limits", limit_local, "applies all limits to loopback and private addresses too"),

    COUNT("sessions", max_sessions, "sessions at once, in networks that have them; the least recently used gives way"),
    COUNT("sessions", max_handshakes, "first messages without an answer, at once"),
    DURATION("sessions", handshake_ms, "how long one of these waits, and what is to be said after it"),
    DURATION("sessions", rekey_after_ms, "a session this old is begun anew"),
    COUNT("sessions", cookie_per_s, "first messages a second from which on a stranger must show that it receives at its address; 0: always"),
    COUNT("sessions", work_per_s, "and from which on it must work, too, the more the more there are"),
    COUNT("sessions", work_bits_max, "the most work this node does to be let in elsewhere: 2^bits hashes"),
    FLAG("sessions", open_door, "answers those who know its address and not its identity, as newcomers with host:port do"),

    {"libp2p", "libp2p_protocols", KAD_KEY_PROTOCOL, FIELD(libp2p_protocols), 0, 0, NULL, "what streams of the DHT speak, by comma or once per name, the preferred one first; none named: the preset's, /icn/kad/1.0.0 or /ipfs/kad/1.0.0"},
    {"libp2p", "libp2p_mode", KAD_KEY_CHOICE, FIELD(libp2p_mode), 0, 0, modes, "server: others are told that this node answers; client: it only asks; auto: server if others can reach it, which is so when it has a public address or somebody came from one, and with private addresses always. read_only makes it a client"},
    {"libp2p", "libp2p_private", KAD_KEY_CHOICE, FIELD(libp2p_private), 0, 0, choices, "whether private and loopback addresses are dialled and told to others; auto: yes, but with the preset ipfs only when it listens on loopback alone"},
    {"libp2p", "libp2p_max_connections", KAD_KEY_COUNT, FIELD(libp2p_max_connections), 8, 32768, NULL, "connections at once; who was not used for longest gives way"},
    {"libp2p", "libp2p_accept_per_s", KAD_KEY_COUNT, FIELD(libp2p_accept_per_s), 1, 65536, NULL, "connections a second that are let in from one host"},
    {"libp2p", "libp2p_max_per_host", KAD_KEY_COUNT, FIELD(libp2p_max_per_host), 1, 32768, NULL, "connections at once that others open from one address, an IPv6 /64 being one; those on private addresses do not count unless limit_local"},
    {"libp2p", "libp2p_max_per_subnet", KAD_KEY_COUNT, FIELD(libp2p_max_per_subnet), 1, 32768, NULL, "and from one /24 or /48"},
    {"libp2p", "provider_probe_ms", KAD_KEY_DURATION, FIELD(provider_probe_ms), 0, 604800000, NULL, "a server looks for the providers that it names to others once in so long, unless they are connected: at most 240 dials in that time, those first that were asked for; who was missed three times is named no more until it is heard of again; 0: it does not look"},
    {"libp2p", "libp2p_announce", KAD_KEY_ANNOUNCE, FIELD(libp2p_announce), 0, 0, NULL, "multiaddrs that others are told, once per address, in place of those listened at: such as /dns4/HOST/tcp/443/tls/ws behind a proxy"},
    TEXT("libp2p", libp2p_namespaces, "values below /NAME/ are taken for each of these names by comma, beside /pk/ and /ipns/: any of up to 10 KiB. Of two the greater one stands, byte by byte; with :newest behind the name the one that came last. The same at all nodes"),
    TEXT("libp2p", libp2p_certificate, "a PEM file: the certificate for /tls/ws, and behind it what stands between it and its authority"),
    TEXT("libp2p", libp2p_key, "a PEM file: the private key of that certificate"),
    TEXT("libp2p", libp2p_authorities, "a PEM file: who is believed when others show certificates; empty: the system's"),

    TEXT("api", socket, "the local socket that commands use; empty: kad.sock in the data directory"),
    TEXT("api", api, "address:port of the HTTP API over TCP, loopback unless public_api; `none`; `default`: 127.0.0.1:8080, with public_api [::]:8080, and a taken port only warns"),
    {"api", "public_api", KAD_KEY_FLAG, FIELD(public_api), 0, 0, NULL, "the API over TCP is for others too: they may read, and with the token in DATA_DIR/api.token do everything"},
    TEXT("api", metrics, "address:port of /metrics and /healthz alone; `none`; `default`: 127.0.0.1:9100, and a taken port only warns"),
    TEXT("api", api_names, "names of this machine that a loopback API answers to besides localhost and addresses, by comma"),
    {"api", "api_max_connections", KAD_KEY_COUNT, FIELD(api_max_connections), 16, 65536, NULL, "connections at once, of the local socket, the API and the metrics each"},
    {"api", "api_max_per_address", KAD_KEY_COUNT, FIELD(api_max_per_address), 0, 65536, NULL, "of them from one address, with public_api; 0: no limit"},
    {"api", "api_max_streams", KAD_KEY_COUNT, FIELD(api_max_streams), 1, 4096, NULL, "event streams at once"},
    {"api", "api_max_body", KAD_KEY_SIZE, FIELD(api_max_body), 4096, 16777216, NULL, "longest body of a request"},
    {"api", "api_max_headers", KAD_KEY_SIZE, FIELD(api_max_headers), 4096, 1048576, NULL, "longest request line and headers"},
    {"api", "api_silence_ms", KAD_KEY_DURATION, FIELD(api_silence_ms), 1000, 3600000, NULL, "a client that neither sends nor takes a byte for this long is cut off"},
    {"api", "api_request_ms", KAD_KEY_DURATION, FIELD(api_request_ms), 1000, 3600000, NULL, "a request must be complete within this, however steadily it comes"},
    {"api", "api_answer_ms", KAD_KEY_DURATION, FIELD(api_answer_ms), 1000, 3600000, NULL, "an answer must be taken within this"},

    {"log", "log_level", KAD_KEY_CHOICE, FIELD(log_level), 0, 0, levels, "error, warn, info, debug or trace"},
    {"log", "log_format", KAD_KEY_CHOICE, FIELD(log_format), 0, 0, formats, "logfmt, or json: one object per line"},
    TEXT("log", log_file, "where the log goes; empty: standard error"),
};
/* clang-format on */
const size_t kad_n_keys = KAD_COUNT_OF(kad_keys);
static_assert(KAD_COUNT_OF(kad_keys) <= sizeof(((struct kad_config *)0)->set_by), "a source per key");

/* Other names people know, from the configuration of other Kademlias. */
static const struct {
    const char *alias, *name;
} aliases[] = {
    {"refresh_interval", "refresh_after_ms"},
    {"bootstrap_nodes", "bootstrap"},
    {"cloud_type", "node_type"},
    {"kad_enabled", "dht_enabled"},
    {"kad_bootstrap_peers", "bootstrap"},
    {"kad_db_path", "data_dir"},
    {"db_path", "data_dir"},
    {"network_identity", "identity"},
    {"own_bytes_per_second", "own_bytes_per_s"},
    {"own_packets_per_second", "own_packets_per_s"},
    {"min_peers", "min_contacts"},
    {"bootstrap_peers", "reserved_bootstraps"},
};

/* "refresh_after" for "refresh_after_ms". */
static bool without_unit(const char *name, const char *full)
{
    const size_t size = strlen(name);

    return strncmp(name, full, size) == 0 && strcmp(full + size, "_ms") == 0;
}

const struct kad_key *kad_key_find(const char *name)
{
    const bool path = strncmp(name, KAD_KEY_PATH, strlen(KAD_KEY_PATH)) == 0;

    if (path)
        name += strlen(KAD_KEY_PATH);
    for (size_t i = 0; i < KAD_COUNT_OF(aliases); i++) {
        if (strcmp(name, aliases[i].alias) == 0)
            name = aliases[i].name;
    }
    for (size_t i = 0; i < kad_n_keys; i++) {
        const char *full = kad_keys[i].name;

        if (name[0] == full[0] && (strcmp(name, full) == 0 || without_unit(name, full)))
            return !path || kad_key_is_networks(&kad_keys[i]) ? &kad_keys[i] : NULL;
    }
    return NULL;
}

#define NEAREST_MOST 40 /* no key is longer */

static unsigned least_of(unsigned a, unsigned b, unsigned c)
{
    const unsigned least = a < b ? a : b;

    return least < c ? least : c;
}

/* Letters to add, drop or change (Levenshtein 1966) to make one of the other. */
static unsigned edits(const char *a, const char *b)
{
    unsigned row[NEAREST_MOST + 1];
    const size_t n_b = strlen(b);

    for (unsigned i = 0; i <= n_b; i++)
        row[i] = i;
    for (unsigned i = 1; *a; a++, i++) {
        unsigned diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= n_b; j++) {
            const unsigned above = row[j];

            row[j] = least_of(above + 1, row[j - 1] + 1, diagonal + (*a != b[j - 1]));
            diagonal = above;
        }
    }
    return row[n_b];
}

const char *kad_key_nearest(const char *name)
{
    const char *nearest = NULL;
    unsigned fewest = 4; /* more than three slips is another word */

    if (strlen(name) > NEAREST_MOST)
        return NULL;
    for (size_t i = 0; i < kad_n_keys; i++) {
        const size_t size = strlen(name), other = strlen(kad_keys[i].name);
        const size_t apart = size > other ? size - other : other - size; /* at least as many edits */
        const unsigned n = apart < fewest ? edits(name, kad_keys[i].name) : fewest;

        if (n < fewest && n < other) {
            fewest = n;
            nearest = kad_keys[i].name;
        }
    }
    return nearest;
}

bool kad_key_is_list(const struct kad_key *key)
{
    return key->kind == KAD_KEY_LISTEN || key->kind == KAD_KEY_BOOTSTRAP || key->kind == KAD_KEY_CLASS ||
           key->kind == KAD_KEY_ANNOUNCE || key->kind == KAD_KEY_PROTOCOL;
}

bool kad_key_is_networks(const struct kad_key *key)
{
    static const size_t others[] = {FIELD(network),
                                    FIELD(listen),
                                    FIELD(bootstrap),
                                    FIELD(node_id),
                                    FIELD(classes),
                                    FIELD(preset),
                                    FIELD(relay),
                                    FIELD(relay_clients),
                                    FIELD(relay_bandwidth),
                                    FIELD(unlinked_gets),
                                    FIELD(unlinked_at_once),
                                    FIELD(unlinked_identities),
                                    FIELD(unlinked_work_percent)};

    for (size_t i = 0; i < KAD_COUNT_OF(others); i++) {
        if (key->offset == others[i])
            return true;
    }
    if (strcmp(key->section, "libp2p") == 0)
        return true;
    return key->offset >= FIELD(settings) && key->offset < FIELD(settings) + sizeof(struct kad_settings);
}

bool kad_key_live(const struct kad_key *key)
{
    return key->offset == FIELD(log_level) || key->offset == FIELD(bootstrap) || kad_settings_live(key->name);
}

bool kad_key_reloads(const struct kad_key *key)
{
    static const size_t program[] = {
        FIELD(manifest),        FIELD(manifest_keys),    FIELD(bootstrap_dns), FIELD(bootstrap_dns_server),
        FIELD(local_discovery), FIELD(geo_database),     FIELD(asn_database),  FIELD(places_deny),
        FIELD(places_allow),    FIELD(places_deny_store)};

    for (size_t i = 0; i < KAD_COUNT_OF(program); i++) {
        if (key->offset == program[i])
            return true;
    }
    return kad_key_live(key);
}

void kad_key_range(const struct kad_key *key, int64_t *out_least, int64_t *out_most)
{
    if (!kad_settings_range(key->name, out_least, out_most)) {
        *out_least = key->least;
        *out_most = key->most;
    }
}
