#!/usr/bin/python3
"""Identities from outside: what `kad id` makes is what the standards say, recomputed here and by openssl; every typo is found; files that
others may read, wrong passphrases and hostile costs are refused, with the exit status that docs/identity.md promises."""
import hashlib
import os
import pty
import re
import select
import signal
import stat
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from program import KAD, PATIENCE_S, Node, check, eventually, kad, loopback, main  # noqa: E402

DONE, NOT_FOUND, USAGE, NO_ANSWER, REFUSED, INTERNAL = range(6)
ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
# Seed 003's, with the key it stands for.
SAMPLE = "id1xv7empyzlwuvlshs2vlf9eruf72jeesr8yxrrd3esusj75qsr6jqj6dv3p"
SAMPLE_KEY = "333d9d8482fbb8cfc2f0533e92e47c4f952ce603390c31b63987212f50101ea4"
# PKCS#8 (RFC 8410) and SubjectPublicKeyInfo of Ed25519, up to the 32 bytes.
PRIVATE = bytes.fromhex("302e020100300506032b657004220420")
PUBLIC = bytes.fromhex("302a300506032b6570032100")


def polymod(values):
    """BIP-173's checksum, written down from the standard a second time."""
    state = 1
    for value in values:
        top = state >> 25
        state = (state & 0x1ffffff) << 5 ^ value
        for i, term in enumerate((0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3)):
            state ^= term if top >> i & 1 else 0
    return state


def bech32m(prefix, data):
    number, n = int.from_bytes(data, "big"), (len(data) * 8 + 4) // 5
    groups = [(number << n * 5 - len(data) * 8) >> 5 * (n - 1 - i) & 31 for i in range(n)]
    head = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    check_sum = polymod(head + groups + [0] * 6) ^ 0x2bc830a3
    return prefix + "1" + "".join(ALPHABET[g] for g in groups + [check_sum >> 5 * (5 - i) & 31 for i in range(6)])


def puzzle_bits(key):
    ours, negative = (hashlib.sha256(hashlib.sha256(key[:31] + bytes([last])).digest()).digest()
                      for last in (key[31], key[31] ^ 0x80))
    return 0 if negative < ours else 256 - int.from_bytes(ours, "big").bit_length()


def openssl(*arguments, stdin=b"", expect=0):
    done = subprocess.run(["openssl"] + list(arguments), input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=PATIENCE_S)
    check(done.returncode == expect, "openssl", arguments, done.returncode, done.stderr)
    return done.stdout


def public_key_of(seed):
    der = openssl("pkey", "-inform", "DER", "-pubout", "-outform", "DER", stdin=PRIVATE + seed)
    check(der.startswith(PUBLIC) and len(der) == 44, der)
    return der[12:]


def seed_in(path):
    return bytes.fromhex(re.search("^seed ([0-9a-f]{64})$", open(path).read(), re.M).group(1))


def as_standards_say(answer):
    """The fields of an identity, each from the public key alone."""
    key = bytes.fromhex(answer["public_key"])
    check(answer["identity"] == bech32m("id", key), answer)
    check(answer["node_id"] == hashlib.sha256(key).hexdigest(), answer)
    check(answer["puzzle_bits"] == puzzle_bits(key), answer)
    return key


def write(path, text, mode=0o600):
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


