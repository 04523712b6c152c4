"""noise - is this distinguishable from noise? Statistics of captured datagrams, and what must not stand in them.

  complaints(payloads, flows, secrets)   a list of sentences, empty when nothing was found
      payloads   the UDP payloads
      flows      {anything: [payloads in order]}: what went from one to another
      secrets    {what it is: bytes}: must not be found anywhere
  self_check()   noise passes, and each kind of pattern is found

The limits leave about one false alarm in 10^9 runs to chance.
"""

import collections
import random
import zlib

SIZES = (64, 128, 256, 512, 896, 1200)
OFFSETS = 96     # from the front: all that is masked, and the first of what is sealed
BACK = 32        # from the end
TOO_FAR = 8.0    # standard deviations


def far(observed, expected, deviation):
    return (observed - expected) / deviation > TOO_FAR


def uneven(histogram, n):
    """Chi-square of 256 counts against all alike, in standard deviations."""
    expected = n / 256
    return sum((histogram.get(byte, 0) - expected) ** 2 for byte in range(256)) / expected, 255, 510 ** .5


def complaints(payloads, flows, secrets):
    found = []
    sizes = collections.Counter(map(len, payloads))
    if set(sizes) - set(SIZES):
        found.append("sizes that are not of the six: %s" % sorted(set(sizes) - set(SIZES)))
    whole = b"".join(payloads)
    for what, secret in secrets.items():
        if secret in whole:
            found.append("%s stands in the clear" % what)
    if far(*uneven(collections.Counter(whole), len(whole))):
        found.append("some bytes are more frequent than others")
    # All together at the places that all have, and each size by itself.
    groups = [("any size", min(SIZES), payloads)]
    groups += [("%d bytes" % size, size, [payload for payload in payloads if len(payload) == size]) for size in sorted(sizes)]
    for what, size, of_size in groups:
        if len(of_size) < 1280:  # five of each byte, or chi-square means nothing
            continue
        for offset in list(range(min(OFFSETS, size))) + [-1 - i for i in range(BACK)]:
            if far(*uneven(collections.Counter(payload[offset] for payload in of_size), len(of_size))):
                found.append("of %s, the byte at %d has favourites" % (what, offset))
    # A number that stays, or grows by one, from datagram to datagram of a flow.
    for step in (0, 1):
        for offset in range(32):
            pairs = [(a[offset], b[offset]) for flow in flows.values() for a, b in zip(flow, flow[1:])]
            same = sum((a + step) % 256 == b for a, b in pairs)
            if pairs and far(same, len(pairs) / 256, (len(pairs) / 256) ** .5 + 1):
                found.append("at %d a byte is the one before%s in %d of %d" % (offset, " and one" if step else "", same, len(pairs)))
    seen = {}
    for number, payload in enumerate(payloads):
        for at in range(0, min(len(payload), 128) - 8, 2):
            part = payload[at:at + 8]
            if seen.setdefault(part, number) != number:
                found.append("datagrams %d and %d share 8 bytes at %d" % (seen[part], number, at))
                return found
    # Beneath 2^-10 of chance for real noise of any length.
    if len(zlib.compress(whole, 1)) < len(whole) * 0.998:
        found.append("it can be compressed")
    return found


def self_check():
    chance = random.Random(9)
    good = [chance.randbytes(chance.choice(SIZES)) for _ in range(9000)]

    def spoil(how):
        bad = [bytes(how(i, bytearray(payload))) for i, payload in enumerate(good)]
        return complaints(bad, {0: bad}, {"a name": b"a secret name"})

    def head(i, payload):
        payload[0] = 1 + (chance.random() < .9)
        return payload

    def counter(i, payload):
        payload[8:16] = i.to_bytes(8, "big")
        return payload

    def zeros(i, payload):
        return payload[:-40] + bytes(8) + payload[-32:]

    def named(i, payload):
        return payload[:30] + b"a secret name" + payload[43:] if i == 77 else payload

    def favourite(i, payload):
        if chance.random() < .2:
            payload[40] = 0x80
        return payload

    def longer(i, payload):
        return payload + b"x" if i == 5 else payload

    assert spoil(lambda i, payload: payload) == [], spoil(lambda i, payload: payload)
    for how in (head, counter, zeros, named, favourite, longer):
        assert spoil(how), "%s is not found" % how.__name__


if __name__ == "__main__":
    self_check()
