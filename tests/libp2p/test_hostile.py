#!/usr/bin/python3
# serial
# timeout 900
"""Peers that mean no good, each for itself and against the same daemon: during and after each of them an honest peer is answered, the
node is up, and it keeps no more memory than is its due. One attack alone: test_hostile.py NAME."""

import os
import socket
import struct
import sys
import time

import p2p
from libp2p_world import KadPeer, check, eventually, main, memory
from p2p import FIN, KAD, RST, SYN

# Of memory that is the node's own. A connection's ceiling is 1 MiB for what is unread and as much for what is unsent (channel/link.h);
# what AddressSanitizer keeps aside is switched off below.
ROOM = 48 << 20
REQUEST = p2p.message(p2p.FIND_NODE, b"whom an honest peer looks for")
SIZED = p2p.varint(len(REQUEST)) + REQUEST


class World:
    def __init__(self, folder):
        self.kad = KadPeer(folder, "kad", "--set", "libp2p_max_connections=2000")
        self.peers = [p2p.Listener("127.0.0.1", 0) for _ in range(4)]
        for peer in self.peers:
            peer.dial("127.0.0.1", self.kad.port)
        eventually("the honest are contacts", lambda: self.kad.contacts() >= 4)
        self.honest = p2p.dial("127.0.0.1", self.kad.port)
        self.before = memory(self.kad.process.pid)

    def dial(self, **more):
        return p2p.dial("127.0.0.1", self.kad.port, **more)

    def socket(self):
        return socket.create_connection(("127.0.0.1", self.kad.port), timeout=p2p.PATIENCE_S)

    def check(self, what):
        """An old and a new honest peer are served, and memory is in bounds."""
        check(self.kad.process.poll() is None, what, "ended the node")
        for connection in (self.honest, self.dial()):
            answer = connection.ask(REQUEST)
            check({peer for peer, _ in answer.closer} >= {p.identity.peer for p in self.peers}, what, "costs the honest", answer.closer)
        connection.close()
        grown = memory(self.kad.process.pid) - self.before
        check(grown < ROOM, what, "takes %d KiB" % (grown >> 10))


def closed(sock, seconds=30):
    """The other side closes, whatever it says before."""
    sock.settimeout(seconds)
    try:
        while sock.recv(65536):
            pass
    except socket.timeout:
        return False
    except OSError:
        pass
    return True


# ---------------------------------------------------------------- before there are streams


def garbage_in_multistream(world):
    for _ in range(20):
        sock = world.socket()
        try:
            sock.sendall(os.urandom(40000))
        except OSError:
            pass
        check(closed(sock, 15), "garbage is listened to")
    for text in (b"\x13/multistream/2.0.0\n", b"\x80\x80\x80\x80\x01", b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 12):
        sock = world.socket()
        sock.sendall(text)
        check(closed(sock, 15), text, "is listened to")


def proposals_without_end(world):
    """Which protocol it is to be: none of ten thousand, answered by "na" each, or not at all."""
    sock = world.socket()
    try:
        sock.sendall(p2p.Connection.tokens(p2p.MULTISTREAM))
        for _ in range(200):
            sock.sendall(p2p.Connection.tokens("/plaintext/2.0.0") * 50)
        sock.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    check(closed(sock), "it goes on")


def garbage_in_noise(world):
    for size in (0, 1, 31, 32, 33, 96, 200, 8000, 65535):
        sock = world.socket()
        sock.sendall(p2p.Connection.tokens(p2p.MULTISTREAM, p2p.NOISE))
        try:
            sock.sendall((struct.pack(">H", size) + os.urandom(size)) * 3)
        except OSError:
            pass
        check(closed(sock, 15), size, "bytes of garbage are a handshake")
    for _ in range(10):  # the third message
        connection = world.dial(stop_at="second")
        connection.write_message(os.urandom(48 + 120))
        check(closed(connection.socket, 15), "a third message of garbage")
    connection = world.dial()  # and after the handshake
    connection.write_message(os.urandom(100))
    check(closed(connection.socket), "what does not open is passed over")


def all_zero_key(world):
    """A point of small order: the shared secret would be known to all."""
    sock = world.socket()
    sock.sendall(p2p.Connection.tokens(p2p.MULTISTREAM, p2p.NOISE) + struct.pack(">H", 32) + bytes(32))
    check(closed(sock, 15), "a key of zeros is taken")


