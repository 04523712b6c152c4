#include "lookout/regions.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/endpoint.h"
#include "base/types.h"
#include "core/id.h"
#include "lookout/registry.h"

#define PACE_LEAST KAD_SECOND
#define PACE_MOST  KAD_MINUTE
#define GOOD_AGE   (90 * KAD_MINUTE) /* who answers is asked once an hour at least (ping_max_ms) */
#define AT_ONCE    2                 /* of a region in a look */
#define VAIN       8                 /* questions in vain, with a fifth of all lost: one in 400,000 */
#define SLOWER     5                 /* times: of one that is silent already */
#define GONE       KAD_HOUR          /* a small one that nobody was heard of */
#define FORGET     (24 * KAD_HOUR)
#define KIND(kind) ((uint64_t)(kind) << 32)

enum { OF_REGISTRY = 1, OF_COUNTRY, OF_SYSTEM };

/* -- which ------------------------------------------------------------------------------------------------------ */

size_t kad_regions_of(const struct kad_endpoint *endpoint, const struct kad_places *places,
                      uint64_t out_groups[2])
{
    struct kad_place place = {0};
    enum kad_registry registry;
    size_t n = 0;

    if (places)
        places->place_of(places->context, endpoint, &place);
    registry = place.country[0] ? KAD_REGISTRY_NONE : kad_registry_of(endpoint);
    if (place.country[0])
        out_groups[n++] =
            KIND(OF_COUNTRY) | (uint64_t)(uint8_t)place.country[0] << 8 | (uint8_t)place.country[1];
    else if (registry)
        out_groups[n++] = KIND(OF_REGISTRY) | registry;
    if (place.as_number)
        out_groups[n++] = KIND(OF_SYSTEM) | place.as_number;
    return n;
}

void kad_region_name(uint64_t group, char out_name[KAD_REGION_NAME])
{
    const uint32_t value = (uint32_t)group;

    if (group >> 32 == OF_SYSTEM)
        snprintf(out_name, KAD_REGION_NAME, "AS%" PRIu32 "", value % 1000000000u);
    else if (group >> 32 == OF_COUNTRY)
        snprintf(out_name, KAD_REGION_NAME, "%c%c", (char)(value >> 8), (char)value);
    else
        snprintf(out_name, KAD_REGION_NAME, "%s", kad_registry_text((enum kad_registry)value));
}

/* -- what a look sees ------------------------------------------------------------------------------------------- */

struct view {
    const struct kad_table_row *rows;
    size_t n;
    const uint64_t *groups; /* two of each row */
    kad_ms now;
};

static bool is_of(const struct view *view, size_t row, uint64_t group)
{
    return view->groups[2 * row] == group || view->groups[2 * row + 1] == group;
}

static bool is_good(const struct view *view, size_t row)
{
    return !view->rows[row].replacement && !view->rows[row].failures &&
           view->now - view->rows[row].heard_at < GOOD_AGE;
}

/* The latest sign of life of the region. */
static kad_ms heard_of(const struct view *view, uint64_t group)
{
    kad_ms at = 0;

    for (size_t i = 0; i < view->n; i++) {
        if (is_of(view, i, group) && view->rows[i].heard_at > at)
            at = view->rows[i].heard_at;
    }
    return at;
}

/* Whether an answer from one shows that our line to the other works: a line may lose one family, and has nothing to do with who is
 * on our side of the router. */
static bool is_witness(const struct kad_endpoint *one, const struct kad_endpoint *other)
{
    return one->family == other->family && kad_endpoint_scope(one) >= kad_endpoint_scope(other);
}

/* Have others answered since this one was asked, by the same line? */
static bool others_answered(const struct view *view, uint64_t group, const struct kad_region_peer *peer)
{
    for (size_t i = 0; i < view->n; i++) {
        if (!is_of(view, i, group) &&
            view->rows[i].heard_at + PACE_LEAST > peer->asked_at && /* tables tell whole seconds */
            is_witness(&view->rows[i].contact.endpoint, &peer->contact.endpoint))
            return true;
    }
    return false;
}

