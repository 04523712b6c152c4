#!/usr/bin/python3
# serial
# timeout 900
"""One network of js-libp2p nodes and of ours, KAD_MIXED of each (default 5; 25 is what it was made for): what any of them provides all
find, values likewise, and every peer is found from the other kind. Ours joined through js, js through ours."""

import os

from libp2p_world import JsNodes, KadPeer, check, cid, eventually, main, multihash
from p2p import place, unbase58

N = int(os.environ.get("KAD_MIXED", "5"))
SAMPLE = int(os.environ.get("KAD_MIXED_SAMPLE", str(max(1, min(N, 6)))))


class Net:
    def __init__(self, folder):
        self.js = JsNodes(folder)
        first = self.js.start()
        self.kads = [KadPeer(folder, "kad%d" % i, bootstrap=[first.address]) for i in range(N)]
        self.nodes = [first]
        for i in range(1, N):
            node = self.js.start()
            node.call("dial", address=self.kads[i % N].address)
            self.nodes.append(node)

        eventually("js have somebody", lambda: all(table["peers"] for table in self.all_js("table")))
        self.js.look_for_themselves(self.nodes)

    def all_js(self, what, **more):
        """Few at a time: they share a thread, and js gives up on who is late."""
        answers = []
        for at in range(0, len(self.nodes), 3):
            numbers = [node.send(what, **more) for node in self.nodes[at:at + 3]]
            answers += [self.js.answer(number) for number in numbers]
        return answers

    def complete(self):
        least = min(2 * N - 1, 20)
        return (all(len(table["peers"]) >= least for table in self.all_js("table")) and
                all(kad.contacts() >= least for kad in self.kads))

    def everybody(self):
        return [node.peer for node in self.nodes] + [kad.peer for kad in self.kads]


def ours_finds(kad, content):
    found = kad.ask("providers", cid(content), expect=None)
    return {row["peer_id"]: row["multiaddrs"] for row in (found or {}).get("providers", [])}


def provided(net):
    for i in range(SAMPLE):
        content, node = b"of js %d" % i, net.nodes[-1 - i]
        node.call("provide", cid=cid(content))
        for kad in net.kads:
            check(node.peer in ours_finds(kad, content), kad.data, "does not find what js", node.number, "provides")
        for said in net.all_js("providers", cid=cid(content)):
            check(node.peer in said["providers"], "js does not find what js provides", said)
    for i in range(SAMPLE):
        content, kad = b"of ours %d" % i, net.kads[-1 - i]
        kad.kad("provide", cid(content))
        for said in net.all_js("providers", cid=cid(content)):
            check(kad.peer in said["providers"], "js does not find what ours provides", said)
            check(any(str(kad.port) in a for a in said["providers"][kad.peer]), "without its address", said)
        for other in net.kads:
            check(kad.peer in ours_finds(other, content), other.data, "does not find what", kad.data, "provides")
    content = b"of both"
    net.nodes[0].call("provide", cid=cid(content))
    net.kads[0].kad("provide", cid(content))
    both = {net.nodes[0].peer, net.kads[0].peer}
    check(set(ours_finds(net.kads[-1], content)) == both, ours_finds(net.kads[-1], content))
    check(set(net.nodes[-1].call("providers", cid=cid(content))["providers"]) == both, "js finds not both")


def found(net):
    """Every kind of node by every kind of node; and the nearest to a key are the nearest there are."""
    for node, kad in zip(net.nodes, net.kads):
        addresses = node.call("find", peer=kad.peer)["addresses"]
        check(addresses and any(str(kad.port) in a for a in addresses), addresses)
        text = kad.kad("find", node.peer).out.decode()
        check(node.addresses[0].split("/p2p/")[0] in text, "ours finds js at", text)
        text = kad.kad("find", net.kads[0].peer if kad is not net.kads[0] else net.kads[-1].peer).out.decode()
        check("/p2p/" in text, text)
    for i in range(SAMPLE):
        key = multihash(os.urandom(8))
        kad = net.kads[i]
        nearest = sorted((p for p in net.everybody() if p != kad.peer), key=lambda p: place(unbase58(p)) ^ place(key))[:20]
        answer = kad.ask("closest", key.hex())
        named = [row["peer_id"] for row in answer["closest"]]
        check(named == nearest, "ours says", named, "and nearest are", nearest)


def values(net):
    """Under /pk/, which proves itself: put by one kind, had by the other."""
    for i in range(min(SAMPLE, 3)):
        node, kad = net.nodes[i], net.kads[i]
        key = b"/pk/" + unbase58(kad.peer)
        public = unbase58(kad.peer)[2:]
        said = node.call("put", key=key.hex(), value=public.hex())
        check(said["stored"] >= min(2 * N - 1, 20) // 2, said)
        for other in net.kads:
            got = other.ask("get", "/pk/" + kad.peer)
            check(got["value_hex"] == public.hex(), got)
        kad.kad("put", "/pk/" + node.peer)
        key, public = b"/pk/" + unbase58(node.peer), unbase58(node.peer)[2:]
        for got in net.all_js("get", key=key.hex()):
            check(set(got["values"]) == {public.hex()}, got)


def test(folder):
    net = Net(folder)
    eventually("all have met", net.complete, 400)
    provided(net)
    found(net)
    values(net)
    for kad in net.kads:
        check(kad.stop() == 0, kad.data, "does not end well")
    net.js.stop()


main(test)
