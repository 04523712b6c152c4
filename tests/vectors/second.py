#!/usr/bin/python3
"""second - kad's own network a second time, from docs/protocol.md alone: identities, names, records, receipts, messages.

    second.py check FOLDER     computes every vector of FOLDER/*.json again

Nothing here is fast, and nothing comes from src/. Needs python3-nacl.
"""
import hashlib
import json
import os
import struct
import sys

from nacl import bindings

FOR_GOOD = 2 ** 64 - 1
VALUE_MAX = 896

CLASSES = {"immutable": 1, "plain": 1, "mutable": 2, "peer": 3, "room": 4, "domain": 5, "listing": 6, "msg": 7, "provider": 8}
HOUR = 3600 * 1000
LIVES = {1: 168 * HOUR, 2: 24 * HOUR, 3: HOUR, 4: 24 * HOUR, 5: None, 6: 168 * HOUR, 7: HOUR, 8: 12 * HOUR}
MANY = {7, 8}
PLAIN = {"plain"}


class Wrong(Exception):
    """What came does not say what it should."""


def add_class(name, number, life, many=False, plain=False):
    """A program's own class."""
    CLASSES[name] = number
    LIVES[number] = life
    if many:
        MANY.add(number)
    if plain:
        PLAIN.add(name)


def h(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def purpose(text):
    return b"kad/1 " + text.encode() + b"\0"


def u(width, number):
    return number.to_bytes(width, "big")


def key_pair(seed):
    """(public key, what signs)"""
    return bindings.crypto_sign_seed_keypair(seed)


def public_key(seed):
    return key_pair(seed)[0]


def sign(seed, data):
    return bindings.crypto_sign(data, key_pair(seed)[1])[:64]


def verify(key, data, signature):
    try:
        bindings.crypto_sign_open(signature + data, key)
    except Exception:  # PyNaCl's own, of one kind
        return False
    return True


# -- Identities ---------------------------------------------------------------------------------------------------

BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def _polymod(values):
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1ffffff) << 5 ^ value
        for i, generator in enumerate((0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3)):
            if top >> i & 1:
                check ^= generator
    return check


def _expanded(prefix):
    return [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]


def identity_text(key):
    number = int.from_bytes(key, "big") << 4  # 256 bits in 52 groups of five
    groups = [number >> 5 * (51 - i) & 31 for i in range(52)]
    check = _polymod(_expanded("id") + groups + [0] * 6) ^ 0x2bc830a3
    groups += [check >> 5 * (5 - i) & 31 for i in range(6)]
    return "id1" + "".join(BECH32[group] for group in groups)


def identity_of_text(text):
    groups = [BECH32.find(c) for c in text[3:]]
    if not text.startswith("id1") or len(groups) != 58 or -1 in groups or _polymod(_expanded("id") + groups) != 0x2bc830a3:
        raise Wrong("no identity: " + text)
    number = 0
    for group in groups[:52]:
        number = number << 5 | group
    if number & 15:
        raise Wrong("bits behind the key")
    return u(32, number >> 4)


def node_id(key):
    return h(key)


def puzzle_bits(key):
    negative = key[:31] + bytes([key[31] ^ 0x80])
    if h(node_id(negative)) < h(node_id(key)):
        return 0
    return 256 - int.from_bytes(h(node_id(key)), "big").bit_length()


# -- Names --------------------------------------------------------------------------------------------------------

def key_of(kind, name):
    return h(purpose("key"), kind.encode(), b"\0", name)


def seal_of(kind, name):
    return h(purpose("seal"), kind.encode(), b"\0", name)


def signs_as(kind):
    if kind in ("immutable", "plain"):
        return "content"
    if kind == "msg":
        return "letter"
    return "identity" if kind in ("peer", "provider") or kind in PLAIN else "name"


def signer_of(kind, name, owner, entropy=None):
    """The seed that signs."""
    how = signs_as(kind)
    if how == "content":
        return h(purpose("immutable"), name)
    if how == "letter":
        return h(purpose("letter sign"), entropy)
    if how == "identity":
        return owner
    return h(purpose("name key"), owner, kind.encode(), b"\0", name)


