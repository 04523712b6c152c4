#!/usr/bin/python3
"""A second implementation of records, names and receipts, from docs/protocol.md alone, stores at a node, reads there what the
node itself stored, and the node reads what it stored; and what the page says is refused, is."""
# timeout 240
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "vectors"))
import second  # noqa: E402
import second_session as sessions  # noqa: E402
from program import check, main  # noqa: E402
from test_second_session import answer, endpoint, identity, key_at, start  # noqa: E402

SIGN = 8  # of FLAGS
PROTOCOL, SIGNATURE, CAS, SEQUENCE, OWNER, LIFE, CLASS = 3, 6, 8, 9, 10, 11, 12


class Speaker:
    """Somebody in a session with the node at `where`."""

    def __init__(self, where, key, seed):
        self.seed, self.key, self.holder = seed, second.public_key(seed), key
        self.session = sessions.Session(endpoint(), where, seed, key)
        self.number = 0
        check(self.read(self.session.begin(self.write("PING", {}), 60), "PING") is not None)

    def write(self, method, fields):
        self.number += 1
        return second.encode("query", method, second.u(4, self.number), fields)

    def read(self, message, method):
        kind, said, transaction, fields = second.decode(message)
        check((said, transaction) == (method, second.u(4, self.number)), "answers something else", said, transaction)
        check(fields["your_address"][:4] == bytes((127, 0, 0, 1)), fields["your_address"])
        return fields if kind == "reply" else None if kind == "query" else {"refusal": fields["refusal"], **fields}

    def ask(self, method, **fields):
        self.session.send(self.write(method, fields))
        return self.read(answer(self.session), method)

    def get(self, key, **fields):
        """(records, reply); each of them checked."""
        reply = self.ask("GET", target=key, **fields)
        records = [second.unpack_record(record) for record in reply.get("records", [])]
        for record in records:
            second.check_record(record)
        return records, reply

    def put(self, record, packed=None, token=None, **fields):
        """The refusal with its fields, or the receipt, which is checked."""
        token = token or self.ask("GET", target=record["key"])["token"]
        reply = self.ask("PUT", token=token, records=[packed or second.pack_record(record)], flags=SIGN, **fields)
        if "refusal" in reply:
            return reply
        kind, digest, at = second.check_attest(self.holder, record["key"], reply["attest"])
        check((kind, digest) == (1, second.digest(record)), "a receipt for something else")
        check(now() < at <= record["valid_until"], "kept until", at)
        return reply


def now():
    return int(time.time() * 1000)


def is_refused(reply, refusal, held=None):
    check(reply.get("refusal") == refusal and reply.get("sequence") == held, reply, "and not", refusal)


def content(me, node):
    what = b"found by what it is"
    for kind in "immutable", "plain":
        name = second.h(what)
        record = second.make_record(kind, name, None, what, 0, now())
        check("attest" in me.put(record))
        (there,), _ = me.get(record["key"], **{"class": 1})
        check(second.open_value(kind, name, there) == (None, what))
        check(node.ask("get", "%s:%s" % (kind, name.hex()))["value"] == what.decode(), "the node does not open it")
    is_refused(me.put(record, second.pack_record(dict(record, value=b"something else"))), OWNER)
    is_refused(me.put(record, second.pack_record(dict(record, signature=bytes(64)))), SIGNATURE)
    is_refused(me.put(record, token=b"made up!"), PROTOCOL)


def versions(me, other, node):
    def version(who, number, value, **more):
        return second.make_record("mutable", b"diary", who.seed, value, number, now(), **more)

    first, later = version(me, 1, b"one"), version(me, 3, b"three")
    check("attest" in me.put(first))
    check("attest" in me.put(later, cas=1))
    is_refused(me.put(version(me, 2, b"two")), SEQUENCE, 3)
    is_refused(me.put(version(me, 4, b"four"), cas=1), CAS, 3)
    is_refused(other.put(version(other, 9, b"mine")), OWNER)
    (there,), _ = other.get(later["key"])
    check(second.open_value("mutable", b"diary", there) == (me.key, b"three"))
    newest, reply = me.get(later["key"], sequence=3)
    check(not newest and reply["sequence"] == 3, "only if newer")
    got = node.ask("get", "mutable:diary")
    check((got["value"], got["owner"]) == ("three", second.identity_text(me.key)), got)
    check("attest" in me.put(version(me, 5, b"", withdrawn=True)))
    check(node.ask("get", "mutable:diary", expect=None).get("value") is None, "withdrawn")


