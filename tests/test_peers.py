#!/usr/bin/python3
"""What a daemon of kad's own network makes of others: scores shown, an identity banned, pardoned, and a ban that survives a restart
(docs/peers.md). The network is kad-easy: kad without its puzzle."""
# timeout 120

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__))))
from program import LocalNet, Node, check, eventually, loopback, main

NOT_FOUND, USAGE = 1, 2

PLAIN = ("--api", "none", "--metrics", "none")


def member(folder, name, where, *arguments):
    return Node(folder, name, "--network", "kad-easy", "--listen", where, *PLAIN, *arguments)


def known(node, node_id=None):
    rows = node.ask("peers")["known"]
    return [row for row in rows if row["id"] == node_id] if node_id else rows


def in_table(node, node_id):
    return any(row["id"] == node_id for row in node.ask("table")["rows"])


def banned_count(node):
    return node.ask("stats")["dropped"]["banned"]


def answers(other, where):
    """Again: its next message may still be one of a session that the other side has dropped."""
    eventually("it answers", lambda: other.kad("ping", where, "--timeout", "2", expect=None).code == 0)


def lost(folder, net):
    """T37 to T39: who does not answer is marked (failures), asked three times, and then out; and it is told."""
    node = member(folder, "patient", loopback(), "--bootstrap", net.first, "--set", "dead_percent=0", "--set", "ping_after=1s",
                  "--set", "ping_min=1s", "--set", "refresh_pace=200ms", "--set", "query_timeout=300ms", "--set",
                  "patience_max=200ms", "--log-level", "debug").await_ready(6)
    gone = member(folder, "gone", loopback(), "--bootstrap", node.ask("status")["listening"][0]).await_ready(6)
    gone_id = gone.ask("status")["node_id"]
    eventually("it is in the table", lambda: in_table(node, gone_id))
    gone.process.kill()
    seen = set()

    def is_out():
        rows = [row for row in node.ask("table")["rows"] if row["id"] == gone_id]
        seen.update(row["failures"] for row in rows)
        return not rows

    eventually("three silences, and it is out", is_out)
    check({1, 2} & seen and max(seen) <= 2, seen)
    told = [line for line in open(node.log) if "event=contact_removed" in line and gone_id in line]
    check(len(told) == 1, told)
    check(node.stop() == 0)


def test(folder):
    net = LocalNet(folder, 12, "--network", "kad-easy", *PLAIN)
    here, there = loopback(), loopback()
    node = member(folder, "node", here, "--bootstrap", net.first).await_ready(6)
    other = member(folder, "other", there, "--bootstrap", net.first, "--bootstrap", here).await_ready(6)
    status = other.ask("status")
    other_id, other_key = status["node_id"], status["identity"]

    eventually("it is in the table", lambda: in_table(node, other_id))
    other.ask("ping", here)
    rows = known(node)
    check(len(rows) >= 6 and all(row["score"] > 50 and row["state"] == "fine" for row in rows), rows)
    check("fine" in node.kad("peers").out.decode())

    check(node.ask("ban", other_key, "--for", "1h")["banned"])
    check(not in_table(node, other_id))
    row = known(node, other_id)[0]
    check(row["state"] == "banned" and row["score"] == 0 and row["by_operator"], row)
    check("banned" in node.kad("peers").out.decode())
    before = banned_count(node)
    other.kad("ping", here, "--timeout", "2", expect=3)
    check(banned_count(node) > before)
    check(not in_table(node, other_id))

    check(node.stop() == 0)
    node = member(folder, "node", here).await_ready(4)
    row = known(node, other_id)[0]
    check(row["state"] == "banned" and row["by_operator"], row)
    check(len([row for row in known(node) if row["score"] > 50]) >= 4, known(node))
    other.kad("ping", here, "--timeout", "2", expect=3)

    check(node.ask("pardon", other_id)["pardoned"])
    node.kad("pardon", other_id, expect=NOT_FOUND)
    answers(other, here)
    check(known(node, other_id)[0]["state"] == "fine")

    host = there.rsplit(":", 1)[0]
    check(node.ask("ban", host, "--for", "ever")["until"] is None)
    row = [row for row in known(node) if row["id"] is None][0]
    check(row["host"] == host and row["banned_for_good"], row)
    other.kad("ping", here, "--timeout", "2", expect=3)
    check(node.ask("pardon", there)["pardoned"])  # whatever the port
    answers(other, here)

    node.kad("ban", "nobody", expect=USAGE)
    node.kad("ban", other_key, "--for", "soon", expect=USAGE)
    node.kad("ban", node.ask("status")["identity"], expect=USAGE)  # itself
    lost(folder, net)
    for each in (other, node, net):
        check(each.stop() == 0, open(each.log).read()[-2000:])


main(test)
