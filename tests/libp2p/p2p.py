"""p2p - a libp2p of its own, so that a mistake in kad's cannot hide in the test: Noise, yamux, multistream and the few messages.

  Identity(kind)              a key pair: "ed25519", "rsa", "ecdsa" or "secp256k1"; .peer is its peer id's bytes, .text its text
  dial(host, port, identity)  a Connection that is up; `stop_at` ends the handshake early, for peers that mean no good
  Listener(host, port, ...)   takes connections and answers on streams as its `serve` says
  Connection                  .open(protocol) a Stream; .raw(bytes) into yamux; .socket for worse
  Stream                      .write() .read() .ask(message) .finish() .reset()

What a peer sends is believed: this is for tests.
"""

import hashlib
import hmac
import os
import socket
import struct
import threading

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, x25519
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

MULTISTREAM, NOISE, YAMUX = "/multistream/1.0.0", "/noise", "/yamux/1.0.0"
IDENTIFY, PUSH, PING, KAD = "/ipfs/id/1.0.0", "/ipfs/id/push/1.0.0", "/ipfs/ping/1.0.0", "/icn/kad/1.0.0"
PUT_VALUE, GET_VALUE, ADD_PROVIDER, GET_PROVIDERS, FIND_NODE = range(5)
SYN, ACK, FIN, RST = 1, 2, 4, 8
PATIENCE_S = 30


class Broken(Exception):
    """The other side has ended it, or says what it should not."""


# ---------------------------------------------------------------- numbers and messages


def varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def take_varint(data, at=0):
    number, shift = 0, 0
    while True:
        number |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return number, at


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def fields(data):
    """A list of (number, value): what there is, in its order."""
    at, out = 0, []
    while at < len(data):
        tag, at = take_varint(data, at)
        value, at = take_varint(data, at)
        if tag & 7 == 2:
            if at + value > len(data):
                raise Broken("a message ends early")
            data_of, at = data[at:at + value], at + value
            out.append((tag >> 3, data_of))
        else:
            out.append((tag >> 3, value))
    return out


def message(kind, key=b"", record=None, providers=(), closer=()):
    """record: (key, value); peers: (id, [addresses])."""
    out = (field(1, kind) if kind else b"") + (field(2, key) if key else b"")
    if record:
        out += field(3, field(1, record[0]) + field(2, record[1]))
    for number, peers in ((8, closer), (9, providers)):
        for peer, addresses in peers:
            out += field(number, field(1, peer) + b"".join(field(2, address) for address in addresses))
    return out


class Answer:
    def __init__(self, data):
        self.kind, self.key, self.value, self.closer, self.providers = 0, b"", None, [], []
        for number, value in fields(data):
            if number == 1:
                self.kind = value
            elif number == 2:
                self.key = value
            elif number == 3:
                self.value = dict(fields(value)).get(2)
            elif number in (8, 9):
                inner = fields(value)
                peer = (dict(inner)[1], [v for n, v in inner if n == 2])
                (self.closer if number == 8 else self.providers).append(peer)


def multiaddr(host, port):
    return b"\x04" + socket.inet_aton(host) + b"\x06" + struct.pack(">H", port)


BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def base58(data):
    number, out = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        out = BASE58[digit] + out
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + out


def unbase58(text):
    number = 0
    for letter in text:
        number = number * 58 + BASE58.index(letter)
    out = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return b"\0" * (len(text) - len(text.lstrip("1"))) + out


def place(peer):
    """Where a peer id, a multihash or a record's key stands in the key space."""
    return int.from_bytes(hashlib.sha256(peer).digest(), "big")


# ---------------------------------------------------------------- who one is


class Identity:
    KINDS = {"rsa": 0, "ed25519": 1, "secp256k1": 2, "ecdsa": 3}

    def __init__(self, kind="ed25519"):
        self.kind = kind
        if kind == "ed25519":
            self.key = ed25519.Ed25519PrivateKey.generate()
            data = self.key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        elif kind == "secp256k1":
            self.key = ec.generate_private_key(ec.SECP256K1())
            data = self.key.public_key().public_bytes(serialization.Encoding.X962,
                                                      serialization.PublicFormat.CompressedPoint)
        else:
            self.key = (rsa.generate_private_key(65537, 2048) if kind == "rsa"
                        else ec.generate_private_key(ec.SECP256R1()))
            data = self.key.public_key().public_bytes(serialization.Encoding.DER,
                                                      serialization.PublicFormat.SubjectPublicKeyInfo)
        self.public = b"\x08" + bytes([self.KINDS[kind]]) + b"\x12" + varint(len(data)) + data
        self.peer = (b"\0" + bytes([len(self.public)]) + self.public if len(self.public) <= 42
                     else b"\x12\x20" + hashlib.sha256(self.public).digest())
        self.text = base58(self.peer)

    def sign(self, data):
        if self.kind == "ed25519":
            return self.key.sign(data)
        if self.kind == "rsa":
            return self.key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        return self.key.sign(data, ec.ECDSA(hashes.SHA256()))