def record_key(kind, name):
    if kind == "immutable":
        return key_of(kind, public_key(signer_of(kind, name, None)))
    return key_of(kind, name)


# -- Values -------------------------------------------------------------------------------------------------------

def _proof_text(kind, name, signer_key):
    return purpose("name-owner") + signer_key + kind.encode() + b"\0" + name


def seal_value(kind, name, owner, signer_key, sequence, value, recipient=None, entropy=None):
    if kind in PLAIN:
        return value
    how = signs_as(kind)
    extra = 48 if how == "letter" else 40
    head = b""
    if how in ("name", "letter"):
        head = public_key(owner) + sign(owner, _proof_text(kind, name, signer_key)) if owner else bytes(96)
    plaintext = head + u(2, len(value)) + value
    plaintext += bytes(-(len(plaintext) + extra) % 64)
    if how == "letter":
        to = bindings.crypto_sign_ed25519_pk_to_curve25519(recipient)
        ephemeral, secret = bindings.crypto_box_seed_keypair(h(purpose("letter box"), entropy))
        nonce = hashlib.blake2b(ephemeral + to, digest_size=24).digest()
        return ephemeral + bindings.crypto_box(plaintext, nonce, to, secret)
    seal = seal_of(kind, name)
    nonce = h(purpose("nonce"), seal, signer_key, u(8, sequence), plaintext)[:24]
    return nonce + bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(plaintext, None, nonce, seal)


def open_value(kind, name, record, recipient=None):
    """(owner's public key or None, value). `recipient` is the seed of who may open a message."""
    check_record(record)
    if record["class"] != CLASSES[kind] or record["key"] != record_key(kind, name):
        raise Wrong("not of this name")
    if record["withdrawn"]:
        raise Wrong("withdrawn")
    how = signs_as(kind)
    owner = record["public_key"] if how == "identity" else None
    value = record["value"]
    if kind not in PLAIN:
        if how == "letter":
            key, secret = key_pair(recipient)
            plaintext = bindings.crypto_box_seal_open(value, bindings.crypto_sign_ed25519_pk_to_curve25519(key),
                                                      bindings.crypto_sign_ed25519_sk_to_curve25519(secret))
        else:
            plaintext = bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(value[24:], None, value[:24], seal_of(kind, name))
        if how in ("name", "letter"):
            head, plaintext = plaintext[:96], plaintext[96:]
            if how == "name" or any(head):
                owner = head[:32]
                if not verify(owner, _proof_text(kind, name, record["public_key"]), head[32:]):
                    raise Wrong("the owner did not say so")
        size = int.from_bytes(plaintext[:2], "big")
        value, rest = plaintext[2:2 + size], plaintext[2 + size:]
        if len(value) != size or any(rest) or len(rest) >= 64:
            raise Wrong("padding")
    if how == "content" and h(value) != name:
        raise Wrong("other content")
    return owner, value


# -- Records ------------------------------------------------------------------------------------------------------

def _covered(record, value_hash):
    return b"".join((purpose("record"), u(1, record["class"]), u(1, record["many"] | record["withdrawn"] << 1), record["key"],
                     u(8, record["sequence"]), u(8, record["made_at"]), u(8, record["valid_until"]), value_hash))


def make_record(kind, name, owner, value, sequence, made_at, valid_until=None, withdrawn=False, recipient=None, entropy=None):
    signer = signer_of(kind, name, owner, entropy)
    number = CLASSES[kind]
    life = LIVES[number]
    record = {
        "class": number, "many": number in MANY, "withdrawn": withdrawn, "key": record_key(kind, name),
        "public_key": public_key(signer), "sequence": sequence, "made_at": made_at,
        "valid_until": valid_until or (FOR_GOOD if life is None else made_at + life), "value": b"",
    }
    if not withdrawn:
        record["value"] = seal_value(kind, name, owner, record["public_key"], sequence, value, recipient, entropy)
    record["signature"] = sign(signer, _covered(record, h(record["value"])))
    check_record(record)
    return record


