#!/usr/bin/python3
# serial
# timeout 300
"""What is large: more providers than a page has, values of 10 KiB, long names. Between our nodes, peers of our own making and js."""

import os

import p2p
from libp2p_world import JsNodes, KadPeer, check, cid, eventually, main, multihash

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


def test(folder):
    without_addresses(folder)
    js = JsNodes(folder)
    providers(folder, js)
    js.stop()


main(test)
