#!/usr/bin/python3
"""kad's own network on sockets: twenty daemons that prove who they are; names, owners, mailboxes; a bootstrap that is somebody
else; two networks in one process. (The network is kad-easy: kad without its puzzle.)"""
# timeout 300

import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__))))
from program import LocalNet, Node, check, eventually, kad, loopback, main

PLAIN = ("--api", "none", "--metrics", "none")


def identity(node):
    return node.ask("status")["identity"]


def member(folder, name, *arguments):
    return Node(folder, name, "--network", "kad-easy", "--listen", loopback(), *PLAIN, *arguments)


def names(net, nodes):
    first, second, third = nodes
    put = first.ask("put", "--class", "room", "lobby", "hello")
    check(put["stored"] >= 8, put)
    check(len(put["receipts"]) >= 8 and all(r["says"] == "stored" for r in put["receipts"]), put)
    for node in nodes + [net]:
        got = node.ask("get", "room:lobby")
        check(got["value"] == "hello" and got["owner"] == identity(first), got)
    first.kad("put", "--class", "room", "lobby", "changed")
    check(second.ask("get", "room:lobby")["value"] == "changed")
    other = second.ask("put", "--class", "domain", "example", "mine")
    check(other["stored"] > 0, other)
    refused = third.kad("--json", "put", "--class", "domain", "example", "no, mine", expect=4).json
    check(refused["refusal"] == "owner", refused)
    check(third.ask("get", "domain:example")["owner"] == identity(second))
    content = third.ask("put", "found by what it is")
    check(first.ask("get", content["name"])["value"] == "found by what it is")
    check(first.kad("get", "room:nobody", expect=1).json is None)


def mailbox(nodes):
    first, second, third = nodes
    first.kad("put", "--class", "msg", identity(second), "for you alone")
    stolen = third.kad("--json", "get", "msg:" + identity(second), expect=None).json
    check("for you alone" not in str(stolen), stolen)
    taken = take(second)
    check([value["value"] for value in taken["values"]] == ["for you alone"], taken)
    check(taken["values"][0]["owner"] == identity(first), taken)
    check(not take(second)["values"])


def take(node):
    taken = node.kad("--json", "take", expect=None)
    check(taken.code in (0, 1), taken)
    return taken.json


CID = "bafkreihbhkwlj3ttad65frgs7ccsgsvgt44lyrblb7bz5pamcdhzwld3fe"
THE_SAME = "QmdVrLJkWgNxvnb8ueLa5ZeHUCWVWsC5d8xHpc8pYe6EtG"  # the same content in another spelling


def providers(nodes):
    first, second, third = nodes
    check(first.ask("provide", CID, "--at", "192.0.2.7:4001")["stored"] >= 8)
    said = second.ask("provide", THE_SAME, "--keep", "--for", "2h")
    second.kad("provide", CID, "--for", "2h", expect=2)  # the end of what?
    second.kad("provide", CID, "--keep", "--for", "soon", expect=2)
    found = third.ask("providers", CID)
    by = {value["owner"]: value["addresses"] for value in found["values"]}
    check(by == {identity(first): ["192.0.2.7:4001"], identity(second): []}, by)
    until = {value["owner"]: value["valid_until"] for value in found["values"]}
    check(until[identity(second)] == said["keep_until"] < until[identity(first)], until, said)  # I140
    lines = third.kad("providers", THE_SAME).out.decode().split("\n")
    check(identity(first) + " 192.0.2.7:4001" in lines and identity(second) in lines, lines)
    check(b"is withdrawn at" in first.kad("withdraw", "provider:" + CID).out)
    left = [v["owner"] for v in third.ask("providers", CID)["values"] if not v["problem"]]
    check(left == [identity(second)], left)
    third.kad("providers", "0102030405", expect=1)
    third.kad("provide", "no content", expect=2)


def cache_hits(first, third):
    """P133, P054: the first value will do, and the second time it is there already."""
    def counted():
        text = subprocess.run(["curl", "-s", "--unix-socket", first.socket, "http://localhost/metrics"], stdout=subprocess.PIPE,
                              check=True).stdout.decode()
        return [int(text.split('kademlia_gets_total{from="%s"} ' % name)[1].split("\n")[0]) for name in ("network", "cache")]

    third.kad("put", "--class", "room", "hits", "and misses")
    before = counted()
    answers = [first.ask("get", "room:hits", *more) for more in (["--first"], ["--first"], ["--first"], [])]
    check([answer["cached"] for answer in answers] == [False, True, True, False], answers)
    check([now - was for now, was in zip(counted(), before)] == [2, 2], before, counted())


def presence(nodes):
    """K20, P045, T19: each keeps a record of where it is, without being told to."""
    first, second, third = nodes
    for node, reader in ((first, second), (second, third), (third, first)):
        here = node.ask("status")["listening"][0]
        got = eventually("its record is there", lambda: (lambda found: found.json if found.code == 0 else None)(
            reader.kad("--json", "get", "peer:" + identity(node), expect=None)))
        check(got["addresses"] == [here] and got["owner"] == identity(node), got, here)
        check(reader.kad("get", "peer:" + identity(node)).out.decode() == here + "\n")


