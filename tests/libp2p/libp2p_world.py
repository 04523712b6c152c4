"""libp2p_world - what the tests of the libp2p network share.

  JsNodes         js-libp2p nodes in one process (js_nodes.mjs); calls may run side by side
  KadPeer         `kad node --network libp2p`, and the commands of the CLI that talk to it
  cid(content)    the content id, version 1 and raw, of some bytes; cid_of() of their SHA-256
  memory(pid)     bytes of memory that are its own

js-libp2p as it comes hides loopback addresses, takes five connections a second from a host, and looks for itself once in five
minutes: js_nodes.mjs sets the first two otherwise, start(query_self_ms) the third.
"""

import base64
import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
sys.path.insert(0, HERE)

import program  # noqa: E402
from p2p import place, unbase58  # noqa: E402,F401
from program import Failure, check, eventually, main  # noqa: E402,F401

PROTOCOL = "/icn/kad/1.0.0"
NODE = os.path.join(HERE, "node_modules", ".bin", "node")


def multihash(content):
    return b"\x12\x20" + hashlib.sha256(content).digest()


def cid_of(sha256):
    return "b" + base64.b32encode(b"\x01\x55\x12\x20" + sha256).decode().lower().rstrip("=")


def cid(content):
    return cid_of(hashlib.sha256(content).digest())


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def memory(pid):
    with open("/proc/%d/status" % pid) as file:
        return int(re.search(r"^RssAnon:\s+(\d+) kB", file.read(), re.M).group(1)) * 1024


class JsNode:
    def __init__(self, all_nodes, answer):
        self.all, self.number, self.peer = all_nodes, answer["node"], answer["peer"]
        self.addresses = answer["addresses"]
        self.address = self.addresses[0] if self.addresses else None

    def send(self, what, **more):
        return self.all.send(what, node=self.number, **more)

    def call(self, what, **more):
        return self.all.call(what, node=self.number, **more)


class JsNodes:
    """One process; its log is folder/NAME.log."""

    def __init__(self, folder, name="js"):
        check(os.access(NODE, os.X_OK), "npm's packages are not there: tools/install-deps test")
        with open(os.path.join(folder, name + ".log"), "ab") as log:
            self.process = subprocess.Popen([NODE, os.path.join(HERE, "js_nodes.mjs")], stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, stderr=log)
        self.lock = threading.Condition()
        self.answers, self.n_calls, self.ended = {}, 0, False
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            with self.lock:
                answer = json.loads(line)
                self.answers[answer.pop("id")] = answer
                self.lock.notify_all()
        with self.lock:
            self.ended = True
            self.lock.notify_all()

    def send(self, what, **more):
        """Starts a call; its number, for answer()."""
        with self.lock:
            self.n_calls += 1
            number = self.n_calls
            self.process.stdin.write(json.dumps(dict(more, id=number, do=what)).encode() + b"\n")
            self.process.stdin.flush()
        return number

    def answer(self, number, seconds=program.PATIENCE_S):
        with self.lock:
            check(self.lock.wait_for(lambda: number in self.answers or self.ended, seconds), "js does not answer")
            check(number in self.answers, "js ended")
            answer = self.answers.pop(number)
        if "error" in answer:
            raise Failure("js: " + answer["error"])
        return answer

    def call(self, what, **more):
        return self.answer(self.send(what, **more))

    def start(self, host="127.0.0.1", port=0, query_self_ms=600000, **more):
        return JsNode(self, self.call("start", protocol=PROTOCOL, listen=["/ip4/%s/tcp/%d" % (host, port)],
                                      querySelf=query_self_ms, **more))

    def look_for_themselves(self, nodes):
        """As each does by itself every five minutes; one after the other, for they share a thread."""
        for node in nodes:
            node.call("closest", key=unbase58(node.peer).hex())

    def stop(self):
        self.process.stdin.close()
        self.process.wait(20)


class KadPeer(program.Node):
    """One daemon, on 127.0.0.1 unless it is told otherwise."""

    def __init__(self, folder, name, *more, bootstrap=(), listen="/ip4/127.0.0.1/tcp/0"):
        self.metrics_port = free_port()
        arguments = ["--network", "libp2p", "--preset", "icn", "--listen", listen, "--api", "none",
                     "--metrics", "127.0.0.1:%d" % self.metrics_port, "--set", "libp2p_accept_per_s=65536"]
        for address in bootstrap:
            arguments += ["--bootstrap", address]
        super().__init__(folder, name, *(arguments + list(more)))
        self.address = eventually("%s listens" % name, self._listening)
        self.peer = self.address.rsplit("/", 1)[1]
        self.port = int(re.search(r"/tcp/(\d+)", self.address).group(1))

    def _listening(self):
        check(self.process.poll() is None, "the node ended:", open(self.log).read()[-2000:])
        found = re.search(r"event=listening address=(\S+)", open(self.log).read())
        return found and os.path.exists(self.socket) and found.group(1)

    def metric(self, name):
        text = urllib.request.urlopen("http://127.0.0.1:%d/metrics" % self.metrics_port, timeout=20).read().decode()
        found = re.findall(r"^%s(?:\{[^}]*\})? (\S+)$" % name, text, re.M)
        check(found, "there is no metric", name)
        return sum(float(value) for value in found)

    def contacts(self):
        return self.ask("status")["peer_count"]
