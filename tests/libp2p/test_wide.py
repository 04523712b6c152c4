#!/usr/bin/python3
# serial
# timeout 300
"""What is large: more providers than a page has, values of 10 KiB, long names. Between our nodes, peers of our own making and js."""

import json
import os
import re
import subprocess
import threading
import urllib.request

import p2p
from libp2p_world import HERE, NODE, JsNodes, KadPeer, check, cid, eventually, main, multihash

WIDE = 30


def announce(host, port, who, key):
    """Says that `who` has it."""
    connection = p2p.dial(host, port, who)
    stream = connection.open(p2p.KAD)
    message = p2p.message(p2p.ADD_PROVIDER, key, providers=[(who.peer, [p2p.multiaddr("127.0.0.1", 4001)])])
    stream.write(p2p.varint(len(message)) + message)
    return connection


def held(host, port, key):
    connection = p2p.dial(host, port)
    answer = connection.ask(p2p.message(p2p.GET_PROVIDERS, key))
    connection.close()
    return answer


def announce_all(node, people, key):
    host, port = node.address.split("/")[2], int(node.address.split("/")[4])
    connections = [announce(host, port, who, key) for who in people]
    eventually("all are held", lambda: len(held(host, port, key).providers) == len(people))
    for connection in connections:
        connection.close()


def providers(folder, js):
    """I046: a key with more providers than js or we would have named by fours."""
    key, people = multihash(b"wide"), [p2p.Identity() for _ in range(WIDE)]
    names = {who.text for who in people}
    ours = KadPeer(folder, "ours")
    announce_all(ours, people, key)
    answer = held("127.0.0.1", ours.port, key)
    check({p2p.base58(peer) for peer, _ in answer.providers} == names, len(answer.providers))
    asker = js.start()
    asker.call("dial", address=ours.address)
    found = eventually("js finds all", lambda: asker.call("providers", cid=cid(b"wide"))["providers"])
    check(set(found) == names, len(found))
    second = KadPeer(folder, "second", bootstrap=[ours.address])
    eventually("they know each other", lambda: second.contacts() >= 1)
    found = second.ask("providers", cid(b"wide"), "--need", str(WIDE))["providers"]
    check({one["peer_id"] for one in found} == names, len(found))
    second.stop()
    ours.stop()

    server = js.start()
    announce_all(server, people, multihash(b"held by js"))
    ours = KadPeer(folder, "asks", bootstrap=[server.address])
    eventually("it knows js", lambda: ours.contacts() >= 1)
    found = ours.ask("providers", cid(b"held by js"), "--need", str(WIDE))["providers"]
    check({one["peer_id"] for one in found} == names, len(found))
    lines = ours.kad("providers", cid(b"held by js"), "--need", str(WIDE)).out.decode().splitlines()
    check({line.split()[0] for line in lines} == names, lines)
    ours.stop()


def without_addresses(folder):
    """go and js answer with providers whose addresses they have forgotten: no offence, and found all the same."""
    named = p2p.Identity()
    server = p2p.Listener("127.0.0.1", 0, on_request=lambda request, _: p2p.message(
        request.kind, request.key, providers=[(named.peer, [])] if request.kind == p2p.GET_PROVIDERS else ()))
    ours = KadPeer(folder, "bare", bootstrap=[server.address])
    eventually("it knows the server", lambda: ours.contacts() == 1)
    for _ in range(3):
        found = ours.ask("providers", cid(b"bare"))["providers"]
        check([(one["peer_id"], one["multiaddrs"]) for one in found] == [(named.text, [])], found)
    ours.stop()
    server.close()


def stored(node, name):
    """What a peer is told under it; None: nothing."""
    connection = p2p.dial("127.0.0.1", node.port)
    answer = connection.ask(p2p.message(p2p.GET_VALUE, name))
    connection.close()
    return answer.value


