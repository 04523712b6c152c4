#!/usr/bin/python3
# serial
# timeout 600
"""test_network_wan - fifty daemons of kad's own network on a wide-area network with delay and loss, a fifth behind NAT: who
they are, who gets in and who does not, and that they find one another again, whatever happens to addresses and processes.

  test_network_wan.py [CASE...]     KAD_WAN_NODES=12 is quicker; KAD_KEEP=1 keeps the logs
"""

import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from secure import PORT, PUZZLE_BITS, SecureDaemon, SecureNet, Wan, cli, eventually, expect, main, say

N = int(os.environ.get("KAD_WAN_NODES", "50"))
BEHIND_NAT = range(N - N // 5, N)
GUESTS = (N, N + 1)  # hosts on which cases start daemons of their own


class Net(SecureNet):
    def __init__(self, folder):
        self.wan = Wan(folder, N + len(GUESTS), nat=BEHIND_NAT, seed=11)
        self.nodes = []
        self.join(N)

    def guest(self, host, name, bootstraps, more=(), identity=None):
        return SecureDaemon(self.wan, GUESTS[host], bootstraps, more, name, N if identity is None else identity)


def everybody_is_who_he_says(net):
    for node in net.nodes:
        status = node.status()
        expect((status["identity"], status["node_id"]) == (node.identity, node.node_id), status)
        expect(cli("id", "show", node.identity)["puzzle_bits"] >= PUZZLE_BITS, "%s: puzzle" % node.name)
    asker = net.nodes[3]
    for node in net.nodes[:10]:
        if node is not asker:
            pong = eventually("%s answers" % node.name, lambda: asker.ping(node), 30)
            expect(pong["identity"] == node.identity, "%s answers as %s" % (node.name, pong))


def known(net):
    """{identity: addresses} as some of the nodes have them in their tables."""
    found = {}
    for node in net.nodes[:12]:
        for row in node.ask("table")[1]["rows"]:
            found.setdefault(row["identity"], set()).add(row["address"])
    return found


def all_are_known_where_they_are(net):
    everybody = {node.identity: net.wan.address(node.i) for node in net.nodes}
    found = eventually("all are in somebody's table", lambda: (lambda now: set(everybody) <= set(now) and now)(known(net)), 60)
    for identity, host in everybody.items():
        for address in found[identity]:
            expect(address.split(":")[0] == host, "%s is at %s, known at %s" % (identity, host, address))


def a_pinned_bootstrap_that_is_somebody_else_is_refused(net):
    """host:port/id1... takes nobody else there, and says so."""
    wrong = "%s/%s" % (net.nodes[0].address, net.nodes[5].identity)
    guest = net.guest(0, "pinned-wrong", [wrong])
    eventually("it is told", lambda: guest.log_has(net.nodes[0].identity) or guest.log_has("level=warn"), 60)
    status = eventually("status", guest.status)
    expect(status["peer_count"] == 0 and not status["ready"] or status["contacts"]["ipv4"] == 0, "it joined: %s" % status)
    expect(guest.stop() == 0, "it ends well")


def comes_true(check, seconds):
    """Within so many seconds? For what must not happen."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if check():
            return True
        time.sleep(0.25)
    return False


def a_closed_door_opens_to_who_knows_the_key(net):
    closed = net.guest(0, "closed", [net.nodes[0].address], ["--set", "open_door=no"])
    closed.await_joined()
    stranger = net.guest(1, "stranger", [closed.address], identity=N + 1)
    expect(not comes_true(lambda: (stranger.status() or {}).get("peer_count", 0) > 0, 8), "a stranger came in")
    expect(stranger.stop() == 0, "the stranger ends well")
    friend = net.guest(1, "friend", [closed.pinned], identity=N + 1)
    friend.await_joined()
    for node in (friend, closed):
        expect(node.stop() == 0, "%s ends well" % node.name)


def under_load_newcomers_show_their_address_and_work(net):
    """cookie_per_s = 0 is load from the first packet on, and work_per_s = 0 as well."""
    busy = net.guest(0, "busy", [net.nodes[0].pinned], ["--set", "cookie_per_s=0", "--set", "work_per_s=0"])
    busy.await_joined()
    newcomer = net.guest(1, "newcomer", [busy.pinned], identity=N + 1)
    newcomer.await_joined()
    there, here = busy.sessions(), newcomer.sessions()
    expect(there["cookies_sent"] > 0 and there["cookies_taken"] > 0, there)
    expect(here["work_done"] > 0, here)
    say("asked for cookies %d times, let in %d; work done by the newcomer %d" %
        (there["cookies_sent"], there["cookies_taken"], here["work_done"]))
    for node in (newcomer, busy):
        expect(node.stop() == 0, "%s ends well" % node.name)


NOISE = """
import os, random, socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(2)
r = random.Random(5)
for i in range(300):
    size = r.choice((1, 16, 63, 64, 128, 256, 512, 896, 1200))
    s.sendto(r.randbytes(size), (sys.argv[1], int(sys.argv[2])))
    s.sendto(b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe", (sys.argv[1], int(sys.argv[2])))
try:
    print(len(s.recv(2000)))
except socket.timeout:
    print("silence")
"""


def who_knows_no_key_hears_nothing(net):
    """Noise of all sizes, and Mainline's ping, bring no byte back."""
    heard = net.wan.output(GUESTS[0], "/usr/bin/python3", "-c", NOISE, net.wan.address(0), str(PORT)).strip()
    expect(heard == "silence", "an answer of %s bytes" % heard)
    expect(net.nodes[0].status()["ready"], "and it lives on")


def who_is_banned_hears_nothing_until_pardoned(net):
    """Also after a restart: a ban is on disk."""
    judge, banned, other = net.nodes[6], net.nodes[7], net.nodes[8]
    eventually("all is well before", lambda: banned.ping(judge), 30)
    judge.ask("ban", banned.identity, "--for", "1h")
    expect(not comes_true(lambda: banned.ping(judge), 6), "a banned node is answered")
    expect(not judge.ping(banned), "and it is asked for something")
    eventually("others are not affected", lambda: other.ping(judge), 30)
    judge.restart()
    judge.await_joined(2)
    expect(not comes_true(lambda: banned.ping(judge), 6), "a banned node is answered after a restart")
    judge.ask("pardon", banned.identity)
    eventually("it is pardoned", lambda: banned.ping(judge), 60)


def a_nat_that_forgets_is_survived(net):
    """The host has not moved, its address has: others follow the session, and learn the new port."""
    wan = net.wan
    for i in list(BEHIND_NAT)[:3]:
        node = net.nodes[i]
        wan.rebind(i)
        eventually("%s still finds others" % node.name, lambda: node.ping(net.nodes[1]), 30)
        where = "%s:%d" % (wan.address(i), wan.nat_port[i])
        eventually("%s is known at %s" % (node.name, where), lambda: where in known(net).get(node.identity, ()), 90)


def a_split_heals(net):
    net.wan.partition(range(0, N, 2), range(1, N, 2))
    expect(not net.nodes[2].ping(net.nodes[3]), "the halves do not reach one another")
    eventually("a half goes on", lambda: net.nodes[2].ping(net.nodes[4]), 30)
    net.wan.heal()
    eventually("the halves meet again", lambda: net.nodes[2].ping(net.nodes[3]), 60)


def all_restart_and_know_one_another(net):
    """Identities and contacts are on disk; sessions are not, and must be begun anew without anybody being asked to forget."""
    for node in net.nodes:
        node.terminate()
    for node in net.nodes:
        node.bootstraps = []
        node.restart()
    for node in net.nodes:
        node.await_joined(4 if N >= 20 else 2)
    everybody_is_who_he_says(net)
    all_are_known_where_they_are(net)


def nothing_was_in_pieces(net):
    totals = net.wan.totals()
    expect(totals.fragments == 0 and totals.largest <= 1228, totals)
    expect(totals.lost > totals.packets // 500, "nothing was lost: %s" % (totals,))
    say("%d packets, %d kB, %d lost, largest %d" % (totals.packets, totals.bytes // 1000, totals.lost, totals.largest))


if __name__ == "__main__":
    main([everybody_is_who_he_says, all_are_known_where_they_are, a_pinned_bootstrap_that_is_somebody_else_is_refused,
          a_closed_door_opens_to_who_knows_the_key, under_load_newcomers_show_their_address_and_work,
          who_knows_no_key_hears_nothing,
          who_is_banned_hears_nothing_until_pardoned, a_nat_that_forgets_is_survived, a_split_heals, all_restart_and_know_one_another,
          nothing_was_in_pieces], Net, 580)
