#!/usr/bin/python3
"""Identities of kad and of npm's @ulixee/crypto are the same: text, key files in PEM, open and sealed, signatures, both ways."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from program import PATIENCE_S, check, kad, main  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
SAMPLE = "id1xv7empyzlwuvlshs2vlf9eruf72jeesr8yxrrd3esusj75qsr6jqj6dv3p"
N = 4  # of each kind
REFUSED = 4


def ulixee(**request):
    done = subprocess.run(["node", os.path.join(HERE, "ulixee_identity.mjs")], input=json.dumps(request).encode(),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE_S)
    check(done.returncode == 0, request, done.stderr.decode())
    return json.loads(done.stdout.decode().splitlines()[-1])


def text():
    shown = kad("--json", "id", "show", SAMPLE).json
    check(ulixee(do="bytes", identity=SAMPLE)["hex"] == shown["public_key"], shown)
    wrong = SAMPLE[:30] + ("q" if SAMPLE[30] != "q" else "p") + SAMPLE[31:]
    check("refused" in ulixee(do="bytes", identity=wrong), "ulixee takes a mistyped one")


def theirs_with_us(folder):
    for i in range(N):
        made = ulixee(do="create")
        path = os.path.join(folder, "theirs%d" % i)
        taken = kad("--json", "id", "import", "-", "--file", path, stdin=made["pem"].encode()).json
        check(taken["identity"] == made["identity"], taken, made)
        check(kad("id", "export", path).out.decode() == made["pem"], "another PEM")


def ours_with_them(folder):
    for i in range(N):
        path = os.path.join(folder, "ours%d" % i)
        made = kad("--json", "id", "new", "--bits", "4", "--file", path).json
        pem = kad("id", "export", path).out.decode()
        check(ulixee(do="load", pem=pem)["identity"] == made["identity"], made)
        check(ulixee(do="bytes", identity=made["identity"])["hex"] == made["public_key"], made)


def sealed(folder):
    word, path = {"KAD_PASSPHRASE": "correct horse"}, os.path.join(folder, "sealed")
    made = kad("--json", "id", "new", "--bits", "0", "--file", path, env=word).json
    pem = kad("id", "export", path, env=word).out.decode()
    theirs = ulixee(do="load", pem=pem, passphrase="correct horse")
    check(theirs["identity"] == made["identity"] and "ENCRYPTED" in theirs["pem"], theirs)
    again = kad("--json", "id", "import", "-", "--file", path + "2", stdin=theirs["pem"].encode(), env=word).json
    check(again["identity"] == made["identity"] and again["sealed"], again)
    kad("id", "import", "-", "--file", path + "3", stdin=theirs["pem"].encode(), env={"KAD_PASSPHRASE": "wrong"}, expect=REFUSED)


def signatures(folder):
    """Theirs verifies ours: the only signature that the command line makes is that of a move. What theirs signs is 32 bytes long, always;
    src/crypto/identity_test.c has one of these."""
    path = os.path.join(folder, "moving")
    first = kad("--json", "id", "new", "--bits", "0", "--file", path).json
    moved = kad("--json", "id", "rotate", path, "--bits", "0").json
    statement = bytes.fromhex(moved["statement"])
    for message, who, good in ((b"kad/1 move\0" + statement[:72], first, True), (b"kad/1 mova\0" + statement[:72], first, False),
                               (b"kad/1 move\0" + statement[:72], moved, False)):
        answer = ulixee(do="verify", identity=who["identity"], message=message.hex(), signature=statement[72:].hex())
        check(answer["good"] is good, message, who, answer)


def test(folder):
    text()
    theirs_with_us(folder)
    ours_with_them(folder)
    sealed(folder)
    signatures(folder)


main(test)
