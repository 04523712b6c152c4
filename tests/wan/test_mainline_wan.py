#!/usr/bin/python3
# serial
# timeout 300
"""test_mainline_wan - fifty daemons on a wide-area network with delay and loss, some behind NAT: they join through two
bootstraps, values and peers of all are found by others, also after a partition, a rebinding NAT and a restart of all holders.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from wan import Daemon, Wan, eventually, expect, main, say

N = int(os.environ.get("KAD_WAN_NODES", "50"))
BEHIND_NAT = range(N - N // 5, N)
INFO_HASH = "%040x" % 0x5eed


def start_all(wan):
    bootstraps = ["%s:6881" % wan.address(i) for i in (0, 1)]
    nodes = [Daemon(wan, i, bootstraps[:i] if i < 2 else bootstraps) for i in range(2)]
    for node in nodes[1:]:
        node.await_joined()
    nodes += [Daemon(wan, i, bootstraps) for i in range(2, N)]
    for node in nodes:
        node.await_joined(8 if N >= 20 else 2)
    return nodes


def test(folder):
    wan = Wan(folder, N, nat=BEHIND_NAT, seed=7)
    nodes = start_all(wan)
    say("%d daemons have joined through two bootstraps, %d of them behind NAT" % (N, len(BEHIND_NAT)))

    delay = {(pair.source, pair.target): pair.delay_ms for pair in wan.pairs()}
    pong = eventually("a ping is answered", lambda: nodes[0].cli("ping", "%s:6881" % wan.address(1), allow=(0, 3)))
    say("pong of host 1, which is %.1f ms away: %s" % (2 * delay[0, 1], pong))
    expect(pong["rtt_ms"] >= 2 * delay[0, 1] - 1, "faster than light: %s" % pong)

    keys = {i: nodes[i].put("value of %d" % i) for i in range(0, N, 5)}
    for i, key in keys.items():
        reader = nodes[(i + N // 2 + 1) % N]
        expect(reader.cli("get", key)["value"] == "value of %d" % i, "%s finds the value of %d" % (reader.name, i))
    say("%d values were put and found by others" % len(keys))

    announced = [2, N // 2, N - 1]
    for i in announced:
        nodes[i].cli("announce", INFO_HASH)
    def found():
        peers = {peer.rsplit(":", 1)[0] for peer in map(str, addresses(nodes[3].cli("peers", INFO_HASH, allow=(0, 1))))}
        return {wan.address(i) for i in announced} <= peers
    eventually("all three peers are found", found, 60)
    say("peers are found, the one behind NAT by its router's address")

    # An address that changes is learned: the host behind it goes on.
    wan.capture()
    for i in BEHIND_NAT[:3]:
        wan.rebind(i)
        key = nodes[i].put("after rebinding %d" % i)
        eventually("what host %d put after its NAT forgot is found" % i,
                   lambda: nodes[4].cli("get", key, allow=(0, 1, 3)).get("value") == "after rebinding %d" % i, 60)
    ports = {(packet.source[1] - 1, packet.source_port) for packet in wan.capture_end()}
    for i in BEHIND_NAT[:3]:
        expect((i, wan.nat_port[i]) in ports, "host %d speaks from another port: %s" % (i, sorted(ports)))
    say("NATs forgot, and their hosts go on")

    wan.partition(range(0, N, 2), range(1, N, 2))
    before = wan.totals()
    key = nodes[2].put("in one half")
    expect(nodes[4].cli("get", key)["value"] == "in one half", "within a half all goes on")
    wan.heal()
    expect(wan.totals().blocked > before.blocked, "the halves could not reach one another")
    eventually("the other half finds it after the split",
               lambda: nodes[5].cli("get", key, allow=(0, 1, 3)).get("value") == "in one half", 60)
    say("a split healed")

    for node in nodes[2:]:
        node.terminate()
    for node in nodes[2:]:
        node.restart()
    for node in nodes[2:]:
        node.await_joined(4 if N >= 20 else 2)
    for i, key in keys.items():
        eventually("the value of %d is found after all restarted" % i,
                   lambda: nodes[(i + 7) % N].cli("get", key, allow=(0, 1, 3)).get("value") == "value of %d" % i, 60)
    say("all but the bootstraps restarted; every value is still there")

    totals = wan.totals()
    expect(totals.fragments == 0, "%d fragments" % totals.fragments)
    expect(totals.lost > totals.packets // 500, "nothing was lost: %s" % (totals,))
    say("%d packets, %d kB, %d lost, largest %d" % (totals.packets, totals.bytes // 1000, totals.lost, totals.largest))
    for node in nodes:
        node.terminate()
    for node in nodes:
        expect(node.stop() == 0, "%s ended with %s" % (node.name, node.child.returncode))
    wan.stop()


def addresses(answer):
    return [peer if isinstance(peer, str) else peer["address"] for peer in answer.get("peers", [])]


if __name__ == "__main__":
    main(test, 280)
