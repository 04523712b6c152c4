#!/usr/bin/python3
# timeout 240
"""I159: a holder looks for the providers that it names. js-libp2p asks a daemon of ours for them: who was killed is named no more once
it was missed three times, who lives is named on, and who comes again is named again, without having provided again."""

import re
import signal

from libp2p_world import JsNodes, KadPeer, check, cid, eventually, free_port, main
from program import kad as run_kad

EVERY_S = 4
CONTENT = b"what they provide"


def named(all_js, holder):
    """A js node that nobody has told of anything asks the holder alone."""
    asker = all_js.start(client=True)
    asker.call("dial", address=holder.address)
    found = set(asker.call("providers", cid=cid(CONTENT))["providers"])
    asker.call("stop")
    return found


def test(folder):
    all_js = JsNodes(folder)
    holder = KadPeer(folder, "holder", "--set", "provider_probe_ms=%ds" % EVERY_S, "--log-level", "debug")
    js = all_js.start(client=True)
    ours = "/ip4/127.0.0.1/tcp/%d" % free_port()
    lives, dies = (KadPeer(folder, name, "--set", "libp2p_mode=client", bootstrap=[holder.address], listen=listen)
                   for name, listen in (("lives", "/ip4/127.0.0.1/tcp/0"), ("dies", ours)))
    for node in (lives, dies):
        eventually("it knows the holder", lambda node=node: node.contacts() == 1)
        check(node.ask("provide", cid(CONTENT))["stored"] >= 1, "provided")
    js.call("dial", address=holder.address)
    js.call("provide", cid=cid(CONTENT))
    check(named(all_js, holder) == {lives.peer, dies.peer, js.peer}, "before")
    check(holder.metric("kademlia_provider_probes_total") == 0, "who is connected was dialled")

    dies.stop(signal.SIGKILL)
    js.call("stop")
    eventually("the dead are named no more", lambda: named(all_js, holder) == {lives.peer})
    check(holder.metric("kademlia_provider_probes_failed_total") >= 3 * 2, "missed three times each")
    check(holder.metric("kademlia_providers_gone") == 2, "gone")
    check(holder.metric("kademlia_provider_records") == 3, "their records stay")
    log = open(holder.log).read()
    check(set(re.findall(r"event=provider_gone peer=(\S+)", log)) == {dies.peer, js.peer}, "the log")
    rows = holder.ask("providers", cid(CONTENT))["providers"]
    check({row["peer_id"]: row.get("live") for row in rows} == {lives.peer: True, dies.peer: False, js.peer: False}, rows)

    again = KadPeer(folder, "dies", "--set", "libp2p_mode=client", bootstrap=[holder.address], listen=ours)
    check(again.peer == dies.peer, "another key")
    eventually("who is back is named", lambda: named(all_js, holder) == {lives.peer, dies.peer})
    check("event=provider_back peer=" + dies.peer in open(holder.log).read(), "the log")
    check(run_kad("--node", again.socket, "status").code == 0, "it lives")
    for node in (holder, lives, again):
        check(node.stop() == 0, "it does not end well")
    all_js.stop()


main(test)
