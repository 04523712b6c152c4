"""secure - what the tests of kad's own network share: daemons with identities on a wide-area network.

  SecureNet(folder, n, ...)   n daemons of `--network kad` on a Wan, joined through the first two
  SecureDaemon                one of them: Daemon with its key pair put in place
  main(cases, start, limit_s) runs every case (or those named as arguments) in one world, each whatever became of the others

The identities are mined: number k stands for the seed H("kad test identity k"), whose key solves the puzzle of 16 bits. So
fifty daemons start at once instead of searching for a minute each under a sanitizer. Nobody should use them elsewhere.
"""

import base64
import hashlib
import http.client
import json
import os
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "wan"))

from wan import Daemon, Failure, Wan, eventually, expect, harness, say  # noqa: E402,F401

PORT = 4242
with open(os.path.join(HERE, "identities.txt")) as file:
    MINED = [int(line) for line in file if not line.startswith("#")]
PUZZLE_BITS = 16


def seed_of(i):
    return hashlib.sha256(b"kad test identity %d" % MINED[i]).digest()


def cli(*arguments):
    """A command that asks no node; the object it prints."""
    done = subprocess.run([harness.kad_binary(), "--json"] + list(arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=60)
    expect(done.returncode == 0, "kad %s: %s%s" % (" ".join(arguments), done.stdout, done.stderr))
    return json.loads(done.stdout)


class SecureDaemon(Daemon):
    """`identity`: which of the mined ones, if not that of its host."""

    def __init__(self, wan, i, bootstraps=(), more=(), name=None, identity=None):
        name = name or "kad-%d" % i
        data = os.path.join(wan.folder, name)
        os.makedirs(data, exist_ok=True)
        path = os.path.join(data, "identity")
        if not os.path.exists(path):
            self.write_identity(path, seed_of(i if identity is None else identity))
        shown = cli("id", "show", path)
        self.identity, self.node_id, self.public_key = shown["identity"], shown["node_id"], shown["public_key"]
        super().__init__(wan, i, bootstraps, ["--network", "kad"] + list(more), PORT, name)

    @staticmethod
    def write_identity(path, seed):
        """As PKCS#8, which is a fixed head and the seed, so that kad itself writes the file."""
        pem = path + ".pem"
        with open(pem, "w") as file:
            os.chmod(pem, 0o600)
            der = bytes.fromhex("302e020100300506032b657004220420") + seed
            file.write("-----BEGIN PRIVATE KEY-----\n%s\n-----END PRIVATE KEY-----\n" % base64.b64encode(der).decode())
        cli("id", "import", pem, "--file", path)
        os.unlink(pem)

    @property
    def address(self):
        return "%s:%d" % (self.wan.address(self.i), PORT)

    @property
    def pinned(self):
        return "%s/%s" % (self.address, self.identity)

    def ask(self, *arguments, codes=(0,)):
        """(exit status, the object printed)"""
        command = [harness.kad_binary(), "--node", self.control, "--json"] + [str(a) for a in arguments]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=90)
        expect(codes is None or done.returncode in codes,
               "%s: exit %d: %s%s" % (" ".join(command), done.returncode, done.stdout, done.stderr))
        return done.returncode, json.loads(done.stdout) if done.stdout.startswith("{") else {}

    def post(self, path, **parameters):
        """What commands do not offer: (HTTP status, the object)."""
        connection = http.client.HTTPConnection("node", timeout=90)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(self.control)
        connection.request("POST", path, json.dumps(parameters), {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, json.loads(response.read())

    def put(self, name, value, **more):
        """Puts under class:name; what came of it, with the holders' receipts."""
        return self.post("/api/dht/put", key=name, value=value, **more)[1]

    def get(self, name, *options):
        """The object `kad get` prints, found or not."""
        return self.ask("get", name, *options, codes=(0, 1, 3))[1]

    def ping(self, other):
        """The pong, or None: a datagram may be lost."""
        code, pong = self.ask("ping", other.address, codes=(0, 3))
        return pong if code == 0 else None

    def sessions(self):
        return self.ask("stats")[1]["sessions"]

    def log_has(self, text):
        with open(self.log, errors="replace") as log:
            return any(text in line for line in log)


class SecureNet:
    def __init__(self, folder, n, nat=(), seed=11, capture=False, more=()):
        self.wan = Wan(folder, n, nat=nat, seed=seed)
        self.nodes = []
        if capture:
            self.wan.capture()
        self.join(n, more)

    def join(self, n, more=()):
        """The first two know each other's keys; half of the others come through the open door, half with the key."""
        self.nodes.append(SecureDaemon(self.wan, 0, (), more))
        self.nodes.append(SecureDaemon(self.wan, 1, [self.nodes[0].pinned], more))
        self.nodes[1].await_joined()
        for i in range(2, n):
            firsts = [node.pinned if i % 2 else node.address for node in self.nodes[:2]]
            self.nodes.append(SecureDaemon(self.wan, i, firsts, more))
        for node in self.nodes:
            node.await_joined(8 if n >= 20 else 2)
        say("%d daemons have joined" % n)

    def stop(self):
        for node in self.nodes:
            node.terminate()
        for node in self.nodes:
            status = node.stop()
            expect(status == 0, "%s ended with %s" % (node.name, status))
        self.wan.stop()


def main(cases, start, limit_s):
    """`start(folder)` makes what every case of `cases` is called with."""
    names = sys.argv[1:]

    def test(folder):
        net = start(folder)
        failed = []
        for case in cases:
            if names and case.__name__ not in names:
                continue
            began = time.monotonic()
            try:
                case(net)
                say("%-44s passed in %.1f s" % (case.__name__, time.monotonic() - began))
            except (Failure, AssertionError, KeyError, OSError, ValueError, subprocess.TimeoutExpired) as error:
                failed.append(case.__name__)
                say("%-44s FAILED: %s: %s" % (case.__name__, type(error).__name__, error))
        net.stop()
        expect(not failed, "%d of %d cases failed: %s" % (len(failed), len(cases), ", ".join(failed)))

    harness.main(test, limit_s)
