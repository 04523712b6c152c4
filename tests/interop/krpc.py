"""krpc - just enough of BitTorrent's DHT to question a node from outside.

Written from the BEPs and independent of kad's C code on purpose: a mistake that kad's
encoder and decoder share would be invisible to a test that used either of them.

  encode/decode      bencode; decode is strict (sorted unique keys, no leading zeros)
  Socket             one UDP socket that asks KRPC queries and can answer as a node
  Ed25519, BEP 44    signatures and keys of mutable items
  crc32c, BEP 42     the id a node at an address may have
"""

import hashlib
import os
import select
import socket
import struct
import time


# ---------------------------------------------------------------- bencode


class Malformed(Exception):
    pass


def encode(value):
    if isinstance(value, bool):
        raise TypeError("bencode has no booleans")
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, (bytes, bytearray)):
        return b"%d:%s" % (len(value), bytes(value))
    if isinstance(value, (list, tuple)):
        return b"l" + b"".join(encode(v) for v in value) + b"e"
    if isinstance(value, dict):
        pairs = sorted((k.encode() if isinstance(k, str) else k, v) for k, v in value.items())
        return b"d" + b"".join(encode(k) + encode(v) for k, v in pairs) + b"e"
    raise TypeError(type(value))


def decode(data):
    """The one value that `data` holds. Dictionary keys come out as str (latin-1)."""
    value, end = _decode_at(data, 0)
    if end != len(data):
        raise Malformed("%d bytes after the value" % (len(data) - end))
    return value


def _decode_at(data, at):
    try:
        lead = data[at:at + 1]
        if lead == b"i":
            end = data.index(b"e", at)
            number = int(data[at + 1:end])
            if data[at + 1:end] != b"%d" % number:
                raise Malformed("integer %r" % data[at:end])
            return number, end + 1
        if lead.isdigit():
            colon = data.index(b":", at)
            size = int(data[at:colon])
            if data[at:colon] != b"%d" % size or colon + 1 + size > len(data):
                raise Malformed("string at %d" % at)
            return data[colon + 1:colon + 1 + size], colon + 1 + size
        if lead == b"l":
            items, at = [], at + 1
            while data[at:at + 1] != b"e":
                item, at = _decode_at(data, at)
                items.append(item)
            return items, at + 1
        if lead == b"d":
            result, last, at = {}, None, at + 1
            while data[at:at + 1] != b"e":
                key, at = _decode_at(data, at)
                if not isinstance(key, bytes) or (last is not None and key <= last):
                    raise Malformed("key %r after %r" % (key, last))
                result[key.decode("latin-1")], at = _decode_at(data, at)
                last = key
            return result, at + 1
    except ValueError as why:
        raise Malformed(str(why)) from None
    raise Malformed("byte %r at %d" % (lead, at))


# ---------------------------------------------------------------- addresses and nodes


def compact(host, port):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.inet_pton(family, host) + struct.pack(">H", port)


def expand(address):
    family = {6: socket.AF_INET, 18: socket.AF_INET6}[len(address)]
    return socket.inet_ntop(family, address[:-2]), struct.unpack(">H", address[-2:])[0]


def text(host, port):
    """As kad's command line writes and reads it."""
    return ("[%s]:%d" if ":" in host else "%s:%d") % (host, port)


def nodes_of(text, family=socket.AF_INET):
    """Compact node info -> [(id, host, port)]."""
    size = 26 if family == socket.AF_INET else 38
    if len(text) % size:
        raise Malformed("nodes of %d bytes, not a multiple of %d" % (len(text), size))
    return [(text[i:i + 20], *expand(text[i + 20:i + size])) for i in range(0, len(text), size)]


def distance(a, b):
    return int.from_bytes(a, "big") ^ int.from_bytes(b, "big")


# ---------------------------------------------------------------- asking


class NoAnswer(Exception):
    pass


