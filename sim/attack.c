#include "sim/attack.h"

#include <string.h>

#include "base/endpoint.h"
#include "core/id.h"
#include "wire/krpc/krpc.h"

#define STEP        (10 * 1000) /* microseconds between volleys */
#define LIES        8           /* contacts in a liar's answer */
#define FLOODER_NET 0x2d2d2d00u /* 45.45.45.0/24: no node is there, see below */
#define VICTIM_NET  0x2e2e2e00u
#define LIAR_NET    0x2f000000u /* a /16 for each liar */
#define FAKE_NET    0x30000000u /* 48.0.0.0/8: contacts that do not exist */

struct sim_attack {
    struct sim_attack *next;
    struct sim_run *run;
    struct sim_action action;
    sim_us until;
    struct sim_rng rng;
    uint64_t sent_bytes, received_bytes,
        carry; /* carry: parts of a datagram left over from the last volley */
    struct kad_message message;
    uint8_t bytes[KAD_DATAGRAM_MAX];
};

/* A node may happen to have an address of these networks: harmless, as what is counted is what no node owns. */
static struct kad_endpoint host(uint32_t address, uint16_t port)
{
    const uint8_t bytes[4] = {(uint8_t)(address >> 24), (uint8_t)(address >> 16), (uint8_t)(address >> 8),
                              (uint8_t)address};

    return kad_endpoint_v4(bytes, port);
}

static uint32_t address_of(const struct kad_endpoint *endpoint)
{
    return (uint32_t)endpoint->address[0] << 24 | (uint32_t)endpoint->address[1] << 16 |
           (uint32_t)endpoint->address[2] << 8 | endpoint->address[3];
}

static uint32_t liar_address(uint32_t liar)
{
    return LIAR_NET + ((liar & 0xff) << 16) + ((liar >> 8 & 0xff) << 8) + 7;
}

static struct kad_id random_id(struct sim_rng *rng)
{
    struct kad_id id = {{0}};

    for (size_t i = 0; i < 20; i++)
        id.bytes[i] = (uint8_t)sim_random(rng);
    return id;
}

/* -- what is sent ----------------------------------------------------------------------------------------------- */

static struct kad_endpoint source(struct sim_attack *attack)
{
    switch (attack->action.attack) {
    case SIM_FLOOD:
        return host(FLOODER_NET + 1, 4444);
    case SIM_FLOOD_SUBNET:
        return host(FLOODER_NET + sim_below(&attack->rng, 256),
                    (uint16_t)(1024 + sim_below(&attack->rng, 60000)));
    case SIM_REFLECT:
        return host(VICTIM_NET + sim_below(&attack->rng, 256), 80);
    case SIM_FLOOD_SPOOFED:
    case SIM_LIARS:
    case SIM_MUTE:
    case SIM_SIEGE:
    case SIM_SYBIL:
    case SIM_COLLUDE:
    case SIM_N_ATTACKS:
        break;
    }
    for (;;) {
        const struct kad_endpoint any = host((uint32_t)sim_random(&attack->rng), 4444);

        if (kad_endpoint_scope(&any) == KAD_SCOPE_PUBLIC &&
            sim_node_at(attack->run->world, &any) == SIM_NOBODY)
            return any;
    }
}

static size_t garbage(struct sim_attack *attack)
{
    const size_t n = 1 + sim_below(&attack->rng, 400);

    for (size_t i = 0; i < n; i++)
        attack->bytes[i] = (uint8_t)sim_random(&attack->rng);
    if (sim_below(&attack->rng, 2))
        attack->bytes[0] = 'd'; /* looks right for a byte */
    return n;
}

static size_t query(struct sim_attack *attack, const struct kad_id *sender, enum kad_method method)
{
    struct kad_message *message = &attack->message;

    kad_message_init(message);
    message->kind = KAD_QUERY;
    message->method = method;
    message->transaction = (struct kad_bytes){(const uint8_t *)"xx", 2};
    message->sender = *sender;
    message->has_sender = true;
    message->target = random_id(&attack->rng);
    message->want_ipv4 = message->want_ipv6 = true;
    if (attack->action.attack == SIM_REFLECT && attack->run->records.n && method == KAD_GET)
        message->target = attack->run->records.items[sim_below(&attack->rng, attack->run->records.n)].key;
    if (attack->action.attack == SIM_REFLECT && attack->run->keys.n && method == KAD_GET_PEERS) {
        message->target = attack->run->keys.items[sim_below(&attack->rng, attack->run->keys.n)].key;
        message->scrape = sim_below(&attack->rng, 2);
    }
    return kad_krpc.encode(message, attack->bytes, sizeof(attack->bytes));
}

