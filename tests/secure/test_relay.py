#!/usr/bin/python3
# serial
# timeout 400
"""test_relay - nodes behind routers that reach nobody but relays, and are reached by all: T11, T13, I018, I027.

Hosts 0 and 1 are relays, 2 and 3 stand behind routers that let through nothing but what goes to these two, 4 is anybody, and 5 is
where somebody floods from. One of the two behind routers is told to use a relay, the other finds out that it needs one.

  test_relay.py [CASE...]     KAD_KEEP=1 keeps the logs
"""

import collections
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import noise
from secure import PORT, SecureDaemon, SecureNet, Wan, eventually, expect, main, say
from wan import Failure, run

RELAYS, BEHIND, ANYBODY, FLOODER = (0, 1), (2, 3), 4, 5
RATE = 64 * 1024
UDP = 17
SIZES = {64, 128, 256, 512, 896, 1200, 1240}


class RelayWan(Wan):
    """Routers with a source port for each connection, and with a firewall."""

    def _masquerade(self, i):
        allowed = ", ".join(self.address(relay) for relay in RELAYS)
        run("ip", "netns", "exec", self.outer[i].name, "nft",
            "add table ip nat\nflush table ip nat\ntable ip nat {"
            " chain out { type nat hook postrouting priority 100; oifname wan0 masquerade; };"
            " chain only { type filter hook forward priority 0; iifname lan0 ip daddr != { %s } drop; }; }" % allowed)


class Net(SecureNet):
    def __init__(self, folder):
        self.wan = RelayWan(folder, 6, nat=BEHIND, seed=5, loss=0.5)
        self.wan.capture()
        # Their addresses are private ones: that others' word on them counts, and few are enough, is for this test only. In a network of
        # six all are in one bucket, of which one address has but a share: clients count with their relay.
        local = [word for setting in ("limit_local=yes", "address_quorum=2", "narrow_per_bucket=0", "narrow_per_table=0",
                                      "narrow_per_lookup=0", "wide_per_bucket=0", "wide_per_table=0") for word in ("--set", setting)]
        giving = local + ["--set", "role=relay", "--set", "relay_clients=8", "--set", "relay_bandwidth=%d" % RATE]
        self.relays = [SecureDaemon(self.wan, 0, (), giving)]
        self.relays.append(SecureDaemon(self.wan, 1, [self.relays[0].pinned], giving))
        self.anybody = SecureDaemon(self.wan, ANYBODY, [self.relays[0].pinned], local)
        for node in (self.relays[1], self.anybody):
            node.await_joined()
        firsts = [relay.pinned for relay in self.relays]
        self.told = SecureDaemon(self.wan, BEHIND[0], firsts, local + ["--set", "relay=always"])
        self.finds = SecureDaemon(self.wan, BEHIND[1], firsts, local + ["--set", "relay=auto"])
        self.nodes = self.relays + [self.anybody, self.told, self.finds]
        for node in self.nodes:
            node.await_joined()


def relays_of(node):
    return node.ask("relays")[1]


def used(node):
    """(address, relay) or None"""
    relay = (node.status() or {}).get("relay")
    return relay and (relay["address"], relay["relay"])


def one_that_is_told_uses_a_relay(net):
    address, relay = eventually("it is reached through a relay", lambda: used(net.told), 60)
    expect(relay in [r.address for r in net.relays], relay)
    expect(address.split(":")[0] == relay.split(":")[0] and address != relay, (address, relay))


def one_that_nobody_can_reach_finds_one_by_itself(net):
    """It looks on for a minute, whether somebody comes by himself."""
    expect(used(net.finds) is None or net.finds.status()["uptime"] >= 50, "it did not wait to see: %s" % (used(net.finds),))
    address, relay = eventually("it finds out, and a relay", lambda: used(net.finds), 150)
    say("%s is reached at %s through %s" % (net.finds.name, address, relay))


def relays_are_known_by_how_near_they_are(net):
    for node in (net.anybody, net.told):
        rows = eventually("both are known", lambda: (lambda rows: len(rows) == 2 and rows)(relays_of(node)["relays"]), 60)
        expect({row["identity"] for row in rows} == {relay.identity for relay in net.relays}, rows)
        times = [row["rtt_ms"] for row in rows]
        expect(None not in times and times == sorted(times), rows)
        expect(all(row["places"] == 8 and row["bytes_per_s"] == RATE and 0 <= row["free"] <= 8 for row in rows), rows)
        expect([row["ours"] for row in rows].count(True) == (node is net.told), rows)


class At:
    """Somebody, as others reach him."""

    def __init__(self, address):
        self.address = address


def each_is_reached_by_the_other_and_by_anybody(net):
    for asker, asked in ((net.told, net.finds), (net.finds, net.told), (net.anybody, net.told), (net.anybody, net.finds)):
        there = At(used(asked)[0])
        pong = eventually("%s reaches %s" % (asker.name, asked.name), lambda: asker.ping(there), 30)
        expect(pong["identity"] == asked.identity, pong)


def what_one_puts_the_other_gets(net):
    for number, (writer, reader) in enumerate(((net.told, net.finds), (net.finds, net.told), (net.anybody, net.told))):
        name, value = "room:between %d" % number, "a word that the relay must not read %d" % number
        expect(writer.put(name, value).get("stored", 0) > 0, "put %d" % number)
        found = eventually("it is found", lambda: (lambda got: got.get("value") and got)(reader.get(name)), 30)
        expect(found["value"] == value, found)


