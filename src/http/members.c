/* members - see members.h. */
#include "http/members.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/endpoint.h"
#include "core/message.h"
#include "crypto/crypto.h"
#include "http/member_dial.h"
#include "http/member_json.h"
#include "http/member_proof.h"
#include "http/websocket.h"

#define IN_MAX     256 /* members that came */
#define OUT_MAX    128 /* that we dialled */
#define WAITING    16  /* questions that wait for a connection */
#define BLOCK      (16 * 1024)
#define AT_ONCE    4
#define QUEUED_MAX ((size_t)256 * 1024)
#define PROOF_MS   10000
#define QUIET_MS   60000 /* one we dialled is hung up on */
#define SILENT_MS  30000 /* one that came is sent a ping; after twice that it is cut off */
#define STUCK_MS   15000 /* it takes nothing */

struct member {
    struct member *next, *previous;
    struct kad_members *members;
    bool is_out;
    struct kad_client *client; /* of one that came */
    struct MHD_UpgradeResponseHandle *upgrade;
    int fd;
    uv_poll_t poll;
    struct kad_endpoint endpoint; /* in: the other end; out: what was dialled */
    struct kad_member_dial dial;  /* out: until `open` */
    bool open, cut, closing, said_bye, pinged, has_left;
    struct kad_websocket socket;
    struct kad_member_proof proof;
    char *waiting[WAITING]; /* out: until it is proved */
    unsigned n_waiting;
    uint64_t begun_at, heard_at, progress_at, asked_at; /* the loop's milliseconds */
    uint8_t out[BLOCK];
    size_t out_at, n_out;
};

struct kad_members {
    struct kad_node *node;
    uv_loop_t *loop;
    struct kad_web *web;
    const char *names;
    struct kad_identity identity;
    struct kad_member_self self;
    struct kad_node_link link;
    struct member *in, *out;
    unsigned n_in, n_out;
    uint16_t port; /* where the node listens */
};

/* -- coming and going ---------------------------------------------------------------------------------------------- */

static void on_poll_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void leave(struct member *member)
{
    struct kad_members *members = member->members;

    if (member->has_left)
        return;
    member->has_left = true;
    if (member->next)
        member->next->previous = member->previous;
    if (member->previous)
        member->previous->next = member->next;
    else if (member->is_out)
        members->out = member->next;
    else
        members->in = member->next;
    members->n_in -= !member->is_out;
    members->n_out -= member->is_out;
    members->web->members.n_in -= !member->is_out;
    members->web->members.n_out -= member->is_out;
    for (unsigned i = 0; i < member->n_waiting; i++)
        free(member->waiting[i]);
    kad_websocket_clear(&member->socket);
    uv_close((uv_handle_t *)&member->poll, on_poll_closed);
    if (member->is_out) {
        close(member->fd);
    } else {
        struct kad_door *door = member->client->door;

        MHD_upgrade_action(member->upgrade, MHD_UPGRADE_ACTION_CLOSE); /* `client` may be gone behind it */
        kad_door_wake(door);
    }
}

/* It is found closed where it is read or written next: never in the middle of something. */
static void cut(struct member *member, enum kad_web_refusal why)
{
    if (member->cut)
        return;
    member->cut = true;
    member->members->web->refused[why]++;
    shutdown(member->fd, SHUT_RDWR);
}

/* -- out ----------------------------------------------------------------------------------------------------------- */

static void on_ready(uv_poll_t *poll, int status, int events);

static void send_text(struct member *member, const char *text)
{
    kad_websocket_send(&member->socket, (struct kad_bytes){(const uint8_t *)text, strlen(text)});
    if (kad_websocket_queued(&member->socket) > QUEUED_MAX)
        cut(member, KAD_WEB_SLOW_READER);
    if (!member->has_left)
        uv_poll_start(&member->poll, UV_WRITABLE, on_ready); /* and not now: a turn may be on */
}

static char *take_text(json_t *json)
{
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

    json_decref(json);
    return text;
}

static void send_json(struct member *member, json_t *json)
{
    char *text = take_text(json);

    if (text)
        send_text(member, text);
    free(text);
}