def check_record(record, ghost=False):
    value_hash = record["value"] if ghost else h(record["value"])
    number, key = record["class"], record["public_key"]
    if number == 0 or len(record["value"]) > VALUE_MAX or (record["withdrawn"] and record["value"] and not ghost):
        raise Wrong("form")
    if max(record["sequence"], record["made_at"]) >= 2 ** 63 - 1 or record["made_at"] >= record["valid_until"]:
        raise Wrong("numbers")
    if number in LIVES:
        life = LIVES[number]
        if record["many"] != (number in MANY):
            raise Wrong("many")
        if life is not None and record["valid_until"] - record["made_at"] > life:
            raise Wrong("lives too long")
    if number == 1 and (record["withdrawn"] or record["sequence"]):
        raise Wrong("content has neither tombstones nor versions")
    if number == 3 and record["key"] != key_of("peer", node_id(key)):
        raise Wrong("somebody else's")
    if number == 1 and record["key"] not in (key_of("immutable", key), key_of("plain", value_hash)):
        raise Wrong("other content")
    if not verify(key, _covered(record, value_hash), record["signature"]):
        raise Wrong("signature")


def digest(record):
    return h(_covered(record, h(record["value"])), record["public_key"])


def ghost_of(record):
    return dict(record, value=h(record["value"]))


def pack_record(record):
    return b"".join((u(1, record["class"]), u(1, record["many"] | record["withdrawn"] << 1), record["key"], record["public_key"],
                     u(8, record["sequence"]), u(8, record["made_at"]), u(8, record["valid_until"]), record["value"],
                     record["signature"]))


def unpack_record(data):
    if len(data) < 154 or data[1] & ~3:
        raise Wrong("record")
    sequence, made_at, valid_until = struct.unpack(">QQQ", data[66:90])
    return {"class": data[0], "many": bool(data[1] & 1), "withdrawn": bool(data[1] & 2), "key": data[2:34],
            "public_key": data[34:66], "sequence": sequence, "made_at": made_at, "valid_until": valid_until,
            "value": data[90:-64], "signature": data[-64:]}


# -- Receipts -----------------------------------------------------------------------------------------------------

def _attested(kind, key, record_digest, at):
    return purpose("attest") + u(1, kind) + key + record_digest + u(8, at)


def make_attest(seed, kind, key, record_digest, at):
    return u(1, kind) + record_digest + u(8, at) + sign(seed, _attested(kind, key, record_digest, at))


def check_attest(holder, key, data):
    kind, record_digest, at = data[0], data[1:33], int.from_bytes(data[33:41], "big")
    if kind not in (1, 2, 3) or not verify(holder, _attested(kind, key, record_digest, at), data[41:]):
        raise Wrong("receipt")
    return kind, record_digest, at


# -- Messages -----------------------------------------------------------------------------------------------------

METHODS = {"PING": 1, "FIND_NODE": 2, "GET": 3, "PUT": 4, "TAKE": 5, "LEAVE": 6}
KINDS = {"query": 0, "reply": 1, "error": 2}
TAGS = {"target": 1, "flags": 2, "class": 3, "prefix": 4, "sequence": 5, "cas": 6, "your_address": 7, "token": 8, "refusal": 9,
        "text": 10, "forget": 11, "attest": 12, "ghost": 13, "records": 14, "from": 15, "contacts": 16,
        "results": 19}
NUMBERS = {"flags": 1, "class": 1, "prefix": 1, "sequence": 8, "cas": 8, "refusal": 1, "from": 4}


def _field(tag, value):
    return u(1, tag) + u(2, len(value)) + value


