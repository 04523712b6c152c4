#!/usr/bin/python3
# timeout 600
"""Content is provided and found, the nearest are found and a node as well, although most of whom our node knows are silent, lie, answer
with garbage, reset what they are asked, or end the connection: three of each kind, and two honest nodes."""

import os
import time

import p2p
from libp2p_world import KadPeer, check, cid, eventually, main, memory


def silent(request, stream):
    time.sleep(600)


def liar(request, stream):
    """Names twenty who do not exist, and says that they provide."""
    peers = [(p2p.Identity().peer, [p2p.multiaddr("127.0.0.1", 1)]) for _ in range(20)]
    return p2p.message(request.kind, request.key, closer=peers, providers=peers[:3] if request.kind == p2p.GET_PROVIDERS else ())


def garbage(request, stream):
    return os.urandom(300)


def endless(request, stream):
    stream.write(p2p.varint(4 << 20) + bytes(100))


def resets(request, stream):
    stream.reset()


def leaves(request, stream):
    stream.connection.close()


def test(folder):
    honest = [KadPeer(folder, "honest0")]
    honest.append(KadPeer(folder, "honest1", bootstrap=[honest[0].address]))
    bad = [p2p.Listener("127.0.0.1", 0, on_request=kind) for kind in (silent, liar, garbage, endless, resets, leaves) for _ in range(3)]
    node = KadPeer(folder, "node", "--set", "request_timeout_ms=60000", bootstrap=[honest[0].address])
    for peer in bad:  # and the honest know them, too
        for kad in honest + [node]:
            peer.dial("127.0.0.1", kad.port)
    eventually("it knows the bad ones", lambda: node.contacts() >= 10)
    before = memory(node.process.pid)
    for i in range(3):
        content = cid(b"content %d" % i)
        honest[0].kad("--timeout", "60", "provide", content)
        found = node.ask("--timeout", "60", "providers", content)
        check(honest[0].peer in [row["peer_id"] for row in found["providers"]], "not found:", found)
        node.kad("--timeout", "60", "provide", cid(b"of ours %d" % i))
        found = honest[1].ask("--timeout", "60", "providers", cid(b"of ours %d" % i))
        check(node.peer in [row["peer_id"] for row in found["providers"]], "not found:", found)
    text = node.kad("--timeout", "60", "find", honest[1].peer).out.decode()
    check(str(honest[1].port) in text, text)
    named = {row["peer_id"] for row in node.ask("--timeout", "60", "closest", os.urandom(8).hex())["closest"]}
    check({kad.peer for kad in honest} <= named, "the honest are not among the nearest:", named)
    check(memory(node.process.pid) - before < 48 << 20, "they cost memory")
    for kad in honest + [node]:
        check(kad.stop() == 0, kad.data, "does not end well")


main(test)