static void remember(struct kad_region *region, const struct kad_table_row *row)
{
    unsigned at = region->n_peers;

    if (at == KAD_REGION_PEERS && row->heard_at <= region->peers[at - 1].heard_at)
        return;
    at -= at == KAD_REGION_PEERS;
    for (; at > 0 && region->peers[at - 1].heard_at < row->heard_at; at--)
        region->peers[at] = region->peers[at - 1];
    region->peers[at] = (struct kad_region_peer){.contact = row->contact, .heard_at = row->heard_at};
    memcpy(region->peers[at].public_key, row->public_key, sizeof(row->public_key));
    region->n_peers += region->n_peers < KAD_REGION_PEERS;
}

static void count(struct kad_region *region, const struct view *view)
{
    region->n_contacts = 0;
    for (size_t i = 0; i < view->n; i++)
        region->n_contacts += !view->rows[i].replacement && is_of(view, i, region->group);
}

/* It was heard, so all that was held against it is of the past. */
static void renew(struct kad_region *region, const struct view *view)
{
    region->n_good = region->n_peers = region->n_vain = 0;
    region->silent = false;
    for (size_t i = 0; i < view->n; i++) {
        if (is_of(view, i, region->group) && is_good(view, i)) {
            region->n_good++;
            remember(region, &view->rows[i]);
        }
    }
}

/* -- one region ------------------------------------------------------------------------------------------------- */

static void tell(struct kad_regions *regions, enum kad_region_what what, const struct kad_region *region,
                 kad_ms now)
{
    struct kad_region_change *change = &regions->changes[regions->n_changes++ % KAD_REGION_CHANGES];

    *change = (struct kad_region_change){
        .what = what, .n_good = region->n_good, .since = region->heard_at, .at = now};
    memcpy(change->name, region->name, sizeof(change->name));
}

/* What came of the questions of an earlier look. Where nobody else answered either, it says nothing of the region. */
static void judge(struct kad_region *region, const struct view *view)
{
    for (unsigned i = 0; i < region->n_peers; i++) {
        struct kad_region_peer *peer = &region->peers[i];

        if (!peer->asked_at || view->now - peer->asked_at < PACE_LEAST)
            continue;
        if (others_answered(view, region->group, peer)) {
            peer->n_vain++;
            region->n_vain++;
        }
        peer->asked_at = 0;
    }
}

static bool is_silent(const struct kad_region *region)
{
    unsigned n_silent = 0;

    for (unsigned i = 0; i < region->n_peers; i++)
        n_silent += region->peers[i].n_vain > 0;
    return n_silent >= KAD_REGION_CONTACTS && region->n_vain >= VAIN;
}

static void ask(struct kad_regions *regions, struct kad_regions_look *look, struct kad_region_peer *peer,
                kad_ms now)
{
    peer->asked_at = now;
    look->probes[look->n_probes++] = *peer;
    regions->n_probes++;
}

/* Whoever was asked least often. */
static void probe(struct kad_regions *regions, struct kad_region *region, const struct view *view,
                  struct kad_regions_look *look)
{
    region->asked_at = view->now;
    for (unsigned times = 0; times < (region->silent ? 1 : AT_ONCE); times++) {
        struct kad_region_peer *next = NULL;

        for (unsigned i = 0; i < region->n_peers; i++) {
            if (!region->peers[i].asked_at && !region->peers[i].strange &&
                (!next || region->peers[i].n_vain < next->n_vain))
                next = &region->peers[i];
        }
        if (!next || look->n_probes + 1 >= KAD_REGIONS_PROBES) /* one is for whoever is elsewhere */
            return;
        ask(regions, look, next, view->now);
    }
}

