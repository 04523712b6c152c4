#!/usr/bin/python3
# timeout 600
"""kill -9 at random moments during writes, 200 times: the node starts again, and has everything it acknowledged.

Two daemons, each with its own data directory, are killed KILLS / 2 times, one after the other in each. A round is a start,
a look at what earlier rounds were told is stored, writers, and SIGKILL: after a random while of writing, or (each fourth)
at a random moment of the start itself, when files are opened and checked. The writers are

  others   values and announces straight to the UDP port, as remote nodes send them: acknowledged after the commit
  ours     values through the local socket, half of them with `keep`: acknowledged when on disk

Every start walks the whole database, entry by entry (store/lmdb_check.h), so "sound" is that no log tells of damage. The
state file has to name every value put with `keep`, and the node has to count them as its publications.

    test_robust_kill.py [SEED]      the moments of a run that failed; the node's own timing is not in our hand
"""
import hashlib
import http.client
import json
import os
import random
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "interop"))
from krpc import Socket, encode, expand  # noqa: E402
from program import PATIENCE_S, Node, check, eventually, loopback, main  # noqa: E402

KILLS = 200
WRITING_S = 0.12  # longest a round writes
STARTING_S = 0.12  # about what a start takes with sanitizers
AT_ONCE = 8  # datagrams under way
LOOK_BACK = 3  # rounds that are looked at whole after each start; of older ones, some
SOME = 60
KEPT_A_ROUND = 6
NEW_A_ROUND = 250  # then the same again: what a store holds has a ceiling


class UnixHTTP(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=PATIENCE_S)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Told:
    """What was acknowledged, by round: values by key, peers by info-hash, and values that are kept."""

    def __init__(self):
        self.values, self.peers, self.kept = {}, {}, set()
        self.failure = None

    def __len__(self):
        return len(self.values) + len(self.peers)


class Others:
    """A remote node: writes as fast as it is answered."""

    def __init__(self, peer, told, name):
        self.peer, self.told, self.name = peer, told, name
        self.socket = Socket("127.0.0.1")

    def ask(self, method, args):
        return self.socket.request(self.peer, method, args, seconds=PATIENCE_S, tries=PATIENCE_S * 20)

    def write(self, stop):
        under_way, number = {}, 0
        try:
            token = self.ask("get", {"target": os.urandom(20)})["token"]
            while not stop.is_set():
                while len(under_way) < AT_ONCE:
                    tid = number.to_bytes(4, "big")
                    under_way[tid] = self.send(tid, token, number)
                    number += 1
                message, _ = self.socket.receive(0.05)
                if message is not None and message.get("y") == b"r" and message["t"] in under_way:
                    what, key, value = under_way.pop(message["t"])
                    getattr(self.told, what).setdefault(key, value)
        except ConnectionError:
            pass  # killed
        finally:
            self.socket.close()

    def send(self, tid, token, number):
        number %= NEW_A_ROUND
        args = {"id": self.socket.id, "token": token}
        if number % 4 == 3:
            what, key, value, method = "peers", hashlib.sha1(b"%s%d" % (self.name, number)).digest(), number % 60000 + 1, "announce_peer"
            args.update(info_hash=key, port=value)
        else:
            what, value, method = "values", b"%s, %d" % (self.name, number), "put"
            key = hashlib.sha1(encode(value)).digest()
            args.update(v=value)
        self.socket.send(self.peer, {"t": tid, "y": "q", "q": method, "a": args})
        return what, key, value


def write_ours(path, told, name, stop):
    client = UnixHTTP(path)
    number = 0
    try:
        while not stop.is_set():
            value = b"%s, ours %d" % (name, number)
            keep = number % 2 == 0 and len(told.kept) < KEPT_A_ROUND
            number += 1
            client.request("POST", "/api/dht/put", json.dumps({"value": value.decode(), "keep": keep}))
            answer = client.getresponse()
            text = answer.read()
            if answer.status != 200:
                told.failure = "a put through the API: %d %r" % (answer.status, text)
                return
            told.values[hashlib.sha1(encode(value)).digest()] = value
            if keep:
                told.kept.add(value)
    except (OSError, http.client.HTTPException):
        pass  # killed
    finally:
        client.close()


