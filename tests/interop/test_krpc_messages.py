#!/usr/bin/python3
# timeout 300
"""What our node answers, message by message, judged by the BEPs and not by its own code.

A scripted peer with its own bencode sends each query from a socket of its own and looks at the
bytes that come back: BEP 5, 32, 33, 42, 43, 44, 51. All checks run; every wrong one is reported.
"""

import os
import random
import socket
import sys
import time

from harness import Failure, KadNet, NotYet, eventually, expect, main, run, say, standing_in
import krpc

LIMIT_S = 240
V6 = "fd77::%x"
CHECKS = []
# Where libtorrent's own DHT is another of several readings of a BEP (only with KAD_STANDIN)
STANDIN_DIFFERS = {
    "announce_to_port_zero_is_refused", "unknown_method_is_204", "wrong_transaction_types_are_survived",
    "equal_sequence_number_does_not_replace", "sloppy_queries_are_answered", "own_queries_are_well_formed",
}


def check(function):
    CHECKS.append(function)
    return function


class World:
    """The node that is questioned, and fresh addresses to do it from."""

    def __init__(self, net):
        self.net, self.node = net, net.nodes[0]
        self.v4 = self.node.peer
        self.v6 = (V6 % 1, self.v4[1])
        self.used = 0

    def is_own(self, node_id):
        """The id the node had at the start; libtorrent draws a new one when it learns its address."""
        return len(node_id) == 20 if standing_in() else node_id == self.node.id

    def asker(self, family=socket.AF_INET, **how):
        """A socket on an address that nobody used yet, so that no budget is shared."""
        self.used += 1
        if family == socket.AF_INET6:
            run("ip", "addr", "add", (V6 % (0x1000 + self.used)) + "/128", "dev", "lo", "nodad")
            return krpc.Socket(V6 % (0x1000 + self.used), **how)
        return krpc.Socket("127.0.%d.%d" % (40 + self.used // 250, 1 + self.used % 250), **how)

    def token(self, asker, target, method="get_peers", peer=None):
        name = "info_hash" if method == "get_peers" else "target"
        return asker.request(peer or self.v4, method, {name: target})["token"]


def refused(asker, peer, code, method, arguments, **how):
    answer = asker.ask(peer, method, arguments, **how)
    expect(answer["y"] == b"e", "%s %r: expected error %d, got %r" % (method, arguments, code, answer))
    error = answer["e"]
    expect(isinstance(error, list) and len(error) == 2 and isinstance(error[1], bytes),
           "an error is a list of a number and a text, got %r (bytes %r)" % (error, asker.last))
    expect(error[0] == code, "%s %r: expected error %d, got %r" % (method, arguments, code, error))


# ---------------------------------------------------------------- BEP 5


@check
def ping_returns_id_and_transaction(world):
    """BEP 5: `t` is echoed whatever its length, `r` carries the 20-byte id."""
    asker = world.asker()
    for size in (1, 2, 4, 8, 16):
        tid = os.urandom(size)
        answer = asker.ask(world.v4, "ping", tid=tid)
        expect(answer["y"] == b"r" and world.is_own(answer["r"]["id"]), "ping: %r" % answer)


@check
def unknown_keys_are_ignored(world):
    """Clients add keys of their own, at the top and among the arguments."""
    answer = world.asker().request(world.v4, "ping", {"zz": [1, {"a": b"b"}], "bs": 1},
                                   extra={"v": b"XX\0\1", "zz": {"k": [b"v"]}, "ip": b"\1\2\3\4\5\6"})
    expect(world.is_own(answer["id"]), "%r" % answer)


@check
def find_node_names_other_nodes(world):
    """BEP 5: up to K (8) contacts in compact form, the target itself among them if known."""
    asker = world.asker()
    for other in world.net.nodes[1:]:
        nodes = krpc.nodes_of(asker.request(world.v4, "find_node", {"target": other.id})["nodes"])
        expect((other.id, *other.peer) in nodes, "node %s is missing among %r" % (other.peer, nodes))
        expect(len(nodes) <= 8, "%d nodes" % len(nodes))
        expect(len(set(nodes)) == len(nodes), "a node twice: %r" % nodes)
        expect(world.node.id not in [n[0] for n in nodes], "it names itself")
        expect(asker.id not in [n[0] for n in nodes], "it names the asker, who is read-only")


@check
def get_peers_of_unknown_gives_nodes_and_token(world):
    answer = world.asker().request(world.v4, "get_peers", {"info_hash": os.urandom(20)})
    expect(answer["token"] and len(answer["token"]) <= 64, "token %r" % answer["token"])
    expect(krpc.nodes_of(answer["nodes"]), "no nodes")
    expect("values" not in answer or answer["values"] == [], "values of an unknown info-hash")


@check
def announce_is_found(world):
    """BEP 5: the port given, or with implied_port the source port; a list of 6-byte strings."""
    for implied in (0, 1, None):
        info_hash, asker = os.urandom(20), world.asker()
        arguments = {"info_hash": info_hash, "port": 4567, "token": world.token(asker, info_hash)}
        if implied is not None:
            arguments["implied_port"] = implied
        expect(world.is_own(asker.request(world.v4, "announce_peer", arguments)["id"]), "id")
        values = world.asker().request(world.v4, "get_peers", {"info_hash": info_hash})["values"]
        wanted = krpc.compact(asker.host, asker.port if implied else 4567)
        expect(values == [wanted], "implied_port %s: expected %r, got %r" % (implied, wanted, values))


@check
def announce_twice_counts_once(world):
    """A peer that announces again, even from another port, is one peer (BEP 5: by address)."""
    info_hash, asker = os.urandom(20), world.asker()
    for _ in range(2):
        asker.request(world.v4, "announce_peer", {"info_hash": info_hash, "port": 4567,
                                                  "token": world.token(asker, info_hash)})
    values = world.asker().request(world.v4, "get_peers", {"info_hash": info_hash})["values"]
    expect(values == [krpc.compact(asker.host, 4567)], "%r" % values)


@check
def announce_needs_the_askers_own_token(world):
    """BEP 5: a token holds for the address it was given to; otherwise 203."""
    info_hash, asker, thief = os.urandom(20), world.asker(), world.asker()
    token = world.token(asker, info_hash)
    wrong = {"info_hash": info_hash, "port": 4567}
    refused(thief, world.v4, 203, "announce_peer", dict(wrong, token=token))
    refused(asker, world.v4, 203, "announce_peer", dict(wrong, token=b"x" * len(token)))
    refused(asker, world.v4, 203, "announce_peer", dict(wrong, token=b""))
    refused(asker, world.v4, 203, "announce_peer", wrong)
    expect(not world.asker().request(world.v4, "get_peers", {"info_hash": info_hash}).get("values"), "stored anyway")


@check
def announce_to_port_zero_is_refused(world):
    info_hash, asker = os.urandom(20), world.asker()
    token = world.token(asker, info_hash)
    for port in (0, 65536, -1, b"80"):
        refused(asker, world.v4, 203, "announce_peer", {"info_hash": info_hash, "port": port, "token": token})


@check
def unknown_method_is_204(world):
    refused(world.asker(), world.v4, 204, "make_coffee", {})


@check
def arguments_missing_or_short_are_203(world):
    """BEP 5: 203 protocol error, such as invalid arguments."""
    asker = world.asker()
    for method, name in (("find_node", "target"), ("get_peers", "info_hash"), ("get", "target"),
                         ("sample_infohashes", "target")):
        for arguments in ({}, {name: b"short"}, {name: b"x" * 21}, {name: 7}):
            refused(asker, world.v4, 203, method, arguments)
    for bad in (b"", b"x" * 19, b"x" * 21, 5):
        refused(asker, world.v4, 203, "ping", {"id": bad})


@check
def garbage_is_survived(world):
    """Nothing that arrives may stop it; nor may it answer what is not a query."""
    asker = world.asker()
    deep = b"l" * 30000
    samples = [b"", b"d", b"de", b"i5e", b"le", deep, b"d" + b"1:a" + deep, b"99999999999999999999:x", b"4294967297:",
               b"d1:ad2:id20:", os.urandom(1400), b"\0" * 60000, b"d1:t2:aa1:y1:qe", b"d1:q4:ping1:t2:aa1:y1:qe",
               b"d1:ai0e1:q4:ping1:t2:aa1:y1:qe", b"d1:y1:r1:t2:aa1:rd2:id20:aaaaaaaaaaaaaaaaaaaaee",
               krpc.encode({"t": b"zz", "y": "r", "r": {"id": b"a" * 20, "nodes": b"x" * 25}}),
               krpc.encode({"t": b"zz", "y": "e", "e": [b"x", 1]}), krpc.encode({"t": b"zz", "y": "e", "e": []}),
               krpc.encode({"t": b"zz", "y": "e"}), b"d1:t2:aa1:y1:q1:q4:ping" + b"e" * 9,
               b"i" + b"9" * 5000 + b"e", b"-1:a", b"d1:ti-0ee", b"d-1:ae", b"d1:a1:be trailing"]
    answered = []
    for data in samples:
        asker.send(world.v4, data)
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        message, _ = asker.receive(deadline - time.monotonic())
        if message is not None and message.get("y") == b"r":
            answered.append(message)
    expect(not answered, "garbage was answered: %r" % answered)
    expect(world.is_own(world.asker().request(world.v4, "ping")["id"]), "no ping after garbage")


@check
def truncations_are_survived(world):
    """Every prefix of a good query, then the query."""
    asker = world.asker()
    query = krpc.encode({"t": b"aa", "y": "q", "q": "get_peers", "ro": 1,
                         "a": {"id": asker.id, "info_hash": b"h" * 20, "want": [b"n4", b"n6"]}})
    for size in range(len(query)):
        asker.send(world.v4, query[:size])
        if size % 10 == 9:
            time.sleep(0.02)  # its socket's buffer is not what is tested
    expect(world.asker().ask_raw(world.v4, query, b"aa")["y"] == b"r", "no answer after its prefixes")


@check
def damaged_queries_are_survived(world):
    """Good queries with a few bytes changed, from many addresses: no crash, no hang, well-formed answers."""
    dice = random.Random(44)
    key = krpc.Key(dice.randbytes(32))
    target = dice.randbytes(20)
    for round_number in range(40):
        asker = world.asker()
        arguments = [("ping", {}), ("find_node", {"target": target, "want": [b"n4", b"n6"]}),
                     ("get_peers", {"info_hash": target, "scrape": 1, "noseed": 1}),
                     ("get", {"target": target, "seq": 1}),
                     ("announce_peer", {"info_hash": target, "port": 1, "token": b"tttttttt", "implied_port": 1}),
                     ("put", {"v": [b"a", {"b": 1}], "token": b"tttttttt", **signed(key, b"x", 1, b"salt", cas=1)}),
                     ("sample_infohashes", {"target": target})]
        for _ in range(50):
            method, more = dice.choice(arguments)
            data = bytearray(krpc.encode({"t": b"aa", "y": "q", "q": method, "ro": 1, "v": b"XX00",
                                          "a": {"id": asker.id, **more}}))
            for _ in range(dice.randint(1, 4)):
                data[dice.randrange(len(data))] = dice.choice(b"0123456789deil:-\0\xff")
            asker.send(world.v4, bytes(data))
        asker.serve(0.01)  # decode() raises if an answer is malformed
        asker.close()
    expect(world.is_own(world.asker().request(world.v4, "ping")["id"]), "no ping after damaged queries")


@check
def sloppy_queries_are_answered(world):
    """Keys out of order and bytes behind the end come from real clients."""
    asker = world.asker()
    for data in (b"d1:y1:q1:t2:aa1:q4:ping1:ad2:id20:" + asker.id + b"e2:roi1ee",
                 b"d1:ad2:id20:" + asker.id + b"e1:q4:ping2:roi1e1:t2:aa1:y1:qe\0\0\0\0"):
        answer = asker.ask_raw(world.v4, data, b"aa")
        expect(answer["y"] == b"r" and world.is_own(answer["r"]["id"]), "%r: %r" % (data, answer))


@check
def wrong_transaction_types_are_survived(world):
    """`t` that is no string cannot be echoed: no answer, or an error, never a response."""
    asker = world.asker()
    for tid in (7, [b"x"], {"a": b"b"}):
        asker.send(world.v4, {"t": tid, "y": "q", "q": "ping", "a": {"id": asker.id}})
    message, _ = asker.receive(0.5)
    expect(message is None or message["y"] == b"e", "%r" % message)


@check
def many_peers_fit_one_datagram(world):
    """A hundred announces: the answer stays below what an Ethernet frame carries."""
    info_hash = os.urandom(20)
    for i in range(100):
        peer = krpc.Socket("127.1.%d.1" % i)
        peer.request(world.v4, "announce_peer",
                     {"info_hash": info_hash, "port": 4567, "token": world.token(peer, info_hash)})
        peer.close()
    asker = world.asker()
    values = asker.request(world.v4, "get_peers", {"info_hash": info_hash, "want": [b"n4", b"n6"]})["values"]
    expect(len(values) >= 30, "only %d of 100 peers named" % len(values))
    expect(len(set(values)) == len(values), "a peer twice")
    expect(len(asker.last) <= 1472, "an answer of %d bytes is fragmented" % len(asker.last))
    asker.request(world.v4, "get_peers", {"info_hash": info_hash, "scrape": 1})
    expect(len(asker.last) <= 1472, "a scrape's answer of %d bytes is fragmented" % len(asker.last))


@check
def own_queries_are_well_formed(world):
    """A node that answers is verified, enters the table and is named to others; what the node under
    test sends us meanwhile are queries with `t`, `a.id`, and no `ro` (it is no read-only node)."""
    fake = world.asker(read_only=False, answering=True)
    asker = world.asker()

    def named():
        fake.request(world.v4, "ping")  # again and again: whom it asks back it chooses, a few a second
        fake.serve(0.2)
        return fake.id in [n[0] for n in krpc.nodes_of(
            asker.request(world.v4, "find_node", {"target": fake.id})["nodes"])]

    eventually("a node that answers is named to others", named, 30, 0)
    asked = [message for message, peer in fake.asked if peer == world.v4]
    expect(asked, "it was named without having been asked")
    for message in asked:
        expect(world.is_own(message["a"]["id"]) and "ro" not in message and message["t"], "%r" % message)
        expect(message["q"] in (b"ping", b"find_node", b"get_peers", b"get", b"sample_infohashes"), "%r" % message)


# ---------------------------------------------------------------- BEP 43


@check
def read_only_asker_stays_out_of_the_table(world):
    """BEP 43: `ro` 1 means never ask or name the sender, whatever it sends."""
    hermit = world.asker(read_only=True, answering=True)
    for _ in range(5):
        hermit.request(world.v4, "find_node", {"target": hermit.id})
        hermit.serve(0.3)
    nodes = krpc.nodes_of(world.asker().request(world.v4, "find_node", {"target": hermit.id})["nodes"])
    expect(hermit.id not in [n[0] for n in nodes], "a read-only node is named")
    expect(not hermit.asked, "a read-only node was asked: %r" % hermit.asked)


# ---------------------------------------------------------------- BEP 32


@check
def want_chooses_the_families(world):
    """BEP 32: `want` names the families; without it the family of the query."""
    v4, v6 = world.asker(), world.asker(socket.AF_INET6)
    for method, name in (("find_node", "target"), ("get_peers", "info_hash"), ("get", "target")):
        for asker, peer, own in ((v4, world.v4, "nodes"), (v6, world.v6, "nodes6")):
            for want, keys in ((None, {own}), ([b"n4"], {"nodes"}), ([b"n6"], {"nodes6"}),
                               ([b"n4", b"n6"], {"nodes", "nodes6"}), ([b"n9"], None), (b"n4", None)):
                answer = asker.request(peer, method, {name: os.urandom(20), **({} if want is None else {"want": want})})
                got = {k for k in ("nodes", "nodes6") if k in answer}
                expect(keys is None or got == keys, "%s %s want %r: %r" % (method, own, want, got))
                for id_, host, _ in krpc.nodes_of(answer.get("nodes6", b""), socket.AF_INET6):
                    expect(":" in host and id_ != world.node.id, "nodes6 %s" % host)
                for key in keys or ():
                    expect(answer[key], "%s: no %s though it knows some" % (method, key))


@check
def ipv6_announce_is_found(world):
    """BEP 32: values are 18-byte strings."""
    info_hash, asker = os.urandom(20), world.asker(socket.AF_INET6)
    token = world.token(asker, info_hash, peer=world.v6)
    asker.request(world.v6, "announce_peer", {"info_hash": info_hash, "port": 4567, "token": token})
    values = world.asker(socket.AF_INET6).request(world.v6, "get_peers", {"info_hash": info_hash})["values"]
    expect(values == [krpc.compact(asker.host, 4567)], "%r" % values)


@check
def get_peers_over_ipv6_knows_only_ipv6_peers(world):
    """BEP 32: a node answers with peers of the family of the query."""
    info_hash = os.urandom(20)
    for family, peer in ((socket.AF_INET, world.v4), (socket.AF_INET6, world.v6)):
        asker = world.asker(family)
        asker.request(peer, "announce_peer", {"info_hash": info_hash, "port": 4567,
                                              "token": world.token(asker, info_hash, peer=peer)})
    for family, peer, size in ((socket.AF_INET, world.v4, 6), (socket.AF_INET6, world.v6, 18)):
        values = world.asker(family).request(peer, "get_peers", {"info_hash": info_hash})["values"]
        expect([len(v) for v in values] == [size], "%r" % values)


# ---------------------------------------------------------------- BEP 33


def announce(world, info_hash, **more):
    asker = world.asker()
    asker.request(world.v4, "announce_peer", {"info_hash": info_hash, "port": 4567,
                                              "token": world.token(asker, info_hash), **more})
    return asker.host


@check
def scrape_filters_hold_seeds_and_peers(world):
    """BEP 33: BFsd and BFpe are 256-byte filters of the announced addresses."""
    info_hash = os.urandom(20)
    seed, peer = announce(world, info_hash, seed=1), announce(world, info_hash, seed=0)
    answer = world.asker().request(world.v4, "get_peers", {"info_hash": info_hash, "scrape": 1})
    for key, host in (("BFsd", seed), ("BFpe", peer)):
        wanted = bytearray(256)
        for bit in krpc.bloom_bits(host):
            wanted[bit // 8] |= 1 << bit % 8
        expect(answer.get(key) == bytes(wanted), "%s is %r" % (key, answer.get(key)))
    answer = world.asker().request(world.v4, "get_peers", {"info_hash": info_hash})
    expect("BFsd" not in answer and "BFpe" not in answer, "filters without scrape")


@check
def noseed_leaves_seeds_out(world):
    """BEP 33: with `noseed` 1 the values hold no seeds, if there are others."""
    info_hash = os.urandom(20)
    announce(world, info_hash, seed=1)
    peer = announce(world, info_hash)
    values = world.asker().request(world.v4, "get_peers", {"info_hash": info_hash, "noseed": 1})["values"]
    expect(values == [krpc.compact(peer, 4567)], "%r" % values)


# ---------------------------------------------------------------- BEP 42


@check
def answers_tell_the_askers_address(world):
    """BEP 42: a top-level `ip` of 6 or 18 bytes, in responses and in errors' company at most."""
    for family, peer in ((socket.AF_INET, world.v4), (socket.AF_INET6, world.v6)):
        asker = world.asker(family)
        for method, arguments in (("ping", {}), ("find_node", {"target": os.urandom(20)}),
                                  ("get_peers", {"info_hash": os.urandom(20)}), ("get", {"target": os.urandom(20)})):
            got = asker.ask(peer, method, arguments).get("ip")
            expect(got == krpc.compact(asker.host, asker.port), "%s: ip is %r" % (method, got))


@check
def ids_follow_the_outside_address(world):
    """BEP 42: nodes at public addresses (of this closed namespace) come to ids that fit them."""
    addresses = ["21.75.31.124", "65.23.51.170", "84.124.73.14", "43.213.53.83", "124.31.75.21", "151.9.8.7"]
    for address in addresses:
        run("ip", "addr", "add", address + "/32", "dev", "lo")
    net = KadNet(os.path.dirname(world.node.log), [[(a, 6881)] for a in addresses], prefix="public")

    def fitting():
        ids = {a: asker.request((a, 6881), "ping")["id"] for a in addresses}
        bad = {a: i.hex() for a, i in ids.items() if not krpc.id_fits(i, a)}
        if bad:
            raise NotYet("ids that do not fit: %s" % bad)
        return True

    asker = krpc.Socket("21.75.31.124", 7000)
    eventually("all ids fit their addresses", fitting, 60)
    net.stop()


# ---------------------------------------------------------------- BEP 44


def put(world, asker, value, peer=None, **more):
    """A put with a token for its target. Returns the arguments and the target."""
    target = krpc.mutable_target(more["k"], more.get("salt", b"")) if "k" in more else krpc.immutable_target(value)
    token = asker.request(peer or world.v4, "get", {"target": target})["token"]
    return {"v": value, "token": token, **more}, target


def signed(key, value, seq, salt=b"", **more):
    arguments = {"k": key.public, "seq": seq, "sig": key.sign(krpc.signed_part(value, seq, salt)), **more}
    return dict(arguments, salt=salt) if salt else arguments


@check
def immutable_item_comes_back(world):
    """BEP 44: any bencoded value, its key the SHA-1 of exactly those bytes."""
    for value in (b"Hello World!", b"", 17, -5, [b"a", 1, [b"b"]], {"k": b"v", "z": [1, 2]}, b"\0\xff" * 400,
                  os.urandom(990)):
        asker = world.asker()
        arguments, target = put(world, asker, value)
        expect(world.is_own(asker.request(world.v4, "put", arguments)["id"]), "id")
        answer = world.asker().request(world.v4, "get", {"target": target})
        expect(answer.get("v") == value, "put %r, got %r" % (value, answer.get("v")))
        expect(not {"k", "sig", "seq"} & set(answer), "an immutable item with %r" % sorted(answer))
        expect(answer["token"], "no token beside the value")


@check
def get_of_unknown_gives_nodes_and_token(world):
    answer = world.asker().request(world.v4, "get", {"target": os.urandom(20)})
    expect("v" not in answer and answer["token"] and krpc.nodes_of(answer["nodes"]), "%r" % answer)


@check
def put_without_its_token_is_203(world):
    asker, thief = world.asker(), world.asker()
    arguments, target = put(world, asker, os.urandom(30))
    refused(thief, world.v4, 203, "put", arguments)
    refused(asker, world.v4, 203, "put", dict(arguments, token=b"nonsense"))
    refused(asker, world.v4, 203, "put", {k: v for k, v in arguments.items() if k != "token"})
    refused(asker, world.v4, 203, "put", {k: v for k, v in arguments.items() if k != "v"})
    expect("v" not in world.asker().request(world.v4, "get", {"target": target}), "stored anyway")


@check
def too_big_values_are_205(world):
    asker = world.asker()
    arguments, _ = put(world, asker, b"x" * 1001)
    refused(asker, world.v4, 205, "put", arguments)
    key = krpc.Key(os.urandom(32))
    arguments, _ = put(world, asker, b"x" * 1001, **signed(key, b"x" * 1001, 1))
    refused(asker, world.v4, 205, "put", arguments)


@check
def mutable_item_comes_back(world):
    """BEP 44: with k, seq and a signature that covers what it says, with and without salt."""
    key = krpc.Key(os.urandom(32))
    for salt in (b"", b"foobar", b"s" * 64):
        for value in (b"first", [1, b"two"]):
            seq = 1 if value == b"first" else 2
            asker = world.asker()
            arguments, target = put(world, asker, value, **signed(key, value, seq, salt))
            asker.request(world.v4, "put", arguments)
            answer = world.asker().request(world.v4, "get", {"target": target})
            expect((answer.get("v"), answer.get("seq"), answer.get("k")) == (value, seq, key.public), "%r" % answer)
            expect(krpc.verify(key.public, krpc.signed_part(answer["v"], answer["seq"], salt), answer["sig"]), "sig")


@check
def get_with_seq_omits_what_is_not_newer(world):
    """BEP 44: an item whose seq is not greater than the one asked with comes without v, k, sig."""
    key, asker = krpc.Key(os.urandom(32)), world.asker()
    arguments, target = put(world, asker, b"value", **signed(key, b"value", 5))
    asker.request(world.v4, "put", arguments)
    newer = asker.request(world.v4, "get", {"target": target, "seq": 4})
    expect(newer.get("v") == b"value", "seq 4 of 5: %r" % newer)
    for seq in (5, 6):
        same = asker.request(world.v4, "get", {"target": target, "seq": seq})
        expect(not {"v", "k", "sig"} & set(same) and same["token"], "seq %d of 5: %r" % (seq, same))


@check
def bad_signature_is_206(world):
    key, asker = krpc.Key(os.urandom(32)), world.asker()
    good = signed(key, b"value", 1)
    arguments, _ = put(world, asker, b"value", **good)
    refused(asker, world.v4, 206, "put", dict(arguments, sig=bytes([good["sig"][0] ^ 1]) + good["sig"][1:]))
    refused(asker, world.v4, 206, "put", dict(arguments, v=b"other"))
    refused(asker, world.v4, 206, "put", dict(arguments, seq=2))


@check
def too_big_salt_is_207(world):
    key, asker = krpc.Key(os.urandom(32)), world.asker()
    arguments, _ = put(world, asker, b"value", **signed(key, b"value", 1, b"s" * 65))
    refused(asker, world.v4, 207, "put", arguments)


@check
def cas_mismatch_is_301(world):
    """BEP 44: `cas` must equal the stored seq."""
    key, asker = krpc.Key(os.urandom(32)), world.asker()
    arguments, target = put(world, asker, b"one", **signed(key, b"one", 1))
    asker.request(world.v4, "put", arguments)
    arguments, _ = put(world, asker, b"two", **signed(key, b"two", 2))
    refused(asker, world.v4, 301, "put", dict(arguments, cas=7))
    expect(asker.request(world.v4, "get", {"target": target})["v"] == b"one", "replaced in spite of cas")
    asker.request(world.v4, "put", dict(arguments, cas=1))
    expect(asker.request(world.v4, "get", {"target": target})["v"] == b"two", "not replaced with the right cas")


@check
def lower_sequence_number_is_302(world):
    key, asker = krpc.Key(os.urandom(32)), world.asker()
    arguments, target = put(world, asker, b"nine", **signed(key, b"nine", 9))
    asker.request(world.v4, "put", arguments)
    arguments, _ = put(world, asker, b"eight", **signed(key, b"eight", 8))
    refused(asker, world.v4, 302, "put", arguments)
    expect(asker.request(world.v4, "get", {"target": target})["v"] == b"nine", "replaced by an older one")


@check
def equal_sequence_number_does_not_replace(world):
    """BEP 44: the same item again is welcome (it lives longer); another value needs a higher seq."""
    key, asker = krpc.Key(os.urandom(32)), world.asker()
    arguments, target = put(world, asker, b"one", **signed(key, b"one", 3))
    asker.request(world.v4, "put", arguments)
    asker.request(world.v4, "put", arguments)
    arguments, _ = put(world, asker, b"two", **signed(key, b"two", 3))
    refused(asker, world.v4, 302, "put", arguments)
    expect(asker.request(world.v4, "get", {"target": target})["v"] == b"one", "replaced at the same seq")


# ---------------------------------------------------------------- BEP 51


@check
def samples_name_announced_info_hashes(world):
    """BEP 51: samples, num, interval and nodes."""
    info_hash, asker = os.urandom(20), world.asker()
    announce(world, info_hash)
    answer = asker.request(world.v4, "sample_infohashes", {"target": os.urandom(20)})
    expect(0 <= answer["interval"] <= 21600, "interval %r" % answer["interval"])
    expect(len(answer["samples"]) % 20 == 0, "samples of %d bytes" % len(answer["samples"]))
    n = len(answer["samples"]) // 20
    expect(0 < n <= answer["num"], "%d samples of %d" % (n, answer["num"]))
    expect(krpc.nodes_of(answer["nodes"]), "no nodes")
    expect(len(asker.last) <= 1472, "%d bytes" % len(asker.last))


def test(folder):
    for i in range(1, 5):
        run("ip", "addr", "add", (V6 % i) + "/128", "dev", "lo", "nodad")
    net = KadNet(folder, [[("127.0.3.%d" % i, 6881), (V6 % i, 6881)] for i in range(1, 5)])
    world = World(net)
    net.await_tables(3, world.asker())
    six = world.asker(socket.AF_INET6)
    eventually("the node knows IPv6 nodes", lambda: six.request(
        world.v6, "find_node", {"target": os.urandom(20)}).get("nodes6"), 60)

    chosen = [c for c in CHECKS if not sys.argv[1:] or c.__name__ in sys.argv[1:]]
    wrong = 0
    for one in chosen:
        try:
            one(world)
            say("ok     " + one.__name__)
        except (Failure, krpc.NoAnswer, krpc.Malformed, KeyError, IndexError, TypeError) as why:
            known = standing_in() and one.__name__ in STANDIN_DIFFERS
            wrong += not known
            say("%s %s: %s: %s" % ("differs" if known else "WRONG ", one.__name__, type(why).__name__, str(why)[:700]))
            expect(world.node.running(), "the node ended with status %s" % world.node.child.poll())
    expect(not wrong, "%d of %d checks" % (wrong, len(chosen)))
    if not standing_in():
        net.stop()


if __name__ == "__main__":
    sys.exit(main(test, LIMIT_S))
