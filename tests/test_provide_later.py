#!/usr/bin/python3
"""Many contents provided with --later: answered at once, with nobody asked; found by others within minutes, from a file, as arguments and over
HTTP; kept over a restart, and withdrawn. Real daemons on loopback, of the network kad-easy."""
# timeout 600

import hashlib
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from program import LocalNet, Node, check, eventually, loopback, main  # noqa: E402

USAGE = 2
PLAIN = ("--api", "none", "--metrics", "none")
WITHIN_S = 300


def content(number):
    return hashlib.sha256(b"content %d" % number).hexdigest()


def over_http(node, path, body):
    done = subprocess.run(["curl", "-s", "--unix-socket", node.socket, "--json", json.dumps(body), "http://localhost" + path],
                          stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def owners(reader, key):
    answer = reader.kad("--json", "providers", key, expect=None).json
    return [value["owner"] for value in answer.get("values", []) if not value["problem"]] if answer else []


def later(folder):
    net = LocalNet(folder, 16, "--network", "kad-easy", *PLAIN)
    here = ("--network", "kad-easy", "--bootstrap", net.first) + PLAIN
    reader = Node(folder, "reader", "--listen", loopback(), *here).await_ready(4)
    arguments = ("--listen", loopback()) + here
    node = Node(folder, "node", *arguments).await_ready(4)
    me = node.ask("status")["identity"]
    every = [content(i) for i in range(100)]
    listed = os.path.join(folder, "list")
    with open(listed, "w") as file:
        file.write("\n".join(every[:90]) + "\n")

    told = node.ask("provide", "--file", listed, "--keep", "--later")
    check(told["found"] == 90 and all(row["later"] and row["stored"] == 0 for row in told["keys"]), told["keys"][0])
    check(len(node.kad("provide", "--keep", "--later", *every[90:96]).out.split()) == 6)
    told = over_http(node, "/api/dht/provide", {"keys": every[96:99], "keep": True, "later": True})
    check(told["found"] == 3 and told["keys"][0]["later"], told)
    check("is published within minutes" in node.kad("provide", every[99], "--keep", "--later").err)
    node.kad("put", "--class", "room", "later", "than now", "--keep", "--later")
    for wrong in (("provide", every[0], "--later"), ("put", "--class", "room", "x", "y", "--later"), ("put", "x", "--keep", "--later")):
        node.kad(*wrong, expect=USAGE)
    check("goes with keep" in str(over_http(node, "/api/dht/put", {"key": "room:x", "value": "y", "later": True})))

    left = list(every)
    eventually("all are found", lambda: not left or (owners(reader, left[-1]) == [me] and [left.pop()] and not left), WITHIN_S)
    check(reader.ask("get", "room:later")["value"] == "than now")

    # Kept: the next run says them again, by regions as well, and takes one back for good.
    check(node.stop() == 0)
    node = Node(folder, "node", *arguments).await_ready(4)
    check(b"is withdrawn at" in node.kad("withdraw", "provider:" + every[0]).out)
    check(owners(reader, every[0]) == [] and owners(reader, every[1]) == [me])


main(later)
