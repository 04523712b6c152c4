#!/usr/bin/python3
# timeout 600
"""A disk that is full, and one that is read-only: a clear error, the node serves on, and room heals it.

The data directory is on a small tmpfs, which this script mounts in a mount namespace of its own. Full: a file takes all that
is left. Read-only while the node runs: its directory gets a read-only mount over it, so that what is opened by name (the
state file) cannot be written, while the open database goes on. That a write to the database itself says EROFS is in
src/node/held_test.c: no real file system can be made read-only under an open file.
"""
import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "interop"))
from krpc import Socket, encode  # noqa: E402
from program import KAD, PATIENCE_S, Node, check, eventually, kad, loopback, main  # noqa: E402

DISK = "2m"


def enter_namespace():
    """Runs this script again where it may mount. As another user than root: where it is root."""
    if os.environ.get("KAD_OWN_MOUNTS"):
        return
    who = [] if os.getuid() == 0 else ["--map-root-user"]
    os.environ["KAD_OWN_MOUNTS"] = "1"
    os.execvp("unshare", ["unshare", "--mount"] + who + [sys.executable] + sys.argv)


def run(*command):
    subprocess.run(command, check=True)


class Disk:
    def __init__(self, folder):
        self.path = os.path.join(folder, "disk")
        os.makedirs(self.path, exist_ok=True)
        run("mount", "-t", "tmpfs", "-o", "size=" + DISK, "kad-test", self.path)
        self.filler = os.path.join(self.path, "filler")

    def fill(self):
        with open(self.filler, "ab", buffering=0) as file:
            try:
                while file.write(b"x" * 4096) > 0:
                    pass
            except OSError:
                pass

    def empty(self):
        os.unlink(self.filler)

    def unmount(self):
        run("umount", self.path)


