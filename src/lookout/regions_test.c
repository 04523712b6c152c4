/* regions - a world of two countries, whose contacts answer or do not (I151). */
#include "lookout/regions.h"

#include <string.h>

#include "base/test.h"

#define QUIET (10 * KAD_MINUTE)
#define MOST  400

/* The first octet says where: 20 DE, 30 FR, 40 a system and no country, 50 a system of many; else unknown. */
static void place_of(void *context, const struct kad_endpoint *endpoint, struct kad_place *out_place)
{
    (void)context;
    if (endpoint->address[0] == 50) /* systems by the third octet */
        out_place->as_number = 1000u + endpoint->address[2];
    if (endpoint->address[0] == 20)
        memcpy(out_place->country, "DE", 2);
    if (endpoint->address[0] == 30)
        memcpy(out_place->country, "FR", 2);
    if (endpoint->address[0] == 40)
        out_place->as_number = 64500;
}

static const struct kad_places places = {place_of, NULL};

struct world {
    struct kad_regions regions;
    struct kad_table_row rows[MOST];
    bool dead[MOST];
    bool strange[MOST]; /* the host cannot ask it */
    size_t n;
    kad_ms now;
    unsigned n_silent, n_back, n_forgotten; /* changes told */
    kad_ms silent_at;
    char name[KAD_REGION_NAME]; /* of the last one */
    size_t n_probes, most_probes;
    uint64_t seen;
};

static void add(struct world *world, uint8_t where, unsigned n)
{
    while (n--) {
        struct kad_table_row *row = &world->rows[world->n];

        *row = (struct kad_table_row){.heard_at = world->now};
        row->contact.id.bytes[0] = (uint8_t)world->n;
        row->contact.endpoint = (struct kad_endpoint){.family = KAD_IPV4, .port = 6881};
        row->contact.endpoint.address[0] = where;
        row->contact.endpoint.address[3] = (uint8_t)(world->n + 1);
        world->n++;
    }
}

static void start(struct world *world)
{
    memset(world, 0, sizeof(*world));
    world->now = 1000 * KAD_HOUR;
    kad_regions_init(&world->regions, QUIET);
}

static void cut(struct world *world, uint8_t where, bool dead)
{
    for (size_t i = 0; i < world->n; i++)
        world->dead[i] = world->rows[i].contact.endpoint.address[0] == where ? dead : world->dead[i];
}

static void look(struct world *world)
{
    uint64_t scratch[4 * MOST];
    struct kad_regions_look out;

    kad_regions_look(&world->regions, world->rows, world->n, &places, scratch, world->now, &out);
    world->n_probes += out.n_probes;
    world->most_probes = out.n_probes > world->most_probes ? out.n_probes : world->most_probes;
    for (const struct kad_region_change *change;
         (change = kad_regions_news(&world->regions, &world->seen));) {
        world->n_silent += change->what == KAD_REGION_SILENT;
        world->n_back += change->what == KAD_REGION_BACK;
        world->n_forgotten += change->what == KAD_REGION_FORGOTTEN;
        memcpy(world->name, change->name, sizeof(world->name));
        if (change->what == KAD_REGION_SILENT)
            world->silent_at = world->now;
    }
    for (size_t i = 0; i < out.n_probes; i++) { /* answers come at once */
        const uint8_t who = out.probes[i].contact.id.bytes[0];

        if (world->strange[who]) {
            kad_regions_cannot_ask(&world->regions, &out.probes[i]);
            continue;
        }
        if (!world->dead[who])
            world->rows[who].heard_at = world->now + 50;
        world->rows[who].failures = world->dead[who] ? world->rows[who].failures + 1 : 0;
    }
}

static void pass(struct world *world, kad_ms time)
{
    const kad_ms until = world->now + time;

    while (world->now < until) {
        for (size_t i = 0; i < world->n; i++) { /* the engine asks everybody once an hour */
            if (!world->dead[i] && world->now - world->rows[i].heard_at > KAD_HOUR)
                world->rows[i].heard_at = world->now;
        }
        look(world);
        world->now += kad_regions_pace(&world->regions);
    }
}