static bool fill(struct member *member)
{
    if (member->out_at < member->n_out)
        return true;
    member->out_at = 0;
    member->n_out = kad_websocket_output(&member->socket, member->out, BLOCK);
    if (member->n_out == 0 && member->closing && !member->said_bye) {
        member->said_bye = true;
        kad_websocket_close(&member->socket, KAD_WEBSOCKET_GOING_AWAY);
        member->n_out = kad_websocket_output(&member->socket, member->out, BLOCK);
    }
    return member->n_out > 0;
}

static void pump(struct member *member)
{
    bool is_left = false;

    for (int i = 0; i < AT_ONCE; i++) {
        ssize_t n;

        is_left = fill(member);
        if (!is_left)
            break;
        n = send(member->fd, member->out + member->out_at, member->n_out - member->out_at, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            leave(member);
            return;
        }
        if (n > 0) {
            member->out_at += (size_t)n;
            member->progress_at = uv_now(member->members->loop);
        }
        if (member->out_at < member->n_out)
            break;
    }
    if (!is_left)
        member->progress_at = uv_now(member->members->loop);
    if (!is_left && kad_websocket_ended(&member->socket))
        leave(member);
    else
        uv_poll_start(&member->poll, is_left ? UV_WRITABLE : UV_READABLE, on_ready);
}

/* When all was written, which a close would overtake. */
static void hang_up(struct member *member)
{
    if (member->closing)
        return;
    member->closing = true;
    uv_poll_start(&member->poll, UV_WRITABLE, on_ready);
}

/* -- what is said -------------------------------------------------------------------------------------------------- */

static struct kad_endpoint endpoint_of(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;

        return kad_endpoint_v4((const uint8_t *)&v4->sin_addr, ntohs(v4->sin_port));
    }
    if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)address;

        return kad_endpoint_v6(v6->sin6_addr.s6_addr, ntohs(v6->sin6_port));
    }
    return (struct kad_endpoint){0};
}

static bool is_named(const char *names, const char *host)
{
    const char *colon = strrchr(host, ':');
    const size_t bare = colon && !strchr(colon, ']') ? (size_t)(colon - host) : strlen(host);

    while (names && *names) {
        const size_t size = strcspn(names, ", ");

        if (size > 0 && (size == bare || size == strlen(host)) && strncasecmp(names, host, size) == 0)
            return true;
        names += size;
        names += strspn(names, ", ");
    }
    return false;
}

/* Whether we are reached at `host`: this connection's own end, or a name we were told. */
static bool is_own(void *context, const char *host)
{
    const struct member *member = context;
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;
    struct kad_endpoint own, some;
    char text[KAD_ENDPOINT_TEXT], local[32];

    if (getsockname(member->fd, (struct sockaddr *)&address, &size) != 0)
        return false;
    own = some = endpoint_of(&address);
    some.port = 1; /* the scope of port 0 is none */
    snprintf(local, sizeof local, "localhost:%u", own.port);
    return strcmp(host, kad_endpoint_format(&own, text)) == 0 || is_named(member->members->names, host) ||
           (kad_endpoint_scope(&some) == KAD_SCOPE_LOOPBACK && strcmp(host, local) == 0);
}

/* It listens: as if it had said so from there, so that the engine asks whether it is so. */
static void introduce(struct member *member)
{
    static const uint8_t ping[] = {KAD_QUERY << 6 | 1, 0, 0, 0, 0};
    struct kad_datagram datagram = {
        .peer = member->endpoint,
        .bytes = {ping, sizeof ping},
        .identity = {member->proof.peer, KAD_IDENTITY_SIZE},
    };

    datagram.peer.port = member->proof.port;
    kad_node_arrived(member->members->node, &datagram);
}

static void tell(const struct kad_members *members, const char *event, const struct member *member)
{
    const struct kad_node_config *config = kad_node_config_of(members->node);
    char address[KAD_ENDPOINT_TEXT];
    const struct kad_log_field field = {"address", kad_endpoint_format(&member->endpoint, address)};

    if (config->log && config->log_level >= KAD_LOG_WARN)
        config->log(config->log_context, KAD_LOG_WARN, event, &field, 1);
}