def made_shown_and_kept(folder):
    path = os.path.join(folder, "one")
    made = kad("--json", "id", "new", "--bits", "10", "--file", path).json
    key = as_standards_say(made)
    check(made["puzzle_bits"] >= 10 and made["tries"] >= 1 and not made["sealed"], made)
    check(stat.S_IMODE(os.stat(path).st_mode) == 0o600, oct(os.stat(path).st_mode))
    check(public_key_of(seed_in(path)) == key, "the seed in the file is not a standard one")
    shown = kad("--json", "id", "show", path).json
    check(all(shown[name] == made[name] for name in ("identity", "node_id", "public_key", "puzzle_bits")), shown)
    text = kad("id", "show", path).out.decode()
    check(made["identity"] in text and made["node_id"] in text and "\033" not in text, text)
    check(kad("--json", "id", "check", path, "--bits", "10").json["good"])
    kad("id", "check", made["identity"], "--bits", "10")

    before = open(path).read()
    check("rotate" in kad("id", "new", "--bits", "0", "--file", path, expect=REFUSED).err)
    check(open(path).read() == before, "it was written over")
    other = kad("--json", "id", "new", "--bits", "0", "--file", os.path.join(folder, "two")).json
    check(other["public_key"] != made["public_key"], "two runs, one identity")
    check(sorted(os.listdir(folder)) == ["one", "two"], "something is left beside the files", os.listdir(folder))

    # Without --file it is the node's own, in its data directory.
    home = {"KAD_DATA_DIR": os.path.join(folder, "data", "here")}
    check(kad("id", "show", expect=NOT_FOUND, env=home))
    made = kad("--json", "id", "new", "--bits", "0", env=home).json
    check(made["file"] == os.path.join(folder, "data", "here", "identity"), made)
    check(kad("--json", "id", "show", env=home).json["identity"] == made["identity"])


