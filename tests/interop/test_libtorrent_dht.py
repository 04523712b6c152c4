#!/usr/bin/python3
# timeout 300
"""libtorrent as a DHT client among our nodes: peers, items and samples, both ways, IPv4 and IPv6.

A libtorrent session on loopback knows two of our nodes as bootstraps and ten more by hearsay. What
it announces or stores is found through our command line, and the other way round.
"""

import hashlib
import socket
import sys

from harness import KadNet, KadNode, Session, eventually, expect, main, run, say, standing_in
import krpc

N_NODES = 12
LIMIT_S = 240
V6 = "fd77::%x"


def seed_of(name):
    return hashlib.sha256(name.encode()).digest()


def peers_both_ways(session, ours, name, address, family):
    """`address` is where libtorrent listens: what our nodes must say after it announced itself."""
    info_hash = hashlib.sha1(b"ours " + name.encode()).hexdigest()
    port = ours[3].announce(info_hash, 7001)
    host = ours[3].peer[0] if family == socket.AF_INET else V6 % 4
    wanted = krpc.text(host, port)
    found = eventually("libtorrent finds the peer that kad announced (%s)" % name,
                       lambda: wanted in session.request(do="peers", info_hash=info_hash)["peers"], 60)
    say("%s: kad announced %s, libtorrent found it" % (name, wanted))

    info_hash = hashlib.sha1(b"theirs " + name.encode()).hexdigest()
    port = session.request(do="announce", info_hash=info_hash)["port"]
    wanted = krpc.text(address, port)
    eventually("kad finds the peer that libtorrent announced (%s)" % name,
               lambda: wanted in ours[7].peers(info_hash), 60)
    say("%s: libtorrent announced %s, kad found it" % (name, wanted))
    return found


def immutable_both_ways(session, ours):
    text = "an item put by kad " + "x" * 500
    key = ours[1].put(text)
    expect(key == krpc.immutable_target(text.encode()).hex(), "kad's key is %s" % key)
    got = session.request(do="get", key=key)["value"]
    expect(got is not None and bytes.fromhex(got) == text.encode(), "libtorrent got %r" % got)

    text = "an item put by libtorrent"
    put = session.request(do="put", value=text.encode().hex())
    expect(put["stored_at"] >= 4, "libtorrent stored it at %d nodes" % put["stored_at"])
    expect(ours[9].get(put["key"]) == text.encode(), "kad did not get libtorrent's item")
    say("immutable items go both ways (libtorrent's was stored at %d nodes)" % put["stored_at"])


def mutable_both_ways(session, ours):
    for salt in ("", "salted"):
        seed = seed_of("kad" + salt)
        public = krpc.Key(seed).public
        for seq, text in ((1, "one"), (2, "two")):
            key = ours[2].put_mutable(seed, text, seq, salt, cas=None if seq == 1 else 1)
            expect(key == krpc.mutable_target(public, salt.encode()).hex(), "kad's key is %s" % key)
            got = session.request(do="get_mutable", public=public.hex(), salt=salt)
            expect(got["value"] == text.encode().hex(), "seq %d: libtorrent got %r" % (seq, got))
            expect(got["seq"] == seq or standing_in(), "seq is %r" % got["seq"])

        seed = seed_of("libtorrent" + salt)
        for seq, text in ((1, "uno"), (2, "due")):
            put = session.request(do="put_mutable", seed=seed.hex(), value=text.encode().hex(), salt=salt)
            expect(put["stored_at"] >= 4 and put["seq"] == seq, "libtorrent's put: %r" % put)
            if not standing_in():
                got = ours[10].get(put["key"], salt)
                expect(got == text.encode(), "kad got %r" % got)
    say("mutable items go both ways, with and without salt, and are replaced by newer ones")


def joins_through_libtorrent(folder, session_address, ours):
    """A node of ours whose only bootstrap is libtorrent finds what the others hold."""
    key = ours[4].put("for who comes by way of libtorrent")
    late = KadNode(folder, "late", [("127.0.3.200", 6881)], [session_address])
    KadNet.await_answers([late])
    eventually("a node that knows only libtorrent finds an item",
               lambda: late.get(key) == b"for who comes by way of libtorrent", 60)
    expect(late.stop() == 0, "the late node's exit status")
    say("a kad node joined with libtorrent as its only bootstrap")


def samples(session, net, asker):
    info_hash = hashlib.sha1(b"ours IPv4").hexdigest()
    holder = next(node for node in net.nodes if asker.request(
        node.peer, "get_peers", {"info_hash": bytes.fromhex(info_hash)}).get("values"))
    got = session.request(do="sample", host=holder.peer[0], port=holder.peer[1], target="00" * 20)
    expect(got["samples"] and info_hash in got["samples"], "samples: %r" % got)
    expect(got["num"] >= len(got["samples"]) and got["n_nodes"] > 0, "samples: %r" % got)
    say("libtorrent sampled %d info-hashes, the announced one among them; next in %d s"
        % (len(got["samples"]), got["interval_s"]))


def test(folder):
    for i in list(range(1, N_NODES + 1)) + [0x99]:
        run("ip", "addr", "add", (V6 % i) + "/128", "dev", "lo", "nodad")
    listens = [[("127.0.3.%d" % i, 6881), (V6 % i, 6881)] for i in range(1, N_NODES + 1)]
    net = KadNet(folder, listens)
    asker = krpc.Socket("127.0.9.200")
    net.await_tables(6, asker)

    bootstrap = [address for listen in listens[:2] for address in listen]
    session = Session(folder, "libtorrent", [("127.0.9.1", 6999)], [a for a in bootstrap if "." in a[0]])
    n = eventually("libtorrent's table has 5 nodes",
                   lambda: (lambda found: found >= 5 and found)(session.request(do="table")["nodes"]), 60)
    say("libtorrent has %d nodes in its table" % n)
    peers_both_ways(session, net.nodes, "IPv4", "127.0.9.1", socket.AF_INET)
    immutable_both_ways(session, net.nodes)
    mutable_both_ways(session, net.nodes)
    samples(session, net, asker)
    if not standing_in():
        joins_through_libtorrent(folder, ("127.0.9.1", 6999), net.nodes)
    expect(session.stop() is not None, "libtorrent's process")

    session = Session(folder, "libtorrent-6", [(V6 % 0x99, 6999)], [a for a in bootstrap if ":" in a[0]])
    eventually("libtorrent's IPv6 table has 5 nodes", lambda: session.request(do="table")["nodes"] >= 5, 60)
    peers_both_ways(session, net.nodes, "IPv6", V6 % 0x99, socket.AF_INET6)
    if not standing_in():
        net.stop()


if __name__ == "__main__":
    sys.exit(main(test, LIMIT_S))
