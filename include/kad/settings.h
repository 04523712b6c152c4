/*
 * settings - everything of an engine that can be set, in networks of every kind.
 *
 *     kad_settings_default()   a network's own: start from these and change what you must
 *     kad_settings_check()     names the first field that is out of range
 *     kad_settings_live()      may it change while the engine runs? kad_engine_set_settings() does it then
 *
 * Ranges stand in one table (kad_settings_range()), which programs that read settings from files ask too.
 */
#ifndef KAD_SETTINGS_H
#define KAD_SETTINGS_H

#include "kad/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct kad_network; /* kad/engine.h */

/* Everything that can be set. Start from kad_settings_default() and change what you must; kad_settings_check() names
 * the first field that is out of range. */
struct kad_settings {
    /* -- lookups -- */
    unsigned k;              /* bucket size, contacts per answer, lookup width: 1 .. 64 */
    unsigned alpha;          /* queries of a lookup in flight while it walks: 1 .. 64 */
    unsigned alpha_end;      /* the same once the nearest node known has answered; 0: as alpha */
    unsigned lookup_retries; /* near nodes that kept silent are asked so often again: 0 or 1 */
    unsigned lookup_spare;   /* so many more than k are asked when near nodes keep silent: 0 .. 64 */
    unsigned
        lookup_beyond; /* of those who answered are asked who stands behind silent near nodes, per region: 0 .. 8 */
    unsigned
        lookup_widen; /* so many more than k are asked when nothing was found among the k nearest: 0 .. 64 */
    unsigned
        paths; /* a put, or a get that found nothing, looks on so many that share nobody: 0 .. 16 (0, 1: one) */
    unsigned
        per_introducer; /* of those named through one own contact so many count at a time: 0 .. 64; 0: all */
    unsigned
        region_k; /* puts go to all within the radius that should hold so many nodes: 0 .. 64; 0: to the nearest */
    unsigned replicas;         /* nodes a value or announce is put to: 1 .. 64 */
    unsigned put_enough;       /* a provider counts as put once so many of the nearest took it: the others
                                  follow, unheard; 0: when all have answered */
    unsigned quorum;           /* copies of the newest mutable value that end a get early; 0: go to the end */
    kad_ms query_timeout_ms;   /* an unanswered query counts as a failure */
    kad_ms patience_min_ms;    /* bounds of the measured patience (smoothed RTT + 4 deviations): the least */
    kad_ms patience_max_ms;    /* and the most */
    kad_ms request_timeout_ms; /* a request's deadline when it names none */
    unsigned max_requests;     /* at once, the host's; more are refused with KAD_E_LIMIT */
    unsigned max_queries;      /* unanswered at once, over all requests */
    unsigned narrow_per_lookup; /* candidates of one /24 or /64 in a lookup; 0: no limit */
    /* -- routing table -- */
    unsigned table_wide; /* capacity of the farthest bucket, halved per bucket down to k; 0: k; at most 128 */
    unsigned near_percent; /* of a bucket's places behind our own k nearest, for whoever answers fastest:
                                   0 .. 90; the others are whoever's who came first; 0: all are */
    unsigned near_pings;   /* now and then a near contact is asked for others, and so many of whom it names
                                   are pinged to see who is near, too: 0 .. 20; 0: never */
    unsigned table_cache;  /* contacts in a bucket's replacement cache */
    unsigned max_failures; /* a contact silent this often in a row leaves the table */
    unsigned narrow_per_bucket; /* contacts of one /24 or /64 in a bucket; 0: any number; so the next three */
    unsigned narrow_per_table;  /* the same in the table */
    unsigned wide_per_bucket;   /* contacts of one /16 or /48 in a bucket */
    unsigned wide_per_table;    /* in a table that knows two; of more groups fewer, three at least */
    unsigned as_per_bucket;     /* contacts of one autonomous system in a bucket, where kad_places knows it */
    unsigned as_per_table;      /* the same in the table */
    unsigned country_per_bucket; /* contacts of one country in a bucket, as far as kad_places knows it */
    unsigned country_per_table;  /* the same in the table */
    kad_ms ping_after_ms;        /* a contact unheard for this long is pinged, one per refresh_pace_ms */
    kad_ms refresh_after_ms; /* a bucket without a lookup for this long gets one, one per refresh_pace_ms */
    kad_ms refresh_pace_ms;  /* at least this long between two of these */
    unsigned verify_per_s;   /* pings to strangers who asked us something and would fit the table */
    unsigned min_contacts;   /* fewer than this: joins again, in growing intervals */
    /* How fast contacts die is measured, and ping_after_ms and refresh_after_ms, in proportion, become what keeps the dead
     * at about this share of the table with the least traffic. 0: they stay as they are set. */
    unsigned dead_percent;
    kad_ms ping_min_ms; /* bounds of what ping_after_ms becomes: the least */
    kad_ms ping_max_ms; /* and the most */
    /* -- what this node sends of its own accord: queries; what is over waits, the host's requests last -- */
    unsigned own_bytes_per_s;   /* 0: no limit */
    unsigned own_packets_per_s; /* the same */
    /* -- what somebody who watches the line learns -- */
    kad_ms
        jitter_ms; /* each query of a request waits up to so long, at random; answers do not. 0: none does */
    unsigned
        pad_to; /* bytes, where the network has sessions: nothing said in one is smaller, nor what answers it; 0: by need */
    unsigned cover_per_hour; /* gets of random keys, where the network has classes of records; 0: none */
    /* -- life of what is stored -- */
    kad_ms peer_ttl_ms;       /* an announce is served this long */
    kad_ms record_ttl_ms;     /* a value is served this long */
    kad_ms announce_again_ms; /* what this node publishes is published again this often, +-10 % */
    kad_ms put_again_ms;      /* the same for values */
    kad_ms
        restore_ms; /* classes of records: holders store again what nobody has stored here for so long; 0: never */
    kad_ms cache_ms; /* the same: a get leaves a copy on its way, for so long, shorter the farther; 0: none */
    kad_ms result_ms;  /* the same: what a get brought answers the next one for so long; 0: it does not */
    kad_ms closest_ms; /* whom a request found, one near it begins with for so long; 0: nobody is kept */
    unsigned max_publications; /* announces and puts with `keep`, at once */
    kad_ms sample_interval_ms; /* BEP 51: told to samplers, and how often the sample changes */
    /* -- abuse -- */
    unsigned
        limit_addresses; /* addresses that are remembered: a power of two, 16 .. 65536; 0: no limits at all */
    unsigned address_per_s; /* datagrams a second from one address, over the long run; 0: no limit */
    unsigned address_burst; /* and at once */
    unsigned group_per_s;   /* the same for all of a /24 or /64; 0: no limit */
    unsigned group_burst;   /* and at once */
    unsigned strikes;       /* broken rules within a minute that put an address on the graylist; 0: none */
    kad_ms gray_ms;         /* how long it is ignored; doubled each time, up to a day */
    unsigned unproven_gain; /* bytes to a group that has proved nothing, for each byte it sent; 0: no limit */
    unsigned unproven_grant; /* and bytes a minute on top */
    bool limit_local;        /* apply address and group limits to loopback and private addresses too */
    bool
        spread_gets; /* gets that one holder can end ask holders in an order of their own: none serves most */
    bool path_keep_going; /* a path goes on down its own list after a lie; off: it ends (S/Kademlia) */
    /* -- scores, in networks with identities -- */
    unsigned score_peers; /* identities whose behaviour is remembered: 16 .. 65536; 0: none, and no bans */
    kad_ms score_half_life_ms; /* what was seen of one counts half after this */
    unsigned
        min_score; /* whose score is below this does not come into the table: 0 .. 50; 0: everybody may */
    unsigned
        max_contacts; /* more than these in the table: who is kept for least leaves; 0: as many as it has places for */
    unsigned max_peers;  /* contacts kept as active peers: 0 .. 128; 0: none are */
    kad_ms peer_keep_ms; /* an active peer unheard for this long is pinged; 0: only as any contact is */
    unsigned role;       /* enum kad_role: what this node says it is */
    unsigned
        reserved_bootstraps; /* so many that we joined through stay in the table as long as they answer: 0 .. 8 */
    kad_ms ban_ms;           /* how long the first ban for broken rules is; doubled each time, up to a week */
    /* -- sessions, in networks that have them -- */
    unsigned max_sessions;   /* at once; the least recently used gives way */
    unsigned max_handshakes; /* first messages without an answer, at once */
    kad_ms handshake_ms;     /* how long one of these waits, and what is to be said after it */
    kad_ms rekey_after_ms;   /* a session this old is begun anew */
    unsigned
        cookie_per_s; /* first messages a second from which on a stranger must show that it receives; 0: always */
    unsigned work_per_s;    /* and from which on it must work for it, too, the more the more there are */
    unsigned work_bits_max; /* the most work this node does to be let in elsewhere: 2^bits hashes */
    bool open_door;         /* answers those who know its address and not its identity */
    /* -- behaviour -- */
    bool read_only;  /* BEP 43: asks, never answers, is in no one's table */
    bool enforce_id; /* refuse contacts whose id does not fit their address (BEP 42); else prefer others */
    bool follow_address;     /* take a new id when the world agrees on our outside address (BEP 42) */
    unsigned address_quorum; /* address groups that must have voted */
    unsigned reply_peers;    /* peers in one answer */
    char version[5];         /* BEP 5 "v": 4 bytes, or empty */
};

/* The network's own. Any thread. */
void kad_settings_default(const struct kad_network *network, struct kad_settings *out_settings);
/* 0 or KAD_E_INVALID, and the name of the field, which is a constant. Any thread. */
KAD_CHECK int kad_settings_check(const struct kad_settings *settings, const char **out_field);
/* The range of a numeric field by its name; false: there is none of that name. Any thread. */
bool kad_settings_range(const char *field, int64_t *out_least, int64_t *out_most);
/* May this field be changed while an engine runs, with kad_engine_set_settings()? False: no, or there is none of that name.
 * Any thread. */
bool kad_settings_live(const char *field);
/* The first field that differs and may not be changed while an engine runs; NULL: none. Any thread. */
const char *kad_settings_fixed(const struct kad_settings *now, const struct kad_settings *then);

#ifdef __cplusplus
}
#endif
#endif