static void go_on_proving(struct member *member, const json_t *message)
{
    struct kad_member_proof *proof = &member->proof;

    send_json(member, kad_member_proof_hear(proof, message, is_own, member));
    member->members->web->members.proved += proof->stage == KAD_MEMBER_PROVED;
    if (proof->stage == KAD_MEMBER_FAILED) {
        member->members->web->refused[KAD_WEB_UNAUTHORIZED]++;
        member->members->web->members.refused++;
        if (proof->wrong_key)
            tell(member->members, "wrong_key", member);
        hang_up(member);
    } else if (proof->stage == KAD_MEMBER_PROVED && member->is_out) {
        for (unsigned i = 0; i < member->n_waiting; i++) {
            send_text(member, member->waiting[i]);
            free(member->waiting[i]);
        }
        member->n_waiting = 0;
    } else if (proof->stage == KAD_MEMBER_PROVED && proof->port) {
        introduce(member);
    }
}

static void count(uint64_t counts[KAD_WEB_N_COMMANDS], const json_t *message)
{
    counts[kad_web_command_of(json_string_value(json_object_get(message, "command")))]++;
}

/* Questions come from those who came, answers from those we dialled. */
static void take_message(struct member *member, const json_t *message)
{
    uint8_t wire[KAD_MEMBER_MESSAGE_MAX];
    struct kad_datagram datagram = {.peer = member->endpoint,
                                    .identity = {member->proof.peer, KAD_IDENTITY_SIZE}};
    char why[128] = "not understood: a question is expected";
    size_t n = 0;

    if ((json_object_get(message, "messageId") != NULL) != member->is_out)
        n = kad_member_json_read(message, wire, sizeof wire, why, sizeof why);
    datagram.bytes = (struct kad_bytes){wire, n};
    count(member->members->web->members.received, n > 0 ? message : NULL);
    if (n > 0)
        kad_node_arrived(member->members->node, &datagram);
    else if (!member->is_out)
        send_json(member, kad_member_json_refuse(message, why));
}

static void on_text(void *context, struct kad_bytes text)
{
    struct member *member = context;
    json_t *message = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, NULL);

    if (member->closing) {
        json_decref(message);
        return;
    }
    if (!json_is_object(message))
        hang_up(member);
    else if (member->proof.stage == KAD_MEMBER_PROVED)
        take_message(member, message);
    else
        go_on_proving(member, message);
    json_decref(message);
}

/* -- in ------------------------------------------------------------------------------------------------------------ */

static void take_in(struct member *member, struct kad_bytes bytes)
{
    member->heard_at = uv_now(member->members->loop);
    member->pinged = false;
    kad_websocket_input(&member->socket, bytes);
}

static void fail(struct member *member)
{
    struct kad_members *members = member->members;
    const struct kad_endpoint endpoint = member->endpoint;

    members->web->members.unreached++;
    leave(member);
    kad_node_unreachable(members->node, &endpoint);
}

/* The dialled one answers HTTP first. */
static void go_on_dialling(struct member *member)
{
    struct kad_bytes early = {0};
    uint8_t nonce[KAD_MEMBER_NONCE];
    char host[KAD_ENDPOINT_TEXT];

    switch (kad_member_dial_step(&member->dial, member->fd, &early)) {
    case KAD_MEMBER_DIAL_WRITE:
        uv_poll_start(&member->poll, UV_WRITABLE, on_ready);
        return;
    case KAD_MEMBER_DIAL_READ:
        uv_poll_start(&member->poll, UV_READABLE, on_ready);
        return;
    case KAD_MEMBER_DIAL_FAILED:
        fail(member);
        return;
    case KAD_MEMBER_DIAL_OPEN:
        break;
    }
    member->open = true;
    kad_entropy(nonce, sizeof nonce);
    send_json(member,
              kad_member_proof_connect(&member->proof, &member->members->self, nonce,
                                       kad_endpoint_format(&member->endpoint, host), member->members->port,
                                       member->proof.has_expected ? member->dial.expected : NULL));
    if (early.size > 0)
        take_in(member, early);
    pump(member);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct member *member = poll->data;
    uint8_t bytes[BLOCK];
    ssize_t n;

    if (member->is_out && !member->open) {
        if (status < 0)
            fail(member);
        else
            go_on_dialling(member);
        return;
    }
    if (status < 0) {
        leave(member);
        return;
    }
    if (events & UV_READABLE) {
        n = recv(member->fd, bytes, sizeof bytes, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
            leave(member);
            return;
        }
        if (n > 0)
            take_in(member, (struct kad_bytes){bytes, (size_t)n});
    }
    pump(member);
}