TEST(a_region_that_goes_silent_is_told_I151)
{
    struct world world;
    kad_ms cut_at;

    start(&world);
    add(&world, 20, 12);
    add(&world, 30, 12);
    pass(&world, 2 * KAD_HOUR);
    EXPECT_EQ(world.n_silent, 0);
    cut(&world, 20, true);
    cut_at = world.now;
    pass(&world, 30 * KAD_MINUTE);
    EXPECT_EQ(world.n_silent, 1);
    EXPECT_STR(world.name, "DE");
    EXPECT(world.silent_at - cut_at <= QUIET + 10 * KAD_MINUTE);
    EXPECT_EQ(kad_regions_silent(&world.regions), 1);
    pass(&world, 3 * KAD_HOUR); /* once */
    EXPECT_EQ(world.n_silent, 1);

    cut(&world, 20, false);
    pass(&world, 10 * KAD_MINUTE);
    EXPECT_EQ(world.n_back, 1);
    EXPECT_EQ(kad_regions_silent(&world.regions), 0);
    pass(&world, 2 * KAD_HOUR);
    EXPECT_EQ(world.n_silent, 1);
}

/* The table drops who does not answer; they are asked all the same. */
TEST(who_left_the_table_is_remembered)
{
    struct world world;

    start(&world);
    add(&world, 30, 8);
    add(&world, 20, 8);
    pass(&world, KAD_HOUR);
    cut(&world, 20, true);
    world.n = 8;
    pass(&world, 30 * KAD_MINUTE);
    EXPECT_EQ(world.n_silent, 1);
    world.n = 16;
    cut(&world, 20, false);
    pass(&world, 10 * KAD_MINUTE);
    EXPECT_EQ(world.n_back, 1);
}

/* Our own line is down: everybody is silent, and when it comes back nobody is accused. */
TEST(who_is_offline_accuses_nobody)
{
    struct world world;

    start(&world);
    add(&world, 20, 12);
    add(&world, 30, 12);
    pass(&world, KAD_HOUR);
    cut(&world, 20, true);
    cut(&world, 30, true);
    pass(&world, 5 * KAD_HOUR);
    cut(&world, 20, false);
    cut(&world, 30, false);
    pass(&world, 5 * KAD_HOUR);
    EXPECT_EQ(world.n_silent, 0);
}

/* Who is on our side of the router answers whether the line behind it is there or not. */
TEST(who_is_in_our_own_network_says_nothing_of_the_line)
{
    struct world world;

    start(&world);
    add(&world, 20, 12);
    add(&world, 30, 12);
    add(&world, 10, 3); /* 10/8 is private */
    pass(&world, KAD_HOUR);
    cut(&world, 20, true);
    cut(&world, 30, true);
    pass(&world, 5 * KAD_HOUR);
    EXPECT_EQ(world.n_silent, 0);
}

/* A line may lose one family and keep the other, and a region may be known by one of them alone. */
TEST(an_answer_of_the_other_family_accuses_nobody)
{
    struct world world;

    start(&world);
    add(&world, 30, 12);
    add(&world, 0x2a, 12); /* RIPE's in IPv6 */
    add(&world, 0x26, 12); /* ARIN's */
    for (size_t i = 12; i < world.n; i++)
        world.rows[i].contact.endpoint.family = KAD_IPV6;
    pass(&world, KAD_HOUR);
    cut(&world, 0x2a, true);
    cut(&world, 0x26, true);
    pass(&world, 5 * KAD_HOUR);
    EXPECT_EQ(world.n_silent, 0);
    cut(&world, 0x26, false);
    pass(&world, KAD_HOUR);
    EXPECT_EQ(world.n_silent, 1);
    EXPECT_STR(world.name, "ripe");
}

/* Of libp2p's peers some have keys that nobody can be asked by, and whom the host has banned it does not ask either: they are not silent
 * for that, nor do they keep it from asking others. */
