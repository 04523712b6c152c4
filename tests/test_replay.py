#!/usr/bin/python3
"""The flight recorder: a node of a busy network is recorded from its start and in the middle of its life; what was recorded
comes out the same when it is run again, and what was tampered with does not. (docs/replay.md)"""
# timeout 300

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__))))
from program import LocalNet, Node, check, eventually, kad, loopback, main

KEY = "%040x"


def load(net, n):
    """Values, announces and lookups, some of them for what nobody has."""
    for i in range(n):
        net.kad("put", "--keep", "value %d" % i)
        net.kad("announce", KEY % (i + 1), "--port", str(2000 + i))
        net.kad("peers", KEY % (i + 1))
        net.kad("peers", KEY % (i + 1), "--scrape", expect=None)
        net.kad("closest", KEY % (7919 * (i + 1)))
        net.kad("get", KEY % (i + 400), expect=1)


def replayed(path, expect=0, *more):
    result = kad("--json", "replay", path, *more, expect=expect)
    check(result.json, result.err)
    return result.json


def recording(node):
    return node.ask("record")


def seal(block):
    """The block with its checksum made right again."""
    table = []
    for i in range(256):
        crc = i
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    block[12:16] = bytes(4)
    crc = 0xFFFFFFFF
    for byte in block:
        crc = crc >> 8 ^ table[(crc ^ byte) & 255]
    block[12:16] = (crc ^ 0xFFFFFFFF).to_bytes(4, "big")
    return block


def changed(path, folder):
    """A copy with one bit of one datagram another, under a checksum that is right."""
    data = bytearray(open(path, "rb").read())
    query = data.find(b"9:find_node1:t4:", 20000)
    check(query > 0, "no find_node was recorded")
    at = 0
    while True:
        size = 16 + int.from_bytes(data[at + 8 : at + 12], "big")
        if at <= query < at + size:
            break
        at += size
    data[query + len(b"9:find_node1:t4:")] ^= 1 # of the transaction, which the answer repeats
    data[at : at + size] = seal(data[at : at + size])
    other = os.path.join(folder, "changed.kadj")
    open(other, "wb").write(data)
    return other


def test(folder):
    begun, middle = os.path.join(folder, "begun.kadj"), os.path.join(folder, "middle.kadj")
    net = LocalNet(folder, 50, "--record", begun)
    load(net, 4)

    # In the middle of its life, and while nodes come and go.
    guests = [Node(folder, "guest%d" % i, "--listen", loopback(), "--bootstrap", net.first, "--store", "mem",
                   "--api", "none", "--metrics", "none").await_ready(4) for i in range(3)]
    check(net.kad("record", middle, expect=4), "one recording at a time")
    net.kad("record", "--stop")
    eventually("the first recording has ended", lambda: not recording(net)["running"])
    check(recording(net)["complete"], recording(net))
    net.kad("record", middle)
    check(net.kad("record", middle, expect=4), "and again")
    guests[0].stop(signal.SIGKILL)
    load(net, 3)
    guests[1].stop()
    load(guests[2], 2)
    told = recording(net)
    check(told["running"] and told["requests"] >= 18, told)
    guests[2].stop(signal.SIGKILL)
    net.kad("table")
    check(net.stop() == 0, "a graceful end")

    for path in begun, middle:
        answer = replayed(path)
        check(answer["same"] and answer["inputs"]["end"] == 1, answer)
        check(answer["inputs"]["datagram"] > 100 and answer["sent"] > 100, answer)
        check(answer["requests"]["put"] >= 3 and answer["ends"], answer)
        check(os.stat(path).st_mode & 0o077 == 0, "others can read it")

    # The lines say what happened.
    lines = kad("replay", begun, "--trace").out.decode()
    for word in 'in="datagram"', "event=done", "what=put", "event=ready", "came out         the same":
        check(word in lines, word, "is not in", lines[:2000])
    check(replayed(begun, 0, "--until", "100")["duration_ms"] >= 100, "--until")

    # Cut off, damaged, tampered with, no journal at all.
    data = open(middle, "rb").read()
    cut = os.path.join(folder, "cut.kadj")
    open(cut, "wb").write(data[: len(data) * 3 // 4])
    answer = replayed(cut)
    check(not answer["same"] and "end is missing" in answer["verdict"], answer)
    open(cut, "wb").write(data[: len(data) // 2] + b"?" + data[len(data) // 2 + 1 :])
    check(not replayed(cut, 4)["same"], "damage goes unnoticed")
    answer = replayed(changed(begun, folder), 1)
    check(answer["where"], answer)
    open(cut, "wb").write(b"no journal" * 100)
    kad("replay", cut, expect=4)
    kad("replay", os.path.join(folder, "none"), expect=2)
    kad("replay", folder, expect=2)


main(test)