class OnDisk(Node):
    """A node whose data is on the disk and whose log is not."""

    def __init__(self, folder, disk, at):
        self.data = os.path.join(disk.path, "node")
        self.socket = os.path.join(self.data, "kad.sock")
        self.log = os.path.join(folder, "node.log")
        self.peer = (at.split(":")[0], int(at.split(":")[1]))
        self.me = Socket("127.0.0.1")
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([KAD, "node", "--data-dir", self.data, "--listen", at],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        eventually("the node answers", self.is_up)

    def is_up(self):
        check(self.process.poll() is None, "the node ended:", self.said())
        try:
            return self.api("GET", "/api/node")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def api(self, method, path, body=None):
        client = http.client.HTTPConnection("localhost", timeout=PATIENCE_S)
        client.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.sock.settimeout(PATIENCE_S)
        client.sock.connect(self.socket)
        try:
            client.request(method, path, body and json.dumps(body))
            answer = client.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            client.close()

    def put(self, value, keep=False):
        return self.api("POST", "/api/dht/put", {"value": value, "keep": keep})

    def remote(self, method, args):
        return self.me.request(self.peer, method, args, seconds=PATIENCE_S, tries=100)

    def remote_put(self, value):
        token = self.remote("get", {"target": os.urandom(20)})["token"]
        self.remote("put", {"token": token, "v": value})

    def has(self, value):
        return self.remote("get", {"target": hashlib.sha1(encode(value)).digest()}).get("v") == value.encode()

    def said(self):
        with open(self.log, errors="replace") as file:
            return file.read()

    def await_said(self, *words):
        eventually(" ".join(words), lambda: any(all(word in line for word in words) for line in self.said().split("\n")))

    def end(self, how=signal.SIGTERM):
        code = self.stop(how)
        self.me.close()
        check(how != signal.SIGTERM or code == 0, "exit status", code, self.said()[-2000:])
        check("Sanitizer" not in self.said(), self.said()[-3000:])


def put_until_refused(node, name):
    """What was acknowledged before the first that was not; LMDB has free pages of its own."""
    taken = []
    for i in range(3000):
        value = "%s %d " % (name, i) + "." * 900
        status, answer = node.put(value)
        if status != 200:
            check(status == 500, status, answer)
            check("not on its disk" in answer["reason"], answer)
            return taken, value
        taken.append(value)
    check(False, "a full disk takes everything")


def full_while_running(folder, disk, at):
    node = OnDisk(folder, disk, at)
    check(node.put("before", keep=True)[0] == 200, "a put with room")
    disk.fill()
    taken, refused = put_until_refused(node, "full")
    node.await_said("store_failed", "No space left on device")
    check(node.said().count("event=store_failed") == 1, "told once:", node.said()[-2000:])
    status, answer = node.put("kept without room", keep=True)
    check(status == 500, status, answer)
    node.await_said("state_not_saved", "No space left on device")
    said = kad("--node", node.data, "put", "by the command line", expect=5)
    check("not on its disk" in said.err, said.err)

    node.remote("ping", {})
    node.remote_put("from elsewhere")  # memory serves on
    check(node.has("from elsewhere") and node.has("before") and node.has(refused), "it serves what it holds")
    check(node.api("GET", "/api/node")[0] == 200, "it is alive")

    disk.empty()
    node.await_said("store_works_again")
    node.await_said("state_saved_again")
    check(node.put("after", keep=True)[0] == 200, "room came back")
    node.end(signal.SIGKILL)

    node = OnDisk(folder, disk, at)
    for value in taken + ["before", "after", "kept without room", "from elsewhere", refused]:
        check(node.has(value), "lost:", value)
    with open(os.path.join(node.data, "mainline.state"), "rb") as file:
        state = file.read()
    check(all(value in state for value in (b"before", b"after", b"kept without room")), "kept values")
    node.end()
    print("%d values were taken before a full disk refused; all of them and what was refused are there" % len(taken))
    return refused


def full_at_start(folder, disk, at, value):
    disk.fill()
    node = OnDisk(folder, disk, at)  # it starts all the same: what it has can be read
    check(node.has(value) and node.has("before"), "what was there is served")
    put_until_refused(node, "started full")
    node.end()
    fresh = subprocess.run([KAD, "node", "--data-dir", os.path.join(disk.path, "fresh"), "--listen", at],
                           stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=PATIENCE_S)
    check(fresh.returncode != 0 and b"No space left on device" in fresh.stderr, fresh.returncode, fresh.stderr)
    disk.empty()
    node = OnDisk(folder, disk, at)
    check(node.has(value) and node.has("before"), "it is still there")
    check(node.put("room again", keep=True)[0] == 200, "and takes new")
    node.end()


def read_only_at_start(folder, disk, at):
    run("mount", "-o", "remount,bind,ro", disk.path)
    done = subprocess.run([KAD, "node", "--data-dir", os.path.join(disk.path, "node"), "--listen", at],
                          stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=PATIENCE_S)
    check(done.returncode != 0 and b"Read-only file system" in done.stderr, done.returncode, done.stderr)
    run("mount", "-o", "remount,bind,rw", disk.path)
    node = OnDisk(folder, disk, at)
    check(node.has("room again"), "nothing happened to it")
    node.end()


def read_only_while_running(folder, disk, at):
    node = OnDisk(folder, disk, at)
    run("mount", "--bind", node.data, node.data)
    run("mount", "-o", "remount,bind,ro", node.data)
    status, answer = node.put("kept on a read-only disk", keep=True)
    check(status == 500 and "not on its disk" in answer["reason"], status, answer)
    node.await_said("state_not_saved", "Read-only file system")
    node.remote("ping", {})
    check(node.put("the database is open")[0] == 200, "what can be written is")
    before = node.said().count("event=state_saved_again")
    run("umount", node.data)
    eventually("the state is saved", lambda: node.said().count("event=state_saved_again") > before)
    with open(os.path.join(node.data, "mainline.state"), "rb") as file:
        check(b"kept on a read-only disk" in file.read(), "it is kept now")
    node.end()


def test(folder):
    disk, at = Disk(folder), loopback()
    value = full_while_running(folder, disk, at)
    full_at_start(folder, disk, at, value)
    read_only_at_start(folder, disk, at)
    read_only_while_running(folder, disk, at)
    disk.unmount()


enter_namespace()
main(test)
