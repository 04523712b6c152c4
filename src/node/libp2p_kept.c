/*
 * libp2p_kept - who was connected, over a restart: DATA_DIR/NETWORK.peers, a multiaddr with "/p2p/" on each line. They are met again
 * when the node starts, besides those it is told to join through.
 */
#include <stdio.h>
#include <string.h>

#include "crypto/peer_id.h"
#include "engine/network.h"
#include "node/libp2p_parts.h"

#define PEERS    64 /* of a file */
#define AT_ONCE  24 /* met at a time, so that there is room for other dials */
#define FILE_MAX (PEERS * KAD_MULTIADDR_TEXT)
#define FIRST_MS (10 * KAD_SECOND) /* until they are written down, */
#define AGAIN_MS (5 * KAD_MINUTE)  /* and again */
#define ROUND_MS KAD_SECOND        /* between those met at a time */

static const char *name_of(const struct kad_libp2p *link, char out_name[64])
{
    snprintf(out_name, 64, "%.50s.peers", link->node->config.network->name);
    return out_name;
}

void kad_libp2p_kept_begin(struct kad_libp2p *link)
{
    const struct kad_storage *storage = link->node->storage;
    char name[64];

    if (!storage->has_data_dir)
        return;
    link->keep_at = kad_libp2p_now(link) + FIRST_MS;
    if (kad_data_dir_read(&storage->data_dir, name_of(link, name), FILE_MAX, link->node->allocator,
                          &link->kept) < 0)
        link->kept = (struct kad_bytes){0}; /* there is none, or it is of no use: others will be met */
    link->kept_at = 0;
    if (link->kept.size)
        link->meet_at = kad_libp2p_now(link);
}

void kad_libp2p_kept_clear(struct kad_libp2p *link)
{
    kad_free(link->node->allocator, (void *)(uintptr_t)link->kept.data, link->kept.size);
    link->kept = (struct kad_bytes){0};
    link->meet_at = KAD_NEVER;
}

static void meet_some(struct kad_libp2p *link)
{
    const char *const text = (const char *)link->kept.data;

    for (int n = 0; n < AT_ONCE && link->kept_at < link->kept.size; n++) {
        const char *line = text + link->kept_at;
        const size_t left = link->kept.size - link->kept_at;
        const char *end = memchr(line, '\n', left);
        const size_t size = end ? (size_t)(end - line) : left;
        char addr[KAD_MULTIADDR_TEXT];

        link->kept_at += size + 1;
        if (size >= sizeof(addr))
            continue;
        memcpy(addr, line, size);
        addr[size] = '\0';
        (void)!kad_node_meet(link->node, addr); /* who is not to be had any more is not */
    }
    if (link->kept_at >= link->kept.size)
        kad_libp2p_kept_clear(link);
    else
        link->meet_at = kad_libp2p_now(link) + ROUND_MS;
}

static size_t write_peer(const struct kad_swarm_peer *peer, char *out_text, size_t room)
{
    uint8_t addr[KAD_MULTIADDR_MAX];
    size_t n;

    if (!peer->is_server || !peer->n_addrs || peer->addrs[0].size > sizeof(addr))
        return 0;
    memcpy(addr, peer->addrs[0].data, peer->addrs[0].size);
    n = kad_multiaddr_append_peer(addr, peer->addrs[0].size, sizeof(addr),
                                  (struct kad_bytes){peer->id, peer->n_id});
    if (!n || kad_multiaddr_write((struct kad_bytes){addr, n}, out_text, room) < 0)
        return 0;
    n = strlen(out_text);
    if (n + 1 >= room)
        return 0;
    out_text[n] = '\n';
    return n + 1;
}

void kad_libp2p_keep(struct kad_libp2p *link)
{
    const struct kad_storage *storage = link->node->storage;
    const struct kad_allocator *allocator = link->node->allocator;
    struct kad_swarm_peer *peers = kad_alloc(allocator, PEERS * sizeof(*peers));
    char *text = kad_alloc(allocator, FILE_MAX), name[64];
    const size_t n = peers ? kad_swarm_peers(link->swarm, peers, PEERS) : 0;
    size_t size = 0;

    for (size_t i = 0; text && i < n && i < PEERS; i++)
        size += write_peer(&peers[i], text + size, FILE_MAX - size);
    if (size && storage->has_data_dir) /* whoever is alone now was not before: these may be back one day */
        (void)!kad_data_dir_write(&storage->data_dir, name_of(link, name),
                                  (struct kad_bytes){(const uint8_t *)text, size});
    kad_free(allocator, text, FILE_MAX);
    kad_free(allocator, peers, PEERS * sizeof(*peers));
}

void kad_libp2p_kept_tick(struct kad_libp2p *link, kad_ms now)
{
    if (now >= link->meet_at)
        meet_some(link);
    if (now >= link->keep_at) {
        link->keep_at = now + AGAIN_MS;
        kad_libp2p_keep(link);
    }
}
