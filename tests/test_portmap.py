#!/usr/bin/python3
"""A node behind a router is reached from outside: the router is miniupnpd with nftables, and speaks PCP, NAT-PMP and UPnP.

Three network namespaces, none of which has a way out: home (the node, 192.168.77.2), the router, and the world (11.7.0.2; the
router takes only a public address for one that it can map to). By each protocol: the mapping is there, a ping from the world is
answered, and both are over when the node stops. Then leases: renewed in time, and again after the router has forgotten all. Then a
router that refuses, one that knows NAT-PMP alone, and one that is not there.
"""
# serial
# timeout 300
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "interop"))
from harness import PYTHON, KadNode, Process, eventually, expect, main, run, say  # noqa: E402

HOME, ROUTER, OUTSIDE, WORLD = "192.168.77.2", "192.168.77.1", "11.7.0.1", "11.7.0.2"
PORT = 6881

RULES = """
table inet filter {
    chain forward {
        type filter hook forward priority 0; policy drop;
        ct state established,related accept
        iifname "lan0" accept
        jump miniupnpd
    }
    chain miniupnpd { }
    chain prerouting { type nat hook prerouting priority -100; policy accept; jump prerouting_miniupnpd; }
    chain prerouting_miniupnpd { }
    chain postrouting {
        type nat hook postrouting priority 100; policy accept;
        jump postrouting_miniupnpd
        oifname "wan0" masquerade
    }
    chain postrouting_miniupnpd { }
}
"""

DAEMON = """
ext_ifname=wan0
listening_ip=lan0
enable_natpmp=yes
enable_upnp=yes
secure_mode=yes
system_uptime=yes
min_lifetime=10
uuid=00000000-0000-4000-8000-000000000000
allow 1024-65535 192.168.77.0/24 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
"""

PING = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(0.5)
s.connect((sys.argv[1], int(sys.argv[2])))
for _ in range(int(sys.argv[3])):
    try:
        s.send(b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe")
        answer = s.recv(1500)
        sys.exit(0 if b"1:y1:r" in answer else 2)
    except OSError:
        pass
sys.exit(1)
"""

# A router of 2008, that knows NAT-PMP alone; or one that refuses everything (miniupnpd that is told to tries all ports first).
# What it is told goes to standard error.
OLD_ROUTER = """
import socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("192.168.77.1", 5351))
print("listens", file=sys.stderr, flush=True)
while True:
    data, peer = s.recvfrom(2000)
    if sys.argv[1] == "refuses" and data[0] == 2:
        s.sendto(bytes([2, 0x80 | data[1], 0, 2]) + bytes(20) + data[24:60], peer)
    elif sys.argv[1] == "refuses" and data[1] == 1:
        s.sendto(struct.pack("!BBHIHHI", 0, 129, 2, 1, *struct.unpack("!HH", data[4:8]), 0), peer)
    elif data[0] != 0:
        s.sendto(struct.pack("!BBHI", 0, 0x80 | data[1] & 0x7f, 1, 1), peer)
    elif data[1] == 0:
        s.sendto(struct.pack("!BBHI4B", 0, 128, 0, 1, 11, 7, 0, 1), peer)
    elif data[1] == 1:
        inside, outside, lifetime = struct.unpack("!HHI", data[4:12])
        print("map", inside, outside, lifetime, file=sys.stderr, flush=True)
        s.sendto(struct.pack("!BBHIHHI", 0, 129, 0, 1, inside, outside + 1 if lifetime else 0, lifetime), peer)