static void look_at(struct kad_regions *regions, struct kad_region *region, const struct view *view)
{
    const kad_ms heard_at = heard_of(view, region->group);
    const kad_ms quiet_for = view->now - region->heard_at;

    count(region, view);
    if (heard_at > region->heard_at) {
        if (region->silent)
            tell(regions, KAD_REGION_BACK, region, view->now);
        region->heard_at = heard_at;
        renew(region, view);
        if (region->n_good < KAD_REGION_CONTACTS - 1) /* not one more, not one less, again and again */
            region->group = 0;
        return;
    }
    judge(region, view);
    if (region->silent && quiet_for >= FORGET) {
        tell(regions, KAD_REGION_FORGOTTEN, region, view->now);
        region->group = 0;
    } else if (region->n_peers < KAD_REGION_CONTACTS && quiet_for >= GONE) {
        region->group = 0; /* few were left, and they are gone: no alarm, they had time to leave one by one */
    } else if (quiet_for >= regions->quiet_ms && !region->silent && is_silent(region)) {
        region->silent = true;
        tell(regions, KAD_REGION_SILENT, region, view->now);
    }
}

/* -- all of them ------------------------------------------------------------------------------------------------ */

static bool is_to_be_asked(const struct kad_regions *regions, const struct kad_region *region, kad_ms now)
{
    const kad_ms pause = region->silent ? SLOWER * kad_regions_pace(regions) : 0;

    return region->group && now - region->heard_at >= regions->quiet_ms && now - region->asked_at >= pause &&
           region->asked_at != now;
}

/* The one asked longest ago first, as far as a look's pings go. */
static void probe_all(struct kad_regions *regions, const struct view *view, struct kad_regions_look *look)
{
    while (look->n_probes + 1 < KAD_REGIONS_PROBES) {
        struct kad_region *next = NULL;

        for (size_t i = 0; i < KAD_REGIONS_MAX; i++) {
            struct kad_region *region = &regions->regions[i];

            if (is_to_be_asked(regions, region, view->now) && (!next || region->asked_at < next->asked_at))
                next = region;
        }
        if (!next)
            return;
        probe(regions, next, view, look);
    }
}

/* Somebody of none of the regions that are asked, by whose answer that of the first who is asked can be judged; if there is anybody. */
static void probe_elsewhere(struct kad_regions *regions, const struct view *view,
                            struct kad_regions_look *look)
{
    const struct kad_table_row *best = NULL;
    struct kad_region_peer peer = {0};

    for (size_t i = 0; i < view->n; i++) {
        const struct kad_table_row *row = &view->rows[i];
        bool asked =
            row->replacement || !is_witness(&row->contact.endpoint, &look->probes[0].contact.endpoint);

        for (size_t j = 0; j < KAD_REGIONS_MAX && !asked; j++)
            asked = regions->regions[j].group && is_of(view, i, regions->regions[j].group) &&
                    view->now - regions->regions[j].heard_at >= regions->quiet_ms;
        if (!asked && (!best || row->heard_at > best->heard_at))
            best = row;
    }
    if (!best)
        return;
    peer.contact = best->contact;
    memcpy(peer.public_key, best->public_key, sizeof(best->public_key));
    ask(regions, look, &peer, view->now);
}

static bool is_known(const struct kad_regions *regions, uint64_t group)
{
    for (size_t i = 0; i < KAD_REGIONS_MAX; i++) {
        if (regions->regions[i].group == group)
            return true;
    }
    return false;
}

/* A free place, or that of the smallest, if it is smaller. */
static struct kad_region *place_for(struct kad_regions *regions, size_t n_good)
{
    struct kad_region *smallest = NULL;

    for (size_t i = 0; i < KAD_REGIONS_MAX; i++) {
        struct kad_region *region = &regions->regions[i];

        if (!region->group)
            return region;
        if (!region->silent && region->n_good < n_good && (!smallest || region->n_good < smallest->n_good))
            smallest = region;
    }
    return smallest;
}

static void welcome(struct kad_regions *regions, uint64_t group, const struct view *view, size_t n_good)
{
    struct kad_region *region = place_for(regions, n_good);

    if (!region)
        return;
    *region = (struct kad_region){.group = group, .heard_at = heard_of(view, group)};
    kad_region_name(group, region->name);
    count(region, view);
    renew(region, view);
}