def namespaces(folder, js):
    """I045: values of namespaces that the operator names, put by either and got by the other; which of two stands."""
    spaces = ("--set", "libp2p_namespaces=icn, app:newest")
    first = KadPeer(folder, "first", *spaces)
    server, asker = js.start(), js.start()
    for node in (server, asker):
        node.call("dial", address=first.address)
    second = KadPeer(folder, "reader", *spaces, bootstrap=[first.address, server.address])
    eventually("they know js", lambda: second.contacts() == 3 and first.contacts() == 3)

    large, name = os.urandom(10000), b"/icn/" + b"long" * 25
    check(asker.call("put", key=name.hex(), value=large.hex())["stored"] >= 2, "js could not put")
    check(second.ask("get", name.decode())["value_hex"] == large.hex(), "not what js has put")
    check(stored(first, name) == large, "ours does not hold it")
    path = os.path.join(folder, "large")
    for i, (got_by, value) in enumerate(((asker, os.urandom(10240)), (server, os.urandom(1001)))):
        with open(path, "wb") as file:
            file.write(value)
        name = b"/icn/from-us-%d" % i
        check(second.ask("put", name.decode(), "--file", path)["stored"] == 4, "not at all of them")
        check(value.hex() in got_by.call("get", key=name.hex())["values"], "js has not got it")
        check(first.ask("get", name.decode())["value_hex"] == value.hex(), "nor ours")

    second.kad("put", "/icn/two", "2")
    check(second.kad("put", "/icn/two", "1", expect=None).code != 0, "the smaller one stands")
    check(first.ask("get", "/icn/two")["value"] == "2", "the greater one does not stand")
    second.kad("put", "/app/two", "2")
    first.kad("put", "/app/two", "1")
    check(second.ask("get", "/app/two")["value"] == "1", "the newest does not stand")

    too_long = p2p.dial("127.0.0.1", first.port)
    try:
        too_long.ask(p2p.message(p2p.PUT_VALUE, b"/icn/big", record=(b"/icn/big", b"x" * 10241)))
        check(False, "10,241 bytes were taken")
    except p2p.Broken:
        pass
    check("libp2p_namespaces" in first.kad("put", "/other/x", "y", expect=2).err, "other names are refused")
    check("libp2p_namespaces" in first.kad("get", "/other/x", expect=2).err, "other names are refused")
    for node in (first, second):
        node.stop()


def streamed(folder):
    """Lines of the delegated routing come as they are found: the first is read before the second is there to be found."""
    early, late = p2p.Identity(), p2p.Identity()
    goes_on = threading.Event()

    def answer(who, waits):
        def on_request(request, _):
            if request.kind != p2p.GET_PROVIDERS:
                return p2p.message(request.kind, request.key)
            if waits:
                goes_on.wait(20)
            return p2p.message(request.kind, request.key, providers=[(who.peer, [p2p.multiaddr("127.0.0.1", 4001)])])
        return on_request
    servers = [p2p.Listener("127.0.0.1", 0, on_request=answer(early, False)),
               p2p.Listener("127.0.0.1", 0, on_request=answer(late, True))]
    ours = KadPeer(folder, "streams", "--api", "127.0.0.1:0", bootstrap=[server.address for server in servers])
    eventually("it knows both", lambda: ours.contacts() == 2)
    url = "http://" + re.search(r"event=api address=(\S+)", open(ours.log).read()).group(1)

    helia = subprocess.Popen([NODE, os.path.join(HERE, "helia", "stream.mjs"), url, cid(b"streamed")], stdout=subprocess.PIPE)
    first = helia.stdout.readline().strip().decode()
    check(first == early.text, "Helia read", first)
    goes_on.set()
    rest = helia.communicate(timeout=60)[0].decode().split()
    check(rest == [late.text] and helia.returncode == 0, "and then", rest)

    goes_on.clear()
    request = urllib.request.Request(url + "/routing/v1/providers/" + cid(b"others"), headers={"Accept": "application/x-ndjson"})
    with urllib.request.urlopen(request, timeout=60) as stream:
        check(stream.headers["Content-Type"] == "application/x-ndjson", stream.headers)
        check(json.loads(stream.readline())["ID"] == early.text, "the first line")
        goes_on.set()
        check([json.loads(line)["ID"] for line in stream] == [late.text], "the last line")

    goes_on.clear()
    with urllib.request.urlopen(request, timeout=60) as stream:  # who leaves in the middle is no harm
        check(json.loads(stream.readline())["ID"] == early.text, "the first line")
    goes_on.set()
    check(ours.contacts() == 2, "it is up")
    ours.stop()
    for server in servers:
        server.close()