"""


class In:
    """A namespace, for Process and KadNode."""

    def __init__(self, name):
        self.name = name
        run("ip", "netns", "add", name)
        run("ip", "-n", name, "link", "set", "lo", "up")

    def run(self, *command):
        return run("ip", "netns", "exec", self.name, *command)


def link(one, one_name, one_address, other, other_name, other_address):
    run("ip", "link", "add", one_name, "netns", one.name, "type", "veth", "peer", "name", other_name, "netns", other.name)
    for where, name, address in ((one, one_name, one_address), (other, other_name, other_address)):
        run("ip", "-n", where.name, "addr", "add", address + "/24", "dev", name)
        run("ip", "-n", where.name, "link", "set", name, "up")


class Node(KadNode):
    """In the home, by way of `ip netns exec`."""

    def __init__(self, folder, name, home, *settings):
        self.home = home
        more = ["--api", "none", "--metrics", "none"]
        for setting in settings:
            more += ["--set", setting]
        self.data = os.path.join(folder, name)
        self.control = os.path.join(self.data, "kad.sock")
        self.peer = (HOME, PORT)
        # libminiupnpc has strtol() read a number in the middle of a text that no zero ends: fine, but for the strict check.
        lenient = os.environ.get("ASAN_OPTIONS", "").replace("strict_string_checks=1", "strict_string_checks=0")
        Process.__init__(self, folder, name, [os.environ["KAD"], "node", "--data-dir", self.data, "--listen",
                                              "0.0.0.0:%d" % PORT] + more, host=home, env={"ASAN_OPTIONS": lenient})

    def mapping(self):
        """None while the node does not answer yet."""
        return self.cli("status", allow=(0, 3)).get("port_mapping")

    def in_state(self, state):
        def is_it():
            mapping = self.mapping()
            expect(self.running(), "the node ended")
            return mapping if mapping and mapping["state"] == state else None

        return eventually("port mapping " + state, is_it, 60)


class Router:
    def __init__(self, folder, where):
        self.folder, self.where, self.daemon, self.n = folder, where, None, 0
        where.run("sysctl", "-q", "net.ipv4.ip_forward=1")

    def start(self):
        self.n += 1
        path = os.path.join(self.folder, "router-%d" % self.n)
        with open(path + ".nft", "w") as file:
            file.write("flush ruleset\n" + RULES)
        self.where.run("nft", "-f", path + ".nft")
        with open(path + ".conf", "w") as file:
            file.write(DAEMON)
        self.daemon = Process(self.folder, "router-%d" % self.n,
                              ["miniupnpd", "-d", "-f", path + ".conf", "-P", path + ".pid"], host=self.where)

        def is_up():
            expect(self.daemon.running(), "miniupnpd does not run:\n" + open(self.daemon.log).read())
            return ":5351 " in self.where.run("ss", "-lnu") and "HTTP" in open(self.daemon.log).read()

        eventually("miniupnpd is up", is_up, 20)

    def kill(self):
        self.daemon.child.kill()
        self.daemon.child.wait()

    def maps(self):
        return "dnat" in self.where.run("nft", "list", "table", "inet", "filter")


def reached(world, port=PORT, tries=1):
    return subprocess.run(["ip", "netns", "exec", world.name, PYTHON, "-c", PING, OUTSIDE, str(port), str(tries)],
                          timeout=60).returncode == 0


def by_each(folder, home, router, world):
    for how, expected in (("pcp", "pcp"), ("nat-pmp", "nat-pmp"), ("upnp", "upnp"), ("auto", "pcp")):
        expect(not reached(world), "the world reaches home without a mapping")
        node = Node(folder, "by-" + how, home, "port_mapping=" + how)
        mapping = node.in_state("mapped")
        say("%s: %s" % (how, mapping))
        expect(mapping["by"] == expected, "asked by %s, not %s" % (mapping["by"], expected))
        expect(mapping["outside_address"] == "%s:%d" % (OUTSIDE, PORT), mapping)
        expect(mapping["inside_port"] == PORT and mapping["expires_at"], mapping)
        shown = subprocess.run([os.environ["KAD"], "--node", node.data, "status"], stdout=subprocess.PIPE, text=True).stdout
        expect("%s:%d by %s, until 2" % (OUTSIDE, PORT, expected) in shown, shown)
        expect(router.maps(), "the router has no rule")
        expect(reached(world, tries=10), "a ping from the world is not answered")
        expect(node.stop() == 0, "it stops in order")
        expect(not router.maps(), "the mapping outlived the node")
        expect(not reached(world), "the world still reaches home")
        expect("event=port_unmapped" in open(node.log).read(), "it does not say that it gave the mapping back")


def leases(folder, home, router, world):
    """Ten seconds at a time: renewed, and made anew by a router that has forgotten it."""
    node = Node(folder, "leases", home, "port_mapping=auto", "port_mapping_lease=20s")
    first = node.in_state("mapped")
    eventually("a renewal", lambda: node.mapping()["asked"] >= 2, 60)
    expect(node.mapping()["expires_at"] > first["expires_at"], "the lease is not longer")
    router.kill()
    router.start()
    expect(not router.maps(), "the router was to forget")
    eventually("the mapping is made anew", router.maps, 60)
    expect(reached(world, tries=10), "not reached after the router came back")
    router.kill()  # and it stops in order though nobody answers
    expect(node.stop(60) == 0, "it stops in order without a router")


def scripted(folder, name, where, how):
    """A router that listens."""
    router = Process(folder, name, [PYTHON, "-c", OLD_ROUTER, how], host=where)
    eventually("the router listens", lambda: "listens\n" in open(router.log).read(), 60)
    return router


def refusal(folder, home, where):
    refusing = scripted(folder, "refusing", where, "refuses")
    node = Node(folder, "refused", home, "port_mapping=auto")
    mapping = node.in_state("failed")
    say("refused: %s" % mapping["why"])
    for how in ("pcp: the router refuses: result 2", "nat-pmp: the router refuses: result 2", "upnp: "):
        expect(how in mapping["why"], mapping)
    expect(node.stop() == 0, "it stops in order")
    refusing.stop()


def old_router(folder, home, where):
    old = scripted(folder, "old", where, "old")
    node = Node(folder, "before-old", home, "port_mapping=auto")
    mapping = node.in_state("mapped")
    expect(mapping["by"] == "nat-pmp", mapping)
    expect(mapping["outside_address"] == "%s:%d" % (OUTSIDE, PORT + 1), mapping)  # another than was asked for
    expect(node.stop() == 0, "it stops in order")
    expect("map %d 0 0\n" % PORT in open(old.log).read(), "the mapping was not given back: " + open(old.log).read())
    old.stop()


def nobody(folder, home):
    node = Node(folder, "alone", home, "port_mapping=pcp")
    expect("pcp: " in node.in_state("failed")["why"], "the reason does not name the way")
    expect(node.stop() == 0, "it stops in order")
    node = Node(folder, "off", home)
    expect(eventually("it answers", node.mapping, 60) == {"state": "off"}, "it asked though nobody asked it to")
    expect(node.stop() == 0, "it stops in order")


def test(folder):
    home, where, world = In("home"), In("router"), In("world")
    link(home, "eth0", HOME, where, "lan0", ROUTER)
    link(where, "wan0", OUTSIDE, world, "eth0", WORLD)
    run("ip", "-n", home.name, "route", "add", "default", "via", ROUTER)
    run("ip", "-n", where.name, "route", "add", "239.0.0.0/8", "dev", "lan0")
    router = Router(folder, where)
    router.start()
    by_each(folder, home, router, world)
    leases(folder, home, router, world)
    refusal(folder, home, where)
    old_router(folder, home, where)
    nobody(folder, home)


main(test, 280)
