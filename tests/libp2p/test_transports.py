#!/usr/bin/python3
# serial
# timeout 300
"""Connections of every kind between js-libp2p and kad: WebSockets, WebSockets over TLS, names, IPv6; and peers that are killed in
the middle of it and come back."""

import os
import re
import signal
import subprocess

from libp2p_world import JsNode, JsNodes, KadPeer, PROTOCOL, check, cid, eventually, main


def start_js(js, listen):
    return JsNode(js, js.call("start", protocol=PROTOCOL, listen=listen, querySelf=2000))


def provided(js_node, kad, content):
    """What either side provides, the other finds."""
    js_node.call("provide", cid=cid(content))
    found = kad.ask("providers", cid(content))
    check(js_node.peer in str(found), "ours does not find what js provides", found)
    kad.kad("provide", cid(content + b" of ours"))
    found = js_node.call("providers", cid=cid(content + b" of ours"))
    check(kad.peer in found["providers"], "js does not find what ours provides", found)
    return found["providers"][kad.peer]


def websockets(folder, js):
    """js has no TCP here, so that nothing else can have been used."""
    kad = KadPeer(folder, "ws", listen="/ip4/127.0.0.1/tcp/0/ws")
    check("/ws/p2p/" in kad.address, kad.address)
    node = start_js(js, ["/ip4/127.0.0.1/tcp/0/ws"])
    node.call("dial", address=kad.address)
    eventually("they know each other", lambda: kad.contacts() == 1 and kad.peer in node.call("table")["peers"])
    addresses = provided(node, kad, b"by websocket")
    check(any("/ws" in address for address in addresses), addresses)
    other = KadPeer(folder, "ws2", bootstrap=[node.address], listen="/ip4/127.0.0.1/tcp/0/ws")
    eventually("ours dials js, and meets ours", lambda: other.contacts() == 2)
    provided(node, other, b"by the other")
    for peer in (kad, other):
        check(peer.stop() == 0, "it does not end well")


def tls(folder):
    certificate, key = os.path.join(folder, "one.pem"), os.path.join(folder, "one.key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=kad", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", key, "-out",
                    certificate], check=True, stderr=subprocess.DEVNULL)
    kad = KadPeer(folder, "tls", "--set", "libp2p_certificate=" + certificate, "--set", "libp2p_key=" + key,
                  listen="/ip4/127.0.0.1/tcp/0/tls/ws")
    check("/tls/ws/p2p/" in kad.address, kad.address)
    os.environ["NODE_EXTRA_CA_CERTS"] = certificate
    js = JsNodes(folder, "js-tls")
    del os.environ["NODE_EXTRA_CA_CERTS"]
    node = start_js(js, ["/ip4/127.0.0.1/tcp/0/ws"])
    node.call("dial", address="/dns4/localhost/tcp/%d/tls/ws/p2p/%s" % (kad.port, kad.peer))
    eventually("they know each other", lambda: kad.contacts() == 1)
    provided(node, kad, b"by tls")
    trusting = KadPeer(folder, "trusting", "--set", "libp2p_authorities=" + certificate, bootstrap=[kad.address])
    eventually("ours dials ours", lambda: trusting.contacts() >= 1)
    for peer in (trusting, kad):
        check(peer.stop() == 0, "it does not end well")
    js.stop()


def names(folder, js):
    """IPv6, and a name."""
    kad = KadPeer(folder, "v6", listen="/ip6/::1/tcp/0")
    node = start_js(js, ["/ip6/::1/tcp/0"])
    node.call("dial", address=kad.address)
    eventually("they know each other", lambda: kad.contacts() == 1)
    provided(node, kad, b"by ipv6")
    named = start_js(js, ["/ip4/127.0.0.1/tcp/0"])
    port = re.search(r"/tcp/(\d+)", named.address).group(1)
    other = KadPeer(folder, "name", bootstrap=["/dns/localhost/tcp/%s/p2p/%s" % (port, named.peer)])
    eventually("ours dials a name", lambda: other.contacts() == 1)
    for peer in (kad, other):
        check(peer.stop() == 0, "it does not end well")


def deaths(folder, js):
    """Killed, not stopped: nobody hears of it. Those who live go on, and it comes back to whom it knew."""
    nodes = [start_js(js, ["/ip4/127.0.0.1/tcp/0"]) for _ in range(3)]
    first = KadPeer(folder, "first", bootstrap=[nodes[0].address])
    for node in nodes[1:]:
        node.call("dial", address=first.address)
    victim = KadPeer(folder, "victim", bootstrap=[first.address])
    eventually("all are known", lambda: victim.contacts() == 4 and first.contacts() == 4)
    provided(nodes[1], victim, b"before")
    kept = os.path.join(folder, "victim", "libp2p.peers")
    eventually("who was met is written down", lambda: os.path.exists(kept) and open(kept).read().count("\n") == 4)
    victim.stop(signal.SIGKILL)
    provided(nodes[2], first, b"after")
    check(nodes[1].peer in nodes[0].call("providers", cid=cid(b"before"))["providers"], "lost with the one that died")
    os.remove(victim.socket)  # what it left behind is not to be taken for its return
    os.rename(victim.log, victim.log + ".1")
    again = KadPeer(folder, "victim")
    check(again.peer == victim.peer, "it is somebody else now")
    eventually("it is back among all, and was told of nobody", lambda: again.contacts() == 4)
    provided(nodes[0], again, b"again")
    for peer in (first, again):
        check(peer.stop() == 0, "it does not end well")


def many(folder):
    """A whole network in one daemon, as for the others: kad node --nodes."""
    kad = KadPeer(folder, "many", "--nodes", "10", listen="/ip4/127.0.83.1/tcp/9000")
    eventually("all have met", lambda: kad.contacts() == 9)
    check(kad.ask("provide", "0xABCD")["stored"] == 10, "provided")
    check(kad.stop() == 0, "it does not end well")


def test(folder):
    js = JsNodes(folder)
    websockets(folder, js)
    tls(folder)
    names(folder, js)
    deaths(folder, js)
    many(folder)
    js.stop()


main(test)
