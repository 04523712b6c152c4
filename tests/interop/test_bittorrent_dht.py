#!/usr/bin/python3
# timeout 300
"""A network of 30 kad and 30 npm bittorrent-dht nodes: items, peers and lookups both ways.

Every node has a loopback address of its own. The two kinds are started in turns and each is told
of one of either kind, so that neither network exists without the other. What a node of one kind
puts or announces must be found from nodes of the other, chosen at random from a printed seed.
"""

import hashlib
import os
import random
import sys

from harness import HERE, KadNet, NotYet, Process, eventually, expect, krpc, main, say, standing_in

N = int(os.environ.get("KAD_MIXED_NODES", "30"))  # of each kind
LIMIT_S = 280


class Npm(Process):
    """All bittorrent-dht nodes, in one process."""

    def __init__(self, folder):
        super().__init__(folder, "bittorrent-dht", ["node", os.path.join(HERE, "bittorrent_dht_nodes.mjs")], talks=True)
        self.peers = []

    def start(self, host, bootstrap):
        node = self.request(do="start", host=host, port=6881, bootstrap=["%s:%d" % p for p in bootstrap])
        self.peers.append((host, 6881))
        return {bytes.fromhex(node["id"]): (host, 6881)}


def immutable(npm, ours, dice):
    for i in range(4):
        text = "kad's item %d " % i + "x" * dice.randrange(900)
        key = dice.choice(ours).put(text)
        expect(key == krpc.immutable_target(text.encode()).hex(), "kad's key is %s" % key)
        for reader in dice.sample(range(N), 3):
            got = npm.request(do="get", node=reader, key=key)["value"]
            expect(got == text.encode().hex(), "bittorrent-dht %d got %r for kad's item %d" % (reader, got, i))

        text = "npm's item %d " % i + "y" * dice.randrange(900)
        put = npm.request(do="put", node=dice.randrange(N), value=text.encode().hex())
        expect(put.get("stored_at"), "bittorrent-dht's put: %r" % put)
        for reader in dice.sample(ours, 3):
            got = reader.get(put["key"])
            expect(got == text.encode(), "%s got %r for bittorrent-dht's item %d" % (reader.name, got, i))
    say("4 + 4 immutable items, each read by 3 nodes of the other kind")


def mutable(npm, ours, dice):
    """Versions alternate between the two kinds of node: the key is shared."""
    for salt in ("", "a salt"):
        seed = dice.randbytes(32)
        target = krpc.mutable_target(krpc.Key(seed).public, salt.encode()).hex()
        for seq in range(1, 5):
            text, cas = "version %d" % seq, seq - 1 if seq > 2 else None
            if seq % 2:
                key = dice.choice(ours).put_mutable(seed, text, seq, salt, cas)
            else:
                put = npm.request(do="put", node=dice.randrange(N), value=text.encode().hex(),
                                  seed=seed.hex(), salt=salt, seq=seq, cas=cas)
                expect(put.get("stored_at"), "bittorrent-dht's put of seq %d: %r" % (seq, put))
                key = put["key"]
            expect(key == target, "the key of seq %d is %s, not %s" % (seq, key, target))
            for reader in dice.sample(range(N), 2):
                got = npm.request(do="get", node=reader, key=target, salt=salt)
                expect((got["value"], got.get("seq")) == (text.encode().hex(), seq),
                       "bittorrent-dht %d got %r for seq %d" % (reader, got, seq))
            if not standing_in():  # libtorrent's get needs the public key, ours the target
                for reader in dice.sample(ours, 2):
                    got = reader.get(target, salt)
                    expect(got == text.encode(), "%s got %r for seq %d" % (reader.name, got, seq))
    say("2 keys, with and without salt, 4 versions each put in turns, each read by 2 + 2 nodes")


def refusals(npm, ours, dice):
    """Our nodes, like theirs, refuse an old sequence number and a wrong cas; and say so to either."""
    key = krpc.Key(dice.randbytes(32))
    target = krpc.mutable_target(key.public)
    asker = krpc.Socket("127.0.66.1")
    if not standing_in():
        ours[0].put_mutable(key.seed, "five", 5)
    else:
        npm.request(do="put", node=0, value=b"five".hex(), seed=key.seed.hex(), seq=5)
    both = {"kad": 0, "bittorrent-dht": 0}
    for kind, peers in (("kad", [n.peer for n in ours]), ("bittorrent-dht", npm.peers)):
        for peer in peers:
            held = asker.request(peer, "get", {"target": target})
            if held.get("seq") != 5:
                continue
            both[kind] += 1
            for seq, cas, code in ((4, None, 302), (6, 3, 301)):
                arguments = {"v": b"other", "k": key.public, "seq": seq, "token": held["token"],
                             "sig": key.sign(krpc.signed_part(b"other", seq)), **({} if cas is None else {"cas": cas})}
                answer = asker.ask(peer, "put", arguments)
                expect(answer["y"] == b"e" and answer["e"][0] == code, "%s %s: %r" % (kind, peer, answer))
    expect(sum(both.values()) >= 8, "only %r hold the item" % both)
    say("an item held by %d kad and %d bittorrent-dht nodes: all refuse seq 4 (302) and a wrong cas (301)"
        % tuple(both.values()))
    asker.close()