def slow_loris(world):
    """A byte and then nothing, or one a second: gone when the time for a handshake is over, and nobody is kept out meanwhile."""
    socks = [world.socket() for _ in range(300)]
    for i, sock in enumerate(socks):
        sock.sendall((b"\x13", b"\x13/multistream/1.0.0\n", p2p.Connection.tokens(p2p.MULTISTREAM, p2p.NOISE) + b"\0")[i % 3])
    for second in range(3):
        world.check("a slow-loris")
        for sock in socks[:100]:
            try:
                sock.sendall(b"/multistream/"[second:second + 1])
            except OSError:
                pass
    for sock in socks:
        check(closed(sock, 60), "a slow-loris stays")


def nobody_at_all(world):
    socks = [world.socket() for _ in range(300)]
    world.check("connections that say nothing")
    for sock in socks:
        sock.close()


# ---------------------------------------------------------------- streams


def garbage_in_yamux(world):
    for data in (os.urandom(20000), b"\xff" * 24, struct.pack(">BBHII", 1, 0, SYN, 1, 0), struct.pack(">BBHII", 0, 9, 0, 1, 0),
                 struct.pack(">BBHII", 0, 0, SYN, 2, 0)):  # garbage; a version, a type that is none; a number that is ours
        connection = world.dial(silent=True)
        try:
            connection.raw(data)
            for _ in range(20):
                connection.raw(os.urandom(2000))
        except OSError:
            pass
        check(closed(connection.socket), data[:12], "is listened to")


def frame_of_a_gibibyte(world):
    """Refused by its head; and who sends on is not read."""
    for follows in (0, 2000):
        connection = world.dial(silent=True)
        stream = connection.open()
        stream.say(p2p.MULTISTREAM, KAD)
        connection.raw(struct.pack(">BBHII", 0, 0, 0, stream.number, 1 << 30))
        try:
            for _ in range(follows):
                connection.raw(bytes(50000))
        except OSError:
            pass
        check(closed(connection.socket, 10), "a frame beyond the window is waited for")


def prefix_of_four_mebibytes(world):
    connection = world.dial()
    for protocol, prefix in ((KAD, p2p.varint(4 << 20)), (KAD, p2p.varint(1 << 62)), (KAD, b"\xff" * 12)):
        stream = connection.open(protocol)
        stream.write(prefix)
        eventually("a message of megabytes is refused by its length", lambda: stream.was_reset)
    world_answer = connection.ask(REQUEST)  # the connection is as good as before
    check(world_answer.kind == p2p.FIND_NODE, "the connection suffers")


def garbage_in_protobuf(world):
    connection = world.dial()
    for data in (b"\x0a", b"\xff" * 30, os.urandom(300), p2p.field(1, 77), p2p.message(p2p.GET_VALUE),
                 p2p.message(p2p.PUT_VALUE, b"/icn/a", record=(b"/icn/b", b"x")), p2p.message(p2p.FIND_NODE, bytes(5000))):
        stream = connection.open(KAD)
        stream.write(p2p.varint(len(data)) + data)
        eventually("%r is refused" % data[:20], lambda: stream.was_reset)
    check(connection.ask(REQUEST).closer, "the connection suffers")


def garbage_in_identify(world):
    """Who says garbage when it is asked who it is, is not named to others; nor who says nothing, or too much, or another's key."""
    other = p2p.Identity()
    says = {
        "garbage": lambda i, a: os.urandom(500),
        "nothing": lambda i, a: b"",
        "too much": lambda i, a: p2p.identify_message(i, *a, [KAD]) + p2p.field(6, bytes(100000)),
        "another's key": lambda i, a: p2p.identify_message(other, *a, [KAD]),
        "a prefix": None,
    }
    bad = []
    for name, say in says.items():
        peer = p2p.Listener("127.0.0.1", 0)

        def serve(stream, protocol, peer=peer, say=say):
            if protocol != p2p.IDENTIFY:
                return type(peer).serve(peer, stream, protocol)
            stream.say(protocol)
            if not say:
                stream.write(p2p.varint(4 << 20))
                return True
            data = say(peer.identity, (peer.host, peer.port))
            stream.write(p2p.varint(len(data)) + data)
            stream.finish()
            return True
        peer.serve = serve
        check(peer.dial("127.0.0.1", world.kad.port).ask(REQUEST).closer, name)
        bad.append(peer)
    named = {peer for peer, _ in world.honest.ask(REQUEST).closer}
    for name, peer in zip(says, bad):
        check(peer.identity.peer not in named, "who says", name, "is named to others")
        peer.close()


