"""harness - what the interop tests share: a world of their own, nodes in it, and an end to it.

  main(test, limit_s)  runs the test in new network, mount and PID namespaces and ends it after
                       limit_s. Whatever happens, killing the namespace's first process takes
                       every process and interface of the test with it, and no datagram can
                       leave: the namespace has no way out.
  Host                 one more network namespace on a bridge, for clients that must not be on 127/8
  KadNode, KadNet      the program under test: $KAD, or build/dev/kad, or build/kad
  StandIn              with KAD_STANDIN=libtorrent, the same methods on libtorrent's own DHT: shows
                       that a client's settings are right before our node is accused
  Session              a libtorrent session in another process, so that it can live on any Host
  eventually()         polls; the deadline is a bound on hanging, never the property under test

KAD_KEEP=1 keeps the folder with all logs.
"""

import ctypes
import hashlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)

import krpc  # noqa: E402

PYTHON = "/usr/bin/python3"  # Debian's, which has libtorrent; `python3` need not be
STARTED = time.monotonic()


class Failure(Exception):
    """The test has failed; nothing that comes later can change that."""


class NotYet(Exception):
    """Says to eventually() what is still missing."""


def say(text):
    print("%6.1f  %s" % (time.monotonic() - STARTED, text), flush=True)


def expect(condition, text):
    if not condition:
        raise Failure(text)


def eventually(what, check, seconds=60.0, pause=0.25):
    """The first true value of check(). NotYet and a missing answer are waited out; a Failure is not."""
    deadline = time.monotonic() + seconds
    while True:
        why = "it stayed false"
        try:
            result = check()
            if result:
                return result
        except (krpc.NoAnswer, OSError, ValueError, KeyError, NotYet) as error:
            why = "%s: %s" % (type(error).__name__, error)
        if time.monotonic() >= deadline:
            raise Failure("not within %g s: %s (%s)" % (seconds, what, why))
        time.sleep(pause)


# ---------------------------------------------------------------- a world of its own


def _die_with_parent():  # with the thread that started it, so of use outside only, where there is one thread
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def main(test, limit_s):
    """Run test(folder) in a world of its own. Exits 0 or 1."""
    if os.environ.get("KAD_INTEROP_INSIDE"):
        _inside(test)
    folder = tempfile.mkdtemp(prefix="kad-interop-")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    command = ["unshare"] + ([] if os.geteuid() == 0 else ["--user", "--map-root-user"]) + [
        "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
        PYTHON, os.path.abspath(sys.argv[0])] + sys.argv[1:]
    world = subprocess.Popen(command, preexec_fn=_die_with_parent,
                             env=dict(os.environ, KAD_INTEROP_INSIDE=folder))
    try:
        code = world.wait(limit_s)
    except subprocess.TimeoutExpired:
        print("FAILED: still running after %g s" % limit_s, flush=True)
        _show_logs(folder)
        code = 1
    finally:
        world.kill()
        world.wait()
        if os.environ.get("KAD_KEEP"):
            print("logs are in", folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if code else 0)


def _inside(test):
    folder = os.environ["KAD_INTEROP_INSIDE"]
    run("mount", "-t", "tmpfs", "tmpfs", "/run")
    run("ip", "link", "set", "lo", "up")
    krpc.self_check()
    code = 0
    try:
        test(folder)
        say("passed")
    except BaseException as error:  # the report matters more than the kind
        if isinstance(error, (Failure, krpc.NoAnswer, krpc.Malformed)):
            print("FAILED: %s" % error, flush=True)
        else:
            import traceback
            traceback.print_exc()
        _show_logs(folder)
        code = 1
    sys.stdout.flush()
    os._exit(code)  # first process of the PID namespace: the kernel ends all others


def _show_logs(folder, tail=12):
    for top, _, files in os.walk(folder):
        for name in sorted(files):
            if name.endswith(".log"):
                with open(os.path.join(top, name), errors="replace") as file:
                    lines = file.readlines()
                print("--- %s (%d lines)" % (name, len(lines)))
                sys.stdout.writelines("    " + line[:300].rstrip("\n") + "\n" for line in lines[-tail:])
    sys.stdout.flush()


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    expect(done.returncode == 0, "%s: %s" % (" ".join(command), done.stdout))
    return done.stdout


