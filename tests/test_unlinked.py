#!/usr/bin/python3
# serial
# timeout 600
"""P090: gets that cannot be linked, among daemons of kad's own network with its puzzle, as whoever watches every packet sees them.

Two gets of one daemon, and one of its own, find the same. Each comes from a port of its own; what is sent and received at one port has no
eight bytes in common with what is at another, so there is no id, no session, no nonce and no token by which to tell; no holder has the readers in
its table. Where no identity is ready a get fails or waits, as was asked for, and the daemon does not ask in its own name. Where it has a relay
its readers have it too: nothing they do leaves the machine but to the relay.
"""
import os
import socket
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "secure"))
from program import KAD, Node, check, eventually, kad, loopback, main  # noqa: E402

os.environ.setdefault("KAD", KAD)
from secure import SecureDaemon, seed_of  # noqa: E402

HOLDERS = 8
SAME = 8  # bytes in a row that two ports must not have in common: by chance once in millions of such tests
QUIET = ("--api", "none", "--metrics", "none")
PATIENT = ("--timeout", "100")  # an identity is a second's work, and some minutes' with sanitizers on a machine that does much else


def daemon(folder, i, *arguments):
    """With an identity that was made before."""
    name = "node%d" % i
    os.makedirs(os.path.join(folder, name))
    SecureDaemon.write_identity(os.path.join(folder, name, "identity"), seed_of(i))
    node = Node(folder, name, "--network", "kad", "--listen", loopback(), *arguments)
    eventually("it listens", lambda: "event=listening" in open(node.log).read())
    node.address = [word for word in open(node.log).read().split() if word.startswith("address=127")][0][8:]
    return node


class Packets:
    """Every UDP packet from or to an address, by the port it has there: {port: [payload]}."""

    def __init__(self, address):
        self.address = socket.inet_aton(address)
        self.by_port, self.others = {}, {}
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
        self.socket.bind(("lo", 0))
        self.socket.settimeout(0.2)
        self.over = False
        self.thread = threading.Thread(target=self.listen)

    def listen(self):
        while not self.over:
            try:
                packet, where = self.socket.recvfrom(65536)
            except socket.timeout:
                continue
            if where[2] == socket.PACKET_OUTGOING or packet[9] != socket.IPPROTO_UDP or packet[12:16] == packet[16:20]:
                continue  # the daemon itself is a member that its readers may ask: that leaves no machine
            head = (packet[0] & 15) * 4
            source, target = struct.unpack("!HH", packet[head:head + 4])
            for here, there, port, other in ((packet[12:16], packet[16:20], source, target), (packet[16:20], packet[12:16], target, source)):
                if here == self.address and there[0] == 127:
                    self.by_port.setdefault(port, []).append(packet[head + 8:])
                    self.others.setdefault(port, set()).add((socket.inet_ntoa(there), other))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        time.sleep(0.3)
        self.over = True
        self.thread.join()
        self.socket.close()


def pieces(payloads):
    return {payload[i:i + SAME] for payload in payloads for i in range(len(payload) - SAME + 1)}


def metric(node, name):
    text = subprocess.run(["curl", "-sS", "--unix-socket", node.socket, "http://kad/metrics"], check=True,
                          stdout=subprocess.PIPE, universal_newlines=True).stdout
    return [float(line.split()[1]) for line in text.splitlines() if line.startswith(name + " ")][0]


def none_is_ready(me, own):
    """The first of all: no identity has been made. It does not wait; and its own port says nothing of it."""
    requests = me.ask("stats")["requests"]
    failed = me.kad("--json", "get", "room:lobby", "--unlinked-now", expect=None)
    check(failed.code not in (0, 1) and "no identity is ready" in failed.out.decode(), failed.code, failed.out)
    check(me.ask("stats")["requests"] == requests, "it asked in its own name")
    check(metric(me, "kademlia_unlinked_refused_total") == 1)


