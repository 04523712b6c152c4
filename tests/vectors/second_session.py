"""second_session - the sessions of kad's own network a second time, from docs/protocol.md, "Sessions", alone.

    session = Session(socket, ("127.0.0.1", 4242), seed, key of who is there)
    answer = session.begin(b"message")        INIT, and COOKIE if asked for, up to the RESPONSE's message
    session.send(b"message"), session.receive()

Slow, for tests. Nothing comes from src/. Needs python3-cryptography and python3-nacl.
"""
import hashlib
import hmac
import os
import struct
import time

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from nacl import bindings

SIZES = (64, 128, 256, 512, 896, 1200)
INIT, RESPONSE, DATA, HELLO, OPEN, COOKIE, PROBE, ECHO = range(1, 9)
P = 2 ** 255 - 19
M64 = 2 ** 64 - 1


class Wrong(Exception):
    """What came is not what it should be."""


def h(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def purpose(text):
    return b"kad/1 " + text.encode() + b"\0"


# -- SipHash-2-4 with 128 bits of output -------------------------------------------------------------------------------


def _rotate(x, n):
    return ((x << n) | (x >> (64 - n))) & M64


def _round(v0, v1, v2, v3):
    v0 = (v0 + v1) & M64
    v1 = _rotate(v1, 13) ^ v0
    v0 = _rotate(v0, 32)
    v2 = (v2 + v3) & M64
    v3 = _rotate(v3, 16) ^ v2
    v0 = (v0 + v3) & M64
    v3 = _rotate(v3, 21) ^ v0
    v2 = (v2 + v1) & M64
    v1 = _rotate(v1, 17) ^ v2
    v2 = _rotate(v2, 32)
    return v0, v1, v2, v3


def siphash_128(key, data):
    k0, k1 = struct.unpack("<QQ", key)
    v = (k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D ^ 0xEE, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573)
    padded = data + bytes(7 - len(data) % 8) + bytes([len(data) % 256])
    for (word,) in struct.iter_unpack("<Q", padded):
        v = (v[0], v[1], v[2], v[3] ^ word)
        v = _round(*_round(*v))
        v = (v[0] ^ word, v[1], v[2], v[3])
    v = (v[0], v[1], v[2] ^ 0xEE, v[3])
    for _ in range(4):
        v = _round(*v)
    first = v[0] ^ v[1] ^ v[2] ^ v[3]
    v = (v[0], v[1] ^ 0xDD, v[2], v[3])
    for _ in range(4):
        v = _round(*v)
    return struct.pack("<QQ", first, v[0] ^ v[1] ^ v[2] ^ v[3])


# -- masks, padding, keys ----------------------------------------------------------------------------------------------


def mask(key, datagram, n):
    out = bytearray(datagram)
    for i in range(n // 16):
        for j, byte in enumerate(siphash_128(key, datagram[-16:] + bytes([i]))):
            out[16 * i + j] ^= byte
    return bytes(out)


def mask_key(identity):
    return h(purpose("mask"), identity)[:16]


def size_for(n):
    return next(size for size in SIZES if size >= n)


def pad(before, message, size):
    """Message and padding of a datagram of `size`, where `before` bytes stand before it and a tag behind."""
    return message + b"\x80" + bytes(size - 16 - before - len(message) - 1)


def unpad(plain):
    plain = plain.rstrip(b"\0")
    if plain[-1:] != b"\x80":
        raise Wrong("padding")
    return plain[:-1]


def x25519_public(identity):
    """The X25519 form of an Ed25519 key."""
    y = int.from_bytes(identity, "little") & (2 ** 255 - 1)
    return ((1 + y) * pow(1 - y, P - 2, P) % P).to_bytes(32, "little")


def x25519_secret(seed):
    return hashlib.sha512(seed).digest()[:32]  # X25519 itself clamps


def dh(secret, public):
    return bindings.crypto_scalarmult(secret, public)


def nonce_of(counter):
    return bytes(4) + counter.to_bytes(8, "big")


def seal(key, counter, aside, plain):
    return AESGCM(key).encrypt(nonce_of(counter), plain, aside)


def unseal(key, counter, aside, sealed):
    try:
        return AESGCM(key).decrypt(nonce_of(counter), sealed, aside)
    except InvalidTag as error:
        raise Wrong("does not open") from error


def head(kind, index, counter):
    return struct.pack(">B3xIQ", kind, index, counter)


def read_head(datagram):
    """(type, index, counter), or None: not behind this mask."""
    kind, zeros, index, counter = datagram[0], datagram[1:4], *struct.unpack(">IQ", datagram[4:16])
    return (kind, index, counter) if zeros == bytes(3) and 1 <= kind <= 8 else None


# -- Noise_IK_25519_AESGCM_SHA256 --------------------------------------------------------------------------------------


def hkdf(chaining, material):
    temporary = hmac.new(chaining, material, "sha256").digest()
    first = hmac.new(temporary, b"\1", "sha256").digest()
    return first, hmac.new(temporary, first + b"\2", "sha256").digest()


class Noise:
    def __init__(self, prologue):
        self.h = b"Noise_IK_25519_AESGCM_SHA256".ljust(32, b"\0")
        self.ck = self.h
        self.key = None
        self.mix_hash(prologue)

    def mix_hash(self, data):
        self.h = h(self.h, data)

    def mix_key(self, material):
        self.ck, self.key = hkdf(self.ck, material)

    def encrypt(self, plain):
        sealed = seal(self.key, 0, self.h, plain)
        self.mix_hash(sealed)
        return sealed

    def decrypt(self, sealed):
        plain = unseal(self.key, 0, self.h, sealed)
        self.mix_hash(sealed)
        return plain


# -- a session, as who begins it ---------------------------------------------------------------------------------------


class Session:
    def __init__(self, socket, where, seed, theirs, network=b"kad/1"):
        self.socket, self.where, self.theirs, self.network = socket, where, theirs, network
        self.ours, self.secret = bindings.crypto_sign_seed_keypair(seed)[0], x25519_secret(seed)
        self.index = int.from_bytes(os.urandom(4), "big") | 1
        self.veil = os.urandom(8)
        self.sent, self.taken, self.cookies = 0, set(), 0

    def write_init(self, message, wanted, cookie=None, bits=0, when=None):
        """The datagram. What it takes to read the answer is kept."""
        size = size_for(max(186 + len(message) + 1 + 16, min(53 + wanted + 1 + 16, 1200)))
        self.message, self.wanted = message, wanted
        self.e = os.urandom(32)
        e = bindings.crypto_scalarmult_base(self.e)
        cookie = cookie or os.urandom(16)
        commitment, nonce = os.urandom(16), os.urandom(8)
        if bits:
            commitment = h(purpose("commit"), self.ours, e)[:16]
            number = int.from_bytes(os.urandom(4), "big") << 32
            while int.from_bytes(h(purpose("work"), cookie, commitment, nonce), "big") >> (256 - bits):
                number += 1
                nonce = number.to_bytes(8, "big")
        them = x25519_public(self.theirs)
        start = head(INIT, 0, self.index) + cookie + commitment + nonce + self.veil
        noise = self.noise = Noise(b"kad/1" + h(self.network) + start)
        noise.mix_hash(them)
        noise.mix_hash(e)
        noise.mix_key(dh(self.e, them))
        s = noise.encrypt(bindings.crypto_scalarmult_base(self.secret))
        noise.mix_key(dh(self.secret, them))
        payload = self.ours + (when or int(time.time() * 1000)).to_bytes(8, "big") + b"\1\1"
        payload = noise.encrypt(payload + pad(186, message, size))
        datagram = start + e + s + payload
        assert len(datagram) == size
        self.tail = datagram[-16:]
        return mask(mask_key(self.theirs), datagram, 96)

    def read_response(self, datagram):
        datagram = mask(mask_key(self.ours), datagram, 48)
        if read_head(datagram) != (RESPONSE, self.index, 0):
            raise Wrong("no answer to this INIT")
        e, noise = datagram[16:48], self.noise
        noise.mix_hash(e)
        noise.mix_key(dh(self.e, e))
        noise.mix_key(dh(self.secret, e))
        plain = noise.decrypt(datagram[48:])
        if plain[0] != 1:
            raise Wrong("version")
        self.remote = int.from_bytes(plain[1:5], "big")
        self.send_key, self.receive_key = hkdf(noise.ck, b"")
        return unpad(plain[5:])

    def read_cookie(self, datagram):
        """(cookie, bits), or None: it is no COOKIE for this session."""
        datagram = mask(self.veil * 2, datagram, 16)
        begun = read_head(datagram)
        if len(datagram) != 128 or not begun or begun[:2] != (COOKIE, self.index):
            return None
        plain = unseal(h(purpose("cookie"), self.theirs), begun[2], self.tail, datagram[16:])
        if any(plain[21:]):
            raise Wrong("a COOKIE's zeros")
        return plain[:16], plain[20]

    def receive_raw(self):
        datagram, where = self.socket.recvfrom(2048)
        if where != self.where or len(datagram) not in SIZES:
            raise Wrong("from %s, %d bytes" % (where, len(datagram)))
        return datagram

    def begin(self, message, wanted=1200):
        self.socket.sendto(self.write_init(message, wanted), self.where)
        while True:
            datagram = self.receive_raw()
            cookie = self.read_cookie(datagram)
            if cookie is None:
                return self.read_response(datagram)
            self.cookies += 1
            self.socket.sendto(self.write_init(message, wanted, *cookie), self.where)

    def write(self, message, kind=DATA, token=b""):
        start = head(kind, self.remote, self.sent)
        size = size_for(16 + len(token) + len(message) + 1 + 16)
        sealed = seal(self.send_key, self.sent, start, token + pad(16 + len(token), message, size))
        self.sent += 1
        return mask(mask_key(self.theirs), start + sealed, 16)

    def send(self, message):
        self.socket.sendto(self.write(message), self.where)

    def read(self, datagram):
        """(type, message); a PROBE is answered."""
        datagram = mask(mask_key(self.ours), datagram, 16)
        kind, index, counter = read_head(datagram) or (0, 0, 0)
        if kind not in (DATA, PROBE, ECHO) or index != self.index or counter in self.taken:
            raise Wrong("not in this session, or once more")
        plain = unseal(self.receive_key, counter, datagram[:16], datagram[16:])
        self.taken.add(counter)
        if kind == PROBE:
            self.socket.sendto(self.write(b"", ECHO, plain[:8]), self.where)
        return kind, unpad(plain if kind == DATA else plain[8:])

    def receive(self):
        """The next message that says something."""
        while True:
            _, message = self.read(self.receive_raw())
            if message:
                return message


# -- the open door -----------------------------------------------------------------------------------------------------


def knock(socket, where, network=b"kad/1"):
    """The key of who is there."""
    door = h(purpose("door"), network)
    index, nonce = int.from_bytes(os.urandom(4), "big") | 1, os.urandom(16)
    socket.sendto(mask(door[:16], head(HELLO, 0, index) + nonce + os.urandom(96), 16), where)
    datagram, _ = socket.recvfrom(2048)
    datagram = mask(door[:16], datagram, 16)
    if len(datagram) != 128 or read_head(datagram) != (OPEN, index, 0):
        raise Wrong("no OPEN")
    plain = unseal(h(purpose("open"), door, nonce), 0, b"", datagram[32:])
    if any(plain[32:]):
        raise Wrong("an OPEN's zeros")
    return plain[:32]