# ---------------------------------------------------------------- Noise


class Noise:
    """Noise_XX_25519_ChaChaPoly_SHA256, both sides."""

    def __init__(self):
        self.hash = self.chain = b"Noise_XX_25519_ChaChaPoly_SHA256"
        self.key, self.n = None, 0
        self.mix(b"")
        self.ephemeral, self.static = x25519.X25519PrivateKey.generate(), x25519.X25519PrivateKey.generate()

    @staticmethod
    def public(key):
        return key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)

    def mix(self, data):
        self.hash = hashlib.sha256(self.hash + data).digest()

    def two(self, data):
        secret = hmac.new(self.chain, data, "sha256").digest()
        first = hmac.new(secret, b"\1", "sha256").digest()
        return first, hmac.new(secret, first + b"\2", "sha256").digest()

    def agree(self, ours, theirs):
        shared = ours.exchange(x25519.X25519PublicKey.from_public_bytes(theirs))
        self.chain, self.key = self.two(shared)
        self.n = 0

    def seal(self, data):
        out = ChaCha20Poly1305(self.key).encrypt(b"\0\0\0\0" + struct.pack("<Q", self.n), data, self.hash)
        self.n += 1
        self.mix(out)
        return out

    def open(self, data):
        out = ChaCha20Poly1305(self.key).decrypt(b"\0\0\0\0" + struct.pack("<Q", self.n), data, self.hash)
        self.n += 1
        self.mix(data)
        return out


class Seal:
    """One direction of a connection."""

    def __init__(self, key):
        self.cipher, self.n = ChaCha20Poly1305(key), 0

    def nonce(self):
        self.n += 1
        return b"\0\0\0\0" + struct.pack("<Q", self.n - 1)


# ---------------------------------------------------------------- connections and streams


class Stream:
    def __init__(self, connection, number):
        self.connection, self.number = connection, number
        self.data, self.ended, self.was_reset = b"", False, False
        self.window = 262144
        self.changed = connection.changed

    def write(self, data, flags=0):
        self.connection.frame(0, flags, self.number, len(data), data)

    def finish(self):
        self.connection.frame(0, FIN, self.number, 0)

    def reset(self):
        self.connection.frame(0, RST, self.number, 0)

    def take(self, ready, seconds=PATIENCE_S):
        with self.changed:
            done = self.changed.wait_for(
                lambda: ready() or self.ended or self.was_reset or self.connection.ended, seconds)
            if not done or not ready():
                raise Broken("stream %d: %s" % (self.number, "reset" if self.was_reset else "ended" if self.ended else
                                                "the connection ended" if self.connection.ended else "silence"))

    def read(self, size, seconds=PATIENCE_S):
        self.take(lambda: len(self.data) >= size, seconds)
        with self.changed:
            out, self.data = self.data[:size], self.data[size:]
        self.connection.frame(1, 0, self.number, size)
        return out

    def read_sized(self, seconds=PATIENCE_S):
        """What a varint stands before."""
        size = b""
        while not size or size[-1] > 127:
            size += self.read(1, seconds)
        return self.read(take_varint(size)[0], seconds)

    def read_all(self, seconds=PATIENCE_S):
        with self.changed:
            self.changed.wait_for(lambda: self.ended or self.was_reset or self.connection.ended, seconds)
            return self.data

    def token(self):
        return self.read_sized()[:-1].decode()

    def say(self, *tokens):
        self.write(b"".join(varint(len(t) + 1) + t.encode() + b"\n" for t in tokens))

    def ask(self, data, seconds=PATIENCE_S):
        self.write(varint(len(data)) + data)
        return Answer(self.read_sized(seconds))