class Socket:
    """A UDP socket with a node id. `answering` makes it answer what it is asked while it waits."""

    def __init__(self, host, port=0, node_id=None, read_only=True, answering=False):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.udp = socket.socket(family, socket.SOCK_DGRAM)
        self.udp.bind((host, port))
        self.host, self.port = self.udp.getsockname()[:2]
        self.id = node_id or os.urandom(20)
        self.read_only = read_only
        self.answering = answering
        self.asked = []  # queries that others sent us: (message, peer)
        self.last = b""  # the bytes of the last answer, for a failure's message

    def close(self):
        self.udp.close()

    def send(self, peer, message):
        self.udp.sendto(message if isinstance(message, bytes) else encode(message), peer)

    def receive(self, seconds):
        """The next message and its sender, or (None, None)."""
        if not select.select([self.udp], [], [], max(0, seconds))[0]:
            return None, None
        data, peer = self.udp.recvfrom(65536)
        self.last = data
        return decode(data), peer[:2]

    def serve(self, seconds):
        """Note (and answer, if `answering`) queries for a while."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            message, peer = self.receive(deadline - time.monotonic())
            if message is not None:
                self._asked(message, peer)

    def _asked(self, message, peer):
        if message.get("y") != b"q":
            return
        self.asked.append((message, peer))
        if self.answering:
            r = {"id": self.id}
            if message["q"] in (b"find_node", b"get_peers", b"get", b"sample_infohashes"):
                r["nodes"] = b""
            if message["q"] in (b"get_peers", b"get"):
                r["token"] = b"tk"
            self.send(peer, {"t": message["t"], "y": "r", "r": r})

    def ask(self, peer, method, args=None, seconds=3.0, tries=3, tid=None, extra=None):
        """The whole answer to a query: a response or an error. Retries, because UDP loses."""
        tid = tid or os.urandom(4)
        query = {"t": tid, "y": "q", "q": method, "a": {"id": self.id, **(args or {})}}
        if self.read_only:
            query["ro"] = 1
        query.update(extra or {})
        return self.ask_raw(peer, encode(query), tid, seconds, tries)

    def ask_raw(self, peer, data, tid, seconds=3.0, tries=3):
        for _ in range(tries):
            self.send(peer, data)
            deadline = time.monotonic() + seconds / tries
            while time.monotonic() < deadline:
                message, sender = self.receive(deadline - time.monotonic())
                if message is None:
                    break
                if message.get("t") == tid and message.get("y") in (b"r", b"e"):
                    if sender != tuple(peer[:2]):
                        raise Malformed("asked %s, answered from %s" % (peer, sender))
                    return message
                self._asked(message, sender)
        raise NoAnswer("%s:%d to %r" % (*peer[:2], data))

    def request(self, peer, method, args=None, **how):
        """The `r` of a response; an error raises."""
        message = self.ask(peer, method, args, **how)
        if message["y"] != b"r":
            raise Malformed("%s answered %r" % (method, message))
        return message["r"]


# ---------------------------------------------------------------- Ed25519 (RFC 8032) and BEP 44

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P


def _add(a, b):
    """Sum of two points in extended coordinates (X, Y, Z, T), complete on this curve."""
    m, n = (a[1] - a[0]) * (b[1] - b[0]), (a[1] + a[0]) * (b[1] + b[0])
    c, d = 2 * a[3] * b[3] * _D, 2 * a[2] * b[2]
    e, f, g, h = n - m, d - c, d + c, n + m
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(scalar, point):
    result = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = _add(result, point)
        point, scalar = _add(point, point), scalar >> 1
    return result


def _lift(y, odd):
    """The point with this y and this parity of x."""
    x2 = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(x2, (_P + 3) // 8, _P)
    if x * x % _P != x2:
        x = x * pow(2, (_P - 1) // 4, _P) % _P
    if x * x % _P != x2:
        raise ValueError("not on the curve")
    if x & 1 != odd:
        x = _P - x
    return x, y, 1, x * y % _P


_BASE = _lift(4 * pow(5, -1, _P) % _P, 0)


def _pack(point):
    z = pow(point[2], -1, _P)
    x, y = point[0] * z % _P, point[1] * z % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _hash(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % _L


class Key:
    """A signing key made from 32 bytes of seed."""

    def __init__(self, seed):
        self.seed = seed
        wide = bytearray(hashlib.sha512(seed).digest())
        wide[0] &= 248
        wide[31] = wide[31] & 63 | 64
        self.expanded = bytes(wide)  # what libtorrent calls the private key
        self.scalar = int.from_bytes(wide[:32], "little")
        self.public = _pack(_times(self.scalar, _BASE))

    def sign(self, message):
        r = _hash(self.expanded[32:], message)
        start = _pack(_times(r, _BASE))
        s = (r + _hash(start, self.public, message) * self.scalar) % _L
        return start + s.to_bytes(32, "little")


def verify(public, message, signature):
    y = int.from_bytes(public, "little")
    negated = _lift(y & (1 << 255) - 1, 1 - (y >> 255))
    s = int.from_bytes(signature[32:], "little")
    check = _add(_times(s, _BASE), _times(_hash(signature[:32], public, message), negated))
    return s < _L and _pack(check) == signature[:32]


def signed_part(value, seq, salt=b""):
    """What a mutable item's signature covers; `value` as it is before bencoding."""
    head = b"4:salt" + encode(salt) if salt else b""
    return head + b"3:seqi%de1:v" % seq + encode(value)


