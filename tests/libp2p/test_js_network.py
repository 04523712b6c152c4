#!/usr/bin/python3
# serial
# timeout 600
"""js-libp2p nodes that know nobody but one node of ours: through it they find one another, and through it they provide and find
content, peers and values. With few of them nobody is nearer than ours, so every question and answer goes to it, too; with
KAD_JS_NODES (default 12) of them."""

import os

from libp2p_world import JsNodes, KadPeer, check, cid, eventually, main, multihash
from p2p import place, unbase58

N = int(os.environ.get("KAD_JS_NODES", "12"))


def all_of(js, numbers):
    return [js.answer(number) for number in numbers]


def identified(node, kad):
    known = node.call("known", peer=kad.peer)
    return known if "AgentVersion" in known["metadata"] else None


def meet(js, kad):
    nodes = [js.start(key="RSA" if i % 5 == 1 else "secp256k1" if i % 5 == 2 else "Ed25519") for i in range(N)]
    all_of(js, [node.send("dial", address=kad.address) for node in nodes])
    known = eventually("js has our identity", lambda: identified(nodes[0], kad))
    check(known["metadata"]["AgentVersion"].startswith("kad/"), known)
    check("/icn/kad/1.0.0" in known["protocols"], known)

    eventually("they have ours", lambda: all(table["peers"] for table in all_of(js, [node.send("table") for node in nodes])))
    js.look_for_themselves(nodes)

    def complete():
        tables = all_of(js, [node.send("table") for node in nodes])
        missing = [node for node, table in zip(nodes, tables) if len(table["peers"]) < N]
        js.look_for_themselves(missing)  # js does not put a node in its table that it pinged in vain on a busy machine
        return not missing
    eventually("every js node has all others and ours in its table", complete)
    eventually("ours has all of them", lambda: kad.contacts() == N)
    for node in nodes:
        table = node.call("table")["peers"]
        check(set(table) == {other.peer for other in nodes if other is not node} | {kad.peer}, table)
        node.call("ping", peer=kad.peer)
    return nodes


def providers(js, kad, nodes):
    for i, node in enumerate(nodes[:6]):
        content = b"content %d" % i
        said = node.call("provide", cid=cid(content))
        check(kad.peer in said["asked"], "ours is among the nearest and was not asked", said)
        for found in all_of(js, [other.send("providers", cid=cid(content)) for other in nodes]):
            check(node.peer in found["providers"], "provider", i, "is not found:", found)
            addresses = found["providers"][node.peer]
            check(any(a.startswith(node.addresses[0].split("/p2p/")[0]) for a in addresses), "without its address", found)
    two = b"content of two"
    all_of(js, [node.send("provide", cid=cid(two)) for node in nodes[-2:]])
    found = nodes[0].call("providers", cid=cid(two))["providers"]
    check(set(found) == {node.peer for node in nodes[-2:]}, found)
    none = nodes[0].call("providers", cid=cid(b"nobody's content"))
    check(none["providers"] == {}, none)


def lookups(js, kad, nodes):
    for i in range(20):
        key = multihash(os.urandom(8))
        node = nodes[i % N]
        found = node.call("closest", key=key.hex())
        check(not found["errors"], found)
        others = [other.peer for other in nodes if other is not node] + [kad.peer]
        nearest = sorted(others, key=lambda peer: place(unbase58(peer)) ^ place(key))[:20]
        check(set(found["peers"]) == set(nearest) if N < 20 else len(set(found["peers"]) & set(nearest)) >= 17, found)
        check(kad.peer in found["asked"] or N >= 20, "ours was not asked", found)
    for node, other in zip(nodes, nodes[1:]):
        addresses = node.call("find", peer=other.peer)["addresses"]
        check(addresses and other.addresses[0].split("/p2p/")[0] in [a.split("/p2p/")[0] for a in addresses], addresses)


def strangers(js, kad, nodes):
    """One that has just come and knows ours only: what it does not know itself it has from ours."""
    newcomer = js.start()
    newcomer.call("dial", address=kad.address)
    eventually("it has ours in its table", lambda: kad.peer in newcomer.call("table")["peers"])
    found = newcomer.call("find", peer=nodes[3].peer)
    check(found["addresses"], "not found through ours:", found)
    content = b"content 3"
    check(nodes[3].peer in newcomer.call("providers", cid=cid(content))["providers"], "no provider through ours")
    newcomer.call("stop")


def test(folder):
    js = JsNodes(folder)
    kad = KadPeer(folder, "kad")
    nodes = meet(js, kad)
    providers(js, kad, nodes)
    lookups(js, kad, nodes)
    strangers(js, kad, nodes)
    check(kad.stop() == 0, "it does not end well")
    js.stop()


main(test)
