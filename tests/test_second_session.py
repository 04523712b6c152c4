#!/usr/bin/python3
"""A second implementation of the sessions, from docs/protocol.md alone, speaks with a node: knock, handshake, messages, a
new address, cookies and work. And what it must not get is not there: an answer to a replay, to a stranger's noise.
"""
# timeout 240
import os
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "vectors"))
import second  # noqa: E402
import second_session as sessions  # noqa: E402
from program import Node, check, eventually, loopback, main  # noqa: E402

PATIENCE_S = 20
PING, FIND_NODE = b"\x01", b"\x02"


def endpoint():
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    udp.settimeout(PATIENCE_S)
    return udp


def silent(session):
    """No other answer is there: it would have come before the answer to what was asked last."""
    session.socket.setblocking(False)
    try:
        while True:
            _, message = session.read(session.receive_raw())
            if message and message[0] & 0xc0:
                return False
    except BlockingIOError:
        return True
    finally:
        session.socket.settimeout(PATIENCE_S)


def identity():
    """A seed whose identity solves the network's puzzle."""
    number = int.from_bytes(os.urandom(8), "big")
    while True:
        seed = number.to_bytes(32, "big")
        if second.puzzle_bits(second.public_key(seed)) >= 16:
            return seed
        number += 1


def is_pong(message, transaction):
    return message[:5] == b"\x41" + transaction


def answer(session):
    """The next message that is an answer: the node asks us things, too."""
    while True:
        message = session.receive()
        if message[0] & 0xc0:
            return message


def read_answer(session):
    """The same, with the kind of datagram it was in."""
    while True:
        kind, message = session.read(session.receive_raw())
        if message and message[0] & 0xc0:
            return kind, message


def start(folder, name, *more):
    where = loopback()
    node = Node(folder, name, "--network", "kad", "--listen", where, "--bootstrap", "none", *more)
    host, port = where.split(":")
    return node, (host, int(port))


def key_at(where):
    """Who is there, asked at the door until the node is up."""
    def ask():
        with endpoint() as udp:  # another for each attempt: what was asked too early may be answered late
            udp.settimeout(0.5)
            try:
                return sessions.knock(udp, where)
            except (socket.timeout, ConnectionError):
                return None
    return eventually("the door opens", ask)


def speaks(where, key, seed):
    udp = endpoint()
    session = sessions.Session(udp, where, seed, key)
    # one round trip: the ping's answer is in the answer to the first message
    check(is_pong(session.begin(PING + b"abcd", 60), b"abcd"), "no pong in the RESPONSE")
    session.send(PING + b"efgh")
    check(is_pong(answer(session), b"efgh"), "no pong in the session")
    session.send(FIND_NODE + b"ijkl" + b"\x01\x00\x20" + bytes(32))
    check(answer(session)[:5] == b"\x42ijkl", "no answer to FIND_NODE")

    # the same once more: a session takes each counter once
    again = session.write(PING + b"mnop")
    udp.sendto(again, where)
    check(is_pong(answer(session), b"mnop"))
    udp.sendto(again, where)
    session.send(PING + b"qrst")
    check(is_pong(answer(session), b"qrst"), "a replay was answered")
    check(silent(session), "a replay was answered, late")

    # from another port: what came there is what may go there, until the token has come back
    session.socket = moved = endpoint()
    session.send(PING + b"uvwx")
    kind, message = read_answer(session)
    check(kind == sessions.PROBE, "no PROBE at a new address", kind)
    check(is_pong(message, b"uvwx"), "no pong beside the token")
    session.send(PING + b"yzab")
    kind, message = read_answer(session)
    check(kind == sessions.DATA and is_pong(message, b"yzab"), "not proved by the ECHO", kind)
    moved.close()
    udp.close()


def refuses(where, key, seed):
    udp = endpoint()
    session = sessions.Session(udp, where, seed, key)
    init = session.write_init(PING + b"abcd", 60)
    udp.sendto(init[:-1] + bytes([init[-1] ^ 1]), where)  # forged
    other = sessions.Session(udp, where, os.urandom(32), key)
    udp.sendto(other.write_init(PING + b"abcd", 60), where)  # no puzzle solved
    strange = sessions.Session(udp, where, seed, key, b"another network")
    udp.sendto(strange.write_init(PING + b"abcd", 60), where)
    udp.sendto(os.urandom(1200), where)
    udp.sendto(init, where)
    check(is_pong(session.read_response(session.receive_raw()), b"abcd"), "one of the wrong ones was answered")
    udp.sendto(init, where)  # a replay
    session.send(PING + b"efgh")
    check(is_pong(answer(session), b"efgh"), "a replayed INIT was answered")
    check(silent(session))
    udp.close()


def lets_itself_be_known(session):
    """Answers what the node asks, until it has us in its table."""
    while True:
        message = session.receive()
        if message[0] in (1, 2):
            session.send(bytes([0x40 | message[0]]) + message[1:5])
            return


def leaves(folder, node, where, key, seed):
    """P046: who says that it leaves is forgotten at once, and has no session any more; and the node says so, too, when it stops."""
    def known():
        return [row for row in node.ask("table")["rows"] if row["id"] == node_id]

    node_id = second.h(second.public_key(seed)).hex()
    udp = endpoint()
    session = sessions.Session(udp, where, seed, key)
    check(is_pong(session.begin(PING + b"abcd", 60), b"abcd"))
    session.send(PING + b"efgh")
    lets_itself_be_known(session)
    eventually("it is in the table", known)
    session.send(b"\x06" + bytes(4))
    eventually("it is not in the table", lambda: not known())
    session.send(PING + b"ijkl")
    again = sessions.Session(udp, where, seed, key)
    udp.sendto(again.write_init(PING + b"mnop", 60), where)
    while True:
        datagram = again.receive_raw()
        try:
            message = session.read(datagram)[1]
        except sessions.Wrong:
            break  # not of the session that is over
        check(not is_pong(message, b"ijkl"), "an answer in a session that was left")
    check(is_pong(again.read_response(datagram), b"mnop"))
    again.send(PING + b"qrst")
    lets_itself_be_known(again)
    eventually("it is in the table again", known)
    node.stop()
    udp.settimeout(1)
    while True:
        message = again.receive()
        if message[0] == 6:
            check(message == b"\x06" + message[1:5], message)
            return


def test(folder):
    seed = identity()
    node, where = start(folder, "plain")
    try:
        key = key_at(where)
        speaks(where, key, seed)
        refuses(where, key, seed)
        leaves(folder, node, where, key, seed)
    finally:
        node.stop()

    node, where = start(folder, "loaded", "--set", "cookie_per_s=0", "--set", "work_per_s=0")
    try:
        key = key_at(where)
        session = sessions.Session(endpoint(), where, seed, key)
        check(is_pong(session.begin(PING + b"abcd", 60), b"abcd"), "not admitted with cookie and work")
        check(session.cookies >= 1, "no cookie was asked for")
    finally:
        node.stop()


if __name__ == "__main__":
    main(test)
