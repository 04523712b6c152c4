#!/usr/bin/python3
"""P012, P139: a node becomes another identity and is still found: by its old id1..., its old peer: name, its old contents and names; for
so long as it says so, over two moves, and by nobody else's word. Real daemons on loopback, of the network kad-easy."""
# timeout 300

import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from program import LocalNet, Node, check, eventually, kad, loopback, main  # noqa: E402

NOT_FOUND, REFUSED = 1, 4
PLAIN = ("--api", "none", "--metrics", "none")
CID = "bafkreihbhkwlj3ttad65frgs7ccsgsvgt44lyrblb7bz5pamcdhzwld3fe"


def identity(node):
    return node.ask("status")["identity"]


class Member:
    """A daemon that stays at one address, whoever it is."""

    def __init__(self, folder, net, name):
        self.folder, self.net, self.name, self.at = folder, net, name, loopback()
        self.node = None

    def start(self, *more):
        self.node = Node(self.folder, self.name, "--network", "kad-easy", "--listen", self.at, "--bootstrap", self.net.first, *PLAIN,
                         *more).await_ready(4)
        return self.node

    def rotate(self, *more):
        """The new identity, which the node takes with its next start."""
        made = kad("--json", "id", "rotate", os.path.join(self.node.data, "identity"), "--bits", "0").json
        check(self.node.stop() == 0)
        check(identity(self.start(*more)) == made["identity"], made)
        return made["identity"]


def asked(node, *arguments):
    """None: not found."""
    result = node.kad("--json", *arguments, expect=None)
    return result.json if result.code == 0 else None


def way(answer):
    """The identities it leads through; each move begins where the one before ended."""
    moves = answer.get("moves", [])
    check(all(one["to"] == other["from"] for one, other in zip(moves, moves[1:])), moves)
    return [moves[0]["from"]] + [move["to"] for move in moves] if moves else []


def leads_to(reader, ways, at):
    """`ways`: those that there may be. What the node said last may not be everywhere yet, and a move that it made before leads on."""
    old, new = ways[0][0], ways[0][-1]
    got = eventually("%s leads to %s" % (old, new), lambda: (lambda answer: answer if answer and answer["owner"] == new else None)(
        asked(reader, "get", "peer:" + old)))
    check(got["name"] == "peer:" + new and got["addresses"] == [at] and way(got) in ways, got["name"], got["addresses"], way(got))
    check(reader.kad("get", "peer:" + old).out.decode() == at + "\n")
    found = eventually("it is found", lambda: asked(reader, "find", old))
    check(found["identity"] == new and found["address"] == at and way(found) in ways, found)
    said = reader.kad("find", old).err
    check(old + " is " in said and new + " now" in said, said)
    pinged = eventually("it answers", lambda: asked(reader, "ping", old))
    check(pinged["identity"] == new and pinged["address"] == at, pinged)


def only_its_own(reader, rows):
    """Where somebody else was is the new one."""
    return [row["identity"] for row in reader.ask("table")["rows"] if row["address"] == rows]


def rotates(folder):
    net = LocalNet(folder, 12, "--network", "kad-easy", *PLAIN)
    reader = Member(folder, net, "reader").start()
    mover = Member(folder, net, "mover")
    node = mover.start()
    first = identity(node)
    eventually("it says where it is", lambda: asked(reader, "get", "peer:" + first))
    node.kad("provide", CID, "--keep", "--at", "192.0.2.7:4001")
    node.kad("put", "--class", "domain", "example", "first", "--keep")
    node.kad("put", "--class", "room", "lobby", "here", "--keep")

    second = mover.rotate()
    node = mover.node
    check(second != first)
    leads_to(reader, [[first, second]], mover.at)
    # As it stands in the network, for those who want to see for themselves.
    raw = asked(reader, "get", "peer:" + second)
    check(raw["addresses"] == [mover.at] and "moves" not in raw, raw)

    # What it provides is provided by the new one, and what the old one owned is still there, and still its to change.
    def providers():
        return {value["owner"]: value["addresses"] for value in reader.ask("providers", CID)["values"] if not value["problem"]}

    eventually("the new one provides", lambda: second in (asked(reader, "providers", CID) and providers() or {}))
    check(providers()[second] == ["192.0.2.7:4001"], providers())
    check(reader.ask("get", "domain:example")["owner"] == first)
    check(node.ask("put", "--class", "domain", "example", "second", "--keep")["stored"] > 0)
    got = reader.ask("get", "domain:example")
    check(got["value"] == "second" and got["owner"] == first, got)
    refused = reader.kad("--json", "put", "--class", "domain", "example", "mine", expect=REFUSED).json
    check(refused["refusal"] == "owner", refused)
    # A name that it did not keep is signed by the one that is named.
    node.kad("put", "--class", "domain", "other", "by the old one", "--as", first)
    check(reader.ask("get", "domain:other")["owner"] == first)
    node.kad("put", "--class", "domain", "fresh", "by the new one")
    check(reader.ask("get", "domain:fresh")["owner"] == second)
    reader.kad("put", "--class", "domain", "third", "x", "--as", first, expect=2)
    check(b"is withdrawn at" in node.kad("withdraw", "domain:example").out)
    check(asked(reader, "get", "domain:example") is None)

    # Its contacts know it by its new name only.
    eventually("its contacts know the new one alone", lambda: only_its_own(reader, mover.at) == [second])

    # Again: whoever knew the first one, or the second, comes to the third.
    third = mover.rotate()
    leads_to(reader, [[first, third], [first, second, third]], mover.at)
    leads_to(reader, [[second, third]], mover.at)

    # On a schedule: with its next start, once it is old enough, and found as ever.
    check(mover.node.stop() == 0)
    check(identity(mover.start("--set", "rotate_every=1h")) == third)
    check(mover.node.stop() == 0)
    node = mover.start("--set", "rotate_every=1ms")
    fourth = identity(node)
    check(fourth != third and "event=identity_rotated was=" + third in open(node.log).read(), fourth)
    eventually("it says when it is due again", lambda: "identity_rotation_due" in open(node.log).read())
    leads_to(reader, [[third, fourth]], mover.at)

    # Over: it has said so for long enough. What is held ends within the hour; what is not put any more is not put.
    check(mover.node.stop() == 0)
    node = mover.start("--set", "moved_for_ms=1ms")
    eventually("it says where it is", lambda: "announced_self" in open(node.log).read().split("event=ready")[-1])
    check("announced_move" not in open(node.log).read().split("event=ready")[-1])

    # Without the old key there is nobody who could say it.
    other = Member(folder, net, "other")
    first = identity(other.start())
    made = kad("--json", "id", "rotate", os.path.join(other.node.data, "identity"), "--bits", "0").json
    check(other.node.stop() == 0)
    os.unlink(made["old_file"])
    log = other.start().log
    check("former_identity_missing" in open(log).read())
    eventually("it says where it is", lambda: asked(reader, "get", "peer:" + made["identity"]))
    check(asked(reader, "find", first) is None)
    check(not (asked(reader, "get", "peer:" + first) or {}).get("moves"))
    # Nobody else can: a peer: name is its identity's.
    check(reader.kad("--json", "put", "--class", "peer", first, "x", expect=None).code != 0)
    began = time.monotonic()
    check(asked(reader, "find", "id1xv7empyzlwuvlshs2vlf9eruf72jeesr8yxrrd3esusj75qsr6jqj6dv3p") is None, time.monotonic() - began)


main(rotates)