def abandoned_streams(world):
    """Opened and left, on many connections: those beyond the limit are reset."""
    connections = [world.dial() for _ in range(10)]
    for connection in connections:
        connection.raw(b"".join(struct.pack(">BBHII", 0, 1, SYN, 2 * i + 101, 0) for i in range(4000)))
    world.check("abandoned streams")
    for connection in connections:
        connection.raw(b"".join(struct.pack(">BBHII", 0, 0, 0, 2 * i + 101, 1) + b"\x13" for i in range(4000)))
        connection.close()


def opened_and_reset(world):
    connection = world.dial()
    tokens = p2p.Connection.tokens(p2p.MULTISTREAM, KAD) + SIZED
    for at in range(0, 8000, 50):
        connection.raw(b"".join(
            struct.pack(">BBHII", 0, 0, SYN, 2 * i + 101, len(tokens)) + tokens + struct.pack(">BBHII", 0, 0, RST, 2 * i + 101, 0)
            for i in range(at, at + 50)))
    connection.next = 40001

    def served():
        try:
            return connection.ask(REQUEST).closer
        except p2p.Broken:  # what was reset counts against its opener until it is looked at
            check(not connection.ended, "the connection is gone")
    eventually("the connection is as good as before", served)
    connection.close()


def half_closed(world):
    """As rust does: the request, the end, and then the answer is read; any number of requests on a stream, as go has it."""
    connection = world.dial()
    for _ in range(50):
        stream = connection.open(KAD)
        stream.write(SIZED, FIN)
        check(p2p.Answer(stream.read_sized()).closer, "no answer after the end")
        stream.read_all(20)
        check(stream.ended and not stream.was_reset, "a reset for an end")
    stream = connection.open(KAD)
    stream.write(SIZED * 30)
    for _ in range(30):
        check(p2p.Answer(stream.read_sized()).closer, "requests of one stream")
    connection.close()


def nothing_is_read(world):
    """Asks and asks and reads nothing: what waits for it has a ceiling."""
    connections = []
    for _ in range(8):
        connection = world.dial(silent=True)
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.socket.settimeout(2)
        connections.append(connection)
        tokens = p2p.Connection.tokens(p2p.MULTISTREAM, KAD) + SIZED
        try:
            for i in range(20000):
                connection.raw(struct.pack(">BBHII", 0, 0, SYN | FIN, 2 * i + 1, len(tokens)) + tokens)
        except OSError:
            pass
    world.check("who reads nothing")
    for connection in connections:
        connection.close()


def pings_without_end(world):
    connection = world.dial(silent=True)
    connection.socket.settimeout(2)
    try:
        for i in range(300):
            connection.raw(struct.pack(">BBHII", 0, 2, SYN, 0, i) * 4000)
    except OSError:
        pass
    world.check("pings without end")
    connection.close()


# ---------------------------------------------------------------- many


def hundred_streams(world):
    connection = world.dial()
    streams = [connection.open() for _ in range(100)]
    for stream in streams:
        stream.say(p2p.MULTISTREAM, KAD)
    for stream in streams:
        check((stream.token(), stream.token()) == (p2p.MULTISTREAM, KAD), "not agreed")
    for stream in streams:
        stream.write(SIZED)
    for stream in reversed(streams):
        check(p2p.Answer(stream.read_sized()).closer, "a stream of a hundred has no answer")
    connection.close()


def thousand_connections(world):
    connections = [world.dial(identity=world.peers[0].identity if i == 0 else None) for i in range(1000)]
    for connection in connections[::50]:
        check(connection.ask(REQUEST).closer, "one of a thousand is not served")
    grown = memory(world.kad.process.pid) - world.before
    check(grown < 40 << 20, "a thousand connections take %d KiB" % (grown >> 10))
    for connection in connections:
        connection.close()


ATTACKS = [garbage_in_multistream, proposals_without_end, garbage_in_noise, all_zero_key, slow_loris, nobody_at_all, garbage_in_yamux,
           frame_of_a_gibibyte, prefix_of_four_mebibytes, garbage_in_protobuf, garbage_in_identify, abandoned_streams,
           opened_and_reset, half_closed, nothing_is_read, pings_without_end, hundred_streams, thousand_connections]


def test(folder):
    world = World(folder)
    for attack in ATTACKS:
        if len(sys.argv) > 1 and attack.__name__ not in sys.argv[1:]:
            continue
        began = time.monotonic()
        attack(world)
        world.check(attack.__name__)
        print("%-26s %5.1f s, memory %+6d KiB" % (attack.__name__, time.monotonic() - began,
                                                  (memory(world.kad.process.pid) - world.before) >> 10), flush=True)
    check(world.kad.stop() == 0, "it does not end well")
    check("Sanitizer" not in open(world.kad.log).read(), open(world.kad.log).read()[-3000:])


os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1:malloc_context_size=2"
main(test)