def share_nothing(me, own, holders):
    with Packets(own[0]) as packets:
        linked = me.ask("get", "room:lobby")
        first = me.ask("get", "room:lobby", "--unlinked", *PATIENT)
        eventually("another identity is made", lambda: metric(me, "kademlia_unlinked_identities") >= 1)
        second = me.ask("get", "room:lobby", "--unlinked-now")
    for field in ("value", "owner", "seq", "name"):
        check(linked[field] == first[field] == second[field], field, linked, first, second)
    check(linked["value"] == "hello" and first["unlinked"] and second["unlinked"] and "unlinked" not in linked, first)

    readers = [port for port in packets.by_port if port != own[1]]
    check(len(readers) == 2 and own[1] in packets.by_port, "ports", {port: len(sent) for port, sent in packets.by_port.items()})
    asked = [packets.others[port] & holders for port in readers]
    check(all(len(who) >= HOLDERS // 2 for who in asked) and asked[0] & asked[1], "hardly anybody was asked by both", asked)
    seen = {port: pieces(payloads) for port, payloads in packets.by_port.items()}
    for a in seen:
        for b in seen:
            check(a >= b or not seen[a] & seen[b], "ports", a, b, "have in common", seen[a] & seen[b])
    check(len(seen[readers[0]]) > 5000, "there was nothing to compare")
    print("a port of its own each: %s; %d and %d pieces of %d bytes, none in common" % (
        readers, len(seen[readers[0]]), len(seen[readers[1]]), SAME))
    return readers


def are_strangers(nodes, own, readers):
    for node in nodes:
        addresses = [row["address"] for row in node.ask("table")["rows"]]
        check(not [a for a in addresses if a in ["%s:%d" % (own[0], port) for port in readers]], addresses)


def as_it_is_set(folder, bootstrap):
    always = daemon(folder, HOLDERS + 1, "--bootstrap", bootstrap, "--set", "unlinked_gets=always", *QUIET).await_ready()
    off = daemon(folder, HOLDERS + 2, "--bootstrap", bootstrap, "--set", "unlinked_gets=off", *QUIET).await_ready()
    try:
        got = always.ask("get", "room:lobby", *PATIENT)
        check(got["unlinked"] and got["value"] == "hello", got)
        refused = off.kad("--json", "get", "room:lobby", "--unlinked", expect=None)
        check(refused.code not in (0, 1) and "unlinked_gets = off" in refused.out.decode(), refused.out)
        check(off.ask("get", "room:lobby")["value"] == "hello")
    finally:
        check(always.stop() == 0 and off.stop() == 0)


def through_a_relay(folder, bootstrap):
    relay = daemon(folder, HOLDERS + 3, "--bootstrap", bootstrap, "--set", "role=relay", "--set", "relay_clients=8", *QUIET).await_ready()
    pinned = "%s/%s" % (relay.address, relay.ask("status")["identity"])
    hidden = daemon(folder, HOLDERS + 4, "--bootstrap", bootstrap, "--set", "relay=" + pinned, "--set", "unlinked_work_percent=100", *QUIET)
    try:
        hidden.await_ready()
        eventually("it has the relay", lambda: hidden.ask("relays")["used"])
        with Packets(hidden.address.split(":")[0]) as packets:
            first = hidden.ask("get", "room:lobby", "--unlinked", *PATIENT)
            second = hidden.ask("get", "room:lobby", "--unlinked", *PATIENT)
        check(first["value"] == second["value"] == "hello" and first["unlinked"] and second["unlinked"], first, second)
        to = set().union(*packets.others.values())
        check({address.split(":")[0] for address, _ in to} == {relay.address.split(":")[0]}, "packets went to", to)
        check(len(packets.by_port) >= 3, "no session with the relay of their own", packets.others)
    finally:
        check(hidden.stop() == 0 and relay.stop() == 0)


def test(folder):
    nodes = [daemon(folder, 0, *QUIET)]
    try:
        for i in range(1, HOLDERS):
            nodes.append(daemon(folder, i, "--bootstrap", nodes[0].address, *QUIET))
        for node in nodes[1:]:
            node.await_ready()
        me = daemon(folder, HOLDERS, "--bootstrap", nodes[0].address, "--set", "unlinked_work_percent=100",
                    *QUIET).await_ready(HOLDERS // 2)
        nodes.append(me)
        own = (me.address.split(":")[0], int(me.address.split(":")[1]))
        nodes[1].kad("put", "--class", "room", "lobby", "hello")
        holders = {(node.address.split(":")[0], int(node.address.split(":")[1])) for node in nodes[:HOLDERS]}
        none_is_ready(me, own)
        readers = share_nothing(me, own, holders)
        are_strangers(nodes[:HOLDERS], own, readers)
        check(metric(me, "kademlia_unlinked_readers_total") == 2)
        eventually("they are gone", lambda: metric(me, "kademlia_unlinked_readers") == 0)
        as_it_is_set(folder, nodes[0].address)
        through_a_relay(folder, nodes[0].address)
    finally:
        for node in nodes:
            node.stop()


main(test)
