#!/usr/bin/python3
"""Countries and autonomous systems from an offline table (docs/peers.md): shown, limited in the table, denied, changed while the
node runs, and said when it cannot be read. P091, P093, K45, P085, T22, T38, T58-T60, P141."""
# timeout 180

import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__))))
import mmdb
from program import KAD, LocalNet, Node, check, eventually, kad, loopback, main

PLAIN = ("--network", "kad-easy", "--api", "none", "--metrics", "none")
N = 16
USAGE = 2


def place(country, system):
    return {"country": {"iso_code": country}, "autonomous_system_number": system}


def contacts(node):
    return [row for row in node.ask("table")["rows"] if not row["replacement"]]


def has(node, address):
    return any(row["address"] == address for row in contacts(node))


def refused(node, what):
    return what in open(node.log).read()


def files_are_what_they_are(folder):
    """The test's tables are tables to others, too."""
    path = os.path.join(folder, "vector.mmdb")
    mmdb.write(path, mmdb.VECTOR, "Test-Places")
    with open(path, "rb") as ours, open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "vectors",
                                                     "places.mmdb"), "rb") as theirs:
        check(ours.read() == theirs.read(), "tests/vectors/places.mmdb is not what tests/mmdb.py writes")
    found = subprocess.run(["mmdblookup", "--file", path, "--ip", "20.7.7.7", "country", "iso_code"],
                           stdout=subprocess.PIPE, check=True).stdout
    check(b'"GB"' in found, found)


def what_is_wrong_is_said(folder):
    def node(*settings):
        arguments = [part for setting in settings for part in ("--set", setting)]
        return kad("node", "--data-dir", os.path.join(folder, "none"), "--listen", loopback(), *PLAIN, *arguments,
                   expect=USAGE).err

    empty = os.path.join(folder, "empty.mmdb")
    open(empty, "w").close()
    check("cannot read /nonexistent" in node("geo_database=/nonexistent"))
    check(empty in node("asn_database=" + empty))
    check("places_deny: countries and systems need a table" in node("places_deny=CN"))
    check('places_deny: "Germany" is no country' in node("places_deny=Germany"))


def test(folder):
    if "libmaxminddb" in kad("node", "--data-dir", "none", "--set", "geo_database=/nonexistent", expect=USAGE).err:
        print("this kad was built without libmaxminddb")
        return
    files_are_what_they_are(folder)
    what_is_wrong_is_said(folder)

    net = LocalNet(folder, N, *PLAIN)
    addresses = [net.address(i) for i in range(N)]
    hosts = [address.split(":")[0] for address in addresses]
    table = os.path.join(folder, "places.mmdb")
    known = {host + "/32": place("DE" if i < 12 else "FR", 64500 + i % 6) for i, host in enumerate(hosts[:-1])}
    mmdb.write(table, known, "Test-Places")
    config = os.path.join(folder, "kad.conf")

    def configure(*lines):
        with open(config, "w") as file:
            file.write("\n".join(("geo_database = " + table,) + lines) + "\n")

    # Shown: country and system; null where the table knows nothing. T58: by default everybody may come.
    configure()
    node = Node(folder, "node", "--listen", loopback(), "--bootstrap", net.first, "--config", config, *PLAIN)
    node.await_ready(N)
    check("places_read" in open(node.log).read())
    rows = {row["address"]: row for row in contacts(node)}
    metrics = subprocess.run(["curl", "-s", "--unix-socket", node.socket, "http://localhost/metrics"], stdout=subprocess.PIPE,
                             check=True).stdout.decode()
    for country, n in (("DE", 12), ("FR", N - 13), ("--", 1)):  # T61
        check('kademlia_contacts_by_country{country="%s"} %d\n' % (country, n) in metrics, metrics[-600:])
    check(set(rows) == set(addresses), rows)
    for i, address in enumerate(addresses[:-1]):
        check((rows[address]["country"], rows[address]["as"]) == ("DE" if i < 12 else "FR", 64500 + i % 6), rows[address])
    check(rows[addresses[-1]]["country"] is None and rows[addresses[-1]]["as"] is None, rows[addresses[-1]])
    check("DE AS64501" in node.kad("table").out.decode())
    check("FR AS" in node.kad("peers").out.decode())
    check({row["country"] for row in node.ask("peers")["peers"]} == {"DE", "FR", None})

    # P093, P141: denied while it runs. Nobody of these is a contact any more, asked or not.
    configure("places_deny = FR, AS64500, %s/32" % hosts[-1])
    node.process.send_signal(signal.SIGHUP)
    stay = {address for i, address in enumerate(addresses[:12]) if i % 6}
    eventually("they are gone", lambda: {row["address"] for row in contacts(node)} == stay)
    check(stay >= {each["address"] for each in node.ask("closest", "5" * 64).get("closest", [])})
    check({row["address"] for row in contacts(node)} == stay)

    # The table changes, and with it who is denied.
    mmdb.write(table, {host + "/32": place("GB", 64500) for host in hosts[:6]}, "Test-Places")
    node.process.send_signal(signal.SIGHUP)
    # Who was denied as French is of no known place now, and may come back.
    eventually("all of the system are", lambda: not {row["address"] for row in contacts(node)} & set(addresses[:6]))
    configure("places_allow = GB")
    node.process.send_signal(signal.SIGHUP) # of public addresses only: these are loopback's
    node.ask("closest", "5" * 64)
    eventually("they come back", lambda: has(node, addresses[0]))

    # What cannot be read leaves the one that was read in force.
    open(table + ".bad", "w").write("no table")
    with open(config, "w") as file:
        file.write("geo_database = %s.bad\n" % table)
    node.process.send_signal(signal.SIGHUP)
    eventually("it is said", lambda: refused(node, "configuration_refused"))
    check(any(row["country"] == "GB" for row in contacts(node)))
    node.stop()

    # K45, T60: a country has its share of the table and no more, though nearly all nodes are there.
    mmdb.write(table, {host + "/32": place("DE" if i < 13 else "FR", 64500 + i) for i, host in enumerate(hosts)}, "Test")
    configure("country_per_table = 5")
    node = Node(folder, "other", "--listen", loopback(), "--bootstrap", net.first, "--config", config, *PLAIN)
    node.await_ready(6)
    for i in range(4):
        node.ask("closest", "%x" % (3 + 4 * i) * 64)
    countries = [row["country"] for row in contacts(node)]
    check(countries.count("DE") <= 5 and countries.count("FR") == 3, countries)
    node.stop()
    net.stop()


main(test)