def logs(folder):
    """I094, I106: the lines of a lookup and of a publication say which request they are of."""
    first = KadPeer(folder, "logs", "--log-level", "debug", "--set", "put_again=2s", "--set", "refresh_after=2s")
    second = KadPeer(folder, "logged", bootstrap=[first.address])
    eventually("they know each other", lambda: first.contacts() == 1 and second.contacts() == 1)
    check("event=joining bootstraps=1" in open(second.log).read(), "I091: through how many it joins")
    first.kad("provide", cid(b"logged"))
    first.kad("providers", cid(b"logged"))
    log = open(first.log).read()
    for kind, result in (("provide", "stored=2"), ("providers", "found=1")):
        begun = re.search(r"event=request_begun request=(\d+) kind=%s key=(\w{64})" % kind, log)
        check(begun, "no line of", kind, log[-2000:])
        done = re.search(r"event=request_done request=%s kind=%s key=%s result=ok .*%s" % (begun[1], kind, begun[2], result), log)
        check(done, "no end of", kind, log[-2000:])
    first.kad("provide", cid(b"kept"), "--keep")
    eventually("I110: it says it again", lambda: re.search(r"event=published_again n=\d+ of=1", open(first.log).read()))
    eventually("I094: it looks around", lambda: re.search(r"event=refreshed buckets=\d+", open(first.log).read()))
    first.stop()
    second.stop()


def enough(folder):
    """I006: k of n: when k are found no more are asked about."""
    first = KadPeer(folder, "holds")
    second = KadPeer(folder, "asks-k", bootstrap=[first.address])
    eventually("they know each other", lambda: first.contacts() == 1 and second.contacts() == 1)
    names = [cid(b"%d of n" % i) for i in range(60)]
    first.kad("provide", *names)
    answer = second.ask("providers", "--need", "4", *names)
    asked = [row for row in answer["keys"] if row.get("error") != "given up"]
    check(4 <= answer["found"] <= len(asked) <= 8, answer["found"], len(asked))
    first.stop()
    second.stop()


def two_protocols(folder):
    """I081: a network may have two names, the preferred one first; peers of either are answered, of others refused."""
    names = ["/mine/kad/1.0.0", p2p.KAD]
    ours = KadPeer(folder, "named", "--set", "libp2p_protocols=" + ",".join(names))
    connection = p2p.dial("127.0.0.1", ours.port)
    stream = connection.open(p2p.IDENTIFY)
    spoken = [value.decode() for number, value in p2p.fields(stream.read_sized()) if number == 3]
    check([name for name in spoken if "/kad/" in name] == names, spoken)
    for name in names:
        connection.ask(p2p.message(p2p.FIND_NODE, b"anything"), protocol=name)
    try:
        connection.open("/other/kad/1.0.0")
        check(False, "it speaks what it was not told to")
    except p2p.Broken:
        pass
    connection.close()
    ours.stop()


def test(folder):
    two_protocols(folder)
    without_addresses(folder)
    streamed(folder)
    logs(folder)
    enough(folder)
    js = JsNodes(folder)
    providers(folder, js)
    namespaces(folder, js)
    js.stop()


main(test)
