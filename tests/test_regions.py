#!/usr/bin/python3
"""A region that goes silent is noticed, and that it is back (I151, docs/peers.md): the nodes of one country stop, as if its line
were cut, while those of another answer. In kad's network and in Mainline; with a table of countries."""
# timeout 180

import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__))))
import mmdb
from program import LocalNet, Node, check, eventually, kad, loopback, main

EACH = 8
USAGE = 2


def said(node, *words):
    return any(all(word in line for word in words) for line in open(node.log))


def silent(node):
    return {row["region"] for row in node.ask("status")["regions"] if row["silent"]}


def metrics(node):
    return subprocess.run(["curl", "-s", "--unix-socket", node.socket, "http://localhost/metrics"], stdout=subprocess.PIPE,
                          check=True).stdout.decode()


def a_country_is_cut_off(folder, network):
    plain = ("--network", network, "--api", "none", "--metrics", "none")
    folder = os.path.join(folder, network)
    for country in ("DE", "FR"):
        os.makedirs(os.path.join(folder, country))
    here = LocalNet(os.path.join(folder, "FR"), EACH, *plain)
    there = LocalNet(os.path.join(folder, "DE"), EACH, "--bootstrap", here.first, *plain)
    table = os.path.join(folder, "places.mmdb")
    mmdb.write(table, {net.address(i).split(":")[0] + "/32": {"country": {"iso_code": country}}
                       for country, net in (("FR", here), ("DE", there)) for i in range(EACH)}, "Test-Places")
    node = Node(folder, "node", "--listen", loopback(), "--bootstrap", here.first, "--bootstrap", there.first, *plain,
                "--set", "geo_database=" + table, "--set", "region_silent=3s")
    node.await_ready(2 * EACH)
    regions = ("both are regions", lambda: {row["region"] for row in node.ask("status")["regions"]} == {"DE", "FR"})
    eventually(*regions)
    check(not silent(node) and "2, none of them silent" in node.kad("status").out.decode())
    for country in ("DE", "FR"):
        check('kademlia_region_silent{region="%s"} 0\n' % country in metrics(node), metrics(node)[-400:])

    watch = subprocess.Popen(["curl", "-sN", "--unix-socket", node.socket, "http://localhost/events"],
                             stdout=open(os.path.join(folder, "events"), "wb"))
    there.process.send_signal(signal.SIGSTOP)
    eventually("its silence is noticed", lambda: silent(node) == {"DE"})
    check(said(node, "event=region_silent", "region=DE"), "it is not in the log")
    check('kademlia_region_silent{region="DE"} 1\n' in metrics(node) and "kademlia_regions_silent 1\n" in metrics(node))
    check("DE is silent" in node.kad("status").out.decode())
    found = [row for row in node.kad("--json", "doctor", expect=None).json["checks"] if row.get("name") == "partition"][0]
    check(found["state"] == "warning" and "DE" in found["cause"], found)

    there.process.send_signal(signal.SIGCONT)
    eventually("it is back", lambda: not silent(node) and said(node, "event=region_back", "region=DE"))
    check(not said(node, "event=region_silent", "region=FR"), "who answered all along was accused")
    eventually("it was told as it happened", lambda: all(word in open(os.path.join(folder, "events")).read()
                                                         for word in ("event: region_silent", "event: region_back")))
    watch.kill()

    # Our own line: everybody is silent, and nobody is accused.
    for net in (here, there):
        net.process.send_signal(signal.SIGSTOP)
    asked = metrics(node).split("\nkademlia_region_probes_total ")[1].split("\n")[0]
    eventually("they are asked", lambda: int(metrics(node).split("\nkademlia_region_probes_total ")[1].split("\n")[0])
               > int(asked) + 20)
    check(not silent(node), node.ask("status")["regions"])
    for net in (here, there):
        net.process.send_signal(signal.SIGCONT)
    node.stop()
    there.stop()
    here.stop()


def test(folder):
    if "libmaxminddb" in kad("node", "--data-dir", "none", "--set", "geo_database=/nonexistent", expect=USAGE).err:
        print("this kad was built without libmaxminddb")
        return
    a_country_is_cut_off(folder, "kad-easy")
    a_country_is_cut_off(folder, "mainline")


main(test)
