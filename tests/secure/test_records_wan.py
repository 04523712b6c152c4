#!/usr/bin/python3
# serial
# timeout 600
"""test_records_wan - what fifty daemons of kad's own network keep for one another: every class of records, receipts, owners,
mailboxes, evidence of what is not there; through delay, loss, restarts of all holders and the end of a publisher.

  test_records_wan.py [CASE...]     KAD_WAN_NODES=12 is quicker; KAD_KEEP=1 keeps the logs
"""

import calendar
import hashlib
import os
import random
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from secure import SecureNet, eventually, expect, main, say

N = int(os.environ.get("KAD_WAN_NODES", "50"))
K = min(20, N - 1)
MOST = K * 3 // 4  # of k holders: a datagram or two is lost, and asked for again only some times


def net_of(folder):
    """Here cases put peer: records, of lives of their own; the nodes' own ones would stand in their way."""
    return SecureNet(folder, N, nat=range(N - N // 5, N), seed=13, more=["--set", "announce_self=no"])


def stored_well(answer, what):
    """At most of k nodes, each of which has signed that it holds it."""
    expect(answer.get("stored", 0) >= MOST, "%s: %s" % (what, {k: v for k, v in answer.items() if k != "receipts"}))
    signed = {receipt["identity"] for receipt in answer["receipts"] if receipt["says"] == "stored"}
    expect(len(signed) >= MOST, "%s: %d receipts" % (what, len(signed)))
    return answer


def every_class_is_put_and_found(net):
    writer, readers = net.nodes[3], (net.nodes[N // 2], net.nodes[N - 1])  # one of them behind NAT
    content = "content of its own"
    names = {"room:lobby": "who is here", "domain:example": "10.0.0.7", "listing:bicycles": "a red one", "mutable:clock": "noon",
             "peer:" + writer.identity: "at home", "provider:" + "5eed" * 10: "10.4.0.1:80",
             "plain:" + hashlib.sha256(content.encode()).hexdigest(): content}
    for name, value in names.items():
        stored_well(writer.put(name, value), name)
        for reader in readers:
            got = eventually("%s is found" % name, lambda: (lambda a: a.get("value") and a)(reader.get(name)), 30)
            expect(got["value"] == value and not got["problem"], got)
            expect(got["owner"] in (writer.identity, None), got)
            if not name.startswith("plain:"):
                expect(got["owner"] == writer.identity, "%s: whose it is: %s" % (name, got["owner"]))
    made = writer.ask("put", "found by what it is")[1]
    stored_well(made, "immutable")
    expect(readers[0].get(made["name"])["value"] == "found by what it is", "immutable")


def lives_are_those_of_their_classes(net):
    """peer 1 h, room 24 h, domain for good, listing 7 days."""
    writer = net.nodes[4]
    for name, hours in (("room:lives", 24), ("domain:lives", None), ("listing:lives", 7 * 24), ("peer:" + writer.identity, 1)):
        writer.put(name, "x")
        got = eventually(name, lambda: (lambda a: a.get("value") and a)(net.nodes[7].get(name)), 30)
        if hours is None:
            expect(got["valid_until"] is None, got["valid_until"])
        else:
            lasts = (instant(got["valid_until"]) - instant(got["made_at"])) / 3600
            expect(abs(lasts - hours) < 0.01, "%s lasts %.2f h" % (name, lasts))


def instant(text):
    return calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S"))


def the_newest_wins_and_comparing_guards(net):
    writer, reader = net.nodes[5], net.nodes[11 % N]
    stored_well(writer.put("mutable:count", "one", seq=1), "seq 1")
    stored_well(writer.put("mutable:count", "two", seq=2), "seq 2")
    eventually("the newer is found", lambda: reader.get("mutable:count").get("value") == "two", 30)
    old = writer.put("mutable:count", "old", seq=1)
    expect(old.get("stored", 0) == 0 and old.get("held_seq") == 2, "an older one is refused, and told why: %s" % old)
    wrong = writer.put("mutable:count", "three", seq=3, cas=1)
    expect(wrong.get("stored", 0) == 0 and wrong.get("held_seq") == 2, "cas names what is held: %s" % wrong)
    stored_well(writer.put("mutable:count", "three", seq=3, cas=2), "cas 2")
    eventually("the compared one is found", lambda: reader.get("mutable:count").get("value") == "three", 30)


def a_domain_has_one_owner(net):
    first, second, reader = net.nodes[2], net.nodes[6], net.nodes[9]
    stored_well(first.put("domain:mine", "first"), "first owner")
    refused = second.put("domain:mine", "second")
    expect(refused.get("refusal") == "owner", "a second owner is refused: %s" % {k: v for k, v in refused.items() if k != "receipts"})
    got = reader.get("domain:mine")
    expect((got["value"], got["owner"]) == ("first", first.identity), got)
    stored_well(first.put("domain:mine", "first again"), "the owner may change it")


def nobody_else_writes_a_peer_record(net):
    status, answer = net.nodes[6].post("/api/dht/put", key="peer:" + net.nodes[2].identity, value="I am he")
    expect(status >= 400, "a node signs only for itself: %s %s" % (status, answer))


def a_message_is_fetched_once_by_its_recipient(net):
    sender, recipient, thief = net.nodes[4], net.nodes[8], net.nodes[10]
    for text in ("for you alone", "and another"):
        stored_well(sender.put("msg:" + recipient.identity, text), "msg")
    stolen = thief.get("msg:" + recipient.identity)
    expect("for you alone" not in str(stolen) and not stolen.get("value"), "others do not get it: %s" % stolen)
    status, theft = thief.post("/api/dht/take", key="msg:" + recipient.identity)
    expect(not any(value.get("value") for value in theft.get("values", [])), "nor take it: %s" % theft)
    taken = recipient.post("/api/dht/take")[1]
    expect(sorted(value["value"] for value in taken["values"]) == ["and another", "for you alone"], taken)
    expect({value["owner"] for value in taken["values"]} == {sender.identity}, "and knows who sent it: %s" % taken["values"])
    eventually("it is gone", lambda: not recipient.post("/api/dht/take")[1].get("values"), 30)


def many_provide_one_content(net):
    name = "provider:" + hashlib.sha256(b"a film").hexdigest()
    providers = {net.nodes[i].identity: net.nodes[i].put(name, "10.%d.0.1:80" % (i + 1)) for i in range(2, 8)}
    for answer in providers.values():
        stored_well(answer, name)
    got = eventually("all are named", lambda: (lambda a: len(a.get("values", [])) == len(providers) and a)(net.nodes[9].get(name)), 30)
    expect({value["owner"] for value in got["values"]} == set(providers), got["values"])


def what_was_never_there_is_told_from_what_was(net):
    """Nodes sign what they know: nothing since they began, or a record that was there and has gone."""
    reader = net.nodes[9]
    never = reader.get("room:never", "--explain")
    expect(never.get("value") is None and never["nothing"] >= MOST and never["held"] == 0, counts(never))
    expect("never stored" in said(never) and "expired" not in said(never), said(never))
    writer = net.nodes[7]
    until = time.time() + 25
    stored_well(writer.put("room:brief", "soon gone", ttl_ms=25000), "brief")
    there = reader.get("room:brief")
    expect(there.get("value") == "soon gone" or time.time() > until, "while it lives: %s" % counts(there))
    time.sleep(max(0, until + 2 - time.time()))
    gone = reader.get("room:brief", "--explain")
    expect(gone.get("value") is None, "it has expired: %s" % gone)
    expect(gone["held"] > 0, "holders sign that they held it: %s" % counts(gone))
    expect("it expired at" in said(gone) and "never stored" not in said(gone), said(gone))


def an_offline_publisher_is_told_from_one_that_is_silent(net):
    """A peer's record names who would publish it, and whoever is asked for it looks whether that one is there."""
    online, offline, reader = net.nodes[5], net.nodes[11], net.nodes[9]
    for node in (online, offline):
        stored_well(node.put("peer:" + node.identity, "here", ttl_ms=12000), "peer")
    expect(offline.stop() == 0, "it ends well")
    time.sleep(13)
    there, gone = (reader.get("peer:" + node.identity, "--explain") for node in (online, offline))
    expect("expired at" in said(there) and "its publisher is online, at %s" % online.address in said(there), said(there))
    expect("expired at" in said(gone) and "its publisher is offline" in said(gone), said(gone))
    offline.start()
    offline.await_joined(2)


def said(answer):
    return "; ".join(answer.get("explain", []))


def counts(answer):
    return {name: answer.get(name) for name in ("reason", "copies", "held", "nothing", "queries", "answers", "timeouts", "explain")}


def what_is_withdrawn_is_known_to_be(net):
    writer, reader = net.nodes[12 % N], net.nodes[9]
    stored_well(writer.put("room:closing", "open"), "room")
    eventually("it is there", lambda: reader.get("room:closing").get("value") == "open", 30)
    stored_well(writer.put("room:closing", "", withdraw=True), "tombstone")
    gone = eventually("it is withdrawn", lambda: (lambda a: not a.get("value") and a)(reader.get("room:closing", "--explain")), 30)
    expect("its owner withdrew it" in said(gone), "and it is said: %s" % counts(gone))


def what_cannot_be_reached_is_not_said_to_be_gone(net):
    """Cut off from everybody, a node has no evidence for anything."""
    lonely = net.nodes[5]
    net.wan.partition([i for i in range(N) if i != 5], [5])
    try:
        answer = lonely.get("room:elsewhere", "--explain")
        expect(answer.get("nothing", 0) == 0 and answer.get("held", 0) == 0 and answer["answers"] == 0, counts(answer))
        expect("link is down" in str(answer.get("explain")), counts(answer))
    finally:
        net.wan.heal()
    eventually("it is back", lambda: lonely.ping(net.nodes[1]), 60)


def a_reader_need_not_say_what_he_looks_for(net):
    stored_well(net.nodes[4].put("room:quiet", "psst"), "room")
    got = eventually("found by 4 bits", lambda: (lambda a: a.get("value") and a)(net.nodes[8].get("room:quiet", "--prefix", "4")), 30)
    expect(got["value"] == "psst", got)


def a_publisher_may_leave(net):
    writer = net.nodes[13 % N]
    stored_well(writer.put("listing:legacy", "still there"), "listing")
    expect(writer.stop() == 0, "it ends well")
    got = eventually("found without its publisher", lambda: (lambda a: a.get("value") and a)(net.nodes[3].get("listing:legacy")), 30)
    expect(got["owner"] == writer.identity, got)
    writer.start()
    writer.await_joined(2)


def a_split_leaves_one_owner(net):
    """Both halves took a name for another owner's. Holders store again, and the owner that most of k hold it for keeps it."""
    halves = [i for i in range(N) if i % 2 == 0], [i for i in range(N) if i % 2]
    owners = net.nodes[4], net.nodes[5]
    net.wan.partition(*halves)
    try:
        for owner, value in zip(owners, ("even", "odd")):
            answer = owner.put("domain:contested", value)
            expect(answer.get("stored", 0) > 0, "its half takes it: %s" % counts(answer))
    finally:
        net.wan.heal()
    for node in net.nodes:
        node.ask("config", "set", "restore_ms", "10s")

    def agreed():
        found = {(got.get("value"), got.get("owner")) for got in (net.nodes[i].get("domain:contested") for i in (2, 3, 6, 7, 8, 9))}
        return found if len(found) == 1 and (None, None) not in found else None

    found = eventually("all find the same owner", agreed, 150)
    expect(found <= {("even", owners[0].identity), ("odd", owners[1].identity)}, found)
    say("the name is %s's" % found.pop()[0])
    for node in net.nodes:
        node.ask("config", "set", "restore_ms", "1h")


def half_of_all_die_at_once(net):
    """Killed, without a word: what they held is found with the others, and what they had on disk when they are back."""
    kept = {"room:survivor %d" % i: "value %d" % i for i in range(10)}
    for i, (name, value) in enumerate(kept.items()):
        stored_well(net.nodes[2 + i % 4].put(name, value), name)
    dead = random.Random(3).sample(net.nodes[8:], N // 2)
    for node in dead:
        node.child.kill()
    for node in dead:
        node.child.wait()
    readers = [node for node in net.nodes[2:] if node not in dead]
    for i, (name, value) in enumerate(kept.items()):
        reader = readers[i % len(readers)]
        got = eventually("%s is found by %s" % (name, reader.name), lambda: (lambda a: a.get("value") and a)(reader.get(name)), 60)
        expect(got["value"] == value, got)
    for node in dead:
        node.start()
    for node in dead:
        node.await_joined(2)


def all_holders_restart(net):
    kept = {"room:lobby": "who is here", "domain:mine": "first again", "mutable:count": "three", "listing:legacy": "still there"}
    writer = net.nodes[3]
    for name, value in kept.items():
        if not net.nodes[9].get(name).get("value"):
            stored_well(writer.put(name, value), name)
    before = {name: net.nodes[9].get(name) for name in kept}
    for node in net.nodes:
        node.terminate()
    for node in net.nodes:
        node.restart()
    for node in net.nodes:
        node.await_joined(4 if N >= 20 else 2)
    for name, was in before.items():
        got = eventually("%s is found again" % name, lambda: (lambda a: a.get("value") and a)(net.nodes[14 % N].get(name)), 60)
        expect((got["value"], got["owner"], got["seq"]) == (was["value"], was["owner"], was["seq"]), "%s: %s" % (name, got))
        say("%s: %d copies, %d before" % (name, got["copies"], was["copies"]))


def nothing_was_in_pieces(net):
    totals = net.wan.totals()
    expect(totals.fragments == 0 and totals.largest <= 1228, totals)
    say("%d packets, %d kB, %d lost" % (totals.packets, totals.bytes // 1000, totals.lost))


if __name__ == "__main__":
    main([every_class_is_put_and_found, lives_are_those_of_their_classes, the_newest_wins_and_comparing_guards,
          a_domain_has_one_owner, nobody_else_writes_a_peer_record, a_message_is_fetched_once_by_its_recipient,
          many_provide_one_content, what_was_never_there_is_told_from_what_was,
          an_offline_publisher_is_told_from_one_that_is_silent, what_is_withdrawn_is_known_to_be,
          what_cannot_be_reached_is_not_said_to_be_gone, a_reader_need_not_say_what_he_looks_for, a_publisher_may_leave,
          a_split_leaves_one_owner, half_of_all_die_at_once, all_holders_restart, nothing_was_in_pieces], net_of, 580)
