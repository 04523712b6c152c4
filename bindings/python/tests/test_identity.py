#!/usr/bin/python3
# release
"""Identity: what it says is recomputed with hashlib; texts, puzzles and signatures as the C interface has them."""
import hashlib
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from kad import Identity  # noqa: E402

SAMPLE = "id1xv7empyzlwuvlshs2vlf9eruf72jeesr8yxrrd3esusj75qsr6jqj6dv3p"
SAMPLE_KEY = "333d9d8482fbb8cfc2f0533e92e47c4f952ce603390c31b63987212f50101ea4"


class Identities(unittest.TestCase):
    def test_a_seed_is_the_standards(self):
        """RFC 8032, section 7.1, test 1."""
        one = Identity.from_seed(bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
        self.assertEqual(one.public_key.hex(), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
        self.assertEqual(one.id, hashlib.sha256(one.public_key).digest())
        self.assertTrue(one.is_valid)
        again = Identity.from_seed(one.seed)
        self.assertEqual({one: 1}[again], 1)

    def test_text(self):
        other = Identity.parse(SAMPLE)
        self.assertEqual((other.public_key.hex(), str(other), other.seed), (SAMPLE_KEY, SAMPLE, None))
        for text, why in ((SAMPLE[:10] + ("q" if SAMPLE[10] != "q" else "p") + SAMPLE[11:], "character 11,"), ("", "begins with id1"),
                          (SAMPLE.upper(), "lower case"), (SAMPLE + "\0", "one word"), (SAMPLE[:30], "61 characters")):
            with self.assertRaisesRegex(ValueError, why):
                Identity.parse(text)

    def test_a_puzzle(self):
        tries = []
        one = Identity.create(bits=12, progress=tries.append)
        hashed = hashlib.sha256(one.id).digest()
        self.assertEqual(256 - int.from_bytes(hashed, "big").bit_length(), one.puzzle_bits)
        self.assertGreaterEqual(one.puzzle_bits, 12)
        self.assertEqual(tries, sorted(tries))
        self.assertNotEqual(Identity.create(), Identity.create())
        self.assertIsNone(Identity.create(bits=32, progress=lambda n: False))

    def test_signatures(self):
        alice, bob = Identity.create(), Identity.create()
        signature = alice.sign("app chat", b"hello")
        public = Identity(alice.public_key)
        self.assertTrue(public.verify("app chat", b"hello", signature))
        self.assertFalse(public.verify("app mail", b"hello", signature))
        self.assertFalse(public.verify("app chat", b"hallo", signature))
        self.assertFalse(bob.verify("app chat", b"hello", signature))
        self.assertFalse(public.verify("app chat", b"hello", signature[:-1]))
        self.assertTrue(public.verify("app chat", b"", alice.sign("app chat", b"")))
        for bad in (lambda: public.sign("app chat", b""), lambda: alice.sign("", b""), lambda: alice.sign("x" * 33, b""),
                    lambda: alice.sign("app chat", bytes(4097)), lambda: Identity(b"short"), lambda: Identity.from_seed(b"short")):
            self.assertRaises(ValueError, bad)


if __name__ == "__main__":
    unittest.main()