TEST(who_is_not_asked_is_not_silent)
{
    struct world world;

    start(&world);
    add(&world, 20, 12);
    add(&world, 30, 12);
    memset(world.strange, true, 12);
    pass(&world, 5 * KAD_HOUR);
    EXPECT_EQ(world.n_silent, 0);

    start(&world);
    add(&world, 20, 8);
    add(&world, 30, 12);
    memset(world.strange, true, 3);
    pass(&world, KAD_HOUR);
    cut(&world, 20, true);
    pass(&world, KAD_HOUR);
    EXPECT_EQ(world.n_silent, 1);
}

TEST(few_are_no_region)
{
    struct world world;

    start(&world);
    add(&world, 20, 4);
    add(&world, 30, 12);
    pass(&world, KAD_HOUR);
    cut(&world, 20, true);
    pass(&world, 5 * KAD_HOUR);
    EXPECT_EQ(world.n_silent, 0);
}

/* Who leaves one by one has left: a region that shrinks to nothing over hours is none. */
TEST(those_who_leave_one_by_one_are_no_alarm)
{
    struct world world;

    start(&world);
    add(&world, 20, 10);
    add(&world, 30, 12);
    for (size_t i = 0; i < 10; i++) {
        world.dead[i] = true;
        pass(&world, KAD_HOUR);
        for (size_t j = i + 1; j < 10; j++)
            world.rows[j].heard_at = world.now;
        world.rows[i].failures = 3;
    }
    pass(&world, 5 * KAD_HOUR);
    EXPECT_EQ(world.n_silent, 0);
}

TEST(a_region_is_a_country_a_system_or_a_registrys)
{
    struct world world;

    start(&world);
    add(&world, 40, 6); /* AS64500, and ARIN's */
    add(&world, 30, 12);
    pass(&world, KAD_HOUR);
    cut(&world, 40, true);
    pass(&world, KAD_HOUR);
    EXPECT_EQ(world.n_silent, 2);
    EXPECT_EQ(kad_regions_silent(&world.regions), 2);
}

/* There are seventy that are large enough, and room for the largest. */
TEST(the_largest_are_looked_after)
{
    static struct world world;
    bool has_largest = false;

    start(&world);
    for (uint8_t as = 0; as < 70; as++) {
        const size_t first = world.n;

        add(&world, 50, as == 69 ? 20 : 5);
        for (size_t i = first; i < world.n; i++)
            world.rows[i].contact.endpoint.address[2] = as;
    }
    look(&world);
    for (size_t i = 0; i < KAD_REGIONS_MAX; i++)
        has_largest |= strcmp(world.regions.regions[i].name, "AS1069") == 0;
    EXPECT(has_largest);
}

/* Nobody is asked while traffic shows that all are there, and never more than so many. */
TEST(pings_are_few)
{
    struct world world;

    start(&world);
    add(&world, 20, 12);
    add(&world, 30, 12);
    for (int i = 0; i < 60; i++) {
        world.rows[0].heard_at = world.rows[12].heard_at = world.now;
        pass(&world, KAD_MINUTE);
    }
    EXPECT_EQ(world.n_probes, 0);
    cut(&world, 20, true);
    world.n_probes = 0;
    pass(&world, KAD_HOUR);
    EXPECT_MSG(world.n_probes <= 60, "%zu", world.n_probes);
    EXPECT(world.most_probes <= KAD_REGIONS_PROBES);
}

TEST(a_silent_region_is_forgotten_after_a_day)
{
    struct world world;

    start(&world);
    add(&world, 20, 8);
    add(&world, 30, 8);
    pass(&world, KAD_HOUR);
    cut(&world, 20, true);
    world.n = 8 + 8;
    pass(&world, 26 * KAD_HOUR);
    EXPECT_EQ(world.n_forgotten, 1);
    EXPECT_EQ(world.n_silent, 1);
    EXPECT_EQ(kad_regions_silent(&world.regions), 0);
}