def providers(me, other, node):
    name = bytes.fromhex("00ff00ff")
    for who in me, other:
        address = bytes((4, 127, 0, 0, 1)) + second.u(2, 4711)
        check("attest" in who.put(second.make_record("provider", name, who.seed, address, 1, now())))
    records, _ = other.get(second.record_key("provider", name), **{"class": second.CLASSES["provider"]})
    found = {second.open_value("provider", name, record)[0] for record in records}
    check(found == {me.key, other.key}, found)
    check(len(node.ask("get", "provider:" + name.hex())["values"]) == 2)


def letters(me, other):
    name = second.node_id(me.key)
    key = second.record_key("msg", name)
    kind = second.CLASSES["msg"]
    for text in b"for you alone", b"and another":
        letter = second.make_record("msg", name, other.seed, text, 1, now(), recipient=me.key, entropy=os.urandom(32))
        check("attest" in other.put(letter))
    for asked in {}, {"class": kind}:
        records, reply = other.get(key, flags=SIGN, **asked)
        check(not records and "attest" not in reply and "ghost" not in reply, "others hear of it", reply)
    is_refused(other.ask("TAKE", target=key), OWNER)
    mine = [second.unpack_record(record) for record in me.ask("TAKE", target=key)["records"]]
    opened = {second.open_value("msg", name, record, me.seed) for record in mine}
    check(opened == {(other.key, b"for you alone"), (other.key, b"and another")}, opened)
    arrived = [(kind, record["public_key"], record["sequence"]) for record in mine]
    is_refused(other.ask("TAKE", target=key, forget=arrived), OWNER)
    left = me.ask("TAKE", target=key, forget=arrived[:1])["records"]  # an answer may be lost: they stay until they are named
    check([second.unpack_record(record)["public_key"] for record in left] == [arrived[1][1]], "what arrived is forgotten, alone")
    check("records" not in me.ask("TAKE", target=key, forget=arrived[1:]))


def evidence(me):
    """What a holder signs where nothing is; the head of what has expired."""
    never = second.record_key("room", b"never")
    _, reply = me.get(never, flags=SIGN)
    kind, digest, since = second.check_attest(me.holder, never, reply["attest"])
    check((kind, digest) == (3, bytes(32)) and now() - since < 300_000, kind, since)
    brief = second.make_record("room", b"brief", me.seed, b"soon gone", 1, now(), valid_until=now() + 1500)
    check("attest" in me.put(brief))
    time.sleep(2)
    records, reply = me.get(brief["key"], flags=SIGN)
    kind, digest, at = second.check_attest(me.holder, brief["key"], reply["attest"])
    check(not records and (kind, digest, at) == (2, second.digest(brief), brief["valid_until"]), kind, at)
    ghost = second.unpack_record(reply["ghost"])
    second.check_record(ghost, ghost=True)
    check(ghost == second.ghost_of(brief))


def limits(me):
    def room(made_at, until, **more):
        return dict(second.make_record("room", b"limits", me.seed, b"x", 1, made_at, valid_until=until), **more)

    is_refused(me.put(room(now() + 3_600_000, now() + 7_200_000)), LIFE)
    is_refused(me.put(room(now() - 7_200_000, now() - 3_600_000)), LIFE)
    second.add_class("elsewhere", 77, 3_600_000)
    is_refused(me.put(second.make_record("elsewhere", b"x", me.seed, b"x", 1, now())), CLASS)


def theirs(me, node):
    """What the node itself signed and stored."""
    check(node.ask("put", "--class", "room", "lobby", "hello", expect=None) is not None)
    (record,), _ = me.get(second.record_key("room", b"lobby"))
    check(second.open_value("room", b"lobby", record) == (me.holder, b"hello"))
    record, = me.get(second.u(1, record["key"][0]) + bytes(31), prefix=8)[0]  # of the key only its beginning
    check(second.open_value("room", b"lobby", record)[1] == b"hello")


def test(folder):
    node, where = start(folder, "holder")
    try:
        key = key_at(where)
        me, other = (Speaker(where, key, identity()) for _ in range(2))
        content(me, node)
        versions(me, other, node)
        providers(me, other, node)
        letters(me, other)
        evidence(me)
        limits(me)
        theirs(me, node)
    finally:
        node.stop()


if __name__ == "__main__":
    main(test)
