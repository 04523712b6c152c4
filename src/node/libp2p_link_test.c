// threads
// timeout 300
/* Nodes of libp2p's network on real sockets, one loop for all of them. */
#include "node/libp2p_link.h"

#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cid.h"
#include "base/test.h"
#include "crypto/peer_id.h"
#include "net/address.h"
#include "node/test_member.h"
#include "wire/libp2p/message.h"
#include "wire/libp2p/records.h"

static char addresses[64][KAD_MULTIADDR_TEXT];

static void configure(struct kad_node_config *config, struct member *member, unsigned last,
                      const char *bootstrap)
{
    struct kad_node_config libp2p;

    member_configure(config, member, last, bootstrap);
    kad_node_config_default(kad_network_libp2p_icn(), &libp2p);
    config->network = libp2p.network;
    config->settings = libp2p.settings;
    config->has_secret = true;
    config->secret[0] = (uint8_t)last;
    config->secret[1] = 7;
}

/* Its first multiaddr, with who it is. */
static const char *address_of(const struct member *member, char out_text[KAD_MULTIADDR_TEXT])
{
    struct kad_bytes told;
    uint8_t addr[KAD_MULTIADDR_MAX];
    size_t n;

    EXPECT(kad_node_multiaddrs(member->node, &told, 1) >= 1);
    memcpy(addr, told.data, told.size);
    n = kad_multiaddr_append_peer(addr, told.size, sizeof(addr),
                                  kad_swarm_self(kad_node_swarm(member->node)));
    EXPECT(n > 0);
    EXPECT_EQ(kad_multiaddr_write((struct kad_bytes){addr, n}, out_text, KAD_MULTIADDR_TEXT), 0);
    return out_text;
}

static void join(struct member *member, unsigned last, const char *bootstrap)
{
    struct kad_node_config config;

    configure(&config, member, last, bootstrap);
    member_start(member, &config);
}

static size_t n_contacts(const struct member *member)
{
    struct kad_info info;

    kad_engine_info(kad_node_engine(member->node), &info);
    return info.n_contacts[0] + info.n_contacts[1];
}

static void await_contacts(const struct member *member, size_t n)
{
    while (n_contacts(member) < n)
        uv_run(&member_loop, UV_RUN_ONCE);
}

/* A key of libp2p's: the multihash that is hashed to it. */
static void name_key(uint8_t number, uint8_t out_multihash[34], struct kad_id *out_key, struct member *member)
{
    const uint8_t digest[32] = {number, 0xcd};

    kad_multihash_sha256(digest, out_multihash);
    kad_swarm_learn_key(kad_node_swarm(member->node), (struct kad_bytes){out_multihash, 34}, out_key);
}

static int provide(struct member *member, uint8_t number)
{
    uint8_t multihash[34], value[128];
    struct kad_proto_writer writer = {.bytes = value, .room = sizeof(value)};
    struct kad_swarm *swarm = kad_node_swarm(member->node);
    struct kad_request request = {.kind = KAD_REQUEST_PUT};
    struct kad_bytes told;
    struct kad_info info;

    name_key(number, multihash, &request.target, member);
    EXPECT(kad_node_multiaddrs(member->node, &told, 1) >= 1);
    kad_proto_put_bytes(&writer, 1, kad_swarm_self(swarm));
    kad_proto_put_bytes(&writer, 2, told);
    kad_engine_info(kad_node_engine(member->node), &info);
    request.record = (struct kad_record){
        .type = KAD_CLASS_PROVIDER,
        .many = true,
        .key = request.target,
        .salt = {multihash, 34},
        .value = {value, writer.n},
        .made_at = kad_node_now(member->node),
        .sequence = kad_node_now(member->node),
        .valid_until = KAD_NEVER,
    };
    memcpy(request.record.public_key, info.id.bytes, 32);
    return member_ask(member, &request);
}

static int find(struct member *member, uint8_t number)
{
    uint8_t multihash[34];
    struct kad_request request = {.kind = KAD_REQUEST_GET, .record = {.type = KAD_CLASS_PROVIDER}};

    name_key(number, multihash, &request.target, member);
    return member_ask(member, &request);
}

static void make(struct member *members, unsigned n)
{
    member_open_loop();
    for (unsigned i = 0; i < n; i++) {
        join(&members[i], i + 1, i ? addresses[0] : NULL);
        address_of(&members[i], addresses[i]);
        if (i)
            member_await_ready(&members[i]);
    }
}

static void unmake(struct member *members, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (members[i].node)
            member_stop(&members[i]);
    }
    member_close_loop();
}

/* As every program on libuv does: a peer that is gone is an error of a write, and no reason to end. */
__attribute__((constructor)) static void ignore_pipes(void)
{
    signal(SIGPIPE, SIG_IGN);
}