def encode(kind, method, transaction, fields):
    """fields: numbers, bytes, a text, lists of records (packed), of what to forget, of contacts (public key, endpoint)."""
    out = [u(1, KINDS[kind] << 6 | METHODS.get(method, 0)), transaction]
    for name in sorted(fields, key=TAGS.get):
        value, tag = fields[name], TAGS[name]
        if name in NUMBERS:
            out.append(_field(tag, u(NUMBERS[name], value)))
        elif name == "text":
            out.append(_field(tag, value.encode()))
        elif name == "records":
            out += [_field(tag, record) for record in value]
        elif name == "forget":
            out.append(_field(tag, b"".join(u(1, c) + key + u(8, sequence) for c, key, sequence in value)))
        elif name == "contacts":
            for tag, size in ((16, 6), (17, 18)):
                some = b"".join(key + endpoint for key, endpoint in value if len(endpoint) == size)
                out += [_field(tag, some)] if some else []
        else:
            out.append(_field(tag, value))
    return b"".join(out)


def decode(data):
    """(kind, method, transaction, fields): what encode() takes."""
    kinds = {number: name for name, number in KINDS.items()}
    methods = {number: name for name, number in METHODS.items()}
    names = {number: name for name, number in TAGS.items()}
    if len(data) < 5 or data[0] >> 6 not in kinds:
        raise Wrong("no message")
    fields, at, last = {}, 5, 0
    while at < len(data):
        tag = data[at]
        if tag == 0:
            if any(data[at:]):
                raise Wrong("padding")
            break
        size = int.from_bytes(data[at + 1:at + 3], "big")
        value = data[at + 3:at + 3 + size]
        if at + 3 + size > len(data) or tag < last or (tag == last and tag != 14):
            raise Wrong("fields")
        at, last = at + 3 + size, tag
        if tag in (16, 17):
            each = 38 if tag == 16 else 50
            if size % each:
                raise Wrong("contacts")
            fields.setdefault("contacts", []).extend((value[i:i + 32], value[i + 32:i + each]) for i in range(0, size, each))
        elif tag not in names:
            if tag % 2:
                raise Wrong("a tag that must be known")
        elif names[tag] in NUMBERS:
            if size != NUMBERS[names[tag]]:
                raise Wrong("length")
            fields[names[tag]] = int.from_bytes(value, "big")
        elif tag == 14:
            fields.setdefault("records", []).append(value)
        elif tag == 11:
            if size % 41:
                raise Wrong("forget")
            fields["forget"] = [(value[i], value[i + 1:i + 33], int.from_bytes(value[i + 33:i + 41], "big"))
                                for i in range(0, size, 41)]
        else:
            fields[names[tag]] = value.decode() if tag == 10 else value
    return kinds[data[0] >> 6], methods.get(data[0] & 63), data[1:5], fields


# -- the vectors --------------------------------------------------------------------------------------------------

def same(what, mine, theirs):
    if mine != theirs:
        raise Wrong("%s: %s, not %s" % (what, mine.hex() if isinstance(mine, bytes) else mine,
                                        theirs.hex() if isinstance(theirs, bytes) else theirs))


def raw(vector, *names):
    return [bytes.fromhex(vector[name]) if name in vector else None for name in names]


def check_identity(v):
    seed, key, place = raw(v, "seed", "public_key", "id")
    same("public key", public_key(seed), key)
    same("node id", node_id(key), place)
    same("text", identity_text(key), v["text"])
    same("key of text", identity_of_text(v["text"]), key)
    same("puzzle", puzzle_bits(key), v["puzzle_bits"])


def moved(seed, new_seed, at):
    """What stands in the `peer:` record of who is somebody else now."""
    signed = public_key(seed) + public_key(new_seed) + u(8, at)
    return b"\x01" + signed + sign(seed, purpose("move") + signed) + sign(new_seed, purpose("moved") + signed)


def moved_to(value, owner):
    """Who `owner` is now, by the value of its `peer:` record; None: it tells addresses."""
    if value[:1] != b"\x01":
        return None
    signed = value[1:73]
    if (len(value) != 201 or signed[:32] != owner or not verify(owner, purpose("move") + signed, value[73:137])
            or not verify(signed[32:64], purpose("moved") + signed, value[137:])):
        raise Wrong("a move that is not signed by both")
    return signed[32:64]