static size_t any_query(struct sim_attack *attack)
{
    static const enum kad_method methods[] = {KAD_PING, KAD_FIND_NODE, KAD_GET_PEERS, KAD_GET, KAD_SAMPLE};
    const struct kad_id sender = random_id(&attack->rng);

    return query(attack, &sender, methods[sim_below(&attack->rng, 5)]);
}

static void shoot(struct sim_attack *attack, uint32_t at)
{
    const struct kad_endpoint from = source(attack);
    const bool junk = attack->action.attack != SIM_REFLECT && sim_below(&attack->rng, 3) == 0;
    const size_t n = junk ? garbage(attack) : any_query(attack);

    attack->sent_bytes += n;
    sim_world_inject(attack->run->world, &from, at, (struct kad_bytes){attack->bytes, n});
}

static void volley(void *context, struct sim_world *world, uint64_t argument)
{
    struct sim_attack *attack = context;
    const uint32_t n_nodes = sim_world_n_nodes(world);
    uint64_t n = (uint64_t)attack->action.rate * attack->action.n * STEP + attack->carry;

    if (sim_world_now(world) >= attack->until)
        return;
    attack->carry = n % (uint64_t)SIM_SECOND;
    for (n /= (uint64_t)SIM_SECOND; n; n--) /* its targets are the first `n` nodes */
        shoot(attack, sim_below(&attack->rng, attack->action.n < n_nodes ? attack->action.n : n_nodes));
    sim_world_after(world, STEP, volley, attack, argument);
}

/* -- liars ------------------------------------------------------------------------------------------------------ */

static bool has_hosts(const struct sim_attack *attack)
{
    return attack->action.attack == SIM_LIARS || attack->action.attack == SIM_MUTE;
}

static struct kad_id liar_id(const struct sim_attack *attack, uint32_t liar)
{
    struct sim_rng rng = {sim_mix(attack->run->scenario.config.seed, liar, 9)};

    return random_id(&rng);
}

/* Asks somebody something, so as to be asked back and taken in. */
static void introduce(void *context, struct sim_world *world, uint64_t liar)
{
    struct sim_attack *attack = context;
    const struct kad_endpoint from = host(liar_address((uint32_t)liar), 6881);
    const struct kad_id id = liar_id(attack, (uint32_t)liar);
    const uint32_t to = sim_world_anybody(world);
    const size_t n = query(attack, &id, KAD_FIND_NODE);

    if (sim_world_now(world) >= attack->until || to == SIM_NOBODY)
        return;
    attack->sent_bytes += n;
    sim_world_inject(world, &from, to, (struct kad_bytes){attack->bytes, n});
    sim_world_after(world, SIM_SECOND / 10 + sim_below(&attack->rng, SIM_SECOND), introduce, attack, liar);
}

static void lie(struct sim_attack *attack, uint32_t liar, uint32_t to, const struct kad_endpoint *from,
                struct kad_bytes bytes)
{
    struct kad_message *message = &attack->message;
    uint8_t transaction[KAD_KRPC_TRANSACTION];
    struct kad_id target;
    enum kad_method method;
    size_t n;