class Bridge:
    """A bridge in the test's own namespace. Hosts hang on it; our nodes use its addresses."""

    def __init__(self, name="br0"):
        self.name = name
        self.hosts = 0
        # An address of its own: else it takes the lowest of its ports', and whoever knew the old one talks to nobody.
        run("ip", "link", "add", name, "address", "02:4b:41:44:00:01", "type", "bridge")
        run("ip", "link", "set", name, "up")

    def address(self, address, prefix):
        run("ip", "addr", "add", "%s/%d" % (address, prefix), "dev", self.name, *(["nodad"] if ":" in address else []))
        return address


class Host:
    """A network namespace with one address, joined to a bridge. Vanishes with the test."""

    def __init__(self, bridge, name, address, prefix=24):
        bridge.hosts += 1
        link = "v%d" % bridge.hosts
        self.name, self.address = name, address
        run("ip", "netns", "add", name)
        run("ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", name)
        run("ip", "link", "set", link, "master", bridge.name, "up")
        run("ip", "-n", name, "addr", "add", "%s/%d" % (address, prefix), "dev", "eth0")
        run("ip", "-n", name, "link", "set", "lo", "up")
        run("ip", "-n", name, "link", "set", "eth0", "up")
        run("ip", "-n", name, "route", "add", "default", "dev", "eth0")  # clients look for a default route


class Process:
    """A child with its standard error (and output, unless `talks`) in folder/name.log."""

    def __init__(self, folder, name, command, host=None, talks=False, env=None):
        self.name, self.log = name, os.path.join(folder, name + ".log")
        if host:
            command = ["ip", "netns", "exec", host.name] + command
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(
                command, stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
                stdout=subprocess.PIPE if talks else log, stderr=log, env=dict(os.environ, **(env or {})))
        self.lock = threading.Lock()
        self.told_to_end = False

    def request(self, **what):
        """One JSON line to a talking child, one back."""
        with self.lock:
            try:
                self.child.stdin.write(json.dumps(what).encode() + b"\n")
                self.child.stdin.flush()
                line = self.child.stdout.readline()
            except BrokenPipeError:
                line = b""
        expect(line, "%s ended (status %s)" % (self.name, self.child.poll()))
        answer = json.loads(line)
        expect("error" not in answer, "%s: %s: %s" % (self.name, what.get("do"), answer.get("error")))
        return answer

    def running(self):
        return self.child.poll() is None

    def terminate(self):
        """One SIGTERM, however often it is called."""
        if self.running() and not self.told_to_end:
            self.child.terminate()
        self.told_to_end = True

    def stop(self, seconds=20):
        """SIGTERM; the exit status. Kills, and says so, what does not end."""
        self.terminate()
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            raise Failure("%s did not end within %g s of SIGTERM" % (self.name, seconds)) from None


# ---------------------------------------------------------------- the program under test


def kad_binary():
    for path in ([os.environ["KAD"]] if os.environ.get("KAD") else
                 [os.path.join(ROOT, "build/dev/kad"), os.path.join(ROOT, "build/kad")]):
        if os.access(path, os.X_OK):
            return path
    raise Failure("no kad binary: build it or name it in $KAD")