static int by_number(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

/* The largest that have grown large enough, as many as there are places. Overwrites the groups. */
static void find_new(struct kad_regions *regions, const struct view *view, uint64_t *groups)
{
    uint64_t found[KAD_REGIONS_MAX];
    size_t sizes[KAD_REGIONS_MAX];
    size_t n = 0, n_found = 0, at;
    uint64_t *good = groups + 2 * view->n;

    for (size_t i = 0; i < view->n; i++) {
        for (size_t j = 0; j < 2 && is_good(view, i); j++) {
            if (groups[2 * i + j])
                good[n++] = groups[2 * i + j];
        }
    }
    qsort(good, n, sizeof(*good), by_number);
    for (size_t i = 0, run = 0; i < n; i++) {
        run = i && good[i] == good[i - 1] ? run + 1 : 1;
        if (run < KAD_REGION_CONTACTS || (i + 1 < n && good[i + 1] == good[i]) || is_known(regions, good[i]))
            continue;
        at = n_found;
        if (n_found == KAD_REGIONS_MAX) { /* the smallest gives way */
            at = 0;
            for (size_t j = 1; j < n_found; j++)
                at = sizes[j] < sizes[at] ? j : at;
            if (sizes[at] >= run)
                continue;
        }
        n_found += at == n_found;
        found[at] = good[i];
        sizes[at] = run;
    }
    for (size_t i = 0; i < n_found; i++)
        welcome(regions, found[i], view, sizes[i]);
}

void kad_regions_look(struct kad_regions *regions, const struct kad_table_row *rows, size_t n,
                      const struct kad_places *places, uint64_t *scratch, kad_ms now,
                      struct kad_regions_look *out_look)
{
    const struct view view = {rows, n, scratch, now};

    out_look->n_probes = 0;
    memset(scratch, 0, 2 * n * sizeof(*scratch));
    for (size_t i = 0; i < n; i++)
        (void)kad_regions_of(&rows[i].contact.endpoint, places, scratch + 2 * i);
    for (unsigned i = 0; i < KAD_REGIONS_MAX; i++) {
        if (regions->regions[i].group)
            look_at(regions, &regions->regions[i], &view);
    }
    probe_all(regions, &view, out_look);
    if (out_look->n_probes)
        probe_elsewhere(regions, &view, out_look);
    find_new(regions, &view, scratch);
}

/* -- the rest --------------------------------------------------------------------------------------------------- */

void kad_regions_init(struct kad_regions *regions, kad_ms quiet_ms)
{
    memset(regions, 0, sizeof(*regions));
    regions->quiet_ms = quiet_ms;
}

kad_ms kad_regions_pace(const struct kad_regions *regions)
{
    const kad_ms pace = regions->quiet_ms / 10;

    return pace < PACE_LEAST ? PACE_LEAST : pace > PACE_MOST ? PACE_MOST : pace;
}

void kad_regions_cannot_ask(struct kad_regions *regions, const struct kad_region_peer *peer)
{
    regions->n_probes--;
    for (size_t i = 0; i < KAD_REGIONS_MAX; i++) {
        struct kad_region *region = &regions->regions[i];

        for (unsigned j = 0; region->group && j < region->n_peers; j++) {
            struct kad_region_peer *here = &region->peers[j];

            if (kad_id_equal(&here->contact.id, &peer->contact.id) &&
                kad_endpoint_equal(&here->contact.endpoint, &peer->contact.endpoint)) {
                here->strange = true;
                here->asked_at = 0;
            }
        }
    }
}

const struct kad_region_change *kad_regions_news(const struct kad_regions *regions, uint64_t *seen)
{
    if (*seen + KAD_REGION_CHANGES < regions->n_changes)
        *seen = regions->n_changes - KAD_REGION_CHANGES; /* those before were written over */
    return *seen < regions->n_changes ? &regions->changes[(*seen)++ % KAD_REGION_CHANGES] : NULL;
}

const char *kad_region_text(enum kad_region_what what)
{
    static const char *const texts[] = {"region_silent", "region_back", "region_forgotten"};

    return texts[what];
}

unsigned kad_regions_silent(const struct kad_regions *regions)
{
    unsigned n = 0;

    for (size_t i = 0; i < KAD_REGIONS_MAX; i++)
        n += regions->regions[i].group && regions->regions[i].silent;
    return n;
}