def others_know_only_the_relays_address(net):
    """Their tables hold a port of the relay's, and no packet of theirs goes elsewhere."""
    routers = {net.wan.address(i) for i in BEHIND}
    expected = {net.told.identity: used(net.told)[0], net.finds.identity: used(net.finds)[0]}

    wrong = []

    def settled():
        rows = [(node.name, row) for node in [net.anybody] + net.relays for row in node.ask("table")[1]["rows"]]
        there = {row["identity"]: row["address"] for _, row in rows if row["identity"] in expected}
        wrong[:] = [(name, row["address"]) for name, row in rows if row["identity"] in expected
                    and row["address"] != expected[row["identity"]] or row["address"].split(":")[0] in routers]
        return there == expected and not wrong

    try:
        eventually("tables hold the relays' ports", settled, 120, 1)
    except Failure as failure:
        raise Failure("%s: %s, not %s" % (failure, wrong, expected))
    peer = net.anybody.get("peer:" + net.told.identity)
    expect(net.wan.address(BEHIND[0]) not in str(peer), peer)


FLOOD = """
import os, socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
end = time.monotonic() + float(sys.argv[3])
n = 0
while time.monotonic() < end:
    for i in range(40):
        s.sendto(os.urandom(1200), (sys.argv[1], int(sys.argv[2])))
        n += 1200
    time.sleep(0.05)
print(n)
"""


def the_cap_holds_under_a_flood(net):
    """Somebody writes to the client's port far more than the relay gives: what passes is bounded, and the relay stays."""
    address, at = used(net.told)
    relay = next(r for r in net.relays if r.address == at)
    seconds = 8
    before, began = relays_of(relay)["status"], time.monotonic()
    host, port = address.split(":")
    flooded = int(net.wan.output(FLOODER, "/usr/bin/python3", "-c", FLOOD, host, port, str(seconds)))
    after, took = relays_of(relay)["status"], time.monotonic() - began
    passed = after["relayed_in"] - before["relayed_in"] + after["relayed_out"] - before["relayed_out"]
    dropped = {why: after["datagrams"][why] - before["datagrams"][why] for why in ("share", "full")}
    say("%d kB flooded, %d kB passed in %.1f s, dropped %s" % (flooded // 1000, passed // 1000, took, dropped))
    expect(flooded > 3 * RATE * seconds, "a flood of %d bytes is none" % flooded)
    expect(passed <= RATE * (took + 2), "%d bytes in %.1f s" % (passed, took))
    expect(sum(dropped.values()) > 0, dropped)
    eventually("the client is there as before", lambda: net.anybody.ping(At(used(net.told)[0])), 30)


def a_relay_that_dies_is_replaced(net):
    _, at = used(net.told)
    dead = next(r for r in net.relays if r.address == at)
    other = next(r for r in net.relays if r.address != at)
    dead.child.kill()
    dead.child.wait()
    eventually("the other one is taken", lambda: (used(net.told) or (0, 0))[1] == other.address, 90)
    eventually("and by the other node, too", lambda: (used(net.finds) or (0, 0))[1] == other.address, 120)
    there = At(used(net.told)[0])
    pong = eventually("and anybody reaches it there", lambda: net.anybody.ping(there), 60)
    expect(pong["identity"] == net.told.identity, pong)
    dead.start()
    dead.await_joined()


def nothing_was_read_on_the_way(net):
    """All that was sent, the relays' packets among it: noise, of the seven sizes, and never in pieces."""
    packets = [packet for packet in net.wan.capture_end() if packet.protocol == UDP]
    flood = bytes(map(int, net.wan.address(FLOODER).split(".")))
    payloads = [packet.payload for packet in packets if packet.source != flood]
    sizes = collections.Counter(map(len, payloads))
    expect(set(sizes) <= SIZES and sizes[1240] > 0, sizes)
    expect(net.wan.totals().fragments == 0, net.wan.totals())
    secrets = {"a value": b"a word that the relay", "a name": b"between 1"}
    for node in net.nodes:
        secrets[node.name + "'s key"] = bytes.fromhex(node.public_key)[:12]
        secrets[node.name + "'s id"] = bytes.fromhex(node.node_id)[:12]
    for what, secret in secrets.items():
        expect(not [payload for payload in payloads if secret in payload], "%s can be read" % what)
    inner = {bytes(map(int, net.wan.address(i).split("."))) for i in BEHIND}
    relays = {bytes(map(int, net.wan.address(i).split("."))) for i in RELAYS}
    strays = [packet for packet in packets if packet.source in inner and packet.target not in relays]
    expect(not strays, "%d packets went past the relays" % len(strays))
    say("%d packets of %s" % (len(payloads), dict(sorted(sizes.items()))))


if __name__ == "__main__":
    main([one_that_is_told_uses_a_relay, one_that_nobody_can_reach_finds_one_by_itself, relays_are_known_by_how_near_they_are,
          each_is_reached_by_the_other_and_by_anybody, what_one_puts_the_other_gets, others_know_only_the_relays_address,
          the_cap_holds_under_a_flood, a_relay_that_dies_is_replaced,
          nothing_was_read_on_the_way], Net, 380)