class KadNode(Process):
    """`kad node` on one or more addresses, and the commands of the CLI that talk to it."""

    def __init__(self, folder, name, listen, bootstrap=(), more=()):
        self.data = os.path.join(folder, name)
        self.control = os.path.join(self.data, "kad.sock")
        self.peer = listen[0]
        os.makedirs(self.data, exist_ok=True)
        command = [kad_binary(), "node", "--data-dir", self.data]
        for address in listen:
            command += ["--listen", krpc.text(*address)]
        for address in bootstrap:
            command += ["--bootstrap", krpc.text(*address)]
        super().__init__(folder, name, command + list(more))

    def cli(self, *arguments, allow=(0,)):
        command = [kad_binary(), "--node", self.control, "--json"] + [str(a) for a in arguments]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
        if done.returncode not in allow:
            raise Failure("%s: exit %d: %s%s" % (" ".join(command), done.returncode, done.stdout, done.stderr))
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.strip()]
        return lines[-1] if lines else {}

    def put(self, value):
        return self.cli("put", value)["key"]

    def put_mutable(self, seed, value, seq, salt="", cas=None):
        path = os.path.join(self.data, "key-" + seed.hex()[:8])
        with open(path, "w") as file:
            file.write(seed.hex() + "\n")
        os.chmod(path, 0o600)
        more = (["--salt", salt] if salt else []) + (["--cas", cas] if cas is not None else [])
        return self.cli("put", value, "--mutable", "--key-file", path, "--seq", seq, *more)["key"]

    def get(self, key, salt=""):
        """The value's bytes, or None."""
        answer = self.cli("get", key, *(["--salt", salt] if salt else []), allow=(0, 1))
        return bytes.fromhex(answer["value_hex"]) if answer.get("value_hex") is not None else None

    def announce(self, info_hash, port):
        """Returns the port announced."""
        self.cli("announce", info_hash, "--port", port)
        return port

    def peers(self, info_hash):
        return sorted(self.cli("peers", info_hash, allow=(0, 1)).get("peers", []))


class StandIn(Process):
    """libtorrent's DHT behind KadNode's methods."""

    control = None

    def __init__(self, folder, name, listen, bootstrap=()):
        self.peer = listen[0]
        super().__init__(folder, name, [PYTHON, os.path.join(HERE, "libtorrent_session.py")], talks=True)
        self.request(do="start", listen=[krpc.text(*a) for a in listen], bootstrap=[])
        for host, port in bootstrap:  # as ordinary nodes: it keeps bootstrap nodes out of its table
            self.request(do="add_node", host=host, port=port)

    def put(self, value):
        return self.request(do="put", value=value.encode().hex())["key"]

    def put_mutable(self, seed, value, seq, salt="", cas=None):
        return self.request(do="put_mutable", seed=seed.hex(), value=value.encode().hex(), salt=salt)["key"]

    def get(self, key, salt=""):
        value = self.request(do="get", key=key)["value"]
        return None if value is None else bytes.fromhex(value)

    def announce(self, info_hash, port):
        return self.request(do="announce", info_hash=info_hash)["port"]

    def peers(self, info_hash):
        return self.request(do="peers", info_hash=info_hash)["peers"]


def standing_in():
    chosen = os.environ.get("KAD_STANDIN", "")
    expect(chosen in ("", "libtorrent"), "KAD_STANDIN may only be libtorrent")
    return bool(chosen)


class KadNet:
    """Nodes of ours, one a listen list, that have found each other. The first are the bootstraps."""

    def __init__(self, folder, listens, n_bootstraps=2, bootstrap=(), more=(), prefix="kad"):
        self.nodes = []
        for i, listen in enumerate(listens):
            first = [a for listen in listens[:min(i, n_bootstraps)] for a in listen] or list(bootstrap)
            if standing_in():
                node = StandIn(folder, "%s-%d" % (prefix, i), listen, first)
            else:
                node = KadNode(folder, "%s-%d" % (prefix, i), listen, first, more)
            self.nodes.append(node)
            if i < n_bootstraps:
                self.await_answers([node])
        self.await_answers(self.nodes)
        self.bootstraps = [node.peer for node in self.nodes[:n_bootstraps]]
        say("%d %s answer" % (len(self.nodes), "stand-ins (libtorrent)" if standing_in() else "kad nodes"))

    @staticmethod
    def await_answers(nodes):
        """Each answers a ping; learn its id. A node that ended fails at once."""
        for node in nodes:
            family_any = "::1" if ":" in node.peer[0] else "127.0.0.1"
            asker = krpc.Socket(family_any if node.peer[0].startswith(("127.", "::1")) else
                                "::" if ":" in node.peer[0] else "0.0.0.0")

            def answers():
                expect(node.running(), "%s ended with status %s" % (node.name, node.child.poll()))
                return asker.request(node.peer, "ping", seconds=0.5, tries=1)["id"]

            node.id = eventually("%s answers a ping" % node.name, answers, 30, 0.05)
            if node.control:
                eventually("%s has its socket" % node.name, lambda: os.path.exists(node.control), 30, 0.05)
            asker.close()

    def await_tables(self, at_least, asker):
        """Every node names at least this many others when asked around, so lookups can walk."""
        for node in self.nodes:
            eventually("%s knows %d nodes" % (node.name, at_least),
                       lambda: len(known_to(asker, node.peer)) >= min(at_least, len(self.nodes) - 1), 60)

    def stop(self):
        """Graceful stop of all; each must exit 0."""
        for node in self.nodes:
            node.terminate()
        for node in self.nodes:
            status = node.stop()
            expect(status == 0 or standing_in(), "%s exited with %s after SIGTERM" % (node.name, status))


