#!/usr/bin/python3
"""K39: values longer than a datagram, in kad's own network: cut into blocks and put together again, by command and over HTTP, while
their publisher is there and when it has gone. (The network is kad-easy: kad without its puzzle.)"""
# timeout 300

import json
import os
import random
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__))))
from program import LocalNet, Node, check, eventually, kad, loopback, main

PLAIN = ("--api", "none", "--metrics", "none")
MOST = 1 << 20


def member(folder, name, *arguments):
    return Node(folder, name, "--network", "kad-easy", "--listen", loopback(), *PLAIN, *arguments)


def request(node, path, body, expect=200):
    """Over HTTP, as a program asks."""
    done = subprocess.run(["curl", "-s", "-w", "\n%{http_code}", "--unix-socket", node.socket, "-H", "Content-Type: application/json",
                           "--data-binary", "@-", "http://localhost" + path], input=json.dumps(body).encode(),
                          stdout=subprocess.PIPE, check=True, timeout=200)
    text, status = done.stdout.rsplit(b"\n", 1)
    check(int(status) == expect, path, status, text[:300])
    return json.loads(text)


def sizes(first, second):
    """Where it begins to be cut, and where a list of hashes does not fit its root any more: nothing is lost or added."""
    dice = random.Random(39)
    for size, n_blocks in ((0, 0), (1, 0), (758, 0), (759, 1), (800, 1), (801, 2), (22 * 800, 22), (22 * 800 + 1, 24)):
        value = dice.randbytes(size)
        name = "sized-%d" % size
        put = first.ask("put", "--class", "room", name, "-", stdin=value)
        check(put.get("blocks", 0) == n_blocks and put.get("size", size) == size, size, put)
        check(second.kad("get", "room:" + name).out == value, size)
    put = first.ask("put", "-", stdin=dice.randbytes(20001))  # found by what it is
    check(put["name"].startswith("immutable:") and put["blocks"] == 28, put)
    check(second.ask("get", put["name"])["size"] == 20001)


def files(folder, first, second):
    path = os.path.join(folder, "picture")
    value = random.Random(3).randbytes(100_000)
    with open(path, "wb") as file:
        file.write(value)
    put = first.kad("put", "--class", "room", "gallery", "--file", path)
    check(put.out == b"room:gallery\n" and "100000 bytes in 130 blocks" in put.err, put.out, put.err)
    check(second.kad("get", "room:gallery").out == value)
    # Another version takes its place, and the same one again is the same.
    first.kad("put", "--class", "room", "gallery", "-", stdin=value[::-1])
    check(second.kad("get", "room:gallery").out == value[::-1])
    # Text is text again. What begins like a root is a value like any other.
    text = "žluťoučký kůň " * 500
    request(first, "/api/dht/put", {"key": "room:text", "value": text})
    check(request(second, "/api/dht/get", {"key": "room:text"})["value"] == text)
    mark = b"kad/1 blocks\0\1\0\0\0\1" + bytes(48)
    check(first.ask("put", "--class", "room", "mark", "-", stdin=mark)["blocks"] == 1)
    check(second.kad("get", "room:mark").out == mark)


def refused(first):
    long = bytes(MOST + 1)
    said = first.kad("put", "-", stdin=long, expect=2)
    check("1 MiB at most" in said.err, said.err)
    answer = request(first, "/api/dht/put", {"key": "room:long", "value_hex": long.hex()}, expect=400)
    check(answer["reason"] == "value_hex: 1048577 bytes are too long: at most 1048576", answer)
    # Letters and addresses are one record each.
    answer = request(first, "/api/dht/put", {"key": "msg:" + first.ask("status")["identity"], "value": "x" * 2000}, expect=400)
    check("longer than a record of this class takes" in answer["reason"], answer)


def strangers(folder, net, second):
    """What one request costs is bounded for whom nobody knows."""
    address = loopback()
    node = Node(folder, "public", "--network", "kad-easy", "--listen", loopback(), "--bootstrap", net.first, "--public-api", "--api",
                address, "--metrics", "none").await_ready(4)
    second.kad("put", "--class", "room", "short", "for all")
    second.kad("put", "--class", "room", "long", "-", stdin=bytes(5000))

    def get(name):
        done = subprocess.run(["curl", "-s", "-w", "\n%{http_code}", "http://%s/api/dht/get?key=%s" % (address, name)],
                              stdout=subprocess.PIPE, check=True, timeout=60)
        return done.stdout.rsplit(b"\n", 1)[1]
    check(get("room:short") == b"200" and get("room:long") == b"401")
    check(node.stop() == 0)


def published(node):
    return node.ask("status")["publications"]


def kept(folder, net, reader):
    """Kept published with all its blocks, over a restart; another version and a withdrawal end the old blocks."""
    node = member(folder, "publisher", "--bootstrap", net.first, "--set", "announce_self=no").await_ready(4)
    value = random.Random(4).randbytes(30_000)
    put = node.ask("put", "--keep", "--class", "room", "kept", "-", stdin=value)
    check(put["blocks"] == 40 and published(node) == 41, put, published(node))
    check(node.stop() == 0)
    check(reader.kad("get", "room:kept").out == value)  # nobody needs its publisher
    node = member(folder, "publisher", "--set", "announce_self=no").await_ready(4)
    eventually("all of it is published again", lambda: published(node) == 41)
    put = node.ask("put", "--keep", "--class", "room", "kept", "-", stdin=value[:8000])
    check(put["blocks"] == 10 and published(node) == 11, put, published(node))
    node.kad("withdraw", "room:kept")
    check(published(node) == 0, published(node))
    reader.kad("get", "room:kept", expect=1)
    check(node.stop() == 0)


def holders_see_hashes(net, folder):
    """Nothing that holders have says what they hold: neither text nor name is in what one of them writes down."""
    holder = member(folder, "holder", "--bootstrap", net.first, "--store", "lmdb").await_ready(4)
    text = "a sentence that can be found again; " * 60
    keys = []  # with 24 nodes not everybody is among the twenty that hold one
    for i in range(6):
        name = "named so that it can be found, %d" % i
        keys.append(bytes.fromhex(net.ask("put", "--class", "room", name, "-", stdin=text.encode())["key"]))
    check(holder.stop() == 0)
    found = b""
    for path, _, names in os.walk(holder.data):
        for name in names:
            if os.path.isfile(os.path.join(path, name)):
                with open(os.path.join(path, name), "rb") as file:
                    found += file.read()
    check(any(key in found for key in keys), "it holds a root")
    for word in (b"a sentence", b"named so", b"kad/1 blocks"):
        check(word not in found, word)


def test(folder):
    net = LocalNet(folder, 20, "--network", "kad-easy", *PLAIN)
    first = member(folder, "one", "--bootstrap", net.first).await_ready(4)
    second = member(folder, "two", "--bootstrap", net.first).await_ready(4)
    sizes(first, second)
    files(folder, first, second)
    refused(first)
    strangers(folder, net, second)
    kept(folder, net, second)
    holders_see_hashes(net, folder)
    for node in (first, second, net):
        check(node.stop() == 0)


main(test)
