#!/usr/bin/python3
"""One daemon on several networks: one store and one key pair, each network a table and a state of its own; and what earlier
versions kept in a folder for each network moves in."""
# timeout 300

import json
import os
import signal
import subprocess
import urllib.error
import urllib.request

from program import KAD, Node, check, eventually, kad as command, loopback, main

PLAIN = ("--api", "none", "--metrics", "none", "--set", "announce_self=no")  # records are counted


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


def one_duty_each(folder, kad, ws):
    """What came over one network is soon held by nodes that are in the other only: each engine's holders store again."""
    host = loopback().split(":")[0]
    node = Node(folder, "duty", "--network", "kad-easy", "--listen", host + ":6001", "--bootstrap", kad.at, "--network", "kad-ws-easy",
                "--listen", host + ":6002", "--bootstrap", ws.at, "--set", "restore_ms=4s", *PLAIN)
    for network in ("kad-easy", "kad-ws-easy"):
        eventually("it is in " + network, lambda: os.path.exists(node.socket) and
                   (node.kad("--json", "status", "--network", network, expect=None).json or {}).get("peer_count"))
    before = records(ws, "kad-ws-easy")
    check(kad.ask("put", "--class", "room", "landing", "handed on")["stored"] == 2)
    eventually("a node of the other network holds it", lambda: records(ws, "kad-ws-easy") > before)
    check(node.stop() == 0)
    check(ws.ask("get", "room:landing")["value"] == "handed on")


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


def from_a_file(folder, kad, ws):
    """The same out of a file, which --print-config repeats and SIGHUP reads anew, network by network."""
    host = loopback().split(":")[0]
    path = os.path.join(folder, "several.conf")
    text = ("[node]\nname = several\nnetwork = mainline\nlisten = %s:7001\nnetwork = kad-easy\nlisten = %s:7002\n"
            "bootstrap = %s\n[lookup]\nalpha = %%d\n[node]\nnetwork = kad-ws-easy\nlisten = %s:7003\nbootstrap = %s\n"
            "[api]\napi = none\nmetrics = none\n") % (host, host, kad.at, host, ws.at)
    with open(path, "w") as file:
        file.write(text % 2)
    printed = command("node", "--config", path, "--print-config").out
    check([line for line in printed.decode().splitlines() if line.startswith("network =")] ==
          ["network = mainline", "network = kad-easy", "network = kad-ws-easy"], printed)
    with open(path + ".printed", "wb") as file:
        file.write(printed)
    check(command("node", "--config", path + ".printed", "--print-config").out == printed)
    check(b"valid" in command("config", "check", path).out)

    node = Node(folder, "several", "--config", path)
    for network in ("kad-easy", "kad-ws-easy"):
        eventually("it is in " + network, lambda: os.path.exists(node.socket) and
                   (node.kad("--json", "status", "--network", network, expect=None).json or {}).get("peer_count"))
    check(node.ask("status")["listening"] == [host + ":7001"])
    check(node.ask("status", "--network", "kad-ws-easy")["listening"] == [host + ":7003"])

    def alpha(network):
        return [s["value"] for s in node.ask("config", "show", "--network", network)["settings"] if s["key"] == "alpha"][0]

    check(alpha("kad-easy") == "2" and alpha("mainline") == "3", alpha("kad-easy"), alpha("mainline"))
    with open(path, "w") as file:
        file.write(text % 4)
    node.process.send_signal(signal.SIGHUP)
    eventually("it has read the file anew", lambda: "configuration_reloaded" in open(node.log).read())
    check(alpha("kad-easy") == "4" and alpha("mainline") == "3")
    check("network=kad-easy" in open(node.log).read(), "lines of log name the network")
    with open(path, "w") as file:
        file.write("network = kad-easy\n")
    node.process.send_signal(signal.SIGHUP)
    eventually("other networks need a restart", lambda: "configuration_refused" in open(node.log).read())
    check(node.stop() == 0)