def known_to(asker, peer, probes=8):
    """The nodes that a node names when asked for targets all over the id space."""
    found = set()
    for i in range(probes):
        target = bytes([i * 256 // probes]) + b"\x55" * 19
        answer = asker.request(peer, "find_node", {"target": target}, seconds=2)
        found.update(krpc.nodes_of(answer.get("nodes", b"")))
    return found


def holders(asker, peers, info_hash):
    """Which peers are stored for an info-hash, asking our nodes one by one: {"ip:port"}."""
    found = set()
    for peer in peers:
        try:
            for value in asker.request(peer, "get_peers", {"info_hash": info_hash}, seconds=1).get("values", []):
                found.add(krpc.text(*krpc.expand(value)))
        except krpc.NoAnswer:
            pass
    return found


# ---------------------------------------------------------------- peers and content


class Session(Process):
    """A libtorrent session (libtorrent_session.py) on a host of its own or on loopback."""

    def __init__(self, folder, name, listen, bootstrap, host=None, settings=None):
        super().__init__(folder, name, [PYTHON, os.path.join(HERE, "libtorrent_session.py")], host, talks=True)
        self.request(do="start", listen=[krpc.text(*a) for a in listen],
                     bootstrap=[krpc.text(*a) for a in bootstrap], settings=settings or {})


class Content:
    """Random bytes from a seed and the trackerless torrent of them."""

    def __init__(self, seed, size=1 << 20, piece=1 << 14):
        self.name = "content-%d.bin" % seed
        self.bytes = random.Random(seed).randbytes(size)
        self.pieces = b"".join(hashlib.sha1(self.bytes[i:i + piece]).digest() for i in range(0, size, piece))
        self.piece = piece
        info = {"length": size, "name": self.name, "piece length": piece, "pieces": self.pieces}
        self.torrent = krpc.encode({"info": info})
        self.info_hash = hashlib.sha1(krpc.encode(info)).digest()
        self.magnet = "magnet:?xt=urn:btih:%s&dn=%s" % (self.info_hash.hex(), self.name)

    def write(self, folder):
        """The content and its .torrent, for a seeder. Returns the torrent's path."""
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, self.name), "wb") as file:
            file.write(self.bytes)
        path = os.path.join(folder, self.name + ".torrent")
        with open(path, "wb") as file:
            file.write(self.torrent)
        return path

    def check(self, folder):
        """The sha256 of the whole and the SHA-1 of every piece of what a leecher wrote."""
        with open(os.path.join(folder, self.name), "rb") as file:
            got = file.read()
        expect(len(got) == len(self.bytes), "%s: %d of %d bytes" % (folder, len(got), len(self.bytes)))
        for i in range(0, len(got), self.piece):
            expect(hashlib.sha1(got[i:i + self.piece]).digest() == self.pieces[i // self.piece * 20:][:20],
                   "%s: piece %d is wrong" % (folder, i // self.piece))
        expect(hashlib.sha256(got).digest() == hashlib.sha256(self.bytes).digest(), "%s: sha256" % folder)
        return hashlib.sha256(got).hexdigest()


def free_port(host="127.0.0.1"):
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]
