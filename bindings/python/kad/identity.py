"""Who somebody is in kad's own network: an Ed25519 key pair, its place, its text, its signature (include/kad/identity.h)."""

import ctypes
import os

from . import _native as c
from ._native import lib

PUZZLE_BITS = 16
_SLICE = 500  # keys between two looks at what the caller wants: some 7 ms


class Identity:
    """A public key, and its secret seed if it is ours.

    Identity.create() makes one, Identity.from_seed() has one again, Identity.parse() is somebody else's, from his text. The text
    ("id1...") stands for the public key alone; two identities are equal when these are.
    """

    def __init__(self, public_key, _key_pair=None):
        self.public_key = bytes(public_key)
        if len(self.public_key) != 32:
            raise ValueError("a public key has 32 bytes")
        self._key_pair = _key_pair

    @classmethod
    def create(cls, bits=0, progress=None):
        """A new one whose puzzle has so many bits: PUZZLE_BITS for kad's own network, a second or so; 0 takes the first.
        `progress(n_tries)` is called many times a second; if it returns False, the search ends and None is returned."""
        if not 0 <= bits <= 32:
            raise ValueError("a puzzle has 0 to 32 bits")
        search = c.IdentitySearch()
        lib.kad_identity_search_init(ctypes.byref(search), None, bits)
        try:
            while not lib.kad_identity_try(ctypes.byref(search), _SLICE):
                if progress is not None and progress(search.n_tries) is False:
                    return None
            return cls.from_seed(bytes(search.identity.secret)[:32])
        finally:
            lib.kad_identity_search_wipe(ctypes.byref(search))

    @classmethod
    def from_seed(cls, seed):
        """The key pair of 32 secret bytes."""
        if len(seed) != 32:
            raise ValueError("a seed has 32 bytes")
        pair = c.IdentityPair()
        lib.kad_identity_from_seed(ctypes.byref(pair), bytes(seed))
        return cls(bytes(pair.public_key), pair)

    @classmethod
    def parse(cls, text):
        """Of "id1..."; ValueError says what is mistyped, and where if that can be told."""
        key = ctypes.create_string_buffer(32)
        data = os.fsencode(text)
        if b"\0" in data or lib.kad_identity_parse(data, key) != 0:
            why = ctypes.create_string_buffer(200)
            lib.kad_identity_why(data.split(b"\0")[0], why, len(why))
            raise ValueError(why.value.decode() or "an identity is one word")
        return cls(key.raw)

    def __str__(self):
        text = ctypes.create_string_buffer(62)
        lib.kad_identity_format(self.public_key, text)
        return text.value.decode()

    def __repr__(self):
        return "<Identity %s>" % self

    def __eq__(self, other):
        return isinstance(other, Identity) and self.public_key == other.public_key

    def __hash__(self):
        return hash(self.public_key)

    @property
    def id(self):
        """Its place in the network: 32 bytes."""
        return bytes(lib.kad_identity_id(self.public_key).bytes)

    @property
    def puzzle_bits(self):
        return lib.kad_identity_bits(self.public_key)

    @property
    def is_valid(self):
        """Whether it can be anybody's key at all."""
        return lib.kad_identity_valid(self.public_key)

    @property
    def seed(self):
        """The secret; None when it is somebody else's."""
        return bytes(self._key_pair.secret)[:32] if self._key_pair else None

    def sign(self, purpose, data):
        """64 bytes, over "kad/1 PURPOSE", a zero byte and the data (at most 4,096 bytes). A program's own purposes begin with "app "."""
        if self._key_pair is None:
            raise ValueError("the secret of this identity is not ours")
        signature = ctypes.create_string_buffer(64)
        if lib.kad_identity_sign(ctypes.byref(self._key_pair), _purpose(purpose), _bytes(data), signature) != 0:
            raise ValueError("more than 4096 bytes; sign a hash of them")
        return signature.raw

    def verify(self, purpose, data, signature):
        """Whether it signed this data for this purpose."""
        return len(signature) == 64 and lib.kad_identity_verify(self.public_key, _purpose(purpose), _bytes(data), bytes(signature))


def _purpose(text):
    data = text.encode()
    if not 1 <= len(data) <= 32 or b"\0" in data:
        raise ValueError("a purpose has 1 to 32 characters")
    return data


def _bytes(data):
    data = bytes(data)
    buffer = ctypes.create_string_buffer(data, len(data))
    value = c.Bytes(ctypes.cast(buffer, ctypes.c_void_p), len(data))
    value._keep = buffer  # lives as long as what points to it
    return value


if lib.kad_identity_start() != 0:
    raise ImportError("libsodium does not start")