    if (kad_krpc.decode(bytes, KAD_IPV4, message) != KAD_DECODED || message->kind != KAD_QUERY ||
        message->transaction.size > sizeof(transaction))
        return;
    n = message->transaction.size;
    memcpy(transaction, message->transaction.data, n);
    target = message->target;
    method = message->method;
    if (attack->action.attack == SIM_MUTE && method != KAD_PING)
        return;
    kad_message_init(message);
    message->kind = KAD_REPLY;
    message->method = method;
    message->transaction = (struct kad_bytes){transaction, n};
    message->sender = liar_id(attack, liar);
    message->has_sender = true;
    message->want_ipv4 = true;
    message->token = (struct kad_bytes){(const uint8_t *)"lie", 3};
    if (method == KAD_FIND_NODE || method == KAD_GET_PEERS || method == KAD_GET) {
        for (; message->n_contacts < LIES; message->n_contacts++) {
            struct kad_contact *contact = &message->contacts[message->n_contacts];

            contact->id = target; /* nearer than anybody honest */
            contact->id.bytes[16 + sim_below(&attack->rng, 4)] ^= (uint8_t)(1 + sim_below(&attack->rng, 255));
            contact->endpoint = host(FAKE_NET + sim_below(&attack->rng, 1 << 24), 6881);
        }
    }
    n = kad_krpc.encode(message, attack->bytes, sizeof(attack->bytes));
    if (n)
        sim_world_inject(attack->run->world, from, to, (struct kad_bytes){attack->bytes, n});
}

/* -- life ------------------------------------------------------------------------------------------------------- */

int sim_attack_begin(struct sim_run *run, const struct sim_action *action)
{
    struct sim_attack *attack = kad_allocator_system.resize(NULL, NULL, 0, sizeof(*attack));

    if (!attack)
        return KAD_E_MEMORY;
    memset(attack, 0, offsetof(struct sim_attack, message));
    attack->run = run;
    attack->action = *action;
    attack->until = sim_world_now(run->world) + action->span;
    attack->rng.state = sim_random(sim_world_rng(run->world));
    attack->next = run->attacks;
    run->attacks = attack;
    if (has_hosts(attack)) {
        for (uint32_t i = 0; i < action->n; i++)
            sim_world_after(run->world, sim_below(&attack->rng, SIM_SECOND), introduce, attack, i);
    } else {
        sim_world_after(run->world, 0, volley, attack, 0);
    }
    return 0;
}

void sim_attack_clear(struct sim_run *run)
{
    while (run->attacks) {
        struct sim_attack *next = run->attacks->next;

        kad_allocator_system.resize(NULL, run->attacks, sizeof(*next), 0);
        run->attacks = next;
    }
}

void sim_attack_stray(void *context, struct sim_world *world, uint32_t from,
                      const struct kad_endpoint *from_endpoint, const struct kad_endpoint *to,
                      struct kad_bytes bytes)
{
    struct sim_run *run = context;
    const uint32_t address = to->family == KAD_IPV4 ? address_of(to) : 0;

    (void)from_endpoint;
    for (struct sim_attack *attack = run->attacks; attack; attack = attack->next) {
        if (attack->action.attack == SIM_REFLECT && (address & 0xffffff00u) == VICTIM_NET)
            attack->received_bytes += bytes.size;
        if (!has_hosts(attack) || sim_world_now(world) >= attack->until)
            continue;
        for (uint32_t i = 0; i < attack->action.n; i++) {
            if (address == liar_address(i)) {
                lie(attack, i, from, to, bytes);
                return;
            }
        }
    }
}

struct sim_reflection sim_attack_reflection(const struct sim_run *run)
{
    struct sim_reflection sum = {0};

    for (const struct sim_attack *attack = run->attacks; attack; attack = attack->next) {
        const sim_us until =
            attack->until < sim_world_now(run->world) ? attack->until : sim_world_now(run->world);
        const sim_us lasted = until - (attack->until - attack->action.span);

        if (attack->action.attack != SIM_REFLECT)
            continue;
        sum.sent_bytes += attack->sent_bytes;
        sum.received_bytes += attack->received_bytes;
        sum.grants += attack->action.n * (uint64_t)4096 * (uint64_t)((lasted + SIM_MINUTE) / SIM_MINUTE);
    }
    return sum;
}

bool sim_attack_owns(const struct sim_run *run, const struct kad_endpoint *endpoint)
{
    const uint32_t address = endpoint->family == KAD_IPV4 ? address_of(endpoint) : 0;

    for (const struct sim_attack *attack = run->attacks; attack; attack = attack->next) {
        for (uint32_t i = 0; has_hosts(attack) && i < attack->action.n; i++) {
            if (address == liar_address(i))
                return true;
        }
    }
    return false;
}