def presence_ends(folder, net, reader):
    """Somewhere else the next time; and one that is to say nothing says nothing."""
    node = member(folder, "wanderer", "--bootstrap", net.first).await_ready(4)
    name = "peer:" + identity(node)
    eventually("it says where it is", lambda: reader.kad("get", name, expect=None).code == 0)
    check(node.stop() == 0)
    node = member(folder, "wanderer").await_ready(4)
    here = node.ask("status")["listening"]
    eventually("it says where it is now", lambda: reader.ask("get", name)["addresses"] == here)
    check(node.stop() == 0)
    silent = member(folder, "silent", "--bootstrap", net.first, "--set", "announce_self=no").await_ready(4)
    check("announced_self" not in open(silent.log).read())
    reader.kad("get", "peer:" + identity(silent), expect=1)
    check(silent.stop() == 0)


def logs_name_nobody(net, nodes):
    """P089: unless more is asked for, whom a node meets and what is looked for is not in its log."""
    others = [row for node in nodes for row in node.ask("table")["rows"] if row["address"] != net.first]
    check(len(others) > 20, others)
    for node in nodes:
        log = open(node.log).read()
        check("announced_self" in log)
        own = {identity(node), node.ask("status")["listening"][0], node.ask("status")["node_id"]}
        words = {row[what] for row in others for what in ("identity", "address", "id")} - own
        named = [word for word in words | {"lobby", "example"} if word in log]
        check(not named, named)


def pinned(folder, net):
    first = identity(net)
    right = member(folder, "right", "--bootstrap", "%s/%s" % (net.first, first))
    right.await_ready(4)
    wrong = member(folder, "wrong", "--bootstrap", "%s/%s" % (net.first, identity(right)))
    eventually("the bootstrap is known to be somebody else", lambda: "wrong_key" in open(wrong.log).read())
    status = wrong.ask("status")
    check(not status["ready"] and status["peer_count"] == 0, status)
    check(wrong.stop() == 0 and right.stop() == 0)


def by_identity(net, nodes):
    """What is shown, and what is asked for, are identities."""
    who = identity(nodes[0])
    address = nodes[0].ask("status")["listening"][0]
    check(nodes[1].ask("ping", who)["identity"] == who)
    check(nodes[1].ask("ping", address + "/" + who)["address"] == address)
    wrong = nodes[1].kad("ping", address + "/" + identity(nodes[2]), expect=1)
    check("somebody else answers" in wrong.err and who in wrong.err, wrong.err)
    nodes[1].kad("ping", "id1" + 59 * "q", expect=2)
    for command in (("closest", who), ("table",)):
        shown = nodes[1].kad(*command).out.decode()
        check("id1" in shown and shown.count("\n") > 3, shown)
    check(who in nodes[1].kad("closest", who).out.decode())
    check(who in nodes[1].kad("find", who).out.decode())


def restart(folder, net):
    node = member(folder, "again", "--bootstrap", net.first).await_ready(4)
    before = identity(node)
    check(node.stop() == 0)
    node = member(folder, "again").await_ready(4)  # through its saved contacts, whose keys it kept
    check(identity(node) == before, before)
    found = net.ask("find", before)
    check(found["identity"] == before, found)
    check(node.stop() == 0)


def two_networks(folder, net):
    here = loopback()
    both = Node(folder, "both", "--network", "kad-easy", "--listen", loopback(), "--bootstrap", net.first, "--network",
                "mainline", "--listen", here, *PLAIN)
    both.await_ready(4)
    check(both.ask("get", "room:lobby")["value"] == "changed")
    check(both.ask("status", "--network", "mainline")["listening"] == [here])
    alone = Node(folder, "alone", "--listen", loopback(), "--bootstrap", here, *PLAIN).await_ready(1)
    key = both.ask("put", "--network", "mainline", "in the other one")["key"]
    check(alone.ask("get", key)["value"] == "in the other one")
    both.kad("status", "--network", "kad", expect=5)
    check(alone.stop() == 0 and both.stop() == 0)


def test(folder):
    net = LocalNet(folder, 20, "--network", "kad-easy", *PLAIN)
    nodes = [member(folder, "node%d" % i, "--bootstrap", net.first).await_ready(8) for i in range(3)]
    names(net, nodes)
    mailbox(nodes)
    providers(nodes)
    cache_hits(nodes[0], nodes[2])
    presence(nodes)
    presence_ends(folder, net, nodes[1])
    logs_name_nobody(net, nodes)
    pinned(folder, net)
    by_identity(net, nodes)
    restart(folder, net)
    two_networks(folder, net)
    for node in nodes + [net]:
        check(node.stop() == 0, open(node.log).read()[-2000:])


main(test)
