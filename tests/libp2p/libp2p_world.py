"""libp2p_world - what the tests of the libp2p network share.

  JsNodes         js-libp2p nodes in one process (js_nodes.mjs); calls may run side by side
  KadPeer         `kad node --network libp2p`, and the commands of the CLI that talk to it
  cid(content)    the content id, version 1 and raw, of some bytes
"""

import base64
import hashlib
import json
import os
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from program import Failure, check  # noqa: E402

PROTOCOL = "/icn/kad/1.0.0"
NODE = os.path.join(HERE, "node_modules", ".bin", "node")


def multihash(content):
    return b"\x12\x20" + hashlib.sha256(content).digest()


def cid(content):
    return "b" + base64.b32encode(b"\x01\x55" + multihash(content)).decode().lower().rstrip("=")


class JsNode:
    def __init__(self, all_nodes, answer):
        self.all, self.number, self.peer = all_nodes, answer["node"], answer["peer"]
        self.addresses = answer["addresses"]
        self.address = self.addresses[0] if self.addresses else None

    def call(self, what, **more):
        return self.all.call(what, node=self.number, **more)


class JsNodes:
    """One process; its log is folder/js.log."""

    def __init__(self, folder, name="js"):
        check(os.access(NODE, os.X_OK), "npm's packages are not there: tools/install-deps test")
        os.makedirs(folder, exist_ok=True)
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

    def answer(self, number, seconds=120):
        with self.lock:
            check(self.lock.wait_for(lambda: number in self.answers or self.ended, seconds), "js does not answer")
            check(number in self.answers, "js ended")
            answer = self.answers.pop(number)
        if "error" in answer:
            raise Failure("js: " + answer["error"])
        return answer

    def call(self, what, **more):
        return self.answer(self.send(what, **more))

    def start(self, host="127.0.0.1", port=0, **more):
        return JsNode(self, self.call("start", protocol=PROTOCOL, listen=["/ip4/%s/tcp/%d" % (host, port)], **more))

    def stop(self):
        self.process.stdin.close()
        self.process.wait(20)