def mutable_target(public, salt=b""):
    return hashlib.sha1(public + salt).digest()


def immutable_target(value):
    return hashlib.sha1(encode(value)).digest()


# ---------------------------------------------------------------- BEP 33 and BEP 42


def bloom_bits(host):
    """The two bits that BEP 33 sets for an address."""
    packed = socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    digest = hashlib.sha1(packed).digest()
    return [(digest[i] | digest[i + 1] << 8) % 2048 for i in (0, 2)]


def bloom_has(bloom, host):
    return all(bloom[bit // 8] >> bit % 8 & 1 for bit in bloom_bits(host))


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def id_fits(node_id, host):
    """Whether BEP 42 lets a node at `host` have this id."""
    if ":" in host:
        packed, mask = socket.inet_pton(socket.AF_INET6, host)[:8], bytes.fromhex("0103070f1f3f7fff")
    else:
        packed, mask = socket.inet_pton(socket.AF_INET, host), bytes.fromhex("030f3fff")
    masked = bytearray(a & b for a, b in zip(packed, mask))
    masked[0] |= (node_id[19] & 7) << 5
    crc = crc32c(masked)
    return (node_id[0], node_id[1], node_id[2] & 0xF8) == (crc >> 24, crc >> 16 & 255, crc >> 8 & 0xF8)


def self_check():
    """The published vectors: a helper that is wrong would accuse the wrong program."""
    assert encode({"b": [1, b"x"], "a": -3}) == b"d1:ai-3e1:bli1e1:xee"
    assert decode(b"d1:ai-3e1:bli1e1:xee") == {"a": -3, "b": [1, b"x"]}
    for bad in (b"i03e", b"d1:b1:x1:a1:ye", b"5:abc", b"le1", b"d1:a", b""):
        try:
            decode(bad)
            raise AssertionError(bad)
        except Malformed:
            pass
    # RFC 8032 section 7.1, test 2
    key = Key(bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"))
    assert key.public.hex() == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    assert key.sign(b"r").hex().startswith("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da")
    assert verify(key.public, b"r", key.sign(b"r")) and not verify(key.public, b"s", key.sign(b"r"))
    # BEP 44, test 2 (mutable with salt)
    public = bytes.fromhex("77ff84905a91936367c01360803104f92432fcd904a43511876df5cdf3e7e548")
    assert mutable_target(public, b"foobar").hex() == "411eba73b6f087ca51a3795d9c8c938d365e32c1"
    assert verify(public, signed_part(b"Hello World!", 1, b"foobar"), bytes.fromhex(
        "6834284b6b24c3204eb2fea824d82f88883a3d95e8b4a21b8c0ded553d17d17d"
        "df9a8a7104b1258f30bed3787e6cb896fca78c58f8e03b5f18f14951a87d9a08"))
    assert immutable_target(b"Hello World!").hex() == "e5f96f6f38320f0f33959cb4d3d656452117aadb"
    # BEP 42's test vectors
    for host, node_id in (("124.31.75.21", "5fbfbff10c5d6a4ec8a88e4c6ab4c28b95eee401"),
                          ("21.75.31.124", "5a3ce9c14e7a08645677bbd1cfe7d8f956d53256"),
                          ("65.23.51.170", "a5d43220bc8f112a3d426c84764f8c2a1150e616"),
                          ("84.124.73.14", "1b0321dd1bb1fe518101ceef99462b947a01ff41"),
                          ("43.213.53.83", "e56f6cbf5b7c4be0237986d5243b87aa6d51305a")):
        assert id_fits(bytes.fromhex(node_id), host)
        assert not id_fits(bytes.fromhex("00" + node_id[2:]), host)


if __name__ == "__main__":
    self_check()
    print("krpc.py agrees with the published vectors")