TEST(nodes_over_tcp_join_provide_and_find) /* I001, I031, I032 */
{
    static struct member members[5];
    struct kad_request closest = {.kind = KAD_REQUEST_CLOSEST};
    uint8_t multihash[34];

    make(members, 5);
    for (unsigned i = 0; i < 5; i++)
        await_contacts(&members[i], 4);
    EXPECT_EQ(provide(&members[1], 1), 0);
    EXPECT(members[1].n_stored >= 4);
    for (unsigned i = 0; i < 5; i++)
        EXPECT_EQ(find(&members[i], 1), 0);
    EXPECT_EQ(find(&members[2], 2), KAD_E_NOT_FOUND);
    name_key(3, multihash, &closest.target, &members[4]);
    EXPECT_EQ(member_ask(&members[4], &closest), 0);
    EXPECT_EQ(members[4].n_closest, 4);
    unmake(members, 5);
}

/* One that is gone without a word hinders nobody, and comes back to whom it knew. */
TEST(a_node_dies_and_comes_back_to_whom_it_knew)
{
    static struct member members[4];
    char place[] = "/tmp/kad-libp2p-XXXXXX", path[64];
    struct kad_node_config config;
    struct kad_swarm_peer peer;

    make(members, 3);
    EXPECT(mkdtemp(place) != NULL);
    configure(&config, &members[3], 4, addresses[0]);
    config.data_dir = place;
    member_start(&members[3], &config);
    await_contacts(&members[3], 3);
    EXPECT_EQ(provide(&members[0], 9), 0);
    member_stop(&members[3]);
    EXPECT_EQ(find(&members[1], 9), 0);
    EXPECT_EQ(provide(&members[2], 10), 0);
    EXPECT_EQ(find(&members[0], 10), 0);

    configure(&config, &members[3], 4, NULL); /* nobody tells it whom to join through */
    config.data_dir = place;
    member_start(&members[3], &config);
    await_contacts(&members[3], 3);
    EXPECT_EQ(find(&members[3], 10), 0);
    EXPECT(kad_swarm_find_peer(kad_node_swarm(members[0].node),
                               kad_swarm_self(kad_node_swarm(members[3].node)), &peer));
    EXPECT(peer.connected && peer.is_server);
    unmake(members, 4);
    for (const char *const *name = (const char *const[]){"libp2p.state", "libp2p.peers", "lock", NULL}; *name;
         name++) {
        snprintf(path, sizeof(path), "%s/%s", place, *name);
        unlink(path);
    }
    EXPECT_EQ(rmdir(place), 0);
}

/* A port that is taken is told before anything runs; the node can be freed. */
TEST(a_taken_port_is_told)
{
    static struct member a, b;
    struct kad_node_config config;
    char why[256];

    member_open_loop();
    join(&a, 1, NULL);
    configure(&config, &b, 2, NULL);
    EXPECT_EQ(kad_node_listening(a.node, config.listen, 1), 1);
    EXPECT_EQ(kad_node_new(&config, &b.node, why, sizeof(why)), KAD_E_SYSTEM);
    EXPECT(strstr(why, "in use") != NULL);
    config.listen[0].port = 0;
    EXPECT_EQ(kad_node_new(&config, &b.node, why, sizeof(why)), 0);
    kad_node_free(b.node); /* never started */
    member_stop(&a);
    member_close_loop();
}

TEST(only_what_can_be_dialled_is_met)
{
    static struct member members[2];

    make(members, 2);
    EXPECT_EQ(kad_node_meet(members[0].node, "127.0.0.1:9000"), KAD_E_INVALID);
    EXPECT_EQ(kad_node_meet(members[0].node, "/ip4/127.0.0.1/udp/9000/quic-v1"), KAD_E_INVALID);
    EXPECT_EQ(kad_node_meet(members[0].node, "/ip4/127.0.0.1"), KAD_E_INVALID);
    EXPECT_EQ(kad_node_meet(members[0].node, addresses[1]), 0);
    unmake(members, 2);
}

/* A name is looked up off the loop, and what it stands for is dialled. */
TEST(names_are_dialled)
{
    static struct member members[2];
    struct kad_node_config config;
    struct kad_endpoint at;
    char text[KAD_MULTIADDR_TEXT], id[KAD_PEER_ID_TEXT];

    member_open_loop();
    configure(&config, &members[0], 1, NULL); /* 127.0.0.1: what "localhost" is everywhere */
    member_start(&members[0], &config);
    EXPECT_EQ(kad_node_listening(members[0].node, &at, 1), 1);
    kad_peer_id_write(kad_swarm_self(kad_node_swarm(members[0].node)), id);
    snprintf(text, sizeof(text), "/dns4/localhost/tcp/%u/p2p/%s", at.port, id);
    join(&members[1], 2, text);
    await_contacts(&members[1], 1);
    await_contacts(&members[0], 1);
    unmake(members, 2);
}