static void link_in(struct member *member)
{
    struct member **list = member->is_out ? &member->members->out : &member->members->in;

    member->next = *list;
    if (*list)
        (*list)->previous = member;
    *list = member;
    member->members->n_in += !member->is_out;
    member->members->n_out += member->is_out;
    member->members->web->members.n_in += !member->is_out;
    member->members->web->members.n_out += member->is_out;
    member->begun_at = member->heard_at = member->progress_at = member->asked_at =
        uv_now(member->members->loop);
}

/* NULL: no memory, no descriptors. */
static struct member *make(struct kad_members *members, int fd, bool is_out)
{
    struct member *member = calloc(1, sizeof *member);
    int error;

    if (!member)
        return NULL;
    error = is_out ? kad_websocket_init_client(&member->socket, KAD_MEMBER_TEXT_MAX, on_text, member)
                   : kad_websocket_init(&member->socket, KAD_MEMBER_TEXT_MAX, on_text, member);
    if (error != KAD_OK || fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0 ||
        uv_poll_init(members->loop, &member->poll, fd) != 0) {
        kad_websocket_clear(&member->socket);
        free(member);
        return NULL;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    member->members = members;
    member->fd = fd;
    member->is_out = is_out;
    member->poll.data = member;
    return member;
}

bool kad_members_has_place(const struct kad_members *members)
{
    return members->n_in < IN_MAX;
}

void kad_members_enter(struct kad_members *members, struct kad_client *client, int fd,
                       struct MHD_UpgradeResponseHandle *upgrade, struct kad_bytes early)
{
    struct member *member = make(members, fd, false);
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;
    uint8_t nonce[KAD_MEMBER_NONCE];

    if (!member) {
        MHD_upgrade_action(upgrade, MHD_UPGRADE_ACTION_CLOSE);
        kad_door_wake(client->door);
        return;
    }
    member->client = client;
    member->upgrade = upgrade;
    member->open = true;
    if (getpeername(fd, (struct sockaddr *)&address, &size) == 0)
        member->endpoint = endpoint_of(&address);
    link_in(member);
    kad_entropy(nonce, sizeof nonce);
    kad_member_proof_serve(&member->proof, &members->self, nonce);
    if (early.size > 0)
        take_in(member, early);
    pump(member);
}

/* -- the link ------------------------------------------------------------------------------------------------------ */

static struct member *find(struct member *list, const struct kad_endpoint *endpoint)
{
    while (list && (list->closing || list->cut || !kad_endpoint_equal(&list->endpoint, endpoint)))
        list = list->next;
    return list;
}

/* Who has not been asked for longest makes room. */
static void make_room(struct kad_members *members)
{
    struct member *oldest = NULL;

    for (struct member *member = members->out; member; member = member->next) {
        if (!member->closing && (!oldest || member->asked_at < oldest->asked_at))
            oldest = member;
    }
    if (oldest)
        cut(oldest, KAD_WEB_CROWDED);
}

/* Our own address of this family, if we listen at one and not at all of them. */
static struct kad_endpoint own_address(const struct kad_members *members, uint8_t family)
{
    static const uint8_t everywhere[16];
    const struct kad_node_config *config = kad_node_config_of(members->node);

    for (size_t i = 0; i < config->n_listen; i++) {
        if (config->listen[i].family == family &&
            memcmp(config->listen[i].address, everywhere, sizeof everywhere) != 0)
            return config->listen[i];
    }
    return (struct kad_endpoint){0};
}

static struct member *dial(struct kad_members *members, const struct kad_datagram *datagram)
{
    struct member *member;
    const struct kad_endpoint from = own_address(members, datagram->peer.family);
    const int fd = kad_member_dial_begin(&datagram->peer, &from);

