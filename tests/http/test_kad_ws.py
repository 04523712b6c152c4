#!/usr/bin/python3
"""kad over WebSockets with JSON: five daemons that find each other, and a client in Node.js that proves who it is, looks up, stores
and provides; whoever lies, replays or passes on is refused; the rest of HTTP is on the same port; records outlive a restart."""
# timeout 300

import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from program import Node, check, eventually, loopback, main

N = 5


def member(folder, name, address, *arguments):
    return Node(folder, name, "--network", "kad-ws-easy", "--listen", address, "--api", "none", "--metrics", "none",
                *arguments)


def run_client(address, identity):
    done = subprocess.run(["node", "--experimental-websocket", "--no-warnings", os.path.join(HERE, "member_test.mjs"),
                           address, identity, str(N)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=200)
    check(done.returncode == 0, done.stdout.decode(), done.stderr.decode())
    return json.loads(done.stdout)


def curl(address, path):
    done = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "http://%s%s" % (address, path)],
                          stdout=subprocess.PIPE, timeout=60)
    return int(done.stdout)


def pinned(folder, first, identities):
    right = member(folder, "right", loopback(), "--bootstrap", "%s/%s" % (first, identities[0]))
    right.await_ready(1)
    wrong = member(folder, "wrong", loopback(), "--bootstrap", "%s/%s" % (first, identities[1]))
    eventually("the bootstrap is known to be somebody else", lambda: "wrong_key" in open(wrong.log).read())
    status = wrong.ask("status")
    check(not status["ready"] and status["peer_count"] == 0, status)
    check(wrong.stop() == 0 and right.stop() == 0)


def test(folder):
    addresses = [loopback() for _ in range(N)]
    nodes = [member(folder, "n0", addresses[0])]
    for i in range(1, N):
        nodes.append(member(folder, "n%d" % i, addresses[i], "--bootstrap", addresses[0]))
    for node in nodes:
        node.await_ready(N - 1)
    identities = [node.ask("status")["identity"] for node in nodes]
    found = run_client(addresses[0], identities[0])
    check(sorted(found["nodes"]) == sorted(identities), found, identities)

    # among themselves
    put = nodes[1].ask("put", "--class", "room", "lobby", "hello")
    check(put["stored"] == N, put)
    check(nodes[3].ask("get", "room:lobby")["value"] == "hello")

    # one port
    check(curl(addresses[0], "/api/node") == 200)
    check(curl(addresses[0], "/kad") == 426)

    # what it held and whom it knew is there again
    before = nodes[2].ask("status")
    check(before["store"]["records"] >= 2, before)
    check(nodes[2].stop() == 0)
    nodes[2] = member(folder, "n2", addresses[2]).await_ready(N - 1)  # nobody to join through but who is in its state
    after = nodes[2].ask("status")
    check(after["identity"] == before["identity"] and after["store"]["records"] == before["store"]["records"], before, after)
    pinned(folder, addresses[0], identities)
    for node in nodes:
        check(node.stop() == 0)


main(test)
