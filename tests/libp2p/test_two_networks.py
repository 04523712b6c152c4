#!/usr/bin/python3
# serial
# timeout 200
"""Daemons that are in our own network and in libp2p's: one `kad provide` tells both, and `kad providers` asks both and says which
answered. Others are in one of the two, and find what they can."""

import os
import re

from libp2p_world import KadPeer, check, cid, eventually, main
from program import Node, loopback

CONTENT = cid(b"in two networks")


class Both(Node):
    def __init__(self, folder, name, bootstrap, addresses):
        self.udp = loopback()
        super().__init__(folder, name, "--store", "mem", "--api", "none", "--metrics", "none", "--network", "kad-easy",
                         "--listen", self.udp, *(["--bootstrap", bootstrap] if bootstrap else []), "--network", "libp2p",
                         "--listen", "/ip4/127.0.0.1/tcp/0", *sum((["--bootstrap", a] for a in addresses), []))

        def listening():
            check(self.process.poll() is None, "the node ended:", open(self.log).read()[-2000:])
            found = re.search(r"event=listening address=(/ip4\S+)", open(self.log).read())
            return found and os.path.exists(self.socket) and found.group(1)
        self.address = eventually("%s listens" % name, listening)
        self.peer = self.address.rsplit("/", 1)[1]

    def contacts(self, network):
        return self.ask("status", "--network", network)["peer_count"]


def test(folder):
    first = Both(folder, "first", None, [])
    second = Both(folder, "second", first.udp, [first.address])
    ours = Node(folder, "ours", "--network", "kad-easy", "--listen", loopback(), "--bootstrap", first.udp, "--api", "none",
                "--metrics", "none")
    theirs = KadPeer(folder, "theirs", bootstrap=[first.address])
    ours.await_ready(2)
    for network in ("kad-easy", "libp2p"):
        eventually("all know all", lambda network=network: min(first.contacts(network), second.contacts(network)) == 2)
    eventually("all know all", lambda: theirs.contacts() == 2)

    rows = first.ask("provide", CONTENT, "--keep")["keys"]
    check([(row["network"], row["stored"] > 0) for row in rows] == [("kad-easy", True), ("libp2p", True)], rows)
    identity = first.ask("status")["identity"]
    found = ours.ask("providers", CONTENT)["values"]
    check([value["owner"] for value in found] == [identity], found)
    found = theirs.ask("providers", CONTENT)["providers"]
    check([one["peer_id"] for one in found] == [first.peer], found)

    # Somebody provides in one of them only, by the hash; who asks both is told of each.
    digest = theirs.kad("cid", CONTENT).out.decode().strip()
    theirs.kad("provide", digest)
    for name in (CONTENT, digest):
        rows = {row["network"]: row for row in second.ask("providers", name)["keys"]}
        check([value["owner"] for value in rows["kad-easy"]["values"]] == [identity], rows)
        check({one["peer_id"] for one in rows["libp2p"]["providers"]} == {first.peer, theirs.peer}, rows)
    lines = second.kad("providers", CONTENT).out.decode().splitlines()
    check(lines[0] == "kad-easy:" and lines[1].startswith(identity) and lines[2] == "libp2p:" and len(lines) == 5, lines)
    only = second.ask("--network", "libp2p", "providers", CONTENT)
    check(len(only["providers"]) == 2, only)
    alone = cid(b"in one network")
    theirs.kad("provide", alone)
    result = second.kad("providers", alone)
    check(theirs.peer in result.out.decode() and "kad-easy: not found" in result.err, result.out, result.err)
    second.kad("providers", cid(b"nowhere"), expect=1)

    def kept():
        return [first.ask("status", "--network", network)["publications"] for network in ("kad-easy", "libp2p")]
    before = kept()
    first.kad("withdraw", "provider:" + CONTENT)
    check(kept() == [n - 1 for n in before], before, kept())
    ours.kad("providers", CONTENT, expect=1)  # withdrawn where it is held, too
    for node in (first, second, ours, theirs):
        check(node.stop() == 0, "exit status")


main(test)