    if (fd < 0)
        return NULL;
    member = make(members, fd, true);
    if (!member) {
        close(fd);
        return NULL;
    }
    member->endpoint = datagram->peer;
    member->proof.self = &members->self;
    member->proof.has_expected = datagram->identity.size == KAD_IDENTITY_SIZE;
    kad_member_dial_init(&member->dial, &datagram->peer);
    if (member->proof.has_expected)
        memcpy(member->dial.expected, datagram->identity.data, KAD_IDENTITY_SIZE);
    link_in(member);
    uv_poll_start(&member->poll, UV_WRITABLE, on_ready);
    return member;
}

/* A connection to somebody else than this is meant for is of no use; its answer would not be taken. */
static bool is_for(const struct member *member, const struct kad_datagram *datagram)
{
    if (!datagram->identity.size)
        return true;
    if (member->proof.stage == KAD_MEMBER_PROVED)
        return memcmp(member->proof.peer, datagram->identity.data, KAD_IDENTITY_SIZE) == 0;
    return !member->proof.has_expected ||
           memcmp(member->dial.expected, datagram->identity.data, KAD_IDENTITY_SIZE) == 0;
}

static void ask(struct kad_members *members, const struct kad_datagram *datagram, json_t *message)
{
    struct member *member = find(members->out, &datagram->peer);
    char *text = take_text(message);

    if (!member && members->n_out >= OUT_MAX)
        make_room(members);
    if (!member && members->n_out < 2 * OUT_MAX) /* who was cut has not left yet */
        member = dial(members, datagram);
    if (member && text && is_for(member, datagram)) {
        member->asked_at = uv_now(members->loop);
        if (member->proof.stage == KAD_MEMBER_PROVED) {
            send_text(member, text);
        } else if (member->n_waiting < WAITING) {
            member->waiting[member->n_waiting++] = text;
            text = NULL;
        }
    }
    free(text);
}

static void send_message(void *context, const struct kad_datagram *datagram)
{
    struct kad_members *members = context;
    json_t *message = kad_member_json_write(datagram->bytes);
    struct member *member;

    if (!message)
        return;
    count(members->web->members.sent, message);
    if (datagram->bytes.data[0] >> 6 == KAD_QUERY) {
        ask(members, datagram, message);
        return;
    }
    member = find(members->in, &datagram->peer);
    if (member)
        send_json(member, message);
    else
        json_decref(message); /* it has gone, or was introduced */
}

/* -- all of them --------------------------------------------------------------------------------------------------- */

struct kad_members *kad_members_new(struct kad_node *node, const char *names, struct kad_web *web)
{
    const struct kad_node_config *config = kad_node_config_of(node);
    struct kad_members *members = calloc(1, sizeof *members);

    if (!members)
        return NULL;
    kad_identity_from_seed(&members->identity, config->secret);
    members->node = node;
    members->loop = kad_node_loop(node);
    members->names = names;
    web->members.any = true;
    members->web = web;
    members->port = config->listen[0].port;
    members->self = (struct kad_member_self){.identity = &members->identity,
                                             .network = kad_network_name(config->network),
                                             .puzzle_bits = kad_network_puzzle(config->network)};
    members->link = (struct kad_node_link){.send = send_message, .context = members};
    kad_node_set_link(node, &members->link);
    return members;
}

static void end_all(struct member *list)
{
    for (struct member *next; list; list = next) {
        next = list->next;
        leave(list);
    }
}

void kad_members_free(struct kad_members *members)
{
    if (!members)
        return;
    kad_node_set_link(members->node, NULL);
    end_all(members->in);
    end_all(members->out);
    kad_identity_wipe(&members->identity);
    free(members);
}

static void sweep(struct member *member, uint64_t now)
{
    if (member->cut) {
        leave(member);
    } else if (member->proof.stage != KAD_MEMBER_PROVED) {
        if (now - member->begun_at >= PROOF_MS)
            cut(member, KAD_WEB_SLOW_REQUEST);
    } else if (member->out_at < member->n_out && now - member->progress_at >= STUCK_MS) {
        cut(member, KAD_WEB_SLOW_READER);
    } else if (now - member->heard_at >= 2 * SILENT_MS) {
        cut(member, KAD_WEB_SILENT);
    } else if (member->is_out && now - member->asked_at >= QUIET_MS) {
        hang_up(member);
    } else if (now - member->heard_at >= SILENT_MS && !member->pinged) {
        member->pinged = true;
        kad_websocket_ping(&member->socket);
        uv_poll_start(&member->poll, UV_WRITABLE, on_ready);
    }
}

void kad_members_sweep(struct kad_members *members)
{
    const uint64_t now = uv_now(members->loop);

    for (struct member *member = members->in, *next; member; member = next) {
        next = member->next;
        sweep(member, now);
    }
    for (struct member *member = members->out, *next; member; member = next) {
        next = member->next;
        sweep(member, now);
    }
}