def announces(npm, ours, dice):
    for i in range(4):
        info_hash = hashlib.sha1(b"announced by kad %d" % i).hexdigest()
        node = dice.choice(ours)
        port = node.announce(info_hash, 7000 + i)
        for reader in dice.sample(range(N), 3):
            eventually("bittorrent-dht %d finds kad's peer %d" % (reader, i), lambda: krpc.text(
                node.peer[0], port) in npm.request(do="peers", node=reader, info_hash=info_hash)["peers"], 20)

        info_hash = hashlib.sha1(b"announced by npm %d" % i).hexdigest()
        number = dice.randrange(N)
        npm.request(do="announce", node=number, info_hash=info_hash, port=8000 + i)
        for reader in dice.sample(ours, 3):
            eventually("%s finds bittorrent-dht's peer %d" % (reader.name, i), lambda: krpc.text(
                npm.peers[number][0], 8000 + i) in reader.peers(info_hash), 20)
    say("4 + 4 announces, each found by 3 nodes of the other kind")


def closest(ours, ids, dice):
    """A lookup by kad ends at the 8 closest of all 60, whatever kind they are, and there it puts. Tried again
    if not: on a busy machine a node that stalls for longer than a lookup's patience is rightly passed over."""
    asker = krpc.Socket("127.0.66.3")

    def looks_up(target, best):
        node = dice.choice([n for n in ours if n.id not in best])
        found = [bytes.fromhex(n["id"])[:20] for n in node.cli("closest", target.hex())["closest"]][:8]
        if found != best:
            raise NotYet("closest to %s: %d of the 8" % (target.hex(), len(set(found) & set(best))))
        return True

    def puts(i):
        target = bytes.fromhex(dice.choice(ours).put("placed %d" % i))
        best = set(nearest(ids, target))
        hold = {node_id for node_id, peer in ids.items() if "v" in asker.request(peer, "get", {"target": target})}
        if not hold >= best:
            raise NotYet("%d of the 8 closest hold it, and %d others" % (len(hold & best), len(hold - best)))
        return True

    for i in range(4):
        target = dice.randbytes(20)
        eventually("a lookup ends at the closest", lambda: looks_up(target, nearest(ids, target)), 15)
        eventually("an item is held by the closest", lambda: puts(i), 15)
    say("4 lookups by kad end at the 8 closest of %d nodes, 4 items are held there" % len(ids))


def nearest(ids, target):
    return sorted(ids, key=lambda node_id: krpc.distance(node_id, target))[:8]


def test(folder):
    seed = int(os.environ.get("KAD_SEED", "60"))
    dice = random.Random(seed)
    say("seed %d" % seed)
    ours = KadNet(folder, [[("127.0.3.1", 6881)]])
    npm = Npm(folder)
    ids = npm.start("127.0.5.1", [ours.bootstraps[0]])
    rest = KadNet(folder, [[("127.0.3.%d" % i, 6881)] for i in range(2, N + 1)], n_bootstraps=0,
                  bootstrap=[ours.bootstraps[0], npm.peers[0]], prefix="more")
    nodes = ours.nodes + rest.nodes
    for i in range(2, N + 1):
        ids.update(npm.start("127.0.5.%d" % i, [ours.bootstraps[0], npm.peers[0]]))
    ids.update({node.id: node.peer for node in nodes})
    asker = krpc.Socket("127.0.66.2")
    rest.await_tables(8, asker)
    say("%d kad and %d bittorrent-dht nodes know each other" % (len(nodes), N))

    immutable(npm, nodes, dice)
    mutable(npm, nodes, dice)
    announces(npm, nodes, dice)
    # Last, because bittorrent-dht takes our questioning socket for a node, and waits 2 s for it in each lookup.
    refusals(npm, nodes, dice)
    if not standing_in():
        closest(nodes, ids, dice)
        rest.stop()
        ours.stop()


if __name__ == "__main__":
    sys.exit(main(test, LIMIT_S))