def look(peer, keys, what):
    """Every key of `keys` is there with its value; datagrams that are lost are sent again."""
    me = Socket("127.0.0.1")
    waiting, under_way, deadline = dict(keys), {}, time.monotonic() + PATIENCE_S
    try:
        while waiting:
            check(time.monotonic() < deadline, len(waiting), "lookups without an answer")
            for key in waiting:
                if len(under_way) >= 4 * AT_ONCE:
                    break
                if key not in under_way:
                    under_way[key] = True
                    method, field = ("get", "target") if what == "values" else ("get_peers", "info_hash")
                    me.send(peer, {"t": key[:16], "y": "q", "q": method, "a": {"id": me.id, field: key}})
            message, _ = me.receive(0.3)
            if message is None:
                under_way.clear()
                continue
            key = next((k for k in under_way if k[:16] == message.get("t")), None)
            if key is None:
                continue
            answer, wanted = message.get("r", {}), waiting.pop(key)
            under_way.pop(key)
            if what == "values":
                check(answer.get("v") == wanted, "acknowledged and lost:", wanted, "found", answer.get("v"))
            else:
                found = [expand(peer)[1] for peer in answer.get("values", [])]
                check(wanted in found, "an announce that was acknowledged is lost: port", wanted, "found", found)
    finally:
        me.close()


class Group:
    """One data directory and all the daemons that used it."""

    def __init__(self, folder, name, seed):
        self.folder, self.name, self.seed = folder, name, seed
        self.random = random.Random(seed)
        self.at = loopback()
        host, port = self.at.split(":")
        self.peer = (host, int(port))
        self.rounds, self.n_in_start, self.failure = [], 0, None

    def start(self):
        return Node(self.folder, self.name, "--listen", self.at)

    def await_up(self, node):
        """Its UDP port and its local socket answer."""
        def up():
            check(node.process.poll() is None, "it does not start:", open(node.log).read()[-2000:])
            try:
                client = UnixHTTP(node.socket)
                client.request("GET", "/api/node")
                return json.loads(client.getresponse().read())
            except (OSError, http.client.HTTPException):
                time.sleep(0.005)
                return None

        return eventually("the node answers", up)

    def look_at(self, rounds):
        for what in ("values", "peers"):
            older = [item for told in rounds[:-LOOK_BACK] for item in getattr(told, what).items()]
            some = dict(self.random.sample(older, min(SOME, len(older))))
            for told in rounds[-LOOK_BACK:]:
                some.update(getattr(told, what))
            look(self.peer, some, what)

    def look_at_kept(self, node):
        path = os.path.join(node.data, "mainline.state") # there is none before the first is kept
        state = open(path, "rb").read() if os.path.exists(path) else b""
        for told in self.rounds:
            for value in told.kept:
                check(value in state, "kept, acknowledged, and not in the state file:", value)

    def write(self, node, told):
        stop = threading.Event()
        name = b"%s round %d" % (self.name.encode(), len(self.rounds))
        others = Others(self.peer, told, name)
        writers = [threading.Thread(target=others.write, args=(stop,)),
                   threading.Thread(target=write_ours, args=(node.socket, told, name, stop))]
        for writer in writers:
            writer.start()
        eventually("something is acknowledged", lambda: len(told) > 0)
        time.sleep(self.random.random() * WRITING_S)
        node.process.kill()  # in the middle of whatever it does
        node.process.wait()
        stop.set()
        for writer in writers:
            writer.join()
        check(told.failure is None, told.failure)

    def run(self, kills):
        try:
            for i in range(kills):
                node = self.start()
                if i % 4 == 3:
                    time.sleep(self.random.random() * STARTING_S)
                    node.process.kill()
                    node.process.wait()
                    self.n_in_start += 1
                    continue
                self.await_up(node)
                if self.rounds:
                    self.look_at_kept(node)
                self.look_at(self.rounds)
                told = Told()
                self.write(node, told)
                self.rounds.append(told)
            self.finish()
        except BaseException as error:  # for the main thread
            self.failure = error

    def finish(self):
        """The last start: everything is looked at, and a graceful end still works."""
        node = self.start()
        self.await_up(node)
        for what in ("values", "peers"):
            look(self.peer, {key: value for told in self.rounds for key, value in getattr(told, what).items()}, what)
        self.look_at_kept(node)
        check(node.stop() == 0, "it ends gracefully")
        with open(node.log, errors="replace") as file:
            log = file.read()
        for word in ("damaged", "_failed", "not_saved", "not_kept", "left_out", "Sanitizer", "runtime error", "level=error"):
            check(word not in log, "the log says", word, log[-3000:])


def test(folder):
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else random.SystemRandom().randrange(2**32)
    print("seed", seed, flush=True)
    groups = [Group(folder, name, seed + i) for i, name in enumerate(("a", "b"))]
    threads = [threading.Thread(target=group.run, args=(KILLS // len(groups),)) for group in groups]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for group in groups:
        if group.failure:
            raise group.failure
    rounds = [told for group in groups for told in group.rounds]
    print("%d kills, %d of them at the start; acknowledged and found again: %d values and %d announces of others and ours, "
          "%d kept" % (KILLS, sum(group.n_in_start for group in groups), sum(len(told.values) for told in rounds),
                       sum(len(told.peers) for told in rounds), sum(len(told.kept) for told in rounds)))
    check(sum(len(told.kept) for told in rounds) >= KILLS // 4, "too little was put to prove anything")


main(test)