def one_face(folder, kad, ws):
    """Events, metrics and status tell of all networks, and of each which it is."""
    host = loopback().split(":")[0]
    node = Node(folder, "face", "--network", "kad-easy", "--listen", host + ":9001", "--bootstrap", kad.at, "--network", "kad-ws-easy",
                "--listen", host + ":9002", "--bootstrap", ws.at, "--api", host + ":9003", "--metrics", "none",
                "--set", "announce_self=no")
    eventually("it runs", lambda: os.path.exists(node.socket) and node.kad("status", expect=None).code == 0)
    eventually("it is in both", lambda: all(node.ask("status", "--network", name)["peer_count"] for name in ("kad-easy", "kad-ws-easy")))
    url = "http://%s:9003" % host

    status = node.ask("status", "--network", "kad-ws-easy")
    check(status["network"] == "kad-ws-easy" and status["networks"] == ["kad-easy", "kad-ws-easy"], status)
    check(b"besides, with --network: kad-ws-easy" in node.kad("status").out)

    text = urllib.request.urlopen(url + "/metrics").read().decode()
    for line in ('kademlia_ready{network="kad-easy"} ', 'kademlia_ready{network="kad-ws-easy"} ',
                 'kademlia_queries_received_total{network="kad-ws-easy",method="ping"} '):
        check(line in text, text)
    check('kademlia_members{direction="out"} 1' in text or 'kademlia_members{direction="in"} 1' in text, text)
    check('kademlia_member_handshakes_total{result="refused"} 0' in text, text)
    sent = [line for line in text.splitlines() if line.startswith('kademlia_member_messages_total{direction="sent"')]
    check(len(sent) == 8 and sum(int(line.split()[1]) for line in sent) > 0, sent)
    families = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    check(len(families) == len(set(families)), "a metric's values stand together")
    check("kademlia_http_" in text)

    def heard(query):
        with urllib.request.urlopen(url + "/events" + query) as stream:
            found = set()
            for line in stream:
                if line.startswith(b"data:"):
                    found.add(json.loads(line[5:])["network"])
                    if len(found) == (1 if query else 2) and (not query or b"at_ms" in line):
                        return found

    check(heard("") == {"kad-easy", "kad-ws-easy"})
    check(heard("?network=kad-ws-easy") == {"kad-ws-easy"})
    try:
        urllib.request.urlopen(url + "/events?network=none")
        check(False)
    except urllib.error.HTTPError as error:
        check(error.code == 404, error)
    for network in ("kad-easy", "kad-ws-easy"):
        history = json.load(urllib.request.urlopen(url + "/api/network/history?network=" + network))
        check(history["samples"] >= 1, history)
        json.load(urllib.request.urlopen(url + "/api/network/records?network=" + network))
    with subprocess.Popen([KAD, "--node", node.data, "--json", "--network", "kad-ws-easy", "watch"], stdout=subprocess.PIPE) as watch:
        check(json.loads(watch.stdout.readline())["data"]["network"] == "kad-ws-easy")
        check(json.loads(watch.stdout.readline())["data"]["network"] == "kad-ws-easy")
        watch.terminate()
    check(node.stop() == 0)


def one_presence(folder, kad, ws):
    """Who is on two networks is found at both addresses, in either: neither network's record crowds out the other's."""
    host = loopback().split(":")[0]
    both = Node(folder, "both", "--network", "kad-easy", "--listen", host + ":8001", "--bootstrap", kad.at, "--network", "kad-ws-easy",
                "--listen", host + ":8002", "--bootstrap", ws.at, "--api", "none", "--metrics", "none")
    eventually("it runs", lambda: os.path.exists(both.socket) and both.kad("status", expect=None).code == 0)
    who = both.ask("status")["identity"]

    def at(node):
        return sorted(node.kad("get", "peer:" + who, expect=None).out.decode().split())

    for node in (kad, ws):
        eventually("it is found at both", lambda: at(node) == [host + ":8001", host + ":8002"])
    check(both.stop() == 0)


def test(folder):
    kad, ws = alone(folder, "kad", "kad-easy"), alone(folder, "ws", "kad-ws-easy")
    for node in (kad, ws):
        eventually("it runs", lambda: os.path.exists(node.socket) and node.kad("status", expect=None).code == 0)
    one_store(folder, kad, ws, loopback().split(":")[0] + ":4242")
    one_duty_each(folder, kad, ws)
    moved_in(folder, kad, ws)
    from_a_file(folder, kad, ws)
    one_presence(folder, kad, ws)
    one_face(folder, kad, ws)
    for node in (kad, ws):
        check(node.stop() == 0)


main(test)