/* -- WebSockets --------------------------------------------------------------------------------------------------- */

static void join_as(struct member *member, unsigned last, enum kad_listen_as as, const char *certificate,
                    const char *key, const char *authorities, const char *bootstrap)
{
    struct kad_node_config config;

    configure(&config, member, last, bootstrap);
    config.listen_as[0] = as;
    config.libp2p.certificate = certificate;
    config.libp2p.certificate_key = key;
    config.libp2p.authorities = authorities;
    member_start(member, &config);
}

TEST(nodes_over_websockets_join_provide_and_find) /* I: "/ws" */
{
    static struct member members[4];

    member_open_loop();
    for (unsigned i = 0; i < 4; i++) {
        join_as(&members[i], i + 1, i % 2 ? KAD_LISTEN_TCP : KAD_LISTEN_WS, NULL, NULL, NULL,
                i ? addresses[0] : NULL);
        address_of(&members[i], addresses[i]);
    }
    EXPECT(strstr(addresses[0], "/ws/p2p/") != NULL);
    for (unsigned i = 0; i < 4; i++)
        await_contacts(&members[i], 3);
    EXPECT_EQ(provide(&members[1], 1), 0);
    for (unsigned i = 0; i < 4; i++)
        EXPECT_EQ(find(&members[i], 1), 0);
    unmake(members, 4);
}

static char folder[64], certificate[96], key[96], other_certificate[96], other_key[96];

static void make_certificate(const char *name, char out_certificate[96], char out_key[96])
{
    char command[512];

    snprintf(out_certificate, 96, "%s/%s.pem", folder, name);
    snprintf(out_key, 96, "%s/%s.key", folder, name);
    snprintf(command, sizeof(command),
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=%s "
             "-addext subjectAltName=IP:127.0.0.1,DNS:localhost -keyout %s -out %s 2>/dev/null",
             name, out_key, out_certificate);
    EXPECT_EQ(system(command), 0);
}

static void make_certificates(void)
{
    strcpy(folder, "/tmp/kad-libp2p-XXXXXX");
    EXPECT(mkdtemp(folder) != NULL);
    make_certificate("one", certificate, key);
    make_certificate("other", other_certificate, other_key);
}

static void remove_certificates(void)
{
    const char *const files[] = {certificate, key, other_certificate, other_key};

    for (size_t i = 0; i < KAD_COUNT_OF(files); i++)
        EXPECT_EQ(unlink(files[i]), 0);
    EXPECT_EQ(rmdir(folder), 0);
}

/* By address and by name, the certificate being one that is believed. */
TEST(nodes_over_tls_join_provide_and_find) /* I: "/tls/ws" */
{
    static struct member members[3];
    struct kad_endpoint at;
    char text[KAD_MULTIADDR_TEXT];

    make_certificates();
    member_open_loop();
    join_as(&members[0], 1, KAD_LISTEN_WSS, certificate, key, certificate, NULL);
    address_of(&members[0], addresses[0]);
    EXPECT(strstr(addresses[0], "/tls/ws/p2p/") != NULL);
    join_as(&members[1], 2, KAD_LISTEN_TCP, NULL, NULL, certificate, addresses[0]);
    EXPECT_EQ(kad_node_listening(members[0].node, &at, 1), 1);
    snprintf(text, sizeof(text), "/dns4/localhost/tcp/%u/tls/ws%s", at.port, strstr(addresses[0], "/p2p/"));
    join_as(&members[2], 3, KAD_LISTEN_TCP, NULL, NULL, certificate, text);
    for (unsigned i = 0; i < 3; i++)
        await_contacts(&members[i], 2);
    EXPECT_EQ(provide(&members[1], 1), 0);
    EXPECT_EQ(find(&members[2], 1), 0);
    EXPECT_EQ(find(&members[0], 1), 0);
    unmake(members, 3);
    remove_certificates();
}

