"""wan - a wide-area network for tests: namespaces, each somewhere on earth, joined by the emulator wan.c.

  main(test, limit_s)         as harness.main: runs test(folder) in a world of its own, which ends with it
  Wan(folder, n, nat=[i...])  n hosts; those in `nat` are behind a router that masquerades
    address(i)                what the others see of host i (of a host behind NAT: of its router)
    run(i, name, argv)        a Process on host i
    rebind(i)                 the router of host i forgets, and gives it another source port from now on
    partition(a, b, ...)      groups of hosts that do not reach one another; heal() ends it
    loss(percent) scale(f)    of all packets, of all delays, from now on
    capture()                 starts a pcap of all that is sent; ends with capture_end(), which gives the packets
    totals() pairs()          what the emulator has counted
    stop()                    at the latest the end of the world does it
  Daemon(wan, i, ...)         `kad node` on host i, with harness.KadNode's commands

Needs root, or a kernel that lets users make namespaces. KAD_WAN names the emulator; else it lies beside the tests that were built.
"""

import collections
import json
import os
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "interop"))

import harness  # noqa: E402
from harness import Failure, Process, eventually, expect, main, run, say  # noqa: E402,F401

Totals = collections.namedtuple("Totals", "packets bytes lost blocked strays fragments largest")
Pair = collections.namedtuple("Pair", "source target packets bytes lost delay_ms")
Packet = collections.namedtuple("Packet", "source target protocol source_port target_port payload")
PORT_BEHIND_NAT = 30000


def emulator():
    for path in (os.environ.get("KAD_WAN"), os.path.join(os.path.dirname(harness.kad_binary()), "tests", "wan")):
        if path and os.access(path, os.X_OK):
            return path
    raise Failure("no emulator: build the target wan, or name it in $KAD_WAN")


class Host:
    def __init__(self, name):
        self.name = name


