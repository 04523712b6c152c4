"""doctor_world - what test_doctor.py breaks on purpose: a network of its own, wires that delay and lose, nodes that misbehave.

  alone(test)      runs test in new network, mount and PID namespaces; nothing can leave, and nothing is left behind
  nft(rule)        one more rule; heal() drops all of them
  Wire             two namespaces joined by a wire of user space, with delay and loss (there is no sch_netem here)
  misbehave()      KRPC nodes that answer seldom, with errors, with garbage, or as they should
  FakeDaemon       a local socket that answers as a real node did, with what a test changed in it
"""
import fcntl
import heapq
import json
import os
import random
import select
import socket
import struct
import subprocess
import sys
import threading
import time

INSIDE = "KAD_DOCTOR_INSIDE"


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError("%s: %s%s" % (" ".join(command), done.stdout, done.stderr))
    return done.stdout


def alone(test):
    """Does not return outside."""
    if os.environ.get(INSIDE):
        run("mount", "-t", "tmpfs", "tmpfs", "/run")
        run("ip", "link", "set", "lo", "up")
        return test()
    command = ["unshare"] + ([] if os.geteuid() == 0 else ["--user", "--map-root-user"]) + [
        "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "/usr/bin/python3",
        os.path.abspath(sys.argv[0])] + sys.argv[1:]
    sys.exit(subprocess.run(command, env=dict(os.environ, **{INSIDE: "1"})).returncode)


# ---------------------------------------------------------------- firewalls


def nft(rule, hook="input", where=()):
    """In the namespace `where`, as a command prefix."""
    run(*where, "nft", "add table inet broken")
    run(*where, "nft", "add chain inet broken %s { type filter hook %s priority 0; }" % (hook, hook))
    run(*where, "nft", "add rule inet broken %s %s" % (hook, rule))


def heal(where=()):
    run(*where, "nft", "flush ruleset")


# ---------------------------------------------------------------- a slow wire


def _tap(name):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, 0x400454CA, struct.pack("16sH22x", name.encode(), 0x0002 | 0x1000))  # TUNSETIFF: IFF_TAP | IFF_NO_PI
    return fd


class Wire:
    """Namespaces `near` and `far`; each frame takes delay_s, and loss of them (0 .. 1) vanish."""

    def __init__(self):
        self.delay_s, self.loss = 0.0, 0.0
        self.random = random.Random(7)
        self.fds = []
        for name in ("near", "far"):
            self.fds.append(_tap("t-" + name))
            run("ip", "netns", "add", name)
            run("ip", "link", "set", "t-" + name, "netns", name)
            for device in ("lo", "t-" + name):
                run("ip", "-n", name, "link", "set", device, "up")
        threading.Thread(target=self._carry, daemon=True).start()

    def address(self, name, address):
        """A /32; everything else is beyond the wire."""
        run("ip", "-n", name, "addr", "add", address + "/32", "dev", "t-" + name)
        run("ip", "-n", name, "route", "replace", "default", "dev", "t-" + name, "src", address)

    def _carry(self):
        waiting, n = [], 0
        while True:
            timeout = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
            for fd in select.select(self.fds, [], [], timeout)[0]:
                frame = os.read(fd, 65536)
                if self.random.random() >= self.loss:
                    n += 1
                    heapq.heappush(waiting, (time.monotonic() + self.delay_s, n, self.fds[fd == self.fds[0]], frame))
            while waiting and waiting[0][0] <= time.monotonic():
                _, _, fd, frame = heapq.heappop(waiting)
                try:
                    os.write(fd, frame)
                except OSError:
                    pass


def within(name):
    return ("ip", "netns", "exec", name)


# ---------------------------------------------------------------- nodes that misbehave


def _bencode(item):
    if isinstance(item, int):
        return b"i%de" % item
    if isinstance(item, bytes):
        return b"%d:%s" % (len(item), item)
    if isinstance(item, list):
        return b"l" + b"".join(map(_bencode, item)) + b"e"
    return b"d" + b"".join(_bencode(key) + _bencode(item[key]) for key in sorted(item)) + b"e"


def _transaction(query):
    """Of a query as kad writes it: "t" is followed by "v" or "y"."""
    at = query.rfind(b"1:t")
    size, _, rest = query[at + 3:].partition(b":")
    return rest[:int(size)]


def misbehave(how, addresses, prefix=()):
    """Starts nodes at these addresses; they end with the test. how: answer, error, half, garbage, or an id to crowd around."""
    child = subprocess.Popen(list(prefix) + ["/usr/bin/python3", os.path.abspath(__file__), how] + addresses,
                             stdout=subprocess.PIPE)
    child.stdout.readline()
    return child


def _misbehave(how, addresses):
    sockets, ids, counts = [], [], []
    near = bytes.fromhex(how)[:8] if len(how) == 40 else b""
    for address in addresses:
        host, port = address.rsplit(":", 1)
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.bind((host, int(port)))
        sockets.append(one)
        ids.append(near + os.urandom(20 - len(near)))
        counts.append(0)
    nodes = b"".join(ids[i] + socket.inet_aton(one.getsockname()[0]) + struct.pack(">H", one.getsockname()[1])
                     for i, one in enumerate(sockets))[:8 * 26]
    print("ready", flush=True)
    while True:
        for one in select.select(sockets, [], [])[0]:
            query, asker = one.recvfrom(65536)
            i = sockets.index(one)
            counts[i] += 1
            if b"1:y1:q" not in query or (how == "half" and counts[i] % 2 == 0):
                continue
            answer = {b"t": _transaction(query), b"y": b"r", b"r": {b"id": ids[i], b"nodes": nodes},
                      b"ip": socket.inet_aton(asker[0]) + struct.pack(">H", asker[1])}
            if how == "error":
                answer = {b"t": _transaction(query), b"y": b"e", b"e": [202, b"Server Error"]}
            one.sendto(b"SSH-2.0-not a DHT\r\n" if how == "garbage" else _bencode(answer), asker)


# ---------------------------------------------------------------- a node in any state


class FakeDaemon:
    """Answers GETs on a local socket from `answers`: path -> object."""

    def __init__(self, path, answers):
        self.path, self.answers = path, answers
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(path)
        self.listening.listen(16)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            client, _ = self.listening.accept()
            request = b""
            while b"\r\n\r\n" not in request:
                more = client.recv(65536)
                if not more:
                    break
                request += more
            path = request.split(b" ")[1].decode()
            body = json.dumps(self.answers[path]).encode()
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
                           b"Connection: close\r\n\r\n%s" % (len(body), body))
            client.close()


if __name__ == "__main__":
    _misbehave(sys.argv[1], sys.argv[2:])
