#!/usr/bin/python3
"""One daemon on several networks: one store and one key pair, each network a table and a state of its own; and what earlier
versions kept in a folder for each network moves in."""
# timeout 300

import os
import signal

from program import Node, check, eventually, loopback, main

PLAIN = ("--api", "none", "--metrics", "none")


def alone(folder, name, network, *arguments):
    at = loopback()
    node = Node(folder, name, "--network", network, "--listen", at, *PLAIN, *arguments)
    node.at = at
    return node


def records(node, network):
    return node.ask("status", "--network", network)["store"]["records"]


def start(folder, kad, ws, here):
    node = Node(folder, "all", "--network", "mainline", "--listen", here, "--network", "kad-easy", "--listen", here.replace(":", ":1"),
                "--bootstrap", kad.at, "--network", "kad-ws-easy", "--listen", here.replace(":", ":2"), "--bootstrap", ws.at, *PLAIN)
    for network in ("kad-easy", "kad-ws-easy"):
        eventually("it is in " + network, lambda: os.path.exists(node.socket) and
                   (node.kad("--json", "status", "--network", network, expect=None).json or {}).get("peer_count"))
    return node


def one_store(folder, kad, ws, here):
    """K: one node, several networks: one store."""
    node = start(folder, kad, ws, here)
    ids = {node.ask("status", "--network", network)["identity"] for network in ("kad-easy", "kad-ws-easy")}
    check(len(ids) == 1, ids)

    # neither was put again: the daemon has it from one network and gives it in the other
    check(kad.ask("put", "--class", "room", "lobby", "by datagram")["stored"] == 2)
    check(ws.ask("get", "room:lobby")["value"] == "by datagram")
    check(ws.ask("put", "--class", "room", "cellar", "by socket")["stored"] == 2)
    check(kad.ask("get", "room:cellar")["value"] == "by socket")

    # counted once, and mainline's apart
    check(records(node, "kad-easy") == records(node, "kad-ws-easy") == 2, records(node, "kad-easy"))
    check(records(node, "mainline") == 0)
    key = node.ask("put", "--network", "mainline", "of the open network", "--keep")["key"]
    check(records(node, "mainline") == 1 and records(node, "kad-easy") == 2)

    # one file, and all of it survives
    check(node.stop(signal.SIGKILL) == -signal.SIGKILL)
    node = start(folder, kad, ws, here)
    check(records(node, "mainline") == 1 and records(node, "kad-easy") == 2)
    check(node.ask("get", "--network", "kad-ws-easy", "room:lobby")["value"] == "by datagram")
    check(node.ask("get", "--network", "mainline", key)["value"] == "of the open network")
    check({node.ask("status", "--network", "kad-ws-easy")["identity"]} == ids)
    check(node.stop() == 0)
    left = sorted(os.listdir(node.data))
    check([name for name in left if name.endswith(".mdb")] == ["store.mdb"], left)
    check([name for name in left if name.endswith(".state")] == ["kad-easy.state", "kad-ws-easy.state", "mainline.state"], left)
    check(not [name for name in left if os.path.isdir(os.path.join(node.data, name))], left)


def moved_in(folder, kad, ws):
    """DIR/NETWORK, as kad 0.1 had it for each network but the first, is read on."""
    first = alone(folder, "all2", "mainline")
    eventually("it runs", lambda: os.path.exists(first.socket) and first.kad("status", expect=None).code == 0)
    key = first.ask("put", "old and open", "--keep")["key"]
    check(first.stop() == 0)
    second = alone(folder, "all2/kad-easy", "kad-easy", "--bootstrap", kad.at).await_ready(1)
    who = second.ask("status")["identity"]
    second.kad("put", "--class", "room", "attic", "old and signed", "--keep")
    check(second.stop() == 0)

    again = Node(folder, "all2", "--network", "mainline", "--listen", first.at, "--network", "kad-easy", "--listen", second.at, *PLAIN)
    eventually("it runs", lambda: os.path.exists(again.socket) and again.kad("status", expect=None).code == 0)
    check(again.ask("status", "--network", "kad-easy")["identity"] == who)
    eventually("it joins through whom it knew", lambda: again.ask("status", "--network", "kad-easy")["peer_count"])
    check(again.ask("get", key)["value"] == "old and open")
    check(again.ask("get", "--network", "kad-easy", "room:attic")["value"] == "old and signed")
    check(records(again, "kad-easy") >= 1 and records(again, "mainline") == 1)
    log = open(again.log).read()
    check(log.count("moved_in") == 3, log)
    check(again.stop() == 0)
    check(not [name for name in os.listdir(os.path.join(again.data, "kad-easy")) if name != "lock"])


def test(folder):
    kad, ws = alone(folder, "kad", "kad-easy"), alone(folder, "ws", "kad-ws-easy")
    for node in (kad, ws):
        eventually("it runs", lambda: os.path.exists(node.socket) and node.kad("status", expect=None).code == 0)
    one_store(folder, kad, ws, loopback().split(":")[0] + ":4242")
    moved_in(folder, kad, ws)
    for node in (kad, ws):
        check(node.stop() == 0)


main(test)