class Wan:
    def __init__(self, folder, n, nat=(), seed=1, loss=1.0, scale=1.0):
        self.folder, self.n, self.nat = folder, n, frozenset(nat)
        self.hosts = [Host("h%d" % i) for i in range(n)]
        self.outer = [Host("r%d" % i) if i in self.nat else self.hosts[i] for i in range(n)]
        self.nat_port = dict.fromkeys(self.nat, PORT_BEHIND_NAT)
        self.pcap = None
        names = {host.name for host in self.hosts + self.outer}
        run_batch(["netns add " + name for name in sorted(names)])
        with open(os.path.join(folder, "wan.log"), "ab") as log:
            self.child = subprocess.Popen(
                [emulator(), "--seed", str(seed), "--loss", str(loss), "--scale", str(scale)] + [h.name for h in self.outer],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
        self._answer()
        for i in self.nat:
            self._make_nat(i)

    def address(self, i):
        return "10.%d.0.1" % (i + 1)

    def run(self, i, name, argv, **more):
        return Process(self.folder, name, argv, host=self.hosts[i], **more)

    def output(self, i, *argv):
        """Of a command that ends at once."""
        return run("ip", "netns", "exec", self.hosts[i].name, *argv)

    # ---- what may happen to it

    def partition(self, *groups):
        for number, group in enumerate(groups):
            for i in group:
                self._tell("group %d %d" % (i, number))

    def heal(self):
        self.partition(range(self.n))

    def loss(self, percent):
        self._tell("loss %g" % percent)

    def scale(self, factor):
        self._tell("scale %g" % factor)

    def rebind(self, i):
        """Masquerading forgets all it knew when its device goes down."""
        router = self.outer[i].name
        self.nat_port[i] += 1
        self._masquerade(i)
        run_batch(["link set wan0 down", "link set wan0 up", "route add default dev wan0"], router)

    def _make_nat(self, i):
        inner, router = self.hosts[i].name, self.outer[i].name
        run_batch(["link add lan0 type veth peer name eth0 netns " + inner,
                   "addr add 192.168.77.1/24 dev lan0", "link set lan0 up"], router)
        run_batch(["link set lo up", "addr add 192.168.77.2/24 dev eth0", "link set eth0 up",
                   "route add default via 192.168.77.1"], inner)
        run("ip", "netns", "exec", router, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
        self._masquerade(i)

    def _masquerade(self, i):
        rules = ("add table ip nat\nflush table ip nat\ntable ip nat { chain out { type nat hook postrouting priority 100;"
                 " oifname wan0 meta l4proto udp masquerade to :%d; oifname wan0 masquerade; }; }" % self.nat_port[i])
        run("ip", "netns", "exec", self.outer[i].name, "nft", rules)

    # ---- what can be seen of it

    def totals(self):
        return Totals(*map(int, self._tell("totals").split()))

    def pairs(self):
        path = os.path.join(self.folder, "pairs")
        self._tell("pairs " + path)
        with open(path) as file:
            return [Pair(*(float(word) if "." in word else int(word) for word in line.split())) for line in file]

    def capture(self):
        self.pcap = os.path.join(self.folder, "all.pcap")
        self._tell("capture " + self.pcap)

    def capture_end(self):
        """All packets since capture(), in the order in which they were sent."""
        self._tell("capture -")
        return list(packets(self.pcap))

    def _tell(self, line):
        try:
            self.child.stdin.write(line + "\n")
            self.child.stdin.flush()
        except BrokenPipeError:
            pass
        return self._answer()

    def _answer(self):
        line = self.child.stdout.readline()
        expect(line.startswith("ok"), "the emulator says %r (status %s)" % (line, self.child.poll()))
        return line[2:].strip()

    def stop(self):
        self.child.stdin.close()
        expect(self.child.wait(20) == 0, "the emulator ended with %s" % self.child.returncode)


def run_batch(lines, netns=None):
    """Many ip(8) commands at once."""
    done = subprocess.run(["ip"] + (["-n", netns] if netns else []) + ["-batch", "-"], input="\n".join(lines) + "\n",
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    expect(done.returncode == 0, "ip -batch: %s" % done.stdout)


def packets(path):
    """The IPv4 packets of a pcap that the emulator wrote; ports and payload of UDP."""
    with open(path, "rb") as file:
        bytes_ = file.read()
    at = 24
    while at < len(bytes_):
        size = struct.unpack_from("=8xI", bytes_, at)[0]
        packet = bytes_[at + 16:at + 16 + size]
        at += 16 + size
        head = (packet[0] & 15) * 4
        ports = struct.unpack_from(">HH", packet, head) if packet[9] in (6, 17) else (0, 0)
        end = struct.unpack_from(">H", packet, 2)[0]
        yield Packet(packet[12:16], packet[16:20], packet[9], ports[0], ports[1], packet[head + 8:end])


class Daemon(harness.KadNode):
    """`kad node` on a host. `bootstraps` are what --bootstrap takes; `more` further options."""

    def __init__(self, wan, i, bootstraps=(), more=(), port=6881, name=None):
        self.wan, self.i = wan, i
        self.peer = (wan.address(i), port)
        name = name or "kad-%d" % i
        self.data = os.path.join(wan.folder, name)
        self.control = os.path.join(self.data, "kad.sock")
        self.bootstraps, self.more, self.port = list(bootstraps), list(more), port
        os.makedirs(self.data, exist_ok=True)
        self.start(name)

    def start(self, name=None):
        command = [harness.kad_binary(), "node", "--data-dir", self.data, "--listen", "0.0.0.0:%d" % self.port,
                   "--api", "none", "--metrics", "none"]
        for bootstrap in self.bootstraps:
            command += ["--bootstrap", bootstrap]
        Process.__init__(self, self.wan.folder, name or self.name, command + self.more, host=self.wan.hosts[self.i])

    def restart(self):
        expect(self.stop() == 0, "%s ended with %s" % (self.name, self.child.returncode))
        self.start()

    def await_joined(self, contacts=1, seconds=120):
        def joined():
            expect(self.running(), "%s ended with status %s" % (self.name, self.child.poll()))
            if not os.path.exists(self.control):
                return False
            status = self.status()
            return status and status["ready"] and status["peer_count"] >= contacts

        eventually("%s has joined" % self.name, joined, seconds, 0.1)

    def status(self):
        done = subprocess.run([harness.kad_binary(), "--node", self.control, "--json", "status"], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True, timeout=60)
        return json.loads(done.stdout) if done.returncode == 0 else None
