#!/usr/bin/python3
# serial
# timeout 600
"""test_capture_wan - what somebody on the line sees of kad's own network: everything that fifty daemons say to one another is
captured, from their first packet on, and looked through for anything that is not noise.

Admitted (docs/security.md): who speaks with whom, when, how often, UDP port 4242 unless another is chosen, and six sizes.
"""

import collections
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import noise
from secure import PORT, SecureDaemon, SecureNet, Wan, eventually, expect, main, say

N = int(os.environ.get("KAD_WAN_NODES", "50"))
NAT = (N - 1, N - 2)
UDP, ICMP = 17, 1


class Net(SecureNet):
    """Its life: joining through the door and with keys, questions, a rebinding, a wrong key, load, a restart of half."""

    def __init__(self, folder):
        self.wan = Wan(folder, N + 1, nat=NAT, seed=12)
        self.nodes, self.secrets = [], {}
        self.wan.capture()
        self.join(N)
        for i in range(1, N):
            self.nodes[0].ping(self.nodes[i])
            self.nodes[i].ping(self.nodes[(i * 7) % N] if (i * 7) % N != i else self.nodes[0])
        self.say_things()
        self.wan.rebind(NAT[0])
        eventually("the one behind the NAT goes on", lambda: self.nodes[NAT[0]].ping(self.nodes[1]), 30)
        wrong = SecureDaemon(self.wan, N, ["%s/%s" % (self.nodes[0].address, self.nodes[3].identity)], name="wrong", identity=N)
        eventually("it is told", lambda: wrong.log_has("level=warn"), 60)
        wrong.stop()
        busy = SecureDaemon(self.wan, N, [self.nodes[0].pinned], ["--set", "cookie_per_s=0", "--set", "work_per_s=0"],
                            "busy", N + 1)
        busy.await_joined()
        for i in range(2, N):
            self.nodes[i].ping(busy)
        for i in range(2, N, 2):
            self.nodes[i].terminate()
        for i in range(2, N, 2):
            self.nodes[i].restart()
        for i in range(2, N, 2):
            self.nodes[i].await_joined(2)
        busy.stop()
        for node in self.nodes + [wrong, busy]:
            self.remember(node)
        self.path = self.wan.pcap
        everything = self.wan.capture_end()
        self.packets = [packet for packet in everything if packet.protocol == UDP]
        self.others = [packet for packet in everything if packet.protocol != UDP]
        self.payloads = [packet.payload for packet in self.packets]
        say("%d packets captured, %d bytes" % (len(self.packets), sum(map(len, self.payloads))))

    def say_things(self):
        """Records of all kinds, whose names, values and keys are secrets too."""
        writer, reader, mailed = self.nodes[2], self.nodes[4], self.nodes[5]
        for name, value in (("room:a room whose name is long", "a value that repeats " * 9), ("domain:somewhere.example", "10.1.2.3"),
                            ("listing:bicycles and more", "a red one, hardly used"), ("mutable:the weather", "it rains " * 60),
                            ("peer:" + writer.identity, "at home this evening"), ("provider:" + "5eedf00d" * 5, "10.3.0.1:8080"),
                            ("msg:" + mailed.identity, "for your eyes alone, and nobody else's")):
            answer = writer.put(name, value)
            expect("key" in answer, "%s: %s" % (name, answer))
            reader.get(name)
            self.secrets.update({"the name " + name: name.split(":")[1].encode()[:16], "a value of " + name: value.encode()[:16],
                                 "the key of " + name: bytes.fromhex(answer["key"])[:12]})
        mailed.post("/api/dht/take")

    def remember(self, node):
        """What of a node must not be read on the way."""
        port = PORT.to_bytes(2, "big")
        host = bytes(map(int, self.wan.address(node.i).split(".")))
        self.secrets.update({
            node.name + "'s public key": bytes.fromhex(node.public_key), "half of " + node.name + "'s public key":
            bytes.fromhex(node.public_key)[:12], node.name + "'s node id": bytes.fromhex(node.node_id)[:12],
            node.name + "'s id as text": node.identity.encode()[:16], node.name + "'s address": host + port})


def only_udp_between_known_ports(net):
    ports = {PORT} | {net.wan.nat_port[i] for i in NAT} | {net.wan.nat_port[i] - 1 for i in NAT}
    # Kernels say that nobody listens any more where a daemon has ended.
    expect({packet.protocol for packet in net.others} <= {ICMP}, collections.Counter(p.protocol for p in net.others))
    seen = {packet.source_port for packet in net.packets} | {packet.target_port for packet in net.packets}
    expect(seen <= ports, "ports %s" % sorted(seen))
    totals = net.wan.totals()
    expect(totals.fragments == 0 and totals.strays == 0, totals)


def it_looks_like_noise(net):
    noise.self_check()
    flows = collections.defaultdict(list)
    for packet in net.packets:
        flows[packet.source, packet.source_port, packet.target].append(packet.payload)
    found = noise.complaints(net.payloads, flows, net.secrets)
    expect(not found, "; ".join(found[:8]))
    expect(len(net.payloads) > 2000, "too little was captured to tell: %d" % len(net.payloads))
    say("of %s bytes" % ", ".join("%d: %d" % pair for pair in sorted(collections.Counter(map(len, net.payloads)).items())))


def no_datagram_comes_twice(net):
    """Resent or not, no two are equal: each is masked and sealed anew."""
    expect(len(set(net.payloads)) == len(net.payloads), "%d are equal" % (len(net.payloads) - len(set(net.payloads))))


def tshark_knows_none_of_its_protocols(net):
    """Its heuristics look at what a datagram of no known port may be; by chance a few look like one."""
    done = subprocess.run(["tshark", "-n", "-r", net.path, "-Y", "not icmp", "-T", "fields", "-e", "frame.protocols"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300)
    expect(done.returncode == 0, done.stderr[-500:])
    protocols = collections.Counter(done.stdout.split())
    say("tshark says: %s" % dict(protocols))
    expect(sum(protocols.values()) == len(net.packets), "it looked at %d of %d" % (sum(protocols.values()), len(net.packets)))
    expect(protocols["raw:ip:udp:data"] > len(net.packets) * 98 // 100, protocols)


if __name__ == "__main__":
    main([only_udp_between_known_ports, it_looks_like_noise, no_datagram_comes_twice, tshark_knows_none_of_its_protocols], Net, 580)
