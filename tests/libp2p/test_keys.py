#!/usr/bin/python3
# timeout 240
"""Peers whose keys are Ed25519, RSA, ECDSA (P-256) and secp256k1 are let in, asked, and named to others; one whose key is not that of
its peer id, or has not signed, is not. The peers are p2p.py's; js has no ECDSA keys."""

import os

import p2p
from libp2p_world import KadPeer, check, eventually, main

KINDS = ["ed25519", "rsa", "ecdsa", "secp256k1"]


def refused(kad, what, **more):
    try:
        connection = p2p.dial("127.0.0.1", kad.port, **more)
        connection.ask(p2p.message(p2p.FIND_NODE, b"anything"), seconds=20)
    except (p2p.Broken, OSError):
        return
    check(False, "let in:", what)


def test(folder):
    kad = KadPeer(folder, "kad")
    peers = [p2p.Listener("127.0.0.1", 0, p2p.Identity(kind)) for kind in KINDS]
    for kind, peer in zip(KINDS, peers):  # asks, is answered, and has its identity from us
        connection = peer.dial("127.0.0.1", kad.port)
        check(p2p.base58(connection.peer) == kad.peer, "another peer than was dialled")
        check(connection.ask(p2p.message(p2p.FIND_NODE, os.urandom(32))).kind == p2p.FIND_NODE, kind)
        stream = connection.open(p2p.PING)
        block = os.urandom(32)
        stream.write(block)
        check(stream.read(32) == block, kind, "is not pinged back")
    eventually("all are contacts", lambda: kad.contacts() == len(KINDS))
    stranger = p2p.dial("127.0.0.1", kad.port)
    named = {peer for peer, _ in stranger.ask(p2p.message(p2p.FIND_NODE, b"somewhere")).closer}
    check(named == {peer.identity.peer for peer in peers}, "named are", named)

    for kind in KINDS:
        one, other = p2p.Identity(kind), p2p.Identity(kind)
        refused(kad, kind + " signed by another key", identity=one, signer=other)
        refused(kad, kind + " that names another's key", identity=one, claims=other.public)
    refused(kad, "a key of no kind", claims=b"\x08\x09\x12\x01a")

    # One that is dialled and is somebody else: it never becomes a contact.
    liar = p2p.Listener("127.0.0.1", 0, p2p.Identity())
    wrong = liar.address.rsplit("/", 1)[0] + "/" + p2p.Identity().text
    other = KadPeer(folder, "other", bootstrap=[wrong, kad.address])
    eventually("it has met the honest one", lambda: other.contacts() >= 1)
    eventually("the liar was dialled", lambda: liar.dialled)
    check(not liar.requests, "the liar was asked")
    named = stranger.ask(p2p.message(p2p.FIND_NODE, liar.identity.peer)).closer
    check(liar.identity.peer not in [peer for peer, _ in named], "the liar is named")
    check(kad.stop() == 0 and other.stop() == 0, "they do not end well")


main(test)