class Connection:
    def __init__(self, sock, identity, dialled, serve=None, stop_at=None, signer=None, claims=None, silent=False):
        """serve(stream, protocol): in a thread of its own, for each stream that the other side opens. `signer` signs instead of
        the identity; `claims` is the public key that is named. `stop_at`: "noise", "second" or "yamux"."""
        self.socket, self.identity, self.dialled, self.serve = sock, identity, dialled, serve
        self.signer, self.claims = signer or identity, claims or identity.public
        self.changed, self.sending = threading.Condition(), threading.Lock()
        self.streams, self.next, self.ended, self.peer = {}, 1 if dialled else 2, False, None
        self.rest, self.pings = b"", 0
        sock.settimeout(PATIENCE_S)
        if stop_at == "noise":
            return
        self.handshake(stop_at)
        if not stop_at and not silent:
            threading.Thread(target=self.run, daemon=True).start()

    # -- bytes

    def read_raw(self, size):
        while len(self.rest) < size:
            data = self.socket.recv(65536)
            if not data:
                raise Broken("the connection ended")
            self.rest += data
        out, self.rest = self.rest[:size], self.rest[size:]
        return out

    def read_token(self, read):
        size = read(1)
        while size[-1] > 127:
            size += read(1)
        return read(take_varint(size)[0])[:-1].decode()

    def read_message(self):
        return self.read_raw(struct.unpack(">H", self.read_raw(2))[0])

    def write_message(self, data):
        self.socket.sendall(struct.pack(">H", len(data)) + data)

    @staticmethod
    def tokens(*names):
        return b"".join(varint(len(n) + 1) + n.encode() + b"\n" for n in names)

    # -- the handshake

    def payload(self, noise):
        signature = self.signer.sign(b"noise-libp2p-static-key:" + noise.public(noise.static))
        return field(1, self.claims) + field(2, signature) + field(4, field(2, YAMUX.encode()))

    def learn(self, data):
        public = dict(fields(data))[1]
        self.peer = (b"\0" + bytes([len(public)]) + public if len(public) <= 42
                     else b"\x12\x20" + hashlib.sha256(public).digest())

    def handshake(self, stop_at):
        noise = Noise()
        self.socket.sendall(self.tokens(MULTISTREAM, NOISE) if self.dialled else self.tokens(MULTISTREAM))
        if self.read_token(self.read_raw) != MULTISTREAM or self.read_token(self.read_raw) != NOISE:
            raise Broken("no Noise")
        if not self.dialled:
            self.socket.sendall(self.tokens(NOISE))
        if self.dialled:
            ephemeral = noise.public(noise.ephemeral)
            noise.mix(ephemeral)
            noise.mix(b"")
            self.write_message(ephemeral)
            second = self.read_message()
            theirs = second[:32]
            noise.mix(theirs)
            noise.agree(noise.ephemeral, theirs)
            static = noise.open(second[32:80])
            noise.agree(noise.ephemeral, static)
            self.learn(noise.open(second[80:]))
            if stop_at == "second":
                return
            sealed = noise.seal(noise.public(noise.static))
            noise.agree(noise.static, theirs)
            self.write_message(sealed + noise.seal(self.payload(noise)))
        else:
            theirs = self.read_message()
            noise.mix(theirs)
            noise.mix(b"")
            ephemeral = noise.public(noise.ephemeral)
            noise.mix(ephemeral)
            noise.agree(noise.ephemeral, theirs)
            sealed = noise.seal(noise.public(noise.static))
            noise.agree(noise.static, theirs)
            self.write_message(ephemeral + sealed + noise.seal(self.payload(noise)))
            third = self.read_message()
            static = noise.open(third[:48])
            noise.agree(noise.ephemeral, static)
            self.learn(noise.open(third[48:]))
        first, second = noise.two(b"")
        self.out, self.into = (Seal(first), Seal(second)) if self.dialled else (Seal(second), Seal(first))

    # -- yamux

    def raw(self, data):
        """Bytes into the sealed stream."""
        with self.sending:
            for at in range(0, max(len(data), 1), 60000):
                sealed = self.out.cipher.encrypt(self.out.nonce(), data[at:at + 60000], None)
                self.write_message(sealed)

    def frame(self, kind, flags, number, length, data=b""):
        self.raw(struct.pack(">BBHII", 0, kind, flags, number, length) + data)

    def read_plain(self):
        return self.into.cipher.decrypt(self.into.nonce(), self.read_message(), None)

    def run(self):
        plain = b""
        try:
            while True:
                while len(plain) < 12:
                    plain += self.read_plain()
                _, kind, flags, number, length = struct.unpack(">BBHII", plain[:12])
                plain = plain[12:]
                while kind == 0 and len(plain) < length:
                    plain += self.read_plain()
                data, plain = (plain[:length], plain[length:]) if kind == 0 else (b"", plain)
                self.take(kind, flags, number, length, data)
        except (OSError, Broken, ValueError):
            pass
        except Exception as error:  # a tag that does not fit: the test fails by what does not come
            self.error = error
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def take(self, kind, flags, number, length, data):
        if kind == 2:
            if flags & SYN:
                self.frame(2, ACK, 0, length)
            return
        if kind == 3:
            raise Broken("go away")
        with self.changed:
            stream = self.streams.get(number)
            if not stream and flags & SYN:
                stream = self.streams[number] = Stream(self, number)
                threading.Thread(target=self.answer, args=(stream,), daemon=True).start()
            if stream:
                stream.data += data
                stream.ended |= bool(flags & FIN)
                stream.was_reset |= bool(flags & RST)
                stream.window += length if kind == 1 else 0
            self.changed.notify_all()

    def answer(self, stream):
        try:
            self.frame(1, ACK, stream.number, 0)
            if stream.token() != MULTISTREAM:
                return
            stream.say(MULTISTREAM)
            while True:
                protocol = stream.token()
                if self.serve and self.serve(stream, protocol) is not False:
                    return
                stream.say("na")
        except (Broken, OSError):
            pass

    def open(self, protocol=None):
        with self.changed:
            number, self.next = self.next, self.next + 2
            stream = self.streams[number] = Stream(self, number)
        self.frame(1, SYN, number, 0)
        if protocol:
            stream.say(MULTISTREAM, protocol)
            if stream.token() != MULTISTREAM or stream.token() != protocol:
                raise Broken("it does not speak " + protocol)
        return stream

    def ask(self, data, protocol=KAD, seconds=PATIENCE_S):
        stream = self.open(protocol)
        answer = stream.ask(data, seconds)
        stream.finish()
        return answer

    def close(self):
        shut(self.socket)