def from_entropy(folder):
    """The secret comes from 32 bytes of the kernel's, as strace sees it: never from a clock, a process number or a fixed seed."""
    done = subprocess.run(["strace", "-f", "-e", "trace=getrandom", KAD, "id", "new", "--bits", "0", "--jobs", "1", "--file",
                           os.path.join(folder, "new")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE_S,
                          env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0"))  # which does not work under strace
    check(done.returncode == 0 and re.search(rb", 32, 0\) += 32$", done.stderr, re.M), done.stderr.decode())


def texts_are_checked():
    check(bech32m("id", bytes.fromhex(SAMPLE_KEY)) == SAMPLE, "this test's own Bech32m is wrong")
    shown = kad("--json", "id", "show", SAMPLE).json
    check(shown["public_key"] == SAMPLE_KEY, shown)
    as_standards_say(shown)
    kad("id", "check", SAMPLE, "--bits", str(shown["puzzle_bits"]))
    check("16 are asked for" in kad("id", "check", SAMPLE, expect=REFUSED).err)
    # One wrong character, at every place: refused, and the place is named.
    for at in range(3, len(SAMPLE)):
        wrong = ALPHABET[(ALPHABET.index(SAMPLE[at]) + 1 + at % 31) % 32]
        if wrong == SAMPLE[at]:
            wrong = "q" if SAMPLE[at] != "q" else "p"
        result = kad("--json", "id", "check", SAMPLE[:at] + wrong + SAMPLE[at + 1:], expect=USAGE)
        check('character %d, "%s"' % (at + 1, wrong) in result.json["reason"], at, result.json)
    for text, why in ((SAMPLE.upper(), "lower case"), ("id1" + SAMPLE[3:].upper(), "lower case"),
                      (bech32m("bc", bytes.fromhex(SAMPLE_KEY)), "begins with id1"), (SAMPLE[:-1], "61 characters"),
                      (bech32m("id", bytes(33)), "61 characters"), (SAMPLE[:20] + "b" + SAMPLE[21:], "is in no identity")):
        check(why in kad("id", "check", text, expect=USAGE).err, text, why)
    nobody = bech32m("id", bytes([2]) + bytes(31))
    check("nobody can have this key" in kad("id", "check", nobody, "--bits", "0", expect=REFUSED).err)


def files_are_checked(folder):
    path = os.path.join(folder, "checked")
    kad("id", "new", "--bits", "0", "--file", path)
    good = open(path).read()
    for mode in (0o640, 0o604, 0o620, 0o602, 0o601):
        os.chmod(path, mode)
        for what in ("show", "check", "export", "rotate"):
            check("chmod 600" in kad("id", what, path, expect=REFUSED).err)
    os.chmod(path, 0o400)
    kad("id", "check", path, "--bits", "0")
    os.chmod(path, 0o600)
    kad("id", "check", os.path.join(folder, "nothing"), expect=NOT_FOUND)
    kad("id", "check", folder, expect=USAGE)
    for text in ("", "hello\n", good.replace("seed", "sead"), good + good, good.replace("identity 1", "identity 2"), "x" * 9000):
        check("line" in kad("id", "check", write(path, text), expect=USAGE).err or len(text) == 9000)
    other = "0123456789abcdef" * 4
    check("not this id's" in kad("id", "check", write(path, re.sub("seed .*", "seed " + other, good)), "--bits", "0", expect=REFUSED).err)


def sealed(folder):
    path, secret = os.path.join(folder, "sealed"), write(os.path.join(folder, "passphrase"), "correct horse\nand more\n")
    made = kad("--json", "id", "new", "--bits", "0", "--file", path, "--passphrase-file", secret).json
    check(made["sealed"] and "seed " not in open(path).read(), open(path).read())
    check(kad("--json", "id", "show", path).json["identity"] == made["identity"], "the id is readable without the passphrase")
    check(kad("--json", "id", "check", path, "--bits", "0").json["opened"] is False)
    check(kad("--json", "id", "check", path, "--bits", "0", "--passphrase-file", secret).json["opened"] is True)
    kad("id", "check", path, "--bits", "0", env={"KAD_PASSPHRASE": "correct horse"})
    for wrong in ("battery staple", "correct horse ", "Correct horse"):
        check("passphrase is another" in kad("id", "check", path, "--bits", "0", expect=REFUSED, env={"KAD_PASSPHRASE": wrong}).err)
    os.chmod(secret, 0o644)
    check("chmod 600" in kad("id", "check", path, "--passphrase-file", secret, expect=REFUSED).err)
    kad("id", "check", path, "--passphrase-file", os.path.join(folder, "none"), expect=NOT_FOUND)
    kad("id", "check", path, "--passphrase-file", write(secret, "\n"), expect=USAGE)

    # A file from a stranger does not get 64 GB, nor a week; it is refused at once.
    text = open(path).read()
    check("argon2id 3 65536 " in text, text)
    for costs in ("3 67108864", "3 524289", "1000000 65536", "0 65536", "3 4294967296", "3 -1"):
        began = time.monotonic()
        hostile = write(os.path.join(folder, "hostile"), text.replace("argon2id 3 65536", "argon2id " + costs))
        result = kad("id", "check", hostile, "--bits", "0", expect=USAGE, env={"KAD_PASSPHRASE": "correct horse"})
        check("line 4" in result.err and time.monotonic() - began < PATIENCE_S / 2, costs, result.err)
    # Cheaper ones are another file's: what is sealed was sealed under these.
    changed = write(os.path.join(folder, "hostile"), text.replace("argon2id 3 65536", "argon2id 1 8192"))
    kad("id", "check", changed, "--bits", "0", expect=REFUSED, env={"KAD_PASSPHRASE": "correct horse"})


def on_a_terminal(*arguments, answers=(), until=None):
    """Runs kad on a terminal of its own, answers its questions; the exit status, and all that could be seen."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(KAD, [KAD] + list(arguments))
    seen, answers = "", list(answers)
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                data = os.read(terminal, 4096)
            except OSError:
                break
            if not data:
                break
            seen += data.decode(errors="replace")
        if answers and re.search(answers[0][0], seen):
            os.write(terminal, answers.pop(0)[1])
        if until and until in seen:
            os.kill(pid, signal.SIGINT)
            until = None
    status = os.waitpid(pid, 0)[1]
    os.close(terminal)
    return (os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)), seen


def asked_on_a_terminal(folder):
    path = os.path.join(folder, "asked")
    new = ("id", "new", "--bits", "0", "--file", path, "--passphrase")
    code, seen = on_a_terminal(*new, answers=[("New passphrase: ", b"correct h\x7fhorse\n"), ("again: ", b"correct horse\n")])
    check(code == DONE and "horse" not in seen, code, seen)
    kad("id", "check", path, "--bits", "0", env={"KAD_PASSPHRASE": "correct horse"})
    code, seen = on_a_terminal("id", "export", path, answers=[("Passphrase: ", b"correct horse\n")])
    check(code == DONE and "ENCRYPTED PRIVATE KEY" in seen, code, seen)
    code, seen = on_a_terminal("id", "export", path, answers=[("Passphrase: ", b"wrong\n")])
    check(code == REFUSED and "PRIVATE KEY" not in seen, code, seen)
    os.unlink(path)
    code, seen = on_a_terminal(*new, answers=[("New passphrase: ", b"one\n"), ("again: ", b"two\n")])
    check(code == USAGE and "two different" in seen and not os.path.exists(path), code, seen)
    code, seen = on_a_terminal(*new, answers=[("New passphrase: ", b"one\x03")])
    check(code == USAGE and not os.path.exists(path), "Ctrl-C", code, seen)
    # A long search shows how far it is, and leaves nothing behind when it is ended.
    code, seen = on_a_terminal("id", "new", "--bits", "32", "--jobs", "1", "--file", path, until=" s more")
    check(re.search(r"searching 32 bits: \d+ tries, \d+/s, expected \d+\.\d s more", seen), seen)
    check(code == -signal.SIGINT and not [name for name in os.listdir(folder) if name.startswith("asked")], code, os.listdir(folder))


def through_openssl(folder):
    path, pem = os.path.join(folder, "mine"), os.path.join(folder, "mine.pem")
    made = kad("--json", "id", "new", "--bits", "0", "--file", path).json
    kad("id", "export", path, "--file", pem)
    check(stat.S_IMODE(os.stat(pem).st_mode) == 0o600 and kad("id", "export", path).out == open(pem, "rb").read())
    kad("id", "export", path, "--file", pem, expect=REFUSED)
    check(openssl("pkey", "-in", pem, "-pubout", "-outform", "DER")[12:].hex() == made["public_key"], "openssl reads another key")
    check(openssl("pkey", "-in", pem) == open(pem, "rb").read(), "openssl writes it in another way")

    theirs = os.path.join(folder, "theirs.pem")
    openssl("genpkey", "-algorithm", "ed25519", "-out", theirs)
    key = openssl("pkey", "-in", theirs, "-pubout", "-outform", "DER")[12:]
    taken = kad("--json", "id", "import", theirs, "--file", os.path.join(folder, "taken"))
    check(as_standards_say(taken.json) == key and not taken.json["sealed"], taken.json)
    check(taken.json["puzzle_bits"] >= 16 or "will not take it" in taken.err, taken.err)
    again = kad("--json", "id", "import", "-", "--file", os.path.join(folder, "taken2"), stdin=open(theirs, "rb").read()).json
    check(again["public_key"] == taken.json["public_key"])

    # Under a passphrase, both ways; it stays sealed unless told otherwise.
    word = {"KAD_PASSPHRASE": "correct horse"}
    locked = os.path.join(folder, "locked.pem")
    openssl("pkcs8", "-topk8", "-in", theirs, "-out", locked, "-passout", "pass:correct horse")
    kad("id", "import", locked, "--file", os.path.join(folder, "x"), expect=REFUSED, env={"KAD_PASSPHRASE": "wrong"})
    sealed_path = os.path.join(folder, "locked")
    check(kad("--json", "id", "import", locked, "--file", sealed_path, env=word).json["sealed"])
    out = kad("id", "export", sealed_path, env=word).out
    check(b"ENCRYPTED" in out, out)
    check(openssl("pkey", "-passin", "pass:correct horse", "-pubout", "-outform", "DER", stdin=out)[12:] == key)
    out = kad("id", "export", sealed_path, "--open", env=word).out
    check(openssl("pkey", "-pubout", "-outform", "DER", stdin=out)[12:] == key)

    openssl("genpkey", "-algorithm", "x25519", "-out", theirs)
    for wrong in (theirs, path):
        check("no private Ed25519" in kad("id", "import", wrong, "--file", os.path.join(folder, "y"), expect=USAGE).err)
    kad("id", "import", os.path.join(folder, "none"), "--file", os.path.join(folder, "y"), expect=NOT_FOUND)


def signed_by(key, message, signature, folder):
    """openssl says so."""
    names = [os.path.join(folder, name) for name in ("key.der", "message", "signature")]
    for name, data in zip(names, (PUBLIC + key, message, signature)):
        with open(name, "wb") as file:
            file.write(data)
    done = subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", names[0], "-rawin", "-in", names[1],
                           "-sigfile", names[2]], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE_S)
    return done.returncode == 0


def moved(folder):
    path = os.path.join(folder, "moving")
    first = kad("--json", "id", "new", "--bits", "0", "--file", path).json
    before, began = open(path).read(), time.time()
    second = kad("--json", "id", "rotate", path, "--bits", "6").json
    check(second["was"] == first["identity"] and second["puzzle_bits"] >= 6, second)
    check(second["old_file"] == path + "." + first["identity"][:12] and open(second["old_file"]).read() == before, second)
    check(stat.S_IMODE(os.stat(path).st_mode) == stat.S_IMODE(os.stat(second["old_file"]).st_mode) == 0o600)
    # The statement as docs/identity.md has it, verified by somebody else's Ed25519.
    statement = bytes.fromhex(second["statement"])
    check(len(statement) == 136 and statement[:32].hex() == first["public_key"] and statement[32:64].hex() == second["public_key"])
    check(began - 1 <= int.from_bytes(statement[64:72], "big") / 1000 <= time.time() + 1, statement[64:72])
    check(signed_by(statement[:32], b"kad/1 move\0" + statement[:72], statement[72:], folder), "not signed by the old key")
    check(not signed_by(statement[:32], b"kad/1 mova\0" + statement[:72], statement[72:], folder), "openssl verifies anything")
    third = kad("--json", "id", "rotate", path, "--bits", "0").json
    shown = kad("--json", "id", "show", path).json
    check([move["identity"] for move in shown["moved_from"]] == [first["identity"], second["identity"]], shown)
    check(shown["identity"] == third["identity"] and third["was"] == second["identity"], shown)
    text = open(path).read()
    at = text.index("moved ") + 20
    write(path, text[:at] + ("0" if text[at] != "0" else "1") + text[at + 1:])
    check("not signed by who moved" in kad("id", "show", path, expect=USAGE).err)
    # A sealed one stays sealed, under the same passphrase.
    word, path = {"KAD_PASSPHRASE": "correct horse"}, os.path.join(folder, "moving2")
    kad("id", "new", "--bits", "0", "--file", path, env=word)
    kad("id", "rotate", path, "--bits", "0", expect=REFUSED, env={"KAD_PASSPHRASE": "wrong"})
    kad("id", "rotate", path, "--bits", "0", env=word)
    check(kad("--json", "id", "check", path, "--bits", "0", env=word).json["opened"])


def node(folder, *more):
    """A daemon of the kad network, alone."""
    return Node(folder, "node", "--network", "kad", "--listen", loopback(), "--api", "none", "--metrics", "none", *more)


def who(running):
    """The identity it says it has."""
    def asked():
        check(running.process.poll() is None, "the node ended:", open(running.log).read()[-2000:])
        if not os.path.exists(running.socket):
            return None
        status = running.kad("--json", "status", expect=None)
        return status.json if status.code == DONE else None

    return eventually("the node answers", asked)


def refused(folder, why, *more, env=None):
    """A start that must fail, and say why."""
    result = kad("node", "--data-dir", os.path.join(folder, "node"), "--network", "kad", "--listen", loopback(), "--api", "none",
                 "--metrics", "none", *more, expect=None, env=env)
    check(result.code not in (DONE, None) and why in result.err, why, "is not in", result.code, result.err)


def a_node_has_one(folder):
    # The first start makes it, and says so; the second has it again.
    first = node(folder)
    status = who(first)
    check(status["node_id"] == hashlib.sha256(bytes.fromhex(kad("--json", "id", "show", status["identity"]).json["public_key"])).hexdigest())
    path = os.path.join(folder, "node", "identity")
    kad("id", "check", path)
    check(kad("--json", "id", "show", path).json["identity"] == status["identity"])
    check("event=identity_made id=" + status["identity"] in open(first.log).read(), open(first.log).read())
    # A new one is searched for while it runs; it goes on as it was, and takes the new one with its next start.
    moved_to = kad("--json", "id", "rotate", path).json
    check(moved_to["was"] == status["identity"] and who(first)["identity"] == status["identity"])
    check(first.stop() == 0)
    second = node(folder)
    check(who(second)["identity"] == moved_to["identity"] and who(second)["node_id"] == moved_to["node_id"])
    check(second.stop() == 0)

    # One of another place, sealed. An id may be asked for: that of the key pair, and no other (P066).
    own, secret = os.path.join(folder, "own"), write(os.path.join(folder, "word"), "correct horse\n")
    made = kad("--json", "id", "new", "--file", own, "--passphrase-file", secret).json
    named = node(folder, "--identity", own, "--passphrase-file", secret, "--set", "node_id=" + made["node_id"])
    check(who(named)["node_id"] == made["node_id"] and who(named)["identity"] == made["identity"])
    check(named.stop() == 0)
    check("correct horse" not in open(named.log).read())
    refused(folder, "is not the id of this node's key pair", "--identity", own, "--passphrase-file", secret, "--set", "node_id=" + "ab" * 32)
    refused(folder, "not the hexadecimal digits of an id", "--set", "node_id=" + "ab" * 20)
    refused(folder, "the passphrase is another", "--identity", own, env={"KAD_PASSPHRASE": "wrong"})
    os.chmod(own, 0o640)
    refused(folder, "chmod 600", "--identity", own, "--passphrase-file", secret)
    easy = os.path.join(folder, "easy")
    while kad("--json", "id", "new", "--bits", "0", "--file", easy).json["puzzle_bits"] >= 16:
        os.unlink(easy)
    refused(folder, "the network asks for 16", "--identity", easy)
    refused(folder, "no key file of kad", "--identity", write(easy, "nothing\n"))


def prices():
    """Figures are the machine's; how they hang together is not."""
    answer = kad("--json", "id", "bench", "--quick").json
    check(all(answer["per_s"][name] > 0 for name in ("identities", "sha256", "sign", "verify", "x25519")), answer)
    check([row["puzzle_bits"] for row in answer["prices"]] == [8, 12, 16, 20] and answer["network_bits"] == 16, answer)
    for row in answer["prices"]:
        tries = 2 ** row["puzzle_bits"]
        check(abs(row["honest_s"] * answer["per_s"]["identities"] / tries - 1) < 1e-3, row)
        for attack, n in zip(row["attack"], (1e4, 1e6)):
            check(attack["nodes"] == n, attack)
            check(abs(attack["core_days"] * 86400 * answer["per_s"]["identities"] / (20 * n * tries) - 1) < 1e-3, attack)
            check(attack["core_days_at_best"] < attack["core_days"], attack)
    text = kad("id", "bench", "--quick").out.decode()
    check("Adding points makes such a search 10 to 100 times cheaper" in text, text)


def test(folder):
    for part in (made_shown_and_kept, from_entropy, files_are_checked, sealed, asked_on_a_terminal, through_openssl, moved, a_node_has_one):
        place = os.path.join(folder, part.__name__)
        os.mkdir(place)
        part(place)
    texts_are_checked()
    prices()
    kad("id", "nothing", expect=USAGE)
    kad("id", "show", "a", "b", expect=USAGE)
    kad("id", "new", "--bits", "33", expect=USAGE)
    kad("id", "import", expect=USAGE)


main(test)
