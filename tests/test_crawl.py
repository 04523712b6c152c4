#!/usr/bin/python3
"""kad crawl finds everybody in a network of known size, also when a quarter of it has just died, and knows how much it may have
missed. (docs/crawl.md)"""
# timeout 300

import json
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__))))
from program import KAD, PATIENCE_S, LocalNet, Node, check, eventually, kad, loopback, main

STAY, GO = 150, 50


def crawl(node, *more):
    return node.ask("crawl", "--rate", "2000", *more)


def interval_holds(answer, n):
    return answer["estimate"]["low"] <= n <= answer["estimate"]["high"] + 0.5


def test(folder):
    net = LocalNet(folder, STAY)
    guests = Node(folder, "guests", "--nodes", str(GO), "--listen", loopback(), "--bootstrap", net.first,
                  "--store", "mem", "--api", "none", "--metrics", "none").await_ready(8)

    # Whoever joined a moment ago may not be in anybody's table yet; then it is in the network as soon as it is.
    answer = eventually("all are found", lambda: (lambda found: found["answered"] == STAY + GO and found)(crawl(net)))
    check(answer["complete"] and answer["seen"] == STAY + GO and answer["silent"] == 0, answer)
    check(interval_holds(answer, STAY + GO), answer)
    check(answer["clients"] == {"KD": STAY + GO} and answer["ipv4"] == STAY + GO and answer["ipv6"] == 0, answer)
    check(answer["id_fits"] == STAY + GO and sum(answer["largest_networks"].values()) == STAY + GO, answer)
    check(answer["queries"] < 5 * (STAY + GO), answer)

    # A quarter dies without a word: they are still in everybody's table, and hide nobody.
    guests.stop(signal.SIGKILL)
    answer = crawl(net)
    check(STAY * 0.98 <= answer["answered"] <= STAY and answer["silent"] > 0, answer)
    answer = eventually("all are found again", lambda: (lambda found: found["answered"] == STAY and found)(crawl(net)))
    check(answer["seen"] == answer["answered"] + answer["silent"], answer)
    check(interval_holds(answer, STAY), answer)

    # One line a node, the summary last; the same through a given node, without any that runs here.
    lines = subprocess.run([KAD, "--json", "crawl", "--bootstrap", net.first, "--rate", "2000", "--nodes"],
                           stdout=subprocess.PIPE, check=True, timeout=PATIENCE_S).stdout.decode().splitlines()
    nodes, last = [json.loads(line) for line in lines[:-1]], json.loads(lines[-1])
    alive = [node for node in nodes if node["state"] == "answered"]
    check(len(nodes) == last["seen"] and len(alive) == last["answered"] == STAY, last)
    check({net.address(i) for i in range(STAY)} == {node["address"] for node in alive}, "others than there are")
    check(all(node["version"].startswith("4b44") and len(node["id"]) == 40 for node in alive), alive[0])

    # Ceilings: of nodes, of time; and a rate that is kept.
    answer = crawl(net, "--max", "60")
    check(not answer["complete"] and answer["seen"] == 60 and answer["not_kept"] > 0, answer)
    answer = net.ask("crawl", "--rate", "20", "--for", "2")
    check(not answer["complete"] and answer["unasked"] > 0, answer)
    check(answer["queries"] <= 20 * (answer["duration_ms"] / 1000 + 1), answer)
    check(answer["estimate"]["nodes"] > answer["answered"], answer)

    out = net.kad("crawl", "--rate", "2000").out.decode()
    for word in "150 answer", "with 95 % between", "100.0 %  KD", "queries":
        check(word in out, word, "is not in", out)

    # Nobody to begin with.
    net.stop()
    net.kad("crawl", expect=3)
    kad("--timeout", "1", "crawl", "--bootstrap", net.first, expect=3)


main(test)