def shut(sock):
    """Ends it although a thread waits in it."""
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    sock.close()


def dial(host, port, identity=None, **more):
    sock = socket.create_connection((host, port), timeout=PATIENCE_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Connection(sock, identity or Identity(), True, **more)


# ---------------------------------------------------------------- a server


def identify_message(identity, host, port, protocols):
    return (field(1, identity.public) + field(2, multiaddr(host, port)) +
            b"".join(field(3, name.encode()) for name in protocols) + field(5, b"test/1.0.0") + field(6, b"p2p.py"))


class Listener:
    """A peer that others can dial. `on_request(answer, stream)`: what a request brings about; returns the bytes of the answer,
    or None when it has done what it wanted to the stream."""

    def __init__(self, host, port, identity=None, on_request=None, **more):
        self.identity, self.host, self.on_request, self.more = identity or Identity(), host, on_request, more
        self.listening = socket.create_server((host, port))
        self.port = self.listening.getsockname()[1]
        self.address = "/ip4/%s/tcp/%d/p2p/%s" % (host, self.port, self.identity.text)
        self.connections, self.requests, self.dialled = [], [], 0
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                sock, _ = self.listening.accept()
            except OSError:
                return
            self.dialled += 1
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.take, args=(sock,), daemon=True).start()

    def take(self, sock):
        try:
            self.connections.append(Connection(sock, self.identity, False, serve=self.serve, **self.more))
        except (Broken, OSError, Exception):  # whoever dials may leave when it likes
            sock.close()

    def dial(self, host, port):
        """With the same identity, and served the same."""
        connection = dial(host, port, self.identity, serve=self.serve)
        self.connections.append(connection)
        return connection

    def serve(self, stream, protocol):
        if protocol not in (IDENTIFY, PING, KAD, PUSH):
            return False
        stream.say(protocol)
        if protocol == IDENTIFY:
            data = identify_message(self.identity, self.host, self.port, [IDENTIFY, PING, KAD])
            stream.write(varint(len(data)) + data)
            stream.finish()
        elif protocol == PING:
            while True:
                stream.write(stream.read(32))
        elif protocol == KAD:
            while True:
                request = Answer(stream.read_sized())
                self.requests.append(request)
                out = self.on_request(request, stream) if self.on_request else message(request.kind, request.key)
                if out is None:
                    return True
                if request.kind != ADD_PROVIDER:
                    stream.write(varint(len(out)) + out)
        return True

    def close(self):
        shut(self.listening)
        for connection in self.connections:
            connection.close()