def check_move(v):
    seed, new_seed, value = raw(v, "seed", "new_seed", "value")
    same("move", moved(seed, new_seed, v["at"]), value)
    same("moved to", moved_to(value, public_key(seed)), public_key(new_seed))
    same("addresses", moved_to(b"\x04\x7f\0\0\1\x10\x92", public_key(seed)), None)


def check_name(v):
    name, key, seed, signer = raw(v, "name", "key", "seed", "signer")
    same("key of " + v["class"], record_key(v["class"], name), key)
    if signer:
        same("signer of " + v["class"], signer_of(v["class"], name, seed), signer)


def check_one_record(v):
    name, seed, value, entropy, recipient, opener, theirs, their_digest, ghost = raw(
        v, "name", "seed", "value", "entropy", "recipient", "recipient_seed", "record", "digest", "ghost")
    mine = make_record(v["class"], name, seed, value, v["sequence"], v["made_at"], v.get("valid_until"), v["withdrawn"],
                       recipient, entropy)
    same("record of " + v["class"], pack_record(mine), theirs)
    same("read again", unpack_record(theirs), mine)
    same("digest", digest(mine), their_digest)
    same("ghost", pack_record(ghost_of(mine)), ghost)
    check_record(unpack_record(ghost), ghost=True)
    if not v["withdrawn"]:
        owner, found = open_value(v["class"], name, unpack_record(theirs), opener)
        same("value", found, value)
        same("owner", owner, None if signs_as(v["class"]) == "content" else public_key(seed))
    for at in range(0, len(theirs), 7):  # any byte, another record
        broken = bytearray(theirs)
        broken[at] ^= 0x40
        try:
            check_record(unpack_record(bytes(broken)))
        except Wrong:
            continue
        raise Wrong("byte %d of a record may be anything" % at)


def check_one_attest(v):
    seed, key, record_digest, signature = raw(v, "seed", "key", "digest", "signature")
    mine = make_attest(seed, v["kind"], key, record_digest, v.get("at", FOR_GOOD))
    same("signature", mine[41:], signature)
    check_attest(public_key(seed), key, mine)


def _plain_fields(fields):
    """Vectors have bytes in hexadecimal."""
    plain = {}
    for name, value in fields.items():
        if name in NUMBERS or name == "text":
            plain[name] = value
        elif name == "records":
            plain[name] = [bytes.fromhex(record) for record in value]
        elif name == "forget":
            plain[name] = [(one["class"], bytes.fromhex(one["public_key"]), one["sequence"]) for one in value]
        elif name == "contacts":
            plain[name] = [(bytes.fromhex(one["public_key"]), bytes.fromhex(one["endpoint"])) for one in value]
        else:
            plain[name] = bytes.fromhex(value)
    return plain


def check_message(v):
    transaction, theirs = raw(v, "transaction", "bytes")
    fields = _plain_fields(v["fields"])
    same(v["what"], encode(v["kind"], v["method"], transaction, fields), theirs)
    same(v["what"], decode(theirs + bytes(40)), (v["kind"], v["method"], transaction, fields))


CHECKS = {"identities": check_identity, "moves": check_move, "names": check_name, "records": check_one_record, "attests": check_one_attest,
          "messages": check_message}


def check(folder):
    """Returns how many vectors there were."""
    add_class("chess", 9, 6 * HOUR)  # the program's own that vectors_test.c has
    add_class("scores", 10, HOUR, many=True, plain=True)
    n = 0
    for name, one in sorted(CHECKS.items()):
        with open(os.path.join(folder, name + ".json"), encoding="utf-8") as file:
            for i, vector in enumerate(json.load(file)):
                try:
                    one(vector)
                except Wrong as wrong:
                    raise Wrong("%s.json, %d: %s" % (name, i, wrong)) from None
                n += 1
    return n


def main():
    if len(sys.argv) != 3 or sys.argv[1] != "check":
        print(__doc__, file=sys.stderr)
        return 2
    try:
        print("second: %d vectors computed again" % check(sys.argv[2]))
    except Wrong as wrong:
        print("second: " + str(wrong), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