/* Whoever cannot show a certificate that we believe is nobody, whatever name stands behind the address. */
TEST(a_certificate_that_nobody_vouches_for_is_refused)
{
    static struct member members[2];
    struct kad_node_config config;
    char why[256];
    const struct kad_swarm_counters *counters;

    make_certificates();
    member_open_loop();
    join_as(&members[0], 1, KAD_LISTEN_WSS, certificate, key, NULL, NULL);
    address_of(&members[0], addresses[0]);
    join_as(&members[1], 2, KAD_LISTEN_TCP, NULL, NULL, other_certificate, addresses[0]);
    counters = kad_swarm_counters(kad_node_swarm(members[1].node));
    while (!counters->dial_failed)
        uv_run(&member_loop, UV_RUN_ONCE);
    EXPECT_EQ(counters->up, 0);
    EXPECT_EQ(n_contacts(&members[1]), 0);
    unmake(members, 2);

    member_open_loop();
    configure(&config, &members[0], 1, NULL);
    config.listen_as[0] = KAD_LISTEN_WSS;
    config.libp2p.certificate = certificate;
    config.libp2p.certificate_key = other_key;
    EXPECT_EQ(kad_node_new(&config, &members[0].node, why, sizeof(why)), KAD_E_INVALID);
    EXPECT(strstr(why, "libp2p_key") != NULL);
    config.libp2p.certificate = config.libp2p.certificate_key = NULL;
    EXPECT_EQ(kad_node_new(&config, &members[0].node, why, sizeof(why)), KAD_E_INVALID);
    EXPECT(strstr(why, "certificate") != NULL);
    members[0].node = NULL;
    member_close_loop();
    remove_certificates();
}

/* Who it is not is not let in: another's peer id stands behind the address. */
TEST(somebody_else_is_not_taken_for_whom_we_dialled) /* I013 */
{
    static struct member members[3];
    char text[KAD_MULTIADDR_TEXT];
    char *at;
    const struct kad_swarm_counters *counters;

    make(members, 2);
    strcpy(text, addresses[0]);
    at = strstr(text, "/p2p/");
    strcpy(at, strstr(addresses[1], "/p2p/"));
    join(&members[2], 3, text);
    counters = kad_swarm_counters(kad_node_swarm(members[2].node));
    while (!counters->down[KAD_LINK_WRONG])
        uv_run(&member_loop, UV_RUN_ONCE);
    EXPECT_EQ(n_contacts(&members[2]), 0);
    unmake(members, 3);
}

/* I: strangers who say nothing, nonsense, or half of something are many, and honest nodes do not notice. */
TEST(a_hundred_connections_of_no_use_do_not_hinder)
{
    static struct member members[3];
    static const char *const said[] = {"", "\x13/multistream/1.0.0\n", "GET / HTTP/1.1\r\n\r\n",
                                       "\x13/multistream/1.0.0\n\x07/noise\n\xff\xff garbage"};
    int fds[100];
    struct kad_endpoint at;
    union kad_address address;
    socklen_t size;

    make(members, 3);
    EXPECT_EQ(kad_node_listening(members[0].node, &at, 1), 1);
    size = kad_address_from(&at, &address);
    for (unsigned i = 0; i < 100; i++) {
        const char *text = said[i % KAD_COUNT_OF(said)];

        fds[i] = socket(AF_INET, SOCK_STREAM, 0);
        EXPECT_EQ(connect(fds[i], &address.any, size), 0);
        EXPECT_EQ(send(fds[i], text, strlen(text), MSG_NOSIGNAL), strlen(text));
        uv_run(&member_loop, UV_RUN_NOWAIT);
    }
    while (kad_swarm_counters(kad_node_swarm(members[0].node))->accepted < 100)
        uv_run(&member_loop, UV_RUN_ONCE);
    EXPECT_EQ(provide(&members[0], 5), 0);
    EXPECT_EQ(find(&members[2], 5), 0);
    for (unsigned i = 0; i < 100; i++)
        close(fds[i]);
    EXPECT_EQ(provide(&members[2], 6), 0);
    EXPECT_EQ(find(&members[0], 6), 0);
    unmake(members, 3);
}

TEST(forty_nodes_on_one_loop_are_a_network)
{
    static struct member members[40];

    make(members, 40);
    EXPECT_EQ(provide(&members[7], 1), 0);
    EXPECT(members[7].n_stored >= 15);
    for (unsigned i = 0; i < 40; i += 3)
        EXPECT_EQ(find(&members[i], 1), 0);
    unmake(members, 40);
}

/* A node that only asks is in nobody's table. */
TEST(a_client_is_in_no_table)
{
    static struct member members[3], client;
    struct kad_node_config config;

    make(members, 3);
    configure(&config, &client, 9, addresses[1]);
    config.libp2p.mode = KAD_LIBP2P_CLIENT;
    member_start(&client, &config);
    await_contacts(&client, 3);
    EXPECT_EQ(provide(&client, 1), 0);
    EXPECT_EQ(find(&members[2], 1), 0);
    for (unsigned i = 0; i < 3; i++)
        EXPECT_EQ(n_contacts(&members[i]), 2);
    member_stop(&client);
    unmake(members, 3);
}
